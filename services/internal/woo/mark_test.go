package woo

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/codec"
)

// Whatever we do to an order, in however many steps, at every moment it is seen as its people left it.
func TestOwn(t *testing.T) {
	marked := func(o Order, m Mark) Order {
		text, err := codec.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		value, err := codec.Encode(string(text))
		if err != nil {
			t.Fatal(err)
		}
		o.Meta = []Meta{{"other", codec.Raw(`"x"`)}, {MetaStatus, value}}
		return o
	}
	seen := func(o Order) [4]Text {
		own := o.Own()
		return [4]Text{own.Status, own.Paid, own.PaidGMT, own.CompletedGMT}
	}
	left := Order{Status: "processing"}
	want := [4]Text{"processing", "", "", ""}

	completed := marked(left, left.MarkOf("completed"))
	steps := map[string]Order{"as left": left, "marked, not completed yet": completed}
	completed.Status, completed.Paid, completed.PaidGMT, completed.CompletedGMT = "completed", "1", "2", "3"
	steps["completed"] = completed
	refunded := marked(completed, completed.MarkOf("refunded"))
	steps["marked, not refunded yet"] = refunded
	refunded.Status = "refunded"
	steps["refunded"] = refunded
	for name, o := range steps {
		if diff := cmp.Diff(want, seen(o)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}

	theirs := refunded
	theirs.Status = "on-hold"
	if got := theirs.Own().Status; got != "on-hold" {
		t.Errorf("a status that people set is seen as %s", got)
	}
	if mark := theirs.MarkOf("completed"); mark.From != "on-hold" || len(mark.Set) != 1 {
		t.Errorf("mark %+v, want it to begin anew from what people set", mark)
	}
}

// Who completes an order again after we did says so himself: the shop dates it anew. Slowness of the shop is no person.
func TestCompletedAgain(t *testing.T) {
	ours := time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		read   time.Time
		dated  Text
		people bool
	}{
		"as we did":             {ours, "2026-11-24T01:00:02", false},
		"slowly":                {ours, "2026-11-24T01:04:59", false},
		"again":                 {ours, "2026-11-24T01:05:01", true},
		"not done yet":          {ours, "", false},
		"completed long before": {ours, "2026-11-20T00:00:00", false},
		"a shop without clock":  {time.Time{}, "2026-12-24T01:00:00", false},
	} {
		o := Order{Status: "on-hold", Read: c.read}
		text, err := codec.Encode(o.MarkOf("completed"))
		if err != nil {
			t.Fatal(err)
		}
		value, err := codec.Encode(string(text))
		if err != nil {
			t.Fatal(err)
		}
		o.Meta, o.Status, o.PaidGMT, o.CompletedGMT = []Meta{{MetaStatus, value}}, "completed", c.dated, c.dated
		own := o.Own()
		if said := own.Status == "completed" && own.PaidGMT == c.dated && own.CompletedGMT == c.dated; said != c.people || !said && own.Status != "on-hold" {
			t.Errorf("%s: seen as %s, paid %q, completed %q", name, own.Status, own.PaidGMT, own.CompletedGMT)
		}
		o.Status = "refunded" // by us or not, it says nothing about who completed it
		if own := o.Own(); own.Status != "refunded" {
			t.Errorf("%s: refunded is seen as %s", name, own.Status)
		}
	}
}

func TestOwnRefund(t *testing.T) {
	for reason, want := range map[Text]bool{
		Text(RefundReason("RF1", "ns:customerRefund:1")): true, Text(RefundReason("", "ns:cashRefund:1")): true,
		"": false, "broken": false, "NetSuite refund RF1": false, "(orderstream)": false, "asked about (orderstream x) again": false,
	} {
		if got := OwnRefund(reason); got != want {
			t.Errorf("%q: %v, want %v", reason, got, want)
		}
	}
}

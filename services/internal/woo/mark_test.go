package woo

import (
	"testing"

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

package parse

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// What WooCommerce 11.0 answers to GET /orders/38/refunds: one hoodie of line 10 given back.
//
//go:embed testdata/refunds-order-38.json
var refundsOf38 string

func refundRead(sequence uint64, body string) Delivery {
	return Delivery{Sequence: sequence, Body: []byte(body), Facts: event.WebhookReceivedV1{
		Store: "main", Resource: ResourceRefund, Event: "read", ObjectID: "38", Topic: "refund.read", Origin: event.OriginRead, ReceivedAt: time.Date(2026, 11, 23, 3, 40, 0, 0, time.UTC),
	}}
}

// Written by hand from the answer.
func TestRefundsInFull(t *testing.T) {
	got, err := Refunds(refundRead(1, refundsOf38))
	if err != nil {
		t.Fatal(err)
	}
	want := []event.Refund{{ID: "250", Reason: "NS return RA-7", Total: money.MustParse("-48.99"), Detail: &event.RefundDetail{
		At: time.Date(2026, 11, 23, 3, 31, 37, 0, time.UTC), LocalDate: "2026-11-22",
		Lines: []event.RefundLine{{Line: "10", Quantity: money.Int(1), Total: money.MustParse("45.00"), Tax: money.MustParse("3.99")}},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Shipping and fees given back have no quantity; what the gateway paid back is told.
func TestRefundOfShippingAndFee(t *testing.T) {
	body := strings.NewReplacer(`"refunded_payment":false`, `"refunded_payment":true`,
		`"shipping_lines":[]`, `"shipping_lines":[{"id":9,"total":"-5.95","total_tax":"-0.43","meta_data":[{"key":"_refunded_item_id","value":"12"}]}]`,
		`"fee_lines":[]`, `"fee_lines":[{"id":9,"total":"2.00","total_tax":"0.17","meta_data":[{"key":"_refunded_item_id","value":13}]}]`).Replace(refundsOf38)
	refunds, err := Refunds(refundRead(1, body))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range refunds[0].Detail.Lines {
		got = append(got, fmt.Sprintf("%s × %s: %s + %s", l.Line, l.Quantity, l.Total, l.Tax))
	}
	// A fee that was a rebate is given back with the other sign.
	want := []string{"10 × 1: 45.00 + 3.99", "12 × 0: 5.95 + 0.43", "13 × 0: -2.00 + -0.17"}
	if diff := cmp.Diff(want, got); diff != "" || !refunds[0].Detail.ThroughGateway {
		t.Errorf("through the gateway %v; lines (-want +got):\n%s", refunds[0].Detail.ThroughGateway, diff)
	}
}

func TestBadRefundsSayWhere(t *testing.T) {
	for name, c := range map[string]struct {
		replace, with string
		code          fault.Code
		field         string
	}{
		"an object":         {"[{", "{", fault.DeliveryUndecodable, ""},
		"text for an id":    {`"id":250,`, `"id":"x",`, fault.OrderInvalid, "[0].id"},
		"text for money":    {`"amount":"48.99"`, `"amount":"much"`, fault.OrderInvalid, "[0].amount"},
		"no time":           {`"date_created_gmt":"2026-11-23T03:31:37"`, `"date_created_gmt":null`, fault.OrderInvalid, "[0].date_created_gmt"},
		"no line named":     {`"_refunded_item_id","value"`, `"other","value"`, fault.OrderInvalid, "[0].line_items[0].meta_data._refunded_item_id"},
		"positive quantity": {`"quantity":-1`, `"quantity":1`, fault.OrderInvalid, "[0].line_items[0].quantity"},
	} {
		body := strings.Replace(refundsOf38, c.replace, c.with, 1)
		if body == refundsOf38 {
			t.Fatal(name, "replaces nothing")
		}
		_, err := Read(refundRead(1, body))
		if fault.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.field) {
			t.Errorf("%s: %v, want %s naming %q", name, err, c.code, c.field)
		}
	}
}

// An order that is gone when its refunds are read has no details; that it is gone is told by a read of the order.
func TestRefundsOfAGoneOrder(t *testing.T) {
	r, err := Read(refundRead(1, `{"code":"woocommerce_rest_order_invalid_id","message":"Invalid order ID.","data":{"status":404}}`))
	if err != nil || r.Ignored != RuleOrderGone || r.Gone || r.Refunds != nil {
		t.Errorf("%+v, %v; want it ignored", r, err)
	}
}

func listed(ids ...string) []event.Refund {
	refunds := []event.Refund{}
	for _, id := range ids {
		refunds = append(refunds, event.Refund{ID: id, Total: money.MustParse("-10.00")})
	}
	return refunds
}

func with(t *testing.T, state event.OrderStateV1, seconds int, refunds []event.Refund) event.OrderStateV1 {
	t.Helper()
	state.Refunds = refunds
	state.Version.ModifiedAt = state.Version.ModifiedAt.Add(time.Duration(seconds) * time.Second)
	state.Version.Sequence += uint64(seconds)
	if err := seal(&state); err != nil {
		t.Fatal(err)
	}
	return state
}

func listing(refunds []event.Refund) string {
	var words []string
	for _, r := range refunds {
		word := r.ID
		if r.Detail != nil {
			word += " detailed"
		}
		if r.Deleted {
			word += " deleted"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// Details reach the newest state once; later states keep them; a refund that is listed no more stays visible.
func TestDetailsAreCarried(t *testing.T) {
	base := order(t, "order.created-simple")
	records := listed("71", "72")
	for i := range records {
		records[i].Detail = &event.RefundDetail{At: base.Placed.At, LocalDate: "2026-11-22", Lines: []event.RefundLine{}}
	}
	refunded := with(t, base, 1, listed("71"))
	if !Undetailed(refunded) {
		t.Error("a refund without detail asks for none")
	}
	detailed, lacking, err := Detailed(refunded, records, refundRead(99, "[]"))
	if err != nil || lacking || detailed == nil {
		t.Fatalf("%v, lacking %v, %v", detailed, lacking, err)
	}
	if listing(detailed.Refunds) != "71 detailed" || detailed.Version != refunded.Version || detailed.Source.Sequence != 99 ||
		detailed.ID != "order:main:36:99" || detailed.Kind != event.KindUpdated || detailed.Hash == refunded.Hash || Undetailed(*detailed) {
		t.Errorf("with details: %s, %+v from %+v, id %s, kind %s", listing(detailed.Refunds), detailed.Version, detailed.Source, detailed.ID, detailed.Kind)
	}
	if refunded.Refunds[0].Detail != nil {
		t.Error("the state before was changed")
	}
	if again, _, err := Detailed(*detailed, records, refundRead(100, "[]")); err != nil || again != nil {
		t.Errorf("read again: %v, %v; want nothing new", again, err)
	}
	if news, _, rule, err := Next(detailed, with(t, base, 2, listed("71"))); news != nil || rule != RuleRepeat || err != nil {
		t.Errorf("the same order touched: %v, rule %q, %v; want a repeat", news, rule, err)
	}
	news, _, _, err := Next(detailed, with(t, base, 2, listed("71", "80")))
	if err != nil || news == nil || listing(news.Refunds) != "71 detailed, 80" || news.Kind != event.KindRefunded || !Undetailed(*news) {
		t.Fatalf("another refund: %+v, %v", news, err)
	}
	// The answer is older than refund 80, which it lacks.
	stale, lacking, err := Detailed(*news, records, refundRead(101, "[]"))
	if err != nil || stale != nil || !lacking {
		t.Errorf("an older answer: %v, lacking %v, %v; want no news and another read", stale, lacking, err)
	}
	gone, _, _, err := Next(news, with(t, base, 3, listed("80")))
	if err != nil || gone == nil || listing(gone.Refunds) != "71 detailed deleted, 80" {
		t.Fatalf("a deleted refund: %+v, %v", gone, err)
	}
	back, _, _, err := Next(gone, with(t, base, 4, listed("71", "80")))
	if err != nil || back == nil || listing(back.Refunds) != "71 detailed, 80" {
		t.Errorf("a refund listed again: %+v, %v", back, err)
	}
}

func FuzzRefunds(f *testing.F) {
	f.Add([]byte(refundsOf38))
	f.Add([]byte("[]"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := Read(Delivery{Sequence: 1, Body: body, Facts: refundRead(1, "").Facts})
		if err != nil || r.Refunds == nil {
			return
		}
		data, err := codec.Encode(r.Refunds)
		if err != nil {
			t.Fatal(err)
		}
		again, err := codec.Decode[[]event.Refund](data)
		if second, err2 := codec.Encode(again); err != nil || err2 != nil || string(second) != string(data) {
			t.Errorf("refunds that were read cannot be read again: %v, %v", err, err2)
		}
	})
}

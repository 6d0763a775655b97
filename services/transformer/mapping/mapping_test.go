package mapping

import (
	"testing"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/transformer/parse"
)

func orders(t testing.TB) map[string]event.OrderStateV1 {
	t.Helper()
	captures, err := capture.All()
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]event.OrderStateV1{}
	for i, c := range captures {
		r, err := parse.Read(parse.Delivery{Sequence: uint64(i + 1), Body: c.Body, Facts: event.WebhookReceivedV1{
			Store: c.Store, Resource: c.Get("X-WC-Webhook-Resource"), Event: c.Get("X-WC-Webhook-Event"), ReceivedAt: c.Received, Origin: event.OriginWebhook,
		}})
		if err != nil {
			t.Fatal(c.Name, err)
		}
		if r.Order != nil {
			states[c.Name] = *r.Order
		}
	}
	return states
}

func TestScratch(t *testing.T) {
	m, err := Compile(Default)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range orders(t) {
		d, err := m.Map(o, Context{Account: "ns", Sequence: 1, Adoption: []string{"otherrefnum"}})
		if err != nil {
			t.Error(name, err)
			continue
		}
		if !d.Expected.Rounding.IsZero() {
			t.Log(name, o.Order, "rounding", d.Expected.Rounding)
		}
		if !d.Expected.Total.Equal(o.Totals.Total) {
			t.Log(name, o.Order, "total", d.Expected.Total, o.Totals.Total, d.Policy.Rule)
		}
	}
}

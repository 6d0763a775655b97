package parse

import (
	"testing"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/event"
)

func deliveries(t testing.TB) []Delivery {
	t.Helper()
	captures, err := capture.All()
	if err != nil {
		t.Fatal(err)
	}
	var list []Delivery
	for i, c := range captures {
		list = append(list, Delivery{
			Sequence: uint64(i + 1), Body: c.Body,
			Facts: event.WebhookReceivedV1{
				Store: c.Store, Topic: c.Get("X-WC-Webhook-Topic"), Resource: c.Get("X-WC-Webhook-Resource"), Event: c.Get("X-WC-Webhook-Event"),
				ReceivedAt: c.Received, Origin: event.OriginWebhook, ObjectID: c.Name,
			},
		})
	}
	return list
}

func TestScratch(t *testing.T) {
	for _, d := range deliveries(t) {
		r, err := Read(d)
		s := ""
		if r.Order != nil {
			s = r.Order.Order + " " + r.Order.Status + " " + r.Order.Totals.Total.String() + " " + r.Order.Hash[:8]
		}
		t.Log(d.Facts.ObjectID, "|", s, r.Customer != nil, r.Read, r.Ignored, err)
	}
}

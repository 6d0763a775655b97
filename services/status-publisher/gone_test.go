package statuspublisher

import (
	"net/http"
	"slices"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/status-publisher/plan"
)

// deleted is a sales order that is gone.
func deleted(letter string) event.NetSuiteChangedV1 {
	c := sold(letter, line("1", "0"), line("2", "0"))
	c.Deleted = true
	return c
}

// A sales order that NetSuite deleted is a question that names the order, and a private note in the shop, once; it is answered
// when the order has a sales order again, and asked anew when that goes too.
func TestADeletedSalesOrderIsAsked(t *testing.T) {
	b := prepare(t, nil)
	o := b.placed("processing")
	b.returned(sold("B", line("1", "0"), line("2", "0")))
	if n := b.nats.Count(t, "SHOP_OUTCOMES", "shop.v1.recorded.main.note.36-gone"); n != 0 {
		t.Errorf("%d entries of an order that is there", n)
	}
	gone := b.change(deleted("B"))
	for range 2 { // crash: what was done is on no record
		if _, err := b.service.handleChange(natstest.Context(t), gone); err != nil {
			t.Fatal(err)
		}
	}
	messages, err := b.service.handleChange(natstest.Context(t), gone)
	if err != nil {
		t.Fatal(err)
	}
	b.store(messages)
	b.returned(deleted("B")) // told by a poll too
	e := b.entry("note", "36-gone")
	if e.State != event.ShopParked || e.Fault.Code != string(fault.SalesOrderDeleted) || e.Fault.Field != "salesOrder 1001" || e.Fault.Value != "SO1001" || o.status != "processing" {
		t.Errorf("%s %+v, order %s", e.State, e.Fault, o.status)
	}
	if want := []string{"NetSuite deleted sales order SO1001. Nothing ships this order any more."}; !slices.Equal(b.shop.notes["36"], want) {
		t.Errorf("notes %q, want %q", b.shop.notes["36"], want)
	}
	again := sold("B", line("1", "0"), line("2", "0"))
	again.Record.ID, again.TranID = "1002", "SO1002"
	b.returned(again)
	if e := b.entry("note", "36-gone"); e.State != event.ShopKept || e.Deed.Rule != plan.RuleThere {
		t.Errorf("%s by %q, want the question answered", e.State, e.Deed.Rule)
	}
	again.Deleted = true
	b.returned(again)
	if e := b.entry("note", "36-gone"); e.State != event.ShopParked || len(b.shop.notes["36"]) != 2 {
		t.Errorf("%s, notes %q, want it asked anew", e.State, b.shop.notes["36"])
	}
}

// It is asked though the store wants to be told nothing, and not where the shop's order is gone too.
func TestADeletedSalesOrderWithoutNotes(t *testing.T) {
	for name, adjust := range map[string]func(*config.Store){
		"write back off": func(s *config.Store) { s.WriteBack = "off" }, "notes off": func(s *config.Store) { s.Back.Notes = "off" },
	} {
		b := prepare(t, adjust)
		b.placed("processing")
		b.returned(deleted("B"))
		if e := b.entry("note", "36-gone"); e.State != event.ShopParked || len(b.shop.notes["36"]) != 0 {
			t.Errorf("%s: %s, notes %q", name, e.State, b.shop.notes["36"])
		}
	}
	b := prepare(t, nil)
	b.placed("processing")
	b.shop.instead(func(request) *answer {
		return &answer{http.StatusNotFound, nil, `{"code":"woocommerce_rest_order_invalid_id","message":"","data":{"status":404}}`}
	})
	b.returned(deleted("B"))
	if e := b.entry("note", "36-gone"); e.State != event.ShopKept || e.Deed.Rule != plan.RuleGone {
		t.Errorf("both gone: %s by %q", e.State, e.Deed.Rule)
	}
}

package statuspublisher

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/woo"
)

// paid is money that went back in NetSuite.
func paid(kind, id, amount string) event.NetSuiteChangedV1 {
	total := money.MustParse(amount)
	return event.NetSuiteChangedV1{Kind: kind, Record: event.RecordID{ID: id}, TranID: "RF" + id, Total: &total}
}

// Each of NetSuite's refunds is in the shop once: told again, and told after a crash that hid the first time. The last one
// makes the order refunded, which is marked as ours before.
func TestRefundsOfNetSuite(t *testing.T) {
	b := prepare(t, nil)
	o := b.placed("processing")
	first := b.change(paid(event.ChangeRefund, "5090", "40.00"))
	for range 2 { // crash: what was done is on no record
		if _, err := b.service.handleChange(natstest.Context(t), first); err != nil {
			t.Fatal(err)
		}
	}
	messages, err := b.another(nil).handleChange(natstest.Context(t), first)
	if err != nil {
		t.Fatal(err)
	}
	b.store(messages)
	b.returned(paid(event.ChangeRefund, "5090", "40.00"))
	b.returned(paid(event.ChangeCreditMemo, "5091", "60.00")) // moves no money by itself
	if o.status != "processing" || o.keys[woo.MetaStatus] != "" {
		t.Errorf("status %s, mark %q, with 60.00 left", o.status, o.keys[woo.MetaStatus])
	}
	b.returned(paid(event.ChangeCashRefund, "5092", "60.00"))
	want := []refund{
		{"40.00", "NetSuite refund RF5090 (orderstream ns:customerRefund:5090)", "ns:customerRefund:5090", ""},
		{"60.00", "NetSuite refund RF5092 (orderstream ns:cashRefund:5092)", "ns:cashRefund:5092", ""},
	}
	if diff := cmp.Diff(want, o.refunds, cmp.AllowUnexported(refund{})); diff != "" {
		t.Errorf("refunds (-want +got):\n%s", diff)
	}
	if want := `{"set":["refunded"],"from":"processing","paid":"2026-11-23T02:00:00","completed":""}`; o.status != "refunded" || o.keys[woo.MetaStatus] != want {
		t.Errorf("status %s, mark %s", o.status, o.keys[woo.MetaStatus])
	}
	for _, r := range o.refunds {
		if !woo.OwnRefund(woo.Text(r.reason)) {
			t.Errorf("parse does not know %q as ours", r.reason)
		}
	}
	if e := b.entry("refund", "36-5090"); e.State != event.ShopWritten || e.Deed.Refund != "70" || e.Deed.Amount.String() != "40.00" {
		t.Errorf("ledger %s %+v", e.State, e.Deed)
	}
	if e := b.entry("refund", "36-5092"); e.Deed.Refund != "71" || e.Deed.To != "refunded" {
		t.Errorf("ledger %s %+v", e.State, e.Deed)
	}
}

// An order has more refunds than a page: the one that is looked for may stand on the last.
func TestManyRefunds(t *testing.T) {
	b := prepare(t, quiet)
	o := b.placed("processing")
	first := b.change(paid(event.ChangeRefund, "1", "5.00"))
	if _, err := b.service.handleChange(natstest.Context(t), first); err != nil { // crash: on no record
		t.Fatal(err)
	}
	for range 199 {
		o.refunds = append(o.refunds, refund{amount: "0.00"})
	}
	messages, err := b.service.handleChange(natstest.Context(t), first)
	if err != nil {
		t.Fatal(err)
	}
	b.store(messages)
	if e := b.entry("refund", "36-1"); len(o.refunds) != 200 || e.State != event.ShopWritten || e.Deed.Refund != "70" {
		t.Errorf("%d refunds, %s as %s; want the first found behind 199 others", len(o.refunds), e.State, e.Deed.Refund)
	}
}

// What came from the shop stays there; what cannot be is parked, and no refund is made for it.
func TestRefundsThatAreNotTold(t *testing.T) {
	with := func(c event.NetSuiteChangedV1, change func(*event.NetSuiteChangedV1)) event.NetSuiteChangedV1 {
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		change event.NetSuiteChangedV1
		rule   string
		code   string
	}{
		"from the shop":                 {with(paid(event.ChangeRefund, "1", "5.00"), func(c *event.NetSuiteChangedV1) { c.Record.ExternalID = "wc-cr-main-36-9" }), "from-shop", ""},
		"from the shop, in capitals":    {with(paid(event.ChangeRefund, "1", "5.00"), func(c *event.NetSuiteChangedV1) { c.Record.ExternalID = "WC-CR-MAIN-36-9" }), "from-shop", ""},
		"a share of one from the shop":  {with(paid(event.ChangeRefund, "1", "5.00"), func(c *event.NetSuiteChangedV1) { c.Record.ExternalID = "wc-cr-main-36-9-2" }), "from-shop", ""},
		"its share, in capitals":        {with(paid(event.ChangeRefund, "1", "5.00"), func(c *event.NetSuiteChangedV1) { c.Record.ExternalID = "WC-CM-MAIN-36-9-3" }), "from-shop", ""},
		"in the writer's credits":       {paid(event.ChangeRefund, "78", "5.00"), "from-shop", ""},
		"in the writer's ledger":        {paid(event.ChangeRefund, "77", "5.00"), "from-shop", ""},
		"deleted before it was told":    {with(paid(event.ChangeRefund, "1", "5.00"), func(c *event.NetSuiteChangedV1) { c.Deleted = true }), "gone", ""},
		"more than the order has":       {paid(event.ChangeRefund, "1", "100.01"), "", "money-mismatch"},
		"of nothing":                    {paid(event.ChangeRefund, "1", "0.00"), "", "money-mismatch"},
		"without an amount":             {with(paid(event.ChangeRefund, "1", "5.00"), func(c *event.NetSuiteChangedV1) { c.Total = nil }), "", "money-mismatch"},
		"of another connector":          {with(paid(event.ChangeRefund, "1", "5.00"), func(c *event.NetSuiteChangedV1) { c.Record.ExternalID = "wc-12345" }), "-", ""},
		"of another store":              {with(paid(event.ChangeRefund, "1", "5.00"), func(c *event.NetSuiteChangedV1) { c.Record.ExternalID = "wc-cr-other-36-9" }), "-", ""},
		"of a longer order":             {with(paid(event.ChangeRefund, "1", "5.00"), func(c *event.NetSuiteChangedV1) { c.Record.ExternalID = "wc-cr-main-360-9" }), "-", ""},
		"of another, with its own name": {with(paid(event.ChangeRefund, "1", "5.00"), func(c *event.NetSuiteChangedV1) { c.Record.ExternalID = "acme-1" }), "-", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, nil)
			o := b.placed("processing")
			b.ledgeredWith(event.Ledger{
				Refunds: []event.LedgerMoney{{RecordID: event.RecordID{ID: "77"}, Key: "9"}}, Credits: []event.LedgerMoney{{RecordID: event.RecordID{ID: "78"}, Key: "10"}},
			})
			b.returned(c.change)
			e := b.entry("refund", "36-"+c.change.Record.ID)
			switch {
			case c.rule == "-":
				if len(o.refunds) != 1 || e.State != event.ShopWritten {
					t.Errorf("%d refunds, %s, want one", len(o.refunds), e.State)
				}
				return
			case c.rule != "" && (e.State != event.ShopKept || e.Deed.Rule != c.rule):
				t.Errorf("%s by rule %q, want %q", e.State, e.Deed.Rule, c.rule)
			case c.code != "" && (e.State != event.ShopParked || e.Fault.Code != c.code):
				t.Errorf("%s %+v, want it parked: %s", e.State, e.Fault, c.code)
			}
			if len(o.refunds) != 0 {
				t.Errorf("the shop has refunds %+v", o.refunds)
			}
		})
	}
}

// What the shop recorded cannot change there: a person must see that NetSuite's did; back as it was, all is well.
func TestARefundChangesAfterwards(t *testing.T) {
	b := prepare(t, nil)
	o := b.placed("processing")
	gone := paid(event.ChangeRefund, "1", "5.00")
	gone.Deleted = true
	for _, c := range []struct {
		change event.NetSuiteChangedV1
		state  string
	}{
		{paid(event.ChangeRefund, "1", "5.00"), event.ShopWritten}, {paid(event.ChangeRefund, "1", "6.00"), event.ShopParked}, {paid(event.ChangeRefund, "1", "5.00"), event.ShopWritten},
		{gone, event.ShopParked}, {paid(event.ChangeRefund, "1", "5.00"), event.ShopWritten},
	} {
		b.returned(c.change)
		if e := b.entry("refund", "36-1"); e.State != c.state || e.Deed.Refund != "70" || len(o.refunds) != 1 {
			t.Errorf("after %s, deleted %v: %s, %+v, %d refunds; want %s", c.change.Total, c.change.Deleted, e.State, e.Fault, len(o.refunds), c.state)
		}
	}
}

// A refund that pays several orders is recorded on each, with what that order gets; an order that gets nothing any more
// says so to a person, once the shop has it.
func TestARefundOfSeveralOrders(t *testing.T) {
	b := prepare(t, nil)
	o, other := b.placed("processing"), &order{status: "processing", total: "50.00", keys: map[string]string{}}
	b.shop.orders["37"], b.shop.orders["38"] = other, &order{total: "9.00", keys: map[string]string{}}
	refund := func(total string, applied ...string) event.NetSuiteChangedV1 {
		c := paid(event.ChangeRefund, "1", total)
		for i, amount := range applied {
			a := event.Applied{Store: "main", Order: []string{"36", "37", "38"}[i]}
			if amount != "" {
				part := money.MustParse(amount)
				a.Total = &part
			}
			c.Applied = append(c.Applied, a)
		}
		c.Applied = append(c.Applied, event.Applied{Store: "unknown", Order: "9"})
		return c
	}
	b.returned(refund("7.00", "3.00", "4.00", "0.00"))
	for order, want := range map[*order]string{o: "3.00", other: "4.00"} {
		if len(order.refunds) != 1 || order.refunds[0].amount != want {
			t.Errorf("refunds %+v, want one of %s", order.refunds, want)
		}
	}
	if e := b.entry("refund", "38-1"); e.State != event.ShopKept || e.Deed.Rule != "gone" {
		t.Errorf("an order that gets nothing: %s by %q", e.State, e.Deed.Rule)
	}
	b.returned(refund("7.00", "7.00", "0.00"))
	for key, want := range map[string]string{"36-1": "3.00", "37-1": "4.00"} {
		if e := b.entry("refund", key); e.State != event.ShopParked || e.Fault.Code != "money-mismatch" || !strings.Contains(e.Fault.Message+e.Fault.Rule, want) && key == "36-1" {
			t.Errorf("%s: %s %+v", key, e.State, e.Fault)
		}
	}
	b.returned(refund("7.00", "", "4.00"))
	if e := b.entry("refund", "36-1"); e.State != event.ShopParked {
		t.Errorf("without an amount: %s", e.State)
	}
	if e := b.entry("refund", "37-1"); e.State != event.ShopWritten || len(o.refunds) != 1 || len(other.refunds) != 1 {
		t.Errorf("as it was: %s; refunds %+v, %+v", e.State, o.refunds, other.refunds)
	}
	if number := `[{"id":"1","kind":"customerRefund","number":"RF1"}]`; o.keys[woo.MetaDocuments] != number || other.keys[woo.MetaDocuments] != number {
		t.Errorf("documents %q and %q, want the refund's number on both", o.keys[woo.MetaDocuments], other.keys[woo.MetaDocuments])
	}
}

func TestTheShopOwnsRefunds(t *testing.T) {
	b := prepare(t, func(s *config.Store) { s.Back.Owner.Refunds, s.WriteBack = "shop", "note" })
	b.placed("processing")
	b.returned(paid(event.ChangeRefund, "1", "5.00"))
	if asked := b.shop.asked(); len(asked) != 0 || b.nats.Count(t, topology.ShopOutcomes, subject.ShopAll) != 0 {
		t.Errorf("asked %+v", asked)
	}
}

// The numbers of NetSuite's documents stand on the order, each as its newest state has it, in whichever order they come.
func TestDocuments(t *testing.T) {
	b := prepare(t, nil)
	o := b.placed("processing")
	document := func(kind, id, number string, after int, deleted bool) event.NetSuiteChangedV1 {
		return event.NetSuiteChangedV1{Kind: kind, Record: event.RecordID{ID: id}, TranID: number, Deleted: deleted, ModifiedAt: begun.AddDate(0, 0, after)}
	}
	b.returned(document(event.ChangeInvoice, "9", "INV9b", 2, false))
	b.returned(document(event.ChangeInvoice, "9", "INV9a", 1, false)) // overtaken
	b.returned(document(event.ChangeFulfilment, "8", "IF8", 1, false))
	b.returned(document(event.ChangeCreditMemo, "7", "CM7", 1, false))
	b.returned(document(event.ChangeCreditMemo, "7", "CM7", 2, true))
	before := len(b.shop.asked())
	b.returned(document(event.ChangeInvoice, "9", "INV9b", 3, false)) // nothing new
	want := `[{"id":"9","kind":"invoice","number":"INV9b"},{"id":"8","kind":"itemFulfillment","number":"IF8"}]`
	if got := o.keys[woo.MetaDocuments]; got != want || len(b.shop.asked()) != before {
		t.Errorf("documents %s\nwant %s; %d requests for nothing new", got, want, len(b.shop.asked())-before)
	}
	if n := strings.Count(want, "id"); n != 2 || len(b.entry("documents", "36").Deed.Documents) != 3 {
		t.Errorf("ledger %+v", b.entry("documents", "36").Deed.Documents)
	}
}

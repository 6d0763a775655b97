package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// backward is a world and one order in it, which NetSuite holds.
type backward struct {
	world.World
	t     *testing.T
	store string
	order int64
	sent  int
}

// count tells how many messages a stream holds under a filter.
func (b *backward) count(stream, filter string) int {
	b.t.Helper()
	handle, err := b.JS.Stream(b.t.Context(), stream)
	if err != nil {
		b.t.Fatal(err)
	}
	info, err := handle.Info(b.t.Context(), jetstream.WithSubjectFilter(filter))
	if err != nil {
		b.t.Fatal(err)
	}
	total := 0
	for _, n := range info.State.Subjects {
		total += int(n)
	}
	return total
}

// quiet waits until the shop has delivered its webhooks and all that follows is done.
func (b *backward) quiet() {
	b.t.Helper()
	b.Settle()
	b.Until("the shop's webhooks are delivered", func() bool { return b.Shop.Stats().Waiting == 0 })
	b.Settle()
}

// ledger is what the writer knows of the order.
func (b *backward) ledger() event.LedgerOrder {
	b.t.Helper()
	handle, err := b.JS.Stream(b.t.Context(), topology.Outcomes)
	if err != nil {
		b.t.Fatal(err)
	}
	raw, err := handle.GetLastMsgForSubject(b.t.Context(), subject.Sync{Account: demo.Account, Store: b.store, Order: fmt.Sprint(b.order)}.String())
	if err != nil {
		b.t.Fatal(err)
	}
	outcome, err := codec.Decode[event.SyncRecordedV1](raw.Data)
	if err != nil || outcome.Ledger.SalesOrder == nil {
		b.t.Fatalf("order %s/%d is not in NetSuite: %v", b.store, b.order, err)
	}
	return *outcome.Ledger.SalesOrder
}

// happens publishes a change in NetSuite as a watcher does.
func (b *backward) happens(c event.NetSuiteChangedV1) {
	b.t.Helper()
	b.sent++
	so := b.ledger()
	c.Account, c.Store, c.Order, c.SalesOrder = demo.Account, b.store, fmt.Sprint(b.order), so.ID
	c.ModifiedAt = time.Date(2026, 12, 1, 0, 0, b.sent, 0, time.UTC)
	c.Envelope = event.Envelope{Type: "netsuite.v1.changed", ID: fmt.Sprintf("test:%s:%d", b.store, b.sent), Store: b.store, Time: c.ModifiedAt}
	data, err := codec.Encode(c)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.JS.Publish(b.t.Context(), subject.Change{Account: demo.Account, Kind: c.Kind, Key: c.Record.ID}.String(), data); err != nil {
		b.t.Fatal(err)
	}
}

// shipped are the order's lines of goods as the ledger numbers them, whole.
func (b *backward) shipped() []event.ChangedLine {
	b.t.Helper()
	quantities := map[string]money.Number{}
	for _, l := range b.shopOrder().Lines {
		quantities["line-"+l.ID.String()] = money.MustParseNumber(l.Quantity.String())
	}
	var lines []event.ChangedLine
	for _, l := range b.ledger().Lines {
		if quantity, isGood := quantities[l.Key]; isGood {
			lines = append(lines, event.ChangedLine{Line: l.Line, Item: "1", Quantity: quantity, Fulfilled: &quantity})
		}
	}
	return lines
}

type shopOrder struct {
	ID     json.Number `json:"id"`
	Status string      `json:"status"`
	Total  string      `json:"total"`

	Completed string `json:"date_completed_gmt"`

	Lines []struct {
		ID       json.Number `json:"id"`
		Quantity json.Number `json:"quantity"`
	} `json:"line_items"`
	Refunds []struct {
		Total string `json:"total"`
	} `json:"refunds"`
	Meta []struct {
		Key   string          `json:"key"`
		Value json.RawMessage `json:"value"`
	} `json:"meta_data"`
}

func (b *backward) shopOrder() shopOrder {
	b.t.Helper()
	all, err := b.Shop.Orders(b.store)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, raw := range all {
		var o shopOrder
		if err := json.Unmarshal(raw, &o); err != nil {
			b.t.Fatal(err)
		}
		if o.ID.String() == fmt.Sprint(b.order) {
			return o
		}
	}
	b.t.Fatalf("the store has no order %d", b.order)
	return shopOrder{}
}

// All that NetSuite does reaches the shop, once, in each store's own way; the shop tells of every write by webhook, and of
// that nothing travels on: no order event, no desired state, no write to NetSuite. What a person then changes does.
func TestNothingTravelsBack(t *testing.T) {
	w := world.Start(t, demo.Options{Store: func(s *shopsim.StoreConfig) {
		s.Fulfilments = s.Key == "main"
		if s.Key == "legacy" {
			s.TrackingPlugin = "wc-ast/v3"
		}
	}})
	for _, store := range world.Stores {
		t.Run(store, func(t *testing.T) {
			b := &backward{World: w, t: t, store: store}
			ids, err := w.Shop.Place(shopsim.Placement{Store: store, Status: "processing"})
			if err != nil {
				t.Fatal(err)
			}
			b.order = ids[0]
			b.quiet()
			orders, desired := b.events()
			deliveries := b.count(topology.Woo, subject.WebhooksOfOrder(store, fmt.Sprint(b.order)))

			total := money.MustParse(b.shopOrder().Total)
			lines := b.shipped()
			for range 2 { // each told twice
				b.happens(event.NetSuiteChangedV1{Kind: event.ChangeFulfilment, Record: event.RecordID{ID: "5012"}, TranID: "IF77", Status: "C", Lines: lines, ShipMethod: "UPS Ground", Packages: []event.Package{{TrackingNumbers: []string{"1Z" + store}}}})
				b.happens(event.NetSuiteChangedV1{Kind: event.ChangeSalesOrder, Record: event.RecordID{ID: b.ledger().ID}, TranID: "SO1", Status: "F", Lines: lines})
				b.happens(event.NetSuiteChangedV1{Kind: event.ChangeInvoice, Record: event.RecordID{ID: "5013"}, TranID: "INV9", Total: &total})
				b.quiet()
				if got := b.shopOrder(); got.Status != "completed" {
					t.Fatalf("status %s, want completed", got.Status)
				}
			}
			for range 2 {
				b.happens(event.NetSuiteChangedV1{Kind: event.ChangeRefund, Record: event.RecordID{ID: "5090"}, TranID: "RF3", Total: &total})
				b.quiet()
			}
			if got := b.shopOrder(); got.Status != "refunded" || len(got.Refunds) != 1 || got.Refunds[0].Total != "-"+total.String() {
				t.Errorf("status %s, refunds %+v; want one of %s", got.Status, got.Refunds, total)
			}
			mails, err := w.Shop.Mails(store, b.order)
			if err != nil || len(mails) != 1 || !strings.Contains(mails[0], "1Z"+store) {
				t.Errorf("the customer was mailed %q, %v; want the number once", mails, err)
			}
			if got := b.count(topology.Woo, subject.WebhooksOfOrder(store, fmt.Sprint(b.order))); got <= deliveries {
				t.Fatalf("%d deliveries as before: the shop did not echo, and the test says nothing", got)
			}
			if o, d := b.events(); o != orders || d != desired {
				t.Errorf("%d order events and desired state %d, had %d and %d: our own writes travel on", o, d, orders, desired)
			}
			if err := w.Shop.Edit(store, b.order, []byte(`{"billing":{"city":"Elsewhere"}}`)); err != nil {
				t.Fatal(err)
			}
			b.quiet()
			if o, _ := b.events(); o != orders+1 {
				t.Errorf("%d order events after a person's edit, want %d", o, orders+1)
			}
		})
	}
}

// events counts the order's events and tells which desired state is the newest.
func (b *backward) events() (orders int, desired uint64) {
	b.t.Helper()
	handle, err := b.JS.Stream(context.Background(), topology.Desired)
	if err != nil {
		b.t.Fatal(err)
	}
	raw, err := handle.GetLastMsgForSubject(context.Background(), subject.DesiredOf(b.store, fmt.Sprint(b.order)))
	if err != nil {
		b.t.Fatal(err)
	}
	return b.count(topology.Orders, subject.OrdersOf(b.store, fmt.Sprint(b.order))), raw.Sequence
}

// From the shop to NetSuite, and what people do there back: its watcher finds it, the shop is told, and nothing goes round.
func TestThereAndBack(t *testing.T) {
	const often = 100_000_000 // nanoseconds
	w := world.Start(t, demo.Options{Store: func(s *shopsim.StoreConfig) { s.Fulfilments = true }, Adjust: func(c *host.Config) {
		account := c.Accounts[demo.Account]
		account.Watch.Fast, account.Watch.Idle = often, often
		c.Accounts[demo.Account] = account
	}})
	b := &backward{World: w, t: t, store: "main"}
	ids, err := w.Shop.Place(shopsim.Placement{Store: "main", Status: "processing"})
	if err != nil {
		t.Fatal(err)
	}
	b.order = ids[0]
	b.quiet()
	orders, desired := b.events()
	salesOrder := b.ledger().ID
	act := func(method, path, body string) {
		t.Helper()
		if _, err := w.NetSuite.Act(netsuitesim.Act{Method: method, Path: path, Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	act("POST", "salesOrder/"+salesOrder+"/!transform/itemFulfillment", `{"shipStatus":{"id":"C"},"package":{"items":[{"packageTrackingNumber":"1Z42"}]}}`)
	w.Until("the shop's order is completed", func() bool { return b.shopOrder().Status == "completed" })
	if _, err := w.NetSuite.Bill(salesOrder); err != nil {
		t.Fatal(err)
	}
	w.Until("the invoice's number is on the order", func() bool { return strings.Contains(b.documents(), `"invoice"`) })
	b.quiet()
	mails, err := w.Shop.Mails("main", b.order)
	if err != nil || len(mails) != 1 || mails[0] != "1Z42" {
		t.Errorf("the customer was mailed %q, %v; want the number once", mails, err)
	}
	if !strings.Contains(b.documents(), `"itemFulfillment"`) {
		t.Errorf("documents %s, want the fulfilment too", b.documents())
	}
	if o, d := b.events(); o != orders || d != desired {
		t.Errorf("%d order events and desired state %d, had %d and %d: what came back goes round", o, d, orders, desired)
	}
}

// documents is what stands on the order about NetSuite's documents.
func (b *backward) documents() string {
	b.t.Helper()
	for _, m := range b.shopOrder().Meta {
		if m.Key == "_orderstream_documents" {
			var text string
			if err := json.Unmarshal(m.Value, &text); err != nil {
				b.t.Fatal(err)
			}
			return text
		}
	}
	return ""
}

package statuspublisher

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/status-publisher/plan"
)

// parcel is a fulfilment of one tee with tracking numbers, one package each.
func parcel(id, letter string, numbers ...string) event.NetSuiteChangedV1 {
	c := event.NetSuiteChangedV1{
		Kind: event.ChangeFulfilment, Record: event.RecordID{ID: id}, Status: letter, TranID: "IF" + id, ShipMethod: "UPS Ground", Date: "2026-11-22",
		Lines: []event.ChangedLine{{Line: "1", Item: "11", Quantity: money.Int(1)}, {Line: "3", Item: "5", Quantity: money.Int(1)}},
	}
	for _, number := range numbers {
		c.Packages = append(c.Packages, event.Package{TrackingNumbers: []string{number}})
	}
	return c
}

// quiet keeps the numbers of documents off the order.
func quiet(s *config.Store) { s.WriteBack = "note" }

// In whichever way the store keeps tracking numbers, each is there once and mails the customer once: told again, told
// after a crash that hid the first time, and told of more numbers later.
func TestTrackingNumbers(t *testing.T) {
	for way, c := range map[string]struct {
		store  func(*shop)
		expect func(*shop) []string // what the store holds
		want   []string
	}{
		"fulfillments": {func(s *shop) { s.fulfils, s.mailed = true, true }, func(s *shop) (list []string) {
			for _, f := range s.fulfilled {
				list = append(list, metaIn(f, "_tracking_number")+" "+metaIn(f, "_items")+" "+metaIn(f, "_shipment_provider")+" "+metaIn(f, "_shipping_provider"))
			}
			return list
		}, []string{"1Z1, 1Z2, 1Z3 [map[item_id:7 qty:1]] UPS Ground UPS Ground", "1Z9 [map[item_id:7 qty:1]] UPS Ground UPS Ground"}},
		"shipment-tracking": {func(s *shop) { s.plugins = []string{"wc-shipment-tracking/v3"} }, func(s *shop) []string {
			return s.tracked["wc-shipment-tracking/v3"]
		}, []string{"1Z1", "1Z2", "1Z9", "1Z3"}},
		"advanced-shipment-tracking": {func(s *shop) { s.plugins = []string{"wc-shipment-tracking/v3", "wc-ast/v3"} }, func(s *shop) []string { return s.tracked["wc-ast/v3"] }, []string{"1Z1", "1Z2", "1Z9", "1Z3"}},
		"note": {func(s *shop) { s.mailed = true }, func(s *shop) []string { return s.notes["36"] }, []string{
			plan.TrackingNote(plan.Shipment{Carrier: "UPS Ground"}, "1Z3"), plan.TrackingNote(plan.Shipment{Carrier: "UPS Ground"}, "1Z9"),
			plan.TrackingNote(plan.Shipment{Carrier: "UPS Ground"}, "1Z2"), plan.TrackingNote(plan.Shipment{Carrier: "UPS Ground"}, "1Z1"),
		}},
	} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, quiet)
			c.store(b.shop)
			b.placed("processing")
			b.returned(parcel("5012", "A", "1Z1")) // picked: nothing to tell yet
			b.returned(parcel("5012", "B", "1Z1"))
			if len(b.shop.asked()) != 0 {
				t.Errorf("asked %+v for a parcel that has not left", b.shop.asked())
			}
			first := b.change(parcel("5012", "C", "1Z1", "1Z2 1Z1"))
			for range 2 { // crash: what was done is on no record
				if _, err := b.service.handleChange(natstest.Context(t), first); err != nil {
					t.Fatal(err)
				}
			}
			messages, err := b.another(quiet).handleChange(natstest.Context(t), first)
			if err != nil || len(messages) != 1 {
				t.Fatalf("%d messages, %v", len(messages), err)
			}
			b.store(messages)
			b.returned(parcel("5012", "C", "1Z1", "1Z2")) // told again
			b.returned(parcel("5013", "C", "1Z9"))        // a second parcel
			b.returned(parcel("5012", "C", "1Z1", "1Z2", "1Z3"))
			if diff := cmp.Diff(c.want, c.expect(b.shop)); diff != "" {
				t.Errorf("the store holds (-want +got):\n%s", diff)
			}
			for _, number := range []string{"1Z1", "1Z2", "1Z9", "1Z3"} {
				if mails := mailsOf(b.shop, number); mails != 1 {
					t.Errorf("the customer was mailed %s %d times, want once", number, mails)
				}
			}
			if want := map[bool]int{true: 3, false: 4}[way == "fulfillments"]; len(b.shop.mails) != want {
				t.Errorf("%d mails, want %d: %q", len(b.shop.mails), want, b.shop.mails)
			}
			e := b.entry("fulfilment", "36-5012")
			if diff := cmp.Diff([]string{"1Z1", "1Z2", "1Z3"}, e.Deed.Tracking); diff != "" || e.Deed.Convention != way || e.State != event.ShopWritten {
				t.Errorf("ledger %s by %s: %s", e.State, e.Deed.Convention, diff)
			}
		})
	}
}

func mailsOf(s *shop, number string) (n int) {
	for _, mail := range s.mails {
		if strings.Contains(mail, number) {
			n++
		}
	}
	return n
}

// The store is asked once how it keeps numbers, again when what it had is gone, and not at all where the configuration says.
func TestTheStoresCustom(t *testing.T) {
	b := prepare(t, quiet)
	b.placed("processing")
	b.shop.plugins = []string{"wc-ast/v3"}
	probes := func() (n int) {
		for _, q := range b.shop.asked() {
			if q.path == "/wp-json/" {
				n++
			}
		}
		return n
	}
	b.returned(parcel("1", "C", "1Z1"))
	b.returned(parcel("2", "C", "1Z2"))
	if n := probes(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
	b.shop.plugins, b.shop.mailed = nil, true
	b.returned(parcel("3", "C", "1Z3"))
	if e := b.entry("fulfilment", "36-3"); e.Deed.Convention != "note" || e.State != event.ShopWritten || probes() != 2 {
		t.Errorf("by %s, %s, after %d questions; want a note", e.Deed.Convention, e.State, probes())
	}
	later := b.service.now().Add(2 * time.Hour)
	b.service.now = func() time.Time { return later }
	b.shop.fulfils = true
	b.returned(parcel("4", "C", "1Z4"))
	if e := b.entry("fulfilment", "36-4"); e.Deed.Convention != "fulfillments" {
		t.Errorf("by %s, want the fulfilments that the store has meanwhile", e.Deed.Convention)
	}

	fixed := prepare(t, func(s *config.Store) { s.Back.Tracking = "shipment-tracking" })
	fixed.placed("processing")
	fixed.returned(parcel("1", "C", "1Z1"))
	if e := fixed.entry("fulfilment", "36-1"); e.State != event.ShopParked || e.Fault.Code != string(fault.ShopRouteMissing) {
		t.Errorf("%s %+v, want it parked: the store lacks what the configuration names", e.State, e.Fault)
	}
}

// A store that keeps its numbers another way from now on mails none of those that it told the old way.
func TestANewCustomTellsNothingAgain(t *testing.T) {
	for _, way := range []string{"fulfillments", "shipment-tracking", "note"} {
		b := prepare(t, quiet)
		b.shop.mailed = true
		b.placed("processing")
		if way == "note" {
			b.shop.plugins = []string{"wc-shipment-tracking/v3"}
		}
		b.returned(parcel("1", "C", "1Z1"))
		b.service.customs = customs{}
		b.shop.plugins, b.shop.fulfils = nil, way == "fulfillments"
		if way == "shipment-tracking" {
			b.shop.plugins = []string{"wc-shipment-tracking/v3"}
		}
		b.returned(parcel("1", "C", "1Z1", "1Z2"))
		if e := b.entry("fulfilment", "36-1"); e.Deed.Convention != way || len(b.shop.mails) != 2 || mailsOf(b.shop, "1Z1") != 1 || mailsOf(b.shop, "1Z2") != 1 {
			t.Errorf("%s: by %s, mails %q, want each number once", way, e.Deed.Convention, b.shop.mails)
		}
	}
}

// A fulfilment that says its numbers later mails them then; one that loses them mails nothing.
func TestNumbersComeLater(t *testing.T) {
	b := prepare(t, quiet)
	b.shop.fulfils = true
	b.placed("processing")
	b.returned(parcel("1", "C"))
	b.returned(parcel("1", "C", "1Z1"))
	b.returned(parcel("1", "C"))
	if diff := cmp.Diff([]string{"", "1Z1"}, b.shop.mails); diff != "" {
		t.Errorf("mails (-want +got):\n%s", diff)
	}
}

// The numbers stand on the order beside the note, with what is in each parcel; whichever way a store has for them, it has
// them once.
func TestNumbersOnTheOrder(t *testing.T) {
	b := prepare(t, nil)
	b.shop.mailed = true
	o := b.placed("processing")
	b.returned(parcel("5012", "C", "1Z1"))
	b.returned(parcel("5013", "C", "1Z9 1Z8"))
	b.returned(parcel("5012", "C", "1Z1", "1Z3"))
	before := len(b.shop.asked())
	b.returned(parcel("5012", "C", "1Z1", "1Z3"))
	const rest = `"carrier":"UPS Ground","date":"2026-11-22","tracking":`
	const lines = `,"lines":[{"line":"7","quantity":"1"}]}`
	want := `[{"id":"5012","number":"IF5012",` + rest + `["1Z1","1Z3"]` + lines + `,{"id":"5013","number":"IF5013",` + rest + `["1Z9","1Z8"]` + lines + "]"
	if got := o.keys["_orderstream_tracking"]; got != want || len(b.shop.asked()) != before {
		t.Errorf("the order holds %s\nwant %s; %d requests for nothing new", got, want, len(b.shop.asked())-before)
	}
	if e := b.entry("tracking", "36"); e.State != event.ShopWritten || len(e.Deed.Parcels) != 2 {
		t.Errorf("ledger %s %+v", e.State, e.Deed)
	}
	gone := parcel("5013", "C", "1Z9 1Z8")
	gone.Deleted = true
	b.returned(gone)
	b.returned(gone)
	if got := o.keys["_orderstream_tracking"]; strings.Contains(got, "1Z9") || !strings.Contains(got, "1Z3") {
		t.Errorf("the order holds %s with one parcel gone", got)
	}

	other := prepare(t, nil)
	other.shop.fulfils = true
	o = other.placed("processing")
	other.returned(parcel("5012", "C", "1Z1"))
	if got, is := o.keys["_orderstream_tracking"]; is {
		t.Errorf("the order holds %s beside the shop's fulfilment", got)
	}
}

// A crash between a parcel's number and its record takes the number off the order for no moment: the next parcel's write keeps
// it, though no ledger tells of it, and the redelivery finds it told. What the order shows of other orders' lines goes.
func TestNumbersOnTheOrderOutliveACrash(t *testing.T) {
	b := prepare(t, nil)
	b.shop.mailed = true
	o := b.placed("processing")
	first := b.change(parcel("5012", "C", "1Z1"))
	if _, err := b.service.handleChange(natstest.Context(t), first); err != nil {
		t.Fatal(err)
	}
	died := b.service.now().Add(claimIsOver + time.Minute) // the next parcel waits for a crashed process's turn no longer
	b.service.now = func() time.Time { return died }
	o.keys["_orderstream_tracking"] = strings.Replace(o.keys["_orderstream_tracking"], "]}]", `]},{"id":"1","tracking":["1Z0"],"lines":[{"line":"6","quantity":"1"}]}]`, 1)
	b.returned(parcel("5013", "C", "1Z9"))
	got := o.keys["_orderstream_tracking"]
	if !strings.Contains(got, "1Z1") || !strings.Contains(got, "1Z9") || strings.Contains(got, "1Z0") {
		t.Errorf("the order holds %s, want both parcels and no other order's", got)
	}
	before := len(b.entry("tracking", "36").Deed.Parcels)
	messages, err := b.another(nil).handleChange(natstest.Context(t), first)
	if err != nil {
		t.Fatal(err)
	}
	b.store(messages)
	if after := o.keys["_orderstream_tracking"]; after != got || before != 2 {
		t.Errorf("the redelivery leaves %s of %s, %d parcels on record", after, got, before)
	}
	gone := parcel("5012", "C", "1Z1")
	gone.Deleted = true
	b.returned(gone)
	if got := o.keys["_orderstream_tracking"]; strings.Contains(got, "1Z1") || !strings.Contains(got, "1Z9") {
		t.Errorf("the order holds %s with the first parcel gone", got)
	}
}

// A try that fails leaves the parcels on record, those that were told before and the one at hand.
func TestAFailedTryForgetsNoParcel(t *testing.T) {
	b := prepare(t, nil)
	b.shop.mailed = true
	b.placed("processing")
	b.returned(parcel("5012", "C", "1Z1"))
	for _, method := range []string{"GET", "PUT"} { // the order is read, then written
		b.shop.instead(func(q request) *answer {
			if q.method+q.path != method+"/orders/36" {
				return nil
			}
			return &answer{500, nil, `{"code":"internal_server_error","message":"","data":{"status":500}}`}
		})
		messages, err := b.service.handleChange(natstest.Context(t), b.change(parcel("5013", "C", "1Z9")))
		if err == nil {
			t.Fatalf("%s fails, the change does not", method)
		}
		b.store(messages)
		if e := b.entry("tracking", "36"); e.State != event.ShopRetried || len(e.Deed.Parcels) != 2 {
			t.Errorf("%s fails: %s %+v, want both parcels on record", method, e.State, e.Deed)
		}
	}
}

// A shipment that the customer was told of and NetSuite takes back is for a person to see: a mail cannot be taken back. Told
// anew, all is well.
func TestAShipmentIsTakenBack(t *testing.T) {
	b := prepare(t, quiet)
	b.shop.fulfils = true
	b.placed("processing")
	gone := parcel("1", "C", "1Z1")
	gone.Deleted = true
	for i, c := range []struct {
		change event.NetSuiteChangedV1
		state  string
	}{
		{parcel("1", "C", "1Z1"), event.ShopWritten}, {parcel("1", "B", "1Z1"), event.ShopParked}, {parcel("1", "C", "1Z1"), event.ShopWritten},
		{gone, event.ShopParked}, {gone, event.ShopParked}, {parcel("1", "C", "1Z1"), event.ShopWritten},
	} {
		b.returned(c.change)
		e := b.entry("fulfilment", "36-1")
		if e.State != c.state || (c.state == event.ShopParked) != (e.Fault != nil && e.Fault.Code == "fulfilment-withdrawn") || len(b.shop.mails) != 1 || len(b.shop.fulfilled) != 1 {
			t.Errorf("%d: %s %+v, want %s; mails %q", i, e.State, e.Fault, c.state, b.shop.mails)
		}
	}
	// Never told: nothing to say, and what failed before is over.
	b.service.customs = customs{}
	b.shop.instead(func(request) *answer {
		return &answer{400, nil, `{"code":"rest_invalid_param","message":"","data":{"status":400}}`}
	})
	b.returned(parcel("2", "C", "1Z2"))
	gone.Record.ID = "2"
	b.returned(gone)
	if e := b.entry("fulfilment", "36-2"); e.State != event.ShopKept || e.Deed.Rule != plan.RuleGone {
		t.Errorf("never told, then deleted: %s by %q", e.State, e.Deed.Rule)
	}
}

// What says nothing to a customer is told nowhere; what the shop owns is left alone.
func TestNothingToTrack(t *testing.T) {
	for name, c := range map[string]struct {
		change event.NetSuiteChangedV1
		adjust func(*config.Store)
		asks   bool
	}{
		"the shop owns it":     {parcel("1", "C", "1Z1"), func(s *config.Store) { s.Back.Owner.Tracking = "shop" }, false},
		"without a number":     {parcel("1", "C"), nil, true},
		"deleted":              {func() event.NetSuiteChangedV1 { c := parcel("1", "C", "1Z1"); c.Deleted = true; return c }(), nil, false},
		"a number of nothing":  {parcel("1", "C", " , "), nil, true},
		"an invoice, say":      {event.NetSuiteChangedV1{Kind: event.ChangeReceipt}, nil, false},
		"not of our warehouse": {parcel("1", "", "1Z1"), nil, false},
	} {
		b := prepare(t, func(s *config.Store) {
			quiet(s)
			if c.adjust != nil {
				c.adjust(s)
			}
		})
		b.placed("processing")
		b.returned(c.change)
		if len(b.shop.mails) != 0 || (len(b.shop.asked()) > 0) != c.asks || b.nats.Count(t, topology.ShopOutcomes, subject.Shop("main", "fulfilment", "36-1")) != 0 {
			t.Errorf("%s: asked %+v, mailed %q", name, b.shop.asked(), b.shop.mails)
		}
	}
}

// Lines that are not the shop's make no fulfilment there: WooCommerce takes none without items.
func TestAParcelOfNobodysLines(t *testing.T) {
	b := prepare(t, quiet)
	b.shop.fulfils, b.shop.mailed = true, true
	b.placed("processing")
	c := parcel("1", "C", "1Z1")
	c.Lines = c.Lines[1:] // the fee's
	b.returned(c)
	if e := b.entry("fulfilment", "36-1"); e.Deed.Convention != "note" || len(b.shop.fulfilled) != 0 || mailsOf(b.shop, "1Z1") != 1 {
		t.Errorf("by %s, %d fulfilments, mails %q", e.Deed.Convention, len(b.shop.fulfilled), b.shop.mails)
	}
}

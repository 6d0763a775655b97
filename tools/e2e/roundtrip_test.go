package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// An order placed in the shop is picked, packed, shipped and billed by NetSuite's people, and the shop learns it: with
// pushes alone, and with polls alone, the first of which that follows brings it. Tracking numbers reach the customer once
// each.
func TestTheWarehouseShipsAndTheShopKnows(t *testing.T) {
	const often = 1_000_000_000 // nanoseconds
	for _, way := range []struct{ name, poll string }{{"push", "off"}, {"poll", "on"}} {
		t.Run(way.name, func(t *testing.T) {
			w := world.Start(t, demo.Options{
				Store: func(s *shopsim.StoreConfig) { s.Fulfilments = s.Key == "main" },
				Adjust: func(c *host.Config) {
					account := c.Accounts[demo.Account]
					account.Watch.Poll, account.Watch.Fast, account.Watch.Idle = way.poll, often, often
					c.Accounts[demo.Account] = account
				},
			})
			if way.poll == "on" {
				if err := w.NetSuite.SetPush(netsuitesim.Push{}); err != nil {
					t.Fatal(err)
				}
			}
			var all []*backward
			for _, store := range world.Stores {
				ids, err := w.Shop.Place(shopsim.Placement{Store: store, Status: "processing", Count: 2})
				if err != nil {
					t.Fatal(err)
				}
				for _, id := range ids {
					all = append(all, &backward{World: w, t: t, store: store, order: id})
				}
			}
			all[0].quiet()
			work(t, w)
			for _, b := range all {
				w.Until(fmt.Sprintf("order %s/%d is completed", b.store, b.order), func() bool { return b.shopOrder().Status == "completed" })
			}
			w.Until("NetSuite has billed everything", func() bool { return w.NetSuite.Stats().Records["invoice"] == len(all) })
			shipped := shipments(t, w)
			all[0].quiet()
			limit := 5 * time.Second
			if way.poll == "on" {
				limit += often
			}
			for _, b := range all {
				b.mailedOnce(shipped)
				b.inTime(shipped, limit)
			}
			if polls := len(w.NetSuite.Log("/serverTime", 0)); polls > 0 != (way.poll == "on") {
				t.Errorf("%d polls by %s", polls, way.name)
			}
			if sent := w.NetSuite.Stats().Pushes; sent > 0 != (way.poll == "off") {
				t.Errorf("%d pushes by %s", sent, way.name)
			}
			for _, s := range shipped {
				// The record's second holds a poll before it was shipped at most; the next one must tell. Beside each of
				// orders runs one of deletions.
				if polls := s.polls(w); polls > 4 {
					t.Errorf("fulfilment %s: told by poll %d", s.Record.ID, polls)
				}
				t.Logf("fulfilment %s: told %s after the second in which it was shipped", s.Record.ID, s.told.Sub(s.ModifiedAt).Round(time.Millisecond))
			}
		})
	}
}

// What the warehouse ships is gone from every shop: each may sell what NetSuite has left at its locations, once nothing is on
// its way.
func TestStockFollowsTheWarehouse(t *testing.T) {
	w := world.Start(t, demo.Options{Stock: true})
	same := func() bool {
		counted := left(w)
		for _, store := range world.Stores {
			sells := sells(t, w, store)
			for sku, units := range sells {
				if units != counted[sku] {
					return false
				}
			}
			if len(sells) < 5 {
				t.Fatalf("store %s manages the stock of %d SKUs", store, len(sells))
			}
		}
		return true
	}
	w.Until("every shop may sell what NetSuite has", same)
	before := left(w)
	var all []*backward
	for _, store := range world.Stores {
		ids, err := w.Shop.Place(shopsim.Placement{Store: store, Status: "processing", Count: 3})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			all = append(all, &backward{World: w, t: t, store: store, order: id})
		}
	}
	all[0].quiet()
	work(t, w)
	w.Until("everything is shipped and billed", func() bool { return w.NetSuite.Stats().Records["invoice"] == len(all) })
	w.Until("every shop may sell what NetSuite has left", same)
	gone := 0
	for sku, units := range left(w) {
		gone += before[sku] - units
	}
	if gone < len(all) {
		t.Errorf("%d units left the warehouse with %d orders", gone, len(all))
	}
}

// left is what NetSuite has of each item at all its locations together, none below zero.
func left(w world.World) map[string]int {
	type counted struct {
		OnHand string `json:"quantityonhand"`
	}
	places := world.Get[[]event.RecordID](w, w.Facts.NetSuite+"/sim/state?type=location")
	units := map[string]int{}
	for _, i := range world.Get[[]struct {
		SKU     string             `json:"itemId"`
		OnHand  json.Number        `json:"quantityOnHand"`
		Counted map[string]counted `json:"countedStock"`
	}](w, w.Facts.NetSuite+"/sim/state?type=inventoryItem") {
		for _, p := range places {
			n, _ := strconv.Atoi(i.OnHand.String()) // an item without is not counted
			if c, is := i.Counted[p.ID]; is {
				n, _ = strconv.Atoi(c.OnHand)
			}
			units[i.SKU] += n
		}
		units[i.SKU] = max(0, units[i.SKU])
	}
	return units
}

// sells is what a store says it has, of the SKUs whose stock it manages.
func sells(t *testing.T, w world.World, store string) map[string]int {
	t.Helper()
	units := map[string]int{}
	for _, p := range world.Get[[]struct {
		SKU      string `json:"sku"`
		Manages  bool   `json:"manage_stock"`
		Quantity *int   `json:"stock_quantity"`
	}](w, w.Facts.Shop+"/sim/state?type=product&store="+store) {
		if p.SKU != "" && p.Manages && p.Quantity != nil {
			units[p.SKU] = max(0, *p.Quantity) // below: sold on back order
		}
	}
	return units
}

// work sets NetSuite's people to work.
func work(t *testing.T, w world.World) {
	t.Helper()
	if err := w.NetSuite.SetWarehouse(netsuitesim.Warehouse{Seed: 3, Every: 20}); err != nil {
		t.Fatal(err)
	}
}

// shipment is a fulfilment as the pipeline was told of it last, and when.
type shipment struct {
	event.NetSuiteChangedV1
	told time.Time
}

// shipments are all that NetSuite holds, once each is told as shipped: the poll that tells that an order is fulfilled may
// be the one before the one that tells its parcel.
func shipments(t *testing.T, w world.World) []shipment {
	t.Helper()
	stream, err := w.JS.Stream(t.Context(), topology.NetSuiteChanges)
	if err != nil {
		t.Fatal(err)
	}
	var list []shipment
	for _, r := range world.Get[[]event.RecordID](w, w.Facts.NetSuite+"/sim/state?type=itemFulfillment") {
		w.Until("fulfilment "+r.ID+" is told as shipped, with its packages", func() bool {
			raw, err := stream.GetLastMsgForSubject(t.Context(), subject.Change{Account: demo.Account, Kind: event.ChangeFulfilment, Key: r.ID}.String())
			if err != nil {
				return false
			}
			changed, err := codec.Decode[event.NetSuiteChangedV1](raw.Data)
			if err != nil {
				t.Fatal(err)
			}
			told := changed.Status == "C" && len(changed.Packages) > 0
			if told {
				list = append(list, shipment{changed, raw.Time})
			}
			return told
		})
	}
	return list
}

// polls counts those that began since the record's last change and before it was told.
func (s shipment) polls(w world.World) int {
	n := 0
	for _, e := range w.NetSuite.Log("/serverTime", 0) {
		if !e.Time.Before(s.ModifiedAt) && e.Time.Before(s.told) {
			n++
		}
	}
	return n
}

// second is how exactly NetSuite and WooCommerce date what they do.
const second = time.Second

// inTime proves that the last parcel's tracking number and the status were on the shop's order soon after it left, by the
// shop's own log and date.
func (b *backward) inTime(shipped []shipment, limit time.Duration) {
	b.t.Helper()
	var left time.Time
	for _, s := range shipped {
		if s.Store == b.store && s.Order == fmt.Sprint(b.order) && s.ModifiedAt.After(left) {
			left = s.ModifiedAt
		}
	}
	var tracked time.Time
	for _, e := range b.Shop.Log() {
		of := fmt.Sprintf("/orders/%d/", b.order)
		path, _, _ := strings.Cut(e.Path, "?") // the keys of OAuth
		if e.Method == "POST" && e.Status == 201 && e.Store == b.store && (strings.HasSuffix(path, of+"fulfillments") || strings.HasSuffix(path, of+"notes")) {
			tracked = e.Time.Add(time.Duration(e.Millis * float64(time.Millisecond)))
		}
	}
	completed, err := time.Parse("2006-01-02T15:04:05", b.shopOrder().Completed)
	if err != nil || tracked.IsZero() {
		b.t.Fatalf("order %s/%d: completed at %q, %v, tracked at %s", b.store, b.order, b.shopOrder().Completed, err, tracked)
	}
	for what, at := range map[string]time.Time{"tracking number": tracked, "completed": completed} {
		if took := at.Sub(left); took > limit+second || took < -second {
			b.t.Errorf("order %s/%d: %s stood there %s after the parcel left, want at most %s", b.store, b.order, what, took.Round(time.Millisecond), limit)
		}
	}
}

// mailedOnce proves that the customer was mailed each number of the order's parcels, and none twice.
func (b *backward) mailedOnce(shipped []shipment) {
	b.t.Helper()
	mails, err := b.Shop.Mails(b.store, b.order)
	if err != nil {
		b.t.Fatal(err)
	}
	numbers := 0
	for _, s := range shipped {
		if s.Store != b.store || s.Order != fmt.Sprint(b.order) {
			continue
		}
		for _, p := range s.Packages {
			for _, number := range p.TrackingNumbers {
				numbers++
				if n := strings.Count(strings.Join(mails, "\n"), number); n != 1 {
					b.t.Errorf("order %s/%d: the customer was mailed %s %d times: %q", b.store, b.order, number, n, mails)
				}
			}
		}
	}
	if numbers == 0 {
		b.t.Errorf("order %s/%d is completed without a tracking number", b.store, b.order)
	}
}

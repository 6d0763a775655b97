package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

const (
	classicTee = 12 // TEE-001, a product that manages its stock
	blueHoodie = 27 // HOOD-BLU-S, a variation of product 26 that does
)

// shelves is a world whose stores take their stock from NetSuite.
type shelves struct {
	world.World
	t *testing.T
}

// newShelves has NetSuite's stock told by pushes, or else found by polls.
func newShelves(t *testing.T, pushed bool) shelves {
	t.Helper()
	const often, seldom = 1_000_000_000, 3_600_000_000_000 // nanoseconds
	w := world.Start(t, demo.Options{Adjust: func(c *host.Config) {
		account := c.Accounts[demo.Account]
		account.Watch.Stock, account.Watch.Fast, account.Watch.Idle = "on", often, often
		if pushed {
			account.Watch.Fast, account.Watch.Idle = seldom, seldom
		}
		c.Accounts[demo.Account] = account
		for key, store := range c.Stores {
			store.Stock.Locations = []string{"1"}
			c.Stores[key] = store
		}
	}})
	if !pushed {
		if err := w.NetSuite.SetPush(netsuitesim.Push{}); err != nil {
			t.Fatal(err)
		}
	}
	return shelves{w, t}
}

// counts has NetSuite count an item, all of it available.
func (s shelves) counts(sku string, units int64) {
	s.t.Helper()
	if _, err := s.NetSuite.SetStock(netsuitesim.Stock{SKU: sku, Location: "1", OnHand: json.Number(fmt.Sprint(units))}); err != nil {
		s.t.Fatal(err)
	}
}

// shows is what a shop shows of a product.
func (s shelves) shows(store string, product int64) int64 {
	s.t.Helper()
	for _, p := range world.Get[[]struct {
		ID    int64  `json:"id"`
		Stock *int64 `json:"stock_quantity"`
	}](s.World, s.Facts.Shop+"/sim/state?type=product&store="+store) {
		if p.ID == product && p.Stock != nil {
			return *p.Stock
		}
	}
	s.t.Fatalf("product %d of %s has no stock", product, store)
	return 0
}

func (s shelves) until(product, units int64) {
	s.t.Helper()
	for _, store := range world.Stores {
		s.Until(fmt.Sprintf("%s shows %d of product %d", store, units, product), func() bool { return s.shows(store, product) == units })
	}
}

// writes counts what was written to the shops' stock.
func (s shelves) writes() uint64 {
	s.t.Helper()
	n, err := s.Requests(s.Facts.Shop, http.MethodPost, "/batch")
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// events counts the messages of a stream.
func (s shelves) events(stream string) uint64 {
	s.t.Helper()
	handle, err := s.JS.Stream(s.t.Context(), stream)
	if err != nil {
		s.t.Fatal(err)
	}
	return handle.CachedInfo().State.LastSeq
}

// quiet waits until the shops have told of every write and nothing of it is under way.
func (s shelves) quiet() {
	s.t.Helper()
	(&backward{World: s.World, t: s.t}).quiet()
}

// What NetSuite counts is what every shop shows, on products and variations, by push and by poll; a change costs each
// shop one write, and what the shops tell of the writes travels no further.
func TestStockFollowsNetSuite(t *testing.T) {
	for name, pushed := range map[string]bool{"push": true, "poll": false} {
		t.Run(name, func(t *testing.T) {
			s := newShelves(t, pushed)
			s.counts("TEE-001", 7)
			s.counts("HOOD-BLU-S", 5)
			s.until(classicTee, 7)
			s.until(blueHoodie, 5)
			s.quiet()
			told, wrote := s.events(topology.ShopOutcomes), s.writes()
			s.counts("TEE-001", 6)
			s.until(classicTee, 6)
			s.quiet()
			stores := uint64(len(world.Stores))
			if more := s.writes() - wrote; more != stores {
				t.Errorf("%d writes, want one for each of %d shops", more, stores)
			}
			if more := s.events(topology.ShopOutcomes) - told; more != stores {
				t.Errorf("%d ledger entries, want %d", more, stores)
			}
			if echoes := s.events(topology.Orders) + s.events(topology.Customers) + s.events(topology.Desired); echoes != 0 {
				t.Errorf("%d messages followed from writes of stock, want none", echoes)
			}
		})
	}
}

// Three shops sell one pool. Each sells while its own figure is above zero; what is sold twice is bounded by what the
// others sell before they are told. What may be sold is right at the end: while the orders are on their way, once NetSuite
// has committed them, when goods come in, and when parcels leave.
func TestFlashSaleOverThreeShops(t *testing.T) {
	const pool, crowd = 60, 5 // buyers of each shop between two looks
	s := newShelves(t, true)
	s.counts("TEE-001", pool)
	s.until(classicTee, pool)
	sold := int64(0)
	for placed := int64(1); placed > 0; {
		placed = s.buy(crowd)
		sold += placed
		s.until(classicTee, max(0, pool-sold))
	}
	const bound = crowd * 2 // of the other two
	t.Logf("%d sold of %d", sold, pool)
	if sold < pool || sold > pool+bound {
		t.Errorf("%d sold, want %d to %d", sold, pool, pool+bound)
	}
	s.quiet()
	s.counts("TEE-001", 200)
	s.until(classicTee, 200-sold)
	parcels := s.ship(7)
	if parcels != 7 {
		t.Errorf("%d parcels left, want 7", parcels)
	}
	s.counts("TEE-001", 300-parcels)
	s.until(classicTee, 300-sold)
	s.quiet()
	s.until(classicTee, 300-sold)
}

// ship lets open orders leave from the first location, a parcel each, and tells how many did.
func (s shelves) ship(most int) (left int64) {
	s.t.Helper()
	for _, order := range s.SalesOrders() {
		if left == int64(most) || order.Status.ID != "B" {
			continue
		}
		if _, err := s.NetSuite.Fulfil(netsuitesim.Shipment{Order: order.ExternalID}); err != nil {
			s.t.Fatal(err)
		}
		left++
	}
	return left
}

// place has one store take orders of a tee each.
func (s shelves) place(store, status string, count int) {
	s.t.Helper()
	if _, err := s.Shop.Place(shopsim.Placement{Store: store, Status: status, Product: classicTee, Count: count}); err != nil {
		s.t.Fatal(err)
	}
}

// What is sold and not shipped stays sold when NetSuite tells a newer figure: of orders that it has committed, and of
// those that wait for approval there, which it commits nothing to. An order whose payment failed holds nothing.
func TestOpenOrdersStaySold(t *testing.T) {
	for name, pushed := range map[string]bool{"push": true, "poll": false} {
		t.Run(name, func(t *testing.T) {
			s := newShelves(t, pushed)
			s.counts("TEE-001", 20)
			s.until(classicTee, 20)
			s.place("main", "processing", 4)
			s.place("main", "failed", 3)
			s.until(classicTee, 16)
			s.quiet()
			s.counts("TEE-001", 21)
			s.until(classicTee, 17)
			s.place("main", "on-hold", 2)
			s.until(classicTee, 15)
			s.quiet()
			s.counts("TEE-001", 31)
			s.until(classicTee, 25)
			if left := s.ship(1); left != 1 {
				t.Fatalf("%d parcels", left)
			}
			s.counts("TEE-001", 35)
			s.until(classicTee, 30)
		})
	}
}

// buy has shoppers of every shop buy at once and tells how many were served.
func (s shelves) buy(each int) int64 {
	s.t.Helper()
	served := make([]int, len(world.Stores))
	var shops sync.WaitGroup
	for i, store := range world.Stores {
		shops.Go(func() {
			ids, err := s.Shop.Place(shopsim.Placement{Store: store, Status: "processing", Product: classicTee, Count: each})
			if err != nil {
				s.t.Error(err)
			}
			served[i] = len(ids)
		})
	}
	shops.Wait()
	sum := 0
	for _, n := range served {
		sum += n
	}
	return int64(sum)
}

// The ledger says what an order takes of stock and since when NetSuite commits it: an edit of anything else does not move
// that, an edit of quantities does, and an order that waits for approval commits nothing.
func TestLedgerSaysWhatNetSuiteCommits(t *testing.T) {
	w := world.Start(t, demo.Options{})
	ledger := func() *event.LedgerOrder {
		t.Helper()
		w.Settle()
		entry := lastOutcome(t, w, "36")
		if entry.Ledger.SalesOrder == nil {
			t.Fatalf("%s: no sales order (%s)", entry.Kind, entry.Reason)
		}
		return entry.Ledger.SalesOrder
	}
	w.Post(changed(t, "order.created-simple", `"status":"processing"`, `"status":"on-hold"`))
	if so := ledger(); so.Status != "A" || so.GoodsAt != nil || len(so.Goods) == 0 {
		t.Errorf("waits for approval: %+v", so)
	}
	w.Post(changed(t, "order.created-simple", `"date_modified_gmt":"2026`, `"date_modified_gmt":"2027`))
	first := ledger()
	if first.Status != "B" || first.GoodsAt == nil {
		t.Fatalf("approved: %+v", first)
	}
	w.Post(changed(t, "order.created-simple", `"date_modified_gmt":"2026`, `"date_modified_gmt":"2028`, `"customer_note":"`, `"customer_note":"Please ring. `))
	edited := ledger()
	if edited.AppliedHash == first.AppliedHash || edited.GoodsAt == nil || !edited.GoodsAt.Equal(*first.GoodsAt) {
		t.Errorf("a note moved the goods from %s to %s", first.GoodsAt, edited.GoodsAt)
	}
}

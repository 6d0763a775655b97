package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

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
// others sell before they are told, and what may be sold is right at the end. That it is right too once NetSuite counts the sale is proven on the book.
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

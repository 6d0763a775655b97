package e2e

import (
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// sold is one order of a flash sale.
type sold struct {
	store string
	at    time.Time
}

// channels are the two shops that sell; the third is told too.
var channels = []string{"main", "legacy"}

// A flash sale of FLASH_SALE_ORDERS buyers (10,000) on a twentieth of as many units over two shops, which sell as their own
// figure allows and wait for nobody. More is sold than there is by what one shop sells at most while the sale of another
// is on its way to it: rate × (delivery + stock write), both as they were. In the end every shop may sell what is right.
func TestFlashSaleOfManyOrders(t *testing.T) {
	buyers := 10_000
	if text := os.Getenv("FLASH_SALE_ORDERS"); text != "" {
		var err error
		if buyers, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	pool := int64(buyers / 20)
	s := newShelves(t, true)
	s.counts("TEE-001", pool)
	s.until(classicTee, pool)
	orders := s.rush(buyers)
	s.quiet()
	total := int64(len(orders))
	delivery, write := s.deliveries(orders), s.latestWrite(orders)
	bound := most(orders, delivery+write)
	t.Logf("%d buyers, %d sold of %d; a sale reached the book within %s and the other shop within %s more; bound %d over", buyers, total, pool, delivery, write, bound)
	if total < pool || total > pool+bound {
		t.Errorf("%d sold, want %d to %d", total, pool, pool+bound)
	}
	if bound >= pool {
		t.Errorf("the bound of %d is no better than shops that are told nothing", bound)
	}
	s.until(classicTee, 0)
	s.counts("TEE-001", total+100)
	s.until(classicTee, 100)
	s.ship(5)
	s.counts("TEE-001", total+195) // five have left and a hundred came
	s.until(classicTee, 200)
}

// rush lets every shop serve its buyers one after another, at the pace of its till and of the queue of its webhooks; who
// finds nothing leaves at once.
func (s shelves) rush(buyers int) []sold {
	s.t.Helper()
	const checkout, queue = 30 * time.Millisecond, 4
	var mu sync.Mutex
	var orders []sold
	var shops sync.WaitGroup
	for _, store := range channels {
		shops.Go(func() {
			till := time.NewTicker(checkout)
			defer till.Stop()
			for range buyers / len(channels) {
				ids, err := s.Shop.Place(shopsim.Placement{Store: store, Status: "processing", Product: classicTee})
				if err != nil {
					s.t.Error(err)
					return
				}
				if len(ids) == 0 {
					continue
				}
				mu.Lock()
				orders = append(orders, sold{store, time.Now()})
				mu.Unlock()
				for <-till.C; s.Shop.Stats().Waiting > queue; <-till.C {
				}
			}
		})
	}
	shops.Wait()
	return orders
}

// deliveries gives the longest that a sale took to the book. Orders of a store are desired in the order of their ids.
func (s shelves) deliveries(orders []sold) (longest time.Duration) {
	s.t.Helper()
	stream, err := s.JS.Stream(s.t.Context(), topology.Desired)
	if err != nil {
		s.t.Fatal(err)
	}
	known := map[string][]time.Time{}
	for sequence := uint64(1); sequence <= stream.CachedInfo().State.LastSeq; sequence++ {
		raw, err := stream.GetMsg(s.t.Context(), sequence)
		if err != nil {
			continue // a later state of its order took its place
		}
		desired, err := codec.Decode[event.DesiredOrderV1](raw.Data)
		if err != nil {
			s.t.Fatal(err)
		}
		known[desired.Store] = append(known[desired.Store], raw.Time)
	}
	for _, store := range channels {
		mine := slices.DeleteFunc(slices.Clone(orders), func(o sold) bool { return o.store != store })
		if len(mine) != len(known[store]) {
			s.t.Fatalf("%d orders of %s are known, want %d", len(known[store]), store, len(mine))
		}
		for i, o := range mine {
			longest = max(longest, known[store][i].Sub(o.at))
		}
	}
	return longest
}

// latestWrite gives the longest from a sale in one shop to the second stock write in the other after it, while both sold:
// the first may have been decided before the sale was known, the second was not.
func (s shelves) latestWrite(orders []sold) (longest time.Duration) {
	s.t.Helper()
	writes := map[string][]time.Time{}
	for _, e := range s.Shop.Log() {
		if e.Method == http.MethodPost && strings.Contains(e.Path, "/products/batch") {
			writes[e.Store] = append(writes[e.Store], e.Time.Add(time.Duration(e.Millis*float64(time.Millisecond))))
		}
	}
	for _, o := range orders {
		other := channels[1-slices.Index(channels, o.store)]
		later := slices.DeleteFunc(slices.Clone(writes[other]), o.at.After)
		if len(later) >= 2 {
			longest = max(longest, later[1].Sub(o.at))
		}
	}
	if longest == 0 {
		s.t.Fatalf("no shop was told while the other sold")
	}
	return longest
}

// most is what the shop that sells most sells in so long.
func most(orders []sold, window time.Duration) (n int64) {
	for _, store := range channels {
		mine := slices.DeleteFunc(slices.Clone(orders), func(o sold) bool { return o.store != store })
		for i, o := range mine {
			within := int64(0)
			for _, next := range mine[i:] {
				if next.at.Sub(o.at) <= window {
					within++
				}
			}
			n = max(n, within)
		}
	}
	return n
}

package supply

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
)

// newPricedWorld has main take its prices from level 1, the outlet from level 1 with sales at level 5.
func newPricedWorld(t *testing.T) *world {
	w := newWorld(t)
	for name, prices := range map[string]config.Prices{"main": {Level: "1", Currency: "USD"}, "outlet": {Level: "1", SaleLevel: "5", Currency: "USD"}} {
		store := w.config.Stores[name]
		store.Prices = &prices
		w.config.Stores[name] = store
	}
	return w
}

// costs is what NetSuite asks for an item, by level; "": the level is empty.
func (w *world) costs(sku string, levels map[string]string, origin event.Origin) {
	w.t.Helper()
	w.events++
	prices := &event.Prices{Name: sku}
	for level, text := range levels {
		l := event.LevelPrice{Level: level, Currency: "USD"}
		if text != "" {
			amount := money.MustParse(text)
			l.Price = &amount
		}
		prices.Levels = append(prices.Levels, l)
	}
	envelope := event.Envelope{Type: "netsuite.v1.changed", ID: fmt.Sprint("price", w.events), Time: time.Now().UTC()}
	change := event.NetSuiteChangedV1{Envelope: envelope, Account: "ns", Kind: event.ChangePrice, Record: event.RecordID{ID: "7" + sku}, ModifiedAt: envelope.Time, Prices: prices}
	w.publish(topology.NetSuiteChanges, subject.Change{Account: "ns", Kind: event.ChangePrice, Key: change.Record.ID}.String(), envelope, change, origin)
}

// nextPrice waits for the ledger's next entry of a SKU's price.
func (w *world) nextPrice(store, sku string) event.ShopRecordedV1 {
	w.t.Helper()
	name := subject.Shop(store, event.ShopKindPrice, event.SKUKey(sku))
	m := w.server.Next(w.t, topology.ShopOutcomes, name, w.after[name])
	w.after[name] = m.Sequence
	entry, err := codec.Decode[event.ShopRecordedV1](m.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	return entry
}

// asks waits until a shop was told a price, as the ledger has it.
func (w *world) asks(store, sku, want string) {
	w.t.Helper()
	for {
		if entry := w.nextPrice(store, sku); entry.State == event.ShopWritten && entry.Hash == want {
			return
		}
	}
}

// Stock and price of a product that wait at the same time are one item of one batch, and two entries of the ledger.
func TestPriceGoesWithTheQuantity(t *testing.T) {
	w := newPricedWorld(t)
	s, _ := w.run()
	s.mu.Lock() // both come before the desks look
	w.figure("MUG", map[string]int64{"1": 4})
	w.costs("MUG", map[string]string{"1": "12.5", "5": "9.9"}, "")
	s.mu.Unlock()
	w.holds("main", "MUG", 3)
	w.asks("main", "MUG", "USD 12.50")
	w.asks("outlet", "MUG", "USD 12.50 sale 9.90")
	w.holds("outlet", "MUG", 4)
	for store, want := range map[string]string{"main": "MUG=3@12.50", "outlet": "MUG=4@12.50/9.90"} {
		if got := w.shops[store].wrote(); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q was written, want %q", store, got, want)
		}
	}
}

// Invariant 4: prices that came while the shop was away are one write of the newest. What the ledger says is written no
// second time, by the next process either (Invariant 7).
func TestNewestPriceOnce(t *testing.T) {
	w := newPricedWorld(t)
	outlet := w.shops["outlet"]
	outlet.set(func() { outlet.trouble = fault.New(fault.ShopUnavailable, "the shop must answer") })
	_, stop := w.run()
	w.costs("MUG", map[string]string{"1": "12", "5": "9"}, "")
	<-outlet.refused
	w.costs("MUG", map[string]string{"1": "13", "5": "9"}, "")
	w.costs("MUG", map[string]string{"1": "14", "5": ""}, "")
	w.asks("main", "MUG", "USD 14.00")
	outlet.set(func() { outlet.trouble = nil })
	w.asks("outlet", "MUG", "USD 14.00 sale")
	stop()
	w.costs("MUG", map[string]string{"1": "14.00"}, "")
	w.run()
	w.costs("TEE", map[string]string{"1": "8"}, "")
	w.asks("outlet", "TEE", "USD 8.00 sale")
	if got := outlet.wrote(); !slices.Equal(got, []string{"MUG@14.00/", "TEE@8.00/"}) {
		t.Errorf("%q was written, want each price once", got)
	}
}

// A price that is missing is a fault where the shop sells the item, once; elsewhere it is none. The shop keeps its price.
// A person may ask for it to be tried again.
func TestMissingPriceIsReportedOnce(t *testing.T) {
	w := newPricedWorld(t)
	w.run()
	w.costs("SET", map[string]string{"1": ""}, "")
	if entry := w.nextPrice("main", "SET"); entry.State != event.ShopParked || entry.Fault.Code != string(fault.PriceUnusable) || entry.Deed.Price != nil {
		t.Errorf("%+v, want it parked: there is no price", entry)
	}
	if entry := w.nextPrice("outlet", "SET"); entry.State != event.ShopKept || entry.Deed.Rule != RuleNotSold {
		t.Errorf("%+v, want it kept: the outlet has no sets", entry)
	}
	w.costs("SET", map[string]string{"1": "-2"}, "")
	w.costs("MUG", map[string]string{"1": "2"}, "")
	w.asks("main", "MUG", "USD 2.00")
	w.costs("SET", map[string]string{"1": "-2"}, event.OriginRetry)
	if entry := w.nextPrice("main", "SET"); entry.State != event.ShopParked || entry.Fault.Value != "-2.00" {
		t.Errorf("%+v, want what was said again because a person asked", entry)
	}
	w.costs("SET", map[string]string{"1": "20"}, "")
	w.asks("main", "SET", "USD 20.00")
	if got := w.shops["main"].wrote(); !slices.Equal(got, []string{"MUG@2.00", "SET@20.00"}) {
		t.Errorf("%q was written", got)
	}
}

// One fact, one owner: a shop whose prices are its own is told none, and one whose stock is its own no quantity.
func TestOnlyWhatIsNetSuites(t *testing.T) {
	w := newPricedWorld(t)
	main, outlet := w.config.Stores["main"], w.config.Stores["outlet"]
	main.Prices, outlet.Back.Owner.Stock = nil, config.ByShop
	w.config.Stores["main"], w.config.Stores["outlet"] = main, outlet
	w.run()
	w.figure("MUG", map[string]int64{"1": 4})
	w.costs("MUG", map[string]string{"1": "12"}, "")
	w.holds("main", "MUG", 3)
	w.asks("outlet", "MUG", "USD 12.00 sale")
	w.figure("TEE", map[string]int64{"1": 4})
	w.costs("TEE", map[string]string{"1": "8"}, "")
	w.holds("main", "TEE", 3)
	w.asks("outlet", "TEE", "USD 8.00 sale")
	if got := w.shops["main"].wrote(); slices.ContainsFunc(got, func(wrote string) bool { return strings.Contains(wrote, "@") }) {
		t.Errorf("main was told a price: %q", got)
	}
	if got := w.shops["outlet"].wrote(); !slices.Equal(got, []string{"MUG@12.00/", "TEE@8.00/"}) {
		t.Errorf("the outlet was told %q", got)
	}
}

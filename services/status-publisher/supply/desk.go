package supply

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/status-publisher/price"
	"github.com/orderstream/orderstream/services/status-publisher/shelf"
	"github.com/orderstream/orderstream/services/status-publisher/stock"
)

const (
	gather    = 100 * time.Millisecond // changes share a batch; up to twice as long, so that two processes do not write at once
	perRound  = 1000                   // facts written between two looks at what is newest
	recording = 32                     // ledger entries on their way at once
	attempts  = 8                      // of a passing error of one SKU before it is parked
	firstWait = time.Second
	lastWait  = time.Minute
)

// RuleNotSold keeps stock and price of a SKU that the shop does not have: no fault of anybody's.
const RuleNotSold = "sku-not-sold-here"

// desk is the stock and the prices of one store on their way to the shop.
type desk struct {
	supply *Supply
	store  string
	rules  stock.Store
	counts bool                // stock is NetSuite's
	prices *price.Store        // nil: prices are the shop's
	items  map[string]string   // the shop's SKU to NetSuite's item, where they differ
	skus   map[string][]string // the reverse
	shelf  *shelf.Shelf
	wake   chan struct{}

	mu     sync.Mutex
	dirty  map[fact]wish
	failed map[fact]int // passing errors in a row
	told   map[fact]told
	away   bool
	pause  time.Duration // after the last trouble; zero: none
}

// fact is what a desk keeps right in the shop: the stock or the price of a SKU.
type fact struct {
	kind string // event.ShopKindStock, event.ShopKindPrice
	sku  string
}

// wish is a fact to look at.
type wish struct {
	doubted bool   // the shop may show something else than it was told
	at      uint64 // the ledger's sequence when the doubt arose
	asked   bool   // a person wants it tried again
	after   time.Time
}

// order is a quantity or a price to be written.
type order struct {
	units  *money.Number
	tag    *price.Tag
	value  string // either of them as the ledger has it
	wrong  error  // why there is nothing to write
	figure stock.Figure
	last   told // the ledger when it was decided
	asked  bool
}

// told is the newest ledger entry of a fact.
type told struct {
	sequence uint64
	value    string
	record   string     // NetSuite's item then
	written  bool       // false: the shop did not take it
	why      fault.Code // of what is kept or parked
}

func newDesk(s *Supply, store string, rules stock.Store, items map[string]string, shelf *shelf.Shelf) *desk {
	d := &desk{
		supply: s, store: store, rules: rules, items: items, skus: map[string][]string{}, shelf: shelf, wake: make(chan struct{}, 1),
		dirty: map[fact]wish{}, failed: map[fact]int{}, told: map[fact]told{},
	}
	for sku, item := range items {
		d.skus[item] = append(d.skus[item], sku)
	}
	return d
}

// keeps tells whether a kind of fact is NetSuite's in this shop.
func (d *desk) keeps(kind string) bool {
	return kind == event.ShopKindStock && d.counts || kind == event.ShopKindPrice && d.prices != nil
}

// item is NetSuite's name of a SKU.
func (d *desk) item(sku string) string { return cmp.Or(d.items[sku], sku) }

// sold gives the shop's SKUs of items.
func (d *desk) sold(items []string) (skus []string) {
	for _, item := range items {
		if renamed := d.skus[item]; len(renamed) > 0 {
			skus = append(skus, renamed...)
		} else {
			skus = append(skus, item)
		}
	}
	return skus
}

// mark has a fact of items looked at; doubted: written even where the shop was told the same.
func (d *desk) mark(kind string, items []string, doubted, asked bool) {
	if !d.keeps(kind) {
		return
	}
	d.mu.Lock()
	for _, sku := range d.sold(items) {
		f := fact{kind, sku}
		w := d.dirty[f]
		if doubted {
			w.doubted, w.at = true, d.told[f].sequence
		}
		w.asked = w.asked || asked
		w.after = time.Time{} // a newer value does not wait for the last one's next try
		d.dirty[f] = w
	}
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *desk) isAway() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.away
}

func (d *desk) run(ctx context.Context) {
	for d.due(ctx) {
		d.round(ctx)
	}
}

// due waits for something to look at, then for what comes with it, or for the end of a pause. False: ctx ended.
func (d *desk) due(ctx context.Context) bool {
	for {
		next, pause := d.next()
		switch {
		case pause > 0:
			return wait(ctx, pause, nil)
		case next == 0:
			return wait(ctx, gather+rand.N(gather), nil)
		}
		if !wait(ctx, next, d.wake) {
			return false
		}
	}
}

// next tells how long until a SKU is due, and how long the shop is left alone.
func (d *desk) next() (until, pause time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	until = sweepEvery
	for _, w := range d.dirty {
		if until = min(until, max(0, time.Until(w.after))); until == 0 {
			break
		}
	}
	return until, d.pause
}

// wait lets time pass, or something wake it; false: ctx ended.
func wait(ctx context.Context, limit time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-wake:
		return true
	case <-ctx.Done():
		return false
	}
}

// round writes what is promised now; what was overtaken meanwhile is never seen. Invariant 4.
func (d *desk) round(ctx context.Context) {
	wishes := d.taken()
	orders := d.orders(wishes)
	if len(orders) == 0 {
		return
	}
	result := d.shelf.Write(ctx, d.load(orders))
	if ctx.Err() != nil {
		return // absolute values: the next start writes again what is not in the ledger
	}
	var group errgroup.Group
	group.SetLimit(recording)
	var trouble error
	for f, o := range orders {
		err := o.outcome(f, result)
		if again, stop := d.passing(f, wishes[f], err); again {
			trouble = cmp.Or(trouble, stop)
			continue
		}
		group.Go(func() error { d.conclude(ctx, f, o, final(err)); return nil })
	}
	_ = group.Wait() // each has said what became of it
	d.settle(trouble)
}

// load lays the orders of a SKU together. What there is nothing to write of is looked for all the same: it is a fault
// only where the shop sells it.
func (d *desk) load(orders map[fact]order) map[string]shelf.Goods {
	loaded := make(map[string]shelf.Goods, len(orders))
	for f, o := range orders {
		if o.asked {
			d.shelf.Forget(f.sku)
		}
		g := loaded[f.sku]
		if o.units != nil {
			g.Units = o.units
		}
		if o.tag != nil {
			g.Prices = goods(*o.tag)
		}
		loaded[f.sku] = g
	}
	return loaded
}

// outcome is what came of a fact.
func (o order) outcome(f fact, r shelf.Result) error {
	err := r.Units[f.sku]
	if f.kind == event.ShopKindPrice {
		err = r.Prices[f.sku]
	}
	return cmp.Or(err, o.wrong)
}

// taken takes what is due, the doubted first since somebody sells it just now.
func (d *desk) taken() map[fact]wish {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	list := slices.SortedFunc(maps.Keys(d.dirty), func(a, b fact) int {
		if d.dirty[a].doubted != d.dirty[b].doubted {
			if d.dirty[a].doubted {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.sku, b.sku), cmp.Compare(a.kind, b.kind)) // a product's stock and price go together
	})
	wishes := map[fact]wish{}
	for _, f := range list {
		if w := d.dirty[f]; !now.Before(w.after) && len(wishes) < perRound {
			wishes[f] = w
			delete(d.dirty, f)
		}
	}
	return wishes
}

// orders gives what is to be written: what the shop was not told yet.
func (d *desk) orders(wishes map[fact]wish) map[fact]order {
	orders := map[fact]order{}
	d.supply.mu.Lock()
	for f, w := range wishes {
		if o, known := d.order(f); known {
			o.asked = w.asked
			orders[f] = o
		}
	}
	d.supply.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	for f, o := range orders {
		o.last = d.told[f]
		doubted := wishes[f].doubted && o.last.sequence == wishes[f].at // else it was told since
		if o.last.written && o.last.value == o.value && !doubted {
			delete(orders, f)
			continue
		}
		orders[f] = o
	}
	return orders
}

// order says what NetSuite's word is now; false: it has said nothing. The caller holds the supply's lock.
func (d *desk) order(f fact) (order, bool) {
	if f.kind == event.ShopKindPrice {
		return d.priced(f.sku)
	}
	book := d.supply.books[d.rules.Account]
	item := d.item(f.sku)
	n, known := book.Promise(d.rules, item)
	o := order{units: &n, value: n.String(), figure: book.Figure(d.rules.Account, item)}
	if last := d.toldOf(f); !known && last.written { // of an item with another name now, none is left under this one
		o.figure, known = book.Renamed(d.rules.Account, last.record, item)
	}
	return o, known
}

func (d *desk) toldOf(f fact) told {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.told[f]
}

// recheck has every quantity that was told looked at again: NetSuite may have renamed its item while nobody looked.
func (d *desk) recheck() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for f := range d.told {
		if _, marked := d.dirty[f]; !marked && f.kind == event.ShopKindStock {
			d.dirty[f] = wish{}
		}
	}
}

// passing keeps a fact for later whose write did not go through. stop is the trouble of the whole shop, not of the SKU.
func (d *desk) passing(f fact, w wish, err error) (again bool, stop error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	class := fault.ClassOf(err)
	if err == nil || class == fault.Terminal || class == fault.Poison {
		delete(d.failed, f)
		return false, nil
	}
	if class == fault.Transient {
		if d.failed[f]++; d.failed[f] >= attempts {
			delete(d.failed, f)
			return false, nil
		}
		w.after = time.Now().Add(min(lastWait, firstWait<<d.failed[f]))
	} else {
		stop = err
	}
	if newer, marked := d.dirty[f]; marked {
		newer.doubted, newer.at = newer.doubted || w.doubted, max(newer.at, w.at)
		w = newer
	}
	d.dirty[f] = w
	return true, stop
}

// final is the error to record: a passing one that came too often.
func final(err error) error {
	if err != nil && fault.ClassOf(err) == fault.Transient {
		return fault.New(fault.AttemptsExhausted, fmt.Sprintf("one of %d attempts must succeed", attempts), fault.Because(err))
	}
	return err
}

// settle notes whether the shop takes what is written, and for how long to leave it alone if not.
func (d *desk) settle(trouble error) {
	d.mu.Lock()
	was := d.away
	d.away = trouble != nil
	switch {
	case trouble == nil:
		d.pause = 0
	case d.pause == 0:
		d.pause = firstWait
	default:
		d.pause = min(2*d.pause, lastWait)
	}
	d.pause = max(d.pause, fault.AfterOf(trouble))
	d.mu.Unlock()
	log := d.supply.options.Log.With("store", d.store)
	switch {
	case trouble != nil && !was:
		log.Warn("the shop takes no stock and prices; the newest are written when it does", "code", fault.CodeOf(trouble), "error", trouble)
	case trouble == nil && was:
		log.Info("the shop takes stock and prices again")
	}
}

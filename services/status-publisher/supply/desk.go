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

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/status-publisher/shelf"
	"github.com/orderstream/orderstream/services/status-publisher/stock"
)

const (
	gather    = 100 * time.Millisecond // changes share a batch; up to twice as long, so that two processes do not write at once
	perRound  = 1000                   // SKUs written between two looks at what is newest
	recording = 32                     // ledger entries on their way at once
	attempts  = 8                      // of a passing error of one SKU before it is parked
	firstWait = time.Second
	lastWait  = time.Minute
)

// RuleNotSold keeps the stock of a SKU that the shop does not have: no fault of anybody's.
const RuleNotSold = "sku-not-sold-here"

// desk is the stock of one store on its way to the shop.
type desk struct {
	supply *Supply
	store  string
	rules  stock.Store
	items  map[string]string   // the shop's SKU to NetSuite's item, where they differ
	skus   map[string][]string // the reverse
	shelf  *shelf.Shelf
	wake   chan struct{}

	mu     sync.Mutex
	dirty  map[string]wish
	failed map[string]int // passing errors in a row, by SKU
	told   map[string]told
	away   bool
	pause  time.Duration // after the last trouble; zero: none
}

// wish is a SKU to look at.
type wish struct {
	doubted bool   // the shop may show another quantity than it was told
	at      uint64 // the ledger's sequence when the doubt arose
	asked   bool   // a person wants it tried again
	after   time.Time
}

// order is a quantity to be written.
type order struct {
	units  money.Number
	figure stock.Figure
	last   told // the ledger when the quantity was decided
	asked  bool
}

// told is the newest ledger entry of a SKU.
type told struct {
	sequence uint64
	units    money.Number
	written  bool       // false: the shop did not take it
	why      fault.Code // of what is kept or parked
}

func newDesk(s *Supply, store string, rules stock.Store, items map[string]string, shelf *shelf.Shelf) *desk {
	d := &desk{
		supply: s, store: store, rules: rules, items: items, skus: map[string][]string{}, shelf: shelf, wake: make(chan struct{}, 1),
		dirty: map[string]wish{}, failed: map[string]int{}, told: map[string]told{},
	}
	for sku, item := range items {
		d.skus[item] = append(d.skus[item], sku)
	}
	return d
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

// mark has items looked at; doubted: written even where the promise is what the shop was told.
func (d *desk) mark(items []string, doubted, asked bool) {
	d.mu.Lock()
	for _, sku := range d.sold(items) {
		w := d.dirty[sku]
		if doubted {
			w.doubted, w.at = true, d.told[sku].sequence
		}
		w.asked = w.asked || asked
		w.after = time.Time{} // a newer quantity does not wait for the last one's next try
		d.dirty[sku] = w
	}
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *desk) takeTold(_ context.Context, msg jetstream.Msg, at *jetstream.MsgMetadata) error {
	entry, err := codec.Decode[event.ShopRecordedV1](msg.Data())
	if err != nil {
		return err
	}
	if entry.Deed == nil || entry.Deed.Units == nil {
		return fmt.Errorf("want deed.sku and deed.units in an entry of kind %q", entry.Kind)
	}
	d.learn(entry, at.Sequence.Stream)
	return nil
}

func (d *desk) learn(entry event.ShopRecordedV1, sequence uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.told[entry.Deed.SKU].sequence >= sequence {
		return
	}
	last := told{sequence: sequence, units: *entry.Deed.Units, written: entry.State == event.ShopWritten}
	if entry.Fault != nil {
		last.why = fault.Code(entry.Fault.Code)
	}
	if entry.State == event.ShopKept {
		last.why = fault.ShopSKUUnknown
	}
	d.told[entry.Deed.SKU] = last
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
	units := make(map[string]money.Number, len(orders))
	for sku, o := range orders {
		if units[sku] = o.units; o.asked {
			d.shelf.Forget(sku)
		}
	}
	result := d.shelf.Write(ctx, units)
	if ctx.Err() != nil {
		return // absolute quantities: the next start writes again what is not in the ledger
	}
	var group errgroup.Group
	group.SetLimit(recording)
	var trouble error
	for sku, err := range result.Errors {
		if again, stop := d.passing(sku, wishes[sku], err); again {
			trouble = cmp.Or(trouble, stop)
			continue
		}
		group.Go(func() error { d.conclude(ctx, sku, orders[sku], final(err)); return nil })
	}
	_ = group.Wait() // each has said what became of it
	d.settle(trouble)
}

// taken takes what is due, the doubted first since somebody sells it just now.
func (d *desk) taken() map[string]wish {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	list := slices.SortedFunc(maps.Keys(d.dirty), func(a, b string) int {
		if d.dirty[a].doubted != d.dirty[b].doubted {
			if d.dirty[a].doubted {
				return -1
			}
			return 1
		}
		if a < b {
			return -1
		}
		return 1
	})
	wishes := map[string]wish{}
	for _, sku := range list {
		if w := d.dirty[sku]; !now.Before(w.after) && len(wishes) < perRound {
			wishes[sku] = w
			delete(d.dirty, sku)
		}
	}
	return wishes
}

// orders gives what is to be written: what the shop was not told yet.
func (d *desk) orders(wishes map[string]wish) map[string]order {
	orders := map[string]order{}
	d.supply.mu.Lock()
	book := d.supply.books[d.rules.Account]
	for sku, w := range wishes {
		if n, known := book.Promise(d.rules, d.item(sku)); known {
			orders[sku] = order{units: n, figure: book.Figure(d.rules.Account, d.item(sku)), asked: w.asked}
		}
	}
	d.supply.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	for sku, o := range orders {
		o.last = d.told[sku]
		doubted := wishes[sku].doubted && o.last.sequence == wishes[sku].at // else it was told since
		if o.last.written && o.last.units.Equal(o.units) && !doubted {
			delete(orders, sku)
			continue
		}
		orders[sku] = o
	}
	return orders
}

// passing keeps a SKU for later whose write did not go through. stop is the trouble of the whole shop, not of the SKU.
func (d *desk) passing(sku string, w wish, err error) (again bool, stop error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	class := fault.ClassOf(err)
	if err == nil || class == fault.Terminal || class == fault.Poison {
		delete(d.failed, sku)
		return false, nil
	}
	if class == fault.Transient {
		if d.failed[sku]++; d.failed[sku] >= attempts {
			delete(d.failed, sku)
			return false, nil
		}
		w.after = time.Now().Add(min(lastWait, firstWait<<d.failed[sku]))
	} else {
		stop = err
	}
	if newer, marked := d.dirty[sku]; marked {
		newer.doubted, newer.at = newer.doubted || w.doubted, max(newer.at, w.at)
		w = newer
	}
	d.dirty[sku] = w
	return true, stop
}

// final is the error to record: a passing one that came too often.
func final(err error) error {
	if err != nil && fault.ClassOf(err) == fault.Transient {
		return fault.New(fault.AttemptsExhausted, fmt.Sprintf("one of %d attempts must succeed", attempts), fault.Because(err))
	}
	return err
}

// settle notes whether the shop takes stock, and for how long to leave it alone if not.
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
		log.Warn("stock: the shop takes no quantities; the newest are written when it does", "code", fault.CodeOf(trouble), "error", trouble)
	case trouble == nil && was:
		log.Info("stock: the shop takes quantities again")
	}
}

// conclude writes the ledger's entry of a SKU. One that somebody else wrote meanwhile, or that could not be stored, is
// written again: a quantity that is written twice does no harm.
func (d *desk) conclude(ctx context.Context, sku string, o order, cause error) {
	if o.known(cause) {
		return
	}
	entry := d.entry(sku, o, cause)
	message, err := publish.JSON(topology.ShopOutcomes, subject.Shop(d.store, entry.Kind, entry.Key), entry.Envelope, entry)
	if err == nil {
		message.Expect = &publish.Expect{Sequence: o.last.sequence}
		var acks []publish.Ack
		if acks, err = d.supply.publisher.Publish(ctx, message); err == nil {
			d.learn(entry, acks[0].Sequence)
			return
		}
	}
	d.supply.options.Log.Debug("stock: a ledger entry is made again", "store", d.store, "code", fault.CodeOf(err), "error", err)
	d.mu.Lock()
	w := d.dirty[sku]
	w.doubted, w.at, w.after = true, d.told[sku].sequence, time.Now().Add(firstWait)
	d.dirty[sku] = w
	d.mu.Unlock()
}

// known tells that the ledger says so already: a product that does not manage its stock is reported once.
func (o order) known(cause error) bool {
	return cause != nil && !o.asked && o.last.sequence > 0 && !o.last.written && o.last.why == fault.CodeOf(cause)
}

func (d *desk) entry(sku string, o order, cause error) event.ShopRecordedV1 {
	account, record := d.rules.Account, o.figure.Record
	entry := event.ShopRecordedV1{
		Kind: event.ShopKindStock, Key: event.SKUKey(sku), State: event.ShopWritten, Written: event.ShopFacts{Account: account}, Hash: o.units.String(),
		Deed:   &event.ShopDeed{Account: account, Record: event.ChangeInventory, RecordID: record, ModifiedAt: o.figure.At, SKU: sku, Units: &o.units},
		Source: event.Position{Stream: topology.NetSuiteChanges, Sequence: o.figure.Sequence, Subject: subject.Change{Account: account, Kind: event.ChangeInventory, Key: record}.String()},
		Calls:  []event.Call{},
	}
	switch {
	case cause == nil:
	case fault.CodeOf(cause) == fault.ShopSKUUnknown:
		entry.State, entry.Deed.Rule = event.ShopKept, RuleNotSold
	default:
		f := failures.FaultOf(cause)
		entry.State, entry.Fault = event.ShopParked, &f
	}
	entry.Envelope = event.Envelope{
		Type: "shop.v1.recorded", ID: fmt.Sprintf("shop:%s:%s:%d:%s", d.store, entry.Key, o.last.sequence, o.units), Store: d.store, Time: d.supply.options.Now(),
	}
	return entry
}

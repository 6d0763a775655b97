// Package stock says how much of an item a shop may sell: what NetSuite has at the store's locations, less what was
// sold and NetSuite does not know yet, less what the store holds back. It is pure: the same events in any interleaving
// of the streams they come from give the same promises, so that the book can be made again from the streams at any
// time (Invariant 7).
package stock

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// Store is what one shop may sell of its account's stock.
type Store struct {
	Account   string
	Locations []string // internal ids; empty: every one
	Margin    Margin   // of every SKU without one of its own
	Items     []Item   // the exact SKU before the longest prefix
	Share     *Share   // nil: the store may sell the whole pool
}

// Item is a margin for some SKUs.
type Item struct {
	SKU    string // exact; empty: by Prefix
	Prefix string
	Margin Margin
}

// Margin is what a store holds back. Of both safety stocks the larger counts; the buffer comes on top: it covers what is
// sold between a sale and the stock write that follows from it.
type Margin struct {
	Buffer  money.Number // units
	Safety  money.Number // units
	Percent money.Number // of the units at the store's locations, rounded up
}

// Share is a store's part of a pool that several stores split: Weight of Total.
type Share struct{ Weight, Total money.Number }

// Kits says what a bundle is made of: SKU → component → units of it in one bundle, above zero.
type Kits map[string]map[string]money.Number

// Promise gives what the store may sell of a SKU, a whole number that is never negative. It is false where NetSuite has
// said nothing about the SKU, or about a component of it: nothing is known, so nothing may be written.
func (b *Book) Promise(s Store, sku string) (money.Number, bool) {
	account := b.accounts[s.Account]
	if account == nil {
		return money.Number{}, false
	}
	have, left, known := account.item(s.Locations, sku)
	if kit := b.kits[sku]; len(kit) > 0 {
		have, left, known = account.kit(s.Locations, sku, kit)
	}
	if !known {
		return money.Number{}, false
	}
	margin := s.margin(sku)
	left = left.Sub(margin.held(have))
	if s.Share != nil {
		left = quotient(left.Times(s.Share.Weight), s.Share.Total)
	}
	return whole(atLeastZero(left)), true
}

// Figure is what NetSuite last told about an item.
type Figure struct {
	Record   string // internal id of the item
	Sequence uint64 // in NETSUITE_CHANGES
	At       time.Time
}

// Figure gives the newest figure behind a promise: the SKU's own, or that of the component of a kit which came last.
func (b *Book) Figure(name, sku string) (newest Figure) {
	account := b.accounts[name]
	if account == nil {
		return Figure{}
	}
	skus := []string{sku}
	for component := range b.kits[sku] {
		skus = append(skus, component)
	}
	for _, sku := range skus {
		if l, known := account.levels[sku]; known && l.sequence > newest.Sequence {
			newest = Figure{l.record, l.sequence, l.at}
		}
	}
	return newest
}

// SKUs lists everything that may have a promise.
func (b *Book) SKUs(name string) []string {
	account := b.accounts[name]
	if account == nil {
		return nil
	}
	skus := slices.Collect(maps.Keys(account.levels))
	for kit := range b.kits {
		if _, also := account.levels[kit]; !also {
			skus = append(skus, kit)
		}
	}
	slices.Sort(skus)
	return skus
}

func (s Store) margin(sku string) Margin {
	best, length := s.Margin, -1
	for _, item := range s.Items {
		switch {
		case item.SKU != "" && item.SKU == sku:
			return item.Margin
		case item.SKU == "" && strings.HasPrefix(sku, item.Prefix) && len(item.Prefix) > length:
			best, length = item.Margin, len(item.Prefix)
		}
	}
	return best
}

func (m Margin) held(have money.Number) money.Number {
	percent := money.NumberOf(atLeastZero(have).Times(m.Percent).Decimal().Shift(-2).Ceil())
	return m.Buffer.Add(larger(m.Safety, percent))
}

// account is the stock of one NetSuite account and what was sold of it.
type account struct {
	levels map[string]level
	names  map[string]string // of items, by record: the SKU of its newest figure
	orders map[string]*order // by store and order; those that NetSuite's figures contain are let go
	sold   map[string]map[string]struct{}
	newest uint64    // state seen, in DESIRED
	latest time.Time // of all figures
}

// level is an item's stock as NetSuite last told it.
type level struct {
	at       time.Time
	sequence uint64
	record   string
	places   map[string]money.Number
}

func (a *account) item(locations []string, sku string) (have, left money.Number, known bool) {
	level, known := a.levels[sku]
	have = level.sum(locations)
	return have, have.Sub(a.demand(sku)), known
}

// kit takes the scarcest component at each location, since a bundle leaves from one place. What was sold singly may leave
// from anywhere, so it is set against the components' pools; bundles sold are set against the bundles there are.
func (a *account) kit(locations []string, sku string, kit map[string]money.Number) (have, left money.Number, known bool) {
	places := map[string]struct{}{}
	for component := range kit {
		level, known := a.levels[component]
		if !known {
			return have, left, false
		}
		for place := range level.places {
			places[place] = struct{}{}
		}
	}
	for place := range places {
		if allowed(locations, place) {
			have = have.Add(a.scarcest(kit, func(l level, _ string) money.Number { return atLeastZero(l.places[place]) }))
		}
	}
	pool := a.scarcest(kit, func(l level, component string) money.Number { return l.sum(locations).Sub(a.demand(component)) })
	return have, smaller(have.Sub(a.demand(sku)), pool), true
}

// scarcest gives how many kits the component allows that allows the fewest.
func (a *account) scarcest(kit map[string]money.Number, units func(level, string) money.Number) money.Number {
	var least *money.Number
	for component, each := range kit {
		n := whole(quotient(units(a.levels[component], component), each))
		if least == nil || n.Cmp(*least) < 0 {
			least = &n
		}
	}
	return *least
}

func (l level) sum(locations []string) (sum money.Number) {
	for place, units := range l.places {
		if allowed(locations, place) {
			sum = sum.Add(units)
		}
	}
	return sum
}

func allowed(locations []string, place string) bool {
	return len(locations) == 0 || slices.Contains(locations, place)
}

// demand is what was sold of a SKU and is not in NetSuite's figure yet.
func (a *account) demand(sku string) (sum money.Number) {
	level := a.levels[sku]
	for key := range a.sold[sku] {
		sum = sum.Add(a.orders[key].missing(sku, level))
	}
	return sum
}

// take keeps the newest level of an item and reports whether it was news. Levels of an item are published in the order in
// which they were read; their times say when that was, at the latest by a clock that is behind. An item that changed its name
// has a level under the new one alone, else its units would be promised twice; before is the name that it had.
func (a *account) take(change event.NetSuiteChangedV1, sequence uint64) (before string, news bool) {
	stock := change.Stock
	last, known := a.levels[stock.Name]
	if known && sequence <= last.sequence {
		return "", false
	}
	if before, news = a.rename(change.Record.ID, stock.Name, sequence); !news {
		return "", false
	}
	at := change.Time
	if at.Before(last.at) {
		at = last.at
	}
	next := level{at: at, sequence: sequence, record: change.Record.ID, places: map[string]money.Number{}}
	for _, place := range stock.Locations {
		if !stock.Inactive {
			next.places[place.Location] = next.places[place.Location].Add(place.Available)
		}
	}
	a.levels[stock.Name] = next
	if next.at.After(a.latest) {
		a.latest = next.at
	}
	a.forget(stock.Name)
	return before, true
}

// rename notes the name of an item, and forgets the level under another that it had; before is that one. False: a newer
// figure has named the item.
func (a *account) rename(record, name string, sequence uint64) (before string, news bool) {
	if record == "" {
		return "", true
	}
	had := a.names[record]
	if old := a.levels[had]; had != "" && had != name && old.record == record {
		if sequence <= old.sequence {
			return "", false
		}
		delete(a.levels, had)
		before = had
	}
	a.names[record] = name
	return before, true
}

// Renamed gives the figure of an item that bore a SKU once and has another name now; false: it does not, or another item bears
// the SKU.
func (b *Book) Renamed(name, record, sku string) (Figure, bool) {
	account := b.accounts[name]
	if account == nil || len(b.kits[sku]) > 0 {
		return Figure{}, false
	}
	if _, borne := account.levels[sku]; borne || account.names[record] == "" || account.names[record] == sku {
		return Figure{}, false
	}
	return b.Figure(name, account.names[record]), true
}

// forget drops the orders that the newest figure contains, so that a promise costs what is on its way, not history.
func (a *account) forget(sku string) {
	for key := range a.sold[sku] {
		o := a.orders[key]
		if o.missing(sku, a.levels[sku]).IsZero() {
			delete(a.sold[sku], key)
		}
		if !o.skipped && a.over(o) {
			a.drop(key, o)
		}
	}
}

// names lists what an order wants, in order.
func names(lines map[string]money.Number) []string { return slices.Sorted(maps.Keys(lines)) }

package stock

import (
	"slices"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// Book is what NetSuite has and what the shops sold, of every account. It is not safe for several goroutines.
type Book struct {
	kits     Kits
	accounts map[string]*account
}

// NewBook makes an empty book.
func NewBook(kits Kits) *Book { return &Book{kits: kits, accounts: map[string]*account{}} }

// order is one order's newest desired state and newest outcome.
type order struct {
	sequence uint64                  // of the state, in DESIRED
	lines    map[string]money.Number // components of kits included
	outcome  *event.SyncRecordedV1
	written  map[string]money.Number // lines of the state that NetSuite holds; nil: not known
}

// Stock takes an inventory change, found at the position given, and names the SKUs whose promise may have changed. An
// older one than is known changes nothing.
func (b *Book) Stock(change event.NetSuiteChangedV1, sequence uint64) []string {
	if change.Stock == nil || !b.account(change.Account).take(change, sequence) {
		return nil
	}
	return b.touched(change.Stock.Name)
}

// Desired takes a desired state and names the SKUs whose promise may have changed.
func (b *Book) Desired(desired event.DesiredOrderV1, sequence uint64) []string {
	a := b.account(desired.Account)
	key, o := a.order(desired.Store, desired.Order)
	if sequence <= o.sequence {
		return nil
	}
	before := o.lines
	o.sequence, o.lines = sequence, b.linesOf(desired)
	o.settle()
	a.index(key, o.lines)
	return b.touched(append(names(before), names(o.lines)...)...)
}

// Outcome takes an outcome and names the SKUs whose promise may have changed. Outcomes of an order come in order.
func (b *Book) Outcome(outcome event.SyncRecordedV1) []string {
	a := b.account(outcome.Account)
	key, o := a.order(outcome.Store, outcome.Order)
	o.outcome = &outcome
	o.settle()
	a.index(key, o.lines)
	return b.touched(names(o.lines)...)
}

// settle remembers what NetSuite holds, so that an edit afterwards counts with its difference only.
func (o *order) settle() {
	if o.inNetSuite() && o.outcome.Desired.Sequence == o.sequence {
		o.written = o.lines
	}
}

func (o *order) inNetSuite() bool {
	return o.outcome != nil && (o.outcome.Kind == event.OutcomeSynced || o.outcome.Kind == event.OutcomeVerified)
}

// missing is what the order takes of a SKU beside NetSuite's figure. A written order counts until a figure comes that is
// newer than the write: between the two it is in neither. An edit that waits counts with what it adds; where the state
// before it is gone, with all of it, since a unit too few on sale is put right in seconds and one too many is not.
func (o *order) missing(sku string, figure level) money.Number {
	switch {
	case o.outcome != nil && o.outcome.Kind == event.OutcomeSkipped && o.outcome.Desired.Sequence >= o.sequence:
		return money.Number{}
	case !o.inNetSuite() || figure.at.IsZero() || !figure.at.After(o.outcome.Time):
		return o.lines[sku]
	case o.outcome.Desired.Sequence >= o.sequence:
		return money.Number{}
	default:
		return atLeastZero(o.lines[sku].Sub(o.written[sku]))
	}
}

// linesOf gives the units an order takes by SKU. A kit counts as itself and as its components.
func (b *Book) linesOf(desired event.DesiredOrderV1) map[string]money.Number {
	lines := map[string]money.Number{}
	for _, line := range desired.SalesOrder.Lines {
		if desired.SalesOrder.Closed || line.Closed || line.Quantity == nil || line.Quantity.Sign() <= 0 || line.Item.By != "name" {
			continue
		}
		lines[line.Item.Key] = lines[line.Item.Key].Add(*line.Quantity)
		for component, each := range b.kits[line.Item.Key] {
			lines[component] = lines[component].Add(each.Times(*line.Quantity))
		}
	}
	return lines
}

// touched adds the kits that SKUs are part of, and the parts of those that are kits.
func (b *Book) touched(skus ...string) []string {
	for _, sku := range slices.Clone(skus) {
		for kit, parts := range b.kits {
			if _, part := parts[sku]; part {
				skus = append(skus, kit)
			}
		}
	}
	slices.Sort(skus)
	return slices.Compact(skus)
}

func (b *Book) account(name string) *account {
	if b.accounts[name] == nil {
		b.accounts[name] = &account{levels: map[string]level{}, orders: map[string]*order{}, sold: map[string]map[string]struct{}{}}
	}
	return b.accounts[name]
}

func (a *account) order(store, id string) (string, *order) {
	key := store + "\x00" + id
	if a.orders[key] == nil {
		a.orders[key] = &order{}
	}
	return key, a.orders[key]
}

func (a *account) index(key string, lines map[string]money.Number) {
	for sku := range lines {
		if a.sold[sku] == nil {
			a.sold[sku] = map[string]struct{}{}
		}
		a.sold[sku][key] = struct{}{}
	}
}

func atLeastZero(n money.Number) money.Number { return larger(n, money.Number{}) }

func larger(a, b money.Number) money.Number {
	if a.Cmp(b) < 0 {
		return b
	}
	return a
}

func smaller(a, b money.Number) money.Number {
	if a.Cmp(b) > 0 {
		return b
	}
	return a
}

func whole(n money.Number) money.Number { return money.NumberOf(n.Decimal().Floor()) }

// quotient gives the largest whole number that times by is not above n; by is above zero.
func quotient(n, by money.Number) money.Number {
	q, rest := n.Decimal().QuoRem(by.Decimal(), 0)
	if rest.Sign() < 0 {
		return money.NumberOf(q).Sub(money.Int(1))
	}
	return money.NumberOf(q)
}

package stock

import (
	"maps"
	"slices"
	"time"

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

// order is one order on its way: its newest desired state, and what NetSuite holds of it.
type order struct {
	sequence uint64                  // of the state, in DESIRED; 0: none yet
	waits    bool                    // for approval, by the shop's word
	lines    map[string]money.Number // components of kits included
	taken    uint64                  // the newest state that has an outcome; 0: none
	skipped  bool                    // by a named rule
	held     hold
	before   hold // the one that held took the place of
	ended    bool // NetSuite cancelled or closed it
}

// hold is what NetSuite holds for an order.
type hold struct {
	goods map[string]money.Number // components of kits included; nil: not known
	state uint64                  // the one that was written, where the ledger does not name the goods
	at    time.Time               // since when NetSuite commits them, at the latest; zero: it does not
	seen  time.Time               // when the ledger saw so
	told  time.Time               // the modification that says so, where a person's does
}

// since is the moment of NetSuite from which the goods are committed, as exactly as it is known.
func (h hold) since() time.Time {
	if h.told.IsZero() {
		return h.at
	}
	return h.told
}

// Stock takes an inventory change, found at the position given, and names the SKUs whose promise may have changed. An
// older one than is known changes nothing.
func (b *Book) Stock(change event.NetSuiteChangedV1, sequence uint64) []string {
	if change.Stock == nil {
		return nil
	}
	before, news := b.account(change.Account).take(change, sequence)
	switch {
	case !news:
		return nil
	case before != "":
		return b.touched(before, change.Stock.Name)
	default:
		return b.touched(change.Stock.Name)
	}
}

// Desired takes a desired state and names the SKUs whose promise may have changed. Of an order that the book does not
// know and that replaces a state, the newest outcome must be recalled first.
func (b *Book) Desired(desired event.DesiredOrderV1, sequence uint64) []string {
	key, o, touched := b.enter(desired, sequence)
	b.account(desired.Account).index(key, o)
	return touched
}

// Again takes a sales order's change as SalesOrder does, of an order that the book let go: with its newest desired state and
// outcome, nil where it has none. It is let go again where NetSuite's figures contain it still.
func (b *Book) Again(change event.NetSuiteChangedV1, at time.Time, desired event.DesiredOrderV1, sequence uint64, outcome *event.SyncRecordedV1) []string {
	key, o, _ := b.enter(desired, sequence)
	if outcome != nil {
		b.Recall(*outcome)
	}
	touched := b.SalesOrder(change, at)
	b.account(desired.Account).index(key, o)
	return touched
}

// enter takes a desired state; the caller indexes its order.
func (b *Book) enter(desired event.DesiredOrderV1, sequence uint64) (key string, o *order, touched []string) {
	a := b.account(desired.Account)
	a.newest = max(a.newest, sequence)
	if unmapped := keyOf(desired.Store, desired.Order) + parked; a.orders[unmapped] != nil && a.orders[unmapped].sequence <= desired.Source.Sequence {
		a.drop(unmapped, a.orders[unmapped]) // it could be mapped, or a later state could
	}
	key, o = a.order(desired.Store, desired.Order)
	if sequence <= o.sequence {
		return key, o, nil
	}
	before := o.lines
	for sku := range before {
		delete(a.sold[sku], key)
	}
	o.sequence, o.lines, o.waits = sequence, b.linesOf(desired), desired.SalesOrder.OrderStatus == pending
	o.settle()
	return key, o, b.touched(append(names(before), names(o.lines)...)...)
}

// Outcome takes an outcome and names the SKUs whose promise may have changed. Outcomes of an order come in order.
func (b *Book) Outcome(outcome event.SyncRecordedV1) []string {
	b.Recall(outcome)
	a := b.account(outcome.Account)
	key, o := a.order(outcome.Store, outcome.Order)
	touched := b.touched(names(o.lines)...)
	a.index(key, o)
	return touched
}

// Recall takes the newest outcome of an order that the book let go and whose next desired state follows.
func (b *Book) Recall(outcome event.SyncRecordedV1) {
	_, o := b.account(outcome.Account).order(outcome.Store, outcome.Order)
	o.taken, o.skipped = outcome.Desired.Sequence, outcome.Kind == event.OutcomeSkipped
	if next, told := b.holdOf(outcome); told {
		o.hold(next)
	}
	o.settle()
}

// The letters of NetSuite's sales orders that commit no stock; every other is of one that is approved and open.
const (
	pending   = "A" // approval
	cancelled = "C"
	closed    = "H"
)

// SalesOrder takes a sales order's change, found at the time given, and names the SKUs whose promise may have changed:
// what a person does to an order in NetSuite has no outcome. Once NetSuite commits an order its figures tell the rest, until it
// waits for approval again. A change may tell how the order stood before the pipeline wrote to it; that tells nothing.
func (b *Book) SalesOrder(change event.NetSuiteChangedV1, at time.Time) []string {
	a := b.account(change.Account)
	key := keyOf(change.Store, change.Order)
	o := a.orders[key]
	if o == nil || change.Status == "" {
		return nil
	}
	waits := change.Status == pending && !change.Deleted
	switch committed := !o.held.at.IsZero(); {
	case committed && (!waits || change.ModifiedAt.Before(o.held.since())):
		return nil
	case committed:
		o.before, o.held.at, o.held.told = hold{}, time.Time{}, time.Time{}
	case o.held.seen.Truncate(time.Second).After(change.ModifiedAt): // NetSuite tells whole seconds
		return nil
	}
	o.ended = change.Deleted || change.Status == cancelled || change.Status == closed
	if !o.ended && !waits && o.held.goods != nil {
		o.held.at, o.held.told = at, change.ModifiedAt
	}
	touched := b.touched(names(o.lines)...)
	a.index(key, o)
	return touched
}

// dead tells that NetSuite ended the order before it committed anything, so that no figure will tell, and that the shop asks
// for nothing more: one that was paid meanwhile counts.
func (o *order) dead() bool { return o.ended && o.waits && o.held.at.IsZero() }

// parked marks the key of what an order takes that no mapping could map.
const parked = "\x00parked"

// Parked takes what a state of an order, by its position in ORDERS, takes of stock though it has no desired state, none:
// that is over. It names the SKUs whose promise may have changed.
func (b *Book) Parked(account, store, id string, orders uint64, goods map[string]money.Number) []string {
	a, key := b.account(account), keyOf(store, id)+parked
	var before []string
	if old := a.orders[key]; old != nil {
		before = names(old.lines)
		a.drop(key, old)
	}
	lines := map[string]money.Number{}
	for sku, units := range goods {
		if units.Sign() > 0 {
			lines[sku] = units
		}
	}
	if len(lines) > 0 {
		a.orders[key] = &order{sequence: orders, lines: b.withParts(lines)}
		a.index(key, a.orders[key])
	}
	return b.touched(append(before, names(b.withParts(lines))...)...)
}

// Knows tells whether the book has an order. One that NetSuite counts is let go.
func (b *Book) Knows(account, store, id string) bool {
	return b.account(account).orders[keyOf(store, id)] != nil
}

// holdOf reads from an outcome what NetSuite holds. A ledger of before does not name the goods: they are those of the
// state that was written.
func (b *Book) holdOf(outcome event.SyncRecordedV1) (hold, bool) {
	if so := outcome.Ledger.SalesOrder; so != nil && so.Goods != nil {
		next := hold{goods: b.withParts(so.Goods), seen: so.VerifiedAt}
		if so.GoodsAt != nil {
			next.at = *so.GoodsAt
		}
		return next, true
	}
	written := outcome.Kind == event.OutcomeSynced || outcome.Kind == event.OutcomeVerified
	return hold{state: outcome.Desired.Sequence, at: outcome.Time}, written
}

// hold takes what NetSuite holds now. The same again is held since it was first; that a person approved it meanwhile
// stands until the ledger sees otherwise.
func (o *order) hold(next hold) {
	same := next.goods != nil && maps.EqualFunc(next.goods, o.held.goods, money.Number.Equal) || next.state != 0 && next.state == o.held.state
	switch {
	case same && !o.held.at.IsZero() && (!next.at.IsZero() || next.seen.Before(o.held.at)):
		return
	case next.at.IsZero():
		o.before, o.held = hold{}, next
	default:
		o.before, o.held = o.held, next
	}
}

// settle finds the goods of a hold whose ledger does not name them.
func (o *order) settle() {
	if o.held.goods != nil || o.held.state == 0 || o.held.state != o.sequence {
		return
	}
	if o.held.goods = o.lines; maps.EqualFunc(o.lines, o.before.goods, money.Number.Equal) && !o.before.at.IsZero() {
		o.held.at = o.before.at
	}
}

// in tells whether a figure contains the goods.
func (h hold) in(figure level) bool {
	return h.goods != nil && !h.at.IsZero() && figure.at.After(h.at)
}

// missing is what the order takes of a SKU beside NetSuite's figure. An order that NetSuite commits counts until a figure
// is read that is newer: between the two it is in neither. An edit that waits counts with what it adds; where the state
// before it is gone, with all of it, since a unit too few on sale is put right in seconds and one too many is not.
func (o *order) missing(sku string, figure level) money.Number {
	switch {
	case o.skipped && o.taken >= o.sequence, o.dead():
		return money.Number{}
	case o.held.in(figure):
		return atLeastZero(o.lines[sku].Sub(o.held.goods[sku]))
	case o.before.in(figure):
		return atLeastZero(o.lines[sku].Sub(o.before.goods[sku]))
	default:
		return o.lines[sku]
	}
}

// unpaid are the states of the shop for which WooCommerce takes no stock although they may become orders.
var unpaid = []string{"pending", "failed"}

// linesOf gives the units an order takes by SKU. A kit counts as itself and as its components.
func (b *Book) linesOf(desired event.DesiredOrderV1) map[string]money.Number {
	if slices.Contains(unpaid, desired.Source.Status) {
		return map[string]money.Number{}
	}
	return b.withParts(desired.SalesOrder.Goods())
}

func (b *Book) withParts(goods map[string]money.Number) map[string]money.Number {
	lines := maps.Clone(goods)
	for sku, units := range goods {
		for component, each := range b.kits[sku] {
			lines[component] = lines[component].Add(each.Times(units))
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
		b.accounts[name] = &account{levels: map[string]level{}, names: map[string]string{}, orders: map[string]*order{}, sold: map[string]map[string]struct{}{}}
	}
	return b.accounts[name]
}

func keyOf(store, id string) string { return store + "\x00" + id }

func (a *account) order(store, id string) (string, *order) {
	key := keyOf(store, id)
	if a.orders[key] == nil {
		a.orders[key] = &order{}
	}
	return key, a.orders[key]
}

// index enters an order under what it takes, or lets it go.
func (a *account) index(key string, o *order) {
	if !o.skipped && a.over(o) {
		a.drop(key, o)
		return
	}
	for sku := range o.lines {
		if a.sold[sku] == nil {
			a.sold[sku] = map[string]struct{}{}
		}
		a.sold[sku][key] = struct{}{}
	}
}

func (a *account) drop(key string, o *order) {
	for sku := range o.lines {
		delete(a.sold[sku], key)
	}
	delete(a.orders, key)
}

// unheard is how long after an order no figure of an item has come when NetSuite keeps no stock of it.
const unheard = time.Hour

// over tells that NetSuite's figures contain all that an order takes. An outcome whose state was not seen yet waits for
// it; an order that NetSuite ended stays: the shop's echo of it is to find it.
func (a *account) over(o *order) bool {
	if o.dead() || o.taken < o.sequence || o.taken > a.newest {
		return false
	}
	for sku := range o.lines {
		figure, kept := a.levels[sku]
		if !kept {
			figure.at = a.latest.Add(-unheard)
		}
		if !o.missing(sku, figure).IsZero() {
			return false
		}
	}
	return true
}

// Tidy lets go what is over and no figure will tell: orders that are skipped, orders of items that NetSuite keeps no
// stock of.
func (b *Book) Tidy(account string) {
	a := b.account(account)
	for key, o := range a.orders {
		if a.over(o) {
			a.drop(key, o)
		}
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

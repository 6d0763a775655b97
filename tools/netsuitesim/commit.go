package netsuitesim

import (
	"maps"
	"slices"

	"github.com/shopspring/decimal"
)

// spot is an item at a location.
type spot struct {
	item     int64
	location string
}

// supply moves stock with the records that are staged: orders that are approved
// commit it, parcels take it away, receipts bring it back.
func (t *tx) supply() {
	touched := map[int64]bool{}
	for at, r := range t.staged() {
		old := t.store.byID[at]
		t.move(old, decimal.NewFromInt(-1), touched)
		t.move(r, decimal.NewFromInt(1), touched)
		t.giveBack(old, touched)
		t.commit(r, touched)
		if r != nil && at.group == items {
			touched[at.id] = true
		}
	}
	for _, item := range slices.Sorted(maps.Keys(touched)) {
		t.fill(item)
	}
}

// staged gives the newest version of every staged record, in the order of their
// first; nil for one that goes.
func (t *tx) staged() func(yield func(place, *record) bool) {
	var order []place
	last := map[place]*record{}
	for _, r := range t.puts {
		at := place{r.kind.group, r.id}
		if _, known := last[at]; !known {
			order = append(order, at)
		}
		last[at] = r
	}
	for _, r := range t.deletes {
		at := place{r.kind.group, r.id}
		if _, known := last[at]; !known {
			order = append(order, at)
		}
		last[at] = nil
	}
	return func(yield func(place, *record) bool) {
		for _, at := range order {
			if !yield(at, last[at]) {
				return
			}
		}
	}
}

// move changes what is on hand by the goods of a parcel that has left or of a
// receipt.
func (t *tx) move(r *record, sign decimal.Decimal, touched map[int64]bool) {
	switch {
	case r == nil:
		return
	case r.kind.name == "itemFulfillment" && r.fields.ref("status") == "C":
		sign = sign.Neg()
	case r.kind.name != "itemReceipt":
		return
	}
	for _, line := range r.fields.lines("item") {
		t.change(t.spotOf(r, line), touched, func(l *levels) { l.onHand = l.onHand.Add(sign.Mul(line.amount("quantity"))) })
	}
}

// giveBack frees what a version of an order that is replaced has committed.
func (t *tx) giveBack(old *record, touched map[int64]bool) {
	if old == nil || old.kind.name != "salesOrder" {
		return
	}
	for _, line := range old.fields.lines("item") {
		t.change(t.spotOf(old, line), touched, func(l *levels) {
			l.committed, l.backOrdered = l.committed.Sub(line.amount("quantityCommitted")), l.backOrdered.Sub(line.amount("quantityBackOrdered"))
		})
	}
}

// commit commits what the newer version of an order wants and is available.
func (t *tx) commit(r *record, touched map[int64]bool) {
	if r == nil || r.kind.name != "salesOrder" {
		return
	}
	for _, line := range r.fields.lines("item") {
		delete(line, "quantityCommitted")
		delete(line, "quantityBackOrdered")
		if want := wanted(r, line); want.IsPositive() {
			t.change(t.spotOf(r, line), touched, func(l *levels) { l.commit(line, want) })
		}
	}
}

// wanted is what is left to ship of a line of an approved order.
func wanted(order *record, line fields) decimal.Decimal {
	switch order.fields.ref("status") {
	case "B", "D", "E":
	default:
		return decimal.Zero
	}
	if line.flag("isClosed") || !shippable(line) {
		return decimal.Zero
	}
	return line.amount("quantity").Sub(line.amount("quantityFulfilled"))
}

// commit gives a line what is available of what it wants.
func (l *levels) commit(line fields, want decimal.Decimal) {
	given := decimal.Max(decimal.Zero, decimal.Min(want, l.available()))
	lacking := want.Sub(given)
	line.set("quantityCommitted", line.amount("quantityCommitted").Add(given))
	line.set("quantityBackOrdered", lacking)
	l.committed, l.backOrdered = l.committed.Add(given), l.backOrdered.Add(lacking)
}

// change stages an item with other levels at a location, where its stock is
// kept.
func (t *tx) change(at spot, touched map[int64]bool, how func(*levels)) {
	item := t.get(items, at.item)
	if item == nil || at.location == "" {
		return
	}
	l, kept := levelsOf(item, at.location)
	if !kept {
		return
	}
	how(&l)
	t.put(t.onto(item, at.location, l))
	touched[at.item] = true
}

// fill commits what has become available to the orders that lack it, the oldest
// first. Their time of change stays: nobody saved them.
func (t *tx) fill(item int64) {
	if !t.anyAvailable(item) {
		return // however many orders wait
	}
	for _, id := range slices.Sorted(maps.Keys(t.store.lacking[item])) {
		order := t.get(transactions, id)
		if order == nil {
			continue
		}
		next := &record{kind: order.kind, id: order.id, fields: order.fields.clone()}
		given := false
		for _, line := range next.fields.lines("item") {
			lacking := line.amount("quantityBackOrdered")
			if line.refID("item") != item || !lacking.IsPositive() {
				continue
			}
			t.change(t.spotOf(order, line), map[int64]bool{}, func(l *levels) {
				if l.available().IsPositive() {
					given, l.backOrdered = true, l.backOrdered.Sub(lacking)
					l.commit(line, lacking)
				}
			})
		}
		if given {
			t.put(next)
		}
	}
}

// anyAvailable tells whether an item has something to give at one of the
// locations that orders were served from.
func (t *tx) anyAvailable(item int64) bool {
	r := t.get(items, item)
	if r == nil {
		return false
	}
	for location := range r.fields.sub(stockField) {
		if l, _ := levelsOf(r, location); l.available().IsPositive() {
			return true
		}
	}
	return false
}

// spotOf says where a line's goods lie: at its own location, else at the
// order's, else at the first of the order's subsidiary.
func (t *tx) spotOf(r *record, line fields) spot {
	at := spot{line.refID("item"), line.ref("location")}
	if at.location == "" {
		at.location = r.fields.ref("location")
	}
	if source := t.pointed(r.fields, "createdFrom", transactions); at.location == "" && source != nil {
		return t.spotOf(source, line)
	}
	if at.location == "" {
		at.location = t.firstLocation(r.fields.ref("subsidiary"))
	}
	return at
}

func (t *tx) firstLocation(subsidiary string) string {
	for _, l := range t.of(t.kind("location")) {
		if !l.fields.flag("isInactive") && (subsidiary == "" || l.fields.ref("subsidiary") == subsidiary) {
			return decimalID(l.id)
		}
	}
	return ""
}

// lacks tells which items an order waits for.
func lacks(r *record) []int64 {
	var ids []int64
	if r.kind.name == "salesOrder" {
		for _, line := range r.fields.lines("item") {
			if line.amount("quantityBackOrdered").IsPositive() {
				ids = append(ids, line.refID("item"))
			}
		}
	}
	return ids
}

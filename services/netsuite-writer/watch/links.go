package watch

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// place is a line of a transaction.
type place struct{ record, line string }

// link leads from a document to one that it rests on.
type link struct{ from, to string }

// links lead from a document up to what it was made from, as far as the sales order: a refund rests on a credit memo,
// that on a return, that on the order.
type links struct {
	above  map[string][]string // documents a document rests on, in order
	lines  map[place]place
	orders map[string]bool // the transactions above that are sales orders

	amounts map[link][]string // of money, e.g. what a refund applies to a credit memo; one a line
}

// generations bounds the way up.
const generations = 6

// climb reads the links above documents, a generation at a time, however many documents each has.
func (w *Watcher) climb(ctx context.Context, documents map[string]bool) (links, error) {
	l := links{above: map[string][]string{}, lines: map[place]place{}, orders: map[string]bool{}, amounts: map[link][]string{}}
	asked, next := maps.Clone(documents), documents
	for range generations {
		above := map[string]bool{}
		for _, group := range groups(next) {
			rows, err := w.query(ctx, "read links", "SELECT l.nextdoc AS nextdoc, l.nextline AS nextline, l.previousdoc AS previousdoc, l.previousline AS previousline,"+
				" l.previoustype AS previoustype, l.foreignamount AS amount FROM PreviousTransactionLineLink l WHERE l.nextdoc IN (%s) ORDER BY l.nextdoc, l.nextline, l.previousdoc, l.previousline", group)
			if err != nil {
				return l, err
			}
			for _, row := range rows {
				l.add(row)
				above[row["previousdoc"]] = true
			}
		}
		maps.DeleteFunc(above, func(id string, _ bool) bool { return asked[id] || l.orders[id] })
		if len(above) == 0 {
			break
		}
		maps.Copy(asked, above)
		next = above
	}
	return l, nil
}

func (l *links) add(row suitetalk.Row) {
	from, to := row["nextdoc"], row["previousdoc"]
	if from == to {
		return
	}
	if row["previoustype"] == typeOf[event.ChangeSalesOrder] {
		l.orders[to] = true
	}
	l.amounts[link{from, to}] = append(l.amounts[link{from, to}], row["amount"])
	if !slices.Contains(l.above[from], to) {
		l.above[from] = append(l.above[from], to)
	}
	at := place{from, row["nextline"]}
	if _, known := l.lines[at]; !known && row["nextline"] != "0" && row["previousline"] != "0" {
		l.lines[at] = place{to, row["previousline"]}
	}
}

// tops lists where the ways up from a document end, sales orders first.
func (l *links) tops(document string) []string {
	var orders, others []string
	seen := map[string]bool{}
	var walk func(id string)
	walk = func(id string) {
		if seen[id] {
			return
		}
		seen[id] = true
		switch {
		case l.orders[id]:
			orders = append(orders, id)
		case len(l.above[id]) == 0:
			others = append(others, id)
		default:
			for _, above := range l.above[id] {
				walk(above)
			}
		}
	}
	walk(document)
	return append(orders, others...)
}

// orderLine follows a line up to the sales order's; "" if it does not lead there.
func (l *links) orderLine(order, record, line string) string {
	at := place{record, line}
	for range generations {
		if at.record == order {
			return at.line
		}
		next, known := l.lines[at]
		if !known {
			return ""
		}
		at = next
	}
	return ""
}

// owner is the shop's order that a record belongs to.
type owner struct {
	store, order, salesOrder string
	kind                     string // of the record itself: a push may be wrong about it
	applied                  []event.Applied
}

// owners finds the orders that documents belong to: by the sales order they were made from, or by an externalId of
// ours on the way. Documents of others have none.
func (w *Watcher) owners(ctx context.Context, l links, records map[string]bool) (map[string]owner, error) {
	tops := map[string]bool{}
	for id := range records {
		for _, top := range l.tops(id) {
			tops[top] = true
		}
		tops[id] = true
	}
	heads, err := headsOf(ctx, w, tops)
	if err != nil {
		return nil, err
	}
	owners := map[string]owner{}
	for id := range records {
		if heads[id].kind == "" {
			continue // gone meanwhile, or of no kind that is told
		}
		o := w.nearest(l, heads, id)
		if o.order == "" {
			continue
		}
		parts, exact, err := w.parts(l, heads, id)
		if err != nil {
			return nil, err
		}
		o.kind, o.applied = heads[id].kind, shares(parts, exact)
		owners[id] = o
	}
	return owners, w.nameOrders(ctx, owners)
}

// nearest is the order that a document belongs to: the first way up that leads to one of ours.
func (w *Watcher) nearest(l links, heads map[string]head, id string) owner {
	for _, top := range append(l.tops(id), id) {
		if o := w.ownerOf(heads[top]); o.order != "" {
			return o
		}
	}
	return owner{}
}

// nameOrders finds the sales orders of owners that are known by name only.
func (w *Watcher) nameOrders(ctx context.Context, owners map[string]owner) error {
	lacking := map[string]bool{}
	for _, o := range owners {
		if o.salesOrder == "" {
			lacking[name{o.store, o.order}.externalID()] = true
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	heads, err := w.heads(ctx, fmt.Sprintf("t.type = 'SalesOrd' AND LOWER(t.externalid) IN (%s)", suitetalk.In(slices.Sorted(maps.Keys(lacking)))))
	if err != nil {
		return err
	}
	for id, o := range owners {
		for _, h := range heads {
			if n, _ := w.names.of(h.externalID); o.salesOrder == "" && n == (name{o.store, o.order}) {
				o.salesOrder = h.id
				owners[id] = o
			}
		}
	}
	return nil
}

package watch

import (
	"slices"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// part is what one order gets of a refund; the zero owner stands for everything that is not ours.
type part struct {
	owner  owner
	amount money.Amount
}

// same tells whether two owners are the same order.
func (o owner) same(other owner) bool { return o.store == other.store && o.order == other.order }

// ownerOf is the order at which a way up ends; the zero value where that is none of ours.
func (w *Watcher) ownerOf(top head) owner {
	n, ours := w.names.of(top.externalID)
	if !ours {
		return owner{}
	}
	o := owner{store: n.store, order: n.order}
	if top.kind == event.ChangeSalesOrder {
		o.salesOrder = top.id
	}
	return o
}

// parts splits a customer refund over the orders that it pays, by what it applies to each document above it. There is
// nothing to split where one order gets everything. Invariant 5: where NetSuite's amounts do not tell whose money it is,
// or do not add up to the refund's, exact is false.
func (w *Watcher) parts(l links, heads map[string]head, refund string) (list []part, exact bool, err error) {
	for _, top := range l.tops(refund) {
		list = with(list, w.ownerOf(heads[top]), money.Zero)
	}
	if heads[refund].kind != event.ChangeRefund || len(list) < 2 {
		return nil, true, nil
	}
	exact, sum := true, money.Zero
	for _, document := range l.above[refund] {
		amount, err := l.applied(refund, document)
		if err != nil {
			return nil, false, err
		}
		var to []part
		for _, top := range l.tops(document) {
			to = with(to, w.ownerOf(heads[top]), amount)
		}
		exact = exact && len(to) == 1
		list, sum = with(list, to[0].owner, amount), sum.Add(amount)
	}
	total, err := money.Parse(heads[refund].total)
	return list, exact && err == nil && sum.Equal(total.Abs()), nil
}

// with gives a list in which an owner's part has grown by an amount.
func with(list []part, o owner, amount money.Amount) []part {
	at := slices.IndexFunc(list, func(p part) bool { return p.owner.same(o) })
	if at < 0 {
		return append(list, part{o, amount})
	}
	list[at].amount = list[at].amount.Add(amount)
	if list[at].owner.salesOrder == "" {
		list[at].owner.salesOrder = o.salesOrder
	}
	return list
}

// applied is what a refund applies to a document above it. The ledger's sign is the ledger's matter.
func (l *links) applied(refund, document string) (money.Amount, error) {
	sum := money.Zero
	for _, text := range l.amounts[link{refund, document}] {
		amount, err := money.Parse(text)
		if err != nil {
			return sum, fault.New(fault.NetSuiteAnswerUnusable, "want a decimal number", fault.Field("link "+document+" to "+refund+": amount", text), fault.Because(err))
		}
		sum = sum.Add(amount.Abs())
	}
	return sum, nil
}

// shares writes the parts of ours as an event has them.
func shares(parts []part, exact bool) []event.Applied {
	var list []event.Applied
	for _, p := range parts {
		if p.owner.order == "" {
			continue
		}
		a := event.Applied{Store: p.owner.store, Order: p.owner.order, SalesOrder: p.owner.salesOrder}
		if exact {
			a.Total = &p.amount
		}
		list = append(list, a)
	}
	return list
}

// follow keeps the orders that a refund paid before: each must learn that it gets nothing any more.
func follow(e, before event.NetSuiteChangedV1) []event.Applied {
	earlier := payees(before)
	if e.Kind != event.ChangeRefund || before.Order == "" || !slices.ContainsFunc(earlier, func(a event.Applied) bool { return !pays(e, a) }) {
		return e.Applied
	}
	list := payees(e)
	for _, a := range earlier {
		if !pays(e, a) {
			nothing := money.Zero
			a.Total = &nothing
			list = append(list, a)
		}
	}
	return list
}

// payees lists what each order gets of a refund.
func payees(e event.NetSuiteChangedV1) []event.Applied {
	if len(e.Applied) > 0 {
		return slices.Clone(e.Applied)
	}
	return []event.Applied{{Store: e.Store, Order: e.Order, SalesOrder: e.SalesOrder, Total: e.Total}}
}

func pays(e event.NetSuiteChangedV1, a event.Applied) bool {
	return slices.ContainsFunc(payees(e), func(p event.Applied) bool { return p.Store == a.Store && p.Order == a.Order })
}

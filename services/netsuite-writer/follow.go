package netsuitewriter

import (
	"context"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
)

// give writes the order with the status that the decision leaves it, and remembers which one we gave. Until a write is read back
// nobody knows which one that is.
func (w *writer) give(ctx context.Context, j *job, d plan.Decision) (outcome, error) {
	if d.Status != "" {
		asked := j.desired.SalesOrder.OrderStatus
		j.desired.SalesOrder.OrderStatus = d.Status
		defer func() { j.desired.SalesOrder.OrderStatus = asked }()
	}
	done, err := w.write(ctx, j)
	switch so := j.ledger.SalesOrder; {
	case err != nil && j.unread && so != nil && d.Status == "":
		unknown := *so
		unknown.Given, unknown.GivenFor = "", ""
		j.ledger.SalesOrder = &unknown
	case err != nil:
	case d.Status == "":
		so.Given, so.GivenFor = plan.Letter(j.desired), j.desired.Source.Status
	default:
		done.rule, j.notes = d.Rule, append(j.notes, d.Reason)
	}
	return done, err
}

// settles tells whether the order's money is looked after: there is a sales order, and writing is allowed.
func settles(o outcome, f plan.Facts) bool {
	return o.kind == event.OutcomeSynced || o.kind == event.OutcomeVerified || o.kind == event.OutcomeSkipped && f.Status != ""
}

// follow changes an order that later documents rest on. Where goods were given back it is brought to what is left of it, the
// shop's state at hand stays: its money is booked by that one. An order that cannot follow is kept.
func (w *writer) follow(ctx context.Context, j *job, now held, kept outcome) (done outcome, err error) {
	if j.goods == nil {
		return w.alter(ctx, j, now)
	}
	shop, before := j.desired, ""
	if j.ledger.SalesOrder != nil {
		before = j.ledger.SalesOrder.AppliedHash
	}
	j.desired = j.goods.Order
	defer func() { j.desired = shop }()
	done, err = w.alter(ctx, j, now)
	switch {
	case err != nil:
	case done.kind == "":
		return kept, nil
	case len(j.goods.Open) > 0 && j.ledger.SalesOrder != nil:
		j.ledger.SalesOrder.AppliedHash = before // a question is asked until it is answered
	}
	return done, err
}

// askGoods asks about goods given back that may still be shipped.
func (j *job) askGoods() error {
	if j.goods == nil || len(j.goods.Open) == 0 {
		return nil
	}
	return j.ask(j.desired.SalesOrder.ExternalID, fault.New(fault.RefundedGoodsOpen, "the warehouse must not ship what was given back", fault.Field("lines", strings.Join(j.goods.Open, "; "))))
}

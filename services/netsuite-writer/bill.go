package netsuitewriter

import (
	"context"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// bill bills the order, if it is to be billed.
func (w *writer) bill(ctx context.Context, j *job, wanted *event.Bill) error {
	if wanted == nil {
		return nil
	}
	b, err := w.discounted(ctx, j, *wanted)
	if err != nil {
		return err
	}
	id, err := w.make(ctx, j, document{
		record: b.Record, externalID: b.ExternalID, refs: plan.Money{Bill: &b}.Refs(),
		request: func(ids plan.IDs) (suitetalk.Request, error) {
			body, err := plan.Bill(b, ids)
			return suitetalk.Transform("salesOrder", j.ledger.SalesOrder.ID, b.Record, body), err
		},
	})
	if err == nil && id != "" {
		j.ledger.Bill = &event.RecordID{ID: id, ExternalID: b.ExternalID}
	}
	return err
}

// discounted says the order's header discount again on a bill that takes all of the order. What was read of the order is at hand but
// in a try that goes on where another one stopped.
func (w *writer) discounted(ctx context.Context, j *job, b event.Bill) (event.Bill, error) {
	if !plan.IsDiscounted(j.desired.SalesOrder) {
		return b, nil
	}
	if j.held.id == "" {
		if _, err := w.read(ctx, j); err != nil {
			return b, err
		}
	}
	if !plan.BillsAll(j.held.status, j.held.lines) {
		return b, nil
	}
	return plan.Discounted(b, j.desired.SalesOrder), nil
}

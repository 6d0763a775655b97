package netsuitewriter

import (
	"context"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// bill bills the order, if it is to be billed, and enters the total to verify by externalId.
func (w *writer) bill(ctx context.Context, j *job, wanted *event.Bill, made map[string]money.Amount) error {
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
		j.billed(id, b.ExternalID)
		made[b.ExternalID] = j.ledger.SalesOrder.Total
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

// billed enters a bill that is still to be verified.
func (j *job) billed(id, externalID string) {
	j.ledger.Bill, j.ledger.BillUnverified = &event.RecordID{ID: id, ExternalID: externalID}, true
}

// unverified looks again at a bill that was not verified when it was made, or is not what it has to be: people put it right, or
// delete it, and then it lacks again.
func (w *writer) unverified(ctx context.Context, j *job) error {
	if !j.ledger.BillUnverified || j.ledger.Bill == nil {
		return nil
	}
	externalID := j.ledger.Bill.ExternalID
	found, err := w.look(ctx, j, w.payments, []string{externalID})
	if err != nil {
		return err
	}
	if p, is := found[strings.ToLower(externalID)]; is {
		return w.checkBill(ctx, j, p)
	}
	j.ledger.Bill, j.ledger.BillUnverified = nil, false
	return nil
}

// checkBill compares the bill with its sales order. A bill of all of it with another total is a question; what a bill of a part
// bills is said. Invariant 5: to the cent, or named.
func (w *writer) checkBill(ctx context.Context, j *job, p paper) error {
	name, want, whole := j.ledger.Bill.ExternalID, j.ledger.SalesOrder.Total, true
	if !p.total.Equal(want) {
		var err error
		if want, whole, err = w.billable(ctx, j); err != nil {
			return err
		}
	}
	switch {
	case p.total.Equal(want):
	case whole:
		return j.ask(name, fault.New(fault.VerificationMismatch, "the bill of the whole order must have its total "+want.String(), fault.Field(name, p.total.String())))
	default:
		j.notes = append(j.notes, name+" bills "+p.total.String()+" of the order's "+want.String())
	}
	j.ledger.BillUnverified = false
	return nil
}

// billable reads the sales order's total as it is now, and whether the ledger's bill bills all of it.
func (w *writer) billable(ctx context.Context, j *job) (total money.Amount, whole bool, err error) {
	now, err := w.read(ctx, j)
	switch {
	case err != nil:
		return now.total, false, err
	case now.id == "":
		return now.total, false, fault.New(fault.NetSuiteAmbiguous, "the order must be found after its bill", fault.Field("externalId", j.ledger.SalesOrder.ExternalID))
	case !plan.IsBilledWhole(now.lines):
		return now.total, false, nil
	}
	bills, err := w.bills(ctx, j)
	others := slices.ContainsFunc(bills, func(b plan.Billed) bool { return b.ID != j.ledger.Bill.ID })
	return now.total, !others, err
}

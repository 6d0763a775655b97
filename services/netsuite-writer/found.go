package netsuitewriter

import (
	"context"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
)

// earlier tells whether a try or a state before this one may have left records in NetSuite of which no ledger tells: the
// writer may have died, or been refused a call, between a write and its record.
func (w *writer) earlier(j *job) bool {
	return j.last != nil || j.desired.Source.Replaces > 0 || j.message.StoredAt.Before(w.started)
}

// unrecorded looks for a sales order of which the ledger does not tell. It is asked for once a write was refused: a first
// create costs no look, and what is there takes a write as long as no later document rests on it.
func (w *writer) unrecorded(ctx context.Context, j *job) (bool, error) {
	if !w.earlier(j) {
		return false, nil
	}
	now, err := w.read(ctx, j)
	j.found = now.id != ""
	return j.found && err == nil, err
}

// takeIn enters an order that was found in the ledger, which has nothing applied to it yet. Its lines are known where they are
// the desired ones.
func (w *writer) takeIn(j *job, now held) {
	so := event.LedgerOrder{
		RecordID: event.RecordID{ID: now.id, ExternalID: now.externalID}, TranID: now.tranID, Status: now.status, Total: now.total, VerifiedAt: w.now(),
	}
	if want := j.desired.SalesOrder.Lines; len(want) == len(now.lines) && plan.LineDiffers(want, now.lines) == "" {
		for i, l := range now.lines {
			so.Lines = append(so.Lines, event.LedgerLine{Key: want[i].Key, Line: l.Number, Amount: l.Amount, Closed: l.Closed})
		}
	}
	j.ledger.SalesOrder, j.ledger.Customer = &so, &event.RecordID{ID: now.customer}
}

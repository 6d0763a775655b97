package netsuitewriter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
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

// lookAll looks for records by name, and for all the shares of refunds. A share is made once the one before it is there: the third and
// later ones are looked for where those before them are known.
func (w *writer) lookAll(ctx context.Context, j *job, names []string, refunds []event.CustomerRefund) (map[string]paper, error) {
	for _, r := range refunds {
		names = slices.Concat(names, plan.ShareIDs(r, 1), plan.ShareIDs(r, 2))
	}
	found := map[string]paper{}
	for part := 3; len(names) > 0; part++ {
		more, err := w.look(ctx, j, w.payments, names)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, more)
		names = nil
		for _, r := range refunds {
			if slices.ContainsFunc(plan.ShareIDs(r, part-1), func(id string) bool { _, is := found[strings.ToLower(id)]; return is || entered(j.ledger, id) != nil }) {
				names = append(names, plan.ShareIDs(r, part)...)
			}
		}
	}
	return found, nil
}

// enterFound takes what was found of a refund into the ledger, its credits first: they tell what it may have paid.
func (w *writer) enterFound(ctx context.Context, j *job, r event.CustomerRefund, found map[string]paper) error {
	whole := strings.ToLower(r.ExternalID)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if name != whole && plan.IsShare(name, r) && entered(j.ledger, name) == nil {
			p := found[name]
			j.ledger.Credits = append(j.ledger.Credits, entryOf(p.id, p.externalID, r.Refund, p.total))
		}
	}
	if p, is := found[whole]; is && !plan.Booked(j.ledger, r) {
		return w.enterRefund(ctx, j, entryOf(p.id, r.ExternalID, r.Refund, p.total), p.kind)
	}
	return nil
}

// enterRefund enters a refund that was found. One of a cash sale took nothing from deposits, one without a credit all of it; what
// another one took is asked.
func (w *writer) enterRefund(ctx context.Context, j *job, entry event.LedgerMoney, kind string) (err error) {
	fromDeposits := entry.Amount
	switch {
	case kind == "CashRfnd":
		fromDeposits = money.Zero
	case slices.ContainsFunc(j.ledger.Credits, func(credit event.LedgerMoney) bool { return credit.Key == entry.Key }):
		if fromDeposits, err = w.drawn(ctx, j, entry.ID); err != nil {
			return err
		}
	}
	j.refunded(entry, fromDeposits)
	return nil
}

// drawn reads what a customer refund took from deposits.
func (w *writer) drawn(ctx context.Context, j *job, refund string) (sum money.Amount, err error) {
	rows, calls, err := w.client.Query(ctx, "read what a refund took from deposits", fmt.Sprintf(
		"SELECT l.nextdoc AS id, l.foreignamount AS amount FROM PreviousTransactionLineLink l WHERE l.nextdoc = %s AND l.previoustype = 'CustDep' ORDER BY l.previousdoc", suitetalk.Quote(refund)))
	j.add(calls)
	for _, row := range rows {
		amount, err := amountOf(row, "amount")
		if err != nil {
			return sum, err
		}
		sum = sum.Add(amount.Abs())
	}
	return sum, err
}

package netsuitewriter

import (
	"cmp"
	"context"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// ruleCannotChange names orders that differ from the shop's because later documents rest on them.
const ruleCannotChange = "cannot-change"

// alter makes the lines and the money of an order that is fulfilled or billed, wholly or partly, what the shop says; its
// addresses and other fields stay. Every attempt begins with what NetSuite holds now, so that what an earlier one did,
// whose answer was lost, is never done again (Invariant 2). The outcome has no kind where only goods given back may change,
// and more would.
func (w *writer) alter(ctx context.Context, j *job, now held) (outcome, error) {
	refs := plan.Refs(j.desired)
	ids, calls, err := w.directory.resolve(ctx, refs, j.retry)
	j.add(calls)
	if err != nil {
		return outcome{}, err
	}
	change, err := w.changeOf(j, now, ids)
	switch {
	case err != nil:
		return outcome{}, err
	case !j.goods.Allows(change):
		return outcome{}, nil
	case len(change.Why) > 0:
		return outcome{event.OutcomeSkipped, ruleCannotChange, "cannot change, because " + plan.Progress(now.status) + ": " + strings.Join(change.Why, "; ")}, nil
	case !change.Lines() && totalDiffers(j.desired, now) == nil:
		w.enter(j, now, change.Keys)
		return outcome{kind: event.OutcomeVerified, reason: plan.Progress(now.status) + ": lines and total are the shop's, other fields are kept"}, nil
	}
	body, err := change.Body(j.desired, ids)
	if err != nil {
		return outcome{}, err
	}
	if err := w.patch(ctx, j, now.id, body, ids); err != nil {
		w.doubt(err, refs)
		return outcome{}, err
	}
	after, err := w.reread(ctx, j)
	if err != nil {
		return outcome{}, err
	}
	if change.Keys, err = w.altered(j, after, ids); err != nil {
		return outcome{}, err
	}
	w.enter(j, after, change.Keys)
	return outcome{kind: event.OutcomeSynced, reason: strings.Join(append([]string{plan.Progress(now.status) + ": lines changed one by one"}, change.Said...), "; ")}, nil
}

func (w *writer) changeOf(j *job, now held, ids plan.IDs) (plan.Change, error) {
	var known []event.LedgerLine
	if j.ledger.SalesOrder != nil {
		known = j.ledger.SalesOrder.Lines
	}
	return plan.ChangeOf(j.desired, now.lines, known, ids, w.config.LineColumn, j.goods.Stays()...)
}

// patch sends the change. It appends lines, so it is never repeated unread: an answer that was lost is looked after, and
// without a trace of it the whole attempt begins anew.
func (w *writer) patch(ctx context.Context, j *job, id string, body []byte, ids plan.IDs) error {
	if err := w.pinned(ctx); err != nil {
		return err
	}
	w.touched.mark(j.subject, j.message.Sequence)
	r := suitetalk.Patch("salesOrder", id, body, "taxDetails")
	r.Purpose = "change lines of sales order"
	_, err := w.send(ctx, j, "salesOrder", r)
	if fault.CodeOf(err) != fault.NetSuiteAmbiguous {
		return err
	}
	now, lookErr := w.read(ctx, j)
	if lookErr == nil {
		if _, differs := w.altered(j, now, ids); differs == nil {
			return nil
		}
	}
	return cmp.Or(lookErr, w.givenUp(j, "", err)) // late, it appends its lines behind those of the next try
}

// altered tells whether a read-back shows the desired lines and total, and gives the keys of its lines.
func (w *writer) altered(j *job, now held, ids plan.IDs) (keys []string, err error) {
	if err := totalDiffers(j.desired, now); err != nil {
		return nil, err
	}
	rest, err := w.changeOf(j, now, ids)
	if err == nil && (rest.Lines() || len(rest.Why) > 0) {
		err = mismatch("lines", strings.Join(append(rest.Why, rest.Said...), "; "), "the desired lines")
	}
	return rest.Keys, err
}

package netsuitewriter

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
)

// For how long verifications gather while orders follow one another. Where nothing but the record waits for it, the shop
// hears of its order a little later, and an order costs a seventh of a call less at ten a second; where money is booked
// next, it waits for less. In a backlog the slots are what is scarce.
var (
	following = linger{idle: 1500 * time.Millisecond, urgent: 200 * time.Millisecond, enough: 20}
	crowding  = linger{idle: 2 * time.Second, urgent: 2 * time.Second}
)

func (w *writer) linger() linger {
	if w.crowded() {
		return crowding
	}
	return following
}

// read reads the order back, grouped with others.
func (w *writer) read(ctx context.Context, j *job) (held, error) {
	return w.load(ctx, j, w.readBacks, true)
}

// reread reads it back after a write. Urgent only where money is booked next.
func (w *writer) reread(ctx context.Context, j *job) (held, error) {
	j.saved = w.now()
	return w.load(ctx, j, w.verifies, !plan.Lacking(j.desired, j.ledger).Empty())
}

func (w *writer) load(ctx context.Context, j *job, from *loader[held], urgent bool) (held, error) {
	key := strings.ToLower(j.desired.SalesOrder.ExternalID)
	orders, calls, err := from.load(ctx, []string{key}, urgent)
	j.add(calls)
	if err == nil {
		j.held = orders[key]
	}
	return orders[key], err
}

// verify accepts only what a read-back shows: total, lines and status.
func (w *writer) verify(ctx context.Context, j *job) (outcome, error) {
	now, err := w.reread(ctx, j)
	if err != nil {
		return outcome{}, err
	}
	if err := w.differs(j.desired, now); err != nil {
		return outcome{}, err
	}
	j.unread = false
	keys := make([]string, len(now.lines))
	for i, line := range j.desired.SalesOrder.Lines {
		keys[i] = line.Key
	}
	w.enter(j, now, keys)
	done := outcome{kind: event.OutcomeSynced}
	switch difference := now.total.Sub(j.desired.Expected.Total); {
	case difference.IsZero():
	case closedLeave(j.desired, now):
		done.reason = "NetSuite leaves closed lines out of the total: it is " + now.total.String() + ", and was " + j.desired.Expected.Total.String()
	default:
		done.reason = "NetSuite computes tax: its total differs from the shop's by " + difference.String()
	}
	return done, nil
}

// enter takes a verified order into the ledger; keys name its lines.
func (w *writer) enter(j *job, now held, keys []string) {
	lines := make([]event.LedgerLine, len(now.lines))
	for i, l := range now.lines {
		lines[i] = event.LedgerLine{Key: keys[i], Line: l.Number, Amount: l.Amount, Closed: l.Closed}
	}
	before := event.LedgerOrder{}
	if j.ledger.SalesOrder != nil {
		before = *j.ledger.SalesOrder
	}
	goods, since := w.goods(j, now)
	j.ledger.SalesOrder = &event.LedgerOrder{
		RecordID: event.RecordID{ID: now.id, ExternalID: now.externalID, Adopted: before.Adopted}, Given: before.Given, GivenFor: before.GivenFor,
		TranID: now.tranID, Status: now.status, Total: now.total, Lines: lines, AppliedHash: j.desired.Hash, Revision: j.desired.Source.Revision, VerifiedAt: w.now(),
		Goods: goods, GoodsAt: since,
	}
}

// goods says what the order takes of stock and since when NetSuite commits it: an edit of anything else does not count it
// anew. An order that waits for approval commits nothing.
func (w *writer) goods(j *job, now held) (map[string]money.Number, *time.Time) {
	goods, before := j.desired.SalesOrder.Goods(), j.ledger.SalesOrder
	if now.status == "A" {
		return goods, nil
	}
	if before != nil && before.GoodsAt != nil && maps.EqualFunc(goods, before.Goods, money.Number.Equal) {
		return goods, before.GoodsAt
	}
	since := j.saved
	if since.IsZero() { // nothing was written: NetSuite holds it already
		since = w.now()
	}
	return goods, &since
}

func mismatch(field, have, want string) error {
	return fault.New(fault.VerificationMismatch, "NetSuite must hold "+want, fault.Field(field, have))
}

// differs names what a read-back shows otherwise than desired.
func (w *writer) differs(d event.DesiredOrderV1, now held) error {
	err := totalDiffers(d, now)
	switch {
	case err != nil:
		return err
	case len(now.lines) != d.Expected.Lines:
		return mismatch("lines", fmt.Sprint(len(now.lines)), fmt.Sprint(d.Expected.Lines))
	case plan.LineDiffers(d.SalesOrder.Lines, now.lines) != "":
		return mismatch("lines", plan.LineDiffers(d.SalesOrder.Lines, now.lines), "the desired lines")
	case !plan.StatusFits(d, now.status):
		return mismatch("status", now.status, fmt.Sprintf("%s (closed: %v)", d.SalesOrder.OrderStatus, d.SalesOrder.Closed))
	default:
		return nil
	}
}

// closedLeave tells whether a closed order's total is the desired one without what its lines and their taxes count: whether
// closed lines stay in the total differs from account to account.
func closedLeave(d event.DesiredOrderV1, now held) bool {
	if !d.SalesOrder.Closed {
		return false
	}
	left, net := d.Expected.Total, d.Expected.Net
	onLines := map[string]bool{}
	for _, line := range d.SalesOrder.Lines {
		left, net = left.Sub(line.Amount), net.Sub(line.Amount)
		onLines[line.TaxReference] = line.TaxReference != ""
	}
	for _, tax := range d.SalesOrder.TaxDetails {
		if onLines[tax.Reference] {
			left = left.Sub(tax.Amount)
		}
	}
	if d.SalesOrder.TaxMode == event.TaxOverride || d.SalesOrder.TaxMode == event.TaxLines {
		return now.total.Equal(left)
	}
	return now.total.Sub(now.tax).Equal(net)
}

// totalDiffers names a total that is not the desired one. Invariant 5: to the cent.
func totalDiffers(d event.DesiredOrderV1, now held) error {
	switch {
	case now.id == "":
		return fault.New(fault.NetSuiteAmbiguous, "the order must be found after the write", fault.Field("externalId", d.SalesOrder.ExternalID))
	case closedLeave(d, now):
		return nil
	case d.SalesOrder.TaxMode == event.TaxEngine && !now.total.Sub(now.tax).Equal(d.Expected.Net):
		return mismatch("total without tax", now.total.Sub(now.tax).String(), d.Expected.Net.String())
	case d.SalesOrder.TaxMode != event.TaxEngine && !now.total.Equal(d.Expected.Total):
		return mismatch("total", now.total.String(), d.Expected.Total.String())
	default:
		return nil
	}
}

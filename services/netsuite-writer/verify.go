package netsuitewriter

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
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
	return w.load(ctx, j, w.verifies, !plan.Lacking(j.desired, j.ledger).Empty())
}

func (w *writer) load(ctx context.Context, j *job, from *loader[held], urgent bool) (held, error) {
	key := strings.ToLower(j.desired.SalesOrder.ExternalID)
	orders, calls, err := from.load(ctx, []string{key}, urgent)
	j.add(calls)
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
	keys := make([]string, len(now.lines))
	for i, line := range j.desired.SalesOrder.Lines {
		keys[i] = line.Key
	}
	w.enter(j, now, keys)
	done := outcome{kind: event.OutcomeSynced}
	if difference := now.total.Sub(j.desired.Expected.Total); !difference.IsZero() {
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
	j.ledger.SalesOrder = &event.LedgerOrder{
		RecordID: event.RecordID{ID: now.id, ExternalID: now.externalID, Adopted: j.ledger.SalesOrder != nil && j.ledger.SalesOrder.Adopted},
		TranID:   now.tranID, Status: now.status, Total: now.total, Lines: lines, AppliedHash: j.desired.Hash, Revision: j.desired.Source.Revision, VerifiedAt: w.now(),
	}
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
	case !plan.StatusFits(d, now.status):
		return mismatch("status", now.status, fmt.Sprintf("%s (closed: %v)", d.SalesOrder.OrderStatus, d.SalesOrder.Closed))
	default:
		return nil
	}
}

// totalDiffers names a total that is not the desired one. Invariant 5: to the cent.
func totalDiffers(d event.DesiredOrderV1, now held) error {
	switch {
	case now.id == "":
		return fault.New(fault.NetSuiteAmbiguous, "the order must be found after the write", fault.Field("externalId", d.SalesOrder.ExternalID))
	case d.SalesOrder.TaxMode == event.TaxEngine && !now.total.Sub(now.tax).Equal(d.Expected.Net):
		return mismatch("total without tax", now.total.Sub(now.tax).String(), d.Expected.Net.String())
	case d.SalesOrder.TaxMode != event.TaxEngine && !now.total.Equal(d.Expected.Total):
		return mismatch("total", now.total.String(), d.Expected.Total.String())
	default:
		return nil
	}
}

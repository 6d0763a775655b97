package netsuitewriter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
)

// open reads the order's ledger.
func (w *writer) open(ctx context.Context, j *job) error {
	j.subject = subject.Sync{Account: w.key, Store: j.desired.Store, Order: j.desired.Order}.String()
	stream, err := w.js.Stream(ctx, topology.Outcomes)
	if err != nil {
		return publish.Classify(err)
	}
	raw, err := stream.GetLastMsgForSubject(ctx, j.subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return publish.Classify(err)
	}
	last, err := outcomeOf(j.subject, raw.Sequence, raw.Data)
	if err != nil {
		return err
	}
	j.sequence, j.last, j.ledger = raw.Sequence, &last, last.Ledger
	if late := j.ledger.Late; late != nil && !w.now().Before(late.GivenUp.Add(w.config.Late.Std())) {
		j.ledger.Late = nil
	}
	if last.Desired.Hash != j.desired.Hash {
		j.ledger.Attempts = 0
	}
	return nil
}

// desiredOf reads a desired state, and gives the rates of its tax details the form that the account takes.
func (w *writer) desiredOf(name string, sequence uint64, data []byte) (event.DesiredOrderV1, error) {
	desired, err := codec.Decode[event.DesiredOrderV1](data)
	if err != nil {
		return desired, fault.New(fault.MessageUndecodable, "want a desired state", fault.Field(name, fmt.Sprint(sequence)), fault.Because(err))
	}
	if w.config.TaxRate == "fraction" {
		plan.Fractions(desired.SalesOrder.TaxDetails)
	}
	return desired, nil
}

// outdated tells whether DESIRED holds a later state than a message that waited: that one is delivered by itself, and
// its outcome names this one as superseded. Five edits during an outage cost one write.
func (w *writer) outdated(ctx context.Context, m consume.Message) (bool, error) {
	newest, err := w.wanted(ctx, m.Subject)
	return err == nil && newest.Sequence > m.Sequence, err
}

// wanted is the newest desired state of an order.
func (w *writer) wanted(ctx context.Context, name string) (*jetstream.RawStreamMsg, error) {
	stream, err := w.js.Stream(ctx, topology.Desired)
	if err != nil {
		return nil, publish.Classify(err)
	}
	newest, err := stream.GetLastMsgForSubject(ctx, name)
	if err != nil {
		return nil, publish.Classify(err)
	}
	return newest, nil
}

// newest takes the newest desired state in place of the one at hand: our own call may have overwritten what
// another writer recorded meanwhile, so the newest is written again.
func (w *writer) newest(ctx context.Context, j *job) error {
	raw, err := w.wanted(ctx, j.message.Subject)
	if err != nil {
		return err
	}
	desired, err := w.desiredOf(j.message.Subject, raw.Sequence, raw.Data)
	if err != nil {
		return err
	}
	j.desired, j.message.Sequence = desired, raw.Sequence
	return nil
}

// replaced notes the states that this one replaced before any outcome was recorded about them: while NetSuite was
// away, DESIRED kept the newest only. Invariant 3: they are superseded by a later state. It gives when the first of them came.
func (w *writer) replaced(ctx context.Context, j *job) (since time.Time, err error) {
	var after event.DesiredTaken
	if j.last != nil {
		after = j.last.Desired
	}
	if j.last != nil && j.last.Kind == event.OutcomeRetried { // tried, not done
		after.Sequence, after.Orders = after.Sequence-1, after.Orders-1
	}
	if j.desired.Source.Replaces <= after.Sequence {
		return since, nil
	}
	stream, err := w.js.Stream(ctx, topology.Orders)
	if err != nil {
		return since, publish.Classify(err)
	}
	for next := after.Orders + 1; ; {
		m, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(subject.OrdersOf(j.desired.Store, j.desired.Order)))
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			return since, nil
		case err != nil:
			return since, publish.Classify(err)
		case m.Sequence >= j.desired.Source.Sequence:
			return since, nil
		}
		state, err := codec.Decode[event.OrderStateV1](m.Data)
		if err != nil {
			return since, fault.New(fault.MessageUndecodable, "want an order event", fault.Field(m.Subject, fmt.Sprint(m.Sequence)), fault.Because(err))
		}
		if since.IsZero() {
			since = m.Time
		}
		j.superseded, next = append(j.superseded, event.Superseded{Orders: m.Sequence, Status: state.Status}), m.Sequence+1
	}
}

// lapses tells whether a state that this one replaced may have been written, and no outcome tells of it: by this process, which
// has told of nothing that it wrote since, or by the one before, to which it was delivered. Of several the position of the last
// alone is known; the first may have come before this process was the active one.
func (w *writer) lapses(j *job, since time.Time) bool {
	if len(j.superseded) == 0 {
		return false
	}
	through, active := w.inherited()
	var recorded uint64
	if j.last != nil {
		recorded = j.last.Desired.Sequence
	}
	inherited := through > recorded && (j.desired.Source.Replaces <= through || len(j.superseded) > 1 && !since.After(active))
	return inherited || w.touched.untold(j.subject, j.last)
}

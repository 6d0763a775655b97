package netsuitewriter

import (
	"context"
	"fmt"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// A writer that is killed or frozen may leave a request under way, and NetSuite may work on it after another writer wrote
// a newer state of the same order. Nobody sees that happen. So an order of which an unrecorded state may be in the hands of
// the writer before is written at once and, when no request of that writer can run any more, once more (Invariant 4). That
// stands in DESIRED as a message of its own, so that it outlives this writer too. A writer that wakes and finds that it
// wrote an older state hands the order to the active one in the same way.

// late is for how long NetSuite may work on a request after its sender has given it up.
const late = 15 * time.Second

// over is when no request of the writer before can be under way any more.
func (w *writer) over() time.Time {
	_, since := w.inherited()
	return since.Add(w.config.Timeout.Std() + late)
}

// isContested tells whether the writer before may still write to the order: it was given a state that no outcome tells of.
func (w *writer) isContested(j *job) bool {
	var recorded uint64
	if j.last != nil {
		recorded = j.last.Desired.Sequence
	}
	through, _ := w.inherited()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.now().Before(w.over()) {
		clear(w.contested)
		return false
	}
	if replaces := j.desired.Source.Replaces; replaces > recorded && replaces <= through {
		w.contested[j.subject] = true
	}
	return w.contested[j.subject]
}

// onceMore publishes the desired state again, to be written after a time. A newer one that came meanwhile stands for it.
func (w *writer) onceMore(ctx context.Context, j *job, after time.Time) ([]publish.Message, error) {
	newest, err := w.wanted(ctx, j.message.Subject)
	if err != nil || newest.Sequence > j.message.Sequence {
		return nil, err
	}
	return []publish.Message{{
		Stream: topology.Desired, Subject: j.message.Subject, ID: fmt.Sprintf("once-more:%s:%d:%d", j.message.Subject, newest.Sequence, after.UnixNano()),
		Header: map[string][]string{
			event.HeaderType: newest.Header.Values(event.HeaderType), event.HeaderOrigin: {string(event.OriginRetry)}, event.HeaderNotBefore: {after.UTC().Format(time.RFC3339Nano)},
		},
		Data: newest.Data, Expect: &publish.Expect{Sequence: newest.Sequence},
	}}, nil
}

// leave hands an order to the active writer: this one, which is active no more, may have overwritten a newer state. Without
// a newer one the message itself is handed back.
func (w *writer) leave(ctx context.Context, j *job, lost error) ([]publish.Message, error) {
	newest, err := w.wanted(ctx, j.message.Subject)
	switch {
	case err != nil:
		return nil, err
	case newest.Sequence == j.message.Sequence:
		return nil, lost
	}
	j.message.Sequence = newest.Sequence
	return w.onceMore(ctx, j, w.now())
}

// notBefore makes a message wait for its time, which counts as no attempt.
func (w *writer) notBefore(m consume.Message) error {
	given := m.Header[event.HeaderNotBefore]
	if len(given) == 0 {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, given[0])
	if err != nil {
		return fault.New(fault.MessageUndecodable, "want a time of RFC 3339", fault.Field(event.HeaderNotBefore, given[0]), fault.Because(err))
	}
	if wait := at.Sub(w.now()); wait > 0 {
		return fault.New(fault.NetSuiteThrottled, "wait until the writer before can have nothing under way", fault.After(wait))
	}
	return nil
}

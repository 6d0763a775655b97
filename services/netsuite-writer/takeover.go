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

// NetSuite may work on a request that nobody waits for any more: its answer was not awaited, or its writer was killed or
// frozen. It may end after a newer state of the same order was written, and nobody sees that happen. So the ledger remembers
// such a request, and a state that is written while it may run is written once more, soon and when it can run no more
// (Invariant 4). That stands in DESIRED as a message of its own, so that it outlives this writer too. A writer that wakes and
// finds that it wrote an older state hands the order to the active one in the same way.

// soon is when NetSuite has most likely ended what was given up.
const soon = 15 * time.Second

// givenUp remembers a write of the sales order whose end is not known, and hands its error on. What comes late undoes no state
// of the same hash; the empty one differs from every state's.
func (w *writer) givenUp(j *job, hash string, err error) error {
	if fault.CodeOf(err) == fault.NetSuiteAmbiguous {
		j.lingers(hash, w.now())
		j.unread = true
	}
	return err
}

// remember puts a write that is not read back, or a payment that was given up, on record where the try counts as none, because
// NetSuite could not be asked what became of it: a state that comes meanwhile must know of it.
func (w *writer) remember(j *job, err error) ([]publish.Message, error) {
	if !j.unread && !j.unseen || fault.ClassOf(err) == fault.Interrupted { // what stops is inherited
		return nil, err
	}
	message, failed := w.entry(j, outcome{kind: event.OutcomeRetried, reason: err.Error()}, err)
	if failed != nil {
		return nil, failed
	}
	return []publish.Message{message}, err
}

// inherit remembers what the writer before may have under way: a state that was delivered to it and that no outcome tells of.
func (w *writer) inherit(j *job) {
	through, since := w.inherited()
	gone := since.Add(w.config.Timeout.Std()) // it gave its requests up by then
	var recorded uint64
	if j.last != nil {
		recorded = j.last.Desired.Sequence
	}
	switch replaces := j.desired.Source.Replaces; {
	case !w.now().Before(gone.Add(w.config.Late.Std())):
	case replaces > recorded && replaces <= through:
		j.lingers("", gone)
	case j.message.Sequence <= through:
		j.lingers(j.desired.Hash, gone)
	}
}

func (j *job) lingers(hash string, givenUp time.Time) {
	if late := j.ledger.Late; late != nil {
		if late.Hash != hash {
			hash = ""
		}
		if late.GivenUp.After(givenUp) {
			givenUp = late.GivenUp
		}
	}
	j.ledger.Late = &event.LedgerLate{Hash: hash, GivenUp: givenUp}
}

// contested tells whether a write that was given up may undo what the job wrote, or a payment may be made that its ledger does not
// tell of, and when to look at the state once more. What the job did may have come before the end of what was given up where it began
// before that, however late it is concluded.
func (w *writer) contested(j *job) (after time.Time, contested bool) {
	var givenUp time.Time
	if late := j.ledger.Late; late != nil && late.Hash != j.desired.Hash {
		givenUp = late.GivenUp
	}
	for _, u := range j.ledger.Unseen {
		if !j.unseen && u.GivenUp.After(givenUp) { // what this try gave up, the next one makes again
			givenUp = u.GivenUp
		}
	}
	over := givenUp.Add(w.config.Late.Std())
	if after = givenUp.Add(soon); after.After(over) || !w.now().Before(after) {
		after = over
	}
	return after, j.begun.Before(over)
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
		return fault.New(fault.NetSuiteThrottled, "wait until what was given up can be under way no more", fault.After(wait))
	}
	return nil
}

package netsuitewriter

import (
	"context"
	"errors"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
)

// A status in NetSuite is laid at its people's door only where every write of ours is on record.
func TestEveryWriteIsOnRecord(t *testing.T) {
	last := func(kind, hash string) *event.SyncRecordedV1 {
		return &event.SyncRecordedV1{Kind: kind, Desired: event.DesiredTaken{Hash: hash}}
	}
	for name, c := range map[string]struct {
		last       *event.SyncRecordedV1
		superseded int
		want       bool
	}{
		"the first state":               {nil, 0, true},
		"after a success":               {last(event.OutcomeSynced, "a"), 0, true},
		"after a skip":                  {last(event.OutcomeSkipped, "a"), 0, true},
		"again after a failed attempt":  {last(event.OutcomeRetried, "b"), 0, true},
		"again after it was parked":     {last(event.OutcomeParked, "b"), 0, true},
		"after another that was parked": {last(event.OutcomeParked, "a"), 0, false},
		"after states without outcome":  {last(event.OutcomeSynced, "a"), 1, false},
	} {
		j := &job{desired: event.DesiredOrderV1{Hash: "b"}, last: c.last, superseded: make([]event.Superseded, c.superseded)}
		if got := j.recorded(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A refused write is tried again only where people moved the order on since it was read: what is refused as it was read
// stays refused.
func TestPeopleMovedTheOrder(t *testing.T) {
	lost := errors.New("lost")
	for name, c := range map[string]struct {
		known string // the status that the decision rested on
		new   bool   // NetSuite is not known to hold the order
		now   held
		fails error
		want  bool
		reads int
	}{
		"fulfilled meanwhile": {known: "B", now: held{id: "7", status: "F"}, want: true, reads: 1},
		"as it was":           {known: "B", now: held{id: "7", status: "B"}, reads: 1},
		"deleted":             {known: "B", reads: 1},
		"not read before":     {now: held{id: "7", status: "F"}},
		"a new order":         {known: "B", new: true, now: held{id: "7", status: "F"}},
		"not to be read":      {known: "B", fails: lost, reads: 1},
	} {
		reads := 0
		w := &writer{readBacks: &loader[held]{ctx: t.Context(), width: 1, linger: func() linger { return linger{} }, fetch: func(_ context.Context, keys []string) (map[string]held, []event.Call, error) {
			reads++
			return map[string]held{keys[0]: c.now}, []event.Call{{}}, c.fails
		}}}
		j := &job{status: c.known, desired: event.DesiredOrderV1{SalesOrder: event.SalesOrder{ExternalID: "WC-so-main-1"}}}
		if !c.new {
			j.ledger.SalesOrder = &event.LedgerOrder{}
		}
		got, err := w.moved(t.Context(), j)
		if got != c.want || !errors.Is(err, c.fails) || reads != c.reads || len(j.calls) != c.reads {
			t.Errorf("%s: %v, %v after %d reads and %d calls, want %v, %v after %d", name, got, err, reads, len(j.calls), c.want, c.fails, c.reads)
		}
	}
}

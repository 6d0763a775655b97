package netsuitewriter

import (
	"context"
	"errors"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
)

// A status in NetSuite is laid at its people's door only where no write of ours that is not on record can have given it.
func TestEveryWriteIsOnRecord(t *testing.T) {
	last := func(kind, hash, word string) *event.SyncRecordedV1 {
		return &event.SyncRecordedV1{Kind: kind, Desired: event.DesiredTaken{Hash: hash, Status: word}}
	}
	held := &event.LedgerOrder{Given: "A", GivenFor: "on-hold"}
	for name, c := range map[string]struct {
		last       *event.SyncRecordedV1
		superseded []string
		order      *event.LedgerOrder
		want       bool
	}{
		"the first state":                       {nil, nil, held, true},
		"after a success":                       {last(event.OutcomeSynced, "a", "failed"), nil, held, true},
		"after a skip":                          {last(event.OutcomeSkipped, "a", "failed"), nil, held, true},
		"again after a failed attempt":          {last(event.OutcomeRetried, "b", "processing"), nil, held, true},
		"again after it was parked":             {last(event.OutcomeParked, "b", "processing"), nil, held, true},
		"after another that was parked":         {last(event.OutcomeParked, "a", "failed"), nil, held, false},
		"after another of this word":            {last(event.OutcomeParked, "a", "processing"), nil, held, true},
		"after another of the word before":      {last(event.OutcomeRetried, "a", "on-hold"), nil, held, true},
		"after states without outcome":          {last(event.OutcomeSynced, "a", "on-hold"), []string{"on-hold", "failed"}, held, false},
		"after edits without outcome":           {last(event.OutcomeSynced, "a", "on-hold"), []string{"on-hold", "processing"}, held, true},
		"after edits of what we know little of": {last(event.OutcomeSynced, "a", "on-hold"), []string{"on-hold"}, &event.LedgerOrder{GivenFor: "on-hold"}, false},
		"after edits of what we know nothing":   {last(event.OutcomeSynced, "a", "on-hold"), []string{"on-hold"}, nil, false},
	} {
		j := &job{desired: event.DesiredOrderV1{Hash: "b", Source: event.DesiredSource{Status: "processing"}}, last: c.last, ledger: event.Ledger{SalesOrder: c.order}}
		for _, word := range c.superseded {
			j.superseded = append(j.superseded, event.Superseded{Status: word})
		}
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

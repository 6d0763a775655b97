package netsuitewriter

import (
	"context"
	"errors"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
)

// A status in NetSuite is laid at its people's door only where no write of ours that is not on record can have given it.
func TestEveryWriteIsOnRecord(t *testing.T) {
	last := func(kind, hash, word string) *event.SyncRecordedV1 {
		return &event.SyncRecordedV1{Kind: kind, Desired: event.DesiredTaken{Hash: hash, Status: word}}
	}
	held := &event.LedgerOrder{Given: "A", GivenFor: "on-hold"}
	late := func(hash string) *event.SyncRecordedV1 {
		o := last(event.OutcomeSynced, "b", "processing")
		o.Ledger.Late = &event.LedgerLate{Hash: hash}
		return o
	}
	for name, c := range map[string]struct {
		last       *event.SyncRecordedV1
		superseded []string // by a state of which nothing says that none of them was written
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
		"after a write given up":                {late("a"), nil, held, false},
		"after several given up":                {late(""), nil, held, false},
		"after its own write given up":          {late("b"), nil, held, true},
	} {
		j := &job{desired: event.DesiredOrderV1{Hash: "b", Source: event.DesiredSource{Status: "processing"}}, last: c.last, ledger: event.Ledger{SalesOrder: c.order}, lapsed: true}
		for _, word := range c.superseded {
			j.superseded = append(j.superseded, event.Superseded{Status: word})
		}
		if got := j.recorded(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if j.last, j.lapsed = nil, false; !j.recorded() {
			t.Errorf("%s: not on record, where none of the states between was written", name)
		}
	}
}

// A refused write is tried again only where the order was moved on since it was read, or is there unrecorded: what is refused
// as it was read stays refused, and a first create is not looked for.
func TestPeopleMovedTheOrder(t *testing.T) {
	lost, billed := errors.New("lost"), []plan.Line{{Billed: money.Int(1)}}
	for name, c := range map[string]struct {
		known string // the status that the decision rested on
		lines []plan.Line
		new   bool // NetSuite is not known to hold the order
		later bool // a state before this one may have made it
		now   held
		fails error
		want  bool
		reads int
	}{
		"fulfilled meanwhile": {known: "B", now: held{id: "7", status: "F"}, want: true, reads: 1},
		"as it was":           {known: "B", now: held{id: "7", status: "B"}, reads: 1},
		"deleted":             {known: "B", reads: 1},
		"not read before":     {now: held{id: "7", status: "F"}},
		"billed meanwhile":    {known: "B", now: held{id: "7", status: "B", lines: billed}, want: true, reads: 1},
		"billed as it was":    {known: "B", lines: billed, now: held{id: "7", status: "B", lines: billed}, reads: 1},
		"a new order":         {new: true, now: held{id: "7", status: "F"}},
		"an unrecorded one":   {new: true, later: true, now: held{id: "7", status: "B"}, want: true, reads: 1},
		"none, after all":     {new: true, later: true, reads: 1},
		"not to be read":      {known: "B", fails: lost, reads: 1},
	} {
		reads := 0
		w := &writer{readBacks: &loader[held]{ctx: t.Context(), width: 1, linger: func() linger { return linger{} }, fetch: func(_ context.Context, keys []string) (map[string]held, []event.Call, error) {
			reads++
			return map[string]held{keys[0]: c.now}, []event.Call{{}}, c.fails
		}}}
		j := &job{status: c.known, held: held{lines: c.lines}, desired: event.DesiredOrderV1{SalesOrder: event.SalesOrder{ExternalID: "WC-so-main-1"}}}
		if c.later {
			j.desired.Source.Replaces = 3
		}
		if !c.new {
			j.ledger.SalesOrder = &event.LedgerOrder{}
		}
		got, err := w.moved(t.Context(), j)
		if got != c.want || !errors.Is(err, c.fails) || reads != c.reads || len(j.calls) != c.reads {
			t.Errorf("%s: %v, %v after %d reads and %d calls, want %v, %v after %d", name, got, err, reads, len(j.calls), c.want, c.fails, c.reads)
		}
	}
}

package chaos

import (
	"net/http"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/tools/e2e/world"
)

const salesOrder = "salesOrder"

// wish is a state of an order that was wanted.
type wish struct{ order, note string }

// books are what NetSuite holds: each sales order with its customer, deposits and refunds, and how many records of each type
// there are in all.
type books struct {
	Orders  map[string]world.Record
	Records map[string]int
}

func (r *rig) books() books {
	r.t.Helper()
	return books{r.Records(), r.netsuite.Stats().Records}
}

// writes counts by record type what was asked of NetSuite and done, whoever heard the answer.
func (r *rig) writes() map[string]int {
	done := map[string]int{}
	for _, e := range r.netsuite.Log("/record/v1/", 0) {
		if e.Method != http.MethodGet && e.Status < http.StatusMultipleChoices {
			_, path, _ := strings.Cut(e.Path, "/record/v1/")
			kind, _, _ := strings.Cut(path, "/")
			done[kind]++
		}
	}
	return done
}

// settled waits until the newest state of each order is recorded as NetSuite's, and the writers have nothing in their hands.
func (r *rig) settled(within time.Duration) {
	r.t.Helper()
	r.until("every order is recorded", within, func() bool {
		for order, sequence := range r.wanted {
			if last := r.recorded(order); last.Desired.Sequence < sequence || last.Kind != event.OutcomeSynced && last.Kind != event.OutcomeVerified {
				return false
			}
		}
		consumer, err := r.js.Consumer(r.t.Context(), topology.Desired, topology.WriterOf("demo"))
		r.must(err)
		info := consumer.CachedInfo()
		return info.NumPending == 0 && info.NumAckPending == 0
	})
}

// recorded is the newest outcome of an order; an empty one where there is none yet.
func (r *rig) recorded(order string) event.SyncRecordedV1 {
	r.t.Helper()
	stream, err := r.js.Stream(r.t.Context(), topology.Outcomes)
	r.must(err)
	raw, err := stream.GetLastMsgForSubject(r.t.Context(), subject.SyncOf("main", order))
	if err != nil {
		return event.SyncRecordedV1{}
	}
	last, err := codec.Decode[event.SyncRecordedV1](raw.Data)
	r.must(err)
	return last
}

// undisturbed plays the same wishes with one writer that nobody stops.
func (r *rig) undisturbed() *rig {
	r.t.Helper()
	calm := newRig(r.t)
	calm.writer()
	for _, w := range r.wishes {
		calm.want(w.order, w.note)
		calm.settled(20 * time.Second)
	}
	return calm
}

// checkBooks wants NetSuite to hold, to the last field, what an undisturbed run of the same wishes gives, by as many writes of
// each record. Of sales orders there are so many more at least and at most: a state that is overtaken may never be written, and
// one that something may come behind is written again.
func (r *rig) checkBooks(least, most int) {
	r.t.Helper()
	calm := r.undisturbed()
	if diff := cmp.Diff(calm.books(), r.books()); diff != "" {
		r.t.Errorf("NetSuite's records (-undisturbed +here):\n%s", diff)
	}
	want, have := calm.writes(), r.writes()
	if more := have[salesOrder] - want[salesOrder]; more < least || more > most {
		r.t.Errorf("%d more writes of sales orders than undisturbed, want %d to %d", more, least, most)
	}
	delete(want, salesOrder)
	delete(have, salesOrder)
	if diff := cmp.Diff(want, have); diff != "" || len(want) < 3 {
		r.t.Errorf("writes of customers, deposits and refunds (-undisturbed +here):\n%s", diff)
	}
}

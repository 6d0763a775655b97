package failures_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// desk is one process that keeps the book of stage write.
type desk struct {
	t      *testing.T
	server natstest.Server
	book   *failures.Book
}

func open(t *testing.T, server natstest.Server, stage string) desk {
	t.Helper()
	book, err := failures.Open(natstest.Context(t), server.JS, stage)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(book.Close)
	return desk{t, server, book}
}

// message is the n-th desired state; clock gives its second.
func message(n uint64) event.Position {
	return event.Position{Stream: topology.Desired, Sequence: n, Subject: subject.Desired{Kind: "order", Account: "ns", Store: "main", Key: "36"}.String()}
}

func clock(n uint64) time.Time { return time.Date(2026, 11, 23, 10, 0, int(n), 0, time.UTC) }

var (
	unknownSKU = event.Fault{Code: "sku-unknown", Class: "terminal", Message: "no TEE-999", Field: "item.name", Value: "TEE-999"}
	refused    = event.Fault{Code: "netsuite-refused", Class: "terminal", Message: "no"}
)

func (d desk) store(messages []publish.Message, err error) int {
	d.t.Helper()
	if err == nil {
		_, err = publish.New(d.server.JS).Publish(natstest.Context(d.t), messages...)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return len(messages)
}

func (d desk) park(key string, n uint64, cause event.Fault) int {
	d.t.Helper()
	return d.store(d.book.Park(natstest.Context(d.t), "main", key, message(n), cause, clock(n)))
}

func (d desk) resolve(key string, n uint64) int {
	d.t.Helper()
	return d.store(d.book.Resolve(natstest.Context(d.t), "main", key, message(n), clock(n)))
}

// entry reads the newest entry of stage write.
func (d desk) entry(key string) event.FailureParkedV1 {
	d.t.Helper()
	stream, err := d.server.JS.Stream(natstest.Context(d.t), topology.Failures)
	if err != nil {
		d.t.Fatal(err)
	}
	raw, err := stream.GetLastMsgForSubject(natstest.Context(d.t), subject.Failure{Stage: "write", Store: "main", Key: key}.String())
	if err != nil {
		d.t.Fatal(err)
	}
	entry, err := codec.Decode[event.FailureParkedV1](raw.Data)
	if err != nil {
		d.t.Fatal(err)
	}
	return entry
}

// act writes what an operator does to an entry.
func (d desk) act(key, state string) {
	d.t.Helper()
	entry := d.entry(key)
	entry.State, entry.By, entry.Note, entry.ID = state, "kim", "seen", "act:"+state
	m, err := publish.JSON(topology.Failures, subject.Failure{Stage: "write", Store: "main", Key: key}.String(), entry.Envelope, entry)
	d.store([]publish.Message{m}, err)
}

// The life of a failure, step by step.
func TestLife(t *testing.T) {
	d := open(t, natstest.Start(t), "write")
	attempt := func(n uint64, state, code, text string) event.FailureAttempt {
		return event.FailureAttempt{At: clock(n), State: state, Code: code, Text: text}
	}
	history := []event.FailureAttempt{
		attempt(3, "parked", "sku-unknown", "no TEE-999"), attempt(5, "parked", "netsuite-refused", "no"),
		attempt(6, "resolved", "netsuite-refused", "a later state succeeded"), attempt(9, "parked", "sku-unknown", "no TEE-999"),
	}
	want := event.FailureParkedV1{
		Envelope: event.Envelope{Type: "failure.v1.parked", ID: "failure:write.main.36:parked:3:0", Store: "main", Time: clock(3)},
		Stage:    "write", Key: "36", State: "parked", Fault: unknownSKU, Message: message(3), FirstAt: clock(3), LastAt: clock(3), Attempts: 1, History: history[:1],
	}
	check := func(step string) {
		t.Helper()
		if diff := cmp.Diff(want, d.entry("36")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	d.park("36", 3, unknownSKU)
	check("parked")

	d.park("36", 5, refused)
	want.Fault, want.Message, want.LastAt, want.Time, want.ID = refused, message(5), clock(5), clock(5), "failure:write.main.36:parked:5:1"
	want.Attempts, want.History = 2, history[:2]
	check("parked by the next state: since when is kept, it counts")

	d.resolve("36", 6)
	want.State, want.LastAt, want.Time, want.ID, want.History = "resolved", clock(6), clock(6), "failure:write.main.36:resolved:6:2", history[:3]
	check("a later state succeeded")

	d.park("36", 9, unknownSKU)
	want.State, want.Fault, want.Message, want.FirstAt, want.LastAt, want.Time = "parked", unknownSKU, message(9), clock(9), clock(9), clock(9)
	want.ID, want.Attempts, want.History = "failure:write.main.36:parked:9:3", 1, history
	check("parked anew: since now, the history is kept")
}

// When a success closes a failure, and when a repeat of the failure opens it again.
func TestResolveAndParkAgain(t *testing.T) {
	for name, c := range map[string]struct {
		act      string // of an operator, after message 5 was parked
		resolve  uint64 // by this message; 0: none
		resolves bool
		park     uint64 // message parked in the end; 0: none
		parks    bool
		state    string
		attempts int
	}{
		"a later state succeeds":                    {"", 6, true, 0, false, "resolved", 1},
		"the same state succeeds":                   {"", 5, true, 0, false, "resolved", 1},
		"an earlier state succeeds late":            {"", 4, false, 0, false, "parked", 1},
		"retried, then a success":                   {"retried", 6, true, 0, false, "resolved", 1},
		"retried, then it fails again":              {"retried", 0, false, 6, true, "parked", 2},
		"dismissed, then a success":                 {"dismissed", 6, false, 0, false, "dismissed", 1},
		"dismissed, then a later state fails":       {"dismissed", 0, false, 6, true, "parked", 1},
		"crash after parking: it counts once":       {"", 0, false, 5, false, "parked", 1},
		"crash after parking, resolved since":       {"", 6, true, 5, false, "resolved", 1},
		"crash after parking, dismissed since":      {"dismissed", 0, false, 5, false, "dismissed", 1},
		"crash after parking, retried since":        {"retried", 0, false, 5, false, "retried", 1},
		"resolved already: a second success is nil": {"resolved", 7, false, 0, false, "resolved", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, natstest.Start(t), "write")
			d.park("36", 5, unknownSKU)
			if c.act != "" {
				d.act("36", c.act)
			}
			if c.resolve > 0 {
				if resolved := d.resolve("36", c.resolve) > 0; resolved != c.resolves {
					t.Errorf("resolved: %v, want %v", resolved, c.resolves)
				}
			}
			if c.park > 0 {
				if parked := d.park("36", c.park, unknownSKU) > 0; parked != c.parks {
					t.Errorf("parked: %v, want %v", parked, c.parks)
				}
			}
			got := d.entry("36")
			if got.State != c.state || got.Attempts != c.attempts {
				t.Errorf("%s after %d attempts, want %s after %d", got.State, got.Attempts, c.state, c.attempts)
			}
			if c.parks && c.act == "dismissed" && (got.By != "" || got.Note != "") {
				t.Errorf("the new failure carries the old dismissal: by %q, note %q", got.By, got.Note)
			}
		})
	}
}

// One message may fail in another way when it is handled again; the newest fault is shown.
func TestAnotherFaultOfTheSameMessage(t *testing.T) {
	d := open(t, natstest.Start(t), "write")
	d.park("36", 5, unknownSKU)
	if d.park("36", 5, refused) != 1 {
		t.Fatal("the second fault is not recorded")
	}
	if got := d.entry("36"); got.Fault != refused || got.Attempts != 2 {
		t.Errorf("%+v", got)
	}
}

// Invariant 3: a success right after the start closes what was parked before it, however much is open.
func TestOpenKnowsWhatIsParked(t *testing.T) {
	server := natstest.Start(t)
	before := open(t, server, "write")
	var all []publish.Message
	for n := range uint64(300) {
		messages, err := before.book.Park(natstest.Context(t), "main", fmt.Sprint(n), message(n), unknownSKU, clock(1))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, messages...)
	}
	before.store(all, nil)
	after := open(t, server, "write")
	for n := range uint64(300) {
		messages, err := after.book.Resolve(natstest.Context(t), "main", fmt.Sprint(n), message(n+1), clock(2))
		if err != nil || len(messages) != 1 {
			t.Fatalf("failure %d: %d messages, %v, want it resolved", n, len(messages), err)
		}
	}
}

func TestBooksOfStagesAreSeparate(t *testing.T) {
	server := natstest.Start(t)
	write, mapping := open(t, server, "write"), open(t, server, "map")
	write.park("36", 5, unknownSKU)
	if mapping.resolve("36", 6) != 0 {
		t.Error("a success of stage map resolved a failure of stage write")
	}
	if write.resolve("37", 6) != 0 || write.resolve("36", 6) != 1 {
		t.Error("want exactly the failure of the same order resolved")
	}
}

// Two processes keep one book: each hears of the other's entries, and whoever decides on an old one is told.
func TestTwoProcesses(t *testing.T) {
	server := natstest.Start(t)
	one, two := open(t, server, "write"), open(t, server, "write")
	one.park("36", 5, unknownSKU)
	late, err := two.book.Park(natstest.Context(t), "main", "36", message(6), refused, clock(6))
	if err != nil {
		t.Fatal(err)
	}
	one.resolve("36", 7)
	if _, err := publish.New(server.JS).Publish(natstest.Context(t), late...); fault.ClassOf(err) != fault.Conflict {
		t.Errorf("an entry decided on an old one: %v, want a conflict", err)
	}

	one.park("40", 5, unknownSKU)
	ctx := natstest.Context(t)
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for two.resolve("40", 6) == 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatal("the other process never heard of the failure")
		}
	}
	if got := one.entry("40").State; got != "resolved" {
		t.Errorf("state %s", got)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	d := open(t, natstest.Start(t), "write")
	for n := range uint64(25) {
		d.park("36", n+1, unknownSKU)
	}
	got := d.entry("36")
	if len(got.History) != 20 || got.Attempts != 25 || !got.FirstAt.Equal(clock(1)) || !got.History[0].At.Equal(clock(6)) || !got.History[19].At.Equal(clock(25)) {
		t.Errorf("%d attempts since %v, history of %d from %v", got.Attempts, got.FirstAt, len(got.History), got.History[0].At)
	}
	if !slices.IsSortedFunc(got.History, func(a, b event.FailureAttempt) int { return a.At.Compare(b.At) }) {
		t.Error("want the history oldest first")
	}
}

func TestAnUnreadableEntryIsReplaced(t *testing.T) {
	server := natstest.Start(t)
	name := subject.Failure{Stage: "write", Store: "main", Key: "36"}
	d := desk{t: t, server: server}
	d.store([]publish.Message{{Stream: topology.Failures, Subject: name.String(), ID: "odd", Data: []byte("{")}}, nil)
	d = open(t, server, "write")
	d.park("36", 5, unknownSKU)
	if got := d.entry("36"); got.State != "parked" || got.Attempts != 1 || len(got.History) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestOpenWithoutStream(t *testing.T) {
	server := natstest.Start(t)
	if err := server.JS.DeleteStream(natstest.Context(t), topology.Failures); err != nil {
		t.Fatal(err)
	}
	if _, err := failures.Open(natstest.Context(t), server.JS, "write"); err == nil {
		t.Error("opened a book without its stream")
	}
}

func TestFaultOf(t *testing.T) {
	unknown := fault.New(fault.SKUUnknown, "NetSuite has no such record", fault.Field("item.name", "TEE-999"))
	for name, c := range map[string]struct {
		err  error
		want event.Fault
	}{
		"a fault, wrapped": {fmt.Errorf("while: %w", unknown), event.Fault{
			Code: "sku-unknown", Class: "terminal", Message: `while: sku-unknown: item.name = "TEE-999": NetSuite has no such record`,
			Field: "item.name", Value: "TEE-999", Rule: "NetSuite has no such record",
		}},
		"the outermost leads": {fault.New(fault.AttemptsExhausted, "one must succeed", fault.Because(unknown)), event.Fault{
			Code: "attempts-exhausted", Class: "terminal", Rule: "one must succeed",
			Message: `attempts-exhausted: one must succeed: sku-unknown: item.name = "TEE-999": NetSuite has no such record`,
		}},
		"any error":  {errors.New("odd"), event.Fault{Code: "unexpected", Class: "transient", Message: "odd"}},
		"we stopped": {context.Canceled, event.Fault{Code: "unexpected", Class: "interrupted", Message: "context canceled"}},
	} {
		if diff := cmp.Diff(c.want, failures.FaultOf(c.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

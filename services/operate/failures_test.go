package operate_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/operate"
)

// last reads the newest message of a stream.
func (s streams) last(stream string) *jetstream.RawStreamMsg {
	s.t.Helper()
	handle, err := s.JS.Stream(natstest.Context(s.t), stream)
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := handle.GetMsg(natstest.Context(s.t), handle.CachedInfo().State.LastSeq)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// acts lists the audit stream.
func (s streams) acts() []event.AuditActedV1 {
	s.t.Helper()
	var list []event.AuditActedV1
	for n := range s.Count(s.t, topology.Audit, subject.AuditAll) {
		m := s.Next(s.t, topology.Audit, subject.AuditAll, uint64(n))
		act, err := codec.Decode[event.AuditActedV1](m.Data)
		if err != nil || m.Subject != subject.Audit(act.Act) || act.Type != m.Subject {
			s.t.Errorf("audit entry %s, %+v, %v", m.Subject, act, err)
		}
		list = append(list, act)
	}
	return list
}

func (s streams) find(name subject.Failure) operate.Failure {
	s.t.Helper()
	f, _, err := operate.Find(natstest.Context(s.t), s.JS, name.ID())
	if err != nil {
		s.t.Fatal(err)
	}
	return f
}

func TestList(t *testing.T) {
	s := start(t)
	if none, err := operate.Failures(natstest.Context(t), s.JS, true); err != nil || none == nil || len(none) != 0 {
		t.Errorf("%#v, %v: want an empty list", none, err)
	}
	_, woo := s.delivery("order.created-simple", "main")
	s.failure("parse", "order-36", event.FailureParked, woo, 0)
	s.failure("write", "37", event.FailureRetried, woo, 3*time.Second)
	s.failure("write", "38", event.FailureResolved, woo, 2*time.Second)
	s.failure("publish", "39", event.FailureDismissed, woo, time.Second)
	odd := subject.Failure{Stage: "map", Store: "main", Key: "40"}
	s.put(publish.Message{Stream: topology.Failures, Subject: odd.String(), ID: "odd", Data: []byte("{")})
	names := func(all bool) (list []string) {
		failures, err := operate.Failures(natstest.Context(t), s.JS, all)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range failures {
			list = append(list, f.Name+" "+f.Entry.State+" "+f.Entry.Fault.Code)
		}
		slices.Sort(list)
		if times := slices.Clone(failures); !slices.IsSortedFunc(times, func(a, b operate.Failure) int { return b.Entry.LastAt.Compare(a.Entry.LastAt) }) {
			t.Error("want the newest first")
		}
		return list
	}
	open := []string{"map.main.40 parked message-undecodable", "parse.main.order-36 parked sku-unknown", "write.main.37 retried sku-unknown"}
	if diff := cmp.Diff(open, names(false)); diff != "" {
		t.Errorf("open ones (-want +got):\n%s", diff)
	}
	all := append(slices.Clone(open), "publish.main.39 dismissed sku-unknown", "write.main.38 resolved sku-unknown")
	slices.Sort(all)
	if diff := cmp.Diff(all, names(true)); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
}

// A retry stores the parked message again, byte for byte, and says in entry and audit who did it.
func TestRetryOfADelivery(t *testing.T) {
	s := start(t)
	delivery, woo := s.delivery("order.created-simple", "main")
	name := s.failure("parse", "order-36", event.FailureParked, woo, -time.Minute)
	f, err := operate.Retry(natstest.Context(t), s.JS, name.ID(), "kim")
	if err != nil {
		t.Fatal(err)
	}
	again, first := s.last(topology.Woo), s.Next(t, topology.Woo, subject.WebhookAll, 0)
	if again.Sequence != 2 || again.Subject != first.Subject || string(again.Data) != string(delivery.Body) {
		t.Errorf("message %d on %s, %d bytes: want the delivery again", again.Sequence, again.Subject, len(again.Data))
	}
	want := first.Header
	want[event.HeaderOrigin] = []string{"retry"}
	if diff := cmp.Diff(want, again.Header, cmpopts.IgnoreMapEntries(func(k string, _ []string) bool { return strings.HasPrefix(k, "Nats-") })); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	stored := s.find(name)
	if diff := cmp.Diff(f, stored); diff != "" {
		t.Errorf("what Retry says differs from what is stored:\n%s", diff)
	}
	if e := stored.Entry; e.State != "retried" || e.By != "kim" || e.Attempts != 1 || !e.FirstAt.Equal(s.at.Add(-time.Minute)) || len(e.History) != 2 || e.History[1].Text != "retried" || e.Message != woo {
		t.Errorf("entry %+v", e)
	}
	wantAct := []event.AuditActedV1{{
		Envelope: event.Envelope{Type: "audit.v1.retried"}, Act: "retried", By: "kim", What: name.ID(), Before: map[string]string{"state": "parked"}, After: map[string]string{"state": "retried"},
	}}
	if diff := cmp.Diff(wantAct, s.acts(), cmpopts.IgnoreFields(event.Envelope{}, "ID", "Time")); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
	if got, err := operate.Show(natstest.Context(t), s.JS, "main", "36"); err != nil || len(got.Steps) != 3 || got.Steps[1].Message.Sequence != 2 {
		t.Errorf("%+v, %v: want the timeline to go on behind the retry", got, err)
	}
	// Nothing came of it: it may be retried again, and is stored again although the bytes are the same.
	if _, err := operate.Retry(natstest.Context(t), s.JS, name.ID(), "kim"); err != nil {
		t.Fatal(err)
	}
	if n := s.Count(t, topology.Woo, subject.WebhookAll); n != 3 {
		t.Errorf("%d deliveries after the second retry, want 3", n)
	}
}

// Invariant 4: of states that replace one another a retry sends the newest. An older one would become the
// newest, and an older ledger would forget what NetSuite holds.
func TestRetrySendsTheNewestState(t *testing.T) {
	t.Run("desired, still the newest", func(t *testing.T) {
		s := start(t)
		s.retried(s.desired(event.Position{Sequence: 1}, "old"), topology.Desired, `"hash":"old"`)
	})
	t.Run("desired, replaced since", func(t *testing.T) {
		s := start(t)
		parked := s.desired(event.Position{Sequence: 1}, "old")
		s.desired(event.Position{Sequence: 2}, "new")
		s.retried(parked, topology.Desired, `"hash":"new"`)
	})
	t.Run("event, another kind since", func(t *testing.T) {
		s := start(t)
		delivery, _ := s.delivery("order.created-simple", "main")
		parked := s.placed(delivery)
		paid := subject.Order{Kind: event.KindPaid, Store: "main", Order: "36"}.String()
		s.put(publish.Message{Stream: topology.Orders, Subject: paid, ID: "paid", Data: []byte(`{"kind":"paid"}`), Expect: &publish.Expect{Sequence: 1, Subject: subject.OrdersOf("main", "36")}})
		s.retried(parked, topology.Orders, `"kind":"paid"`)
	})
	t.Run("customer, changed since", func(t *testing.T) {
		s := start(t)
		name := subject.Customer("main", "2")
		parked := s.put(publish.Message{Stream: topology.Customers, Subject: name, ID: "old", Data: []byte(`{"customer":"2","hash":"old"}`)})
		s.put(publish.Message{Stream: topology.Customers, Subject: name, ID: "new", Data: []byte(`{"customer":"2","hash":"new"}`)})
		s.retried(parked, topology.Customers, `"hash":"new"`)
	})
	t.Run("ledger, another since", func(t *testing.T) {
		s := start(t)
		parked := s.outcome(event.OutcomeSynced, "SO1001", nil, 0)
		s.outcome(event.OutcomeSynced, "SO1002", nil, 0)
		s.retried(parked, topology.Outcomes, `"tran_id":"SO1002"`)
	})
}

// retried retries a failure of the parked message and checks what is the newest message then.
func (s streams) retried(parked event.Position, stream, want string) {
	s.t.Helper()
	before := s.last(stream).Sequence
	name := s.failure("write", "36", event.FailureParked, parked, 0)
	if _, err := operate.Retry(natstest.Context(s.t), s.JS, name.ID(), "kim"); err != nil {
		s.t.Fatal(err)
	}
	newest := s.last(stream)
	if newest.Sequence != before+1 || !strings.Contains(string(newest.Data), want) {
		s.t.Errorf("newest is %d: %s\nwant %d with %s", newest.Sequence, newest.Data, before+1, want)
	}
}

func TestDismiss(t *testing.T) {
	s := start(t)
	_, woo := s.delivery("order.created-simple", "main")
	name := s.failure("write", "36", event.FailureParked, woo, 0)
	if _, err := operate.Dismiss(natstest.Context(t), s.JS, name.ID(), "kim", ""); err == nil || !strings.Contains(err.Error(), "note") {
		t.Errorf("without a reason: %v, want the note asked for", err)
	}
	if _, err := operate.Dismiss(natstest.Context(t), s.JS, name.ID(), "kim", "a test order"); err != nil {
		t.Fatal(err)
	}
	if e := s.find(name).Entry; e.State != "dismissed" || e.By != "kim" || e.Note != "a test order" || e.History[1].Text != "a test order" {
		t.Errorf("entry %+v", e)
	}
	if n := s.Count(t, topology.Woo, subject.WebhookAll); n != 1 {
		t.Errorf("%d deliveries: a dismissal sends nothing", n)
	}
	act := s.acts()
	if len(act) != 1 || act[0].Act != "dismissed" || act[0].Note != "a test order" || act[0].Before["state"] != "parked" || act[0].After["state"] != "dismissed" {
		t.Errorf("audit %+v, want the one dismissal", act)
	}
}

// What cannot be done says why, names what is wrong, and leaves everything as it was.
func TestRefusedActs(t *testing.T) {
	s := start(t)
	_, woo := s.delivery("order.created-simple", "main")
	s.failure("write", "1", event.FailureResolved, woo, 0)
	s.failure("write", "2", event.FailureDismissed, woo, 0)
	gone, nowhere := woo, woo
	gone.Sequence, gone.Subject = 77, subject.Webhook{Store: "main", Resource: "order", Event: "created", ID: "77"}.String()
	nowhere.Stream = "NOWHERE"
	s.failure("parse", "order-77", event.FailureParked, gone, 0)
	s.failure("parse", "order-78", event.FailureParked, nowhere, 0)
	before := s.last(topology.Failures).Sequence
	for id, want := range map[string][2]string{ // of retry, of dismissal; "": allowed
		"":                    {"want <stage>.<store>.<key>", "want <stage>.<store>.<key>"},
		"write":               {"want <stage>.<store>.<key>", "want <stage>.<store>.<key>"},
		"write.main.36.x":     {"want <stage>.<store>.<key>", "want <stage>.<store>.<key>"},
		"write.main.%zz":      {`"%zz"`, `"%zz"`},
		"write.main.a b":      {"a b", "a b"},
		"write.*.1":           {"want <stage>.<store>.<key>", "want <stage>.<store>.<key>"},
		"write.main.999":      {"no such failure: write.main.999", "no such failure: write.main.999"},
		"write.main.1":        {"write.main.1 is resolved: only parked work is retried", "write.main.1 is resolved: only parked work is dismissed"},
		"write.main.2":        {"write.main.2 is dismissed", "write.main.2 is dismissed"},
		"parse.main.order-77": {"WOO 77", ""},
		"parse.main.order-78": {"NOWHERE", ""},
	} {
		if _, err := operate.Retry(natstest.Context(t), s.JS, id, "kim"); err == nil || !strings.Contains(err.Error(), want[0]) {
			t.Errorf("retry %q: %v, want %q", id, err, want[0])
		}
		if want[1] == "" {
			continue
		}
		if _, err := operate.Dismiss(natstest.Context(t), s.JS, id, "kim", "why"); err == nil || !strings.Contains(err.Error(), want[1]) {
			t.Errorf("dismiss %q: %v, want %q", id, err, want[1])
		}
	}
	if _, _, err := operate.Find(natstest.Context(t), s.JS, "write.main.999"); !errors.Is(err, operate.ErrNoFailure) {
		t.Errorf("%v, want ErrNoFailure", err)
	}
	if n := s.last(topology.Failures).Sequence; n != before || len(s.acts()) != 0 {
		t.Errorf("refused acts wrote %d entries and %d acts", n-before, len(s.acts()))
	}
}

// Many people act on one failure at the same moment: one act counts, the others hear of it.
func TestActsAtOnce(t *testing.T) {
	s := start(t)
	_, woo := s.delivery("order.created-simple", "main")
	const rounds, people = 20, 8
	for n := range rounds {
		name := s.failure("write", fmt.Sprint(n), event.FailureParked, woo, 0)
		errs := make(chan error, people)
		gate := make(chan struct{})
		for person := range people {
			go func() {
				<-gate
				_, err := operate.Dismiss(natstest.Context(t), s.JS, name.ID(), fmt.Sprint("person ", person), "why")
				errs <- err
			}()
		}
		close(gate)
		done := 0
		for range people {
			if err := <-errs; err == nil {
				done++
			}
		}
		if e := s.find(name).Entry; done != 1 || e.State != "dismissed" || len(e.History) != 2 {
			t.Fatalf("%d acts succeeded; %s by %s, history %d: want one act", done, e.State, e.By, len(e.History))
		}
	}
	if got := len(s.acts()); got != rounds {
		t.Errorf("%d acts in the audit, want %d", got, rounds)
	}
}

func TestHistoryOfRetriesIsBounded(t *testing.T) {
	s := start(t)
	_, woo := s.delivery("order.created-simple", "main")
	name := s.failure("parse", "order-36", event.FailureParked, woo, 0)
	for range 22 {
		if _, err := operate.Retry(natstest.Context(t), s.JS, name.ID(), "kim"); err != nil {
			t.Fatal(err)
		}
	}
	if e := s.find(name).Entry; len(e.History) != 20 {
		t.Errorf("history of %d, want 20", len(e.History))
	}
}

// An act on a failure is told although its command fails between the deed and the telling: the transformers tell it, three of
// them once, also where a later entry stands on it by then.
func TestActsOnFailuresOutliveTheirCommand(t *testing.T) {
	p := newPlant(t)
	ctx := natstest.Context(t)
	s := streams{p.Server, t, time.Now().UTC()}
	_, woo := s.delivery("order.created-simple", "main")
	retried, dismissed := s.failure("write", "36", event.FailureParked, woo, 0), s.failure("write", "37", event.FailureParked, woo, 0)
	p.transformer()
	found := p.lost()
	deliveries := s.Count(t, topology.Woo, subject.WebhookAll)
	if _, err := operate.Retry(ctx, p.JS, retried.ID(), "kim"); err == nil || !strings.Contains(err.Error(), "is noted as retried, nothing more was done, and a transformer tells the act") {
		t.Fatalf("%v: want it said that the act is to come", err)
	}
	if n := s.Count(t, topology.Woo, subject.WebhookAll); n != deliveries {
		t.Errorf("%d deliveries of %d before: a retry whose act is not told sends nothing", n, deliveries)
	}
	if _, err := operate.Dismiss(ctx, p.JS, dismissed.ID(), "lee", "a test order"); err == nil {
		t.Fatal("no audit stream, and no mistake")
	}
	book, err := failures.Open(ctx, p.JS, "write")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(book.Close)
	resolved, err := book.Resolve(ctx, "main", "36", event.Position{Stream: topology.Woo, Sequence: 7}, time.Now().UTC())
	if err != nil || len(resolved) != 1 {
		t.Fatal(resolved, err)
	}
	s.put(resolved[0])
	p.transformer()
	p.transformer()
	found()
	p.until("both are told", func() bool { return p.Count(t, topology.Audit, subject.AuditAll) >= 2 })
	_, stop := p.transformer() // looks at what is told, and finds it so
	stop()
	told := map[string]int{}
	for _, a := range p.acts() {
		told[fmt.Sprintf("%s by %s of %s (%s) %s → %s", a.Act, a.By, a.What, a.Note, a.Before["state"], a.After["state"])]++
	}
	want := map[string]int{"retried by kim of write.main.36 () parked → retried": 1, "dismissed by lee of write.main.37 (a test order) parked → dismissed": 1}
	if !maps.Equal(told, want) {
		t.Errorf("told %v\nwant %v", told, want)
	}
}

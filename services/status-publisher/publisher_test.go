package statuspublisher

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

const told = `{"account":"ns","sales_order_id":"1001","tran_id":"SO1001","status":"B"}`

// The shop's order holds id, number and status under one key, and the ledger says so.
func TestTellsTheShop(t *testing.T) {
	b := prepare(t, nil)
	b.run()
	m := b.outcome("main", "36", event.OutcomeSynced, "SO1001", "B")
	b.settled()
	asked := b.shop.asked()
	if len(asked) != 1 || asked[0].method != http.MethodPut || asked[0].path != "/orders/36" {
		t.Fatalf("asked %+v, want one PUT", asked)
	}
	// Nothing but our key: the echo, order.updated, is no change.
	if want := `{"meta_data":[{"key":"_orderstream","value":"{\"account\":\"ns\",\"sales_order_id\":\"1001\",\"tran_id\":\"SO1001\",\"status\":\"B\"}"}]}`; asked[0].body != want {
		t.Errorf("body %s\nwant %s", asked[0].body, want)
	}
	want := event.ShopRecordedV1{
		Envelope: event.Envelope{Type: "shop.v1.recorded", ID: "shop:shop.v1.recorded.main.order.36:1:1", Store: "main"}, Kind: "order", Key: "36", State: "written",
		Written: event.ShopFacts{Account: "ns", SalesOrderID: "1001", TranID: "SO1001", Status: "B"},
		Source:  m.Position(), Calls: []event.Call{{Method: "PUT", Path: "/orders/36", Status: 200, Purpose: "tell the shop"}},
	}
	ignore := cmp.Options{cmpopts.IgnoreFields(event.Envelope{}, "Time"), cmpopts.IgnoreFields(event.Call{}, "At", "Millis"), cmpopts.IgnoreFields(event.ShopRecordedV1{}, "Hash")}
	if diff := cmp.Diff(want, b.ledger("36"), ignore); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
}

// What brings nothing new writes nothing.
func TestWritesNothing(t *testing.T) {
	b := prepare(t, nil)
	b.run()
	b.outcome("main", "36", event.OutcomeSynced, "SO1001", "B")
	for _, kind := range []string{event.OutcomeVerified, event.OutcomeRetried, event.OutcomeParked, event.OutcomeSkipped, event.OutcomeHeld, event.OutcomeSynced} {
		b.outcome("main", "36", kind, "SO1001", "B") // the ledger's facts are told already
	}
	for _, kind := range []string{event.OutcomeRetried, event.OutcomeParked, event.OutcomeSkipped, event.OutcomeWaiting, event.OutcomeHeld} {
		b.outcome("main", "37", kind, "", "") // no sales order yet
	}
	b.outcome("mute", "38", event.OutcomeSynced, "SO1002", "B")    // a store without a REST key
	b.outcome("unknown", "38", event.OutcomeSynced, "SO1002", "B") // a store that is configured no more
	b.settled()
	if asked := b.shop.asked(); len(asked) != 1 {
		t.Errorf("the shop was asked %d times: %+v", len(asked), asked)
	}
	if n := b.stream(topology.ShopOutcomes).State.LastSeq; n != 2 {
		t.Errorf("%d ledger entries, want a claim and its end", n)
	}
	b.outcome("main", "36", event.OutcomeSynced, "SO1001", "G")
	b.settled()
	if got, want := b.shop.holds("36"), strings.Replace(told, `"B"`, `"G"`, 1); got != want {
		t.Errorf("after a new status the shop holds %s, want %s", got, want)
	}
}

func TestWriteBackOff(t *testing.T) {
	b := prepare(t, func(s *config.Store) { s.WriteBack = "off" })
	b.run()
	b.outcome("main", "36", event.OutcomeSynced, "SO1001", "B")
	b.settled()
	if asked := b.shop.asked(); len(asked) != 0 {
		t.Errorf("asked %+v", asked)
	}
}

// A shop that asks to wait, or is down, is waited for: no attempt is burnt and nothing is parked.
func TestWaitsForTheShop(t *testing.T) {
	for name, c := range map[string]struct {
		answer answer
		least  time.Duration // before the next request
	}{
		"429 with Retry-After": {answer{429, map[string]string{"Retry-After": "1"}, ""}, 700 * time.Millisecond},
		"503 with Retry-After": {answer{503, map[string]string{"Retry-After": "1"}, "<html>"}, 0},
		"502 of a proxy":       {answer{502, nil, "<html>"}, 0},
		"a revoked key":        {answer{401, nil, `{"code":"woocommerce_rest_cannot_edit","message":"","data":{"status":401}}`}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, nil)
			var failed atomic.Int32
			b.shop.instead(func(request) *answer {
				if failed.Add(1) <= 2 {
					return &c.answer
				}
				return nil
			})
			b.run()
			b.outcome("main", "36", event.OutcomeSynced, "SO1001", "B")
			b.settled()
			if got := b.shop.holds("36"); got != told {
				t.Errorf("the shop holds %s", got)
			}
			asked := b.shop.asked()
			if len(asked) != 3 || asked[1].at.Sub(asked[0].at) < c.least {
				t.Errorf("%d requests, the second after %v, want 3 and at least %v", len(asked), asked[1].at.Sub(asked[0].at), c.least)
			}
			if e := b.ledger("36"); e.Attempts != 0 || e.State != event.ShopWritten || b.stream(topology.ShopOutcomes).State.LastSeq != 4 { // each try is claimed
				t.Errorf("ledger %s after %d attempts", e.State, e.Attempts)
			}
			if n := b.nats.Count(t, topology.Failures, subject.FailureAll); n != 0 {
				t.Errorf("%d failures", n)
			}
		})
	}
}

func TestReadySaysWhichShopIsAway(t *testing.T) {
	b := prepare(t, nil)
	var up atomic.Bool
	b.shop.instead(func(request) *answer {
		if up.Load() {
			return nil
		}
		return &answer{503, nil, ""}
	})
	if err := b.service.Ready(); err != nil {
		t.Errorf("before anything was asked: %v", err)
	}
	b.run()
	b.outcome("main", "36", event.OutcomeSynced, "SO1001", "B")
	b.until("the shop is known to be away", func() bool { return b.service.Ready() != nil })
	if err := b.service.Ready(); err == nil || !strings.Contains(err.Error(), "main") {
		t.Errorf("%v, want the store named", err)
	}
	up.Store(true)
	b.settled()
	if err := b.service.Ready(); err != nil {
		t.Errorf("after the shop came back: %v", err)
	}
}

// A refused write is parked and named; a later outcome that the shop takes closes it.
func TestRefusedThenHealed(t *testing.T) {
	b := prepare(t, nil)
	b.shop.refused["36"] = true
	b.run()
	m := b.outcome("main", "36", event.OutcomeSynced, "SO1001", "B")
	b.settled()
	f := b.failure("36")
	if f.State != "parked" || f.Fault.Code != "shop-refused" || f.Message != m.Position() || !strings.Contains(f.Fault.Message, "rest_invalid_param") {
		t.Errorf("failure %+v, want the outcome parked with the shop's word", f)
	}
	b.shop.mu.Lock()
	b.shop.refused["36"] = false
	b.shop.mu.Unlock()
	b.outcome("main", "36", event.OutcomeVerified, "SO1001", "B") // the same facts, or a retry
	b.settled()
	if got := b.shop.holds("36"); got != told {
		t.Errorf("the shop holds %s", got)
	}
	if f := b.failure("36"); f.State != "resolved" {
		t.Errorf("failure is %s, want resolved", f.State)
	}
}

func (b bench) store(messages []publish.Message) {
	b.t.Helper()
	if _, err := publish.New(b.nats.JS).Publish(natstest.Context(b.t), messages...); err != nil {
		b.t.Fatal(err)
	}
}

func (b bench) handle(s *Service, m consume.Message) []publish.Message {
	b.t.Helper()
	messages, err := s.handle(natstest.Context(b.t), m)
	if err != nil {
		b.t.Fatal(err)
	}
	return messages
}

// Invariant 7: a crash between the shop's answer and the ledger entry writes the same again, and no second note.
func TestCrashBeforeTheLedger(t *testing.T) {
	for way, entries := range map[string]uint64{"meta": 3, "note": 2} { // each try is claimed, but for a note that stands there
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, func(s *config.Store) { s.WriteBack = way })
			m := b.outcome("main", "36", event.OutcomeSynced, "SO1001", "B")
			b.handle(b.service, m) // crash: its outputs are lost
			b.store(b.handle(b.service, m))
			if more := b.handle(b.service, m); len(more) != 0 {
				t.Errorf("a third time leaves %d messages, want none: it is on record", len(more))
			}
			if way == "meta" && b.shop.holds("36") != told {
				t.Errorf("the shop holds %s", b.shop.holds("36"))
			}
			if want := []string{"NetSuite sales order SO1001 (id 1001), status B"}; way == "note" && !cmp.Equal(want, b.shop.notes["36"]) {
				t.Errorf("notes %q, want one", b.shop.notes["36"])
			}
			if e := b.ledger("36"); e.State != event.ShopWritten || b.stream(topology.ShopOutcomes).State.LastSeq != entries {
				t.Errorf("ledger: %s, %d entries, want %d", e.State, b.stream(topology.ShopOutcomes).State.LastSeq, entries)
			}
		})
	}
}

// Each change is noted once; a status that comes again is a change too.
func TestNotes(t *testing.T) {
	b := prepare(t, func(s *config.Store) { s.WriteBack = "note" })
	b.shop.notes["36"] = []string{"Order status changed from Pending payment to Processing.", "NetSuite sales order by hand"}
	b.shop.missing["37"] = true
	b.run()
	for _, status := range []string{"B", "G", "B", "B"} {
		b.outcome("main", "36", event.OutcomeSynced, "SO1001", status)
		b.settled()
	}
	b.outcome("main", "37", event.OutcomeSynced, "SO1002", "B")
	b.settled()
	want := []string{
		"NetSuite sales order SO1001 (id 1001), status B", "NetSuite sales order SO1001 (id 1001), status G", "NetSuite sales order SO1001 (id 1001), status B",
		"Order status changed from Pending payment to Processing.", "NetSuite sales order by hand",
	}
	if diff := cmp.Diff(want, b.shop.notes["36"]); diff != "" {
		t.Errorf("notes, newest first (-want +got):\n%s", diff)
	}
	if e := b.ledger("37"); e.State != event.ShopParked || e.Fault.Code != "shop-order-missing" {
		t.Errorf("%s %+v, want the missing order parked", e.State, e.Fault)
	}
}

// Two processes handle one outcome: the ledger has one end, and who is late finds it.
func TestTwoProcesses(t *testing.T) {
	b := prepare(t, nil)
	two := b.another(nil)
	m := b.outcome("main", "36", event.OutcomeSynced, "SO1001", "B")
	late, messages := b.handle(b.service, m), b.handle(two, m)
	b.store(messages)
	if _, err := publish.New(b.nats.JS).Publish(natstest.Context(t), late...); fault.ClassOf(err) != fault.Conflict {
		t.Errorf("%v, want a conflict", err)
	}
	if more := b.handle(b.service, m); len(more) != 0 {
		t.Errorf("%d messages more, want none: it is on record", len(more))
	}
	if n := b.stream(topology.ShopOutcomes).State.LastSeq; n != 3 {
		t.Errorf("%d entries, want two claims and an end", n)
	}
}

// Invariant 4: an outcome that arrives after a newer one was told writes nothing.
func TestAnOlderOutcomeComesLate(t *testing.T) {
	b := prepare(t, nil)
	older := b.outcome("main", "36", event.OutcomeSynced, "SO1001", "A")
	newer := b.outcome("main", "36", event.OutcomeSynced, "SO1001", "B")
	b.store(b.handle(b.service, newer))
	if messages := b.handle(b.service, older); len(messages) != 0 || b.shop.holds("36") != told {
		t.Errorf("%d messages; the shop holds %s, want the newer facts", len(messages), b.shop.holds("36"))
	}
}

// An answer that cannot be read is tried again; each try is on record, the eighth parks.
func TestAttempts(t *testing.T) {
	b := prepare(t, nil)
	b.shop.instead(func(request) *answer { return &answer{200, nil, "<html>"} })
	m := b.outcome("main", "36", event.OutcomeSynced, "SO1001", "B")
	for n := 1; n <= 8; n++ {
		messages, err := b.service.handle(natstest.Context(t), m)
		b.store(messages)
		e := b.ledger("36")
		if parks := n == 8; e.Attempts != n || (e.State == event.ShopParked) != parks || (err == nil) != parks {
			t.Fatalf("try %d: %s after %d attempts, %v", n, e.State, e.Attempts, err)
		}
	}
	if e := b.ledger("36"); e.Fault.Code != "attempts-exhausted" || !strings.Contains(e.Fault.Message, "JSON") {
		t.Errorf("%+v, want the last cause in it", e.Fault)
	}
	if messages := b.handle(b.service, m); len(messages) != 0 {
		t.Error("a parked outcome is tried again by itself")
	}
	// The next outcome begins anew.
	next := b.outcome("main", "36", event.OutcomeVerified, "SO1001", "B")
	messages, err := b.service.handle(natstest.Context(t), next)
	b.store(messages)
	if e := b.ledger("36"); err == nil || e.State != event.ShopRetried || e.Attempts != 1 {
		t.Errorf("%s after %d attempts, %v, want the first of a new row", e.State, e.Attempts, err)
	}
}

func TestUndecodable(t *testing.T) {
	b := prepare(t, nil)
	m := consume.Message{Stream: topology.Outcomes, Sequence: 7, Subject: subject.Sync{Account: "ns", Store: "main", Order: "36"}.String(), Data: []byte("{")}
	for name, handle := range map[string]consume.Handler{"an outcome": b.service.handle, "a shop outcome": b.service.failure} {
		if _, err := handle(natstest.Context(t), m); fault.CodeOf(err) != fault.MessageUndecodable || !strings.Contains(err.Error(), m.Subject) {
			t.Errorf("%s: %v, want it named", name, err)
		}
	}
}

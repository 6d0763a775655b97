package netsuitewriter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

var unknown = event.Fault{Code: "sku-unknown", Class: "terminal", Message: "no TEE-999"}

// record stores the n-th outcome of order 36, as conclude does.
func record(t *testing.T, s natstest.Server, n uint64, kind string) {
	t.Helper()
	name := subject.Sync{Account: "ns", Store: "main", Order: "36"}.String()
	body := event.SyncRecordedV1{
		Envelope: event.Envelope{Type: "sync.v1.recorded", Store: "main", Time: time.Date(2026, 11, 23, 10, 0, int(n), 0, time.UTC), ID: fmt.Sprintf("sync:%d", n)},
		Account:  "ns", Order: "36", Number: "36", Kind: kind, Desired: event.DesiredTaken{Sequence: n}, Calls: []event.Call{},
	}
	if kind == event.OutcomeParked {
		body.Fault = &unknown
	}
	m, err := publish.JSON(topology.Outcomes, name, body.Envelope, body)
	if err != nil {
		t.Fatal(err)
	}
	m.Expect = &publish.Expect{Sequence: n - 1}
	if _, err := publish.New(s.JS).Publish(natstest.Context(t), m); err != nil {
		t.Fatal(err)
	}
}

// taken fetches outcomes as another process that shares the consumer does.
func taken(t *testing.T, s natstest.Server, n int) []jetstream.Msg {
	t.Helper()
	consumer, err := s.JS.Consumer(natstest.Context(t), topology.Outcomes, topology.ConsumerWriteFailures)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := consumer.Fetch(n)
	if err != nil {
		t.Fatal(err)
	}
	var list []jetstream.Msg
	for m := range batch.Messages() {
		list = append(list, m)
	}
	if len(list) != n {
		t.Fatalf("%d outcomes, want %d", len(list), n)
	}
	return list
}

func openBookOf(t *testing.T, s natstest.Server) *failures.Book {
	t.Helper()
	book, err := failures.Open(natstest.Context(t), s.JS, StageWrite)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(book.Close)
	return book
}

// derived runs the deriver on what is left until the failure has the state.
func derived(t *testing.T, s natstest.Server, state string) {
	t.Helper()
	consumer, err := deriver(s.JS, slog.New(slog.DiscardHandler), openBookOf(t, s))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(natstest.Context(t))
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	var got []string
	for after := uint64(0); len(got) == 0 || got[len(got)-1] != state; {
		raw := s.Next(t, topology.Failures, subject.FailuresOf(StageWrite), after)
		entry, err := codec.Decode[event.FailureParkedV1](raw.Data)
		if err != nil {
			t.Fatal(err)
		}
		got, after = append(got, entry.State), raw.Sequence
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// One process derives the failure of an order, another, at the same time, that its later state succeeded. Whoever comes
// second sees the other: no failure stays open.
func TestTwoProcessesDeriveOneOrder(t *testing.T) {
	t.Run("the failure is stored after the success was looked at", func(t *testing.T) {
		s := natstest.Start(t)
		record(t, s, 1, event.OutcomeParked)
		record(t, s, 2, event.OutcomeSynced)
		other := taken(t, s, 2)
		if outputs, err := derive(s.JS, openBookOf(t, s))(natstest.Context(t), messageOf(s.Next(t, topology.Outcomes, subject.SyncAll, 1))); len(outputs) > 0 || err != nil {
			t.Fatalf("%v, %v: there is nothing to resolve yet", outputs, err)
		}
		if err := errors.Join(other[1].DoubleAck(natstest.Context(t)), other[0].Nak()); err != nil {
			t.Fatal(err)
		}
		derived(t, s, event.FailureResolved)
	})
	t.Run("the failure is stored before it and not heard of yet", func(t *testing.T) {
		s := natstest.Start(t)
		deaf := openBookOf(t, s)
		deaf.Close() // hears nothing of what the other process stores
		record(t, s, 1, event.OutcomeParked)
		derived(t, s, event.FailureParked)
		record(t, s, 2, event.OutcomeSynced)
		outputs, err := derive(s.JS, deaf)(natstest.Context(t), messageOf(s.Next(t, topology.Outcomes, subject.SyncAll, 1)))
		if err != nil || len(outputs) != 1 {
			t.Errorf("%d messages, %v; want the failure resolved", len(outputs), err)
		}
	})
	t.Run("the older failure is stored last", func(t *testing.T) {
		s := natstest.Start(t)
		record(t, s, 1, event.OutcomeParked)
		record(t, s, 2, event.OutcomeParked)
		book, handle := openBookOf(t, s), derive(s.JS, openBookOf(t, s))
		parked, err := book.Park(natstest.Context(t), "main", "36", desiredPosition(event.SyncRecordedV1{Account: "ns", Order: "36", Envelope: event.Envelope{Store: "main"}, Desired: event.DesiredTaken{Sequence: 2}}), unknown, time.Now())
		if err == nil {
			_, err = publish.New(s.JS).Publish(natstest.Context(t), parked...)
		}
		if err != nil {
			t.Fatal(err)
		}
		if outputs, err := handle(natstest.Context(t), messageOf(s.Next(t, topology.Outcomes, subject.SyncAll, 0))); len(outputs) > 0 || err != nil {
			t.Errorf("%v, %v: the older failure replaces the newer one", outputs, err)
		}
	})
}

// An outcome that cannot be decoded is parked once and holds up nothing.
func TestAnUnreadableOutcomeIsParked(t *testing.T) {
	s := natstest.Start(t)
	m := publish.Message{Stream: topology.Outcomes, Subject: subject.Sync{Account: "ns", Store: "main", Order: "36"}.String(), ID: "broken", Data: []byte("{")}
	if _, err := publish.New(s.JS).Publish(natstest.Context(t), m); err != nil {
		t.Fatal(err)
	}
	derived(t, s, event.FailureParked)
	raw := s.Next(t, topology.Failures, subject.FailuresOf(StageWrite), 0)
	entry, err := codec.Decode[event.FailureParkedV1](raw.Data)
	if err != nil || entry.Key != "outcome-36" || entry.Store != "main" || entry.Fault.Code != "message-undecodable" || entry.Message.Stream != topology.Outcomes {
		t.Errorf("%+v, %v; want the outcome itself parked", entry, err)
	}
}

// An order's first outcome has no failure before it: nothing is read for it.
func TestFirstOutcomeIsKnown(t *testing.T) {
	s := natstest.Start(t)
	record(t, s, 1, event.OutcomeSynced)
	record(t, s, 2, event.OutcomeSynced)
	one, two := s.Next(t, topology.Outcomes, subject.SyncAll, 0), s.Next(t, topology.Outcomes, subject.SyncAll, 1)
	if !isFirst(messageOf(one)) || isFirst(messageOf(two)) {
		t.Errorf("headers %v and %v: want the first one told from the second", one.Header, two.Header)
	}
}

func messageOf(m *jetstream.RawStreamMsg) consume.Message {
	return consume.Message{Stream: topology.Outcomes, Sequence: m.Sequence, Subject: m.Subject, Header: m.Header, Data: m.Data}
}

package operate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/internal/terms"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
)

func (p *plant) newest(order int) (event.OrderStateV1, uint64) {
	p.t.Helper()
	stream, err := p.JS.Stream(natstest.Context(p.t), topology.Orders)
	if err != nil {
		p.t.Fatal(err)
	}
	raw, err := stream.GetLastMsgForSubject(natstest.Context(p.t), subject.OrdersOf("main", fmt.Sprint(order)))
	if err != nil {
		p.t.Fatal(err)
	}
	state, err := codec.Decode[event.OrderStateV1](raw.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	return state, raw.Sequence
}

// After a parser fix the orders that the old parser read wrongly, and no others, get an event of the new one: what is shown
// first is what is published, once, and map follows it.
func TestDeliveriesAreParsedAgain(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	p.deliverAll(1000, 6)
	p.desired(6)
	right, _ := p.newest(1001)
	for _, order := range []int{1001, 1004} { // as a parser with a mistake left them
		state, _ := p.newest(order)
		state.Number, state.Hash, state.ID = "wrong", "of the wrong state", fmt.Sprint("wrong", order)
		m, err := publish.JSON(topology.Orders, subject.Order{Kind: event.KindUpdated, Store: "main", Order: state.Order}.String(), state.Envelope, state)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := publish.New(p.JS).Publish(natstest.Context(t), m); err != nil {
			t.Fatal(err)
		}
	}
	p.until("the wrong states are mapped", func() bool {
		last, _ := p.newest(1004)
		return last.Number == "wrong" && p.number("1001") == "wrong" && p.number("1004") == "wrong"
	})
	events := p.Count(t, topology.Orders, subject.OrderAll)
	look := func(r replay.Request) replay.Reparse {
		shown, err := replay.Parse(natstest.Context(t), p.JS, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		return shown
	}
	shown := look(replay.Request{})
	if shown.Looked != 6 || shown.Same != 4 || len(shown.Changes) != 2 || shown.Changes[0].Order != "1001" || shown.Changes[1].Order != "1004" || shown.Changes[0].Hash != right.Hash {
		t.Fatalf("%+v: want orders 1001 and 1004", shown)
	}
	if len(shown.Groups) != 1 || shown.Groups[0].Field != "number" || shown.Groups[0].Orders != 2 || shown.Groups[0].Examples[0].From != "wrong" {
		t.Errorf("%+v: want the number of both", shown.Groups)
	}
	if one := look(replay.Request{Orders: []string{"1004", "1005"}}); one.Looked != 2 || len(one.Changes) != 1 || one.Hash == shown.Hash {
		t.Errorf("%+v: want order 1004 of the two asked for", one)
	}
	if _, err := replay.ApplyParse(natstest.Context(t), p.JS, replay.Request{}, "0011223344556677", "kim", "", nil); !errors.Is(err, replay.ErrMoved) {
		t.Errorf("another hash: %v", err)
	}
	if n := p.Count(t, topology.Orders, subject.OrderAll); n != events {
		t.Errorf("%d events before anything was applied, want %d", n, events)
	}
	published, err := replay.ApplyParse(natstest.Context(t), p.JS, replay.Request{}, shown.Hash, "kim", "numbers are read again", nil)
	if err != nil || published != 2 {
		t.Fatalf("%d published, %v", published, err)
	}
	p.until("the right states are mapped", func() bool { return p.number("1001") == right.Number && p.number("1004") == right.Number })
	if again := look(replay.Request{}); len(again.Changes) != 0 || again.Same != 6 {
		t.Errorf("%+v: want nothing left to change", again)
	}
	if _, err := replay.ApplyParse(natstest.Context(t), p.JS, replay.Request{}, shown.Hash, "kim", "", nil); !errors.Is(err, replay.ErrMoved) {
		t.Errorf("applied twice: %v", err)
	}
	if n := p.Count(t, topology.Orders, subject.OrderAll); n != events+2 {
		t.Errorf("%d events, want %d", n, events+2)
	}
	p.deliver(1001) // the same state once more: no news, whoever parsed it
	p.until("the delivery is parsed", func() bool {
		consumer, err := p.JS.Consumer(natstest.Context(t), topology.Woo, topology.ConsumerParse)
		return err == nil && consumer.CachedInfo().AckFloor.Stream == 7
	})
	if n := p.Count(t, topology.Orders, subject.OrderAll); n != events+2 {
		t.Errorf("a repeat is news after parsing again: %d events", n)
	}
}

// number reads the order number that NetSuite should hold.
func (p *plant) number(order string) string {
	p.t.Helper()
	stream, err := p.JS.Stream(natstest.Context(p.t), topology.Desired)
	if err != nil {
		p.t.Fatal(err)
	}
	raw, err := stream.GetLastMsgForSubject(natstest.Context(p.t), subject.DesiredOf("main", order))
	if err != nil {
		p.t.Fatal(err)
	}
	d, err := codec.Decode[event.DesiredOrderV1](raw.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	return d.Number
}

// What the parser of then parked is parsed again too: an order that has no event gets its first, and its failure is closed;
// what cannot be parsed now either is told, and stays.
func TestParkedDeliveriesAreParsedAgain(t *testing.T) {
	s := start(t)
	ctx := natstest.Context(t)
	_, at := s.delivery("order.created-simple", "main")
	id := s.failure("parse", "order-36", event.FailureParked, at, 0)
	known, second := s.delivery("order.created-registered", "main") // a newer event of it came meanwhile
	s.placed(known)
	old := s.failure("parse", "order-42", event.FailureParked, second, 0)
	w := event.WebhookReceivedV1{Store: "main", Resource: "order", Event: "created", ObjectID: "99", Topic: "order.created", Origin: event.OriginWebhook, ReceivedAt: s.at}
	broken := s.put(publish.Message{Stream: topology.Woo, Subject: subject.Webhook{Store: "main", Resource: "order", Event: "created", ID: "99"}.String(), Header: w.Header(), Data: []byte(`{"id":99,`)})
	still := s.failure("parse", "order-99", event.FailureParked, broken, 0)
	s.failure("parse", "order-40", event.FailureResolved, at, 0)
	shown, err := replay.Parse(ctx, s.JS, replay.Request{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(shown.Changes) != 1 || !shown.Changes[0].Parked || shown.Changes[0].Order != "36" || shown.Changes[0].Delivery != at.Sequence || shown.Changes[0].Sequence != 0 {
		t.Fatalf("%+v: want order 36 with its first event", shown)
	}
	if len(shown.Groups) != 1 || shown.Groups[0].Field != "parked at parse" || len(shown.Troubles) != 1 || shown.Troubles[0].Order != "order-99" {
		t.Errorf("groups %+v, troubles %+v", shown.Groups, shown.Troubles)
	}
	if err := terms.Keep(ctx, s.JS, "ns", terms.Account{Mappings: map[string]string{"eu": "default"}}); err != nil {
		t.Fatal(err)
	}
	if other, err := replay.Parse(ctx, s.JS, replay.Request{Store: "eu"}, nil); err != nil || len(other.Changes)+len(other.Troubles) != 0 {
		t.Errorf("another store: %+v, %v", other, err)
	}
	published, err := replay.ApplyParse(ctx, s.JS, replay.Request{}, shown.Hash, "kim", "the parser reads it now", nil)
	if err != nil || published != 1 {
		t.Fatalf("%d published, %v", published, err)
	}
	for name, open := range map[subject.Failure]bool{id: false, old: true, still: true} {
		f, _, err := operate.Find(ctx, s.JS, name.ID())
		if err != nil || f.IsOpen() != open {
			t.Errorf("failure %s: %s, %v", name.Key, f.Entry.State, err)
		}
	}
	stream, err := s.JS.Stream(ctx, topology.Orders)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := stream.GetLastMsgForSubject(ctx, subject.OrdersOf("main", "36"))
	if err != nil || !strings.Contains(raw.Subject, "placed") {
		t.Errorf("order 36: %+v, %v: want its first event", raw, err)
	}
	if again, err := replay.Parse(ctx, s.JS, replay.Request{}, nil); err != nil || len(again.Changes) != 0 {
		t.Errorf("%+v, %v: want nothing left to change", again, err)
	}
}

// The act of parsing deliveries again comes before its first event: without one none is published, and it says how many were
// where the operator stopped it.
func TestParsingAgainIsAnActBeforeItIsDone(t *testing.T) {
	s := start(t)
	ctx, stop := context.WithCancel(natstest.Context(t))
	_, at := s.delivery("order.created-simple", "main")
	s.failure("parse", "order-36", event.FailureParked, at, 0)
	shown, err := replay.Parse(ctx, s.JS, replay.Request{}, nil)
	if err != nil || len(shown.Changes) != 1 {
		t.Fatalf("%+v, %v: want order 36", shown, err)
	}
	_, err = replay.ApplyParse(ctx, s.JS, replay.Request{}, shown.Hash, "kim", "why", func(int, int) {
		if acts := s.acts(); len(acts) != 1 || acts[0].What != "parse:"+shown.Hash || acts[0].By != "kim" || acts[0].After["state"] != "running" {
			t.Errorf("before the first event the audit stream holds %+v: want that it runs", acts)
		}
		stop()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want it stopped", err)
	}
	if acts := s.acts(); len(acts) != 2 || acts[1].After["state"] != "stopped" || acts[1].After["published"] != "0" || acts[1].After["left"] != "1" {
		t.Errorf("audit %+v: want it stopped before its event", acts)
	}
	if err := s.JS.DeleteStream(natstest.Context(t), topology.Audit); err != nil {
		t.Fatal(err)
	}
	if n, err := replay.ApplyParse(natstest.Context(t), s.JS, replay.Request{}, shown.Hash, "kim", "", nil); err == nil || n != 0 || s.Count(t, topology.Orders, subject.OrderAll) != 0 {
		t.Errorf("%d events published without an act: %v", n, err)
	}
}

package transformer

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/services/transformer/parse"
)

// tell is NetSuite telling what an item has at location 3.
func tell(t *testing.T, server natstest.Server, record string, s event.Stock) uint64 {
	t.Helper()
	c := event.NetSuiteChangedV1{
		Envelope: event.Envelope{Type: "netsuite.v1.changed", ID: fmt.Sprint(record, time.Now().UnixNano()), Time: time.Now().UTC()},
		Account:  "ns", Kind: event.ChangeInventory, Record: event.RecordID{ID: record}, ModifiedAt: time.Now().UTC(), Stock: &s,
	}
	return put(t, server, topology.NetSuiteChanges, subject.Change{Account: "ns", Kind: c.Kind, Key: record}.String(), c.Envelope, c)
}

func put(t *testing.T, server natstest.Server, stream, name string, envelope event.Envelope, body any) uint64 {
	t.Helper()
	m, err := publish.JSON(stream, name, envelope, body)
	if err != nil {
		t.Fatal(err)
	}
	acks, err := publish.New(server.JS).Publish(natstest.Context(t), m)
	if err != nil {
		t.Fatal(err)
	}
	return acks[0].Sequence
}

func has(item string, left int64) event.Stock {
	return event.Stock{Name: item, Locations: []event.LocationStock{{Location: "3", Available: money.Int(left)}}}
}

// One event handled by two transformers of different knowledge comes to one desired state: that of the one whose write was
// first. The other tries again and finds it made; a later event keeps what the first one was told, an earlier one changes
// nothing.
func TestTwoTransformersOfDifferentKnowledge(t *testing.T) {
	server := natstest.Start(t)
	m, err := mapping.Compile([]byte(string(mapping.Default) + "\nrouting: {orders: [{name: left, when: 'all(order.lines, .stock.available >= .quantity)', location: Oakland}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	mappings := &book{current: map[string]active{"default": {m, 1}}}
	transformer := func() *mapper {
		l := newLookups(server.JS, slog.New(slog.DiscardHandler), config.Config{})
		t.Cleanup(l.close)
		return &mapper{js: server.JS, config: config.Config{Stores: map[string]config.Store{"main": {Account: "ns", Mapping: "default"}}}, mappings: mappings, lookups: l}
	}
	handle := func(p *mapper, m consume.Message) []publish.Message {
		messages, err := p.handle(natstest.Context(t), m)
		if err != nil {
			t.Fatal(err)
		}
		return messages
	}
	told := tell(t, server, "101", has("TEE-001", 5))
	behind, ahead := transformer(), transformer()
	if in, err := behind.lookups.stock.of(natstest.Context(t), "ns", "TEE-001"); err != nil || in.Sequence != told {
		t.Fatalf("%+v, %v", in, err)
	}
	behind.lookups.close() // it hears no more
	tell(t, server, "101", has("TEE-001", 0))
	r, err := parse.Read(parse.Delivery{Sequence: 1, Body: captured(t, "order.created-simple"), Facts: event.WebhookReceivedV1{Store: "main", Resource: "order", Event: "created", ReceivedAt: time.Now().UTC()}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := codec.Encode(r.Order)
	if err != nil {
		t.Fatal(err)
	}
	placed, later := consume.Message{Stream: topology.Orders, Sequence: 7, Data: data}, consume.Message{Stream: topology.Orders, Sequence: 9, Data: data}
	first, second := handle(behind, placed), handle(ahead, placed)
	publisher := publish.New(server.JS)
	if _, err := publisher.Publish(natstest.Context(t), first...); err != nil {
		t.Fatal(err)
	}
	if cmp.Equal(first[0].Data, second[0].Data) {
		t.Fatal("both know the same: nothing is proven")
	}
	if _, err := publisher.Publish(natstest.Context(t), second...); err != nil {
		t.Fatal(err) // one event, one message id: it is stored already
	}
	if d, _, err := lastDesired(natstest.Context(t), server.JS, "main", "36"); err != nil || d.Inputs.Stock[0].Sequence != told {
		t.Errorf("%+v, %v: want the state that was first", d, err)
	}
	if again := handle(ahead, placed); len(again) != 0 {
		t.Errorf("%d messages of an event that was mapped", len(again))
	}
	if _, err := publisher.Publish(natstest.Context(t), handle(ahead, later)...); err != nil {
		t.Fatal(err)
	}
	d, _, err := lastDesired(natstest.Context(t), server.JS, "main", "36")
	if err != nil || d.Source.Sequence != 9 || !d.Inputs.Kept || d.Inputs.Stock[0].Sequence != told || d.SalesOrder.Fields["location"].Ref == nil {
		t.Errorf("%+v, %v: want the later event with what was told first", d, err)
	}
	if stale := handle(behind, placed); len(stale) != 0 {
		t.Errorf("%d messages of an older event", len(stale))
	}
}

// The newest of every item is known from the first question on, then whatever comes; an item that is inactive has nothing,
// one that got another name is no longer known by the old one.
func TestStockIsFollowed(t *testing.T) {
	server := natstest.Start(t)
	tell(t, server, "101", has("TEE", 5))
	newest := tell(t, server, "101", has("TEE", 4))
	gone := has("OLD", 9)
	gone.Inactive = true
	inactive := tell(t, server, "102", gone)
	tell(t, server, "103", has("MUG", 1))
	s := newStock(server.JS, slog.New(slog.DiscardHandler), nil)
	defer s.close()
	know := func(item string) event.StockInput {
		in, err := s.of(natstest.Context(t), "ns", item)
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	for item, want := range map[string]event.StockInput{
		"TEE": {Item: "TEE", Sequence: newest, Locations: []event.LocationInput{{Location: "3", Available: money.Int(4)}}},
		"OLD": {Item: "OLD", Sequence: inactive}, "NEW": {Item: "NEW"},
	} {
		if diff := cmp.Diff(want, know(item)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", item, diff)
		}
	}
	renamed := tell(t, server, "103", has("CUP", 2))
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(20 * time.Second); know("CUP").Sequence != renamed; <-ticker.C {
		if time.Now().After(end) {
			t.Fatal("what comes is not followed")
		}
	}
	if in := know("MUG"); in.Sequence != 0 {
		t.Errorf("MUG is %+v, it is called CUP now", in)
	}
	if in, err := s.of(natstest.Context(t), "other", "TEE"); err != nil || in.Sequence != 0 {
		t.Errorf("%+v, %v: stock of another account", in, err)
	}
}

// A mapping that asks for stock which nobody follows is told of once: its orders would go by nothing known.
func TestStockThatNobodyFollows(t *testing.T) {
	server := natstest.Start(t)
	var said bytes.Buffer
	s := newStock(server.JS, slog.New(slog.NewTextHandler(&said, nil)), map[string]config.Account{"on": {Watch: config.Watch{Stock: config.On}}, "off": {}})
	defer s.close()
	for _, account := range []string{"on", "off", "off"} {
		if in, err := s.of(natstest.Context(t), account, "TEE"); err != nil || in.Sequence != 0 {
			t.Errorf("%s: %+v, %v", account, in, err)
		}
	}
	if strings.Count(said.String(), "\n") != 1 || !strings.Contains(said.String(), "account=off") || !strings.Contains(said.String(), "watch.stock") {
		t.Errorf("it said %q, want one line about account off", said.String())
	}
}

// What is held is bounded: of further items nothing is known, of known ones the newest.
func TestStockIsBounded(t *testing.T) {
	const most = 10
	l := newLevels(slog.New(slog.DiscardHandler), most)
	for i := range most + 2 {
		l.put(fmt.Sprint(i), event.Stock{Name: fmt.Sprint("item-", i)}, uint64(i+1))
	}
	l.put("5", has("item-5", 3), 99)
	if len(l.items) != most || l.of(fmt.Sprint("item-", most)).Sequence != 0 || l.of("item-5").Sequence != 99 {
		t.Errorf("%d items, want %d and the newest of known ones", len(l.items), most)
	}
}

// What is kept of an account is asked for again when it does not say all that is asked.
func TestWhatIsKeptAnswers(t *testing.T) {
	known := &event.CustomerInput{Account: "42", Sequence: 3, Meta: map[string]string{"tier": ""}}
	for name, c := range map[string]struct {
		in    *event.CustomerInput
		asked mapping.Asked
		want  bool
	}{
		"nothing is asked": {nil, mapping.Asked{}, true},
		"nothing is kept":  {nil, mapping.Asked{Account: "42"}, false},
		"it is kept":       {known, mapping.Asked{Account: "42", Meta: []string{"tier"}}, true},
		"another key":      {known, mapping.Asked{Account: "42", Meta: []string{"tier", "terms"}}, false},
		"another account":  {known, mapping.Asked{Account: "43"}, false},
		"it was not known": {&event.CustomerInput{Account: "42"}, mapping.Asked{Account: "42"}, false},
	} {
		if got := answers(c.in, c.asked); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

package publish_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// delivery is a message of WOO about an order.
func delivery(order int, id string) publish.Message {
	s := subject.Webhook{Store: "main", Resource: "order", Event: "updated", ID: fmt.Sprint(order)}
	return publish.Message{Stream: topology.Woo, Subject: s.String(), ID: id, Data: []byte(id)}
}

func deliveries(n int) []publish.Message {
	list := make([]publish.Message, n)
	for i := range list {
		list[i] = delivery(i+1, fmt.Sprint("id-", i+1))
	}
	return list
}

// stored lists the ids that WOO holds, in order.
func stored(t testing.TB, server natstest.Server) []string {
	t.Helper()
	stream, err := server.JS.Stream(natstest.Context(t), topology.Woo)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for sequence := range stream.CachedInfo().State.LastSeq {
		m, err := stream.GetMsg(natstest.Context(t), sequence+1)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.Header.Get(jetstream.MsgIDHeader))
	}
	return ids
}

func idsOf(messages []publish.Message) []string {
	var ids []string
	for _, m := range messages {
		ids = append(ids, m.ID)
	}
	return ids
}

// limit changes WOO before anything is stored.
func limit(t *testing.T, server natstest.Server, change func(*jetstream.StreamConfig)) {
	t.Helper()
	stream, err := server.JS.Stream(natstest.Context(t), topology.Woo)
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	change(&config)
	if _, err := server.JS.UpdateStream(natstest.Context(t), config); err != nil {
		t.Fatal(err)
	}
}

func TestPublishStoresInOrderWithFacts(t *testing.T) {
	server := natstest.Start(t)
	body := event.AlertRaisedV1{Envelope: event.Envelope{Type: "alert.v1.raised", ID: "alert-1", Store: "main"}, Kind: event.AlertStream}
	m, err := publish.JSON(topology.Alerts, subject.Alert(body.Kind, "main"), body.Envelope, body)
	if err != nil {
		t.Fatal(err)
	}
	ctx := trace.ContextWithSpanContext(natstest.Context(t), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1: 0xab, 15: 0xcd}, SpanID: trace.SpanID{7: 0x12}, TraceFlags: trace.FlagsSampled,
	}))
	if _, err := publish.New(server.JS).Publish(ctx, m); err != nil {
		t.Fatal(err)
	}
	if len(m.Header) != 1 {
		t.Errorf("the caller's headers grew: %v", m.Header)
	}
	got := server.Next(t, topology.Alerts, subject.AlertAll, 0)
	want := map[string]string{
		event.HeaderType: "alert.v1.raised", jetstream.MsgIDHeader: "alert-1",
		event.HeaderTraceparent: "00-00ab00000000000000000000000000cd-0000000000000012-01",
	}
	for name, value := range want {
		if got.Header.Get(name) != value {
			t.Errorf("%s: %q, want %q", name, got.Header.Get(name), value)
		}
	}
}

// On error the messages before the failing one are stored, and a repeat of all is harmless.
func TestPublishAgainAfterAnError(t *testing.T) {
	server := natstest.Start(t)
	p := publish.New(server.JS)
	list := deliveries(3)
	list[1].Expect = &publish.Expect{Sequence: 7}
	acks, err := p.Publish(natstest.Context(t), list...)
	if fault.CodeOf(err) != fault.StreamConflict || !strings.Contains(err.Error(), list[1].Subject) {
		t.Fatalf("%v, want a conflict that names %s", err, list[1].Subject)
	}
	if diff := cmp.Diff([]publish.Ack{{Sequence: 1}}, acks); diff != "" {
		t.Error(diff)
	}
	list[1].Expect = &publish.Expect{Sequence: 0}
	acks, err = p.Publish(natstest.Context(t), list...)
	want := []publish.Ack{{Sequence: 1, Duplicate: true}, {Sequence: 2}, {Sequence: 3}}
	if diff := cmp.Diff(want, acks); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if diff := cmp.Diff([]string{"id-1", "id-2", "id-3"}, stored(t, server)); diff != "" {
		t.Error(diff)
	}
}

// A condition that fails is our own success when the newest message is ours, else a conflict.
func TestConflict(t *testing.T) {
	first := func(id string) publish.Message {
		m := delivery(1, id)
		m.Expect = &publish.Expect{Sequence: 0}
		return m
	}
	wide := first("mine")
	wide.Expect.Subject = subject.WebhooksOf("main", "order", "1")
	created := wide
	created.Subject = subject.Webhook{Store: "main", Resource: "order", Event: "created", ID: "1"}.String()
	for name, c := range map[string]struct {
		before []publish.Message
		m      publish.Message
		want   publish.Ack
		code   fault.Code
	}{
		"nothing before":                  {nil, first("mine"), publish.Ack{Sequence: 1}, ""},
		"the confirmation was lost":       {[]publish.Message{first("mine")}, first("mine"), publish.Ack{Sequence: 1, Duplicate: true}, ""},
		"lost, the scope has wildcards":   {[]publish.Message{created}, wide, publish.Ack{Sequence: 1, Duplicate: true}, ""},
		"someone else was first":          {[]publish.Message{delivery(1, "other")}, first("mine"), publish.Ack{}, fault.StreamConflict},
		"mine, and someone else since":    {[]publish.Message{first("mine"), delivery(1, "other")}, first("mine"), publish.Ack{}, fault.StreamConflict},
		"someone else, of another kind":   {[]publish.Message{delivery(1, "other")}, created, publish.Ack{}, fault.StreamConflict},
		"without an id nothing is mine":   {[]publish.Message{delivery(1, "")}, first(""), publish.Ack{}, fault.StreamConflict},
		"another subject is not in scope": {[]publish.Message{delivery(2, "other")}, first("mine"), publish.Ack{Sequence: 2}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := natstest.Start(t)
			p := publish.New(server.JS)
			if _, err := p.Publish(natstest.Context(t), c.before...); err != nil {
				t.Fatal(err)
			}
			acks, err := p.Publish(natstest.Context(t), c.m)
			if c.code != "" {
				if fault.CodeOf(err) != c.code || fault.ClassOf(err) != fault.Conflict {
					t.Errorf("%v %v, want %s", acks, err, c.code)
				}
				return
			}
			if diff := cmp.Diff([]publish.Ack{c.want}, acks); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

// What the server and the connection refuse, and its fault.
func TestRefusals(t *testing.T) {
	large := delivery(1, "large")
	large.Data = make([]byte, 17<<20)
	middling := delivery(1, "middling")
	middling.Data = make([]byte, 500)
	misdirected := delivery(1, "misdirected")
	misdirected.Stream = topology.Orders
	for name, c := range map[string]struct {
		change func(*jetstream.StreamConfig)
		m      publish.Message
		want   fault.Code
		class  fault.Class
	}{
		"over max_payload":         {nil, large, fault.RecordTooLarge, fault.Terminal},
		"over the stream's limit":  {func(c *jetstream.StreamConfig) { c.MaxMsgSize = 400 }, middling, fault.RecordTooLarge, fault.Terminal},
		"a full stream":            {func(c *jetstream.StreamConfig) { c.MaxMsgs = 0; c.MaxBytes = 100 }, middling, fault.StreamUnavailable, fault.Unavailable},
		"meant for another stream": {nil, misdirected, fault.StreamUnavailable, fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := natstest.Start(t)
			if c.change != nil {
				limit(t, server, c.change)
			}
			acks, err := publish.New(server.JS).Publish(natstest.Context(t), c.m)
			if fault.CodeOf(err) != c.want || fault.ClassOf(err) != c.class || len(acks) != 0 {
				t.Errorf("%v, %v, want %s (%s)", acks, err, c.want, c.class)
			}
			if got := stored(t, server); len(got) != 0 {
				t.Errorf("stored %v", got)
			}
		})
	}
}

func TestServerAway(t *testing.T) {
	server := natstest.Start(t)
	js, err := jetstream.New(server.Conn, jetstream.WithDefaultTimeout(50*time.Millisecond)) // of a batch's first message
	if err != nil {
		t.Fatal(err)
	}
	p := publish.New(js)
	server.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Publish(ctx, deliveries(1)...); fault.CodeOf(err) != fault.StreamUnavailable {
		t.Errorf("publish: %v, want %s", err, fault.StreamUnavailable)
	}
	if n, err := p.PublishBatch(ctx, deliveries(20)); n != 0 || fault.CodeOf(err) != fault.StreamUnavailable {
		t.Errorf("batch: %d, %v, want %s", n, err, fault.StreamUnavailable)
	}
	stopping, stop := context.WithCancel(context.Background())
	stop()
	if _, err := p.Publish(stopping, deliveries(1)...); fault.ClassOf(err) != fault.Interrupted {
		t.Errorf("stopping: %v, want it interrupted", err)
	}
}

func TestClassify(t *testing.T) {
	api := func(code jetstream.ErrorCode) error {
		return fmt.Errorf("nats: %w", &jetstream.APIError{Code: 400, ErrorCode: code, Description: "d"})
	}
	for name, c := range map[string]struct {
		err  error
		want fault.Class
		code fault.Code
	}{
		"wrong last sequence":          {api(10071), fault.Conflict, fault.StreamConflict},
		"wrong last sequence constant": {api(10164), fault.Conflict, fault.StreamConflict},
		"a duplicate in flight":        {api(10158), fault.Conflict, fault.StreamConflict},
		"message too large":            {api(10054), fault.Terminal, fault.RecordTooLarge},
		"over max_payload":             {fmt.Errorf("in a batch: %w", nats.ErrMaxPayload), fault.Terminal, fault.RecordTooLarge},
		"maximum bytes":                {api(10077), fault.Unavailable, fault.StreamUnavailable},
		"overloaded":                   {api(10167), fault.Unavailable, fault.StreamUnavailable},
		"an answer no rule names":      {api(19999), fault.Unavailable, fault.StreamUnavailable},
		"no stream":                    {jetstream.ErrNoStreamResponse, fault.Unavailable, fault.StreamUnavailable},
		"no answer in time":            {context.DeadlineExceeded, fault.Unavailable, fault.StreamUnavailable},
		"closed":                       {nats.ErrConnectionClosed, fault.Unavailable, fault.StreamUnavailable},
		"cut off":                      {io.ErrUnexpectedEOF, fault.Unavailable, fault.StreamUnavailable},
		"we are stopping":              {fmt.Errorf("nats: %w", context.Canceled), fault.Interrupted, fault.Unexpected},
	} {
		got := publish.Classify(c.err)
		if fault.ClassOf(got) != c.want || fault.CodeOf(got) != c.code || !errors.Is(got, c.err) {
			t.Errorf("%s: %v (%s), want %s (%s) around its cause", name, got, fault.ClassOf(got), c.code, c.want)
		}
	}
	if err := publish.Classify(nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}

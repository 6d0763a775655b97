package transformer

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/revisions"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/services/transformer/parse"
)

// Whoever publishes a mapping and retries what it mends is served the first time, by a transformer too that has not heard of
// the publication; live orders take what it has.
func TestARetryIsMappedWithWhatIsActive(t *testing.T) {
	server := natstest.Start(t)
	ctx := natstest.Context(t)
	quiet := slog.New(slog.DiscardHandler)
	c := config.Config{
		Stores:   map[string]config.Store{"main": {Account: "ns", Mapping: "default"}},
		Mappings: map[string]config.Mapping{"default": {File: "default"}},
	}
	mappings, err := load(ctx, server.JS, quiet, c) // and does not run: it hears of nothing
	if err != nil {
		t.Fatal(err)
	}
	looked := newLookups(server.JS, quiet, c)
	t.Cleanup(looked.close)
	orders, accounts := &mapper{js: server.JS, config: c, mappings: mappings, lookups: looked}, &customers{js: server.JS, config: c, mappings: mappings}
	choose := func(document []byte) string {
		t.Helper()
		revision := mapping.Revision(document)
		if err := mappings.shelf.Keep(ctx, "default", revision, document); err != nil {
			t.Fatal(err)
		}
		present, err := mappings.shelf.Active(ctx, "default")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mappings.shelf.Activate(ctx, revisions.Active{Mapping: "default", Revision: revision, Before: present.Revision, By: "kim", At: time.Now().UTC()}, present.Position); err != nil {
			t.Fatal(err)
		}
		return revision
	}
	message := func(resource, name string, origin ...string) consume.Message {
		t.Helper()
		r, err := parse.Read(parse.Delivery{Sequence: 1, Body: captured(t, name), Facts: event.WebhookReceivedV1{Store: "main", Resource: resource, Event: "updated", ReceivedAt: time.Now().UTC()}})
		if err != nil {
			t.Fatal(err)
		}
		m := consume.Message{Stream: topology.Orders, Sequence: 7, Header: map[string][]string{event.HeaderOrigin: origin}}
		if m.Data, err = codec.Encode(r.Order); resource == "customer" {
			m.Data, err = codec.Encode(r.Customer)
		}
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	order := func(origin ...string) string {
		t.Helper()
		made, err := orders.handle(ctx, message(parse.ResourceOrder, "order.created-simple", origin...))
		if err != nil || len(made) != 1 {
			t.Fatal(made, err)
		}
		d, err := codec.Decode[event.DesiredOrderV1](made[0].Data)
		if err != nil {
			t.Fatal(err)
		}
		return d.Source.Revision
	}

	first, second := mapping.Revision(mapping.Default), choose(append([]byte("# second\n"), mapping.Default...))
	if got := order(); got != first {
		t.Fatalf("mapped with %s: it has heard of the publication, and nothing is proven", got)
	}
	if got := order(string(event.OriginRetry)); got != second {
		t.Errorf("a retry is mapped with %s, active is %s", got, second)
	}
	third := choose(append([]byte("# third\n"), mapping.Default...))
	made, err := accounts.handle(ctx, message("customer", "customer.updated", string(event.OriginRetry)))
	if err != nil || len(made) != 1 || !bytes.Contains(made[0].Data, []byte(third)) {
		t.Errorf("%d messages, %v: want the customer mapped with %s", len(made), err, third)
	}
	if got := order(); got != third {
		t.Errorf("mapped with %s after a retry with %s", got, third)
	}
	// One that this transformer cannot use makes a retry wait, as it does every order.
	choose([]byte("mapping: default\nversion: 99\n"))
	if _, err := orders.handle(ctx, message(parse.ResourceOrder, "order.created-simple", string(event.OriginRetry))); err == nil || fault.ClassOf(err) != fault.Transient {
		t.Errorf("%v of class %v, want it to wait", err, fault.ClassOf(err))
	}
}

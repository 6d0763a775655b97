package operate_test

import (
	"bytes"
	"errors"
	"regexp"
	"testing"

	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// A revision is found by its own name: a document may be published under a key of the configuration that is not the name
// in it.
func TestAMappingUnderAnotherKey(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	document := bytes.Replace(second, []byte("mapping: default"), []byte("mapping: shop"), 1)
	if _, err := operate.Publish(natstest.Context(t), p.JS, "default", document, "kim", "a name of its own"); err != nil {
		t.Fatal(err)
	}
	p.until("the transformer turned", func() bool { return p.turned.Load() == 1 })
	p.deliver(1000)
	p.desired(1)
	held, state, err := operate.State(natstest.Context(t), p.JS, "", "1000")
	if err != nil || held.Source.Mapping != "shop" {
		t.Fatalf("%v, mapped with %s, want shop", err, held.Source.Mapping)
	}
	m, err := operate.MadeWith(natstest.Context(t), p.JS, held)
	if err != nil {
		t.Fatal(err)
	}
	if x := m.Explain(state, mapping.Context{}); m.Revision() != held.Source.Revision || x.Error != "" || x.Revision != held.Source.Revision {
		t.Errorf("explained with %s (%s), mapped with %s", x.Revision, x.Error, held.Source.Revision)
	}
	list, err := operate.Revisions(natstest.Context(t), p.JS)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if r.Mapping != "default" {
			t.Errorf("history shows a mapping %s that the configuration does not have", r.Mapping)
		}
	}
}

// An earlier state of an order is derived again as well as its newest.
func TestDeriveOfAnEarlierEvent(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	p.deliver(1000)
	p.desired(1)
	_, first := p.newest(1000)
	was, err := operate.Derive(natstest.Context(t), p.JS, "main", "1000", "")
	if err != nil || !was.Same {
		t.Fatal(err, was.Same)
	}
	p.body = regexp.MustCompile(`"date_modified(_gmt)?":"20..`).ReplaceAll(bytes.Replace(p.body, []byte(`"status":"processing"`), []byte(`"status":"cancelled"`), 1), []byte(`"date_modified$1":"2099`))
	p.deliver(1000)
	p.until("the order is cancelled", func() bool {
		held, _, err := operate.State(natstest.Context(t), p.JS, "main", "1000")
		return err == nil && held.Source.Status == "cancelled"
	})
	now, err := operate.Derive(natstest.Context(t), p.JS, "main", "1000", "")
	if err != nil || !now.Same || now.Desired.Hash == was.Desired.Hash {
		t.Errorf("%v: the newest state asks for %s, before it was %s", err, now.Desired.Hash, was.Desired.Hash)
	}
	again, err := operate.DeriveEvent(natstest.Context(t), p.JS, "main", "1000", "", first)
	if err != nil || again.Same || again.Desired.Hash != was.Desired.Hash || again.Desired.Source.Sequence != first || again.Desired.Source.Status != "processing" {
		t.Errorf("%v: the first state asks for %s from ORDERS %d, it was %s from %d", err, again.Desired.Hash, again.Desired.Source.Sequence, was.Desired.Hash, first)
	}
	p.deliver(2000)
	p.until("another order", func() bool { _, _, err := operate.State(natstest.Context(t), p.JS, "main", "2000"); return err == nil })
	_, other := p.newest(2000)
	for _, sequence := range []uint64{other, 4711} {
		if _, err := operate.DeriveEvent(natstest.Context(t), p.JS, "main", "1000", "", sequence); !errors.Is(err, operate.ErrNoOrder) {
			t.Errorf("ORDERS %d: %v, want %v", sequence, err, operate.ErrNoOrder)
		}
	}
}

// The last orders exercise a mapping as its examples do.
func TestExercise(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	p.deliver(1000)
	p.deliver(1001)
	p.desired(2)
	m, err := mapping.Compile(append(bytes.Clone(mapping.Default), "\nclasses: [{name: dollars, when: order.currency == \"USD\"}, {name: yen, when: order.currency == \"JPY\"}]\n"...))
	if err != nil {
		t.Fatal(err)
	}
	trace := mapping.NewCounts()
	before := m.Coverage(trace)
	done, err := replay.Exercise(natstest.Context(t), p.JS, m, replay.Among{Last: 10}, trace)
	if want := (replay.Exercised{Mapping: "default", Orders: 2}); err != nil || done != want {
		t.Fatalf("%+v, %v: want %+v", done, err, want)
	}
	c := m.Coverage(trace)
	if c.Percent() <= before.Percent() || len(c.Unfired) != c.Rules-2 || c.Unfired[0] != "classes yen" {
		t.Errorf("%d%% after %d%%, unfired %v; want dollars and one status alone", c.Percent(), before.Percent(), c.Unfired)
	}
	if len(trace.Steps) != 0 {
		t.Errorf("%d steps kept", len(trace.Steps))
	}
}

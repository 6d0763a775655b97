package operate_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// What a replay applied is a revision of the mapping of the configuration, whatever its document calls itself: history
// shows it there and a rollback to it is possible.
func TestAReplaysCandidateIsKeptUnderTheMappingsKey(t *testing.T) {
	named := func(document []byte) []byte {
		return bytes.Replace(document, []byte("mapping: default"), []byte("mapping: shop"), 1)
	}
	for name, candidate := range map[string][]byte{"the name of the key": second, "the name of the active document": named(second)} {
		p := newPlant(t)
		p.transformer()
		ctx := natstest.Context(t)
		if _, err := operate.Publish(ctx, p.JS, "default", named(mapping.Default), "kim", "its own name"); err != nil {
			t.Fatal(err)
		}
		m, err := mapping.Compile(candidate)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := replay.Make(ctx, p.JS, m, replay.Request{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := replay.Save(ctx, p.JS, plan, candidate); err != nil {
			t.Fatal(err)
		}
		if done, err := replay.Apply(ctx, p.JS, plan.Hash, "kim", "", nil); err != nil || done.State != replay.StateDone {
			t.Fatalf("%+v, %v", done, err)
		}
		list, err := operate.Revisions(ctx, p.JS)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			if r.Mapping != "default" {
				t.Errorf("%s: history shows a mapping %s that nobody has", name, r.Mapping)
			}
		}
		if done, err := operate.Rollback(ctx, p.JS, "", m.Revision(), "kim", ""); err != nil || done.Mapping != "default" {
			t.Errorf("%s: rollback to it: %+v, %v", name, done, err)
		}
	}
}

// An act on a plan is told although its command fails between the deed and the telling, and no other one takes its place
// before.
func TestActsOnPlansOutliveTheirCommand(t *testing.T) {
	p := newPlant(t)
	ctx := natstest.Context(t)
	p.transformer()
	p.transformer()
	p.deliver(1000)
	p.desired(1)
	plan := p.plan(second, replay.Request{})
	state := func() replay.State {
		t.Helper()
		progress, err := replay.Stands(ctx, p.JS, plan)
		if err != nil {
			t.Fatal(err)
		}
		return progress.State
	}
	told := func(want ...string) {
		t.Helper()
		p.until("the acts are told", func() bool { return p.Count(t, topology.Audit, subject.AuditAll) >= len(want) })
		var got []string
		for _, a := range p.acts() {
			got = append(got, fmt.Sprintf("%s by %s of %s (%s): %s → %s, published %s", a.Act, a.By, a.What, a.Note, a.Before["state"], a.After["state"], a.After["published"]))
		}
		for i := range want {
			want[i] = "replayed by " + strings.Replace(want[i], ":", " of "+plan.Hash+" (why):", 1)
		}
		if !slices.Equal(got, want) {
			t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}

	found := p.lost()
	if _, err := replay.Apply(ctx, p.JS, plan.Hash, "kim", "why", nil); err == nil || !strings.Contains(err.Error(), "is running, and a transformer tells the act") {
		t.Fatalf("%v: want it said that the act is to come", err)
	}
	if _, err := replay.Control(ctx, p.JS, plan.Hash, replay.StatePaused, "lee", "why"); err == nil || state() != replay.StateRunning {
		t.Errorf("%v, %s: an act that nobody has told is hidden by the next", err, state())
	}
	found()
	told("kim: planned → running, published 0")

	emptied := p.filled()
	if _, err := replay.Control(ctx, p.JS, plan.Hash, replay.StatePaused, "lee", "why"); err == nil || state() != replay.StatePaused {
		t.Fatalf("%v, %s: want it paused, and said that the act is to come", err, state())
	}
	emptied()
	told("kim: planned → running, published 0", "lee: running → paused, published 0")
	if _, err := replay.Control(ctx, p.JS, plan.Hash, replay.StateCancelled, "kim", "why"); err != nil || state() != replay.StateCancelled {
		t.Errorf("%v, %s", err, state())
	}
	told("kim: planned → running, published 0", "lee: running → paused, published 0", "kim: paused → cancelled, published 0")
}

// A plan that was cancelled is not applied; made again of the same history it is, under the same hash. What is said of a plan
// twice is one act.
func TestACancelledPlanIsMadeAgain(t *testing.T) {
	p := newPlant(t)
	ctx := natstest.Context(t)
	p.transformer()
	p.deliver(1000)
	p.desired(1)
	plan := p.plan(second, replay.Request{})
	for range 2 {
		if done, err := replay.Control(ctx, p.JS, plan.Hash, replay.StatePaused, "kim", ""); err != nil || done.State != replay.StatePaused {
			t.Fatal(done, err)
		}
	}
	if _, err := replay.Control(ctx, p.JS, plan.Hash, replay.StateCancelled, "kim", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Apply(ctx, p.JS, plan.Hash, "kim", "", nil); err == nil || !strings.Contains(err.Error(), "is cancelled: nothing of it is applied any more; plan again") {
		t.Errorf("%v: a cancelled plan is applied", err)
	}
	if acts := p.acts(); len(acts) != 2 || acts[0].After["state"] != "paused" || acts[1].Before["state"] != "paused" {
		t.Errorf("%+v: want a pause and a cancellation", acts)
	}
	again := p.plan(second, replay.Request{})
	if stands, err := replay.Stands(ctx, p.JS, again); err != nil || again.Hash != plan.Hash || stands.State != replay.StatePlanned {
		t.Fatalf("%s of %s, %v: want the same plan, to be applied", stands.State, again.Hash, err)
	}
	if done := p.apply(again); done.Published != 1 {
		t.Errorf("%+v", done)
	}
}

// filled makes the audit stream take nothing more until the returned function is called; what it holds can be read.
func (p *plant) filled() (emptied func()) {
	p.t.Helper()
	ctx := natstest.Context(p.t)
	stream, err := p.JS.Stream(ctx, topology.Audit)
	if err != nil {
		p.t.Fatal(err)
	}
	was := stream.CachedInfo().Config
	full := was
	full.MaxMsgs, full.Discard = int64(stream.CachedInfo().State.Msgs), jetstream.DiscardNew
	update := func(c jetstream.StreamConfig) {
		p.t.Helper()
		if _, err := p.JS.UpdateStream(ctx, c); err != nil {
			p.t.Fatal(err)
		}
	}
	update(full)
	return func() { update(was) }
}

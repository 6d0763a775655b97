package transformer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/audit"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/contrast"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/internal/revisions"
	"github.com/orderstream/orderstream/services/internal/shadow"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// While orders wait before map a shadow looks at none: what it computes would come out of their time.
func TestAShadowRestsWhileOrdersWait(t *testing.T) {
	server := natstest.Start(t)
	ctx := natstest.Context(t)
	c := config.Config{Mappings: map[string]config.Mapping{"default": {File: "default"}}}
	mappings, err := load(ctx, server.JS, slog.New(slog.DiscardHandler), c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newShadows(ctx, server.JS, slog.New(slog.DiscardHandler), c, mappings, nil)
	if err != nil {
		t.Fatal(err)
	}
	candidate := bytes.Replace(mapping.Default, []byte("skus: {}"), []byte("skus: {TEE-001: TEE-002}"), 1)
	revision := mapping.Revision(candidate)
	if err := mappings.shelf.Keep(ctx, "default", revision, candidate); err != nil {
		t.Fatal(err)
	}
	if _, err := s.shelf.Change(ctx, "default", func(sh *shadow.Shadow) error {
		sh.Mapping, sh.Revision, sh.State = "default", revision, shadow.Running
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	put := func(n int) {
		for range n {
			m := publish.Message{Stream: topology.Orders, Subject: subject.Order{Kind: "placed", Store: "main", Order: "1"}.String(), Data: []byte("{}")}
			if _, err := publish.New(server.JS).Publish(ctx, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	at := func() uint64 {
		if _, err := s.step(ctx, "default"); err != nil {
			t.Fatal(err)
		}
		sh, err := s.shelf.Of(ctx, "default")
		if err != nil || sh.Holder != s.holder {
			t.Fatal(fmt.Errorf("holder %q: %w", sh.Holder, err))
		}
		return sh.Position
	}
	put(shadowYields)
	if got := at(); got != shadowYields {
		t.Errorf("looked at %d of %d that wait, want all: they are few", got, shadowYields)
	}
	put(1)
	if got := at(); got != shadowYields {
		t.Errorf("looked at %d while %d wait", got, shadowYields+1)
	}
}

// three are three transformers that look after shadows and acts, without their steps.
type three struct {
	t       *testing.T
	server  natstest.Server
	shadows []*shadows
	tellers []*teller
}

func startThree(t *testing.T, server natstest.Server) three {
	t.Helper()
	all := three{t: t, server: server}
	c, log := config.Config{Mappings: map[string]config.Mapping{"default": {File: "default"}}}, slog.New(slog.DiscardHandler)
	for range 3 {
		mappings, err := load(natstest.Context(t), server.JS, log, c)
		if err != nil {
			t.Fatal(err)
		}
		s, err := newShadows(natstest.Context(t), server.JS, log, c, mappings, nil)
		if err != nil {
			t.Fatal(err)
		}
		all.shadows, all.tellers = append(all.shadows, s), append(all.tellers, newTeller(server.JS, log, mappings))
	}
	return all
}

// look lets all three look at once.
func (a three) look() {
	a.t.Helper()
	var looking sync.WaitGroup
	for i := range a.shadows {
		looking.Go(func() {
			if _, err := a.shadows[i].step(natstest.Context(a.t), "default"); err != nil && !errors.Is(err, shadow.ErrMeanwhile) {
				a.t.Error(err)
			}
			a.tellers[i].step(natstest.Context(a.t))
		})
	}
	looking.Wait()
}

// follow lets each map with what is active now.
func (a three) follow() {
	a.t.Helper()
	for _, s := range a.shadows {
		now, err := s.mappings.shelf.Active(natstest.Context(a.t), "default")
		if err == nil {
			err = s.mappings.turn(natstest.Context(a.t), now)
		}
		if err != nil {
			a.t.Fatal(err)
		}
	}
}

// acts are those that the audit stream holds.
func (a three) acts() (list []string) {
	a.t.Helper()
	for n := range a.server.Count(a.t, topology.Audit, subject.AuditAll) {
		m := a.server.Next(a.t, topology.Audit, subject.AuditAll, uint64(n))
		act, err := codec.Decode[event.AuditActedV1](m.Data)
		if err != nil {
			a.t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s by %s: %s", act.Act, act.By, act.After["state"]+act.After["revision"]))
	}
	slices.Sort(list)
	return list
}

// A shadow's end leaves one act, told by whichever of three transformers, by all of them at once, and again when they look
// later: where its rule ends it, and where the process that ended it died before it could say so.
func TestTheEndOfAShadowIsToldOnce(t *testing.T) {
	first, candidate := mapping.Revision(mapping.Default), bytes.Replace(mapping.Default, []byte("skus: {}"), []byte("skus: {TEE-001: TEE-002}"), 1)
	revision := mapping.Revision(candidate)
	expected, other := contrast.Group{Field: "a", Orders: 1}, contrast.Group{Field: "b", Orders: 1, Examples: []contrast.Example{{Object: contrast.Object{Store: "main", Order: "1"}}}}
	for name, c := range map[string]struct {
		groups []contrast.Group
		died   func(ctx context.Context, s *shadows, sh *shadow.Shadow) error // what a process did that died behind it
		want   []string
	}{
		"promoted by its rule":  {[]contrast.Group{expected}, nil, []string{"published by system: " + revision, "shadowed by kim: running" + revision, "shadowed by system: promoted" + revision}},
		"withdrawn by its rule": {[]contrast.Group{other}, nil, []string{"shadowed by kim: running" + revision, "shadowed by system: withdrawn" + revision}},
		"promoted by its rule, died when it was active": {[]contrast.Group{expected}, func(ctx context.Context, s *shadows, _ *shadow.Shadow) error {
			chosen := revisions.Active{Mapping: "default", Revision: revision, Before: first, By: audit.System, Note: "by its rule", At: time.Now().UTC()}
			present, err := s.mappings.shelf.Active(ctx, "default")
			if err == nil {
				_, err = s.mappings.shelf.Activate(ctx, chosen, present.Position)
			}
			return err
		}, []string{"published by system: " + revision, "shadowed by kim: running" + revision, "shadowed by system: promoted" + revision}},
		"stopped by a command that died": {nil, func(ctx context.Context, s *shadows, sh *shadow.Shadow) error {
			sh.End(shadow.Stopped, "lee", "seen enough", time.Now().UTC())
			return s.shelf.Keep(ctx, sh)
		}, []string{"shadowed by kim: running" + revision, "shadowed by lee: stopped" + revision}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, server := natstest.Context(t), natstest.Start(t)
			s := startThree(t, server).shadows[0]
			if err := s.mappings.shelf.Keep(ctx, "default", revision, candidate); err != nil {
				t.Fatal(err)
			}
			sh, err := s.shelf.Change(ctx, "default", func(sh *shadow.Shadow) error {
				sh.Follow(shadow.Shadow{Mapping: "default", Revision: revision, By: "kim", Since: time.Now().UTC(), Rule: shadow.Rule{After: 1, Fields: []string{"a"}}})
				sh.Begin(first, 0, 0)
				sh.Looked, sh.Groups = 1, c.groups
				return nil
			})
			if err == nil && c.died != nil {
				err = c.died(ctx, s, &sh)
			}
			if err != nil {
				t.Fatal(err)
			}
			all := startThree(t, server)
			all.look() // one gets it
			all.look()
			all.follow()
			all.look()
			startThree(t, server).look()
			if got := all.acts(); !slices.Equal(got, c.want) {
				t.Errorf("told %v\nwant %v", got, c.want)
			}
		})
	}
}

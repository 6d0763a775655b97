package transformer

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
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

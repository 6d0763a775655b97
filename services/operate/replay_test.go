package operate_test

import (
	"bytes"
	"testing"

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

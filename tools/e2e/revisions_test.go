package e2e

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// shorter is the shipped document with another memo.
var shorter = bytes.Replace(mapping.Default, []byte(`"WooCommerce order " + order.number`), []byte(`"Woo " + order.number`), 1)

// record keeps every desired state that is ever made, those that later ones replace too.
func record(t *testing.T, w world.World) func() [][]byte {
	t.Helper()
	var mu sync.Mutex
	var all [][]byte
	made, err := w.JS.Conn().Subscribe(subject.DesiredOrders(""), func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, m.Data)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.JS.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	return func() [][]byte {
		if err := w.JS.Conn().Flush(); err != nil { // what was published before is in the subscription's queue
			t.Fatal(err)
		}
		w.Until("every desired state was seen", func() bool { n, _, err := made.Pending(); return err == nil && n == 0 })
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// Invariant 6 over a whole history: real orders and their edits, mapped with two revisions that were made active in turn
// and by a replay. Every desired state ever made is derived again bit for bit with the revision that it names.
func TestTheWholeHistoryIsDerivedAgain(t *testing.T) {
	t.Parallel()
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	ctx := context.Background()
	made := record(t, w)
	all := world.Captures(t)
	w.Load(all)
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	edits := 0
	edit := func(day int) {
		for _, name := range []string{"order.created-simple", "order.created-registered", "order.created-cod", "order.created-coupon"} {
			w.Post(changed(t, name, `"date_modified_gmt":"2026-11-2`, fmt.Sprintf(`"date_modified_gmt":"2027-01-%d`, day), `"customer_note":"`, fmt.Sprintf(`"customer_note":"edit %d `, day)))
			edits++
		}
		w.Settle()
	}
	first, err := operate.Publish(ctx, w.JS, "", shorter, "me", "shorter memo")
	if err != nil {
		t.Fatal(err)
	}
	edit(0)
	if _, err := operate.Rollback(ctx, w.JS, "", "", "me", ""); err != nil {
		t.Fatal(err)
	}
	edit(1)
	p := plan(t, w, shorter)
	if err := replay.Save(ctx, w.JS, p, shorter); err != nil {
		t.Fatal(err)
	}
	done, err := replay.Apply(ctx, w.JS, p.Hash, "me", "", nil)
	if err != nil || done.Published < 30 {
		t.Fatalf("%+v, %v", done, err)
	}
	w.Settle()
	prover, err := operate.NewProver(ctx, w.JS)
	if err != nil {
		t.Fatal(err)
	}
	states := made()
	for _, data := range states {
		if err := prover.Add(ctx, data); err != nil {
			t.Fatal(err)
		}
	}
	proof := prover.Proof()
	if !proof.Holds() || proof.Gone != 0 || proof.States != len(states) || proof.States < 45+edits+done.Published {
		t.Errorf("%d states: %+v; want every one of at least %d as it was", len(states), proof, 45+edits+done.Published)
	}
	if len(proof.Revisions) != 2 || proof.Revisions[first.Before] < 45+4 || proof.Revisions[first.Revision] < 4+done.Published {
		t.Errorf("by revision %v, want those of both", proof.Revisions)
	}
	past(t, w, first, done.Published)
	if err := prover.Add(ctx, bytes.Replace(states[0], []byte(`"total":"`), []byte(`"total":"1`), 1)); err != nil {
		t.Fatal(err)
	}
	if forged := prover.Proof(); forged.Holds() || len(forged.Different) != 1 {
		t.Errorf("a forged state passes: %+v", forged)
	}
}

// past proves what is stored: what DESIRED holds by its bytes, and by the hash of each outcome what it holds no longer. An
// outcome that says otherwise is found.
func past(t *testing.T, w world.World, other operate.Published, replayed int) {
	t.Helper()
	stream, err := w.JS.Stream(t.Context(), topology.Outcomes)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := int(stream.CachedInfo().State.Msgs)
	all := 0
	proof, err := operate.Prove(t.Context(), w.JS, func(done, of int) {
		if all++; done != all || of < 45+outcomes {
			t.Errorf("%d of %d, want %d", done, of, all)
		}
	})
	if err != nil || !proof.Holds() || proof.States < 45 || proof.Customers.States == 0 {
		t.Errorf("what DESIRED holds: %+v, %v", proof, err)
	}
	was := proof.Past
	if was.States != outcomes || was.States <= proof.States || was.Gone != 0 || was.Unprovable != 0 || was.Stored != was.Derived || all != proof.States+proof.Customers.States+outcomes {
		t.Errorf("%d outcomes, %d states told: %+v, want each state that they are about, more than DESIRED holds", outcomes, all, was)
	}
	if len(was.Revisions) != 2 || was.Revisions[other.Before] < 45+4 || was.Revisions[other.Revision] < 4+replayed {
		t.Errorf("of the past by revision %v, want those of both", was.Revisions)
	}
	forged := lastOutcome(t, w, "36")
	forged.Desired.Hash = strings.Repeat("0", 64)
	data, err := codec.Encode(forged)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.JS.Publish(t.Context(), subject.Sync{Account: forged.Account, Store: "main", Order: "36"}.String(), data); err != nil {
		t.Fatal(err)
	}
	proof, err = operate.Prove(t.Context(), w.JS, nil)
	if now := proof.Past; err != nil || proof.Holds() || proof.Differing != 0 || now.Differing != 1 || len(now.Different) != 1 || !strings.HasPrefix(now.Different[0], "main/36 at ") {
		t.Errorf("a forged outcome of order 36: %+v, %v", now, err)
	}
}

// A comparison tells which of the last orders two revisions map differently, and how; NetSuite hears nothing of it.
func TestCompareRevisions(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	all := world.Captures(t)
	w.Load(all)
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	before := w.NetSuite.Stats().Requests
	compiled := func(document []byte) *mapping.Mapping {
		m, err := mapping.Compile(document)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	compare := func(to []byte, n int) replay.Compared {
		c, err := replay.Compare(context.Background(), w.JS, compiled(mapping.Default), compiled(to), replay.Among{Last: n})
		if err != nil {
			t.Fatal(err)
		}
		return c.Orders
	}
	if c := compare(mapping.Default, 100); c.Looked < 45 || c.Same != c.Looked {
		t.Errorf("a revision and itself: %+v", c)
	}
	c := compare(shorter, 100)
	if len(c.Differing) < 40 || len(c.Groups) != 1 || c.Groups[0].Field != "sales_order.fields.memo" || c.Groups[0].Orders != len(c.Differing) || len(c.Troubles) != 0 {
		t.Errorf("%d orders differ, groups %+v, troubles %v; want the memo of nearly all", len(c.Differing), c.Groups, c.Troubles)
	}
	for _, o := range c.Differing {
		if len(o.Differences) != 1 || o.Differences[0].From != "WooCommerce order "+o.Number || o.Differences[0].To != "Woo "+o.Number {
			t.Errorf("order %s: %+v", o.Order, o.Differences)
		}
	}
	if few := compare(shorter, 5); few.Looked != 5 || len(few.Differing)+few.Same != 5 {
		t.Errorf("the last five: %+v", few)
	}
	unmapped := bytes.Replace(mapping.Default, []byte("    US-TX-TX SALES TAX-1: {type: US Sales Tax, code: TX_SALES}\n"), nil, 1)
	if c := compare(unmapped, 100); len(c.Troubles) == 0 || c.Troubles[0].Code != "tax-rate-unmapped" {
		t.Errorf("without a tax rate: %+v, want orders that are no longer mapped", c.Troubles)
	}
	if after := w.NetSuite.Stats().Requests; after != before {
		t.Errorf("comparing sent %d requests to NetSuite", after-before)
	}
}

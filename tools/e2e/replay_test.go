package e2e

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

func plan(t *testing.T, w world.World, document []byte) replay.Plan {
	t.Helper()
	candidate, err := mapping.Compile(document)
	if err != nil {
		t.Fatalf("%v", err)
	}
	p, err := replay.Make(context.Background(), w.JS, candidate, replay.Request{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func changesIn(t *testing.T, p replay.Plan) (list []replay.Change) {
	t.Helper()
	for c, err := range p.Changes() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// What was shown is what is written; an order that changed since leaves the plan and is listed; a plan goes on where it
// was paused.
func TestReplayWritesThePlan(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	all := world.Captures(t)
	w.Load(all)
	for _, name := range []string{"order.created-simple", "order.created-registered", "order.created-cod", "order.created-coupon"} {
		w.Post(changed(t, name))
	}
	w.Settle()
	document := bytes.Replace(mapping.Default, []byte(`"WooCommerce order " + order.number`), []byte(`"Woo " + order.number`), 1)
	p := plan(t, w, document)
	if p.Changed != 4 || p.Cost.Writes != 4 {
		t.Fatalf("%d changes, %d writes, want 4 of each: %+v", p.Changed, p.Cost.Writes, p.Troubles)
	}
	ctx := context.Background()
	if err := replay.Save(ctx, w.JS, p, document); err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.created-simple", `"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"2026-12-01T00:00:00"`, `"customer_note":""`, `"customer_note":"later"`))
	w.Settle()
	if _, err := replay.Control(ctx, w.JS, p.Hash, replay.StatePaused, "me", ""); err != nil {
		t.Fatal(err)
	}
	before := w.NetSuite.Stats().Requests
	done, err := replay.Apply(ctx, w.JS, p.Hash, "me", "shorter memo", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Settle()
	if done.State != replay.StateDone || done.Published != 3 || len(done.Left) != 1 || done.Left[0].Order != "36" {
		t.Errorf("%+v, want 3 published and order 36 left out", done)
	}
	memos := map[string]string{}
	for _, so := range world.Get[[]struct {
		ExternalID string `json:"externalId"`
		Memo       string `json:"memo"`
	}](w, w.Facts.NetSuite+"/sim/state?type=salesOrder") {
		memos[so.ExternalID] = so.Memo
	}
	for id, memo := range memos {
		want := "Woo " + strings.TrimPrefix(id, "wc-so-main-")
		if id == "wc-so-main-36" {
			want = "WooCommerce order 36"
		}
		if memo != want {
			t.Errorf("%s: memo %q, want %q", id, memo, want)
		}
	}
	if sent := w.NetSuite.Stats().Requests - before; sent > 3*3 { // read, write, read back
		t.Errorf("%d requests for three orders", sent)
	}
	if again, err := replay.Apply(ctx, w.JS, p.Hash, "me", "", nil); err != nil || !cmp.Equal(again, done) {
		t.Errorf("applied twice: %+v, %v", again, err)
	}
	if left := changesIn(t, plan(t, w, document)); len(left) != 1 || left[0].Order != "36" {
		t.Errorf("%d changes remain, want that of order 36", len(left))
	}
}

// Every order of history is derived again to the same hash, with the mapping of then. Invariant 6.
func TestHistoryIsDerivedAgain(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	all := world.Captures(t)
	w.Load(all)
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	ctx := context.Background()
	revisions, err := operate.Revisions(ctx, w.JS)
	if err != nil || len(revisions) != 1 || revisions[0].Mapping != "default" {
		t.Fatalf("revisions %+v, %v, want the default one", revisions, err)
	}
	derived := 0
	for _, change := range changesIn(t, plan(t, w, shorter)) {
		for _, revision := range []string{"", revisions[0].Revision, "default." + revisions[0].Revision[:6]} {
			d, err := operate.Derive(ctx, w.JS, change.Store, change.Order, revision)
			if err != nil || !d.Same {
				t.Errorf("%s/%s at %q: same %v, %v", change.Store, change.Order, revision, d.Same, err)
			}
			derived++
		}
	}
	if derived < 3*40 {
		t.Errorf("%d derivations, want three of every order that is written", derived)
	}
	if _, err := operate.Derive(ctx, w.JS, "main", "36", "ffff"); !errors.Is(err, operate.ErrNoRevision) {
		t.Errorf("a revision that never was: %v", err)
	}
	if _, err := operate.Derive(ctx, w.JS, "main", "4711", ""); !errors.Is(err, operate.ErrNoOrder) {
		t.Errorf("an order that never was: %v", err)
	}
}

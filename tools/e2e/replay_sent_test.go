package e2e

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// watchful follows NetSuite closely.
func watchful(c *host.Config) {
	const often = 100_000_000 // nanoseconds
	account := c.Accounts[demo.Account]
	account.Watch.Fast, account.Watch.Idle = often, often
	c.Accounts[demo.Account] = account
}

// ships sends an order's goods in NetSuite and waits until the watcher has seen it.
func ships(t *testing.T, w world.World, order string) {
	t.Helper()
	if _, err := w.NetSuite.Fulfil(netsuitesim.Shipment{Order: "wc-so-main-" + order}); err != nil {
		t.Fatal(err)
	}
	reads(t, w, order, "F")
	w.Settle()
}

// reads waits until the watcher has read the status of an order's sales order.
func reads(t *testing.T, w world.World, order, status string) {
	t.Helper()
	stream, err := w.JS.Stream(t.Context(), topology.NetSuiteChanges)
	if err != nil {
		t.Fatal(err)
	}
	name := subject.Change{Account: demo.Account, Kind: event.ChangeSalesOrder, Key: lastOutcome(t, w, order).Ledger.SalesOrder.ID}.String()
	w.Until("the watcher has read status "+status, func() bool {
		raw, err := stream.GetLastMsgForSubject(t.Context(), name)
		if err != nil {
			return false
		}
		change, err := codec.Decode[event.NetSuiteChangedV1](raw.Data)
		return err == nil && change.Status == status
	})
}

func effects(t *testing.T, p replay.Plan) map[string]replay.Effect {
	t.Helper()
	list := map[string]replay.Effect{}
	for _, c := range changesIn(t, p) {
		list[c.Order] = c.Effect
	}
	return list
}

// applied saves a plan, applies it and gives the sales orders that were written.
func applied(t *testing.T, w world.World, p replay.Plan, document []byte) []string {
	t.Helper()
	ctx := context.Background()
	if err := replay.Save(ctx, w.JS, p, document); err != nil {
		t.Fatal(err)
	}
	before := len(written(w))
	done, err := replay.Apply(ctx, w.JS, p.Hash, "me", "", nil)
	if err != nil || done.Published != p.Changed {
		t.Fatalf("%+v, %v: want %d published", done, err, p.Changed)
	}
	w.Settle()
	return written(w)[before:]
}

// The plan foresees what NetSuite makes of orders that are fulfilled there, and compares with what NetSuite was last sent:
// an order that the writer kept is behind, not the same.
func TestAPlanKnowsWhatNetSuiteHolds(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: watchful})
	w.Load(world.Captures(t))
	w.Post(changed(t, "order.created-multi"))
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	ships(t, w, "37")
	p := plan(t, w, shorter)
	if got := effects(t, p); len(got) != 2 || got["36"] != replay.EffectUpdate || got["37"] != replay.EffectKeep || p.Cost.Writes != 1 {
		t.Fatalf("effects %v, %d writes: want 36 written and 37 kept", got, p.Cost.Writes)
	}
	if list := applied(t, w, p, shorter); len(list) != 1 || list[0] != "main-36" {
		t.Errorf("written %v, want order 36 alone", list)
	}
	again := plan(t, w, shorter)
	if again.Changed != 0 || again.Same != 1 || len(again.Behind) != 1 {
		t.Fatalf("%d changes, %d same, behind %+v: want order 37 behind", again.Changed, again.Same, again.Behind)
	}
	if b := again.Behind[0]; b.Kind != event.OutcomeSkipped || b.Orders != 1 || b.Examples[0].Order != "37" || !strings.Contains(b.Examples[0].Reason, "fulfilled") {
		t.Errorf("behind %+v: want order 37 with the reason", b)
	}
	third := bytes.Replace(mapping.Default, []byte(`"WooCommerce order " + order.number`), []byte(`"Third " + order.number`), 1)
	for _, c := range changesIn(t, plan(t, w, third)) {
		from := map[string]string{"36": "Woo 36", "37": "WooCommerce order 37"}[c.Order]
		if len(c.Differences) != 1 || c.Differences[0].From != from || c.Unsent {
			t.Errorf("order %s: %+v, want the memo that NetSuite holds: %q", c.Order, c.Differences, from)
		}
	}
}

// Policies of fulfilled orders are in the plan as the writer carries them out.
func TestAPlanForeseesThePolicyOfFulfilledOrders(t *testing.T) {
	accepted := []byte("    order_status: B\n    absent: create\n    open: apply\n    fulfilled: keep")
	policy := func(fulfilled string, document []byte) []byte {
		return bytes.Replace(document, accepted, bytes.Replace(accepted, []byte("fulfilled: keep"), []byte("fulfilled: "+fulfilled), 1), 1)
	}
	taxLines := bytes.Replace(mapping.Default, []byte("strategy: override"), []byte("strategy: lines\n  item: WOO-FEE"), 1)
	w := world.Start(t, demo.Options{Mute: true, Adjust: watchful})
	w.Load(world.Captures(t))
	w.Post(changed(t, "order.created-multi"))
	w.Settle()
	ships(t, w, "37")
	for _, c := range []struct {
		name     string
		document []byte
		effect   replay.Effect
		writes   int
		outcome  string
	}{
		{"fields only, lines follow", policy("apply", shorter), replay.EffectKeep, 0, event.OutcomeVerified},
		{"lines follow", policy("apply", taxLines), replay.EffectAlter, 1, event.OutcomeSynced},
		{"parked", policy("park", shorter), replay.EffectPark, 0, event.OutcomeParked},
	} {
		p := plan(t, w, c.document)
		if got := effects(t, p); got["37"] != c.effect || p.Cost.Writes != c.writes {
			t.Errorf("%s: effects %v, %d writes; want %s", c.name, got, p.Cost.Writes, c.effect)
		}
		before := answered(w, http.MethodPatch, "/salesOrder/", http.StatusNoContent)
		whole := applied(t, w, p, c.document)
		if patched := answered(w, http.MethodPatch, "/salesOrder/", http.StatusNoContent) - before; patched != c.writes || len(whole) != 0 {
			t.Errorf("%s: %d changed line by line, %v written whole; want %d and none", c.name, patched, whole, c.writes)
		}
		if o := lastOutcome(t, w, "37"); o.Kind != c.outcome {
			t.Errorf("%s: %s %s %s, want %s", c.name, o.Kind, o.Rule, o.Reason, c.outcome)
		}
	}
}

// A replay with a revision that was applied a moment ago is written again: no message of it passes for one of then.
func TestAReplayGoesThereAndBack(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	w.Load(world.Captures(t))
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	for i, document := range [][]byte{shorter, mapping.Default, shorter} {
		if list := applied(t, w, plan(t, w, document), document); len(list) != 1 {
			t.Errorf("replay %d: %d writes, want one", i+1, len(list))
		}
	}
	if memo := w.SalesOrders()["wc-so-main-36"].Memo; memo != "Woo 36" {
		t.Errorf("memo %q, want that of the last replay", memo)
	}
}

// An order that is shipped after its plan was made is not what was approved: it is left out and listed, also when somebody
// has looked again since.
func TestAnOrderThatShippedSinceThePlanIsLeftOut(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: watchful})
	w.Load(world.Captures(t))
	w.Post(changed(t, "order.created-multi"))
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	p := plan(t, w, shorter)
	if err := replay.Save(t.Context(), w.JS, p, shorter); err != nil {
		t.Fatal(err)
	}
	ships(t, w, "37")
	if err := replay.Save(t.Context(), w.JS, plan(t, w, shorter), shorter); err != nil {
		t.Fatal(err)
	}
	done, err := replay.Apply(t.Context(), w.JS, p.Hash, "me", "", nil)
	if err != nil || done.Published != 1 || len(done.Left) != 1 || done.Left[0].Order != "37" || !strings.Contains(done.Left[0].Reason, "keep") {
		t.Errorf("%+v, %v: want order 37 left out, because it would be kept", done, err)
	}
}

// While an account's writes are on hold a plan says so: nothing is written, and what was asked already is behind.
func TestAPlanKnowsThatWritesAreOnHold(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: func(c *host.Config) {
		world.Unwatched(c)
		account := c.Accounts[demo.Account]
		account.Writes = "hold"
		c.Accounts[demo.Account] = account
		store := c.Stores["legacy"]
		store.Start = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
		c.Stores["legacy"] = store
	}})
	all := world.Captures(t)
	w.Load(all)
	w.Post(changed(t, "order.created-simple"))
	w.Post(changed(t, "legacy-8.9.3-order.created-variation"))
	w.Settle()
	p := plan(t, w, shorter)
	for _, c := range changesIn(t, p) {
		want := map[string]replay.Effect{"main": replay.EffectHold, "legacy": replay.EffectNone}[c.Store]
		if c.Effect != want || !c.Unsent {
			t.Errorf("order %s/%s: %s, unsent %v; want %s of what was never sent", c.Store, c.Order, c.Effect, c.Unsent, want)
		}
	}
	if p.Changed != 2 || p.Cost.Writes != 0 {
		t.Errorf("%d changes, %d writes, want two and none", p.Changed, p.Cost.Writes)
	}
	if same := plan(t, w, mapping.Default); same.Changed != 0 || same.Same != 1 || len(same.Behind) != 1 || same.Behind[0].Kind != event.OutcomeHeld {
		t.Errorf("%d changes, %d same, behind %+v: want the held order behind, that of before the start the same", same.Changed, same.Same, same.Behind)
	}
}

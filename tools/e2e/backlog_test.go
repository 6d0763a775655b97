package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// paidOrders are plays of one state each, "processing".
func paidOrders(t *testing.T, w world.World, first, n int) []play {
	t.Helper()
	template, random := changed(t, "order.created-simple"), rand.New(rand.NewPCG(1, uint64(first)))
	var plays []play
	for id := first; len(plays) < n; {
		p := newPlay(t, random, template, id)
		if len(p.deliveries) != 1 || p.statuses[0] != "processing" {
			continue
		}
		if _, err := w.Shop.Load(shopsim.Load{Store: "main", Order: p.last}); err != nil {
			t.Fatal(err)
		}
		plays, id = append(plays, p), id+1
	}
	return plays
}

// gathered lets the plays wait before a paused writer.
func gathered(t *testing.T, w world.World, plays []play) (release func()) {
	t.Helper()
	writer := topology.WriterOf(demo.Account)
	if _, err := w.JS.PauseConsumer(context.Background(), topology.Desired, writer, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	send(t, w, plays)
	w.Gather()
	return func() {
		if _, err := w.JS.ResumeConsumer(context.Background(), topology.Desired, writer); err != nil {
			t.Fatal(err)
		}
	}
}

// submitted counts batches that NetSuite took on.
func submitted(w world.World) int {
	n := 0
	for _, e := range w.NetSuite.Log("record/v1/salesorder?", 0) {
		if e.Method == "PUT" && e.Status == 202 {
			n++
		}
	}
	return n
}

// A backlog goes in batches: a fraction of a call for each order, each once, to the cent. What a batch could not write
// for a passing reason is written by itself.
func TestBacklogGoesInBatches(t *testing.T) {
	const orders = 400
	w := world.Start(t, demo.Options{Mute: true, Slots: 2, Mapping: ordersAlone(t), Account: func(c *netsuitesim.Config) { c.AsyncProcessors = 8 }})
	slow := netsuitesim.Faults{LatencyMs: 20}
	if err := w.NetSuite.SetFaults(slow); err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.created-simple")) // brings customer and items, and shows how long a request takes
	w.Settle()
	plays := paidOrders(t, w, 200_000, orders)
	release := gathered(t, w, plays)
	slow.Rules = []netsuitesim.Rule{
		{Kind: "changed", Count: 2, Match: netsuitesim.Match{Async: true}},
		{Kind: "status", Status: 500, Count: 3, Match: netsuitesim.Match{Async: true}},
		{Kind: "drop", Count: 1, Match: netsuitesim.Match{Method: "PUT", PathContains: "salesorder?"}},
	}
	if err := w.NetSuite.SetFaults(slow); err != nil {
		t.Fatal(err)
	}
	before := w.NetSuite.Stats().Requests
	release()
	w.Settle()
	calls := float64(w.NetSuite.Stats().Requests-before) / orders
	t.Logf("%d batches, %.2f calls per order", submitted(w), calls)
	if calls > 0.3 || submitted(w) < 2 {
		t.Errorf("%.2f calls per order in %d batches, want at most 0.3", calls, submitted(w))
	}
	have := w.SalesOrders()
	for _, p := range plays {
		if problem := p.check(have); problem != "" {
			t.Errorf("order %d: %s", p.id, problem)
		}
	}
	if len(have) != orders+1 {
		t.Errorf("%d sales orders, want %d", len(have), orders+1)
	}
}

// What one refusal taught of a field's maximum serves batches too: none of their orders is refused for it.
func TestLearntMaximaServeBatches(t *testing.T) {
	const orders = 60
	w := world.Start(t, demo.Options{Mute: true, Slots: 1, Mapping: ordersAlone(t), Account: func(c *netsuitesim.Config) {
		c.Switches.Lengths = map[string]int{"salesOrder-itemElement.description": 7}
	}})
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{LatencyMs: 100}); err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	gathered(t, w, paidOrders(t, w, 210_000, orders))()
	w.Settle()
	if submitted(w) == 0 {
		t.Fatal("no batch was sent")
	}
	alone := 0
	for _, e := range w.NetSuite.Log("salesOrder/eid:wc-so-main-21", 0) {
		if e.Method == "PUT" {
			alone++
		}
	}
	if first := w.NetSuite.Stats().Records["salesOrder"]; first != orders+1 || alone > orders/2 {
		t.Errorf("%d sales orders, %d of the backlog written by themselves", first, alone)
	}
	if reason := lastOutcome(t, w, fmt.Sprint(210_000+orders-1)).Reason; !strings.Contains(reason, "salesOrder.description was cut") {
		t.Errorf("the last order's outcome says %q", reason)
	}
}

// A batch whose sender is gone may still run. A newer state waits for it, else the batch would overwrite it. Invariant 4.
func TestBatchOfAnEarlierLifeOverwritesNothing(t *testing.T) {
	t.Parallel()
	const orders = 60
	const before = 4 * time.Second // that NetSuite lets a job wait
	o := demo.Options{Mute: true, Slots: 1, Dir: t.TempDir(), Mapping: ordersAlone(t), Adjust: impatient, Account: func(c *netsuitesim.Config) { c.AsyncDelay = before }}
	w := world.Start(t, o)
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{LatencyMs: 100}); err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.created-simple")) // shows how long a request takes
	w.Settle()
	plays := paidOrders(t, w, 300_000, orders)
	release := gathered(t, w, plays)
	release()
	w.Until("a batch is taken on", func() bool { return submitted(w) > 0 })
	items := outstanding(t, w)
	if err := w.NetSuite.Close(context.Background()); err != nil { // as if the network were cut: the writer learns nothing of the job any more
		t.Fatal(err)
	}
	w.Stop()

	again := world.Start(t, o)
	for _, p := range plays {
		newer := strings.NewReplacer(`"customer_note":"`, `"customer_note":"newer `, "2026-12-01T00:00:", "2026-12-02T00:00:").Replace(string(p.last))
		again.Post(signed(p.deliveries[0], []byte(newer), fmt.Sprintf("%d-newer", p.id)))
	}
	again.Settle()
	again.Until("the batch has run", func() bool { return again.NetSuite.Stats().Tasks >= items })
	have := again.SalesOrders()
	for _, p := range plays {
		if so := have[fmt.Sprintf("wc-so-main-%d", p.id)]; !strings.HasPrefix(so.Note, "newer") {
			t.Errorf("order %d holds the note %q, want the newer one", p.id, so.Note)
		}
	}
	if len(have) != orders+1 {
		t.Errorf("%d sales orders, want %d", len(have), orders+1)
	}
}

// outstanding counts the records of batches that stand in the writer's book.
func outstanding(t *testing.T, w world.World) (items int) {
	t.Helper()
	bucket, err := w.JS.KeyValue(context.Background(), topology.Cursors)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := bucket.Keys(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "batch.") {
			continue
		}
		value, err := bucket.Get(context.Background(), key)
		if err != nil {
			t.Fatal(err)
		}
		entry, err := codec.Decode[struct{ Items []codec.Raw }](value.Value())
		if err != nil {
			t.Fatal(err)
		}
		items += len(entry.Items)
	}
	if items == 0 {
		t.Fatal("a batch was sent that does not stand in the book")
	}
	return items
}

// ordersAlone is the shipped mapping without deposits.
func ordersAlone(t *testing.T) string {
	t.Helper()
	document := bytes.Replace(mapping.Default, []byte("\n  policy: deposit\n"), []byte("\n  policy: order\n"), 1)
	if bytes.Equal(document, mapping.Default) {
		t.Fatal("the shipped mapping has no policy to replace")
	}
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/services/ingest/signature"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// ordersEnv and seedEnv choose how many orders TestRandomSequences plays, and which ones.
const (
	ordersEnv = "SEQUENCE_ORDERS"
	seedEnv   = "SEQUENCE_SEED"
)

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// play is a random sequence of states of one order.
type play struct {
	id         int
	statuses   []string
	deliveries []capture.Delivery // in the order they are sent: shuffled a little, some twice
	last       []byte             // body of the newest state
}

// filled is where a state's own values stand in the template, {} for the value.
var filled = [][2]string{
	{`"id":36,"parent_id"`, `"id":{},"parent_id"`}, {`"number":"36"`, `"number":"{}"`}, {`"status":"processing"`, `"status":"{}"`},
	{`"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"2026-12-01T00:00:{}"`}, {`"customer_note":""`, `"customer_note":"{}"`},
}

func newPlay(t *testing.T, random *rand.Rand, template capture.Delivery, id int) play {
	t.Helper()
	p := play{id: id}
	for n := range 1 + random.IntN(4) {
		status := []string{"pending", "on-hold", "processing", "processing", "completed", "cancelled"}[random.IntN(6)]
		note := strings.Repeat("x", random.IntN(3)+1)
		body := template.Body
		for i, value := range []string{fmt.Sprint(id), fmt.Sprint(id), status, fmt.Sprintf("%02d", n), note} {
			if !bytes.Contains(body, []byte(filled[i][0])) {
				t.Fatalf("the template has no %q", filled[i][0])
			}
			body = bytes.Replace(body, []byte(filled[i][0]), []byte(strings.Replace(filled[i][1], "{}", value, 1)), 1)
		}
		d := signed(template, body, fmt.Sprintf("%d-%d", id, n))
		p.statuses, p.last = append(p.statuses, status), body
		p.deliveries = append(p.deliveries, d)
		if random.IntN(4) == 0 {
			p.deliveries = append(p.deliveries, d)
		}
	}
	for i := 1; i < len(p.deliveries); i++ {
		if random.IntN(4) == 0 {
			p.deliveries[i-1], p.deliveries[i] = p.deliveries[i], p.deliveries[i-1]
		}
	}
	return p
}

// signed is a delivery with another body and id.
func signed(d capture.Delivery, body []byte, id string) capture.Delivery {
	d.Body = body
	header := d.Header
	d.Header = nil
	for _, line := range header {
		switch line[0] {
		case "X-WC-Webhook-Signature":
			line[1] = signature.Sign(body, capture.Secret)
		case "X-WC-Webhook-Delivery-ID":
			line[1] = id
		}
		d.Header = append(d.Header, line)
	}
	return d
}

// trouble is what the double does to requests meanwhile: refused before and after the work, lost answers, pages that are
// no JSON, records changed by others, throttling.
func trouble(seed uint64) netsuitesim.Faults {
	rule := func(kind string, status int, rate float64, path string) netsuitesim.Rule {
		return netsuitesim.Rule{Kind: kind, Status: status, Rate: rate, Match: netsuitesim.Match{PathContains: path}}
	}
	return netsuitesim.Faults{Seed: seed, Rules: []netsuitesim.Rule{
		rule("status", 429, 0.03, "/record/"), rule("status", 500, 0.02, "/record/"), rule("statusAfterCommit", 500, 0.02, "/record/"),
		rule("timeout", 504, 0.02, "/record/"), rule("drop", 0, 0.02, "/record/"), rule("dropBefore", 0, 0.01, "/record/"), rule("changed", 0, 0.02, "/record/"),
		rule("status", 502, 0.01, "/query/"),
	}}
}

// Whatever sequence of states arrives, in whatever order and under whatever trouble: one sales order each, the last state
// right, one deposit per payment, totals to the cent. Invariants 2, 3, 4 and 5.
func TestRandomSequences(t *testing.T) {
	orders, seed := int(number(t, ordersEnv, 120)), number(t, seedEnv, uint64(time.Now().UnixNano()))
	t.Logf("%s=%d %s=%d", seedEnv, seed, ordersEnv, orders)
	random := rand.New(rand.NewPCG(seed, 0))
	w := world.Start(t, demo.Options{Mute: true})
	template := changed(t, "order.created-simple")
	var plays []play
	for n := range orders {
		p := newPlay(t, random, template, 100_000+n)
		if _, err := w.Shop.Load(shopsim.Load{Store: "main", Order: p.last}); err != nil {
			t.Fatal(err)
		}
		plays = append(plays, p)
	}
	if err := w.NetSuite.SetFaults(trouble(seed)); err != nil {
		t.Fatal(err)
	}
	for some := range slices.Chunk(plays, 1000) {
		send(t, w, some)
		w.Settle()
	}
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{}); err != nil {
		t.Fatal(err)
	}
	heal(t, w)
	records, paid := w.SalesOrders(), transactions(w, "customerDeposit")
	for _, p := range plays {
		if problem := p.check(records, paid); problem != "" {
			t.Errorf("seed %d, order %d, states %v: %s", seed, p.id, p.statuses, problem)
		}
	}
	if len(records) > orders || len(paid) > orders {
		t.Errorf("%d sales orders and %d deposits of %d orders", len(records), len(paid), orders)
	}
}

// send posts the plays, several orders at a time.
func send(t *testing.T, w world.World, plays []play) {
	t.Helper()
	next := make(chan play)
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for p := range next {
				for _, d := range p.deliveries {
					if status, err := w.TryPost(d); err != nil || status != 200 {
						t.Errorf("order %d: answered %d, %v", p.id, status, err)
					}
				}
			}
		})
	}
	for _, p := range plays {
		next <- p
	}
	close(next)
	senders.Wait()
}

// heal retries what exhausted its attempts, as an operator would.
func heal(t *testing.T, w world.World) {
	t.Helper()
	for range 3 {
		open, err := operate.Failures(context.Background(), w.JS, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range open {
			if _, err := operate.Retry(context.Background(), w.JS, f.Name, "test"); err != nil {
				t.Fatalf("retry %s: %v", f.Name, err)
			}
		}
		w.Settle()
	}
	open, err := operate.Failures(context.Background(), w.JS, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range open {
		t.Errorf("still parked: %s %s", f.Name, f.Entry.Fault.Message)
	}
}

// check holds NetSuite against the newest state; "" when it is right.
func (p play) check(records map[string]world.SalesOrder, deposits map[string]string) string {
	so, is := records[fmt.Sprintf("wc-so-main-%d", p.id)]
	deposit, booked := deposits[fmt.Sprintf("wc-cd-main-%d-payment", p.id)]
	newest := p.statuses[len(p.statuses)-1]
	want := map[string]string{"pending": "A", "on-hold": "A", "processing": "B", "completed": "B", "cancelled": "H"}[newest]
	switch {
	case !is && newest == "pending":
		return "" // nothing to create while the payment is open
	case !is:
		return "no sales order"
	case so.Status.ID != want:
		return "status " + so.Status.ID + ", want " + want
	case !world.SameAmount(so.Total.String(), "28.14") || len(so.Item.Items) != 1:
		return fmt.Sprintf("total %s with %d lines, want 28.14 with 1", so.Total, len(so.Item.Items))
	case booked && !world.SameAmount(deposit, "28.14"):
		return "deposit " + deposit + ", want 28.14"
	case !booked && newest != "pending":
		return "no deposit of a paid order"
	default:
		return ""
	}
}

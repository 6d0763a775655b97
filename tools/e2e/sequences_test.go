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

	"github.com/goccy/go-json"
	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/services/host"
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

	totals  []string // the shop's, state by state
	note    string   // of the newest state, as its lines and refunds
	lines   int
	refunds []int
}

// What a state of a sequence may be.
var (
	someStatus = rapid.SampledFrom([]string{"pending", "on-hold", "processing", "processing", "completed", "cancelled"})
	someWares  = rapid.SampledFrom([][]ware{
		{threeTees}, {{5, 1, 1999}}, {threeTees, twoBeanies}, {threeTees, {6, 1, 1275}}, {threeTees, twoBeanies, oneHour}, {twoBeanies, oneHour}, {{5, 3, 1850}, twoBeanies},
	})
	someNote = rapid.StringOfN(rapid.RuneFrom([]rune("abc dé")), 0, 12, -1)
	rarely   = rapid.SampledFrom([]bool{false, false, false, true})
)

// refundCents is each refund of a sequence: an amount without lines.
const refundCents = 500

// sequence draws states of one order: statuses, lines and notes that change, refunds that come; deliveries shuffled a
// little, some twice.
func sequence(t *testing.T, template capture.Delivery, id int) *rapid.Generator[play] {
	return rapid.Custom(func(r *rapid.T) play {
		p := play{id: id}
		refunds := []any{}
		for n := range rapid.IntRange(1, 4).Draw(r, "states") {
			status, wares := someStatus.Draw(r, "status"), someWares.Draw(r, "wares")
			if status == "pending" && len(refunds) > 0 {
				status = "processing" // only what was paid is given back
			}
			if (status == "processing" || status == "completed") && rarely.Draw(r, "refund") {
				refund := 1_000_000 + 10*id + len(refunds)
				p.refunds, refunds = append(p.refunds, refund), append(refunds, map[string]any{"id": refund, "reason": "", "total": "-" + cents(refundCents)})
			}
			order := tree(t, template.Body)
			p.totals, p.note, p.lines = append(p.totals, fill(order, n, wares...)), strings.TrimSpace(someNote.Draw(r, "note")), len(wares)
			order["id"], order["number"], order["status"], order["customer_note"], order["refunds"] = id, fmt.Sprint(id), status, p.note, refunds
			body, err := json.Marshal(order)
			if err != nil {
				t.Fatal(err)
			}
			d := signed(template, body, fmt.Sprintf("%d-%d", id, n))
			p.statuses, p.last, p.deliveries = append(p.statuses, status), body, append(p.deliveries, d)
			if rarely.Draw(r, "twice") {
				p.deliveries = append(p.deliveries, d)
			}
		}
		for i := 1; i < len(p.deliveries); i++ {
			if rarely.Draw(r, "out of order") {
				p.deliveries[i-1], p.deliveries[i] = p.deliveries[i], p.deliveries[i-1]
			}
		}
		return p
	})
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
		p.statuses, p.last, p.totals, p.note, p.lines = append(p.statuses, status), body, append(p.totals, "28.14"), note, 1
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
// no JSON, records changed by others or locked, slow answers, throttling.
func trouble(seed uint64) netsuitesim.Faults {
	rule := func(kind string, status int, rate float64, path string) netsuitesim.Rule {
		return netsuitesim.Rule{Kind: kind, Status: status, Rate: rate, Match: netsuitesim.Match{PathContains: path}}
	}
	return netsuitesim.Faults{Seed: seed, Rules: []netsuitesim.Rule{
		rule("status", 429, 0.03, "/record/"), rule("status", 500, 0.02, "/record/"), rule("statusAfterCommit", 500, 0.02, "/record/"),
		rule("timeout", 504, 0.02, "/record/"), rule("drop", 0, 0.02, "/record/"), rule("dropBefore", 0, 0.01, "/record/"), rule("changed", 0, 0.02, "/record/"),
		rule("status", 502, 0.01, "/query/"), rule("locked", 0, 0.01, "salesorder"),
		{Kind: "latency", LatencyMs: 300, Rate: 0.02, Match: netsuitesim.Match{PathContains: "/record/"}},
	}}
}

// How many orders are played and compared at once, and after how many the world begins anew, so that memory stays bounded.
const (
	atOnce   = 1000
	perWorld = 10_000
)

// Whatever sequence of states arrives, in whatever order and under whatever trouble, restarts and tokens that end included:
// one sales order each, the last state right with its note and lines, one deposit per payment, one refund per refund,
// totals to the cent. Invariants 2, 3, 4 and 5.
func TestRandomSequences(t *testing.T) {
	t.Parallel()
	orders, seed := int(number(t, ordersEnv, 120)), number(t, seedEnv, uint64(time.Now().UnixNano()))
	t.Logf("%s=%d %s=%d", seedEnv, seed, ordersEnv, orders)
	template := changed(t, "order.created-multi")
	for first := 0; first < orders && !t.Failed(); first += perWorld {
		o := demo.Options{Mute: true, Dir: t.TempDir(), Adjust: impatient}
		w := world.Start(t, o)
		for n := first; n < min(orders, first+perWorld) && !t.Failed(); n += atOnce {
			var plays []play
			for id := n; id < min(orders, first+perWorld, n+atOnce); id++ {
				plays = append(plays, sequence(t, template, 100_000+id).Example(int(seed)+id))
			}
			w = playAll(t, w, o, plays, seed)
		}
		w.Stop()
	}
}

// impatient gives a request up soon: what a restart leaves under way is waited for as long.
func impatient(c *host.Config) {
	a := c.Accounts[demo.Account]
	a.Timeout = 3_000_000_000 // nanoseconds
	c.Accounts[demo.Account] = a
}

// playAll plays orders in the middle of which the services are started anew, and compares them.
func playAll(t *testing.T, w world.World, o demo.Options, plays []play, seed uint64) world.World {
	t.Helper()
	load := func(w world.World, some []play) {
		for _, p := range some {
			if _, err := w.Shop.Load(shopsim.Load{Store: "main", Order: p.last}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.NetSuite.SetFaults(trouble(seed)); err != nil {
			t.Fatal(err)
		}
		send(t, w, some)
	}
	half := len(plays) / 2
	load(w, plays[:half])
	w.Stop()
	w = world.Start(t, o)
	load(w, plays[half:])
	w.NetSuite.RevokeTokens()
	w.Settle()
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{}); err != nil {
		t.Fatal(err)
	}
	heal(t, w)
	records, paid, given := w.SalesOrders(), transactions(w, "customerDeposit"), transactions(w, "customerRefund")
	for _, p := range plays {
		problem := p.check(records, paid)
		if problem == "" {
			problem = p.checkRefunds(given)
		}
		if problem != "" {
			t.Errorf("%s=%d, order %d, states %v, totals %v: %s", seedEnv, seed, p.id, p.statuses, p.totals, problem)
		}
	}
	return w
}

// checkRefunds wants every refund once; while the payment is open nothing need be given back.
func (p play) checkRefunds(given map[string]string) string {
	for _, refund := range p.refunds {
		amount, booked := given[fmt.Sprintf("wc-cr-main-%d-%d", p.id, refund)]
		switch {
		case booked && !world.SameAmount(amount, cents(refundCents)):
			return fmt.Sprintf("refund %d: %s, want %s", refund, amount, cents(refundCents))
		case !booked && p.statuses[len(p.statuses)-1] != "pending":
			return fmt.Sprintf("refund %d is not booked", refund)
		}
	}
	return ""
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
	case !world.SameAmount(so.Total.String(), p.totals[len(p.totals)-1]) || len(so.Item.Items) != p.lines:
		return fmt.Sprintf("total %s with %d lines, want %s with %d", so.Total, len(so.Item.Items), p.totals[len(p.totals)-1], p.lines)
	case so.Note != p.note:
		return fmt.Sprintf("note %q, want %q", so.Note, p.note)
	case booked && !slices.ContainsFunc(p.totals, func(total string) bool { return world.SameAmount(deposit, total) }):
		return "deposit " + deposit + ", which no state's total is"
	case !booked && newest != "pending":
		return "no deposit of a paid order"
	default:
		return ""
	}
}

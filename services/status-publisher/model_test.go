package statuspublisher

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// Both sides converge whatever happens in between: people change the order in the shop, NetSuite ships, bills and pays
// back, messages come twice, the publisher crashes after any write, the shop's answer is lost. At every moment the order,
// as its people left it, is what they left: nothing of ours is news. At the end each tracking number was mailed once, each
// refund is there once, and the writes are as many as the changes. Every run prints its seed, a failure that of its
// interleaving.
func TestInterleavings(t *testing.T) {
	total, shards, seeds := interleavings(), 4, newSeeds(t)
	for shard := range shards {
		t.Run(strconv.Itoa(shard), func(t *testing.T) {
			t.Parallel()
			p := newPlayground(t)
			played := 0
			started := time.Now()
			for played < total/shards { // rapid runs 100 a call
				seeds.check(t, shard, played, func(t *rapid.T) {
					played++
					p.play(t)
				})
				if t.Failed() {
					return
				}
			}
			t.Logf("%d interleavings, %d changes, %d crashes in %v", played, p.changes, p.crashes, time.Since(started).Round(time.Millisecond))
		})
	}
}

// playground is a publisher before a real JetStream and three stores, each with another custom for tracking numbers.
type playground struct {
	nats     natstest.Server
	services []*Service // restarting is going on with the other one
	shop     *modelShop
	orders   atomic.Int64
	changes  int
	crashes  int
}

var customsOfModel = []string{byFulfilments, byAdvanced, byNote}

func newPlayground(t *testing.T) *playground {
	t.Helper()
	p := &playground{nats: natstest.Start(t), shop: &modelShop{orders: map[string]*modelOrder{}}}
	server := httptest.NewServer(p.shop)
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("ck"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config.Config{Stores: map[string]config.Store{}}
	for _, custom := range customsOfModel {
		c.Stores[custom] = config.Store{URL: server.URL, ConsumerKey: config.SecretOf("file:" + path), ConsumerSecret: config.SecretOf("file:" + path), Back: config.Back{Tracking: custom}}
	}
	c.Fill()
	for range 2 {
		s, err := New(t.Context(), host.Env{Config: c, Log: slog.New(slog.DiscardHandler), Conn: p.nats.Conn, JS: p.nats.JS})
		if err != nil {
			t.Fatal(err)
		}
		p.services = append(p.services, s)
	}
	return p
}

// game is one interleaving about one order.
type game struct {
	*playground
	t       *rapid.T
	store   string
	id      string
	shop    *modelOrder
	service int

	// What people did in the shop.
	status  string
	given   []string
	touched bool // the status

	completed string // when they completed it

	// What NetSuite holds.
	letter  string
	shipped int
	numbers []string
	repaid  int // refunds that NetSuite made
	over    bool
	waiting []event.NetSuiteChangedV1
	seen    []event.NetSuiteChangedV1
	clock   int
	again   int // tries that followed one which left nothing on record
}

func (p *playground) play(t *rapid.T) {
	g := &game{playground: p, t: t, store: rapid.SampledFrom(customsOfModel).Draw(t, "store"), id: strconv.FormatInt(1000+p.orders.Add(1), 10), status: "processing", letter: "B"}
	g.shop = &modelOrder{status: "processing", paid: "2026-11-23T02:00:00", meta: map[string]string{}, writes: map[string]int{}}
	p.shop.mu.Lock()
	p.shop.orders[g.id], p.shop.before, p.shop.after = g.shop, 0, 0
	p.shop.mu.Unlock()
	g.ledger()
	for range rapid.IntRange(1, 14).Draw(t, "steps") {
		switch rapid.SampledFrom([]string{"ship", "ship", "bill", "repay", "repay all", "people", "anew", "give", "again", "deliver", "deliver", "deliver", "restart"}).Draw(t, "step") {
		case "ship":
			g.ship()
		case "bill":
			g.bill()
		case "repay":
			g.repay("10.00")
		case "repay all":
			g.repay(g.outstanding().String())
		case "people":
			g.people(rapid.SampledFrom([]string{"processing", "on-hold", "cancelled", "completed"}).Draw(t, "status"))
		case "anew":
			g.anew()
		case "give":
			g.give()
		case "again":
			if len(g.seen) > 0 {
				g.waiting = append(g.waiting, rapid.SampledFrom(g.seen).Draw(t, "again"))
			}
		case "deliver":
			g.deliver(true)
		case "restart":
			g.service = 1 - g.service
		}
		g.quiet()
	}
	for len(g.waiting) > 0 {
		g.deliver(false)
		g.quiet()
	}
	if rapid.Bool().Draw(t, "anew at the end") {
		g.anew()
		g.quiet()
	}
	g.end()
}

// quiet: nothing that we did is news.
func (g *game) quiet() {
	g.t.Helper()
	words := []string{g.status, "2026-11-23T02:00:00", g.completed}
	if got, want := g.shop.own(g.t), strings.Join(append(words, g.given...), "|"); got != want {
		g.t.Fatalf("a reader of the webhooks sees %s, people left %s; the order is %s with %v", got, want, g.shop.status, g.shop.meta)
	}
}

func (g *game) ledger() {
	o := event.SyncRecordedV1{Envelope: event.Envelope{Type: "sync.v1.recorded", ID: "ledger:" + g.store + g.id, Store: g.store, Time: begun}, Account: "ns", Order: g.id, Kind: event.OutcomeSynced, Calls: []event.Call{}}
	o.Ledger.SalesOrder = &event.LedgerOrder{RecordID: event.RecordID{ID: "s" + g.id}, Status: "B", Lines: []event.LedgerLine{{Key: "line-7", Line: "1"}}}
	g.store1(must(publish.JSON(topology.Outcomes, subject.Sync{Account: "ns", Store: g.store, Order: g.id}.String(), o.Envelope, o)))
}

func (g *game) store1(m publish.Message) uint64 {
	acks, err := publish.New(g.nats.JS).Publish(g.t.Context(), m)
	if err != nil {
		g.t.Fatal(err)
	}
	return acks[0].Sequence
}

// changed notes a change in NetSuite, to be delivered some time.
func (g *game) changed(c event.NetSuiteChangedV1) {
	g.clock++
	c.Account, c.Store, c.Order, c.SalesOrder = "ns", g.store, g.id, "s"+g.id
	c.ModifiedAt = begun.Add(time.Duration(g.clock) * time.Second)
	g.waiting = append(g.waiting, c)
	g.changes++
}

func (g *game) sold() {
	shipped := money.Int(int64(g.shipped))
	g.changed(event.NetSuiteChangedV1{Kind: event.ChangeSalesOrder, Record: event.RecordID{ID: "s" + g.id}, TranID: "SO" + g.id, Status: g.letter, Lines: []event.ChangedLine{{Line: "1", Item: "11", Quantity: money.Int(3), Fulfilled: &shipped}}})
}

// ship sends one of three pieces away.
func (g *game) ship() {
	if g.shipped == 3 {
		return
	}
	g.shipped++
	g.letter = "D"
	if g.shipped == 3 {
		g.letter = "F"
	}
	number := fmt.Sprintf("1Z%s-%d", g.id, g.shipped)
	g.numbers = append(g.numbers, number)
	g.changed(event.NetSuiteChangedV1{
		Kind: event.ChangeFulfilment, Record: event.RecordID{ID: fmt.Sprintf("f%s-%d", g.id, g.shipped)}, TranID: "IF" + number, Status: "C",
		Lines: []event.ChangedLine{{Line: "1", Item: "11", Quantity: money.Int(1)}}, Packages: []event.Package{{TrackingNumbers: []string{number}}},
	})
	g.sold()
}

func (g *game) bill() {
	if g.letter == "F" {
		g.letter = "G"
		g.sold()
	}
}

// outstanding is what was paid back neither there nor here.
func (g *game) outstanding() money.Amount {
	left := money.MustParse("100.00")
	for range g.repaid + len(g.given) {
		left = left.Sub(money.MustParse("10.00"))
	}
	return left
}

func (g *game) repay(amount string) {
	if g.over || g.repaid+len(g.given) >= 8 {
		return
	}
	g.over = amount != "10.00"
	g.repaid++
	total := money.MustParse(amount)
	g.changed(event.NetSuiteChangedV1{Kind: event.ChangeRefund, Record: event.RecordID{ID: fmt.Sprintf("r%s-%d", g.id, g.repaid)}, TranID: fmt.Sprintf("RF%s-%d", g.id, g.repaid), Total: &total})
}

// people give the order a status in the shop.
func (g *game) people(status string) {
	if g.shop.status == "refunded" || g.shop.status == status {
		return // in the second case the form saves, and nothing has changed
	}
	g.status, g.touched, g.completed = status, true, ""
	if status == "completed" {
		g.completed = completedByPeople
	}
	g.shop.status, g.shop.completed = status, g.completed // keep the model small: a person who opens an order again clears the date
}

// anew: people open the order again and complete it themselves, whoever completed it before.
func (g *game) anew() {
	g.people("on-hold")
	g.people("completed")
}

// give pays back in the shop; NetSuite's own refund of it, made by the writer, comes back as a change.
func (g *game) give() {
	if g.over || g.repaid+len(g.given) >= 8 {
		return
	}
	g.given = append(g.given, "-10.00")
	g.shop.give(refund{amount: "10.00", reason: "broken"})
	total := money.MustParse("10.00")
	n := len(g.given)
	g.changed(event.NetSuiteChangedV1{Kind: event.ChangeRefund, Record: event.RecordID{ID: fmt.Sprintf("w%s-%d", g.id, n), ExternalID: fmt.Sprintf("wc-cr-%s-%s-%d", g.store, g.id, n)}, TranID: "RFW", Total: &total})
}

// deliver hands a change to the publisher, as JetStream does: again and again until its outputs are stored. What may go
// wrong in between: the process dies with what it did on no record, the shop fails before or after it did as asked.
func (g *game) deliver(trouble bool) {
	if len(g.waiting) == 0 {
		return
	}
	c := g.waiting[0]
	g.clock++
	c.Envelope = event.Envelope{Type: "netsuite.v1.changed", ID: fmt.Sprintf("c:%s:%d", g.id, g.clock), Store: g.store, Time: c.ModifiedAt}
	m := must(publish.JSON(topology.NetSuiteChanges, subject.Change{Account: "ns", Kind: c.Kind, Key: c.Record.ID}.String(), c.Envelope, c))
	message := consume.Message{Stream: m.Stream, Subject: m.Subject, Data: m.Data, Sequence: g.store1(m)}
	for tries := 0; ; tries++ {
		if tries > 20 {
			g.t.Fatalf("%s never ends", m.Subject)
		}
		if trouble && tries < 3 {
			g.fails(rapid.IntRange(0, 6).Draw(g.t, "before"), rapid.IntRange(0, 6).Draw(g.t, "after"))
		}
		outputs, err := g.services[g.service].handleChange(g.t.Context(), message)
		g.fails(0, 0)
		g.quiet()
		if trouble && tries < 3 && rapid.IntRange(0, 3).Draw(g.t, "dies") == 0 {
			g.again, g.crashes = g.again+1, g.crashes+1
			g.service = 1 - g.service
			continue
		}
		if err != nil {
			g.again++
		}
		for _, output := range outputs {
			g.store1(output)
		}
		if err == nil {
			break
		}
		if fault.ClassOf(err) != fault.Unavailable {
			g.t.Fatalf("%s: %v", m.Subject, err)
		}
	}
	g.waiting, g.seen = g.waiting[1:], append(g.seen, c)
}

// fails has the shop fail at one of its next requests. Nothing is drawn under its lock: a draw may panic, by which rapid
// leaves a case that it makes smaller.
func (g *game) fails(before, after int) {
	g.playground.shop.mu.Lock()
	defer g.playground.shop.mu.Unlock()
	g.playground.shop.before, g.playground.shop.after = before, after
}

// end compares both sides.
func (g *game) end() {
	o := g.shop
	for _, number := range g.numbers {
		n := 0
		for _, mail := range o.mails {
			if strings.Contains(mail, number) {
				n++
			}
		}
		if n != 1 {
			g.t.Fatalf("the customer was mailed %s %d times: %q", number, n, o.mails)
		}
	}
	if len(o.mails) != len(g.numbers) {
		g.t.Fatalf("mails %q for the numbers %q", o.mails, g.numbers)
	}
	ours := map[string]int{}
	for _, r := range o.refunds {
		if r.record != "" {
			ours[r.record]++
		}
	}
	for n := range g.repaid {
		if record := fmt.Sprintf("ns:customerRefund:r%s-%d", g.id, n+1); ours[record] != 1 {
			g.t.Fatalf("refund %s is there %d times: %+v", record, ours[record], o.refunds)
		}
	}
	if len(ours) != g.repaid || len(o.refunds) != g.repaid+len(g.given) {
		g.t.Fatalf("%d refunds, want NetSuite's %d and the shop's %d", len(o.refunds), g.repaid, len(g.given))
	}
	if len(o.gave) > 1 || len(o.gave) == 1 && g.shipped < 3 {
		g.t.Fatalf("statuses given %q with %d of 3 pieces gone", o.gave, g.shipped)
	}
	if done := g.shipped == 3 && !g.touched; done && !g.over && o.status != "completed" || g.over && o.left().IsZero() && o.status != "refunded" && !g.touched {
		g.t.Fatalf("status %s; NetSuite %s, all paid back: %v", o.status, g.letter, g.over)
	}
	g.counted()
}

// counted: there are as many writes as changes.
func (g *game) counted() {
	parts := min(g.shipped, 2) // told in a note while something is still to be shipped
	want := map[string]int{"POST refunds": g.repaid, "POST notes": parts}
	switch g.store {
	case byFulfilments:
		want["POST fulfillments"] = g.shipped
	case byAdvanced:
		want["POST shipment-trackings"] = g.shipped
	default:
		want["POST notes"] += g.shipped
	}
	for route, n := range want {
		if g.shop.writes[route] != n {
			g.t.Fatalf("%d times %s, want %d: %q, %q", g.shop.writes[route], route, n, g.shop.inner, g.shop.notes)
		}
	}
	// A write each for a document's number and for a status, and the mark before the refund of all that was left. A try
	// that left nothing on record may have made one of them, which the next makes again.
	puts := g.shipped + g.repaid + len(g.given) + len(g.shop.gave)
	if g.over {
		puts++
	}
	again := g.again
	if g.store == byNote { // each parcel's numbers stand on the order too: a write more, in the same try
		puts, again = puts+g.shipped, 2*again
	}
	if n := g.shop.writes["PUT"]; n < puts || n > puts+again {
		g.t.Fatalf("%d writes of an order, want %d and at most %d more", n, puts, again)
	}
}

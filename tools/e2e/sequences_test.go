package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// ordersEnv and seedEnv choose how many orders TestRandomSequences plays, and which ones. With storyEnv each of them goes through
// that one story: what needs the trouble of many to fail is seen soon.
const (
	ordersEnv = "SEQUENCE_ORDERS"
	seedEnv   = "SEQUENCE_SEED"
	storyEnv  = "SEQUENCE_STORY"
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

// trouble is what the double does to requests meanwhile: refused before and after the work, lost answers, work that is done
// behind its answer, pages that are no JSON, records changed by others or locked, slow answers, throttling. The rules that
// are given come first.
func trouble(seed uint64, first []netsuitesim.Rule) netsuitesim.Faults {
	rule := func(kind string, status int, rate float64, path string) netsuitesim.Rule {
		return netsuitesim.Rule{Kind: kind, Status: status, Rate: rate, Match: netsuitesim.Match{PathContains: path}}
	}
	task := func(kind string, status int) netsuitesim.Rule {
		return netsuitesim.Rule{Kind: kind, Status: status, Rate: 0.02, Match: netsuitesim.Match{Async: true}}
	}
	return netsuitesim.Faults{Seed: seed, Rules: append(first,
		rule("status", 429, 0.03, "/record/"), rule("status", 500, 0.02, "/record/"), rule("statusAfterCommit", 500, 0.02, "/record/"),
		rule("timeout", 504, 0.02, "/record/"), rule("drop", 0, 0.02, "/record/"), rule("dropBefore", 0, 0.01, "/record/"), rule("changed", 0, 0.02, "/record/"),
		rule("status", 502, 0.01, "/query/"), rule("locked", 0, 0.01, "salesorder"), task("status", 500), task("statusAfterCommit", 500), task("changed", 0),
		netsuitesim.Rule{Kind: "late", Status: 504, LatencyMs: 300, Rate: 0.01, Match: netsuitesim.Match{PathContains: "/record/"}},
		netsuitesim.Rule{Kind: "late", LatencyMs: 800, Rate: 0.01, Match: netsuitesim.Match{PathContains: "/record/"}},
		netsuitesim.Rule{Kind: "latency", LatencyMs: 300, Rate: 0.02, Match: netsuitesim.Match{PathContains: "/record/"}},
	)}
}

// How many orders are played and compared at once, and after how many the world begins anew, so that memory stays bounded.
const (
	atOnce   = 1000
	perWorld = 1500
)

// mostStories bounds the numbers of a setting's stories.
const mostStories = 2_000_000

// setting is a kind of account, and the share of the orders that are played there.
type setting struct {
	name    string
	tax     netsuitesim.TaxMode
	modes   map[string]event.TaxMode // by store
	quarter int                      // so many of four orders
	first   int                      // number of its first story
}

// settings are accounts whose tax is SuiteTax's, and one with legacy tax.
var settings = []setting{
	{"SuiteTax", netsuitesim.TaxOverride, map[string]event.TaxMode{"main": event.TaxOverride, "legacy": event.TaxLines, "v104": event.TaxEngine}, 3, 0},
	{"legacy tax", netsuitesim.TaxLegacyLine, map[string]event.TaxMode{"main": event.TaxCodes}, 1, mostStories},
}

// Whatever sequence of states arrives, in whatever order and under whatever trouble, restarts, tokens that end and people at
// work in NetSuite included, however the tax is computed and the money booked: one sales order each, the last state right or a
// reason that names why not, one deposit per payment, one refund per refund, totals to the cent, and a ledger that tells all
// of it. Invariants 2, 3, 4 and 5. A story that fails is played once more by itself, and made shorter.
func TestRandomSequences(t *testing.T) {
	t.Parallel()
	orders, seed := int(number(t, ordersEnv, 120)), number(t, seedEnv, uint64(time.Now().UnixNano()))
	only := int(number(t, storyEnv, 0))
	t.Logf("%s=%d %s=%d", seedEnv, seed, ordersEnv, orders)
	for _, s := range settings {
		if only > 0 && !s.tells(only) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := &players{t: t, setting: s, seed: seed, only: only, from: capturedNow(t), next: s.first}
			p.options = demo.Options{Mute: true, Mapping: s.mapping(t), Account: s.account, Adjust: p.adjust}
			left := orders
			if only == 0 {
				left = orders * s.quarter / 4
			}
			for ; left > 0 && !t.Failed(); left -= perWorld {
				t.Run(fmt.Sprint("from story ", p.next), func(t *testing.T) { // whose end lets go of the world
					p.t = t
					p.play(min(left, perWorld))
				})
			}
			p.t = t
			p.alone()
		})
	}
}

// mapping is the shipped mapping with the setting's tax strategies, and a gateway of each money policy.
func (s setting) mapping(t *testing.T) string {
	t.Helper()
	return adjusted(t, func(d *mapping.Document) {
		taxes(d, s.modes["main"])
		d.Stores = map[string]yaml.Node{}
		for store, mode := range s.modes {
			var node yaml.Node
			if err := yaml.Unmarshal([]byte("taxes: {strategy: "+string(mode)+"}"), &node); err != nil {
				t.Fatal(err)
			}
			d.Stores[store] = *node.Content[0]
		}
		for policy, name := range gateways {
			g := d.Payments.Gateways[name]
			g.Policy, g.Option = policy, "Cash"
			d.Payments.Gateways[name] = g
		}
	})
}

func (s setting) account(c *netsuitesim.Config) {
	c.Switches.Tax, c.Switches.BillInAdvance = s.tax, true
}

// tells tells whether a story is one of the setting's.
func (s setting) tells(story int) bool { return story >= s.first && story < s.first+mostStories }

func (s setting) stores() (names []string) {
	for _, name := range world.Stores {
		if _, is := s.modes[name]; is {
			names = append(names, name)
		}
	}
	return names
}

// players play the stories of a setting.
type players struct {
	t *testing.T
	setting
	seed    uint64
	from    map[string]capture.Delivery
	options demo.Options
	only    int // the number of the one story that all play; 0: each its own
	world   world.World
	single  bool // each order is written by itself
	next    int
	failed  []int // numbers of stories
}

// impatient gives a request up soon: what a restart leaves under way is waited for as long.
func impatient(c *host.Config) {
	a := c.Accounts[demo.Account]
	a.Timeout = 3_000_000_000 // nanoseconds
	c.Accounts[demo.Account] = a
}

// adjust is impatient too. Nobody polls NetSuite: what people do there is seen when the shop says something.
func (p *players) adjust(c *host.Config) {
	impatient(c)
	world.Unwatched(c)
	if p.single {
		a := c.Accounts[demo.Account]
		a.Batches = "off"
		c.Accounts[demo.Account] = a
	}
}

// start makes a world.
func (p *players) start() {
	p.t.Helper()
	p.options.Dir = p.t.TempDir()
	p.world = world.Start(p.t, p.options)
	equip(p.t, p.world)
}

// restart starts the services and the doubles anew.
func (p *players) restart() {
	p.world.Stop()
	p.single = !p.single
	p.world = world.Start(p.t, p.options)
}

// play plays so many stories in one world.
func (p *players) play(orders int) {
	p.t.Helper()
	p.start()
	defer func() { p.world.Stop() }()
	for round := 0; orders > 0 && !p.t.Failed(); round++ {
		var list []story
		for range min(orders, atOnce) {
			list = append(list, stories(p.t, p.from, p.stores(), 100_000+p.next).Example(int(p.seedOf(p.next))))
			p.next++
		}
		if p.only > 0 && round == 0 {
			p.t.Logf("%#v", list[0])
		}
		orders -= len(list)
		acts := p.playAll(list, round%3)
		p.judge(list, acts)
	}
}

// seedOf is the seed of a story. Stories of seeds that lie side by side have nothing in common.
func (p *players) seedOf(n int) uint64 {
	if p.only > 0 {
		n = p.only
	}
	return rand.New(rand.NewPCG(p.seed, uint64(n))).Uint64() | 1
}

// playAll plays stories side by side, chapter by chapter; in one of those the services start anew.
func (p *players) playAll(list []story, restart int) map[int]*acted {
	p.t.Helper()
	acts := map[int]*acted{}
	var rules []netsuitesim.Rule
	longest := 0
	for _, s := range list {
		acts[s.id], rules, longest = &acted{}, append(rules, s.faults...), max(longest, len(s.turns))
	}
	p.harm(trouble(p.seed+uint64(p.next), rules))
	for n := range longest {
		if n != restart%longest {
			p.tell(list, n)
		} else {
			p.tell(list[:len(list)/2], n)
			p.restart()
			p.harm(trouble(p.seed+uint64(p.next), rules))
			p.tell(list[len(list)/2:], n)
			p.world.NetSuite.RevokeTokens()
		}
		p.settle()
		for _, s := range list {
			if n < len(s.turns) {
				p.act(s, s.turns[n].act, acts[s.id])
			}
		}
	}
	p.harm(netsuitesim.Faults{})
	p.heal()
	return acts
}

func (p *players) harm(f netsuitesim.Faults) {
	p.t.Helper()
	if err := p.world.NetSuite.SetFaults(f); err != nil {
		p.t.Fatal(err)
	}
}

// tell has the shops say a chapter of the stories, several orders at a time.
func (p *players) tell(list []story, n int) {
	p.t.Helper()
	next := make(chan story)
	var shops sync.WaitGroup
	for range 8 {
		shops.Go(func() {
			for s := range next {
				p.say(s, s.turns[n])
			}
		})
	}
	for _, s := range list {
		if n < len(s.turns) {
			next <- s
		}
	}
	close(next)
	shops.Wait()
}

func (p *players) say(s story, c chapter) {
	newest := c.states[len(c.states)-1]
	if _, err := p.world.Shop.Load(shopsim.Load{Store: s.store, Order: newest.body, Refunds: newest.refunds}); err != nil {
		p.t.Errorf("order %d: %v", s.id, err)
	}
	for _, d := range c.deliveries {
		if status, err := p.world.TryPost(d); err != nil || status != 200 {
			p.t.Errorf("order %d: answered %d, %v", s.id, status, err)
		}
	}
}

// act has a person do something to the order in NetSuite. What cannot be done now is not done.
func (p *players) act(s story, what deedOf, a *acted) {
	p.t.Helper()
	name := fmt.Sprintf("wc-so-%s-%d", s.store, s.id)
	raw, err := p.world.NetSuite.Record("salesOrder", name)
	if err != nil {
		p.t.Fatal(err)
	}
	if raw == nil || what == nothing {
		return
	}
	var order struct{ ID string }
	if err := json.Unmarshal(raw, &order); err != nil {
		p.t.Fatal(err)
	}
	begun := time.Now()
	if err := p.person(name, order.ID, what); err != nil {
		return
	}
	a.at = begun
	if !a.bound {
		o, told := last[event.SyncRecordedV1](p.t, p.stream(topology.Outcomes), subject.Sync{Account: demo.Account, Store: s.store, Order: fmt.Sprint(s.id)}.String())
		a.known = told && o.Ledger.SalesOrder != nil
	}
	a.bound = a.bound || what == shipsOne || what == shipsAll || what == bills
	a.closed, a.cancelled = a.closed || what == closesOne, a.cancelled || what == cancels
}

func (p *players) person(name, id string, what deedOf) (err error) {
	netsuite := p.world.NetSuite
	change := func(body string) error {
		_, err := netsuite.Act(netsuitesim.Act{Method: "PATCH", Path: "salesOrder/" + id, Body: []byte(body)})
		return err
	}
	switch what {
	case shipsAll:
		_, err = netsuite.Fulfil(netsuitesim.Shipment{Order: name})
	case shipsOne:
		sh := netsuitesim.Shipment{Order: name}
		if err := json.Unmarshal([]byte(`[{"line":1,"quantity":1}]`), &sh.Lines); err != nil {
			p.t.Fatal(err)
		}
		_, err = netsuite.Fulfil(sh)
	case bills:
		_, err = netsuite.Bill(name)
	case closesOne:
		err = change(`{"item":{"items":[{"line":1,"isClosed":true}]}}`)
	case writes:
		err = change(`{"memo":"the customer called"}`)
	case cancels:
		_, err = netsuite.Cancel(name)
	}
	return err
}

func (p *players) stream(name string) jetstream.Stream {
	p.t.Helper()
	stream, err := p.world.JS.Stream(p.t.Context(), name)
	if err != nil {
		p.t.Fatal(err)
	}
	return stream
}

// judge compares every story's end with what it has to be.
func (p *players) judge(list []story, acts map[int]*acted) {
	p.t.Helper()
	end := endingOf(p.t, p.world)
	for _, s := range list {
		if problem := end.check(s, acts[s.id]); problem != "" {
			p.failed = append(p.failed, s.id-100_000)
			p.t.Errorf("%s=%d, story %d: %#v: %s\n%s", seedEnv, p.seed, s.id-100_000, s, problem, end.history(s))
		}
	}
}

// settle waits until every delivery has gone its whole way: of many orders under trouble that takes longer, and is asked for less
// often, than of one.
func (p *players) settle() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Minute)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for quiet := 0; quiet < 3; quiet++ {
		busy, err := p.world.Busy(ctx)
		if err != nil {
			p.t.Fatalf("settle: %v", err)
		}
		if busy != "" {
			quiet = -1
		}
		<-ticker.C
	}
}

// heal retries what exhausted its attempts, as an operator would.
func (p *players) heal() {
	p.t.Helper()
	for range 3 {
		p.settle()
		open, err := operate.Failures(p.t.Context(), p.world.JS, false)
		if err != nil {
			p.t.Fatal(err)
		}
		again := false
		for _, f := range open {
			if !strings.HasPrefix(f.Name, "write.") || isQuestion(f) {
				continue
			}
			again = true
			if _, err := operate.Retry(p.t.Context(), p.world.JS, f.Name, "test"); err != nil {
				p.t.Fatalf("retry %s: %v", f.Name, err)
			}
		}
		if !again {
			return
		}
	}
	p.settle()
}

// alone plays the first stories that failed once more, each by itself and without the trouble of the others, and lets rapid
// make them shorter.
func (p *players) alone() {
	if len(p.failed) == 0 {
		return
	}
	seeds := newRapidSeeds(p.t, 1)
	seeds.set(p.t, "rapid.nofailfile", "true") // the seed of the sequences is enough
	for _, n := range p.failed[:min(len(p.failed), 2)] {
		p.t.Run(fmt.Sprint("story ", n), func(t *testing.T) {
			solo := &players{t: t, setting: p.setting, from: p.from, options: p.options, next: n}
			solo.options.Adjust = solo.adjust
			solo.start()
			seeds.check(t, p.seedOf(n), func(r *rapid.T) {
				s := stories(t, p.from, p.stores(), 100_000+solo.next).Draw(r, "story")
				solo.next++
				if problem := solo.tellAlone(s); problem != "" {
					r.Fatalf("%#v: %s", s, problem)
				}
			})
		})
	}
}

// tellAlone plays one story.
func (p *players) tellAlone(s story) string {
	p.t.Helper()
	a := &acted{}
	for n, c := range s.turns {
		if n == 0 {
			p.harm(netsuitesim.Faults{Rules: s.faults})
		}
		p.say(s, c)
		p.settle()
		p.act(s, c.act, a)
	}
	p.harm(netsuitesim.Faults{})
	p.heal()
	return endingOf(p.t, p.world).check(s, a)
}

// isQuestion tells whether a person has to answer: another try changes nothing.
func isQuestion(f operate.Failure) bool { return questionCodes[f.Entry.Fault.Code] }

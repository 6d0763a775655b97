package e2e

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/contracts/topology"
	netsuitewriter "github.com/orderstream/orderstream/services/netsuite-writer"
	"github.com/orderstream/orderstream/services/reconciler"
	statuspublisher "github.com/orderstream/orderstream/services/status-publisher"
	"github.com/orderstream/orderstream/services/transformer"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// interleavingsEnv and interleavingSeedEnv choose how many interleavings are played, and which ones.
const (
	interleavingsEnv    = "SIDES_INTERLEAVINGS"
	interleavingSeedEnv = "SIDES_SEED"
)

// Both sides converge whatever happens in between, and every write is somebody's change. People change orders in the shop
// and ship, bill and pay back in NetSuite; webhooks and notices come late, twice and in another order, polls now and then;
// stages stand still, and units die behind a write that nobody hears of. At the end two rounds of deliveries and a poll are
// enough. The seed gives the same steps again.
func TestBothSidesConverge(t *testing.T) {
	total, first := int(number(t, interleavingsEnv, 12)), number(t, interleavingSeedEnv, uint64(time.Now().UnixNano()))
	t.Logf("%s=%d %s=%d", interleavingSeedEnv, first, interleavingsEnv, total)
	seeds := newRapidSeeds(t, min(matchesOfWorld, max(1, total/worlds)))
	for shard := range worlds {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			tally := &tally{}
			defer tally.tell(t)
			for tally.played < total/worlds && t.Run(fmt.Sprint(tally.played), func(t *testing.T) {
				s := newSides(t)
				seeds.check(t, rand.New(rand.NewPCG(first, uint64(shard)<<32|uint64(tally.played))).Uint64()|1, func(r *rapid.T) {
					tally.played++
					(&match{sides: s, t: r, tally: tally}).play()
				})
				s.end()
			}) {
				continue
			}
		})
	}
}

// So many worlds play at once, so many interleavings each before it is made anew: what a world remembers slows it down.
const (
	worlds         = 4
	matchesOfWorld = 50
)

// rapidSeeds gives each call of rapid.Check a seed of its own, unless rapid was given one. rapid reads its flags when a
// call begins, and other shards begin too: the lock is held until the first interleaving runs.
type rapidSeeds struct {
	mu    sync.Mutex
	fixed bool
}

func newRapidSeeds(t *testing.T, checks int) *rapidSeeds {
	t.Helper()
	s := &rapidSeeds{fixed: flag.Lookup("rapid.seed").Value.String() != "0"}
	s.set(t, "rapid.checks", fmt.Sprint(checks))
	return s
}

// set gives a flag of rapid a value until the test ends.
func (s *rapidSeeds) set(t *testing.T, name, value string) {
	t.Helper()
	before := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, before) })
}

func (s *rapidSeeds) check(t *testing.T, seed uint64, play func(*rapid.T)) {
	t.Helper()
	s.mu.Lock()
	begun := sync.OnceFunc(s.mu.Unlock)
	defer begun()
	if !s.fixed {
		if err := flag.Set("rapid.seed", strconv.FormatUint(seed, 10)); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(r *rapid.T) { begun(); play(r) })
}

// tally counts what was played.
type tally struct{ played, changes, writes, crashes, rounds int }

func (t *tally) tell(test *testing.T) {
	test.Logf("%d interleavings: %d changes, %d writes, %d crashes, %d rounds at the ends", t.played, t.changes, t.writes, t.crashes, t.rounds)
}

// match is one interleaving about two orders.
type match struct {
	*sides
	t       *rapid.T
	tally   *tally
	began   time.Time
	orders  []*deal
	post    []letter // not handed on yet
	pushing bool
	still   map[string]bool // stages that stand still
}

// deal is an order as its people left it on both sides, and what follows from it.
type deal struct {
	store string
	id    int64

	// In the shop.
	note  int
	held  bool
	given int // refunds

	changes int
	changed int64 // when, in seconds

	// In NetSuite.
	numbers []string // of parcels, one piece of three in each
	bills   int
	repaid  int

	// What the pipeline knows of the shop, and what NetSuite was told.
	known, told saying
	writes      int // of the sales order that follow, one that says the same again apart
	doubts      int // those that may follow
}

// saying is a state of the shop's order, as far as the sales order follows from it.
type saying struct {
	note     string
	held     bool
	refunded bool
	at       string // date_modified_gmt
}

func (o *deal) name() string { return fmt.Sprintf("%s/%d", o.store, o.id) }

func (o *deal) salesOrder() string { return fmt.Sprintf("wc-so-%s-%d", o.store, o.id) }

func (m *match) play() {
	m.begin()
	for range rapid.IntRange(4, 16).Draw(m.t, "steps") {
		m.step()
		m.quiet()
	}
	m.finish()
}

// begin places the orders and lets both sides know them.
func (m *match) begin() {
	m.still, m.pushing = map[string]bool{}, true
	m.sides.begin(m.t)
	m.began = time.Now()
	for range 2 {
		store := rapid.SampledFrom([]string{"main", "legacy", "v104"}).Draw(m.t, "store")
		ids, err := m.Shop.Place(shopsim.Placement{Store: store, Status: "pending", Checkout: shopsim.Block, Product: classicTee, Quantity: 3})
		if err == nil {
			err = m.Shop.SetStatus(store, ids[0], "processing") // paid by card, before anybody hears of the order
		}
		if err != nil {
			m.t.Fatal(err)
		}
		m.orders = append(m.orders, &deal{store: store, id: ids[0], changed: time.Now().Unix()})
	}
	m.quiet()
	m.handAll()
}

func (m *match) step() {
	o := m.orders[rapid.IntRange(0, len(m.orders)-1).Draw(m.t, "order")]
	switch rapid.SampledFrom([]string{"note", "note", "hold", "give", "ship", "ship", "bill", "repay", "pushes", "poll", "hand", "hand", "hand all", "twice", "shuffle", "still", "die", "die"}).Draw(m.t, "step") {
	case "note":
		o.note++
		m.edit(o, fmt.Sprintf(`{"customer_note":"note %d"}`, o.note))
	case "hold":
		m.hold(o)
	case "give":
		m.give(o)
	case "ship":
		m.ship(o)
	case "bill":
		m.bill(o)
	case "repay":
		m.repay(o)
	case "pushes":
		m.pushing = !m.pushing
		m.office.pushes(m.pushing)
	case "poll":
		if err := m.poll(); err != nil {
			m.t.Fatal(err)
		}
	case "hand":
		m.hand(true)
	case "hand all":
		m.handAll()
	case "twice":
		m.hand(false)
	case "shuffle":
		m.shuffle()
	case "still":
		m.stand(rapid.SampledFrom(slices.Sorted(maps.Keys(stages))).Draw(m.t, "stage"))
	case "die":
		unit := rapid.SampledFrom([]string{netsuitewriter.Unit.Name, netsuitewriter.Unit.Name, statuspublisher.Unit.Name, statuspublisher.Unit.Name, transformer.Unit.Name, reconciler.Unit.Name}).Draw(m.t, "unit")
		m.die(unit, rapid.IntRange(0, 2).Draw(m.t, "write"))
	}
}

// stages may stand still: nothing is lost, it comes later.
var stages = map[string][2]string{
	"write":   {topology.Desired, topology.WriterOf(demo.Account)},
	"return":  {topology.NetSuiteChanges, topology.ConsumerReturn},
	"publish": {topology.Outcomes, topology.ConsumerPublish},
}

// stand lets a stage stand still, or go on.
func (m *match) stand(stage string) {
	var err error
	if m.still[stage] {
		_, err = m.JS.ResumeConsumer(m.sides.t.Context(), stages[stage][0], stages[stage][1])
	} else {
		_, err = m.JS.PauseConsumer(m.sides.t.Context(), stages[stage][0], stages[stage][1], time.Now().Add(time.Hour))
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.still[stage] = !m.still[stage]
}

// die drops a unit at once, or behind one of its next writes.
func (m *match) die(unit string, write int) {
	if write == 0 || unit == transformer.Unit.Name || unit == reconciler.Unit.Name {
		m.units[unit].die()
		return
	}
	m.units[unit].dies(write)
}

// shuffle has what waits come in another order.
func (m *match) shuffle() {
	at := make([]int, len(m.post))
	for i := range at {
		at[i] = i
	}
	post := make([]letter, len(m.post))
	for i, from := range rapid.Permutation(at).Draw(m.t, "post") {
		post[i] = m.post[from]
	}
	m.post = post
}

// hand gives the oldest letter to ingest, and lets everything follow from it; it stays where it comes twice.
func (m *match) hand(once bool) {
	if len(m.post) == 0 {
		return
	}
	l := m.post[0]
	if once {
		m.post = m.post[1:]
	}
	m.hear(l)
	if err := m.office.hand(l); err != nil {
		m.t.Fatal(err)
	}
	m.quiet()
}

// handAll hands on what waits, oldest first; what the shops tell meanwhile waits for the next time.
func (m *match) handAll() {
	for range len(m.post) {
		m.hand(true)
	}
}

// quiet waits until nothing is under way but what stands still, and takes what came by post.
func (m *match) quiet() {
	if err := m.settle(m.still); err != nil {
		m.t.Fatal(err)
	}
	m.post = append(m.post, m.office.take()...)
	for _, o := range m.orders {
		if m.reads(o.name()) { // in doubt, the order was read as it is
			m.doubt(o)
		}
		said := o.known
		if said.at = ""; o.known.at != "" && !m.still["write"] && !o.bound() && (said != o.told || o.writes == 0) {
			o.writes++
			o.told = said
		}
	}
}

// doubt: an order that was read is known as it is now. What the webhook said before may have been written first.
func (m *match) doubt(o *deal) {
	said, now := o.known, m.shows(o).saying()
	o.known = now
	if said.at, now.at = "", ""; said != now {
		o.doubts++
	}
}

// finish lets everything go on, and everything arrive: two rounds are enough.
func (m *match) finish() {
	for stage := range stages {
		if m.still[stage] {
			m.stand(stage)
		}
	}
	m.quiet()
	for rounds := 0; ; rounds++ {
		before := len(m.news())
		m.handAll()
		if err := m.poll(); err != nil {
			m.t.Fatal(err)
		}
		m.quiet()
		m.disarm() // who is to die has had the time
		if len(m.news()) == before {
			m.tally.rounds += rounds
			break
		}
		if rounds == 2 {
			m.t.Fatalf("the third round still writes %v", m.news()[before:])
		}
	}
	m.tally.writes += len(m.deeds())
	m.tally.crashes += m.deaths()
	m.logged()
	m.strangers()
	for _, o := range m.orders {
		m.check(o)
	}
}

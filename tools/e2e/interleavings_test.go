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

// Both sides converge whatever happens in between, and every write is somebody's change. People edit, hold and cancel orders and
// give money back in the shop; in NetSuite they approve, cancel and close them, ship them in parcels, line by line, bill them, pay back, and
// take back what was billed; webhooks and notices come late, twice and in another order, polls now and then;
// stages stand still, and units die behind a write that nobody hears of. Stock follows what people count and what is sold. At the end two rounds of deliveries and a poll are
// enough. Each order goes its own way, many side by side: what happens to the pipeline happens to all of them. The seed
// gives the same steps again.
func TestBothSidesConverge(t *testing.T) {
	total, first := int(number(t, interleavingsEnv, 40)), number(t, interleavingSeedEnv, uint64(time.Now().UnixNano()))
	t.Logf("%s=%d %s=%d", interleavingSeedEnv, first, interleavingsEnv, total)
	orders := max(1, min(total/worlds, ordersOfMatch))
	matches := max(1, total/worlds/orders)
	seeds := newRapidSeeds(t, min(matchesOfWorld, matches))
	for shard := range worlds {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			tally := &tally{acts: map[string]int{}}
			defer tally.tell(t)
			for tally.matches < matches && t.Run(fmt.Sprint(tally.matches), func(t *testing.T) {
				s := newSides(t)
				seeds.check(t, rand.New(rand.NewPCG(first, uint64(shard)<<32|uint64(tally.matches))).Uint64()|1, func(r *rapid.T) {
					tally.matches++
					(&match{sides: s, t: r, tally: tally}).play(orders)
				})
				s.end()
			}) {
				continue
			}
		})
	}
}

// So many worlds play at once, so many matches each before it is made anew, since what a world remembers slows it down. A
// match is of so many orders at most: each may be written again for each unit that dies in it.
const (
	worlds         = 4
	matchesOfWorld = 5
	ordersOfMatch  = 250
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
type tally struct {
	matches, played, changes, writes, crashes, rounds int
	acts                                              map[string]int // that people did
}

func (t *tally) tell(test *testing.T) {
	test.Logf("%d interleavings in %d matches: %d changes, %d writes, %d crashes, %d rounds at the ends; people did %v", t.played, t.matches, t.changes, t.writes, t.crashes, t.rounds, t.acts)
}

// match is many interleavings, one of each order, side by side.
type match struct {
	*sides
	t       *rapid.T
	tally   *tally
	began   time.Time
	orders  []*deal
	post    map[string][]letter // not handed on yet, by the order they tell of; NetSuite's notices by ""
	pushing bool
	still   map[string]bool // stages that stand still
	mortal  bool            // units die; else people in NetSuite change statuses

	recounts int    // of the goods that no order takes, to another number
	said     uint64 // before it began, of orders, of NetSuite and in outcomes
}

// deal is an order as its people left it on both sides, and what follows from it.
type deal struct {
	store   string
	id      int64
	leaning int
	life    []string // what became of it, for whoever looks for the reason of a failure

	// In the shop.
	note   int
	status string // as its people left it
	given  int    // refunds

	changes int
	changed int64 // when, in seconds

	goods []good // three pieces in all

	// In NetSuite.
	parcels []parcel // one piece of the three in each
	packed  int      // parcels that were added later
	bills   []string // ids
	back    []string // ids of what follows from a piece that comes back
	repaid  int
	letter  string // of the sales order until goods leave, as people there or the pipeline left it
	moves   int    // people's of the letter
	moved   int64  // when they did last, in seconds
	closed  bool   // by people, after goods left
	lately  bool   // approved by people, and nobody changed the status since

	// What the pipeline knows of the shop, and what NetSuite was told.
	known, told saying
	writes      int      // of the sales order that follow, one that says the same again apart
	doubts      int      // those that may follow
	same        int      // those that follow and say the same again
	written     saying   // with the letter in place of the status
	ours        letterOf // the letter that the pipeline gave the sales order last
	between     []string // statuses that the shop told since NetSuite was told
}

// good is a line of an order.
type good struct {
	sku          string
	pieces, sent int64
}

// parcel is a fulfilment, with the tracking numbers of its packages.
type parcel struct {
	id      string
	numbers []string
}

// numbers are those of all parcels.
func (o *deal) numbers() (list []string) {
	for _, p := range o.parcels {
		list = append(list, p.numbers...)
	}
	return list
}

// saying is a state of the shop's order, as far as the sales order follows from it.
type saying struct {
	note     string
	status   string
	refunded bool
	at       string // date_modified_gmt
}

// lived notes a step of the order's life.
func (o *deal) lived(format string, args ...any) {
	o.life = append(o.life, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func (o *deal) name() string { return fmt.Sprintf("%s/%d", o.store, o.id) }

func (o *deal) salesOrder() string { return fmt.Sprintf("wc-so-%s-%d", o.store, o.id) }

func (m *match) play(orders int) {
	m.begin(orders)
	for range rapid.IntRange(2, 8).Draw(m.t, "turns") {
		m.turn()
	}
	m.finish()
}

// begin places the orders and lets both sides know them.
func (m *match) begin(orders int) {
	m.still, m.pushing, m.post = map[string]bool{}, true, map[string][]letter{}
	m.mortal = rapid.Bool().Draw(m.t, "units die")
	m.sides.begin(m.t)
	m.began, m.said = time.Now(), m.things()
	for range orders {
		store := rapid.SampledFrom([]string{"main", "legacy", "v104"}).Draw(m.t, "store")
		wanted, goods := shopsim.Placement{Store: store, Status: "pending", Checkout: shopsim.Block, Product: classicTee, Quantity: 3}, []good{{sku: soldSKU, pieces: 3}}
		if rapid.Bool().Draw(m.t, "two lines") {
			wanted.Quantity, wanted.Beside, goods = 2, woolBeanie, []good{{sku: soldSKU, pieces: 2}, {sku: besideSKU, pieces: 1}}
		}
		ids, err := m.Shop.Place(wanted)
		if err == nil {
			err = m.Shop.SetStatus(store, ids[0], "processing") // paid by card, before anybody hears of the order
		}
		if err != nil {
			m.t.Fatal(err)
		}
		leaning := rapid.IntRange(0, len(leanings)-1).Draw(m.t, "leaning")
		m.orders = append(m.orders, &deal{store: store, id: ids[0], leaning: leaning, goods: goods, changed: time.Now().Unix(), status: "processing", letter: "B"})
	}
	m.quiet()
	m.handAll()
}

// turn has something happen to the pipeline, then something arrive of each order, then its people act.
func (m *match) turn() {
	m.happen()
	m.quiet()
	for _, o := range m.orders {
		m.arrive(o)
	}
	for range rapid.IntRange(0, len(m.post[notices])).Draw(m.t, "notices") {
		m.hand(notices, rapid.Bool().Draw(m.t, "once"))
	}
	m.quiet()
	for _, o := range m.orders {
		m.act(o)
	}
	m.quiet()
}

func (m *match) happen() {
	switch rapid.SampledFrom([]string{"nothing", "pushes", "poll", "shuffle", "still", "count", "die", "die", "die", "die"}).Draw(m.t, "happens") {
	case "pushes":
		m.pushing = !m.pushing
		m.office.pushes(m.pushing)
	case "poll":
		if err := m.poll(); err != nil {
			m.t.Fatal(err)
		}
	case "shuffle":
		m.shuffle(notices)
	case "still":
		m.stand(rapid.SampledFrom(slices.Sorted(maps.Keys(stages))).Draw(m.t, "stage"))
	case "count":
		m.count()
	case "die":
		if !m.mortal {
			return
		}
		unit := rapid.SampledFrom([]string{netsuitewriter.Unit.Name, netsuitewriter.Unit.Name, statuspublisher.Unit.Name, statuspublisher.Unit.Name, transformer.Unit.Name, reconciler.Unit.Name}).Draw(m.t, "unit")
		m.die(unit, rapid.IntRange(0, max(2, len(m.orders)/4)).Draw(m.t, "write"))
	}
}

// arrive brings one of the shop's letters about an order, or none.
func (m *match) arrive(o *deal) {
	switch rapid.SampledFrom([]string{"nothing", "hand", "hand", "twice", "shuffle"}).Draw(m.t, "arrives") {
	case "hand":
		m.hand(o.name(), true)
	case "twice":
		m.hand(o.name(), false)
	case "shuffle":
		m.shuffle(o.name())
	}
}

func (m *match) act(o *deal) {
	act := rapid.SampledFrom(leanings[o.leaning]).Draw(m.t, "act")
	if m.mortal && slices.Contains(statusActs, act) {
		return
	}
	before := m.tally.changes
	if do := acts[act]; do != nil {
		do(m, o)
	}
	if m.tally.changes > before {
		m.tally.acts[act]++
		o.lived("people %s", act)
	}
}

// leanings say what people mostly do to an order: what takes several steps would hardly ever come to its end.
var leanings = [][]string{
	{"nothing", "nothing", "note", "note", "hold", "cancel", "give", "ship", "ship", "bill", "repay", "approve", "drop", "close"},
	{"nothing", "note", "hold", "hold", "cancel", "give", "repay", "approve", "approve", "drop", "close"},
	{"nothing", "note", "give", "ship", "ship", "ship", "pack", "pack", "bill", "bill", "bill", "take back", "take back", "take back", "close"},
}

// statusActs move the status of a sales order in NetSuite. Where a unit died nobody knows for a while whether people gave the
// status or a write that is not on record: the shop's next edit counts then, so that no cancellation is lost. Such acts and
// deaths are not in one match.
var statusActs = []string{"approve", "drop", "close"}

// acts are people's: the first of them the shop's, the others NetSuite's.
var acts = map[string]func(*match, *deal){
	"note": (*match).note, "hold": (*match).hold, "cancel": (*match).cancel, "give": (*match).give,
	"ship": (*match).ship, "pack": (*match).pack, "bill": (*match).bill, "take back": (*match).takeBack,
	"repay": (*match).repay, "approve": (*match).approve, "drop": (*match).drop, "close": (*match).close,
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
func (m *match) shuffle(about string) {
	at := make([]int, len(m.post[about]))
	for i := range at {
		at[i] = i
	}
	post := make([]letter, len(at))
	for i, from := range rapid.Permutation(at).Draw(m.t, "post") {
		post[i] = m.post[about][from]
	}
	m.post[about] = post
}

// hand gives the oldest letter to ingest; it stays where it comes twice.
func (m *match) hand(about string, once bool) {
	if len(m.post[about]) == 0 {
		return
	}
	l := m.post[about][0]
	if once {
		m.post[about] = m.post[about][1:]
	}
	m.hear(l)
	if err := m.office.hand(l); err != nil {
		m.t.Fatal(err)
	}
}

// handAll hands on what waits, oldest first, everything following from an order's letter before its next one comes; what the
// shops tell meanwhile waits for the next time.
func (m *match) handAll() {
	left := map[string]int{}
	for about, letters := range m.post {
		left[about] = len(letters)
	}
	for range left[notices] {
		m.hand(notices, true)
	}
	delete(left, notices)
	for len(left) > 0 {
		for about, n := range left {
			m.hand(about, true)
			if left[about] = n - 1; n <= 1 {
				delete(left, about)
			}
		}
		m.quiet()
	}
	m.quiet()
}

// quiet waits until nothing is under way but what stands still, and takes what came by post.
func (m *match) quiet() {
	if err := m.settle(m.still); err != nil {
		m.t.Fatal(err)
	}
	for _, l := range m.office.take() {
		m.post[l.about()] = append(m.post[l.about()], l)
	}
	for _, o := range m.orders {
		if m.reads(o.name()) { // in doubt, the order was read as it is
			m.doubt(o)
		}
		m.follow(o)
	}
}

// doubt: an order that was read is known as it is now. What the webhook said before may have been written first.
func (m *match) doubt(o *deal) {
	said, now := o.known, m.shows(o).saying()
	o.known = now
	o.lived("is read as %+v", now)
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
	m.tally.played += len(m.orders)
	m.tally.writes += len(m.deeds())
	m.tally.crashes += m.deaths()
	m.logged()
	m.strangers()
	m.asked()
	m.shown()
	for _, o := range m.orders {
		m.check(o)
	}
}

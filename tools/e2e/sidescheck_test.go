package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/tools/e2e/world"
)

// bodies are what was written about one thing of an order, oldest first.
type bodies []string

// news leaves out what says the same as the write before.
func (w bodies) news() int {
	news := 0
	for i, body := range w {
		if i == 0 || body != w[i-1] {
			news++
		}
	}
	return news
}

// check compares both sides, and what was written with what was changed. A unit that died left a write that nobody heard
// of: it may be made again, where it says the same and does no harm. So may what a try wrote that failed, or was handed back,
// before it was recorded: on a machine that stands still for seconds.
func (m *match) check(o *deal) {
	wrote := m.of(o)
	refunds := m.paidBack(o, wrote)
	documents := len(o.parcels) + len(o.bills) + len(o.back) + o.repaid - len(o.back)/4 + refunds
	completed := 0
	if o.shows() == "completed" {
		completed = 1
	}
	// A refund writes its sales order again, as it stands: when the order tells of it, and when it is read. So does each
	// death: what a dead writer may have left under way is written once more.
	m.counts(o, "so", wrote, min(max(o.writes, wrote["so"].news()), o.writes+o.doubts+o.movedAgain(o.given+m.deaths()+len(m.tries(o)))), 2*o.given+o.same+m.deaths()+len(m.tries(o)))
	m.counts(o, "cd", wrote, 1, len(m.tries(o)))
	m.counts(o, "_orderstream_documents", wrote, documents, 0)
	m.counts(o, "status completed", wrote, completed, 0)
	m.cancelled(o, wrote)
	m.approved(o, wrote)
	m.facts(o, wrote)
	m.notes(o, wrote)
	m.parcels(o, wrote)
	if got := len(wrote["refunds"]); got != o.repaid {
		m.t.Fatalf("%s: %d refunds, want %d even where a unit died: %q", o.name(), got, o.repaid, wrote["refunds"])
	}
	delete(wrote, "refunds")
	for what, bodies := range wrote {
		m.t.Fatalf("%s: nobody's change is behind %s: %q", o.name(), what, bodies)
	}
	m.mails(o)
	m.agree(o)
	m.stood[o.salesOrder()] = standOf(m.salesOrder(o))
	m.events(o)
}

// events: what we wrote to the shop is no event. One tells of the new order, one of each change, one more of a refund that
// was read.
func (m *match) events(o *deal) {
	b := &backward{World: m.World, t: m.sides.t}
	if n, most := b.count(topology.Orders, subject.OrdersOf(o.store, fmt.Sprint(o.id))), 1+o.changes+o.given; n > most {
		m.t.Fatalf("%s: %d events of %d changes, %d refunds among them", o.name(), n, o.changes, o.given)
	}
}

// remember ends a match: of its writes it keeps what each sales order was told last.
func (s *sides) remember() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.wrote {
		if d.what == "so" {
			s.left[d.order] = d.body
		}
	}
	s.wrote, s.shelf, s.read, s.tried, s.died = nil, nil, map[string]bool{}, map[string][]string{}, 0
}

// news leaves out what only says once more what was written: of an order that a dead writer had in hand.
func (s *sides) news() (news []deed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := maps.Clone(s.left)
	for _, d := range s.wrote {
		if d.what != "so" || last[d.order] != d.body {
			news = append(news, d)
		}
		if d.what == "so" {
			last[d.order] = d.body
		}
	}
	return news
}

// end: what was put off comes at last, and says the same, but for the status of a sales order that people shipped meanwhile.
func (s *sides) end() {
	s.t.Helper()
	s.remember()
	s.Settle()
	if news := slices.DeleteFunc(s.news(), func(d deed) bool { return d.what == "_orderstream" }); len(news) > 0 {
		s.t.Fatalf("what was put off writes news: %v", news)
	}
	for id, order := range s.SalesOrders() {
		if was, known := s.stood[id]; known && was != standOf(order) {
			s.t.Fatalf("what was put off made %s of %s", standOf(order), was)
		}
	}
}

// strangers: beside the orders only customers are written, each once.
func (m *match) strangers() {
	customers := map[string]int{}
	for _, d := range m.news() {
		if slices.ContainsFunc(m.orders, func(o *deal) bool { return o.name() == d.order }) {
			continue
		}
		if customers[d.order]++; d.what != "cust" || customers[d.order] > 1+m.deaths() {
			m.t.Fatalf("nobody's change is behind %s of %q: %s", d.what, d.order, d.body)
		}
	}
}

// logged: NetSuite's own log has the writes of sales orders that went through the doors, and one at most beside them where a
// unit died before it was answered.
func (m *match) logged() {
	m.Until("NetSuite's log has every write of a sales order", func() bool {
		done := 0
		for _, d := range m.deeds() {
			if d.what == "so" {
				done++
			}
		}
		for _, e := range m.NetSuite.Log("/salesOrder/eid:", 0) {
			if e.Method != http.MethodGet && e.Status < 300 && e.Time.After(m.began) {
				done--
			}
		}
		return done <= 0 && -done <= m.deaths()
	})
}

// parcelOf is what is written for a parcel, by each store's custom.
var parcelOf = map[string]string{"main": "fulfillments", "legacy": "shipment-trackings", "v104": "mail"}

// of gathers what was written about an order.
func (m *match) of(o *deal) map[string]bodies {
	wrote := map[string]bodies{}
	for _, d := range m.deeds() {
		if d.order == o.name() {
			wrote[d.what] = append(wrote[d.what], d.body)
		}
	}
	return wrote
}

// counts holds a number of writes against the changes behind them; again are those that may say the same again.
func (m *match) counts(o *deal, what string, wrote map[string]bodies, want, again int) {
	w := wrote[what]
	delete(wrote, what)
	if w.news() != want || len(w)-want > again+m.deaths() {
		m.t.Fatalf("%s: %d times %s, %d of them news, want %d and at most %d again: %q\nits outcomes: %s", o.name(), len(w), what, w.news(), want, again+m.deaths(), w, m.outcomes(o))
	}
}

// outcomes tells what the writer logged and recorded of an order, oldest first.
func (m *match) outcomes(o *deal) string {
	var told strings.Builder
	fmt.Fprintf(&told, "%q\n%s", m.tries(o), strings.Join(o.life, "\n"))
	for _, r := range outcomesIn(m.sides.t, m.World, o.store, fmt.Sprint(o.id)) {
		fmt.Fprintf(&told, "\n%s state %d of event %d %s %s %+v attempts %d late %+v calls", r.Kind, r.Desired.Sequence, r.Desired.Orders, r.Desired.Hash, r.Reason, r.Fault, r.Ledger.Attempts, r.Ledger.Late)
		for _, c := range r.Calls {
			fmt.Fprintf(&told, " [%s %s %d %s %dms %s %s]", c.Method, c.Path, c.Status, c.At.Format(time.StampMilli), c.Millis, c.Purpose, c.Problem)
		}
	}
	return told.String()
}

// paidBack counts the records that the shop's refunds have in NetSuite: a customer refund, a credit of what was billed, or
// both; each is made once.
func (m *match) paidBack(o *deal, wrote map[string]bodies) int {
	records, refunds := map[string]int{}, map[string]bool{}
	for _, what := range []string{"cr", "cm"} {
		for _, body := range wrote[what] {
			found := externalID.FindStringSubmatch(body)
			records[found[1]]++
			refunds[found[1][len("wc-cr"):]] = true
		}
		delete(wrote, what)
	}
	for id, n := range records {
		if n > 1 && m.deaths() == 0 {
			m.t.Fatalf("%s: %s was written %d times", o.name(), id, n)
		}
	}
	if len(refunds) > o.given || len(refunds) < o.given && !o.isReversed() {
		m.t.Fatalf("%s: NetSuite was told of %v, want the shop's %d refunds", o.name(), records, o.given)
	}
	return len(records)
}

// facts are told when they change: no more often than people changed something, or the same was told once more and the status
// had moved on: by a refund that is read, by what is written again after a death.
func (m *match) facts(o *deal, wrote map[string]bodies) {
	w := wrote["_orderstream"]
	delete(wrote, "_orderstream")
	if n := w.news(); n < 1 || n > 1+o.changes+o.given+m.deaths() || len(w)-n > m.deaths() {
		m.t.Fatalf("%s: its sales order was told %d times, %d of them news, with %d changes, %d refunds among them: %q\nits outcomes: %s", o.name(), len(w), n, o.changes, o.given, w, m.outcomes(o))
	}
}

// notes tell what left while something is still to be shipped; each state is told once, the last one in any case.
func (m *match) notes(o *deal, wrote map[string]bodies) {
	w := wrote["notes"]
	delete(wrote, "notes")
	told := map[string]bool{}
	for _, body := range w {
		told[body] = true
	}
	parts := min(len(o.parcels), 2)
	if len(told) != len(w) || len(w) > parts || len(w) == 0 && parts == len(o.parcels) && parts > 0 && !o.closed {
		m.t.Fatalf("%s: notes %q about %d of 3 pieces", o.name(), w, len(o.parcels))
	}
}

// parcels: where the shop keeps fulfilments, each is made once, and written again where it got a number since it was told; else
// each number is told once. Where a note tells it, the order lists what is in each parcel.
func (m *match) parcels(o *deal, wrote map[string]bodies) {
	least, most := len(o.numbers()), len(o.numbers())
	switch parcelOf[o.store] {
	case "fulfillments":
		least, most = len(o.parcels), len(o.parcels)+o.packed
		if got := len(wrote["mail"]); got > o.packed {
			m.t.Fatalf("%s: %d notes of %d numbers that came later: %q", o.name(), got, o.packed, wrote["mail"])
		}
		delete(wrote, "mail")
	case "mail":
		m.counts(o, "_orderstream_tracking", wrote, min(max(len(o.parcels), wrote["_orderstream_tracking"].news()), len(o.parcels)+o.packed), 0)
	}
	w := wrote[parcelOf[o.store]]
	delete(wrote, parcelOf[o.store])
	if len(w) < least || len(w) > most {
		m.t.Fatalf("%s: %d times %s, want %d to %d even where a unit died: %q", o.name(), len(w), parcelOf[o.store], least, most, w)
	}
}

// mails: the customer hears of each number once.
func (m *match) mails(o *deal) {
	mails, err := m.Shop.Mails(o.store, o.id)
	if err != nil {
		m.t.Fatal(err)
	}
	told := map[string]int{}
	for _, word := range strings.FieldsFunc(strings.Join(mails, " "), func(r rune) bool { return r == ' ' || r == ',' }) {
		told[word]++
	}
	for _, number := range o.numbers() {
		if told[number] != 1 {
			m.t.Fatalf("%s: the customer was mailed %q for the numbers %q", o.name(), mails, o.numbers())
		}
	}
	if n := len(mails); n < len(o.parcels) || n > len(o.numbers()) {
		m.t.Fatalf("%s: the customer got %d mails of %d parcels: %q", o.name(), n, len(o.parcels), mails)
	}
}

// agree: each side shows what the other's people did, as far as it may still change.
func (m *match) agree(o *deal) {
	shop, order := m.shows(o), m.salesOrder(o)
	if shop.Status != o.shows() || len(shop.Refunds) != o.given+o.repaid {
		m.t.Fatalf("%s: the shop shows %s and %d refunds, want %s and %d", o.name(), shop.Status, len(shop.Refunds), o.shows(), o.given+o.repaid)
	}
	if order.Note != o.told.note || !o.kept() && order.Note != shop.Note || !o.bound() && order.Status.ID != o.letter {
		m.t.Fatalf("%s: NetSuite holds %q and %s, it was told %q, want %s; the shop shows %q and %s; written: %q", o.name(), order.Note, order.Status.ID, o.told.note, o.letter, shop.Note, shop.Status, m.of(o)["so"])
	}
}

// salesOrder is an order as NetSuite holds it.
func (m *match) salesOrder(o *deal) (order world.SalesOrder) {
	if !m.find("salesOrder", o.salesOrder(), &order) {
		m.t.Fatalf("NetSuite has no order %s", o.salesOrder())
	}
	return order
}

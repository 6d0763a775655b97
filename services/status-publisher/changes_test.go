package statuspublisher

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// begun is when the first change of a test was made; each later one a second later.
var begun = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// change stores a change of order 36 and gives it as a handler sees it.
func (b bench) change(c event.NetSuiteChangedV1) consume.Message {
	b.t.Helper()
	n := b.nats.Count(b.t, topology.NetSuiteChanges, subject.ChangesAll)
	if c.Record.ID == "" {
		c.Record.ID = "1001"
	}
	if c.ModifiedAt.IsZero() {
		c.ModifiedAt = begun.Add(time.Duration(n) * time.Second)
	}
	c.Account, c.Store, c.Order, c.SalesOrder = "ns", "main", "36", "1001"
	c.Envelope = event.Envelope{Type: "netsuite.v1.changed", ID: fmt.Sprintf("netsuite:%d", n), Store: "main", Time: c.ModifiedAt}
	m, err := publish.JSON(topology.NetSuiteChanges, subject.Change{Account: "ns", Kind: c.Kind, Key: c.Record.ID}.String(), c.Envelope, c)
	if err != nil {
		b.t.Fatal(err)
	}
	acks, err := publish.New(b.nats.JS).Publish(natstest.Context(b.t), m)
	if err != nil {
		b.t.Fatal(err)
	}
	return consume.Message{Stream: m.Stream, Sequence: acks[0].Sequence, Subject: m.Subject, Data: m.Data}
}

// line is a line of two pieces, of which some have left.
func line(number, left string) event.ChangedLine {
	shipped := money.MustParseNumber(left)
	return event.ChangedLine{Line: number, Item: "11", Quantity: money.Int(2), Fulfilled: &shipped}
}

// sold is a change of the sales order.
func sold(letter string, lines ...event.ChangedLine) event.NetSuiteChangedV1 {
	return event.NetSuiteChangedV1{Kind: event.ChangeSalesOrder, TranID: "SO1001", Status: letter, Lines: lines}
}

// placed lets the shop have order 36 with a tee, a mug and a shipping fee, which NetSuite knows as lines 1 to 3.
func (b bench) placed(status string) *order {
	b.t.Helper()
	o := &order{status: status, total: "100.00", paid: "2026-11-23T02:00:00", lines: `{"id":7,"name":"Tee","product_id":70,"quantity":2},{"id":8,"name":"Mug","product_id":80,"variation_id":81,"quantity":2}`, keys: map[string]string{}}
	b.shop.orders["36"] = o
	b.ledgered("B")
	return o
}

// ledgered stores what the writer knows of order 36.
func (b bench) ledgered(letter string) {
	b.t.Helper()
	b.ledgeredWith(event.Ledger{SalesOrder: &event.LedgerOrder{
		RecordID: event.RecordID{ID: "1001"}, Status: letter, Lines: []event.LedgerLine{{Key: "line-7", Line: "1"}, {Key: "line-8", Line: "2"}, {Key: "fee-9", Line: "3"}},
	}})
}

func (b bench) ledgeredWith(ledger event.Ledger) {
	b.t.Helper()
	o := event.SyncRecordedV1{Envelope: event.Envelope{Type: "sync.v1.recorded", Store: "main", Time: begun}, Account: "ns", Order: "36", Kind: event.OutcomeSynced, Calls: []event.Call{}, Ledger: ledger}
	o.ID = fmt.Sprintf("ledger:%d", b.nats.Count(b.t, topology.Outcomes, subject.SyncAll))
	m, err := publish.JSON(topology.Outcomes, subject.Sync{Account: "ns", Store: "main", Order: "36"}.String(), o.Envelope, o)
	if err != nil {
		b.t.Fatal(err)
	}
	b.store([]publish.Message{m})
}

func (b bench) entry(kind, key string) event.ShopRecordedV1 {
	b.t.Helper()
	return last[event.ShopRecordedV1](b, topology.ShopOutcomes, subject.Shop("main", kind, key))
}

// change lets the service handle a change and stores what follows.
func (b bench) returned(c event.NetSuiteChangedV1) {
	b.t.Helper()
	messages, err := b.service.handleChange(natstest.Context(b.t), b.change(c))
	if err != nil {
		b.t.Fatal(err)
	}
	b.store(messages)
}

// The shop's order follows NetSuite's: completed once all goods have left, and once only.
func TestStatusFollowsNetSuite(t *testing.T) {
	b := prepare(t, nil)
	o := b.placed("processing")
	fee := event.ChangedLine{Line: "3", Item: "5", Quantity: money.Int(1)}
	for _, c := range []event.NetSuiteChangedV1{
		sold("B", line("1", "0"), line("2", "0"), fee), sold("D", line("1", "2"), line("2", "0"), fee), sold("G", line("1", "2"), line("2", "1"), fee),
	} {
		b.returned(c)
		if o.status != "processing" {
			t.Fatalf("status %s after NetSuite's %s with goods still to ship", o.status, c.Status)
		}
	}
	b.returned(sold("F", line("1", "2"), line("2", "2"), fee))
	b.returned(sold("G", line("1", "2"), line("2", "2"), fee))
	if diff := cmp.Diff([]string{"completed"}, o.statuses); diff != "" {
		t.Errorf("statuses written (-want +got):\n%s", diff)
	}
	mark, at, _ := strings.Cut(o.keys["_orderstream_status"], `,"at":`)
	if want := `{"set":["completed"],"from":"processing","paid":"2026-11-23T02:00:00","completed":""`; mark != want || at == "" {
		t.Errorf("mark %s, want %s and the shop's time", o.keys["_orderstream_status"], want)
	}
	e := b.entry("status", "36")
	if e.State != event.ShopWritten || e.Deed.From != "processing" || e.Deed.To != "completed" || e.Deed.Record != "salesOrder" {
		t.Errorf("ledger %s %+v", e.State, e.Deed)
	}
	want := []string{"A part of your order has left our warehouse (SO1001): 2 of 2 × Tee; 1 of 2 × Mug", "A part of your order has left our warehouse (SO1001): 2 of 2 × Tee"}
	if diff := cmp.Diff(want, b.shop.notes["36"]); diff != "" {
		t.Errorf("notes, newest first (-want +got):\n%s", diff)
	}
	// Somebody opens the order again in the shop: NetSuite, which says nothing new, does not fight.
	for _, status := range []string{"processing", "cancelled", "processing"} {
		o.status = status
		b.returned(sold("G", line("1", "2"), line("2", "2"), fee))
	}
	if len(o.statuses) != 1 {
		t.Errorf("statuses written: %q", o.statuses)
	}
}

// What the shop holds final stays, by a rule on record; what is virtual needs no shipping.
func TestStatusGuards(t *testing.T) {
	all := []event.ChangedLine{line("1", "2"), line("2", "2")}
	for name, c := range map[string]struct {
		have   string
		change event.NetSuiteChangedV1
		want   string
		rule   string
	}{
		"refunded stays":         {"refunded", sold("G", all...), "refunded", "final"},
		"cancelled stays":        {"cancelled", sold("F", all...), "cancelled", "final"},
		"completed is no more":   {"completed", sold("C", all...), "completed", "final"},
		"said by the shop":       {"completed", sold("F", all...), "completed", "already"},
		"cancelled in NetSuite":  {"on-hold", sold("C", line("1", "0")), "cancelled", ""},
		"a download is the mug":  {"processing", sold("F", line("1", "2"), line("2", "0")), "completed", ""},
		"no line says anything":  {"processing", sold("G"), "processing", "-"},
		"a status without words": {"processing", sold("H", all...), "processing", "-"},
		"deleted in NetSuite":    {"processing", event.NetSuiteChangedV1{Kind: event.ChangeSalesOrder, Status: "C", Deleted: true}, "processing", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, nil)
			b.shop.virtual["/products/80/variations/81"] = "variation"
			o := b.placed(c.have)
			b.returned(c.change)
			if o.status != c.want {
				t.Errorf("status %s, want %s", o.status, c.want)
			}
			if c.rule == "-" {
				if n := b.nats.Count(t, topology.ShopOutcomes, subject.Shop("main", event.ShopKindStatus, "36")); n != 0 {
					t.Errorf("%d entries, want none", n)
				}
				return
			}
			if e := b.entry("status", "36"); e.Deed.Rule != c.rule || (e.State == event.ShopKept) != (c.rule != "") {
				t.Errorf("ledger %s by rule %q, want %q", e.State, e.Deed.Rule, c.rule)
			}
		})
	}
}

// What a final status kept is not done for good: opened again, the order follows NetSuite's next news. What the shop had
// said itself, or we had, counts as told.
func TestAKeptStatusIsLookedAtAgain(t *testing.T) {
	all := []event.ChangedLine{line("1", "2"), line("2", "2")}
	for _, c := range []struct{ have, want string }{{"cancelled", "completed"}, {"refunded", "completed"}, {"completed", "processing"}} {
		b := prepare(t, func(s *config.Store) { s.Back.Notes = "off" })
		o := b.placed(c.have)
		b.returned(sold("F", all...))
		entries := func() int { return b.nats.Count(t, topology.ShopOutcomes, subject.Shop("main", "status", "36")) }
		kept := entries()
		b.returned(sold("G", all...)) // nothing new about it
		if entries() != kept {
			t.Errorf("%s: %d entries for what was kept already", c.have, entries())
		}
		o.status = "processing" // opened again by a person
		b.returned(sold("F", all...))
		if o.status != c.want {
			t.Errorf("%s, then opened again: %s, want %s", c.have, o.status, c.want)
		}
	}
}

// What the configuration gives to the shop is left alone.
func TestOwners(t *testing.T) {
	for name, adjust := range map[string]func(*config.Store){
		"the shop owns the status": func(s *config.Store) { s.Back.Owner.Status, s.Back.Notes = "shop", "off" },
		"nothing is written back":  func(s *config.Store) { s.WriteBack = "off" },
	} {
		b := prepare(t, adjust)
		b.placed("processing")
		b.returned(sold("F", line("1", "2"), line("2", "2")))
		if asked := b.shop.asked(); len(asked) != 0 {
			t.Errorf("%s: asked %+v", name, asked)
		}
	}
}

// Back orders and approval are noted, each once; the customer is mailed only where the store wants it.
func TestBackOrders(t *testing.T) {
	for _, notes := range []string{"private", "customer"} {
		b := prepare(t, func(s *config.Store) { s.Back.Notes = notes })
		b.shop.mailed = notes == "customer"
		b.placed("processing")
		late := line("1", "0")
		late.Backordered, late.Expected = late.Fulfilled, "2026-12-01"
		one := money.Int(1)
		late.Backordered = &one
		b.returned(sold("B", late))
		b.returned(sold("B", late)) // the same news again
		late.Expected = "2026-12-09"
		b.returned(sold("B", late))
		const begins = "Some goods of your order are on back order (SO1001): 1 × Tee, expected to ship "
		if diff := cmp.Diff([]string{begins + "2026-12-09", begins + "2026-12-01"}, b.shop.notes["36"]); diff != "" {
			t.Errorf("%s: notes, newest first (-want +got):\n%s", notes, diff)
		}
	}
}

func TestApproval(t *testing.T) {
	b := prepare(t, nil)
	b.placed("on-hold")
	b.ledgered("A")
	b.returned(sold("A", line("1", "0")))
	b.returned(sold("B", line("1", "0")))
	b.returned(sold("B", line("1", "0")))
	if diff := cmp.Diff([]string{"NetSuite approved sales order SO1001."}, b.shop.notes["36"]); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

// An approval is told, too, where the shop's edit of something else was written before NetSuite's change is read; one that the
// shop gave is none, whatever people did to the order since.
func TestAnApprovalBesideAnEdit(t *testing.T) {
	for name, c := range map[string]struct {
		given, seen, now string
		want             []string
	}{
		"approved":                 {"A", "B", "B", []string{"NetSuite approved sales order SO1001."}},
		"approved and shipped":     {"A", "B", "D", []string{"NetSuite approved sales order SO1001."}},
		"approved, and held again": {"A", "B", "A", nil},
		"closed":                   {"A", "H", "B", nil},
		"approved by the shop":     {"B", "B", "B", nil},
	} {
		b := prepare(t, nil)
		b.placed("on-hold")
		b.ledgeredWith(event.Ledger{SalesOrder: &event.LedgerOrder{RecordID: event.RecordID{ID: "1001"}, Status: c.seen, Given: c.given, GivenFor: "on-hold", VerifiedAt: begun.Add(time.Minute)}})
		b.returned(sold(c.now, line("1", "0")))
		if diff := cmp.Diff(c.want, b.shop.notes["36"]); diff != "" {
			t.Errorf("%s: notes (-want +got):\n%s", name, diff)
		}
	}
}

// What the shop lets go on is no approval of NetSuite's people, even where the writer has not recorded yet that it told
// NetSuite so.
func TestTheShopLetsGoOn(t *testing.T) {
	b := prepare(t, nil)
	b.placed("processing")
	b.ledgered("A")
	d := event.DesiredOrderV1{Envelope: event.Envelope{Type: "desired.v1.order", ID: "desired:36", Store: "main", Time: begun}, Account: "ns", Order: "36", SalesOrder: event.SalesOrder{OrderStatus: "B", Currency: "USD"}}
	m, err := publish.JSON(topology.Desired, subject.Desired{Kind: "order", Account: "ns", Store: "main", Key: "36"}.String(), d.Envelope, d)
	if err != nil {
		t.Fatal(err)
	}
	b.store([]publish.Message{m})
	b.returned(sold("B", line("1", "0")))
	if notes := b.shop.notes["36"]; len(notes) > 0 {
		t.Errorf("notes %q", notes)
	}
}

// A change that waited tells of the time before the shop took the order back: nobody approved it since.
func TestAnApprovalOfBefore(t *testing.T) {
	b := prepare(t, nil)
	b.placed("on-hold")
	b.ledgeredWith(event.Ledger{SalesOrder: &event.LedgerOrder{RecordID: event.RecordID{ID: "1001"}, Status: "A", VerifiedAt: begun.Add(time.Minute)}})
	b.returned(sold("B", line("1", "0")))
	if notes := b.shop.notes["36"]; len(notes) > 0 {
		t.Errorf("notes %q", notes)
	}
}

// Invariants 2 and 7: a crash between write and record repeats neither the status nor a note.
func TestACrashAfterTheWrite(t *testing.T) {
	b := prepare(t, nil)
	o := b.placed("processing")
	for _, c := range []event.NetSuiteChangedV1{sold("D", line("1", "2"), line("2", "0")), sold("F", line("1", "2"), line("2", "2"))} {
		m := b.change(c)
		for range 2 { // crash: what followed the first time is lost
			if _, err := b.service.handleChange(natstest.Context(t), m); err != nil {
				t.Fatal(err)
			}
		}
		messages, err := b.another(nil).handleChange(natstest.Context(t), m)
		if err != nil || len(messages) == 0 {
			t.Fatalf("%d messages, %v", len(messages), err)
		}
		b.store(messages)
	}
	if len(o.statuses) != 1 || len(b.shop.notes["36"]) != 1 {
		t.Errorf("statuses %q, notes %q, want one of each", o.statuses, b.shop.notes["36"])
	}
}

// Invariant 4: a change that waited does not undo what came after it.
func TestAnOlderChangeComesLate(t *testing.T) {
	b := prepare(t, nil)
	o := b.placed("processing")
	older := sold("C", line("1", "2"))
	older.ModifiedAt = begun.Add(-time.Hour)
	b.returned(sold("F", line("1", "2"), line("2", "2")))
	o.status = "processing"
	b.returned(older)
	if o.status != "processing" {
		t.Errorf("status %s by a change that is overtaken", o.status)
	}
}

// One shop that is down, and one order that it does not take, hold up nothing but themselves; both are visible.
func TestTroubleWithAChange(t *testing.T) {
	b := prepare(t, nil)
	b.placed("processing")
	b.shop.refused["36"] = true
	b.run()
	b.change(sold("F", line("1", "2"), line("2", "2")))
	b.settled()
	if e := b.entry("status", "36"); e.State != event.ShopParked || e.Fault.Code != string(fault.ShopRefused) {
		t.Fatalf("ledger %s %+v", e.State, e.Fault)
	}
	failed := func() event.FailureParkedV1 {
		return last[event.FailureParkedV1](b, topology.Failures, subject.Failure{Stage: "return", Store: "main", Key: "status-36"}.String())
	}
	if f := failed(); f.State != event.FailureParked || f.Message.Stream != topology.NetSuiteChanges {
		t.Errorf("failure %s of %+v", f.State, f.Message)
	}
	b.shop.mu.Lock()
	b.shop.refused["36"] = false
	b.shop.mu.Unlock()
	var down int
	b.shop.instead(func(q request) *answer {
		if q.method == http.MethodPut && down < 2 {
			down++
			return &answer{503, nil, "<html>"}
		}
		return nil
	})
	b.change(sold("G", line("1", "2"), line("2", "2"))) // the shop takes it now, after two answers of 503
	b.settled()
	if f := failed(); f.State != event.FailureResolved {
		t.Errorf("failure %s, want it resolved by the later success", f.State)
	}
	if e := b.entry("status", "36"); e.Attempts != 0 || b.shop.orders["36"].status != "completed" {
		t.Errorf("%d attempts, status %s", e.Attempts, b.shop.orders["36"].status)
	}
}

func TestUndecodableChange(t *testing.T) {
	b := prepare(t, nil)
	m := consume.Message{Stream: topology.NetSuiteChanges, Sequence: 7, Subject: subject.Change{Account: "ns", Kind: "salesOrder", Key: "1001"}.String(), Data: []byte("{")}
	_, err := b.service.handleChange(natstest.Context(t), m)
	if fault.CodeOf(err) != fault.MessageUndecodable || !strings.Contains(err.Error(), m.Subject) {
		t.Fatalf("%v, want it named", err)
	}
	parked, err := b.service.parkChange(natstest.Context(t), m, err)
	if err != nil || len(parked) != 1 {
		t.Fatalf("%d entries, %v", len(parked), err)
	}
	b.store(parked)
}

// An order that was completed and has goods to ship again is completed again, where people in the shop opened it again. What
// they took back without that stays, and what is final is never moved.
func TestAnOrderThatIsOpenAgainIsCompletedAgain(t *testing.T) {
	whole, open := []event.ChangedLine{line("1", "2"), line("2", "2")}, []event.ChangedLine{line("1", "2"), line("2", "0")}
	for name, c := range map[string]struct {
		shop     string // what people make of it; empty: nothing
		between  []event.NetSuiteChangedV1
		statuses []string
		rule     string
	}{
		"a fulfilment is made again":       {"processing", []event.NetSuiteChangedV1{sold("D", open...)}, []string{"completed", "completed"}, ""},
		"it is billed, and has a new line": {"processing", []event.NetSuiteChangedV1{sold("G", open...), sold("D", open...)}, []string{"completed", "completed"}, ""},
		"in NetSuite alone":                {"", []event.NetSuiteChangedV1{sold("D", open...)}, []string{"completed"}, "already"},
		"in the shop alone":                {"processing", []event.NetSuiteChangedV1{sold("F", whole...)}, []string{"completed"}, ""},
		"a letter without words":           {"processing", []event.NetSuiteChangedV1{sold("E", whole...)}, []string{"completed"}, ""},
		"refunded meanwhile":               {"refunded", []event.NetSuiteChangedV1{sold("D", open...)}, []string{"completed"}, "final"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, nil)
			o := b.placed("processing")
			b.returned(sold("F", whole...))
			if c.shop != "" {
				o.status = c.shop
			}
			for _, change := range c.between {
				b.returned(change)
			}
			b.returned(sold("F", whole...))
			b.returned(sold("G", whole...))
			if diff := cmp.Diff(c.statuses, o.statuses); diff != "" {
				t.Errorf("statuses written (-want +got):\n%s", diff)
			}
			if e := b.entry("status", "36"); e.Deed.Rule != c.rule {
				t.Errorf("ledger %s by rule %q, want %q", e.State, e.Deed.Rule, c.rule)
			}
			if c.shop == "refunded" && o.status != "refunded" {
				t.Errorf("status %s, want it to stay refunded", o.status)
			}
		})
	}
}

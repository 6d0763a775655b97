package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// ending is what all sides say when a world is at rest.
type ending struct {
	world.World
	t       *testing.T
	orders  map[string]world.SalesOrder
	money   map[string]map[string]booking // by "<store>-<order>", then by externalId
	parked  map[string]event.Fault        // what is open, by "<stage>.<store>.<order>"
	puts    map[string]time.Time          // when an order was written as a whole last
	desired jetstream.Stream
	told    jetstream.Stream
}

// booking is a record of an order's money.
type booking struct {
	Kind, ID   string
	ExternalID string       `json:"externalId"`
	Total      money.Amount `json:"-"`
	Shown      json.Number  `json:"total"`
}

// kindsOfMoney are the records of an order's money, by what their externalIds begin with.
var kindsOfMoney = []string{"customerDeposit", "customerRefund", "cashSale", "cashRefund", "invoice", "creditMemo"}

func endingOf(t *testing.T, w world.World) *ending {
	t.Helper()
	e := &ending{World: w, t: t, orders: w.SalesOrders(), money: map[string]map[string]booking{}, parked: map[string]event.Fault{}, puts: map[string]time.Time{}}
	for _, kind := range kindsOfMoney {
		e.book(kind)
	}
	open, err := operate.Failures(t.Context(), w.JS, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range open {
		e.parked[f.Name] = f.Entry.Fault
	}
	for _, entry := range w.NetSuite.Log("/salesOrder/eid:", 0) {
		if name, _, _ := strings.Cut(entry.Path[strings.Index(entry.Path, "eid:")+4:], "?"); entry.Method == "PUT" {
			e.puts[name] = entry.Time
		}
	}
	if e.desired, err = w.JS.Stream(t.Context(), topology.Desired); err != nil {
		t.Fatal(err)
	}
	if e.told, err = w.JS.Stream(t.Context(), topology.Outcomes); err != nil {
		t.Fatal(err)
	}
	return e
}

// book reads the records of a type that are ours. Two of one externalId are one too many. Invariant 2.
func (e *ending) book(kind string) {
	e.t.Helper()
	for _, b := range world.Get[[]booking](e.World, e.Facts.NetSuite+"/sim/state?type="+kind) {
		part := strings.SplitN(b.ExternalID, "-", 5) // wc-cd-<store>-<order>-<what>
		if len(part) < 4 {
			continue // a person's
		}
		order := part[2] + "-" + part[3]
		if e.money[order] == nil {
			e.money[order] = map[string]booking{}
		}
		if _, twice := e.money[order][b.ExternalID]; twice {
			e.t.Errorf("two records of externalId %s", b.ExternalID)
		}
		b.Kind, b.Total = kind, amountOf(b.Shown.String())
		e.money[order][b.ExternalID] = b
	}
}

// last reads the newest message of a subject; none: the zero value.
func last[T any](t *testing.T, stream jetstream.Stream, subject string) (value T, is bool) {
	t.Helper()
	raw, err := stream.GetLastMsgForSubject(t.Context(), subject)
	if err != nil {
		return value, false
	}
	if value, err = codec.Decode[T](raw.Data); err != nil {
		t.Fatal(err)
	}
	return value, true
}

// history tells what was done about a story's order, outcome by outcome.
func (e *ending) history(s story) string {
	text := ""
	for next := uint64(1); ; next++ {
		raw, err := e.told.GetMsg(e.t.Context(), next, jetstream.WithGetMsgSubject(subject.SyncOf(s.store, fmt.Sprint(s.id))))
		if err != nil {
			return text
		}
		next = raw.Sequence
		o, err := codec.Decode[event.SyncRecordedV1](raw.Data)
		if err != nil {
			e.t.Fatal(err)
		}
		text += fmt.Sprintf("\t%s %s %s %s %s, desired %d of %s", raw.Time.Format("05.000"), o.Kind, o.Rule, o.Reason, o.Desired.Status, o.Desired.Sequence, o.Desired.Hash[:8])
		if late := o.Ledger.Late; late != nil {
			text += fmt.Sprintf(", %.8s given up at %s", late.Hash, late.GivenUp.Format("05.000"))
		}
		for _, c := range o.Calls {
			text += fmt.Sprintf("\n\t\t%s %s %s: %d in %d ms", c.At.Format("05.000"), c.Method, c.Purpose, c.Status, c.Millis)
		}
		text += "\n"
	}
}

// epilogue is what became of a story.
type epilogue struct {
	story
	so      world.SalesOrder
	is      bool // there is a sales order
	money   map[string]booking
	desired event.DesiredOrderV1
	outcome event.SyncRecordedV1
	parked  event.Fault // what is open about it; no code: nothing
	acted   *acted
	put     time.Time

	unmapped event.Fault // why the newest state cannot be mapped
}

// check names what is not as it has to be at the end of a story; "" when all is.
func (e *ending) check(s story, act *acted) string {
	order := fmt.Sprintf("%s-%d", s.store, s.id)
	x := epilogue{story: s, money: e.money[order], parked: e.parked[fmt.Sprintf("write.%s.%d", s.store, s.id)], unmapped: e.parked[fmt.Sprintf("map.%s.%d", s.store, s.id)], acted: act, put: e.puts["wc-so-"+order]}
	x.so, x.is = e.orders["wc-so-"+order]
	var has bool
	if x.desired, has = last[event.DesiredOrderV1](e.t, e.desired, subject.Desired{Kind: "order", Account: demo.Account, Store: s.store, Key: fmt.Sprint(s.id)}.String()); !has {
		return "no desired state"
	}
	if x.outcome, has = last[event.SyncRecordedV1](e.t, e.told, subject.Sync{Account: demo.Account, Store: s.store, Order: fmt.Sprint(s.id)}.String()); !has {
		return "no outcome"
	}
	for _, look := range []func() string{x.ended, x.wanted, x.holds, x.ledger, x.deposits, x.refunds, x.bill, x.strangers, x.untouched} {
		if problem := look(); problem != "" {
			return fmt.Sprintf("%s (last outcome %s %s %s)", problem, x.outcome.Kind, x.outcome.Rule, x.outcome.Reason)
		}
	}
	return ""
}

// ended: the newest state has an outcome, and what is open is a question that a person would ask too. Invariant 3.
func (x epilogue) ended() string {
	switch {
	case x.outcome.Kind == event.OutcomeRetried:
		return "still tried"
	case x.unmapped.Code != "" && (fault.Code(x.unmapped.Code) != fault.MoneyMismatch || x.desired.SalesOrder.TaxMode != event.TaxCodes || !x.gavePieces()):
		return "not mapped: " + x.unmapped.Message
	case x.outcome.Desired.Hash != x.desired.Hash:
		return "the outcome is about another state than the newest"
	case x.parked.Code == "" || x.mayAsk(fault.Code(x.parked.Code)):
		return ""
	default:
		return "parked with " + x.parked.Message
	}
}

// mayAsk tells whether the story gives reason for a question.
func (x epilogue) mayAsk(code fault.Code) bool {
	switch code {
	case fault.RefundDeleted:
		return x.last().deleted > 0
	case fault.PaymentReversed:
		return x.bound() && x.desired.Policy.Fulfilled == event.ActionPark
	case fault.RefundedGoodsOpen:
		return x.bound() && x.last().pieces
	case fault.RefundUncovered: // of a bill: what NetSuite computed, people billed, or nobody did; or of more than was paid at first
		return len(x.last().live) > 0 && (x.bound() || x.policy == mapping.PolicyCashSale || x.policy == mapping.PolicyInvoice || x.overdrawn())
	case fault.VerificationMismatch: // a bill takes no closed line along, and NetSuite computes its tax then
		return x.gavePieces() && strings.Contains(x.parked.Message, "the bill of the whole order")
	case fault.NetSuiteRefused: // to bill what people billed, closed or cancelled
		asked := strings.HasPrefix(x.parked.Message, "wc-inv-") || strings.HasPrefix(x.parked.Message, "wc-cs-")
		return asked && (x.acted.bound || x.acted.cancelled || x.acted.closed && x.so.Status.ID == "H")
	default:
		return false
	}
}

// gavePieces tells whether goods were given back in some state.
func (x epilogue) gavePieces() bool {
	return slices.ContainsFunc(x.turns, func(c chapter) bool { return slices.ContainsFunc(c.states, func(s state) bool { return s.pieces }) })
}

// overdrawn tells whether the refunds may be more than the deposit, which has the total that the order had when it was paid.
func (x epilogue) overdrawn() bool {
	given := decimal.Zero
	for _, r := range x.last().live {
		given = given.Add(r.amount)
	}
	return slices.ContainsFunc(x.totals(), func(total string) bool { return given.GreaterThan(decimal.RequireFromString(total)) })
}

// questionCodes are those of questions that another try does not answer.
var questionCodes = map[string]bool{
	string(fault.RefundDeleted): true, string(fault.PaymentReversed): true, string(fault.RefundedGoodsOpen): true, string(fault.RefundUncovered): true,
}

// bound tells whether later documents rest on the order.
func (x epilogue) bound() bool {
	billed := false
	for _, b := range x.money {
		billed = billed || b.Kind == "invoice" || b.Kind == "cashSale"
	}
	return x.acted.bound || billed
}

// wanted: the desired state is what the shop says, what was given back taken off. Invariant 5.
func (x epilogue) wanted() string {
	st, total := x.last(), x.desired.Expected.Total
	want := st.total.Sub(st.back)
	switch {
	case st.status == "trash" || x.unmapped.Code != "":
		return ""
	case x.desired.Source.Status != st.status:
		return "the newest desired state is of " + x.desired.Source.Status
	case x.desired.SalesOrder.TaxMode == event.TaxEngine:
		return ""
	case !total.Equal(money.AmountOf(want)):
		return fmt.Sprintf("desired total %s, want %s", total, want)
	default:
		return ""
	}
}

// created tells whether the newest state alone brings a sales order about.
func (x epilogue) created() bool {
	return x.desired.Policy.Absent == event.ActionCreate && x.desired.SalesOrder.ExternalID != ""
}

// applied tells whether the order has to be as the newest state says, line by line.
func (x epilogue) applied() bool {
	return !x.bound() && !x.acted.cancelled && x.desired.Policy.Open == event.ActionApply && (x.outcome.Kind == event.OutcomeSynced || x.outcome.Kind == event.OutcomeVerified)
}

// holds: NetSuite shows the newest state, or the outcome says why not.
func (x epilogue) holds() string {
	done := x.outcome.Kind == event.OutcomeSynced || x.outcome.Kind == event.OutcomeVerified
	switch {
	case !x.is && x.created():
		return "no sales order"
	case x.is && x.acted.closed && x.outcome.Kind == event.OutcomeVerified: // what says the same again is not written: what people closed stays
		return ""
	case !x.is || x.applied():
	case !done && x.outcome.Reason == "":
		return "neither done nor a reason"
	case x.acted.closed && x.so.Status.ID == "H" && x.outcome.Rule == "netsuite-owns-status": // people's word stands
	case !done && !x.bound() && !x.acted.cancelled && x.desired.Policy.Open == event.ActionApply:
		return "an open order does not follow"
	}
	if !x.is || !x.applied() {
		return ""
	}
	if problem := x.shows(); problem != "" && !x.acted.since(x.outcome.Time) {
		return problem
	}
	return ""
}

// shows compares the sales order with the newest state.
func (x epilogue) shows() string {
	d, want := x.desired, "A"
	if open := slices.ContainsFunc(d.SalesOrder.Lines, func(l event.OrderLine) bool { return !l.Closed }); d.SalesOrder.Closed || !open {
		want = "H"
	} else if d.SalesOrder.OrderStatus != "" {
		want = d.SalesOrder.OrderStatus
	}
	total, expected := amountOf(x.so.Total.String()), d.Expected.Total
	if d.SalesOrder.TaxMode == event.TaxEngine {
		total, expected = total.Sub(amountOf(x.so.TaxTotal.String())), d.Expected.Net
	}
	switch {
	case x.so.Status.ID != want:
		return "status " + x.so.Status.ID + ", want " + want
	case !total.Equal(expected):
		return fmt.Sprintf("total %s, want %s", total, expected)
	case x.so.Note != x.last().note && x.last().status != "trash" && x.unmapped.Code == "":
		return fmt.Sprintf("note %q, want %q", x.so.Note, x.last().note)
	default:
		return x.lines()
	}
}

func amountOf(text string) money.Amount {
	if text == "" {
		return money.Zero
	}
	return money.MustParse(text)
}

// lines: each one once, with its amount. No line is doubled.
func (x epilogue) lines() string {
	have, want := []string{}, []string{}
	for _, l := range x.so.Item.Items {
		have = append(have, fmt.Sprintf("%s %s closed %v", l.Quantity, amountOf(l.Amount.String()), l.IsClosed && l.Quantity != ""))
	}
	for _, l := range x.desired.SalesOrder.Lines {
		quantity := ""
		if l.Quantity != nil {
			quantity = l.Quantity.String()
		}
		want = append(want, fmt.Sprintf("%s %s closed %v", quantity, l.Amount, (l.Closed || x.desired.SalesOrder.Closed) && l.Quantity != nil))
	}
	if !slices.Equal(have, want) {
		return fmt.Sprintf("lines %q, want %q", have, want)
	}
	return ""
}

// ledger: it tells of every record that there is, and of no other.
func (x epilogue) ledger() string {
	l := x.outcome.Ledger
	if (l.SalesOrder != nil) != x.is {
		return fmt.Sprintf("the ledger knows a sales order: %v, there is one: %v", l.SalesOrder != nil, x.is)
	}
	if x.is && l.SalesOrder.ID != x.so.ID {
		return "the ledger knows sales order " + l.SalesOrder.ID + ", it is " + x.so.ID
	}
	if done := x.outcome.Kind == event.OutcomeSynced; done && !x.acted.since(x.outcome.Time) && !l.SalesOrder.Total.Equal(amountOf(x.so.Total.String())) {
		return fmt.Sprintf("the ledger knows a total of %s, it is %s", l.SalesOrder.Total, x.so.Total)
	}
	known := map[string]money.Amount{}
	for _, entries := range [][]event.LedgerMoney{l.Deposits, l.Refunds, l.Credits} {
		for _, entry := range entries {
			known[entry.ExternalID] = entry.Amount
			b, is := x.money[entry.ExternalID]
			if !is || b.ID != entry.ID || !b.Total.Equal(entry.Amount) {
				return fmt.Sprintf("the ledger knows %s of %s as %s, there is %+v", entry.ExternalID, entry.Amount, entry.ID, b)
			}
		}
	}
	if l.Bill != nil {
		known[l.Bill.ExternalID] = x.money[l.Bill.ExternalID].Total
	}
	for externalID, b := range x.money {
		if _, is := known[externalID]; !is && x.names(externalID) {
			return fmt.Sprintf("the ledger does not know %s %s of %s", b.Kind, externalID, b.Total)
		}
	}
	return ""
}

// names tells whether the newest state asks for a record: what an earlier one made unrecorded is looked for then.
func (x epilogue) names(externalID string) bool {
	for _, d := range x.desired.Deposits {
		if d.ExternalID == externalID {
			return true
		}
	}
	for _, r := range x.desired.Refunds {
		if strings.Contains(externalID+"-", "-"+r.Refund+"-") {
			return true
		}
	}
	return x.desired.Bill != nil && x.desired.Bill.ExternalID == externalID
}

// looked tells whether the order's money had to be looked after.
func (x epilogue) looked() bool {
	return x.is && (x.outcome.Kind == event.OutcomeSynced || x.outcome.Kind == event.OutcomeVerified || x.outcome.Kind == event.OutcomeSkipped)
}

// asked tells whether a record waits for a person.
func (x epilogue) asked(externalID string) bool {
	return slices.ContainsFunc(x.outcome.Questions, func(q event.Question) bool { return strings.EqualFold(q.Subject, externalID) })
}

// deposits: one for each payment, of what was paid. Invariants 2 and 5.
func (x epilogue) deposits() string {
	for externalID, b := range x.money {
		if b.Kind == "customerDeposit" && !slices.ContainsFunc(x.totals(), func(total string) bool { return world.SameAmount(total, b.Total.String()) }) {
			return fmt.Sprintf("deposit %s of %s, which no paid state's total is", externalID, b.Total)
		}
	}
	for _, d := range x.desired.Deposits {
		if _, booked := x.money[d.ExternalID]; !booked && x.looked() && !x.asked(d.ExternalID) && d.Amount.Sign() > 0 {
			return "no deposit " + d.ExternalID
		}
	}
	return ""
}

// refunds: each is given back once, to the cent, or asked about. Invariants 2 and 5.
func (x epilogue) refunds() string {
	st := x.last()
	if st.status != "trash" && x.unmapped.Code == "" && x.policy != mapping.PolicyOrder {
		for _, id := range st.refundIDs() {
			if !slices.ContainsFunc(x.desired.Refunds, func(r event.CustomerRefund) bool { return r.Refund == fmt.Sprint(id) && !r.Deleted }) {
				return fmt.Sprintf("refund %d is not desired", id)
			}
		}
	}
	for _, r := range x.desired.Refunds {
		if r.Deleted || !x.looked() || x.asked(r.ExternalID) {
			continue
		}
		given, credited := money.Zero, money.Zero
		for externalID, b := range x.money {
			if suffix := "-" + r.Refund; !strings.HasSuffix(externalID, suffix) && !strings.Contains(externalID, suffix+"-") {
				continue
			}
			switch b.Kind {
			case "customerRefund", "cashRefund":
				given = given.Add(b.Total)
			case "creditMemo":
				credited = credited.Add(b.Total)
			}
		}
		if !given.Equal(r.Amount) && !credited.Equal(r.Amount) {
			return fmt.Sprintf("refund %s of %s: %s given back, %s credited", r.Refund, r.Amount, given, credited)
		}
	}
	return ""
}

// bill: an order that is billed at once is billed once, with its total.
func (x epilogue) bill() string {
	b := x.desired.Bill
	if b == nil || !x.looked() || x.asked(b.ExternalID) {
		return ""
	}
	if have, billed := x.money[b.ExternalID]; !billed && !x.acted.bound {
		return "no bill " + b.ExternalID
	} else if billed && have.Kind != b.Record {
		return "the bill is a " + have.Kind
	}
	return ""
}

// strangers: nothing is booked of what the shop never said.
func (x epilogue) strangers() string {
	if x.last().status == "trash" { // such a state may come before any other
		return ""
	}
	said := []string{"payment"}
	for _, r := range x.desired.Refunds {
		said = append(said, r.Refund)
	}
	for externalID, b := range x.money {
		if b.Kind == "cashSale" || b.Kind == "invoice" {
			continue
		}
		if what := strings.SplitN(externalID, "-", 6)[4]; !slices.Contains(said, what) {
			return "nobody asked for " + b.Kind + " " + externalID
		}
	}
	return ""
}

// untouched: an order on which people's documents rest is never written as a whole again, unless no ledger told of it.
func (x epilogue) untouched() string {
	if x.acted.bound && x.acted.known && x.put.After(x.acted.at) {
		return "written as a whole once later documents rested on it"
	}
	return ""
}

// acted is what people did to the order of a story.
type acted struct {
	at        time.Time // the last time
	bound     bool      // something was shipped or billed
	known     bool      // and the ledger told of the order by then
	closed    bool      // a line
	cancelled bool
}

// since tells whether somebody changed the order later than at a moment.
func (a acted) since(at time.Time) bool { return !a.at.IsZero() && a.at.After(at) }

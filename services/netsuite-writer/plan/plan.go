// Package plan decides what a desired state asks of NetSuite and writes the record bodies. Pure: desired
// state, ledger and resolved ids in, an action or a body out.
package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// Do is what to do about an order.
type Do int

// What to do.
const (
	Write  Do = iota // make NetSuite hold the desired state
	Record           // write nothing, record Outcome with Rule and Reason
	Alter            // change the lines one by one: later documents rest on the order
)

// Decision is the verdict on a desired state.
type Decision struct {
	Do      Do
	Outcome string // event.Outcome…, with Record, and with Goods where the lines cannot follow
	Rule    string
	Reason  string
	Status  string // with Write: the letter that stays in place of the desired one; "": none
	Goods   *Goods // what refunds gave back of an order that later documents rest on; nil: nothing that counts there
}

// RuleBeforeStart is the named rule that ignores orders made before the store's start.
const RuleBeforeStart = "before-start"

// Facts are what a decision needs beside the desired state.
type Facts struct {
	Ledger event.Ledger
	Start  time.Time // of the store; zero: none
	Hold   bool      // writes are on hold
	Status string    // the sales order's status now, letter A–H; "" when there is none

	Lines      []Line       // the sales order's now; nil: not read
	Total, Tax money.Amount // of it

	OwnsStatus bool // NetSuite's word about the status counts
	Between    bool // the shop had another status since NetSuite was told
}

// Decide says what to do. A reversed payment after fulfilment is a fault: a person must look.
func Decide(d event.DesiredOrderV1, f Facts) (Decision, error) {
	if f.Ledger.SalesOrder == nil && f.Status == "" {
		return absent(d, f), nil
	}
	switch {
	case isCancelled(f.Status):
		return record(event.OutcomeSkipped, "cancelled-in-netsuite", "the sales order was cancelled in NetSuite and cannot be changed"), nil
	case isBound(f) && d.Policy.Fulfilled == event.ActionPark:
		return Decision{}, fault.New(fault.PaymentReversed, d.Policy.Explanation, fault.Field("status", d.Source.Status))
	case isBound(f):
		return f.follows(d), nil
	case d.Policy.Open == event.ActionKeep:
		return record(event.OutcomeSkipped, d.Policy.Rule, d.Policy.Explanation), nil
	case f.moved(d):
		return f.remains(d), nil
	default:
		return hold(f, Write), nil
	}
}

// follows decides about an order that later documents rest on. Where the policy keeps it, it still follows the shop in the
// goods that were given back: nobody may ship them.
func (f Facts) follows(d event.DesiredOrderV1) Decision {
	goods := goodsBack(d, f)
	decision := record(event.OutcomeSkipped, d.Policy.Rule, "the sales order is fulfilled or billed ("+f.Status+"): kept")
	switch {
	case d.Policy.Fulfilled == event.ActionApply:
		decision = hold(f, Alter)
	case goods != nil && goods.write && f.Hold:
		decision = hold(f, Alter)
	case goods != nil && goods.write:
		decision.Do = Alter
	}
	decision.Goods = goods
	return decision
}

// MayBeUnrecorded tells whether NetSuite must be asked before "no sales order yet" is believed: a crash between
// the write of an earlier state and its record leaves an order that the ledger does not know, and this state
// would create none that finds it. The first state of an order has no earlier one.
func MayBeUnrecorded(d event.DesiredOrderV1, l event.Ledger) bool {
	return l.SalesOrder == nil && d.Policy.Absent != event.ActionCreate && d.Source.Kind != event.KindPlaced && d.SalesOrder.ExternalID != ""
}

func absent(d event.DesiredOrderV1, f Facts) Decision {
	switch {
	case d.Policy.Absent == event.ActionIgnore:
		return record(event.OutcomeSkipped, d.Policy.Rule, d.Policy.Explanation)
	case !f.Start.IsZero() && d.Source.PlacedAt.Before(f.Start):
		return record(event.OutcomeSkipped, RuleBeforeStart, "the order was made before the store's start "+f.Start.UTC().Format(time.RFC3339))
	case d.Policy.Absent == event.ActionWait:
		return record(event.OutcomeWaiting, d.Policy.Rule, d.Policy.Explanation)
	default:
		return hold(f, Write)
	}
}

func hold(f Facts, do Do) Decision {
	if f.Hold {
		return record(event.OutcomeHeld, "writes-on-hold", "accounts.<account>.writes is hold: shown, not sent")
	}
	return Decision{Do: do}
}

func record(outcome, rule, reason string) Decision {
	return Decision{Do: Record, Outcome: outcome, Rule: rule, Reason: reason}
}

// Statuses: A pending approval, B pending fulfilment, C cancelled, D partially fulfilled, E pending billing
// and partially fulfilled, F pending billing, G billed, H closed.
func isFulfilled(status string) bool { return status != "" && strings.Contains("DEFG", status) }

// IsBilled tells whether some of the order is billed.
func IsBilled(status string) bool { return status == "E" || status == "G" }

// isBound tells whether later documents rest on the order: it cannot be written as a whole any more. What people bill in
// advance changes no status, and an order whose last open lines they close is closed, shipped in part or not.
func isBound(f Facts) bool {
	return isFulfilled(f.Status) || f.Ledger.Bill != nil || HasBills(f.Lines) || hasShipments(f.Lines)
}

func hasShipments(lines []Line) bool {
	return slices.ContainsFunc(lines, func(l Line) bool { return l.Fulfilled.Sign() > 0 })
}

// HasBills tells whether some line of an order is billed.
func HasBills(lines []Line) bool {
	return slices.ContainsFunc(lines, func(l Line) bool { return l.Billed.Sign() > 0 })
}

func isCancelled(status string) bool { return status == "C" }

// StatusFits tells whether a read-back status is what was desired. An order pending fulfilment may have
// moved on meanwhile.
func StatusFits(d event.DesiredOrderV1, status string) bool {
	switch {
	case isClosed(d.SalesOrder):
		return status == "H"
	case d.SalesOrder.OrderStatus == "B":
		return status == "B" || isFulfilled(status)
	default:
		return status == d.SalesOrder.OrderStatus
	}
}

// Progress says a status in words that begin a sentence about the sales order.
func Progress(status string) string {
	words := map[string]string{
		"D": "it is partly fulfilled", "E": "it is partly fulfilled, pending billing", "F": "it is fulfilled, pending billing", "G": "it is billed",
		"H": "it is closed, and some of it is fulfilled or billed",
	}
	if text, is := words[status]; is {
		return text
	}
	return "it is billed in advance" // by the money policy
}

// Package plan decides what a change in NetSuite means for the shop's order. Pure: values in, values out; the same input
// gives the same decision (Invariant 6).
package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// NetSuite's letters of a sales order.
const (
	Pending   = "A" // pending approval
	Cancelled = "C"
	Billed    = "G"
	Closed    = "H"
)

// The shop's words that rules speak of; any other word, of a plugin's status too, is just a status.
const (
	Completed = "completed"
	Refunded  = "refunded"
)

// Rules say how statuses travel to one shop.
type Rules struct {
	Status  map[string]string // NetSuite's letter → the shop's word; absent or empty: the order's status stays
	Virtual string            // when an order without goods to ship is completed: approved, billed
}

// Good is a line of the shop's order that may have to be shipped.
type Good struct {
	ID       string // the shop's line id
	SKU      string
	Name     string
	Virtual  bool         // nothing is shipped for it: a download, a service, a gift card
	Quantity money.Number // ordered in the shop, less what it took back
	Bundle   string       // id of the outermost line of its bundle; its own where it is in none
	Holds    bool         // other lines lie in it
}

// Progress is how far one line has come in NetSuite.
type Progress struct {
	Good        Good
	Ordered     money.Number
	Shipped     money.Number
	Backordered money.Number
	Expected    string // ship date, YYYY-MM-DD; empty: unknown
	Closed      bool
}

// open tells whether something of the line is still to be shipped.
func (p Progress) open() bool { return !p.Good.Virtual && !p.Closed && p.Shipped.Cmp(p.Ordered) < 0 }

// lineKey is how the mapping names a line of goods; fees, discounts, shipping and gift cards have other names.
const lineKey = "line-"

// Join lays NetSuite's lines over the shop's by the order's ledger. Fees, discounts and shipping drop out. A line that the
// ledger does not know, e.g. of an adopted order, counts as goods: what is not known to be shipped holds the order back.
func Join(lines []event.ChangedLine, ledger []event.LedgerLine, goods []Good) []Progress {
	var list []Progress
	for _, line := range lines {
		key, known := keyOf(ledger, line.Line)
		id, isGood := strings.CutPrefix(key, lineKey)
		if known && !isGood || line.Fulfilled == nil && !known {
			continue
		}
		p := Progress{Good: goodOf(goods, id), Ordered: line.Quantity, Expected: line.Expected, Closed: line.Closed}
		if line.Fulfilled != nil {
			p.Shipped = *line.Fulfilled
		}
		if line.Backordered != nil {
			p.Backordered = *line.Backordered
		}
		list = append(list, p)
	}
	return list
}

func keyOf(ledger []event.LedgerLine, line string) (string, bool) {
	i := slices.IndexFunc(ledger, func(l event.LedgerLine) bool { return l.Line == line })
	if i < 0 {
		return "", false
	}
	return ledger[i].Key, true
}

func goodOf(goods []Good, id string) Good {
	i := slices.IndexFunc(goods, func(g Good) bool { return g.ID == id })
	if i < 0 {
		return Good{ID: id}
	}
	return goods[i]
}

// Open lists the shop's lines of which something is still to be shipped.
func Open(lines []Progress) []Progress {
	return slices.DeleteFunc(slices.Clone(lines), func(p Progress) bool { return !p.open() })
}

// The named rules that keep a shop's status.
const (
	RuleFinal   = "final"   // refunded, cancelled, failed, completed or trashed: never moved back by NetSuite
	RuleAlready = "already" // the shop says so itself
	RuleOpen    = "open"    // goods are to be shipped again: no status is asked for
	RuleThere   = "there"   // a sales order that was gone is there again
)

// final are the shop's statuses that NetSuite does not move.
var final = []string{Refunded, "cancelled", "failed", Completed, "trash"}

// Want is the shop's word that NetSuite's status asks for; "": none. Completed waits for all goods: a shop tells its
// customer that everything is on its way.
func (r Rules) Want(letter string, lines []Progress) string {
	want := r.Status[letter]
	if !slices.ContainsFunc(lines, func(p Progress) bool { return !p.Good.Virtual }) {
		want = r.virtual(letter, want)
	}
	if want == Completed && len(Open(lines)) > 0 {
		return ""
	}
	return want
}

// virtual is the rule of orders without goods to ship: NetSuite never fulfils them.
func (r Rules) virtual(letter, want string) string {
	switch {
	case r.Virtual == "approved" && approved(letter):
		return Completed
	case want == Completed && letter != Billed:
		return ""
	default:
		return want
	}
}

func approved(letter string) bool {
	return letter != "" && !slices.Contains([]string{Pending, Cancelled, Closed}, letter)
}

// Concern tells whether a letter may ask for a status at all; the shop is read only then.
func (r Rules) Concern(letter string) bool {
	return r.Status[letter] != "" || r.Virtual == "approved" && approved(letter)
}

// Keep names the rule that keeps the shop's status although another is wanted; "": it is written.
func Keep(have, want string) string {
	switch {
	case have == want:
		return RuleAlready
	case slices.Contains(final, have):
		return RuleFinal
	default:
		return ""
	}
}

// Note is something the shop's order is told in words.
type Note struct {
	Topic    string // one of the Topic values
	Begins   string // what every note of the topic on this order begins with
	Text     string
	Customer bool // it concerns the customer
}

// The topics of notes; the newest note of a topic is how it stands.
const (
	TopicApproved  = "approved"
	TopicPart      = "part"
	TopicBackOrder = "backorder"
	TopicGone      = "gone"
)

// Approved says that NetSuite approved a sales order that waited for it.
func Approved(number, before, now string) Note {
	if before != Pending || !approved(now) {
		return Note{}
	}
	return note(TopicApproved, "NetSuite approved sales order "+number, ".", false)
}

// Gone says that NetSuite deleted the sales order.
func Gone(number string) Note {
	return note(TopicGone, "NetSuite deleted sales order ", number+". Nothing ships this order any more.", false)
}

// Speak tells whether lines have something to say: a part that left, a back order.
func Speak(lines []event.ChangedLine) bool {
	return slices.ContainsFunc(lines, func(l event.ChangedLine) bool {
		return l.Fulfilled != nil && l.Fulfilled.Sign() > 0 || l.Backordered != nil && l.Backordered.Sign() > 0
	})
}

// Unshipped tells whether NetSuite has goods of an order still to ship, as far as its own lines say.
func Unshipped(lines []event.ChangedLine) bool {
	return slices.ContainsFunc(lines, func(l event.ChangedLine) bool {
		return l.Fulfilled != nil && !l.Closed && l.Fulfilled.Cmp(l.Quantity) < 0
	})
}

// Part says what has left of an order that is not whole yet.
func Part(number string, lines []Progress) Note {
	var left []string
	for _, p := range lines {
		if p.Shipped.Sign() > 0 {
			left = append(left, fmt.Sprintf("%s of %s × %s", p.Shipped, p.Ordered, nameOf(p.Good)))
		}
	}
	if len(Open(lines)) == 0 {
		return Note{}
	}
	return note(TopicPart, "A part of your order has left our warehouse ("+number+"): ", strings.Join(left, "; "), true)
}

// BackOrder says what waits for goods, and until when.
func BackOrder(number string, lines []Progress) Note {
	var late []string
	for _, p := range Open(lines) {
		if p.Backordered.Sign() <= 0 {
			continue
		}
		text := fmt.Sprintf("%s × %s", p.Backordered, nameOf(p.Good))
		if p.Expected != "" {
			text += ", expected to ship " + p.Expected
		}
		late = append(late, text)
	}
	return note(TopicBackOrder, "Some goods of your order are on back order ("+number+"): ", strings.Join(late, "; "), true)
}

// note is the zero value where there is nothing to say.
func note(topic, begins, rest string, customer bool) Note {
	if rest == "" {
		return Note{}
	}
	return Note{Topic: topic, Begins: begins, Text: begins + rest, Customer: customer}
}

func nameOf(g Good) string {
	switch {
	case g.Name != "":
		return g.Name
	case g.SKU != "":
		return g.SKU
	default:
		return "an item"
	}
}

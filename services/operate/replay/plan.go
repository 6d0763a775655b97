// Package replay is the replay lab: it shows what another mapping would do to history before anything is written, and
// then writes exactly what was shown. A plan reads streams only; nothing of it reaches NetSuite.
package replay

import (
	"iter"
	"time"

	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/contrast"
)

// Request says which orders and customers to look at and with which mapping. One that names orders, by any of their four
// bounds, is not about customers unless it names some; one that names customers alone is not about orders.
type Request struct {
	Store     string    `json:"store,omitempty"`     // empty: every store that the candidate's mapping maps
	Since     time.Time `json:"since,omitzero"`      // orders made at or after; zero: no bound
	Until     time.Time `json:"until,omitzero"`      // orders made before; zero: no bound
	Orders    []string  `json:"orders,omitempty"`    // shop ids; empty: all
	Where     string    `json:"where,omitempty"`     // a condition on orders in the mapping's language
	Customers []string  `json:"customers,omitempty"` // shop ids of accounts; empty: all
	Slots     int       `json:"slots,omitempty"`     // requests in flight NetSuite allows; 0: as each account's writer says
}

func (r Request) namesOrders() bool {
	return !r.Since.IsZero() || !r.Until.IsZero() || len(r.Orders) > 0 || r.Where != ""
}

func (r Request) ofOrders() bool { return r.namesOrders() || len(r.Customers) == 0 }

func (r Request) ofCustomers() bool { return !r.namesOrders() || len(r.Customers) > 0 }

// Change is an order that the candidate maps otherwise than NetSuite was last sent it, or a customer that it maps otherwise
// than DESIRED asks: what NetSuite's record of a customer holds no stream says.
type Change struct {
	Object
	Number  string    `json:"number,omitempty"` // of an order
	Account string    `json:"account"`
	Placed  time.Time `json:"placed"` // UTC, when the order was made, or the customer was last changed in the shop
	Source  uint64    `json:"source"` // position in ORDERS or CUSTOMERS of the state that the candidate maps
	Desired uint64    `json:"desired"`
	Hash    string    `json:"hash"`   // of what the candidate asks
	Fields  int       `json:"fields"` // that differ
	Effect  Effect    `json:"effect"`
	Records int       `json:"records,omitempty"`    // deposits, refunds and bills that lack in NetSuite and are made with it
	From    string    `json:"from_total,omitempty"` // of an order
	To      string    `json:"to_total,omitempty"`

	Unsent   bool     `json:"unsent,omitempty"`   // compared with what DESIRED asks: NetSuite was sent nothing, or holds what the candidate asks
	Parked   bool     `json:"parked,omitempty"`   // its newest state could not be mapped until now
	Adoption []string `json:"adoption,omitempty"` // of a parked order: where a first create looks for it

	Differences []Difference `json:"differences"`
	Kept        []string     `json:"kept,omitempty"` // fields of them that applying does not write in NetSuite
}

// Effect is what applying a change does in NetSuite: the writer's own decision, by what is known when it is foreseen.
type Effect string

// The effects.
const (
	EffectCreate Effect = "create" // no sales order yet
	EffectUpdate Effect = "update" // an open sales order is written again
	EffectAlter  Effect = "alter"  // fulfilled or billed, and the policy says apply: its lines are changed one by one
	EffectRevise Effect = "revise" // a customer's record is read and what differs is changed, where orders made one
	EffectKeep   Effect = "keep"   // the sales order or the customer's record stays as it is: by policy, cancelled in NetSuite, or nothing that can change there differs
	EffectPark   Effect = "park"   // fulfilled or billed, and the policy says park: the order waits for a person
	EffectHold   Effect = "hold"   // writes of the account are on hold: shown, not sent
	EffectNone   Effect = "none"   // no sales order is written: the order is ignored, waits, or is held as asked already
)

// meanings are the effects, as they are listed.
var meanings = []struct {
	effect Effect
	means  string
}{
	{EffectCreate, "no sales order yet: it is made"},
	{EffectUpdate, "the open sales order is written again"},
	{EffectAlter, "fulfilled or billed: its lines are changed one by one"},
	{EffectRevise, "the customer's record is read, and what differs is changed"},
	{EffectKeep, "it stays as it is in NetSuite"},
	{EffectPark, "fulfilled or billed: it waits for a person"},
	{EffectHold, "writes of the account are on hold"},
	{EffectNone, "no sales order is written"},
}

// Effected is how many of a plan's changes have an effect.
type Effected struct {
	Effect  Effect `json:"effect"`
	Means   string `json:"means"` // in words
	Changes int    `json:"changes"`
}

// effected lists the effects that changes have.
func effected(counts map[Effect]int) []Effected {
	list := []Effected{}
	for _, m := range meanings {
		if n := counts[m.effect]; n > 0 {
			list = append(list, Effected{m.effect, m.means, n})
		}
	}
	return list
}

// Writes tells whether a sales order is written.
func (e Effect) Writes() bool { return e == EffectCreate || e == EffectUpdate || e == EffectAlter }

// Behind is a kind of orders of which DESIRED asks what the candidate asks, while NetSuite holds something else: applying
// a plan asks nothing new of them. Kind, rule and code are those of the newest outcome.
type Behind struct {
	Kind     string          `json:"kind"` // one of the event.Outcome values; empty: no outcome yet
	Rule     string          `json:"rule,omitempty"`
	Code     string          `json:"code,omitempty"` // of the fault
	Orders   int             `json:"orders"`
	Examples []BehindExample `json:"examples"` // the first few
}

// BehindExample is one order that is behind.
type BehindExample struct {
	Store  string `json:"store"`
	Order  string `json:"order"`
	Reason string `json:"reason"`
}

// Elsewhere is a store whose orders and customers are left out, since they are mapped with another mapping than the candidate's.
type Elsewhere struct {
	Store     string `json:"store"`
	Mapping   string `json:"mapping"` // the configuration's key
	Orders    int    `json:"orders"`
	Customers int    `json:"customers,omitempty"`
}

// Trouble is an order or a customer that the candidate cannot map.
type Trouble struct {
	Object
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// What the differences of a plan are made of.
type (
	// Difference is one field that another mapping fills otherwise.
	Difference = contrast.Difference
	// Group is one kind of difference over all orders.
	Group = contrast.Group
	// Example is one difference of one order or customer.
	Example = contrast.Example
	// Object is the order or the customer that something is said of.
	Object = contrast.Object
)

// Day is the money of one day in one currency, over the sales orders that are written.
type Day struct {
	Day      string         `json:"day"` // YYYY-MM-DD, UTC, the order was made
	Currency money.Currency `json:"currency"`
	Orders   int            `json:"orders"`
	Delta    money.Amount   `json:"delta"` // candidate's totals minus today's
}

// Total is money over all days in one currency.
type Total struct {
	Currency money.Currency `json:"currency"`
	Orders   int            `json:"orders"`
	Delta    money.Amount   `json:"delta"` // as of a day
}

// Cost is what applying the plan takes, foreseen.
type Cost struct {
	Writes  int           `json:"writes"`  // sales orders
	Records int           `json:"records"` // deposits, refunds and bills
	Revises int           `json:"revises"` // customers' records, at most
	Calls   int           `json:"calls"`   // about: writes and the reads before and after them, which orders share
	AtMost  int           `json:"at_most"` // calls, where no order shares one
	Slots   int           `json:"slots"`   // requests in flight that the estimate counts with, of the busiest account
	Call    time.Duration `json:"call"`    // of one call, as measured in the ledger
	Elapsed time.Duration `json:"elapsed"` // about
}

// Brief is a duration as people read it: to three digits or so.
func Brief(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Minute, time.Second, time.Millisecond} {
		if d >= unit {
			return d.Round(unit / 10)
		}
	}
	return d.Round(time.Microsecond)
}

// Counts says how many orders or customers there are of each kind.
type Counts struct {
	Looked  int `json:"looked"` // at
	Same    int `json:"same"`
	Changed int `json:"changed"`
	Moved   int `json:"moved"` // changed after they were looked at: applying leaves them out
}

// Plan is what a candidate would do to history. Its changes lie in a file, so that what is kept in memory hardly grows
// with history: a number per order and customer, while the plan is made.
type Plan struct {
	Hash     string    `json:"hash"`
	Made     time.Time `json:"made"`
	Request  Request   `json:"request"`
	Mapping  string    `json:"mapping"`
	Revision string    `json:"revision"`
	Counts             // of orders
	Behind   []Behind  `json:"behind"` // the most frequent first
	Troubles []Trouble `json:"troubles"`
	Groups   []Group   `json:"groups"` // the most frequent first
	Kept     []Group   `json:"kept"`   // as far as they are not written
	Days     []Day     `json:"days"`
	Totals   []Total   `json:"totals"` // of all days

	Effects   []Effected  `json:"effects"`   // of the changes
	Unwritten []Total     `json:"unwritten"` // of changes whose sales order stays as it is
	Elsewhere []Elsewhere `json:"elsewhere"` // not looked at
	Customers Counts      `json:"customers"`
	Cost      Cost        `json:"cost"`

	sheet *sheet
}

// All is how many changes there are, of orders and of customers.
func (p Plan) All() int { return p.Changed + p.Customers.Changed }

// Changes gives every change: orders and then customers, in the order of DESIRED, what is parked last.
func (p Plan) Changes() iter.Seq2[Change, error] { return p.sheet.all() }

// Package replay is the replay lab: it shows what another mapping would do to history before anything is written, and
// then writes exactly what was shown. A plan reads streams only; nothing of it reaches NetSuite.
package replay

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/contrast"
)

// Request says which orders to look at and with which mapping.
type Request struct {
	Store  string    `json:"store,omitempty"`  // empty: every store
	Since  time.Time `json:"since,omitzero"`   // orders made at or after; zero: no bound
	Until  time.Time `json:"until,omitzero"`   // orders made before; zero: no bound
	Orders []string  `json:"orders,omitempty"` // shop ids; empty: all
	Where  string    `json:"where,omitempty"`  // a condition in the mapping's language
	Slots  int       `json:"slots"`            // requests in flight NetSuite allows, for the estimate
}

// Change is an order that the candidate maps otherwise.
type Change struct {
	Store   string    `json:"store"`
	Order   string    `json:"order"`
	Number  string    `json:"number"`
	Account string    `json:"account"`
	Placed  time.Time `json:"placed"` // UTC
	Source  uint64    `json:"source"` // position in ORDERS of the state both were made from
	Desired uint64    `json:"desired"`
	Hash    string    `json:"hash"`   // of what the candidate asks
	Fields  int       `json:"fields"` // that differ
	Effect  Effect    `json:"effect"`
	From    string    `json:"from_total"`
	To      string    `json:"to_total"`

	Parked   bool     `json:"parked,omitempty"`   // its newest state could not be mapped until now
	Adoption []string `json:"adoption,omitempty"` // of a parked order: where a first create looks for it
}

// Effect is what applying a change would do in NetSuite.
type Effect string

// The effects.
const (
	EffectCreate Effect = "create" // no sales order yet
	EffectUpdate Effect = "update" // an open sales order is written again
	EffectKeep   Effect = "keep"   // fulfilled or billed: the policy decides, the order is not written
	EffectNone   Effect = "none"   // nothing is written: an order that is ignored or waits
)

// Trouble is an order that the candidate cannot map.
type Trouble struct {
	Store  string `json:"store"`
	Order  string `json:"order"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// What the differences of a plan are made of.
type (
	// Difference is one field that another mapping fills otherwise.
	Difference = contrast.Difference
	// Group is one kind of difference over all orders.
	Group = contrast.Group
	// Example is one difference of one order.
	Example = contrast.Example
)

// Day is the money of one day in one currency.
type Day struct {
	Day      string         `json:"day"` // YYYY-MM-DD, UTC, the order was made
	Currency money.Currency `json:"currency"`
	Orders   int            `json:"orders"`
	Delta    money.Amount   `json:"delta"` // candidate's totals minus today's
}

// Cost is what applying the plan takes.
type Cost struct {
	Writes  int           `json:"writes"`
	Calls   int           `json:"calls"` // writes and their verification
	Call    time.Duration `json:"call"`  // of one call, as measured in the ledger
	Elapsed time.Duration `json:"elapsed"`
}

// Plan is what a candidate would do to history.
type Plan struct {
	Hash     string    `json:"hash"`
	Made     time.Time `json:"made"`
	Request  Request   `json:"request"`
	Mapping  string    `json:"mapping"`
	Revision string    `json:"revision"`
	Looked   int       `json:"looked"` // orders looked at
	Same     int       `json:"same"`
	Changes  []Change  `json:"changes"` // by store and order
	Troubles []Trouble `json:"troubles"`
	Groups   []Group   `json:"groups"` // the most frequent first
	Days     []Day     `json:"days"`
	Cost     Cost      `json:"cost"`
}

const (
	perVerify  = 100                    // orders one read-back shows
	assumed    = 500 * time.Millisecond // of a call, where the ledger has measured none
	dateFormat = "2006-01-02"
)

// tally gathers a plan order by order; it keeps a line per changed order and nothing of the others.
type tally struct {
	plan   Plan
	groups contrast.Groups
	days   map[string]*Day
	millis int64
	calls  int64
}

func newTally(p Plan) *tally {
	p.Changes, p.Troubles, p.Groups, p.Days = []Change{}, []Trouble{}, []Group{}, []Day{}
	return &tally{plan: p, groups: contrast.Groups{}, days: map[string]*Day{}}
}

// verdict is what the candidate makes of one order.
type verdict struct {
	skipped     bool // the request does not ask for it
	change      Change
	currency    money.Currency
	delta       money.Amount
	differences []Difference
	trouble     *Trouble
	call        time.Duration // of the order's latest write; 0: none
}

func (t *tally) add(v verdict) {
	switch {
	case v.skipped:
		return
	case v.trouble != nil:
		t.plan.Looked++
		t.plan.Troubles = append(t.plan.Troubles, *v.trouble)
		return
	case len(v.differences) == 0:
		t.plan.Looked++
		t.plan.Same++
		return
	}
	t.plan.Looked++
	t.plan.Changes = append(t.plan.Changes, v.change)
	if v.call > 0 {
		t.calls, t.millis = t.calls+1, t.millis+v.call.Milliseconds()
	}
	t.groups.Add(v.change.Store, v.change.Order, v.differences)
	t.money(v)
}

func (t *tally) money(v verdict) {
	day := v.change.Placed.UTC().Format(dateFormat)
	key := day + string(v.currency)
	if t.days[key] == nil {
		t.days[key] = &Day{Day: day, Currency: v.currency}
	}
	t.days[key].Orders++
	t.days[key].Delta = t.days[key].Delta.Add(v.delta)
}

// finish sorts, estimates and seals the plan.
func (t *tally) finish() Plan {
	p := &t.plan
	slices.SortFunc(p.Changes, func(a, b Change) int {
		return strings.Compare(a.Store+"\x00"+a.Order, b.Store+"\x00"+b.Order)
	})
	slices.SortFunc(p.Troubles, func(a, b Trouble) int {
		return strings.Compare(a.Store+"\x00"+a.Order, b.Store+"\x00"+b.Order)
	})
	p.Groups = append(p.Groups, t.groups.Sorted()...)
	for _, d := range t.days {
		p.Days = append(p.Days, *d)
	}
	slices.SortFunc(p.Days, func(a, b Day) int {
		return strings.Compare(a.Day+string(a.Currency), b.Day+string(b.Currency))
	})
	p.Cost = t.cost()
	p.Hash = p.hash()
	return *p
}

func (t *tally) cost() Cost {
	c := Cost{Call: assumed}
	if t.calls > 0 {
		c.Call = time.Duration(t.millis/t.calls) * time.Millisecond
	}
	for _, change := range t.plan.Changes {
		if change.Effect == EffectCreate || change.Effect == EffectUpdate {
			c.Writes++
		}
	}
	c.Calls = c.Writes + (c.Writes+perVerify-1)/perVerify
	c.Elapsed = time.Duration(c.Calls) * c.Call / time.Duration(max(t.plan.Request.Slots, 1))
	return c
}

// hash names exactly what applying would write: for each order the state it is made from, the desired state it
// replaces, and what it asks. The same history and the same candidate give the same hash.
func (p Plan) hash() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s\n", p.Mapping, p.Revision)
	for _, c := range p.Changes {
		fmt.Fprintf(sum, "%s\t%s\t%d\t%d\t%s\n", c.Store, c.Order, c.Source, c.Desired, c.Hash)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// effectOf says what writing the candidate's state would do, by what the ledger knows of NetSuite.
func effectOf(to event.DesiredOrderV1, ledger *event.SyncRecordedV1) Effect {
	switch {
	case ledger == nil || ledger.Ledger.SalesOrder == nil:
		if to.Policy.Absent == event.ActionCreate {
			return EffectCreate
		}
		return EffectNone
	case strings.Contains("CDEFG", ledger.Ledger.SalesOrder.Status):
		return EffectKeep
	case to.Policy.Open == event.ActionApply:
		return EffectUpdate
	default:
		return EffectNone
	}
}

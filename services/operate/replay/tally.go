package replay

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/contrast"
)

const dateFormat = "2006-01-02"

// tally gathers a plan order by order; what it keeps in memory are sums, and a line per order that cannot be mapped.
type tally struct {
	plan   Plan
	groups contrast.Groups
	kept   contrast.Groups
	behind map[[3]string]*Behind
	days   map[string]*Day
	totals totals // of what is written
	rest   totals // of what is not
	costs  costs
	effect map[Effect]int
	others map[Elsewhere]Elsewhere // by store and mapping, with the numbers
}

func newTally(p Plan) (*tally, error) {
	p.Behind, p.Troubles, p.Groups, p.Kept, p.Days = []Behind{}, []Trouble{}, []Group{}, []Group{}, []Day{}
	var err error
	p.sheet, err = newSheet()
	return &tally{plan: p, groups: contrast.Groups{}, kept: contrast.Groups{}, behind: map[[3]string]*Behind{}, days: map[string]*Day{}, totals: totals{}, rest: totals{}, costs: costs{}, effect: map[Effect]int{}, others: map[Elsewhere]Elsewhere{}}, err
}

// verdict is what the candidate makes of one order, or of one customer.
type verdict struct {
	customer bool
	skipped  bool       // the request does not ask for it
	moved    bool       // it was looked at before it had this state
	other    *Elsewhere // the request names no store, and another mapping maps the store
	change   *Change    // nil: none
	currency money.Currency
	delta    money.Amount
	trouble  *Trouble
	behind   *event.SyncRecordedV1 // the newest outcome of an order that is behind
	call     time.Duration         // of the order's latest write
	measured bool                  // whether there was one
}

func (t *tally) add(v verdict) {
	if v.skipped {
		return
	}
	counts := &t.plan.Counts
	if v.customer {
		counts = &t.plan.Customers
	}
	if v.moved {
		counts.Moved++
		return
	}
	if v.other != nil {
		t.others[*v.other] = t.others[*v.other].and(*v.other, v.customer)
		return
	}
	counts.Looked++
	switch {
	case v.trouble != nil:
		t.plan.Troubles = append(t.plan.Troubles, *v.trouble)
	case v.behind != nil:
		t.late(*v.behind)
	case v.change == nil:
		counts.Same++
	default:
		counts.Changed++
		t.change(v)
	}
}

func (t *tally) change(v verdict) {
	t.plan.sheet.add(*v.change)
	t.groups.Add(v.change.Object, v.change.Differences)
	t.kept.Add(v.change.Object, v.change.unwritten())
	t.costs.add(v)
	t.effect[v.change.Effect]++
	if !v.customer {
		t.money(v)
	}
}

// and counts one more of a store.
func (e Elsewhere) and(of Elsewhere, customer bool) Elsewhere {
	e.Store, e.Mapping = of.Store, of.Mapping
	if customer {
		e.Customers++
	} else {
		e.Orders++
	}
	return e
}

const examples = 3 // kept per kind of orders that are behind

func (t *tally) late(e event.SyncRecordedV1) {
	b := Behind{Kind: e.Kind, Rule: e.Rule}
	if e.Fault != nil {
		b.Code = e.Fault.Code
	}
	key := [3]string{b.Kind, b.Rule, b.Code}
	if t.behind[key] == nil {
		t.behind[key] = &b
	}
	kept := t.behind[key]
	if kept.Orders++; len(kept.Examples) < examples {
		kept.Examples = append(kept.Examples, BehindExample{e.Store, e.Order, e.Reason})
	}
}

// money counts an order's money to its day and in all, where its sales order is written.
func (t *tally) money(v verdict) {
	if !v.change.Effect.Writes() {
		t.rest.add(v)
		return
	}
	t.totals.add(v)
	day := v.change.Placed.UTC().Format(dateFormat)
	key := day + string(v.currency)
	if t.days[key] == nil {
		t.days[key] = &Day{Day: day, Currency: v.currency}
	}
	t.days[key].Orders++
	t.days[key].Delta = t.days[key].Delta.Add(v.delta)
}

func (t *tally) elsewhere() []Elsewhere {
	list := slices.Collect(maps.Values(t.others))
	slices.SortFunc(list, func(a, b Elsewhere) int { return strings.Compare(a.Store+"\x00"+a.Mapping, b.Store+"\x00"+b.Mapping) })
	return list
}

type totals map[money.Currency]Total

func (t totals) add(v verdict) {
	sum := t[v.currency]
	t[v.currency] = Total{v.currency, sum.Orders + 1, sum.Delta.Add(v.delta)}
}

func (t totals) sorted() []Total {
	list := make([]Total, 0, len(t))
	for _, currency := range slices.Sorted(maps.Keys(t)) {
		list = append(list, t[currency])
	}
	return list
}

// finish sorts, estimates and seals the plan.
func (t *tally) finish(slots func(account string) int) (Plan, error) {
	p := &t.plan
	slices.SortFunc(p.Troubles, func(a, b Trouble) int {
		return strings.Compare(a.Store+"\x00"+a.Order+"\x00"+a.Customer, b.Store+"\x00"+b.Order+"\x00"+b.Customer)
	})
	p.Groups = append(p.Groups, t.groups.Sorted()...)
	p.Kept = append(p.Kept, t.kept.Sorted()...)
	for _, b := range t.behind {
		p.Behind = append(p.Behind, *b)
	}
	slices.SortFunc(p.Behind, func(a, b Behind) int {
		return cmp.Or(cmp.Compare(b.Orders, a.Orders), strings.Compare(a.Kind+a.Rule+a.Code, b.Kind+b.Rule+b.Code))
	})
	for _, d := range t.days {
		p.Days = append(p.Days, *d)
	}
	slices.SortFunc(p.Days, func(a, b Day) int { return strings.Compare(a.Day+string(a.Currency), b.Day+string(b.Currency)) })
	p.Elsewhere = t.elsewhere()
	p.Totals, p.Unwritten = t.totals.sorted(), t.rest.sorted()
	p.Cost, p.Effects = t.costs.sum(slots), effected(t.effect)
	p.Hash = p.hash()
	return *p, p.sheet.flush()
}

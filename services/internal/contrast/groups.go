package contrast

import (
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
)

// Group is one kind of difference over all orders.
type Group struct {
	Field    string    `json:"field"`
	Kind     string    `json:"kind"` // added, removed, changed
	Orders   int       `json:"orders"`
	Examples []Example `json:"examples"` // the first few
}

// Example is one difference of one order.
type Example struct {
	Store string `json:"store"`
	Order string `json:"order"`
	Difference
}

const examples = 3 // kept per group

// Groups gathers differences by field and kind.
type Groups map[[2]string]*Group

// GroupsOf goes on with what was gathered before.
func GroupsOf(list []Group) Groups {
	g := Groups{}
	for _, group := range list {
		g[[2]string{group.Field, group.Kind}] = &group
	}
	return g
}

// Add counts the differences of one order, each kind once.
func (g Groups) Add(store, order string, differences []Difference) {
	seen := map[[2]string]bool{}
	for _, d := range differences {
		field, kind := d.Kind()
		key := [2]string{field, kind}
		if seen[key] {
			continue
		}
		seen[key] = true
		if g[key] == nil {
			g[key] = &Group{Field: field, Kind: kind}
		}
		g[key].Orders++
		if len(g[key].Examples) < examples {
			g[key].Examples = append(g[key].Examples, Example{store, order, d})
		}
	}
}

// Sorted gives the kinds, the most frequent first.
func (g Groups) Sorted() []Group {
	list := make([]Group, 0, len(g))
	for _, group := range g {
		list = append(list, *group)
	}
	slices.SortFunc(list, func(a, b Group) int {
		if a.Orders != b.Orders {
			return b.Orders - a.Orders
		}
		return strings.Compare(a.Field+a.Kind, b.Field+b.Kind)
	})
	return list
}

// Mapper makes a desired state of an order's state.
type Mapper func(event.OrderStateV1) (event.DesiredOrderV1, error)

// Of maps one state both ways. cannot says that only one of the two maps it; a state that neither maps is no difference.
func Of(from, to Mapper, state event.OrderStateV1) (differences []Difference, cannot, err error) {
	before, fails := from(state)
	after, failsNow := to(state)
	if fails != nil || failsNow != nil {
		return nil, onlyOne(fails, failsNow), nil
	}
	differences, err = Between(before, after)
	return differences, nil, err
}

func onlyOne(before, after error) error {
	if (before == nil) == (after == nil) {
		return nil
	}
	if after != nil {
		return after
	}
	return &onlyNow{before}
}

// onlyNow is a state that was not mapped until now.
type onlyNow struct{ before error }

func (e *onlyNow) Error() string { return "only the new revision maps it: " + e.before.Error() }
func (e *onlyNow) Unwrap() error { return e.before }

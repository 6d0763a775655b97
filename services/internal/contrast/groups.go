package contrast

import (
	"slices"
	"strings"
)

// Group is one kind of difference over all orders, or over all customers.
type Group struct {
	Field     string    `json:"field"`
	Kind      string    `json:"kind"` // added, removed, changed
	Orders    int       `json:"orders"`
	Customers int       `json:"customers,omitempty"`
	Examples  []Example `json:"examples"` // the first few
}

// Count is how many orders or customers have the difference.
func (g Group) Count() int { return g.Orders + g.Customers }

// Of names what is counted.
func (g Group) Of() string {
	if g.Customers > 0 {
		return "customers"
	}
	return "orders"
}

// Object is the order or the customer that a desired state is of.
type Object struct {
	Store    string `json:"store"`
	Order    string `json:"order,omitempty"`
	Customer string `json:"customer,omitempty"` // the shop's id of the account
}

// Name names the object for people: "main/36", "customer main/2".
func (o Object) Name() string {
	if o.Customer != "" {
		return "customer " + o.Store + "/" + o.Customer
	}
	return o.Store + "/" + o.Order
}

// Example is one difference of one order or customer.
type Example struct {
	Object
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

// Add counts the differences of one order or customer, each kind once.
func (g Groups) Add(of Object, differences []Difference) {
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
		g[key].count(of, d)
	}
}

func (g *Group) count(of Object, d Difference) {
	if of.Customer != "" {
		g.Customers++
	} else {
		g.Orders++
	}
	if len(g.Examples) < examples {
		g.Examples = append(g.Examples, Example{of, d})
	}
}

// Sorted gives the kinds, the most frequent first.
func (g Groups) Sorted() []Group {
	list := make([]Group, 0, len(g))
	for _, group := range g {
		list = append(list, *group)
	}
	slices.SortFunc(list, func(a, b Group) int {
		if a.Count() != b.Count() {
			return b.Count() - a.Count()
		}
		return strings.Compare(a.Field+a.Kind, b.Field+b.Kind)
	})
	return list
}

// Mapper makes a desired state of an order's or a customer's state.
type Mapper[S, D any] func(state S) (D, error)

// Of maps one state both ways and compares with Between or Customers. cannot says that only one of the two maps it; a state
// that neither maps is no difference.
func Of[S, D any](from, to Mapper[S, D], between func(from, to D) ([]Difference, error), state S) (differences []Difference, cannot, err error) {
	before, fails := from(state)
	after, failsNow := to(state)
	if fails != nil || failsNow != nil {
		return nil, onlyOne(fails, failsNow), nil
	}
	differences, err = between(before, after)
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

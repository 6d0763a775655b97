package mapping

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

//go:embed documents/required.txt
var requiredList string

// need is a field that a form needs, or several of which one will do.
type need struct {
	record string
	fields []string
	reason string
}

// standardNeeds are those of NetSuite's standard forms.
func standardNeeds() []need {
	var list []need
	for line := range strings.Lines(requiredList) {
		if words := strings.SplitN(strings.TrimSpace(line), " ", 3); len(words) == 3 && words[0] != "#" {
			list = append(list, need{words[0], strings.Split(words[1], "|"), words[2]})
		}
	}
	return list
}

// ownNeeds are those of an account's form.
func ownNeeds(names []string) ([]need, error) {
	var list []need
	for _, name := range names {
		record, field, named := strings.Cut(name, ".")
		if _, known := setters[record]; !named || !known {
			return nil, fmt.Errorf("%q: want a field by its record, such as salesOrder.location, of %s", name, strings.Join(sorted(setters), ", "))
		}
		list = append(list, need{record, []string{field}, "the account's form needs it"})
	}
	return list, nil
}

// setter says where a record's fields are set: by a section, and by groups of rules. made are those that Orderstream sets
// by itself.
type setter struct {
	section string
	fields  func(m *Mapping) []field
	rules   func(m *Mapping) []routeRule
	made    []string
}

var setters = map[string]setter{
	"salesOrder":      {"sales_order.fields", func(m *Mapping) []field { return m.order }, func(m *Mapping) []routeRule { return m.orders }, []string{"shippingCost", "shipMethod", "entity", "currency", "orderStatus"}},
	"salesOrder.item": {"items.fields", func(m *Mapping) []field { return m.line }, func(m *Mapping) []routeRule { return m.lines }, []string{"item", "quantity", "rate", "amount", "price", "description"}},
	"customer": {"customer.fields", func(m *Mapping) []field { return m.customer }, func(m *Mapping) []routeRule {
		rules := slices.Clone(m.customers)
		for _, r := range m.orders { // an order's subsidiary is its new customer's too
			r.set, r.fields = slices.DeleteFunc(slices.Clone(r.set), func(s setting) bool { return s.field != "subsidiary" }), nil
			r.group = sectionOrders + " " + r.group
			rules = append(rules, r)
		}
		return rules
	}, []string{"addressbook", "currency"}},
	"customerDeposit": {"payments.fields", func(m *Mapping) []field { return m.payment }, none, []string{"tranDate", "undepFunds", "customer", "salesOrder", "payment", "currency"}},
	"customerRefund":  {"refunds.fields", func(m *Mapping) []field { return m.refund }, none, []string{"tranDate", "customer", "currency"}},
}

func none(*Mapping) []routeRule { return nil }

// needs finds the fields that a form needs and that are not set whatever the order.
func (f *finder) needs(m *Mapping, needs []need) {
	for _, n := range needs {
		s := setters[n.record]
		if slices.ContainsFunc(n.fields, func(name string) bool { return s.always(m, name) }) {
			continue
		}
		how := "never set"
		if slices.ContainsFunc(n.fields, func(name string) bool { return s.sometimes(m, name) }) {
			how = "set by some rules of a group only"
		}
		f.find(s.section, fmt.Sprintf("%s of %s is %s: %s", strings.Join(n.fields, " or "), n.record, how, n.reason))
	}
}

// always tells whether a field is set whatever the order: by an expression, or by each rule of a group up to one that
// always applies.
func (s setter) always(m *Mapping, name string) bool {
	if slices.Contains(s.made, name) || slices.ContainsFunc(s.fields(m), func(f field) bool { return f.name == name && f.gives() }) {
		return true
	}
	open := map[string]bool{} // groups of which a rule before does not set it
	for _, r := range s.rules(m) {
		switch {
		case !r.sets(name):
			open[r.group] = true
		case !open[r.group] && r.when.isTrue():
			return true
		}
	}
	return false
}

func (s setter) sometimes(m *Mapping, name string) bool {
	return slices.ContainsFunc(s.rules(m), func(r routeRule) bool { return r.sets(name) })
}

func (r routeRule) sets(name string) bool {
	return slices.ContainsFunc(r.set, func(s setting) bool { return s.field == name }) || slices.ContainsFunc(r.fields, func(f field) bool { return f.name == name && f.gives() })
}

// gives tells whether an expression gives something: a text without a character is nothing.
func (f field) gives() bool {
	text, is := f.program.Node().(*ast.StringNode)
	return !is || text.Value != ""
}

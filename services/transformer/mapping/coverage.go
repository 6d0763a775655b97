package mapping

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
	"go.yaml.in/yaml/v3"
)

// Coverage says what of a mapping was exercised.
type Coverage struct {
	Rules       int      `json:"rules"`
	Expressions int      `json:"expressions"`
	Unfired     []string `json:"unfired"` // "section name"
	Unrun       []string `json:"unrun"`   // paths of expressions
	Always      []string `json:"always"`  // conditions that were never false
}

// Percent is the share of rules and expressions that were exercised.
func (c Coverage) Percent() int {
	all := c.Rules + c.Expressions
	if all == 0 {
		return 100
	}
	return (all - len(c.Unfired) - len(c.Unrun)) * 100 / all
}

// Coverage compares a trace with the mapping. What a store has of its own is counted by itself, what it shares with the
// document once.
func (m *Mapping) Coverage(t *Trace) Coverage {
	c := Coverage{Unfired: []string{}, Unrun: []string{}, Always: []string{}}
	seen := map[*yaml.Node]bool{}
	c.add(m, t, seen, "")
	for _, store := range sorted(m.stores) {
		c.add(m.stores[store], t, seen, "stores."+store+": ")
	}
	return c
}

// add counts what was not seen before.
func (c *Coverage) add(m *Mapping, t *Trace, seen map[*yaml.Node]bool, prefix string) {
	for _, s := range m.sections() {
		for _, r := range s.rules {
			node := m.tree.nodes[r.path]
			if seen[node] {
				continue
			}
			seen[node] = true
			c.Rules++
			if t.fired[node] == 0 {
				c.Unfired = append(c.Unfired, prefix+s.name+" "+r.name)
			}
		}
	}
	for _, e := range m.expressions {
		if seen[e.node] { // the parts of a message stand in one value
			continue
		}
		seen[e.node] = true
		c.Expressions++
		switch {
		case t.ran[e.node] == 0:
			c.Unrun = append(c.Unrun, prefix+e.path)
		case strings.HasSuffix(e.path, ".when") && t.held[e.node] == t.ran[e.node] && e.source != "true":
			c.Always = append(c.Always, prefix+e.path)
		}
	}
}

// section is a list of rules, with what decides which of them fire.
type section struct {
	name  string
	rules []member
}

type member struct {
	name, group string
	alone       bool // it does not compete with others
	always      bool // nothing keeps it from firing
	when        *expression
	path        string
}

func (m *Mapping) sections() []section {
	classes, validation, statuses := section{name: sectionClasses}, section{name: sectionValidation}, section{name: "statuses"}
	for i, r := range m.classes {
		classes.rules = append(classes.rules, member{name: r.Name, group: r.Group, alone: r.Group == "", always: r.when.isTrue(), when: r.when, path: fmt.Sprintf("classes[%d]", i)})
	}
	for i, r := range m.validation {
		validation.rules = append(validation.rules, member{name: r.Name, alone: r.Severity == SeverityWarn, always: r.when.isTrue(), when: r.when, path: fmt.Sprintf("validation[%d]", i)})
	}
	for i, r := range m.rules {
		statuses.rules = append(statuses.rules, member{name: r.Name, always: r.when.isTrue(), when: r.when, path: fmt.Sprintf("statuses[%d]", i)})
	}
	list := []section{classes, validation, statuses}
	for _, of := range []struct {
		name  string
		rules []routeRule
	}{{sectionOrders, m.orders}, {sectionCustomer, m.customers}, {sectionLines, m.lines}} {
		s := section{name: of.name}
		for i, r := range of.rules {
			s.rules = append(s.rules, member{name: r.name, group: r.group, always: r.when.isTrue(), when: r.when, path: fmt.Sprintf("%s[%d]", of.name, i)})
		}
		list = append(list, s)
	}
	items := section{name: sectionItems}
	for i, r := range m.items {
		bare := r.Prefix == "" && r.matches == nil && len(r.attributes) == 0
		items.rules = append(items.rules, member{name: r.Name, alone: !bare, always: bare && r.when.isTrue(), when: r.when, path: fmt.Sprintf("%s[%d]", sectionItems, i)})
	}
	return append(list, items)
}

// isTrue tells whether a condition holds whatever the order.
func (e *expression) isTrue() bool {
	if e == nil {
		return true
	}
	constant, is := e.program.Node().(*ast.BoolNode)
	return is && constant.Value
}

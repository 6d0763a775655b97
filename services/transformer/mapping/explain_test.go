package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A constant that a rule sets is told with the rule's condition, what it was asked of, and the rules that it came after.
func TestExplainOfConstants(t *testing.T) {
	const rules = `
classes: [{name: american, when: 'order.shipping.country == "US"'}]
routing:
  orders:
    - {name: east, when: 'order.shipping.state == "NY"', location: Boston Warehouse}
    - {name: books, group: books, when: "false", department: Online}
    - {name: west, when: '"american" in classes', location: Oakland Warehouse}
  lines:
    - {name: mugs, when: 'line.sku startsWith "MUG"', location: Boston Warehouse}
    - {name: rest, location: Austin Warehouse}
`
	document := strings.Replace(string(Default), "\nitems:\n", "\nitems:\n  rules: [{name: few, when: line.quantity < 100, item: FEW}]\n", 1)
	m, err := Compile([]byte(document + rules))
	if err != nil {
		t.Fatal(err)
	}
	x := m.Explain(orders(t)["order.created-simple"], Context{})
	for field, want := range map[string]struct {
		when   string
		inputs []Input
		passed string
	}{
		"sales_order.fields.location":   {"routing.orders[2].when", []Input{{"classes", "[american]"}}, "east"},
		"lines[line-1].fields.location": {"", nil, "mugs"},
		"lines[line-1].item":            {"items.rules[0].when", []Input{{"line.quantity", "1"}}, ""},
		"sales_order.order_status":      {"statuses[2].when", []Input{{"order.status", "processing"}}, "no-lines, on-hold"},
	} {
		f := explained(t, x, field)
		if (f.When != nil) != (want.when != "") || strings.Join(f.Passed, ", ") != want.passed {
			t.Errorf("%s: %+v, want %+v", field, f, want)
			continue
		}
		if f.When != nil && (f.When.Path != want.when || cmp.Diff(want.inputs, f.When.Inputs) != "") {
			t.Errorf("%s: %+v, want %+v", field, f.When, want)
		}
	}
}

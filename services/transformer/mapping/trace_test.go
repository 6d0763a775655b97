package mapping

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

const lively = `
classes: [{name: american, when: 'order.shipping.country == "US"'}, {name: dear, when: order.total > 1000}]
validation: [{name: no-phone, when: 'order.billing.phone == ""', severity: warn, message: "no phone, ${order.billing.first_name}"}]
routing:
  orders: [{name: west, when: '"american" in classes && any(order.lines, .quantity >= 1)', location: Oakland Warehouse, fields: {shipComplete: order.total > 5}}, {name: rest, location: Austin Warehouse}]
  lines: [{name: tees, when: 'line.sku startsWith "TEE"', location: Austin Warehouse}]
`

func explained(t *testing.T, x Explanation, field string) Explained {
	t.Helper()
	for _, f := range x.Fields {
		if f.Field == field {
			return f
		}
	}
	t.Fatalf("no field %s in %v", field, x.Fields)
	return Explained{}
}

func TestExplain(t *testing.T) {
	x := extended(t, lively).Explain(orders(t)["order.created-simple"], Context{})
	if x.Error != "" || x.Rule != "accepted" || len(x.Rules) != 3 {
		t.Fatalf("%s, rule %s, %v", x.Error, x.Rule, x.Rules)
	}
	memo := explained(t, x, "sales_order.fields.memo")
	want := Step{Path: "sales_order.fields.memo", Expression: `"WooCommerce order " + order.number`, Inputs: []Input{{"order.number", "36"}}, Value: "WooCommerce order 36"}
	if memo.Value != want.Value || memo.Step == nil || cmp.Diff(want, *memo.Step) != "" {
		t.Errorf("memo: %+v", memo)
	}
	if f := explained(t, x, "sales_order.fields.location"); f.Rule != "routing.orders west" || f.Value != "Oakland Warehouse" || f.Step != nil {
		t.Errorf("location: %+v", f)
	}
	if f := explained(t, x, "sales_order.fields.shipComplete"); f.Rule != "routing.orders west" || f.Value != "true" || f.Step == nil {
		t.Errorf("shipComplete: %+v", f)
	}
	if f := explained(t, x, "lines[line-1].fields.location"); f.Rule != "routing.lines tees" {
		t.Errorf("line: %+v", f)
	}
	if f := explained(t, x, "sales_order.fields.shipMethod"); f.From != "shipping.methods" {
		t.Errorf("shipMethod: %+v", f)
	}
	if f := explained(t, x, "customer.fields.lastName"); f.Step == nil || len(f.Step.Inputs) != 2 {
		t.Errorf("last name: %+v", f)
	}
	at := slices.IndexFunc(x.Steps, func(s Step) bool { return s.Path == "routing.orders[0].when" })
	if diff := cmp.Diff([]string{"classes", "order.lines", "order.lines[].quantity"}, inputNames(x.Steps[at])); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
}

func inputNames(s Step) []string {
	var list []string
	for _, in := range s.Inputs {
		list = append(list, in.Name)
	}
	return list
}

// A traced order is the same order.
func TestTraceChangesNothing(t *testing.T) {
	m := extended(t, lively)
	for name, o := range orders(t) {
		plain, err1 := m.Map(o, Context{})
		traced, err2 := m.MapTraced(o, Context{}, NewTrace())
		if (err1 == nil) != (err2 == nil) || plain.Hash != traced.Hash || cmp.Diff(plain.Rules, traced.Rules) != "" {
			t.Errorf("%s: %v and %v, hashes %s and %s", name, err1, err2, plain.Hash, traced.Hash)
		}
	}
}

func TestCoverage(t *testing.T) {
	m := extended(t, lively)
	trace := NewTrace()
	o := orders(t)["order.created-simple"]
	if _, err := m.MapTraced(o, Context{}, trace); err != nil {
		t.Fatal(err)
	}
	c := m.Coverage(trace)
	for _, want := range []string{"classes dear", "validation no-phone", "routing.orders rest", "statuses on-hold"} {
		if !slices.Contains(c.Unfired, want) {
			t.Errorf("unfired %v lacks %s", c.Unfired, want)
		}
	}
	for _, fired := range []string{"classes american", "routing.lines tees", "statuses accepted"} {
		if slices.Contains(c.Unfired, fired) {
			t.Errorf("%s fired", fired)
		}
	}
	if !slices.Contains(c.Unrun, "validation[0].message") || slices.Contains(c.Unrun, "sales_order.fields.memo") || !slices.Contains(c.Always, "classes[0].when") {
		t.Errorf("unrun %v, always %v", c.Unrun, c.Always)
	}
	before := c.Percent()
	o.Totals.Total, o.Billing.Phone, o.Shipping.Country = o.Totals.Total.Add(money.MustParse("0.01")), "", "DE"
	if _, err := m.MapTraced(o, Context{}, trace); err != nil {
		t.Fatal(err)
	}
	if c = m.Coverage(trace); c.Percent() <= before || slices.Contains(c.Unfired, "routing.orders rest") || slices.Contains(c.Always, "classes[0].when") {
		t.Errorf("%d%% after %d%%, unfired %v", c.Percent(), before, c.Unfired)
	}
}

func TestExamples(t *testing.T) {
	m := extended(t, lively+`
tests:
  - name: simple
    order: simple.json
    set: {shipping.country: US, "lines[0].sku": TEE-77}
    expect:
      policy.rule: accepted
      sales_order.fields.location: Oakland Warehouse
      sales_order.fields.shipComplete: true
      sales_order.fields.department:
      "sales_order.lines[0].item": TEE-77
      sales_order.lines: 1
      expected.total: "28.14"
      rules: american, west, tees
      fault: ""
  - {name: parked, order: simple.json, set: {totals.total: "99.00"}, expect: {fault: money-mismatch, fault.field: total}}
  - {name: wrong, order: simple.json, expect: {sales_order.fields.memo: WooCommerce order 37, fault: sku-unknown}}
  - {name: nowhere, order: simple.json, set: {"lines[7].sku": X}, expect: {fault: ""}}
  - {name: mistyped, order: simple.json, set: {custmer.email: a@b.c}, expect: {fault: ""}}
  - {name: deeper, order: simple.json, set: {"lines[0].skuu": X}, expect: {fault: ""}}
  - {name: emptied, order: simple.json, set: {"lines[0].sku": "", customer_note: "", delivery.gift_message: Hi}, expect: {fault: ""}}
`)
	var got []Result
	for _, e := range m.Examples() {
		got = append(got, m.Try(e, orders(t)["order.created-simple"], NewTrace()))
	}
	want := []Result{
		{Name: "simple", Passed: true},
		{Name: "parked", Passed: true},
		{Name: "wrong", Differences: []Difference{{"fault", "sku-unknown", ""}, {"sales_order.fields.memo", "WooCommerce order 37", "WooCommerce order 36"}}},
		{Name: "nowhere", Error: `set.lines[7].sku: want a number below 1, not "7"`},
		{Name: "mistyped", Error: `set.custmer.email: an order event has no custmer there; did you mean customer?`},
		{Name: "deeper", Error: `set.lines[0].skuu: an order event has no skuu there; did you mean sku?`},
		{Name: "emptied", Passed: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFindings(t *testing.T) {
	if list, err := Findings(Default); err != nil || len(list) != 0 {
		t.Errorf("the shipped mapping: %v, %v", list, err)
	}
	list, err := Findings([]byte(strings.Replace(string(Default), "    memo: '\"WooCommerce order \" + order.number'\n", "    memmo: order.number\n    shipComplete: order.number\n    location: order.number\n    custbody_x: order.paid\n", 1) + `
classes: [{name: a, when: 'order.paid'}, {name: b, when: 'order.paid'}, {name: never, when: 'false'}]
routing:
  orders:
    - {name: one, when: order.paid, location: X}
    - {name: two, when: (order.paid), location: Y}
    - {name: all, location: Z}
    - {name: three, when: order.total > 1, location: X}
    - {name: other, group: g, department: X}
stores: {eu: {customer: {fields: {frstName: order.number}}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		if f.Place == "" {
			t.Errorf("%s has no place", f.Path)
		}
		got = append(got, f.Path+": "+f.Text)
	}
	want := []string{
		"sales_order.fields.location: location of salesOrder takes a ref, the expression gives a text",
		"sales_order.fields.memmo: salesOrder has no field memmo; did you mean memo?",
		"sales_order.fields.shipComplete: shipComplete of salesOrder takes a flag, the expression gives a text",
		"classes[2].when: rule never never fires: its condition is false",
		"routing.orders[1]: rule two never fires: one before it asks the same",
		"routing.orders[3]: rule three never fires: all before it always does",
		"stores.eu: customer.fields.frstName: customer has no field frstName; did you mean firstName?",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Invariant 5, for orders that a seed makes: no cent appears or vanishes. A mapping that loses one is found.
func TestFuzz(t *testing.T) {
	bundled := func(mode Bundles) *Mapping { return variant(t, func(d *Document) { d.Items.Bundles = mode }) }
	for name, m := range map[string]*Mapping{"default": compiled(t), "lively": extended(t, lively), "header": variant(t, func(d *Document) { d.Discounts.As = DiscountHeader }), "lines": variant(t, strategy(event.TaxLines)), "parent": bundled(BundlesParent), "children": bundled(BundlesChildren)} {
		f := m.Fuzz(7, 400)
		if len(f.Failures) > 0 || f.Mapped < 200 {
			t.Errorf("%s: %d mapped, parked %v, failures %v", name, f.Mapped, f.Parked, f.Failures)
		}
	}
	o, m := compiled(t).Generate(7), compiled(t)
	if again := m.Generate(7); cmp.Diff(o, again) != "" {
		t.Error("one seed, two orders")
	}
	o = orders(t)["order.created-simple"]
	d, err := m.Map(o, Context{})
	if err != nil || m.Balance(o, d) != nil {
		t.Fatal(err, m.Balance(o, d))
	}
	d.SalesOrder.Lines[0].Amount = d.SalesOrder.Lines[0].Amount.Add(money.MustParse("0.01"))
	if m.Balance(o, d) == nil {
		t.Error("a cent more is not found")
	}
	if f := edited(t, "memo: '\"WooCommerce order \" + order.number'", "memo: order.lines[5].sku").Fuzz(7, 100); len(f.Failures) == 0 {
		t.Error("an expression that fails for orders of few lines is not found")
	}
}

// What a store has of its own counts by itself; what it shares with the document counts once.
func TestCoverageOfStores(t *testing.T) {
	m := extended(t, `
routing:
  orders:
    - {name: base, when: order.currency == "XYZ", location: A}
    - {name: west, when: order.currency == "USD", location: A}
stores:
  main:
    routing:
      orders:
        - {name: own, when: order.currency != "XYZ", location: B}
        - {name: west, when: order.currency == "EUR", location: C}
`)
	trace := NewCounts()
	if _, err := m.MapTraced(orders(t)["order.created-simple"], Context{}, trace); err != nil {
		t.Fatal(err)
	}
	c := m.Coverage(trace)
	for _, unfired := range []string{"routing.orders base", "routing.orders west", "stores.main: routing.orders west", "statuses on-hold"} {
		if !slices.Contains(c.Unfired, unfired) {
			t.Errorf("unfired %v lacks %s", c.Unfired, unfired)
		}
	}
	for _, unrun := range []string{"routing.orders[0].when", "routing.orders[1].when", "stores.main: routing.orders[1].when"} {
		if !slices.Contains(c.Unrun, unrun) {
			t.Errorf("unrun %v lacks %s", c.Unrun, unrun)
		}
	}
	if slices.Contains(c.Unfired, "stores.main: statuses on-hold") || slices.Contains(c.Unfired, "stores.main: routing.orders own") || slices.Contains(c.Unrun, "sales_order.fields.memo") {
		t.Errorf("unfired %v, unrun %v", c.Unfired, c.Unrun)
	}
	if want := []string{"stores.main: routing.orders[0].when"}; !slices.Contains(c.Always, want[0]) || slices.Contains(c.Always, "routing.orders[0].when") {
		t.Errorf("always %v, want %v in it", c.Always, want)
	}
}

// Every field of a desired state is explained, each deposit and refund by itself.
func TestExplainSaysAll(t *testing.T) {
	m := extended(t, lively)
	o := orders(t)["order.created-coupon"]
	o.GiftCards = []event.GiftCard{{Code: "X", Amount: money.MustParse("5.00")}}
	o.Totals.Total = o.Totals.Total.Sub(money.MustParse("5.00"))
	x := m.Explain(o, Context{})
	if x.Error != "" {
		t.Fatal(x.Error)
	}
	for field, want := range map[string]string{
		"customer.external_id":                "customer.identity email",
		"sales_order.order_status":            "statuses accepted",
		"sales_order.billing":                 "order.billing, addresses",
		"sales_order.shipping":                "order.shipping, addresses",
		"sales_order.tax_mode":                "taxes.strategy",
		"lines[line-14].item":                 "the SKU itself",
		"lines[line-14].quantity":             "the shop's line",
		"lines[line-14].amount":               "the shop's line",
		"lines[line-14-discount].item":        "items.discount",
		"lines[line-14-discount].amount":      "discounts",
		"tax_details[line-14 CA_STATE].code":  "taxes.rates",
		"tax_details[SHIPPING CA_STATE].code": "taxes.rates",
		"deposits[payment].amount":            "payments.gateways",
		"deposits[gift-1].amount":             "payments.gift_cards",
		"expected.total":                      "the shop's total",
	} {
		if f := explained(t, x, field); f.Value == "" || f.Rule+f.From != want {
			t.Errorf("%s: %+v, want %s", field, f, want)
		}
	}
	for _, deposit := range []string{"payment", "gift-1"} {
		if f := explained(t, x, "deposits["+deposit+"].fields.memo"); f.Step == nil {
			t.Errorf("deposit %s: %+v", deposit, f)
		}
	}
	at := slices.IndexFunc(x.Steps, func(s Step) bool { return s.Path == "routing.orders[0].when" })
	if in := x.Steps[at].Inputs; !slices.Contains(in, Input{"order.lines[].quantity", "2, 1"}) {
		t.Errorf("inputs %v, want what the loop looks at", in)
	}
}

// What a form needs is set by fields, or by every way through a group of rules.
func TestFindingsOfWhatAFormNeeds(t *testing.T) {
	without := func(texts ...string) string {
		document := string(Default)
		for _, text := range texts {
			if !strings.Contains(document, text) {
				t.Fatalf("the shipped mapping has no %q", text)
			}
			document = strings.Replace(document, text, "", 1)
		}
		return document
	}
	const date, subsidiary, own = "    tranDate: order.date\n", `    subsidiary: ref("subsidiary", "name", "Parent US")` + "\n", `    subsidiary: ref("subsidiary", "name", "Parent US")` + "\n"
	for document, want := range map[string][]string{
		string(Default): nil,
		without(date):   {"sales_order.fields: tranDate of salesOrder is never set: without it NetSuite takes the day on which the order arrives"},
		strings.Replace(string(Default), date, "    tranDate: '\"\"'\n", 1): {"sales_order.fields: tranDate of salesOrder is never set: without it NetSuite takes the day on which the order arrives"},
		without(subsidiary, own): {"customer.fields: subsidiary of customer is never set: an account with OneWorld makes no customer without it"},
		without(subsidiary, own) + "\nrouting: {orders: [{name: a, when: order.paid, subsidiary: A}]}\n":                           {"customer.fields: subsidiary of customer is set by some rules of a group only: an account with OneWorld makes no customer without it"},
		without(subsidiary, own) + "\nrouting: {orders: [{name: a, when: order.paid, subsidiary: A}, {name: b, subsidiary: B}]}\n": nil,
		without(subsidiary, own) + "\nrouting: {orders: [{name: a, when: order.paid, location: A}, {name: b, subsidiary: B}]}\n":   {"customer.fields: subsidiary of customer is set by some rules of a group only: an account with OneWorld makes no customer without it"},
		string(Default) + "\nstores: {eu: {sales_order: {fields: {tranDate: '\"\"'}}}}\n":                                          {"stores.eu: sales_order.fields: tranDate of salesOrder is never set: without it NetSuite takes the day on which the order arrives"},
	} {
		list, err := Findings([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range list {
			got = append(got, f.Path+": "+f.Text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	list, err := Findings(Default, "salesOrder.location", "salesOrder.memo", "customer.category")
	if err != nil || len(list) != 2 || list[0].Text != "location of salesOrder is never set: the account's form needs it" || list[1].Text != "category of customer is never set: the account's form needs it" {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := Findings(Default, "location"); err == nil {
		t.Error("a field without its record is taken")
	}
}

// A rule behind one that holds whenever it does never fires.
func TestFindingsOfRulesBehindOthers(t *testing.T) {
	for rules, unreachable := range map[[2]string]bool{
		{`order.total > 50`, `order.total > 100`}:                                                     true,
		{`order.total > 50`, `order.total >= 50.01`}:                                                  true,
		{`order.total >= 50`, `order.total == 50`}:                                                    true,
		{`order.total <= 10`, `order.total < 10`}:                                                     true,
		{`order.total > 100`, `order.total > 50`}:                                                     false,
		{`order.total > 50`, `order.tax > 100`}:                                                       false,
		{`order.total > 50`, `order.total < 100`}:                                                     false,
		{`order.paid`, `order.paid && order.total > 5`}:                                               true,
		{`order.paid && order.total > 5`, `order.paid`}:                                               false,
		{`order.paid || order.total > 5`, `order.total > 9 && order.currency == "USD"`}:               true,
		{`order.shipping.country in ["DE", "FR"]`, `order.shipping.country == "DE"`}:                  true,
		{`order.shipping.country in ["DE", "FR"]`, `order.shipping.country in ["FR", "DE"]`}:          true,
		{`order.shipping.country == "DE"`, `order.shipping.country in ["DE", "FR"]`}:                  false,
		{`order.shipping.country in ["DE", "FR"]`, `order.billing.country == "DE"`}:                   false,
		{`order.number startsWith "1"`, `order.number startsWith "12"`}:                               true,
		{`order.number startsWith "12"`, `order.number startsWith "1"`}:                               false,
		{`order.total > 5 && order.paid`, `order.paid && order.currency == "USD" && order.total > 7`}: true,
		{`order.total > 5 && order.paid`, `order.currency == "USD" && order.total > 7`}:               false,
	} {
		list, err := Findings([]byte(fmt.Sprintf("%s\nrouting:\n  orders:\n    - {name: one, when: '%s', location: X}\n    - {name: two, when: '%s', location: Y}\n", Default, rules[0], rules[1])))
		if err != nil {
			t.Fatal(err)
		}
		if found := len(list) == 1 && strings.Contains(list[0].Text, "rule two never fires: one before it"); found != unreachable || len(list) > 1 {
			t.Errorf("%s before %s: %v, want unreachable %v", rules[0], rules[1], list, unreachable)
		}
	}
}

package mapping

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// told is what NetSuite told of an item, by the location's internal id.
func told(item string, left map[string]int64) event.StockInput {
	in := event.StockInput{Item: item, Sequence: 7}
	for _, id := range sorted(left) {
		in.Locations = append(in.Locations, event.LocationInput{Location: id, Available: money.Int(left[id])})
	}
	return in
}

const byStock = `
lookups: {locations: {Oakland Warehouse: "3", Austin Warehouse: "4"}}
classes:
  - {name: backorder, when: 'any(order.lines, .stock.known && .stock.available < .quantity)'}
  - {name: gift, when: 'lookups.stock["GIFT-BOX"].available > 0'}
  - {name: trade, when: 'customer.role == "wholesale" && customer.meta["tier"] == "gold"'}
  - {name: newcomer, when: 'customer.guest || customer.known && !customer.paying'}
validation:
  - {name: nothing-left, when: 'any(order.lines, .stock.known && .stock.available <= -10)', severity: park, field: 'order.lines[0].stock.available', message: "${order.lines[0].stock.available} left"}
routing:
  orders:
    - {name: oakland, when: 'all(order.lines, .stock.at["Oakland Warehouse"] >= .quantity)', location: Oakland Warehouse}
    - {name: austin, when: 'all(order.lines, .stock.at["Austin Warehouse"] >= .quantity)', location: Austin Warehouse}
    - {name: none, location: Berlin Warehouse}
  lines:
    - {name: left, when: 'line.stock.known', fields: {custcol_left: 'line.stock.available'}}
`

// What NetSuite told of stock and the shop of the account decides classes, routing, validation and fields.
func TestLookups(t *testing.T) {
	m := extended(t, byStock)
	registered := orders(t)["order.created-simple"] // 1 TEE-001
	registered.Customer.Account = "42"
	guest := registered
	guest.Customer.Account = ""
	account := &event.CustomerInput{Account: "42", Sequence: 3, Role: "wholesale", Paying: true, Meta: map[string]string{"tier": "gold"}}
	for name, c := range map[string]struct {
		order    event.OrderStateV1
		in       *event.Inputs
		rules    string
		location string
		left     string
		code     fault.Code
	}{
		"nothing is known":   {guest, nil, "newcomer, none", "Berlin Warehouse", "", ""},
		"known as unknown":   {registered, &event.Inputs{Stock: []event.StockInput{{Item: "TEE-001"}}, Customer: &event.CustomerInput{Account: "42"}}, "none", "Berlin Warehouse", "", ""},
		"in Oakland":         {guest, &event.Inputs{Stock: []event.StockInput{told("TEE-001", map[string]int64{"3": 5, "4": 9})}}, "newcomer, oakland, left", "Oakland Warehouse", "14", ""},
		"in Austin":          {guest, &event.Inputs{Stock: []event.StockInput{told("TEE-001", map[string]int64{"3": 0, "4": 1})}}, "newcomer, austin, left", "Austin Warehouse", "1", ""},
		"elsewhere":          {guest, &event.Inputs{Stock: []event.StockInput{told("TEE-001", map[string]int64{"9": 1})}}, "newcomer, none, left", "Berlin Warehouse", "1", ""},
		"inactive":           {guest, &event.Inputs{Stock: []event.StockInput{told("TEE-001", nil)}}, "backorder, newcomer, none, left", "Berlin Warehouse", "0", ""},
		"sold out":           {guest, &event.Inputs{Stock: []event.StockInput{told("TEE-001", map[string]int64{"3": -2})}}, "backorder, newcomer, none, left", "Berlin Warehouse", "-2", ""},
		"far below":          {guest, &event.Inputs{Stock: []event.StockInput{told("TEE-001", map[string]int64{"3": -10})}}, "", "", "", fault.ValidationFailed},
		"another item":       {guest, &event.Inputs{Stock: []event.StockInput{told("GIFT-BOX", map[string]int64{"3": 1})}}, "gift, newcomer, none", "Berlin Warehouse", "", ""},
		"an account":         {registered, &event.Inputs{Customer: account}, "trade, none", "Berlin Warehouse", "", ""},
		"another's account":  {guest, &event.Inputs{Customer: account}, "newcomer, none", "Berlin Warehouse", "", ""},
		"his first purchase": {registered, &event.Inputs{Customer: &event.CustomerInput{Account: "42", Sequence: 3}}, "newcomer, none", "Berlin Warehouse", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := m.Map(c.order, Context{Inputs: c.in})
			if fault.CodeOf(err) != c.code && err != nil || c.code != "" {
				if err == nil || fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), "-10 left") {
					t.Errorf("%v, want %s", err, c.code)
				}
				return
			}
			var rules []string
			for _, r := range d.Rules {
				rules = append(rules, r.Name)
			}
			if got := strings.Join(rules, ", "); got != c.rules {
				t.Errorf("rules %s, want %s", got, c.rules)
			}
			if got := d.SalesOrder.Fields["location"].Ref.Key; got != c.location {
				t.Errorf("location %s, want %s", got, c.location)
			}
			if got := textOf(d.SalesOrder.Lines[0].Fields["custcol_left"]); got != c.left {
				t.Errorf("left %q, want %q", got, c.left)
			}
			if diff := cmp.Diff(c.in, d.Inputs); diff != "" {
				t.Errorf("the inputs are not recorded (-want +got):\n%s", diff)
			}
			again(t, m, c.order, d)
		})
	}
}

// again maps with what was recorded. Invariant 6: bit for bit, after the message went through its text.
func again(t *testing.T, m *Mapping, o event.OrderStateV1, d event.DesiredOrderV1) {
	t.Helper()
	stored, err := codec.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	held, err := codec.Decode[event.DesiredOrderV1](stored)
	if err != nil {
		t.Fatal(err)
	}
	made, err := m.Map(o, Context{Inputs: held.Inputs})
	if err != nil {
		t.Fatal(err)
	}
	if bytes, err := codec.Encode(made); err != nil || string(bytes) != string(stored) {
		t.Errorf("%v: with the recorded inputs the bytes are\n%s, they were\n%s", err, bytes, stored)
	}
}

// Exactly what the expressions ask for is asked of the streams.
func TestAsks(t *testing.T) {
	o := orders(t)["order.created-simple"]
	o.Customer.Account = "42"
	double := o.Lines[0]
	double.SKU = "GL-TABLE"
	bare := o.Lines[0]
	bare.SKU = ""
	o.Lines = []event.Line{o.Lines[0], double, o.Lines[0], bare}
	items := `skus: {TEE-001: TEE-RED}
  rules:
    - {name: maybe, prefix: GL-, when: 'line.quantity > 100', item: NEVER}
    - {name: drop, matches: "^GL-(.+)$", item: $1}
`
	for sections, want := range map[string]Asked{
		"classes: [{name: a, when: order.paid}]":                                                   {},
		"classes: [{name: a, when: 'customer.email == order.customer.email && customer.guest'}]":   {},
		"classes: [{name: a, when: 'any(order.lines, .stock.known)'}]":                             {Items: []string{"TABLE", "TEE-RED"}},
		"routing: {lines: [{name: a, when: 'line.stock.available > 1', location: X}]}":             {Items: []string{"TABLE", "TEE-RED"}},
		"classes: [{name: a, when: 'let l = order.lines[0]; l.stock.known'}]":                      {Items: []string{"TABLE", "TEE-RED"}},
		"classes: [{name: a, when: 'find(order.lines, .sku != \"\").stock.known'}]":                {Items: []string{"TABLE", "TEE-RED"}},
		"classes: [{name: a, when: 'lookups.stock[\"BOX\"].known || lookups.stock.TEE.known'}]":    {Items: []string{"BOX", "TEE"}},
		"classes: [{name: a, when: 'lookups?.stock[\"BOX\"]?.known'}]":                             {Items: []string{"BOX"}},
		"validation: [{name: a, when: 'order.paid', severity: warn, message: '${customer.role}'}]": {Account: "42"},
		"classes: [{name: a, when: 'order.customer.known'}]":                                       {Account: "42"},
		"classes: [{name: a, when: 'customer.meta[\"tier\"] == customer.meta.b'}]":                 {Account: "42", Meta: []string{"b", "tier"}},
		"stores: {main: {classes: [{name: a, when: 'customer.paying'}]}}":                          {Account: "42"},
		"stores: {other: {classes: [{name: a, when: 'customer.paying'}]}}":                         {},
		"sales_order: {fields: {memo: 'string(lookups.stock[\"BOX\"].available)'}}":                {Items: []string{"BOX"}},
		"items: {rules: [{name: z, when: 'line.stock.known', item: Z}]}":                           {Items: []string{"TABLE", "TEE-RED"}},
	} {
		t.Run(sections, func(t *testing.T) {
			files := map[string]string{
				"shop.yaml":    "mapping: shop\nversion: 1\ninclude: [default.yaml]\n" + sections + "\n",
				"default.yaml": strings.Replace(string(Default), "skus: {}\n", items, 1),
			}
			text, err := Load("shop.yaml", func(name string) ([]byte, error) { return []byte(files[name]), nil })
			if err != nil {
				t.Fatal(err)
			}
			m, err := Compile(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, m.Asks(o)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	o.Customer.Account = ""
	if asked := extended(t, byStock).Asks(o); asked.Account != "" || asked.Meta != nil {
		t.Errorf("a guest's account is asked for: %+v", asked)
	}
}

// What would ask for more than can be named, or for something else than is meant, is a mistake with its place.
func TestLookupMistakes(t *testing.T) {
	for condition, want := range map[string]string{
		`lookups.stock[line.sku].known`:              `lookups.stock: want the item written out, as in lookups.stock["SKU"]; a line's own is its stock`,
		`$env["look" + "ups"].stock["BOX"].known`:    "want the name",
		`let l = lookups; l.stock["BOX"].known`:      "want the item written out",
		`[lookups][0].stock["BOX"].known`:            "want the item written out",
		`len(lookups.stock) > 0`:                     "want the item written out",
		`"BOX" in lookups.stock`:                     "want the item written out",
		`let s = lookups.stock; s["BOX"].known`:      "want the item written out",
		`customer.meta[order.number] == "x"`:         `want the key written out, as in customer.meta["key"]`,
		`pairs(customer.meta, "x") == ""`:            "want the key written out",
		`line.stock.at["Okland Warehouse"] > 0`:      "no location Okland Warehouse under lookups.locations; did you mean Oakland Warehouse?",
		`lookups.stock["BOX"].at.Dallas > 0`:         "no location Dallas under lookups.locations",
		`lookups.stok["BOX"].known`:                  "lookups has no field stok; did you mean stock?",
		`line.stock.availabl > 1`:                    "stock has no field availabl; did you mean available?",
		`customer.rol == ""`:                         "customer has no field rol; did you mean role?",
		`line.stock.available > order.customer_note`: "does not go with",
	} {
		_, err := Compile([]byte(string(Default) + "\nlookups: {locations: {Oakland Warehouse: \"3\"}}\nclasses: [{name: a, when: '" + condition + "'}]\n"))
		if fault.CodeOf(err) != fault.MappingInvalid || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "classes[0].when (line 2") {
			t.Errorf("%s: %v, want %s", condition, err, want)
		}
	}
	for sections, want := range map[string]string{
		`lookups: {locations: {A: "3", B: "3"}}`: "lookups.locations.B (line 2",
		`lookups: {locations: {A: ""}}`:          "want an internal id of its own",
		`lookups: {places: {A: "3"}}`:            "lookups.places",
	} {
		if _, err := Compile([]byte(string(Default) + "\n" + sections + "\n")); fault.CodeOf(err) != fault.MappingInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", sections, err, want)
		}
	}
	if _, err := where(`customer.role == "wholesale"`); fault.CodeOf(err) != fault.MappingInvalid || !strings.Contains(err.Error(), "look-ups") {
		t.Errorf("a selection by what is recorded elsewhere: %v", err)
	}
}

// An example gives its own look-ups.
func TestExamplesOfLookups(t *testing.T) {
	m := extended(t, byStock+`
tests:
  - name: in Austin
    order: simple.json
    set: {customer.account: "42"}
    lookups: {stock: {TEE-001: {Austin Warehouse: 1.5, "9": 3}, GIFT-BOX: {}}, customer: {role: wholesale, paying: true, meta: {tier: gold}}}
    expect: {rules: "trade, austin, left", sales_order.fields.location: Austin Warehouse, "sales_order.lines[0].fields.custcol_left": "4.5", inputs.customer.role: wholesale}
  - {name: unknown, order: simple.json, set: {customer.account: "42"}, expect: {rules: none, inputs.stock: }}
  - {name: no number, order: simple.json, lookups: {stock: {TEE-001: {Austin Warehouse: many}}}, expect: {rules: none}}
  - {name: a guest has none, order: simple.json, set: {customer.account: ""}, lookups: {customer: {role: wholesale}}, expect: {rules: none}}
`)
	var got []string
	for _, e := range m.Examples() {
		r := m.Try(e, orders(t)["order.created-simple"], NewTrace())
		got = append(got, fmt.Sprintf("%s: %v%v%s", r.Name, r.Passed, r.Differences, r.Error))
	}
	want := []string{
		"in Austin: true[]", "unknown: true[]",
		"no number: false[]lookups.stock.TEE-001.Austin Warehouse: number \"many\": want decimal digits with an optional sign and point", "a guest has none: false[]lookups.customer: the order has no account",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An explanation shows which look-ups a rule went by.
func TestLookupsAreExplained(t *testing.T) {
	x := extended(t, byStock).Explain(orders(t)["order.created-simple"], Context{Inputs: &event.Inputs{Stock: []event.StockInput{told("GIFT-BOX", map[string]int64{"3": 2}), told("TEE-001", map[string]int64{"3": 5})}}})
	seen := map[string]string{}
	for _, s := range x.Steps {
		for _, in := range s.Inputs {
			seen[in.Name] = in.Value
		}
	}
	if seen[`lookups.stock["GIFT-BOX"].available`] != "2" || seen["line.stock.available"] != "5" {
		t.Errorf("inputs %v, error %s", seen, x.Error)
	}
}

// The pieces of a folded bundle have their stock like any line.
func TestAFoldedLineHasItsStock(t *testing.T) {
	bundle := orderOf(t, goods("1", "BOX", 1, "30.00", metaBundleKey, "abc"), goods("2", "CUP", 2, "0.00", metaBundledBy, "abc"))
	m := edited(t, "bundles: all\n  fields:\n", "bundles: parent\n  fields:\n    custcol_left: line.stock.available\n")
	asked := m.Asks(bundle)
	in := &event.Inputs{}
	for _, item := range asked.Items {
		in.Stock = append(in.Stock, told(item, map[string]int64{"3": 8}))
	}
	d, err := m.Map(bundle, Context{Inputs: in})
	if err != nil {
		t.Fatal(err)
	}
	if got := textOf(d.SalesOrder.Lines[0].Fields["custcol_left"]); got != "8" {
		t.Errorf("left %q, want 8", got)
	}
}

// A selection by classes is refused where they ask for look-ups; without classes the same mapping selects.
func TestWhereWithoutLookups(t *testing.T) {
	m := extended(t, byStock)
	if _, err := m.Where(`"backorder" in classes`); fault.CodeOf(err) != fault.MappingInvalid || !strings.Contains(err.Error(), "without classes: look-ups are not known here") {
		t.Errorf("%v, want it refused", err)
	}
	if where, err := m.Where(`order.paid`); err != nil {
		t.Error(err)
	} else if fits, err := where(orders(t)["order.created-simple"]); err != nil || !fits {
		t.Errorf("%v, %v: want the paid order", fits, err)
	}
}

package mapping

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// extended is the default mapping with sections added at its end.
func extended(t testing.TB, sections string) *Mapping {
	t.Helper()
	m, err := Compile([]byte(string(Default) + sections))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// where compiles a condition of no mapping.
func where(condition string) (func(o event.OrderStateV1) (bool, error), error) {
	return (&Mapping{}).Where(condition)
}

const classes = `
classes:
  - {name: big, group: size, when: order.total >= 28.14}
  - {name: small, group: size, when: "true"}
  - {name: american, when: 'order.shipping.country == "US"'}
  - {name: dear, when: 'sum(order.lines, .total) + order.shipping_total > 100'}
  - {name: fresh, when: 'now.Year() == 2026'}
`

func TestClasses(t *testing.T) {
	m := extended(t, classes+`
validation:
  - {name: never-both, when: '"big" in classes && "small" in classes', severity: park, message: first match wins}
`)
	o := orders(t)["order.created-simple"] // 28.14 to the United States
	for _, c := range []struct {
		total string
		want  []string
	}{{"28.14", []string{"big", "american", "fresh"}}, {"28.13", []string{"small", "american", "fresh"}}} {
		o.Totals.Total = money.MustParse(c.total)
		d, err := m.Map(o, Context{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range d.Rules {
			got = append(got, r.Name)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("total %s (-want +got):\n%s", c.total, diff)
		}
	}
}

// Invariant 6: what an expression makes of a time does not depend on the machine's zone.
func TestNoZoneOfTheMachine(t *testing.T) {
	local := time.Local
	defer func() { time.Local = local }()
	o := orders(t)["order.created-simple"]
	o.Time = time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	hashes := map[string]bool{}
	for _, zone := range []string{"UTC", "Asia/Tokyo", "Europe/Berlin"} {
		var err error
		if time.Local, err = time.LoadLocation(zone); err != nil {
			t.Fatal(err)
		}
		m := extended(t, `
routing:
  orders: [{name: a, location: X, fields: {custbody_a: 'string(now) + now.Format("2006-01-02T15:04 MST") + string(date("2026-03-29T02:30:00+02:00")) + string(date("2026-03-29 02:30", "2006-01-02 15:04"))'}}]
`)
		d, err := m.Map(o, Context{})
		if err != nil {
			t.Fatal(err)
		}
		hashes[d.Hash+*d.SalesOrder.Fields["custbody_a"].Text] = true
	}
	if len(hashes) != 1 {
		t.Errorf("%d desired states of one order: %v", len(hashes), hashes)
	}
}

// Invariant 6: the time an expression sees is the event's.
func TestNowIsTheEvents(t *testing.T) {
	m := extended(t, classes)
	o := orders(t)["order.created-simple"]
	o.Time = time.Date(2025, 12, 31, 23, 59, 59, 0, time.UTC)
	d, err := m.Map(o, Context{})
	if err != nil || d.Rules[len(d.Rules)-1].Name == "fresh" {
		t.Errorf("%v, %v: an event of 2025 is not of 2026", d.Rules, err)
	}
	if _, err := where("now().Year() > 0"); fault.CodeOf(err) != fault.MappingInvalid {
		t.Errorf("%v: an expression can ask the clock", err)
	}
	for _, unordered := range []string{"len(values(order.meta)) > 0", "len(toPairs(order.meta)) > 0"} {
		if _, err := where(unordered); fault.CodeOf(err) != fault.MappingInvalid {
			t.Errorf("%s: %v, a map has no order", unordered, err)
		}
	}
}

func TestRouting(t *testing.T) {
	m := extended(t, `
routing:
  orders:
    - name: german
      when: order.shipping.country == "DE"
      location: Berlin Warehouse
      subsidiary: EU
    - name: californian
      when: order.shipping.state == "CA" && order.shipping_method startsWith "flat_rate"
      location: Oakland Warehouse
      subsidiary: Parent US
      department: Web
      class: Retail
      form: "68"
      fields: {custbody_lane: '"west " + order.shipping.postcode'}
    - {name: rest, location: Austin Warehouse}
    - {name: express, group: carrier, when: "order.total > 20", ship_method: UPS}
  lines:
    - {name: tees, when: 'line.sku matches "^TEE-"', location: Austin Warehouse, class: Tees}
`)
	d, err := m.Map(orders(t)["order.created-coupon"], Context{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"location": "location name Oakland Warehouse", "subsidiary": "subsidiary name Parent US", "department": "department name Web",
		"class": "classification name Retail", "customForm": "customForm id 68", "shipMethod": "shipItem name UPS",
	}
	for field, ref := range want {
		v := d.SalesOrder.Fields[field].Ref
		if v == nil || v.Record+" "+v.By+" "+v.Key != ref {
			t.Errorf("%s: %v, want %s", field, v, ref)
		}
	}
	if lane := d.SalesOrder.Fields["custbody_lane"].Text; lane == nil || !strings.HasPrefix(*lane, "west 9") {
		t.Errorf("custbody_lane: %v", lane)
	}
	for _, line := range d.SalesOrder.Lines { // a tee, a press, and the discount of each
		ref := line.Fields["class"].Ref
		if tee := strings.HasPrefix(line.Key, "line-14"); tee != (ref != nil && ref.Key == "Tees") {
			t.Errorf("%s: class %v", line.Key, ref)
		}
	}
	if len(d.SalesOrder.Lines) != 4 {
		t.Errorf("%d lines, want two with their discounts", len(d.SalesOrder.Lines))
	}
	rules := []event.FiredRule{{Section: "routing.orders", Name: "californian"}, {Section: "routing.orders", Name: "express"}, {Section: "routing.lines", Name: "tees", Lines: []string{d.SalesOrder.Lines[0].Key}}}
	if diff := cmp.Diff(rules, d.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

// A routed subsidiary is the new customer's too, and who is routed nowhere keeps the mapping's.
func TestRoutedSubsidiary(t *testing.T) {
	m := extended(t, `
routing:
  orders: [{name: german, when: 'order.shipping.country == "DE"', subsidiary: EU}]
`)
	o := orders(t)["order.created-simple"]
	for country, want := range map[string]string{"DE": "EU", "US": "Parent US"} {
		o.Shipping.Country = country
		d, err := m.Map(o, Context{})
		if err != nil {
			t.Fatal(err)
		}
		for name, fields := range map[string]map[string]event.Value{"customer": d.Customer.Fields, "sales order": d.SalesOrder.Fields} {
			if got := fields["subsidiary"].Ref.Key; got != want {
				t.Errorf("%s: %s of the %s, want %s", country, got, name, want)
			}
		}
	}
}

func TestValidation(t *testing.T) {
	const rules = `
validation:
  - {name: no-phone, when: 'order.billing.phone == ""', severity: warn, message: "call ${order.billing.first_name} at ${ {'x': 'no}number'}.x }"}
  - {name: test-order, when: 'order.customer.email endsWith "@test.invalid"', severity: reject, message: an order of a test}
  - name: postcode
    when: order.shipping.country == "US" && !(order.shipping.postcode matches "^\\d{5}$")
    severity: park
    field: order.shipping.postcode
    message: 'want five digits, not "${order.shipping.postcode}"'
`
	m := extended(t, rules)
	o := orders(t)["order.created-simple"]
	o.Billing.Phone, o.Billing.FirstName = "", "Ada"
	d, err := m.Map(o, Context{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"no-phone: call Ada at no}number"}, d.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	o.Shipping.Postcode = "9410"
	_, err = m.Map(o, Context{})
	want := `validation-failed: order.shipping.postcode = "9410": rule postcode: want five digits, not "9410"`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	o.Customer.Email = "a@test.invalid"
	d, err = m.Map(o, Context{})
	if err != nil {
		t.Fatal(err)
	}
	policy := event.Policy{Rule: "test-order", Absent: event.ActionIgnore, Open: event.ActionKeep, Fulfilled: event.ActionKeep, Explanation: "an order of a test"}
	if diff := cmp.Diff(policy, d.Policy); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	o.Status = "trash" // ignored by its status: nothing to validate
	if d, err = m.Map(o, Context{}); err != nil || d.Policy.Rule != "deleted" || len(d.Rules) != 0 {
		t.Errorf("rule %s, %v, %v; want deleted alone", d.Policy.Rule, d.Rules, err)
	}
}

func TestBadRulesSayWhere(t *testing.T) {
	for sections, want := range map[string]string{
		"classes: [{when: 'true'}]":                                                                                "classes[0].name",
		"classes: [{name: a, when: 'true'}, {name: a, when: 'true'}]":                                              "classes[1].name",
		"classes: [{name: a}]":                                                                                     "classes[0].when",
		"validation: [{name: a, when: 'true', severity: shout, message: x}]":                                       "validation[0].severity",
		"validation: [{name: a, when: 'true', severity: warn}]":                                                    "validation[0].message",
		"validation: [{name: a, when: 'true', severity: warn, message: '${order.nope}'}]":                          "validation[0].message",
		"validation: [{name: a, when: 'true', severity: warn, message: '${order.id'}]":                             "validation[0].message",
		"routing: {orders: [{name: a}]}":                                                                           "routing.orders[0]",
		"routing: {lines: [{name: a, form: '1'}]}":                                                                 "routing.lines[0]",
		"routing: {orders: [{name: a, location: X}, {name: b, group: g, location: Y}]}":                            "routing.orders[1]",
		"routing: {orders: [{name: a, when: order.total > order.nope, location: X}]}":                              "routing.orders[0].when",
		"routing: {orders: [{name: a, when: order.total > order.tax && first(order.nope) == '', location: X}]}":    "routing.orders[0].when",
		"routing: {orders: [{name: a, location: X, fields: {memo: 'line.quantity > \"x\" ? 1 : [order.total]'}}]}": "routing.orders[0].fields.memo",
	} {
		_, err := Compile([]byte(string(Default) + "\n" + sections + "\n"))
		if fault.CodeOf(err) != fault.MappingInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s naming %s", sections, err, fault.MappingInvalid, want)
		}
	}
}

// What cannot be computed is a mistake of the document, not of an order.
func TestOperatorsWantNumbers(t *testing.T) {
	for source, want := range map[string]string{
		`order.total == "abc"`:               `amount does not go with text here: == wants amounts or numbers; number(…) reads a text`,
		`order.total > order.customer_note`:  `amount does not go with text here: > wants amounts or numbers; number(…) reads a text`,
		`order.total * order.tax > 0`:        `* wants a number on one side, not two amounts`,
		`2 / order.tax > 0`:                  `/ wants a number after a number, not an amount`,
		`order.total + order.paid > 0`:       `amount does not go with true or false here: + wants amounts or numbers`,
		`-order.number == ""`:                `invalid operation`,
		`max(order.total, order.number) > 0`: `amount does not go with text here: max wants amounts or numbers`,
		`round(order.number) > 0`:            `round wants an amount or a number, not text`,
		`order.total in ["x"]`:               `amount does not go with text here`,
		`sort(order.lines)[0] == nil`:        `sort wants a list of texts, numbers or amounts`,
		`order.total / 0 > 1`:                `want a divisor other than 0`,
	} {
		fits, err := where(source)
		if err == nil && strings.Contains(source, "/ 0") {
			_, err = fits(orders(t)["order.created-simple"])
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", source, err, want)
		}
	}
}

// Operators on amounts are exact: 0.1 + 0.2 is 0.3.
func TestOperatorsAreExact(t *testing.T) {
	o := orders(t)["order.created-simple"]
	o.Totals.Total, o.Totals.Tax = money.MustParse("0.30"), money.MustParse("0.10")
	for condition, want := range map[string]bool{
		"order.tax + 0.2 == order.total":                 true,
		"order.total - order.tax == 0.2":                 true,
		"order.tax * 3 == order.total":                   true,
		"order.tax * 3.1 > order.total":                  true,
		`order.total == "0.300"`:                         true,
		"0.3 != order.total":                             false,
		"order.lines[0].quantity <= 1":                   true,
		"order.lines[0].quantity > 1.5":                  false,
		"sum(order.lines, .total) == 19.99":              true,
		"sum(map(order.lines, .quantity)) == 1":          true,
		"order.total > 9007199254740993":                 false,
		`order.number + "x" == "" || order.total < 0.31`: true,
		"-order.tax == -0.1 && -order.tax < 0":           true,
		"3 * order.tax == order.total":                   true,
		"1 - order.total == 0.7":                         true,
		"1 + order.total == 1.3":                         true,
		"order.total / 3 == order.tax":                   true,
		"1 / 3 == 0.33333333":                            true,
		"order.tax / order.total == 0.33333333":          true,
		"-(order.tax / 0.3) == -0.33333333":              true,
		"order.lines[0].quantity * order.lines[0].subtotal == order.lines[0].subtotal":                     true,
		"order.lines[0].quantity * 2 + order.lines[0].quantity == 3":                                       true,
		"max(order.total, order.tax, 0.2) == order.total && min(order.total, order.tax) == 0.1":            true,
		"max(map(order.lines, .total)) == 19.99":                                                           true,
		"abs(-order.total) == order.total && abs(-2) == 2":                                                 true,
		"round(order.total * 1.15, 2) == 0.35 && round(-2.5) == -3 && floor(-0.5) == -1 && ceil(0.1) == 1": true,
		"order.total in [0.1, 0.3] && !(order.total in [0.31])":                                            true,
		"order.lines[0].quantity in 1..3":                                                                  true,
		`string(0.1 + 0.2) == "0.3" && string(1.50) == "1.5" && string(order.tax / 4) == "0.025"`:          true,
		"0.1 + 0.2 == 0.3":                    true,
		`(order.paid ? order.total : 0) >= 0`: true,
		`[order.total, 5][0] == 0.3 && [order.total, 5][1] > order.total`: true,
		"sum(order.lines, .total - .tax) < 100":                           true,
		`order.total > number("0.29")`:                                    true,
	} {
		fits, err := where(condition)
		if err != nil {
			t.Error(err)
			continue
		}
		if got, err := fits(o); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", condition, got, err, want)
		}
	}
}

// A condition over history sees the classes of the mapping, and says so where it would ask in vain.
func TestWhere(t *testing.T) {
	m := extended(t, classes+"stores: {outlet: {classes: [{name: own, when: 'true'}]}}\n")
	o := orders(t)["order.created-simple"]
	for source, want := range map[string]bool{`"american" in classes`: true, `"dear" in classes`: false, `"own" in classes`: false, `order.currency == "USD" && store.key == "main"`: true} {
		fits, err := m.Where(source)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fits(o); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", source, got, err, want)
		}
	}
	for source, want := range map[string]string{
		`"amercan" in classes`: `no class "amercan"; did you mean american?`,
		`line.sku == "X"`:      "there is no line at hand",
		`refund.id == "1"`:     "there is no refund at hand",
		`ordr.id == ""`:        "did you mean order?",
	} {
		if _, err := m.Where(source); fault.CodeOf(err) != fault.MappingInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", source, err, want)
		}
	}
	if _, err := where(`"american" in classes`); fault.CodeOf(err) != fault.MappingInvalid || !strings.Contains(err.Error(), "no class") {
		t.Errorf("%v: classes of no mapping", err)
	}
}

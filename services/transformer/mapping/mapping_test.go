package mapping

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/schemas"
	"github.com/orderstream/orderstream/services/transformer/parse"
)

// orders gives the state of each capture, by its name. The states share slices: a test that changes one
// clones it.
func orders(t testing.TB) map[string]event.OrderStateV1 {
	t.Helper()
	states, err := readCaptures()
	if err != nil {
		t.Fatal(err)
	}
	return states
}

var readCaptures = sync.OnceValues(func() (map[string]event.OrderStateV1, error) {
	captures, err := capture.All()
	if err != nil {
		return nil, err
	}
	states := map[string]event.OrderStateV1{}
	for i, c := range captures {
		r, err := parse.Read(parse.Delivery{Sequence: uint64(i + 1), Body: c.Body, Facts: event.WebhookReceivedV1{
			Store: c.Store, Resource: c.Get("X-WC-Webhook-Resource"), Event: c.Get("X-WC-Webhook-Event"), ReceivedAt: c.Received, Origin: event.OriginWebhook,
		}})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		if r.Order != nil {
			states[c.Name] = *r.Order
		}
	}
	return states, nil
})

func compiled(t testing.TB) *Mapping {
	t.Helper()
	m, err := Compile(Default)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mapped(t *testing.T, o event.OrderStateV1) event.DesiredOrderV1 {
	t.Helper()
	d, err := compiled(t).Map(o, Context{Account: "ns", Sequence: 7, Published: 1})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Invariant 5: what NetSuite will add up is the shop's total, for every real order; one needs a rounding line.
func TestEveryCaptureAddsUp(t *testing.T) {
	for name, o := range orders(t) {
		d := mapped(t, o)
		if len(d.SalesOrder.Lines) == 0 {
			continue // ignored by rule
		}
		sum := d.SalesOrder.Fields["shippingCost"].Number.Decimal()
		for _, line := range d.SalesOrder.Lines {
			sum = sum.Add(line.Amount.Decimal())
		}
		for _, tax := range d.SalesOrder.TaxDetails {
			sum = sum.Add(tax.Amount.Decimal())
		}
		if !sum.Equal(o.Totals.Total.Decimal()) {
			t.Errorf("%s: lines, shipping and tax are %s, the shop's total is %s", name, sum, o.Totals.Total)
		}
		want := "0.00"
		if name == "order.created-custom-line-no-product" {
			want = "0.01"
		}
		if got := d.Expected.Rounding.String(); got != want {
			t.Errorf("%s: rounding %s, want %s", name, got, want)
		}
	}
}

// Written by hand from the bodies.
func TestLines(t *testing.T) {
	all := orders(t)
	for name, want := range map[string][]string{
		"order.created-simple":             {"line-1 TEE-001 1 × 19.99 = 19.99"},
		"order.created-nosku":              {"line-69 WOO-FALLBACK 1 × 33.33 = 33.33"},
		"order.created-two-shipping-lines": {"line-1067 TEE-001 1 × 21.99 = 21.99"},
	} {
		o, known := all[name]
		if !known {
			t.Fatalf("no capture %s", name)
		}
		var got []string
		for _, line := range mapped(t, o).SalesOrder.Lines {
			got = append(got, line.Key+" "+line.Item.Key+" "+line.Quantity.String()+" × "+line.Rate.String()+" = "+line.Amount.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestStatusRules(t *testing.T) {
	simple := orders(t)["order.created-simple"]
	paid := simple.Payment.PaidAt
	for _, c := range []struct {
		status, payment string
		paid            bool
		rule            string
		absent          event.Action
		orderStatus     string
		closed          bool
	}{
		{"on-hold", "unpaid", false, "on-hold", event.ActionCreate, "A", false},
		{"processing", "paid", true, "accepted", event.ActionCreate, "B", false},
		{"completed", "paid", true, "accepted", event.ActionCreate, "B", false},
		{"pending", "unpaid", false, "unpaid", event.ActionWait, "A", false},
		{"failed", "unpaid", false, "unpaid", event.ActionWait, "A", false},
		{"cancelled", "unpaid", false, "cancelled", event.ActionIgnore, "A", true},
		{"cancelled", "paid", true, "cancelled-after-payment", event.ActionCreate, "A", true},
		{"refunded", "refunded", true, "refunded", event.ActionIgnore, "A", true},
		{"trash", "paid", true, "deleted", event.ActionIgnore, "", false},
		{"deleted", "paid", true, "deleted", event.ActionIgnore, "", false},
	} {
		o := simple
		o.Status, o.Payment.Status, o.Payment.PaidAt = c.status, c.payment, nil
		if c.paid {
			o.Payment.PaidAt = paid
		}
		d := mapped(t, o)
		if d.Policy.Rule != c.rule || d.Policy.Absent != c.absent || d.SalesOrder.OrderStatus != c.orderStatus || d.SalesOrder.Closed != c.closed {
			t.Errorf("%s, %s: rule %s, absent %s, status %q, closed %v; want %s, %s, %q, %v", c.status, c.payment,
				d.Policy.Rule, d.Policy.Absent, d.SalesOrder.OrderStatus, d.SalesOrder.Closed, c.rule, c.absent, c.orderStatus, c.closed)
		}
	}
	simple.Status = "wc-packed"
	if _, err := compiled(t).Map(simple, Context{}); fault.CodeOf(err) != fault.StatusUnmapped {
		t.Errorf("an unknown status gives %v, want %s", err, fault.StatusUnmapped)
	}
}

func TestCustomerIdentity(t *testing.T) {
	for _, c := range []struct{ account, email, want string }{
		{"42", "a@example.com", "wc-cust-main-42"},
		// printf %s a@example.com | sha256sum
		{"", "  A@Example.com ", "wc-cust-main-g08168cd80dfd534ab0f10af1"},
		{"", "", ""},
	} {
		o := event.OrderStateV1{Envelope: event.Envelope{Store: "main"}, Customer: event.Customer{Account: c.account, Email: c.email}}
		got := ""
		if identity := compiled(t).identity(o); identity != "" {
			got = customerID(o, identity)
		}
		if got != c.want {
			t.Errorf("account %q, e-mail %q: %q, want %q", c.account, c.email, got, c.want)
		}
	}
}

func TestMoneyThatDoesNotAddUpIsParked(t *testing.T) {
	o := orders(t)["order.created-simple"]
	o.Totals.Total = money.MustParse("28.17") // 0.03 more than its parts: the limit of up to ten lines is 0.02
	_, err := compiled(t).Map(o, Context{})
	if fault.CodeOf(err) != fault.MoneyMismatch || !strings.Contains(err.Error(), "28.14") {
		t.Errorf("%v, want %s naming the sum 28.14", err, fault.MoneyMismatch)
	}
	o.Totals.Total = money.MustParse("28.16")
	d, err := compiled(t).Map(o, Context{})
	if err != nil || d.Expected.Rounding.String() != "0.02" {
		t.Errorf("rounding %v, %v, want a line of 0.02", d.Expected.Rounding, err)
	}
}

func TestUnmappedTaxRateIsNamed(t *testing.T) {
	o := orders(t)["order.created-simple"]
	o.Taxes = append([]event.Tax(nil), o.Taxes...)
	o.Taxes[0].Code = "US-WA-NEW-1"
	_, err := compiled(t).Map(o, Context{})
	if fault.CodeOf(err) != fault.TaxRateUnmapped || !strings.Contains(err.Error(), "US-WA-NEW-1") {
		t.Errorf("%v, want %s naming US-WA-NEW-1", err, fault.TaxRateUnmapped)
	}
}

// Several rates on a line need one legacy code, which the error names by the rates.
func TestUncombinedRatesAreNamed(t *testing.T) {
	m := variant(t, strategy(event.TaxCodes), func(d *Document) { d.Taxes.Combined = nil })
	_, err := m.Map(orders(t)["order.created-registered"], Context{})
	if fault.CodeOf(err) != fault.TaxRateUnmapped || !strings.Contains(err.Error(), "US-CA-CA STATE TAX-1 + US-CA-SF COUNTY TAX-2") {
		t.Errorf("%v, want %s naming both rates", err, fault.TaxRateUnmapped)
	}
}

// A line may name its rates in any order: the key of their code is sorted.
func TestCombinedRatesInAnyOrder(t *testing.T) {
	o := orders(t)["order.created-registered"]
	o.Lines = slices.Clone(o.Lines)
	o.Lines[0].Taxes = slices.Clone(o.Lines[0].Taxes)
	slices.Reverse(o.Lines[0].Taxes)
	if got := mapWith(t, o, strategy(event.TaxCodes)).SalesOrder.Lines[0].TaxCode; got == nil || got.Key != "CA_SF" {
		t.Errorf("code %v, want CA_SF", got)
	}
}

// Codes and a header discount together would tax the price before the discount.
func TestCodesWantDiscountLines(t *testing.T) {
	data := strings.NewReplacer("strategy: override", "strategy: codes", "as: lines", "as: header").Replace(string(Default))
	if _, err := Compile([]byte(data)); fault.CodeOf(err) != fault.MappingInvalid || !strings.Contains(err.Error(), "discounts.as") {
		t.Errorf("%v, want %s", err, fault.MappingInvalid)
	}
}

// Invariant 6: same input, same bytes.
func TestSameInputSameBytes(t *testing.T) {
	for name, o := range orders(t) {
		first, err := codec.Encode(mapped(t, o))
		if err != nil {
			t.Fatal(err)
		}
		again, err := codec.Encode(mapped(t, o))
		if err != nil || string(first) != string(again) {
			t.Errorf("%s: mapped twice, two texts (%v)", name, err)
		}
	}
}

func TestBadDocumentsSayWhere(t *testing.T) {
	for name, c := range map[string]struct{ replace, with, want string }{
		"unknown section":  {"version: 1", "version: 1\nsurprise: 2", "line"},
		"unknown field":    {"order.customer_note", "order.customer_nota", "custbody_wc_customer_note"},
		"wrong type":       {"when: len(order.lines) == 0", "when: order.number", "statuses[0].when"},
		"unknown action":   {"absent: wait", "absent: later", "statuses[3].absent"},
		"no fallback item": {"fallback: WOO-FALLBACK", "fallback: ''", "items.fallback"},
		"version":          {"version: 1", "version: 2", "version"},
		"strategy":         {"strategy: override", "strategy: vertex", "taxes.strategy"},
		"tax lines":        {"strategy: override", "strategy: lines", "taxes.item"},
		"combined code":    {"strategy: override", "strategy: codes\n  combined: {A + B: {code: ''}}", "taxes.combined.A + B.code"},
		"combined percent": {"strategy: override", "strategy: codes\n  combined: {A + B: {code: X, percent: much}}", "taxes.combined.A + B.percent"},
		"discounts":        {"as: lines", "as: gifts", "discounts.as"},
		"bundles":          {"bundles: all", "bundles: some", "items.bundles"},
		"money policy":     {"policy: deposit", "policy: wait", "payments.policy"},
		"gateway policy":   {"rig_card: {", "rig_card: {policy: wait, ", "payments.gateways.rig_card.policy"},
		"gateway fee":      {"rig_card: {", "rig_card: {fee_meta: _fee, ", "payments.gateways.rig_card.fee_field"},
		"gift card policy": {"policy: deposit\n", "policy: deposit\n  gift_cards: {policy: invoice}\n", "payments.gift_cards.policy"},
		"posting date":     {"posting_date: payment", "posting_date: today", "payments.posting_date"},
		"no closed period": {"posting_date: payment", "posting_date: first-open", "payments.posting_date"},
		"refund date":      {"posting_date: refund", "posting_date: first-open", "refunds.posting_date"},
		"closed period":    {"version: 1", "version: 1\nperiods: {closed_through: October}", "periods.closed_through"},
		"status change":    {"status_change: none", "status_change: maybe", "refunds.status_change"},
		"refund field":     {"refund.reason", "refund.reasons", "refunds.fields.memo"},
		"payment field":    {"order.payment.transaction_id, order.payment.title", "order.payment.transaction", "payments.fields.memo"},
	} {
		_, err := Compile([]byte(strings.Replace(string(Default), c.replace, c.with, 1)))
		if fault.CodeOf(err) != fault.MappingInvalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s naming %s", name, err, fault.MappingInvalid, c.want)
		}
	}
}

func TestTextIsCleanedAndCut(t *testing.T) {
	m := compiled(t)
	for _, c := range []struct{ field, in, want string }{
		{"memo", " a\tb\x00c\r\nd\u2028e ", "a bc\nd\ne"},
		{"otherRefNum", strings.Repeat("ä", 50), strings.Repeat("ä", 45)},                            // characters
		{"custbody_wc_requested_date", strings.Repeat("ä", 25), strings.Repeat("ä", 20)},             // bytes
		{"custbody_wc_requested_date", "x" + strings.Repeat("ä", 25), "x" + strings.Repeat("ä", 19)}, // whole characters
	} {
		if got := m.text(c.field, c.in); got != c.want {
			t.Errorf("%s: %q, want %q", c.field, got, c.want)
		}
	}
}

func TestDefaultFitsItsSchema(t *testing.T) { fitsSchema(t, "default", Default) }

// What the guide writes is what an editor with the schema lets one write.
func TestGuideFitsTheSchema(t *testing.T) {
	guide, err := os.ReadFile("GUIDE.md")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for part := range strings.SplitSeq(string(guide), "\n```yaml ") {
		name, text, _ := strings.Cut(part, "\n")
		text, _, _ = strings.Cut(text, "\n```")
		if strings.HasSuffix(name, ".yaml") {
			files[name] += text + "\n"
		}
	}
	if len(files) < 2 {
		t.Fatalf("files %v, the guide writes more", files)
	}
	for name, text := range files {
		fitsSchema(t, name, []byte(text))
	}
}

func fitsSchema(t *testing.T, name string, mapping []byte) {
	t.Helper()
	data, err := schemas.Files.ReadFile("mapping/v1.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("v1.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := yaml.Unmarshal(mapping, &tree); err != nil {
		t.Fatal(err)
	}
	plain, err := codec.Encode(tree)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(plain)))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func BenchmarkMap(b *testing.B) {
	m, err := Compile(Default)
	if err != nil {
		b.Fatal(err)
	}
	o := orders(b)["order.created-multi"]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Map(o, Context{Account: "ns"}); err != nil {
			b.Fatal(err)
		}
	}
}

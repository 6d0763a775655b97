package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

// edited is the default mapping with one text replaced.
func edited(t testing.TB, old, with string) *Mapping {
	t.Helper()
	if !strings.Contains(string(Default), old) {
		t.Fatalf("the default mapping has no %q", old)
	}
	m, err := Compile([]byte(strings.Replace(string(Default), old, with, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestItemRules(t *testing.T) {
	const rules = `skus: {GL-TABLE: FROM-TABLE}
  unknown: fallback
  rules:
    - {name: glass, prefix: "GL-", item: GLASS}
    - {name: sizes, matches: '^(TEE|MUG)-(\d+)(-[SML])?$', item: "$1-$2"}
    - {name: red, attributes: {pa_color: red, pa_size: m}, item: RED}
    - {name: dear, when: line.total > 500, item: DEAR}
`
	m := edited(t, "skus: {}\n", rules)
	o := orders(t)["order.created-simple"]
	for _, c := range []struct {
		sku, total string
		meta       []event.Meta
		want, rule string
	}{
		{sku: "GL-TABLE", want: "FROM-TABLE "},
		{sku: "GL-9", want: "GLASS WOO-FALLBACK", rule: "glass"},
		{sku: "TEE-001-M", want: "TEE-001 WOO-FALLBACK", rule: "sizes"},
		{sku: "TEE-001-XXL", want: "TEE-001-XXL WOO-FALLBACK"},
		{sku: "X", meta: []event.Meta{{Key: "pa_color", Value: []byte(`"red"`)}, {Key: "pa_size", Value: []byte(`"m"`)}}, want: "RED WOO-FALLBACK", rule: "red"},
		{sku: "X", meta: []event.Meta{{Key: "pa_color", Value: []byte(`"red"`)}}, want: "X WOO-FALLBACK"},
		{sku: "", want: "WOO-FALLBACK "},
	} {
		o.Lines = []event.Line{o.Lines[0]}
		o.Lines[0].SKU, o.Lines[0].Meta = c.sku, c.meta
		d, err := m.Map(o, Context{})
		if err != nil {
			t.Fatal(err)
		}
		if ref := d.SalesOrder.Lines[0].Item; ref.Key+" "+ref.Fallback != c.want {
			t.Errorf("%+v: %s, else %q", c, ref.Key, ref.Fallback)
		}
		var rules []event.FiredRule
		if c.rule != "" {
			rules = []event.FiredRule{{Section: "items.rules", Name: c.rule, Lines: []string{"line-1"}}}
		}
		if diff := cmp.Diff(rules, d.Rules); diff != "" {
			t.Errorf("%+v: rules (-want +got):\n%s", c, diff)
		}
	}
}

func TestCustomerRules(t *testing.T) {
	m := edited(t, "customer:\n", `classes: [{name: wholesale, when: 'order.customer.company != ""'}]
customer:
  identity: [company, account, email]
  rules:
    - {name: trade, when: '"wholesale" in classes', price_level: Wholesale, category: Trade, fields: {terms: 'ref("term", "id", "2")', companyName: order.customer.company}}
    - {name: retail, category: Retail}
`)
	o := orders(t)["order.created-simple"]
	o.Customer.Company = "  Acme  GMBH "
	d, err := m.Map(o, Context{})
	if err != nil {
		t.Fatal(err)
	}
	f := d.Customer.Fields
	if f["priceLevel"].Ref.Key != "Wholesale" || f["category"].Ref.Record != "customerCategory" || *f["companyName"].Text != "Acme  GMBH" || f["terms"].Ref.Key != "2" {
		t.Errorf("fields %v", f)
	}
	// printf %s 'acme gmbh' | sha256sum
	if d.Customer.ExternalID != "wc-cust-main-c0adccb42d3255430ae106619" || d.Customer.Email != "" {
		t.Errorf("company: %s, e-mail %q; want the company's id, and no person's e-mail", d.Customer.ExternalID, d.Customer.Email)
	}
	o.Customer.Company = ""
	if d, err = m.Map(o, Context{}); err != nil || d.Customer.Fields["category"].Ref.Key != "Retail" || d.Customer.Email == "" {
		t.Errorf("%v, %v: want the retail rule and the e-mail", d.Customer, err)
	}
}

func TestGuests(t *testing.T) {
	guest := orders(t)["order.created-simple"]
	guest.Customer.Account, guest.Customer.Email = "", "a@example.com"
	member := guest
	member.Customer.Account = "42"
	for policy, want := range map[string]string{"record": "wc-cust-main-g08168cd80dfd534ab0f10af1", "default": "WOO-GUEST", "park": "customer-unnamed"} {
		m := edited(t, "customer:\n", "customer:\n  guests: "+policy+"\n")
		d, err := m.Map(guest, Context{})
		got := d.Customer.ExternalID
		if err != nil {
			got = string(fault.CodeOf(err))
		} else if d.Customer.Default != nil {
			got = d.Customer.Default.Key
		}
		if got != want {
			t.Errorf("guests %s: %s, want %s", policy, got, want)
		}
		if d, err := m.Map(member, Context{}); err != nil || d.Customer.ExternalID != "wc-cust-main-42" {
			t.Errorf("guests %s: a member is %v, %v", policy, d.Customer, err)
		}
	}
}

func TestHarmlessTexts(t *testing.T) {
	m := extended(t, "\ntext: {html: strip, formulas: quote, raw: [custbody_raw]}\n")
	for _, c := range []struct{ field, in, want string }{
		{"memo", `<p>Gift for <b>Ada</b> &amp; Bob<br/>1 < 2 > 0</p><script>alert("x")</script>`, "Gift for Ada & Bob\n1 < 2 > 0"},
		{"memo", "&lt;img src=x onerror=alert(1)&gt;hello<!-- c", "hello"},
		{"memo", `=HYPERLINK("http://x","y")`, `'=HYPERLINK("http://x","y")`},
		{"memo", "\t\x00=1+A1", "'=1+A1"},
		{"memo", "<i></i>@SUM(A1)", "'@SUM(A1)"},
		{"memo", "-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"},
		{"phone", "+49 (30) 123-45", "+49 (30) 123-45"},
		{"memo", "-12.50", "-12.50"},
		{"email", "+a@example.com", "+a@example.com"},
		{"custbody_raw", "=1+A1", "=1+A1"},
		{"memo", "", ""},
	} {
		if got := m.text(c.field, c.in); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.field, c.in, got, c.want)
		}
	}
	o := orders(t)["order.created-simple"]
	o.Shipping.Company, o.Shipping.City = "=<b>A1</b>", "M&uuml;nchen"
	d, err := m.Map(o, Context{})
	if err != nil || d.SalesOrder.Shipping.Addressee != "'=A1" || d.SalesOrder.Shipping.City != "München" {
		t.Errorf("%+v, %v", d.SalesOrder.Shipping, err)
	}
	if got := compiled(t).text("memo", "=<b>A1</b>"); got != "=<b>A1</b>" {
		t.Errorf("without the section: %q", got)
	}
}

package mapping

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// files reads from a map instead of a disk.
func files(contents map[string]string) func(path string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		text, known := contents[filepath.ToSlash(path)]
		if !known {
			return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
		}
		return []byte(text), nil
	}
}

func shared() map[string]string {
	return map[string]string{
		"shops/eu.yaml":            "# yaml-language-server: $schema=x\nmapping: eu\nversion: 1\ninclude: [parts/classes.yaml, default.yaml]\nitems:\n  fallback: EU-FALLBACK\n  skus: {A: EU-A}\nclasses:\n  - {name: big, when: order.total > 1}\n",
		"shops/parts/classes.yaml": "include: [more.yaml]\nclasses:\n  - {name: big, when: order.total > 1000}\n  - {name: american, when: 'order.shipping.country == \"US\"'}\nitems: {skus: {A: PART-A, B: PART-B}}\nlengths: {memo: 20}\n",
		"shops/parts/more.yaml":    "classes: [{name: late, when: 'now.Year() > 2000'}]\n",
		"shops/default.yaml":       string(Default),
	}
}

func TestSharedParts(t *testing.T) {
	data, err := Load("shops/eu.yaml", files(shared()))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load("shops/eu.yaml", files(shared()))
	if err != nil || string(again) != string(data) {
		t.Errorf("loaded twice, two texts (%v)", err)
	}
	if !strings.HasPrefix(string(data), "# yaml-language-server: $schema=x\n# Put together from eu.yaml, parts/classes.yaml, parts/more.yaml, default.yaml.\n") {
		t.Errorf("begins with %.120s", data)
	}
	m, err := Compile(data) // needs no other file
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range m.document.Classes {
		names = append(names, c.Name+" "+c.When)
	}
	if diff := cmp.Diff([]string{"big order.total > 1", `american order.shipping.country == "US"`, "late now.Year() > 2000"}, names); diff != "" {
		t.Errorf("classes (-want +got):\n%s", diff)
	}
	d := m.document
	if d.Mapping != "eu" || d.Items.Fallback != "EU-FALLBACK" || d.Items.SKUs["A"] != "EU-A" || d.Items.SKUs["B"] != "PART-B" || d.Items.Fee != "WOO-FEE" || d.Lengths["memo"] != 20 || d.Lengths["email"] != 254 {
		t.Errorf("%s: fallback %s, SKUs %v, fee %s, lengths %v", d.Mapping, d.Items.Fallback, d.Items.SKUs, d.Items.Fee, d.Lengths)
	}
}

// A text without shared parts is its own revision, to the byte.
func TestTextWithoutPartsIsGivenAsItIs(t *testing.T) {
	data, err := Load("default.yaml", files(map[string]string{"default.yaml": string(Default)}))
	if err != nil || string(data) != string(Default) {
		t.Errorf("%v, %d bytes, want the %d as they are", err, len(data), len(Default))
	}
}

func TestBadParts(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"missing":  {"shops/eu.yaml", "include: [gone.yaml]", `include "gone.yaml"`},
		"itself":   {"shops/parts/more.yaml", "include: [classes.yaml]", "includes itself"},
		"outside":  {"shops/parts/more.yaml", "include: [../../secrets.yaml]", "inside the folder"},
		"absolute": {"shops/parts/more.yaml", "include: [/etc/passwd]", "parts/etc/passwd"},
		"misspelt": {"shops/parts/more.yaml", "clases: []", "did you mean classes?"},
		"anchored": {"shops/parts/more.yaml", "classes: &a []", "no anchors"},
		"no yaml":  {"shops/parts/more.yaml", "[", "parts/more.yaml"},
		"a list":   {"shops/parts/more.yaml", "- a", "want sections"},
	} {
		contents := shared()
		contents[c.file] = c.text
		_, err := Load("shops/eu.yaml", files(contents))
		if fault.CodeOf(err) != fault.MappingInvalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s saying %s", name, err, fault.MappingInvalid, c.want)
		}
	}
	if _, err := Compile([]byte(shared()["shops/eu.yaml"])); err == nil || !strings.Contains(err.Error(), "include (line 4, column 10)") {
		t.Errorf("%v, want a document with parts apart refused", err)
	}
}

func TestStores(t *testing.T) {
	m := extended(t, `
classes: [{name: all, when: "true"}]
stores:
  eu:
    sales_order: {fields: {subsidiary: 'ref("subsidiary", "name", "EU")'}}
    items: {fallback: EU-FALLBACK}
    classes: [{name: european, when: "true"}]
    statuses:
      - {name: on-hold, when: 'order.status == "on-hold"', absent: ignore, open: keep, fulfilled: keep, explanation: not here}
  plain:
`)
	o := orders(t)["order.created-nosku"]
	for store, want := range map[string]string{"main": "Parent US WOO-FALLBACK all", "eu": "EU EU-FALLBACK european all", "plain": "Parent US WOO-FALLBACK all"} {
		o.Store = store
		d, err := m.Map(o, Context{})
		if err != nil {
			t.Fatal(err)
		}
		got := d.SalesOrder.Fields["subsidiary"].Ref.Key + " " + d.SalesOrder.Lines[0].Item.Key
		for _, r := range d.Rules {
			got += " " + r.Name
		}
		if got != want || d.Source.Revision != m.Revision() || *d.SalesOrder.Fields["otherRefNum"].Text != o.Number {
			t.Errorf("%s: %s with revision %s, want %s", store, got, d.Source.Revision, want)
		}
	}
	o.Store, o.Status = "eu", "on-hold"
	if d, err := m.Map(o, Context{}); err != nil || d.Policy.Absent != event.ActionIgnore {
		t.Errorf("%v, %v: want the store's own rule of the name", d.Policy, err)
	}
}

func TestBadStores(t *testing.T) {
	for sections, want := range map[string]string{
		"stores: {eu: {mapping: x}}":                                 "mapping is the document's",
		"stores: {eu: {itmes: {}}}":                                  "stores.eu.itmes (line 210, column 15): no such name here; did you mean items?",
		"stores: {eu: {items: {bundles: some}}}":                     "items.bundles (line 210, column 32)",
		"stores: {eu: {sales_order: {fields: {memo: order.nmber}}}}": "order has no field nmber; did you mean number?",
	} {
		data := strings.Join(strings.SplitAfter(string(Default), "\n")[:205], "") + "\n\n\n\n" + sections + "\n"
		_, err := Compile([]byte(data))
		if fault.CodeOf(err) != fault.MappingInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s saying %s", sections, err, fault.MappingInvalid, want)
		}
	}
}

// A mistake is told with its place, and with what may be meant.
func TestPlacesAndSuggestions(t *testing.T) {
	head := "mapping: m\nversion: 1\nrounding: {item: R}\nitems: {fallback: F, fee: F, discount: D}\nstatuses: [{name: a, when: 'true', absent: wait, open: keep, fulfilled: keep, order_status: A}]\n"
	for sections, want := range map[string]string{
		"sales_order:\n  fields:\n    memo: order.nmber\n":                                             "sales_order.fields.memo (line 8, column 17): order has no field nmber; did you mean number?",
		"sales_order:\n  fields:\n    memo: 'ordr.number'\n":                                           "sales_order.fields.memo (line 8, column 12): there is no ordr; did you mean order?",
		"sales_order:\n  fields:\n    memo: |\n      order.id +\n       order.billing.citty\n":         "did you mean city?",
		"classes: [{name: wholesale, when: order.paid}, {name: b, when: '\"wholesle\" in classes'}]\n": "classes[1].when (line 6, column 64): no class \"wholesle\"; did you mean wholesale?",
		"classes: [{name: a, when: order.total > order}]\n":                                            "amount does not go with",
		"classes: [{name: a, when: order.number}]\n":                                                   "classes[0].when (line 6, column 27): expected bool",
		"classes: [{name: a, when_: order.number}]\n":                                                  "classes[0].when_ (line 6, column 21): no such name here; did you mean when?",
		"shippng: {}\n": "shippng (line 6, column 1): no such name here; did you mean shipping?",
		"classes: [{name: a, when: order.paid}, {name: a, when: order.paid}]\n": "classes[1].name (line 6, column 47): want a name of its own",
	} {
		_, err := Compile([]byte(head + sections))
		if fault.CodeOf(err) != fault.MappingInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", sections, err, want)
		}
	}
}

// A mistake is told where it stands, however its expression is written: of one file and of a part, the place is that of
// the mark.
func TestPlacesInEveryStyle(t *testing.T) {
	for name, rule := range map[string]string{
		"plain":         "when: order.total > 5 && order.@custmer.company != \"\"}\n",
		"plain, long":   "when: order.total > 5 &&\n\n        order.@custmer.company != \"\"}\n",
		"folded":        "when: >-\n      order.total > 5 &&\n      order.@custmer.company != \"\"\n",
		"folded deeper": "when: >+ # a comment\n\n      order.total > 5\n        && order.number != \"a  b\"\n\n      && order.@custmer.company != \"\"\n",
		"literal":       "when: |\n      order.total > 5 &&\n        order.@custmer.company != \"\"\n",
		"single":        "when: 'order.number == ''x'' && order.@custmer.company != \"\"'}\n",
		"single, long":  "when: 'order.number == ''x'' &&\n        order.@custmer.company != \"\"'}\n",
		"double":        "when: \"order.number matches \\\"^\\\\\\\\d+\\\" \\u0026\\x26 order.number != 'ü\\t\\_'\\n && order.@custmer.company != ''\"}\n",
		"double, long":  "when: \"order.paid && \\\n        order.@custmer.company != ''\"}\n",
		"tagged":        "when: !!str 'order.@custmer.company != \"\"'}\n",
		"anchored":      "when: &a order.@custmer.company != \"\"}\n",
		"message":       "when: \"true\", severity: warn, message: 'ü ''${order.id}'' ${order.@custmer}'}\n",
	} {
		section, head, braced := "classes:\n", "  - {name: a, ", strings.HasSuffix(rule, "}\n")
		if name == "message" {
			section = "validation:\n"
		}
		if !braced {
			head = "  - name: a\n    "
		}
		marked := brief + section + head + rule
		text := strings.Replace(marked, "@", "", 1)
		before, _, _ := strings.Cut(marked, "@")
		last := before[strings.LastIndex(before, "\n")+1:]
		want := fmt.Sprintf("line %d, column %d", strings.Count(before, "\n")+1, utf8.RuneCountInString(last)+1)
		_, err := Compile([]byte(text))
		if err == nil || !strings.Contains(err.Error(), "("+want+"): order has no field custmer") {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
		if name == "anchored" {
			continue // parts have none
		}
		s, err := Open("shop.yaml", files(map[string]string{"shop.yaml": "mapping: m\nversion: 1\ninclude: [part.yaml]\n", "part.yaml": text}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Compile(); err == nil || !strings.Contains(err.Error(), "(part.yaml "+want+"): order has no field custmer") {
			t.Errorf("%s: %v, want part.yaml %s", name, err, want)
		}
	}
}

// A mistake in a document of several files is told with the file it stands in; the text of a revision is the same.
func TestPlacesInSharedParts(t *testing.T) {
	const shop = "# a comment\n\n\nmapping: shop\nversion: 1\ninclude: [parts.yaml, default.yaml]\n\n\n\nclasses:\n"
	const rule = "  - {name: wholesale, when: order.custmer.company != \"\"}\n"
	for _, c := range []struct{ shop, part, want string }{
		{shop + rule, "", "classes[0].when (shop.yaml line 11, column 35): order has no field custmer; did you mean customer?"},
		{shop + "  - {name: own, when: \"true\"}\n", "# a part\n\nclasses:\n" + rule, "classes[1].when (parts.yaml line 4, column 35): order has no field custmer"},
		{shop + "  - {name: own, when: \"true\", group: 1, group_: 2}\n", "", "classes[0].group_ (line 11, column 41): no such name here; did you mean group?"},
		{shop + "  - {name: own}\n", "", "classes[0].when (shop.yaml line 11, column 5): want a condition"},
		{shop + "  - {name: own, when: \"true\"}\nstores:\n  eu: {sales_order: {fields: {memo: order.nmber}}}\n", "", "sales_order.fields.memo (shop.yaml line 13, column 43): order has no field nmber"},
		{shop + "  - {name: own, when: \"true\"}\nvalidation:\n  - name: a\n    when: \"true\"\n    severity: warn\n    message: \"of ${order.id} and ${order.totl}\"\n", "", "validation[0].message (shop.yaml line 16, column 42): order has no field totl"},
	} {
		s, err := Open("shop.yaml", files(map[string]string{"shop.yaml": c.shop, "parts.yaml": c.part + "\nlengths: {memo: 20}\n", "default.yaml": string(Default)}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Compile(); fault.CodeOf(err) != fault.MappingInvalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
	s, err := Open("shop.yaml", files(map[string]string{"shop.yaml": shop + "  - {name: a, when: 'false'}\n", "parts.yaml": "lengths: {memo: 20}", "default.yaml": string(Default)}))
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Findings()
	if err != nil || len(found) == 0 || found[0].Place != "shop.yaml line 11, column 21" {
		t.Errorf("%v, %v, want a rule that never fires with its place", found, err)
	}
	same(t, s)
}

// same wants what is compiled of the files to be what is compiled of the one text.
func same(t *testing.T, s Source) {
	t.Helper()
	ofFiles, err := s.Compile()
	if err != nil {
		t.Fatal(err)
	}
	ofText, err := Compile(s.Text)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range orders(t) {
		a, err1 := ofFiles.Map(o, Context{})
		b, err2 := ofText.Map(o, Context{})
		if diff := cmp.Diff(a, b, cmp.Comparer(func(x, y money.Amount) bool { return x.Equal(y) }), cmp.Comparer(func(x, y money.Number) bool { return x.Equal(y) })); diff != "" || (err1 == nil) != (err2 == nil) {
			t.Errorf("%s: %v, %v (-files +text):\n%s", name, err1, err2, diff)
		}
	}
}

// Package contrast tells in which fields two desired states of one order or customer differ, and gathers the kinds of
// difference over many. It is pure.
package contrast

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
)

// Difference is one field that another mapping fills otherwise. A value whose text alone does not tell it from the other
// is followed by its kind: "5 (text)", "5 (number)".
type Difference struct {
	Field string `json:"field"` // e.g. "sales_order.lines[line-95].amount", of a customer "customer_record.fields.phone"; of a list: the order of its entries
	From  string `json:"from"`  // as it was asked of NetSuite before; "" is absent
	To    string `json:"to"`    // as the candidate would send
}

// Unnamed is the field of two states that ask for different things which no field shows: From and To are their hashes.
const Unnamed = "(not named)"

// Between tells in what two desired states of different hashes differ: in one field at least.
func Between(from, to event.DesiredOrderV1) ([]Difference, error) {
	return between(from.Hash, to.Hash, asked(from), asked(to))
}

// Customers is Between of two desired states of a customer.
func Customers(from, to event.DesiredCustomerV1) ([]Difference, error) {
	return between(from.Hash, to.Hash, askedOfCustomer(from), askedOfCustomer(to))
}

func between(was, is string, from, to map[string]any) ([]Difference, error) {
	if was == is {
		return nil, nil
	}
	list, err := Fields(from, to)
	if err == nil && len(list) == 0 {
		list = []Difference{{Unnamed, was, is}}
	}
	return list, err
}

// Differences compares what two desired states ask of NetSuite, in the order of the fields' names. What they were made
// from (source, ids, hash) does not count.
func Differences(from, to event.DesiredOrderV1) ([]Difference, error) {
	return Fields(asked(from), asked(to))
}

func asked(d event.DesiredOrderV1) map[string]any {
	return map[string]any{
		"policy": d.Policy, "customer": d.Customer, "sales_order": d.SalesOrder, "deposits": d.Deposits, "refunds": d.Refunds,
		"given_back": d.GivenBack, "bill": d.Bill, "expected": d.Expected,
	}
}

// askedOfCustomer stands apart from "customer", which is of an order: whose it is, and the record that it makes.
func askedOfCustomer(d event.DesiredCustomerV1) map[string]any {
	return map[string]any{"customer_record": map[string]any{"external_id": d.ExternalID, "fields": d.Fields, "addresses": d.Addresses}}
}

// Fields compares two values of one shape as they are encoded, in the order of the fields' names.
func Fields(from, to any) ([]Difference, error) {
	before, err := flatten(from)
	if err != nil {
		return nil, err
	}
	after, err := flatten(to)
	if err != nil {
		return nil, err
	}
	list := turned(before.lists, after.lists)
	for field, was := range before.leaves {
		if is, stays := after.leaves[field]; !stays || is != was {
			list = append(list, difference(field, was, is))
		}
	}
	for field, is := range after.leaves {
		if _, known := before.leaves[field]; !known {
			list = append(list, difference(field, leaf{}, is))
		}
	}
	slices.SortFunc(list, func(a, b Difference) int { return cmp.Compare(a.Field, b.Field) })
	return list, nil
}

// leaf is a value with the member of event.Value that holds it, "" of what is no such value. The zero leaf is absent.
type leaf struct{ text, kind string }

func difference(field string, from, to leaf) Difference {
	d := Difference{field, from.text, to.text}
	if d.From == d.To {
		d.From, d.To = from.text+" ("+from.kind+")", to.text+" ("+to.kind+")"
	}
	return d
}

// turned tells of lists whose entries that stay stand in another order.
func turned(before, after map[string][]string) (list []Difference) {
	for path, was := range before {
		is := after[path]
		if !slices.Equal(only(was, is), only(is, was)) {
			list = append(list, Difference{path, strings.Join(was, ", "), strings.Join(is, ", ")})
		}
	}
	return list
}

func only(names, among []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !slices.Contains(among, name) })
}

// flat is every leaf of a value with its path, and the names of each list's entries.
type flat struct {
	leaves map[string]leaf
	lists  map[string][]string
}

func flatten(value any) (flat, error) {
	f := flat{map[string]leaf{}, map[string][]string{}}
	data, err := codec.Encode(value)
	if err != nil {
		return f, err
	}
	return f, f.walk("", "", data)
}

func (f flat) walk(path, kind string, raw codec.Raw) error {
	raw = bytes.TrimSpace(raw)
	switch {
	case string(raw) == "null":
		return nil
	case kind == "empty":
		f.leaves[path] = leaf{"(cleared)", kind}
		return nil
	case raw[0] == '{':
		return f.object(path, raw)
	case raw[0] == '[':
		return f.list(path, raw)
	case raw[0] == '"':
		text, err := codec.Decode[string](raw)
		if f.leaves[path] = (leaf{text, kind}); text == "" {
			f.leaves[path] = leaf{"(empty text)", "empty"}
		}
		return err
	default:
		f.leaves[path] = leaf{string(raw), kind}
		return nil
	}
}

func (f flat) object(path string, raw codec.Raw) error {
	object, err := codec.Decode[map[string]codec.Raw](raw)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		below, kind := strings.TrimPrefix(path+"."+name, "."), ""
		if len(object) == 1 && slices.Contains(wrappers, name) {
			below, kind = path, name // a field's value
		}
		if err := f.walk(below, kind, object[name]); err != nil {
			return err
		}
	}
	return nil
}

// wrappers are the members of event.Value.
var wrappers = []string{"text", "number", "flag", "ref", "empty"}

func (f flat) list(path string, raw codec.Raw) error {
	list, err := codec.Decode[[]codec.Raw](raw)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for i, entry := range list {
		name := nameOf(entry, i)
		for n, again := 2, name; slices.Contains(f.lists[path], name); n++ {
			name = fmt.Sprintf("%s #%d", again, n)
		}
		f.lists[path] = append(f.lists[path], name)
		if err := f.walk(path+"["+name+"]", "", entry); err != nil {
			return err
		}
	}
	return nil
}

// nameOf names an entry of a list by what makes it itself, so that an entry put in front does not change all behind it.
func nameOf(entry codec.Raw, at int) string {
	known, err := codec.Decode[struct {
		Key        string `json:"key"`
		ExternalID string `json:"external_id"`
		Reference  string `json:"reference"`
		TaxCode    struct {
			Key string `json:"key"`
		} `json:"tax_code"`
		Field string `json:"field"`
	}](entry)
	if err != nil {
		return fmt.Sprint(at)
	}
	return cmp.Or(known.Key, known.ExternalID, strings.Trim(known.Reference+" "+known.TaxCode.Key, " "), known.Field, fmt.Sprint(at))
}

var entries = regexp.MustCompile(`\[[^\]]*\]`)

// Kind gives the kind of a difference: its field without the entry's name, and what happens to it.
func (d Difference) Kind() (field, kind string) {
	field = entries.ReplaceAllString(d.Field, "[]")
	switch {
	case d.From == "":
		return field, "added"
	case d.To == "":
		return field, "removed"
	default:
		return field, "changed"
	}
}

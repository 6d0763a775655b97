// Package contrast tells in which fields two desired states of one order differ, and gathers the kinds of difference over
// many orders. It is pure.
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

// Difference is one field that another mapping fills otherwise.
type Difference struct {
	Field string `json:"field"` // e.g. "sales_order.lines[line-95].amount"
	From  string `json:"from"`  // as NetSuite is sent today; "" is absent
	To    string `json:"to"`    // as the candidate would send
}

// Differences compares what two desired states ask of NetSuite, in the order of the fields' names. What they were made
// from (source, ids, hash) does not count.
func Differences(from, to event.DesiredOrderV1) ([]Difference, error) {
	return Fields(asked(from), asked(to))
}

func asked(d event.DesiredOrderV1) map[string]any {
	return map[string]any{
		"policy": d.Policy, "customer": d.Customer, "sales_order": d.SalesOrder, "deposits": d.Deposits, "refunds": d.Refunds, "bill": d.Bill, "expected": d.Expected,
	}
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
	var list []Difference
	for field, value := range before {
		if after[field] != value {
			list = append(list, Difference{field, value, after[field]})
		}
	}
	for field, value := range after {
		if _, known := before[field]; !known {
			list = append(list, Difference{field, "", value})
		}
	}
	slices.SortFunc(list, func(a, b Difference) int { return cmp.Compare(a.Field, b.Field) })
	return list, nil
}

// flatten gives every leaf of a value with its path.
func flatten(value any) (map[string]string, error) {
	data, err := codec.Encode(value)
	if err != nil {
		return nil, err
	}
	leaves := map[string]string{}
	return leaves, walk("", data, leaves)
}

func walk(path string, raw codec.Raw, leaves map[string]string) error {
	raw = bytes.TrimSpace(raw)
	switch {
	case string(raw) == "null":
		return nil
	case raw[0] == '{':
		return walkObject(path, raw, leaves)
	case raw[0] == '[':
		return walkList(path, raw, leaves)
	case raw[0] == '"':
		text, err := codec.Decode[string](raw)
		leaves[path] = text
		return err
	default:
		leaves[path] = string(raw)
		return nil
	}
}

func walkObject(path string, raw codec.Raw, leaves map[string]string) error {
	object, err := codec.Decode[map[string]codec.Raw](raw)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		below := strings.TrimPrefix(path+"."+name, ".")
		if len(object) == 1 && slices.Contains(wrappers, name) {
			below = path // a field's value: the name says its type only
		}
		if err := walk(below, object[name], leaves); err != nil {
			return err
		}
	}
	return nil
}

// wrappers are the members of event.Value.
var wrappers = []string{"text", "number", "flag", "ref", "empty"}

func walkList(path string, raw codec.Raw, leaves map[string]string) error {
	list, err := codec.Decode[[]codec.Raw](raw)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for i, entry := range list {
		if err := walk(path+"["+nameOf(entry, i)+"]", entry, leaves); err != nil {
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

package watch

import (
	"cmp"
	"slices"
	"strings"
)

// name says whose record an externalId names: wc-so-main-36 and wc-cr-main-36-9 belong to order 36 of store main.
type name struct{ store, order string }

// externalID of the order's sales order.
func (n name) externalID() string { return "wc-so-" + n.store + "-" + n.order }

// names reads externalIds. A store's key may hold "-", so the longest key that fits counts.
type names struct{ stores []string }

func namesOf(stores []string) names {
	sorted := slices.Clone(stores)
	slices.SortFunc(sorted, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return names{sorted}
}

// of reads an externalId, whose case NetSuite ignores; false where it is not one of ours.
func (n names) of(externalID string) (name, bool) {
	prefix, rest, _ := strings.Cut(strings.ToLower(externalID), "-")
	kind, rest, _ := strings.Cut(rest, "-")
	if prefix != "wc" || kind == "" || kind == "cust" {
		return name{}, false
	}
	for _, store := range n.stores {
		if order, is := strings.CutPrefix(rest, store+"-"); is {
			if kind != "so" {
				order, _, _ = strings.Cut(order, "-")
			}
			return name{store, order}, order != ""
		}
	}
	return name{}, false
}

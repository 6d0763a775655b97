package woo

import (
	"slices"

	"github.com/orderstream/orderstream/contracts/codec"
)

// Meta keys by which bundle plugins join lines. Product Bundles gives the bundle a key and its parts the key of their
// bundle; WPC Product Bundles gives the parts the product of the bundle above them.
const (
	bundleKey = "_bundle_cart_key"
	bundledBy = "_bundled_by"
	wpcParent = "_woosb_parent_id"
)

// Bundle gives the outermost line of the bundle that a line is in, itself where it is in none, and whether other lines lie
// in it.
func (o Order) Bundle(at int) (outermost LineItem, holds bool) {
	for i := range o.Lines {
		holds = holds || o.holder(i) == at
	}
	for range o.Lines { // bounded: plugins never nest in a ring, a hostile body may
		above := o.holder(at)
		if above < 0 {
			break
		}
		at = above
	}
	return o.Lines[at], holds
}

// holder finds the line that a line lies in; -1 where there is none.
func (o Order) holder(at int) int {
	if key := o.Lines[at].text(bundledBy); key != "" {
		return slices.IndexFunc(o.Lines, func(l LineItem) bool { return l.text(bundleKey) == key })
	}
	product := o.Lines[at].text(wpcParent)
	for above := at - 1; above >= 0 && product != ""; above-- { // the nearest above: a cart may hold the bundle twice
		if l := o.Lines[above]; string(l.ProductID) == product || string(l.VariationID) == product {
			return above
		}
	}
	return -1
}

func (l LineItem) text(key Text) string { return TextOf(l.Meta, key) }

// TextOf is the value of a meta key; "" where it has none, or one that is no text.
func TextOf(meta []Meta, key Text) string {
	for _, m := range meta {
		if m.Key == key {
			if text, err := codec.Decode[Text](m.Value); err == nil {
				return string(text)
			}
		}
	}
	return ""
}

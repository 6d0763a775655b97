package plan

import (
	"slices"

	"github.com/orderstream/orderstream/contracts/money"
)

// Whole lays the shop's lines over what Join gave: a line that NetSuite lacks, or has with fewer pieces, is still to be
// shipped. NetSuite's word stands alone where a line of it is nobody's, of an adopted order or split by hand: which of the
// shop's it ships cannot be told.
func Whole(lines []Progress, goods []Good) []Progress {
	if slices.ContainsFunc(lines, func(p Progress) bool { return p.Good.ID == "" }) {
		return lines
	}
	whole := slices.Clone(lines)
	for _, g := range goods {
		at := slices.IndexFunc(whole, func(p Progress) bool { return p.Good.ID == g.ID })
		switch {
		case at >= 0 && whole[at].Ordered.Cmp(g.Quantity) < 0:
			whole[at].Ordered = g.Quantity
		case at < 0 && g.Quantity.Sign() > 0 && !g.folded(lines):
			whole = append(whole, Progress{Good: g, Ordered: g.Quantity})
		}
	}
	return whole
}

// folded tells whether NetSuite has the line under another of its bundle: a mapping carries over all of them, the bundle
// alone, or its parts alone.
func (g Good) folded(lines []Progress) bool {
	return slices.ContainsFunc(lines, func(p Progress) bool { return p.Good.ID == g.Bundle || g.Holds && p.Good.Bundle == g.Bundle })
}

// Less takes off the goods what the shop took back of them, by line id.
func Less(goods []Good, back map[string]money.Number) []Good {
	left := slices.Clone(goods)
	for i, g := range left {
		left[i].Quantity = g.Quantity.Sub(back[g.ID])
	}
	return left
}

package mapping

import (
	"maps"
	"slices"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// Meta keys by which bundle plugins join a bundle's lines. Product Bundles gives the bundle a key and its parts
// the key of their bundle; WPC Product Bundles gives the parts the product of the bundle above them.
const (
	metaBundleKey   = "_bundle_cart_key"
	metaBundledBy   = "_bundled_by"
	metaWPCParentID = "_woosb_parent_id"
)

// fold says where the money of lines that are not carried over goes.
type fold struct {
	currency money.Currency
	into     map[string]string  // a part's line → its bundle's
	parts    map[string]portion // a bundle's line → its parts
}

// portion is how a bundle's money is shared out.
type portion struct {
	lines   []string
	weights []money.Amount
}

// foldBundles gives the lines to carry over. The sum of their amounts and taxes is that of all lines.
func foldBundles(lines []event.Line, mode Bundles, c money.Currency) ([]event.Line, fold) {
	if mode != BundlesParent && mode != BundlesChildren {
		return lines, fold{currency: c}
	}
	f := fold{currency: c, into: map[string]string{}, parts: map[string]portion{}}
	roots, bundles := bundleRoots(lines)
	folded, gone := slices.Clone(lines), map[int]bool{}
	for _, root := range slices.Compact(slices.Sorted(maps.Values(roots))) {
		inner, leaves := []int{root}, []int{} // the bundle with the bundles in it; and what is none itself
		for i := range lines {
			r, part := roots[i]
			switch {
			case !part || r != root:
			case bundles[i]:
				inner = append(inner, i)
			default:
				leaves = append(leaves, i)
			}
		}
		if mode == BundlesParent {
			f.gather(folded, root, slices.Concat(inner, leaves), gone)
		} else {
			f.share(folded, inner, leaves, gone)
		}
	}
	var kept []event.Line
	for i, line := range folded {
		if !gone[i] {
			kept = append(kept, line)
		}
	}
	return kept, f
}

// bundleRoots gives, for each line that is part of a bundle, the index of the outermost bundle, and which lines
// are bundles.
func bundleRoots(lines []event.Line) (roots map[int]int, bundles map[int]bool) {
	parents := map[int]int{}
	roots, bundles = map[int]int{}, map[int]bool{}
	for i, line := range lines {
		if parent := parentOf(lines, i, texts(line.Meta)); parent >= 0 && parent != i {
			parents[i], bundles[parent] = parent, true
		}
	}
	for i := range parents {
		root := i
		for range lines { // bounded: plugins never nest in a ring, a hostile body may
			parent, part := parents[root]
			if !part {
				roots[i] = root
				break
			}
			root = parent
		}
	}
	return roots, bundles
}

// parentOf finds the bundle of a line; -1 where there is none.
func parentOf(lines []event.Line, i int, meta map[string]string) int {
	if key := meta[metaBundledBy]; key != "" {
		return slices.IndexFunc(lines, func(l event.Line) bool { return texts(l.Meta)[metaBundleKey] == key })
	}
	product := meta[metaWPCParentID]
	for at := i - 1; at >= 0 && product != ""; at-- { // the nearest above: a cart may hold the bundle twice
		if lines[at].ProductID == product || lines[at].VariationID == product {
			return at
		}
	}
	return -1
}

// gather adds the parts' money to the bundle.
func (f fold) gather(lines []event.Line, root int, members []int, gone map[int]bool) {
	for _, i := range members {
		if i == root {
			continue
		}
		lines[root] = plus(lines[root], lines[i])
		f.into[lines[i].ID], gone[i] = lines[root].ID, true
	}
}

// share adds the bundle's money to its parts, by their own prices, else by their quantities.
func (f fold) share(lines []event.Line, inner, leaves []int, gone map[int]bool) {
	if len(leaves) == 0 {
		return
	}
	weights := make([]money.Amount, len(leaves))
	for k, i := range leaves {
		weights[k] = lines[i].Subtotal.Abs()
	}
	if money.Sum(weights...).IsZero() {
		for k, i := range leaves {
			weights[k] = money.AmountOf(lines[i].Quantity.Decimal())
		}
	}
	p := portion{weights: weights}
	for _, i := range leaves {
		p.lines = append(p.lines, lines[i].ID)
	}
	for _, i := range inner {
		for k, part := range f.divide(lines[i], weights) {
			lines[leaves[k]] = plus(lines[leaves[k]], part)
		}
		f.parts[lines[i].ID], gone[i] = p, true
	}
}

// divide shares the money of a line out by weights.
func (f fold) divide(l event.Line, weights []money.Amount) []event.Line {
	parts := make([]event.Line, len(weights))
	subtotals, totals := l.Subtotal.Split(weights, f.currency), l.Total.Split(weights, f.currency)
	subtotalTaxes, totalTaxes := l.SubtotalTax.Split(weights, f.currency), l.TotalTax.Split(weights, f.currency)
	for k := range parts {
		parts[k] = event.Line{Subtotal: subtotals[k], Total: totals[k], SubtotalTax: subtotalTaxes[k], TotalTax: totalTaxes[k]}
	}
	for _, tax := range l.Taxes {
		for k, share := range tax.Total.Split(weights, f.currency) {
			parts[k].Taxes = append(parts[k].Taxes, event.LineTax{Rate: tax.Rate, Total: share})
		}
	}
	return parts
}

// plus adds one line's money to another's.
func plus(l, more event.Line) event.Line {
	l.Subtotal, l.Total = l.Subtotal.Add(more.Subtotal), l.Total.Add(more.Total)
	l.SubtotalTax, l.TotalTax = l.SubtotalTax.Add(more.SubtotalTax), l.TotalTax.Add(more.TotalTax)
	l.Taxes = plusTaxes(l.Taxes, more.Taxes)
	return l
}

// plusTaxes adds taxes rate by rate, in order of appearance.
func plusTaxes(taxes, more []event.LineTax) []event.LineTax {
	sum := slices.Clone(taxes)
	for _, t := range more {
		at := slices.IndexFunc(sum, func(s event.LineTax) bool { return s.Rate == t.Rate })
		if at < 0 {
			sum = append(sum, t)
			continue
		}
		sum[at].Total = sum[at].Total.Add(t.Total)
	}
	return sum
}

// refunded says which of the carried lines a refund's line gives back. What is given back of a line that is not
// carried over is an amount: pieces are counted on the lines that are.
func (f fold) refunded(l event.RefundLine) []event.RefundLine {
	if bundle, part := f.into[l.Line]; part {
		return []event.RefundLine{{Line: bundle, Total: l.Total, Tax: l.Tax}}
	}
	p, bundle := f.parts[l.Line]
	if !bundle {
		return []event.RefundLine{l}
	}
	totals, taxes := l.Total.Split(p.weights, f.currency), l.Tax.Split(p.weights, f.currency)
	lines := make([]event.RefundLine, len(p.lines))
	for k, id := range p.lines {
		lines[k] = event.RefundLine{Line: id, Total: totals[k], Tax: taxes[k]}
	}
	return lines
}

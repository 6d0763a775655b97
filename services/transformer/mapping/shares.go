package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// share is what a line, a fee or the shipping comes to.
type share struct{ net, tax money.Amount }

// balancedLines wants each line with its discount, each fee and the shipping to be the shop's: no money moves between them.
// Lines of bundles that are folded are left to the sums.
func (m *Mapping) balancedLines(o event.OrderStateV1, d event.DesiredOrderV1) error {
	held, taxes := sharesOf(d), m.taxMode() == event.TaxOverride && rowsAddUp(o)
	want := m.shares(o)
	for _, key := range sorted(want) {
		switch {
		case !held[key].net.Equal(want[key].net):
			return fmt.Errorf("%s is %s, the shop's %s", key, held[key].net, want[key].net)
		case taxes && !held[key].tax.Equal(want[key].tax):
			return fmt.Errorf("the tax of %s is %s, the shop's %s", key, held[key].tax, want[key].tax)
		}
	}
	return nil
}

// sharesOf adds up a desired state by the keys of its lines.
func sharesOf(d event.DesiredOrderV1) map[string]share {
	held := map[string]share{}
	if cost := d.SalesOrder.Fields["shippingCost"].Number; cost != nil {
		held[shippingReference] = share{net: money.AmountOf(cost.Decimal())}
	}
	for _, line := range d.SalesOrder.Lines {
		key := strings.TrimSuffix(line.Key, "-discount")
		held[key] = share{held[key].net.Add(line.Amount), held[key].tax}
	}
	for _, row := range d.SalesOrder.TaxDetails {
		held[row.Reference] = share{held[row.Reference].net, held[row.Reference].tax.Add(row.Amount)}
	}
	return held
}

// shares are the shop's figures by the keys of the lines that they become, less what went back with them.
func (m *Mapping) shares(o event.OrderStateV1) map[string]share {
	list, back := map[string]share{}, backOf(o)
	header := m.document.Discounts.As == DiscountHeader
	for _, l := range m.single(o.Lines) {
		whole := share{l.Total.Round(o.Currency), sumOfTaxes(l.Taxes, o.Currency)}
		if before := l.Subtotal.Round(o.Currency); header && before.Cmp(whole.net) > 0 {
			whole.net = before
		}
		gone := back[l.ID]
		if gone.quantity.Sign() <= 0 { // money alone leaves a line as it is
			gone = given{}
		}
		list["line-"+l.ID] = whole.less(gone, o.Currency)
	}
	for _, f := range o.Fees {
		list["fee-"+f.ID] = share{f.Total.Round(o.Currency), sumOfTaxes(f.Taxes, o.Currency)}.less(back[f.ID], o.Currency)
	}
	for id, gone := range back {
		if header && (gone.quantity.Sign() > 0 || !isGoods(o, id)) { // how much of it the header takes off, the sums tell
			delete(list, "line-"+id)
			delete(list, "fee-"+id)
		}
	}
	m.shareShipping(list, o, back)
	return list
}

func isGoods(o event.OrderStateV1, id string) bool {
	return slices.ContainsFunc(o.Lines, func(l event.Line) bool { return l.ID == id })
}

func (m *Mapping) shareShipping(list map[string]share, o event.OrderStateV1, back map[string]given) {
	key, whole, gone := shippingReference, share{}, given{}
	if m.document.Shipping.As == ShippingLine {
		key = shippingLine
	}
	for _, s := range o.Shipments {
		whole = share{whole.net.Add(s.Total.Round(o.Currency)), whole.tax.Add(sumOfTaxes(s.Taxes, o.Currency))}
		gone = given{total: gone.total.Add(back[s.ID].total), tax: gone.tax.Add(back[s.ID].tax)}
	}
	list[key] = whole.less(gone, o.Currency)
}

// less takes off what went back, to nothing at most.
func (s share) less(g given, c money.Currency) share {
	return share{s.net.Sub(within(g.total.Round(c), s.net)), s.tax.Sub(within(g.tax.Round(c), s.tax))}
}

// single are the lines that become one line each: with pieces, and of no bundle that is folded.
func (m *Mapping) single(lines []event.Line) []event.Line {
	mode := m.document.Items.Bundles
	folds := mode == BundlesParent || mode == BundlesChildren
	roots, bundles := bundleRoots(lines)
	var list []event.Line
	for i, l := range lines {
		if _, part := roots[i]; !l.Quantity.IsZero() && (!folds || !part && !bundles[i]) {
			list = append(list, l)
		}
	}
	return list
}

// backOf sums what refunds gave back, by the shop's line.
func backOf(o event.OrderStateV1) map[string]given {
	sums := map[string]given{}
	for _, r := range o.Refunds {
		if r.Detail == nil || r.Deleted {
			continue
		}
		for _, l := range r.Detail.Lines {
			g := sums[l.Line]
			sums[l.Line] = given{g.quantity.Add(l.Quantity), g.total.Add(l.Total), g.tax.Add(l.Tax)}
		}
	}
	return sums
}

func sumOfTaxes(rows []event.LineTax, c money.Currency) money.Amount {
	sum := money.Zero
	for _, row := range rows {
		sum = sum.Add(row.Total.Round(c))
	}
	return sum
}

// rowsAddUp tells whether the rows of each rate are its total: a shop that rounds tax at the subtotal shows others.
func rowsAddUp(o event.OrderStateV1) bool {
	goods, shipping := rowsByRate(o)
	return !slices.ContainsFunc(o.Taxes, func(t event.Tax) bool {
		return !goods[t.Rate].Equal(t.Total.Round(o.Currency)) || !shipping[t.Rate].Equal(t.ShippingTotal.Round(o.Currency))
	})
}

// rowsByRate sums the tax of goods and fees, and of the shipping, by rate.
func rowsByRate(o event.OrderStateV1) (goods, shipping map[string]money.Amount) {
	goods, shipping = map[string]money.Amount{}, map[string]money.Amount{}
	add := func(sums map[string]money.Amount, rows []event.LineTax) {
		for _, row := range rows {
			sums[row.Rate] = sums[row.Rate].Add(row.Total.Round(o.Currency))
		}
	}
	for _, l := range o.Lines {
		add(goods, l.Taxes)
	}
	for _, f := range o.Fees {
		add(goods, f.Taxes)
	}
	for _, s := range o.Shipments {
		add(shipping, s.Taxes)
	}
	return goods, shipping
}

// balancedRates wants the rows of each tax code to be the shop's rates that it stands for, or what their own rows add up to,
// where nothing went back and no bundle is folded; and a line of tax to be its rate.
func (m *Mapping) balancedRates(o event.OrderStateV1, d event.DesiredOrderV1) error {
	if len(backOf(o)) > 0 || len(m.single(o.Lines)) < len(o.Lines) {
		return nil
	}
	held, want, shown := map[string]money.Amount{}, map[string]money.Amount{}, map[string]money.Amount{}
	for _, row := range d.SalesOrder.TaxDetails {
		held[row.TaxCode.Key] = held[row.TaxCode.Key].Add(row.Amount)
	}
	for _, line := range d.SalesOrder.Lines {
		if m.taxMode() == event.TaxLines && strings.HasPrefix(line.Key, "tax-") {
			held[line.Key] = held[line.Key].Add(line.Amount)
		}
	}
	goods, shipping := rowsByRate(o)
	for _, tax := range o.Taxes {
		key := m.taxKey(tax)
		want[key] = want[key].Add(tax.Total.Round(o.Currency)).Add(tax.ShippingTotal.Round(o.Currency))
		shown[key] = shown[key].Add(goods[tax.Rate]).Add(shipping[tax.Rate])
	}
	for _, key := range sorted(want) {
		byRows := m.taxMode() == event.TaxOverride && held[key].Equal(shown[key]) // the difference is no rounding, and is named
		if key != "" && !held[key].Equal(want[key]) && !byRows {
			return fmt.Errorf("the tax of %s is %s, the shop's %s", key, held[key], want[key])
		}
	}
	return nil
}

// taxKey is where the tax of a rate stands: under a code, on a line; "" where NetSuite computes it.
func (m *Mapping) taxKey(tax event.Tax) string {
	switch m.taxMode() {
	case event.TaxOverride:
		return m.document.Taxes.Rates[tax.Code].Code
	case event.TaxLines:
		return "tax-" + tax.Rate
	default:
		return ""
	}
}

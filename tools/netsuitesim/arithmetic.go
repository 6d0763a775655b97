package netsuitesim

import "github.com/shopspring/decimal"

// sheet is the money side of a sales order, in one currency.
type sheet struct {
	precision int32 // decimals of the currency
	lines     []sheetLine
	discount  decimal.Decimal // of the header, negative
	shipping  decimal.Decimal
	handling  decimal.Decimal
	gifts     decimal.Decimal // gift certificates, positive
}

// sheetLine is the money side of one line.
type sheetLine struct {
	isDiscount bool             // a Discount item: applies to the line above
	custom     bool             // price level −1: the line names its own price
	amount     *decimal.Decimal // as given
	rate       *decimal.Decimal // as given
	list       decimal.Decimal  // the item's rate at its price level
	quantity   decimal.Decimal
	exempt     bool      // isTaxable false
	gone       bool      // closed, where closed lines leave the totals
	taxes      []taxRate // engine and legacyLine
}

// taxRate is one tax code's rate in percent.
type taxRate struct {
	percent  decimal.Decimal
	compound bool // computed on the net plus the taxes before it
}

var hundred = decimal.NewFromInt(100)

// round rounds half away from zero to the currency's precision.
func (s *sheet) round(d decimal.Decimal) decimal.Decimal { return d.Round(s.precision) }

// unitRate is the rate that counts: the given one when the line names its own
// price, else the item's price level replaces it.
func (l *sheetLine) unitRate() decimal.Decimal {
	if l.rate != nil && (l.custom || l.isDiscount) {
		return *l.rate
	}
	return l.list
}

// value is the amount of a line.
func (s *sheet) value(l *sheetLine) decimal.Decimal {
	switch {
	case l.amount != nil && (l.custom || l.isDiscount):
		return s.round(*l.amount)
	case l.isDiscount:
		return s.round(l.unitRate())
	default:
		return s.round(l.unitRate().Mul(l.quantity))
	}
}

// values are the amounts that lines bring to the totals.
func (s *sheet) values() []decimal.Decimal {
	out := make([]decimal.Decimal, len(s.lines))
	for i := range s.lines {
		if !s.lines[i].gone {
			out[i] = s.value(&s.lines[i])
		}
	}
	return out
}

// subtotal is the sum of the lines.
func (s *sheet) subtotal() decimal.Decimal {
	return decimal.Sum(decimal.Zero, s.values()...)
}

// nets are the lines' amounts with the discounts beneath them taken off; a
// discount's own entry is zero.
func (s *sheet) nets() []decimal.Decimal {
	out := s.values()
	above := 0
	for i := range s.lines {
		if !s.lines[i].isDiscount {
			above = i
			continue
		}
		if i > above {
			out[above] = out[above].Add(out[i])
			out[i] = decimal.Zero
		}
	}
	return out
}

// taxOn is the tax of one base, each rate rounded by itself.
func (s *sheet) taxOn(base decimal.Decimal, rates []taxRate) decimal.Decimal {
	sum := decimal.Zero
	for _, r := range rates {
		on := base
		if r.compound {
			on = base.Add(sum)
		}
		sum = sum.Add(s.round(on.Mul(r.percent).Div(hundred)))
	}
	return sum
}

// netOf is the base whose taxes make it gross.
func netOf(gross decimal.Decimal, rates []taxRate) decimal.Decimal {
	factor := hundred // percent
	for _, r := range rates {
		if r.compound {
			factor = factor.Add(factor.Mul(r.percent).Div(hundred))
		} else {
			factor = factor.Add(r.percent)
		}
	}
	return gross.Mul(hundred).Div(factor)
}

// lineTax is the tax of every line by its own rates, rounded per line and rate.
func (s *sheet) lineTax() decimal.Decimal {
	sum := decimal.Zero
	for i, net := range s.nets() {
		if !s.lines[i].exempt {
			sum = sum.Add(s.taxOn(net, s.lines[i].taxes))
		}
	}
	return sum
}

// headerTax is one rate on all taxable lines, the header discount and, when
// taxed, the shipping cost, rounded once.
func (s *sheet) headerTax(percent decimal.Decimal, onShipping bool) decimal.Decimal {
	base := s.discount
	for i, net := range s.nets() {
		if !s.lines[i].exempt {
			base = base.Add(net)
		}
	}
	if onShipping {
		base = base.Add(s.shipping).Add(s.handling)
	}
	return s.round(base.Mul(percent).Div(hundred))
}

// total is what the customer owes.
func (s *sheet) total(tax decimal.Decimal) decimal.Decimal {
	return s.subtotal().Add(s.discount).Add(s.shipping).Add(s.handling).Add(tax).Sub(s.gifts)
}

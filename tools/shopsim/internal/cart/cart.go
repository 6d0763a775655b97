// Package cart does the money of a WooCommerce checkout: line amounts, coupons,
// tax per line and rate, and the order's sums. It is pure: amounts in, amounts
// out, in decimals.
//
// Amounts are in the store's currency with two decimals after rounding; a
// line's own amount stays unrounded (a sticker of 0.333 seven times is 2.331)
// until it is shown or summed, as in the store.
package cart

import "github.com/shopspring/decimal"

// Cents is the number of decimals of every rounded amount.
const Cents = 2

// Line is one product line.
type Line struct {
	ProductID int64 // decides whether a product coupon applies
	Quantity  int64
	Subtotal  decimal.Decimal // net, before coupons, unrounded
	Total     decimal.Decimal // net, after coupons, unrounded
	Class     string          // tax class; "" is the standard one
	TaxFree   bool            // tax status "none": no rate applies
}

// Fee is an amount added to an order, negative for a discount by hand.
type Fee struct {
	Amount  decimal.Decimal
	Class   string
	TaxFree bool
}

// Order is what the sums are made from. Coupons are already taken off the
// lines (see Apply).
type Order struct {
	Lines    []Line
	Fees     []Fee
	Shipping []decimal.Decimal
	Place    Place
	Rates    []Rate
	// HalfDown rounds half a cent of tax down, as stores whose prices include
	// tax do; others round it up.
	HalfDown bool
}

// Amount is the money of one line, fee or shipping line.
type Amount struct {
	Subtotal, SubtotalTax, Total, TotalTax decimal.Decimal
	Taxes                                  []Tax
}

// Tax is one rate's part in an Amount, unrounded.
type Tax struct {
	RateID          int64
	Subtotal, Total decimal.Decimal
}

// RateTotal is one rate's part in the whole order.
type RateTotal struct {
	Rate            Rate
	Total, Shipping decimal.Decimal
}

// Sums is the money of a whole order. Every amount is rounded to cents but the
// ones in Tax.
type Sums struct {
	Lines, Fees, Shipping                                  []Amount
	Rates                                                  []RateTotal
	DiscountTotal, DiscountTax, ShippingTotal, ShippingTax decimal.Decimal
	CartTax, TotalTax, Total                               decimal.Decimal
}

// Sum adds an order up. Each rate's tax on each line is rounded by itself, then
// summed: that is what a store does that does not round at subtotal level.
func (o Order) Sum() Sums {
	var s Sums
	rates := newTally(o)
	for _, l := range o.Lines {
		a := rates.line(l)
		s.Lines = append(s.Lines, a)
		s.DiscountTotal = s.DiscountTotal.Add(a.Subtotal.Sub(a.Total))
		s.DiscountTax = s.DiscountTax.Add(rates.exact(l.Subtotal.Sub(l.Total), l))
		s.CartTax, s.Total = s.CartTax.Add(a.TotalTax), s.Total.Add(a.Total)
	}
	s.DiscountTax = s.DiscountTax.Round(Cents)
	for _, f := range o.Fees {
		a := rates.fee(f)
		s.Fees = append(s.Fees, a)
		s.CartTax, s.Total = s.CartTax.Add(a.TotalTax), s.Total.Add(a.Total)
	}
	for _, amount := range o.Shipping {
		a := rates.shipping(amount, o.shippingClass())
		s.Shipping = append(s.Shipping, a)
		s.ShippingTotal, s.ShippingTax = s.ShippingTotal.Add(a.Total), s.ShippingTax.Add(a.TotalTax)
	}
	s.Rates = rates.totals()
	s.TotalTax = s.CartTax.Add(s.ShippingTax)
	s.Total = s.Total.Add(s.ShippingTotal).Add(s.TotalTax)
	return s
}

// shippingClass is the tax class shipping inherits from the lines: the standard
// one if any line has it, else the first line's; "none" if nothing is taxed.
func (o Order) shippingClass() string {
	class, found := "none", false
	for _, l := range o.Lines {
		if l.TaxFree {
			continue
		}
		if l.Class == "" {
			return ""
		}
		if !found {
			class, found = l.Class, true
		}
	}
	if len(o.Lines) == 0 {
		return ""
	}
	return class
}

package cart

import "github.com/shopspring/decimal"

// shape puts computed amounts where the captured order has its own.
func shape(like captured, s Sums, applied []Applied) captured {
	got := like
	cents := func(d decimal.Decimal) string { return d.StringFixed(Cents) }
	got.DiscountTotal, got.DiscountTax = cents(s.DiscountTotal), cents(s.DiscountTax)
	got.ShippingTotal, got.ShippingTax = cents(s.ShippingTotal), cents(s.ShippingTax)
	got.CartTax, got.TotalTax, got.Total = cents(s.CartTax), cents(s.TotalTax), cents(s.Total)
	got.LineItems = append(got.LineItems[:0:0], like.LineItems...)
	for i, a := range s.Lines {
		got.LineItems[i].amounts = amounts{cents(a.Subtotal), cents(a.Total), cents(a.SubtotalTax), cents(a.TotalTax)}
	}
	got.FeeLines, got.ShippingLines = nil, nil
	for _, a := range s.Fees {
		got.FeeLines = append(got.FeeLines, amounts{Total: cents(a.Total), TotalTax: cents(a.TotalTax)})
	}
	for _, a := range s.Shipping {
		got.ShippingLines = append(got.ShippingLines, amounts{Total: cents(a.Total), TotalTax: cents(a.TotalTax)})
	}
	got.TaxLines = append(got.TaxLines[:0:0], like.TaxLines...)
	for i, r := range s.Rates {
		got.TaxLines[i].RateID, got.TaxLines[i].TaxTotal, got.TaxLines[i].Shipping = r.Rate.ID, cents(r.Total), cents(r.Shipping)
	}
	got.CouponLines = append(got.CouponLines[:0:0], like.CouponLines...)
	for i, a := range applied {
		got.CouponLines[i].Discount, got.CouponLines[i].DiscountTax = a.Discount.String(), a.Tax.String()
	}
	return got
}

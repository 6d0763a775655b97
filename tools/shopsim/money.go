package shopsim

import (
	"strconv"

	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/tools/shopsim/internal/cart"
	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// reckon makes an order's sums again from its lines, fees and shipping lines,
// as a store does after a change of any of them.
func (t *tx) reckon(o *phpjson.Value) {
	t.writeSums(o, t.readCart(o).Sum())
}

// readCart is the cart behind an order as it stands, coupons already taken off.
func (t *tx) readCart(o *phpjson.Value) cart.Order {
	c := cart.Order{Rates: taxTable, Place: taxPlace(o), HalfDown: o.Get("prices_include_tax").True()}
	for _, l := range o.Get("line_items").Items() {
		p := t.product(l)
		c.Lines = append(c.Lines, cart.Line{
			ProductID: l.Get("product_id").Int(), Quantity: l.Get("quantity").Int(),
			Subtotal: dec(l.Get("subtotal").Text()), Total: dec(l.Get("total").Text()),
			Class: l.Get("tax_class").Text(), TaxFree: p.Get("tax_status").Text() == "none",
		})
	}
	for _, f := range o.Get("fee_lines").Items() {
		c.Fees = append(c.Fees, cart.Fee{Amount: dec(f.Get("total").Text())})
	}
	for _, s := range o.Get("shipping_lines").Items() {
		c.Shipping = append(c.Shipping, dec(s.Get("total").Text()))
	}
	return c
}

// taxPlace is where an order is taxed: at the shop for local pickup and without
// an address, else at the shipping address, else at the billing address.
func taxPlace(o *phpjson.Value) cart.Place {
	for _, s := range o.Get("shipping_lines").Items() {
		if s.Get("method_id").Text() == "local_pickup" {
			return base
		}
	}
	for _, key := range []string{"shipping", "billing"} {
		if a := o.Get(key); a.Get("country").Text() != "" {
			return cart.Place{Country: a.Get("country").Text(), State: a.Get("state").Text(), City: a.Get("city").Text()}
		}
	}
	return base
}

func cents(d decimal.Decimal) *phpjson.Value { return phpjson.Text(d.StringFixed(cart.Cents)) }

// writeSums writes computed money into an order.
func (t *tx) writeSums(o *phpjson.Value, s cart.Sums) {
	for i, l := range o.Get("line_items").Items() {
		a := s.Lines[i]
		l.Set("subtotal", cents(a.Subtotal))
		l.Set("subtotal_tax", cents(a.SubtotalTax))
		t.writeAmount(l, a, true)
		l.Set("price", unitPrice(a.Total, l.Get("quantity").Int()))
	}
	for i, f := range o.Get("fee_lines").Items() {
		t.writeAmount(f, s.Fees[i], false)
	}
	for i, l := range o.Get("shipping_lines").Items() {
		t.writeAmount(l, s.Shipping[i], false)
	}
	t.writeRates(o, s.Rates)
	for key, amount := range map[string]decimal.Decimal{
		"discount_total": s.DiscountTotal, "discount_tax": s.DiscountTax, "shipping_total": s.ShippingTotal,
		"shipping_tax": s.ShippingTax, "cart_tax": s.CartTax, "total_tax": s.TotalTax, "total": s.Total,
	} {
		o.Set(key, cents(amount))
	}
}

// writeAmount writes total and taxes of a line. Only product lines have a
// subtotal in each tax; stores before WooCommerce 10 show taxes unrounded.
func (t *tx) writeAmount(l *phpjson.Value, a cart.Amount, withSubtotal bool) {
	show := cents
	if t.shop.cfg.major() < 10 {
		show = func(d decimal.Decimal) *phpjson.Value { return phpjson.Text(d.Round(6).String()) }
	}
	l.Set("total", cents(a.Total))
	l.Set("total_tax", cents(a.TotalTax))
	taxes := phpjson.List()
	for _, tax := range a.Taxes {
		before := phpjson.Text("")
		if withSubtotal {
			before = show(tax.Subtotal)
		}
		taxes.Append(phpjson.Obj(phpjson.N("id", tax.RateID), phpjson.F("total", show(tax.Total)), phpjson.F("subtotal", before)))
	}
	l.Set("taxes", taxes)
}

// writeRates writes an order's tax lines; a rate that had one keeps its id.
func (t *tx) writeRates(o *phpjson.Value, rates []cart.RateTotal) {
	known := map[int64]int64{}
	for _, l := range o.Get("tax_lines").Items() {
		known[l.Get("rate_id").Int()] = l.Get("id").Int()
	}
	lines := phpjson.List()
	for _, r := range rates {
		id := known[r.Rate.ID]
		if id == 0 {
			id = t.next(lineIDs)
		}
		lines.Append(phpjson.Obj(phpjson.N("id", id), phpjson.T("rate_code", r.Rate.Code), phpjson.N("rate_id", r.Rate.ID),
			phpjson.T("label", r.Rate.Label), phpjson.B("compound", r.Rate.Compound),
			phpjson.F("tax_total", cents(r.Total)), phpjson.F("shipping_tax_total", cents(r.Shipping)),
			phpjson.F("rate_percent", phpjson.Num(r.Rate.Percent.String())), phpjson.F("meta_data", phpjson.List())))
	}
	o.Set("tax_lines", lines)
}

// unitPrice is line_items[].price, the one amount the API gives as a floating
// point number: total by quantity, computed and written as PHP does.
func unitPrice(total decimal.Decimal, quantity int64) *phpjson.Value {
	if quantity == 0 {
		quantity = 1
	}
	return phpjson.Num(strconv.FormatFloat(total.InexactFloat64()/float64(quantity), 'f', -1, 64))
}

// withDecimals shows every amount of a resource with dp decimals.
func withDecimals(v *phpjson.Value, dp int32) *phpjson.Value {
	if dp == cart.Cents {
		return v
	}
	v = v.Clone()
	setDecimals(v, dp)
	return v
}

var amountKeys = map[string]bool{
	"discount_total": true, "discount_tax": true, "shipping_total": true, "shipping_tax": true, "cart_tax": true, "total": true, "total_tax": true,
	"subtotal": true, "subtotal_tax": true, "tax_total": true, "shipping_tax_total": true,
}

func setDecimals(v *phpjson.Value, dp int32) {
	for _, item := range v.Items() {
		setDecimals(item, dp)
	}
	for _, f := range v.Fields() {
		amount, err := decimal.NewFromString(f.Value.Text())
		if amountKeys[f.Key] && f.Value.Kind() == phpjson.String && err == nil {
			v.Set(f.Key, phpjson.Text(amount.StringFixed(dp)))
			continue
		}
		setDecimals(f.Value, dp)
	}
}

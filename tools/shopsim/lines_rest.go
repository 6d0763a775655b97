package shopsim

import (
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/tools/shopsim/internal/cart"
	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// writeLines writes the lines of a REST body: rows with an id change that line,
// rows without one add a line, a removed product or quantity 0 takes it away.
// The order's sums are made again if anything changed.
func (t *tx) writeLines(o, body *phpjson.Value) error {
	changed := false
	for _, part := range []struct {
		key   string
		write func(o, row *phpjson.Value) error
	}{{"line_items", t.writeLine}, {"shipping_lines", t.writeShipping}, {"fee_lines", t.writeFee}} {
		for _, row := range body.Get(part.key).Items() {
			changed = true
			if err := part.write(o, row); err != nil {
				return err
			}
		}
	}
	if rows := body.Get("coupon_lines").Items(); len(rows) > 0 {
		return t.writeCoupons(o, rows)
	}
	if changed {
		t.reckon(o)
	}
	return nil
}

func (t *tx) writeLine(o, row *phpjson.Value) error {
	if id := row.Get("id").Int(); id != 0 {
		return t.changeLine(o, row, id)
	}
	p := t.wanted(row)
	if p == nil && row.Get("name").Text() == "" {
		return fault(400, "woocommerce_rest_required_product_reference", "Product ID or SKU is required.")
	}
	quantity := int64(1)
	if row.Has("quantity") {
		quantity = row.Get("quantity").Int()
	}
	l := t.newLine(p, quantity)
	amount := t.netPrice(p).Mul(decimal.NewFromInt(quantity))
	l.Set("subtotal", phpjson.Text(amount.String()))
	l.Set("total", l.Get("subtotal"))
	setTexts(l, row, "name", "tax_class", "subtotal", "total")
	if row.Has("subtotal") && !row.Has("total") {
		l.Set("total", l.Get("subtotal"))
	}
	t.writeLineMeta(l, row.Get("meta_data"))
	o.Get("line_items").Append(l)
	return nil
}

func (t *tx) changeLine(o, row *phpjson.Value, id int64) error {
	l := findID(o.Get("line_items"), id)
	if l == nil {
		return fault(400, "woocommerce_rest_invalid_item_id", "Order item ID provided is not associated with order.")
	}
	removed := row.Has("product_id") && row.Get("product_id").IsNull() || row.Has("quantity") && row.Get("quantity").Int() == 0
	if removed {
		t.returnStock(l)
		o.Set("line_items", without(o.Get("line_items"), id))
		return nil
	}
	if q := row.Get("quantity"); q != nil {
		t.rescale(l, q.Int())
	}
	setTexts(l, row, "name", "tax_class", "subtotal", "total")
	t.writeLineMeta(l, row.Get("meta_data"))
	return nil
}

// writeLineMeta writes a line's meta data: each row replaces the one of its key.
func (t *tx) writeLineMeta(l, rows *phpjson.Value) {
	for _, row := range rows.Items() {
		key, value := row.Get("key").Text(), metaValue(row.Get("value"))
		if old := findMeta(l.Get("meta_data"), key); old != nil {
			l.Set("meta_data", dropMeta(l.Get("meta_data"), key))
		}
		if !value.IsNull() {
			m := t.lineMeta(key, "", key, value.Text())
			m.Set("value", value)
			l.Get("meta_data").Append(m)
		}
	}
}

// rescale changes a line's quantity at its unit price.
func (t *tx) rescale(l *phpjson.Value, quantity int64) {
	old := decimal.NewFromInt(max(l.Get("quantity").Int(), 1))
	for _, key := range []string{"subtotal", "total"} {
		amount := dec(l.Get(key).Text()).Mul(decimal.NewFromInt(quantity)).DivRound(old, 6)
		l.Set(key, phpjson.Text(amount.String()))
	}
	l.Set("quantity", phpjson.Int(quantity))
}

// wanted is the product that a new line names by variation, id or SKU.
func (t *tx) wanted(row *phpjson.Value) *phpjson.Value {
	for _, key := range []string{"variation_id", "product_id"} {
		if id := row.Get(key).Int(); id != 0 {
			return t.get(products, id)
		}
	}
	if sku := row.Get("sku").Text(); sku != "" {
		return t.bySKU(sku)
	}
	return nil
}

func (t *tx) bySKU(sku string) *phpjson.Value {
	for _, p := range t.all(products) {
		if p.Get("sku").Text() == sku {
			return p
		}
	}
	return nil
}

// netPrice is a product's price without tax.
func (t *tx) netPrice(p *phpjson.Value) decimal.Decimal {
	price := dec(p.Get("price").Text())
	if t.shop.cfg.PricesIncludeTax && p.Get("tax_status").Text() != "none" {
		return cart.Net(price, cart.RatesAt(taxTable, base, p.Get("tax_class").Text()))
	}
	return price
}

func (t *tx) writeShipping(o, row *phpjson.Value) error {
	lines := o.Get("shipping_lines")
	s := findID(lines, row.Get("id").Int())
	switch {
	case s == nil:
		s = t.newShipping(carrier{id: row.Get("method_id").Text(), title: row.Get("method_title").Text(), price: "0.00"}, phpjson.List())
		lines.Append(s)
	case row.Has("method_id") && row.Get("method_id").IsNull():
		o.Set("shipping_lines", without(lines, row.Get("id").Int()))
		return nil
	}
	setTexts(s, row, "method_title", "method_id", "instance_id", "total")
	return nil
}

func (t *tx) writeFee(o, row *phpjson.Value) error {
	lines := o.Get("fee_lines")
	f := findID(lines, row.Get("id").Int())
	switch {
	case f == nil:
		f = t.newFee(row.Get("name").Text(), "")
		lines.Append(f)
	case row.Has("name") && row.Get("name").IsNull():
		o.Set("fee_lines", without(lines, row.Get("id").Int()))
		return nil
	}
	setTexts(f, row, "name", "tax_class", "tax_status", "amount", "total")
	return nil
}

// writeCoupons replaces an order's coupons and takes them off its lines again.
func (t *tx) writeCoupons(o *phpjson.Value, rows []*phpjson.Value) error {
	var used []cart.Coupon
	for _, row := range rows {
		i := slices.IndexFunc(vouchers, func(v cart.Coupon) bool { return v.Code == strings.ToLower(row.Get("code").Text()) })
		if i < 0 {
			return fault(400, "woocommerce_rest_invalid_coupon", `Coupon "`+row.Get("code").Text()+`" does not exist!`)
		}
		used = append(used, vouchers[i])
	}
	c := t.readCart(o)
	for i := range c.Lines {
		c.Lines[i].Total = c.Lines[i].Subtotal
	}
	lines := phpjson.List()
	for _, a := range c.Apply(used) {
		lines.Append(t.newCouponLine(a))
	}
	o.Set("coupon_lines", lines)
	t.writeSums(o, c.Sum())
	return nil
}

// setTexts copies the members named from a REST row, as text.
func setTexts(to, row *phpjson.Value, keys ...string) {
	for _, key := range keys {
		if v := row.Get(key); v != nil && !v.IsNull() {
			to.Set(key, phpjson.Text(v.Text()))
		}
	}
}

func without(list *phpjson.Value, id int64) *phpjson.Value {
	kept := phpjson.List()
	for _, row := range list.Items() {
		if row.Get("id").Int() != id {
			kept.Append(row)
		}
	}
	return kept
}

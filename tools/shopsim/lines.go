package shopsim

import (
	"slices"
	"strings"

	"github.com/orderstream/orderstream/tools/shopsim/internal/cart"
	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// newLine is a product line without amounts; p nil makes a line of no product.
func (t *tx) newLine(p *phpjson.Value, quantity int64) *phpjson.Value {
	l := phpjson.Obj(phpjson.N("id", t.next(lineIDs)), phpjson.T("name", p.Get("name").Text()), phpjson.N("product_id", p.Get("id").Int()), phpjson.N("variation_id", 0),
		phpjson.N("quantity", quantity), phpjson.T("tax_class", p.Get("tax_class").Text()),
		phpjson.T("subtotal", "0.00"), phpjson.T("subtotal_tax", "0.00"), phpjson.T("total", "0.00"), phpjson.T("total_tax", "0.00"),
		phpjson.F("taxes", phpjson.List()), phpjson.F("meta_data", t.chosen(p)),
		phpjson.F("sku", or(p == nil, phpjson.NullValue(), p.Get("sku"))), phpjson.F("global_unique_id", or(p == nil, phpjson.NullValue(), p.Get("global_unique_id"))),
		phpjson.N("price", 0), phpjson.F("image", phpjson.Obj(phpjson.T("id", ""), phpjson.T("src", ""))), phpjson.F("parent_name", phpjson.NullValue()))
	if t.shop.cfg.major() < 9 {
		l.Delete("global_unique_id")
	}
	parent := p.Get("parent_id").Int()
	if parent != 0 {
		l.Set("product_id", phpjson.Int(parent))
		l.Set("variation_id", p.Get("id"))
		l.Set("parent_name", t.get(products, parent).Get("name"))
	}
	if parent != 0 || p == nil {
		l.Set("image", phpjson.Obj(phpjson.N("id", 0), phpjson.T("src", "")))
	}
	return l
}

// chosen are the attributes of a variation as a line's meta data.
func (t *tx) chosen(p *phpjson.Value) *phpjson.Value {
	list := phpjson.List()
	if p.Get("type").Text() != "variation" {
		return list
	}
	for _, a := range p.Get("attributes").Items() {
		value := a.Get("option").Text()
		if strings.HasPrefix(a.Get("slug").Text(), "pa_") {
			value = strings.ReplaceAll(strings.ToLower(value), " ", "-")
		}
		list.Append(t.lineMeta(a.Get("slug").Text(), value, a.Get("name").Text(), a.Get("option").Text()))
	}
	return list
}

// newShipping is a shipping line without taxes. The items it carries are named
// in its meta data, with HTML entities, as the store does.
func (t *tx) newShipping(c carrier, lines *phpjson.Value) *phpjson.Value {
	s := phpjson.Obj(phpjson.N("id", t.next(lineIDs)), phpjson.T("method_title", c.title), phpjson.T("method_id", c.id), phpjson.T("instance_id", c.instance),
		phpjson.T("total", c.price), phpjson.T("total_tax", "0.00"), phpjson.F("taxes", phpjson.List()), phpjson.T("tax_status", "taxable"), phpjson.F("meta_data", phpjson.List()))
	if t.shop.cfg.major() < 9 {
		s.Delete("tax_status")
	}
	var carried []string
	for _, l := range lines.Items() {
		if !t.product(l).Get("virtual").True() {
			carried = append(carried, l.Get("name").Text()+" &times; "+l.Get("quantity").Text())
		}
	}
	if items := strings.Join(carried, ", "); items != "" {
		s.Get("meta_data").Append(t.lineMeta("Items", items, "Items", items))
	}
	return s
}

func (t *tx) newFee(name, amount string) *phpjson.Value {
	return phpjson.Obj(phpjson.N("id", t.next(lineIDs)), phpjson.T("name", name), phpjson.T("tax_class", ""), phpjson.T("tax_status", "taxable"),
		phpjson.T("amount", amount), phpjson.T("total", dec(amount).StringFixed(cart.Cents)), phpjson.T("total_tax", "0.00"),
		phpjson.F("taxes", phpjson.List()), phpjson.F("meta_data", phpjson.List()))
}

func (t *tx) newCouponLine(a cart.Applied) *phpjson.Value {
	c := a.Coupon
	kindText := phpjson.Text(c.Kind)
	if c.Kind == cart.FixedCart {
		kindText = phpjson.NullValue()
	}
	info := phpjson.List(phpjson.Int(c.ID), phpjson.Text(c.Code), kindText, phpjson.Num(c.Amount.String()))
	if c.FreeShipping {
		info.Append(phpjson.BoolValue(true))
	}
	text := string(info.Bytes())
	return phpjson.Obj(phpjson.N("id", t.next(lineIDs)), phpjson.T("code", c.Code), phpjson.T("discount", a.Discount.String()), phpjson.T("discount_tax", a.Tax.String()),
		phpjson.F("meta_data", phpjson.List(t.lineMeta("coupon_info", text, "coupon_info", text))),
		phpjson.T("discount_type", c.Kind), phpjson.F("nominal_amount", phpjson.Num(c.Amount.String())), phpjson.B("free_shipping", c.FreeShipping))
}

// reserveStock takes an order's pieces out of stock when it leaves the statuses
// that wait for a payment, and puts them back when it is cancelled or waits
// again. What was taken is noted on each line; lines added later take nothing.
func (t *tx) reserveStock(o *phpjson.Value, from, to string) {
	unpaid := []string{"pending", "failed", "checkout-draft", "auto-draft", "cancelled"}
	for _, l := range o.Get("line_items").Items() {
		switch {
		case to == "cancelled" || to == "pending":
			t.returnStock(l)
		case slices.Contains(unpaid, from) && slices.Contains([]string{"processing", "completed", "on-hold"}, to):
			t.takeStock(l)
		}
	}
}

func (t *tx) takeStock(l *phpjson.Value) {
	p := t.product(l)
	if findMeta(l.Get("meta_data"), "_reduced_stock") != nil || p == nil || !t.moveStock(p.Get("id").Int(), -l.Get("quantity").Int()) {
		return
	}
	l.Get("meta_data").Append(t.lineMeta("_reduced_stock", l.Get("quantity").Text(), "_reduced_stock", l.Get("quantity").Text()))
}

func (t *tx) returnStock(l *phpjson.Value) {
	taken := t.took(l)
	if taken == 0 {
		return
	}
	t.moveStock(t.product(l).Get("id").Int(), taken)
	l.Set("meta_data", dropMeta(l.Get("meta_data"), "_reduced_stock"))
}

// took gives the pieces that a line took from the stock of its product and that are not back yet.
func (t *tx) took(l *phpjson.Value) int64 {
	taken := findMeta(l.Get("meta_data"), "_reduced_stock")
	if taken == nil || t.product(l) == nil {
		return 0
	}
	return taken.Get("value").Int()
}

// keepMeta gives a line's meta key a number, where it stands.
func (t *tx) keepMeta(l *phpjson.Value, key string, n int64) {
	if m := findMeta(l.Get("meta_data"), key); m != nil {
		m.Set("value", phpjson.Text(itoa(n)))
		m.Set("display_value", phpjson.Text(itoa(n)))
		return
	}
	l.Get("meta_data").Append(t.lineMeta(key, itoa(n), key, itoa(n)))
}

func findMeta(list *phpjson.Value, key string) *phpjson.Value {
	for _, m := range list.Items() {
		if m.Get("key").Text() == key {
			return m
		}
	}
	return nil
}

func dropMeta(list *phpjson.Value, key string) *phpjson.Value {
	kept := phpjson.List()
	for _, m := range list.Items() {
		if m.Get("key").Text() != key {
			kept.Append(m)
		}
	}
	return kept
}

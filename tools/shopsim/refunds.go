package shopsim

import (
	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/tools/shopsim/internal/cart"
	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// newRefund is a refund record of an order, without lines.
func (t *tx) newRefund(o *phpjson.Value, amount decimal.Decimal, reason string) *phpjson.Value {
	id, order := t.next(postIDs), o.Get("id").Int()
	part := "partial"
	if amount.Equal(t.refundable(o)) {
		part = "full"
	}
	return phpjson.Obj(phpjson.N("id", id), phpjson.N("parent_id", order), phpjson.T("date_created", t.local()), phpjson.T("date_created_gmt", t.gmt()),
		phpjson.F("amount", cents(amount)), phpjson.T("reason", reason), phpjson.N("refunded_by", 1), phpjson.B("refunded_payment", false),
		phpjson.F("meta_data", phpjson.List(t.meta("_refund_type", phpjson.Text(part)))),
		phpjson.F("line_items", phpjson.List()), phpjson.F("shipping_lines", phpjson.List()), phpjson.F("tax_lines", phpjson.List()), phpjson.F("fee_lines", phpjson.List()),
		phpjson.F("_links", t.shop.childLinks(order, "refunds", id)))
}

// refundable is what is left of an order's total after its refunds.
func (t *tx) refundable(o *phpjson.Value) decimal.Decimal {
	left := dec(o.Get("total").Text())
	for _, r := range o.Get("refunds").Items() {
		left = left.Add(dec(r.Get("total").Text()))
	}
	return left
}

// addRefund stores a refund and names it on its order, newest first; refunding
// the whole rest makes the order refunded.
func (t *tx) addRefund(o, refund *phpjson.Value, tax decimal.Decimal) {
	t.put(refunds, refund.Get("id").Int(), refund)
	amount := dec(refund.Get("amount").Text())
	row := phpjson.Obj(phpjson.N("id", refund.Get("id").Int()), phpjson.F("reason", refund.Get("reason")),
		phpjson.F("total", cents(amount.Neg())), phpjson.F("total_tax", cents(tax.Neg())))
	o.Set("refunds", phpjson.List(append([]*phpjson.Value{row}, o.Get("refunds").Items()...)...))
	if amount.IsPositive() && !t.refundable(o).IsPositive() {
		o.Set("status", phpjson.Text("refunded"))
	}
}

// refundRest records what WooCommerce does when an order is set to refunded by
// hand: a refund of the rest, without lines.
func (t *tx) refundRest(o *phpjson.Value) {
	rest := t.refundable(o)
	if !rest.IsPositive() {
		return
	}
	t.addRefund(o, t.newRefund(o, rest, "Order fully refunded."), decimal.Zero)
}

// refundLines copies the refunded part of an order's lines onto a refund, with
// negative quantities and amounts, and gives the amount and the tax in it.
func (t *tx) refundLines(o, refund, wanted *phpjson.Value) (amount, tax decimal.Decimal) {
	rates := map[int64]decimal.Decimal{}
	for _, w := range wanted.Items() {
		line := findID(o.Get("line_items"), w.Get("id").Int())
		if line == nil {
			continue
		}
		total := dec(w.Get("refund_total").Text())
		copied, lineTax := t.refundLine(line, w, total, rates)
		refund.Get("line_items").Append(copied)
		amount, tax = amount.Add(total).Add(lineTax), tax.Add(lineTax)
	}
	for _, l := range o.Get("tax_lines").Items() {
		if part, ok := rates[l.Get("rate_id").Int()]; ok {
			row := l.Clone()
			row.Set("id", phpjson.Int(t.next(lineIDs)))
			row.Set("tax_total", cents(part.Neg()))
			row.Set("shipping_tax_total", phpjson.Text("0.00"))
			refund.Get("tax_lines").Append(row)
		}
	}
	return amount, tax
}

func (t *tx) refundLine(line, w *phpjson.Value, total decimal.Decimal, rates map[int64]decimal.Decimal) (copied *phpjson.Value, tax decimal.Decimal) {
	taxes := phpjson.List()
	for _, part := range w.Get("refund_tax").Items() {
		amount, rate := dec(part.Get("refund_total").Text()), part.Get("id").Int()
		tax, rates[rate] = tax.Add(amount), rates[rate].Add(amount)
		taxes.Append(phpjson.Obj(phpjson.N("id", rate), phpjson.F("total", cents(amount.Neg())), phpjson.F("subtotal", cents(amount.Neg()))))
	}
	copied = line.Clone()
	copied.Set("id", phpjson.Int(t.next(lineIDs)))
	copied.Set("quantity", phpjson.Int(-w.Get("quantity").Int()))
	copied.Set("subtotal", cents(total.Neg()))
	copied.Set("subtotal_tax", cents(tax.Neg()))
	copied.Set("total", cents(total.Neg()))
	copied.Set("total_tax", cents(tax.Neg()))
	copied.Set("taxes", taxes)
	copied.Set("price", unitPrice(total, w.Get("quantity").Int()))
	id := itoa(line.Get("id").Int())
	copied.Set("meta_data", phpjson.List(t.lineMeta("_refunded_item_id", id, "_refunded_item_id", id)))
	return copied, tax
}

func findID(list *phpjson.Value, id int64) *phpjson.Value {
	for _, row := range list.Items() {
		if row.Get("id").Int() == id {
			return row
		}
	}
	return nil
}

// refundView is a refund as the endpoints below an order show it.
func refundView(r *phpjson.Value) *phpjson.Value {
	view := r.Clone()
	view.Delete("parent_id")
	return view
}

func createRefund(c *call) (*reply, error) {
	var refund *phpjson.Value
	err := c.shop.update(func(t *tx) (err error) {
		refund, err = t.refund(c.id(), c.body)
		return err
	})
	if err != nil {
		return nil, err
	}
	// The Location of a real store holds the route's pattern, not the order.
	return created(refundView(refund), c.shop.api(`orders/(?P<order_id>[\d]+)/refunds/`+itoa(refund.Get("id").Int()))), nil
}

func (t *tx) refund(order int64, body *phpjson.Value) (*phpjson.Value, error) {
	o := t.edit(orders, order)
	if o == nil {
		return nil, faultWith(500, "woocommerce_rest_invalid_order_id", "Invalid order ID.", phpjson.Int(404))
	}
	given := dec(body.Get("amount").Text())
	if given.GreaterThan(t.refundable(o)) || given.IsNegative() {
		return nil, badRefund()
	}
	refund := t.newRefund(o, given, body.Get("reason").Text())
	amount, tax := t.refundLines(o, refund, body.Get("line_items"))
	if body.Has("amount") {
		amount = given
	}
	if amount.GreaterThan(t.refundable(o)) {
		return nil, badRefund()
	}
	refund.Set("amount", cents(amount.Round(cart.Cents)))
	t.writeMeta(refund, body.Get("meta_data"))
	t.addRefund(o, refund, tax)
	if restock := body.Get("api_restock"); restock == nil || restock.True() {
		t.restock(o, body.Get("line_items"))
	}
	t.save(o)
	return refund, nil
}

func badRefund() error {
	return faultWith(500, "woocommerce_rest_cannot_create_order_refund", "Invalid refund amount.", phpjson.Int(500))
}

// restock puts the pieces of refunded lines back in stock. What a line took goes down by them, so that a cancellation gives
// back the rest alone; a line that took nothing gives nothing (wc_restock_refunded_items).
func (t *tx) restock(o, wanted *phpjson.Value) {
	for _, w := range wanted.Items() {
		line, back := findID(o.Get("line_items"), w.Get("id").Int()), w.Get("quantity").Int()
		taken := t.took(line)
		if taken == 0 || back == 0 || !t.moveStock(t.product(line).Get("id").Int(), back) {
			continue
		}
		before := findMeta(line.Get("meta_data"), "_restock_refunded_items").Get("value").Int()
		t.keepMeta(line, "_reduced_stock", taken-back)
		t.keepMeta(line, "_restock_refunded_items", before+back)
	}
}

func listOrderRefunds(c *call) (*reply, error) {
	if c.shop.get(orders, c.id()) == nil {
		return nil, fault(404, "woocommerce_rest_order_invalid_id", "Invalid order ID.")
	}
	return c.refundPage(c.shop.of(c.id(), refunds), refundView)
}

func listRefunds(c *call) (*reply, error) {
	return c.refundPage(c.shop.all(refunds), func(r *phpjson.Value) *phpjson.Value { return r })
}

func (c *call) refundPage(rows []*phpjson.Value, view func(*phpjson.Value) *phpjson.Value) (*reply, error) {
	var bad problems
	p := c.paging(&bad)
	if err := bad.err(); err != nil {
		return nil, err
	}
	sortRows(rows, "date_created_gmt", true)
	return c.listed(p, rows, view), nil
}

func getRefund(c *call) (*reply, error) {
	r := c.shop.get(refunds, c.id())
	if r == nil || r.Get("parent_id").Int() != c.parent() {
		return nil, fault(404, "woocommerce_rest_invalid_order_refund_id", "Invalid order refund ID.")
	}
	return ok(refundView(r)), nil
}

// deleteRefund removes a refund. A store tells nobody and leaves the order's
// date_modified alone.
func deleteRefund(c *call) (*reply, error) {
	a, err := getRefund(c)
	if err != nil {
		return nil, err
	}
	if !c.query.flag("force") {
		return nil, fault(501, "woocommerce_rest_trash_not_supported", "Order refunds do not support trashing.")
	}
	return a, c.shop.update(func(t *tx) error {
		t.put(refunds, c.id(), nil)
		o := t.edit(orders, c.parent())
		kept := phpjson.List()
		for _, r := range o.Get("refunds").Items() {
			if r.Get("id").Int() != c.id() {
				kept.Append(r)
			}
		}
		if o != nil {
			o.Set("refunds", kept)
		}
		return nil
	})
}

package shopsim

import (
	"encoding/hex"
	"math/rand/v2"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// orderStatuses are what a store accepts as an order's status.
var orderStatuses = []string{"auto-draft", "pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "checkout-draft"}

// newOrder is an order with nothing on it, of this moment.
func (t *tx) newOrder(id int64, via, status string, customer int64) *phpjson.Value {
	s := t.shop
	null, none := phpjson.NullValue, func(key string) phpjson.Field { return phpjson.F(key, phpjson.List()) }
	money := func(key string) phpjson.Field { return phpjson.T(key, "0.00") }
	key := "wc_order_" + s.token(id, "key", 13)
	return phpjson.Obj(phpjson.N("id", id), phpjson.N("parent_id", 0), phpjson.T("status", status), phpjson.T("currency", s.cfg.Currency),
		phpjson.T("version", s.cfg.Version), phpjson.B("prices_include_tax", s.cfg.PricesIncludeTax),
		phpjson.T("date_created", t.local()), phpjson.T("date_modified", t.local()),
		money("discount_total"), money("discount_tax"), money("shipping_total"), money("shipping_tax"), money("cart_tax"), money("total"), money("total_tax"),
		phpjson.N("customer_id", customer), phpjson.T("order_key", key),
		phpjson.F("billing", newAddress(billingKeys)), phpjson.F("shipping", newAddress(shippingKeys)),
		phpjson.T("payment_method", ""), phpjson.T("payment_method_title", ""), phpjson.T("transaction_id", ""),
		phpjson.T("customer_ip_address", ""), phpjson.T("customer_user_agent", ""), phpjson.T("created_via", via), phpjson.T("customer_note", ""),
		phpjson.F("date_completed", null()), phpjson.F("date_paid", null()), phpjson.T("cart_hash", ""), phpjson.T("number", itoa(id)),
		none("meta_data"), none("line_items"), none("tax_lines"), none("shipping_lines"), none("fee_lines"), none("coupon_lines"), none("refunds"),
		phpjson.T("payment_url", s.home+"/checkout/order-pay/"+itoa(id)+"/?pay_for_order=true&key="+key),
		phpjson.B("is_editable", false), phpjson.B("needs_payment", false), phpjson.B("needs_processing", false),
		phpjson.T("date_created_gmt", t.gmt()), phpjson.T("date_modified_gmt", t.gmt()),
		phpjson.F("date_completed_gmt", null()), phpjson.F("date_paid_gmt", null()),
		phpjson.T("currency_symbol", symbol(s.cfg.Currency)), phpjson.F("_links", s.orderLinks(id, customer)))
}

var (
	billingKeys  = []string{"first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country", "email", "phone"}
	shippingKeys = []string{"first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country", "phone"}
)

func newAddress(keys []string) *phpjson.Value {
	a := phpjson.Obj()
	for _, k := range keys {
		a.Set(k, phpjson.Text(""))
	}
	return a
}

// dice are the random numbers of one thing about one object: the same for the
// same seed, store and object, also after a restart.
func (s *shop) dice(id int64, about string) *rand.Rand {
	mix := uint64(s.seed)
	for _, b := range []byte(s.cfg.Key + "/" + about) {
		mix = mix*1099511628211 + uint64(b)
	}
	return rand.New(rand.NewPCG(mix, uint64(id)))
}

// token is a random-looking word of letters and digits.
func (s *shop) token(id int64, about string, length int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	dice, word := s.dice(id, about), make([]byte, length)
	for i := range word {
		word[i] = letters[dice.IntN(len(letters))]
	}
	return string(word)
}

// digest is a random-looking hexadecimal number of n bytes.
func (s *shop) digest(id int64, about string, n int) string {
	dice, raw := s.dice(id, about), make([]byte, n)
	for i := range raw {
		raw[i] = byte(dice.Uint32())
	}
	return hex.EncodeToString(raw)
}

// setStatus moves an order to a status with everything a store does then but
// the webhook: payment and completion dates, stock, and the refund record of an
// order set to refunded by hand. Both dates stay once they are set.
func (t *tx) setStatus(o *phpjson.Value, status string) {
	from := o.Get("status").Text()
	o.Set("status", phpjson.Text(status))
	paid := status == "completed" || status == "processing" && o.Get("payment_method").Text() != "cod"
	if paid && from != status {
		t.date(o, "date_paid", false)
	}
	if status == "completed" && from != status {
		t.date(o, "date_completed", true)
	}
	t.reserveStock(o, from, status)
	if status == "refunded" && from != status {
		t.refundRest(o)
	}
}

// date sets a date and its UTC twin to now; an older date stays unless it is to
// be renewed.
func (t *tx) date(o *phpjson.Value, key string, renew bool) {
	if !o.Get(key).IsNull() && !renew {
		return
	}
	o.Set(key, phpjson.Text(t.local()))
	o.Set(key+"_gmt", phpjson.Text(t.gmt()))
}

// touch marks an order as saved now and derives what follows from its status
// and total.
func (t *tx) touch(o *phpjson.Value) {
	o.Set("date_modified", phpjson.Text(t.local()))
	o.Set("date_modified_gmt", phpjson.Text(t.gmt()))
	status := o.Get("status").Text()
	owed := dec(o.Get("total").Text()).IsPositive()
	o.Set("is_editable", phpjson.BoolValue(slices.Contains([]string{"pending", "on-hold", "auto-draft"}, status)))
	o.Set("needs_payment", phpjson.BoolValue(owed && slices.Contains([]string{"pending", "failed", "checkout-draft"}, status)))
	o.Set("needs_processing", phpjson.BoolValue(t.needsProcessing(o)))
}

// needsProcessing tells whether a line has a product that is not a download. A
// loaded order may have products this store does not know; it keeps its value.
func (t *tx) needsProcessing(o *phpjson.Value) bool {
	for _, l := range o.Get("line_items").Items() {
		p := t.product(l)
		if p == nil && !l.Get("sku").IsNull() {
			return o.Get("needs_processing").True()
		}
		if p != nil && (!p.Get("virtual").True() || !p.Get("downloadable").True()) {
			return true
		}
	}
	return false
}

// product is the product or variation of an order's line, nil if it is gone.
func (t *tx) product(line *phpjson.Value) *phpjson.Value {
	if v := line.Get("variation_id").Int(); v != 0 {
		return t.get(products, v)
	}
	return t.get(products, line.Get("product_id").Int())
}

// save stores an order that was changed and fires order.updated.
func (t *tx) save(o *phpjson.Value) {
	t.touch(o)
	t.put(orders, o.Get("id").Int(), o)
	t.fire("order.updated", o.Get("id").Int())
}

// trash moves an order to the trash.
func (t *tx) trash(o *phpjson.Value) {
	status := o.Get("status").Text()
	o.Get("meta_data").Append(t.meta("_wp_trash_meta_status", phpjson.Text("wc-"+status)), t.meta("_wp_trash_meta_time", phpjson.Text(itoa(t.now.Unix()))))
	o.Set("status", phpjson.Text("trash"))
	t.touch(o)
	t.fire("order.deleted", o.Get("id").Int())
}

// restore takes an order out of the trash with the status it had.
func (t *tx) restore(o *phpjson.Value) {
	status := "pending"
	kept := phpjson.List()
	for _, m := range o.Get("meta_data").Items() {
		switch m.Get("key").Text() {
		case "_wp_trash_meta_status":
			status = trimStatus(m.Get("value").Text())
		case "_wp_trash_meta_time":
		default:
			kept.Append(m)
		}
	}
	o.Set("meta_data", kept)
	o.Set("status", phpjson.Text(status))
	t.touch(o)
	t.fire("order.restored", o.Get("id").Int())
	if t.shop.cfg.PostsStorage {
		t.fire("order.updated", o.Get("id").Int())
	}
}

func trimStatus(stored string) string {
	if len(stored) > 3 && stored[:3] == "wc-" {
		return stored[3:]
	}
	return stored
}

// erase removes an order for good with its refunds and notes; no webhook says so.
func (t *tx) erase(id int64) {
	t.eraseRefunds(id)
	for _, n := range t.of(id, notes) {
		t.put(notes, n.Get("id").Int(), nil)
	}
	t.put(orders, id, nil)
}

// eraseRefunds removes the refund records of an order, not what it says of them.
func (t *tx) eraseRefunds(id int64) {
	for _, r := range t.of(id, refunds) {
		t.put(refunds, r.Get("id").Int(), nil)
	}
}

// dec reads an amount; anything else counts as nothing.
func dec(text string) decimal.Decimal {
	d, err := decimal.NewFromString(text)
	if err != nil {
		return decimal.Zero
	}
	return d
}

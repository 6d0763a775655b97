package shopsim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/tools/shopsim/internal/cart"
	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// The two checkouts of WooCommerce.
const (
	Block   = "block"   // the default: order.updated is queued before order.created
	Classic = "classic" // the shortcode page: order.created comes first
)

// Placement says what to place.
type Placement struct {
	Store    string // "" is the first store
	Count    int    // 0 places one
	Checkout string // Block or Classic; "" draws one for each order
	Status   string // the status after checkout; "" leaves it to the payment method
	Product  int64  // this product or variation and nothing else, as long as it is in stock; 0 draws a basket
	Quantity int64  // of Product; 0 buys one
	Beside   int64  // one of this product or variation besides Product; 0: nothing
}

func (p Placement) check() error {
	if p.Count < 0 || p.Count > 10_000 {
		return fmt.Errorf("count %d: must be 1 to 10000", p.Count)
	}
	if !slices.Contains([]string{"", Block, Classic}, p.Checkout) {
		return fmt.Errorf("checkout %q: must be %s or %s", p.Checkout, Block, Classic)
	}
	if p.Quantity < 0 {
		return fmt.Errorf("quantity %d: must be at least 1", p.Quantity)
	}
	for _, product := range []int64{p.Product, p.Beside} {
		if product != 0 && articleOf(product).sku == "" {
			return fmt.Errorf("product %d: must be one of the catalogue that has a SKU", product)
		}
	}
	if p.Beside != 0 && (p.Product == 0 || p.Product == p.Beside) {
		return fmt.Errorf("beside %d: must be another product than %d", p.Beside, p.Product)
	}
	if p.Status != "" && !slices.Contains(orderStatuses, p.Status) {
		return fmt.Errorf("status %q: must be one of %s", p.Status, strings.Join(orderStatuses, ", "))
	}
	return nil
}

// basket is what one shopper is about to buy.
type basket struct {
	who      shopper
	customer int64
	items    []pickedItem
	coupons  []cart.Coupon
	fees     [][2]string // name and amount
	gateway  gateway
	checkout string
}

type pickedItem struct{ product, quantity int64 }

// soldOut tells whether checkout refuses a product.
func (t *tx) soldOut(id int64) bool {
	p := t.get(products, id)
	return p.Get("manage_stock").True() && p.Get("stock_quantity").Int() <= 0 && !p.Get("backorders_allowed").True()
}

// checkout places one made-up order and fires what a store fires.
func (t *tx) checkout(p Placement) int64 {
	id := t.next(postIDs)
	dice := t.shop.dice(id, "basket")
	b := t.fillBasket(dice, id)
	if p.Product != 0 {
		b.items = []pickedItem{{p.Product, max(p.Quantity, 1)}}
	}
	if p.Beside != 0 {
		b.items = append(b.items, pickedItem{p.Beside, 1})
	}
	if p.Checkout != "" {
		b.checkout = p.Checkout
	}
	if slices.Contains([]string{"pending", "failed"}, p.Status) {
		b.gateway = gateways[0]
	}
	o := t.newOrder(id, or(b.checkout == Block, "store-api", "checkout"), "pending", b.customer)
	t.put(orders, id, o)
	t.writeBasket(o, b)
	t.describe(o, b, dice)
	status := or(p.Status == "", b.gateway.status, p.Status)
	t.pay(o, b, status)
	t.touch(o)
	t.announce(id, b.checkout, status)
	return id
}

// announce fires a new order's topics in the order of the checkout used. An
// order that waits for its payment was saved only once.
func (t *tx) announce(id int64, checkout, status string) {
	topics := []string{"order.created", "order.updated"}
	switch {
	case checkout == Block && !t.shop.cfg.PostsStorage:
		topics = []string{"order.updated", "order.created"}
	case checkout == Classic && status == "pending":
		topics = topics[:1]
	}
	for _, topic := range topics {
		t.fire(topic, id)
	}
}

func (t *tx) fillBasket(dice *rand.Rand, id int64) basket {
	b := basket{who: shoppers[dice.IntN(len(shoppers))], checkout: or(dice.IntN(4) == 0, Classic, Block)}
	switch dice.IntN(10) {
	case 0, 1, 2:
		b.who = regulars[dice.IntN(len(regulars))]
		b.customer = t.byEmail(b.who.mail).Get("id").Int()
	case 3, 4: // a guest who comes back
	default:
		name, host, _ := strings.Cut(b.who.mail, "@")
		b.who.mail = name + itoa(id) + "@" + host
	}
	for range 1 + dice.IntN(4) {
		b.add(dice)
	}
	switch dice.IntN(8) {
	case 0:
		b.coupons = []cart.Coupon{vouchers[0]}
	case 1:
		b.coupons = []cart.Coupon{vouchers[0], vouchers[1]}
	case 2:
		b.coupons = []cart.Coupon{vouchers[2]}
	}
	switch dice.IntN(12) {
	case 0:
		b.fees = [][2]string{{"Gift wrap", "4.5"}}
	case 1:
		b.fees = [][2]string{{"Gift wrap", "4.5"}, {"Loyalty discount", "-2"}}
	}
	b.gateway = gateways[max(0, dice.IntN(len(gateways)+3)-3)]
	return b
}

// add puts one more article in the basket, the same one only once.
func (b *basket) add(dice *rand.Rand) {
	a := catalogue[dice.IntN(len(catalogue))]
	if a.id == 26 || a.id == 19 || a.id == 18 && dice.IntN(5) > 0 {
		a = catalogue[0]
	}
	quantity := int64(1 + dice.IntN(3))
	switch a.id {
	case 16:
		quantity = 1
	case 23:
		quantity = int64(5 + dice.IntN(46))
	}
	for _, have := range b.items {
		if have.product == a.id {
			return
		}
	}
	b.items = append(b.items, pickedItem{a.id, quantity})
}

// writeBasket writes addresses, lines and money onto a new order. Amounts that
// are not whole cents stay exact until they are summed.
func (t *tx) writeBasket(o *phpjson.Value, b basket) {
	b.who.fill(o.Get("billing"), b.who.mail)
	b.who.fill(o.Get("shipping"), "")
	c := cart.Order{Rates: taxTable, Place: taxPlace(o), HalfDown: t.shop.cfg.PricesIncludeTax}
	gross, ships, free := decimal.Zero, false, false
	for _, item := range b.items {
		p := t.get(products, item.product)
		amount := t.netPrice(p).Mul(decimal.NewFromInt(item.quantity))
		l := t.newLine(p, item.quantity)
		c.Lines = append(c.Lines, cart.Line{ProductID: l.Get("product_id").Int(), Quantity: item.quantity, Subtotal: amount, Total: amount,
			Class: p.Get("tax_class").Text(), TaxFree: p.Get("tax_status").Text() == "none"})
		o.Get("line_items").Append(l)
		gross, ships = gross.Add(amount), ships || !p.Get("virtual").True()
	}
	for _, used := range b.coupons {
		free = free || used.FreeShipping
	}
	if ships {
		way := carrierFor(b.who.country, gross, free)
		o.Get("shipping_lines").Append(t.newShipping(way, o.Get("line_items")))
		c.Shipping = append(c.Shipping, dec(way.price))
	}
	for _, fee := range b.fees {
		o.Get("fee_lines").Append(t.newFee(fee[0], fee[1]))
		c.Fees = append(c.Fees, cart.Fee{Amount: dec(fee[1])})
	}
	for _, a := range c.Apply(b.coupons) {
		if a.Discount.IsPositive() {
			o.Get("coupon_lines").Append(t.newCouponLine(a))
		}
	}
	t.writeSums(o, c.Sum())
}

// describe writes what a store knows of the visit.
func (t *tx) describe(o *phpjson.Value, b basket, dice *rand.Rand) {
	id := o.Get("id").Int()
	setTexts(o, phpjson.Obj(
		phpjson.T("customer_note", b.who.note), phpjson.T("cart_hash", t.shop.digest(id, "cart", 16)),
		phpjson.T("customer_ip_address", fmt.Sprintf("203.0.113.%d", 1+dice.IntN(254))),
		phpjson.T("customer_user_agent", "Mozilla/5.0 (X11; Linux x86_64) shopper")),
		"customer_note", "cart_hash", "customer_ip_address", "customer_user_agent")
	meta := o.Get("meta_data")
	if b.checkout == Block {
		meta.Append(t.meta("_shipping_hash", phpjson.Text(t.shop.digest(id, "shipping", 16))), t.meta("_coupons_hash", phpjson.Text("d751713988987e9331980363e24189ce")),
			t.meta("_fees_hash", phpjson.Text("d751713988987e9331980363e24189ce")), t.meta("_taxes_hash", phpjson.Text(t.shop.digest(id, "taxes", 16))))
	}
	meta.Append(t.meta("is_vat_exempt", phpjson.Text("no")))
	if dice.IntN(3) == 0 {
		meta.Append(t.meta("_wc_order_attribution_source_type", phpjson.Text("utm")), t.meta("_wc_order_attribution_utm_source", phpjson.Text([]string{"newsletter", "google", "instagram"}[dice.IntN(3)])))
	}
	if b.who.company != "" && dice.IntN(2) == 0 {
		meta.Append(t.meta("po_number", phpjson.Text(fmt.Sprintf("PO-%d-%04d", t.now.Year(), dice.IntN(10000)))))
	}
}

// pay writes the payment and moves the order to its status. An order of nothing
// needs no payment method; one of downloads alone is complete once paid.
func (t *tx) pay(o *phpjson.Value, b basket, status string) {
	id := o.Get("id").Int()
	if dec(o.Get("total").Text()).IsPositive() {
		o.Set("payment_method", phpjson.Text(b.gateway.id))
		o.Set("payment_method_title", phpjson.Text(b.gateway.title))
	}
	if b.gateway.card && slices.Contains([]string{"processing", "completed"}, status) {
		o.Set("transaction_id", phpjson.Text("ch_"+strings.ToUpper(t.shop.digest(id, "charge", 9))))
		fee := decimal.New(88, -2)
		net := dec(o.Get("total").Text()).Sub(fee)
		o.Get("meta_data").Append(t.meta("_rig_card_last4", phpjson.Text("4242")), t.meta("_rig_card_brand", phpjson.Text("visa")),
			t.meta("_rig_card_fee", phpjson.Text(fee.String())), t.meta("_rig_card_net", phpjson.Text(net.String())))
	}
	if status == "processing" && b.gateway.card && !t.needsProcessing(o) {
		status = "completed"
	}
	if status != "pending" {
		t.setStatus(o, status)
	}
	if b.customer != 0 {
		t.edit(customers, b.customer).Set("is_paying_customer", phpjson.BoolValue(true))
	}
}

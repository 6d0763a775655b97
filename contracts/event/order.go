package event

import (
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/money"
)

// OrderStateV1 is one state of a shop order: the body of every order.v1.<kind>. An event says "the order
// looks like this"; the kind says what changed against the state before it.
type OrderStateV1 struct {
	Envelope
	Order        string         `json:"order"`  // the shop's id
	Number       string         `json:"number"` // what people call it; equals the id unless a plugin numbers orders
	Kind         string         `json:"kind"`   // one of the Kind values
	Status       string         `json:"status"` // the shop's word, e.g. "processing"; "deleted" once gone for good
	Version      Version        `json:"version"`
	Hash         string         `json:"hash"`   // of everything below; our own meta keys and dates of modification are not in it
	Source       OrderSource    `json:"source"` // the delivery this state was derived from
	Placed       Placed         `json:"placed"`
	Currency     money.Currency `json:"currency"`
	TaxIncluded  bool           `json:"tax_included"` // the shop's prices include tax; amounts here are net either way
	Customer     Customer       `json:"customer"`
	Billing      Address        `json:"billing"`
	Shipping     Address        `json:"shipping"`
	Payment      Payment        `json:"payment"`
	Lines        []Line         `json:"lines"`
	Shipments    []Shipment     `json:"shipments"` // shipping lines
	Fees         []Fee          `json:"fees"`
	Coupons      []Coupon       `json:"coupons"`
	Taxes        []Tax          `json:"taxes"` // one per rate
	Refunds      []Refund       `json:"refunds"`
	GiftCards    []GiftCard     `json:"gift_cards,omitempty"` // cards redeemed; the shop's total is what was left to pay
	Totals       Totals         `json:"totals"`
	CustomerNote string         `json:"customer_note,omitempty"`
	Delivery     DeliveryWish   `json:"delivery"`
	Meta         []Meta         `json:"meta"` // sorted by key, then text
}

// The kinds of an order event.
const (
	KindPlaced    = "placed"    // the first state seen
	KindUpdated   = "updated"   // none of the others
	KindPaid      = "paid"      // date_paid appeared
	KindCancelled = "cancelled" // status became cancelled
	KindRefunded  = "refunded"  // status became refunded, or a refund appeared
	KindCompleted = "completed" // status became completed
	KindFailed    = "failed"    // status became failed
	KindDeleted   = "deleted"   // trashed, or gone for good
	KindRestored  = "restored"  // out of the trash again
)

// OrderPlacedV1 is the first state of an order.
type OrderPlacedV1 = OrderStateV1

// OrderUpdatedV1 is a state that changed in another way.
type OrderUpdatedV1 = OrderStateV1

// OrderPaidV1 is a state with a payment.
type OrderPaidV1 = OrderStateV1

// OrderCancelledV1 is a cancelled order.
type OrderCancelledV1 = OrderStateV1

// OrderRefundedV1 is a state with a new refund.
type OrderRefundedV1 = OrderStateV1

// OrderCompletedV1 is a completed order.
type OrderCompletedV1 = OrderStateV1

// OrderFailedV1 is an order whose payment failed.
type OrderFailedV1 = OrderStateV1

// OrderDeletedV1 is an order that is trashed or gone.
type OrderDeletedV1 = OrderStateV1

// OrderRestoredV1 is an order out of the trash again.
type OrderRestoredV1 = OrderStateV1

// OrderSource names the delivery a state was derived from.
type OrderSource struct {
	Sequence   uint64    `json:"sequence"` // in WOO
	Topic      string    `json:"topic"`
	Origin     Origin    `json:"origin"`
	ReceivedAt time.Time `json:"received_at"`
}

// Placed says when and where the order was made.
type Placed struct {
	At          time.Time  `json:"at"`                     // UTC, date_created_gmt
	LocalDate   string     `json:"local_date"`             // YYYY-MM-DD in the store's zone, of date_created
	LocalTime   string     `json:"local_time"`             // HH:MM:SS in the store's zone
	CompletedAt *time.Time `json:"completed_at,omitempty"` // UTC; stays set after cancel and refund
	Via         string     `json:"via,omitempty"`          // created_via: checkout, store-api, rest-api, admin
}

// Customer is who ordered.
type Customer struct {
	Account   string `json:"account,omitempty"` // the shop's customer id; empty for a guest
	Email     string `json:"email,omitempty"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	Company   string `json:"company,omitempty"`
	Phone     string `json:"phone,omitempty"`
	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
}

// Address is a postal address as the shop holds it; any part may be empty.
type Address struct {
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	Company   string `json:"company,omitempty"`
	Address1  string `json:"address_1,omitempty"`
	Address2  string `json:"address_2,omitempty"`
	City      string `json:"city,omitempty"`
	State     string `json:"state,omitempty"` // the shop's code: "CA", "DE-BE"
	Postcode  string `json:"postcode,omitempty"`
	Country   string `json:"country,omitempty"` // ISO 3166 alpha-2
	Email     string `json:"email,omitempty"`
	Phone     string `json:"phone,omitempty"`
}

// IsEmpty tells whether no part is set.
func (a Address) IsEmpty() bool { return a == Address{} }

// Payment is how the order is paid.
type Payment struct {
	Method        string     `json:"method,omitempty"` // gateway id, e.g. "stripe"
	Title         string     `json:"title,omitempty"`
	TransactionID string     `json:"transaction_id,omitempty"`
	PaidAt        *time.Time `json:"paid_at,omitempty"`    // UTC; stays set after cancel and refund
	LocalDate     string     `json:"local_date,omitempty"` // YYYY-MM-DD in the store's zone, of date_paid
	Status        string     `json:"status"`               // derived: paid, unpaid, refunded, partially-refunded
}

// Line is a line item. Amounts are net of tax, for the whole line.
type Line struct {
	ID          string       `json:"id"`
	SKU         string       `json:"sku,omitempty"`
	Name        string       `json:"name"`
	ParentName  string       `json:"parent_name,omitempty"`
	ProductID   string       `json:"product_id,omitempty"` // empty: no product, or one deleted since
	VariationID string       `json:"variation_id,omitempty"`
	Quantity    money.Number `json:"quantity"`
	Subtotal    money.Amount `json:"subtotal"` // before coupons
	SubtotalTax money.Amount `json:"subtotal_tax"`
	Total       money.Amount `json:"total"` // after coupons
	TotalTax    money.Amount `json:"total_tax"`
	TaxClass    string       `json:"tax_class,omitempty"`
	Taxes       []LineTax    `json:"taxes"`
	Meta        []Meta       `json:"meta"` // attributes of a variation among them
}

// LineTax is the tax of one line at one rate.
type LineTax struct {
	Rate  string       `json:"rate"` // rate id, key into Taxes
	Total money.Amount `json:"total"`
}

// Shipment is a shipping line.
type Shipment struct {
	ID       string       `json:"id"`
	Method   string       `json:"method,omitempty"`   // e.g. "flat_rate"
	Instance string       `json:"instance,omitempty"` // e.g. "1"
	Title    string       `json:"title,omitempty"`
	Total    money.Amount `json:"total"`
	TotalTax money.Amount `json:"total_tax"`
	Taxes    []LineTax    `json:"taxes"`
	Meta     []Meta       `json:"meta"`
}

// Fee is a fee line of either sign.
type Fee struct {
	ID       string       `json:"id"`
	Name     string       `json:"name"`
	TaxClass string       `json:"tax_class,omitempty"`
	Total    money.Amount `json:"total"`
	TotalTax money.Amount `json:"total_tax"`
	Taxes    []LineTax    `json:"taxes"`
	Meta     []Meta       `json:"meta"`
}

// Coupon is an applied coupon.
type Coupon struct {
	ID          string       `json:"id"`
	Code        string       `json:"code"`
	Discount    money.Amount `json:"discount"`
	DiscountTax money.Amount `json:"discount_tax"`
	Type        string       `json:"type,omitempty"` // percent, fixed_cart, fixed_product
}

// Tax is one rate applied to the order.
type Tax struct {
	ID            string       `json:"id"`
	Rate          string       `json:"rate"` // rate id
	Code          string       `json:"code"` // e.g. "US-CA-CA STATE TAX-1"
	Label         string       `json:"label,omitempty"`
	Compound      bool         `json:"compound"`
	Percent       money.Number `json:"percent"` // 7.25 means 7.25 %
	Total         money.Amount `json:"total"`
	ShippingTotal money.Amount `json:"shipping_total"`
}

// GiftCard is a redeemed gift card: a payment beside the gateway's. Sources: gift_cards (WooCommerce Gift
// Cards), pw_gift_cards_redeemed (PW Gift Cards).
type GiftCard struct {
	Code   string       `json:"code"`
	Amount money.Amount `json:"amount"` // positive
}

// Refund is a refund as the order lists it. Detail is what the shop's own refund record says; nil until it
// was read. A refund that an earlier state listed and this one does not stays here as deleted: money may have
// been booked for it.
type Refund struct {
	ID      string        `json:"id"`
	Reason  string        `json:"reason,omitempty"`
	Total   money.Amount  `json:"total"` // negative
	Deleted bool          `json:"deleted,omitempty"`
	Detail  *RefundDetail `json:"detail,omitempty"`
}

// RefundDetail is the shop's record of a refund: GET /orders/<id>/refunds.
type RefundDetail struct {
	At             time.Time    `json:"at"`              // UTC, date_created_gmt
	LocalDate      string       `json:"local_date"`      // YYYY-MM-DD in the store's zone, of date_created
	ThroughGateway bool         `json:"through_gateway"` // refunded_payment: the gateway was told to pay back
	Lines          []RefundLine `json:"lines"`           // empty: an amount only
}

// RefundLine is one line given back; amounts and quantity are positive.
type RefundLine struct {
	Line     string       `json:"line"` // id of the order's line, shipping line or fee (_refunded_item_id)
	Quantity money.Number `json:"quantity"`
	Total    money.Amount `json:"total"` // net of tax
	Tax      money.Amount `json:"tax"`
}

// Totals are the order's own sums.
type Totals struct {
	Subtotal    money.Amount `json:"subtotal"` // sum of line subtotals
	Discount    money.Amount `json:"discount"`
	DiscountTax money.Amount `json:"discount_tax"`
	Shipping    money.Amount `json:"shipping"`
	ShippingTax money.Amount `json:"shipping_tax"`
	Fees        money.Amount `json:"fees"`
	Tax         money.Amount `json:"tax"` // total_tax
	Total       money.Amount `json:"total"`
	Refunded    money.Amount `json:"refunded"` // positive
}

// DeliveryWish is what the customer asks of the delivery, from the meta keys plugins use for it.
type DeliveryWish struct {
	RequestedDate string `json:"requested_date,omitempty"` // as the shop writes it
	Instructions  string `json:"instructions,omitempty"`
	GiftMessage   string `json:"gift_message,omitempty"`
}

// Meta is one entry of meta_data. Value is the JSON value as canonical text: a string stands bare,
// anything else as its JSON.
type Meta struct {
	Key   string    `json:"key"`
	Value codec.Raw `json:"value"`
}

// CustomerChangedV1 is one state of a shop customer account.
type CustomerChangedV1 struct {
	Envelope
	Customer string      `json:"customer"` // the shop's id
	Version  Version     `json:"version"`
	Hash     string      `json:"hash"`
	Source   OrderSource `json:"source"`
	Person   Customer    `json:"person"`
	Username string      `json:"username,omitempty"`
	Role     string      `json:"role,omitempty"`
	Billing  Address     `json:"billing"`
	Shipping Address     `json:"shipping"`
	Paying   bool        `json:"paying"`
	Meta     []Meta      `json:"meta"`
}

// Package woo holds what WooCommerce sends and answers on the wire (wc/v3), as it is: types wobble, and
// each type here says how. Source of the facts: deliveries and REST answers of WooCommerce 8.9, 10.4 and 11.0.
package woo

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
)

// MetaKey is the meta key under which an order holds what NetSuite knows of it. It and the keys that begin with it are the
// only ones we write to an order; parse leaves them out, so that our own write is no change.
const MetaKey = "_orderstream"

// MetaStatus is the meta key of the mark we set with every status of ours (Mark).
const MetaStatus = MetaKey + "_status"

// MetaDocuments is the meta key of the numbers of NetSuite's documents.
const MetaDocuments = MetaKey + "_documents"

// MetaTracking is the meta key of the tracking numbers, parcel by parcel, in a store that has no other place for them.
const MetaTracking = MetaKey + "_tracking"

// MetaRecord is the meta key by which a fulfilment or refund that we made names NetSuite's record.
const MetaRecord = MetaKey + "_record"

// Mark says which statuses we gave an order, or are about to, and what it was before: while the order has one of them, what
// it was before is the shop's own word. The times are as the order's _gmt fields had them, "" for none: a new status may set them.
type Mark struct {
	Set       []Text `json:"set"`
	From      Text   `json:"from"`
	Paid      Text   `json:"paid"`
	Completed Text   `json:"completed"`
	At        Text   `json:"at,omitempty"` // when we were about to complete it, by the shop's clock; "" where it does not tell
}

// statusCompleted is the one status whose every setting the shop dates.
const statusCompleted = "completed"

// gmt is the layout of the _gmt fields.
const gmt = "2006-01-02T15:04:05"

// patience is how much later than we began the shop may complete an order as we asked.
const patience = 5 * time.Minute

// again tells whether people completed an order anew after we did: it is their word then. The date says so
// (WC_Order::maybe_set_date_completed renews it each time). Other statuses have no date: who repeats one of ours is not
// heard, and NetSuite, whose word it was, holds it already.
func (m Mark) again(o Order) bool {
	at, err := time.Parse(gmt, string(m.At))
	if err != nil || o.Status != statusCompleted {
		return false
	}
	completed, err := time.Parse(gmt, string(o.CompletedGMT))
	return err == nil && completed.Sub(at) > patience
}

// reasonMark begins what tells a refund of ours from the shop's own, at the end of its reason: the order lists a refund's
// reason and amount, and nothing else of it.
const reasonMark = " (orderstream "

// RefundReason words a refund that NetSuite made; record names NetSuite's record.
func RefundReason(number, record string) string {
	return "NetSuite refund " + number + reasonMark + record + ")"
}

// OwnRefund tells whether a reason is one of RefundReason.
func OwnRefund(reason Text) bool {
	return strings.Contains(string(reason), reasonMark) && strings.HasSuffix(string(reason), ")")
}

// trackingKeys are what the tracking plugins, and WooCommerce's fulfilments, write to an order: it is told to the shop by
// us, and no part of what was ordered.
var trackingKeys = []string{"_wc_shipment_tracking_items", "_fulfillment_status"}

// Echo tells whether an order's meta key is one of ours, or one that our writes make the shop write.
func Echo(key Text) bool {
	return strings.HasPrefix(string(key), MetaKey) || slices.Contains(trackingKeys, string(key))
}

// Text is a JSON string, or null, or a number or flag where a plugin put one: its text.
type Text string

// UnmarshalJSON takes any scalar.
func (t *Text) UnmarshalJSON(data []byte) error {
	switch {
	case string(data) == "null":
		*t = ""
	case data[0] == '"' && bytes.IndexByte(data, '\\') < 0:
		*t = Text(data[1 : len(data)-1]) // the common case; the document was checked as a whole
	case data[0] == '"':
		text, err := codec.Decode[string](data)
		if err != nil {
			return err
		}
		*t = Text(text)
	case data[0] == '{' || data[0] == '[':
		return fmt.Errorf("%.40s: want text", data)
	default:
		*t = Text(data)
	}
	return nil
}

// Order is an order as REST answers it and webhooks deliver it. Money is text; ids are numbers.
type Order struct {
	ID            Text           `json:"id"`
	Number        Text           `json:"number"`
	Status        Text           `json:"status"`
	Currency      Text           `json:"currency"`
	PricesTax     bool           `json:"prices_include_tax"`
	Created       Text           `json:"date_created"` // store-local, no offset
	CreatedGMT    Text           `json:"date_created_gmt"`
	ModifiedGMT   Text           `json:"date_modified_gmt"`
	Paid          Text           `json:"date_paid"` // store-local, no offset
	PaidGMT       Text           `json:"date_paid_gmt"`
	CompletedGMT  Text           `json:"date_completed_gmt"`
	CreatedVia    Text           `json:"created_via"`
	DiscountTotal Text           `json:"discount_total"`
	DiscountTax   Text           `json:"discount_tax"`
	ShippingTotal Text           `json:"shipping_total"`
	ShippingTax   Text           `json:"shipping_tax"`
	Total         Text           `json:"total"`
	TotalTax      Text           `json:"total_tax"`
	CustomerID    Text           `json:"customer_id"` // 0: guest
	CustomerIP    Text           `json:"customer_ip_address"`
	CustomerAgent Text           `json:"customer_user_agent"`
	CustomerNote  Text           `json:"customer_note"`
	Billing       Address        `json:"billing"`
	Shipping      Address        `json:"shipping"`
	PaymentMethod Text           `json:"payment_method"`
	PaymentTitle  Text           `json:"payment_method_title"`
	TransactionID Text           `json:"transaction_id"`
	Meta          []Meta         `json:"meta_data"`
	Lines         []LineItem     `json:"line_items"`
	TaxLines      []TaxLine      `json:"tax_lines"`
	ShippingLines []ShippingLine `json:"shipping_lines"`
	FeeLines      []FeeLine      `json:"fee_lines"`
	CouponLines   []CouponLine   `json:"coupon_lines"`
	Refunds       []Refund       `json:"refunds"`
	GiftCards     []GiftCard     `json:"gift_cards"`             // of WooCommerce Gift Cards
	PWGiftCards   []PWGiftCard   `json:"pw_gift_cards_redeemed"` // of PW Gift Cards

	Read time.Time `json:"-"` // when it was asked for, by the shop's clock; zero: unknown
}

// Own is the order as the shop's people left it: a status that we gave it, because NetSuite said so, is taken back, and so
// are the dates that came with it. NetSuite does not hear its own word again.
func (o Order) Own() Order {
	mark, ours := o.mark()
	if !ours {
		return o
	}
	o.Status, o.CompletedGMT = mark.From, mark.Completed
	if mark.Paid == "" {
		o.PaidGMT, o.Paid = "", ""
	}
	return o
}

// mark is the mark of the order's status, if we gave it.
func (o Order) mark() (Mark, bool) {
	for _, m := range o.Meta {
		if m.Key != MetaStatus {
			continue
		}
		text, err := codec.Decode[Text](m.Value)
		if err != nil {
			return Mark{}, false
		}
		mark, err := codec.Decode[Mark]([]byte(text))
		return mark, err == nil && mark.From != "" && slices.Contains(mark.Set, o.Status) && !mark.again(o)
	}
	return Mark{}, false
}

// MarkOf is the mark of a status that we give an order next. Of several of ours in a row it remembers what was before the
// first, and knows each: the mark may stand there before the status does.
func (o Order) MarkOf(status string) Mark {
	mark, ours := o.mark()
	if !ours {
		mark = Mark{From: o.Status, Paid: o.PaidGMT, Completed: o.CompletedGMT}
	}
	if status == statusCompleted && !o.Read.IsZero() {
		mark.At = Text(o.Read.UTC().Format(gmt))
	}
	mark.Set = append(slices.Clip(mark.Set), Text(status))
	return mark
}

// Address is a billing or shipping address.
type Address struct {
	FirstName Text `json:"first_name"`
	LastName  Text `json:"last_name"`
	Company   Text `json:"company"`
	Address1  Text `json:"address_1"`
	Address2  Text `json:"address_2"`
	City      Text `json:"city"`
	State     Text `json:"state"`
	Postcode  Text `json:"postcode"`
	Country   Text `json:"country"`
	Email     Text `json:"email"` // billing only
	Phone     Text `json:"phone"`
}

// Meta is an entry of meta_data; its value may be any JSON.
type Meta struct {
	Key   Text      `json:"key"`
	Value codec.Raw `json:"value"`
}

// LineItem is a line of goods. Its price is a float and not read: it is no money.
type LineItem struct {
	ID          Text         `json:"id"`
	Name        Text         `json:"name"`
	ParentName  Text         `json:"parent_name"`
	ProductID   Text         `json:"product_id"` // 0: none, or deleted
	VariationID Text         `json:"variation_id"`
	Quantity    codec.Number `json:"quantity"`
	TaxClass    Text         `json:"tax_class"`
	Subtotal    Text         `json:"subtotal"`
	SubtotalTax Text         `json:"subtotal_tax"`
	Total       Text         `json:"total"`
	TotalTax    Text         `json:"total_tax"`
	Taxes       []ItemTax    `json:"taxes"`
	SKU         Text         `json:"sku"` // null without a product, "" without a SKU
	Meta        []Meta       `json:"meta_data"`
}

// ItemTax is a line's tax at one rate; total is "" where the rate does not apply.
type ItemTax struct {
	ID    Text `json:"id"`
	Total Text `json:"total"`
}

// TaxLine is one rate of the order.
type TaxLine struct {
	ID            Text         `json:"id"`
	RateCode      Text         `json:"rate_code"`
	RateID        Text         `json:"rate_id"`
	Label         Text         `json:"label"`
	Compound      bool         `json:"compound"`
	TaxTotal      Text         `json:"tax_total"`
	ShippingTotal Text         `json:"shipping_tax_total"`
	RatePercent   codec.Number `json:"rate_percent"`
}

// ShippingLine is a shipping method of the order.
type ShippingLine struct {
	ID         Text      `json:"id"`
	Title      Text      `json:"method_title"`
	MethodID   Text      `json:"method_id"`
	InstanceID Text      `json:"instance_id"`
	Total      Text      `json:"total"`
	TotalTax   Text      `json:"total_tax"`
	Taxes      []ItemTax `json:"taxes"`
	Meta       []Meta    `json:"meta_data"`
}

// FeeLine is a fee of either sign.
type FeeLine struct {
	ID       Text      `json:"id"`
	Name     Text      `json:"name"`
	TaxClass Text      `json:"tax_class"`
	Total    Text      `json:"total"`
	TotalTax Text      `json:"total_tax"`
	Taxes    []ItemTax `json:"taxes"`
	Meta     []Meta    `json:"meta_data"`
}

// CouponLine is an applied coupon; discount is not padded ("5", "1253.9").
type CouponLine struct {
	ID           Text `json:"id"`
	Code         Text `json:"code"`
	Discount     Text `json:"discount"`
	DiscountTax  Text `json:"discount_tax"`
	DiscountType Text `json:"discount_type"`
}

// Refund is a refund as the order lists it.
type Refund struct {
	ID     Text `json:"id"`
	Reason Text `json:"reason"`
	Total  Text `json:"total"` // negative
}

// GiftCard is a card redeemed with the WooCommerce Gift Cards extension.
type GiftCard struct {
	Code   Text `json:"code"`
	Amount Text `json:"amount"` // a number or text
}

// PWGiftCard is a card redeemed with PW Gift Cards.
type PWGiftCard struct {
	Number Text `json:"number"`
	Amount Text `json:"amount"`
}

// RefundRecord is a refund's own record: a row of GET /orders/<id>/refunds. Its lines carry the line they give
// back in the meta key RefundedLine; their quantities and amounts are negative.
type RefundRecord struct {
	ID            Text           `json:"id"`
	Created       Text           `json:"date_created"` // store-local, no offset
	CreatedGMT    Text           `json:"date_created_gmt"`
	Amount        Text           `json:"amount"` // positive
	Reason        Text           `json:"reason"`
	ByGateway     bool           `json:"refunded_payment"`
	Lines         []LineItem     `json:"line_items"`
	ShippingLines []ShippingLine `json:"shipping_lines"`
	FeeLines      []FeeLine      `json:"fee_lines"`
	Meta          []Meta         `json:"meta_data"`
}

// RefundedLine is the meta key under which a refund's line names the order's line.
const RefundedLine = "_refunded_item_id"

// Customer is a customer account.
type Customer struct {
	ID          Text    `json:"id"`
	CreatedGMT  Text    `json:"date_created_gmt"`
	ModifiedGMT Text    `json:"date_modified_gmt"`
	Email       Text    `json:"email"`
	FirstName   Text    `json:"first_name"`
	LastName    Text    `json:"last_name"`
	Role        Text    `json:"role"`
	Username    Text    `json:"username"`
	Billing     Address `json:"billing"`
	Shipping    Address `json:"shipping"`
	Paying      bool    `json:"is_paying_customer"`
	Meta        []Meta  `json:"meta_data"`
}

// Problem is a REST error; a signed delivery may hold one instead of an order. Data may be a number.
type Problem struct {
	Code    string    `json:"code"`
	Message string    `json:"message"`
	Data    codec.Raw `json:"data"`
}

// ParseProblem tells whether a body is a REST error.
func ParseProblem(body []byte) (Problem, bool) {
	p, err := codec.Decode[Problem](body)
	return p, err == nil && p.Code != "" && strings.Contains(p.Code, "_")
}

// timeLayout is how WooCommerce writes date and time; the _gmt fields are UTC without a Z.
const timeLayout = "2006-01-02T15:04:05"

// ParseTime reads a date and time as UTC; "" gives the zero time.
func ParseTime(text Text) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.ParseInLocation(timeLayout, string(text), time.UTC)
}

package mapping

import (
	"bytes"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// Env is what an expression sees.
type Env struct {
	Order  Order  `expr:"order"`
	Line   Line   `expr:"line"`   // the line at hand; empty outside items.fields
	Refund Refund `expr:"refund"` // the refund at hand; empty outside refunds.fields
	Store  Store  `expr:"store"`

	Customer Customer `expr:"customer"` // order.customer
	Lookups  Lookups  `expr:"lookups"`

	Classes []string  `expr:"classes"` // names of the classes the order is in
	Now     time.Time `expr:"now"`     // the event's time, UTC: never a clock's

	Work *Work `expr:"work "` // what the expressions have done; a name that none can write
}

// Store is the shop.
type Store struct {
	Key string `expr:"key"`
}

// Order is an order as expressions see it.
type Order struct {
	ID       string   `expr:"id"`
	Number   string   `expr:"number"`
	Status   string   `expr:"status"`
	Date     string   `expr:"date"`      // YYYY-MM-DD in the store's zone
	Time     string   `expr:"time"`      // HH:MM:SS in the store's zone
	PlacedAt string   `expr:"placed_at"` // RFC 3339, UTC
	Via      string   `expr:"via"`
	Currency string   `expr:"currency"`
	Customer Customer `expr:"customer"`
	Billing  Address  `expr:"billing"`
	Shipping Address  `expr:"shipping"` // the billing address where the shop has none

	Payment       Payment           `expr:"payment"`
	Paid          bool              `expr:"paid"`            // date_paid is set
	FullyRefunded bool              `expr:"fully_refunded"`  // refunds reach the total
	Method        string            `expr:"shipping_method"` // first shipping line, "<method>:<instance>"
	MethodTitle   string            `expr:"shipping_title"`
	Lines         []Line            `expr:"lines"`
	Fees          []Fee             `expr:"fees"`
	Coupons       []string          `expr:"coupons"`
	Note          string            `expr:"customer_note"`
	RequestedDate string            `expr:"requested_date"`
	Instructions  string            `expr:"delivery_instructions"`
	GiftMessage   string            `expr:"gift_message"`
	Total         money.Amount      `expr:"total"`
	Tax           money.Amount      `expr:"tax"`
	ShippingTotal money.Amount      `expr:"shipping_total"`
	Discount      money.Amount      `expr:"discount"`
	Meta          map[string]string `expr:"meta"` // text values bare, others as JSON
}

// Address is a postal address as the shop has it; any part may be empty.
type Address struct {
	FirstName string `expr:"first_name"`
	LastName  string `expr:"last_name"`
	Company   string `expr:"company"`
	Address1  string `expr:"address_1"`
	Address2  string `expr:"address_2"`
	City      string `expr:"city"`
	State     string `expr:"state"` // the shop's code: "CA", "DE-BE"
	Postcode  string `expr:"postcode"`
	Country   string `expr:"country"` // ISO 3166 alpha-2
	Email     string `expr:"email"`
	Phone     string `expr:"phone"`
}

// Customer is who ordered: what the order says, and of an account what the shop last told.
type Customer struct {
	Account   string `expr:"account"`
	Email     string `expr:"email"`
	FirstName string `expr:"first_name"`
	LastName  string `expr:"last_name"`
	Company   string `expr:"company"`
	Phone     string `expr:"phone"`
	IP        string `expr:"ip"`

	Guest  bool        `expr:"guest"`  // the order has no account
	Known  bool        `expr:"known"`  // the shop told of the account; else what follows is empty
	Role   string      `expr:"role"`   // WooCommerce's: customer, subscriber, or a plugin's
	Paying bool        `expr:"paying"` // has paid an order before
	Meta   AccountMeta `expr:"meta"`   // of the account
}

// Payment is how it is paid.
type Payment struct {
	Method        string `expr:"method"`
	Title         string `expr:"title"`
	TransactionID string `expr:"transaction_id"`
	Status        string `expr:"status"`
	PaidAt        string `expr:"paid_at"` // RFC 3339, UTC; "" unpaid
	Date          string `expr:"date"`    // YYYY-MM-DD in the store's zone; "" unpaid
}

// Fee is a fee of either sign.
type Fee struct {
	Name  string       `expr:"name"`
	Total money.Amount `expr:"total"` // net of tax
}

// Refund is money given back.
type Refund struct {
	ID     string       `expr:"id"`
	Reason string       `expr:"reason"`
	Date   string       `expr:"date"` // YYYY-MM-DD in the store's zone
	Amount money.Amount `expr:"amount"`
}

// Line is a line item.
type Line struct {
	ID       string            `expr:"id"`
	SKU      string            `expr:"sku"`
	Name     string            `expr:"name"`
	Parent   string            `expr:"parent_name"`  // of the product a variation belongs to
	Product  string            `expr:"product_id"`   // the shop's
	Variant  string            `expr:"variation_id"` // the shop's; "" where there is none
	TaxClass string            `expr:"tax_class"`
	Quantity money.Number      `expr:"quantity"`
	Subtotal money.Amount      `expr:"subtotal"`
	Total    money.Amount      `expr:"total"`
	Tax      money.Amount      `expr:"tax"`
	Meta     map[string]string `expr:"meta"`
	Stock    Stock             `expr:"stock"` // of the item that the line becomes
}

func envOf(o event.OrderStateV1) Env {
	env := Env{Store: Store{Key: o.Store}, Now: o.Time.UTC(), Work: &Work{}, Order: Order{
		ID: o.Order, Number: o.Number, Status: o.Status, Date: o.Placed.LocalDate, Time: o.Placed.LocalTime, PlacedAt: o.Placed.At.Format(time.RFC3339), Via: o.Placed.Via,
		Currency: string(o.Currency), Billing: Address(o.Billing), Shipping: Address(shipTo(o)), Paid: o.Payment.PaidAt != nil,
		Customer: Customer{
			Account: o.Customer.Account, Email: o.Customer.Email, FirstName: o.Customer.FirstName, LastName: o.Customer.LastName,
			Company: o.Customer.Company, Phone: o.Customer.Phone, IP: o.Customer.IP, Guest: o.Customer.Account == "",
		},
		Payment:       Payment{Method: o.Payment.Method, Title: o.Payment.Title, TransactionID: o.Payment.TransactionID, Status: o.Payment.Status, Date: o.Payment.LocalDate},
		FullyRefunded: o.Payment.Status == "refunded", Note: o.CustomerNote, RequestedDate: o.Delivery.RequestedDate, Instructions: o.Delivery.Instructions,
		GiftMessage: o.Delivery.GiftMessage, Total: o.Totals.Total, Tax: o.Totals.Tax, ShippingTotal: o.Totals.Shipping, Discount: o.Totals.Discount, Meta: texts(o.Meta),
	}}
	env.Customer = env.Order.Customer
	if o.Payment.PaidAt != nil {
		env.Order.Payment.PaidAt = o.Payment.PaidAt.Format(time.RFC3339)
	}
	if len(o.Shipments) > 0 {
		env.Order.Method, env.Order.MethodTitle = methodOf(o.Shipments[0]), o.Shipments[0].Title
	}
	env.Order.Lines, env.Order.Coupons = make([]Line, 0, len(o.Lines)), make([]string, 0, len(o.Coupons))
	for _, line := range o.Lines {
		env.Order.Lines = append(env.Order.Lines, lineOf(line))
	}
	for _, fee := range o.Fees {
		env.Order.Fees = append(env.Order.Fees, Fee{fee.Name, fee.Total})
	}
	for _, coupon := range o.Coupons {
		env.Order.Coupons = append(env.Order.Coupons, coupon.Code)
	}
	return env
}

func methodOf(s event.Shipment) string {
	return strings.TrimSuffix(s.Method+":"+s.Instance, ":")
}

func lineOf(l event.Line) Line {
	return Line{
		ID: l.ID, SKU: l.SKU, Name: l.Name, Parent: l.ParentName, Product: l.ProductID, Variant: l.VariationID, TaxClass: l.TaxClass,
		Quantity: l.Quantity, Subtotal: l.Subtotal, Total: l.Total, Tax: l.TotalTax, Meta: texts(l.Meta),
	}
}

func texts(meta []event.Meta) map[string]string {
	if len(meta) == 0 {
		return nil
	}
	values := make(map[string]string, len(meta))
	for _, m := range meta {
		if _, twice := values[m.Key]; twice {
			continue
		}
		values[m.Key] = metaText(m.Value)
	}
	return values
}

// metaText is a JSON text bare, any other value as its JSON.
func metaText(value codec.Raw) string {
	if len(value) >= 2 && value[0] == '"' && isPlain(string(value)) && bytes.IndexByte(value, '\\') < 0 && bytes.IndexByte(value[1:len(value)-1], '"') < 0 && value[len(value)-1] == '"' {
		return string(value[1 : len(value)-1]) // nothing is escaped
	}
	if text, err := codec.Decode[string](value); err == nil {
		return text
	}
	return string(value)
}

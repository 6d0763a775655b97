// Package mapping turns an order's state into what NetSuite should hold, as a document says: YAML with
// expressions, checked and compiled once, pure afterwards. Same order and same revision give the same bytes
// (Invariant 6). What expressions ask for beside the order is handed in as values and recorded in the desired state. Map names
// SKUs, e-mails and codes, never internal ids.
package mapping

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"

	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/event"
)

// Default is the shipped document.
//
//go:embed documents/default.yaml
var Default []byte

// Document is a mapping as written.
type Document struct {
	Mapping    string          `yaml:"mapping"` // its name
	Version    int             `yaml:"version"` // of the language; 1
	Include    []string        `yaml:"include"` // shared parts beneath this document; none once it is put together (Load)
	Classes    []ClassRule     `yaml:"classes"`
	Validation []ValidRule     `yaml:"validation"`
	Customer   CustomerBlock   `yaml:"customer"`
	Items      ItemBlock       `yaml:"items"`
	Statuses   []StatusRule    `yaml:"statuses"` // first match wins
	SalesOrder SalesOrderBlock `yaml:"sales_order"`
	Routing    RoutingBlock    `yaml:"routing"`
	Shipping   ShippingBlock   `yaml:"shipping"`
	Discounts  DiscountBlock   `yaml:"discounts"`
	Taxes      TaxBlock        `yaml:"taxes"`
	Rounding   RoundingBlock   `yaml:"rounding"`
	Periods    PeriodBlock     `yaml:"periods"`
	Payments   *PaymentBlock   `yaml:"payments"` // absent: no money is booked, as with policy order everywhere
	Refunds    RefundBlock     `yaml:"refunds"`
	Addresses  AddressBlock    `yaml:"addresses"`
	Text       TextBlock       `yaml:"text"`
	Lengths    map[string]int  `yaml:"lengths"` // characters a NetSuite field takes; longer text is cut
	Lookups    LookupBlock     `yaml:"lookups"`

	Tests  []Example            `yaml:"tests"`
	Stores map[string]yaml.Node `yaml:"stores"` // store → what is different for it, written like a document
}

// ClassRule puts orders into a class, whose name expressions find in classes.
type ClassRule struct {
	Name  string `yaml:"name"`
	Group string `yaml:"group"` // of the rules of one group the first match wins; a rule without one stands alone
	When  string `yaml:"when"`
}

// ValidRule refuses orders, or says something about them. It is asked of orders that would be written.
type ValidRule struct {
	Name     string   `yaml:"name"`
	When     string   `yaml:"when"` // what is wrong with the order
	Severity Severity `yaml:"severity"`
	Field    string   `yaml:"field"`   // expression of the value at fault; its text is the field's name
	Message  string   `yaml:"message"` // text with expressions: "a total of ${order.total}"
}

// Severity says what a validation rule does.
type Severity string

// The severities.
const (
	SeverityReject Severity = "reject" // the order is ignored by this rule
	SeverityPark   Severity = "park"   // a person must look: fault validation-failed
	SeverityWarn   Severity = "warn"   // a warning on the order's timeline
)

// RoutingBlock says where an order goes, and each of its lines.
type RoutingBlock struct {
	Orders []RouteRule `yaml:"orders"`
	Lines  []RouteRule `yaml:"lines"`
}

// RouteRule sets fields of an order or a line. Of the rules of one group the first match wins; rules without a group
// are one group.
type RouteRule struct {
	Name   string `yaml:"name"`
	Group  string `yaml:"group"`
	When   string `yaml:"when"` // empty: always
	Route  `yaml:",inline"`
	Fields map[string]string `yaml:"fields"` // NetSuite field → expression, for what has no word here
}

// Route names where something goes; empty words set nothing.
type Route struct {
	Location   string `yaml:"location"`
	Department string `yaml:"department"`
	Class      string `yaml:"class"`
	Subsidiary string `yaml:"subsidiary"`  // of the order and of a new customer
	Form       string `yaml:"form"`        // internal id of the custom form, which NetSuite does not look up by name
	ShipMethod string `yaml:"ship_method"` // name of the ship item; instead of the table's under shipping.methods
}

// CustomerBlock says who the customer is and what a new record holds.
type CustomerBlock struct {
	Identity []Identity        `yaml:"identity"` // what names a customer: the first that the order has; account, email where empty
	Guests   Guests            `yaml:"guests"`   // orders without account
	Default  *Reference        `yaml:"default"`  // for orders without identity; absent: parked
	Rules    []CustomerRule    `yaml:"rules"`
	Fields   map[string]string `yaml:"fields"` // NetSuite field → expression
}

// Identity is what names a customer.
type Identity string

// The identities.
const (
	IdentityAccount Identity = "account" // the shop's account
	IdentityEmail   Identity = "email"
	IdentityCompany Identity = "company" // everyone of a company is one customer, by its name
)

// Guests says whose the orders without account are.
type Guests string

// The guest policies.
const (
	GuestsRecord  Guests = "record"  // a record by their identity; the default
	GuestsDefault Guests = "default" // all of them customer.default's
	GuestsPark    Guests = "park"    // a person must look
)

// CustomerRule sets fields of a new customer. Of the rules of one group the first match wins; rules without a group
// are one group.
type CustomerRule struct {
	Name       string            `yaml:"name"`
	Group      string            `yaml:"group"`
	When       string            `yaml:"when"`        // empty: always
	PriceLevel string            `yaml:"price_level"` // name
	Category   string            `yaml:"category"`    // name
	Subsidiary string            `yaml:"subsidiary"`  // name
	Fields     map[string]string `yaml:"fields"`      // NetSuite field → expression, its class or terms for one
}

// ItemBlock says which item a line becomes: what the table says of its SKU, else the first rule, else the item of the
// SKU's own name.
type ItemBlock struct {
	SKUs     map[string]string `yaml:"skus"` // shop SKU → NetSuite item name
	Rules    []ItemRule        `yaml:"rules"`
	Fallback string            `yaml:"fallback"` // for lines without SKU
	Unknown  Unknown           `yaml:"unknown"`  // a SKU that NetSuite has no item for
	Fee      string            `yaml:"fee"`
	Discount string            `yaml:"discount"`
	Bundles  Bundles           `yaml:"bundles"`
	Fields   map[string]string `yaml:"fields"` // line field → expression over line
}

// ItemRule gives lines an item. All that it asks must hold.
type ItemRule struct {
	Name       string            `yaml:"name"`
	Prefix     string            `yaml:"prefix"`     // of the SKU
	Matches    string            `yaml:"matches"`    // regular expression over the SKU
	Attributes map[string]string `yaml:"attributes"` // meta of the line, attributes of a variation among it
	When       string            `yaml:"when"`       // condition over the line
	Item       string            `yaml:"item"`       // NetSuite item name; $1 is the first group of matches
}

// Unknown says what becomes of a SKU that NetSuite has no item for.
type Unknown string

// The policies for unknown SKUs.
const (
	UnknownPark     Unknown = "park"     // the order is parked, naming the SKU; the default
	UnknownFallback Unknown = "fallback" // the fallback item, described by the line's name
)

// TextBlock says what is taken out of the shop's texts, beside control characters.
type TextBlock struct {
	HTML     HTML     `yaml:"html"`
	Formulas Formulas `yaml:"formulas"`
	Raw      []string `yaml:"raw"` // fields whose formulas are kept; e-mail addresses always are
}

// HTML says what becomes of tags and entities.
type HTML string

// What becomes of HTML.
const (
	HTMLKeep  HTML = "keep"  // the default
	HTMLStrip HTML = "strip" // tags go, entities become their characters
)

// Formulas says what becomes of text that a spreadsheet would run: it begins with = + - @, and is no number.
type Formulas string

// What becomes of formulas.
const (
	FormulasKeep  Formulas = "keep"  // the default
	FormulasQuote Formulas = "quote" // an apostrophe before it
)

// Bundles says which lines of a bundle are carried over. The money is the same either way.
type Bundles string

// The ways to carry bundles over. Sources of the marks: Product Bundles (_bundled_by, _bundle_cart_key), WPC
// Product Bundles (_woosb_parent_id).
const (
	BundlesAll      Bundles = "all"      // every line as the shop lists it; the default
	BundlesParent   Bundles = "parent"   // the bundle alone, with the money of its parts
	BundlesChildren Bundles = "children" // the parts alone, the bundle's money shared out among them
)

// StatusRule says what an order in some state means.
type StatusRule struct {
	Name        string       `yaml:"name"`
	When        string       `yaml:"when"`
	OrderStatus string       `yaml:"order_status"` // A or B
	Closed      bool         `yaml:"closed"`
	Absent      event.Action `yaml:"absent"`
	Open        event.Action `yaml:"open"`
	Fulfilled   event.Action `yaml:"fulfilled"`
	Explanation string       `yaml:"explanation"`
	Warn        bool         `yaml:"warn"`
}

// SalesOrderBlock says what the sales order holds beside lines.
type SalesOrderBlock struct {
	Fields map[string]string `yaml:"fields"` // NetSuite field → expression
}

// ShippingBlock says which ship item a shipping method becomes, and where its cost stands.
type ShippingBlock struct {
	As      ShippingForm      `yaml:"as"`
	Item    string            `yaml:"item"`    // of the line, with as line
	Methods map[string]string `yaml:"methods"` // "<method>:<instance>" or "<method>" → ship item name
}

// ShippingForm is where the cost of shipping stands.
type ShippingForm string

// The forms of the cost of shipping.
const (
	ShippingCost ShippingForm = "cost" // of the order: shippingCost, its tax under the reference SHIPPING; the default
	ShippingLine ShippingForm = "line" // a line of an other-charge item, with a tax reference of its own, where the account does not know SHIPPING
)

// DiscountBlock says how coupons and other discounts are written.
type DiscountBlock struct {
	As DiscountForm `yaml:"as"`
}

// DiscountForm is where a discount stands.
type DiscountForm string

// The forms of a discount.
const (
	DiscountLines  DiscountForm = "lines"  // a Discount item beneath each line; the default
	DiscountHeader DiscountForm = "header" // one sum: discountItem and discountRate of the order
)

// TaxBlock says what a shop's tax is in NetSuite.
type TaxBlock struct {
	Strategy event.TaxMode           `yaml:"strategy"` // override where empty
	Rates    map[string]TaxRate      `yaml:"rates"`    // rate code → type and code; override and codes park an order with another
	Combined map[string]CombinedRate `yaml:"combined"` // codes: rate codes sorted and joined with " + " → one legacy code
	Exempt   string                  `yaml:"exempt"`   // codes, lines: code of what bears no tax; empty: none is sent
	Item     string                  `yaml:"item"`     // lines: the item of tax lines
}

// TaxRate names a tax type and code.
type TaxRate struct {
	Type string `yaml:"type"`
	Code string `yaml:"code"`
}

// CombinedRate is the legacy code of several rates at once.
type CombinedRate struct {
	Code    string `yaml:"code"`
	Percent string `yaml:"percent"` // what NetSuite's code holds; empty: the rates' own, compounded
}

// RoundingBlock bounds the named rounding line.
type RoundingBlock struct {
	Item     string `yaml:"item"`
	PerTen   string `yaml:"per_ten_lines"` // limit for each begun ten lines, e.g. "0.02"
	ZeroUnit string `yaml:"zero_decimal"`  // limit in currencies without decimals, e.g. "1"
}

// PeriodBlock says which accounting periods are closed.
type PeriodBlock struct {
	ClosedThrough string `yaml:"closed_through"` // YYYY-MM-DD, the last closed day
}

// AddressBlock says how addresses are written.
type AddressBlock struct {
	States map[string]string `yaml:"states"` // "<country>:<state>" → NetSuite's; "DE-BE" loses its country by itself
}

// Reference names a record.
type Reference struct {
	Record string `yaml:"record"`
	By     string `yaml:"by"`
	Key    string `yaml:"key"`
}

// Ref gives the reference as it travels.
func (r Reference) Ref() event.Ref { return event.Ref{Record: r.Record, By: r.By, Key: r.Key} }

// Revision names a document's bytes: the first 12 hex digits of their SHA-256.
func Revision(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}

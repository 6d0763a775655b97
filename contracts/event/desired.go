package event

import (
	"time"

	"github.com/orderstream/orderstream/contracts/money"
)

// DesiredOrderV1 says what NetSuite should hold for one order. The writer converges on it: it compares
// with the ledger and does what is missing.
type DesiredOrderV1 struct {
	Envelope
	Account    string           `json:"account"` // account key of the configuration
	Order      string           `json:"order"`
	Number     string           `json:"number"`
	Source     DesiredSource    `json:"source"`
	Inputs     *Inputs          `json:"inputs,omitempty"` // what the mapping asked for beside the order's event
	Policy     Policy           `json:"policy"`
	Customer   Party            `json:"customer"`
	SalesOrder SalesOrder       `json:"sales_order"`
	Deposits   []Deposit        `json:"deposits"`
	Refunds    []CustomerRefund `json:"refunds"`
	GivenBack  []GivenBack      `json:"given_back,omitempty"` // by refunds that are none of Refunds: their money is booked elsewhere
	Bill       *Bill            `json:"bill,omitempty"`
	Expected   Expected         `json:"expected"`
	Rules      []FiredRule      `json:"rules,omitempty"`    // rules beside the policy's that applied, in order
	Warnings   []string         `json:"warnings,omitempty"` // shown on the timeline
	Hash       string           `json:"hash"`               // of everything from policy to expected; rules and warnings apart
}

// DesiredSource names what a desired state was made from. Newest is guarded by (Sequence, MappedAt).
type DesiredSource struct {
	Sequence  uint64    `json:"sequence"` // in ORDERS
	Event     string    `json:"event"`    // id of the order event
	Kind      string    `json:"kind"`
	Status    string    `json:"status"`
	Version   Version   `json:"version"`
	Mapping   string    `json:"mapping"`    // name of the mapping
	Revision  string    `json:"revision"`   // hash of the mapping document
	Published uint64    `json:"published"`  // position at which the revision was made active: larger is newer
	StateHash string    `json:"state_hash"` // hash of the order state
	PlacedAt  time.Time `json:"placed_at"`  // UTC, when the order was made
	Replaces  uint64    `json:"replaces"`   // position in DESIRED of the state this one replaces; 0: none
}

// Inputs are the look-ups that a desired state was made with, as they stood then: with them the same bytes can be derived
// at any time (Invariant 6). Once a state of an order may have become a sales order, later ones keep what it was told.
type Inputs struct {
	Kept     bool           `json:"kept,omitempty"`  // of a state before, which may have become a sales order
	Stock    []StockInput   `json:"stock,omitempty"` // in the order of the items
	Customer *CustomerInput `json:"customer,omitempty"`
}

// StockInput is what NetSuite had last told of an item.
type StockInput struct {
	Item      string          `json:"item"`                // NetSuite's name of the item
	Sequence  uint64          `json:"sequence,omitempty"`  // in NETSUITE_CHANGES; 0: nothing was known
	Locations []LocationInput `json:"locations,omitempty"` // none: the item is inactive, or kept nowhere
}

// LocationInput is what a location has left, in base units; negative is possible.
type LocationInput struct {
	Location  string       `json:"location"` // internal id
	Available money.Number `json:"available"`
}

// CustomerInput is what the shop had last told of the account that ordered.
type CustomerInput struct {
	Account  string            `json:"account"`            // the shop's customer id
	Sequence uint64            `json:"sequence,omitempty"` // in CUSTOMERS; 0: nothing was known
	Role     string            `json:"role,omitempty"`
	Paying   bool              `json:"paying,omitempty"` // has paid an order before
	Meta     map[string]string `json:"meta,omitempty"`   // the keys that the mapping asks for; "" where the account has none
}

// Policy says what to do, by what NetSuite holds already.
type Policy struct {
	Rule        string `json:"rule"`        // name of the mapping rule that fired
	Absent      Action `json:"absent"`      // no sales order yet: create, wait, ignore
	Open        Action `json:"open"`        // a sales order that is open: apply, keep
	Fulfilled   Action `json:"fulfilled"`   // fulfilled or billed, wholly or partly: apply, keep, park
	Explanation string `json:"explanation"` // in words, for outcome and timeline
}

// FiredRule is a rule of the mapping that applied to an order.
type FiredRule struct {
	Section string   `json:"section"` // of the document: classes, validation, routing.orders, …
	Name    string   `json:"name"`
	Lines   []string `json:"lines,omitempty"` // keys of the lines it applied to; none: the order
}

// Action is a verb of Policy.
type Action string

// The actions.
const (
	ActionCreate Action = "create"
	ActionWait   Action = "wait"
	ActionIgnore Action = "ignore"
	ActionApply  Action = "apply"
	ActionKeep   Action = "keep"
	ActionPark   Action = "park"
)

// Party is the customer record.
type Party struct {
	ExternalID string           `json:"external_id,omitempty"` // wc-cust-…; empty: ByName is used
	Default    *Ref             `json:"default,omitempty"`     // the store's named default customer
	Email      string           `json:"email,omitempty"`       // second key of the look-up, lower-case
	Fields     map[string]Value `json:"fields,omitempty"`      // for a new record, keyed by NetSuite's names
	Addresses  []PostalAddress  `json:"addresses,omitempty"`   // address book of a new record
}

// SalesOrder is the sales order record.
type SalesOrder struct {
	ExternalID  string           `json:"external_id"`
	OrderStatus string           `json:"order_status"` // A pending approval, B pending fulfilment
	Closed      bool             `json:"closed"`       // every line closed: status H
	Currency    money.Currency   `json:"currency"`
	Fields      map[string]Value `json:"fields"` // body fields keyed by NetSuite's names
	Billing     *PostalAddress   `json:"billing,omitempty"`
	Shipping    *PostalAddress   `json:"shipping,omitempty"`
	Lines       []OrderLine      `json:"lines"`
	TaxMode     TaxMode          `json:"tax_mode"`
	TaxDetails  []TaxDetail      `json:"tax_details,omitempty"` // with TaxOverride
	Adoption    []AdoptionKey    `json:"adoption,omitempty"`    // look here before a first create
}

// Goods gives the units that open lines take, by item name.
func (o SalesOrder) Goods() map[string]money.Number {
	goods := map[string]money.Number{}
	for _, line := range o.Lines {
		if o.Closed || line.Closed || line.Quantity == nil || line.Quantity.Sign() <= 0 || line.Item.By != "name" {
			continue
		}
		goods[line.Item.Key] = goods[line.Item.Key].Add(*line.Quantity)
	}
	return goods
}

// AdoptedBy lists the fields of Adoption.
func (o SalesOrder) AdoptedBy() (fields []string) {
	for _, key := range o.Adoption {
		fields = append(fields, key.Field)
	}
	return fields
}

// AdoptionKey is one field under which another connector may have stored the order.
type AdoptionKey struct {
	Field string `json:"field"` // SuiteQL column of transaction, e.g. "otherrefnum"
	Value string `json:"value"`
}

// TaxMode says who computes the tax of a sales order.
type TaxMode string

// The tax modes.
const (
	TaxOverride TaxMode = "override" // taxDetailsOverride with the shop's tax per line and rate
	TaxCodes    TaxMode = "codes"    // a legacy tax code per line; NetSuite computes
	TaxEngine   TaxMode = "engine"   // NetSuite's engine computes from addresses and items
	TaxLines    TaxMode = "lines"    // the shop's tax as lines of the order
)

// OrderLine is one line of the sales order.
type OrderLine struct {
	Key          string           `json:"key"` // "line-95", "line-95-discount", "fee-12", "rounding": stable over edits
	Item         Ref              `json:"item"`
	Quantity     *money.Number    `json:"quantity,omitempty"` // none on a Discount item
	Rate         *money.Number    `json:"rate,omitempty"`
	Amount       money.Amount     `json:"amount"`
	Description  string           `json:"description,omitempty"`
	TaxReference string           `json:"tax_reference,omitempty"` // joins TaxDetails
	TaxCode      *Ref             `json:"tax_code,omitempty"`      // with TaxCodes
	CustomPrice  bool             `json:"custom_price"`            // price level -1: rate and amount stand
	Closed       bool             `json:"closed"`
	Fields       map[string]Value `json:"fields,omitempty"`
}

// TaxDetail is one row of SuiteTax's override.
type TaxDetail struct {
	Reference string       `json:"reference"` // a line's TaxReference, or "SHIPPING"
	TaxType   Ref          `json:"tax_type"`
	TaxCode   Ref          `json:"tax_code"`
	Basis     money.Amount `json:"basis"`
	Rate      money.Number `json:"rate"` // percent
	Amount    money.Amount `json:"amount"`
}

// Deposit is the customer deposit of one payment. Its amount is fixed when the payment is first seen: one that
// NetSuite holds keeps its amount.
type Deposit struct {
	ExternalID string           `json:"external_id"` // wc-cd-<store>-<order>-<payment>
	Payment    string           `json:"payment"`     // key of the payment within the order
	Amount     money.Amount     `json:"amount"`
	Fields     map[string]Value `json:"fields"`
	Question   string           `json:"question,omitempty"` // why it cannot be made: parks the deposit, not the order
}

// CustomerRefund is money given back: from the deposit while nothing is billed, else by a credit memo of the
// lines.
type CustomerRefund struct {
	ExternalID  string           `json:"external_id"` // wc-cr-<store>-<order>-<refund>
	Refund      string           `json:"refund"`      // the shop's refund id
	Amount      money.Amount     `json:"amount"`      // positive
	Fields      map[string]Value `json:"fields"`
	Lines       []CreditLine     `json:"lines"`    // empty: an amount only
	Shipping    money.Amount     `json:"shipping"` // shipping cost given back, net of tax
	ShippingTax money.Amount     `json:"shipping_tax"`
	Item        *Ref             `json:"item,omitempty"`     // what a credit memo says of money that no line covers
	Question    string           `json:"question,omitempty"` // why it cannot be made
	Deleted     bool             `json:"deleted,omitempty"`  // the shop lists it no more; what NetSuite holds of it needs a person
}

// GivenBack is what a refund gave back of the sales order where its money is booked elsewhere. No record is made of it; what is
// not shipped yet must not be shipped.
type GivenBack struct {
	Refund      string       `json:"refund"` // the shop's refund id
	Lines       []CreditLine `json:"lines"`
	Shipping    money.Amount `json:"shipping"` // shipping cost given back, net of tax
	ShippingTax money.Amount `json:"shipping_tax"`
}

// CreditLine is a line of the sales order given back, positive.
type CreditLine struct {
	Key      string       `json:"key"` // an OrderLine's
	Quantity money.Number `json:"quantity"`
	Amount   money.Amount `json:"amount"`
	Tax      money.Amount `json:"tax"`
}

// Bill is the bill of an order that its gateway's money policy bills at once.
type Bill struct {
	Record     string           `json:"record"`      // cashSale, invoice
	ExternalID string           `json:"external_id"` // wc-cs-… or wc-inv-…
	Fields     map[string]Value `json:"fields"`
}

// PostalAddress is an address as NetSuite holds it.
type PostalAddress struct {
	Addressee string `json:"addressee,omitempty"`
	Attention string `json:"attention,omitempty"`
	Addr1     string `json:"addr1,omitempty"`
	Addr2     string `json:"addr2,omitempty"`
	City      string `json:"city,omitempty"`
	State     string `json:"state,omitempty"`
	Zip       string `json:"zip,omitempty"`
	Country   string `json:"country,omitempty"` // ISO 3166 alpha-2
	Phone     string `json:"phone,omitempty"`
}

// Ref points at a NetSuite record by what the mapping knows; the writer resolves it to an internal id.
type Ref struct {
	Record string `json:"record"` // item, customer, currency, taxCode, taxType, shipItem, subsidiary, location, …
	By     string `json:"by"`     // id, externalId, name, sku
	Key    string `json:"key"`

	Fallback string `json:"fallback,omitempty"` // taken where NetSuite has no record of the key
}

// Value is one field value; exactly one member is set.
type Value struct {
	Text   *string       `json:"text,omitempty"`
	Number *money.Number `json:"number,omitempty"`
	Flag   *bool         `json:"flag,omitempty"`
	Ref    *Ref          `json:"ref,omitempty"`
	Empty  bool          `json:"empty,omitempty"` // clears the field
}

// Expected is what a read-back must show.
type Expected struct {
	Total     money.Amount `json:"total"`
	Net       money.Amount `json:"net"` // total without NetSuite's tax: what is verified with TaxCodes and TaxEngine
	ShopTotal money.Amount `json:"shop_total"`
	Rounding  money.Amount `json:"rounding"` // the named rounding line; zero where none
	Lines     int          `json:"lines"`
}

// DesiredCustomerV1 says what NetSuite should hold of a shop's customer account. The writer changes the record of its
// externalId; where there is none it makes none: the account's first order does. What is not named here stays as it is.
type DesiredCustomerV1 struct {
	Envelope
	Account    string                `json:"account"`  // account key of the configuration
	Customer   string                `json:"customer"` // the shop's customer id
	Source     DesiredCustomerSource `json:"source"`
	ExternalID string                `json:"external_id"` // wc-cust-<store>-<customer>
	Fields     map[string]Value      `json:"fields"`      // keyed by NetSuite's names
	Addresses  []PostalAddress       `json:"addresses"`   // the address book has them; others, and its defaults, stay
	Hash       string                `json:"hash"`        // of external id, fields and addresses
}

// DesiredCustomerSource names what a customer's desired state was made from.
type DesiredCustomerSource struct {
	Sequence  uint64  `json:"sequence"` // in CUSTOMERS
	Event     string  `json:"event"`    // id of the customer event
	Version   Version `json:"version"`
	Mapping   string  `json:"mapping"`
	Revision  string  `json:"revision"`
	Published uint64  `json:"published"`
}

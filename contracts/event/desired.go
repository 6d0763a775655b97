package event

import (
	"time"

	"github.com/orderstream/orderstream/contracts/money"
)

// DesiredOrderV1 says what NetSuite should hold for one order. The writer converges on it: it compares
// with the ledger and does what is missing.
type DesiredOrderV1 struct {
	Envelope
	Account    string        `json:"account"` // account key of the configuration
	Order      string        `json:"order"`
	Number     string        `json:"number"`
	Source     DesiredSource `json:"source"`
	Policy     Policy        `json:"policy"`
	Customer   Party         `json:"customer"`
	SalesOrder SalesOrder    `json:"sales_order"`
	Deposits   []Deposit     `json:"deposits"`
	Expected   Expected      `json:"expected"`
	Warnings   []string      `json:"warnings,omitempty"` // shown on the timeline
	Hash       string        `json:"hash"`               // of policy, customer, sales order, deposits and expected
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
	Published uint64    `json:"published"`  // position of the revision in its history: larger is newer
	StateHash string    `json:"state_hash"` // hash of the order state
	PlacedAt  time.Time `json:"placed_at"`  // UTC, when the order was made
}

// Policy says what to do, by what NetSuite holds already.
type Policy struct {
	Rule        string `json:"rule"`        // name of the mapping rule that fired
	Absent      Action `json:"absent"`      // no sales order yet: create, wait, ignore
	Open        Action `json:"open"`        // a sales order that is open: apply, keep
	Fulfilled   Action `json:"fulfilled"`   // fulfilled or billed, wholly or partly: keep, park
	Explanation string `json:"explanation"` // in words, for outcome and timeline
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
	TaxDetails  []TaxDetail      `json:"tax_details,omitempty"` // present: taxDetailsOverride
	Adoption    []AdoptionKey    `json:"adoption,omitempty"`    // look here before a first create
}

// AdoptionKey is one field under which another connector may have stored the order.
type AdoptionKey struct {
	Field string `json:"field"` // SuiteQL column of transaction, e.g. "otherrefnum"
	Value string `json:"value"`
}

// OrderLine is one line of the sales order.
type OrderLine struct {
	Key          string           `json:"key"` // "line-95", "line-95-discount", "fee-12", "rounding": stable over edits
	Item         Ref              `json:"item"`
	Quantity     *money.Number    `json:"quantity,omitempty"` // none on a Discount item
	Rate         *money.Number    `json:"rate,omitempty"`
	Amount       money.Amount     `json:"amount"`
	Description  string           `json:"description,omitempty"`
	TaxReference string           `json:"tax_reference,omitempty"` // joins TaxDetails
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

// Deposit is a customer deposit for one payment.
type Deposit struct {
	ExternalID string           `json:"external_id"`
	Amount     money.Amount     `json:"amount"`
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
	ShopTotal money.Amount `json:"shop_total"`
	Rounding  money.Amount `json:"rounding"` // the named rounding line; zero where none
	Lines     int          `json:"lines"`
}

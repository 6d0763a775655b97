package netsuitesim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"time"
)

// Config says who the account is and how it behaves.
type Config struct {
	// Listen is the address to bind, "127.0.0.1:0" by default.
	Listen string
	// Dir is the folder of the state file; empty keeps all state in memory.
	Dir string
	// Account is the account id as the realm spells it, "1234567_SB1" by default.
	Account string
	// ClientID and CertificateID name the OAuth 2.0 integration and its key.
	ClientID      string
	CertificateID string
	// PublicKey verifies client assertions: *rsa.PublicKey or *ecdsa.PublicKey.
	PublicKey crypto.PublicKey
	// PublicKeyPEM is read when PublicKey is nil: a public key or a certificate.
	PublicKeyPEM []byte
	// TokenLifetime is how long an access token lives, 3600 s by default.
	TokenLifetime time.Duration
	// TBA holds the OAuth 1.0a keys; empty switches that way off.
	TBA TBA
	// ConcurrencyLimit is the number of requests in flight the account allows:
	// 5 (the Standard tier) by default, negative for no limit.
	ConcurrencyLimit int
	// AsyncProcessors is how many tasks of asynchronous jobs run at a time, 2 by
	// default.
	AsyncProcessors int
	// AsyncDelay is how long a job waits in the queue at least.
	AsyncDelay time.Duration
	// CustomFields are the declared custom fields; nil declares
	// [DefaultCustomFields].
	CustomFields []CustomField
	// Switches choose between behaviours that differ between accounts or that
	// Oracle leaves open.
	Switches Switches
	// Now is the clock, time.Now by default.
	Now func() time.Time
}

// TBA are the keys of token-based authentication (OAuth 1.0a).
type TBA struct {
	ConsumerKey    string
	ConsumerSecret string
	TokenID        string
	TokenSecret    string
}

// TaxMode says who computes the tax of a sales order.
type TaxMode string

// The tax modes of an account.
const (
	// TaxOverride is a SuiteTax account: tax detail rows stand when the order
	// says taxDetailsOverride, otherwise the engine computes.
	TaxOverride TaxMode = "override"
	// TaxEngine is a SuiteTax account that computes per line and rate.
	TaxEngine TaxMode = "engine"
	// TaxLegacyLine uses the tax code of each line.
	TaxLegacyLine TaxMode = "legacyLine"
	// TaxLegacyHeader applies one rate to the whole order.
	TaxLegacyHeader TaxMode = "legacyHeader"
)

// Switches are the behaviours that differ between accounts or that Oracle's
// documents leave open; the zero value is the most documented reading.
type Switches struct {
	// Tax is the tax mode, TaxOverride by default.
	Tax TaxMode
	// TaxRateFraction reads taxRate 0.0725 as 7.25 %; otherwise 7.25 is 7.25 %.
	TaxRateFraction bool
	// NoShippingReference refuses the tax detail references SHIPPING and HANDLING.
	NoShippingReference bool
	// RefuseFineAmounts refuses amounts finer than the currency; otherwise
	// they are rounded half away from zero.
	RefuseFineAmounts bool
	// UpsertCreated answers 201 when an upsert inserts, otherwise 204.
	UpsertCreated bool
	// LineStep is the distance between line numbers: 1 by default, larger
	// values leave gaps.
	LineStep int
	// AppendTaxDetails appends tax detail rows on update; otherwise the rows of
	// a body take the place of the stored ones with the same reference.
	AppendTaxDetails bool
	// DefaultOrderStatus is the status of orders that name none, "A" by default.
	DefaultOrderStatus string
	// AnyCurrency lets an order use a currency its customer does not carry.
	AnyCurrency bool
	// Mandatory are the properties that the account's forms demand, by record
	// type: {"salesOrder": {"location"}}.
	Mandatory map[string][]string
	// Lengths changes or adds field maxima in characters, by schema and property
	// as the catalog names them: {"salesOrder-itemElement.description": 40}.
	Lengths map[string]int
	// PaymentMethodField is an account without Payment Instruments: paymentOption
	// does not exist, paymentMethod does.
	PaymentMethodField bool
	// ClosedThrough is the last day (YYYY-MM-DD) of the closed accounting
	// periods; empty leaves all open. [Server.ClosePeriods] changes it.
	ClosedThrough string
	// DefaultReturnStatus is the status of return authorizations that name none,
	// "A" by default.
	DefaultReturnStatus string
	// BillInAdvance lets invoices and cash sales bill what is not fulfilled yet;
	// otherwise goods are billed once they are shipped.
	BillInAdvance bool
	// RefundInAdvance lets credit memos and cash refunds of a return count goods
	// that have not come back yet.
	RefundInAdvance bool
	// AutoApplyDeposits applies the deposits of an order to its new invoices.
	AutoApplyDeposits bool
	// FulfillmentBills makes the invoice with each shipped fulfilment, as
	// accounts without Advanced Shipping do.
	FulfillmentBills bool
	// DiscountToPercent turns a flat header discount into a percentage (two
	// decimals) of the lines that a transformation takes over, unless the body
	// sends discountRate again; otherwise it stays flat.
	DiscountToPercent bool
	// PendingBillingFirst shows a partly fulfilled order as E while fulfilled
	// goods are not billed and as D afterwards; otherwise D shows first and E
	// once something is billed.
	PendingBillingFirst bool
	// ServicesPendBilling shows an approved order without goods as F at once;
	// otherwise its status stays B until it is billed.
	ServicesPendBilling bool
	// UnnamedLinesShip makes a fulfilment or receipt take the lines that its body
	// does not name as well; otherwise they stay behind.
	UnnamedLinesShip bool
	// RelativeLocation answers asynchronous requests with a Location without
	// host, as Oracle's async pages show; otherwise it is absolute.
	RelativeLocation bool
	// Idempotency400 answers a repeated idempotency key with 400, as documented;
	// otherwise with 409, as seen.
	Idempotency400 bool
	// TaskPerItem lists a job's tasks as one item each, as a client expects;
	// otherwise as one item with a link per task, as Oracle's sample shows.
	TaskPerItem bool
	// FailedTaskSucceeds shows the progress of a failed task as succeeded;
	// otherwise as failed.
	FailedTaskSucceeds bool
	// BatchParallel runs batches in parallel unless asked otherwise, as 2026.1
	// did; otherwise in the order of the list.
	BatchParallel bool
	// DeleteWithoutPrefer takes a batch DELETE on without Prefer: respond-async,
	// as Oracle's sample shows.
	DeleteWithoutPrefer bool
	// AsyncSuiteQL lets SuiteQL run asynchronously, as a client does; otherwise
	// it is refused, as documented.
	AsyncSuiteQL bool
	// EmptyFulfillmentFails refuses a fulfilment that names no line; otherwise
	// it ships everything open.
	EmptyFulfillmentFails bool
	// FulfilByUniqueKey reads orderLine as the line's unique key.
	FulfilByUniqueKey bool
	// MissingTransaction400 answers 400 for an unknown transaction id,
	// otherwise 404.
	MissingTransaction400 bool
	// LedgerSigns negates quantity and amounts of sales lines in SuiteQL.
	LedgerSigns bool
	// ShippingLines shows the shipping cost as a transactionline row with the
	// item type ShipItem.
	ShippingLines bool
	// SwappedShipLetters shows SuiteQL ItemShip status A for shipped and C for picked.
	SwappedShipLetters bool
	// MaxAddressee is the length of addressee: 100 by default (83 in some forms).
	MaxAddressee int
}

// CustomField is a field the account declares beyond the standard record.
type CustomField struct {
	// Name carries its place in its prefix: custbody_, custcol_, custentity_.
	Name string
	// Form is text, longText, number, date or checkbox; empty means text.
	Form string
	// MaxBytes bounds text; 0 means 300 for text and 100,000 for longText.
	MaxBytes int
}

// DefaultCustomFields are the fields a WooCommerce integration declares.
func DefaultCustomFields() []CustomField {
	const area = 4000
	return []CustomField{
		{Name: "custbody_wc_order_id"},
		{Name: "custbody_wc_customer_ip"},
		{Name: "custbody_wc_payment_reference"},
		{Name: "custbody_wc_transaction_id"},
		{Name: "custbody_wc_attribution", MaxBytes: area},
		{Name: "custbody_wc_customer_note", Form: "longText"},
		{Name: "custbody_wc_gift_message", MaxBytes: area},
		{Name: "custbody_wc_delivery_instructions", MaxBytes: area},
		{Name: "custbody_wc_requested_date"},
		{Name: "custbody_wc_coupons", MaxBytes: area},
		{Name: "custbody_wc_store"},
		{Name: "custbody_wc_payment_method"},
		{Name: "custbody_wc_payment_status"},
		{Name: "custcol_wc_line_id"},
		{Name: "custentity_wc_customer_id"},
	}
}

// complete fills in the defaults and parses the key.
func (c *Config) complete() error {
	c.Listen = or(c.Listen, "127.0.0.1:0")
	c.Account = or(c.Account, "1234567_SB1")
	c.TokenLifetime = or(c.TokenLifetime, time.Hour)
	c.ConcurrencyLimit = or(c.ConcurrencyLimit, 5)
	c.AsyncProcessors = or(c.AsyncProcessors, 2)
	if c.AsyncProcessors < 1 {
		return fmt.Errorf("asyncProcessors %d: want 1 or more", c.AsyncProcessors)
	}
	c.Switches.Tax = or(c.Switches.Tax, TaxOverride)
	c.Switches.LineStep = or(c.Switches.LineStep, 1)
	c.Switches.DefaultOrderStatus = or(c.Switches.DefaultOrderStatus, "A")
	c.Switches.DefaultReturnStatus = or(c.Switches.DefaultReturnStatus, "A")
	c.Switches.MaxAddressee = or(c.Switches.MaxAddressee, 100)
	if c.CustomFields == nil {
		c.CustomFields = DefaultCustomFields()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	switch c.Switches.Tax {
	case TaxOverride, TaxEngine, TaxLegacyLine, TaxLegacyHeader:
	default:
		return fmt.Errorf("switches: tax %q: want override, engine, legacyLine or legacyHeader", c.Switches.Tax)
	}
	if day := c.Switches.ClosedThrough; day != "" {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return fmt.Errorf("switches: closedThrough %q: want YYYY-MM-DD", day)
		}
	}
	return c.readKey()
}

func (c *Config) readKey() error {
	if c.PublicKey == nil && len(c.PublicKeyPEM) > 0 {
		key, err := parsePublicKey(c.PublicKeyPEM)
		if err != nil {
			return fmt.Errorf("public key: %w", err)
		}
		c.PublicKey = key
	}
	switch c.PublicKey.(type) {
	case nil, *rsa.PublicKey, *ecdsa.PublicKey:
		return nil
	default:
		return fmt.Errorf("public key: %T: want *rsa.PublicKey or *ecdsa.PublicKey", c.PublicKey)
	}
}

func parsePublicKey(text []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("no PEM block")
	}
	if block.Type != "CERTIFICATE" {
		return x509.ParsePKIXPublicKey(block.Bytes)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	return cert.PublicKey, nil
}

// Credentials are one integration's ids and key pair.
type Credentials struct {
	ClientID      string
	CertificateID string
	PrivateKeyPEM []byte // PKCS #8
	PublicKeyPEM  []byte // PKIX
}

// GenerateCredentials makes an EC P-256 key pair (algorithm ES256) with random
// client and certificate ids.
func GenerateCredentials() (Credentials, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Credentials{}, fmt.Errorf("generate key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Credentials{}, fmt.Errorf("encode private key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return Credentials{}, fmt.Errorf("encode public key: %w", err)
	}
	return Credentials{
		ClientID:      hex.EncodeToString(random(32)),
		CertificateID: base64.RawURLEncoding.EncodeToString(random(32)),
		PrivateKeyPEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		PublicKeyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
	}, nil
}

// random returns n random bytes; crypto/rand.Read never fails.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// or returns v, or d when v is the zero value.
func or[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

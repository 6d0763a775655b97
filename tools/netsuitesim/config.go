package netsuitesim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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
	// ClientID and CertificateID name the OAuth 2.0 integration and its first
	// certificate; [Server.MapCertificate] maps further ones.
	ClientID      string
	CertificateID string
	// PublicKey verifies client assertions: *rsa.PublicKey or *ecdsa.PublicKey.
	PublicKey crypto.PublicKey
	// PublicKeyPEM is read when PublicKey is nil: a public key or a certificate.
	PublicKeyPEM []byte
	// TokenLifetime is how long an access token lives, 3600 s by default.
	TokenLifetime time.Duration
	// TBA holds the OAuth 1.0a keys, with the first token; empty switches that
	// way off. [Server.AddTBAToken] adds further tokens.
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
	// Push is where the account's user event posts notices; [Server.SetPush]
	// changes it.
	Push Push
	// Warehouse is how the account's people work; [Server.SetWarehouse] changes
	// it.
	Warehouse Warehouse
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
		{Name: "custbody_wc_order_time"},
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

// complete fills in the defaults.
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
	if c.Switches.QueryZone == nil {
		c.Switches.QueryZone = time.UTC
	}
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
	return nil
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

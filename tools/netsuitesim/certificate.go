package netsuitesim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// What Oracle says of certificates: how many of an integration are active at a time at most (section_162686838198), and
// for how many years one is valid at most (subsect_162755332391).
const (
	activeCertificates = 5
	certificateYears   = 2
)

// Certificate is a row of the page OAuth 2.0 Client Credentials (M2M) Setup.
type Certificate struct {
	ID        string    `json:"id"`                  // empty: NetSuite makes one
	PublicKey string    `json:"publicKey,omitempty"` // PEM of a certificate or a public key; taken, never shown
	From      time.Time `json:"from"`                // zero: what the certificate says, else now
	Until     time.Time `json:"until"`               // likewise, else two years later, which is the most
	Revoked   bool      `json:"revoked"`
}

// mapping is a certificate with its key.
type mapping struct {
	Certificate
	key crypto.PublicKey
}

// certificates are those of the integration, oldest first.
type certificates struct {
	now  func() time.Time
	mu   sync.Mutex
	list []*mapping
}

// newCertificates maps the certificate of the configuration, if there is one.
func newCertificates(cfg *Config) (*certificates, error) {
	c := &certificates{now: cfg.Now}
	first := mapping{Certificate{ID: cfg.CertificateID, PublicKey: string(cfg.PublicKeyPEM)}, cfg.PublicKey}
	if first.key == nil && first.PublicKey == "" {
		return c, nil
	}
	_, err := c.add(first)
	return c, err
}

// add maps a certificate and gives its id.
func (c *certificates) add(m mapping) (string, error) {
	if err := m.complete(c.now()); err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.find(m.ID) != nil {
		return "", fmt.Errorf("id %q: is mapped already", m.ID)
	}
	if c.active() >= activeCertificates {
		return "", fmt.Errorf("certificate %q: %d are active, and %d may be", m.ID, c.active(), activeCertificates)
	}
	c.list = append(c.list, &m)
	return m.ID, nil
}

// complete reads the key and fills in what NetSuite fills in.
func (m *mapping) complete(now time.Time) error {
	if m.Revoked {
		return errors.New("revoked: a certificate is revoked once it is mapped")
	}
	if m.key == nil {
		if err := m.read(); err != nil {
			return fmt.Errorf("public key: %w", err)
		}
	}
	m.PublicKey = ""
	switch m.key.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey:
	default:
		return fmt.Errorf("public key: %T: want *rsa.PublicKey or *ecdsa.PublicKey", m.key)
	}
	m.ID = or(m.ID, base64.RawURLEncoding.EncodeToString(random(32)))
	m.From = or(m.From, now)
	most := m.From.AddDate(certificateYears, 0, 0)
	if m.Until.IsZero() || m.Until.After(most) {
		m.Until = most
	}
	if !m.Until.After(m.From) {
		return fmt.Errorf("until %s: want a time after %s", m.Until, m.From)
	}
	return nil
}

// read takes the key, and of a certificate its times, from the PEM text.
func (m *mapping) read() (err error) {
	block, _ := pem.Decode([]byte(m.PublicKey))
	if block == nil {
		return errors.New("no PEM block")
	}
	if block.Type != "CERTIFICATE" {
		m.key, err = x509.ParsePKIXPublicKey(block.Bytes)
		return err
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	m.key, m.From, m.Until = cert.PublicKey, or(m.From, cert.NotBefore), or(m.Until, cert.NotAfter)
	return nil
}

// find gives the certificate with an id, or nil; the caller holds the lock.
func (c *certificates) find(id string) *mapping {
	for _, m := range c.list {
		if m.ID == id {
			return m
		}
	}
	return nil
}

// active counts those that serve now or later; the caller holds the lock.
func (c *certificates) active() (n int) {
	for _, m := range c.list {
		if !m.Revoked && c.now().Before(m.Until) {
			n++
		}
	}
	return n
}

// key is the key of a certificate that serves; the error says why one does not.
func (c *certificates) key(id string) (crypto.PublicKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, now := c.find(id), c.now()
	switch {
	case m == nil:
		return nil, fmt.Errorf("kid %q: unknown certificate", id)
	case m.Revoked:
		return nil, fmt.Errorf("kid %q: the certificate is revoked", id)
	case now.Before(m.From):
		return nil, fmt.Errorf("kid %q: the certificate is not valid before %s", id, m.From)
	case !now.Before(m.Until):
		return nil, fmt.Errorf("kid %q: the certificate expired at %s", id, m.Until)
	}
	return m.key, nil
}

// change changes a certificate.
func (c *certificates) change(id string, do func(*mapping)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.find(id)
	if m == nil {
		return fmt.Errorf("id %q: unknown certificate", id)
	}
	do(m)
	return nil
}

// MapCertificate maps a further certificate of the integration and returns its id. It does not outlive the process, as
// tokens do not.
func (s *Server) MapCertificate(c Certificate) (string, error) {
	return s.certificates.add(mapping{Certificate: c})
}

// RevokeCertificate revokes a certificate for good.
func (s *Server) RevokeCertificate(id string) error {
	return s.certificates.change(id, func(m *mapping) { m.Revoked = true })
}

// ExpireCertificate ends the validity of a certificate now.
func (s *Server) ExpireCertificate(id string) error {
	return s.certificates.change(id, func(m *mapping) { m.Until = s.cfg.Now() })
}

// Certificates lists the certificates, oldest first, without their keys.
func (s *Server) Certificates() []Certificate {
	s.certificates.mu.Lock()
	defer s.certificates.mu.Unlock()
	list := []Certificate{}
	for _, m := range s.certificates.list {
		list = append(list, m.Certificate)
	}
	return list
}

// idName names a certificate or a token.
type idName struct {
	ID string `json:"id"`
}

// ended reads an id, ends what it names and shows it.
func ended(r *http.Request, end func(id string) error) (any, error) {
	return acted(r, func(n idName) (string, error) { return n.ID, end(n.ID) })
}

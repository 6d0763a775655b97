package netsuitesim

import (
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxCertificates is how many of an integration may be active (since 2026.1).
const maxCertificates = 5

// Certificate is one that is mapped to the integration in the account's OAuth
// 2.0 Client Credentials (M2M) Setup.
type Certificate struct {
	ID         string    `json:"id"`
	PublicKey  string    `json:"publicKey,omitempty"` // PEM, a public key or a certificate
	ValidUntil time.Time `json:"validUntil,omitzero"` // without it there is no end
	Revoked    bool      `json:"revoked"`

	key crypto.PublicKey
}

func (c Certificate) active(now time.Time) bool {
	return !c.Revoked && (c.ValidUntil.IsZero() || now.Before(c.ValidUntil))
}

// certificates are those of the integration, in the order of their mapping.
type certificates struct {
	now  func() time.Time
	mu   sync.Mutex
	list []Certificate
}

func newCertificates(cfg Config) *certificates {
	c := &certificates{now: cfg.Now}
	if cfg.CertificateID != "" && cfg.PublicKey != nil {
		c.list = append(c.list, Certificate{ID: cfg.CertificateID, PublicKey: string(cfg.PublicKeyPEM), key: cfg.PublicKey})
	}
	return c
}

// add maps a certificate.
func (c *certificates) add(added Certificate) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	active := 0
	for _, known := range c.list {
		if known.ID == added.ID {
			return fmt.Errorf("id %q: mapped already", added.ID)
		}
		if known.active(c.now()) {
			active++
		}
	}
	if active >= maxCertificates {
		return fmt.Errorf("id %q: %d certificates of the integration are active: want at most %d", added.ID, active, maxCertificates)
	}
	c.list = append(c.list, added)
	return nil
}

// change changes a mapped certificate.
func (c *certificates) change(id string, do func(*Certificate)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := slices.IndexFunc(c.list, func(known Certificate) bool { return known.ID == id })
	if at < 0 {
		return fmt.Errorf("id %q: no such certificate", id)
	}
	do(&c.list[at])
	return nil
}

// key is that of an active certificate.
func (c *certificates) key(id string) (crypto.PublicKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, known := range c.list {
		if known.ID == id && known.active(c.now()) {
			return known.key, nil
		}
	}
	return nil, fmt.Errorf("kid %q: no active certificate", id)
}

// all lists the certificates.
func (c *certificates) all() []Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

// MapCertificate adds a certificate to those that may sign client assertions,
// beside the one of [Config], until the server stops.
func (s *Server) MapCertificate(c Certificate) error {
	if c.ID == "" {
		return errors.New("id: missing")
	}
	key, err := parsePublicKey([]byte(c.PublicKey))
	if err != nil {
		return fmt.Errorf("publicKey: %w", err)
	}
	if err := publicKeyKind(key); err != nil {
		return err
	}
	c.key = key
	return s.certificates.add(c)
}

// RevokeCertificate ends a certificate, and its access tokens unless
// [Switches] say that they outlive it.
func (s *Server) RevokeCertificate(id string) error {
	if err := s.certificates.change(id, func(c *Certificate) { c.Revoked = true }); err != nil {
		return err
	}
	if !s.cfg.Switches.TokensOutliveCertificates {
		s.tokens.revokeOf(id)
	}
	return nil
}

// EndCertificate gives a certificate an end. Access tokens live on.
func (s *Server) EndCertificate(id string, until time.Time) error {
	return s.certificates.change(id, func(c *Certificate) { c.ValidUntil = until })
}

// Certificates lists the certificates in the order of their mapping.
func (s *Server) Certificates() []Certificate { return s.certificates.all() }

// postCertificate does what a control says of a certificate, and lists all.
func (s *Server) postCertificate(r *http.Request, do func(Certificate) error) ([]Certificate, error) {
	var c Certificate
	if err := readControl(r, &c); err != nil {
		return nil, err
	}
	if err := do(c); err != nil {
		return nil, err
	}
	return s.Certificates(), nil
}

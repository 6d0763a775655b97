package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Part is a part of the configuration that refers to secrets and files. Services run apart, each with its own secrets
// only, so each is asked for its own.
type Part int

// The parts.
const (
	Door   Part = iota // secrets of deliveries and pushes, the door's certificate
	Shops              // REST keys of the stores
	Logins             // keys and tokens of the NetSuite accounts
	People             // addresses and secrets of the notifier's channels
)

// Parts are all of them.
var Parts = []Part{Door, Shops, Logins, People}

// Probe reads what parts of the configuration refer to and reports everything that cannot be used. No value is shown.
func (c Config) Probe(parts ...Part) error {
	p := probe{}
	for _, part := range parts {
		switch part {
		case Door:
			p.door(c)
		case Shops:
			p.shops(c)
		case Logins:
			p.logins(c)
		case People:
			p.people(c)
		}
	}
	return joined(p.list)
}

type probe struct{ list []mistake }

func (p *probe) report(path, reference, rule string, cause error) {
	if cause != nil {
		rule += ": " + cause.Error()
	}
	p.list = append(p.list, mistake{path, strconv.Quote(reference), rule})
}

// secret reads a secret; "" after a report.
func (p *probe) secret(path string, s Secret) string {
	value, err := s.Value()
	if err == nil && value == "" {
		err = errors.New("the secret is empty")
	}
	if err != nil {
		p.report(path, s.String(), "want a secret that can be read", err)
	}
	return value
}

func (p *probe) optional(path string, s Secret) {
	if s.IsSet() {
		p.secret(path, s)
	}
}

func (p *probe) text(path string, t Text) {
	if _, err := t.Value(); err != nil {
		p.report(path, string(t), "want a text, or a reference that can be read", err)
	}
}

func (p *probe) door(c Config) {
	for key, store := range c.Stores {
		for i, s := range store.Secrets {
			p.secret(fmt.Sprintf("stores.%s.webhook_secrets.%d", key, i), s)
		}
	}
	for key, account := range c.Accounts {
		for i, s := range account.PushSecrets {
			p.secret(fmt.Sprintf("accounts.%s.push_secrets.%d", key, i), s)
		}
	}
	if c.Ingest.TLSCertificate == "" || c.Ingest.TLSKey == "" {
		return
	}
	if _, err := tls.LoadX509KeyPair(c.Ingest.TLSCertificate, c.Ingest.TLSKey); err != nil {
		p.report("ingest.tls_certificate", c.Ingest.TLSCertificate, "want a certificate and its key in PEM", err)
	}
}

func (p *probe) shops(c Config) {
	for key, store := range c.Stores {
		if store.ConsumerKey.IsSet() || store.ConsumerSecret.IsSet() {
			p.secret("stores."+key+".consumer_key", store.ConsumerKey)
			p.secret("stores."+key+".consumer_secret", store.ConsumerSecret)
		}
	}
}

func (p *probe) logins(c Config) {
	for key, account := range c.Accounts {
		path := "accounts." + key + "."
		p.text(path+"client_id", account.ClientID)
		p.text(path+"certificate_id", account.Certificate)
		if account.PrivateKey.IsSet() {
			p.key(path+"private_key", account.PrivateKey)
		}
		if account.Next != nil {
			p.text(path+"next.certificate_id", account.Next.ID)
			p.key(path+"next.private_key", account.Next.PrivateKey)
		}
		if t := account.TBA; t != nil {
			p.secret(path+"tba.consumer_key", t.ConsumerKey)
			p.secret(path+"tba.consumer_secret", t.ConsumerSecret)
			p.secret(path+"tba.token_id", t.TokenID)
			p.secret(path+"tba.token_secret", t.TokenSecret)
		}
	}
}

// key wants a private key; whether it fits the algorithm, the NetSuite client says.
func (p *probe) key(path string, s Secret) {
	text := p.secret(path, s)
	if text == "" {
		return
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		p.report(path, s.String(), "want an RSA or EC private key in PEM", errors.New("no PEM block"))
		return
	}
	_, pkcs8 := x509.ParsePKCS8PrivateKey(block.Bytes)
	_, sec1 := x509.ParseECPrivateKey(block.Bytes)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(block.Bytes)
	if pkcs8 != nil && sec1 != nil && pkcs1 != nil {
		p.report(path, s.String(), "want an RSA or EC private key in PEM", errors.New("neither PKCS #8 nor SEC 1 nor PKCS #1"))
	}
}

func (p *probe) people(c Config) {
	names := c.Notifier.Channels
	if len(names) == 0 {
		names = slices.Collect(maps.Keys(c.Channels))
	}
	for _, name := range names {
		channel, path := c.Channels[name], "channels."+name+"."
		if channel.Kind == "webhook" {
			p.secret(path+"url", channel.URL)
		}
		p.optional(path+"secret", channel.Secret)
		p.optional(path+"password", channel.Password)
	}
}

package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the file refers to is read, part by part, and everything that cannot be used is reported at once.
func TestWhatCannotBeUsedIsNamed(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		t.Fatal(err)
	}
	write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	write("secret", "s3cret-value\n")
	write("empty", "\n")
	write("torn.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	const sound = `
ingest: {}
stores: {main: {url: "https://x", account: ns, webhook_secrets: ["file:DIR/secret"], consumer_key: "file:DIR/secret", consumer_secret: "file:DIR/secret"}}
accounts: {ns: {account_id: "1", client_id: c, certificate_id: k, private_key: "file:DIR/key.pem", push_secrets: ["file:DIR/secret"]}}
channels: {pager: {kind: webhook, url: "file:DIR/secret"}, off: {kind: webhook, url: "env:NOT_SET_ANYWHERE"}}
notifier: {channels: [pager]}
`
	for name, c := range map[string]struct {
		replace, with string
		parts         []Part
		want          []string // nothing: sound
	}{
		"all there":         {"", "", Parts, nil},
		"not mine":          {`ns, webhook_secrets: ["file:DIR/secret"]`, `ns, webhook_secrets: ["env:NOT_SET_ANYWHERE"]`, []Part{Shops, Logins, People}, nil},
		"webhook secret":    {`ns, webhook_secrets: ["file:DIR/secret"]`, `ns, webhook_secrets: ["file:DIR/secret", "env:NOT_SET_ANYWHERE"]`, []Part{Door}, []string{`stores.main.webhook_secrets.1 = "env:NOT_SET_ANYWHERE"`}},
		"empty push secret": {`push_secrets: ["file:DIR/secret"]`, `push_secrets: ["file:DIR/empty"]`, []Part{Door}, []string{"accounts.ns.push_secrets.0", "empty"}},
		"certificate":       {"ingest: {}", `ingest: {tls_certificate: DIR/key.pem, tls_key: DIR/nope}`, []Part{Door}, []string{"ingest.tls_certificate", "DIR/nope"}},
		"REST key":          {`consumer_secret: "file:DIR/secret"`, `consumer_secret: "file:DIR/nope"`, []Part{Shops}, []string{"stores.main.consumer_secret", "DIR/nope"}},
		"half a REST key":   {`, consumer_secret: "file:DIR/secret"`, ``, []Part{Shops}, []string{"stores.main.consumer_secret"}},
		"no key":            {"key.pem", "secret", []Part{Logins}, []string{"accounts.ns.private_key", "no PEM block"}},
		"a torn key":        {"key.pem", "torn.pem", []Part{Logins}, []string{"accounts.ns.private_key", "PKCS #8"}},
		"next key":          {"client_id: c,", `client_id: c, next: {certificate_id: n, private_key: "file:DIR/nope"},`, []Part{Logins}, []string{"accounts.ns.next.private_key"}},
		"ids in files":      {"client_id: c, certificate_id: k", `client_id: "file:DIR/secret", certificate_id: "file:DIR/secret"`, []Part{Logins}, nil},
		"ids not there":     {"client_id: c, certificate_id: k", `client_id: "env:NOT_SET_ANYWHERE", certificate_id: "file:DIR/nope"`, []Part{Logins}, []string{`accounts.ns.client_id = "env:NOT_SET_ANYWHERE"`, "accounts.ns.certificate_id"}},
		"a key as its id":   {"certificate_id: k", `certificate_id: "file:DIR/key.pem"`, []Part{Logins}, []string{"accounts.ns.certificate_id", "one line"}},
		"next id":           {"client_id: c,", `client_id: c, next: {certificate_id: "file:DIR/empty", private_key: "file:DIR/key.pem"},`, []Part{Logins}, []string{"accounts.ns.next.certificate_id", "one line"}},
		"token":             {`client_id: c, certificate_id: k, private_key: "file:DIR/key.pem"`, `tba: {consumer_key: "file:DIR/secret", consumer_secret: "file:DIR/secret", token_id: "env:NOT_SET_ANYWHERE", token_secret: "file:DIR/empty"}`, []Part{Logins}, []string{"accounts.ns.tba.token_id", "accounts.ns.tba.token_secret"}},
		"channel":           {"channels: [pager]", "channels: [pager, off]", []Part{People}, []string{"channels.off.url"}},
		"every one of them": {`["file:DIR/secret"], consumer_key: "file:DIR/secret"`, `["env:NOT_SET_ANYWHERE"], consumer_key: "env:NOT_SET_ANYWHERE"`, Parts, []string{"webhook_secrets.0", "consumer_key"}},
	} {
		file := strings.ReplaceAll(strings.Replace(sound, c.replace, c.with, 1), "DIR", dir)
		config, err := Parse([]byte(file), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = config.Probe(c.parts...)
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, part := range c.want {
			if part = strings.ReplaceAll(part, "DIR", dir); !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v, want it to name %s", name, err, part)
			}
			if strings.Contains(err.Error(), "s3cret-value") || strings.Contains(err.Error(), "BEGIN") {
				t.Errorf("%s: the message shows a secret: %v", name, err)
			}
		}
	}
}

package netsuitesim_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// mapKey maps a new key through the control, between two times if they are given, and gives it with its id.
func (a *account) mapKey(times ...time.Time) netsuitesim.Credentials {
	a.t.Helper()
	keys, err := netsuitesim.GenerateCredentials()
	if err != nil {
		a.t.Fatal(err)
	}
	keys.ClientID = a.keys.ClientID
	c := netsuitesim.Certificate{PublicKey: string(keys.PublicKeyPEM)}
	if len(times) == 2 {
		c.From, c.Until = times[0], times[1]
	}
	body, err := json.Marshal(c)
	if err != nil {
		a.t.Fatal(err)
	}
	r := a.do("POST", "/sim/certificates", string(body))
	id, _ := r.object(a.t)["id"].(string)
	if r.status != http.StatusOK || id == "" {
		a.t.Fatalf("mapped: %d %s", r.status, r.body)
	}
	keys.CertificateID = id
	return keys
}

// end revokes or expires a certificate.
func (a *account) end(how, id string) {
	a.t.Helper()
	if r := a.do("POST", "/sim/certificates/"+how, `{"id":"`+id+`"}`); r.status != http.StatusOK {
		a.t.Fatalf("%s: %d %s", how, r.status, r.body)
	}
}

// tokenOf asks for a token with a certificate; "" and NetSuite's word when it is refused.
func (a *account) tokenOf(keys netsuitesim.Credentials) (token, refusal string) {
	a.t.Helper()
	b := *a
	b.keys = keys
	status, body := b.ask(b.sign(jwt.SigningMethodES256, keys.CertificateID, b.privateKey(), b.claims()))
	token, _ = body["access_token"].(string)
	refusal, _ = body["error_description"].(string)
	if refused := status == http.StatusBadRequest && body["error"] == "invalid_grant"; refused == (token != "") {
		a.t.Fatalf("%d %v", status, body)
	}
	return token, refusal
}

// reads is the status of a read with a token.
func (a *account) reads(token string) int {
	a.t.Helper()
	return a.do("GET", "record/v1/currency/1", "", "Authorization", "Bearer "+token).status
}

func TestCertificatesAreExchanged(t *testing.T) {
	a := open(t)
	old := a.token
	keys := a.mapKey()
	token, _ := a.tokenOf(keys)
	if a.reads(old) != http.StatusOK || a.reads(token) != http.StatusOK {
		t.Fatal("two certificates are mapped, and one of them does not serve")
	}
	crossed := keys
	crossed.PrivateKeyPEM = a.keys.PrivateKeyPEM
	if token, _ := a.tokenOf(crossed); token != "" {
		t.Error("the id of one certificate is taken with the key of another")
	}
	a.end("revoke", a.keys.CertificateID)
	if again, why := a.tokenOf(a.keys); again != "" || !strings.Contains(why, "revoked") {
		t.Errorf("a revoked certificate gives a token, or says %q", why)
	}
	r := a.do("GET", "record/v1/currency/1", "")
	if code, _ := r.problem(t); r.status != http.StatusUnauthorized || code != "INVALID_LOGIN" || !strings.Contains(r.header.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("a token of a revoked certificate: %d %s", r.status, r.body)
	}
	if a.reads(token) != http.StatusOK {
		t.Error("the token of the other certificate is refused")
	}
}

func TestCertificatesEnd(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	a := open(t, func(c *netsuitesim.Config) { c.Now = func() time.Time { return now } })
	early, short, long := a.mapKey(now.Add(time.Hour), now.Add(100*time.Hour)), a.mapKey(now, now.Add(time.Hour)), a.mapKey(now, now.AddDate(5, 0, 0))
	if _, why := a.tokenOf(early); !strings.Contains(why, "not valid before") {
		t.Errorf("before its time: %q", why)
	}
	token, _ := a.tokenOf(short)
	lasting, _ := a.tokenOf(long)
	now = now.Add(time.Hour)
	if _, why := a.tokenOf(short); !strings.Contains(why, "expired") || a.reads(token) != http.StatusUnauthorized {
		t.Errorf("after its time: %q", why)
	}
	if token, why := a.tokenOf(early); token == "" {
		t.Errorf("in its time: %q", why)
	}
	now = now.Add(-time.Minute)
	if a.reads(lasting) != http.StatusOK {
		t.Error("the token of a certificate that lasts is refused")
	}
	a.end("expire", long.CertificateID)
	if _, why := a.tokenOf(long); !strings.Contains(why, "expired") || a.reads(lasting) != http.StatusUnauthorized {
		t.Errorf("expired by the control: %q", why)
	}
	for _, c := range a.sim.Certificates() {
		if c.ID == a.keys.CertificateID && !c.Until.Equal(c.From.AddDate(2, 0, 0)) {
			t.Errorf("%+v, want two years", c)
		}
	}
	now = now.AddDate(2, 0, 1)
	if _, why := a.tokenOf(a.keys); !strings.Contains(why, "expired") {
		t.Errorf("two years later: %q", why)
	}
}

// x509PEM is a certificate of its own authority.
func x509PEM(t *testing.T, public, private any, from, until time.Time) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCertificatesAreListed(t *testing.T) {
	a := open(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now().Add(-24 * time.Hour).UTC().Truncate(time.Second)
	id, err := a.sim.MapCertificate(netsuitesim.Certificate{ID: "second", PublicKey: x509PEM(t, &key.PublicKey, key, from, from.AddDate(10, 0, 0))})
	if err != nil || id != "second" {
		t.Fatalf("%q, %v", id, err)
	}
	a.end("revoke", a.keys.CertificateID)
	r := a.do("GET", "/sim/certificates", "")
	var list []netsuitesim.Certificate
	if err := json.Unmarshal([]byte(r.body), &list); err != nil || len(list) != 2 {
		t.Fatalf("%v: %s", err, r.body)
	}
	if strings.Contains(r.body, "PUBLIC") || strings.Contains(r.body, "CERTIFICATE") {
		t.Errorf("the list shows keys: %s", r.body)
	}
	if first, second := list[0], list[1]; first.ID != a.keys.CertificateID || !first.Revoked || second.Revoked || !second.From.Equal(from) || !second.Until.Equal(from.AddDate(2, 0, 0)) {
		t.Errorf("%s: want the first revoked, and the second from %s for the two years that are the most", r.body, from)
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	a := open(t)
	edwards, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := string(a.keys.PublicKeyPEM)
	now := time.Now()
	for name, c := range map[string]netsuitesim.Certificate{
		"no key":            {ID: "x"},
		"text":              {ID: "x", PublicKey: "x"},
		"Ed25519":           {ID: "x", PublicKey: x509PEM(t, edwards, private, now, now.Add(time.Hour))},
		"known":             {ID: a.keys.CertificateID, PublicKey: public},
		"ends as it begins": {ID: "x", PublicKey: public, From: now, Until: now},
		"revoked":           {ID: "x", PublicKey: public, Revoked: true},
	} {
		if _, err := a.sim.MapCertificate(c); err == nil {
			t.Errorf("%s: mapped", name)
		}
	}
	for _, how := range []string{"revoke", "expire"} {
		if r := a.do("POST", "/sim/certificates/"+how, `{"id":"nobody"}`); r.status != http.StatusBadRequest || !strings.Contains(r.body, "nobody") {
			t.Errorf("%s of a certificate that is not there: %d %s", how, r.status, r.body)
		}
	}
	for range 4 {
		a.mapKey()
	}
	sixth := netsuitesim.Certificate{ID: "sixth", PublicKey: public}
	if _, err := a.sim.MapCertificate(sixth); err == nil || !strings.Contains(err.Error(), "5") {
		t.Errorf("a sixth that is active: %v", err)
	}
	a.end("expire", a.keys.CertificateID)
	if _, err := a.sim.MapCertificate(sixth); err != nil {
		t.Errorf("a sixth beside four that are active: %v", err)
	}
}

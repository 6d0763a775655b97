package netsuitesim_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// account is a running double with an authorized client.
type account struct {
	t     testing.TB
	sim   *netsuitesim.Server
	keys  netsuitesim.Credentials
	now   func() time.Time
	token string
}

// open starts a double; the setting may change its configuration first.
func open(t *testing.T, settings ...func(*netsuitesim.Config)) *account {
	t.Helper()
	return openFor(t, settings...)
}

func openFor(t testing.TB, settings ...func(*netsuitesim.Config)) *account {
	t.Helper()
	keys, err := netsuitesim.GenerateCredentials()
	if err != nil {
		t.Fatal(err)
	}
	cfg := netsuitesim.Config{ClientID: keys.ClientID, CertificateID: keys.CertificateID, PublicKeyPEM: keys.PublicKeyPEM}
	for _, set := range settings {
		set(&cfg)
	}
	sim, err := netsuitesim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sim.Start()
	a := &account{t: t, sim: sim, keys: keys, now: cfg.Now}
	if a.now == nil {
		a.now = time.Now
	}
	t.Cleanup(func() { a.close() })
	a.login()
	return a
}

func (a *account) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := a.sim.Close(ctx); err != nil {
		a.t.Errorf("close: %v", err)
	}
}

// claims are those of a sound assertion.
func (a *account) claims() jwt.MapClaims {
	now := a.now()
	return jwt.MapClaims{
		"iss": a.keys.ClientID, "aud": a.sim.TokenURL(), "scope": []string{"rest_webservices"},
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": rand.Text(),
	}
}

func (a *account) sign(method jwt.SigningMethod, kid string, key any, claims jwt.MapClaims) string {
	a.t.Helper()
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = kid
	text, err := token.SignedString(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return text
}

func (a *account) privateKey() any {
	a.t.Helper()
	block, _ := pem.Decode(a.keys.PrivateKeyPEM)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

// ask posts an assertion to the token endpoint.
func (a *account) ask(assertion string) (int, map[string]any) {
	a.t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}
	res, err := http.PostForm(a.sim.TokenURL(), form)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var body map[string]any
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		a.t.Fatal(err)
	}
	return res.StatusCode, body
}

func (a *account) login() {
	a.t.Helper()
	status, body := a.ask(a.sign(jwt.SigningMethodES256, a.keys.CertificateID, a.privateKey(), a.claims()))
	if status != http.StatusOK {
		a.t.Fatalf("token: %d %v", status, body)
	}
	a.token, _ = body["access_token"].(string)
}

// answer is a whole response.
type answer struct {
	status int
	header http.Header
	body   string
}

// object decodes the body, numbers as text.
func (r answer) object(t testing.TB) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(r.body))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("body %q: %v", r.body, err)
	}
	return v
}

// code and detail of an error answer.
func (r answer) problem(t testing.TB) (code, detail string) {
	t.Helper()
	var v struct {
		Details []struct {
			Detail string `json:"detail"`
			Code   string `json:"o:errorCode"`
		} `json:"o:errorDetails"`
	}
	if err := json.Unmarshal([]byte(r.body), &v); err != nil || len(v.Details) != 1 {
		t.Fatalf("no error body: %d %q", r.status, r.body)
	}
	return v.Details[0].Code, v.Details[0].Detail
}

// try sends a request below /services/rest, or to a control if the path begins
// with a slash; headers come in pairs.
func (a *account) try(method, path, body string, headers ...string) (answer, error) {
	a.t.Helper()
	if !strings.HasPrefix(path, "/") {
		path = "/services/rest/" + path
	}
	req, err := http.NewRequest(method, a.sim.URL()+path, bytes.NewBufferString(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(text)}, err
}

func (a *account) do(method, path, body string, headers ...string) answer {
	a.t.Helper()
	r, err := a.try(method, path, body, headers...)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// must sends a request that has to succeed and returns the new record's id.
func (a *account) must(method, path, body string, headers ...string) string {
	a.t.Helper()
	r := a.do(method, path, body, headers...)
	if r.status >= 300 {
		a.t.Fatalf("%s %s: %d %s", method, path, r.status, r.body)
	}
	location := r.header.Get("Location")
	return location[strings.LastIndexByte(location, '/')+1:]
}

// refused sends a request that has to fail and returns code and detail.
func (a *account) refused(status int, method, path, body string, headers ...string) (string, string) {
	a.t.Helper()
	r := a.do(method, path, body, headers...)
	if r.status != status {
		a.t.Fatalf("%s %s: %d %s, want %d", method, path, r.status, r.body, status)
	}
	return r.problem(a.t)
}

// order reads a sales order in full.
func (a *account) order(id string) map[string]any {
	a.t.Helper()
	r := a.do("GET", "record/v1/salesOrder/"+id+"?expandSubResources=true", "")
	if r.status != http.StatusOK {
		a.t.Fatalf("read order %s: %d %s", id, r.status, r.body)
	}
	return r.object(a.t)
}

// lines are the lines of a sublist in an expanded record.
func lines(t *testing.T, record map[string]any, name string) []map[string]any {
	t.Helper()
	list, _ := record[name].(map[string]any)
	items, ok := list["items"].([]any)
	if !ok {
		t.Fatalf("no sublist %s in %v", name, record)
	}
	out := make([]map[string]any, len(items))
	for i := range items {
		out[i], _ = items[i].(map[string]any)
	}
	return out
}

// query runs SuiteQL.
func (a *account) query(q string, params ...string) answer {
	a.t.Helper()
	body, err := json.Marshal(map[string]any{"q": q, "params": params})
	if err != nil {
		a.t.Fatal(err)
	}
	return a.do("POST", "query/v1/suiteql", string(body), "Prefer", "transient")
}

// rows runs SuiteQL that has to succeed and returns the rows without links.
func (a *account) rows(q string, params ...string) []map[string]any {
	a.t.Helper()
	r := a.query(q, params...)
	if r.status != http.StatusOK {
		a.t.Fatalf("%s: %d %s", q, r.status, r.body)
	}
	items, _ := r.object(a.t)["items"].([]any)
	out := []map[string]any{}
	for _, item := range items {
		row, _ := item.(map[string]any)
		delete(row, "links")
		out = append(out, row)
	}
	return out
}

// minimal is the smallest order body: the guest customer, one item.
const minimal = `{"entity":{"id":"21"},"item":{"items":[{"item":{"id":"112"},"quantity":1}]}}`

func TestTokenEndpoint(t *testing.T) {
	a := open(t)
	ec := a.privateKey()
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	with := func(name string, value any) jwt.MapClaims {
		c := a.claims()
		if value == nil {
			delete(c, name)
		} else {
			c[name] = value
		}
		return c
	}
	es, kid := jwt.SigningMethodES256, a.keys.CertificateID
	cases := []struct {
		name, assertion string
		ok              bool
	}{
		{"sound", a.sign(es, kid, ec, a.claims()), true},
		{"scope as text", a.sign(es, kid, ec, with("scope", "restlets rest_webservices")), true},
		{"the account's own host as audience", a.sign(es, kid, ec, with("aud", "https://1234567-sb1.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/token")), true},
		{"RS256 is not accepted", a.sign(jwt.SigningMethodRS256, kid, other, a.claims()), false},
		{"other key", a.sign(jwt.SigningMethodPS256, kid, other, a.claims()), false},
		{"other kid", a.sign(es, "nobody", ec, a.claims()), false},
		{"expired", a.sign(es, kid, ec, with("exp", time.Now().Add(-time.Minute).Unix())), false},
		{"lives longer than an hour", a.sign(es, kid, ec, with("exp", time.Now().Add(2*time.Hour).Unix())), false},
		{"without iat", a.sign(es, kid, ec, with("iat", nil)), false},
		{"without exp", a.sign(es, kid, ec, with("exp", nil)), false},
		{"other audience", a.sign(es, kid, ec, with("aud", "https://example.com/token")), false},
		{"other issuer", a.sign(es, kid, ec, with("iss", "someone")), false},
		{"without issuer", a.sign(es, kid, ec, with("iss", nil)), false},
		{"other scope", a.sign(es, kid, ec, with("scope", []string{"restlets"})), false},
		{"garbage", "a.b.c", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			status, body := a.ask(c.assertion)
			if ok := status == http.StatusOK; ok != c.ok {
				t.Fatalf("status %d, body %v", status, body)
			}
			if c.ok && (body["token_type"] != "Bearer" || body["expires_in"] != 3600.0) {
				t.Errorf("body %v", body)
			}
			if !c.ok && (status != http.StatusBadRequest || body["error"] != "invalid_grant") {
				t.Errorf("refusal %d %v", status, body)
			}
		})
	}
}

func TestTokenEndpointAcceptsRSA(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	a := open(t)
	sim, err := netsuitesim.New(netsuitesim.Config{ClientID: a.keys.ClientID, CertificateID: a.keys.CertificateID, PublicKey: &key.PublicKey})
	if err != nil {
		t.Fatal(err)
	}
	sim.Start()
	b := &account{t: t, sim: sim, keys: a.keys, now: time.Now}
	t.Cleanup(b.close)
	if status, body := b.ask(b.sign(jwt.SigningMethodPS256, b.keys.CertificateID, key, b.claims())); status != http.StatusOK {
		t.Errorf("PS256: %d %v", status, body)
	}
	if status, _ := b.ask(b.sign(jwt.SigningMethodRS256, b.keys.CertificateID, key, b.claims())); status != http.StatusBadRequest {
		t.Errorf("RS256 with the right key: %d", status)
	}
}

func TestBearerToken(t *testing.T) {
	a := open(t)
	if r := a.do("GET", "record/v1/currency/1", ""); r.status != http.StatusOK {
		t.Fatalf("good token: %d %s", r.status, r.body)
	}
	a.sim.RevokeTokens()
	r := a.do("GET", "record/v1/currency/1", "")
	if code, _ := r.problem(t); r.status != http.StatusUnauthorized || code != "INVALID_LOGIN" {
		t.Errorf("revoked token: %d %s", r.status, r.body)
	}
	want := `Bearer realm="1234567_SB1", error="invalid_token", error_description="Invalid login attempt."`
	if got := r.header.Get("WWW-Authenticate"); got != want {
		t.Errorf("WWW-Authenticate %q", got)
	}
	r = a.do("GET", "record/v1/currency/1", "", "Authorization", "Basic abc")
	if r.status != http.StatusBadRequest || !strings.Contains(r.header.Get("WWW-Authenticate"), "invalid_request") {
		t.Errorf("malformed header: %d %v", r.status, r.header)
	}
}

func TestTokensExpire(t *testing.T) {
	now := time.Now()
	a := open(t, func(c *netsuitesim.Config) { c.Now = func() time.Time { return now } })
	now = now.Add(59 * time.Minute)
	if r := a.do("GET", "record/v1/currency/1", ""); r.status != http.StatusOK {
		t.Fatalf("after 59 minutes: %d", r.status)
	}
	now = now.Add(2 * time.Minute)
	if r := a.do("GET", "record/v1/currency/1", ""); r.status != http.StatusUnauthorized {
		t.Errorf("after 61 minutes: %d", r.status)
	}
}

package suitetalk

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
)

var curve256 = elliptic.P256()

func keysOf(certificate string, key *ecdsa.PrivateKey) map[string]crypto.PublicKey {
	return map[string]crypto.PublicKey{certificate: key.Public()}
}

func bearerOf(c *Client) *bearer { return c.authority.(*bearer) }

var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// Each algorithm that NetSuite takes, in each spelling of a key.
func TestAlgorithms(t *testing.T) {
	large, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	curves := map[string]*ecdsa.PrivateKey{"P-256": ecKey(t, elliptic.P256()), "P-384": ecKey(t, elliptic.P384()), "P-521": ecKey(t, elliptic.P521())}
	sec1, err := x509.MarshalECPrivateKey(curves["P-384"])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, pem, algorithm, want string
		public                     crypto.PublicKey
	}{
		{"RSA", pkcs8(t, large), "", "PS256", large.Public()},
		{"RSA, PKCS #1", pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(large)), "PS256", "PS256", large.Public()},
		{"RSA 384", pkcs8(t, large), "PS384", "PS384", large.Public()},
		{"RSA 512", pkcs8(t, large), "PS512", "PS512", large.Public()},
		{"P-256", pkcs8(t, curves["P-256"]), "", "ES256", curves["P-256"].Public()},
		{"P-384, SEC 1", pemOf("EC PRIVATE KEY", sec1), "", "ES384", curves["P-384"].Public()},
		{"P-521", pkcs8(t, curves["P-521"]), "ES512", "ES512", curves["P-521"].Public()},
	} {
		a := startAccount(t, noContent)
		a.accept("k", c.public)
		do(t, a.client(t, Credentials{ClientID: "client", CertificateID: "k", PrivateKey: c.pem, Algorithm: c.algorithm}))
		if diff := cmp.Diff([]string{c.want}, a.algs); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestKeysThatDoNotFit(t *testing.T) {
	large, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small := pkcs8(t, ecKey(t, elliptic.P256()))
	for _, c := range []struct {
		name  string
		key   Credentials
		field string
	}{
		{"RS256", Credentials{PrivateKey: pkcs8(t, large), Algorithm: "RS256"}, "algorithm"},
		{"HS256", Credentials{PrivateKey: pkcs8(t, large), Algorithm: "HS256"}, "algorithm"},
		{"none", Credentials{PrivateKey: small, Algorithm: "none"}, "algorithm"},
		{"EC with an RSA algorithm", Credentials{PrivateKey: small, Algorithm: "PS256"}, "algorithm"},
		{"RSA with an EC algorithm", Credentials{PrivateKey: pkcs8(t, large), Algorithm: "ES256"}, "algorithm"},
		{"another curve's algorithm", Credentials{PrivateKey: small, Algorithm: "ES384"}, "algorithm"},
		{"P-224", Credentials{PrivateKey: pkcs8(t, ecKey(t, elliptic.P224()))}, "algorithm"},
		{"Ed25519", Credentials{PrivateKey: pkcs8(t, edwards)}, "algorithm"},
		{"no PEM", Credentials{PrivateKey: "MIIEvQ"}, "private_key"},
		{"a certificate", Credentials{PrivateKey: pemOf("CERTIFICATE", []byte("x"))}, "private_key"},
		{"bad next", Credentials{PrivateKey: small, Next: &Certificate{PrivateKey: "x"}}, "next.private_key"},
	} {
		_, err := New(Options{URL: "http://127.0.0.1:1", Concurrency: 1, Credentials: c.key})
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.ConfigurationWrong || f.Field != c.field || strings.Contains(err.Error(), "MII") {
			t.Errorf("%s: %v, want %s at %s without the key", c.name, err, fault.ConfigurationWrong, c.field)
		}
	}
}

func TestTokenIsRenewedOnceWhenRefused(t *testing.T) {
	a, client := newAccount(t, noContent)
	for range 3 {
		do(t, client)
	}
	if n := a.issued.Load(); n != 1 {
		t.Errorf("%d tokens for three calls, want 1", n)
	}
	a.issued.Store(7) // the token in use is revoked
	do(t, client)
	if a.refused.Load() != 0 || a.issued.Load() != 8 {
		t.Errorf("%d tokens, %d assertions refused", a.issued.Load()-7, a.refused.Load())
	}
}

// A request waits only when there is no token that serves; those who wait share one renewal.
func TestTokenIsRenewedBeforeItsEnd(t *testing.T) {
	a, client := newAccount(t, noContent)
	client.limit = make(slots, 32)
	clock := clocked(a, client)
	do(t, client)

	a.asked, a.gate = make(chan string, 8), make(chan struct{})
	clock.advance(54 * time.Minute)
	do(t, client)
	if len(a.asked) != 0 {
		t.Error("renewed six minutes before the end, want five")
	}
	clock.advance(90 * time.Second)
	for range 3 {
		do(t, client) // the renewal hangs, the old token serves
	}
	<-a.asked
	a.gate <- struct{}{}
	bearerOf(client).running.Wait()
	do(t, client)
	if n := a.issued.Load(); n != 2 || len(a.asked) != 0 {
		t.Fatalf("%d tokens, want 2", n)
	}

	clock.advance(2 * time.Hour) // nothing serves any more
	impatient, cancel := context.WithCancel(context.Background())
	gaveUp := make(chan error)
	go func() { _, err := client.Do(impatient, get); gaveUp <- err }()
	<-a.asked
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() { do(t, client) })
	}
	cancel() // who asked for the renewal gives up; the others still get it
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who gave up: %v", err)
	}
	close(a.gate)
	wait.Wait()
	if n := a.issued.Load(); n != 3 {
		t.Errorf("%d tokens, want 3: those who wait share one renewal", n)
	}
}

// While the token endpoint is away, the token in hand serves to its end; the renewal is tried again at a distance.
func TestFailedRenewalHarmsNobody(t *testing.T) {
	a, client := newAccount(t, noContent)
	clock, b := clocked(a, client), bearerOf(client)
	do(t, client)
	a.asked = make(chan string, 8)
	a.fail(http.StatusBadGateway)
	clock.advance(56 * time.Minute)
	for range 3 {
		do(t, client)
		b.running.Wait()
	}
	if n := len(a.asked); n != 1 {
		t.Errorf("%d renewals tried within a moment, want 1", n)
	}
	clock.advance(renewAgain + time.Second)
	do(t, client)
	b.running.Wait()
	if n := len(a.asked); n != 2 {
		t.Errorf("%d renewals tried, want 2", n)
	}
	clock.advance(time.Hour)
	if _, err := client.Do(context.Background(), get); fault.CodeOf(err) != fault.NetSuiteUnavailable {
		t.Errorf("without a token: %v, want %s", err, fault.NetSuiteUnavailable)
	}
	a.fail(0)
	do(t, client)
}

func TestTokenEndpointAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		want   fault.Code
	}{
		{"refused", 400, nil, `{"error":"invalid_grant"}`, fault.NetSuiteUnauthorised},
		{"unknown client", 401, nil, `{"error":"invalid_client"}`, fault.NetSuiteUnauthorised},
		{"forbidden", 403, nil, "", fault.NetSuiteUnauthorised},
		{"a firewall", 403, nil, page, fault.NetSuiteUnavailable},
		{"busy", 429, nil, "", fault.NetSuiteThrottled},
		{"maintenance", 503, nil, page, fault.NetSuiteUnavailable},
		{"error", 500, nil, "", fault.NetSuiteUnavailable},
		{"redirected", 302, map[string]string{"Location": "/"}, "", fault.NetSuiteUnavailable},
		{"a page with 200", 200, nil, page, fault.NetSuiteUnavailable},
		{"cut short", 200, nil, `{"access_token":"secret-token","exp`, fault.NetSuiteUnavailable},
		{"no token", 200, nil, `{"expires_in":3600}`, fault.NetSuiteUnavailable},
		{"life as a text", 200, nil, `{"access_token":"t0","expires_in":"3600"}`, ""},
		{"no life", 200, nil, `{"access_token":"t0"}`, ""},
	} {
		a, client := newAccount(t, noContent)
		a.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, tokenPath) {
				a.ServeHTTP(w, r)
				return
			}
			for name, value := range c.header {
				w.Header().Set(name, value)
			}
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		})
		answer, err := client.Do(context.Background(), get)
		if c.want == "" && err != nil || c.want != "" && fault.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "secret-token") || answer.Call.Path != tokenPath) {
			t.Errorf("%s: %v, call %+v", c.name, err, answer.Call)
		}
	}
}

// A certificate is exchanged without a stop: the next one serves as soon as NetSuite knows it, the present one until
// then, and the next one alone after the present one is gone.
func TestCertificatesRotate(t *testing.T) {
	a := startAccount(t, noContent)
	a.asked = make(chan string, 8)
	old, next := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384())
	a.accept("old", old.Public())
	client := a.client(t, Credentials{
		ClientID: "client", CertificateID: "old", PrivateKey: pkcs8(t, old), Next: &Certificate{ID: "next", PrivateKey: pkcs8(t, next)},
	})
	clock := clocked(a, client)
	expect := func(step string, want ...string) {
		t.Helper()
		var got []string
		for len(a.asked) > 0 {
			got = append(got, <-a.asked)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", step, diff)
		}
	}
	do(t, client)
	expect("before the upload", "next", "old")
	a.accept("next", next.Public())
	do(t, client)
	expect("the token in hand serves")
	a.end(clock)
	do(t, client)
	expect("after the upload", "next")
	a.revoke("old")
	a.end(clock)
	do(t, client)
	expect("after the old one is gone", "next")
	a.fail(http.StatusServiceUnavailable)
	a.end(clock)
	if _, err := client.Do(context.Background(), get); fault.CodeOf(err) != fault.NetSuiteUnavailable {
		t.Errorf("an outage: %v, want %s", err, fault.NetSuiteUnavailable)
	}
	expect("an outage says nothing about a certificate", "next")
	a.fail(0)
	a.revoke("next")
	_, err := client.Do(context.Background(), get)
	if fault.CodeOf(err) != fault.NetSuiteUnauthorised || !strings.Contains(err.Error(), "next") || !strings.Contains(err.Error(), "old") {
		t.Errorf("both refused: %v, want %s naming both", err, fault.NetSuiteUnauthorised)
	}
}

// An assertion is judged by NetSuite's clock: a machine hours off still logs in, and remembers the difference.
func TestSkewedClock(t *testing.T) {
	for _, off := range []time.Duration{-3 * time.Hour, -10 * time.Second, 20 * time.Second, 3 * time.Hour} {
		a, client := newAccount(t, noContent)
		a.asked = make(chan string, 8)
		clock := newTimepiece()
		clock.advance(off)
		bearerOf(client).clock.now = clock.now
		do(t, client)
		first := len(a.asked)
		a.issued.Add(1)
		do(t, client)
		if first > 2 || len(a.asked) != first+1 {
			t.Errorf("off by %s: %d assertions for the first token, %d for the second", off, first, len(a.asked)-first)
		}
	}
}

// 401s are told apart: revoked credentials pause the account, too many requests in flight only slow it down.
func TestRefusedLogins(t *testing.T) {
	refuse := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, problemBody("INVALID_LOGIN", invalidText))
	}
	var refusing atomic.Bool
	serve := func(w http.ResponseWriter, r *http.Request) {
		if refusing.Load() {
			refuse(w, r)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	t.Run("a fresh token refused, nothing accepted before", func(t *testing.T) {
		_, client := newAccount(t, refuse)
		if _, err := client.Do(context.Background(), get); fault.CodeOf(err) != fault.NetSuiteUnauthorised || fault.ClassOf(err) != fault.Unavailable {
			t.Errorf("%v, want %s", err, fault.NetSuiteUnauthorised)
		}
	})
	t.Run("a fresh token refused while others are accepted", func(t *testing.T) {
		_, client := newAccount(t, serve)
		limiter := &counter{}
		client.limit = limiter
		do(t, client)
		refusing.Store(true)
		defer refusing.Store(false)
		if _, err := client.Do(context.Background(), get); fault.CodeOf(err) != fault.NetSuiteThrottled || !strings.Contains(err.Error(), "Invalid login") {
			t.Errorf("%v, want %s with NetSuite's words", err, fault.NetSuiteThrottled)
		}
		if got := limiter.results[1]; got.Status != 401 || got.Fault != fault.NetSuiteThrottled {
			t.Errorf("the limiter hears %+v", got)
		}
		client.standing.accepted.Store(time.Now().Add(-standingLasts).UnixNano())
		if _, err := client.Do(context.Background(), get); fault.CodeOf(err) != fault.NetSuiteUnauthorised {
			t.Errorf("a minute later: %v, want %s", err, fault.NetSuiteUnauthorised)
		}
	})
	t.Run("a refusal that took long", func(t *testing.T) {
		var s standing
		err := s.judge(Answer{Status: 401, took: time.Minute}, fault.New(fault.NetSuiteUnauthorised, "x"))
		if fault.CodeOf(err) != fault.NetSuiteThrottled {
			t.Errorf("%v, want %s", err, fault.NetSuiteThrottled)
		}
	})
	t.Run("credentials revoked while others were accepted a moment ago", func(t *testing.T) {
		a, client := newAccount(t, noContent)
		do(t, client)
		a.revoke("certificate")
		a.issued.Add(1)
		answer, err := client.Do(context.Background(), get)
		if fault.CodeOf(err) != fault.NetSuiteUnauthorised || answer.Status != 401 {
			t.Errorf("%d, %v, want %s", answer.Status, err, fault.NetSuiteUnauthorised)
		}
	})
}

// An overload refuses tokens that serve: however many are refused, they get one token between them, and the next one later
// and later while it goes on. Once it was calm for long enough a token that ends is replaced at once again.
func TestRefusalsThatGoOnGetFewTokens(t *testing.T) {
	var full atomic.Bool
	a, client := newAccount(t, func(w http.ResponseWriter, _ *http.Request) {
		if full.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, problemBody("INVALID_LOGIN", invalidText))
		}
	})
	client.limit = make(slots, 16)
	clock := clocked(a, client)
	do(t, client)
	full.Store(true)
	for _, step := range []struct {
		after  time.Duration
		tokens int64
	}{{0, 2}, {0, 2}, {time.Second, 2}, {time.Second, 3}, {3 * time.Second, 3}, {time.Second, 4}, {8 * time.Second, 5}, {16 * time.Second, 6}, {32 * time.Second, 7}, {time.Minute, 8}, {time.Minute, 9}} {
		clock.advance(step.after)
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() {
				if _, err := client.Do(context.Background(), get); fault.CodeOf(err) != fault.NetSuiteThrottled {
					t.Errorf("%v, want %s", err, fault.NetSuiteThrottled)
				}
			})
		}
		if wait.Wait(); a.issued.Load() != step.tokens {
			t.Errorf("%d tokens, want %d", a.issued.Load(), step.tokens)
		}
	}
	full.Store(false)
	do(t, client)
	for _, rest := range []time.Duration{2 * lastRest, 2 * firstRest} {
		clock.advance(rest)
		a.issued.Add(1) // the token in hand ends
		do(t, client)
	}
}

// The example of RFC 5849, section 3.4.1.1.
func TestBaseString(t *testing.T) {
	u, err := url.Parse("HTTP://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b")
	if err != nil {
		t.Fatal(err)
	}
	got := baseString("POST", u, [][2]string{
		{"oauth_consumer_key", "9djdj82h48djs9d2"}, {"oauth_token", "kkk9d7dh3k39sjv7"}, {"oauth_signature_method", "HMAC-SHA1"},
		{"oauth_timestamp", "137131201"}, {"oauth_nonce", "7d8f3e4a"}, {"c2", ""}, {"a3", "2 q"},
	})
	const want = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26" +
		"oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

var tbaKeys = TBA{Account: "1234567-sb1", ConsumerKey: "ck", ConsumerSecret: "c&s", TokenID: "tk", TokenSecret: "t s"}

// The signature is openssl's: printf BASESTRING | openssl dgst -sha256 -mac HMAC -macopt 'key:c%26s&t%20s' -binary | base64
func TestSignature(t *testing.T) {
	s, err := newSigner(tbaKeys, newLogin(Options{}))
	if err != nil {
		t.Fatal(err)
	}
	s.nonce = func() string { return "abc123" }
	s.clock.now = func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) } // 1767225600
	got, err := s.header(context.Background(), "GET", "https://1234567-sb1.suitetalk.api.netsuite.com/services/rest/record/v1/salesOrder/1?expandSubResources=true&fields=a+b")
	const want = `OAuth realm="1234567_SB1", oauth_consumer_key="ck", oauth_nonce="abc123", oauth_signature_method="HMAC-SHA256", ` +
		`oauth_timestamp="1767225600", oauth_token="tk", oauth_version="1.0", oauth_signature="CevMe9ZqPcG8tTcEzqLu%2FBCDc4fMgX%2F8OBWhVzyS4O4%3D"`
	if err != nil || got != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
}

func TestTokenBased(t *testing.T) {
	var headers []string
	ahead, refuse := 2*time.Hour, true
	server := startAccount(t, nil)
	server.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers = append(headers, r.Header.Get("Authorization"))
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		if refuse {
			w.WriteHeader(http.StatusUnauthorized)
		}
		refuse = false
	})
	client := server.client(t, Credentials{TBA: &tbaKeys})
	do(t, client) // refused for its timestamp, repeated with NetSuite's time
	do(t, client)
	if len(headers) != 3 {
		t.Fatalf("%d requests, want 3", len(headers))
	}
	stamp := func(header string) string {
		_, rest, _ := strings.Cut(header, `oauth_timestamp="`)
		value, _, _ := strings.Cut(rest, `"`)
		return value
	}
	if first, second := stamp(headers[0]), stamp(headers[1]); second <= first || headers[1] == headers[2] || !strings.HasPrefix(headers[2], `OAuth realm="1234567_SB1", `) {
		t.Errorf("headers %q", headers)
	}
	refuse = true // the clock is right now: a refusal is a refusal, and once is enough
	if _, err := client.Do(context.Background(), get); fault.CodeOf(err) != fault.NetSuiteThrottled || len(headers) != 4 {
		t.Errorf("%v after %d requests, want %s after 4", err, len(headers), fault.NetSuiteThrottled)
	}
	refuse = true
	client.standing.accepted.Store(0)
	if _, err := client.Do(context.Background(), get); fault.CodeOf(err) != fault.NetSuiteUnauthorised {
		t.Errorf("%v, want %s", err, fault.NetSuiteUnauthorised)
	}
	for _, half := range []TBA{{Account: "1", ConsumerKey: "a", ConsumerSecret: "b", TokenID: "c"}, {ConsumerKey: "a", ConsumerSecret: "b", TokenID: "c", TokenSecret: "d"}} {
		if _, err := New(Options{URL: "http://127.0.0.1:1", Concurrency: 1, Credentials: Credentials{TBA: &half}}); fault.CodeOf(err) != fault.ConfigurationWrong {
			t.Errorf("half a TBA: %v, want %s", err, fault.ConfigurationWrong)
		}
	}
}

func TestOptionsOf(t *testing.T) {
	dir := t.TempDir()
	secret := func(name string) config.Secret {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("the "+name), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.SecretOf("file:" + path)
	}
	machine := config.Account{
		AccountID: "1", URL: "https://x", ClientID: "c", Certificate: "k", PrivateKey: secret("key"), Algorithm: "PS512", Concurrency: 7, Timeout: config.Duration(time.Second),
		Next: &config.Certificate{ID: "n", PrivateKey: secret("next"), Algorithm: "ES256"},
	}
	got, err := OptionsOf("ns", machine)
	want := Options{URL: "https://x", Concurrency: 7, Timeout: time.Second, Credentials: Credentials{
		ClientID: "c", CertificateID: "k", PrivateKey: "the key", Algorithm: "PS512", Next: &Certificate{"n", "the next", "ES256"},
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Options{}, "Login")); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	if printed := fmt.Sprintf("%v %+v %#v %s", got, got, got, *got.Credentials.Next); strings.Contains(printed, "the key") || strings.Contains(printed, "the next") {
		t.Errorf("printed: %s", printed)
	}
	tba := config.Account{AccountID: "1_SB1", TBA: &config.TBA{ConsumerKey: secret("a"), ConsumerSecret: secret("b"), TokenID: secret("c"), TokenSecret: secret("d")}}
	got, err = OptionsOf("ns", tba)
	if diff := cmp.Diff(&TBA{"1_SB1", "the a", "the b", "the c", "the d"}, got.Credentials.TBA); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	if printed := fmt.Sprintf("%v %+v %#v %v", got, got, got, *got.Credentials.TBA); strings.Contains(printed, "the d") {
		t.Errorf("printed: %s", printed)
	}
	machine.PrivateKey, machine.Next.PrivateKey = config.SecretOf("file:/does/not/exist"), config.SecretOf("env:NOT_SET_ANYWHERE")
	_, err = OptionsOf("ns", machine)
	if fault.CodeOf(err) != fault.ConfigurationWrong || !strings.Contains(err.Error(), "accounts.ns.private_key") || !strings.Contains(err.Error(), "accounts.ns.next.private_key") {
		t.Errorf("%v, want both fields named", err)
	}
}

package suitetalk

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// account is a stand-in for NetSuite: tokens t1, t2 …; only the newest is accepted.
type account struct {
	server *httptest.Server
	serve  http.HandlerFunc

	issued  atomic.Int64 // tokens
	refused atomic.Int64 // assertions
	asked   chan string  // the certificate of each token request, when somebody listens
	gate    chan struct{}
	now     func() time.Time // NetSuite's clock

	mu       sync.Mutex
	accepted map[string]crypto.PublicKey // by certificate id
	algs     []string                    // of the assertions accepted
	opened   atomic.Int64                // connections
	down     int                         // status of the token endpoint, 0: it works
}

func (a *account) accept(certificate string, key crypto.PublicKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.accepted[certificate] = key
}

func (a *account) revoke(certificate string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.accepted, certificate)
}

func (a *account) fail(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down = status
}

// newAccount starts an account that knows one ES256 certificate, and a client of two slots for it.
func newAccount(t testing.TB, serve http.HandlerFunc) (*account, *Client) {
	t.Helper()
	key := ecKey(t, elliptic.P256())
	a := startAccount(t, serve)
	a.accept("certificate", key.Public())
	return a, a.client(t, Credentials{ClientID: "client", CertificateID: "certificate", PrivateKey: pkcs8(t, key)})
}

func startAccount(t testing.TB, serve http.HandlerFunc) *account {
	t.Helper()
	a := &account{serve: serve, accepted: map[string]crypto.PublicKey{}, now: time.Now}
	a.server = httptest.NewUnstartedServer(a)
	a.server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			a.opened.Add(1)
		}
	}
	a.server.Start()
	t.Cleanup(a.server.Close)
	return a
}

func (a *account) client(t testing.TB, credentials Credentials) *Client {
	t.Helper()
	client, err := New(Options{URL: a.server.URL + "/", Concurrency: 2, Timeout: 10 * time.Second, Credentials: credentials})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", a.now().UTC().Format(http.TimeFormat))
	if strings.HasSuffix(r.URL.Path, tokenPath) {
		a.token(w, r)
		return
	}
	if r.Header.Get("Authorization") != fmt.Sprintf("Bearer t%d", a.issued.Load()) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, problemBody("INVALID_LOGIN", "Invalid login attempt."))
		return
	}
	a.serve(w, r)
}

func (a *account) token(w http.ResponseWriter, r *http.Request) {
	var certificate string
	token, err := jwt.Parse(r.FormValue("client_assertion"), func(token *jwt.Token) (any, error) {
		certificate, _ = token.Header["kid"].(string)
		a.mu.Lock()
		defer a.mu.Unlock()
		key, known := a.accepted[certificate]
		if !known {
			return nil, fmt.Errorf("certificate %q is unknown", certificate)
		}
		return key, nil
	}, jwt.WithValidMethods([]string{"PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}), jwt.WithAudience(a.server.URL+"/services/rest"+tokenPath),
		jwt.WithIssuer("client"), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(a.now))
	if a.asked != nil {
		a.asked <- certificate
	}
	if a.gate != nil {
		<-a.gate
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.down != 0:
		w.WriteHeader(a.down)
	case err != nil || r.FormValue("grant_type") != "client_credentials" || r.FormValue("client_assertion_type") != assertionType || !fits60(token):
		a.refused.Add(1)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
	default:
		a.algs = append(a.algs, token.Method.Alg())
		fmt.Fprintf(w, `{"access_token":"t%d","expires_in":3600,"token_type":"Bearer"}`, a.issued.Add(1))
	}
}

// fits60 checks what NetSuite checks beyond the signature: at most 60 minutes, the scope of the REST services.
func fits60(token *jwt.Token) bool {
	claims := token.Claims.(jwt.MapClaims)
	from, _ := claims["iat"].(float64)
	to, _ := claims["exp"].(float64)
	return to > from && to-from <= 3600 && fmt.Sprint(claims["scope"]) == "[rest_webservices]"
}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pkcs8(t testing.TB, key crypto.PrivateKey) string {
	t.Helper()
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", encoded)
}

func pemOf(kind string, encoded []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: encoded}))
}

// timepiece is a clock that is set by hand, and stands otherwise: a slow machine moves nothing.
type timepiece struct {
	set   time.Time
	ahead atomic.Int64
}

func newTimepiece() *timepiece { return &timepiece{set: time.Now()} }

// clocked gives both sides one clock.
func clocked(a *account, client *Client) *timepiece {
	clock := newTimepiece()
	bearerOf(client).clock.now, a.now = clock.now, clock.now
	return clock
}

// end lets the token in hand end, long after a token was refused before.
func (a *account) end(clock *timepiece) {
	clock.advance(2 * firstRest)
	a.issued.Add(1)
}

func (p *timepiece) now() time.Time { return p.set.Add(time.Duration(p.ahead.Load())) }

func (p *timepiece) advance(d time.Duration) { p.ahead.Add(int64(d)) }

// do sends a read and fails the test when it fails.
func do(t *testing.T, client *Client) {
	t.Helper()
	if _, err := client.Do(context.Background(), Request{Method: http.MethodGet, Path: "/record/v1/salesOrder/1"}); err != nil {
		t.Errorf("a read: %v", err)
	}
}

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

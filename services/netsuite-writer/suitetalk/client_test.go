package suitetalk

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/orderstream/orderstream/contracts/fault"
)

// account is a stand-in for NetSuite: tokens t1, t2 …; only the newest is accepted.
type account struct {
	server *httptest.Server
	key    *ecdsa.PrivateKey
	issued atomic.Int64
	bad    atomic.Int64 // assertions that do not verify
	serve  http.HandlerFunc
}

func newAccount(t *testing.T, serve http.HandlerFunc) (*account, *Client) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &account{key: key, serve: serve}
	a.server = httptest.NewServer(http.HandlerFunc(a.answer))
	t.Cleanup(a.server.Close)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	client, err := New(Options{URL: a.server.URL, Concurrency: 2, Timeout: 10 * time.Second, Credentials: Credentials{
		ClientID: "client", CertificateID: "certificate", PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return a, client
}

func (a *account) answer(w http.ResponseWriter, r *http.Request) {
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
	claims := jwt.MapClaims{}
	token, err := jwt.ParseWithClaims(r.FormValue("client_assertion"), claims, func(*jwt.Token) (any, error) { return &a.key.PublicKey, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience(a.server.URL+"/services/rest"+tokenPath), jwt.WithIssuer("client"), jwt.WithExpirationRequired())
	if err != nil || token.Header["kid"] != "certificate" || r.FormValue("grant_type") != "client_credentials" {
		a.bad.Add(1)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, `{"access_token":"t%d","expires_in":3600,"token_type":"Bearer"}`, a.issued.Add(1))
}

func TestTokenIsRenewedOnceWhenRefused(t *testing.T) {
	a, client := newAccount(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	request := Request{Method: http.MethodGet, Path: "/record/v1/salesOrder/1"}
	for range 3 {
		if _, err := client.Do(context.Background(), request); err != nil {
			t.Fatal(err)
		}
	}
	if n := a.issued.Load(); n != 1 {
		t.Errorf("%d tokens for three calls, want 1", n)
	}
	// The token in use is revoked.
	a.issued.Store(7)
	if _, err := client.Do(context.Background(), request); err != nil {
		t.Errorf("after a revoked token: %v, want a renewed one", err)
	}
	if a.bad.Load() != 0 {
		t.Errorf("%d assertions did not verify", a.bad.Load())
	}
}

func TestRequestsInFlightAreLimited(t *testing.T) {
	var now, most atomic.Int64
	release := make(chan struct{})
	arrived := make(chan struct{}, 8)
	_, client := newAccount(t, func(w http.ResponseWriter, _ *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		arrived <- struct{}{}
		<-release
		now.Add(-1)
	})
	done := make(chan error, 6)
	for range 6 {
		go func() {
			_, err := client.Do(context.Background(), Request{Method: http.MethodGet, Path: "/record/v1/customer/1"})
			done <- err
		}()
	}
	<-arrived
	<-arrived
	close(release)
	for range 6 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if most.Load() > 2 {
		t.Errorf("%d requests in flight, want at most 2", most.Load())
	}
}

func TestQueryReadsEveryPage(t *testing.T) {
	_, client := newAccount(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Prefer") != "transient" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if r.URL.Query().Get("offset") == "0" {
			fmt.Fprint(w, `{"hasMore":true,"items":[{"links":[],"ID":"1","lookup":"a"}]}`)
			return
		}
		fmt.Fprint(w, `{"hasMore":false,"items":[{"links":[],"id":"2"}]}`)
	})
	rows, calls, err := client.Query(context.Background(), "test", "SELECT 1")
	if err != nil || len(rows) != 2 || len(calls) != 2 || rows[0]["id"] != "1" || rows[1]["id"] != "2" {
		t.Errorf("rows %v, %d calls, %v, want both pages with lower-case names", rows, len(calls), err)
	}
}

// A write whose answer is lost may have happened; a connection that was never made cannot.
func TestLostAnswers(t *testing.T) {
	a, client := newAccount(t, func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			connection.Close()
		}
	})
	_, err := client.Do(context.Background(), Request{Method: http.MethodPut, Path: "/record/v1/salesOrder/eid:x"})
	if fault.CodeOf(err) != fault.NetSuiteAmbiguous {
		t.Errorf("dropped write: %v, want %s", err, fault.NetSuiteAmbiguous)
	}
	_, err = client.Do(context.Background(), Request{Method: http.MethodGet, Path: "/record/v1/salesOrder/1"})
	if fault.CodeOf(err) != fault.NetSuiteUnavailable {
		t.Errorf("dropped read: %v, want %s", err, fault.NetSuiteUnavailable)
	}
	a.server.Close()
	_, err = client.Do(context.Background(), Request{Method: http.MethodPut, Path: "/record/v1/salesOrder/eid:x"})
	if fault.CodeOf(err) != fault.NetSuiteUnavailable {
		t.Errorf("refused connection: %v, want %s", err, fault.NetSuiteUnavailable)
	}
}

func TestQuote(t *testing.T) {
	if got := In([]string{"a", "it's"}); got != "'a', 'it''s'" {
		t.Errorf("%s", got)
	}
}

package suitetalk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/fault"
)

func TestRequestsInFlightAreLimited(t *testing.T) {
	var now, most atomic.Int64
	release := make(chan struct{})
	arrived := make(chan struct{}, 8)
	_, client := newAccount(t, func(http.ResponseWriter, *http.Request) {
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

// Two requests in flight need two connections, however many follow one another; the token's is used again.
func TestConnectionsAreKept(t *testing.T) {
	var running atomic.Int64
	both := make(chan struct{})
	a := startAccount(t, func(w http.ResponseWriter, _ *http.Request) {
		if running.Add(1) == 2 {
			close(both)
		}
		<-both // the first two are in flight together
		fmt.Fprint(w, `{"id":"1"}`)
	})
	key := ecKey(t, curve256)
	a.accept("certificate", key.Public())
	client := a.client(t, Credentials{ClientID: "client", CertificateID: "certificate", PrivateKey: pkcs8(t, key)})
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 25 {
				do(t, client)
			}
		})
	}
	wait.Wait()
	if n := a.opened.Load(); n != 2 {
		t.Errorf("%d connections for 100 requests on two slots and one token, want 2", n)
	}
}

// Over HTTP/2 one GOAWAY or reset would make every write in flight ambiguous: a server that offers it is spoken to in
// HTTP/1.1, and what breaks is one connection with one request.
func TestOneLostConnectionIsOneLostRequest(t *testing.T) {
	var protocols sync.Map
	arrived, broken := make(chan struct{}, 2), make(chan struct{})
	a := &account{now: time.Now}
	a.serve = func(w http.ResponseWriter, r *http.Request) {
		protocols.Store(r.Proto, true)
		arrived <- struct{}{}
		if strings.HasSuffix(r.URL.Path, "eid:breaks") {
			<-broken
			panic(http.ErrAbortHandler)
		}
		<-broken
		w.WriteHeader(http.StatusNoContent)
	}
	server := httptest.NewUnstartedServer(a)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	a.server = server
	key := ecKey(t, curve256)
	a.accepted = keysOf("certificate", key)
	client := a.client(t, Credentials{ClientID: "client", CertificateID: "certificate", PrivateKey: pkcs8(t, key)})
	client.http.Transport.(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()

	results := make(chan error, 1)
	go func() {
		_, err := client.Do(context.Background(), Request{Method: http.MethodPut, Path: "/record/v1/salesOrder/eid:breaks"})
		results <- err
	}()
	<-arrived
	go func() { <-arrived; close(broken) }()
	if _, err := client.Do(context.Background(), Request{Method: http.MethodPut, Path: "/record/v1/salesOrder/eid:stays"}); err != nil {
		t.Errorf("the other request: %v, want success", err)
	}
	if err := <-results; fault.CodeOf(err) != fault.NetSuiteAmbiguous {
		t.Errorf("the broken one: %v, want %s", err, fault.NetSuiteAmbiguous)
	}
	protocols.Range(func(key, _ any) bool {
		if key != "HTTP/1.1" {
			t.Errorf("spoken: %s", key)
		}
		return true
	})
}

// A write whose answer is lost may have happened; one that never left cannot.
func TestLostRequests(t *testing.T) {
	write := Request{Method: http.MethodPut, Path: "/record/v1/salesOrder/eid:x", Body: []byte(`{}`)}
	for _, c := range []struct {
		name  string
		serve http.HandlerFunc
	}{
		{"closed without an answer", breaking(func(c net.Conn) {})},
		{"reset", breaking(func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) })},
		{"half a status line", breaking(func(c net.Conn) { c.Write([]byte("HTTP/1.1 20")) })},
		{"not HTTP", breaking(func(c net.Conn) { c.Write([]byte("220 ready\r\n\r\n")) })},
		{"half a body", breaking(func(c net.Conn) { c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":")) })},
		{"half an error", breaking(func(c net.Conn) { c.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{\"o:err")) })},
		{"no answer in time", func(_ http.ResponseWriter, r *http.Request) {
			if r.Body.Close(); r.Context().Err() == nil {
				<-r.Context().Done()
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			_, client := newAccount(t, func(w http.ResponseWriter, r *http.Request) {
				if requests.Add(1); r.Method == http.MethodPut || r.Header.Get("Warm") == "" {
					c.serve(w, r)
				}
			})
			warm := get
			warm.Header = map[string]string{"Warm": "1"}
			if _, err := client.Do(context.Background(), warm); err != nil {
				t.Fatal(err)
			}
			client.http.Timeout = 300 * time.Millisecond
			if _, err := client.Do(context.Background(), write); fault.CodeOf(err) != fault.NetSuiteAmbiguous {
				t.Errorf("a write: %v, want %s", err, fault.NetSuiteAmbiguous)
			}
			if n := requests.Load(); n != 2 {
				t.Errorf("the write was sent %d times", n-1)
			}
			if _, err := client.Do(context.Background(), get); fault.CodeOf(err) != fault.NetSuiteUnavailable {
				t.Errorf("a read: %v, want %s", err, fault.NetSuiteUnavailable)
			}
		})
	}
	t.Run("refused connection", func(t *testing.T) {
		a, client := newAccount(t, noContent)
		do(t, client)
		a.server.Close()
		client.http.CloseIdleConnections()
		if _, err := client.Do(context.Background(), write); fault.CodeOf(err) != fault.NetSuiteUnavailable {
			t.Errorf("%v, want %s", err, fault.NetSuiteUnavailable)
		}
	})
	t.Run("no TLS on the other side", func(t *testing.T) {
		a, client := newAccount(t, noContent)
		do(t, client)
		client.base = strings.Replace(client.base, "http://", "https://", 1)
		_, err := client.Do(context.Background(), write)
		if fault.CodeOf(err) != fault.NetSuiteUnavailable || a.issued.Load() != 1 {
			t.Errorf("%v, want %s", err, fault.NetSuiteUnavailable)
		}
	})
	t.Run("an answer without end", func(t *testing.T) {
		_, client := newAccount(t, func(w http.ResponseWriter, _ *http.Request) {
			for block := make([]byte, 1<<20); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		})
		if _, err := client.Do(context.Background(), get); fault.CodeOf(err) != fault.NetSuiteUnavailable || !strings.Contains(err.Error(), "larger than") {
			t.Errorf("%v, want %s", err, fault.NetSuiteUnavailable)
		}
	})
}

// breaking answers with act on the bare connection and closes it.
func breaking(act func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if connection, _, err := w.(http.Hijacker).Hijack(); err == nil {
			act(connection)
			connection.Close()
		}
	}
}

func TestGivenUpIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	_, client := newAccount(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := client.Do(ctx, get)
	if !errors.Is(err, context.Canceled) || fault.ClassOf(err) != fault.Interrupted {
		t.Errorf("%v (%s), want it interrupted", err, fault.ClassOf(err))
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	foreign := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the token went to another host: %s", r.Header.Get("Authorization"))
	}))
	defer foreign.Close()
	_, client := newAccount(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, foreign.URL, http.StatusFound) })
	if _, err := client.Do(context.Background(), get); fault.CodeOf(err) != fault.NetSuiteUnavailable {
		t.Errorf("%v, want %s", err, fault.NetSuiteUnavailable)
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
		fmt.Fprint(w, `{"hasMore":false,"items":[{"links":[],"id":"2","lookup":null}]}`)
	})
	rows, calls, err := client.Query(context.Background(), "test", "SELECT 1")
	if diff := cmp.Diff([]Row{{"id": "1", "lookup": "a"}, {"id": "2"}}, rows); diff != "" || err != nil || len(calls) != 2 {
		t.Errorf("%d calls, %v, want both pages with lower-case names, without the null: %s", len(calls), err, diff)
	}
}

func TestQueryThatCannotBeRead(t *testing.T) {
	for _, body := range []string{`{"hasMore":false,"items":[{"id":"1"`, ``, `[]`, `{"items":[]} x`} {
		_, client := newAccount(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
		if rows, _, err := client.Query(context.Background(), "test", "SELECT 1"); fault.CodeOf(err) != fault.NetSuiteAnswerUnusable || rows != nil {
			t.Errorf("%s: %v, %v, want %s", body, rows, err, fault.NetSuiteAnswerUnusable)
		}
	}
}

func TestQuote(t *testing.T) {
	if got := In([]string{"a", "it's"}); got != "'a', 'it''s'" {
		t.Errorf("%s", got)
	}
}

func TestID(t *testing.T) {
	for location, want := range map[string]string{
		"https://1234567.suitetalk.api.netsuite.com/services/rest/record/v1/salesOrder/42": "42",
		"/services/rest/record/v1/salesOrder/42":                                           "42", "": "", "/services/rest/record/v1/salesOrder/eid:x": "", "%zz": "",
	} {
		got, err := Answer{Location: location}.ID()
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", location, got, err, want)
		}
	}
}

func TestThinRequests(t *testing.T) {
	strict := map[string]string{"X-NetSuite-PropertyNameValidation": "Error"}
	body := []byte(`{"memo":"x"}`)
	for _, c := range []struct {
		got, want Request
	}{
		{Upsert("salesOrder", "wc-so-main-1", body, "item", "taxDetails"), Request{Method: "PUT", Path: "/record/v1/salesOrder/eid:wc-so-main-1", Query: url.Values{"replace": {"item,taxDetails"}}, Header: strict, Body: body, Purpose: "upsert salesOrder"}},
		{Patch("salesOrder", "7", body), Request{Method: "PATCH", Path: "/record/v1/salesOrder/7", Header: strict, Body: body, Purpose: "change salesOrder"}},
		{Patch("customer", ByExternalID("c"), body, "addressBook"), Request{Method: "PATCH", Path: "/record/v1/customer/eid:c", Query: url.Values{"replace": {"addressBook"}}, Header: strict, Body: body, Purpose: "change customer"}},
		{Transform("salesOrder", "7", "invoice", nil), Request{Method: "POST", Path: "/record/v1/salesOrder/7/!transform/invoice", Header: strict, Body: []byte(`{}`), Purpose: "make invoice of salesOrder"}},
		{Get("salesOrder", "7"), Request{Method: "GET", Path: "/record/v1/salesOrder/7", Query: url.Values{"expandSubResources": {"true"}}, Purpose: "read salesOrder"}},
		{Delete("customerDeposit", ByExternalID("d")), Request{Method: "DELETE", Path: "/record/v1/customerDeposit/eid:d", Purpose: "delete customerDeposit"}},
	} {
		if diff := cmp.Diff(c.want, c.got, cmp.AllowUnexported(Request{})); diff != "" {
			t.Errorf("%s: %s", c.want.Purpose, diff)
		}
	}
}

// What an address cannot carry is refused here: NetSuite would look for other records.
func TestExternalIDsInAddresses(t *testing.T) {
	var requests atomic.Int64
	_, client := newAccount(t, func(w http.ResponseWriter, _ *http.Request) { requests.Add(1); w.WriteHeader(http.StatusNoContent) })
	for _, id := range []string{"a|b", "a b", "é", "", "a.b", "a%2Fb", "a?b"} {
		if _, err := client.Do(context.Background(), Get("salesOrder", ByExternalID(id))); fault.CodeOf(err) != fault.NetSuiteRefused {
			t.Errorf("%q: %v, want %s", id, err, fault.NetSuiteRefused)
		}
	}
	for _, r := range []Request{Get("salesOrder", ByExternalID("wc-so_1-A")), Transform("salesOrder", ByExternalID("wc-so-1"), "invoice", nil)} {
		if _, err := client.Do(context.Background(), r); err != nil {
			t.Errorf("%s: %v", r.Path, err)
		}
	}
	if requests.Load() != 2 {
		t.Errorf("%d requests were sent, want 2", requests.Load())
	}
}

func TestSystem(t *testing.T) {
	var body atomic.Value
	_, client := newAccount(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body.Load()) })
	for _, c := range []struct {
		body    string
		ceiling int
	}{
		{`{"accountConcurrencyLimit":25,"accountUnallocatedConcurrencyLimit":15,"integrationConcurrencyLimit":8,"integrationLimitType":"integrationSpecific"}`, 8},
		{`{"accountConcurrencyLimit":25,"accountUnallocatedConcurrencyLimit":15,"integrationLimitType":"accountLimit"}`, 15},
		{`{"accountConcurrencyLimit":5,"integrationLimitType":"internal"}`, 5},
		{`{}`, 0},
	} {
		body.Store(c.body)
		limits, err := client.GovernanceLimits(context.Background())
		if err != nil || limits.Ceiling() != c.ceiling {
			t.Errorf("%s: %d, %v, want %d", c.body, limits.Ceiling(), err, c.ceiling)
		}
	}
	body.Store(`{"serverTime":"2025-03-26T16:21:00.250Z"}`)
	if at, err := client.ServerTime(context.Background()); err != nil || !at.Equal(time.Date(2025, 3, 26, 16, 21, 0, 250_000_000, time.UTC)) || at.Location() != time.UTC {
		t.Errorf("%s, %v", at, err)
	}
	for _, bad := range []string{`{}`, `{"serverTime":"noon"}`, `x`} {
		body.Store(bad)
		if _, err := client.ServerTime(context.Background()); fault.CodeOf(err) != fault.NetSuiteAnswerUnusable {
			t.Errorf("%s: %v, want %s", bad, err, fault.NetSuiteAnswerUnusable)
		}
	}
}

func BenchmarkDo(b *testing.B) {
	_, client := newAccount(b, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	r := Upsert("salesOrder", "wc-so-main-1", []byte(strings.Repeat("x", 4096)), "item")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Do(context.Background(), r); err != nil {
			b.Fatal(err)
		}
	}
}

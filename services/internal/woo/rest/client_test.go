package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

const (
	key    = "ck_3f6c0b9a51"
	secret = "cs_77d1e2c4b8"
)

// shop serves a handler and gives a client of it.
func shop(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c := New(Options{URL: server.URL + "/", ConsumerKey: key, ConsumerSecret: secret, Concurrency: 2, Timeout: 10 * time.Second})
	t.Cleanup(c.Close)
	return c
}

func secureShop(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	c := New(Options{URL: server.URL, ConsumerKey: key, ConsumerSecret: secret, Concurrency: 2, Timeout: 10 * time.Second})
	c.http.Transport = server.Client().Transport // trusts the test's certificate
	return c
}

// Over TLS the key travels as basic auth, never in the URL.
func TestBasicAuthOverTLS(t *testing.T) {
	c := secureShop(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if !ok || user != key || password != secret || r.URL.RawQuery != "per_page=100" || r.URL.Path != "/wp-json/wc/v3/orders" {
			t.Errorf("%s, basic auth %v", r.URL, ok)
		}
		io.WriteString(w, "[]")
	})
	if _, err := c.Get(t.Context(), "list", "/orders?per_page=100"); err != nil {
		t.Error(err)
	}
}

// Over plain http each request is signed anew and holds no secret.
func TestOAuthOverHTTP(t *testing.T) {
	nonces := map[string]bool{}
	c := shop(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.Header.Get("Authorization") != "" || q.Get("oauth_consumer_key") != key || q.Get("oauth_signature") == "" || strings.Contains(r.URL.RawQuery, secret) {
			t.Errorf("%s, Authorization %q", r.URL, r.Header.Get("Authorization"))
		}
		if q.Has("oauth_token") {
			t.Error("a token, which WooCommerce refuses")
		}
		if q.Get("_fields") != "id,status" {
			t.Errorf("the request's own query is lost: %s", r.URL.RawQuery)
		}
		nonces[q.Get("oauth_nonce")] = true
		io.WriteString(w, "{}")
	})
	for range 3 {
		if _, err := c.Get(t.Context(), "read", "/orders/36?_fields=id,status"); err != nil {
			t.Error(err)
		}
	}
	if len(nonces) != 3 {
		t.Errorf("%d nonces in 3 requests", len(nonces))
	}
}

func TestRequestAndAnswer(t *testing.T) {
	c := shop(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if want := `{"note":"<b> & é"}`; r.Method != http.MethodPost || string(body) != want || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Accept") != "application/json" {
			t.Errorf("%s %s %v, want %s", r.Method, body, r.Header, want)
		}
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"id":9}`)
	})
	at := time.Date(2026, 11, 23, 5, 0, 0, 0, time.FixedZone("", -5*3600))
	times := []time.Time{at, at, at.Add(250 * time.Millisecond)} // begin, signature, end
	c.now = func() (now time.Time) { now, times = times[0], times[1:]; return now }
	got, err := c.Post(t.Context(), "note", "/orders/36/notes", map[string]string{"note": "<b> & é"})
	want := Answer{Status: 201, Body: []byte(`{"id":9}`), Call: event.Call{Method: "POST", Path: "/orders/36/notes", Status: 201, At: at.UTC(), Millis: 250, Purpose: "note"}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Answer{})); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// Every answer and its fault. Bodies with a code are those of a real store (11.0.1).
func TestAnswers(t *testing.T) {
	const html = "<!DOCTYPE html><html><title>Maintenance</title></html>"
	for name, c := range map[string]struct {
		status int
		body   string
		want   fault.Code // "": success
		class  fault.Class
	}{
		"an object":                      {200, `{"id":36}`, "", 0},
		"a list":                         {200, `[]`, "", 0},
		"made":                           {201, `{"id":36}`, "", 0},
		"a batch with a failed item":     {200, `{"update":[{"id":9,"error":{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":400}}}]}`, "", 0},
		"success in HTML":                {200, html, fault.Unexpected, fault.Transient},
		"success, a warning before JSON": {200, "<b>Warning</b>: x\n{\"id\":36}", fault.Unexpected, fault.Transient},
		"success, cut JSON":              {200, `{"id":36,"stat`, fault.Unexpected, fault.Transient},
		"success, nothing":               {200, "", fault.Unexpected, fault.Transient},
		"success, garbage behind":        {200, `{"id":36}{`, fault.Unexpected, fault.Transient},
		"success, not UTF-8":             {200, "{\"id\":\"\xff\"}", fault.Unexpected, fault.Transient},

		"PUT on a missing order is 400": {400, `{"code":"woocommerce_rest_shop_order_invalid_id","message":"ID is invalid.","data":{"status":400}}`, fault.ShopOrderMissing, fault.Terminal},
		"GET of a missing order is 404": {404, `{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":404}}`, fault.ShopOrderMissing, fault.Terminal},
		"a note on a missing order":     {404, `{"code":"woocommerce_rest_order_invalid_id","message":"Invalid order ID.","data":{"status":404}}`, fault.ShopOrderMissing, fault.Terminal},
		"404 in HTML is no lost order":  {404, html, fault.ShopRefused, fault.Terminal},
		"no such route":                 {404, `{"code":"rest_no_route","message":"No route was found.","data":{"status":404}}`, fault.ShopRouteMissing, fault.Terminal},
		"unknown status":                {400, `{"code":"rest_invalid_param","message":"Invalid parameter(s): status","data":{"status":400,"params":{"status":"x"}}}`, fault.ShopRefused, fault.Terminal},
		"invalid JSON":                  {400, `{"code":"rest_invalid_json","message":"Invalid JSON body passed.","data":{"status":400,"json_error_code":4}}`, fault.ShopRefused, fault.Terminal},
		"400, cut JSON":                 {400, `{"code":"rest_inva`, fault.ShopRefused, fault.Terminal},
		"a batch of 101":                {413, `{"code":"woocommerce_rest_request_entity_too_large","message":"Unable to accept more than 100 items for this request.","data":{"status":413}}`, fault.ShopRefused, fault.Terminal},

		"wrong secret":           {401, `{"code":"woocommerce_rest_authentication_error","message":"Consumer secret is invalid.","data":{"status":401}}`, fault.ShopUnauthorised, fault.Unavailable},
		"unknown key":            {401, `{"code":"woocommerce_rest_cannot_edit","message":"Sorry, you are not allowed to edit this resource.","data":{"status":401}}`, fault.ShopUnauthorised, fault.Unavailable},
		"a read key that writes": {401, `{"code":"woocommerce_rest_authentication_error","message":"The API key provided does not have write permissions.","data":{"status":401}}`, fault.ShopUnauthorised, fault.Unavailable},
		"401 in HTML":            {401, html, fault.ShopUnauthorised, fault.Unavailable},
		"code before status":     {400, `{"code":"woocommerce_rest_authentication_error","message":"x","data":{"status":401}}`, fault.ShopUnauthorised, fault.Unavailable},

		"a host's limit":              {429, html, fault.ShopThrottled, fault.Throttled},
		"a limit with words":          {429, `{"code":"rate_limit_exceeded","message":"x","data":{"status":429}}`, fault.ShopThrottled, fault.Throttled},
		"maintenance":                 {503, html, fault.ShopUnavailable, fault.Unavailable},
		"maintenance with words":      {503, `{"code":"woocommerce_rest_maintenance","message":"x","data":{"status":503}}`, fault.ShopUnavailable, fault.Unavailable},
		"a proxy":                     {502, html, fault.ShopUnavailable, fault.Unavailable},
		"a proxy that waited":         {504, "", fault.ShopUnavailable, fault.Unavailable},
		"PHP failed":                  {500, html, fault.ShopUnavailable, fault.Unavailable},
		"PHP failed, said in JSON":    {500, `{"code":"internal_server_error","message":"<p>There has been a critical error on this website.</p>","data":{"status":500}}`, fault.ShopUnavailable, fault.Unavailable},
		"500, cut JSON":               {500, `{"code":"woocommerce_re`, fault.ShopUnavailable, fault.Unavailable},
		"a refund too large is 500":   {500, `{"code":"woocommerce_rest_cannot_create_order_refund","message":"Invalid refund amount.","data":500}`, fault.ShopRefused, fault.Terminal},
		"a refund of no order is 500": {500, `{"code":"woocommerce_rest_invalid_order_id","message":"Invalid order ID.","data":404}`, fault.ShopRefused, fault.Terminal},
		"a firewall":                  {403, html, fault.ShopRefused, fault.Terminal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := shop(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			got, err := client.Put(t.Context(), "tell", "/orders/36", map[string]string{})
			if got.Status != c.status || string(got.Body) != c.body || got.Call.Status != c.status {
				t.Errorf("answer %d %q", got.Status, got.Body)
			}
			if c.want == "" {
				if err != nil || got.Call.Problem != "" {
					t.Errorf("%v, %q, want success", err, got.Call.Problem)
				}
				return
			}
			if fault.CodeOf(err) != c.want || fault.ClassOf(err) != c.class || got.Call.Problem == "" {
				t.Errorf("%v (%s), want %s (%s)", err, fault.ClassOf(err), c.want, c.class)
			}
			if code, _, found := strings.Cut(strings.TrimPrefix(c.body, `{"code":"`), `","`); found && !strings.Contains(err.Error(), code) {
				t.Errorf("%v, want WooCommerce's word %s in it", err, code)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	at := time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	for _, status := range []int{429, 503} {
		for header, want := range map[string]time.Duration{"": 0, "30": 30 * time.Second, "86400": 10 * time.Minute, "-5": 0, "0": 0, "soon": 0,
			"Mon, 23 Nov 2026 05:00:30 GMT": 30 * time.Second, "Mon, 23 Nov 2026 04:59:00 GMT": 0, "Tue, 24 Nov 2026 05:00:00 GMT": 10 * time.Minute} {
			err := classify(status, http.Header{"Retry-After": {header}}, nil, at)
			if got := fault.AfterOf(err); got != want {
				t.Errorf("%d with Retry-After %q: wait %v, want %v", status, header, got, want)
			}
		}
	}
}

// Trouble on the way: what it is called, and that neither key nor signature stands in any word of it.
func TestTroubleOnTheWay(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, `{"id":36`)
	}
	closed := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	}
	wait := func(http.ResponseWriter, *http.Request) { <-hang }
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	refusing := New(Options{URL: "http://" + nobody.Addr().String(), ConsumerKey: key, ConsumerSecret: secret, Concurrency: 1, Timeout: time.Second})
	slow, secureSlow := shop(t, wait), secureShop(t, wait)
	slow.http.Timeout, secureSlow.http.Timeout = 50*time.Millisecond, 50*time.Millisecond
	untrusted := secureShop(t, wait)
	untrusted.http.Transport = http.DefaultTransport

	for name, c := range map[string]*Client{
		"nobody listens": refusing, "no answer in time": slow, "no answer in time, TLS": secureSlow, "the answer is cut": shop(t, cut), "the connection is closed": shop(t, closed),
		"the certificate is not trusted": untrusted,
	} {
		got, err := c.Put(t.Context(), "tell", "/orders/36", map[string]string{})
		if fault.CodeOf(err) != fault.ShopUnavailable || got.Call.Problem == "" {
			t.Errorf("%s: %v, want %s", name, err, fault.ShopUnavailable)
		}
		for _, word := range []string{key, secret, "oauth_", "Basic "} {
			if said := fmt.Sprintf("%v %+v %+v", err, errors.Unwrap(err), got.Call); strings.Contains(said, word) {
				t.Errorf("%s: %q is told in %s", name, word, said)
			}
		}
	}
}

// A redirect is refused, not followed: the key does not travel to another host.
func TestRedirect(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("followed to %s", r.URL.Path) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := shop(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+"/stolen", status) })
		if _, err := c.Get(t.Context(), "read", "/orders/36"); fault.CodeOf(err) != fault.ShopRefused || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// No more requests are in flight than the store allows, and that many are.
func TestConcurrency(t *testing.T) {
	const requests = 20
	var inFlight atomic.Int32
	arrived, release := make(chan struct{}, requests), make(chan struct{})
	var c *Client
	c = shop(t, func(w http.ResponseWriter, _ *http.Request) {
		if n := int(inFlight.Add(1)); n > 2 || n > len(c.slots) {
			t.Errorf("%d requests in flight, %d hold a slot, want at most 2 and each with a slot", n, len(c.slots))
		}
		arrived <- struct{}{}
		<-release
		inFlight.Add(-1)
		io.WriteString(w, "{}")
	})
	var all sync.WaitGroup
	for range requests {
		all.Go(func() {
			if _, err := c.Get(t.Context(), "read", "/orders/36"); err != nil {
				t.Error(err)
			}
		})
	}
	<-arrived
	for range requests - 1 { // whenever one ends, another comes
		<-arrived
		release <- struct{}{}
	}
	release <- struct{}{}
	all.Wait()
}

// Invariant 7: who stops is not an attempt, whether it waits for a slot or for the answer.
func TestStopping(t *testing.T) {
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	c := shop(t, func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-release })
	defer close(release)
	ctx, stop := context.WithCancel(t.Context())
	errs := make(chan error, 3)
	for range 3 {
		go func() {
			_, err := c.Get(ctx, "read", "/orders/36")
			errs <- err
		}()
	}
	<-arrived
	<-arrived // two at work, the third waits
	stop()
	for range 3 {
		if err := <-errs; fault.ClassOf(err) != fault.Interrupted {
			t.Errorf("%v (%s), want it interrupted", err, fault.ClassOf(err))
		}
	}
}

// One request at which PHP fails, or that takes too long, is no outage while the shop does something easy; the shop down as
// a whole is.
func TestOneRequestFails(t *testing.T) {
	for name, c := range map[string]struct {
		easy int // status of the easy request
		hard func(http.ResponseWriter, *http.Request)
		want fault.Code
	}{
		"PHP fails at it":   {200, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, fault.ShopFailed},
		"PHP fails at all":  {500, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, fault.ShopUnavailable},
		"it takes too long": {200, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, fault.ShopFailed},
		"maintenance":       {200, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, fault.ShopUnavailable},
		"a refusal with its own word": {200, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			io.WriteString(w, `{"code":"woocommerce_x"}`)
		}, fault.ShopRefused},
	} {
		t.Run(name, func(t *testing.T) {
			client := shop(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/wp-json/wc/v3/orders" {
					w.WriteHeader(c.easy)
					io.WriteString(w, "[]")
					return
				}
				io.Copy(io.Discard, r.Body)
				c.hard(w, r)
			})
			client.http.Timeout = 200 * time.Millisecond
			if _, err := client.Put(t.Context(), "tell", "/orders/36", map[string]string{}); fault.CodeOf(err) != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// A clock that is wrong, ours or the shop's, is no wrong key: the shop's time is learnt from its answer.
func TestClockSkew(t *testing.T) {
	ahead := 3 * time.Hour
	asked := 0
	c := shop(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		now := time.Now().Add(ahead)
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		signed, err := strconv.ParseInt(r.URL.Query().Get("oauth_timestamp"), 10, 64)
		if err != nil || now.Sub(time.Unix(signed, 0)).Abs() > 15*time.Minute {
			w.WriteHeader(401)
			io.WriteString(w, `{"code":"woocommerce_rest_authentication_error","message":"Invalid timestamp.","data":{"status":401}}`)
			return
		}
		io.WriteString(w, "{}")
	})
	for want := range 3 {
		if _, err := c.Get(t.Context(), "read", "/orders/36"); err != nil || asked != want+2 {
			t.Fatalf("%v after %d requests, want the first alone to be repeated", err, asked)
		}
	}
	ahead = -ahead // the shop's clock was put right, and further
	if _, err := c.Get(t.Context(), "read", "/orders/36"); err != nil {
		t.Error(err)
	}
	wrong := shop(t, func(w http.ResponseWriter, _ *http.Request) { asked++; w.WriteHeader(401) })
	asked = 0
	if _, err := wrong.Get(t.Context(), "read", "/orders/36"); fault.CodeOf(err) != fault.ShopUnauthorised || asked != 1 {
		t.Errorf("%v after %d requests, want a wrong key to stay one", err, asked)
	}
}

// Another part of the API lies beside, with the same key and limit.
func TestUnder(t *testing.T) {
	var paths []string
	c := shop(t, func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		io.WriteString(w, "{}")
	})
	for _, client := range []*Client{c, c.Under("wc-ast/v3"), c.Under("")} {
		if _, err := client.Get(t.Context(), "read", "/orders/36"); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"/wp-json/wc/v3/orders/36", "/wp-json/wc-ast/v3/orders/36", "/wp-json//orders/36"}; !cmp.Equal(want, paths) {
		t.Errorf("%q", paths)
	}
	if c.Under("x").slots != c.slots {
		t.Error("another limit of requests in flight")
	}
}

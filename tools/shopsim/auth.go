package shopsim

import (
	"crypto/subtle"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/orderstream/orderstream/tools/shopsim/internal/oauth1"
)

// timestampWindow is how old or early an OAuth timestamp may be.
const timestampWindow = 15 * time.Minute

// apiKey is a consumer key with its rights.
type apiKey struct {
	secret string
	write  bool
}

// gate lets REST requests of one store in.
type gate struct {
	keys       map[string]apiKey
	basicPlain bool // Basic over plain HTTP is let in
	clock      func() time.Time

	mu     sync.Mutex
	nonces map[string]time.Time
	swept  time.Time
}

func newGate(cfg StoreConfig, c Config) *gate {
	g := &gate{keys: map[string]apiKey{}, basicPlain: c.AllowBasicOverHTTP, clock: c.Clock, nonces: map[string]time.Time{}}
	g.keys[cfg.ConsumerKey] = apiKey{cfg.ConsumerSecret, true}
	if cfg.ReadKey != "" {
		g.keys[cfg.ReadKey] = apiKey{cfg.ReadSecret, false}
	}
	return g
}

func denied(message string) *wpError {
	return fault(401, "woocommerce_rest_authentication_error", message)
}

// enter tells whether a request comes from a known key. Nobody (false, nil) is
// not an error yet: what the request wanted decides the answer.
func (g *gate) enter(r *http.Request, q params) (known bool, err error) {
	key, err := g.basic(r, q)
	if key == nil && err == nil {
		key, err = g.oauth(r)
	}
	if key == nil || err != nil {
		return false, err
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
	default:
		if !key.write {
			return true, denied("The API key provided does not have write permissions.")
		}
	}
	return true, nil
}

// basic reads key and secret from the query or a Basic header, over TLS only.
func (g *gate) basic(r *http.Request, q params) (*apiKey, error) {
	if r.TLS == nil && !g.basicPlain {
		return nil, nil
	}
	name, secret := q.get("consumer_key"), q.get("consumer_secret")
	if name == "" || secret == "" {
		name, secret, _ = r.BasicAuth()
	}
	key, ok := g.keys[name]
	if !ok {
		return nil, nil
	}
	if subtle.ConstantTimeCompare([]byte(key.secret), []byte(secret)) != 1 {
		return nil, denied("Consumer secret is invalid.")
	}
	return &key, nil
}

var oauthParams = []string{"oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method"}

func (g *gate) oauth(r *http.Request) (*apiKey, error) {
	given := map[string]string{}
	for name, values := range r.URL.Query() {
		given[name] = values[len(values)-1]
	}
	for k, v := range oauth1.Header(r.Header.Get("Authorization"), url.PathUnescape) {
		given[k] = v
	}
	var absent []string
	for _, name := range oauthParams {
		if given[name] == "" {
			absent = append(absent, name)
		}
	}
	switch len(absent) {
	case 0:
		return g.signed(r, given)
	case len(oauthParams):
		return nil, nil
	case 1:
		return nil, fault(401, "woocommerce_rest_authentication_missing_parameter", "Missing OAuth parameter "+absent[0])
	default:
		return nil, fault(401, "woocommerce_rest_authentication_missing_parameter", "Missing OAuth parameters "+strings.Join(absent, ", "))
	}
}

func (g *gate) signed(r *http.Request, given map[string]string) (*apiKey, error) {
	key, ok := g.keys[given["oauth_consumer_key"]]
	if !ok {
		return nil, denied("Consumer key is invalid.")
	}
	want, err := oauth1.Sign(r.Method, g.origin(r)+r.URL.EscapedPath(), given, key.secret)
	if err != nil {
		return nil, denied("Invalid signature - signature method is invalid.")
	}
	if subtle.ConstantTimeCompare([]byte(want), []byte(given["oauth_signature"])) != 1 {
		return nil, denied("Invalid signature - provided signature does not match.")
	}
	return &key, g.fresh(given["oauth_timestamp"], given["oauth_nonce"])
}

// origin is scheme and host as the client addressed them.
func (g *gate) origin(r *http.Request) string {
	return or(r.TLS != nil, "https://", "http://") + r.Host
}

// fresh refuses old timestamps and nonces seen before.
func (g *gate) fresh(timestamp, nonce string) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	now := g.clock()
	if age := now.Sub(time.Unix(seconds, 0)); err != nil || age.Abs() > timestampWindow {
		return denied("Invalid timestamp.")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, used := g.nonces[nonce]; used {
		return denied("Invalid nonce - nonce has already been used.")
	}
	g.nonces[nonce] = now
	if now.Sub(g.swept) > time.Minute {
		g.swept = now
		maps.DeleteFunc(g.nonces, func(_ string, at time.Time) bool { return now.Sub(at) > timestampWindow })
	}
	return nil
}

package netsuitesim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// timestampWindow is how far an OAuth 1.0a timestamp may be off.
const timestampWindow = 5 * time.Minute

// signatures verifies OAuth 1.0a requests and remembers their nonces.
type signatures struct {
	cfg    *Config
	mu     sync.Mutex
	tokens []TBAToken // oldest first
	seen   map[string]time.Time
}

func newSignatures(cfg *Config) *signatures {
	return &signatures{cfg: cfg, tokens: firstTokens(cfg.TBA), seen: map[string]time.Time{}}
}

// verify checks realm, keys, method, timestamp, nonce and signature.
func (v *signatures) verify(r *http.Request, header string) error {
	params, err := oauthParams(header)
	if err != nil {
		return err
	}
	tba := v.cfg.TBA
	secret, known := v.secret(params["oauth_token"])
	switch {
	case tba.ConsumerKey == "":
		return errors.New("token-based authentication is off")
	case params["realm"] != v.cfg.Account:
		return fmt.Errorf("realm %q: want %s", params["realm"], v.cfg.Account)
	case params["oauth_consumer_key"] != tba.ConsumerKey || !known:
		return errors.New("unknown consumer key or token")
	case params["oauth_signature_method"] != "HMAC-SHA256":
		return fmt.Errorf("oauth_signature_method %q: want HMAC-SHA256", params["oauth_signature_method"])
	case params["oauth_version"] != "" && params["oauth_version"] != "1.0":
		return fmt.Errorf("oauth_version %q: want 1.0", params["oauth_version"])
	}
	want := signature(r, params, tba.ConsumerSecret, secret)
	if !hmac.Equal([]byte(want), []byte(params["oauth_signature"])) {
		return errors.New("wrong signature")
	}
	return v.fresh(params["oauth_timestamp"], params["oauth_nonce"])
}

// fresh refuses old timestamps and repeated nonces.
func (v *signatures) fresh(timestamp, nonce string) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || nonce == "" {
		return errors.New("timestamp or nonce missing")
	}
	now := v.cfg.Now()
	if off := now.Sub(time.Unix(seconds, 0)).Abs(); off > timestampWindow {
		return fmt.Errorf("timestamp is off by %s", off)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for old, at := range v.seen {
		if now.Sub(at) > 2*timestampWindow {
			delete(v.seen, old)
		}
	}
	if _, again := v.seen[nonce]; again {
		return errors.New("nonce used before")
	}
	v.seen[nonce] = now
	return nil
}

func oauthParams(header string) (map[string]string, error) {
	params := map[string]string{}
	for part := range strings.SplitSeq(header, ",") {
		name, quoted, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return nil, fmt.Errorf("parameter %q: want name=\"value\"", part)
		}
		value, err := url.PathUnescape(strings.Trim(quoted, `"`))
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", name, err)
		}
		params[name] = value
	}
	return params, nil
}

// signature computes RFC 5849's HMAC over method, address without query and
// all parameters but realm and the signature itself.
func signature(r *http.Request, params map[string]string, consumerSecret, tokenSecret string) string {
	var pairs []string
	for name, value := range params {
		if name != "realm" && name != "oauth_signature" {
			pairs = append(pairs, escape(name)+"\x00"+escape(value))
		}
	}
	for name, values := range r.URL.Query() {
		for _, value := range values {
			pairs = append(pairs, escape(name)+"\x00"+escape(value))
		}
	}
	slices.Sort(pairs) // by name, then value: the zero byte sorts before all others
	list := strings.ReplaceAll(strings.Join(pairs, "&"), "\x00", "=")
	base := r.Method + "&" + escape("http://"+r.Host+r.URL.EscapedPath()) + "&" + escape(list)
	mac := hmac.New(sha256.New, []byte(escape(consumerSecret)+"&"+escape(tokenSecret)))
	mac.Write([]byte(base))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// escape is RFC 3986 percent-encoding.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

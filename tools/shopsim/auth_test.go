package shopsim

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"hash"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sort"
	"strings"
	"testing"
)

func encode(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// sign is a client's side of OAuth 1.0a written down again: parameters sorted,
// everything percent-encoded twice, the key "secret&".
func sign(method, address string, query url.Values, secret string, digest func() hash.Hash) string {
	var pairs []string
	for k, v := range query {
		pairs = append(pairs, encode(k)+"="+encode(v[0]))
	}
	sort.Strings(pairs)
	mac := hmac.New(digest, []byte(secret+"&"))
	mac.Write([]byte(method + "&" + encode(address) + "&" + encode(strings.Join(pairs, "&"))))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

type oauthCase struct {
	name, method, key, secret, timestamp, nonce string
	status                                      int
	code                                        string
}

func TestOAuthOnPlainHTTP(t *testing.T) {
	at := &clock{at: utc(t, "2026-11-23T03:00:00")}
	s := start(t, Config{Clock: at.now})
	const now, old = "1795402800", "1795401800"
	const refused = "woocommerce_rest_authentication_error"
	for _, c := range []oauthCase{
		{"sha1", "HMAC-SHA1", "ck_main", "cs_main", now, "n1", 200, ""},
		{"sha256", "HMAC-SHA256", "ck_main", "cs_main", now, "n2", 200, ""},
		{"bad signature", "HMAC-SHA256", "ck_main", "wrong", now, "n3", 401, refused},
		{"unknown key", "HMAC-SHA256", "ck_other", "cs_main", now, "n4", 401, refused},
		{"plaintext", "PLAINTEXT", "ck_main", "cs_main", now, "n5", 401, refused},
		{"old timestamp", "HMAC-SHA1", "ck_main", "cs_main", old, "n6", 401, refused},
		{"nonce again", "HMAC-SHA1", "ck_main", "cs_main", now, "n1", 401, refused},
		{"no nonce", "HMAC-SHA1", "ck_main", "cs_main", now, "", 401, "woocommerce_rest_authentication_missing_parameter"},
	} {
		for _, inHeader := range []bool{false, true} {
			if inHeader {
				c.nonce += strings.Repeat("h", len(c.nonce)/2)
			}
			got := oauthRequest(t, s, c, inHeader)
			if inHeader && c.name == "nonce again" {
				continue // its nonce is a new one
			}
			if code := got.json(t).Get("code").Text(); got.status != c.status || code != c.code {
				t.Errorf("%s (in header: %t): status %d code %q, want %d %q", c.name, inHeader, got.status, code, c.status, c.code)
			}
		}
	}
}

func oauthRequest(t *testing.T, s *Server, c oauthCase, inHeader bool) answer {
	t.Helper()
	address := s.URL() + "/wp-json/wc/v3/orders"
	query := url.Values{"status[0]": {"processing"}, "search": {"a b&c/ü"}, "per_page": {"3"}}
	oauth := url.Values{"oauth_consumer_key": {c.key}, "oauth_timestamp": {c.timestamp}, "oauth_signature_method": {c.method}}
	if c.nonce != "" {
		oauth.Set("oauth_nonce", c.nonce)
	}
	all := url.Values{}
	for _, values := range []url.Values{query, oauth} {
		for k, v := range values {
			all[k] = v
		}
	}
	digest := sha256.New
	if c.method == "HMAC-SHA1" {
		digest = sha1.New
	}
	oauth.Set("oauth_signature", sign("GET", address, all, c.secret, digest))
	if !inHeader {
		for k, v := range oauth {
			query[k] = v
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", address+"?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if inHeader {
		var parts []string
		for k, v := range oauth {
			parts = append(parts, k+`="`+encode(v[0])+`"`)
		}
		req.Header.Set("Authorization", "OAuth "+strings.Join(parts, ", "))
	}
	return do(t, req)
}

// Key and secret are for TLS; on plain HTTP a store acts as if nobody had come.
func TestBasicNeedsTLS(t *testing.T) {
	plain := start(t, Config{})
	a := rest(t, plain, "GET", "/orders", "")
	if got := a.json(t); a.status != 401 || got.Get("code").Text() != "woocommerce_rest_cannot_view" {
		t.Errorf("Basic on plain HTTP: status %d %s, want 401 woocommerce_rest_cannot_view", a.status, a.body)
	}
	lender := httptest.NewTLSServer(http.NotFoundHandler()) // has a certificate for 127.0.0.1
	defer lender.Close()
	secure := start(t, Config{TLS: &tls.Config{Certificates: lender.TLS.Certificates}})
	trusted := x509.NewCertPool()
	trusted.AddCert(lender.Certificate())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	defer client.CloseIdleConnections()
	for _, query := range []string{"", "?consumer_key=ck_main&consumer_secret=cs_main"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", secure.URL()+"/wp-json/wc/v3/orders"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if query == "" {
			req.SetBasicAuth("ck_main", "cs_main")
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("over TLS with query %q: status %d, want 200", query, resp.StatusCode)
		}
	}
}

func TestNobodyIsRefusedByWhatTheyWant(t *testing.T) {
	s := start(t, Config{})
	for _, c := range [][3]string{
		{"GET", "/orders", "woocommerce_rest_cannot_view"}, {"GET", "/orders/1", "woocommerce_rest_cannot_view"},
		{"PUT", "/orders/1", "woocommerce_rest_cannot_edit"}, {"POST", "/orders", "woocommerce_rest_cannot_create"},
		{"DELETE", "/orders/1", "woocommerce_rest_cannot_delete"}, {"POST", "/orders/batch", "woocommerce_rest_cannot_batch"},
	} {
		if a := rest(t, s, c[0], c[1], ""); a.status != 401 || a.json(t).Get("code").Text() != c[2] {
			t.Errorf("%s %s: status %d %s, want 401 %s", c[0], c[1], a.status, a.body, c[2])
		}
	}
}

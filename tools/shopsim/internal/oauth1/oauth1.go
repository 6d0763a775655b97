// Package oauth1 checks the signatures of one-legged OAuth 1.0a requests (RFC
// 5849) as WooCommerce does on plain HTTP: the signing key is the consumer
// secret followed by "&", the token secret is empty.
package oauth1

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"sort"
	"strings"
)

// Sign gives the signature of a request: method, URL without query, and all
// parameters of query and Authorization header. Method HMAC-SHA1 or
// HMAC-SHA256 is named in oauth_signature_method; oauth_signature itself is not
// signed.
func Sign(method, baseURL string, params map[string]string, secret string) (string, error) {
	var digest func() hash.Hash
	switch m := params["oauth_signature_method"]; m {
	case "HMAC-SHA1":
		digest = sha1.New
	case "HMAC-SHA256":
		digest = sha256.New
	default:
		return "", fmt.Errorf("oauth_signature_method %q is neither HMAC-SHA1 nor HMAC-SHA256", m)
	}
	mac := hmac.New(digest, []byte(secret+"&"))
	mac.Write([]byte(baseString(method, baseURL, params)))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

func baseString(method, baseURL string, params map[string]string) string {
	pairs := make([]string, 0, len(params))
	for k, v := range params {
		if k != "oauth_signature" && k != "realm" {
			pairs = append(pairs, Escape(k)+"="+Escape(v))
		}
	}
	sort.Strings(pairs)
	return strings.ToUpper(method) + "&" + Escape(baseURL) + "&" + Escape(strings.Join(pairs, "&"))
}

// Escape percent-encodes everything but RFC 3986's unreserved characters.
func Escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// Header reads the parameters of an "OAuth …" Authorization header; any other
// header has none.
func Header(authorization string, unescape func(string) (string, error)) map[string]string {
	rest, ok := strings.CutPrefix(strings.TrimSpace(authorization), "OAuth ")
	if !ok {
		return nil
	}
	params := map[string]string{}
	for _, part := range strings.Split(rest, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		if plain, err := unescape(strings.Trim(v, `"`)); err == nil && strings.HasPrefix(k, "oauth_") {
			params[k] = plain
		}
	}
	return params
}

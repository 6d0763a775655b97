package rest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sign gives the query of a one-legged OAuth 1.0a request as WooCommerce checks it over plain http: no token,
// the key is the secret and "&", parameters in the query (RFC 5849, 3.4; class-wc-rest-authentication.php).
// The libraries at hand always send a token, which WooCommerce refuses.
func sign(method string, target *url.URL, key, secret string, now time.Time, nonce string) string {
	parameters := target.Query()
	for name, value := range map[string]string{
		"oauth_consumer_key": key, "oauth_nonce": nonce, "oauth_signature_method": "HMAC-SHA256", "oauth_timestamp": strconv.FormatInt(now.Unix(), 10),
	} {
		parameters.Set(name, value)
	}
	plain := *target
	plain.RawQuery = ""
	base := strings.ToUpper(method) + "&" + escape(plain.String()) + "&" + escape(normalise(parameters))
	mac := hmac.New(sha256.New, []byte(secret+"&"))
	mac.Write([]byte(base))
	parameters.Set("oauth_signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return normalise(parameters)
}

func normalise(parameters url.Values) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		for _, value := range parameters[name] {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	return strings.Join(pairs, "&")
}

// escape is RFC 3986: a blank is %20, "~" stands for itself.
func escape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

func nonce() string {
	var random [16]byte
	_, _ = rand.Read(random[:])
	return hex.EncodeToString(random[:])
}

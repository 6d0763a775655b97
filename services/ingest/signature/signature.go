// Package signature proves that a delivery was signed by its shop: base64(HMAC-SHA256(raw body, secret)).
// Pure: bytes in, verdict out. Source: WooCommerce includes/class-wc-webhook.php, generate_signature.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Secrets are the valid secrets of a store: several during a rotation.
type Secrets struct{ keys [][]byte }

// NewSecrets takes the secrets as configured. WooCommerce decodes HTML entities before it signs
// (wp_specialchars_decode with ENT_QUOTES), so a secret with an ampersand counts in its decoded form too.
func NewSecrets(secrets ...string) Secrets {
	var s Secrets
	for _, secret := range secrets {
		s.keys = append(s.keys, []byte(secret))
		if decoded := Decode(secret); decoded != secret {
			s.keys = append(s.keys, []byte(decoded))
		}
	}
	return s
}

// Valid tells whether header is the signature of body under one of the secrets. Every secret is tried in
// constant time, so that timing tells neither which one fits nor how far it fits. The text itself must be
// equal: a base64 decoder would also accept it with line breaks inside.
func (s Secrets) Valid(body []byte, header string) bool {
	given, valid := []byte(header), false
	for _, key := range s.keys {
		if hmac.Equal([]byte(sign(body, key)), given) {
			valid = true
		}
	}
	return valid
}

// Sign gives the signature of body under a secret, decoded as WooCommerce does.
func Sign(body []byte, secret string) string { return sign(body, []byte(Decode(secret))) }

func sign(body, key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// One pass, like PHP's strtr: "&amp;lt;" becomes "&lt;".
var entities = strings.NewReplacer("&lt;", "<", "&#60;", "<", "&#x3c;", "<", "&#x3C;", "<", "&gt;", ">", "&#62;", ">", "&#x3e;", ">", "&#x3E;", ">",
	"&quot;", `"`, "&#34;", `"`, "&#034;", `"`, "&#x22;", `"`, "&#39;", "'", "&#039;", "'", "&#x27;", "'", "&apos;", "'",
	"&amp;", "&", "&#38;", "&", "&#038;", "&", "&#x26;", "&")

// Decode does what wp_specialchars_decode(…, ENT_QUOTES) does to a secret.
func Decode(secret string) string { return entities.Replace(secret) }

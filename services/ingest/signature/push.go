package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Push proves that a notice was signed by a NetSuite account's script: hex(HMAC-SHA256("timestamp.nonce.body", secret)).
type Push struct{ keys [][]byte }

// NewPush takes an account's valid secrets: several during a rotation.
func NewPush(secrets ...string) Push {
	var p Push
	for _, secret := range secrets {
		p.keys = append(p.keys, []byte(secret))
	}
	return p
}

// Valid tells whether given is the signature under one of the secrets, in capitals or not. Every secret is tried in
// constant time.
func (p Push) Valid(timestamp, nonce string, body []byte, given string) bool {
	lower, valid := []byte(strings.ToLower(given)), false
	for _, key := range p.keys {
		if hmac.Equal([]byte(signPush(timestamp, nonce, body, key)), lower) {
			valid = true
		}
	}
	return valid
}

// SignPush gives the signature of a notice.
func SignPush(timestamp, nonce string, body []byte, secret string) string {
	return signPush(timestamp, nonce, body, []byte(secret))
}

func signPush(timestamp, nonce string, body, key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(timestamp + "." + nonce + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

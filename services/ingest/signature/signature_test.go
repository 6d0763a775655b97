package signature

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/capture"
)

func captures(t testing.TB) []capture.Delivery {
	t.Helper()
	all, err := capture.All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every real delivery verifies with the secret it was signed with; the one signed with a secret full of
// entities verifies with that one only.
func TestRealDeliveries(t *testing.T) {
	usual, odd := NewSecrets(capture.Secret), NewSecrets(`p&amp;q"'<x>`)
	rotating := NewSecrets("new", `p&amp;q"'<x>`, capture.Secret)
	for _, c := range captures(t) {
		header := c.Get("X-WC-Webhook-Signature")
		if header == "" {
			continue // the ping
		}
		isOdd := strings.HasSuffix(c.Name, "wrong-secret")
		if usual.Valid(c.Body, header) == isOdd || odd.Valid(c.Body, header) != isOdd {
			t.Errorf("%s: usual %v, odd %v", c.Name, usual.Valid(c.Body, header), odd.Valid(c.Body, header))
		}
		if !rotating.Valid(c.Body, header) {
			t.Errorf("%s: several secrets are valid during a rotation", c.Name)
		}
		changed := append([]byte(nil), c.Body...)
		changed[len(changed)/2] ^= 1
		if rotating.Valid(changed, header) {
			t.Errorf("%s: a changed body verifies", c.Name)
		}
	}
}

func TestBadHeaders(t *testing.T) {
	secrets := NewSecrets("s")
	body := []byte("x")
	good := Sign(body, "s")
	if !secrets.Valid(body, good) {
		t.Fatal("the right signature is refused")
	}
	for _, header := range []string{"", "x", good[:10], good + "A", strings.ToLower(good), " " + good, Sign(body, "t"), Sign([]byte("y"), "s")} {
		if secrets.Valid(body, header) {
			t.Errorf("%q verifies", header)
		}
	}
	if NewSecrets().Valid(body, good) {
		t.Error("without a secret nothing verifies")
	}
}

// wp_specialchars_decode(…, ENT_QUOTES), one pass.
func TestDecode(t *testing.T) {
	for secret, want := range map[string]string{
		"plain": "plain", "a&amp;b": "a&b", "&lt;&gt;": "<>", "&quot;&#039;": `"'`, "&amp;lt;": "&lt;", "&copy;": "&copy;",
	} {
		if got := Decode(secret); got != want {
			t.Errorf("%q: %q, want %q", secret, got, want)
		}
	}
}

// hmacByHand is RFC 2104 written out: what the package computes is not its own judge.
func hmacByHand(body []byte, key string) string {
	inner, outer := make([]byte, 64), make([]byte, 64)
	copy(inner, key)
	copy(outer, key)
	for i := range inner {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	first := sha256.Sum256(append(inner, body...))
	second := sha256.Sum256(append(outer, first[:]...))
	return base64.StdEncoding.EncodeToString(second[:])
}

func FuzzValid(f *testing.F) {
	for _, c := range captures(f) {
		f.Add(c.Body, c.Get("X-WC-Webhook-Signature"))
	}
	f.Add([]byte("body"), strings.Replace(Sign([]byte("body"), capture.Secret), "=", "\n=", 1))
	secrets := NewSecrets(capture.Secret)
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		want := hmacByHand(body, capture.Secret)
		if secrets.Valid(body, header) != (header == want) {
			t.Errorf("%q for %d bytes, whose signature is %q: valid %v", header, len(body), want, header != want)
		}
		if !secrets.Valid(body, want) || Sign(body, capture.Secret) != want {
			t.Errorf("%q is refused, or not what is signed", want)
		}
	})
}

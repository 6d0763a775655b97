package subject

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestToken(t *testing.T) {
	for text, want := range map[string]string{
		"": "-", "-": "%2D", "36": "36", "a.b": "a%2Eb", "a b": "a%20b", "ä": "%C3%A4", "*": "%2A", ">": "%3E", "a-b_C": "a-b_C", "%": "%25", "--": "--",
	} {
		if got := Token(text); got != want {
			t.Errorf("Token(%q) = %q, want %q", text, got, want)
		}
	}
	for _, token := range []string{"a.b", "%", "%2", "%ZZ", "a b", "ä"} {
		if text, err := Untoken(token); err == nil {
			t.Errorf("Untoken(%q) = %q, want an error", token, text)
		}
	}
}

// Every text survives, and no two share a token or break a subject.
func TestTokenIsReversible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		token := Token(text)
		back, err := Untoken(token)
		if err != nil || back != text {
			t.Fatalf("%q became %q and came back as %q, %v", text, token, back, err)
		}
		if token == "" || strings.ContainsAny(token, ". *>\t\r\n") {
			t.Fatalf("%q became %q, which is no single token", text, token)
		}
	})
}

func TestBuildersParseBack(t *testing.T) {
	any := rapid.String()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c, d := any.Draw(t, "a"), any.Draw(t, "b"), any.Draw(t, "c"), any.Draw(t, "d")
		if w, err := ParseWebhook(Webhook{a, b, c, d}.String()); err != nil || w != (Webhook{a, b, c, d}) {
			t.Fatalf("webhook: %v, %v", w, err)
		}
		if o, err := ParseOrder(Order{a, b, c}.String()); err != nil || o != (Order{a, b, c}) {
			t.Fatalf("order: %v, %v", o, err)
		}
		if store, customer, err := ParseCustomer(Customer(a, b)); err != nil || store != a || customer != b {
			t.Fatalf("customer: %v, %v, %v", store, customer, err)
		}
		if x, err := ParseDesired(Desired{a, b, c, d}.String()); err != nil || x != (Desired{a, b, c, d}) {
			t.Fatalf("desired: %v, %v", x, err)
		}
		if s, err := ParseSync(Sync{a, b, c}.String()); err != nil || s != (Sync{a, b, c}) {
			t.Fatalf("sync: %v, %v", s, err)
		}
		if x, err := ParseChange(Change{a, b, c}.String()); err != nil || x != (Change{a, b, c}) {
			t.Fatalf("change: %v, %v", x, err)
		}
		if n, err := ParseNotice(Notice{a, b, c}.String()); err != nil || n != (Notice{a, b, c}) {
			t.Fatalf("notice: %v, %v", n, err)
		}
		if f, err := ParseFailureID(Failure{a, b, c}.ID()); err != nil || f != (Failure{a, b, c}) {
			t.Fatalf("failure: %v, %v", f, err)
		}
	})
}

func TestParseRefusesOtherSubjects(t *testing.T) {
	for _, s := range []string{"", "order.v1", "order.v1.placed.main", "order.v1.placed.main.36.x", "orders.v1.placed.main.36"} {
		if o, err := ParseOrder(s); err == nil {
			t.Errorf("ParseOrder(%q) = %v, want an error", s, o)
		}
	}
}

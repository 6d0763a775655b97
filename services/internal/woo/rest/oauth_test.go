package rest

import (
	"net/url"
	"testing"
	"time"
)

// Signatures computed with an independent implementation of RFC 5849, section 3.4 (HMAC-SHA256, empty token
// secret).
func TestSign(t *testing.T) {
	for name, c := range map[string]struct{ method, target, secret, want string }{
		"plain": {"GET", "http://127.0.0.1:8081/wp-json/wc/v3/orders/36", "cs_b2",
			"oauth_consumer_key=ck_a1&oauth_nonce=n0nce&oauth_signature=oKZm1xa75qUwR17J%2BSqaT%2Bw6dUIvHRMcyf%2FMVwzX9lw%3D&oauth_signature_method=HMAC-SHA256&oauth_timestamp=1795392000"},
		"with a query of its own": {"get", "http://127.0.0.1:8081/wp-json/wc/v3/orders?search=a+b%2Bc~%26%3D%C3%A4&per_page=100&modified_after=2026-11-23T03:14:00", "cs_b2",
			"modified_after=2026-11-23T03%3A14%3A00&oauth_consumer_key=ck_a1&oauth_nonce=n0nce&oauth_signature=fJZxBhAhQfyZwrharzgeZbmB6o4FhhH3sV4nPbRtXj0%3D" +
				"&oauth_signature_method=HMAC-SHA256&oauth_timestamp=1795392000&per_page=100&search=a%20b%2Bc~%26%3D%C3%A4"},
		"the secret is not escaped": {"PUT", "http://127.0.0.1:8081/wp-json/wc/v3/orders/36", "c/s+b&2",
			"oauth_consumer_key=ck_a1&oauth_nonce=n0nce&oauth_signature=zu5DSDITVB1wmBLYC3VRSNbv%2BAAajf5uDtEgCEcm9S4%3D&oauth_signature_method=HMAC-SHA256&oauth_timestamp=1795392000"},
	} {
		target, err := url.Parse(c.target)
		if err != nil {
			t.Fatal(err)
		}
		if got := sign(c.method, target, "ck_a1", c.secret, time.Unix(1795392000, 0), "n0nce"); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
		if target.String() != c.target {
			t.Errorf("%s: the request's URL became %s", name, target)
		}
	}
}

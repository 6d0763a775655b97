package netsuitesim_test

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// tells posts a control and wants a status.
func (a *account) tells(path, body string, status int) {
	a.t.Helper()
	if r := a.do("POST", path, body); r.status != status {
		a.t.Fatalf("%s %s: %d %s, want %d", path, body, r.status, r.body, status)
	}
}

// Several tokens of one integration sign side by side; one that is revoked, or that has another's secret, does not.
func TestTokensOfAnIntegration(t *testing.T) {
	a := open(t, func(c *netsuitesim.Config) { c.TBA = tba })
	get := func(id, secret string) int {
		header := oauthWith(secret, a.sim.URL(), func(p map[string]string) { p["oauth_token"], p["oauth_nonce"] = id, rand.Text() })
		return a.do("GET", "record/v1/customer?q="+url.QueryEscape(`email IS "a b"`), "", "Authorization", header).status
	}
	signs := func(when string, want map[string]int) {
		t.Helper()
		for pair, status := range want {
			id, secret, _ := strings.Cut(pair, " ")
			if got := get(id, secret); got != status {
				t.Errorf("%s: %s: %d, want %d", when, pair, got, status)
			}
		}
	}
	signs("at first", map[string]int{"tk ts": 200, "new new-secret": 401})
	a.tells("/sim/tba/tokens", `{"id":"new","secret":"new-secret"}`, http.StatusOK)
	signs("both", map[string]int{"tk ts": 200, "new new-secret": 200, "new ts": 401, "tk new-secret": 401})
	a.tells("/sim/tba/tokens/revoke", `{"id":"tk"}`, http.StatusOK)
	signs("one", map[string]int{"tk ts": 401, "new new-secret": 200})
	for _, body := range []string{`{"id":"tk","secret":"again"}`, `{"id":"x"}`, `{"secret":"x"}`} {
		a.tells("/sim/tba/tokens", body, http.StatusBadRequest)
	}
	a.tells("/sim/tba/tokens/revoke", `{"id":"nobody"}`, http.StatusBadRequest)
	if r := a.do("GET", "/sim/tba/tokens", ""); r.body != `[{"id":"tk","revoked":true},{"id":"new","revoked":false}]` {
		t.Errorf("listed: %s", r.body)
	}
}

func TestNoTokensWithoutAnIntegration(t *testing.T) {
	open(t).tells("/sim/tba/tokens", `{"id":"x","secret":"y"}`, http.StatusBadRequest)
}

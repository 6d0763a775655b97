package e2e

import (
	"net/http"
	"testing"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// tokened is a world whose account signs with token-based authentication, its keys in the files ck, cs, id and secret. A
// second token is there already.
func tokened(t *testing.T) (w world.World, f files, next netsuitesim.TBAToken) {
	t.Helper()
	f = files{t, t.TempDir()}
	var keys netsuitesim.TBA
	w = world.Start(t, demo.Options{Mute: true, Mapping: ordersAlone(t), Account: func(c *netsuitesim.Config) { keys = c.TBA }, Adjust: func(c *host.Config) {
		f.configure(c, f.signing(keys))
	}})
	next = netsuitesim.TBAToken{ID: "next-token", Secret: "next-secret"}
	if _, err := w.NetSuite.AddTBAToken(next); err != nil {
		t.Fatal(err)
	}
	return w, f, next
}

// signing is the section of an account that signs, its keys in the files ck, cs, id and secret.
func (f files) signing(keys netsuitesim.TBA) map[string]any {
	f.t.Helper()
	section := map[string]string{}
	for field, file := range map[string][2]string{
		"consumer_key": {"ck", keys.ConsumerKey}, "consumer_secret": {"cs", keys.ConsumerSecret}, "token_id": {"id", keys.TokenID}, "token_secret": {"secret", keys.TokenSecret},
	} {
		f.put(file[0], file[1])
		section[field] = f.ref(file[0])
	}
	return map[string]any{"tba": section}
}

// drop revokes the token that was there first.
func drop(t *testing.T, w world.World) {
	t.Helper()
	if err := w.NetSuite.RevokeTBAToken(w.Facts.Account.TBA.TokenID); err != nil {
		t.Fatal(err)
	}
}

// A token is exchanged while orders are written: no restart, nothing parked, nothing written twice. Invariant 2.
func TestATokenIsExchangedWhileOrdersFlow(t *testing.T) {
	w, f, next := tokened(t)
	plays := paidOrders(t, w, 740_000, 60)
	amid(t, w, plays[:40], func() {
		f.put("id", next.ID)
		f.put("secret", next.Secret)
		drop(t, w)
	})
	send(t, w, plays[40:])
	w.Settle()
	checkLanded(t, w, plays)
	checkOnce(t, w, plays)
	if n := tokens(w, http.StatusOK); n > 0 {
		t.Errorf("%d access tokens were given to an account that signs", n)
	}
}

// A token that is revoked while only one of its successor's files is there holds the orders up: no attempt burns, and they
// go on by themselves once both are.
func TestATokenIsRevokedTooEarly(t *testing.T) {
	w, f, next := tokened(t)
	plays := paidOrders(t, w, 750_000, 60)
	amid(t, w, plays[:40], func() {
		f.put("id", next.ID)
		drop(t, w)
	})
	send(t, w, plays[40:])
	refused := func() int { return w.NetSuite.Stats().ByStatus["401"] }
	first := refused()
	w.Until("orders are tried again", func() bool { return refused() >= first+20 })
	if have := len(w.SalesOrders()); have >= 40 {
		t.Errorf("%d orders were written without a token", have)
	}
	checkParked(t, w, nil)
	f.put("secret", next.Secret)
	w.Settle()
	checkLanded(t, w, plays)
}

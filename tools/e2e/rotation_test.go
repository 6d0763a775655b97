package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-json"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// files are the account's credentials as a mounted secret has them: each is replaced as a whole.
type files struct {
	t   *testing.T
	dir string
}

func (f files) put(name, text string) {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		f.t.Fatal(err)
	}
}

func (f files) ref(name string) string { return "file:" + filepath.Join(f.dir, name) }

// configure changes the account's section. An attempt that burns parks its order at once, and each order is a request
// of its own.
func (f files) configure(c *host.Config, section map[string]any) {
	f.t.Helper()
	section["attempts"], section["batches"] = 1, "off"
	section["retry"] = map[string]string{"last_probe": "200ms", "throttled": "100ms"}
	f.change(c, section)
}

// change changes the account's section and nothing else.
func (f files) change(c *host.Config, section map[string]any) {
	f.t.Helper()
	text, err := json.Marshal(section)
	if err != nil {
		f.t.Fatal(err)
	}
	a := c.Accounts[demo.Account]
	if err := json.Unmarshal(text, &a); err != nil {
		f.t.Fatal(err)
	}
	c.Accounts[demo.Account] = a
}

// certified is a world whose account has the files id and key.
func certified(t *testing.T, account ...func(*netsuitesim.Config)) (world.World, files) {
	t.Helper()
	f := files{t, t.TempDir()}
	w := world.Start(t, demo.Options{Mute: true, Mapping: ordersAlone(t), Account: func(c *netsuitesim.Config) {
		for _, change := range account {
			change(c)
		}
	}, Adjust: func(c *host.Config) {
		a := c.Accounts[demo.Account]
		key, err := a.PrivateKey.Value()
		if err != nil {
			t.Fatal(err)
		}
		f.put("id", string(a.Certificate))
		f.put("key", key)
		f.configure(c, map[string]any{"certificate_id": f.ref("id"), "private_key": f.ref("key")})
	}})
	return w, f
}

// mapped maps a new certificate and gives its id and key.
func mapped(t *testing.T, w world.World) (id, key string) {
	t.Helper()
	keys, err := netsuitesim.GenerateCredentials()
	if err != nil {
		t.Fatal(err)
	}
	if id, err = w.NetSuite.MapCertificate(netsuitesim.Certificate{PublicKey: string(keys.PublicKeyPEM)}); err != nil {
		t.Fatal(err)
	}
	return id, string(keys.PrivateKeyPEM)
}

// retire revokes the certificate that was there first; its tokens end with it.
func retire(t *testing.T, w world.World) {
	t.Helper()
	if err := w.NetSuite.RevokeCertificate(w.Facts.Account.CertificateID); err != nil {
		t.Fatal(err)
	}
}

// tokens counts what the token endpoint answered.
func tokens(w world.World, status int) int {
	return answered(w, http.MethodPost, "/oauth2/v1/token", status)
}

// amid exchanges something while orders are written.
func amid(t *testing.T, w world.World, plays []play, exchange func()) {
	t.Helper()
	setFaults(t, w, `{"latencyMs":20}`)
	send(t, w, plays)
	w.Until("some are written", func() bool { return len(w.SalesOrders()) >= 5 })
	exchange()
	if left := len(plays) - len(w.SalesOrders()); left < 5 {
		t.Fatalf("only %d orders were left for after the exchange: it proves nothing", left)
	}
}

// checkLanded wants each order in NetSuite, to the cent, no other one there, and nothing parked.
func checkLanded(t *testing.T, w world.World, plays []play) {
	t.Helper()
	checkParked(t, w, nil)
	want := map[string]string{}
	for _, p := range plays {
		want[orderName(p)] = "28.14"
	}
	sameTotals(t, "sales orders", transactions(w, "salesOrder"), want)
}

// checkOnce wants each order written by one request.
func checkOnce(t *testing.T, w world.World, plays []play) {
	t.Helper()
	for _, p := range plays {
		name := orderName(p)
		writes := answered(w, http.MethodPut, name, http.StatusNoContent) + answered(w, http.MethodPatch, name, http.StatusNoContent)
		if writes != 1 {
			t.Errorf("%s: written %d times, want once", name, writes)
		}
	}
}

func orderName(p play) string { return fmt.Sprint("wc-so-main-", p.id) }

// A certificate is exchanged while orders are written: no restart, nothing parked, nothing written twice. Invariant 2. Its
// tokens end with it, or live out their time: then none is asked for before.
func TestACertificateIsExchangedWhileOrdersFlow(t *testing.T) {
	for name, outlive := range map[string]bool{"tokens end": false, "tokens live on": true} {
		t.Run(name, func(t *testing.T) {
			w, f := certified(t, func(c *netsuitesim.Config) { c.Switches.TokensOutliveCertificates = outlive })
			plays := paidOrders(t, w, 710_000, 60)
			amid(t, w, plays[:40], func() {
				id, key := mapped(t, w)
				f.put("id", id)
				f.put("key", key)
				retire(t, w)
			})
			send(t, w, plays[40:])
			w.Settle()
			checkLanded(t, w, plays)
			checkOnce(t, w, plays)
			if given := tokens(w, http.StatusOK); given > 1 == outlive {
				t.Errorf("%d tokens were given", given)
			}
		})
	}
}

// While one of the two files is replaced, the certificate that NetSuite accepted last serves; the new one does as soon as
// both are.
func TestACertificateIsHalfReplaced(t *testing.T) {
	for _, order := range [][2]string{{"id", "key"}, {"key", "id"}} {
		t.Run(order[0]+" first", func(t *testing.T) {
			w, f := certified(t)
			plays := paidOrders(t, w, 720_000, 60)
			id, key := mapped(t, w)
			text := map[string]string{"id": id, "key": key}
			var refused, given int
			amid(t, w, plays[:40], func() {
				f.put(order[0], text[order[0]])
				refused, given = tokens(w, http.StatusBadRequest), tokens(w, http.StatusOK)
				w.NetSuite.RevokeTokens()
			})
			w.Settle()
			if tokens(w, http.StatusBadRequest) == refused || tokens(w, http.StatusOK) == given {
				t.Errorf("%d tokens refused and %d given with half of the files, want one of each at least", tokens(w, http.StatusBadRequest)-refused, tokens(w, http.StatusOK)-given)
			}
			f.put(order[1], text[order[1]])
			retire(t, w)
			send(t, w, plays[40:])
			w.Settle()
			checkLanded(t, w, plays)
			checkOnce(t, w, plays)
		})
	}
}

// A certificate that is revoked before its successor's files are there pauses the account, however long that takes: no
// attempt burns, and the orders go on by themselves once both files are there.
func TestACertificateIsRevokedTooEarly(t *testing.T) {
	w, f := certified(t)
	plays := paidOrders(t, w, 730_000, 60)
	amid(t, w, plays[:40], func() { retire(t, w) })
	awaitDegraded(t, w)
	send(t, w, plays[40:])
	probed := func(times int) {
		t.Helper()
		first := tokens(w, http.StatusBadRequest)
		w.Until("the account probes", func() bool { return tokens(w, http.StatusBadRequest) >= first+times })
	}
	probed(5)
	id, key := mapped(t, w)
	f.put("id", id)
	probed(4) // two pairs are tried each time
	if have := len(w.SalesOrders()); have >= 40 || w.Host.Ready() == nil {
		t.Errorf("%d orders are there and the account is ready without a certificate", have)
	}
	checkParked(t, w, nil)
	f.put("key", key)
	w.Settle()
	if err := w.Host.Ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}
	checkLanded(t, w, plays)
}

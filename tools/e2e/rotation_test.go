package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// rotation is a world whose certificate lies in files.
type rotation struct {
	world.World
	t       *testing.T
	id, key string // files
	old     string // the id at the start
	next    netsuitesim.Credentials
	orders  []capture.Delivery // not posted yet
}

const ordersOfRotation = 8

func newRotation(t *testing.T) *rotation {
	t.Helper()
	next, err := netsuitesim.GenerateCredentials()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r := &rotation{t: t, id: filepath.Join(dir, "certificate-id"), key: filepath.Join(dir, "secrets", "netsuite.pem"), next: next}
	r.World = world.Start(t, demo.Options{Mute: true, Dir: dir, Adjust: func(c *host.Config) {
		a := c.Accounts[demo.Account]
		r.old = string(a.Certificate)
		replace(t, r.id, r.old)
		set(&a.Certificate, "file:"+r.id)
		c.Accounts[demo.Account] = a
	}})
	for i := range ordersOfRotation {
		r.orders = append(r.orders, changed(t, "order.created-simple", `"id":36,`, fmt.Sprintf(`"id":%d,`, 9000+i)))
	}
	r.Load(r.orders)
	return r
}

func set[T ~string](to *T, text string) { *to = T(text) }

// replace puts a file in the place of another at once, as secrets are mounted.
func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
}

// post hands on so many of the orders that are left.
func (r *rotation) post(n int) {
	r.t.Helper()
	for _, c := range r.orders[:n] {
		r.Post(c)
	}
	r.orders = r.orders[n:]
}

func (r *rotation) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rotation) mapNext() {
	r.t.Helper()
	r.must(r.NetSuite.MapCertificate(netsuitesim.Certificate{ID: r.next.CertificateID, PublicKey: string(r.next.PublicKeyPEM)}))
}

// refused counts assertions that NetSuite refused.
func (r *rotation) refused() (n int) {
	for _, e := range r.NetSuite.Log("oauth2/v1/token", 0) {
		if e.Status == http.StatusBadRequest {
			n++
		}
	}
	return n
}

// check wants every order once, written once, and nothing parked.
func (r *rotation) check() {
	r.t.Helper()
	r.post(len(r.orders))
	r.Settle()
	checkParked(r.t, r.World, nil)
	if held := len(r.SalesOrders()); held != ordersOfRotation {
		r.t.Errorf("NetSuite holds %d orders, want %d", held, ordersOfRotation)
	}
	wrote := map[string]int{}
	for _, e := range r.NetSuite.Log("salesorder/eid:", 0) {
		if e.Method == http.MethodPut && e.Status < 300 {
			wrote[e.Path]++
		}
	}
	for path, times := range wrote {
		if times != 1 {
			r.t.Errorf("%s was written %d times", path, times)
		}
	}
}

// A certificate is exchanged while orders flow: one more is mapped, its files take the place of the old ones, the old one
// ends with its access tokens. Nothing is started again, parked or written twice.
func TestACertificateIsExchanged(t *testing.T) {
	t.Parallel()
	r := newRotation(t)
	r.post(2)
	r.Settle()
	r.mapNext()
	replace(t, r.id, r.next.CertificateID)
	replace(t, r.key, string(r.next.PrivateKeyPEM))
	r.post(2)
	r.must(r.NetSuite.RevokeCertificate(r.old))
	r.check()
}

// The files are replaced one after the other: while the new id lies beside the old key the old pair goes on.
func TestAHalfExchangedCertificate(t *testing.T) {
	t.Parallel()
	r := newRotation(t)
	r.post(2)
	r.Settle()
	r.mapNext()
	replace(t, r.id, r.next.CertificateID)
	r.NetSuite.RevokeTokens()
	r.post(2)
	r.Settle()
	if held := len(r.SalesOrders()); held != 4 {
		t.Errorf("NetSuite holds %d orders, want the 4 posted so far", held)
	}
	replace(t, r.key, string(r.next.PrivateKeyPEM))
	r.must(r.NetSuite.RevokeCertificate(r.old))
	r.check()
}

// A certificate that ends before its files are replaced pauses the account: orders wait and burn no attempt, and go on by
// themselves once the files are there.
func TestACertificateThatEndsTooEarly(t *testing.T) {
	t.Parallel()
	r := newRotation(t)
	r.post(2)
	r.Settle()
	r.must(r.NetSuite.RevokeCertificate(r.old))
	r.post(2)
	r.Until("NetSuite refused the certificate more often than an order is tried", func() bool { return r.refused() > 6 })
	r.mapNext()
	replace(t, r.id, r.next.CertificateID)
	replace(t, r.key, string(r.next.PrivateKeyPEM))
	r.check()
	for id := range r.SalesOrders() {
		store, order, _ := strings.Cut(strings.TrimPrefix(id, "wc-so-"), "-")
		shown, err := operate.Show(t.Context(), r.JS, store, order)
		r.must(err)
		for _, step := range shown.Steps {
			if step.Stage == "write" && step.What != event.OutcomeSynced {
				t.Errorf("%s: outcome %q, want no attempt burnt", id, step.What)
			}
		}
	}
}

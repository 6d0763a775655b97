package e2e

import (
	"fmt"
	"testing"

	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// A payment that is captured after the order is one deposit from then on, whether the order's status says it or only its
// date_paid; before, the sales order stands without one, and what is edited later makes no second. Invariant 2.
func TestPaymentCapturedLater(t *testing.T) {
	w := world.Start(t, demo.Options{})
	for _, c := range []struct {
		name, placed, status string // the sales order's status while the money is not taken
		edits                []string
		captured             string
	}{
		{"the status says it", "on-hold", "A", []string{`{"payment_method":"stripe"}`, `{"transaction_id":"pi_1"}`}, `{"status":"processing"}`},
		{"the date alone says it", "on-hold", "B", []string{`{"payment_method":"cod"}`, `{"status":"processing"}`}, `{"set_paid":true,"transaction_id":"till-9"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			ids, err := w.Shop.Place(shopsim.Placement{Store: "main", Status: c.placed})
			if err != nil {
				t.Fatal(err)
			}
			b := &backward{World: w, t: t, store: "main", order: ids[0]}
			edit := func(body string) {
				t.Helper()
				if err := w.Shop.Edit("main", b.order, []byte(body)); err != nil {
					t.Fatal(err)
				}
				b.quiet()
			}
			deposit := fmt.Sprintf("wc-cd-main-%d-payment", b.order)
			b.quiet()
			for _, body := range c.edits {
				edit(body)
			}
			if got := b.ledger().Status; got != c.status {
				t.Errorf("sales order %s before the capture, want %s", got, c.status)
			}
			if total, made := transactions(w, "customerDeposit")[deposit]; made {
				t.Fatalf("a deposit of %s for money that is not taken", total)
			}
			before := len(transactions(w, "customerDeposit"))
			for _, body := range []string{c.captured, `{"customer_note":"ring twice"}`, `{"transaction_id":"other"}`} {
				edit(body)
				all := transactions(w, "customerDeposit")
				if got, want := all[deposit], b.shopOrder().Total; len(all) != before+1 || !world.SameAmount(got, want) {
					t.Errorf("after %s: %d new deposits, ours of %q; want one of %s", body, len(all)-before, got, want)
				}
			}
			if got := b.ledger().Status; got != "B" {
				t.Errorf("sales order %s after the capture, want B", got)
			}
		})
	}
}

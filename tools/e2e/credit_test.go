package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// policy is the shipped mapping with another money policy.
func policy(t *testing.T, name string) string {
	t.Helper()
	document := bytes.Replace(mapping.Default, []byte("\n  policy: deposit\n"), []byte("\n  policy: "+name+"\n"), 1)
	file := filepath.Join(t.TempDir(), name+".yaml")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Order 37 is billed, then 10.00 and one tee of three (19.99 and 1.45 tax) are given back. Whatever the way of billing:
// the credit is the refund to the cent, once, and the money goes back from where it is.
func TestRefundsOfBilledOrders(t *testing.T) {
	byPerson := func(t *testing.T, w world.World) {
		if _, err := w.NetSuite.Fulfil(netsuitesim.Shipment{Order: "wc-so-main-37"}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.NetSuite.Bill("wc-so-main-37"); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		policy   string
		switches netsuitesim.Switches
		bill     func(*testing.T, world.World)
		want     map[string]map[string]string // by record type
	}{
		"cash sale": {"cash-sale", netsuitesim.Switches{BillInAdvance: true}, nil, map[string]map[string]string{
			"cashRefund": {"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "21.44"}, "creditMemo": {}, "customerRefund": {},
		}},
		"invoice that nobody paid": {"invoice", netsuitesim.Switches{BillInAdvance: true}, nil, map[string]map[string]string{
			"creditMemo": {"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": "21.44"}, "customerRefund": {}, "cashRefund": {},
		}},
		"invoice paid by the deposit": {"deposit", netsuitesim.Switches{AutoApplyDeposits: true}, byPerson, map[string]map[string]string{
			"creditMemo": {"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": "21.44"}, "customerRefund": {"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "21.44"},
		}},
		"invoice beside its deposit": {"deposit", netsuitesim.Switches{}, byPerson, map[string]map[string]string{
			"creditMemo": {"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": "21.44"}, "customerRefund": {"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "21.44"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.Start(t, demo.Options{Mute: true, Mapping: policy(t, c.policy), Account: func(a *netsuitesim.Config) { a.Switches = c.switches }})
			w.Load(world.Captures(t))
			w.Post(changed(t, "order.created-multi"))
			w.Settle()
			if c.bill != nil {
				c.bill(t, w)
			}
			faults(t, w,
				netsuitesim.Rule{Kind: "drop", Count: 1, Match: netsuitesim.Match{Method: "POST", PathContains: "!transform"}},
				netsuitesim.Rule{Kind: "timeout", Status: 504, Count: 1, Match: netsuitesim.Match{Method: "PUT", PathContains: "customerrefund"}})
			for range 2 { // the second time nothing is made
				w.Post(changed(t, "order.updated-partial-refund-amount"))
				w.Settle()
				w.Post(changed(t, "order.updated-partial-refund-lines"))
				w.Settle()
			}
			for kind, want := range c.want {
				sameTotals(t, kind, transactions(w, kind), want)
			}
			if got := lastOutcome(t, w, "37"); got.Kind != event.OutcomeSkipped || len(got.Questions) > 0 {
				t.Errorf("%s, questions %+v", got.Kind, got.Questions)
			}
			open, err := operate.Failures(context.Background(), w.JS, false)
			if err != nil || len(open) > 0 {
				t.Errorf("parked: %+v, %v", open, err)
			}
			if so := w.SalesOrders()["wc-so-main-37"]; !world.SameAmount(so.Total.String(), "232.11") {
				t.Errorf("the sales order changed to %s", so.Total)
			}
		})
	}
}

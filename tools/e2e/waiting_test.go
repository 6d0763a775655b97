package e2e

import (
	"testing"

	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// An order whose deposit finds NetSuite full waits, and goes on with the deposit: its sales order is not written again.
func TestAThrottledDepositGoesOn(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{Rules: []netsuitesim.Rule{
		{Match: netsuitesim.Match{Method: "PUT", PathContains: "customerDeposit"}, Kind: "status", Status: 429, Count: 2},
	}}); err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	puts := map[int]int{}
	for _, e := range w.NetSuite.Log("salesorder/eid:", 0) {
		if e.Method == "PUT" {
			puts[e.Status]++
		}
	}
	if len(puts) != 1 || puts[204] != 1 {
		t.Errorf("PUTs of the sales order by status: %v, want one", puts)
	}
	throttled := 0
	for _, e := range w.NetSuite.Log("customerdeposit/eid:", 0) {
		if e.Status == 429 {
			throttled++
		}
	}
	if throttled != 2 {
		t.Errorf("%d refusals of the deposit, want the two of the fault rule", throttled)
	}
	if deposits := w.Transactions("customerDeposit"); len(deposits) != 1 {
		t.Errorf("deposits %v, want one", deposits)
	}
}

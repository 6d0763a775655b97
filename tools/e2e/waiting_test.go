package e2e

import (
	"fmt"
	"testing"

	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// An order whose deposit finds NetSuite full, away or failing goes on with the deposit: its sales order is not written again.
func TestADepositThatWaitsWritesNoOrderAgain(t *testing.T) {
	for _, status := range []int{429, 503, 500} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			w := world.Start(t, demo.Options{Mute: true})
			if err := w.NetSuite.SetFaults(netsuitesim.Faults{Rules: []netsuitesim.Rule{
				{Match: netsuitesim.Match{Method: "PUT", PathContains: "customerDeposit"}, Kind: "status", Status: status, Count: 2},
			}}); err != nil {
				t.Fatal(err)
			}
			w.Post(changed(t, "order.created-simple"))
			w.Settle()
			orders, deposits := putsByStatus(w, "salesorder/eid:"), putsByStatus(w, "customerdeposit/eid:")
			if orders[204] != 1 || len(orders) != 1 || deposits[status] != 2 {
				t.Errorf("PUTs of the sales order by status %v, of the deposit %v: want one, and the two refusals of the fault rule", orders, deposits)
			}
			if made := w.Transactions("customerDeposit"); len(made) != 1 {
				t.Errorf("deposits %v, want one", made)
			}
		})
	}
}

// putsByStatus counts the PUTs of a path by the status of their answers.
func putsByStatus(w world.World, path string) map[int]int {
	by := map[int]int{}
	for _, e := range w.NetSuite.Log(path, 0) {
		if e.Method == "PUT" {
			by[e.Status]++
		}
	}
	return by
}

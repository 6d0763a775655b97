package e2e

import (
	"net/http"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// givesUp waits a second for an answer, and for five more for what may come of the request.
func givesUp(c *host.Config) {
	a := c.Accounts[demo.Account]
	a.Timeout, a.Late = 1_000_000_000, 5_000_000_000 // nanoseconds
	c.Accounts[demo.Account] = a
}

// A write that was given up and that NetSuite ends behind a newer state undoes it for a moment, not for good: the newer
// state is written once more. Invariant 4.
func TestAWriteGivenUpEndsBehindANewerState(t *testing.T) {
	t.Parallel()
	w := world.Start(t, demo.Options{Mute: true, Adjust: givesUp})
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{Rules: []netsuitesim.Rule{
		{Kind: "latency", LatencyMs: 4_000, Count: 1, Match: netsuitesim.Match{Method: http.MethodPut, PathContains: "salesorder/"}},
	}}); err != nil {
		t.Fatal(err)
	}
	note := func(text string) func() bool {
		return func() bool { return w.SalesOrders()["wc-so-main-36"].Note == text }
	}
	w.Post(changed(t, "order.created-simple", `"customer_note":""`, `"customer_note":"older"`))
	w.Until("the older state is written again", note("older"))
	w.Post(changed(t, "order.created-simple", `"customer_note":""`, `"customer_note":"newer"`, `"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"2026-12-01T00:00:01"`))
	w.Until("the newer state is written", note("newer"))
	w.Until("the write that was given up ends", note("older"))
	w.Until("the newer state is written once more", note("newer"))
	w.Settle()
	if !note("newer")() {
		t.Error("the older state came back")
	}
	var ledger event.Ledger
	for _, o := range outcomesOf(t, w, "36") {
		ledger = o.Ledger
	}
	if ledger.Late != nil {
		t.Errorf("the ledger still waits for %+v", ledger.Late)
	}
}

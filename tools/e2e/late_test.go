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

// A write is given up, and NetSuite cannot be asked what became of it: the try counts as none, and is remembered all the same.
// NetSuite answers before it works, and ends the write behind a newer state. Invariant 4.
func TestAWriteGivenUpUnaskedEndsBehindANewerState(t *testing.T) {
	t.Parallel()
	w := world.Start(t, demo.Options{Mute: true, Adjust: func(c *host.Config) { givesUp(c); world.Unwatched(c) }})
	w.Post(changed(t, "order.created-simple"))
	w.Settle() // the next order of the customer and the item needs no look-up
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{Rules: []netsuitesim.Rule{
		{Kind: "late", Status: 504, LatencyMs: 4_000, Count: 1, Match: netsuitesim.Match{Method: http.MethodPut, PathContains: "salesorder/"}},
		{Kind: "status", Status: 502, Count: 1, Match: netsuitesim.Match{PathContains: "/query/"}},
	}}); err != nil {
		t.Fatal(err)
	}
	say := func(note, at string) {
		w.Post(changed(t, "order.created-simple", `"id":36,"parent_id"`, `"id":1036,"parent_id"`, `"number":"36"`, `"number":"1036"`,
			`"customer_note":""`, `"customer_note":"`+note+`"`, `"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"`+at+`"`))
	}
	note := func(text string) func() bool {
		return func() bool { return w.SalesOrders()["wc-so-main-1036"].Note == text }
	}
	say("older", "2026-12-01T00:00:00")
	w.Until("the older state is written again", note("older"))
	say("newer", "2026-12-01T00:00:01")
	w.Until("the newer state is written", note("newer"))
	w.Until("the write that was given up ends", note("older"))
	w.Until("the newer state is written once more", note("newer"))
	w.Settle()
	if !note("newer")() {
		t.Error("the older state came back")
	}
}

// The status that a write gives which ends behind the state that takes the order back is ours, not people's: the order is closed
// once more.
func TestAWriteGivenUpEndsBehindACancellation(t *testing.T) {
	t.Parallel()
	w := world.Start(t, demo.Options{Mute: true, Adjust: givesUp})
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{Rules: []netsuitesim.Rule{
		{Kind: "late", Status: 504, LatencyMs: 4_000, Count: 1, Match: netsuitesim.Match{Method: http.MethodPut, PathContains: "salesorder/"}},
	}}); err != nil {
		t.Fatal(err)
	}
	status := func(letter string) func() bool {
		return func() bool { return w.SalesOrders()["wc-so-main-36"].Status.ID == letter }
	}
	w.Post(changed(t, "order.created-simple"))
	w.Until("the order is written", status("B"))
	w.Post(changed(t, "order.created-simple", `"status":"processing"`, `"status":"cancelled"`, `"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"2026-12-01T00:00:01"`))
	w.Until("it is closed", status("H"))
	w.Until("the write that was given up ends", status("B"))
	w.Until("it is closed once more", status("H"))
	w.Settle()
	if o := lastOutcome(t, w, "36"); o.Kind != event.OutcomeSynced || o.Rule != "" {
		t.Errorf("%s %s: %s", o.Kind, o.Rule, o.Reason)
	}
}

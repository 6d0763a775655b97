package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

func transactions(w world.World, kind string) map[string]string { return w.Transactions(kind) }

func sameTotals(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for id, total := range want {
		if !world.SameAmount(got[id], total) {
			t.Errorf("%s %s: %q, want %s", what, id, got[id], total)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d of %s, want %d: %v", len(got), what, len(want), got)
	}
}

// One deposit per payment, one refund per refund. Invariant 2.
func TestPaymentsAndRefunds(t *testing.T) {
	t.Parallel()
	w := world.Start(t, demo.Options{Mute: true})
	all := world.Captures(t)
	w.Load(all)
	for range 2 { // the second time nothing is made
		for _, c := range all {
			w.Post(c)
			w.Settle()
		}
		w.CheckMoney(nil)
	}
	failures, err := operate.Failures(context.Background(), w.JS, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		t.Errorf("parked: %s %s", f.Name, f.Entry.Fault.Message)
	}
}

// An answer that is lost after the write does not make a second deposit, nor one of another amount.
func TestDepositIsMadeOnce(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	err := w.NetSuite.SetFaults(netsuitesim.Faults{Rules: []netsuitesim.Rule{
		{Match: netsuitesim.Match{Method: "PUT", PathContains: "customerDeposit"}, Kind: "drop", Count: 2},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	w.Post(changed(t, "order.created-simple", `"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"2026-12-01T00:00:00"`, `"customer_note":""`, `"customer_note":"later"`))
	w.Settle()
	sameTotals(t, "deposits", transactions(w, "customerDeposit"), map[string]string{"wc-cd-main-36-payment": "28.14"})
}

// A gateway that the table lacks is a question about the deposit; the order goes on, and its id reaches the shop.
func TestUnknownGatewayParksTheDeposit(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	w.Load(world.Captures(t))
	w.Post(changed(t, "order.created-simple", `"payment_method":"rig_card"`, `"payment_method":"barter"`))
	w.Settle()
	if len(w.SalesOrders()) != 1 {
		t.Error("the order waits for its deposit")
	}
	entry := failure(t, w.JS, subject.Failure{Stage: "write", Store: "main", Key: "36"}, "parked")
	if entry.Fault.Code != string(fault.PaymentUnmapped) || !strings.Contains(entry.Fault.Message, "wc-cd-main-36-payment") || !strings.Contains(entry.Fault.Message, "barter") {
		t.Errorf("parked with %s: %s, want the deposit and the gateway named", entry.Fault.Code, entry.Fault.Message)
	}
	timeline, err := operate.Show(context.Background(), w.JS, "main", "36")
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, step := range timeline.Steps {
		told = told || step.Stage == "publish" && step.What == "written"
	}
	if !told {
		t.Error("the shop was not told of its sales order")
	}
	w.Post(changed(t, "order.created-simple", `"payment_method":"rig_card"`, `"payment_method":"barter"`, `"status":"processing"`, `"status":"completed"`, `"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"2026-12-01T00:00:00"`))
	w.Settle() // for NetSuite this state is the same
	failure(t, w.JS, subject.Failure{Stage: "write", Store: "main", Key: "36"}, "parked")
}

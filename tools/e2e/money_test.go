package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// transactions gives the totals of a record type by externalId.
func transactions(w world.World, kind string) map[string]string {
	totals := map[string]string{}
	for _, r := range world.Get[[]struct {
		ExternalID string      `json:"externalId"`
		Total      json.Number `json:"total"`
	}](w, w.Facts.NetSuite+"/sim/state?type="+kind) {
		totals[r.ExternalID] = r.Total.String()
	}
	return totals
}

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

// deposits are the customer deposits of all captures, read from the bodies by hand: each order whose date_paid is set in
// the first state that is paid, with that state's total; none for 0.00, for cash on delivery before it is paid, for bank
// transfers on hold.
var deposits = map[string]string{
	"main-36": "28.14", "main-37": "232.11", "main-38": "155.38", "main-39": "12245.34", "main-42": "73.99", "main-43": "18.70", "main-46": "25.94",
	"main-48": "268.13", "main-49": "9.80", "main-50": "128.14", "main-51": "194.95", "main-54": "42.62", "main-55": "106.36", "main-56": "93.82",
	"main-57": "40.27", "main-58": "30.85", "main-60": "70.94", "main-61": "30.85", "main-62": "28.14", "main-63": "94.81", "main-66": "427.52",
	"main-68": "20.28", "main-69": "98.65", "main-76": "20.28", "main-241": "114.82", "legacy-35": "155.38", "legacy-49": "98.65", "v104-35": "98.65",
}

// refunds are those with a record of their own; "Order fully refunded." by a change of status pays nothing back.
var refunds = map[string]string{"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "21.44", "wc-cr-main-42-73": "73.99"}

// One deposit per payment, one refund per refund. Invariant 2.
func TestPaymentsAndRefunds(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	all := world.Captures(t)
	w.Load(all)
	for range 2 { // the second time nothing is made
		for _, c := range all {
			w.Post(c)
			w.Settle()
		}
		want := map[string]string{}
		for order, total := range deposits {
			want["wc-cd-"+order+"-payment"] = total
		}
		sameTotals(t, "deposits", transactions(w, "customerDeposit"), want)
		sameTotals(t, "refunds", transactions(w, "customerRefund"), refunds)
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
}

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// memo makes an order, ships, bills and takes back a piece of it: a credit memo of 10.00.
func (w *watched) memo(externalID string) string {
	w.t.Helper()
	order := w.order(externalID)
	if _, err := w.sim.Fulfil(netsuitesim.Shipment{Order: order}); err != nil {
		w.t.Fatal(err)
	}
	bill, err := w.sim.Bill(order)
	if err != nil {
		w.t.Fatal(err)
	}
	back := w.act("POST", "invoice/"+bill+"/!transform/returnAuthorization", `{"orderStatus":{"id":"B"},"item":{"items":[{"line":1,"quantity":1},{"line":2,"quantity":0}]}}`)
	w.act("POST", "returnAuthorization/"+back+"/!transform/itemReceipt", `{}`)
	return w.act("POST", "returnAuthorization/"+back+"/!transform/creditMemo", `{}`)
}

// refundTold writes what was told of the refund last: whose it is, its total, and what each order gets.
func (w *watched) refundTold() string {
	w.t.Helper()
	text := ""
	for _, e := range w.changes() {
		if e.Kind != event.ChangeRefund {
			continue
		}
		text = fmt.Sprintf("%s/%s %s:", e.Store, e.Order, e.Total)
		for _, a := range e.Applied {
			text += fmt.Sprintf(" %s/%s %s", a.Store, a.Order, a.Total)
		}
	}
	return text
}

// A refund that pays several orders says how much each gets. One that a person changes says who gets nothing any more. What
// another channel's order gets is nobody's here.
func TestARefundOfSeveralOrders(t *testing.T) {
	w := startWatched(t, "UTC", november)
	one, two, foreign := w.memo("wc-so-main-1"), w.memo("wc-so-main-2-7"), w.memo("acme-5")
	apply := func(memo, amount string) string {
		return `{"doc":{"id":"` + memo + `"},"apply":` + fmt.Sprint(amount != "0") + `,"amount":` + amount + `}`
	}
	body := func(a, b, c string) string {
		return `{"customer":{"id":"21"},"account":{"id":"1"},"apply":{"items":[` + apply(one, a) + "," + apply(two, b) + "," + apply(foreign, c) + `]}}`
	}
	refund := w.act("POST", "customerRefund", body("3", "4", "0"))
	seen := []string{}
	look := func() {
		w.at(w.clock().Add(time.Minute))
		w.poll()
		seen = append(seen, w.refundTold())
	}
	look()
	for _, c := range []string{body("3", "0", "2"), body("3", "0", "0")} {
		w.act("PATCH", "customerRefund/"+refund+"?replace=apply", c)
		look()
		look() // told once
	}
	want := []string{
		"main/1 7.00: main/1 3.00 main-2/7 4.00",
		"main/1 5.00: main/1 3.00 main-2/7 0.00", "main/1 5.00: main/1 3.00 main-2/7 0.00",
		"main/1 3.00: main/1 3.00 main-2/7 0.00", "main/1 3.00: main/1 3.00 main-2/7 0.00",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

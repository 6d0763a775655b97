package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// mixed is a refund of order 37: one tee of three and one beanie of two, 2.00 of shipping, and 1.00 that no line covers.
const mixed = `{"id":72,"date_created":"2026-11-22T22:14:55","date_created_gmt":"2026-11-23T03:14:55","amount":"38.11","reason":"both back","refunded_payment":false,"meta_data":[],` +
	`"line_items":[{"id":1082,"name":"Tee","quantity":-1,"subtotal":"-19.99","subtotal_tax":"-1.45","total":"-19.99","total_tax":"-1.45","taxes":[{"id":1,"total":"-1.45","subtotal":"-1.45"}],` +
	`"meta_data":[{"id":8187,"key":"_refunded_item_id","value":"5"}],"sku":"TEE-001"},` +
	`{"id":1083,"name":"Beanie","quantity":-1,"subtotal":"-12.75","subtotal_tax":"-0.92","total":"-12.75","total_tax":"-0.92","taxes":[{"id":1,"total":"-0.92","subtotal":"-0.92"}],` +
	`"meta_data":[{"id":8188,"key":"_refunded_item_id","value":"6"}],"sku":"BEANIE-01"}],` +
	`"shipping_lines":[{"id":1084,"method_title":"Flat rate","method_id":"flat_rate","total":"-2.00","total_tax":"0.00","taxes":[],"meta_data":[{"id":8189,"key":"_refunded_item_id","value":"8"}]}],"tax_lines":[],"fee_lines":[]}`

// step is what a person does with order 37: ship lines and bill what is shipped by a record of a type, or nothing.
type step struct {
	lines  string // of the fulfilment, as POST /sim/fulfil takes them
	record string
}

var (
	threeShipped = `{"line":1,"quantity":3}`
	twoShipped   = `{"line":2,"quantity":2}`
)

// billedIn brings order 37 into NetSuite, lets people bill it step by step, and gives the shop the refund. It returns the bills.
func billedIn(t *testing.T, w world.World, steps ...step) (bills []string) {
	t.Helper()
	w.Post(changed(t, "order.created-multi"))
	w.Settle()
	for _, s := range steps {
		var shipment netsuitesim.Shipment
		if err := json.Unmarshal([]byte(fmt.Sprintf(`{"order":"wc-so-main-37","lines":[%s]}`, s.lines)), &shipment); err != nil {
			t.Fatal(err)
		}
		if _, err := w.NetSuite.Fulfil(shipment); err != nil {
			t.Fatal(err)
		}
		bills = append(bills, act(t, w, netsuitesim.Act{Method: "POST", Path: "salesOrder/eid:wc-so-main-37/!transform/" + s.record, Body: json.RawMessage(`{}`)}))
	}
	lines := changed(t, "order.updated-partial-refund-lines", `"total":"-21.44"`, `"total":"-38.11"`)
	if _, err := w.Shop.Load(shopsim.Load{Store: "main", Order: lines.Body, Refunds: [][]byte{[]byte(mixed), []byte(amount)}}); err != nil {
		t.Fatal(err)
	}
	return bills
}

// refunded posts the state with the refunds; the second time nothing is made.
func refunded(t *testing.T, w world.World) {
	t.Helper()
	for range 2 {
		w.Post(changed(t, "order.updated-partial-refund-lines", `"total":"-21.44"`, `"total":"-38.11"`))
		w.Settle()
	}
}

// A refund whose lines lie on several bills, or partly on none, is credited of each bill and paid out by one customer
// refund, to the cent: 24.44 of the tee with shipping and what no line covers, 13.67 of the beanie. 10.00 alone are credited of the first bill.
func TestARefundOfSeveralBills(t *testing.T) {
	for name, c := range map[string]struct {
		switches netsuitesim.Switches
		unpaid   bool // no deposit is booked
		back     bool // what the way back makes of it is awaited
		steps    []step
		want     map[string]map[string]string // by record type
	}{
		"two invoices": {steps: []step{{threeShipped, "invoice"}, {twoShipped, "invoice"}}, want: map[string]map[string]string{
			"creditMemo":     {"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": "24.44", "wc-cm-main-37-72-2": "13.67"},
			"customerRefund": {"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "38.11"}, "cashRefund": {},
		}},
		"two invoices, paid by the deposit": {switches: netsuitesim.Switches{AutoApplyDeposits: true}, steps: []step{{threeShipped, "invoice"}, {twoShipped, "invoice"}}, want: map[string]map[string]string{
			"creditMemo":     {"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": "24.44", "wc-cm-main-37-72-2": "13.67"},
			"customerRefund": {"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "38.11"}, "cashRefund": {},
		}},
		"billed and not billed": {steps: []step{{threeShipped, "invoice"}}, want: map[string]map[string]string{
			"creditMemo":     {"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": "24.44"},
			"customerRefund": {"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "38.11"}, "cashRefund": {},
		}},
		"a cash sale beside an invoice": {back: true, steps: []step{{threeShipped, "invoice"}, {twoShipped, "cashSale"}}, want: map[string]map[string]string{
			"creditMemo":     {"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": "24.44"},
			"customerRefund": {"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "24.44"}, "cashRefund": {"wc-cr-main-37-72-2": "13.67"},
		}},
		"two invoices that nobody paid": {unpaid: true, steps: []step{{threeShipped, "invoice"}, {twoShipped, "invoice"}}, want: map[string]map[string]string{
			"creditMemo":     {"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": "24.44", "wc-cm-main-37-72-2": "13.67"},
			"customerRefund": {}, "cashRefund": {},
		}},
		"two cash sales": {steps: []step{{threeShipped, "cashSale"}, {twoShipped, "cashSale"}}, want: map[string]map[string]string{
			"cashRefund": {"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72-1": "24.44", "wc-cr-main-37-72-2": "13.67"}, "creditMemo": {}, "customerRefund": {},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.Start(t, demo.Options{Mute: true, Account: func(a *netsuitesim.Config) { a.Switches = c.switches }, Adjust: func(h *host.Config) {
				if c.unpaid {
					main := h.Stores["main"]
					main.Back.Owner.Payment = "netsuite"
					h.Stores["main"] = main
				}
			}})
			billedIn(t, w, c.steps...)
			refunded(t, w)
			for kind, want := range c.want {
				sameTotals(t, kind, transactions(w, kind), want)
			}
			if got := lastOutcome(t, w, "37"); len(got.Questions) > 0 {
				t.Errorf("questions %+v", got.Questions)
			}
			checkParked(t, w, nil)
			if c.back {
				checkNoEcho(t, w)
			}
		})
	}
}

// checkNoEcho wants every refund that we made in NetSuite to be known as the shop's: none is recorded there again.
func checkNoEcho(t *testing.T, w world.World) {
	t.Helper()
	b := &backward{World: w, t: t, store: "main", order: 37}
	made := len(transactions(w, "customerRefund")) + len(transactions(w, "cashRefund"))
	b.Until("the way back has seen the refunds", func() bool {
		return b.count(topology.ShopOutcomes, subject.ShopKind("main", event.ShopKindRefund)) == made
	})
	if refunds, err := w.Requests(w.Facts.Shop, "POST", "/refunds"); err != nil || refunds != 0 {
		t.Errorf("%d refunds were recorded in the shop: %v", refunds, err)
	}
}

// Answers are lost and requests fail on the way: what is there is found again.
func TestARefundOfSeveralBillsIsInterrupted(t *testing.T) {
	memos, refunds := netsuitesim.Match{Method: "POST", PathContains: "!transform/creditmemo"}, netsuitesim.Match{Method: "PUT", PathContains: "customerrefund"}
	for name, rules := range map[string][]netsuitesim.Rule{
		"answers are lost":          {{Kind: "drop", Count: 3, Match: memos}, {Kind: "timeout", Status: 504, Count: 1, Match: refunds}},
		"a credit memo fails":       {{Kind: "status", Status: 500, Rate: 0.5, Count: 4, Match: memos}},
		"the customer refund fails": {{Kind: "status", Status: 500, Count: 2, Match: refunds}},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.Start(t, demo.Options{Mute: true})
			billedIn(t, w, step{threeShipped, "invoice"}, step{twoShipped, "invoice"})
			faults(t, w, rules...)
			refunded(t, w)
			checkTwoMemos(t, w)
			checkParked(t, w, nil)
		})
	}
}

// The writer dies after its first credit memo, of which no ledger knows: that memo is found, the other one made, and one
// customer refund pays out both. A memo of another amount is a question, and nothing else is made until people
// put it right.
func TestARefundOfSeveralBillsIsTakenUpAgain(t *testing.T) {
	for made, whole := range map[string]bool{"24.44": true, "24.43": false} {
		t.Run(made, func(t *testing.T) {
			w := world.Start(t, demo.Options{Mute: true})
			invoices := billedIn(t, w, step{threeShipped, "invoice"}, step{twoShipped, "invoice"})
			memo := act(t, w, netsuitesim.Act{Method: "POST", Path: "invoice/" + invoices[0] + "/!transform/creditMemo?replace=item", Body: json.RawMessage(
				`{"externalId":"wc-cm-main-37-72","shippingCost":0,"taxDetailsOverride":true,"taxDetails":{"items":[]},"apply":{"items":[{"doc":{"id":"` + invoices[0] + `"},"apply":true,"amount":` + made + `}]},` +
					`"item":{"items":[{"line":1,"quantity":1,"price":{"id":"-1"},"amount":` + made + `}]}}`)})
			refunded(t, w)
			if whole {
				checkTwoMemos(t, w)
				checkParked(t, w, nil)
				return
			}
			sameTotals(t, "credit memos", transactions(w, "creditMemo"), map[string]string{"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": made})
			sameTotals(t, "customer refunds", transactions(w, "customerRefund"), map[string]string{"wc-cr-main-37-71": "10.00"})
			checkParked(t, w, []string{"write.main.37 refund-uncovered"})
			act(t, w, netsuitesim.Act{Method: "PATCH", Path: "creditMemo/" + memo + "?replace=item", Body: json.RawMessage(
				`{"item":{"items":[{"item":{"id":"` + teeID(w) + `"},"quantity":1,"price":{"id":"-1"},"rate":24.44,"amount":24.44}]}}`)})
			if _, err := operate.Retry(t.Context(), w.JS, "write.main.37", "tester"); err != nil {
				t.Fatal(err)
			}
			w.Settle()
			checkTwoMemos(t, w)
			checkParked(t, w, nil)
		})
	}
}

// teeID is NetSuite's id of the item that the first credit memo is of.
func teeID(w world.World) string {
	memos := world.Get[[]struct {
		Item struct {
			Items []struct{ Item struct{ ID string } }
		}
	}](w, w.Facts.NetSuite+"/sim/state?type=creditMemo")
	return memos[0].Item.Items[0].Item.ID
}

func checkTwoMemos(t *testing.T, w world.World) {
	t.Helper()
	sameTotals(t, "credit memos", transactions(w, "creditMemo"), map[string]string{"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": "24.44", "wc-cm-main-37-72-2": "13.67"})
	sameTotals(t, "customer refunds", transactions(w, "customerRefund"), map[string]string{"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "38.11"})
	var credits []string
	for _, entry := range lastOutcome(t, w, "37").Ledger.Credits {
		credits = append(credits, entry.ExternalID+" "+entry.Amount.String())
	}
	slices.Sort(credits)
	if got, want := strings.Join(credits, ", "), "wc-cm-main-37-71 10.00, wc-cm-main-37-72 24.44, wc-cm-main-37-72-2 13.67"; got != want {
		t.Errorf("the ledger has %s, want %s", got, want)
	}
}

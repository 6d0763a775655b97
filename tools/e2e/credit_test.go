package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
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

// The refunds of order 37 as the shop shows them: one tee of three, and an amount alone.
const (
	tee = `{"id":72,"date_created":"2026-11-22T22:14:55","date_created_gmt":"2026-11-23T03:14:55","amount":"21.44","reason":"one tee back","refunded_payment":false,"meta_data":[],` +
		`"line_items":[{"id":1082,"name":"Tee","quantity":-1,"subtotal":"-19.99","subtotal_tax":"-1.45","total":"-19.99","total_tax":"-1.45","taxes":[{"id":1,"total":"-1.45","subtotal":"-1.45"}],` +
		`"meta_data":[{"id":8187,"key":"_refunded_item_id","value":"5"}],"sku":"TEE-001"}],"shipping_lines":[],"tax_lines":[],"fee_lines":[]}`
	amount = `{"id":71,"date_created":"2026-11-22T22:14:54","date_created_gmt":"2026-11-23T03:14:54","amount":"10.00","reason":"goodwill","refunded_payment":false,"meta_data":[],` +
		`"line_items":[],"shipping_lines":[],"tax_lines":[],"fee_lines":[]}`
)

// Order 37 is billed, then 10.00 and one tee of three (19.99 and 1.45 tax) are given back. Whatever the way of billing:
// the credit is the refund to the cent, once, and the money goes back from where it is. The order stays: its tees are shipped, or
// billed in advance, and then somebody must keep the warehouse from shipping one.
func TestRefundsOfBilledOrders(t *testing.T) {
	byPerson := func(t *testing.T, w world.World) {
		if _, err := w.NetSuite.Fulfil(netsuitesim.Shipment{Order: "wc-so-main-37"}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.NetSuite.Bill("wc-so-main-37"); err != nil {
			t.Fatal(err)
		}
	}
	inAdvance := func(t *testing.T, w world.World) { // which leaves the order pending fulfilment
		act := netsuitesim.Act{Method: "POST", Path: "salesOrder/" + w.SalesOrders()["wc-so-main-37"].ID + "/!transform/invoice", Body: []byte(`{}`)}
		if _, err := w.NetSuite.Act(act); err != nil {
			t.Fatal(err)
		}
	}
	open := []string{"write.main.37 refunded-goods-open"}
	for name, c := range map[string]struct {
		policy   string
		switches netsuitesim.Switches
		bill     func(*testing.T, world.World)
		parked   []string
		want     map[string]map[string]string // by record type
	}{
		"cash sale": {"cash-sale", netsuitesim.Switches{BillInAdvance: true}, nil, open, map[string]map[string]string{
			"cashRefund": {"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "21.44"}, "creditMemo": {}, "customerRefund": {},
		}},
		"invoice that nobody paid": {"invoice", netsuitesim.Switches{BillInAdvance: true}, nil, open, map[string]map[string]string{
			"creditMemo": {"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": "21.44"}, "customerRefund": {}, "cashRefund": {},
		}},
		"invoice paid by the deposit": {"deposit", netsuitesim.Switches{AutoApplyDeposits: true}, byPerson, nil, map[string]map[string]string{
			"creditMemo": {"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": "21.44"}, "customerRefund": {"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "21.44"},
		}},
		"invoice beside its deposit": {"deposit", netsuitesim.Switches{}, byPerson, nil, map[string]map[string]string{
			"creditMemo": {"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": "21.44"}, "customerRefund": {"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "21.44"},
		}},
		"invoice that people made in advance, paid by the deposit": {"deposit", netsuitesim.Switches{BillInAdvance: true, AutoApplyDeposits: true}, inAdvance, open, map[string]map[string]string{
			"creditMemo": {"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": "21.44"}, "customerRefund": {"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "21.44"},
		}},
		"invoice that people made in advance, beside its deposit": {"deposit", netsuitesim.Switches{BillInAdvance: true}, inAdvance, open, map[string]map[string]string{
			"creditMemo": {"wc-cm-main-37-71": "10.00", "wc-cm-main-37-72": "21.44"}, "customerRefund": {"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "21.44"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.Start(t, demo.Options{Mute: true, Mapping: policy(t, c.policy), Account: func(a *netsuitesim.Config) { a.Switches = c.switches }})
			lines := changed(t, "order.updated-partial-refund-lines")
			if _, err := w.Shop.Load(shopsim.Load{Store: "main", Order: lines.Body, Refunds: [][]byte{[]byte(tee), []byte(amount)}}); err != nil {
				t.Fatal(err)
			}
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
				w.Post(lines)
				w.Settle()
			}
			for _, kind := range []string{"cashRefund", "creditMemo"} {
				for _, credit := range world.Get[[]world.SalesOrder](w, w.Facts.NetSuite+"/sim/state?type="+kind) {
					item := map[bool]string{true: "TEE-001 19.99", false: "WOO-REFUND 10"}[strings.HasSuffix(credit.ExternalID, "72")]
					if got := credit.Item.Items; len(got) != 1 || got[0].Item.RefName+" "+got[0].Amount.String() != item {
						t.Errorf("%s holds %+v, want %s alone", credit.ExternalID, got, item)
					}
				}
			}
			for kind, want := range c.want {
				sameTotals(t, kind, transactions(w, kind), want)
			}
			if got := lastOutcome(t, w, "37"); got.Kind != event.OutcomeSkipped || len(got.Questions) != len(c.parked) {
				t.Errorf("%s, questions %+v", got.Kind, got.Questions)
			}
			checkParked(t, w, c.parked)
			if so := w.SalesOrders()["wc-so-main-37"]; !world.SameAmount(so.Total.String(), "232.11") {
				t.Errorf("the sales order changed to %s", so.Total)
			}
		})
	}
}

// A line of a partly billed order that nobody has billed is given back from the order's deposit: no bill has it to credit.
func TestRefundOfAnUnbilledLine(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	lines := changed(t, "order.updated-partial-refund-lines")
	if _, err := w.Shop.Load(shopsim.Load{Store: "main", Order: lines.Body, Refunds: [][]byte{[]byte(tee), []byte(amount)}}); err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.created-multi"))
	w.Settle()
	beanies, err := codec.Decode[netsuitesim.Shipment]([]byte(`{"order":"wc-so-main-37","lines":[{"line":2,"quantity":2}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.NetSuite.Fulfil(beanies); err != nil {
		t.Fatal(err)
	}
	if _, err := w.NetSuite.Bill("wc-so-main-37"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nothing is made
		w.Post(lines)
		w.Settle()
	}
	// 10.00 of no line are credited from the one bill there is.
	sameTotals(t, "credit memos", transactions(w, "creditMemo"), map[string]string{"wc-cm-main-37-71": "10.00"})
	sameTotals(t, "refunds", transactions(w, "customerRefund"), map[string]string{"wc-cr-main-37-71": "10.00", "wc-cr-main-37-72": "21.44"})
	checkParked(t, w, nil)
}

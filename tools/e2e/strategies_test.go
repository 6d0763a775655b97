package e2e

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// taxModes are the strategies and the kind of account each is for.
var taxModes = map[event.TaxMode]netsuitesim.TaxMode{
	event.TaxOverride: netsuitesim.TaxOverride, event.TaxEngine: netsuitesim.TaxEngine, event.TaxCodes: netsuitesim.TaxLegacyLine, event.TaxLines: netsuitesim.TaxOverride,
}

// document is the shipped mapping with a tax strategy and a money policy.
func document(t *testing.T, mode event.TaxMode, policy mapping.MoneyPolicy) string {
	t.Helper()
	return adjusted(t, func(d *mapping.Document) {
		d.Payments.Policy = policy
		taxes(d, mode)
	})
}

// taxes gives a document a tax strategy, and what the strategies name.
func taxes(d *mapping.Document, mode event.TaxMode) {
	d.Taxes.Strategy, d.Taxes.Item, d.Taxes.Exempt = mode, "WOO-TAX", "-Not Taxable-"
	d.Taxes.Combined = map[string]mapping.CombinedRate{"US-CA-CA STATE TAX-1 + US-CA-SF COUNTY TAX-2": {Code: "CA_SF"}, "CA-QC-GST-1 + CA-QC-QST-2": {Code: "QC", Percent: "15.47375"}}
}

// billsAtOnce tells whether the policy bills an order itself.
func billsAtOnce(policy mapping.MoneyPolicy) bool {
	return policy == mapping.PolicyCashSale || policy == mapping.PolicyInvoice
}

// computed tells whether NetSuite computes the tax: a credit of what is billed would have its tax, not the refund's.
func computed(mode event.TaxMode) bool { return mode == event.TaxCodes || mode == event.TaxEngine }

// questions are what a person has to decide once orders are billed at once, and all of it: order 68 was billed and then
// failed, orders 37 and 42 give back money of a bill whose tax NetSuite computed.
func questions(mode event.TaxMode, policy mapping.MoneyPolicy) (list []string) {
	if !billsAtOnce(policy) {
		return nil
	}
	if computed(mode) {
		list = append(list, "write.main.37 refund-uncovered", "write.main.42 refund-uncovered")
	}
	return append(list, "write.main.68 payment-reversed-after-fulfilment")
}

// booked are the records of the money, by hand. What NetSuite computed is billed as NetSuite computed it; money of such a
// bill is given back by a person.
func booked(mode event.TaxMode, policy mapping.MoneyPolicy, have map[string]world.SalesOrder) map[string]map[string]string {
	want := world.Booked(string(policy))
	if !billsAtOnce(policy) {
		return want
	}
	if computed(mode) {
		clear(want["cashRefund"])
		clear(want["creditMemo"])
	}
	for kind, prefix := range map[string]string{"cashSale": "wc-cs-", "invoice": "wc-inv-"} {
		for id := range want[kind] {
			if mode == event.TaxEngine {
				want[kind][id] = have["wc-so-"+strings.TrimPrefix(id, prefix)].Total.String()
			}
		}
	}
	return want
}

// checkTotals compares every sales order with the shop's total, to the cent. With NetSuite's own tax that is the total
// without tax, and the outcome of the order names the difference there is.
func checkTotals(t *testing.T, w world.World, mode event.TaxMode, have map[string]world.SalesOrder) {
	t.Helper()
	want, taxes := w.Totals(), w.Taxes()
	for id, shop := range want {
		so, is := have[id]
		got, total := money.MustParse(cmp.Or(so.Total.String(), "0")), money.MustParse(shop)
		if mode == event.TaxEngine {
			checkNamed(t, w, id, got.Sub(total))
			got, total = got.Sub(money.MustParse(cmp.Or(so.TaxTotal.String(), "0"))), total.Sub(money.MustParse(taxes[id]))
		}
		if !is || !got.Equal(total) {
			t.Errorf("%s: total %s, want %s", id, got, total)
		}
	}
	if len(have) != len(want) {
		t.Errorf("%d sales orders, want %d", len(have), len(want))
	}
}

// checkNamed wants the difference to the shop's total named in an outcome of the order, and none where there is none.
func checkNamed(t *testing.T, w world.World, id string, difference money.Amount) {
	t.Helper()
	part := strings.SplitN(id, "-", 4)
	timeline, err := operate.Show(context.Background(), w.JS, part[2], part[3])
	if err != nil {
		t.Fatal(err)
	}
	named, want := "", ""
	for _, step := range timeline.Steps {
		if _, figure, is := strings.Cut(step.Detail, "NetSuite computes tax: its total differs from the shop's by "); is {
			named, _, _ = strings.Cut(figure, ";")
		}
	}
	if !difference.IsZero() {
		want = difference.String()
	}
	if named != want {
		t.Errorf("%s: the outcome names a difference of %q, want %q", id, named, want)
	}
}

// checkParked wants exactly these questions open.
func checkParked(t *testing.T, w world.World, want []string) {
	t.Helper()
	open, err := operate.Failures(context.Background(), w.JS, false)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, f := range open {
		got = append(got, f.Name+" "+f.Entry.Fault.Code)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("parked: %q, want %q", got, want)
	}
}

// Every capture with every tax strategy and every money policy, through the whole pipeline: what NetSuite holds is the
// shop's total to the cent (with NetSuite's own tax: without that tax, and the difference is named), each record of the
// money is there with its amount and no other, and what is parked are the questions that a person would ask too.
func TestEveryCaptureWithEveryStrategyAndPolicy(t *testing.T) {
	type books struct {
		mode   event.TaxMode
		policy mapping.MoneyPolicy
	}
	every := map[string]books{}
	for mode := range taxModes {
		for _, policy := range []mapping.MoneyPolicy{mapping.PolicyOrder, mapping.PolicyDeposit, mapping.PolicyCashSale, mapping.PolicyInvoice} {
			every[fmt.Sprintf("%s, %s", policy, mode)] = books{mode, policy} // every fifth has each policy and each strategy once
		}
	}
	for name, b := range world.Rows(t, every) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := strategyWorld(t, b.mode, taxModes[b.mode], b.policy)
			all := world.Captures(t)
			w.Load(all)
			for _, c := range all {
				w.Post(c)
				if lacks(c) {
					w.Settle() // its states arrive one by one
				}
			}
			w.Settle()
			have := w.SalesOrders()
			checkTotals(t, w, b.mode, have)
			for kind, want := range booked(b.mode, b.policy, have) {
				sameTotals(t, kind, transactions(w, kind), want)
			}
			checkParked(t, w, questions(b.mode, b.policy))
		})
	}
}

// strategyWorld is a world whose account has a kind of tax, with what the strategies name there.
func strategyWorld(t *testing.T, mode event.TaxMode, tax netsuitesim.TaxMode, policy mapping.MoneyPolicy) world.World {
	t.Helper()
	w := world.Start(t, demo.Options{Mute: true, Mapping: document(t, mode, policy), Account: func(a *netsuitesim.Config) {
		a.Switches.Tax, a.Switches.BillInAdvance = tax, true
	}})
	equip(t, w)
	return w
}

// equip gives the account what the strategies name.
func equip(t *testing.T, w world.World) {
	t.Helper()
	if _, err := w.NetSuite.PutItem(netsuitesim.Item{SKU: "WOO-TAX", Type: "otherChargeSaleItem"}); err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{`{"itemId":"CA_SF","rate":8.5}`, `{"itemId":"QC","rate":15.47375}`} {
		if _, err := w.NetSuite.Act(netsuitesim.Act{Method: "POST", Path: "salesTaxItem", Body: []byte(code)}); err != nil {
			t.Fatal(err)
		}
	}
}

package e2e

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

func fractions(c *host.Config) {
	a := c.Accounts[demo.Account]
	a.TaxRate = "fraction"
	c.Accounts[demo.Account] = a
}

// The item of shipping lines.
var shippingItem = netsuitesim.Item{SKU: "WOO-SHIPPING", Type: "otherChargeSaleItem"}

func shippingAsLine(d *mapping.Document) {
	d.Shipping.As, d.Shipping.Item = mapping.ShippingLine, shippingItem.SKU
}

// An account that does not know the tax reference SHIPPING: with shipping as a line every capture becomes its order, its
// bill and its refunds.
func TestAccountWithoutShippingReference(t *testing.T) {
	w := world.Start(t, demo.Options{
		Mute: true, Mapping: adjusted(t, func(d *mapping.Document) { shippingAsLine(d); d.Payments.Policy = mapping.PolicyCashSale }),
		Account: func(a *netsuitesim.Config) { a.Switches.NoShippingReference, a.Switches.BillInAdvance = true, true },
	})
	if _, err := w.NetSuite.PutItem(shippingItem); err != nil {
		t.Fatal(err)
	}
	all := world.Captures(t)
	w.Load(all)
	for _, capture := range all {
		w.Post(capture)
		if lacks(capture) {
			w.Settle()
		}
	}
	w.Settle()
	sameTotals(t, "sales orders", w.Transactions("salesOrder"), w.Totals())
	for kind, want := range world.Booked("cash-sale") {
		sameTotals(t, kind, transactions(w, kind), want)
	}
	checkParked(t, w, questions(event.TaxOverride, mapping.PolicyCashSale))
}

// The shipping of order 37 as the shop shows it given back.
const shippingBack = `{"id":72,"date_created":"2026-11-22T22:14:55","date_created_gmt":"2026-11-23T03:14:55","amount":"6.38","reason":"came late","refunded_payment":false,"meta_data":[],` +
	`"line_items":[],"shipping_lines":[{"id":1082,"method_id":"flat_rate","method_title":"Flat rate","total":"-5.95","total_tax":"-0.43","taxes":[{"id":1,"total":"-0.43","subtotal":""}],` +
	`"meta_data":[{"id":8187,"key":"_refunded_item_id","value":"8"}]}],"tax_lines":[],"fee_lines":[]}`

// All of the shipping of a billed order is credited with its tax, once, whether it is the order's cost or a line.
func TestRefundOfBilledShipping(t *testing.T) {
	for form, item := range map[mapping.ShippingForm]string{mapping.ShippingCost: "WOO-REFUND 5.95", mapping.ShippingLine: "WOO-SHIPPING 5.95"} {
		for policy, kind := range map[mapping.MoneyPolicy]string{mapping.PolicyCashSale: "cashRefund", mapping.PolicyInvoice: "creditMemo"} {
			t.Run(fmt.Sprint(form, ", ", policy), func(t *testing.T) {
				t.Parallel()
				w := world.Start(t, demo.Options{
					Mute: true, Mapping: adjusted(t, func(d *mapping.Document) { shippingAsLine(d); d.Shipping.As, d.Payments.Policy = form, policy }),
					Account: func(a *netsuitesim.Config) {
						a.Switches.NoShippingReference, a.Switches.BillInAdvance = form == mapping.ShippingLine, true
					},
				})
				giveShippingBack(t, w)
				credits := world.Get[[]world.SalesOrder](w, w.Facts.NetSuite+"/sim/state?type="+kind)
				given := map[string]string{}
				for _, credit := range credits {
					text := ""
					for _, line := range credit.Item.Items {
						text += line.Item.RefName + " " + line.Amount.String()
					}
					given[credit.Total.String()+" with tax "+credit.TaxTotal.String()] = text
				}
				if want := map[string]string{"6.38 with tax 0.43": item, "10 with tax 0": "WOO-REFUND 10"}; !maps.Equal(given, want) || len(credits) != 2 {
					t.Errorf("given back: %v, want %v", given, want)
				}
				checkParked(t, w, nil)
			})
		}
	}
}

func giveShippingBack(t *testing.T, w world.World) {
	t.Helper()
	if _, err := w.NetSuite.PutItem(shippingItem); err != nil {
		t.Fatal(err)
	}
	refunded := changed(t, "order.updated-partial-refund-lines", `"total":"-21.44"`, `"total":"-6.38"`)
	if _, err := w.Shop.Load(shopsim.Load{Store: "main", Order: refunded.Body, Refunds: [][]byte{[]byte(shippingBack), []byte(amount)}}); err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.created-multi"))
	w.Settle()
	for range 2 { // the second time nothing is made
		w.Post(refunded)
		w.Settle()
	}
}

// Where NetSuite's documents leave open what an account answers, every capture becomes its order either way.
func TestAccountsThatAnswerOtherwise(t *testing.T) {
	for name, c := range map[string]struct {
		account netsuitesim.Switches
		config  func(*host.Config)
	}{
		"an upsert that creates answers 201":          {account: netsuitesim.Switches{UpsertCreated: true, CreateCreated: true}},
		"an upsert clears what it leaves out":         {account: netsuitesim.Switches{UpsertClears: true}},
		"null columns are shown":                      {account: netsuitesim.Switches{NullColumnsShown: true}},
		"lines have the ledger's signs":               {account: netsuitesim.Switches{LedgerSigns: true}},
		"shipping is a line of the transaction":       {account: netsuitesim.Switches{ShippingLines: true}},
		"tax details are appended":                    {account: netsuitesim.Switches{AppendTaxDetails: true}},
		"ORDER BY loses rows":                         {account: netsuitesim.Switches{OrderByLosesRows: true}},
		"the guide's wording of errors":               {account: netsuitesim.Switches{GuideWording: true}},
		"closed lines leave the totals":               {account: netsuitesim.Switches{ClosedLeaveTotals: true}},
		"line numbers have gaps":                      {account: netsuitesim.Switches{LineStep: 3}},
		"a transaction that is not there answers 400": {account: netsuitesim.Switches{MissingTransaction400: true}},
		"lengths count bytes":                         {account: netsuitesim.Switches{LengthsInBytes: true}},
		"finer amounts are refused":                   {account: netsuitesim.Switches{RefuseFineAmounts: true}},
		"tax rates are fractions":                     {netsuitesim.Switches{TaxRateFraction: true}, fractions},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.Start(t, demo.Options{Mute: true, Account: func(a *netsuitesim.Config) { a.Switches = c.account }, Adjust: c.config})
			all := world.Captures(t)
			w.Load(all)
			for _, capture := range all {
				w.Post(capture)
				if lacks(capture) {
					w.Settle()
				}
			}
			w.Settle()
			if c.account.ClosedLeaveTotals { // order 42 is closed: only its shipping is left of its total
				if o := lastOutcome(t, w, "42"); !strings.Contains(o.Reason, "leaves closed lines out of the total: it is 6.45") {
					t.Errorf("order 42: %s %q", o.Kind, o.Reason)
				}
			} else {
				w.Check(world.Lackable)
			}
			open, err := operate.Failures(context.Background(), w.JS, false)
			if err != nil || len(open) > 0 {
				t.Errorf("%v, parked: %+v", err, open)
			}
		})
	}
}

package e2e

import (
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// discounted is a world with discounts in the header and a money policy, in an account that makes a percentage of a flat discount as
// it bills an order.
func discounted(t *testing.T, policy mapping.MoneyPolicy, switches netsuitesim.Switches) world.World {
	t.Helper()
	switches.DiscountToPercent = true
	return world.Start(t, demo.Options{
		Mute:    true,
		Mapping: adjusted(t, func(d *mapping.Document) { d.Discounts.As, d.Payments.Policy = mapping.DiscountHeader, policy }),
		Account: func(a *netsuitesim.Config) { a.Switches = switches },
	})
}

// Every capture is billed with its order's total where the discount stands in the header, also in an account that makes a percentage
// of it. Invariant 5: to the cent.
func TestHeaderDiscountsAreBilled(t *testing.T) {
	for _, policy := range []mapping.MoneyPolicy{mapping.PolicyCashSale, mapping.PolicyInvoice} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			w := discounted(t, policy, netsuitesim.Switches{BillInAdvance: true})
			all := world.Captures(t)
			w.Load(all)
			for _, c := range all {
				w.Post(c)
				if lacks(c) {
					w.Settle()
				}
			}
			w.Settle()
			sameTotals(t, "sales orders", w.Transactions("salesOrder"), w.Totals())
			for kind, want := range world.Booked(string(policy)) {
				sameTotals(t, kind, transactions(w, kind), want)
			}
			checkParked(t, w, questions(event.TaxOverride, policy))
		})
	}
}

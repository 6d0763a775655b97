package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

func fractions(c *host.Config) {
	a := c.Accounts[demo.Account]
	a.TaxRate = "fraction"
	c.Accounts[demo.Account] = a
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

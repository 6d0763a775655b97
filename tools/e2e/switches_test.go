package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

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

// row is an account whose answers or people differ, and what else it takes to work with it.
type row struct {
	account netsuitesim.Switches
	config  func(*host.Config)
	mapping func(*mapping.Document)
	signs   bool          // with token-based authentication
	totals  event.TaxMode // where lines or statuses are others than usual: whose tax the totals have
}

// answersOtherwise are accounts to which every capture goes.
var answersOtherwise = map[string]row{
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
	"tax rates are fractions":                     {account: netsuitesim.Switches{TaxRateFraction: true}, config: fractions},
	"gross amounts are ignored":                   {account: netsuitesim.Switches{GrossIgnored: true}},
	"a rate stands":                               {account: netsuitesim.Switches{RateStands: true}},
	"orders are approved at once":                 {account: netsuitesim.Switches{DefaultOrderStatus: "B"}},
	"orders take any currency":                    {account: netsuitesim.Switches{AnyCurrency: true}},
	"forms demand fields":                         {account: netsuitesim.Switches{Mandatory: map[string][]string{"salesOrder": {"otherRefNum", "custbody_wc_store"}, "customerDeposit": {"tranDate"}}}},
	"services are pending billing at once":        {account: netsuitesim.Switches{ServicesPendBilling: true}, totals: event.TaxOverride},
	"a batch DELETE needs no Prefer":              {account: netsuitesim.Switches{DeleteWithoutPrefer: true}},
	"SuiteQL may run asynchronously":              {account: netsuitesim.Switches{AsyncSuiteQL: true}},
	"addressees are short":                        {account: netsuitesim.Switches{MaxAddressee: 20}},
	"payment methods": {account: netsuitesim.Switches{PaymentMethodField: true}, mapping: func(d *mapping.Document) {
		d.Payments.OptionField = "paymentMethod"
	}},
	"closed periods": {account: netsuitesim.Switches{ClosedThrough: "2026-11-30"}, mapping: func(d *mapping.Document) {
		d.Periods.ClosedThrough, d.Payments.PostingDate, d.Refunds.PostingDate = "2026-11-30", mapping.FirstOpen, mapping.FirstOpen
	}},
	"a legacy account whose REST knows no tax": {account: netsuitesim.Switches{Tax: netsuitesim.TaxLegacyLine, NoLegacyTax: true}, totals: event.TaxEngine, mapping: func(d *mapping.Document) {
		d.Taxes.Strategy = event.TaxEngine
	}},
	"token-based authentication": {signs: true},
}

// Where NetSuite's documents leave open what an account answers, every capture becomes its order either way.
func TestAccountsThatAnswerOtherwise(t *testing.T) {
	for name, c := range world.Rows(t, answersOtherwise) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := c.start(t, true)
			all := world.Captures(t)
			w.Load(all)
			for _, capture := range all {
				w.Post(capture)
				if lacks(capture) {
					w.Settle()
				}
			}
			w.Settle()
			switch {
			case c.totals != "":
				checkTotals(t, w, c.totals, w.SalesOrders())
			case c.account.ClosedLeaveTotals: // order 42 is closed: only its shipping is left of its total
				if o := lastOutcome(t, w, "42"); !strings.Contains(o.Reason, "leaves closed lines out of the total: it is 6.45") {
					t.Errorf("order 42: %s %q", o.Kind, o.Reason)
				}
			default:
				w.Check(world.Lackable)
			}
			open, err := operate.Failures(context.Background(), w.JS, false)
			if err != nil || len(open) > 0 {
				t.Errorf("%v, parked: %+v", err, open)
			}
			if given := tokens(w, http.StatusOK); given > 0 == c.signs {
				t.Errorf("%d access tokens were given", given)
			}
		})
	}
}

func (c row) start(t *testing.T, mute bool) world.World {
	t.Helper()
	o := demo.Options{Mute: mute, Account: func(a *netsuitesim.Config) { a.Switches = c.account }, Adjust: c.config}
	if c.signs {
		f := files{t, t.TempDir()}
		var keys netsuitesim.TBA
		o.Account = func(a *netsuitesim.Config) { keys = a.TBA }
		o.Adjust = func(config *host.Config) { f.change(config, f.signing(keys)) }
	}
	if c.mapping != nil {
		o.Mapping = adjusted(t, c.mapping)
	}
	return world.Start(t, o)
}

// shipsOtherwise are accounts whose people ship, bill and take back in another way.
var shipsOtherwise = map[string]row{
	"as usual":                               {},
	"a fulfilment bills":                     {account: netsuitesim.Switches{FulfillmentBills: true}},
	"pending billing shows first":            {account: netsuitesim.Switches{PendingBillingFirst: true}},
	"lines that nobody names ship, too":      {account: netsuitesim.Switches{UnnamedLinesShip: true}},
	"a fulfilment names its lines":           {account: netsuitesim.Switches{EmptyFulfillmentFails: true}},
	"lines are named by their unique key":    {account: netsuitesim.Switches{FulfilByUniqueKey: true}},
	"the letters of a fulfilment are others": {account: netsuitesim.Switches{SwappedShipLetters: true}},
	"returns are approved at once":           {account: netsuitesim.Switches{DefaultReturnStatus: "B"}},
	"SuiteQL has another zone":               {account: netsuitesim.Switches{QueryZone: time.FixedZone("west", -8*3600)}},
	"returns are refunded in advance":        {account: netsuitesim.Switches{RefundInAdvance: true}},
}

// However NetSuite's people and their account ship, bill and take back, the shop's order is completed, its customer hears each
// number once, and what they give back is given back in the shop, once.
func TestAccountsThatShipOtherwise(t *testing.T) {
	for name, c := range world.Rows(t, shipsOtherwise) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := c.start(t, false)
			ids, err := w.Shop.Place(shopsim.Placement{Store: "main", Status: "processing", Count: 4})
			if err != nil {
				t.Fatal(err)
			}
			var all []*backward
			for _, id := range ids {
				all = append(all, &backward{World: w, t: t, store: "main", order: id})
			}
			all[0].quiet()
			people := netsuitesim.Warehouse{Seed: 5, Every: 20, Partial: 0.7, Returns: 0.5}
			if err := w.NetSuite.SetWarehouse(people); err != nil {
				t.Fatal(err)
			}
			for _, b := range all {
				w.Until(fmt.Sprintf("order %d is completed", b.order), func() bool { return b.shopOrder().Status == "completed" })
			}
			shipped := shipments(t, w)
			goHome(t, w, people)
			refunds := w.NetSuite.Stats().Records["customerRefund"]
			if refunds == 0 {
				t.Fatal("NetSuite's people gave nothing back")
			}
			w.Until("the shop shows what NetSuite has given back", func() bool { return givenBack(all) == refunds })
			all[0].quiet()
			if n := givenBack(all); n != refunds {
				t.Errorf("%d refunds in the shop, %d in NetSuite", n, refunds)
			}
			for _, b := range all {
				b.mailedOnce(shipped)
			}
			checkParked(t, w, nil)
		})
	}
}

// goHome has the people of the warehouse do what is left to do, and begin nothing of their own any more.
func goHome(t *testing.T, w world.World, people netsuitesim.Warehouse) {
	t.Helper()
	people.Every = 0
	if err := w.NetSuite.SetWarehouse(people); err != nil {
		t.Fatal(err)
	}
	for {
		did, err := w.NetSuite.Step()
		if err != nil {
			t.Fatalf("%s: %v", did, err)
		}
		if did == "" {
			return
		}
	}
}

// givenBack counts the refunds of the shop's orders.
func givenBack(all []*backward) (n int) {
	for _, b := range all {
		n += len(b.shopOrder().Refunds)
	}
	return n
}

// elsewhere are tests that play a switch through the whole pipeline and have no row above.
var elsewhere = map[string]func(*testing.T){
	"Tax":                       TestEveryCaptureWithEveryStrategyAndPolicy,
	"NoShippingReference":       TestAccountWithoutShippingReference,
	"Lengths":                   TestMaximaAreLearntOnce,
	"AutoApplyDeposits":         TestRefundsOfBilledOrders,
	"DiscountToPercent":         TestHeaderDiscountsAreBilled,
	"RelativeLocation":          TestRefusedOfABatch,
	"Idempotency400":            TestRefusedOfABatch,
	"TaskPerItem":               TestRefusedOfABatch,
	"FailedTaskSucceeds":        TestRefusedOfABatch,
	"BatchParallel":             TestRefusedOfABatch,
	"NotAdministrator":          TestLimitIsDiscovered,
	"NoDeletedRecords":          TestWatchGoesOnWithoutDeletions,
	"ItemPrices":                TestPricesFollowNetSuite,
	"BillInAdvance":             TestAccountWithoutShippingReference,
	"TokensOutliveCertificates": TestACertificateIsExchangedWhileOrdersFlow,
}

// Every switch of the double's account is played through the whole pipeline.
func TestEverySwitchIsPlayed(t *testing.T) {
	played := map[string]bool{}
	for _, table := range []map[string]row{answersOtherwise, shipsOtherwise} {
		for _, c := range table {
			switches := reflect.ValueOf(c.account)
			for i := range switches.NumField() {
				if !switches.Field(i).IsZero() {
					played[switches.Type().Field(i).Name] = true
				}
			}
		}
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[netsuitesim.Switches]()) {
		if !played[field.Name] && elsewhere[field.Name] == nil {
			t.Errorf("no account plays with %s: it needs a row in a table of accounts, or a test elsewhere", field.Name)
		}
	}
	for name := range elsewhere {
		if _, is := reflect.TypeFor[netsuitesim.Switches]().FieldByName(name); !is {
			t.Errorf("elsewhere: there is no switch %s", name)
		}
	}
}

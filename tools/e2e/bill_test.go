package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/operate"
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
		Mute: true, Adjust: world.Unwatched, // the writer alone asks
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

// unbilled brings an order into NetSuite whose bill is refused there.
func unbilled(t *testing.T, w world.World, name, order string) {
	t.Helper()
	setFaults(t, w, `{"rules":[{"kind":"refuse","status":400,"detail":"The period is locked.","count":1,"match":{"pathContains":"!transform/invoice"}}]}`)
	w.Load(world.Captures(t))
	w.Post(changed(t, name))
	w.Settle()
	checkParked(t, w, []string{"write.main." + order + " netsuite-refused"})
}

// ship fulfils pieces of an order's lines, as {"line":1,"quantity":2}; without lines all of it.
func ship(t *testing.T, w world.World, order string, lines ...string) {
	t.Helper()
	shipment := netsuitesim.Shipment{Order: "wc-so-main-" + order}
	if len(lines) > 0 {
		if err := json.Unmarshal([]byte("["+strings.Join(lines, ",")+"]"), &shipment.Lines); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.NetSuite.Fulfil(shipment); err != nil {
		t.Fatal(err)
	}
}

func retried(t *testing.T, w world.World, order string) event.SyncRecordedV1 {
	t.Helper()
	if _, err := operate.Retry(t.Context(), w.JS, "write.main."+order, "tester"); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	return lastOutcome(t, w, order)
}

// askedAbout wants the bill of order 39, a cent less than the order, to be the outcome's only question, with both amounts named.
func askedAbout(t *testing.T, o event.SyncRecordedV1) {
	t.Helper()
	if len(o.Questions) != 1 {
		t.Fatalf("%s %q, %d questions, want one", o.Kind, o.Reason, len(o.Questions))
	}
	q := o.Questions[0]
	if q.Subject != "wc-inv-main-39" || q.Fault.Code != string(fault.VerificationMismatch) || !strings.Contains(q.Fault.Message, "12245.34") || !strings.Contains(q.Fault.Message, "12245.33") {
		t.Errorf("the question is %s: %s %s", q.Subject, q.Fault.Code, q.Fault.Message)
	}
}

// A bill of the whole order whose total is not the order's is a question, until it is put right or made again: also one whose answer
// was lost, or that a try before a crash made. Invariant 5: no difference without a name.
func TestABillOfAnotherAmount(t *testing.T) {
	billed := netsuitesim.Act{Method: "POST", Path: "salesOrder/eid:wc-so-main-39/!transform/invoice", Body: json.RawMessage(`{"externalId":"wc-inv-main-39"}`)}
	right := netsuitesim.Act{Method: "PATCH", Path: "invoice/eid:wc-inv-main-39", Body: json.RawMessage(`{"discountRate":-1258.90}`)}
	for name, c := range map[string]struct {
		bill, mend func(t *testing.T, w world.World)
	}{
		"made, put right": {nil, func(t *testing.T, w world.World) { act(t, w, right) }},
		"its answer is lost, put right": {func(t *testing.T, w world.World) {
			setFaults(t, w, `{"rules":[{"kind":"timeout","count":1,"match":{"pathContains":"!transform/invoice"}}]}`)
		}, func(t *testing.T, w world.World) { act(t, w, right) }},
		"its read-back fails, put right": {func(t *testing.T, w world.World) { // behind those of the order and of earlier bills
			setFaults(t, w, `{"rules":[{"kind":"latency","latencyMs":1,"count":2,"match":{"pathContains":"/suiteql"}},{"kind":"status","status":500,"count":1,"match":{"pathContains":"/suiteql"}}]}`)
		}, func(t *testing.T, w world.World) { act(t, w, right) }},
		"found, deleted and made again": {func(t *testing.T, w world.World) { act(t, w, billed) }, func(t *testing.T, w world.World) {
			act(t, w, netsuitesim.Act{Method: "DELETE", Path: "invoice/eid:wc-inv-main-39"})
			ship(t, w, "39")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := discounted(t, mapping.PolicyInvoice, netsuitesim.Switches{BillInAdvance: true})
			unbilled(t, w, "order.created-coupon", "39")
			ship(t, w, "39", `{"line":1,"quantity":1}`) // of an order that is partly fulfilled NetSuite says what of the discount a bill has
			if c.bill != nil {
				c.bill(t, w)
			}
			for range 2 { // a retry that finds it as it is asks again
				askedAbout(t, retried(t, w, "39"))
			}
			c.mend(t, w)
			if o := retried(t, w, "39"); len(o.Questions) > 0 || o.Ledger.Bill == nil || o.Ledger.BillUnverified {
				t.Errorf("%s %q, questions %+v, ledger %+v", o.Kind, o.Reason, o.Questions, o.Ledger)
			}
			sameTotals(t, "invoices", transactions(w, "invoice"), map[string]string{"wc-inv-main-39": "12245.34"})
			checkParked(t, w, nil)
		})
	}
}

// A bill of what is fulfilled so far, or of what others have left, is no question; the outcome says what of the order it bills.
func TestABillOfAPart(t *testing.T) {
	for name, before := range map[string]func(t *testing.T, w world.World){
		"of what is fulfilled": func(t *testing.T, w world.World) { ship(t, w, "37", `{"line":1,"quantity":2}`) },
		"of what is left": func(t *testing.T, w world.World) {
			ship(t, w, "37", `{"line":1,"quantity":2}`)
			act(t, w, netsuitesim.Act{Method: "POST", Path: "salesOrder/eid:wc-so-main-37/!transform/invoice", Body: json.RawMessage(`{"externalId":"by-hand"}`)})
			ship(t, w, "37")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.Start(t, demo.Options{Mute: true, Mapping: policy(t, "invoice")})
			unbilled(t, w, "order.created-multi", "37")
			before(t, w)
			o := retried(t, w, "37")
			checkParked(t, w, nil)
			total := transactions(w, "invoice")["wc-inv-main-37"]
			if want := "wc-inv-main-37 bills " + total + " of the order's " + o.Ledger.SalesOrder.Total.String(); total == "" || o.Ledger.BillUnverified || !strings.Contains(o.Reason, want) {
				t.Errorf("%s %q, want %q", o.Kind, o.Reason, want)
			}
		})
	}
}

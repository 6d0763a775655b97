package e2e

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// An edit whose write is lost, and that changes nothing which a read-back compares, is written all the same. Invariant 4:
// the last state always arrives.
func TestAnEditWhoseAnswerIsLostArrives(t *testing.T) {
	for name, rule := range map[string]netsuitesim.Rule{
		"a 500 before the commit":   {Kind: "status", Status: 500},
		"a 504 before the commit":   {Kind: "status", Status: 504},
		"dropped before the commit": {Kind: "dropBefore"},
		"dropped after the commit":  {Kind: "drop"},
		"a 504 after the commit":    {Kind: "statusAfterCommit", Status: 504},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.Start(t, demo.Options{Mute: true})
			w.Post(changed(t, "order.created-simple"))
			w.Settle()
			rule.Count, rule.Match.Method, rule.Match.PathContains = 1, "PUT", "salesorder/"
			faults(t, w, rule)
			w.Post(changed(t, "order.created-simple", `"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"2026-12-01T00:00:00"`, `"customer_note":""`, `"customer_note":"at the back door"`))
			w.Settle()
			if note := w.SalesOrders()["wc-so-main-36"].Note; note != "at the back door" {
				t.Errorf("NetSuite's note is %q, the ledger says %s", note, lastOutcome(t, w, "36").Kind)
			}
		})
	}
}

// A customer who was merged into another record in NetSuite: what was known of him is forgotten when it is refused, so
// that a retry finds the record that carries his externalId now.
func TestACustomerWhoWasMerged(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	before := lastOutcome(t, w, "36").Ledger.Customer
	act(t, w, netsuitesim.Act{Method: "PATCH", Path: "customer/" + before.ID, Body: []byte(`{"externalId":"merged-away","isInactive":true}`)})
	after := act(t, w, netsuitesim.Act{
		Method: "POST", Path: "customer",
		Body: []byte(`{"externalId":"` + before.ExternalID + `","isPerson":true,"firstName":"A","lastName":"B","subsidiary":{"id":"1"},"currency":{"id":"1"}}`),
	})
	w.Post(changed(t, "order.created-simple", `"id":36,"parent_id"`, `"id":9036,"parent_id"`, `"number":"36"`, `"number":"9036"`))
	w.Settle()
	if o := lastOutcome(t, w, "9036"); o.Kind == event.OutcomeParked {
		if _, err := operate.Retry(context.Background(), w.JS, "write.main.9036", "tester"); err != nil {
			t.Fatal(err)
		}
		w.Settle()
	}
	if o := lastOutcome(t, w, "9036"); o.Kind != event.OutcomeSynced || o.Ledger.Customer.ID != after {
		t.Errorf("%s %s, customer %+v, want the order of customer %s", o.Kind, o.Reason, o.Ledger.Customer, after)
	}
}

func act(t *testing.T, w world.World, a netsuitesim.Act) string {
	t.Helper()
	id, err := w.NetSuite.Act(a)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// A refund that was booked and that the shop then deletes is a question that names NetSuite's record, until nothing of it
// stands there any more. Invariant 5: no difference without a name.
func TestABookedRefundIsDeleted(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	refunded := changed(t, "order.updated-partial-refund-lines")
	if _, err := w.Shop.Load(shopsim.Load{Store: "main", Order: refunded.Body, Refunds: [][]byte{[]byte(tee), []byte(amount)}}); err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.created-multi"))
	w.Settle()
	w.Post(refunded)
	w.Settle()
	booked := lastOutcome(t, w, "37").Ledger.Refunds
	if len(booked) == 0 {
		t.Fatal("no refund was booked")
	}
	without, _ := edited(t, 1, threeTees, twoBeanies, oneHour)
	w.Post(without)
	w.Settle()
	asked := lastOutcome(t, w, "37").Questions
	if len(asked) != len(booked) || asked[0].Fault.Code != string(fault.RefundDeleted) || !strings.Contains(asked[0].Fault.Rule, booked[0].ID) {
		t.Errorf("questions %+v, want one for each of %+v that names its record", asked, booked)
	}
	failure(t, w.JS, subject.Failure{Stage: "write", Store: "main", Key: "37"}, event.FailureParked)
	for _, record := range booked {
		act(t, w, netsuitesim.Act{Method: "DELETE", Path: "customerRefund/" + record.ID})
	}
	without, _ = edited(t, 2, threeTees, twoBeanies, oneHour, oneHour)
	w.Post(without)
	w.Settle()
	if asked := lastOutcome(t, w, "37").Questions; len(asked) != 0 {
		t.Errorf("questions %+v after NetSuite's records are gone", asked)
	}
}

// While NetSuite is away one request at a time asks whether it is back, however many orders wait.
func TestAnOutageIsProbed(t *testing.T) {
	const looked, most = 3 * time.Second, 12
	w := world.Start(t, demo.Options{Mute: true, Mapping: ordersAlone(t)})
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{Outage: &netsuitesim.Outage{Until: time.Now().Add(time.Hour), Mode: "html"}}); err != nil {
		t.Fatal(err)
	}
	send(t, w, paidOrders(t, w, 500_000, 100))
	awaitDegraded(t, w)
	// Requests that were under way when the outage was found end within their first moments.
	<-time.After(looked / 2)
	before := w.NetSuite.Stats().Requests
	<-time.After(looked)
	if n := w.NetSuite.Stats().Requests - before; n > most {
		t.Errorf("%d requests in %v of an outage, want at most %d", n, looked, most)
	}
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{}); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	if n := len(w.SalesOrders()); n != 100 {
		t.Errorf("%d sales orders after the outage, want 100", n)
	}
}

// A fresh paid order does not wait for the edits that wait before it: what is in flight when it comes ends, and the
// calls that it needs itself are next.
func TestAFreshOrderPassesABacklogOfEdits(t *testing.T) {
	const edits, slots = 400, 2
	w := world.Start(t, demo.Options{Mute: true, Slots: slots, Mapping: ordersAlone(t)})
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	release := gathered(t, w, editedOrders(t, w, 400_000, edits))
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{LatencyMs: 20}); err != nil {
		t.Fatal(err)
	}
	release()
	w.Until("the backlog is worked on", func() bool { return len(w.SalesOrders()) > 20 })
	fresh, before := paidOrders(t, w, 900_000, 1), w.NetSuite.Stats().Requests
	send(t, w, fresh)
	w.Until("the fresh order is there", func() bool { _, is := w.SalesOrders()["wc-so-main-900000"]; return is })
	between := w.NetSuite.Stats().Requests - before
	if left := edits - len(w.SalesOrders()); left < edits/4 {
		t.Fatalf("only %d of the backlog are left: it proves nothing", left)
	}
	// It needs look-ups and the write; the backlog, a request or two for each of its orders.
	if most := int64(edits / 4); int64(between) > most {
		t.Errorf("%d requests between its webhook and the fresh order, want at most %d", between, most)
	}
	w.Settle()
}

// editedOrders are paid orders, each with a later state that changes its note.
func editedOrders(t *testing.T, w world.World, first, n int) []play {
	t.Helper()
	plays := paidOrders(t, w, first, n)
	for i, p := range plays {
		body := bytes.Replace(p.last, []byte(`"date_modified_gmt":"2026-12-01T00:00:00"`), []byte(`"date_modified_gmt":"2026-12-01T01:00:00"`), 1)
		body = bytes.Replace(body, []byte(`"customer_note":"`), []byte(`"customer_note":"edited `), 1)
		if _, err := w.Shop.Load(shopsim.Load{Store: "main", Order: body}); err != nil {
			t.Fatal(err)
		}
		plays[i].last, plays[i].deliveries = body, append(p.deliveries, signed(p.deliveries[0], body, fmt.Sprintf("%d-edited", p.id)))
	}
	return plays
}

// Between a write and its record a writer may die, and people or our own bill then bind the order. A later state finds the sales
// order of which no ledger tells: it is kept as any other that is bound, with its money, and nobody is asked. Invariants 2 and 3.
func TestAnOrderWithoutALedgerThatIsBound(t *testing.T) {
	for name, c := range map[string]struct {
		policy mapping.MoneyPolicy
		ship   bool
		kind   string
	}{
		"shipped":            {mapping.PolicyDeposit, true, "customerDeposit"},
		"an invoice of ours": {mapping.PolicyInvoice, false, "invoice"},
		"a cash sale":        {mapping.PolicyCashSale, false, "cashSale"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := strategyWorld(t, event.TaxOverride, netsuitesim.TaxOverride, c.policy)
			w.Load(world.Captures(t))
			w.Post(changed(t, "order.created-simple"))
			w.Settle()
			if c.ship {
				if _, err := w.NetSuite.Fulfil(netsuitesim.Shipment{Order: "wc-so-main-36"}); err != nil {
					t.Fatal(err)
				}
			}
			booked := transactions(w, c.kind)
			stream, err := w.JS.Stream(t.Context(), topology.Outcomes)
			if err == nil {
				err = stream.Purge(t.Context(), jetstream.WithPurgeSubject(subject.SyncOf("main", "36")))
			}
			if err != nil {
				t.Fatal(err)
			}
			w.Post(changed(t, "order.created-simple", `"customer_note":""`, `"customer_note":"later"`, `"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"2026-12-01T00:00:00"`))
			w.Settle()
			checkParked(t, w, []string{})
			o := lastOutcome(t, w, "36")
			if so := o.Ledger.SalesOrder; o.Kind != event.OutcomeSkipped || so == nil || so.ID != w.SalesOrders()["wc-so-main-36"].ID || len(so.Lines) != 1 {
				t.Errorf("%s: %s; the ledger knows %+v", o.Kind, o.Reason, so)
			}
			if len(booked) != 1 || len(o.Ledger.Deposits) == 0 && o.Ledger.Bill == nil {
				t.Errorf("of %v the ledger knows %+v and %+v", booked, o.Ledger.Deposits, o.Ledger.Bill)
			}
			sameTotals(t, c.kind, transactions(w, c.kind), booked)
		})
	}
}

package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// isQuestioned tells whether an outcome waits for a person.
func isQuestioned(o event.SyncRecordedV1) bool {
	return o.Kind == event.OutcomeParked || len(o.Questions) > 0
}

// A try makes a record of the order's money and does not come to see it; the state that follows is a question for a person. The
// ledger knows the record all the same, also where NetSuite makes it only then. Invariants 2 and 3.
func TestMoneyThatNobodySawIsKnown(t *testing.T) {
	shipped := func(t *testing.T, w world.World) { ship(t, w, "37") }
	taken := changed(t, "order.created-multi", `"status":"processing"`, `"status":"cancelled"`, `"date_modified_gmt":"2026-11-23T03:10:56"`, `"date_modified_gmt":"2026-12-01T00:00:01"`)
	thrown := signed(changed(t, "order.deleted"), []byte(`{"id":37}`), "thrown-away")
	withdrawn, _ := edited(t, 1, threeTees, twoBeanies, oneHour)
	known := func(list []event.LedgerMoney) string {
		var names []string
		for _, entry := range list {
			names = append(names, entry.ExternalID)
		}
		return strings.Join(names, " ")
	}
	for name, c := range map[string]struct {
		policy, path string
		before       []capture.Delivery // whose records are seen
		state        capture.Delivery   // the one whose record is not
		meanwhile    func(t *testing.T, w world.World)
		next         capture.Delivery
		kind, record string
		tells        func(l event.Ledger) string
		kept         bool // the next state is no question
	}{
		"a deposit": {
			"deposit", "customerdeposit/", nil, changed(t, "order.created-multi"), shipped, taken,
			"customerDeposit", "wc-cd-main-37-payment", func(l event.Ledger) string { return known(l.Deposits) }, false,
		},
		"an invoice": {
			"invoice", "!transform/invoice", nil, changed(t, "order.created-multi"), nil, taken, // which closes it, unless it is billed already
			"invoice", "wc-inv-main-37", func(l event.Ledger) string {
				if l.Bill == nil {
					return ""
				}
				return l.Bill.ExternalID
			}, false,
		},
		"a deposit of an order that is thrown away": {
			"deposit", "customerdeposit/", nil, changed(t, "order.created-multi"), nil, thrown,
			"customerDeposit", "wc-cd-main-37-payment", func(l event.Ledger) string { return known(l.Deposits) }, true,
		},
		"a refund that is deleted": {
			"deposit", "customerrefund/", []capture.Delivery{changed(t, "order.created-multi")}, changed(t, "order.updated-partial-refund-amount"), nil, withdrawn,
			"customerRefund", "wc-cr-main-37-71", func(l event.Ledger) string { return known(l.Refunds) }, false,
		},
		"the credit of a refund that is deleted": {
			"invoice", "!transform/creditmemo", []capture.Delivery{changed(t, "order.created-multi")}, changed(t, "order.updated-partial-refund-amount"), nil, withdrawn,
			"creditMemo", "wc-cm-main-37-71", func(l event.Ledger) string { return known(l.Credits) }, false,
		},
	} {
		for when, behind := range map[string]bool{"made before": false, "made behind": true} {
			if behind && c.kind == "invoice" { // NetSuite bills no order that is closed
				continue
			}
			t.Run(fmt.Sprint(name, ", ", when), func(t *testing.T) {
				t.Parallel()
				w := world.Start(t, demo.Options{
					Mute: true, Mapping: policy(t, c.policy), Account: func(a *netsuitesim.Config) { a.Switches.BillInAdvance = true },
					Adjust: func(h *host.Config) {
						world.Unwatched(h)
						a := h.Accounts[demo.Account]
						a.Retry.First, a.Retry.Last = 30_000_000_000, 30_000_000_000 // nanoseconds; the next state comes before
						h.Accounts[demo.Account] = a
					},
				})
				if _, err := w.Shop.Load(shopsim.Load{Store: "main", Order: c.state.Body, Refunds: [][]byte{[]byte(amount)}}); err != nil {
					t.Fatal(err)
				}
				for _, d := range c.before {
					w.Post(d)
					w.Settle()
				}
				latency := 100
				if behind {
					latency = 1_500
				}
				faults(t, w, netsuitesim.Rule{Kind: "late", Status: 504, LatencyMs: latency, Count: 1, Match: netsuitesim.Match{PathContains: c.path}})
				made := func() bool { return transactions(w, c.kind)[c.record] != "" }
				w.Post(c.state)
				w.Until("the try fails", func() bool {
					return slices.ContainsFunc(outcomesOf(t, w, "37"), func(o event.SyncRecordedV1) bool { return o.Kind == event.OutcomeRetried })
				})
				if !behind {
					w.Until("the record is made", made)
				}
				if c.meanwhile != nil {
					c.meanwhile(t, w)
				}
				if c.kept {
					trash := bytes.Replace(c.state.Body, []byte(`"status":"processing"`), []byte(`"status":"trash"`), 1)
					if _, err := w.Shop.Load(shopsim.Load{Store: "main", Order: trash}); err != nil {
						t.Fatal(err)
					}
				}
				w.Post(c.next)
				w.Until("the next state is looked at", func() bool { return lastOutcome(t, w, "37").Kind != event.OutcomeRetried })
				w.Until("the record is made", made)
				w.Until("and known", func() bool { return strings.Contains(c.tells(lastOutcome(t, w, "37").Ledger), c.record) })
				if o := lastOutcome(t, w, "37"); isQuestioned(o) == c.kept {
					t.Errorf("%s %s, a question %v", o.Kind, o.Reason, !c.kept)
				}
			})
		}
	}
}

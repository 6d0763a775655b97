package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// newestLedger is where the newest outcome of an order stands.
func newestLedger(t *testing.T, w world.World, order string) (jetstream.Stream, uint64) {
	t.Helper()
	stream, err := w.JS.Stream(t.Context(), topology.Outcomes)
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.GetLastMsgForSubject(t.Context(), subject.SyncOf("main", order))
	if err != nil {
		t.Fatal(err)
	}
	return stream, m.Sequence
}

// forget takes the outcomes of an order behind one away, as if the writer had died before it told of what it made.
func forget(t *testing.T, w world.World, order string, behind uint64) {
	t.Helper()
	for stream, at := newestLedger(t, w, order); at > behind; _, at = newestLedger(t, w, order) {
		if err := stream.DeleteMsg(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
}

// knownBack writes what the ledger says of an order's refunds: each record with its amount, and what of it came from deposits.
func knownBack(l event.Ledger) string {
	var told []string
	for _, entry := range slices.Concat(l.Refunds, l.Credits) {
		word := entry.ExternalID + " " + entry.Amount.String()
		if entry.FromDeposits != nil {
			word += " (" + entry.FromDeposits.String() + ")"
		}
		told = append(told, word)
	}
	slices.Sort(told)
	return strings.Join(told, ", ")
}

// The writer died before it told of a refund in shares. Whatever state comes next, the ledger has every one of its records again,
// and how much came from deposits, though none of them is wanted any more. Invariants 2, 3 and 5.
func TestTheSharesOfARefundAreFoundAgain(t *testing.T) {
	const edit = `"date_modified_gmt":"2026-12-01T00:00:00"`
	later := func(change ...string) func(*testing.T) capture.Delivery {
		return func(t *testing.T) capture.Delivery {
			return changed(t, "order.updated-partial-refund-lines", append(change, `"total":"-21.44"`, `"total":"-38.11"`, `"date_modified_gmt":"2026-11-23T03:14:55"`, edit)...)
		}
	}
	deleted := func(t *testing.T) capture.Delivery {
		d, _ := edited(t, 1, threeTees, twoBeanies, oneHour)
		return d
	}
	const one, memo = "wc-cm-main-37-71 10.00", "wc-cm-main-37-72 24.44"
	for name, c := range map[string]struct {
		steps []step
		want  string
	}{
		"two invoices": {
			[]step{{threeShipped, "invoice"}, {twoShipped, "invoice"}},
			one + ", " + memo + ", wc-cm-main-37-72-2 13.67, wc-cr-main-37-71 10.00 (0.00), wc-cr-main-37-72 38.11 (0.00)",
		},
		"billed and not billed": {
			[]step{{threeShipped, "invoice"}},
			one + ", " + memo + ", wc-cr-main-37-71 10.00 (0.00), wc-cr-main-37-72 38.11 (13.67)",
		},
		"a cash sale behind an invoice": {
			[]step{{threeShipped, "invoice"}, {twoShipped, "cashSale"}},
			one + ", " + memo + ", wc-cr-main-37-71 10.00 (0.00), wc-cr-main-37-72 24.44 (0.00), wc-cr-main-37-72-2 13.67",
		},
		"two cash sales": {
			[]step{{threeShipped, "cashSale"}, {twoShipped, "cashSale"}},
			"wc-cr-main-37-71 10.00 (0.00), wc-cr-main-37-72-1 24.44, wc-cr-main-37-72-2 13.67",
		},
	} {
		for next, state := range map[string]func(*testing.T) capture.Delivery{
			"wanted":    later(`"customer_note":""`, `"customer_note":"later"`),
			"cancelled": later(`"status":"processing"`, `"status":"cancelled"`),
			"deleted":   deleted,
		} {
			t.Run(fmt.Sprint(name, ", ", next), func(t *testing.T) {
				t.Parallel()
				w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched, Account: func(a *netsuitesim.Config) { a.Switches.AutoApplyDeposits = true }})
				billedIn(t, w, c.steps...)
				_, told := newestLedger(t, w, "37")
				refunded(t, w)
				if got := knownBack(lastOutcome(t, w, "37").Ledger); got != c.want {
					t.Fatalf("before: %s, want %s", got, c.want)
				}
				forget(t, w, "37", told)
				w.Post(state(t))
				w.Settle()
				o := lastOutcome(t, w, "37")
				if got := knownBack(o.Ledger); got != c.want || isQuestioned(o) != (next != "wanted") {
					t.Errorf("%s %s: %s, want %s", o.Kind, o.Reason, got, c.want)
				}
			})
		}
	}
}

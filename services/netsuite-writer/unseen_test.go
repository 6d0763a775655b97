package netsuitewriter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
)

// What was given up is looked for until it is found, and entered as what it is, or until it can come no more; a look that fails
// forgets nothing.
func TestWhatWasGivenUpIsLookedFor(t *testing.T) {
	const late = time.Minute
	begun, one, lost := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), money.MustParse("1.00"), errors.New("lost")
	for name, c := range map[string]struct {
		record, externalID, key string
		known                   bool // the ledger tells of it already
		absent                  bool
		since                   time.Duration
		fails                   error
		want                    string // deposits, refunds, credits, bill; then what is still looked for
		reads                   int
	}{
		"a deposit":                {record: "customerDeposit", externalID: "wc-cd-main-1-payment", key: "payment", want: "1 0 0 false, 0", reads: 1},
		"one that was made since":  {record: "customerDeposit", externalID: "wc-cd-main-1-payment", key: "payment", known: true, want: "1 0 0 false, 0"},
		"a refund":                 {record: "customerRefund", externalID: "wc-cr-main-1-7", key: "7", want: "0 1 0 false, 0", reads: 1},
		"a refund of a cash sale":  {record: "cashRefund", externalID: "wc-cr-main-1-7", key: "7", want: "0 1 0 false, 0", reads: 1},
		"a share of such a refund": {record: "cashRefund", externalID: "wc-cr-main-1-2-2", key: "2", want: "0 0 1 false, 0", reads: 1},
		"a credit":                 {record: "creditMemo", externalID: "wc-cm-main-1-7", key: "7", want: "0 0 1 false, 0", reads: 1},
		"a bill":                   {record: "invoice", externalID: "wc-inv-main-1", want: "0 0 0 true, 0", reads: 1},
		"not yet there":            {record: "invoice", externalID: "wc-inv-main-1", absent: true, since: late - 1, want: "0 0 0 false, 1", reads: 1},
		"it comes no more":         {record: "invoice", externalID: "wc-inv-main-1", absent: true, since: late, want: "0 0 0 false, 0", reads: 1},
		"NetSuite is away":         {record: "invoice", externalID: "wc-inv-main-1", since: late, fails: lost, want: "0 0 0 false, 1", reads: 1},
	} {
		reads := 0
		w := &writer{
			config: config.Account{Late: config.Duration(late)}, now: func() time.Time { return begun.Add(c.since) },
			payments: &loader[paper]{ctx: t.Context(), width: 1, linger: func() linger { return linger{} }, fetch: func(_ context.Context, keys []string) (map[string]paper, []event.Call, error) {
				reads++
				if c.absent {
					return nil, nil, c.fails
				}
				return map[string]paper{keys[0]: {id: "9", total: one}}, nil, c.fails
			}},
		}
		j := &job{desired: event.DesiredOrderV1{Order: "1"}, ledger: event.Ledger{SalesOrder: &event.LedgerOrder{Total: one}, Unseen: []event.LedgerUnseen{{Record: c.record, ExternalID: c.externalID, Key: c.key, GivenUp: begun}}}}
		if c.known {
			j.ledger.Deposits = []event.LedgerMoney{entryOf("9", c.externalID, c.key, one)}
		}
		err := w.learn(t.Context(), j, false)
		l := j.ledger
		got := fmt.Sprintf("%d %d %d %v, %d", len(l.Deposits), len(l.Refunds), len(l.Credits), l.Bill != nil, len(l.Unseen))
		if got != c.want || reads != c.reads || !errors.Is(err, c.fails) {
			t.Errorf("%s: %s after %d reads, %v, want %s after %d", name, got, reads, err, c.want, c.reads)
		}
	}
}

// A state is looked at once more while what was given up may still undo it, or be made unseen: soon, then when it can come no more.
// What the try at hand gave up is for its next try alone, so that no order is tried for ever.
func TestWhatIsLookedAtOnceMore(t *testing.T) {
	const late = time.Minute
	begun := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	unseen := event.Ledger{Unseen: []event.LedgerUnseen{{Record: "invoice", GivenUp: begun}}}
	for name, c := range map[string]struct {
		ledger event.Ledger
		own    bool
		since  time.Duration
		took   time.Duration
		after  time.Duration
		want   bool
	}{
		"nothing was given up":          {},
		"an invoice":                    {ledger: unseen, after: soon, want: true},
		"an invoice, again":             {ledger: unseen, since: soon, after: late, want: true},
		"an invoice, too long ago":      {ledger: unseen, since: late},
		"an invoice, a moment too long": {ledger: unseen, since: late, took: 2 * time.Second, after: late, want: true},
		"a write, a moment too long":    {ledger: event.Ledger{Late: &event.LedgerLate{Hash: "a", GivenUp: begun}}, since: late + time.Second, took: 2 * time.Second, after: late, want: true},
		"an invoice of this try":        {ledger: unseen, own: true},
		"a write of another state":      {ledger: event.Ledger{Late: &event.LedgerLate{Hash: "a", GivenUp: begun}}, after: soon, want: true},
		"a write of this state":         {ledger: event.Ledger{Late: &event.LedgerLate{Hash: "b", GivenUp: begun}}},
		"an invoice, and this state's":  {ledger: event.Ledger{Late: &event.LedgerLate{Hash: "b", GivenUp: begun.Add(time.Second)}, Unseen: unseen.Unseen}, after: soon, want: true},
	} {
		w := &writer{config: config.Account{Late: config.Duration(late)}, now: func() time.Time { return begun.Add(c.since) }}
		after, got := w.contested(&job{ledger: c.ledger, begun: begun.Add(c.since - c.took), unseen: c.own, desired: event.DesiredOrderV1{Hash: "b"}})
		if got != c.want || got && !after.Equal(begun.Add(c.after)) {
			t.Errorf("%s: %v, after %v, want %v, after %v", name, got, after.Sub(begun), c.want, c.after)
		}
	}
}

// A refund that is found took from the order's deposits all of it, or nothing where it gives a cash sale back: the next one finds the
// rest there.
func TestAFoundRefundAndItsDeposits(t *testing.T) {
	ten := money.MustParse("10.00")
	for kind, left := range map[string]bool{"CustRfnd": false, "CashRfnd": true} {
		j := &job{ledger: event.Ledger{Deposits: []event.LedgerMoney{entryOf("1", "wc-cd-main-1-payment", "payment", ten)}}}
		if err := (&writer{}).enterFound(t.Context(), j, event.CustomerRefund{ExternalID: "wc-cr-main-1-7", Refund: "7"}, map[string]paper{"wc-cr-main-1-7": {id: "9", kind: kind, total: ten}}); err != nil {
			t.Fatal(err)
		}
		if _, err := plan.Allot(j.ledger.Deposits, j.ledger.Refunds, ten); (err == nil) != left {
			t.Errorf("%s: the deposit holds 10.00 after it: %v, want %v", kind, err == nil, left)
		}
	}
}

// However many shares a refund was made in, all are found: each is looked for as soon as the one before it is known, also where the
// ledger alone tells of that.
func TestEveryShareIsFound(t *testing.T) {
	r, one := event.CustomerRefund{ExternalID: "wc-cr-main-1-7", Refund: "7"}, money.MustParse("1.00")
	for name, c := range map[string]struct {
		known, there, want string
	}{
		"none":                    {},
		"of another refund":       {there: "wc-cm-main-1-77 wc-cm-main-1-77-2"},
		"one":                     {there: "wc-cm-main-1-7", want: "wc-cm-main-1-7"},
		"four":                    {there: "wc-cm-main-1-7 wc-cm-main-1-7-2 wc-cr-main-1-7-3 wc-cm-main-1-7-4", want: "wc-cm-main-1-7 wc-cm-main-1-7-2 wc-cm-main-1-7-4 wc-cr-main-1-7-3"},
		"behind one that is gone": {known: "wc-cr-main-1-7-1 wc-cr-main-1-7-2", there: "wc-cr-main-1-7-3", want: "wc-cr-main-1-7-1 wc-cr-main-1-7-2 wc-cr-main-1-7-3"},
	} {
		w := &writer{payments: &loader[paper]{ctx: t.Context(), width: 10, linger: func() linger { return linger{} }, fetch: func(_ context.Context, keys []string) (map[string]paper, []event.Call, error) {
			found := map[string]paper{}
			for _, id := range strings.Fields(c.there) {
				if slices.Contains(keys, id) {
					found[id] = paper{id: "9", externalID: id, kind: "CustCred", total: one}
				}
			}
			return found, nil, nil
		}}}
		j := &job{}
		for _, id := range strings.Fields(c.known) {
			j.ledger.Credits = append(j.ledger.Credits, entryOf("9", id, "7", one))
		}
		found, err := w.lookAll(t.Context(), j, []string{r.ExternalID}, []event.CustomerRefund{r})
		if err == nil {
			err = w.enterFound(t.Context(), j, r, found)
		}
		var got []string
		for _, credit := range j.ledger.Credits {
			got = append(got, credit.ExternalID)
		}
		if strings.Join(got, " ") != c.want || err != nil {
			t.Errorf("%s: %v, %v, want %s", name, got, err, c.want)
		}
	}
}

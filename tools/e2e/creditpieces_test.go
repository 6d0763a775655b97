package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// back is what the shop gives back of order 37's tees, of which there are three: 59.97 and 4.35 of tax.
type back struct {
	id                 int
	tees               int // 0: money of them alone
	amount, total, tax string
}

// The refunds of one tee, and of the other two, a cent of each less.
var (
	firstTee  = back{72, 1, "21.44", "19.99", "1.45"}
	otherTees = back{73, 2, "42.86", "39.97", "2.89"}
)

// shown is the refund as the shop's REST shows it.
func (b back) shown() []byte {
	return fmt.Appendf(nil, `{"id":%[1]d,"date_created":"2026-11-22T22:14:55","date_created_gmt":"2026-11-23T03:14:55","amount":"%[3]s","reason":"back","refunded_payment":false,"meta_data":[],`+
		`"line_items":[{"id":10%[1]d,"name":"Tee","quantity":-%[2]d,"subtotal":"-%[4]s","subtotal_tax":"-%[5]s","total":"-%[4]s","total_tax":"-%[5]s","taxes":[{"id":1,"total":"-%[5]s","subtotal":"-%[5]s"}],`+
		`"meta_data":[{"id":81%[1]d,"key":"_refunded_item_id","value":"5"}],"sku":"TEE-001"}],"shipping_lines":[],"tax_lines":[],"fee_lines":[]}`, b.id, b.tees, b.amount, b.total, b.tax)
}

// giveBack gives the shop's order 37 its refunds and posts that state. The second time nothing is made.
func giveBack(t *testing.T, w world.World, refunds ...back) {
	t.Helper()
	load := shopsim.Load{Store: "main"}
	var list []map[string]any
	for _, b := range refunds {
		load.Refunds = append(load.Refunds, b.shown())
		list = append(list, map[string]any{"id": b.id, "reason": "back", "total": "-" + b.amount, "total_tax": "-" + b.tax})
	}
	named, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	delivery := changed(t, "order.updated-partial-refund-lines", "2026-11-22T22:14:55", fmt.Sprintf("2026-11-22T22:15:%02d", len(refunds)), "2026-11-23T03:14:55", fmt.Sprintf("2026-11-23T03:15:%02d", len(refunds)))
	load.Order = regexp.MustCompile(`"refunds":\[.*?\]`).ReplaceAll(delivery.Body, append([]byte(`"refunds":`), named...))
	if _, err := w.Shop.Load(load); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		w.Post(signed(delivery, load.Order, fmt.Sprintf("back-%d-%d", len(refunds), n)))
		w.Settle()
	}
}

// piecesBilled brings order 37 into NetSuite and bills its tees in pieces: two by the first record, one by the second if there is one.
func piecesBilled(t *testing.T, w world.World, records ...string) (bills []string) {
	t.Helper()
	w.Post(changed(t, "order.created-multi"))
	w.Settle()
	for i, record := range records {
		var shipment netsuitesim.Shipment
		if err := json.Unmarshal(fmt.Appendf(nil, `{"order":"wc-so-main-37","lines":[{"line":1,"quantity":%d}]}`, 2-i), &shipment); err != nil {
			t.Fatal(err)
		}
		if _, err := w.NetSuite.Fulfil(shipment); err != nil {
			t.Fatal(err)
		}
		bills = append(bills, act(t, w, netsuitesim.Act{Method: "POST", Path: "salesOrder/eid:wc-so-main-37/!transform/" + record, Body: json.RawMessage(`{}`)}))
	}
	return bills
}

// credit is a credit memo or cash refund as NetSuite holds it.
type credit struct {
	ExternalID  string
	CreatedFrom struct{ ID string }
	Total       json.Number
	Item        struct {
		Items []struct {
			Quantity, Amount json.Number
			OrderLine        int
		}
	}
}

// creditsOf writes what NetSuite holds of the tees of each bill as "externalId total of bill 1: quantity × amount"; a line that is of no
// line of the bill has a plus.
func creditsOf(t *testing.T, w world.World, bills []string) (told []string) {
	t.Helper()
	for _, kind := range []string{"creditMemo", "cashRefund"} {
		for _, c := range world.Get[[]credit](w, w.Facts.NetSuite+"/sim/state?type="+kind) {
			word := fmt.Sprintf("%s %s of bill %d:", c.ExternalID, inCents(t, c.Total), slices.Index(bills, c.CreatedFrom.ID)+1)
			for _, l := range c.Item.Items {
				word += map[bool]string{true: " ", false: " +"}[l.OrderLine != 0] + l.Quantity.String() + " × " + inCents(t, l.Amount)
			}
			told = append(told, word)
		}
	}
	slices.Sort(told)
	return told
}

// bookedOf writes what the ledger says of the credits the same way, without their totals; what is money alone is of no piece.
func bookedOf(t *testing.T, w world.World, bills []string) (told []string) {
	t.Helper()
	l := lastOutcome(t, w, "37").Ledger
	for _, entry := range slices.Concat(l.Credits, l.Refunds) {
		if entry.Bill == "" {
			continue // from deposits alone, or of the credits
		}
		word := fmt.Sprintf("%s of bill %d:", entry.ExternalID, slices.Index(bills, entry.Bill)+1)
		for _, line := range entry.Lines {
			word += " " + line.Key + " " + line.Quantity.String() + " × " + line.Amount.String()
		}
		told = append(told, word)
	}
	slices.Sort(told)
	return told
}

// A line billed in pieces goes back in pieces: from the deposits what nobody has billed, which the order loses, from the oldest bill what
// it holds yet, from the next the rest. The second refund goes on where the first ended, though the answer to its first credit is lost.
func TestALineBilledInPieces(t *testing.T) {
	const first = "wc-cm-main-37-72 21.44 of bill 1: 1 × 19.99"
	for name, c := range map[string]struct {
		records  []string
		then     back
		credits  []string
		booked   []string
		paid     map[string]string // customer refunds
		switches netsuitesim.Switches
	}{
		"two invoices": {
			[]string{"invoice", "invoice"}, otherTees,
			[]string{first, "wc-cm-main-37-73 21.44 of bill 1: 1 × 19.99", "wc-cm-main-37-73-2 21.42 of bill 2: 1 × 19.98"},
			[]string{"wc-cm-main-37-72 of bill 1: line-5 1 × 19.99", "wc-cm-main-37-73 of bill 1: line-5 1 × 19.99", "wc-cm-main-37-73-2 of bill 2: line-5 1 × 19.98"},
			map[string]string{"wc-cr-main-37-72": "21.44", "wc-cr-main-37-73": "42.86"}, netsuitesim.Switches{},
		},
		"two invoices, paid, of an account with the ledger's signs": {
			[]string{"invoice", "invoice"}, otherTees,
			[]string{first, "wc-cm-main-37-73 21.44 of bill 1: 1 × 19.99", "wc-cm-main-37-73-2 21.42 of bill 2: 1 × 19.98"},
			[]string{"wc-cm-main-37-72 of bill 1: line-5 1 × 19.99", "wc-cm-main-37-73 of bill 1: line-5 1 × 19.99", "wc-cm-main-37-73-2 of bill 2: line-5 1 × 19.98"},
			map[string]string{"wc-cr-main-37-72": "21.44", "wc-cr-main-37-73": "42.86"}, netsuitesim.Switches{LedgerSigns: true, AutoApplyDeposits: true},
		},
		"two cash sales": {
			[]string{"cashSale", "cashSale"}, otherTees,
			[]string{"wc-cr-main-37-72 21.44 of bill 1: 1 × 19.99", "wc-cr-main-37-73-1 21.44 of bill 1: 1 × 19.99", "wc-cr-main-37-73-2 21.42 of bill 2: 1 × 19.98"},
			[]string{"wc-cr-main-37-72 of bill 1: line-5 1 × 19.99", "wc-cr-main-37-73-1 of bill 1: line-5 1 × 19.99", "wc-cr-main-37-73-2 of bill 2: line-5 1 × 19.98"},
			nil, netsuitesim.Switches{},
		},
		"a cash sale behind an invoice": {
			[]string{"invoice", "cashSale"}, otherTees,
			[]string{first, "wc-cm-main-37-73 21.44 of bill 1: 1 × 19.99", "wc-cr-main-37-73-2 21.42 of bill 2: 1 × 19.98"},
			[]string{"wc-cm-main-37-72 of bill 1: line-5 1 × 19.99", "wc-cm-main-37-73 of bill 1: line-5 1 × 19.99", "wc-cr-main-37-73-2 of bill 2: line-5 1 × 19.98"},
			map[string]string{"wc-cr-main-37-72": "21.44", "wc-cr-main-37-73": "21.44"}, netsuitesim.Switches{},
		},
		"money of the line, and no piece": {
			[]string{"invoice", "invoice"}, back{73, 0, "30.00", "30.00", "0.00"},
			[]string{first, "wc-cm-main-37-73 19.99 of bill 1: +1 × 19.99", "wc-cm-main-37-73-2 10.01 of bill 2: +1 × 10.01"},
			[]string{"wc-cm-main-37-72 of bill 1: line-5 1 × 19.99", "wc-cm-main-37-73 of bill 1: line-5 0 × 19.99", "wc-cm-main-37-73-2 of bill 2: line-5 0 × 10.01"},
			map[string]string{"wc-cr-main-37-72": "21.44", "wc-cr-main-37-73": "30.00"}, netsuitesim.Switches{},
		},
		"the last piece is not billed": {
			[]string{"invoice"}, otherTees,
			[]string{"wc-cm-main-37-73 42.86 of bill 1: 2 × 39.97"}, []string{"wc-cm-main-37-73 of bill 1: line-5 2 × 39.97"},
			map[string]string{"wc-cr-main-37-72": "21.44", "wc-cr-main-37-73": "42.86"}, netsuitesim.Switches{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.Start(t, demo.Options{Mute: true, Account: func(a *netsuitesim.Config) { a.Switches = c.switches }})
			bills := piecesBilled(t, w, c.records...)
			giveBack(t, w, firstTee)
			faults(t, w, netsuitesim.Rule{Kind: "drop", Count: 1, Match: netsuitesim.Match{Method: "POST", PathContains: "!transform"}})
			giveBack(t, w, firstTee, c.then)
			if diff := cmp.Diff(c.credits, creditsOf(t, w, bills)); diff != "" {
				t.Errorf("credits in NetSuite (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.booked, bookedOf(t, w, bills)); diff != "" {
				t.Errorf("credits in the ledger (-want +got):\n%s", diff)
			}
			sameTotals(t, "customer refunds", transactions(w, "customerRefund"), c.paid)
			checkParked(t, w, nil)
		})
	}
}

// A piece that is neither shipped nor billed is taken off the order, and its money comes from the deposit: the customer keeps two, two
// are billed, and two are paid for. The books agree to the cent, whether or not the deposit has paid the invoice.
func TestAPieceThatNobodyShippedIsNotCredited(t *testing.T) {
	for name, applied := range map[string]bool{"a deposit that waits": false, "a deposit that pays the invoice": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.Start(t, demo.Options{Mute: true, Account: func(a *netsuitesim.Config) { a.Switches.AutoApplyDeposits = applied }})
			bills := piecesBilled(t, w, "invoice")
			giveBack(t, w, firstTee)
			if got := creditsOf(t, w, bills); len(got) > 0 {
				t.Errorf("credits %v, want none", got)
			}
			sameTotals(t, "customer refunds", transactions(w, "customerRefund"), map[string]string{"wc-cr-main-37-72": "21.44"})
			checkParked(t, w, nil)
			o := lastOutcome(t, w, "37")
			if strings.Contains(o.Reason, "balance") {
				t.Errorf("%s: %s", o.Kind, o.Reason)
			}
			if tees := w.Records()["wc-so-main-37"].Lines[0]; !tees.Quantity.Equal("2") {
				t.Errorf("the order has %s tees, want 2", tees.Quantity)
			}
		})
	}
}

// memoOfATee is the body of a credit memo of one tee of an invoice, which takes it; its tax stands as shipping.
func memoOfATee(invoice, externalID string) json.RawMessage {
	return fmt.Appendf(nil, `{"externalId":"%[2]s","shippingCost":1.45,"taxDetailsOverride":true,"taxDetails":{"items":[]},"apply":{"items":[{"doc":{"id":"%[1]s"},"apply":true,"amount":21.44}]},`+
		`"item":{"items":[{"line":1,"quantity":1,"price":{"id":"-1"},"amount":19.99}]}}`, invoice, externalID)
}

// The writer dies between the two credit memos, and no ledger knows of the first: it is found and is no earlier credit of the line.
func TestALineBilledInPiecesIsTakenUpAgain(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	bills := piecesBilled(t, w, "invoice", "invoice")
	giveBack(t, w, firstTee)
	act(t, w, netsuitesim.Act{Method: "POST", Path: "invoice/" + bills[0] + "/!transform/creditMemo?replace=item", Body: memoOfATee(bills[0], "wc-cm-main-37-73")})
	giveBack(t, w, firstTee, otherTees)
	want := map[string]string{"wc-cm-main-37-72": "21.44", "wc-cm-main-37-73": "21.44", "wc-cm-main-37-73-2": "21.42"}
	sameTotals(t, "credit memos", transactions(w, "creditMemo"), want)
	sameTotals(t, "customer refunds", transactions(w, "customerRefund"), map[string]string{"wc-cr-main-37-72": "21.44", "wc-cr-main-37-73": "42.86"})
	booked := []string{"wc-cm-main-37-72 of bill 1: line-5 1 × 19.99", "wc-cm-main-37-73 of bill 1: line-5 1 × 19.99", "wc-cm-main-37-73-2 of bill 2: line-5 1 × 19.98"}
	if diff := cmp.Diff(booked, bookedOf(t, w, bills)); diff != "" {
		t.Errorf("credits in the ledger (-want +got):\n%s", diff)
	}
	checkParked(t, w, nil)
}

// The writer dies behind a refund's only credit memo: it is found, and what it took back of the bill is asked of NetSuite when the
// next refund comes.
func TestALineBilledInPiecesWhoseCreditIsFoundAgain(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	bills := piecesBilled(t, w, "invoice")
	act(t, w, netsuitesim.Act{Method: "POST", Path: "invoice/" + bills[0] + "/!transform/creditMemo?replace=item", Body: memoOfATee(bills[0], "wc-cm-main-37-72")})
	giveBack(t, w, firstTee)
	giveBack(t, w, firstTee, otherTees)
	sameTotals(t, "credit memos", transactions(w, "creditMemo"), map[string]string{"wc-cm-main-37-72": "21.44", "wc-cm-main-37-73": "21.44"})
	sameTotals(t, "customer refunds", transactions(w, "customerRefund"), map[string]string{"wc-cr-main-37-72": "21.44", "wc-cr-main-37-73": "42.86"})
	checkParked(t, w, nil)
}

// What people credited of the line in NetSuite is taken from its bill, too. Where the pieces left on the bills do not suffice then, nobody
// can tell whether people gave back the shop's: that is a question.
func TestALineBilledInPiecesThatPeopleCredited(t *testing.T) {
	for name, c := range map[string]struct {
		then    back
		credits []string
		parked  []string
	}{
		"the next bill has the piece": {
			back{73, 1, "21.44", "19.99", "1.45"}, []string{"wc-cm-main-37-72 21.44 of bill 1: 1 × 19.99", "wc-cm-main-37-73 21.44 of bill 2: 1 × 19.99"}, nil,
		},
		"no bill has all of them": {otherTees, []string{"wc-cm-main-37-72 21.44 of bill 1: 1 × 19.99"}, []string{"write.main.37 refund-uncovered"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.Start(t, demo.Options{Mute: true})
			bills := piecesBilled(t, w, "invoice", "invoice")
			act(t, w, netsuitesim.Act{Method: "POST", Path: "invoice/" + bills[0] + "/!transform/creditMemo?replace=item", Body: memoOfATee(bills[0], "people-1")})
			giveBack(t, w, firstTee)
			giveBack(t, w, firstTee, c.then)
			want := append([]string{"people-1 21.44 of bill 1: 1 × 19.99"}, c.credits...)
			if diff := cmp.Diff(want, creditsOf(t, w, bills)); diff != "" {
				t.Errorf("credits in NetSuite (-want +got):\n%s", diff)
			}
			checkParked(t, w, c.parked)
		})
	}
}

// inCents writes an amount with two places.
func inCents(t *testing.T, n json.Number) string {
	t.Helper()
	amount, err := money.Parse(n.String())
	if err != nil {
		t.Fatal(err)
	}
	return amount.String()
}

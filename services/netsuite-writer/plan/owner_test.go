package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// Where NetSuite owns the status, the shop's edits move it as long as nobody in NetSuite did, and take an order back when the
// shop's own status says so; they never approve or open again what NetSuite's people hold or closed, and repeat nothing.
func TestNetSuiteOwnsTheStatus(t *testing.T) {
	create := policy(event.ActionCreate, event.ActionApply, event.ActionKeep)
	kept := func(status, reason string) Decision {
		return Decision{Do: Write, Rule: RuleStatusOwner, Reason: reason, Status: status}
	}
	skipped := func(reason string) Decision { return record(event.OutcomeSkipped, RuleStatusOwner, reason) }
	const held, approved = "NetSuite's people set the sales order to A: its status stays", "NetSuite's people set the sales order to B: its status stays"
	const closed = "NetSuite's people set the sales order to H: it stays as it is"
	for _, c := range []struct {
		name     string
		given    string // the letter we gave, and the shop's word it was for
		word     string
		now      string // NetSuite's letter
		shop     string // its word now
		asks     string // the letter that the mapping makes of it
		want     Decision
		shopOwns Decision
	}{
		{"nobody moved it", "A", "on-hold", "A", "processing", "B", Decision{Do: Write}, Decision{Do: Write}},
		{"closed by us, opened again", "H", "cancelled", "H", "processing", "B", Decision{Do: Write}, Decision{Do: Write}},
		{"we do not know what we gave", "", "", "B", "on-hold", "A", Decision{Do: Write}, Decision{Do: Write}},
		{"approved by people, edited in the shop", "A", "on-hold", "B", "on-hold", "A", kept("B", approved), Decision{Do: Write}},
		{"approved by people, paid in the shop", "A", "on-hold", "B", "processing", "B", Decision{Do: Write}, Decision{Do: Write}},
		{"approved by people, payment failed", "A", "on-hold", "B", "failed", "A", Decision{Do: Write}, Decision{Do: Write}},
		{"approved by people, cancelled", "A", "on-hold", "B", "cancelled", "H", Decision{Do: Write}, Decision{Do: Write}},
		{"held by people, edited in the shop", "B", "processing", "A", "processing", "B", kept("A", held), Decision{Do: Write}},
		{"held by people, completed in the shop", "B", "processing", "A", "completed", "B", kept("A", held), Decision{Do: Write}},
		{"held by people, cancelled", "B", "processing", "A", "cancelled", "H", Decision{Do: Write}, Decision{Do: Write}},
		{"closed by people, edited in the shop", "B", "processing", "H", "processing", "B", skipped(closed), Decision{Do: Write}},
		{"closed by people, on hold in the shop", "B", "processing", "H", "on-hold", "A", skipped(closed), Decision{Do: Write}},
		{"closed by people, cancelled", "B", "processing", "H", "cancelled", "H", Decision{Do: Write}, Decision{Do: Write}},
		{"opened again by people, edited in the shop", "H", "cancelled", "B", "cancelled", "H", skipped("NetSuite's people set the sales order to B: it stays as it is"), Decision{Do: Write}},
	} {
		d := event.DesiredOrderV1{Policy: create, Source: event.DesiredSource{Status: c.shop}, SalesOrder: event.SalesOrder{OrderStatus: c.asks}}
		if c.asks == "H" {
			d.SalesOrder.OrderStatus, d.SalesOrder.Closed = "A", true
		}
		f := Facts{Ledger: event.Ledger{SalesOrder: &event.LedgerOrder{Given: c.given, GivenFor: c.word}}, Status: c.now, OwnsStatus: true}
		for owns, want := range map[bool]Decision{true: c.want, false: c.shopOwns} {
			f.OwnsStatus = owns
			got, err := Decide(d, f)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s, NetSuite owns it: %v (-want +got): %v\n%s", c.name, owns, err, diff)
			}
		}
		if f.OwnsStatus, f.Hold = true, true; c.want.Do == Write {
			if got, _ := Decide(d, f); got.Outcome != event.OutcomeHeld {
				t.Errorf("%s, writes on hold: %+v", c.name, got)
			}
		}
	}
}

// Money that the shop does not own is left out by a rule that says so.
func TestMoneyByOwner(t *testing.T) {
	all := Money{
		Deposits: []event.Deposit{{ExternalID: "wc-cd-main-36-payment", Amount: money.MustParse("5.00")}}, Bill: &event.Bill{ExternalID: "wc-inv-main-36"},
		Refunds: []event.CustomerRefund{{ExternalID: "wc-cr-main-36-9"}, {ExternalID: "wc-cr-main-36-10"}},
	}
	const payment, refunds = "netsuite-owns-payment: not booked: wc-cd-main-36-payment, wc-inv-main-36", "netsuite-owns-refunds: not booked: wc-cr-main-36-9, wc-cr-main-36-10"
	for _, c := range []struct {
		payment, refunds bool
		left             string // deposits, bill, refunds
		said             []string
	}{
		{false, false, "111", nil}, {true, false, "001", []string{payment}}, {false, true, "110", []string{refunds}}, {true, true, "000", []string{payment, refunds}},
	} {
		got, said := all.Owned(c.payment, c.refunds)
		left := ""
		for _, has := range []bool{len(got.Deposits) == 1, got.Bill != nil, len(got.Refunds) == 2} {
			left += map[bool]string{true: "1", false: "0"}[has]
		}
		if diff := cmp.Diff(c.said, said); diff != "" || left != c.left {
			t.Errorf("payment %v, refunds %v: %s left, want %s; said (-want +got):\n%s", c.payment, c.refunds, left, c.left, diff)
		}
	}
	if _, said := (Money{}).Owned(true, true); len(said) != 0 {
		t.Errorf("nothing lacks, yet %q", said)
	}
}

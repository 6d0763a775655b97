package stock

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// keeps is an outcome whose ledger says what NetSuite holds for the order, and since when; a second below zero: it
// commits nothing.
func keeps(id, kind string, sequence uint64, second int, goods map[string]int64, since int) event.SyncRecordedV1 {
	outcome := came("de", id, kind, sequence, second)
	outcome.Ledger.SalesOrder = &event.LedgerOrder{Goods: map[string]money.Number{}}
	for sku, units := range goods {
		outcome.Ledger.SalesOrder.Goods[sku] = money.Int(units)
	}
	if since >= 0 {
		moment := at(since)
		outcome.Ledger.SalesOrder.GoodsAt = &moment
	}
	return outcome
}

var threeMugs = map[string]int64{"MUG": 3}

// counted is a book in which an order of three mugs is counted by NetSuite: seven of ten are left.
func counted() *Book {
	b := NewBook(nil)
	b.Stock(figure("MUG", 1, map[string]string{"1": "10"}), 1)
	b.Desired(wanted("de", "1", threeMugs), 1)
	b.Outcome(keeps("1", event.OutcomeSynced, 1, 5, threeMugs, 5))
	b.Stock(figure("MUG", 6, map[string]string{"1": "7"}), 2)
	return b
}

// An order that NetSuite counts stays counted, whatever becomes of it later: an edit of the address, a payment, a part
// that is parked.
func TestLaterOutcomesReviveNothing(t *testing.T) {
	for _, kind := range []string{event.OutcomeSynced, event.OutcomeVerified, event.OutcomeParked, event.OutcomeRetried, event.OutcomeHeld} {
		b := counted()
		promised(t, b, shop, "MUG", "7")
		ledger := keeps("1", event.OutcomeSynced, 1, 5, threeMugs, 5)
		b.Recall(ledger)
		b.Desired(wanted("de", "1", threeMugs), 2)
		promised(t, b, shop, "MUG", "7")
		b.Outcome(keeps("1", kind, 2, 1000, threeMugs, 5))
		promised(t, b, shop, "MUG", "7")
		b.Stock(figure("MUG", 2000, map[string]string{"1": "7"}), 3)
		promised(t, b, shop, "MUG", "7")
	}
}

// The same of ledgers that do not say what NetSuite holds: those of before.
func TestLaterOutcomesOfOldLedgersReviveNothing(t *testing.T) {
	b := NewBook(nil)
	b.Stock(figure("CUP", 4, map[string]string{"1": "7"}), 1)
	b.Desired(wanted("de", "1", map[string]int64{"MUG": 3, "CUP": 1}), 1)
	b.Outcome(came("de", "1", event.OutcomeSynced, 1, 5))
	b.Stock(figure("MUG", 6, map[string]string{"1": "7"}), 2)
	b.Desired(wanted("de", "1", map[string]int64{"MUG": 3, "CUP": 1}), 2)
	b.Outcome(came("de", "1", event.OutcomeSynced, 2, 1000))
	promised(t, b, shop, "MUG", "7")
	promised(t, b, shop, "CUP", "6")
	b.Outcome(came("de", "1", event.OutcomeParked, 2, 1001))
	promised(t, b, shop, "MUG", "7")
}

// After a start only the newest outcome is there: the ledger says since when NetSuite counts.
func TestLedgerSaysSinceWhenNetSuiteCounts(t *testing.T) {
	b := NewBook(nil)
	b.Stock(figure("MUG", 6, map[string]string{"1": "7"}), 2)
	b.Desired(wanted("de", "1", threeMugs), 9)
	b.Outcome(keeps("1", event.OutcomeParked, 9, 1000, threeMugs, 5))
	promised(t, b, shop, "MUG", "7")
	b.Recall(keeps("1", event.OutcomeParked, 9, 1000, threeMugs, 5))
	b.Desired(wanted("de", "1", map[string]int64{"MUG": 5}), 10) // two more wait
	promised(t, b, shop, "MUG", "5")
	b.Outcome(keeps("1", event.OutcomeSynced, 10, 2000, map[string]int64{"MUG": 5}, 2000))
	promised(t, b, shop, "MUG", "5") // the figure contains three
	b.Stock(figure("MUG", 2001, map[string]string{"1": "5"}), 3)
	promised(t, b, shop, "MUG", "5")
}

// WooCommerce takes no stock for orders that nobody has paid or promised to pay.
func TestUnpaidOrdersHoldNothing(t *testing.T) {
	for status, want := range map[string]string{"failed": "10", "pending": "10", "on-hold": "7", "processing": "7"} {
		b := NewBook(nil)
		b.Stock(figure("MUG", 1, map[string]string{"1": "10"}), 1)
		desired := wanted("de", "1", threeMugs)
		desired.Source.Status = status
		b.Desired(desired, 1)
		promised(t, b, shop, "MUG", want)
		b.Outcome(came("de", "1", event.OutcomeWaiting, 1, 5))
		promised(t, b, shop, "MUG", want)
	}
}

// NetSuite commits nothing to an order that waits for approval: it counts until it is approved and a figure shows it.
func TestOrderThatWaitsForApprovalCounts(t *testing.T) {
	b := NewBook(nil)
	b.Desired(wanted("de", "1", threeMugs), 1)
	b.Outcome(keeps("1", event.OutcomeSynced, 1, 5, threeMugs, -1))
	b.Stock(figure("MUG", 6, map[string]string{"1": "10"}), 2)
	promised(t, b, shop, "MUG", "7")
	change := event.NetSuiteChangedV1{Account: "ns", Kind: event.ChangeSalesOrder, Order: "1", Status: "A"}
	change.Store = "de"
	b.SalesOrder(change, at(8))
	b.Stock(figure("MUG", 9, map[string]string{"1": "10"}), 3)
	promised(t, b, shop, "MUG", "7")
	change.Status = "B"
	b.SalesOrder(change, at(10))
	promised(t, b, shop, "MUG", "7")
	b.Stock(figure("MUG", 11, map[string]string{"1": "7"}), 4)
	promised(t, b, shop, "MUG", "7")
}

// asked is a state of three mugs that wants an order status.
func asked(status string) event.DesiredOrderV1 {
	desired := wanted("de", "1", threeMugs)
	desired.SalesOrder.OrderStatus = status
	return desired
}

// acted is what a person did to the sales order.
func acted(status string) event.NetSuiteChangedV1 {
	change := event.NetSuiteChangedV1{Account: "ns", Kind: event.ChangeSalesOrder, Order: "1", Status: status}
	change.Store = "de"
	return change
}

// A change that was read before the shop's hold was written, and stored behind it, tells how the order stood: NetSuite commits
// nothing to it any more, whichever is heard of first. What a person approves afterwards it commits.
func TestAnOldChangeCommitsNothing(t *testing.T) {
	told := func(letter string, second int) event.NetSuiteChangedV1 {
		change := acted(letter)
		change.ModifiedAt = at(second)
		return change
	}
	ledger := func(sequence uint64, second int, since int) event.SyncRecordedV1 {
		outcome := keeps("1", event.OutcomeSynced, sequence, second, threeMugs, since)
		outcome.Ledger.SalesOrder.VerifiedAt = at(second).Add(300 * time.Millisecond)
		return outcome
	}
	held := func(b *Book) { b.Outcome(ledger(2, 8, -1)) }
	late := func(b *Book) { b.SalesOrder(told("B", 5), at(9)) }
	lateInTheSecond := func(b *Book) { b.SalesOrder(told("B", 8), at(9)) }
	waits := func(b *Book) { b.SalesOrder(told("A", 8), at(10)) }
	for name, steps := range map[string][]func(*Book){
		"the ledger first":               {held, late, waits},
		"the change first":               {late, held, waits},
		"both changes first":             {late, waits, held},
		"in the second of the hold":      {held, lateInTheSecond, waits},
		"in that second, changes first":  {lateInTheSecond, waits, held},
		"in that second, in the middle":  {lateInTheSecond, held, waits},
		"nobody tells of the hold again": {held, late},
	} {
		b := NewBook(nil)
		b.Stock(figure("MUG", 1, map[string]string{"1": "10"}), 1)
		b.Desired(asked("B"), 1)
		b.Outcome(ledger(1, 5, 5))
		b.Stock(figure("MUG", 6, map[string]string{"1": "7"}), 2)
		b.Desired(asked("A"), 2)
		for _, step := range steps {
			step(b)
		}
		b.Stock(figure("MUG", 11, map[string]string{"1": "10"}), 3)
		t.Log(name)
		promised(t, b, shop, "MUG", "7")
		b.SalesOrder(told("B", 12), at(13))
		b.Stock(figure("MUG", 14, map[string]string{"1": "7"}), 4)
		promised(t, b, shop, "MUG", "7")
	}
}

// What a person has wait for approval again NetSuite commits no more: it counts beside the figure, which gives it back, whether the
// book has let the order go or not. A change of before it was written tells nothing.
func TestOrderThatWaitsAgainCounts(t *testing.T) {
	again := func(second int) event.NetSuiteChangedV1 {
		change := acted("A")
		change.ModifiedAt = at(second)
		return change
	}
	for let, figured := range map[string]int{"it go": 7, "nothing go": 4} {
		b := NewBook(nil)
		b.Stock(figure("MUG", 1, map[string]string{"1": "10"}), 1)
		b.Desired(asked("B"), 1)
		outcome := keeps("1", event.OutcomeSynced, 1, 5, threeMugs, 5)
		b.Outcome(outcome)
		b.Stock(figure("MUG", figured, map[string]string{"1": "7"}), 2)
		take := func(change event.NetSuiteChangedV1, second int) []string {
			if b.Knows("ns", "de", "1") {
				return b.SalesOrder(change, at(second))
			}
			return b.Again(change, at(second), asked("B"), 1, &outcome)
		}
		if touched := take(again(4), 8); len(touched) != 0 {
			t.Errorf("the book let %s: what was before touches %v", let, touched)
		}
		if let == "it go" {
			promised(t, b, shop, "MUG", "7")
		}
		if touched := take(again(8), 9); !slices.Equal(touched, []string{"MUG"}) {
			t.Errorf("the book let %s: %v is touched, want mugs", let, touched)
		}
		b.Stock(figure("MUG", 10, map[string]string{"1": "10"}), 3)
		promised(t, b, shop, "MUG", "7")
	}
}

// What waits for approval and is cancelled or closed in NetSuite was never committed there: no figure will ever tell, so it
// is over at once, and stays so when the shop's echo comes. A state that waits no more counts.
func TestOrderThatEndsBeforeApprovalIsOver(t *testing.T) {
	for _, letter := range []string{cancelled, closed} {
		b := NewBook(nil)
		b.Stock(figure("MUG", 1, map[string]string{"1": "10"}), 1)
		b.Desired(asked("A"), 1)
		b.Outcome(keeps("1", event.OutcomeSynced, 1, 5, threeMugs, -1))
		promised(t, b, shop, "MUG", "7")
		if touched := b.SalesOrder(acted(letter), at(8)); !slices.Equal(touched, []string{"MUG"}) {
			t.Errorf("%s touches %v, want mugs", letter, touched)
		}
		promised(t, b, shop, "MUG", "10")
		b.Tidy("ns")
		if touched := b.Desired(asked("A"), 2); !slices.Equal(touched, []string{"MUG"}) { // the shop has put them back by itself
			t.Errorf("the echo of %s touches %v, want mugs", letter, touched)
		}
		b.Outcome(keeps("1", event.OutcomeVerified, 2, 9, threeMugs, -1))
		promised(t, b, shop, "MUG", "10")
		b.Desired(asked("B"), 3)
		promised(t, b, shop, "MUG", "7")
	}
}

// A change that overtakes its order's outcome counts when that comes; one that opens the order again counts it again.
func TestOrderThatEndsBeforeItsOutcome(t *testing.T) {
	b := NewBook(nil)
	b.Stock(figure("MUG", 1, map[string]string{"1": "10"}), 1)
	b.Desired(asked("A"), 1)
	b.SalesOrder(acted("H"), at(8))
	promised(t, b, shop, "MUG", "10")
	b.SalesOrder(acted("A"), at(9))
	promised(t, b, shop, "MUG", "7")
	b.SalesOrder(acted("H"), at(10))
	b.Outcome(keeps("1", event.OutcomeSynced, 1, 11, threeMugs, -1))
	promised(t, b, shop, "MUG", "10")
	b.SalesOrder(acted("B"), at(12))
	promised(t, b, shop, "MUG", "7")
}

// What NetSuite committed before it closed the order is in its figures: they tell when it is free.
func TestOrderThatIsClosedAfterApprovalWaitsForAFigure(t *testing.T) {
	b := NewBook(nil)
	b.Stock(figure("MUG", 1, map[string]string{"1": "10"}), 1)
	b.Desired(wanted("de", "1", threeMugs), 1)
	b.Outcome(keeps("1", event.OutcomeSynced, 1, 5, threeMugs, 5))
	b.SalesOrder(acted("H"), at(8))
	promised(t, b, shop, "MUG", "7") // two may have left
	b.Stock(figure("MUG", 9, map[string]string{"1": "8"}), 2)
	promised(t, b, shop, "MUG", "8")
}

// The book keeps what is on its way, not history; what NetSuite keeps no stock of holds nothing up.
func TestBookForgetsWhatNetSuiteCounts(t *testing.T) {
	b := NewBook(nil)
	for n := range 1000 {
		id, sequence := fmt.Sprint(n), uint64(n+1)
		b.Desired(wanted("de", id, map[string]int64{"MUG": 1, "GIFT-WRAP": 1}), sequence)
		b.Outcome(keeps(id, event.OutcomeSynced, sequence, 5, map[string]int64{"MUG": 1, "GIFT-WRAP": 1}, 5))
	}
	b.Stock(figure("MUG", 100, map[string]string{"1": "7"}), 1)
	if n := len(b.accounts["ns"].sold["MUG"]); n != 0 {
		t.Errorf("%d orders of an item are looked at though its figure contains them", n)
	}
	b.Stock(figure("CUP", 3700, map[string]string{"1": "7"}), 2) // an hour later nothing is known of gift wrap
	b.Tidy("ns")
	b.Outcome(keeps("7", event.OutcomeVerified, 8, 200, map[string]int64{"MUG": 1}, 5))
	if a := b.accounts["ns"]; len(a.orders) != 0 || len(a.sold["MUG"]) != 0 {
		t.Errorf("%d orders and %d of an item are kept, want none", len(a.orders), len(a.sold["MUG"]))
	}
	if b.Knows("ns", "de", "7") {
		t.Error("the book knows an order that it let go")
	}
	b.Outcome(keeps("9999", event.OutcomeSynced, 2000, 300, map[string]int64{"MUG": 1}, 300)) // its state comes later
	b.Desired(wanted("de", "9999", map[string]int64{"MUG": 1}), 2000)
	promised(t, b, shop, "MUG", "6")
}

// A poll tells a figure with the time at which it was read: it contains what was written before.
func TestPolledFigureContainsTheOrder(t *testing.T) {
	b := NewBook(nil)
	b.Stock(figure("MUG", 1, map[string]string{"1": "10"}), 1)
	b.Desired(wanted("de", "1", threeMugs), 1)
	b.Outcome(keeps("1", event.OutcomeSynced, 1, 6, threeMugs, 5))
	polled := figure("MUG", 20, map[string]string{"1": "7"})
	polled.ModifiedAt = at(5).Add(-time.Second)
	b.Stock(polled, 2)
	promised(t, b, shop, "MUG", "7")
}

// An order that waits for approval and is deleted in NetSuite takes nothing any more; one that the shop released counts.
func TestOrderThatIsDeletedBeforeApprovalIsOver(t *testing.T) {
	for status, want := range map[string]string{"A": "10", "B": "7"} {
		b := NewBook(nil)
		b.Stock(figure("MUG", 1, map[string]string{"1": "10"}), 1)
		b.Desired(asked(status), 1)
		b.Outcome(keeps("1", event.OutcomeSynced, 1, 5, threeMugs, -1))
		gone := acted("A")
		gone.Deleted = true
		b.SalesOrder(gone, at(8))
		promised(t, b, shop, "MUG", want)
	}
}

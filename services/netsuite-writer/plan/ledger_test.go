package plan

import (
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// A line that NetSuite holds with another amount or quantity is named, though the sum of all lines be right.
func TestLineDiffers(t *testing.T) {
	two := money.Int(2)
	want := []event.OrderLine{{Key: "line-5", Quantity: &two, Amount: money.MustParse("10.00")}, {Key: "line-6", Amount: money.MustParse("4.00")}}
	have := func(first, second string, quantity int64) []Line {
		return []Line{{Amount: money.MustParse(first), Quantity: money.Int(quantity)}, {Amount: money.MustParse(second)}}
	}
	for said, lines := range map[string][]Line{
		"":                               have("10.00", "4.00", 2),
		"line-5: amount 9.00, not 10.00": have("9.00", "5.00", 2),
		"line-5: quantity 3, not 2":      have("10.00", "4.00", 3),
	} {
		if got := LineDiffers(want, lines); got != said {
			t.Errorf("%q, want %q", got, said)
		}
	}
}

// A refund that a credit memo paid takes nothing from the deposits: the next one finds them whole, and the balance too.
func TestRefundsOutsideTheDeposits(t *testing.T) {
	zero := money.Zero
	deposits := []event.LedgerMoney{{RecordID: event.RecordID{ID: "1"}, Amount: money.MustParse("10.00")}}
	paid := event.LedgerMoney{Amount: money.MustParse("10.00"), FromDeposits: &zero}
	if parts, err := Allot(deposits, []event.LedgerMoney{paid}, money.MustParse("10.00")); err != nil || len(parts) != 1 {
		t.Errorf("%v, %v, want the whole deposit", parts, err)
	}
	l := event.Ledger{SalesOrder: &event.LedgerOrder{Total: money.MustParse("12.00")}, Deposits: deposits, Refunds: []event.LedgerMoney{paid}}
	if got := Balance(event.DesiredOrderV1{}, l); !got.Equal(money.MustParse("2.00")) {
		t.Errorf("balance %s, want 2.00", got)
	}
	paid.FromDeposits = nil
	if _, err := Allot(deposits, []event.LedgerMoney{paid}, money.MustParse("10.00")); err == nil {
		t.Error("a deposit was given back twice")
	}
}

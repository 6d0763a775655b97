package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// returned is what one refund gave back: pieces, money and tax of a line; no piece: money alone.
func returned(key string, pieces int64, amount, tax string) event.CreditLine {
	return event.CreditLine{Key: key, Quantity: money.Int(pieces), Amount: money.MustParse(amount), Tax: money.MustParse(tax)}
}

// refundedOrder is three tees of 10.00 with 1.00 tax each, two hats of 5.00 with 0.50 each, and 4.00 for shipping, less what
// refunds gave back; lines are those that the shop's state asks for.
func refundedOrder(total string, lines []event.OrderLine, refunds ...event.CustomerRefund) event.DesiredOrderV1 {
	d := event.DesiredOrderV1{Policy: policy(event.ActionCreate, event.ActionApply, event.ActionKeep), Refunds: refunds}
	d.SalesOrder = event.SalesOrder{Currency: "USD", TaxMode: event.TaxOverride, Lines: lines}
	d.Expected.Total, d.Expected.Net = money.MustParse(total), money.MustParse(total)
	for i := range lines {
		if lines[i].Quantity != nil {
			lines[i].TaxReference = lines[i].Key
			d.SalesOrder.TaxDetails = append(d.SalesOrder.TaxDetails, event.TaxDetail{Reference: lines[i].Key, Rate: money.Int(10), Basis: lines[i].Amount, Amount: money.AmountOf(lines[i].Amount.Per(money.Int(10), 2).Decimal())})
		}
	}
	return d
}

func shut(line event.OrderLine, amount string) event.OrderLine {
	line.Closed, line.Amount = true, money.MustParse(amount)
	return line
}

func of(lines ...event.CreditLine) event.CustomerRefund { return event.CustomerRefund{Lines: lines} }

func TestGoodsBack(t *testing.T) {
	known := []event.LedgerLine{{Key: "line-1", Line: "1"}, {Key: "line-1-discount", Line: "2"}, {Key: "line-2", Line: "4"}}
	tees, hats := ordered("line-1", teeRef, 3, "30"), ordered("line-2", hatRef, 2, "10")
	tee := func(fulfilled, billed int64) Line { return stands("1", "11", "", 3, fulfilled, billed, "30") }
	shipped := stands("4", "12", "", 2, 2, 0, "10")
	service := tee(0, 3)
	service.Kind = "Service"
	shipping := event.CustomerRefund{Shipping: money.MustParse("4")}
	deleted := of(returned("line-1", 3, "30", "3"))
	deleted.Deleted = true
	for name, c := range map[string]struct {
		want  event.DesiredOrderV1
		now   []Line
		total string // NetSuite's
		goes  string // lines, and those of the order with their total and tax
		open  string
	}{
		"all of a line": {refundedOrder("15", []event.OrderLine{shut(tees, "0"), hats}, of(returned("line-1", 3, "30", "3"))), []Line{tee(0, 0), shipped}, "48",
			"[line-1]: 3 × 0.00 closed, 2 × 10.00; 15.00, tax 0.00 1.00", ""},
		"a piece": {refundedOrder("37", []event.OrderLine{ordered("line-1", teeRef, 2, "20"), hats}, of(returned("line-1", 1, "10", "1"))), []Line{tee(2, 0), shipped}, "48",
			"[line-1]: 2 × 20.00, 2 × 10.00; 37.00, tax 2.00 1.00", ""},
		"more than is left": {refundedOrder("15", []event.OrderLine{shut(tees, "0"), hats}, of(returned("line-1", 3, "30", "3"))), []Line{tee(2, 0), shipped}, "48",
			"[line-1]: 2 × 20.00, 2 × 10.00; 37.00, tax 2.00 1.00", ""},
		"a return beside it": {refundedOrder("31.50", []event.OrderLine{ordered("line-1", teeRef, 2, "20"), ordered("line-2", hatRef, 1, "5")}, of(returned("line-1", 1, "10", "1"), returned("line-2", 1, "5", "0.50"))), []Line{tee(0, 0), shipped}, "48",
			"[line-1] line-2 stays: 2 × 20.00, 1 × 5.00; 37.00, tax 2.00 1.00", ""},
		"with the shipping of an earlier one": {refundedOrder("33", []event.OrderLine{ordered("line-1", teeRef, 2, "20"), hats}, shipping, of(returned("line-1", 1, "10", "1"))), []Line{tee(0, 0), shipped}, "48",
			"[line-1]: 2 × 20.00, 2 × 10.00; 33.00, tax 2.00 1.00", ""},
		"shipped":             {refundedOrder("37", []event.OrderLine{ordered("line-1", teeRef, 2, "20"), hats}, of(returned("line-1", 1, "10", "1"))), []Line{tee(3, 0), shipped}, "48", "none", ""},
		"shown":               {refundedOrder("15", []event.OrderLine{shut(tees, "0"), hats}, of(returned("line-1", 3, "30", "3"))), []Line{closed(stands("1", "11", "", 3, 0, 0, "0")), shipped}, "15", "none", ""},
		"money alone":         {refundedOrder("48", []event.OrderLine{tees, hats}, of(returned("line-1", 0, "10", "1"))), []Line{tee(0, 0), shipped}, "48", "none", ""},
		"deleted":             {refundedOrder("48", []event.OrderLine{tees, hats}, deleted), []Line{tee(0, 0), shipped}, "48", "none", ""},
		"deleted, and edited": {refundedOrder("37", []event.OrderLine{ordered("line-1", teeRef, 2, "20"), hats}, deleted), []Line{tee(0, 0), shipped}, "48", "none", ""},
		"closed by a person": {refundedOrder("15", []event.OrderLine{shut(tees, "0"), hats}, of(returned("line-1", 3, "30", "3"))), []Line{closed(tee(0, 0)), shipped}, "48",
			"none", ""},
		"billed": {refundedOrder("15", []event.OrderLine{shut(tees, "0"), hats}, of(returned("line-1", 3, "30", "3"))), []Line{tee(1, 3), shipped}, "48",
			"none", "line-1: 2 of it, because 3 are billed"},
		"billed in part": {refundedOrder("15", []event.OrderLine{shut(tees, "0"), hats}, of(returned("line-1", 3, "30", "3"))), []Line{tee(0, 1), shipped}, "48",
			"[line-1]: 1 × 10.00, 2 × 10.00; 26.00, tax 1.00 1.00", "line-1: 1 of it, because 1 are billed"},
		"its discount cannot be parted": {refundedOrder("15", []event.OrderLine{shut(tees, "0"), hats}, of(returned("line-1", 3, "27", "3"))), []Line{tee(2, 0), stands("2", "13", "", 0, 0, 0, "-3"), shipped}, "45",
			"none", "line-1: 1 of it, because its discount cannot be parted"},
		"a shipped line's discount stays": {refundedOrder("5", []event.OrderLine{shut(tees, "0"), ordered("line-2", hatRef, 1, "5")}, of(returned("line-1", 3, "27", "3"), returned("line-2", 1, "5", "0.50"))), []Line{tee(3, 0), stands("2", "13", "", 0, 0, 0, "-3"), stands("4", "12", "", 2, 0, 0, "10")}, "40.50",
			"[line-2] line-1 stays: 3 × 0.00 closed, 1 × 5.00; 35.00, tax 3.00 0.50", ""},
		"billed work": {refundedOrder("15", []event.OrderLine{shut(tees, "0"), hats}, of(returned("line-1", 3, "30", "3"))), []Line{service, shipped}, "48", "none", ""},
		"another total": {refundedOrder("36", []event.OrderLine{ordered("line-1", teeRef, 2, "20"), hats}, of(returned("line-1", 1, "10", "1"))), []Line{tee(0, 0), shipped}, "48",
			"none", "line-1: the sales order's total 48.00 differs from the shop's 36.00 by more than was given back"},
	} {
		f := Facts{Ledger: event.Ledger{SalesOrder: &event.LedgerOrder{Lines: known, Total: money.MustParse(c.total)}}, Status: "D", Lines: c.now, Total: money.MustParse(c.total)}
		decision, err := Decide(c.want, f)
		if err != nil {
			t.Fatal(err)
		}
		goes, open := toldGoods(decision)
		if goes != c.goes || open != c.open {
			t.Errorf("%s: %s, open %q; want %s, %q", name, goes, open, c.goes, c.open)
		}
		f.Hold = true
		if held, _ := Decide(c.want, f); (held.Outcome == event.OutcomeHeld) != (decision.Do == Alter) || held.Do == Alter {
			t.Errorf("%s: on hold %+v", name, held)
		}
	}
}

// toldGoods writes what a decision changes.
func toldGoods(d Decision) (goes, open string) {
	if d.Goods == nil {
		return "none", ""
	}
	open = strings.Join(d.Goods.Open, "; ")
	if d.Do != Alter {
		return "none", open
	}
	goes = fmt.Sprint(d.Goods.Lines)
	if len(d.Goods.Stay) > 0 {
		goes += " " + d.Goods.Stay[0] + " stays"
	}
	var lines []string
	for _, l := range d.Goods.Order.SalesOrder.Lines {
		line := l.Quantity.String() + " × " + l.Amount.String()
		if l.Closed {
			line += " closed"
		}
		lines = append(lines, line)
	}
	goes += ": " + strings.Join(lines, ", ") + "; " + d.Goods.Order.Expected.Total.String() + ", tax"
	for _, row := range d.Goods.Order.SalesOrder.TaxDetails {
		goes += " " + row.Amount.String()
	}
	return goes, open
}

// Where a refund's money is booked elsewhere, what it gave back counts all the same.
func TestGoodsBackWhoseMoneyIsElsewhere(t *testing.T) {
	tees, hats := ordered("line-1", teeRef, 2, "20"), ordered("line-2", hatRef, 2, "10")
	d := refundedOrder("33", []event.OrderLine{tees, hats})
	d.GivenBack = []event.GivenBack{{Refund: "70", Shipping: money.MustParse("4")}, {Refund: "71", Lines: []event.CreditLine{returned("line-1", 1, "10", "1")}}}
	known := []event.LedgerLine{{Key: "line-1", Line: "1"}, {Key: "line-2", Line: "4"}}
	for name, c := range map[string]struct {
		billed     int64
		goes, open string
	}{
		"not shipped": {0, "[line-1]: 2 × 20.00, 2 × 10.00; 33.00, tax 2.00 1.00", ""},
		"billed":      {3, "none", "line-1: 1 of it, because 3 are billed"},
	} {
		f := Facts{Ledger: event.Ledger{SalesOrder: &event.LedgerOrder{Lines: known, Total: money.MustParse("48")}}, Status: "D", Total: money.MustParse("48")}
		f.Lines = []Line{stands("1", "11", "", 3, 0, c.billed, "30"), stands("4", "12", "", 2, 2, 0, "10")}
		decision, err := Decide(d, f)
		if err != nil {
			t.Fatal(err)
		}
		if goes, open := toldGoods(decision); goes != c.goes || open != c.open {
			t.Errorf("%s: %s, open %q; want %s, %q", name, goes, open, c.goes, c.open)
		}
		if lacking := Lacking(d, f.Ledger); !lacking.Empty() {
			t.Errorf("%s: lacking %+v, want no money", name, lacking)
		}
	}
}

// A write whose record a crash took is entered: NetSuite shows it, the ledger does not.
func TestGoodsBackThatTheLedgerDoesNotKnow(t *testing.T) {
	d := refundedOrder("22", []event.OrderLine{ordered("line-1", teeRef, 2, "20")}, of(returned("line-1", 1, "10", "1")))
	f := Facts{Status: "D", Lines: []Line{stands("1", "11", "", 2, 1, 0, "20")}, Total: money.MustParse("22")}
	for total, want := range map[string]Do{"33": Alter, "22": Record} {
		f.Ledger.SalesOrder = &event.LedgerOrder{Lines: []event.LedgerLine{{Key: "line-1", Line: "1"}}, Total: money.MustParse(total)}
		if got, err := Decide(d, f); got.Do != want || err != nil {
			t.Errorf("the ledger knows %s: %+v, %v", total, got, err)
		}
	}
	f.Total = money.MustParse("22.01")
	if got, err := Decide(d, f); got.Do != Record || err != nil {
		t.Errorf("another total than the shop's: %+v, %v", got, err)
	}
}

// Only the lines that were given back change; what else differs is asked.
func TestGoodsAllow(t *testing.T) {
	for name, c := range map[string]struct {
		goods  *Goods
		change Change
		open   string
	}{
		"no goods":              {nil, Change{Of: []string{"line-2"}}, ""},
		"the line, its own":     {&Goods{Lines: []string{"line-1"}}, Change{Of: []string{"line-1", "line-1-discount", "tax-1", "shipping"}}, ""},
		"another line":          {&Goods{Lines: []string{"line-1"}}, Change{Of: []string{"line-1", "line-2"}}, "line-1: line-2 differs, too, and was not given back"},
		"a line that cannot be": {&Goods{Lines: []string{"line-1"}}, Change{Why: []string{"line-2: because"}}, "line-1: line-2: because"},
		"every edit":            {&Goods{all: true}, Change{Of: []string{"line-2"}, Why: []string{"line-3: because"}}, ""},
	} {
		allows := c.goods.Allows(c.change)
		open := ""
		if c.goods != nil {
			open = strings.Join(c.goods.Open, "; ")
		}
		if allows != (c.open == "") || open != c.open {
			t.Errorf("%s: %v, open %q, want %q", name, allows, open, c.open)
		}
	}
}

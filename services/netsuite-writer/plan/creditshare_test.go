package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// told writes a share as "externalId of bill: amount of lines".
func told(s Shares) (list []string) {
	for _, c := range s.Credits {
		var keys []string
		for _, l := range c.lines {
			keys = append(keys, l.Key)
		}
		list = append(list, fmt.Sprintf("%s %s of %s: %s of %s", c.Record(), c.ExternalID(), c.Bill.ID, c.Refund.Amount, strings.Join(keys, "+")))
	}
	if !s.Unbilled.IsZero() {
		list = append(list, "deposits: "+s.Unbilled.String())
	}
	return list
}

// holding are lines of a bill with more than any refund gives back, by their numbers in the order and on the bill.
func holding(lines map[string]string) map[string]BilledLine {
	held := map[string]BilledLine{}
	for number, line := range lines {
		held[number] = BilledLine{Line: line, Quantity: money.Int(9), Amount: money.MustParse("900")}
	}
	return held
}

// Lines 1 and 4 are on an invoice, 2 on another, 3 on a cash sale; nobody has billed line 5. Each piece is 4.00 and 0.30 of tax.
func TestSharesOf(t *testing.T) {
	var order []event.LedgerLine
	for n := range 5 {
		order = append(order, event.LedgerLine{Key: fmt.Sprint("line-", n+1), Line: fmt.Sprint(n + 1)})
	}
	bills := []Billed{
		{ID: "20", Record: "invoice", Lines: holding(map[string]string{"1": "1", "4": "2"})}, {ID: "21", Record: "invoice", Lines: holding(map[string]string{"2": "1"})},
		{ID: "22", Record: "cashSale", Lines: holding(map[string]string{"3": "1"})},
	}
	for name, c := range map[string]struct {
		amount, shipping string
		lines            string // numbers of lines
		bills            []Billed
		want             []string
	}{
		"one bill holds all":                  {"9.00", "0", "14", bills, []string{"creditMemo wc-cm-main-36-9 of 20: 9.00 of line-1+line-4"}},
		"a cash sale holds all":               {"4.30", "0", "3", bills, []string{"cashRefund wc-cr-main-36-9 of 22: 4.30 of line-3"}},
		"an amount alone":                     {"3.00", "0", "", bills, []string{"creditMemo wc-cm-main-36-9 of 20: 3.00 of "}},
		"nobody has billed it":                {"4.30", "0", "5", bills, []string{"deposits: 4.30"}},
		"two invoices":                        {"8.60", "0", "21", bills, []string{"creditMemo wc-cm-main-36-9 of 20: 4.30 of line-1", "creditMemo wc-cm-main-36-9-2 of 21: 4.30 of line-2"}},
		"shipping and more go with the first": {"11.60", "2.00", "12", bills, []string{"creditMemo wc-cm-main-36-9 of 20: 7.30 of line-1", "creditMemo wc-cm-main-36-9-2 of 21: 4.30 of line-2"}},
		"the first that is touched":           {"9.60", "0", "23", bills, []string{"creditMemo wc-cm-main-36-9 of 21: 5.30 of line-2", "cashRefund wc-cr-main-36-9-2 of 22: 4.30 of line-3"}},
		"billed and not billed":               {"8.60", "0", "15", bills, []string{"creditMemo wc-cm-main-36-9 of 20: 4.30 of line-1", "deposits: 4.30"}},
		"a cash sale, and not billed":         {"8.60", "0", "35", bills, []string{"cashRefund wc-cr-main-36-9-1 of 22: 4.30 of line-3", "deposits: 4.30"}},
		"shipping beside what nobody billed":  {"6.30", "2.00", "5", bills, []string{"creditMemo wc-cm-main-36-9 of 20: 2.00 of ", "deposits: 4.30"}},
		"all of it": {"21.50", "0", "54321", bills, []string{
			"creditMemo wc-cm-main-36-9 of 20: 8.60 of line-4+line-1", "creditMemo wc-cm-main-36-9-2 of 21: 4.30 of line-2", "cashRefund wc-cr-main-36-9-3 of 22: 4.30 of line-3", "deposits: 4.30",
		}},
		"a line that the order has none":       {"8.60", "0", "19", bills, nil},
		"no bill for what no line covers":      {"5.30", "0", "5", nil, nil},
		"less than the lines of another bill":  {"4.20", "0", "12", bills, nil},
		"less than what nobody has billed yet": {"4.20", "0", "5", bills, nil},
	} {
		item := event.Ref{Record: "item", By: "name", Key: "WOO-REFUND"}
		r := event.CustomerRefund{ExternalID: "wc-cr-main-36-9", Refund: "9", Amount: money.MustParse(c.amount), Shipping: money.MustParse(c.shipping), Item: &item}
		for _, n := range c.lines {
			r.Lines = append(r.Lines, event.CreditLine{Key: "line-" + string(n), Quantity: money.Int(1), Amount: money.MustParse("4"), Tax: money.MustParse("0.30")})
		}
		d := event.DesiredOrderV1{SalesOrder: event.SalesOrder{Currency: "USD", TaxMode: event.TaxOverride}}
		for _, l := range order {
			row := event.TaxDetail{Reference: l.Key, Rate: money.MustParseNumber("7.5")}
			d.SalesOrder.Lines, d.SalesOrder.TaxDetails = append(d.SalesOrder.Lines, event.OrderLine{Key: l.Key, TaxReference: l.Key}), append(d.SalesOrder.TaxDetails, row)
		}
		got, err := SharesOf(r, d, order, c.bills)
		if diff := cmp.Diff(c.want, told(got)); diff != "" || (c.want == nil) != (fault.CodeOf(err) == fault.RefundUncovered) {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// Before anything of a shared refund is made, all of it must be known to be possible.
func TestSharesAreRefusedTogether(t *testing.T) {
	order := []event.LedgerLine{{Key: "line-1", Line: "1"}, {Key: "line-2", Line: "2"}}
	bills := []Billed{{ID: "20", Record: "invoice", Lines: holding(map[string]string{"1": "1"})}, {ID: "21", Record: "invoice", Lines: holding(map[string]string{"2": "1"})}}
	refund := func(amount, tax string) event.CustomerRefund {
		line := event.CreditLine{Key: "line-1", Quantity: money.Int(1), Amount: money.MustParse("4")}
		taxed := event.CreditLine{Key: "line-2", Quantity: money.Int(1), Amount: money.MustParse("4"), Tax: money.MustParse(tax)}
		return event.CustomerRefund{ExternalID: "wc-cr-main-36-9", Amount: money.MustParse(amount), Lines: []event.CreditLine{line, taxed}}
	}
	for name, c := range map[string]struct {
		refund event.CustomerRefund
		mode   event.TaxMode
	}{
		"no item for what no line covers":    {refund("9.00", "0"), event.TaxOverride},
		"tax that the order does not bear":   {refund("8.30", "0.30"), event.TaxOverride},
		"tax on a line, and no item for it":  {refund("8.30", "0.30"), event.TaxLines},
		"NetSuite computes the tax":          {refund("8.00", "0"), event.TaxCodes},
		"NetSuite's engine computes the tax": {refund("8.00", "0"), event.TaxEngine},
	} {
		got, err := SharesOf(c.refund, event.DesiredOrderV1{SalesOrder: event.SalesOrder{Currency: "USD", TaxMode: c.mode}}, order, bills)
		if fault.CodeOf(err) != fault.RefundUncovered || len(got.Credits) > 0 {
			t.Errorf("%s: %v, %v; want the question alone", name, told(got), err)
		}
	}
}

// creditBody is what a credit's body says of money.
type creditBody struct {
	Item struct {
		Items []struct{ Amount codec.Number } `json:"items"`
	} `json:"item"`
	ShippingCost codec.Number `json:"shippingCost"`
	TaxDetails   struct {
		Items []struct {
			TaxAmount codec.Number `json:"taxAmount"`
		} `json:"items"`
	} `json:"taxDetails"`
}

func (b creditBody) total() money.Amount {
	sum := money.MustParse(string(b.ShippingCost))
	for _, l := range b.Item.Items {
		sum = sum.Add(money.MustParse(string(l.Amount)))
	}
	for _, l := range b.TaxDetails.Items {
		sum = sum.Add(money.MustParse(string(l.TaxAmount)))
	}
	return sum
}

// cents draws an amount, nothing included.
func cents(t *rapid.T, what string) money.Amount {
	return money.MustParse(fmt.Sprintf("%d.%02d", rapid.IntRange(0, 60).Draw(t, what), rapid.IntRange(0, 99).Draw(t, what+" cents")))
}

// generated is a refund of some lines of an order, some of which lie on bills, with shipping and money that no line covers.
type generated struct {
	refund event.CustomerRefund
	order  event.DesiredOrderV1
	lines  []event.LedgerLine
	bills  []Billed
}

func generate(t *rapid.T) generated {
	item := event.Ref{Record: "item", By: "name", Key: "WOO-REFUND"}
	g := generated{
		refund: event.CustomerRefund{ExternalID: "wc-cr-main-36-9", Refund: "9", Item: &item, Shipping: cents(t, "shipping"), ShippingTax: cents(t, "tax of shipping")},
		order:  event.DesiredOrderV1{SalesOrder: event.SalesOrder{Currency: "USD", TaxMode: rapid.SampledFrom([]event.TaxMode{event.TaxOverride, event.TaxLines}).Draw(t, "tax")}},
	}
	for n := range rapid.IntRange(1, 4).Draw(t, "bills") {
		record := rapid.SampledFrom([]string{"invoice", "cashSale"}).Draw(t, "record")
		g.bills = append(g.bills, Billed{ID: fmt.Sprint(20 + n), Record: record, Open: cents(t, "open"), Lines: map[string]BilledLine{}})
	}
	amounts := []money.Amount{cents(t, "beside the lines"), g.refund.Shipping, g.refund.ShippingTax}
	g.rates(shippingReference)
	for n := range rapid.IntRange(1, 6).Draw(t, "lines") {
		key, number := fmt.Sprint("line-", n), fmt.Sprint(n+1)
		g.lines = append(g.lines, event.LedgerLine{Key: key, Line: number})
		g.order.SalesOrder.Lines = append(g.order.SalesOrder.Lines, event.OrderLine{Key: key, TaxReference: key})
		g.rates(key)
		for _, bill := range g.bills {
			if rapid.IntRange(0, 2).Draw(t, "billed") == 0 {
				bill.Lines[number] = BilledLine{Line: number, Quantity: money.Int(rapid.Int64Range(0, 3).Draw(t, "pieces billed")), Amount: money.MustParse("70")}
			}
		}
		l := event.CreditLine{Key: key, Quantity: money.Int(rapid.Int64Range(0, 3).Draw(t, "pieces")), Amount: cents(t, "amount"), Tax: cents(t, "tax of the line")}
		g.refund.Lines, amounts = append(g.refund.Lines, l), append(amounts, l.Amount, l.Tax)
	}
	g.refund.Amount = money.Sum(amounts...)
	return g
}

// rates gives a line of the order two rates of tax.
func (g *generated) rates(reference string) {
	for _, rate := range []string{"6", "2.25"} {
		g.order.SalesOrder.TaxDetails = append(g.order.SalesOrder.TaxDetails, event.TaxDetail{Reference: reference, TaxCode: event.Ref{Key: rate}, Rate: money.MustParseNumber(rate), Amount: money.MustParse(rate + "0")})
	}
}

// Invariant 5: what is credited of every bill and what the deposits give back are the refund to the cent, by the bodies that
// are sent, and no two documents share a name. No piece goes back that a bill does not hold, and none twice.
func TestSharesSumToTheRefund(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := generate(t)
		shares, err := SharesOf(g.refund, g.order, g.lines, g.bills)
		if err != nil {
			t.Fatal(err)
		}
		sum, back, names := shares.Unbilled, map[string]money.Number{}, map[string]bool{g.refund.ExternalID: len(shares.Credits) > 1}
		for _, c := range shares.Credits {
			raw, err := c.Body(c.ExternalID(), IDs{})
			if err != nil {
				t.Fatal(err)
			}
			body, err := codec.Decode[creditBody](raw)
			if err != nil || !body.total().Equal(c.Refund.Amount) {
				t.Errorf("%s is of %s, its body of %s: %v", c.ExternalID(), c.Refund.Amount, body.total(), err)
			}
			if names[c.ExternalID()] {
				t.Errorf("two documents are %s", c.ExternalID())
			}
			sum, names[c.ExternalID()] = sum.Add(body.total()), true
			for _, l := range c.lines {
				held := c.Bill.Lines[numberOf(g.lines, l.Key)]
				if back[l.Key] = back[l.Key].Add(l.Quantity); l.line != held.Line || l.line == "" || l.Quantity.Cmp(held.Quantity) > 0 {
					t.Errorf("%s pieces of %s stand on bill %s, which holds %s", l.Quantity, l.Key, c.Bill.ID, held.Quantity)
				}
			}
		}
		for _, l := range g.refund.Lines {
			billed := money.Int(0)
			for _, held := range holders(g.bills, numberOf(g.lines, l.Key)) {
				billed = billed.Add(held.Quantity)
			}
			if want := fewest(l.Quantity, billed); !back[l.Key].Equal(want) {
				t.Errorf("%s pieces of %s go back, want %s", back[l.Key], l.Key, want)
			}
		}
		if !sum.Equal(g.refund.Amount) {
			t.Errorf("%s of %s go back", sum, g.refund.Amount)
		}
	})
}

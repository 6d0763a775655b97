package plan

import (
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// creditOf is the credit of a refund that goes to one bill.
func creditOf(r event.CustomerRefund, d event.DesiredOrderV1, order []event.LedgerLine, bills []Billed) (Credited, error) {
	s, err := SharesOf(r, d, order, bills)
	if err != nil || !s.Whole() {
		return Credited{}, err
	}
	return s.Credits[0], nil
}

func TestCreditOf(t *testing.T) {
	order := []event.LedgerLine{{Key: "line-1", Line: "1"}, {Key: "line-2", Line: "3"}}
	bills := []Billed{{ID: "20", Record: "invoice", Lines: holding(map[string]string{"1": "1"})}, {ID: "21", Record: "invoice", Lines: holding(map[string]string{"1": "1", "3": "2"})}}
	line := func(key, quantity string) event.CreditLine {
		return event.CreditLine{Key: key, Quantity: money.MustParseNumber(quantity), Amount: money.MustParse("4"), Tax: money.MustParse("0.30")}
	}
	for name, c := range map[string]struct {
		lines []event.CreditLine
		bill  string // "": refused
		rest  string
	}{
		"the first bill that holds the line": {[]event.CreditLine{line("line-1", "1")}, "20", "5.70"},
		"one that holds all":                 {[]event.CreditLine{line("line-1", "1"), line("line-2", "1")}, "21", "1.40"},
		"an amount alone":                    {nil, "20", "10.00"},
		"money without a piece":              {[]event.CreditLine{line("line-2", "0")}, "20", "10.00"},
		"a line nobody billed":               {[]event.CreditLine{line("line-9", "1")}, "", ""},
	} {
		got, err := creditOf(event.CustomerRefund{Refund: "7", Amount: money.MustParse("10"), Lines: c.lines}, event.DesiredOrderV1{}, order, bills)
		if got.Bill.ID != c.bill || c.bill != "" && got.rest.String() != c.rest || (c.bill == "") != (fault.CodeOf(err) == fault.RefundUncovered) {
			t.Errorf("%s: bill %q, rest %s, %v; want %q, %s", name, got.Bill.ID, got.rest, err, c.bill, c.rest)
		}
	}
}

// The body by hand: one of two pieces, two rates that share its tax, shipping with tax, 1.00 that no line covers; 5.00 of
// the invoice are open.
func TestCreditBody(t *testing.T) {
	item, taxType := event.Ref{Record: "item", By: "name", Key: "WOO-REFUND"}, event.Ref{Record: "taxType", By: "name", Key: "US"}
	state, city := event.Ref{Record: "taxCode", By: "name", Key: "CA"}, event.Ref{Record: "taxCode", By: "name", Key: "SF"}
	row := func(reference string, code event.Ref, rate, amount string) event.TaxDetail {
		return event.TaxDetail{Reference: reference, TaxType: taxType, TaxCode: code, Rate: money.MustParseNumber(rate), Amount: money.MustParse(amount)}
	}
	d := event.DesiredOrderV1{SalesOrder: event.SalesOrder{
		Currency: "USD", TaxMode: event.TaxOverride, Lines: []event.OrderLine{{Key: "line-1", TaxReference: "l1"}},
		TaxDetails: []event.TaxDetail{row("l1", state, "6", "1.20"), row("l1", city, "2", "0.40"), row("SHIPPING", state, "6", "0.30")},
	}}
	r := event.CustomerRefund{
		ExternalID: "wc-cr-main-36-9", Refund: "9", Amount: money.MustParse("15.10"), Fields: map[string]event.Value{"tranDate": text("2026-11-24"), "memo": text("paid back")},
		Lines:    []event.CreditLine{{Key: "line-1", Quantity: money.Int(1), Amount: money.MustParse("10"), Tax: money.MustParse("0.81")}},
		Shipping: money.MustParse("3.10"), ShippingTax: money.MustParse("0.19"), Item: &item,
	}
	bills := []Billed{{ID: "20", Record: "invoice", Open: money.MustParse("5"), Lines: holding(map[string]string{"4": "2"})}}
	c, err := creditOf(r, d, []event.LedgerLine{{Key: "line-1", Line: "4"}}, bills)
	if err != nil {
		t.Fatal(err)
	}
	ids := IDs{item: "303", taxType: "1", state: "2", city: "3"}
	for _, ref := range c.Refs() {
		if ids[ref] == "" {
			t.Errorf("refs name %v, which the body does not need", ref)
		}
	}
	body, err := c.Body(CreditID(r), ids)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"apply":{"items":[{"amount":5.00,"apply":true,"doc":{"id":"20"}}]},"externalId":"wc-cm-main-36-9","item":{"items":[` +
		`{"amount":10.00,"line":2,"price":{"id":"-1"},"quantity":1},{"amount":1.00,"item":{"id":"303"},"price":{"id":"-1"},"quantity":1,"rate":1.00}]},` +
		`"shippingCost":3.10,"taxDetails":{"items":[` +
		`{"taxAmount":0.61,"taxBasis":10.00,"taxCode":{"id":"2"},"taxDetailsReference":"l1","taxRate":6,"taxType":{"id":"1"}},` +
		`{"taxAmount":0.20,"taxBasis":10.00,"taxCode":{"id":"3"},"taxDetailsReference":"l1","taxRate":2,"taxType":{"id":"1"}},` +
		`{"taxAmount":0.19,"taxBasis":3.10,"taxCode":{"id":"2"},"taxDetailsReference":"SHIPPING","taxRate":6,"taxType":{"id":"1"}}]},` +
		`"taxDetailsOverride":true,"tranDate":"2026-11-24"}`
	if string(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	for _, mode := range []event.TaxMode{event.TaxCodes, event.TaxEngine} {
		computed := d
		computed.SalesOrder.TaxMode = mode
		if _, err := creditOf(r, computed, nil, bills); fault.CodeOf(err) != fault.RefundUncovered || !strings.Contains(err.Error(), "computes") {
			t.Errorf("%s: %v", mode, err)
		}
	}
	c.Refund.Item = nil
	if _, err := c.Body("x", ids); fault.CodeOf(err) != fault.RefundUncovered || !strings.Contains(err.Error(), "refunds.item") {
		t.Errorf("without an item: %v", err)
	}
	c.Refund.Lines, c.Order.SalesOrder.TaxDetails = nil, nil
	if _, err := c.Body("x", ids); fault.CodeOf(err) != fault.RefundUncovered {
		t.Errorf("tax that the order does not bear: %v", err)
	}
}

// All of a line went back, and the order bears no tax of it any more: its rates share the tax of the credit. By hand: 6 % and 2 %
// of 10.00.
func TestCreditOfAWholeLine(t *testing.T) {
	row := func(code, rate string) event.TaxDetail {
		return event.TaxDetail{Reference: "line-1", TaxCode: event.Ref{Key: code}, Rate: money.MustParseNumber(rate)}
	}
	c := Credited{Order: event.DesiredOrderV1{SalesOrder: event.SalesOrder{Currency: "USD", TaxDetails: []event.TaxDetail{row("CA", "6"), row("SF", "2")}}}}
	rows, err := c.share("line-1", money.MustParse("10"), money.MustParse("0.80"))
	if err != nil || len(rows) != 2 || rows[0].Amount.String() != "0.60" || rows[1].Amount.String() != "0.20" {
		t.Errorf("%+v, %v", rows, err)
	}
}

// Where the shop's tax stands on lines of the order, no line of goods bears it: it goes back as money that no line covers.
func TestCreditWhereTaxIsALine(t *testing.T) {
	d := event.DesiredOrderV1{SalesOrder: event.SalesOrder{TaxMode: event.TaxLines}}
	r := event.CustomerRefund{
		Amount: money.MustParse("10"), Shipping: money.MustParse("3"), ShippingTax: money.MustParse("0.25"),
		Lines: []event.CreditLine{{Key: "line-1", Quantity: money.Int(1), Amount: money.MustParse("6"), Tax: money.MustParse("0.75")}},
	}
	c, err := creditOf(r, d, []event.LedgerLine{{Key: "line-1", Line: "1"}}, []Billed{{ID: "20", Record: "invoice", Lines: holding(map[string]string{"1": "1"})}})
	if err != nil || c.rest.String() != "1.00" {
		t.Errorf("rest %s, %v; want the tax of 1.00", c.rest, err)
	}
}

func TestUnbilled(t *testing.T) {
	order := []event.LedgerLine{{Key: "line-1", Line: "1"}, {Key: "line-2", Line: "2"}, {Key: "line-3", Line: "3"}}
	bills := []Billed{{Lines: holding(map[string]string{"1": "1"})}, {Lines: holding(map[string]string{"3": "1"})}}
	line := func(key, quantity string) event.CreditLine {
		return event.CreditLine{Key: key, Quantity: money.MustParseNumber(quantity), Amount: money.MustParse("4"), Tax: money.MustParse("1")}
	}
	for name, c := range map[string]struct {
		amount string
		lines  []event.CreditLine
		want   bool
	}{
		"a line that nobody billed":      {"5", []event.CreditLine{line("line-2", "1")}, true},
		"one of them billed":             {"10", []event.CreditLine{line("line-2", "1"), line("line-3", "1")}, false},
		"an amount alone":                {"5", nil, false},
		"money beside the line":          {"6", []event.CreditLine{line("line-2", "1")}, false},
		"money without a piece":          {"5", []event.CreditLine{line("line-2", "0")}, false},
		"a line that the order has none": {"5", []event.CreditLine{line("line-9", "1")}, false},
	} {
		if got := Unbilled(event.CustomerRefund{Amount: money.MustParse(c.amount), Lines: c.lines}, order, bills); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

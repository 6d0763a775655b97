package netsuitesim_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

func advance(c *netsuitesim.Config) {
	c.Switches.BillInAdvance, c.Switches.RefundInAdvance, c.Switches.DefaultReturnStatus = true, true, "B"
}

// figures are some numbers of a record.
func (a *account) figures(kind, id string, names ...string) []string {
	a.t.Helper()
	record := a.get(kind, id)
	var out []string
	for _, name := range names {
		out = append(out, figure(record, name))
	}
	return out
}

// sold is an order: 4 hats at 25 less 10, one charge of 7.50, shipping 6.
func (a *account) sold() string {
	a.t.Helper()
	return a.must("POST", "record/v1/salesOrder", orderBody(`"orderStatus":"B","shippingCost":6`,
		tee+`,"quantity":4,"rate":25,`+own, discount+`,"amount":-10`, `"item":{"id":"301"},"quantity":1,"rate":7.5,`+own))
}

func TestPartialBilling(t *testing.T) {
	a := open(t, advance)
	order := a.sold()
	bill := "record/v1/salesOrder/" + order + "/!transform/invoice"
	cases := []struct {
		name, query, body string
		want              []string // subtotal, total
	}{
		// 3 × 25 - 10, no charge; shipping with the first bill
		{"named lines", "", `{"item":{"items":[{"orderLine":1,"quantity":3},{"line":3,"quantity":0}]}}`, []string{"65", "71"}},
		{"an appended line and only that", "?replace=item", `{"item":{"items":[{"item":{"id":"301"},"quantity":2,"rate":1.25,` + own + `}]}}`, []string{"2.5", "2.5"}},
		{"the rest", "", `{}`, []string{"32.5", "32.5"}}, // 25 + 7.50
	}
	for _, c := range cases {
		id := a.must("POST", bill+c.query, c.body)
		if diff := cmp.Diff(c.want, a.figures("invoice", id, "subtotal", "total")); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		for _, line := range lines(t, a.get("invoice", id), "item") {
			if line["lineUniqueKey"] == nil || line["isClosed"] != nil {
				t.Errorf("%s: line %v", c.name, line)
			}
		}
	}
	if got := a.status("salesOrder", order); got != "B" {
		t.Errorf("billed, not shipped: %s, want B", got)
	}
	if _, detail := a.refused(400, "POST", bill, `{}`); !strings.Contains(detail, "at least one line item") {
		t.Error(detail)
	}
	if _, err := a.sim.Fulfil(netsuitesim.Shipment{Order: order}); err != nil {
		t.Fatal(err)
	}
	if got := a.status("salesOrder", order); got != "G" {
		t.Errorf("billed and shipped: %s, want G", got)
	}
}

func TestRefusedBills(t *testing.T) {
	a := open(t)
	order := a.sold()
	bill := "record/v1/salesOrder/" + order + "/!transform/invoice"
	for name, c := range map[string][2]string{
		"goods that are not shipped": {`{"item":{"items":[{"line":1,"quantity":1}]}}`, "Overbilling"},
		"a line that is not there":   {`{"item":{"items":[{"line":9}]}}`, "orderLine"},
	} {
		if _, detail := a.refused(400, "POST", bill, c[0]); !strings.Contains(detail, c[1]) {
			t.Errorf("%s: %s", name, detail)
		}
	}
	// The charge cannot be shipped: it alone is billed, with the order's shipping.
	id := a.must("POST", bill, `{}`)
	if diff := cmp.Diff([]string{"7.5", "13.5"}, a.figures("invoice", id, "subtotal", "total")); diff != "" {
		t.Error(diff)
	}
	pending := a.must("POST", "record/v1/salesOrder", minimal)
	if _, detail := a.refused(400, "POST", "record/v1/salesOrder/"+pending+"/!transform/cashSale", `{}`); !strings.Contains(detail, "Pending Approval") {
		t.Error(detail)
	}
	a.refused(400, "POST", "record/v1/salesOrder/"+order+"/!transform/creditMemo", `{}`)
	a.refused(400, "POST", "record/v1/salesOrder/"+order+"/!transform/shoe", `{}`)
}

func TestCashSaleAndItsRefund(t *testing.T) {
	a := open(t, advance)
	sale := a.must("POST", "record/v1/salesOrder/"+a.sold()+"/!transform/cashSale", `{"externalId":"cs-1","account":{"id":"1"},"paymentOption":{"id":"3"}}`)
	record := a.get("cashSale", sale)
	if figure(record, "total") != "103.5" || idOf(record, "status") != "C" { // 100 - 10 + 7.50 + 6
		t.Errorf("total %s, status %s", figure(record, "total"), idOf(record, "status"))
	}
	// Two of four hats, their discount, no charge, no shipping.
	refund := a.must("POST", "record/v1/cashSale/"+sale+"/!transform/cashRefund",
		`{"externalId":"csr-1","shippingCost":0,"item":{"items":[{"line":1,"quantity":2},{"line":3,"quantity":0}]}}`)
	if diff := cmp.Diff([]string{"40", "40"}, a.figures("cashRefund", refund, "subtotal", "total")); diff != "" {
		t.Error(diff)
	}
	a.refused(400, "POST", "record/v1/cashSale/"+sale+"/!transform/cashRefund", `{"item":{"items":[{"line":1,"quantity":5}]}}`)
}

func TestCreditMemoAndItsRefund(t *testing.T) {
	a := open(t, advance)
	invoice := a.must("POST", "record/v1/salesOrder/"+a.sold()+"/!transform/invoice", `{}`)
	path := "record/v1/invoice/" + invoice + "/!transform/creditMemo"
	open := a.must("POST", path, `{"externalId":"cm-1"}`)
	if diff := cmp.Diff([]string{"103.5", "0", "103.5"}, a.figures("creditMemo", open, "total", "applied", "unapplied")); diff != "" {
		t.Error(diff)
	}
	applied := a.must("POST", path, `{"apply":{"items":[{"doc":{"id":"`+invoice+`"},"line":0,"apply":true,"amount":100}]}}`)
	if diff := cmp.Diff([]string{"100", "3.5"}, a.figures("creditMemo", applied, "applied", "unapplied")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"3.5"}, a.figures("invoice", invoice, "amountRemaining")); diff != "" {
		t.Error(diff)
	}
	refund := `{"customer":{"id":"21"},"apply":{"items":[{"doc":{"externalId":"CM-1"},"apply":true,"amount":%}]}}`
	if _, detail := a.refused(400, "POST", "record/v1/customerRefund", strings.Replace(refund, "%", "103.51", 1)); !strings.Contains(detail, "amount remaining") {
		t.Error(detail)
	}
	a.must("POST", "record/v1/customerRefund", strings.Replace(refund, "%", "103.5", 1))
	if got := a.status("creditMemo", open); got != "B" {
		t.Errorf("refunded credit memo: %s, want B", got)
	}
	alone := a.must("POST", "record/v1/creditMemo", orderBody("", `"item":{"id":"301"},"quantity":1,"rate":3.5,`+own))
	a.must("PATCH", "record/v1/creditMemo/"+alone, `{"apply":{"items":[{"doc":"`+invoice+`","apply":true}]}}`)
	if got := a.status("invoice", invoice); got != "B" {
		t.Errorf("credited invoice: %s, want B", got)
	}
}

func TestPaymentOfAnInvoice(t *testing.T) {
	a := open(t, advance)
	invoice := a.must("POST", "record/v1/salesOrder/"+a.sold()+"/!transform/invoice", `{}`)
	part := a.must("POST", "record/v1/invoice/"+invoice+"/!transform/customerPayment", `{"payment":50,"account":{"id":"1"}}`)
	if diff := cmp.Diff([]string{"50", "50", "0"}, a.figures("customerPayment", part, "payment", "applied", "unapplied")); diff != "" {
		t.Error(diff)
	}
	rest := a.must("POST", "record/v1/invoice/"+invoice+"/!transform/customerPayment", `{}`)
	if diff := cmp.Diff([]string{"53.5"}, a.figures("customerPayment", rest, "payment")); diff != "" {
		t.Error(diff)
	}
	if a.status("invoice", invoice) != "B" || a.status("customerPayment", part) != "C" || a.status("customerPayment", rest) != "B" {
		t.Error("statuses", a.status("invoice", invoice), a.status("customerPayment", part), a.status("customerPayment", rest))
	}
	loose := a.must("POST", "record/v1/customerPayment", `{"customer":{"id":"21"},"payment":12}`)
	refund := a.must("POST", "record/v1/customerPayment/"+loose+"/!transform/customerRefund", `{}`)
	if diff := cmp.Diff([]string{"12"}, a.figures("customerRefund", refund, "total")); diff != "" {
		t.Error(diff)
	}
}

func TestReturns(t *testing.T) {
	a := open(t, func(c *netsuitesim.Config) { c.Switches.DefaultReturnStatus = "B" })
	order := a.sold()
	make := "record/v1/salesOrder/" + order + "/!transform/returnAuthorization"
	if _, detail := a.refused(400, "POST", make, `{}`); !strings.Contains(detail, "at least one line item") {
		t.Errorf("a return of nothing: %s", detail)
	}
	if _, err := a.sim.Fulfil(netsuitesim.Shipment{Order: order, Lines: lineOf("1", "3")}); err != nil {
		t.Fatal(err)
	}
	back := a.must("POST", make, `{"shippingCost":0}`)
	check := func(want string) {
		t.Helper()
		if got := a.status("returnAuthorization", back); got != want {
			t.Fatalf("status %s, want %s", got, want)
		}
	}
	check("B")
	path := "record/v1/returnAuthorization/" + back
	if _, detail := a.refused(400, "POST", path+"/!transform/creditMemo", `{}`); !strings.Contains(detail, "at least one line item") {
		t.Errorf("credit of goods not received: %s", detail)
	}
	a.must("POST", path+"/!transform/itemReceipt", `{"item":{"items":[{"orderLine":1,"quantity":1}]}}`)
	check("D")
	credit := a.must("POST", path+"/!transform/creditMemo", `{}`)
	if diff := cmp.Diff([]string{"15"}, a.figures("creditMemo", credit, "subtotal")); diff != "" { // 1 × 25 - 10
		t.Error(diff)
	}
	check("E")
	a.must("POST", path+"/!transform/itemReceipt", `{}`)
	check("F")
	refund := a.must("POST", path+"/!transform/cashRefund", `{}`)
	if diff := cmp.Diff([]string{"50"}, a.figures("cashRefund", refund, "subtotal")); diff != "" { // 2 × 25; the discount is used up
		t.Error(diff)
	}
	check("G")
	a.refused(400, "POST", path+"/!transform/itemReceipt", `{}`)

	early := open(t, advance)
	sale := early.must("POST", "record/v1/salesOrder/"+early.sold()+"/!transform/cashSale", `{}`)
	back = early.must("POST", "record/v1/cashSale/"+sale+"/!transform/returnAuthorization", `{}`)
	early.must("POST", "record/v1/returnAuthorization/"+back+"/!transform/cashRefund", `{}`)
	if got := early.status("returnAuthorization", back); got != "G" {
		t.Errorf("refunded before the goods came: %s, want G", got)
	}
}

func TestMovedApplications(t *testing.T) {
	a := open(t, advance)
	var invoices []string
	for range 2 {
		invoices = append(invoices, a.must("POST", "record/v1/salesOrder/"+a.sold()+"/!transform/invoice", `{}`))
	}
	payment := a.must("POST", "record/v1/customerPayment", `{"customer":{"id":"21"},"payment":103.5,"apply":{"items":[{"doc":"`+invoices[0]+`","apply":true}]}}`)
	if got := a.status("invoice", invoices[0]); got != "B" {
		t.Fatalf("paid: %s", got)
	}
	a.must("PATCH", "record/v1/customerPayment/"+payment+"?replace=apply", `{"apply":{"items":[{"doc":"`+invoices[1]+`","apply":true}]}}`)
	if a.status("invoice", invoices[0]) != "A" || a.status("invoice", invoices[1]) != "B" {
		t.Errorf("after moving the payment: %s, %s", a.status("invoice", invoices[0]), a.status("invoice", invoices[1]))
	}
	a.refused(400, "PATCH", "record/v1/invoice/"+invoices[1], `{"shippingCost":0}`) // 97.50, paid 103.50

	loose := a.must("POST", "record/v1/customerPayment", `{"customer":{"id":"21"},"payment":12}`)
	a.must("POST", "record/v1/customerPayment/"+loose+"/!transform/customerRefund", `{}`)
	a.refused(400, "PATCH", "record/v1/customerPayment/"+loose, `{"payment":11}`)

	credit := a.must("POST", "record/v1/creditMemo", orderBody("", `"item":{"id":"301"},"quantity":1,"rate":3.5,`+own))
	a.must("POST", "record/v1/customerRefund", `{"customer":{"id":"21"},"apply":{"items":[{"doc":"`+credit+`","apply":true}]}}`)
	a.refused(400, "PATCH", "record/v1/creditMemo/"+credit, `{"item":{"items":[{"line":1,"rate":3.49}]}}`)
}

func TestSwitchesOfBilling(t *testing.T) {
	flat := orderBody(`"orderStatus":"B","discountItem":{"id":"321"},"discountRate":-5`, tee+`,"quantity":4,"rate":10,`+own)
	half := `{"item":{"items":[{"line":1,"quantity":2}]}}`
	cases := []struct {
		name, body string
		set        func(*netsuitesim.Switches)
		want       []string
	}{
		{"a flat discount stays flat: 20 - 5", half, func(*netsuitesim.Switches) {}, []string{"15"}},
		{"it becomes 12.5 %: 20 - 2.50", half, func(s *netsuitesim.Switches) { s.DiscountToPercent = true }, []string{"17.5"}},
		{"sent again: 20 - 4", strings.Replace(half, "{", `{"discountItem":{"id":"321"},"discountRate":-4,`, 1), func(s *netsuitesim.Switches) { s.DiscountToPercent = true }, []string{"16"}},
	}
	for _, c := range cases {
		a := open(t, advance, func(cfg *netsuitesim.Config) { c.set(&cfg.Switches) })
		order := a.must("POST", "record/v1/salesOrder", flat)
		if diff := cmp.Diff(c.want, a.figures("invoice", a.must("POST", "record/v1/salesOrder/"+order+"/!transform/invoice", c.body), "total")); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	a := open(t, func(c *netsuitesim.Config) { c.Switches.FulfillmentBills, c.Switches.PendingBillingFirst = true, true })
	order := a.sold()
	a.must("POST", "record/v1/salesOrder/"+order+"/!transform/itemFulfillment", `{"item":{"items":[{"orderLine":1,"quantity":1}]}}`)
	if n, status := a.sim.Stats().Records["invoice"], a.status("salesOrder", order); n != 1 || status != "D" {
		t.Errorf("%d invoices with the fulfilment, order %s", n, status)
	}
	b := open(t, func(c *netsuitesim.Config) {
		c.Switches.PendingBillingFirst, c.Switches.ServicesPendBilling, c.Switches.UnnamedLinesShip = true, true, true
	})
	order = b.sold()
	b.must("POST", "record/v1/salesOrder/"+order+"/!transform/itemFulfillment", `{"item":{"items":[{"orderLine":1,"quantity":1}]}}`)
	if got := b.status("salesOrder", order); got != "E" {
		t.Errorf("shipped and not billed: %s, want E", got)
	}
	service := b.must("POST", "record/v1/salesOrder", orderBody(`"orderStatus":"B"`, `"item":{"id":"221"}`))
	if got := b.status("salesOrder", service); got != "F" {
		t.Errorf("an order without goods: %s, want F", got)
	}
	two := b.must("POST", "record/v1/salesOrder", orderBody(`"orderStatus":"B"`, tee, beanie))
	b.must("POST", "record/v1/salesOrder/"+two+"/!transform/itemFulfillment", `{"item":{"items":[{"orderLine":1}]}}`)
	if got := b.status("salesOrder", two); got != "F" {
		t.Errorf("unnamed lines ship too: %s, want F", got)
	}
}

func TestMandatoryFieldsAndLengths(t *testing.T) {
	a := open(t, func(c *netsuitesim.Config) {
		c.Switches.Mandatory = map[string][]string{"salesOrder": {"location", "class"}}
		c.Switches.Lengths = map[string]int{"invoice.memo": 10, "salesOrder-itemElement.description": 5}
	})
	if _, detail := a.refused(400, "POST", "record/v1/salesOrder", minimal); !strings.HasSuffix(detail, "Please enter value(s) for: Location, Class.") {
		t.Error(detail)
	}
	if _, detail := a.refused(400, "POST", "record/v1/invoice", orderBody(`"memo":"12345678901"`, tee)); !strings.Contains(detail, "field memo contained more than the maximum number ( 10 )") {
		t.Error(detail)
	}
	if _, detail := a.refused(400, "POST", "record/v1/salesOrder", orderBody("", tee+`,"description":"123456"`)); !strings.Contains(detail, "( 5 )") {
		t.Error(detail)
	}
}

package netsuitesim_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// status is a record's status letter.
func (a *account) status(kind, id string) string {
	a.t.Helper()
	r := a.do("GET", "record/v1/"+kind+"/"+id+"?simpleEnumFormat=true", "").object(a.t)
	s, ok := r["status"].(string)
	if !ok {
		status, _ := r["status"].(map[string]any)
		s, _ = status["id"].(string)
	}
	return s
}

func TestOrderStatusMachine(t *testing.T) {
	a := open(t)
	order := a.must("POST", "record/v1/salesOrder", orderBody("", tee+`,"quantity":2`, beanie+`,"quantity":1`))
	path := "record/v1/salesOrder/" + order
	fulfil := path + "/!transform/itemFulfillment"
	check := func(want string) {
		t.Helper()
		if got := a.status("salesOrder", order); got != want {
			t.Fatalf("status %s, want %s", got, want)
		}
	}
	check("A")
	if _, detail := a.refused(400, "POST", fulfil, `{}`); !strings.Contains(detail, "Pending Approval") {
		t.Error(detail)
	}
	a.must("PATCH", path, `{"orderStatus":{"id":"B"}}`)
	check("B")
	first := a.must("POST", fulfil, `{"item":{"items":[{"orderLine":1,"quantity":1},{"orderLine":2,"itemreceive":false}]}}`)
	check("D")
	if got := a.status("itemFulfillment", first); got != "C" {
		t.Errorf("fulfilment status %s", got)
	}
	a.must("PATCH", path, `{"memo":"still open","orderStatus":{"id":"A"}}`) // too late for A
	check("D")
	if _, detail := a.refused(400, "PUT", "record/v1/salesOrder/eid:x", `{}`); detail == "" {
		t.Error("no detail")
	}
	if _, detail := a.refused(400, "PATCH", path+"?replace=item", `{"item":{"items":[{`+tee+`}]}}`); !strings.Contains(detail, "fulfilled or billed") {
		t.Error(detail)
	}
	if _, detail := a.refused(400, "POST", fulfil, `{"item":{"items":[{"orderLine":1,"quantity":2}]}}`); !strings.Contains(detail, "Overfulfillment") {
		t.Error(detail)
	}
	packed := a.must("POST", fulfil, `{"shipStatus":"B"}`)
	check("D")
	a.must("PATCH", "record/v1/itemFulfillment/"+packed, `{"shipStatus":{"id":"C"}}`)
	check("F")
	invoice := a.must("POST", path+"/!transform/invoice", `{}`)
	check("G")
	bill := a.do("GET", "record/v1/invoice/"+invoice, "").object(t)
	if bill["total"] != json.Number("54.91") || bill["tranId"] != "INV1001" { // 2 × 20.77 + 13.37
		t.Errorf("invoice total %v, number %v", bill["total"], bill["tranId"])
	}
	if _, detail := a.refused(400, "POST", path+"/!transform/invoice", `{}`); !strings.Contains(detail, "at least one line item") {
		t.Error(detail)
	}
	a.must("DELETE", "record/v1/invoice/"+invoice, "")
	check("F")
	a.must("DELETE", "record/v1/itemFulfillment/"+packed, "")
	check("D")
}

func TestPartialInvoice(t *testing.T) {
	a := open(t)
	body := orderBody(`"orderStatus":"B","shippingCost":5,"taxDetailsOverride":true,"taxDetails":{"items":[`+detail(`"l1"`, "11", "40", "7.25", "2.9")+`]}`,
		tee+`,"quantity":4,"rate":10,`+own+`,"taxDetailsReference":"l1"`, discount+`,"amount":-1`)
	order := a.must("POST", "record/v1/salesOrder", body)
	if _, err := a.sim.Fulfil(netsuitesim.Shipment{Order: order, Lines: lineOf("1", "1")}); err != nil {
		t.Fatal(err)
	}
	id, err := a.sim.Bill(order)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.status("salesOrder", order); got != "E" {
		t.Errorf("status %s, want E", got)
	}
	invoice := a.do("GET", "record/v1/invoice/"+id, "").object(t)
	if invoice["subtotal"] != json.Number("9") { // 1 of 4 pieces at 10, the discount with the first invoice
		t.Errorf("subtotal %v, want 9", invoice["subtotal"])
	}
}

// lineOf is a shipment's one line.
func lineOf(line, quantity json.Number) []struct {
	Line     json.Number `json:"line"`
	Quantity json.Number `json:"quantity"`
} {
	return []struct {
		Line     json.Number `json:"line"`
		Quantity json.Number `json:"quantity"`
	}{{line, quantity}}
}

func TestFulfilmentRules(t *testing.T) {
	a := open(t)
	split := a.must("POST", "record/v1/salesOrder", orderBody(`"orderStatus":"B"`, tee+`,"location":{"id":"1"}`, beanie+`,"location":{"id":"2"}`))
	path := "record/v1/salesOrder/" + split + "/!transform/itemFulfillment"
	if _, detail := a.refused(400, "POST", path, `{}`); !strings.Contains(detail, "only one location") {
		t.Error(detail)
	}
	if _, detail := a.refused(400, "POST", path, `{"item":{"items":[{"orderLine":1}]},"package":{"items":[{"packageWeight":0}]}}`); !strings.Contains(detail, "weight") {
		t.Error(detail)
	}
	a.refused(400, "POST", path, `{"item":{"items":[{"orderLine":9}]}}`)
	a.refused(400, "POST", "record/v1/salesOrder/"+split+"/!transform/cashSale", `{}`)
	a.must("POST", path, `{"item":{"items":[{"orderLine":1}]}}`)

	b := open(t, func(c *netsuitesim.Config) {
		c.Switches.EmptyFulfillmentFails, c.Switches.FulfilByUniqueKey = true, true
	})
	order := b.must("POST", "record/v1/salesOrder", orderBody(`"orderStatus":"B"`, tee))
	path = "record/v1/salesOrder/" + order + "/!transform/itemFulfillment"
	if _, detail := b.refused(400, "POST", path, `{}`); !strings.Contains(detail, "at least one line item") {
		t.Error(detail)
	}
	key, _ := lines(t, b.order(order), "item")[0]["lineUniqueKey"].(string)
	b.must("POST", path, `{"item":{"items":[{"orderLine":`+key+`}]}}`)
	if got := b.status("salesOrder", order); got != "F" {
		t.Errorf("status %s, want F", got)
	}
}

func TestDeposits(t *testing.T) {
	a := open(t)
	order := a.must("POST", "record/v1/salesOrder", orderBody(`"currency":{"id":"4"}`, tee))
	id := a.must("PUT", "record/v1/customerDeposit/eid:wc-cd-1", `{"salesOrder":{"id":"`+order+`"},"payment":9.995,"account":{"id":"1"},"paymentOption":{"id":"3"}}`)
	r := a.do("GET", "record/v1/customerDeposit/"+id+"?simpleEnumFormat=true", "").object(t)
	customer, _ := r["customer"].(map[string]any)
	currency, _ := r["currency"].(map[string]any)
	status, _ := r["status"].(map[string]any)
	got := []any{customer["id"], currency["id"], r["total"], r["tranId"], status["id"]}
	if diff := cmp.Diff([]any{"21", "4", json.Number("10"), "CD1001", "B"}, append(got[:4:4], or(got[4], r["status"]))); diff != "" {
		t.Error(diff)
	}
}

func or(v, d any) any {
	if v == nil {
		return d
	}
	return v
}

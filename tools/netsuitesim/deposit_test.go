package netsuitesim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// get reads a record in full, choices as bare ids.
func (a *account) get(kind, id string) map[string]any {
	a.t.Helper()
	r := a.do("GET", "record/v1/"+kind+"/"+id+"?expandSubResources=true&simpleEnumFormat=true", "")
	if r.status != 200 {
		a.t.Fatalf("read %s %s: %d %s", kind, id, r.status, r.body)
	}
	return r.object(a.t)
}

// figure is a number of a record as text, "" when absent.
func figure(record map[string]any, name string) string {
	n, _ := record[name].(json.Number)
	return n.String()
}

// idOf is the id of a reference or choice.
func idOf(record map[string]any, name string) string {
	switch v := record[name].(type) {
	case string:
		return v
	case map[string]any:
		id, _ := v["id"].(string)
		return id
	}
	return ""
}

// deposited makes an order of 100.00 and a deposit over the amount.
func (a *account) deposited(amount string) (order, deposit string) {
	a.t.Helper()
	order = a.must("POST", "record/v1/salesOrder", orderBody(`"orderStatus":"B"`, tee+`,"quantity":4,"rate":25,`+own))
	return order, a.must("PUT", "record/v1/customerDeposit/eid:cd-"+order, fmt.Sprintf(`{"salesOrder":{"id":"%s"},"payment":%s}`, order, amount))
}

func TestWhereADepositLies(t *testing.T) {
	a := open(t)
	order := a.must("POST", "record/v1/salesOrder", minimal)
	deposit := func(more string) string {
		return `{"salesOrder":{"id":"` + order + `"},"payment":5` + more + `}`
	}
	cases := []struct{ name, body, status, undeposited string }{
		{"neither said: undeposited funds", deposit(""), "A", "T"},
		{"undeposited funds", deposit(`,"undepFunds":true`), "A", "T"},
		{"undeposited funds as a choice", deposit(`,"undepFunds":{"id":"T"}`), "A", "T"},
		{"an account", deposit(`,"account":{"id":"1"}`), "B", "F"},
		{"an account and no undeposited funds", deposit(`,"account":{"id":"1"},"undepFunds":{"id":"F"}`), "B", "F"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := a.get("customerDeposit", a.must("POST", "record/v1/customerDeposit", c.body))
			if idOf(got, "status") != c.status || idOf(got, "undepFunds") != c.undeposited || idOf(got, "customer") != "21" {
				t.Errorf("status %s, undepFunds %s, customer %s", idOf(got, "status"), idOf(got, "undepFunds"), idOf(got, "customer"))
			}
		})
	}
	for name, body := range map[string]string{
		"account and undeposited funds": deposit(`,"account":{"id":"1"},"undepFunds":true`),
		"customer of another order":     deposit(`,"customer":{"id":"22"}`),
		"unknown payment option":        deposit(`,"paymentOption":{"id":"99"}`),
		"negative":                      `{"customer":{"id":"21"},"payment":-1}`,
		"no amount":                     `{"customer":{"id":"21"}}`,
	} {
		if r := a.do("POST", "record/v1/customerDeposit", body); r.status != 400 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	moved := a.must("POST", "record/v1/customerDeposit", deposit(""))
	a.must("PATCH", "record/v1/customerDeposit/"+moved, `{"account":{"id":"1"}}`)
	if got := a.status("customerDeposit", moved); got != "B" {
		t.Errorf("after moving to an account: %s", got)
	}
}

func TestPaymentMethodAccounts(t *testing.T) {
	option, method := `{"customer":{"id":"21"},"payment":5,"paymentOption":{"id":"3"}}`, `{"customer":{"id":"21"},"payment":5,"paymentMethod":{"id":"3"}}`
	check := []string{"X-NetSuite-PropertyNameValidation", "Error"}
	a := open(t)
	a.must("POST", "record/v1/customerDeposit", option, check...)
	a.refused(400, "POST", "record/v1/customerDeposit", method, check...)
	b := open(t, func(c *netsuitesim.Config) { c.Switches.PaymentMethodField = true })
	b.must("POST", "record/v1/customerDeposit", method, check...)
	b.refused(400, "POST", "record/v1/customerDeposit", option, check...)
}

func TestRefundOfADeposit(t *testing.T) {
	a := open(t)
	_, deposit := a.deposited("100")
	transform := "record/v1/customerDeposit/" + deposit + "/!transform/customerRefund"
	part := a.must("POST", transform, `{"externalId":"cr-1","account":{"id":"1"},"deposit":{"items":[{"doc":{"id":"`+deposit+`"},"apply":true,"amount":30.01}]}}`)
	got := a.get("customerRefund", part)
	if figure(got, "total") != "30.01" || idOf(got, "customer") != "21" || got["externalId"] != "cr-1" {
		t.Errorf("refund %v", got)
	}
	if got := a.status("customerDeposit", deposit); got != "A" {
		t.Errorf("partly refunded deposit: %s, want A", got)
	}
	direct := `{"customer":{"id":"21"},"externalId":"cr-2","deposit":{"items":[{"doc":"` + deposit + `","apply":true,"amount":%s}]}}`
	if _, detail := a.refused(400, "POST", "record/v1/customerRefund", fmt.Sprintf(direct, "70")); !strings.Contains(detail, "amount remaining") {
		t.Error(detail)
	}
	a.must("PUT", "record/v1/customerRefund/eid:cr-2", fmt.Sprintf(direct, "9.99"))
	a.must("PUT", "record/v1/customerRefund/eid:cr-2", fmt.Sprintf(direct, "9.99")) // the same again
	rest := a.must("POST", transform, `{}`)
	if got := figure(a.get("customerRefund", rest), "total"); got != "60" { // 100 - 30.01 - 9.99
		t.Errorf("the rest: %s, want 60", got)
	}
	record := a.get("customerDeposit", deposit)
	if idOf(record, "status") != "R" || figure(record, "refundedAmountTotalBox") != "100" {
		t.Errorf("refunded deposit: %v", record)
	}
	a.refused(400, "POST", transform, `{}`)
	if _, detail := a.refused(400, "DELETE", "record/v1/customerDeposit/"+deposit, ""); !strings.Contains(detail, "dependent records") {
		t.Error(detail)
	}
	a.must("DELETE", "record/v1/customerRefund/"+rest, "")
	if got := a.status("customerDeposit", deposit); got != "A" {
		t.Errorf("after taking a refund back: %s, want A", got)
	}
}

func TestRefusedRefunds(t *testing.T) {
	a := open(t)
	order, deposit := a.deposited("100")
	list := func(doc, more string) string {
		return `{"customer":{"id":"21"},"deposit":{"items":[{"doc":{"id":"` + doc + `"}` + more + `}]}}`
	}
	for name, body := range map[string]string{
		"nothing applied":       list(deposit, `,"apply":false,"amount":5`),
		"no list":               `{"customer":{"id":"21"}}`,
		"of another customer":   strings.Replace(list(deposit, `,"apply":true`), `"21"`, `"22"`, 1),
		"a doc of another type": list(order, `,"apply":true`),
		"an unknown doc":        list("999999", `,"apply":true`),
		"zero":                  list(deposit, `,"apply":true,"amount":0`),
		"finer than a cent":     list(deposit, `,"apply":true,"amount":1.001`),
		"the same doc twice":    `{"customer":{"id":"21"},"deposit":{"items":[{"doc":"` + deposit + `","amount":60},{"doc":"` + deposit + `","amount":60}]}}`,
		"an unknown name":       list(deposit, `,"apply":true,"payment":5`),
		"an unknown header":     strings.Replace(list(deposit, `,"apply":true`), `{`, `{"paymentmethods":1,`, 1),
		"a wrong currency":      strings.Replace(list(deposit, `,"apply":true`), `{`, `{"currency":{"id":"4"},`, 1),
	} {
		if r := a.do("POST", "record/v1/customerRefund", body); r.status != 400 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	if got := a.sim.Stats().Records["customerRefund"]; got != 0 {
		t.Errorf("%d refunds", got)
	}
}

func TestDepositApplication(t *testing.T) {
	a := open(t, func(c *netsuitesim.Config) { c.Switches.BillInAdvance = true })
	order, deposit := a.deposited("130")
	invoice := a.must("POST", "record/v1/salesOrder/"+order+"/!transform/invoice", `{}`)
	path := "record/v1/customerDeposit/" + deposit + "/!transform/depositApplication"
	if _, detail := a.refused(400, "POST", path, `{}`); !strings.Contains(detail, "at least one transaction") {
		t.Error(detail)
	}
	a.refused(400, "POST", "record/v1/depositApplication", `{"customer":{"id":"21"}}`)
	if _, detail := a.refused(400, "POST", path, `{"apply":{"items":[{"doc":{"id":"`+invoice+`"},"apply":true,"amount":100.01}]}}`); !strings.Contains(detail, "amount remaining") {
		t.Error(detail)
	}
	a.must("POST", path, `{"externalId":"da-1","apply":{"items":[{"doc":{"id":"`+invoice+`"},"apply":true,"amount":40}]}}`)
	bill := a.get("invoice", invoice)
	if got := []string{idOf(bill, "status"), figure(bill, "amountPaid"), figure(bill, "amountRemaining")}; !cmp.Equal(got, []string{"A", "40", "60"}) {
		t.Errorf("half paid invoice: %v", got)
	}
	last := a.must("POST", path, `{"apply":{"items":[{"doc":{"id":"`+invoice+`"},"apply":true}]}}`)
	if got := figure(a.get("depositApplication", last), "total"); got != "60" {
		t.Errorf("second application: %s, want what was due, 60", got)
	}
	if got := a.status("invoice", invoice); got != "B" {
		t.Errorf("paid invoice: %s", got)
	}
	if got := a.status("customerDeposit", deposit); got != "A" {
		t.Errorf("deposit with 30 left: %s", got)
	}
	a.must("POST", "record/v1/customerDeposit/"+deposit+"/!transform/customerRefund", `{}`)
	if got := a.status("customerDeposit", deposit); got != "C" {
		t.Errorf("deposit with nothing left: %s", got)
	}
	a.refused(400, "PATCH", "record/v1/customerDeposit/"+deposit, `{"payment":129}`)
}

func TestDepositsApplyThemselves(t *testing.T) {
	a := open(t, func(c *netsuitesim.Config) { c.Switches.AutoApplyDeposits = true })
	order, deposit := a.deposited("60")
	if _, err := a.sim.Fulfil(netsuitesim.Shipment{Order: order}); err != nil {
		t.Fatal(err)
	}
	invoice := a.must("POST", "record/v1/salesOrder/"+order+"/!transform/invoice", `{}`)
	bill := a.get("invoice", invoice)
	if figure(bill, "amountRemaining") != "40" || a.status("customerDeposit", deposit) != "C" {
		t.Errorf("invoice %v, deposit %s", bill["amountRemaining"], a.status("customerDeposit", deposit))
	}
}

func TestClosedPeriods(t *testing.T) {
	a := open(t, func(c *netsuitesim.Config) { c.Switches.ClosedThrough = "2026-01-31" })
	january := `"tranDate":"2026-01-15"`
	order := a.must("POST", "record/v1/salesOrder", orderBody(january, tee)) // an order does not post
	deposit := func(more string) string {
		return `{"salesOrder":{"id":"` + order + `"},"payment":5,` + more + `}`
	}
	path := "record/v1/customerDeposit"
	if _, detail := a.refused(400, "POST", path, deposit(january)); !strings.Contains(detail, "posting period Jan 2026 is closed") {
		t.Error(detail)
	}
	posted := a.must("POST", path, deposit(january+`,"postingPeriod":{"id":"86"}`)) // periods count from January 2019: 7 × 12 + 2
	if got := idOf(a.get("customerDeposit", posted), "postingPeriod"); got != "86" {
		t.Errorf("posting period %s, want February 2026", got)
	}
	february := a.must("POST", path, deposit(`"tranDate":"2026-02-01"`))
	if r := a.do("POST", "/sim/periods", `{"closedThrough":"2026-02-28"}`); r.status != 200 {
		t.Fatal(r.body)
	}
	a.refused(400, "PATCH", path+"/"+february, `{"memo":"late"}`)
	a.refused(400, "PATCH", path+"/"+february, `{"tranDate":"2026-03-01"}`)
	a.refused(400, "DELETE", path+"/"+february, "")
	a.refused(400, "POST", path+"/"+february+"/!transform/customerRefund", `{"tranDate":"2026-02-03"}`)
	a.must("POST", path+"/"+february+"/!transform/customerRefund", `{"tranDate":"2026-03-03"}`)
	if r := a.do("POST", "/sim/periods", `{"closedThrough":"soon"}`); r.status != 400 {
		t.Errorf("a day that is none: %d", r.status)
	}
}

package netsuitesim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

func TestRefusedBodies(t *testing.T) {
	person := func(more string) string {
		return `{"isPerson":true,"firstName":"A","lastName":"B","subsidiary":{"id":"1"}` + more + `}`
	}
	long := func(n int) string { return `"` + strings.Repeat("é", n) + `"` }
	order, customer := "salesOrder", "customer"
	invalid := "Error while accessing resource: You have entered an Invalid Field Value "
	busy := "Error while accessing a resource. "
	cases := []struct {
		name, kind, body, code, detail, path string
	}{
		{"no customer", order, `{"item":{"items":[{` + tee + `}]}}`, "USER_ERROR", busy + "Please enter value(s) for: Customer.", ""},
		{"unknown customer", order, `{"entity":{"id":"999"},"item":{"items":[{` + tee + `}]}}`, "INVALID_CONTENT", invalid + "999 for the following field: entity", "entity"},
		{"inactive customer", order, `{"entity":{"id":"24"},"item":{"items":[{` + tee + `}]}}`, "INVALID_CONTENT", invalid + "24 for the following field: entity", "entity"},
		{"unknown customer by external id", order, `{"entity":{"externalId":"nobody"},"item":{"items":[{` + tee + `}]}}`, "INVALID_CONTENT", invalid + "nobody for the following field: entity", "entity"},
		{"no lines", order, `{"entity":{"id":"21"}}`, "USER_ERROR", busy + "You must enter at least one line item for this transaction.", ""},
		{"empty lines", order, `{"entity":{"id":"21"},"item":{"items":[]}}`, "USER_ERROR", busy + "You must enter at least one line item for this transaction.", ""},
		{"unknown item", order, orderBody("", tee, `"item":{"id":"9999"}`), "INVALID_CONTENT", invalid + "9999 for the following field: item", "item.items[1].item"},
		{"inactive item", order, orderBody("", `"item":{"id":"120"}`), "INVALID_CONTENT", invalid + "120 for the following field: item", "item.items[0].item"},
		{"item of another subsidiary", order, orderBody("", `"item":{"id":"121"}`), "INVALID_CONTENT", invalid + "121 for the following field: item", "item.items[0].item"},
		{"line without item", order, orderBody("", `"quantity":1`), "USER_ERROR", busy + "Please enter value(s) for: Item.", ""},
		{"subsidiary of another", order, orderBody(`"subsidiary":{"id":"2"}`, tee), "INVALID_CONTENT", invalid + "2 for the following field: subsidiary", "subsidiary"},
		{"location of another subsidiary", order, orderBody(`"location":{"id":"3"}`, tee), "INVALID_CONTENT", invalid + "3 for the following field: location", "location"},
		{"inactive location", order, orderBody(`"location":{"id":"4"}`, tee), "INVALID_CONTENT", invalid + "4 for the following field: location", "location"},
		{"shipMethod that is no ship item", order, orderBody(`"shipMethod":{"id":"112"}`, tee), "INVALID_CONTENT", invalid + "112 for the following field: shipMethod", "shipMethod"},
		{"enum", order, orderBody(`"orderStatus":{"id":"Z"}`, tee), "INVALID_CONTENT", invalid + `{"id":"Z"} for the following field: orderStatus`, "orderStatus"},
		{"country", order, orderBody(`"shippingAddress":{"country":"XX"}`, tee), "INVALID_CONTENT", invalid + "XX for the following field: country", "shippingAddress.country"},
		{"text for a number", order, orderBody("", tee+`,"quantity":"1"`), "INVALID_CONTENT", invalid + "1 for the following field: quantity", "item.items[0].quantity"},
		{"number for a text", order, orderBody(`"otherRefNum":17`, tee), "INVALID_CONTENT", invalid + "17 for the following field: otherRefNum", "otherRefNum"},
		{"date", order, orderBody(`"tranDate":"01/02/2026"`, tee), "INVALID_CONTENT", invalid + "01/02/2026 for the following field: tranDate", "tranDate"},
		{"otherRefNum too long", order, orderBody(`"otherRefNum":`+long(46), tee), "USER_ERROR", busy + "The field otherRefNum contained more than the maximum number ( 45 ) of characters allowed.", "otherRefNum"},
		{"addr1 too long", order, orderBody(`"billingAddress":{"addr1":`+long(151)+`}`, tee), "USER_ERROR", busy + "The field addr1 contained more than the maximum number ( 150 ) of characters allowed.", "billingAddress.addr1"},
		{"custom text counts bytes", order, orderBody(`"custbody_wc_order_id":`+long(151), tee), "USER_ERROR", busy + "The field custbody_wc_order_id contained more than the maximum number ( 300 ) of characters allowed.", "custbody_wc_order_id"},
		{"not JSON", order, `{"entity":`, "INVALID_REQUEST", "The request could not be understood by the server due to malformed syntax.", ""},
		{"not an object", order, `[]`, "INVALID_REQUEST", "The request could not be understood by the server due to malformed syntax.", ""},
		{"trailing garbage", order, minimal + minimal, "INVALID_REQUEST", "The request could not be understood by the server due to malformed syntax.", ""},
		{"person without a name", customer, `{"isPerson":true,"subsidiary":{"id":"1"}}`, "USER_ERROR", busy + "Please enter value(s) for: First Name, Last Name.", ""},
		{"company without a name", customer, `{"subsidiary":{"id":"1"}}`, "USER_ERROR", busy + "Please enter value(s) for: Company Name.", ""},
		{"no subsidiary", customer, `{"isPerson":true,"firstName":"A","lastName":"B"}`, "USER_ERROR", busy + "Please enter value(s) for: Subsidiary.", ""},
		{"phone too long", customer, person(`,"phone":` + long(33)), "USER_ERROR", busy + "The field phone contained more than the maximum number ( 32 ) of characters allowed.", "phone"},
		{"e-mail", customer, person(`,"email":"nobody"`), "USER_ERROR", busy + "Invalid email address: nobody", ""},
		{"deposit of nothing", "customerDeposit", `{"customer":{"id":"21"},"payment":0}`, "USER_ERROR", busy + "The amount of a deposit must be greater than zero.", ""},
		{"deposit without customer", "customerDeposit", `{"payment":1}`, "USER_ERROR", busy + "Please enter value(s) for: Customer.", ""},
		{"fulfilment by itself", "itemFulfillment", `{"memo":"x"}`, "USER_ERROR", busy + "An item fulfillment can be created only from another transaction.", ""},
	}
	a := open(t)
	before := a.sim.Stats().Records
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := a.do("POST", "record/v1/"+c.kind, c.body)
			code, detail := r.problem(t)
			if r.status != http.StatusBadRequest || code != c.code || detail != c.detail {
				t.Errorf("got %d %s %q\nwant 400 %s %q", r.status, code, detail, c.code, c.detail)
			}
			if c.path != "" && !strings.Contains(r.body, `"o:errorPath":"`+c.path+`"`) {
				t.Errorf("no path %s in %s", c.path, r.body)
			}
			if got := r.header.Get("Content-Type"); got != "application/vnd.oracle.resource+json; type=error" {
				t.Errorf("content type %q", got)
			}
		})
	}
	after := a.sim.Stats().Records
	for name, n := range after {
		if before[name] != n {
			t.Errorf("refused bodies left %d %s records, had %d", n, name, before[name])
		}
	}
}

func TestCurrencyOfTheCustomer(t *testing.T) {
	customer := `{"isPerson":true,"firstName":"A","lastName":"B","subsidiary":{"id":"1"},"currency":{"id":"1"}}`
	order := func(id string) string {
		return strings.Replace(orderBody(`"currency":{"id":"4"}`, tee), `"21"`, `"`+id+`"`, 1)
	}
	a := open(t)
	id := a.must("POST", "record/v1/customer", customer)
	if _, detail := a.refused(400, "POST", "record/v1/salesOrder", order(id)); !strings.Contains(detail, "following field: currency") {
		t.Error(detail)
	}
	a.must("PATCH", "record/v1/customer/"+id, `{"currencyList":{"items":[{"currency":{"id":"4"}}]}}`)
	a.must("POST", "record/v1/salesOrder", order(id))

	b := open(t, func(c *netsuitesim.Config) { c.Switches.AnyCurrency = true })
	b.must("POST", "record/v1/salesOrder", order(b.must("POST", "record/v1/customer", customer)))
}

func TestPropertyNameValidation(t *testing.T) {
	a := open(t)
	body := orderBody(`"custbody_unknown":"x","Memo":"kept"`, tee+`,"colour":"red"`)
	r := a.do("POST", "record/v1/salesOrder", body)
	warned := strings.Split(r.header.Get("X-NetSuite-PropertyValidation"), ",")
	if r.status != http.StatusNoContent || len(warned) != 2 || !strings.Contains(r.header.Get("X-NetSuite-PropertyValidation"), "item.items[0].colour") {
		t.Errorf("default: %d, warned of %v", r.status, warned)
	}
	id := r.header.Get("Location")[strings.LastIndexByte(r.header.Get("Location"), '/')+1:]
	o := a.order(id)
	if _, there := o["custbody_unknown"]; there || o["memo"] != "kept" {
		t.Errorf("memo %v, custbody_unknown %v", o["memo"], o["custbody_unknown"])
	}
	r = a.do("POST", "record/v1/salesOrder", body, "X-NetSuite-PropertyNameValidation", "Ignore")
	if r.status != http.StatusNoContent || r.header.Get("X-NetSuite-PropertyValidation") != "" {
		t.Errorf("Ignore: %d %v", r.status, r.header)
	}
	code, _ := a.refused(400, "POST", "record/v1/salesOrder", body, "X-NetSuite-PropertyNameValidation", "Error")
	if code != "INVALID_CONTENT" {
		t.Errorf("Error: %s", code)
	}
	declared := orderBody(`"custbody_wc_order_id":"1","custbody_wc_store":"main"`, tee+`,"custcol_wc_line_id":"7"`)
	a.must("POST", "record/v1/salesOrder", declared, "X-NetSuite-PropertyNameValidation", "Error")
	misplaced := orderBody(`"custcol_wc_line_id":"1"`, tee)
	a.refused(400, "POST", "record/v1/salesOrder", misplaced, "X-NetSuite-PropertyNameValidation", "Error")
}

func TestPropertyValueValidation(t *testing.T) {
	a := open(t)
	body := orderBody(`"otherRefNum":17`, tee)
	r := a.do("POST", "record/v1/salesOrder", body, "X-NetSuite-PropertyValueValidation", "Warning")
	if r.status != http.StatusNoContent || r.header.Get("X-NetSuite-PropertyValidation") != "otherRefNum" {
		t.Errorf("Warning: %d %v", r.status, r.header)
	}
	a.must("POST", "record/v1/salesOrder", body, "X-NetSuite-PropertyValueValidation", "Ignore")
	a.refused(400, "POST", "record/v1/salesOrder", body)
	a.refused(400, "POST", "record/v1/salesOrder", orderBody("", `"item":{"id":"9999"}`), "X-NetSuite-PropertyValueValidation", "Ignore")
	a.refused(400, "POST", "record/v1/salesOrder", minimal, "X-NetSuite-PropertyValueValidation", "Perhaps")
}

func TestReferenceForms(t *testing.T) {
	a := open(t)
	for _, entity := range []string{`{"id":"21"}`, `{"id":21}`, `"21"`, `{"externalId":"woo-guest"}`} {
		id := a.must("POST", "record/v1/salesOrder", strings.Replace(minimal, `{"id":"21"}`, entity, 1))
		if got, _ := a.order(id)["entity"].(map[string]any); got["id"] != "21" || got["refName"] != "WOO-GUEST" {
			t.Errorf("entity %s became %v", entity, got)
		}
	}
	for _, status := range []string{`{"id":"B"}`, `"B"`, `{"refName":"Pending Fulfillment"}`} {
		id := a.must("POST", "record/v1/salesOrder", orderBody(`"orderStatus":`+status, tee))
		if got, _ := a.order(id)["status"].(map[string]any); got["id"] != "B" {
			t.Errorf("orderStatus %s became %v", status, got)
		}
	}
}

func TestLineBreaksMustBeEscapedTwice(t *testing.T) {
	a := open(t)
	id := a.must("POST", "record/v1/salesOrder", orderBody(`"memo":"a\nb\\nc"`, tee))
	if got := a.order(id)["memo"]; got != "ab\nc" {
		t.Errorf("memo %q, want the raw break lost and the escaped one kept", got)
	}
}

func TestContentTypes(t *testing.T) {
	a := open(t)
	for content, want := range map[string]string{"text/plain": "INVALID_CONTENT", "application/vnd.oracle.resource+json; type=collection": "INVALID_HEADER"} {
		if code, _ := a.refused(400, "POST", "record/v1/salesOrder", minimal, "Content-Type", content); code != want {
			t.Errorf("%s: %s, want %s", content, code, want)
		}
	}
	a.must("POST", "record/v1/salesOrder", minimal, "Content-Type", "application/vnd.oracle.resource+json; type=singular")
}

func TestUnsupportedMethods(t *testing.T) {
	a := open(t)
	a.refused(405, "PUT", "record/v1/salesOrder/1", minimal)
	a.refused(405, "DELETE", "record/v1/salesOrder/1/item", "")
	a.refused(405, "GET", "query/v1/suiteql", "")
	a.refused(404, "GET", "nothing/v1", "")
}

func TestSystemServices(t *testing.T) {
	a := open(t)
	clock := a.do("GET", "system/v1/serverTime", "").object(t)
	if text, _ := clock["serverTime"].(string); len(text) != len("2025-03-26T16:21:00.000Z") || !strings.HasSuffix(text, "Z") {
		t.Errorf("serverTime %v", clock)
	}
	limits := a.do("GET", "system/v1/governanceLimits", "").object(t)
	if limits["accountConcurrencyLimit"] != json.Number("5") || limits["integrationLimitType"] != "accountLimit" {
		t.Errorf("governanceLimits %v", limits)
	}
	catalog := a.do("GET", "record/v1/metadata-catalog", "", "Accept", "application/swagger+json").object(t)
	if catalog["openapi"] != "3.0.0" && catalog["openapi"] != "3.0.1" && catalog["openapi"] != "3.0.3" {
		t.Errorf("openapi %v", catalog["openapi"])
	}
}

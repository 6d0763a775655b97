package netsuitesim_test

import (
	"strings"
	"testing"
)

// bodies are sound bodies of the types whose schemas are written by hand.
var bodies = map[string]string{
	"invoice":             `{"entity":{"id":"21"},"item":{"items":[{"item":{"id":"301"},"quantity":1,"rate":1,"price":"-1"}]}}`,
	"cashSale":            `{"entity":{"id":"21"},"item":{"items":[{"item":{"id":"301"},"quantity":1,"rate":1,"price":"-1"}]}}`,
	"creditMemo":          `{"entity":{"id":"21"},"item":{"items":[{"item":{"id":"301"},"quantity":1,"rate":1,"price":"-1"}]}}`,
	"cashRefund":          `{"entity":{"id":"21"},"item":{"items":[{"item":{"id":"301"},"quantity":1,"rate":1,"price":"-1"}]}}`,
	"returnAuthorization": `{"entity":{"id":"21"},"item":{"items":[{"item":{"id":"301"},"quantity":1,"rate":1,"price":"-1"}]}}`,
	"customerPayment":     `{"customer":{"id":"21"},"payment":1}`,
}

func TestHandWrittenSchemasRefuseUnknownNames(t *testing.T) {
	a := open(t)
	for kind, sound := range bodies {
		t.Run(kind, func(t *testing.T) {
			a.must("POST", "record/v1/"+kind, sound)
			a.must("POST", "record/v1/"+kind, strings.Replace(sound, "{", `{"custbody_wc_order_id":"7","TRANDATE":"2026-07-01",`, 1))
			unknown := strings.Replace(sound, "{", `{"customerNote":"x",`, 1)
			if code, detail := a.refused(400, "POST", "record/v1/"+kind, unknown); code != "INVALID_CONTENT" || !strings.Contains(detail, "customerNote") {
				t.Errorf("%s %s", code, detail)
			}
			a.refused(400, "POST", "record/v1/"+kind, strings.Replace(sound, "{", `{"custbody_undeclared":"x",`, 1))
			if r := a.do("POST", "record/v1/"+kind, unknown, "X-NetSuite-PropertyNameValidation", "Warning"); r.status != 204 || r.header.Get("X-NetSuite-PropertyValidation") != "customerNote" {
				t.Errorf("asked to warn: %d %v %s", r.status, r.header, r.body)
			}
			if r := a.do("POST", "record/v1/"+kind, unknown, "X-NetSuite-PropertyNameValidation", "Ignore"); r.status != 204 || r.header.Get("X-NetSuite-PropertyValidation") != "" {
				t.Errorf("asked to ignore: %d %v", r.status, r.header)
			}
			if !strings.Contains(sound, "items") {
				return
			}
			a.must("POST", "record/v1/"+kind, strings.Replace(sound, `"quantity"`, `"custcol_wc_line_id":"4","quantity"`, 1))
			if _, detail := a.refused(400, "POST", "record/v1/"+kind, strings.Replace(sound, `"quantity"`, `"qty":1,"quantity"`, 1)); !strings.Contains(detail, "qty") {
				t.Errorf("a line's unknown name: %s", detail)
			}
		})
	}
	if r := a.do("POST", "record/v1/salesOrder", strings.Replace(minimal, "{", `{"customerNote":"x",`, 1)); r.status != 204 || r.header.Get("X-NetSuite-PropertyValidation") != "customerNote" {
		t.Errorf("a type of the OpenAPI file warns: %d %v", r.status, r.header)
	}
}

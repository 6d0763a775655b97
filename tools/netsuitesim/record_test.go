package netsuitesim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

func TestUpsertCreatesThenMerges(t *testing.T) {
	a := open(t)
	path := "record/v1/salesOrder/eid:wc-so-1"
	r := a.do("PUT", path, minimal)
	if r.status != http.StatusNoContent || r.body != "" {
		t.Fatalf("insert: %d %q", r.status, r.body)
	}
	location := r.header.Get("Location")
	if !strings.HasPrefix(location, a.sim.URL()+"/services/rest/record/v1/salesOrder/") {
		t.Fatalf("Location %q is not absolute", location)
	}
	id := location[strings.LastIndexByte(location, '/')+1:]

	if again := a.must("PUT", path, minimal); again != id {
		t.Errorf("second upsert answered id %s, want %s", again, id)
	}
	if n := len(lines(t, a.order(id), "item")); n != 2 {
		t.Errorf("an unkeyed line was sent twice: %d lines, want 2 (appended)", n)
	}
	a.must("PUT", path+"?replace=item", minimal)
	if n := len(lines(t, a.order(id), "item")); n != 1 {
		t.Errorf("replace=item left %d lines, want 1", n)
	}
	a.must("PUT", path+"?replace=items", minimal)
	if n := len(lines(t, a.order(id), "item")); n != 2 {
		t.Errorf("replace=items has no effect: %d lines, want 2", n)
	}
	if other := a.must("PUT", "record/v1/salesorder/eid:WC-SO-1?replace=item", minimal); other != id {
		t.Errorf("external ids differ by case only, yet id %s, want %s", other, id)
	}
}

func TestKeyedLinesMerge(t *testing.T) {
	a := open(t)
	id := a.must("POST", "record/v1/salesOrder", `{"entity":{"id":"21"},"memo":"first","otherRefNum":"77","item":{"items":[
		{"item":{"id":"112"},"quantity":2,"price":{"id":"-1"},"rate":10,"description":"tee"},
		{"item":{"id":"101"},"quantity":1,"price":{"id":"-1"},"amount":5}]}}`)
	a.must("PATCH", "record/v1/salesOrder/"+id, `{"memo":null,"item":{"items":[{"line":1,"quantity":3},{"line":2,"description":null}]}}`)
	o := a.order(id)
	if _, there := o["memo"]; there {
		t.Error("null did not clear memo")
	}
	if o["otherRefNum"] != "77" {
		t.Errorf("an omitted field changed: %v", o["otherRefNum"])
	}
	got := lines(t, o, "item")
	if len(got) != 2 {
		t.Fatalf("%d lines", len(got))
	}
	want := []map[string]any{
		{"line": json.Number("1"), "quantity": json.Number("3"), "amount": json.Number("30"), "description": "tee"},
		{"line": json.Number("2"), "quantity": json.Number("1"), "amount": json.Number("5")},
	}
	for i := range want {
		for name, value := range want[i] {
			if diff := cmp.Diff(value, got[i][name]); diff != "" {
				t.Errorf("line %d %s: %s", i+1, name, diff)
			}
		}
	}
	if o["total"] != json.Number("35") {
		t.Errorf("total %v, want 35", o["total"])
	}
}

func TestReplaceSelectedFieldsClears(t *testing.T) {
	a := open(t)
	id := a.must("POST", "record/v1/salesOrder", strings.Replace(minimal, "{", `{"memo":"m","email":"a@example.com",`, 1))
	a.must("PATCH", "record/v1/salesOrder/"+id+"?replaceSelectedFields=true&replace=memo", `{}`)
	o := a.order(id)
	if _, there := o["memo"]; there || o["email"] != "a@example.com" {
		t.Errorf("memo %v, email %v: want memo cleared only", o["memo"], o["email"])
	}
}

func TestLineNumbersWithGaps(t *testing.T) {
	a := open(t, func(c *netsuitesim.Config) { c.Switches.LineStep = 3 })
	id := a.must("POST", "record/v1/salesOrder", `{"entity":{"id":"21"},"item":{"items":[{"item":{"id":"112"}},{"item":{"id":"101"}}]}}`)
	got := lines(t, a.order(id), "item")
	if got[0]["line"] != json.Number("1") || got[1]["line"] != json.Number("4") {
		t.Errorf("lines %v and %v, want 1 and 4", got[0]["line"], got[1]["line"])
	}
}

func TestExternalIDsAreUniqueInTheirGroup(t *testing.T) {
	a := open(t)
	order := a.must("PUT", "record/v1/salesOrder/eid:shared", minimal)
	deposit := `{"salesOrder":{"id":"` + order + `"},"payment":1}`
	code, detail := a.refused(400, "PUT", "record/v1/customerDeposit/eid:SHARED", deposit)
	if code != "USER_ERROR" || !strings.Contains(detail, "This record already exists") {
		t.Errorf("deposit: %s %s", code, detail)
	}
	customer := `{"externalId":"shared","isPerson":true,"firstName":"A","lastName":"B","subsidiary":{"id":"1"}}`
	a.must("POST", "record/v1/customer", customer) // another group
	code, detail = a.refused(400, "POST", "record/v1/customer", customer)
	if code != "USER_ERROR" || detail != "Error while accessing a resource. This entity already exists." {
		t.Errorf("customer: %s %s", code, detail)
	}
	code, detail = a.refused(400, "POST", "record/v1/customer", `{"entityId":"woo-guest","companyName":"X","subsidiary":{"id":"1"}}`)
	if code != "USER_ERROR" || !strings.Contains(detail, "This entity already exists.") {
		t.Errorf("entity id: %s %s", code, detail)
	}
	a.refused(400, "PUT", "record/v1/salesOrder/eid:a%7Cb", minimal)
}

func TestIdsGrowOverAllTransactionTypesAndAreNotReused(t *testing.T) {
	a := open(t)
	first := a.must("POST", "record/v1/salesOrder", minimal)
	deposit := a.must("POST", "record/v1/customerDeposit", `{"salesOrder":{"id":"`+first+`"},"payment":1}`)
	second := a.must("POST", "record/v1/salesOrder", minimal)
	if number(t, first) >= number(t, deposit) || number(t, deposit) >= number(t, second) {
		t.Errorf("ids %s, %s, %s do not grow", first, deposit, second)
	}
	if a.order(first)["tranId"] != "SO1001" || a.order(second)["tranId"] != "SO1002" {
		t.Errorf("numbers %v, %v", a.order(first)["tranId"], a.order(second)["tranId"])
	}
	a.must("DELETE", "record/v1/salesOrder/"+second, "")
	third := a.must("POST", "record/v1/salesOrder", minimal)
	if number(t, third) <= number(t, second) || a.order(third)["tranId"] != "SO1003" {
		t.Errorf("after a delete: id %s, number %v", third, a.order(third)["tranId"])
	}
}

func TestIdsHaveGaps(t *testing.T) {
	a := open(t)
	first, last := "", ""
	const orders = 20
	for range orders {
		last = a.must("POST", "record/v1/salesOrder", minimal)
		if first == "" {
			first = last
		}
	}
	if span := number(t, last) - number(t, first); span < orders {
		t.Errorf("%d orders took ids %s to %s: no gaps", orders, first, last)
	}
}

func TestStandardTextCountsCharacters(t *testing.T) {
	a := open(t)
	a.must("POST", "record/v1/salesOrder", orderBody(`"otherRefNum":"`+strings.Repeat("é", 45)+`"`, tee))
}

func TestReadForms(t *testing.T) {
	a := open(t)
	id := a.must("PUT", "record/v1/salesOrder/eid:read-1", `{"entity":{"id":"21"},"shippingAddress":{"addr1":"1 Main St","country":"US"},"item":{"items":[{"item":{"id":"112"}}]}}`)
	r := a.do("GET", "record/v1/salesOrder/eid:READ-1", "")
	if got := r.header.Get("Content-Type"); got != "application/vnd.oracle.resource+json; type=singular" {
		t.Errorf("content type %q", got)
	}
	o := r.object(t)
	if list, _ := o["item"].(map[string]any); list["items"] != nil || list["links"] == nil {
		t.Errorf("an unexpanded sublist shows only links: %v", o["item"])
	}
	if status, _ := o["orderStatus"].(map[string]any); status["id"] != "A" || status["refName"] != "Pending Approval" {
		t.Errorf("orderStatus %v", o["orderStatus"])
	}
	full := a.order(id)
	address, _ := full["shippingAddress"].(map[string]any)
	if at, _ := address["country"].(map[string]any); address["addr1"] != "1 Main St" || at["id"] != "US" {
		t.Errorf("shippingAddress %v", address)
	}
	some := a.do("GET", "record/v1/salesOrder/"+id+"?fields=tranId,total&simpleEnumFormat=true", "").object(t)
	delete(some, "links")
	if diff := cmp.Diff(map[string]any{"id": id, "tranId": "SO1001", "total": json.Number("20.77")}, some); diff != "" {
		t.Error(diff)
	}
	code, _ := a.refused(400, "GET", "record/v1/salesOrder/"+id+"?fields=total&expandSubResources=true", "")
	if code != "INVALID_PARAMETER" {
		t.Errorf("fields with expandSubResources: %s", code)
	}
	for _, path := range []string{"/item", "/item/1", "/shippingAddress"} {
		if r := a.do("GET", "record/v1/salesOrder/"+id+path, ""); r.status != http.StatusOK {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}

func TestUnknownRecords(t *testing.T) {
	a := open(t)
	order := a.must("POST", "record/v1/salesOrder", minimal)
	cases := []struct {
		path   string
		status int
		code   string
	}{
		{"record/v1/customer/999", 404, "NONEXISTENT_ID"},
		{"record/v1/customer/eid:nobody", 404, "NONEXISTENT_ID"},
		{"record/v1/customer/000", 400, "INVALID_ID"},
		{"record/v1/customer/abc", 400, "INVALID_ID"},
		{"record/v1/customerDeposit/" + order, 400, "USER_ERROR"},
		{"record/v1/salesOrder/999999", 404, "NONEXISTENT_ID"},
		{"record/v1/nothing/1", 404, "NONEXISTENT_ID"},
	}
	for _, c := range cases {
		if code, _ := a.refused(c.status, "GET", c.path, ""); code != c.code {
			t.Errorf("%s: %s, want %s", c.path, code, c.code)
		}
	}
	b := open(t, func(c *netsuitesim.Config) { c.Switches.MissingTransaction400 = true })
	if _, detail := b.refused(400, "GET", "record/v1/salesOrder/999999", ""); !strings.Contains(detail, "Transaction type specified is incorrect.") {
		t.Error(detail)
	}
}

func TestListFilters(t *testing.T) {
	a := open(t)
	ids := func(path string) []string {
		r := a.do("GET", path, "")
		if r.status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
		items, _ := r.object(t)["items"].([]any)
		out := []string{}
		for _, item := range items {
			row, _ := item.(map[string]any)
			id, _ := row["id"].(string)
			out = append(out, id)
		}
		return out
	}
	cases := map[string][]string{
		"record/v1/customer?q=email+IS+%22duplicate@example.com%22":                                         {"22", "23"},
		"record/v1/customer?q=externalId+IS+%22woo-guest%22":                                                {"21"},
		"record/v1/customer?q=email+IS+%22duplicate@example.com%22+AND+companyName+IS+%22Double+Trading%22": {"23"},
		"record/v1/customer?q=id+ANY_OF+[21,24]":                                                            {"21", "24"},
		"record/v1/currency?limit=2&offset=2":                                                               {"3", "4"},
		"record/v1/customer?q=email+EMPTY":                                                                  {"21"},
	}
	for path, want := range cases {
		if diff := cmp.Diff(want, ids(path)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	if code, _ := a.refused(400, "GET", "record/v1/customer?q=shoe+IS+%229%22", ""); code != "INVALID_PARAMETER" {
		t.Error(code)
	}
}

func TestDeleteKeepsDependents(t *testing.T) {
	a := open(t)
	order := a.must("POST", "record/v1/salesOrder", minimal)
	deposit := a.must("POST", "record/v1/customerDeposit", `{"salesOrder":{"id":"`+order+`"},"payment":20.77}`)
	if _, detail := a.refused(400, "DELETE", "record/v1/salesOrder/"+order, ""); !strings.Contains(detail, "dependent records") {
		t.Error(detail)
	}
	a.must("DELETE", "record/v1/customerDeposit/"+deposit, "")
	r := a.do("DELETE", "record/v1/salesOrder/"+order, "")
	if r.status != http.StatusNoContent || r.header.Get("Location") != "" {
		t.Errorf("delete: %d, Location %q", r.status, r.header.Get("Location"))
	}
	a.refused(404, "GET", "record/v1/salesOrder/"+order, "")
}

func TestClosingLines(t *testing.T) {
	a := open(t)
	id := a.must("POST", "record/v1/salesOrder", `{"entity":{"id":"21"},"orderStatus":{"id":"B"},"item":{"items":[{"item":{"id":"112"}},{"item":{"id":"101"}}]}}`)
	status := func() any {
		s, _ := a.order(id)["status"].(map[string]any)
		return s["id"]
	}
	steps := []struct{ body, want string }{
		{`{"item":{"items":[{"line":1,"isClosed":true}]}}`, "B"},
		{`{"item":{"items":[{"line":2,"isClosed":true}]}}`, "H"},
		{`{"item":{"items":[{"line":1,"isClosed":false},{"line":2,"isClosed":false}]}}`, "B"},
		{`{"orderStatus":"A"}`, "A"},
		{`{"status":{"id":"G"}}`, "A"},
	}
	for _, step := range steps {
		a.must("PATCH", "record/v1/salesOrder/"+id, step.body)
		if got := status(); got != step.want {
			t.Errorf("after %s: status %v, want %s", step.body, got, step.want)
		}
	}
	if code, _ := a.refused(400, "PATCH", "record/v1/salesOrder/"+id, `{"orderStatus":{"id":"C"}}`); code != "INVALID_CONTENT" {
		t.Error("orderStatus C was accepted")
	}
}

func TestUpsertStatusSwitch(t *testing.T) {
	a := open(t, func(c *netsuitesim.Config) { c.Switches.UpsertCreated = true })
	if r := a.do("PUT", "record/v1/salesOrder/eid:x", minimal); r.status != http.StatusCreated {
		t.Errorf("insert: %d", r.status)
	}
	if r := a.do("PUT", "record/v1/salesOrder/eid:x?replace=item", minimal); r.status != http.StatusNoContent {
		t.Errorf("update: %d", r.status)
	}
}

func TestAddressBookNeedsKeys(t *testing.T) {
	a := open(t)
	body := `{"isPerson":true,"firstName":"A","lastName":"B","subsidiary":{"id":"1"},"addressBook":{"items":[
		{"defaultBilling":true,"defaultShipping":true,"addressBookAddress":{"addr1":"1 Main St","city":"Oakland","country":{"id":"US"}}}]}}`
	id := a.must("PUT", "record/v1/customer/eid:c1", body)
	a.must("PUT", "record/v1/customer/eid:c1", body)
	r := a.do("GET", "record/v1/customer/"+id+"?expandSubResources=true", "")
	if n := len(lines(t, r.object(t), "addressBook")); n != 2 {
		t.Errorf("%d addresses after the same upsert twice, want 2 (appended)", n)
	}
	a.must("PUT", "record/v1/customer/eid:c1?replace=addressBook", body)
	r = a.do("GET", "record/v1/customer/"+id+"?expandSubResources=true", "")
	if n := len(lines(t, r.object(t), "addressBook")); n != 1 {
		t.Errorf("%d addresses after replace, want 1", n)
	}
	order := a.must("POST", "record/v1/salesOrder", strings.Replace(minimal, `"21"`, `"`+id+`"`, 1))
	if address, _ := a.order(order)["shippingAddress"].(map[string]any); address["city"] != "Oakland" {
		t.Errorf("default shipping address: %v", address)
	}
}

package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
)

// Only what differs is written; what NetSuite cut counts as written; an adopted record and a company's missing names are left
// alone.
func TestRevise(t *testing.T) {
	text := func(s string) event.Value { return event.Value{Text: &s} }
	long := strings.Repeat("x", 40)
	home := event.PostalAddress{Addressee: "Jane Doe", Addr1: long, City: "Oakland", Zip: "94607", Country: "US"}
	want := event.DesiredCustomerV1{
		ExternalID: "wc-cust-main-2", Fields: map[string]event.Value{"firstName": text("Jane"), "lastName": text("Doe"), "phone": text("1\n2")}, Addresses: []event.PostalAddress{home},
	}
	const book = `"addressBook":{"items":[{"defaultBilling":true,"addressBookAddress":{"addressee":"Jane Doe","addr1":"ADDR1","city":"Oakland","zip":"94607","country":{"id":"US","refName":"United States"}}}]}`
	held := strings.Replace(book, "ADDR1", long[:35], 1)
	line := func(a string) string {
		return `{"items":[{"addressBookAddress":{"addr1":"` + a + `","addr2":null,"addrPhone":null,"addressee":"Jane Doe","attention":null,"city":"Oakland","country":{"id":"US"},"state":null,"zip":"94607"},"defaultBilling":false,"defaultShipping":false}]}`
	}
	for name, c := range map[string]struct {
		record string
		fields []string
		body   string
		known  bool
	}{
		"the same":         {`{"externalId":"WC-CUST-main-2","isPerson":true,"firstName":"Jane","lastName":"Doe","phone":"1\\n2",` + held + `}`, nil, "", true},
		"a name":           {`{"externalId":"wc-cust-main-2","isPerson":true,"firstName":"Janet","lastName":"Doe","phone":"1\\n2","comments":"x",` + held + `}`, []string{"firstName"}, `{"firstName":"Jane"}`, true},
		"a company":        {`{"externalId":"wc-cust-main-2","isPerson":false,"companyName":"Doe LLC","phone":"",` + held + `}`, []string{"phone"}, `{"phone":"1\\n2"}`, true},
		"no book":          {`{"externalId":"wc-cust-main-2","firstName":"Jane","lastName":"Doe","phone":"1\\n2"}`, []string{"addressBook"}, `{"addressBook":` + line(long) + `}`, true},
		"another address":  {`{"externalId":"wc-cust-main-2","firstName":"Jane","lastName":"Doe","phone":"1\\n2",` + strings.Replace(book, "ADDR1", "1 Main St", 1) + `}`, []string{"addressBook"}, `{"addressBook":` + line(long) + `}`, true},
		"adopted":          {`{"externalId":"crm-77","firstName":"Joan"}`, nil, "", false},
		"without identity": {`{"firstName":"Joan"}`, nil, "", false},
	} {
		r, known, err := Revise(want, []byte(c.record))
		if err != nil || known != c.known {
			t.Errorf("%s: known %v, %v", name, known, err)
		}
		if diff := cmp.Diff(c.fields, r.Fields); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(c.body, string(r.Body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, _, err := Revise(want, []byte(`[]`)); err == nil {
		t.Error("a list passes for a record")
	}
}

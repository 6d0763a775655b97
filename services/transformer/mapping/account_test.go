package mapping

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
)

// What a customer's account makes of NetSuite's record: the fields that say who somebody is, where the shop has a word for
// them; a default of the document ("Customer") is none.
func TestCustomer(t *testing.T) {
	m, err := Compile(Default)
	if err != nil {
		t.Fatal(err)
	}
	at := event.Address{FirstName: "Jane", LastName: "Doe", Address1: "1 Main St", City: "Oakland", Postcode: "94607", Country: "US", State: "CA"}
	for name, c := range map[string]struct {
		person            event.Customer
		billing, shipping event.Address
		fields            []string
		addresses         int
	}{
		"whole":               {event.Customer{Email: "j@example.com", FirstName: "Jane", LastName: "Doe", Phone: "1"}, at, at, []string{"email", "firstName", "lastName", "phone"}, 1},
		"two addresses":       {event.Customer{Email: "j@example.com"}, at, event.Address{Address1: "2 Main St", Country: "US"}, []string{"email", "firstName", "lastName"}, 2},
		"a new account":       {event.Customer{Email: "j@example.com"}, event.Address{}, event.Address{}, []string{"email"}, 0},
		"a first name":        {event.Customer{FirstName: "Jane"}, event.Address{}, event.Address{}, []string{"firstName"}, 0},
		"a name is no street": {event.Customer{}, event.Address{FirstName: "Jane", LastName: "Doe", Country: "US"}, event.Address{}, []string{"firstName", "lastName"}, 0},
	} {
		c.person.Account = "2"
		state := event.CustomerChangedV1{Envelope: event.Envelope{Store: "main"}, Customer: "2", Person: c.person, Billing: c.billing, Shipping: c.shipping}
		d, err := m.Customer(state, Context{Account: "ns", Sequence: 7, Published: 1})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.fields, slices.Sorted(maps.Keys(d.Fields))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if d.ExternalID != "wc-cust-main-2" || len(d.Addresses) != c.addresses || d.Account != "ns" || d.Source.Sequence != 7 {
			t.Errorf("%s: %+v", name, d)
		}
		state.Paying, state.Username = true, "other" // nothing that NetSuite holds
		if again, err := m.Customer(state, Context{Account: "ns", Sequence: 8, Published: 1}); err != nil || again.Hash != d.Hash {
			t.Errorf("%s: another hash of the same: %v", name, err)
		}
	}
}

// Each field of a customer's record is explained, under the name that a plan gives it; so is why he is parked.
func TestCustomerIsExplained(t *testing.T) {
	m := edited(t, "phone: order.customer.phone", `phone: 'customer.role == "wholesale" ? order.lines[0].sku : "tel " + order.customer.phone'`)
	state := event.CustomerChangedV1{
		Envelope: event.Envelope{Store: "main"}, Customer: "2", Person: event.Customer{Account: "2", FirstName: "Jane", Phone: "1"},
		Billing: event.Address{Address1: "1 Main St", City: "Oakland", Country: "US"},
	}
	got := map[string]string{}
	x := m.ExplainCustomer(state, Context{Account: "ns"})
	for _, f := range x.Fields {
		if got[f.Field] = f.Value + " from " + f.From; f.Step != nil {
			got[f.Field] = f.Value + " by " + f.Step.Path
		}
	}
	want := map[string]string{
		"customer_record.external_id":      "wc-cust-main-2 from customer.identity account",
		"customer_record.addresses[0]":     "1 Main St, Oakland, US from the account's billing, shipping, addresses",
		"customer_record.fields.firstName": "Jane by customer.fields.firstName",
		"customer_record.fields.phone":     "tel 1 by customer.fields.phone",
	}
	if diff := cmp.Diff(want, got); diff != "" || x.Customer != "2" || x.Order != "" || x.Error != "" {
		t.Errorf("%+v (-want +got):\n%s", x, diff)
	}
	d, err := m.Customer(state, Context{Account: "ns"})
	if err != nil || textOf(d.Fields["phone"]) != "tel 1" {
		t.Errorf("%+v, %v: want what is explained", d.Fields, err)
	}
	state.Role = "wholesale"
	if x := m.ExplainCustomer(state, Context{}); x.Error == "" || len(x.Fields) != 0 {
		t.Errorf("%+v: want why he is parked", x)
	}
}

// A customer's event says of his account what a look-up would.
func TestCustomerSeesTheAccount(t *testing.T) {
	m := edited(t, "firstName: order.customer.first_name", `firstName: 'customer.role == "wholesale" && customer.meta["tier"] == "gold" && customer.known ? "Gold" : "Other"'`)
	state := event.CustomerChangedV1{
		Envelope: event.Envelope{Store: "main"}, Customer: "2", Version: event.Version{Sequence: 5}, Role: "wholesale",
		Person: event.Customer{Account: "2", FirstName: "Jane"}, Meta: []event.Meta{{Key: "tier", Value: codec.Raw(`"gold"`)}},
	}
	d, err := m.Customer(state, Context{Account: "ns"})
	if err != nil || textOf(d.Fields["firstName"]) != "Gold" {
		t.Errorf("%+v, %v: want Gold", d.Fields, err)
	}
}

package mapping

import (
	"fmt"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
)

// Customer derives what NetSuite should hold of a shop's customer account: of the document's customer.fields those that say
// who somebody is and how to reach him, computed as for an order of his without goods, and his addresses. Price level, terms,
// subsidiary and whatever else belongs to NetSuite's people. What the shop leaves empty stays.
func (m *Mapping) Customer(c event.CustomerChangedV1, with Context) (event.DesiredCustomerV1, error) {
	return m.of(c.Store).account(c, with, nil)
}

// CustomerTraced is Customer that leaves what it did in a trace.
func (m *Mapping) CustomerTraced(c event.CustomerChangedV1, with Context, t *Trace) (event.DesiredCustomerV1, error) {
	return m.of(c.Store).account(c, with, t)
}

// account is Customer in the mapping of its store; t, if not nil, is left what was evaluated.
func (m *Mapping) account(c event.CustomerChangedV1, with Context, t *Trace) (event.DesiredCustomerV1, error) {
	if c.Person.FirstName == "" && c.Person.LastName == "" { // made at checkout: the account has no name, its address has
		c.Person.FirstName, c.Person.LastName = c.Billing.FirstName, c.Billing.LastName
	}
	o := event.OrderStateV1{Envelope: c.Envelope, Customer: c.Person, Billing: c.Billing, Shipping: c.Shipping, Meta: c.Meta}
	s := scopeOf(o)
	s.tell(toldOf(c))
	s.trace = t
	fields, err := m.values(m.contact(c.Person), s, false)
	if err != nil {
		return event.DesiredCustomerV1{}, err
	}
	d := event.DesiredCustomerV1{
		Envelope: event.Envelope{
			Type: "desired.v1.customer", ID: fmt.Sprintf("desired:customer:%s:%s:%d:%s", c.Store, c.Customer, with.Sequence, m.revision), Store: c.Store, Time: c.Time,
		},
		Account: with.Account, Customer: c.Customer, ExternalID: customerID(o, IdentityAccount), Fields: fields, Addresses: []event.PostalAddress{},
		Source: event.DesiredCustomerSource{
			Sequence: with.Sequence, Event: c.ID, Version: c.Version, Mapping: m.document.Mapping, Revision: m.revision, Published: with.Published,
		},
	}
	for _, a := range []event.Address{c.Billing, c.Shipping} {
		if a.Address1 == "" && a.City == "" && a.Postcode == "" {
			continue // a name alone is no address
		}
		if p := m.address(a); p != nil && (len(d.Addresses) == 0 || d.Addresses[0] != *p) {
			d.Addresses = append(d.Addresses, *p)
		}
	}
	d.Hash, err = codec.Hash([]any{d.ExternalID, d.Fields, d.Addresses})
	return d, err
}

// contact are the document's fields of a person that the shop has a word for.
func (m *Mapping) contact(p event.Customer) []field {
	said := map[string]string{"firstName": p.FirstName, "lastName": p.LastName, "companyName": p.Company, "email": p.Email, "phone": p.Phone}
	var list []field
	for _, f := range m.customer {
		if said[f.name] != "" {
			list = append(list, f)
		}
	}
	return list
}

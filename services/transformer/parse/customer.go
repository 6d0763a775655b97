package parse

import (
	"fmt"
	"strings"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/woo"
)

// Customer reads one state of a customer account.
func Customer(d Delivery) (event.CustomerChangedV1, error) {
	wire, err := codec.Decode[woo.Customer](d.Body)
	if err != nil {
		return event.CustomerChangedV1{}, fault.New(fault.DeliveryUndecodable, "want a customer as WooCommerce writes it", fault.Because(err))
	}
	r := &reader{}
	c := event.CustomerChangedV1{
		Customer: r.id("id", wire.ID), Username: string(wire.Username), Role: string(wire.Role), Paying: wire.Paying,
		Billing: address(wire.Billing), Shipping: address(wire.Shipping), Meta: r.meta("meta_data", wire.Meta),
		Person: event.Customer{
			Account: string(wire.ID), Email: strings.TrimSpace(string(wire.Email)), FirstName: string(wire.FirstName), LastName: string(wire.LastName),
			Company: string(wire.Billing.Company), Phone: string(wire.Billing.Phone),
		},
	}
	c.Version.ModifiedAt = r.time("date_modified_gmt", wire.ModifiedGMT)
	if c.Version.ModifiedAt.IsZero() { // a new account may carry no date of change yet
		c.Version.ModifiedAt = r.time("date_created_gmt", wire.CreatedGMT)
	}
	if r.err != nil {
		return event.CustomerChangedV1{}, r.err
	}
	if c.Hash, err = codec.Hash(struct {
		event.CustomerChangedV1
		Version, Source struct{}
	}{CustomerChangedV1: c}); err != nil {
		return event.CustomerChangedV1{}, err
	}
	return sealCustomer(c, d), nil
}

func sealCustomer(c event.CustomerChangedV1, d Delivery) event.CustomerChangedV1 {
	c.Version.Sequence, c.Source = d.Sequence, sourceOf(d)
	c.Envelope = event.Envelope{
		Type: "customer.v1.changed", ID: fmt.Sprintf("customer:%s:%s:%d", d.Facts.Store, c.Customer, d.Sequence), Store: d.Facts.Store, Time: d.Facts.ReceivedAt,
	}
	return c
}

// NextCustomer decides whether a state is news against the last one (nil: none).
func NextCustomer(last *event.CustomerChangedV1, state event.CustomerChangedV1) bool {
	return last == nil || state.Version.Compare(last.Version) > 0 && state.Hash != last.Hash
}

package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/terms"
)

// check refuses a request that names what is not there: history that stays as it is must not be told of a slip of the keyboard.
func (r Request) check(ctx context.Context, js jetstream.JetStream) error {
	if r.Store != "" {
		if err := Knows(ctx, js, r.Store); err != nil {
			return err
		}
	}
	store, of := subject.Any, ""
	if r.Store != "" {
		store, of = r.Store, " of store "+r.Store
	}
	for _, order := range r.Orders {
		there, err := has(ctx, js, place{topology.Orders, subject.OrdersOf(store, order)}, place{topology.Desired, subject.DesiredOf(store, order)}, place{topology.Woo, subject.WebhooksOfOrder(store, order)})
		if err == nil && !there {
			err = fmt.Errorf("orders = %q: want the shop's ids of orders%s, nothing is kept of this one", order, of)
		}
		if err != nil {
			return err
		}
	}
	for _, customer := range r.Customers {
		there, err := has(ctx, js, place{topology.Customers, subject.CustomersOf(store, customer)}, place{topology.Desired, subject.DesiredOfCustomer(store, customer)})
		if err == nil && !there {
			err = fmt.Errorf("customers = %q: want the shop's ids of customers' accounts%s, nothing is kept of this one", customer, of)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Knows refuses a store of which no event is kept and no writer has said anything.
func Knows(ctx context.Context, js jetstream.JetStream, store string) error {
	said, err := terms.Stores(ctx, js)
	if err != nil {
		return err
	}
	if _, is := said[store]; is {
		return nil
	}
	there, err := has(ctx, js, place{topology.Orders, subject.OrdersIn(store)}, place{topology.Desired, subject.DesiredOrders(store)}, place{topology.Customers, subject.CustomersOf(store, subject.Any)})
	if err == nil && !there {
		err = fmt.Errorf("store = %q: want a key under stores of the configuration: %v", store, slices.Sorted(maps.Keys(said)))
	}
	return err
}

// place is where something is looked for: a stream and a filter.
type place struct{ stream, filter string }

// has tells whether one of the places holds anything.
func has(ctx context.Context, js jetstream.JetStream, places ...place) (bool, error) {
	for _, p := range places {
		stream, err := js.Stream(ctx, p.stream)
		if err != nil {
			return false, fmt.Errorf("stream %s: %w", p.stream, err)
		}
		if _, err = stream.GetLastMsgForSubject(ctx, p.filter); err == nil {
			return true, nil
		}
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return false, fmt.Errorf("stream %s: %w", p.stream, err)
		}
	}
	return false, nil
}

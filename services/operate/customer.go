package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// ErrNoCustomer says that nothing is desired of the customer.
var ErrNoCustomer = errors.New("no such customer")

// DerivedCustomer is a customer's desired state, made again from history.
type DerivedCustomer struct {
	Desired event.DesiredCustomerV1 `json:"desired"`
	Same    bool                    `json:"same"` // it asks for what DESIRED holds
}

// DeriveCustomer makes a customer's desired state again from the event it was made from, with a revision; with the one it was
// made with when revision is empty. Invariant 6: that gives the same, bit for bit.
func DeriveCustomer(ctx context.Context, js jetstream.JetStream, store, customer, revision string) (DerivedCustomer, error) {
	held, state, err := CustomerState(ctx, js, store, customer)
	if err != nil {
		return DerivedCustomer{}, err
	}
	m, err := ofRevision(ctx, js, cmp.Or(revision, held.Source.Revision))
	if err != nil {
		return DerivedCustomer{}, err
	}
	made, err := deriveCustomer(m, held, state)
	return DerivedCustomer{made, made.Hash == held.Hash}, err
}

// deriveCustomer maps a state as the held one was mapped: for the account, from the event, at the position.
func deriveCustomer(m *mapping.Mapping, held event.DesiredCustomerV1, state event.CustomerChangedV1) (event.DesiredCustomerV1, error) {
	return m.Customer(state, mapping.Context{Account: held.Account, Sequence: held.Source.Sequence, Published: held.Source.Published})
}

// CustomerState gives what DESIRED holds of a customer, and the event it was made from.
func CustomerState(ctx context.Context, js jetstream.JetStream, store, customer string) (held event.DesiredCustomerV1, state event.CustomerChangedV1, err error) {
	raw, err := last(ctx, js, topology.Desired, subject.DesiredOfCustomer(store, customer))
	if err != nil {
		return held, state, err
	}
	if raw == nil {
		return held, state, fmt.Errorf("%w: %s in store %s has no desired state", ErrNoCustomer, customer, store)
	}
	if held, err = codec.Decode[event.DesiredCustomerV1](raw.Data); err != nil {
		return held, state, err
	}
	customers, err := js.Stream(ctx, topology.Customers)
	if err != nil {
		return held, state, fmt.Errorf("stream %s: %w", topology.Customers, err)
	}
	raw, err = customers.GetMsg(ctx, held.Source.Sequence)
	if err != nil {
		return held, state, fmt.Errorf("%s %d: %w", topology.Customers, held.Source.Sequence, err)
	}
	state, err = codec.Decode[event.CustomerChangedV1](raw.Data)
	return held, state, err
}

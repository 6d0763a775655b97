package replay

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Exercised is how much of history a mapping was tried on.
type Exercised struct {
	Mapping   string `json:"mapping"` // the configuration's key: whose orders and customers
	Orders    int    `json:"orders"`
	Customers int    `json:"customers"`
}

// Exercise maps the newest states of the orders and customers asked for, parked ones too, with the look-ups that an order was
// mapped with, and leaves in the trace what that evaluates. It writes nothing.
func Exercise(ctx context.Context, js jetstream.JetStream, m *mapping.Mapping, among Among, t *mapping.Trace) (Exercised, error) {
	var done Exercised
	if err := among.settle(ctx, js, m); err != nil {
		return done, err
	}
	done.Mapping = among.Mapping
	desired, err := js.Stream(ctx, topology.Desired)
	if err != nil {
		return done, fmt.Errorf("stream %s: %w", topology.Desired, err)
	}
	err = among.orders(ctx, js, func(state event.OrderStateV1, sequence uint64) error {
		done.Orders++
		with, err := recorded(ctx, desired, m.Asks(state), state, sequence)
		if err != nil {
			return err
		}
		_, _ = m.MapTraced(state, with, t) // an order that is parked exercises what it came to
		return nil
	})
	if err != nil {
		return done, err
	}
	err = among.customers(ctx, js, func(state event.CustomerChangedV1, sequence uint64) error {
		done.Customers++
		_, _ = m.CustomerTraced(state, mapping.Context{Sequence: sequence}, t)
		return nil
	})
	return done, err
}

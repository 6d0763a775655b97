package replay

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Exercise maps the newest states of the orders asked for, parked ones too, with the look-ups that an order was mapped with,
// and leaves in the trace what that evaluates; it gives how many there are. It writes nothing.
func Exercise(ctx context.Context, js jetstream.JetStream, m *mapping.Mapping, among Among, t *mapping.Trace) (int, error) {
	if err := among.settle(ctx, js, m); err != nil {
		return 0, err
	}
	desired, err := js.Stream(ctx, topology.Desired)
	if err != nil {
		return 0, fmt.Errorf("stream %s: %w", topology.Desired, err)
	}
	looked := 0
	err = among.newest(ctx, js, func(state event.OrderStateV1, sequence uint64) error {
		looked++
		with, err := recorded(ctx, desired, m.Asks(state), state, sequence)
		if err != nil {
			return err
		}
		_, _ = m.MapTraced(state, with, t) // an order that is parked exercises what it came to
		return nil
	})
	return looked, err
}

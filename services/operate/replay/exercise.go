package replay

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Exercise maps the newest states of the last n orders, parked ones too, and leaves in the trace what that evaluates;
// it gives how many there are. It writes nothing.
func Exercise(ctx context.Context, js jetstream.JetStream, m *mapping.Mapping, n int, t *mapping.Trace) (int, error) {
	looked := 0
	err := newest(ctx, js, n, func(state event.OrderStateV1, sequence uint64) error {
		looked++
		_, _ = m.MapTraced(state, mapping.Context{Sequence: sequence}, t) // an order that is parked exercises what it came to
		return nil
	})
	return looked, err
}

package operate

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
)

// State gives what DESIRED holds of an order, and the state of the order it was made from. An empty store is the only
// one that has the order.
func State(ctx context.Context, js jetstream.JetStream, store, order string) (held event.DesiredOrderV1, state event.OrderStateV1, err error) {
	if store == "" {
		if store, err = storeOf(ctx, js, order); err != nil {
			return held, state, err
		}
	}
	return source(ctx, js, store, order)
}

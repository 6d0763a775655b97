package operate

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/topology"
)

// Counts are live figures of the pipeline.
type Counts struct {
	Deliveries uint64 `json:"deliveries"` // stored in WOO, all time
	Events     uint64 `json:"events"`
	Desired    uint64 `json:"desired"`
	Outcomes   uint64 `json:"outcomes"`
	ToShop     uint64 `json:"to_shop"`  // things the shop ledger knows: an order's facts, a note, a parcel, a SKU
	Failures   uint64 `json:"failures"` // entries, resolved ones included
	Waiting    uint64 `json:"waiting"`  // desired states not yet acknowledged by a writer
}

// Count reads the figures.
func Count(ctx context.Context, js jetstream.JetStream, accounts []string) (Counts, error) {
	var c Counts
	for name, target := range map[string]*uint64{
		topology.Woo: &c.Deliveries, topology.Orders: &c.Events, topology.Desired: &c.Desired, topology.Outcomes: &c.Outcomes,
	} {
		stream, err := js.Stream(ctx, name)
		if err != nil {
			return Counts{}, fmt.Errorf("stream %s: %w", name, err)
		}
		*target = stream.CachedInfo().State.LastSeq
	}
	told, err := js.Stream(ctx, topology.ShopOutcomes)
	if err != nil {
		return Counts{}, fmt.Errorf("stream %s: %w", topology.ShopOutcomes, err)
	}
	c.ToShop = told.CachedInfo().State.NumSubjects // each try is claimed: there are more entries than things
	failures, err := js.Stream(ctx, topology.Failures)
	if err != nil {
		return Counts{}, fmt.Errorf("stream %s: %w", topology.Failures, err)
	}
	c.Failures = failures.CachedInfo().State.Msgs
	for _, account := range accounts {
		consumer, err := js.Consumer(ctx, topology.Desired, topology.WriterOf(account))
		if err != nil {
			return Counts{}, fmt.Errorf("consumer of %s: %w", account, err)
		}
		info := consumer.CachedInfo()
		c.Waiting += info.NumPending + uint64(info.NumAckPending)
	}
	return c, nil
}

package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/topology"
)

// errStopped says that Control has paused or cancelled the plan.
var errStopped = errors.New("stopped")

// backlog is the number of live states before a writer at which a replay waits.
const backlog = 8

// window is the number of replayed states under way at once, from publication to outcome. Most of that time a state waits
// for its read-back, which many share, so that twice the slots keep about half of them busy: a fresh order finds a free one,
// where the lanes alone would let it wait for the end of a replay's request.
func window(slots int) int { return max(2*slots, 2) }

// room waits until live traffic has the right of way: few states stand before each writer that none has taken, and few of
// what this plan published has no outcome yet. States that wait for their next try (an hour, it may be) are in nobody's way.
func (r *runner) room(ctx context.Context, account string) error {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for !r.stopped.Load() {
		before, err := r.before(ctx, account)
		if err != nil {
			return err
		}
		if err := r.settle(ctx, account, before.AckFloor.Stream); err != nil {
			return err
		}
		if before.NumPending < backlog && len(r.under) < window(cmp.Or(r.slots(ctx, account), assumedSlots)) {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errStopped
}

const pace = 20 * time.Millisecond // between two looks at the writers

// before is what stands before an account's writer.
func (r *runner) before(ctx context.Context, account string) (*jetstream.ConsumerInfo, error) {
	consumer, err := r.js.Consumer(ctx, topology.Desired, topology.WriterOf(account))
	if err != nil {
		return nil, fmt.Errorf("writer of account %s: %w", account, err)
	}
	return consumer.CachedInfo(), nil
}

// settle forgets what is done. floor: up to there the account's writer is done with everything.
func (r *runner) settle(ctx context.Context, account string, floor uint64) error {
	var still []written
	for _, w := range r.under {
		if w.account == account && w.sequence <= floor {
			continue
		}
		done, err := r.done(ctx, w)
		if err != nil {
			return err
		}
		if !done {
			still = append(still, w)
		}
	}
	r.under = still
	return nil
}

// longest is for how long a customer's state counts as under way. He has no outcomes: while another state that waits holds
// the writer's floor back, nothing tells that his is done.
const longest = 30 * time.Second

// done tells whether an order has an outcome of this state or of a later one, or a customer's state is old enough.
func (r *runner) done(ctx context.Context, w written) (bool, error) {
	if w.Customer != "" {
		return time.Since(w.at) > longest, nil
	}
	s, err := r.recorded(ctx, w.account, w.Store, w.Order)
	return err == nil && s.entry != nil && s.entry.Desired.Sequence >= w.sequence, err
}

// written is a state that was published and is not known to be done.
type written struct {
	Object
	account  string
	sequence uint64 // in DESIRED
	at       time.Time
}

package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

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
		waiting, err := r.waiting(ctx, account)
		if err != nil {
			return err
		}
		if err := r.settle(ctx); err != nil {
			return err
		}
		if waiting < backlog && len(r.under) < window(cmp.Or(r.slots(ctx, account), assumedSlots)) {
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

// waiting counts the states before an account's writer.
func (r *runner) waiting(ctx context.Context, account string) (int, error) {
	consumer, err := r.js.Consumer(ctx, topology.Desired, topology.WriterOf(account))
	if err != nil {
		return 0, fmt.Errorf("writer of account %s: %w", account, err)
	}
	return int(consumer.CachedInfo().NumPending), nil
}

// settle forgets what has an outcome: of this state, or of a later one of the order.
func (r *runner) settle(ctx context.Context) error {
	var still []written
	for _, w := range r.under {
		s, err := r.recorded(ctx, w.account, w.store, w.order)
		if err != nil {
			return err
		}
		if s.entry == nil || s.entry.Desired.Sequence < w.sequence {
			still = append(still, w)
		}
	}
	r.under = still
	return nil
}

// written is a state that was published and has no outcome yet.
type written struct {
	account, store, order string
	sequence              uint64 // in DESIRED
}

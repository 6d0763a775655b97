package netsuitewriter

import (
	"context"
	"sync"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/netsuite-writer/governor"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// place is where an order stands in its batch.
type place struct {
	group *batch
	item  int
}

// listing is the list of a batch's tasks: asked for when the first of its orders is missing, shared by all that are.
type listing struct {
	once  sync.Once
	done  chan struct{}
	tasks []suitetalk.Task
	call  event.Call
}

// refusal reads what NetSuite answered to one order of a batch: the fault of a refusal that is certain, nil otherwise.
func (b *backlog) refusal(ctx context.Context, at place) ([]event.Call, error) {
	if at.group.job.ID == "" || !b.listed(ctx, at.group) {
		return nil, nil
	}
	calls := []event.Call{at.group.listing.call}
	if len(at.group.listing.tasks) != len(at.group.items) {
		return calls, nil // which task is the order's cannot be told
	}
	call, err := b.client.Refusal(suitetalk.WithLane(ctx, governor.LaneFinish), at.group.listing.tasks[at.item])
	return append(calls, call), err
}

// listed waits until the tasks of a batch are listed; false: ctx ended before.
func (b *backlog) listed(ctx context.Context, group *batch) bool {
	l := &group.listing
	l.once.Do(func() {
		go func() {
			defer close(l.done)
			l.tasks, l.call, _ = b.client.Tasks(suitetalk.WithLane(b.ctx, governor.LaneFinish), group.job) // without a list the orders are written by themselves
			l.call.Grouped = len(group.items)
		}()
	})
	select {
	case <-l.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// refused gives the refusal of an order that a batch did not write, if writing the order by itself would only bring it
// again. What a second try may heal is nil: a text that can be shortened, an externalId whose owner a look tells.
func (w *writer) refused(ctx context.Context, j *job, at place, limits map[string]plan.Limit) error {
	calls, err := w.many.refusal(ctx, at)
	j.add(calls)
	switch fault.CodeOf(err) {
	case fault.ExternalIDTaken:
		return nil
	case fault.NetSuiteFieldTooLong:
		if w.scribe.maxima.learn(ctx, "salesOrder", limits, err) {
			return nil
		}
	}
	return err
}

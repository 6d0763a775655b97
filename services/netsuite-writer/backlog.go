package netsuitewriter

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/netsuite-writer/governor"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// backlog writes new sales orders many at a time, by asynchronous batches, while more orders wait than the slots
// take in a second: NetSuite's own processors work on a batch, and no slot is held meanwhile.
//
// Only first states of orders go this way. A batch's job succeeds even when each of its items failed, so what proves a
// write is the read-back, one query for many orders, and that an order is there proves only that some state of it was
// written. Of an order that the read-back misses its own task's result is read: a refusal for good is the order's, as if it
// had been written by itself, and not sent a second time. An order without one is written again by itself.
//
// A batch that nobody waits for any more may still run and overwrite a newer state. So every batch stands in the book
// from before it is sent until its job is done, and an order that stands there is not written before that.
type backlog struct {
	ctx     context.Context // of the service: a batch serves many orders
	account string
	client  *suitetalk.Client
	book    *book
	log     *slog.Logger
	pinned  func(ctx context.Context) error
	ahead   func(behind int) time.Duration // how long the slots need for what waits, and so many more

	mu      sync.Mutex
	off     bool // NetSuite refuses batches as such
	on      bool
	waiting *batch
	flying  chan struct{} // a place per batch under way
	took    time.Duration // from the 202 to the end of the last job
}

const (
	inFlight   = 4                      // batches under way at once: more than an account has processors
	gatherFor  = 500 * time.Millisecond // of a batch that is not full
	standing   = time.Second            // of work for the slots makes a backlog
	worthwhile = 10                     // orders; smaller batches end the mode
	maxBatch   = 4 << 20                // bytes of a batch's records
)

// batch is a group of orders that are written together.
type batch struct {
	orders []string // ledger subjects
	items  []suitetalk.Item
	bytes  int
	parts  []string // of the idempotency key
	full   chan struct{}
	done   chan struct{}
	job    suitetalk.Job // none: NetSuite refused the batch as such
	calls  []event.Call
	err    error

	listing listing
}

func newBacklog(ctx context.Context, account string, client *suitetalk.Client, book *book, log *slog.Logger) *backlog {
	return &backlog{
		off: true, // until it is told of its consumer
		ctx: suitetalk.WithLane(ctx, governor.LanePaid), account: account, client: client, book: book, log: log, flying: make(chan struct{}, inFlight),
		pinned: func(context.Context) error { return nil }, ahead: func(int) time.Duration { return 0 },
	}
}

// follow lets batches be made, by what the account's consumer and governor see.
func (b *backlog) follow(pinned func(context.Context) error, ahead func(int) time.Duration) {
	b.off, b.pinned, b.ahead = false, pinned, ahead
}

// takes tells whether the order goes into a batch.
func (b *backlog) takes(j *job, target suitetalk.Request) bool {
	first := j.last == nil && j.desired.Source.Replaces == 0 && j.message.Attempt == 0
	if !first || target.Method != http.MethodPut {
		return false
	}
	crowded := b.ahead(int(j.message.Pending)) >= standing
	b.mu.Lock()
	defer b.mu.Unlock()
	b.on = !b.off && (b.on || crowded)
	return b.on
}

// write puts the order into the next batch and waits until NetSuite has worked on it. Whether it was written says the
// read-back alone. The error is the batch's.
func (b *backlog) write(ctx context.Context, j *job, body []byte) (place, []event.Call, error) {
	at := b.join(j, body)
	select {
	case <-at.group.done:
		return at, at.group.calls, at.group.err
	case <-ctx.Done():
		return at, nil, ctx.Err()
	}
}

func (b *backlog) join(j *job, body []byte) place {
	b.mu.Lock()
	defer b.mu.Unlock()
	group := b.waiting
	if group == nil || len(group.items) == suitetalk.MaxBatch || group.bytes+len(body) > maxBatch {
		if group != nil {
			close(group.full)
		}
		group = &batch{full: make(chan struct{}), done: make(chan struct{}), parts: []string{b.account}, listing: listing{done: make(chan struct{})}}
		b.waiting = group
		go b.run(group)
	}
	group.orders = append(group.orders, j.subject)
	group.items = append(group.items, suitetalk.Item{ExternalID: j.desired.SalesOrder.ExternalID, Body: body})
	group.parts = append(group.parts, j.subject, fmt.Sprint(j.message.Sequence))
	group.bytes += len(body)
	return place{group, len(group.items) - 1}
}

// run lets the batch grow, then sends it and waits for its job.
func (b *backlog) run(group *batch) {
	defer close(group.done)
	b.gather(group)
	defer func() { <-b.flying }()
	b.mu.Lock()
	if b.waiting == group {
		b.waiting = nil
	}
	b.on = b.on && len(group.items) >= worthwhile
	b.mu.Unlock()
	group.err = b.carry(group)
	for i := range group.calls {
		group.calls[i].Grouped = len(group.items)
	}
}

// gather ends when the batch is full or nothing more came for a while, and a place is free.
func (b *backlog) gather(group *batch) {
	timer := time.NewTimer(gatherFor)
	defer timer.Stop()
	select {
	case <-group.full:
	case <-timer.C:
	case <-b.ctx.Done():
	}
	b.flying <- struct{}{} // meanwhile it grows on
}

func (b *backlog) carry(group *batch) error {
	entry := entry{Key: suitetalk.KeyOf(group.parts...), Orders: group.orders, Items: group.items}
	release, err := b.book.open(b.ctx, entry)
	if err != nil {
		return err
	}
	if err := b.pinned(b.ctx); err != nil {
		release(b.ctx)
		return err
	}
	job, calls, sent, err := b.finish(b.ctx, entry)
	group.job, group.calls = job, calls
	if err == nil || !sent {
		release(b.ctx)
	} else {
		b.book.leave(entry.Key)
	}
	if class := fault.ClassOf(err); err != nil && class == fault.Terminal {
		b.refused(err)
		return nil // the read-back misses the orders: each is written by itself
	}
	return err
}

// finish sends a batch, or finds the job of its key, and waits until the job is done; sent tells whether it may run when
// there is an error.
func (b *backlog) finish(ctx context.Context, e entry) (job suitetalk.Job, calls []event.Call, sent bool, err error) {
	job, calls, err = b.client.Submit(ctx, suitetalk.Batch{
		Method: http.MethodPut, Record: "salesOrder", Items: e.Items, Replace: sublists, Key: e.Key, Validate: true, Purpose: "upsert sales orders",
	})
	if err != nil {
		return job, calls, fault.CodeOf(err) == fault.NetSuiteAmbiguous, err
	}
	started := time.Now()
	polls, err := b.client.Await(suitetalk.WithLane(ctx, governor.LaneFinish), job, b.pace())
	if err == nil {
		b.learn(time.Since(started))
	}
	return job, append(calls, polls...), true, err
}

// pace asks for the first time when the job before this one would be done: most jobs cost two polls.
func (b *backlog) pace() suitetalk.Pace {
	b.mu.Lock()
	defer b.mu.Unlock()
	return suitetalk.Pace{First: min(max(b.took*9/10, time.Second/2), time.Minute), Most: suitetalk.DefaultPace.Most}
}

func (b *backlog) learn(took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.took = took
}

// refused ends batches for this process: an account or role may not have them.
func (b *backlog) refused(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.off, b.on = true, false
	b.log.Warn("NetSuite refuses batches; a backlog is written order by order", "account", b.account, "code", fault.CodeOf(err), "error", err)
}

// settled waits until no batch of an earlier life, or one whose answer was lost, can touch the order any more.
func (b *backlog) settled(ctx context.Context, order string) ([]event.Call, error) {
	e, found := b.book.about(order)
	if !found {
		return nil, nil
	}
	if err := b.pinned(ctx); err != nil {
		return nil, err
	}
	return b.book.once(ctx, e, func() ([]event.Call, error) {
		_, calls, _, err := b.finish(b.ctx, e)
		if err == nil || fault.ClassOf(err) == fault.Terminal { // refused: it did not run
			b.book.close(b.ctx, e.Key)
			err = nil
		}
		return calls, err
	})
}

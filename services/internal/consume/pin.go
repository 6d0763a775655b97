package consume

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// pin knows whether this consumer is the one that a pinned priority group serves, and since when that is proven.
// A process that was frozen and wakes holds messages that another works on by now.
type pin struct {
	group string
	limit time.Duration // half of PinnedTTL: the server pins nobody else within it

	mu       sync.Mutex
	consumer jetstream.Consumer
	id       string    // given by the server with each message
	proven   time.Time // when the newest question was asked whose answer named us; monotonic
	seen     uint64    // the server's count of deliveries, of the last one to this consumer
	through  uint64    // the newest message delivered to others before
	since    time.Time // this one is active
}

// pinHeader is how the server tells a client its pin.
const pinHeader = "Nats-Pin-Id"

var errNotPinned = errors.New("another consumer of the group is active, or the server does not say that we are")

func (p *pin) use(consumer jetstream.Consumer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.consumer, p.limit = consumer, consumer.CachedInfo().Config.PinnedTTL/2
}

// saw takes note of a message's pin. With a new one this consumer has become the active one. Where the server counts
// deliveries between the last one to this consumer and now, they went to another, in whose hands they may be.
func (p *pin) saw(ctx context.Context, msg jetstream.Msg) error {
	metadata, err := msg.Metadata()
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	id, last := msg.Headers().Get(pinHeader), p.seen
	if id == "" || id == p.id {
		p.seen = metadata.Sequence.Consumer
		return nil
	}
	if metadata.Sequence.Consumer != last+1 {
		if p.through, err = p.before(ctx, metadata); err != nil {
			return err
		}
		p.since = time.Now()
	}
	p.id, p.seen = id, metadata.Sequence.Consumer
	return nil
}

// before gives the newest message delivered before the first one of a pin: the one before it if it is new itself. Of one that
// comes again the server says at most what it has delivered by now.
func (p *pin) before(ctx context.Context, first *jetstream.MsgMetadata) (uint64, error) {
	if first.NumDelivered == 1 {
		return first.Sequence.Stream - 1, nil
	}
	info, err := p.consumer.Info(ctx)
	if err != nil {
		return 0, err
	}
	return info.Delivered.Stream, nil
}

// Inherited tells what may still be in the hands of the consumer that was the group's active one before this one: messages
// up to that sequence, delivered before that time.
func (c *Consumer) Inherited() (through uint64, since time.Time) {
	c.pin.mu.Lock()
	defer c.pin.mu.Unlock()
	return c.pin.through, c.pin.since
}

// check gives nil while the pin was proven within half of its lifetime; otherwise it asks the server.
func (p *pin) check(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.proven) < p.limit/2 {
		return nil
	}
	if p.consumer == nil {
		return errNotPinned // it does not run yet
	}
	asked := time.Now()
	within, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	info, err := p.consumer.Info(within)
	if err != nil {
		return errors.Join(errNotPinned, err)
	}
	for _, group := range info.PriorityGroups {
		if group.Group == p.group && group.PinnedClientID == p.id && p.id != "" {
			p.proven = asked
		}
	}
	if time.Since(p.proven) >= p.limit {
		return errNotPinned
	}
	return nil
}

// Pinned gives nil while this consumer is the active one of its group: the answer of the server that says so is
// younger than half of PinnedTTL. An error counts as Interrupted: the message belongs to somebody else now. Without
// a group there is nothing to ask.
//
// Invariant 4: a writer asks before each call that changes the other side, so that one that was frozen does not
// overwrite what its successor wrote.
func (c *Consumer) Pinned(ctx context.Context) error {
	if c.config.Group == "" {
		return nil
	}
	if err := c.pin.check(ctx); err != nil {
		return errors.Join(context.Canceled, err)
	}
	return nil
}

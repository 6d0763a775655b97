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
}

// pinHeader is how the server tells a client its pin.
const pinHeader = "Nats-Pin-Id"

var errNotPinned = errors.New("another consumer of the group is active, or the server does not say that we are")

func (p *pin) use(consumer jetstream.Consumer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.consumer, p.limit = consumer, consumer.CachedInfo().Config.PinnedTTL/2
}

func (p *pin) saw(msg jetstream.Msg) {
	if id := msg.Headers().Get(pinHeader); id != "" {
		p.mu.Lock()
		p.id = id
		p.mu.Unlock()
	}
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

package notifier

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/notifier/digest"
)

// sender tells people one notice. Its errors are faults: ChannelRefused for a message that will never be
// taken, anything else is tried again.
type sender interface {
	send(ctx context.Context, n digest.Notice) error
}

// refusals is where a notice goes that a channel will never take, and where it ends once the channel takes one.
type refusals interface {
	park(ctx context.Context, channel string, n digest.Notice, cause error) error
	resolve(ctx context.Context, channel string, n digest.Notice) error
}

// channel tells notices one after the other, at its own pace: one that is down keeps no other one waiting.
type channel struct {
	name     string
	sender   sender
	refusals refusals
	log      *slog.Logger
	counter  metric.Int64Counter
	pause    func(attempt int) time.Duration
	down     atomic.Bool

	mu    sync.Mutex
	queue []task
	wake  chan struct{}
}

type task struct {
	notice  digest.Notice
	receipt *receipt
}

func newChannel(s named, r refusals, log *slog.Logger, counter metric.Int64Counter) *channel {
	return &channel{name: s.name, sender: s.sender, refusals: r, log: log.With("channel", s.name), counter: counter, pause: backoff, wake: make(chan struct{}, 1)}
}

// add never blocks. What waits here is bounded by the messages that wait for it unacked.
func (c *channel) add(n digest.Notice, r *receipt) {
	c.mu.Lock()
	c.queue = append(c.queue, task{n, r})
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *channel) next() (task, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return task{}, false
	}
	t := c.queue[0]
	c.queue = c.queue[1:]
	return t, true
}

// run tells until ctx ends; the message being told then may end within sendTimeout.
func (c *channel) run(ctx context.Context) {
	for ctx.Err() == nil {
		if t, ok := c.next(); ok {
			c.deliver(ctx, t)
			continue
		}
		select {
		case <-ctx.Done():
		case <-c.wake:
		}
	}
}

// sendTimeout bounds one try, and with it how long stopping takes.
const sendTimeout = 8 * time.Second

// deliver tries until the message is told, refused for good and parked, or we stop: then its receipt stays open
// and the message in the stream unacked.
func (c *channel) deliver(ctx context.Context, t task) {
	for attempt := 0; ; attempt++ {
		outcome, err := c.settle(ctx, t.notice)
		if err == nil {
			c.down.Store(false)
			c.count(ctx, outcome)
			t.receipt.settle()
			return
		}
		c.down.Store(true)
		c.count(ctx, "retried")
		c.log.WarnContext(ctx, "notice waits for its channel", "notice", t.notice.Key, "code", fault.CodeOf(err), "attempt", attempt+1, "error", err)
		timer := time.NewTimer(max(fault.AfterOf(err), c.pause(attempt)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// settle tells the notice, or parks what will never be taken. Invariant 3: nothing is dropped.
func (c *channel) settle(ctx context.Context, n digest.Notice) (outcome string, err error) {
	err = c.try(ctx, n)
	if fault.CodeOf(err) == fault.ChannelRefused {
		c.log.ErrorContext(ctx, "notice refused", "notice", n.Key, "code", fault.ChannelRefused, "error", err)
		return "refused", c.refusals.park(ctx, c.name, n, err)
	}
	if err != nil {
		return "", err
	}
	if err := c.refusals.resolve(ctx, c.name, n); err != nil {
		// People are told: that the refusal before it ended is said with the next notice.
		c.log.WarnContext(ctx, "refusal stays on record", "code", fault.CodeOf(err), "error", err)
	}
	return "told", nil
}

func (c *channel) try(ctx context.Context, n digest.Notice) error {
	// Stopping does not cut a message in two: whether it was told would be unknown.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	return c.sender.send(ctx, n)
}

func (c *channel) count(ctx context.Context, outcome string) {
	c.counter.Add(ctx, 1, metric.WithAttributes(attribute.String("channel", c.name), attribute.String("outcome", outcome)))
}

const (
	firstPause = 500 * time.Millisecond
	lastPause  = time.Minute
)

// backoff doubles from firstPause to lastPause, spread over 75–125 %.
func backoff(attempt int) time.Duration {
	pause := lastPause
	if attempt < 10 {
		pause = min(firstPause<<attempt, lastPause)
	}
	return time.Duration(float64(pause) * (0.75 + rand.Float64()/2))
}

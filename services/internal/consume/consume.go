// Package consume is the only place that acks. It runs a handler over a durable consumer: outputs are
// published, then the message is acked (Invariant 1), and an error's class decides what else happens.
// Messages with the same lane key never run at the same time and keep their order.
package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// Message is one delivered message.
type Message struct {
	Stream   string
	Sequence uint64
	Subject  string
	Header   map[string][]string
	Data     []byte
	StoredAt time.Time // UTC, when the stream stored it
	Pending  uint64    // messages that waited behind it when it was delivered
	Attempt  int       // tries that failed on the message itself, in this process
}

// Position names the message.
func (m Message) Position() event.Position {
	return event.Position{Stream: m.Stream, Sequence: m.Sequence, Subject: m.Subject}
}

// Handler turns a message into the messages that follow from it. It neither acks nor publishes; it may run
// again for the same message at any time. Messages returned beside an error are stored too: what a failed
// try leaves on record.
type Handler func(ctx context.Context, m Message) ([]publish.Message, error)

// Parker turns a message that failed for good into its failure entry.
type Parker func(ctx context.Context, m Message, cause error) ([]publish.Message, error)

// Config says what to consume and how.
type Config struct {
	Stream   string
	Durable  string
	Stage    string // the stage's word in metrics, traces and failures
	Group    string // pinned priority group; empty: none
	Handle   Handler
	Park     Parker                 // nil: a message that cannot be handled is retried for ever, loudly
	Lane     func(m Message) string // nil: the subject
	Side     func(m Message) string // which of several other sides the message needs, e.g. a shop; nil: all need the same one
	Minor    func(m Message) bool   // what gives way: it takes part of the lanes, and waits at the server while there is much of it; nil: nothing
	Lanes    int                    // handlers at the same time; 0: 32
	Prefetch int                    // messages held at most; 0: 256
	Attempts int                    // tries of a transient error before it is parked; 0: no limit
	Pace     Pace                   // of tries
	Settle   bool                   // run again after outputs until none follow, then ack
	Grace    time.Duration          // for handlers in flight when stopping; 0: 10 s
}

// Consumer runs one Config.
type Consumer struct {
	config    Config
	js        jetstream.JetStream
	publisher *publish.Publisher
	log       *slog.Logger
	gates     gates
	pin       pin
	meter     meter
}

// New makes a consumer; Run starts it.
func New(js jetstream.JetStream, log *slog.Logger, config Config) (*Consumer, error) {
	config.fill()
	meter, err := newMeter(config.Stage)
	if err != nil {
		return nil, err
	}
	return &Consumer{
		config: config, js: js, publisher: publish.New(js), log: log.With("stage", config.Stage),
		gates: gates{pace: config.Pace}, pin: pin{group: config.Group}, meter: meter,
	}, nil
}

func (c *Config) fill() {
	if c.Lane == nil {
		c.Lane = func(m Message) string { return m.Subject }
	}
	if c.Minor == nil {
		c.Minor = func(Message) bool { return false }
	}
	if c.Lanes == 0 {
		c.Lanes = 32
	}
	if c.Prefetch == 0 {
		c.Prefetch = 256
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Second
	}
	c.Pace.fill()
}

// Paused tells whether another side is unavailable and messages wait for it.
func (c *Consumer) Paused() bool { return len(c.gates.shut()) > 0 }

func (c *Consumer) side(m Message) string {
	if c.config.Side == nil {
		return ""
	}
	return c.config.Side(m)
}

// Away lists the other sides that are unavailable.
func (c *Consumer) Away() []string { return c.gates.shut() }

// Run consumes until ctx ends, then hands back what has not begun, gives handlers in flight their grace
// and returns nil. Invariant 7: SIGTERM drains.
func (c *Consumer) Run(ctx context.Context) error {
	consumer, err := c.js.Consumer(ctx, c.config.Stream, c.config.Durable)
	switch {
	case ctx.Err() != nil:
		return nil // stopped before it began
	case err != nil:
		return fmt.Errorf("consumer %s/%s: %w", c.config.Stream, c.config.Durable, err)
	}
	c.pin.use(consumer)
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	lanes := newLanes(c, consumer.CachedInfo().Config.AckWait, ctx.Err)
	defer lanes.stop(work, cancel)
	stopBeat := lanes.beat(work)
	defer stopBeat()
	return c.receive(ctx, work, consumer, lanes)
}

func (c *Consumer) receive(ctx, work context.Context, consumer jetstream.Consumer, lanes *lanes) error {
	options := []jetstream.PullMessagesOpt{jetstream.PullMaxMessages(c.config.Prefetch)}
	if c.config.Group != "" {
		options = append(options, jetstream.PullPriorityGroup(c.config.Group))
	}
	messages, err := consumer.Messages(options...)
	if err != nil {
		return fmt.Errorf("consume %s/%s: %w", c.config.Stream, c.config.Durable, err)
	}
	defer messages.Stop()
	for ctx.Err() == nil {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = msg.Nak()
			}
			return nil
		case errors.Is(err, jetstream.ErrMsgIteratorClosed), errors.Is(err, jetstream.ErrConsumerDeleted):
			return fmt.Errorf("consume %s/%s: %w", c.config.Stream, c.config.Durable, err)
		case err != nil:
			// A missed heartbeat, a changed leader or a lost pin: the iterator pulls again by itself.
			c.log.Debug("pull interrupted", "error", err)
			if err := c.gone(ctx, err); err != nil {
				return err
			}
		default:
			if err := c.pin.saw(ctx, msg); err != nil {
				c.log.Debug("who was active before is not known yet", "error", err)
				_ = msg.Nak()
				continue
			}
			lanes.add(ctx, work, msg)
		}
	}
	return nil
}

// gone looks whether a silent server has the consumer at all: where it went away while no pull stood, e.g. with a restored
// server, nobody says so, and the iterator pulls for ever.
func (c *Consumer) gone(ctx context.Context, cause error) error {
	if !errors.Is(cause, jetstream.ErrNoHeartbeat) {
		return nil
	}
	_, err := c.js.Consumer(ctx, c.config.Stream, c.config.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("consume %s/%s: %w", c.config.Stream, c.config.Durable, err)
	}
	return nil
}

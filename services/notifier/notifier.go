// Package notifier tells people of parked failures and alerts: through a signed webhook, by e-mail and in the
// log, grouped so that one cause is one message in a window.
//
// It keeps no state of its own. The message of a first notice stays unacked until every channel has told or
// refused it, and so do the first repeats until their summary is told: after a crash they come again. A first
// notice is never lost; one that was told just before the crash may be told again, with the same id. Two
// notifiers on one server share the work but not the windows: run one.
package notifier

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/telemetry"
)

// Unit is the service.
var Unit = host.Unit{Name: "notifier", Uses: []config.Part{config.People}, New: func(ctx context.Context, env host.Env) (host.Service, error) { return New(ctx, env) }}

// The stages' words in metrics and traces.
const (
	StageFailures = "notify-failures"
	StageAlerts   = "notify-alerts"
)

// held is how many messages may wait for their notice; the consumers' MaxAckPending allows as many. Beyond it
// the streams wait: that takes as many different causes while a channel is down.
const held = 10_000

// Service tells people.
type Service struct {
	js        jetstream.JetStream
	board     *board
	refused   *queue
	consumers []*consume.Consumer
	drained   chan struct{} // closed when no channel tells any more
}

// New prepares the channels that the configuration names; with none, the log is the channel.
func New(ctx context.Context, env host.Env) (*Service, error) {
	counter, err := telemetry.Meter().Int64Counter("orderstream.notices")
	if err != nil {
		return nil, err
	}
	senders, err := senders(env.Config, env.Log)
	if err != nil {
		return nil, err
	}
	refused, err := openQueue(ctx, env.JS)
	if err != nil {
		return nil, err
	}
	channels := make([]*channel, 0, len(senders))
	for _, s := range senders {
		channels = append(channels, newChannel(s, refused, env.Log, counter))
	}
	s := &Service{js: env.JS, board: newBoard(env.Config.Notifier.Group.Std(), channels), refused: refused, drained: make(chan struct{})}
	for _, c := range []consume.Config{
		{Stream: topology.Failures, Durable: topology.ConsumerNotifyFailures, Stage: StageFailures, Handle: s.failure},
		{Stream: topology.Alerts, Durable: topology.ConsumerNotifyAlerts, Stage: StageAlerts, Handle: s.alert},
	} {
		// A message waits for its notice in a lane of its own; the digest compares positions instead of
		// relying on the order.
		c.Lane = func(m consume.Message) string { return fmt.Sprint(m.Sequence) }
		c.Lanes, c.Prefetch = held, held
		consumer, err := consume.New(env.JS, env.Log, c)
		if err != nil {
			return nil, err
		}
		s.consumers = append(s.consumers, consumer)
	}
	return s, s.recall(ctx)
}

// Ready says nil: a channel that is down makes the service degraded, not useless.
func (s *Service) Ready() error { return nil }

// Degraded names the channels that do not answer.
func (s *Service) Degraded() string {
	var down []string
	for _, c := range s.board.channels {
		if c.down.Load() {
			down = append(down, c.name)
		}
	}
	if len(down) == 0 {
		return ""
	}
	return "channels do not answer: " + strings.Join(down, ", ")
}

// Run works until ctx ends. What is being told then is told; everything else is handed back and comes again.
// Invariant 7: SIGTERM drains.
func (s *Service) Run(ctx context.Context) error {
	defer s.refused.book.Close()
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range s.consumers {
		group.Go(func() error { return c.Run(ctx) })
	}
	group.Go(func() error { s.board.run(ctx); return nil })
	var telling sync.WaitGroup
	for _, c := range s.board.channels {
		telling.Go(func() { c.run(ctx) })
	}
	group.Go(func() error {
		telling.Wait()
		close(s.drained)
		return nil
	})
	return group.Wait()
}

package transformer

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/audit"
	"github.com/orderstream/orderstream/services/internal/failures"
)

// witness puts into the audit stream what people did about failures and replays where the command that did it died before it
// told so. Nothing of theirs waits for it.
type witness struct {
	js  jetstream.JetStream
	log *slog.Logger

	mu    sync.Mutex
	known map[string]time.Time // by what keeps an act: the newest one's time
	found []seen               // not known to be told
}

// seen is an act and when it was seen, by this machine's clock.
type seen struct {
	event.AuditActedV1
	at time.Time
}

func newWitness(js jetstream.JetStream, log *slog.Logger) *witness {
	return &witness{js: js, log: log, known: map[string]time.Time{}}
}

// own is for how long an act is left to who did it: a replay's command waits so long for the counts of the runner that it stops.
const own = 3 * time.Second

// Run works until ctx ends. What cannot be followed or told is tried again.
func (w *witness) Run(ctx context.Context) {
	for {
		if err := w.follow(ctx); err != nil && ctx.Err() == nil {
			w.log.Warn("acts on failures and replays cannot be followed; it is tried again", "error", err)
		}
		select {
		case <-time.After(own):
		case <-ctx.Done():
			return
		}
	}
}

func (w *witness) follow(ctx context.Context) error {
	consumer, err := w.js.OrderedConsumer(ctx, topology.Failures, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject.FailureAll}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy,
	})
	if err != nil {
		return fmt.Errorf("follow %s: %w", topology.Failures, err)
	}
	entries, err := consumer.Consume(func(m jetstream.Msg) {
		if entry, err := codec.Decode[event.FailureParkedV1](m.Data()); err == nil {
			w.find(m.Subject(), failures.Acts(entry))
		}
	})
	if err != nil {
		return fmt.Errorf("follow %s: %w", topology.Failures, err)
	}
	defer entries.Stop()
	cursors, err := w.js.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	plans, err := cursors.Watch(ctx, audit.PlanKey(subject.Any))
	if err != nil {
		return fmt.Errorf("watch bucket %s: %w", topology.Cursors, err)
	}
	defer func() { _ = plans.Stop() }()
	look := time.NewTicker(again)
	defer look.Stop()
	for failing := false; ; {
		select {
		case entry, open := <-plans.Updates():
			switch {
			case !open:
				return fmt.Errorf("watch bucket %s: it ended", topology.Cursors)
			case entry == nil: // what was there has been handed on
				continue
			}
			if kept, err := codec.Decode[audit.Kept](entry.Value()); err == nil && kept.Act != nil {
				w.find(entry.Key(), []event.AuditActedV1{*kept.Act})
			}
		case <-look.C:
			err := w.tell(ctx)
			if err != nil && !failing && ctx.Err() == nil {
				w.log.Error("an act cannot be put into the audit stream; it is tried again", "error", err)
			}
			failing = err != nil
		case <-ctx.Done():
			return nil
		}
	}
}

// find notes what is new among the acts that something keeps, oldest first.
func (w *witness) find(in string, acts []event.AuditActedV1) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range acts {
		if a.Time.After(w.known[in]) {
			w.known[in], w.found = a.Time, append(w.found, seen{a, time.Now()})
		}
	}
}

// tell tells what was left to who did it for long enough.
func (w *witness) tell(ctx context.Context) error {
	acts := w.due()
	if err := audit.Tell(ctx, w.js, acts...); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found = w.found[len(acts):]
	return nil
}

func (w *witness) due() (acts []event.AuditActedV1) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.found {
		if time.Since(s.at) < own {
			break
		}
		acts = append(acts, s.AuditActedV1)
	}
	return acts
}

package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/ingest/doorlog"
	"github.com/orderstream/orderstream/services/internal/alert"
	"github.com/orderstream/orderstream/services/internal/pause"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// forwarder moves the door log into its streams, in order, and cuts the log behind what JetStream has confirmed.
// A crash repeats what was not cut; message ids make the repeat harmless (Invariant 2).
type forwarder struct {
	doorLog   *doorlog.Log
	publisher *publish.Publisher
	log       *slog.Logger
	alerts    *alert.Raiser
	proven    <-chan struct{} // closed once the server may be trusted with deliveries
	limit     func() int64    // the server's max_payload
	back      <-chan nats.Status

	mu        sync.Mutex
	confirmed uint64        // everything up to here is in JetStream or set aside
	changed   chan struct{} // closed and replaced when confirmed grows
	troubled  time.Time     // since when JetStream is away; zero: it is not
}

const (
	forwardRecords = 512
	forwardBytes   = 8 << 20
	gatherFrom     = 14                    // records of a batch: when there are so many, more are on their way
	gatherFor      = 20 * time.Millisecond // and are waited for: a large batch costs little more than a small one
	firstWait      = 50 * time.Millisecond
	lastWait       = 2 * time.Second
	awayAfter      = time.Second      // a shorter absence is not worth a word
	forwardTimeout = 10 * time.Second // of one batch
)

func newForwarder(l *doorlog.Log, js jetstream.JetStream, log *slog.Logger, alerts *alert.Raiser) *forwarder {
	return &forwarder{doorLog: l, publisher: publish.New(js), log: log, alerts: alerts, limit: func() int64 { return 1 }, changed: make(chan struct{})}
}

func (f *forwarder) run(ctx context.Context) {
	if !f.trusted(ctx) {
		return
	}
	var retried sync.WaitGroup
	retried.Go(func() { f.retryAsides(ctx, f.back) })
	defer retried.Wait()
	var after uint64
	for ctx.Err() == nil {
		records, err := f.doorLog.Read(ctx, after, forwardRecords, forwardBytes)
		if err != nil {
			if ctx.Err() == nil {
				f.log.Error("door log cannot be read", "code", fault.DoorLogFailed, "error", err)
				f.alerts.Raise(event.AlertDoorLog, "", fault.DoorLogFailed, "the door log cannot be read", nil)
				pause.For(ctx, lastWait)
			}
			continue
		}
		after = f.forward(ctx, records)
		if len(records) >= gatherFrom && len(records) < forwardRecords {
			pause.For(ctx, gatherFor)
		}
	}
}

// trusted waits until the server is proven.
func (f *forwarder) trusted(ctx context.Context) bool {
	select {
	case <-f.proven:
		return true
	default:
		f.trouble(errors.New("the server is not there yet, or not proven"))
	}
	select {
	case <-f.proven:
		return true
	case <-ctx.Done():
		return false
	}
}

// forward sends records until all are confirmed or set aside; it returns the last such sequence.
func (f *forwarder) forward(ctx context.Context, records []doorlog.Record) uint64 {
	last := records[0].Sequence - 1
	wait := firstWait
	for len(records) > 0 && ctx.Err() == nil {
		n, err := f.send(ctx, records)
		if n > 0 {
			last, wait = records[n-1].Sequence, firstWait
			f.settle(last)
			records = records[n:]
		}
		switch {
		case err == nil || ctx.Err() != nil:
			continue
		case !lasting(err):
			f.trouble(err)
		case f.setAside(records[0], err):
			last, records = records[0].Sequence, records[1:]
			f.settle(last)
			continue
		}
		pause.For(ctx, wait)
		wait = min(2*wait, lastWait)
	}
	return last
}

func (f *forwarder) send(ctx context.Context, records []doorlog.Record) (int, error) {
	messages := make([]publish.Message, 0, len(records))
	for _, record := range records {
		message, err := unseal(record.Data)
		if err != nil {
			if len(messages) == 0 {
				return 0, fault.New(fault.MessageUndecodable, "a record must hold a delivery", fault.Because(err))
			}
			break
		}
		if len(messages) > 0 && message.Stream != messages[0].Stream {
			break // a batch goes to one stream
		}
		messages = append(messages, message)
	}
	ctx, cancel := context.WithTimeout(ctx, forwardTimeout)
	defer cancel()
	return f.publisher.PublishBatch(ctx, messages)
}

func (f *forwarder) settle(through uint64) {
	if err := f.doorLog.Cut(through); err != nil && !errors.Is(err, doorlog.ErrFailed) {
		f.log.Warn("door log not cut; its records will be sent again and recognised", "error", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.troubled.IsZero() {
		f.log.Info("JetStream is back", "away", time.Since(f.troubled).Round(time.Millisecond).String())
		f.troubled = time.Time{}
	}
	f.confirmed = through
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *forwarder) trouble(err error) {
	f.mu.Lock()
	first := f.troubled.IsZero()
	if first {
		f.troubled = time.Now()
	}
	f.mu.Unlock()
	if first {
		f.log.Warn("JetStream does not take deliveries; the door log keeps them", "code", fault.CodeOf(err), "error", err)
		f.alerts.Raise(event.AlertStream, "", fault.StreamUnavailable, "JetStream does not take deliveries; the door log keeps them", nil)
	}
}

// away tells whether JetStream has been unreachable for long enough to say so.
func (f *forwarder) away() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.troubled.IsZero() && time.Since(f.troubled) > awayAfter
}

// wait returns when the record is confirmed by JetStream.
func (f *forwarder) wait(ctx context.Context, sequence uint64) error {
	for {
		f.mu.Lock()
		done, changed := f.confirmed >= sequence, f.changed
		f.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drain gives the forwarder time to empty the log; what remains is forwarded after the next start.
func (f *forwarder) drain(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for f.doorLog.Stats().Records > 0 && !f.away() {
		f.mu.Lock()
		changed := f.changed
		f.mu.Unlock()
		if f.doorLog.Stats().Records == 0 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

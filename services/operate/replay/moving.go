package replay

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/topology"
)

// history reads DESIRED to its end while orders and customers arrive. The stream holds the newest state of each, so that one
// which changes meanwhile moves to the end: it is met once more if it was read before, and there alone if it was not.
type history struct {
	consumer jetstream.Consumer
	messages jetstream.MessagesContext
	all      int    // subjects, when reading began
	bound    uint64 // the newest state then: up to there no subject comes twice
	at       uint64 // the state read last
	last     bool   // nothing came after it

	seed maphash.Seed
	read map[uint64]bool // by subject; true: it came again, which is told once
}

// openHistory begins to read what a filter lets through.
func openHistory(ctx context.Context, js jetstream.JetStream, filter string) (*history, error) {
	h := &history{seed: maphash.MakeSeed(), read: map[uint64]bool{}}
	fail := func(err error) (*history, error) { return nil, fmt.Errorf("stream %s: %w", topology.Desired, err) }
	stream, err := js.Stream(ctx, topology.Desired)
	if err != nil {
		return fail(err)
	}
	h.bound = stream.CachedInfo().State.LastSeq
	if h.consumer, err = stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{filter}}); err != nil {
		return fail(err)
	}
	info, err := h.consumer.Info(ctx)
	if err != nil {
		return fail(err)
	}
	if h.all = int(info.NumPending); h.all == 0 {
		return h, nil
	}
	if h.messages, err = h.consumer.Messages(); err != nil {
		return fail(err)
	}
	return h, nil
}

// next gives the next state that has to be looked at; again: its order or customer was read before. nil: there is none left.
func (h *history) next(ctx context.Context) (m jetstream.Msg, again bool, err error) {
	for {
		if m, err = h.message(ctx); m == nil || err != nil {
			return nil, false, err
		}
		metadata, err := m.Metadata()
		if err != nil {
			return nil, false, err
		}
		h.at, h.last = metadata.Sequence.Stream, metadata.NumPending == 0
		key := maphash.String(h.seed, m.Subject())
		told, again := h.read[key]
		again = again && h.at > h.bound
		if h.read[key] = again; !told || !again {
			return m, again, nil
		}
	}
}

const quiet = time.Second // without a message, after which the server is asked whether one is left

// message waits for the next state; nil: the end. A state that is gone before it is delivered has no successor that says so.
func (h *history) message(ctx context.Context) (jetstream.Msg, error) {
	for range int(patience / quiet) {
		if h.last {
			return nil, nil
		}
		waiting, cancel := context.WithTimeout(ctx, quiet)
		m, err := h.messages.Next(jetstream.NextContext(waiting))
		cancel()
		switch {
		case err == nil:
			return m, nil
		case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
			return nil, fmt.Errorf("read %s: %w", topology.Desired, err)
		}
		info, err := h.consumer.Info(ctx)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", topology.Desired, err)
		}
		h.last = info.NumPending == 0 && info.Delivered.Stream <= h.at
	}
	return nil, fmt.Errorf("read %s: no message within %v", topology.Desired, patience)
}

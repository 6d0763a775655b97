// Package failures keeps the failure queue: parked work becomes an entry, success resolves it. One book per
// stage; any number of processes may keep the same one.
package failures

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// Book knows which failures of a stage are open.
type Book struct {
	js    jetstream.JetStream
	stage string
	stop  func()

	mu   sync.Mutex
	open map[string]bool // by subject
}

// Open reads the open failures of a stage and follows their changes until Close.
func Open(ctx context.Context, js jetstream.JetStream, stage string) (*Book, error) {
	b := &Book{js: js, stage: stage, open: map[string]bool{}}
	consumer, err := js.OrderedConsumer(ctx, topology.Failures, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject.FailuresOf(stage)}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy,
	})
	if err != nil {
		return nil, fmt.Errorf("follow failures of stage %s: %w", stage, err)
	}
	running, err := consumer.Consume(func(msg jetstream.Msg) { b.learn(msg.Subject(), msg.Data()) })
	if err != nil {
		return nil, fmt.Errorf("follow failures of stage %s: %w", stage, err)
	}
	b.stop = running.Stop
	return b, nil
}

// Close stops following.
func (b *Book) Close() { b.stop() }

func (b *Book) learn(name string, data []byte) {
	entry, err := codec.Decode[event.FailureParkedV1](data)
	if err == nil {
		b.set(name, isOpen(entry.State))
	}
}

func isOpen(state string) bool { return state == event.FailureParked || state == event.FailureRetried }

func (b *Book) set(name string, open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if open {
		b.open[name] = true
	} else {
		delete(b.open, name)
	}
}

func (b *Book) isOpen(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open[name]
}

const maxHistory = 20

// Park gives the entry for work that failed for good, with the history of the one before it.
func (b *Book) Park(ctx context.Context, store, key string, message event.Position, cause event.Fault, at time.Time) ([]publish.Message, error) {
	name := subject.Failure{Stage: b.stage, Store: store, Key: key}
	entry, sequence, err := b.last(ctx, name)
	if err != nil {
		return nil, err
	}
	if !isOpen(entry.State) {
		entry.FirstAt, entry.Attempts = at, 0
	}
	entry.Stage, entry.Key, entry.State, entry.Fault, entry.Message = b.stage, key, event.FailureParked, cause, message
	entry.LastAt, entry.Attempts = at, entry.Attempts+1
	entry.Envelope = event.Envelope{Type: "failure.v1.parked", Store: store, Time: at, ID: fmt.Sprintf("failure:%s:parked:%d", name.ID(), message.Sequence)}
	messages, err := b.message(name, entry, sequence, cause.Message)
	if err == nil {
		b.set(name.String(), true)
	}
	return messages, err
}

// Resolve gives the entry that closes an open failure, or nothing when none is open.
func (b *Book) Resolve(ctx context.Context, store, key string, message event.Position, at time.Time) ([]publish.Message, error) {
	name := subject.Failure{Stage: b.stage, Store: store, Key: key}
	if !b.isOpen(name.String()) {
		return nil, nil
	}
	entry, sequence, err := b.last(ctx, name)
	if err != nil || !isOpen(entry.State) || message.Stream == entry.Message.Stream && message.Sequence < entry.Message.Sequence {
		return nil, err
	}
	entry.State, entry.LastAt = event.FailureResolved, at
	entry.Envelope = event.Envelope{Type: "failure.v1.parked", Store: store, Time: at, ID: fmt.Sprintf("failure:%s:resolved:%d", name.ID(), message.Sequence)}
	return b.message(name, entry, sequence, "a later state succeeded")
}

func (b *Book) last(ctx context.Context, name subject.Failure) (event.FailureParkedV1, uint64, error) {
	stream, err := b.js.Stream(ctx, topology.Failures)
	if err != nil {
		return event.FailureParkedV1{}, 0, publish.Classify(err)
	}
	raw, err := stream.GetLastMsgForSubject(ctx, name.String())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return event.FailureParkedV1{}, 0, nil
	}
	if err != nil {
		return event.FailureParkedV1{}, 0, publish.Classify(err)
	}
	entry, err := codec.Decode[event.FailureParkedV1](raw.Data)
	if err != nil {
		entry = event.FailureParkedV1{} // an unreadable entry is replaced
	}
	return entry, raw.Sequence, nil
}

func (b *Book) message(name subject.Failure, entry event.FailureParkedV1, sequence uint64, text string) ([]publish.Message, error) {
	entry.History = append(entry.History, event.FailureAttempt{At: entry.LastAt, State: entry.State, Code: entry.Fault.Code, Text: text})
	entry.History = entry.History[max(0, len(entry.History)-maxHistory):]
	m, err := publish.JSON(topology.Failures, name.String(), entry.Envelope, entry)
	m.Expect = &publish.Expect{Sequence: sequence}
	return []publish.Message{m}, err
}

// FaultOf gives an error as it travels in messages.
func FaultOf(err error) event.Fault {
	f := event.Fault{Code: string(fault.CodeOf(err)), Class: fault.ClassOf(err).String(), Message: err.Error()}
	var known *fault.Error
	if errors.As(err, &known) {
		f.Field, f.Value, f.Rule = known.Field, known.Value, known.Rule
	}
	return f
}

// Package failures keeps the failure queue: parked work becomes an entry, success resolves it. One book per
// stage; any number of processes may keep the same one.
package failures

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

const customers = "customer-"

// CustomerKey is the key of a customer's failures, apart from those of orders.
func CustomerKey(customer string) string { return customers + customer }

// CustomerOf reads the customer in a key; false: the key is an order's.
func CustomerOf(key string) (customer string, is bool) { return strings.CutPrefix(key, customers) }

// Book knows which failures of a stage are open.
type Book struct {
	js    jetstream.JetStream
	stage string
	stop  func()

	loaded chan struct{} // closed once the entries of the start are known
	load   sync.Once

	mu   sync.Mutex
	open map[string]bool // by subject
}

// openWithin is how long the entries of the start may take to arrive.
const openWithin = 30 * time.Second

// Open reads the open failures of a stage and follows their changes until Close. A success that comes right
// after the start finds its failure: Open returns when every entry is known.
func Open(ctx context.Context, js jetstream.JetStream, stage string) (*Book, error) {
	b := &Book{js: js, stage: stage, open: map[string]bool{}, loaded: make(chan struct{})}
	consumer, err := js.OrderedConsumer(ctx, topology.Failures, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject.FailuresOf(stage)}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy,
	})
	if err != nil {
		return nil, fmt.Errorf("follow failures of stage %s: %w", stage, err)
	}
	if consumer.CachedInfo().NumPending == 0 {
		b.load.Do(func() { close(b.loaded) })
	}
	running, err := consumer.Consume(b.follow)
	if err != nil {
		return nil, fmt.Errorf("follow failures of stage %s: %w", stage, err)
	}
	b.stop = running.Stop
	wait, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	select {
	case <-b.loaded:
		return b, nil
	case <-wait.Done():
		b.Close()
		return nil, fmt.Errorf("read failures of stage %s: %w", stage, wait.Err())
	}
}

// Close stops following.
func (b *Book) Close() { b.stop() }

func (b *Book) follow(msg jetstream.Msg) {
	b.learn(msg.Subject(), msg.Data())
	if metadata, err := msg.Metadata(); err == nil && metadata.NumPending == 0 {
		b.load.Do(func() { close(b.loaded) })
	}
}

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

// Park gives the entry for work that failed for good, with the history of the one before it; nothing when the
// failure of this message is on record: a crash before its ack neither counts it twice nor opens again what
// was resolved or dismissed since.
func (b *Book) Park(ctx context.Context, store, key string, message event.Position, cause event.Fault, at time.Time) ([]publish.Message, error) {
	name := subject.Failure{Stage: b.stage, Store: store, Key: key}
	entry, sequence, err := b.last(ctx, name)
	if err != nil {
		return nil, err
	}
	if sequence > 0 && entry.Message == message && entry.Fault == cause {
		return nil, nil
	}
	if isOpen(entry.State) && entry.Message.Stream == message.Stream && entry.Message.Sequence > message.Sequence {
		return nil, nil // a later one is parked already, by another process
	}
	if !isOpen(entry.State) {
		entry.FirstAt, entry.Attempts, entry.By, entry.Note = at, 0, "", ""
	}
	entry.Stage, entry.Key, entry.State, entry.Fault, entry.Message = b.stage, key, event.FailureParked, cause, message
	entry.LastAt, entry.Attempts = at, entry.Attempts+1
	entry.Envelope = event.Envelope{Type: "failure.v1.parked", Store: store, Time: at, ID: entryID(name, "parked", message, sequence)}
	messages, err := b.message(name, entry, sequence, cause.Message)
	if err == nil {
		b.set(name.String(), true)
	}
	return messages, err
}

// Resolve gives the entry that closes an open failure, or nothing when none is open that this process knows of.
func (b *Book) Resolve(ctx context.Context, store, key string, message event.Position, at time.Time) ([]publish.Message, error) {
	if !b.isOpen(subject.Failure{Stage: b.stage, Store: store, Key: key}.String()) {
		return nil, nil
	}
	return b.ResolveStored(ctx, store, key, message, at)
}

// ResolveStored is Resolve by what is stored: it finds a failure too that another process parked a moment ago.
func (b *Book) ResolveStored(ctx context.Context, store, key string, message event.Position, at time.Time) ([]publish.Message, error) {
	name := subject.Failure{Stage: b.stage, Store: store, Key: key}
	entry, sequence, err := b.last(ctx, name)
	if err != nil || !isOpen(entry.State) || message.Stream == entry.Message.Stream && message.Sequence < entry.Message.Sequence {
		return nil, err
	}
	entry.State, entry.LastAt = event.FailureResolved, at
	entry.Envelope = event.Envelope{Type: "failure.v1.parked", Store: store, Time: at, ID: entryID(name, "resolved", message, sequence)}
	return b.message(name, entry, sequence, "a later state succeeded")
}

// entryID names an entry by its cause and by the entry it follows: one message may fail twice, in two ways.
func entryID(name subject.Failure, state string, message event.Position, last uint64) string {
	return fmt.Sprintf("failure:%s:%s:%d:%d", name.ID(), state, message.Sequence, last)
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

package supply

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// source is a part of a stream that the book or the ledger is made of.
type source struct {
	stream, filter string
	take           func(msg jetstream.Msg, sequence uint64) error
}

func (s *Supply) sources() (list []source) {
	for account := range s.books {
		list = append(list,
			source{topology.NetSuiteChanges, subject.ChangesFor(account, event.ChangeInventory), s.takeStock},
			source{topology.Desired, subject.DesiredOrdersFor(account), s.takeDesired},
			source{topology.Outcomes, subject.SyncFor(account), s.takeOutcome},
		)
	}
	for name, d := range s.desks {
		list = append(list, source{topology.ShopOutcomes, subject.ShopKind(name, event.ShopKindStock), d.takeTold})
	}
	return list
}

// loadWithin is how long the newest messages of the start may take to arrive.
const loadWithin = 5 * time.Minute

// follow reads the newest message of every subject, then whatever comes. It returns when all of the former are known.
func (s *Supply) follow(ctx context.Context) (stop func(), err error) {
	var running []jetstream.ConsumeContext
	stop = func() {
		for _, r := range running {
			r.Stop()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, loadWithin)
	defer cancel()
	for _, from := range s.sources() {
		consumer, err := s.options.JS.OrderedConsumer(ctx, from.stream, jetstream.OrderedConsumerConfig{
			FilterSubjects: []string{from.filter}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy,
		})
		if err != nil {
			return stop, fmt.Errorf("follow %s: %w", from.filter, publish.Classify(err))
		}
		loaded := make(chan struct{})
		load := sync.OnceFunc(func() { close(loaded) })
		if consumer.CachedInfo().NumPending == 0 {
			load()
		}
		r, err := consumer.Consume(func(msg jetstream.Msg) { s.take(from, msg, load) })
		if err != nil {
			return stop, fmt.Errorf("follow %s: %w", from.filter, publish.Classify(err))
		}
		running = append(running, r)
		select {
		case <-loaded:
		case <-ctx.Done():
			return stop, fmt.Errorf("read %s: %w", from.filter, ctx.Err())
		}
	}
	return stop, nil
}

func (s *Supply) take(from source, msg jetstream.Msg, load func()) {
	metadata, err := msg.Metadata()
	if err == nil {
		err = from.take(msg, metadata.Sequence.Stream)
	}
	if err != nil { // whoever consumes the stream parks it
		s.options.Log.Warn("stock: a message cannot be read and does not count", "subject", msg.Subject(), "error", err)
	}
	if metadata != nil && metadata.NumPending == 0 {
		load()
	}
}

func (s *Supply) takeStock(msg jetstream.Msg, sequence uint64) error {
	change, err := codec.Decode[event.NetSuiteChangedV1](msg.Data())
	if err != nil {
		return err
	}
	s.mu.Lock()
	touched := s.books[change.Account].Stock(change, sequence)
	s.mu.Unlock()
	s.mark(change.Account, "", touched, event.Origin(msg.Headers().Get(event.HeaderOrigin)) == event.OriginRetry)
	return nil
}

func (s *Supply) takeDesired(msg jetstream.Msg, sequence uint64) error {
	desired, err := codec.Decode[event.DesiredOrderV1](msg.Data())
	if err != nil {
		return err
	}
	s.mu.Lock()
	touched := s.books[desired.Account].Desired(desired, sequence)
	s.mu.Unlock()
	s.mark(desired.Account, desired.Store, touched, false)
	return nil
}

func (s *Supply) takeOutcome(msg jetstream.Msg, _ uint64) error {
	outcome, err := codec.Decode[event.SyncRecordedV1](msg.Data())
	if err != nil {
		return err
	}
	s.mu.Lock()
	touched := s.books[outcome.Account].Outcome(outcome)
	s.mu.Unlock()
	s.mark(outcome.Account, "", touched, false)
	return nil
}

// mark lets every store of an account look at SKUs again. The shop in which something was sold has changed its own
// quantity with it, so that what it was told last no longer says what it shows.
func (s *Supply) mark(account, soldIn string, skus []string, asked bool) {
	for name, d := range s.desks {
		if d.rules.Account == account {
			d.mark(skus, name == soldIn, asked)
		}
	}
}

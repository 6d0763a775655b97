package supply

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/status-publisher/plan"
)

// source is a part of a stream that the book or the ledger is made of.
type source struct {
	stream, filter string
	take           func(ctx context.Context, msg jetstream.Msg, at *jetstream.MsgMetadata) error
	recent         bool // every message of late counts, not the newest of each subject
}

func newest(stream, filter string, take func(context.Context, jetstream.Msg, *jetstream.MsgMetadata) error) source {
	return source{stream: stream, filter: filter, take: take}
}

// sources are in the order in which they are loaded: what is let go at once needs no memory later.
func (s *Supply) sources() (list []source) {
	for account := range s.books {
		list = append(list,
			newest(topology.NetSuiteChanges, subject.ChangesFor(account, event.ChangeInventory), s.takeStock),
			newest(topology.Desired, subject.DesiredOrdersFor(account), s.takeDesired),
			newest(topology.Outcomes, subject.SyncFor(account), s.takeOutcome),
			newest(topology.NetSuiteChanges, subject.ChangesFor(account, event.ChangeSalesOrder), s.takeSalesOrder),
		)
	}
	for account := range s.prices {
		list = append(list, newest(topology.NetSuiteChanges, subject.ChangesFor(account, event.ChangePrice), s.takePrices))
	}
	list = append(list, newest(topology.Failures, subject.FailuresOf(stageMap), s.takeFailure))
	for name, d := range s.desks {
		for _, kind := range []string{event.ShopKindStock, event.ShopKindPrice} {
			if d.keeps(kind) {
				list = append(list, newest(topology.ShopOutcomes, subject.ShopKind(name, kind), d.takeTold))
			}
		}
		if d.counts {
			list = append(list, source{topology.ShopOutcomes, subject.ShopKind(name, event.ShopKindStatus), s.takeStatus, true})
		}
	}
	return list
}

// follow reads the newest message of every subject, then whatever comes. It returns when all of the former are known,
// however long that takes: until then nothing is written.
func (s *Supply) follow(ctx context.Context) (stop func()) {
	var running []jetstream.ConsumeContext
	stop = func() {
		for _, r := range running {
			r.Stop()
		}
	}
	for _, from := range s.sources() {
		for {
			r, err := s.load(ctx, from)
			if r != nil {
				running = append(running, r)
			}
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return stop
			}
			s.options.Log.Warn("stock: waits to read what is known", "filter", from.filter, "code", fault.CodeOf(err), "error", err)
			if !wait(ctx, firstWait, nil) {
				return stop
			}
		}
	}
	s.loaded.Store(true)
	s.tidy()
	return stop
}

// load begins to follow a source and returns when its newest messages are taken.
func (s *Supply) load(ctx context.Context, from source) (jetstream.ConsumeContext, error) {
	how := jetstream.OrderedConsumerConfig{FilterSubjects: []string{from.filter}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy}
	if from.recent {
		since, err := s.recently(ctx)
		if err != nil {
			return nil, err
		}
		how.DeliverPolicy, how.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
	}
	consumer, err := s.options.JS.OrderedConsumer(ctx, from.stream, how)
	if err != nil {
		return nil, publish.Classify(err)
	}
	loaded := make(chan struct{})
	load := sync.OnceFunc(func() { close(loaded) })
	if consumer.CachedInfo().NumPending == 0 {
		load()
	}
	r, err := consumer.Consume(func(msg jetstream.Msg) { s.take(ctx, from, msg, load) })
	if err != nil {
		return nil, publish.Classify(err)
	}
	select {
	case <-loaded:
		return r, nil
	case <-ctx.Done():
		return r, ctx.Err()
	}
}

func (s *Supply) take(ctx context.Context, from source, msg jetstream.Msg, load func()) {
	metadata, err := msg.Metadata()
	if err == nil {
		err = from.take(ctx, msg, metadata)
	}
	if err != nil { // whoever consumes the stream parks it
		s.options.Log.Warn("stock: a message cannot be read and does not count", "subject", msg.Subject(), "error", err)
	}
	if metadata != nil && metadata.NumPending == 0 {
		load()
	}
}

// takeStock takes a figure. One that says it was read later than it was stored comes from a clock that is ahead.
func (s *Supply) takeStock(_ context.Context, msg jetstream.Msg, at *jetstream.MsgMetadata) error {
	change, err := codec.Decode[event.NetSuiteChangedV1](msg.Data())
	if err != nil {
		return err
	}
	if change.Time.After(at.Timestamp) {
		change.Time = at.Timestamp
	}
	s.mu.Lock()
	touched := s.books[change.Account].Stock(change, at.Sequence.Stream)
	s.mu.Unlock()
	s.mark(event.ShopKindStock, change.Account, "", touched, event.Origin(msg.Headers().Get(event.HeaderOrigin)) == event.OriginRetry)
	return nil
}

func (s *Supply) takeDesired(ctx context.Context, msg jetstream.Msg, at *jetstream.MsgMetadata) error {
	desired, err := codec.Decode[event.DesiredOrderV1](msg.Data())
	if err != nil {
		return err
	}
	last := s.recall(ctx, desired)
	s.mu.Lock()
	book := s.books[desired.Account]
	if last != nil {
		book.Recall(*last)
	}
	touched := book.Desired(desired, at.Sequence.Stream)
	s.mu.Unlock()
	s.mark(event.ShopKindStock, desired.Account, desired.Store, touched, false)
	return nil
}

// recall reads the newest outcome of an order that the book let go. Where it cannot be read the order counts whole until
// its next outcome.
func (s *Supply) recall(ctx context.Context, desired event.DesiredOrderV1) *event.SyncRecordedV1 {
	s.mu.Lock()
	known := s.books[desired.Account].Knows(desired.Account, desired.Store, desired.Order)
	s.mu.Unlock()
	if known || desired.Source.Replaces == 0 || !s.loaded.Load() {
		return nil
	}
	last, err := s.newestOutcome(ctx, subject.Sync{Account: desired.Account, Store: desired.Store, Order: desired.Order})
	if err != nil {
		s.options.Log.Warn("stock: an order's ledger cannot be read; the order counts whole for now", "store", desired.Store, "order", desired.Order, "error", err)
	}
	return last
}

// newestOutcome gives the newest outcome of an order; nil: there is none.
func (s *Supply) newestOutcome(ctx context.Context, of subject.Sync) (*event.SyncRecordedV1, error) {
	raw, err := s.message(ctx, topology.Outcomes, func(stream jetstream.Stream) (*jetstream.RawStreamMsg, error) {
		return stream.GetLastMsgForSubject(ctx, of.String())
	})
	if raw == nil || err != nil {
		return nil, err
	}
	last, err := codec.Decode[event.SyncRecordedV1](raw.Data)
	if err != nil {
		return nil, err
	}
	return &last, nil
}

func (s *Supply) takeOutcome(_ context.Context, msg jetstream.Msg, _ *jetstream.MsgMetadata) error {
	outcome, err := codec.Decode[event.SyncRecordedV1](msg.Data())
	if err != nil {
		return err
	}
	s.mu.Lock()
	touched := s.books[outcome.Account].Outcome(outcome)
	s.mu.Unlock()
	s.mark(event.ShopKindStock, outcome.Account, "", touched, false)
	return nil
}

// takeSalesOrder takes a sales order's change. The time at which it was stored is after what it tells.
func (s *Supply) takeSalesOrder(ctx context.Context, msg jetstream.Msg, at *jetstream.MsgMetadata) error {
	change, err := codec.Decode[event.NetSuiteChangedV1](msg.Data())
	if err != nil {
		return err
	}
	touched, err := s.tookSalesOrder(ctx, change, at.Timestamp)
	s.mark(event.ShopKindStock, change.Account, "", touched, false)
	return err
}

// tookSalesOrder brings a change into the book, with its order where that was let go and waits for approval again.
func (s *Supply) tookSalesOrder(ctx context.Context, change event.NetSuiteChangedV1, at time.Time) ([]string, error) {
	book := s.books[change.Account]
	s.mu.Lock()
	known := book.Knows(change.Account, change.Store, change.Order)
	touched := book.SalesOrder(change, at)
	s.mu.Unlock()
	if known || change.Deleted || change.Status != plan.Pending {
		return touched, nil
	}
	desired, sequence, err := s.newestDesired(ctx, subject.Desired{Kind: "order", Account: change.Account, Store: change.Store, Key: change.Order})
	if desired == nil || err != nil {
		return nil, err
	}
	outcome, err := s.newestOutcome(ctx, subject.Sync{Account: change.Account, Store: change.Store, Order: change.Order})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return book.Again(change, at, *desired, sequence, outcome), nil
}

// mark lets every store of an account look at a fact of items again. The shop in which something was sold has changed its own
// quantity with it, so that what it was told last no longer says what it shows.
func (s *Supply) mark(kind, account, soldIn string, skus []string, asked bool) {
	for name, d := range s.desks {
		if d.rules.Account == account {
			d.mark(kind, skus, name == soldIn, asked)
		}
	}
}

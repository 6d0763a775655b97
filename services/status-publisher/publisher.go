// Package statuspublisher tells the shop what NetSuite holds: id, number and status of the sales order, on
// the order itself, as one namespaced meta key or as a note; and what NetSuite did to it: its status, what left the
// warehouse, what went back. What was written is recorded in SHOP_OUTCOMES, so that it is written once
// (Invariant 2); parse leaves our meta keys out and takes our statuses back, so that the echo is no change.
package statuspublisher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/internal/woo/rest"
	"github.com/orderstream/orderstream/services/status-publisher/shelf"
	"github.com/orderstream/orderstream/services/status-publisher/supply"
)

// Unit is the service.
var Unit = host.Unit{Name: "status-publisher", Uses: []config.Part{config.Shops}, New: func(ctx context.Context, env host.Env) (host.Service, error) { return New(ctx, env) }}

// The stages' words in failures, metrics and traces.
const (
	StagePublish = "publish" // outcomes to the shop
	StageReturn  = "return"  // changes in NetSuite to the shop
)

// attempts of one write to the shop before it is parked.
const attempts = 8

// Service writes to every shop.
type Service struct {
	js        jetstream.JetStream
	publisher *publish.Publisher // of claims
	stores    map[string]config.Store
	shops     map[string]*rest.Client
	writers   map[string]*batcher
	customs   customs
	streams   sync.Map // handles by name
	consumer  *consume.Consumer
	changes   *consume.Consumer // NETSUITE_CHANGES
	derive    *consume.Consumer
	supply    *supply.Supply
	book      *failures.Book // of outcomes
	returns   *failures.Book // of changes
	stop      context.CancelFunc
	now       func() time.Time
}

// New prepares a client per shop.
func New(ctx context.Context, env host.Env) (*Service, error) {
	shops, err := rest.Shops(env.Config.Stores)
	if err != nil {
		return nil, err
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Service{
		js: env.JS, publisher: publish.New(env.JS), stores: env.Config.Stores, shops: shops, writers: map[string]*batcher{}, stop: stop, now: func() time.Time { return time.Now().UTC() },
	}
	shelves := map[string]shelf.Shop{}
	for key, shop := range shops {
		s.writers[key], shelves[key] = newBatcher(work, shop), shop
	}
	s.supply = supply.New(supply.Options{JS: env.JS, Log: env.Log, Config: env.Config, Shops: shelves, Now: s.now})
	if s.book, err = failures.Open(work, env.JS, StagePublish); err != nil {
		stop()
		return nil, err
	}
	if s.returns, err = failures.Open(work, env.JS, StageReturn); err != nil {
		s.book.Close()
		stop()
		return nil, err
	}
	s.consumer, err = consume.New(env.JS, env.Log, consume.Config{
		Stream: topology.Outcomes, Durable: topology.ConsumerPublish, Stage: StagePublish, Handle: s.handle, Park: s.parkOutcome, Lanes: 128, Prefetch: 512, Side: storeOf,
	})
	if err == nil {
		s.changes, err = consume.New(env.JS, env.Log, consume.Config{
			Stream: topology.NetSuiteChanges, Durable: topology.ConsumerReturn, Stage: StageReturn, Handle: s.handleChange, Park: s.parkChange, Lanes: 64, Lane: orderOf, Side: sideOf,
		})
	}
	if err == nil {
		s.derive, err = consume.New(env.JS, env.Log, consume.Config{
			Stream: topology.ShopOutcomes, Durable: topology.ConsumerShopFailures, Stage: "shop-failures", Handle: s.failure, Park: s.parkEntry,
		})
	}
	if err != nil {
		s.book.Close()
		s.returns.Close()
		stop()
	}
	return s, err
}

// Ready says whether a shop keeps the writes waiting.
func (s *Service) Ready() error {
	if away := slices.Concat(s.consumer.Away(), s.changes.Away(), s.supply.Away()); len(away) > 0 {
		slices.Sort(away)
		return fmt.Errorf("store %s: the shop is unavailable; what it should be told waits", strings.Join(slices.Compact(away), ", "))
	}
	return nil
}

// storeOf is the shop an outcome is told to: one that is down holds up no other.
func storeOf(m consume.Message) string {
	s, err := subject.ParseSync(m.Subject)
	if err != nil {
		return ""
	}
	return s.Store
}

// Run works until ctx ends, then drains.
func (s *Service) Run(ctx context.Context) error {
	defer s.stop()
	defer s.book.Close()
	defer s.returns.Close()
	for _, shop := range s.shops {
		defer shop.Close()
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.consumer.Run(ctx) })
	group.Go(func() error { return s.changes.Run(ctx) })
	group.Go(func() error { return s.derive.Run(ctx) })
	group.Go(func() error { return s.supply.Run(ctx) })
	return group.Wait()
}

// entry is the shop ledger of one thing we do to an order.
type entry struct {
	name     string
	sequence uint64
	last     *event.ShopRecordedV1
}

func (s *Service) handle(ctx context.Context, m consume.Message) ([]publish.Message, error) {
	outcome, err := codec.Decode[event.SyncRecordedV1](m.Data)
	if err != nil {
		return nil, fault.New(fault.MessageUndecodable, "want an outcome", fault.Field(m.Subject, fmt.Sprint(m.Sequence)), fault.Because(err))
	}
	shop, known := s.writers[outcome.Store]
	if !known || s.stores[outcome.Store].WriteBack == "off" || outcome.Ledger.SalesOrder == nil || outcome.Ledger.SalesOrder.TranID == "" {
		return nil, nil
	}
	e, err := s.open(ctx, outcome.Store, event.ShopKindOrder, outcome.Order)
	if err != nil {
		return nil, err
	}
	body, err := entryOf(m, outcome)
	if err != nil || e.done(body.Hash, m.Sequence) {
		return nil, err
	}
	if err := s.claimed(e, m); err != nil {
		return nil, err
	}
	result := &done{}
	body.Calls, err = shop.write(ctx, s.stores[outcome.Store].WriteBack, outcome.Order, body.Written, s.claiming(m, e, body, result))
	return s.record(m, e.behind(*result), body, err)
}

// entryOf is the ledger's word of an outcome that the shop was told.
func entryOf(m consume.Message, o event.SyncRecordedV1) (event.ShopRecordedV1, error) {
	facts := factsOf(o)
	hash, err := codec.Hash(facts)
	return event.ShopRecordedV1{
		Envelope: event.Envelope{Store: o.Store}, Kind: event.ShopKindOrder, Key: o.Order, State: event.ShopWritten,
		Written: facts, Hash: hash, Source: m.Position(), Calls: []event.Call{},
	}, err
}

func factsOf(o event.SyncRecordedV1) event.ShopFacts {
	so := o.Ledger.SalesOrder
	return event.ShopFacts{Account: o.Account, SalesOrderID: so.ID, TranID: so.TranID, Status: so.Status}
}

// stream gives a stream's handle, asked for once: each look at a ledger would cost a second question otherwise.
func (s *Service) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	if known, ok := s.streams.Load(name); ok {
		return known.(jetstream.Stream), nil
	}
	stream, err := s.js.Stream(ctx, name)
	if err != nil {
		return nil, publish.Classify(err)
	}
	s.streams.Store(name, stream)
	return stream, nil
}

func (s *Service) open(ctx context.Context, store, kind, key string) (entry, error) {
	e := entry{name: subject.Shop(store, kind, key)}
	stream, err := s.stream(ctx, topology.ShopOutcomes)
	if err != nil {
		return e, err
	}
	raw, err := stream.GetLastMsgForSubject(ctx, e.name)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return e, nil
	}
	if err != nil {
		return e, publish.Classify(err)
	}
	last, err := codec.Decode[event.ShopRecordedV1](raw.Data)
	if err != nil {
		return e, fault.New(fault.MessageUndecodable, "want a shop outcome", fault.Field(e.name, fmt.Sprint(raw.Sequence)), fault.Because(err))
	}
	e.sequence, e.last = raw.Sequence, &last
	return e, nil
}

// done tells whether the shop was told this, or something newer, already.
func (e entry) done(hash string, sequence uint64) bool {
	if e.last == nil {
		return false
	}
	told := e.last.State == event.ShopWritten && e.last.Hash == hash
	return told || e.last.Source.Sequence > sequence || e.last.Source.Sequence == sequence && e.last.State != event.ShopRetried
}

// attempts are those that the message took so far.
func (e entry) attempts(m consume.Message) int {
	if e.last == nil || e.last.Source != m.Position() {
		return 0
	}
	return e.last.Attempts
}

// record gives the entry of what was tried and how it went. The error is the cause where the message must come again.
func (s *Service) record(m consume.Message, e entry, body event.ShopRecordedV1, cause error) ([]publish.Message, error) {
	body.Attempts = e.attempts(m)
	switch class := fault.ClassOf(cause); {
	case cause == nil:
	case class == fault.Terminal || class == fault.Poison:
		body.State = event.ShopParked
	case class != fault.Transient:
		return nil, cause
	default:
		body.State, body.Attempts = event.ShopRetried, body.Attempts+1
		if body.Attempts >= attempts {
			body.State, cause = event.ShopParked, fault.New(fault.AttemptsExhausted, fmt.Sprintf("one of %d attempts must succeed", attempts), fault.Because(cause))
		}
	}
	if cause != nil {
		f := failures.FaultOf(cause)
		body.Fault = &f
	}
	body.Envelope = event.Envelope{Type: "shop.v1.recorded", ID: fmt.Sprintf("shop:%s:%d:%d", e.name, m.Sequence, e.sequence), Store: body.Store, Time: s.now()}
	message, err := publish.JSON(topology.ShopOutcomes, e.name, body.Envelope, body)
	message.Expect = &publish.Expect{Sequence: e.sequence}
	if err == nil && body.State == event.ShopRetried {
		err = cause
	}
	return []publish.Message{message}, err
}

// failure derives failures from the shop ledger, so that no crash hides one (Invariant 3).
func (s *Service) failure(ctx context.Context, m consume.Message) ([]publish.Message, error) {
	entry, err := codec.Decode[event.ShopRecordedV1](m.Data)
	if err != nil {
		return nil, fault.New(fault.MessageUndecodable, "want a shop outcome", fault.Field(m.Subject, fmt.Sprint(m.Sequence)), fault.Because(err))
	}
	book, key := s.book, entry.Key
	if entry.Source.Stream == topology.NetSuiteChanges {
		book, key = s.returns, entry.Kind+"-"+entry.Key
	}
	switch {
	case entry.State == event.ShopParked && entry.Fault != nil:
		return book.Park(ctx, entry.Store, key, entry.Source, *entry.Fault, entry.Time)
	case entry.State == event.ShopWritten, entry.State == event.ShopKept:
		return book.Resolve(ctx, entry.Store, key, entry.Source, entry.Time)
	default:
		return nil, nil
	}
}

// parkOutcome parks an outcome that cannot be read, beside the failure of the order itself.
func (s *Service) parkOutcome(ctx context.Context, m consume.Message, cause error) ([]publish.Message, error) {
	store, key := "", m.Subject
	if of, err := subject.ParseSync(m.Subject); err == nil {
		store, key = of.Store, "outcome-"+of.Order
	}
	return s.book.Park(ctx, store, key, m.Position(), failures.FaultOf(cause), s.now())
}

// parkEntry parks an entry of the shop's ledger that cannot be read.
func (s *Service) parkEntry(ctx context.Context, m consume.Message, cause error) ([]publish.Message, error) {
	return s.book.Park(ctx, "", m.Subject, m.Position(), failures.FaultOf(cause), s.now())
}

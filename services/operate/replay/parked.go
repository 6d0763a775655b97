package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/failures"
)

// stageMap is the stage whose failures have no desired state of the order's newest state.
const stageMap = "map"

// customs are how a store's orders are sent, as its newest desired state that is written says it: an order that never had
// one is sent likewise.
type customs struct {
	mu    sync.Mutex
	store map[string]custom
}

type custom struct {
	account  string
	adoption []string
	at       uint64 // in DESIRED
}

func (c *customs) learn(d event.DesiredOrderV1, at uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(d.SalesOrder.Lines) == 0 || at < c.store[d.Store].at {
		return
	}
	if c.store == nil {
		c.store = map[string]custom{}
	}
	c.store[d.Store] = custom{d.Account, d.SalesOrder.AdoptedBy(), at}
}

// parked lists the orders and customers whose newest state waits before a desired state was made.
func parked(ctx context.Context, js jetstream.JetStream, store string) (map[Object]bool, error) {
	list, err := open(ctx, js, stageMap, store)
	all := map[Object]bool{}
	for _, f := range list {
		of := Object{Store: f.Store, Order: f.Key}
		if customer, is := failures.CustomerOf(f.Key); is {
			of = Object{Store: f.Store, Customer: customer}
		}
		all[of] = true
	}
	return all, err
}

// open lists the open failures of a stage, of one store or of every one.
func open(ctx context.Context, js jetstream.JetStream, stage, store string) (list []event.FailureParkedV1, err error) {
	consumer, err := js.OrderedConsumer(ctx, topology.Failures, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject.FailuresOf(stage)}})
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", topology.Failures, err)
	}
	for range consumer.CachedInfo().NumPending {
		m, err := consumer.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", topology.Failures, err)
		}
		f, err := codec.Decode[event.FailureParkedV1](m.Data())
		if err == nil && (f.State == event.FailureParked || f.State == event.FailureRetried) && (store == "" || store == f.Store) {
			list = append(list, f)
		}
	}
	return list, nil
}

const patience = 30 * time.Second // for the next message of a stream that is read to its end

// unmapped gives the verdicts on the orders and customers that are parked.
func (l *lab) unmapped(ctx context.Context, take func(verdict)) error {
	byName := func(a, b Object) int { return strings.Compare(a.Name(), b.Name()) }
	for _, of := range slices.SortedFunc(maps.Keys(l.parked), byName) {
		look := l.waits
		if of.Customer != "" {
			look = l.customerWaits
		}
		v, err := look(ctx, of)
		if err != nil {
			return fmt.Errorf("%s: %w", of.Name(), err)
		}
		take(v)
	}
	return nil
}

// waits gives the verdict on the newest state of a parked order.
func (l *lab) waits(ctx context.Context, of Object) (verdict, error) {
	if !l.request.ofOrders() {
		return verdict{skipped: true}, nil
	}
	store, order := of.Store, of.Order
	raw, err := l.orders.GetLastMsgForSubject(ctx, subject.OrdersOf(store, order))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return verdict{skipped: true}, nil
	}
	if err != nil {
		return verdict{}, err
	}
	state, err := codec.Decode[event.OrderStateV1](raw.Data)
	if err != nil {
		return verdict{}, err
	}
	from, at, err := held(ctx, l.desired, store, order)
	if err != nil {
		return verdict{}, err
	}
	if at == 0 {
		from, at = l.first(store, order, state)
	}
	from.Source.Sequence, from.Source.PlacedAt = raw.Sequence, state.Placed.At
	fits, err := l.where(state)
	if err != nil {
		return troubled(from, err), nil
	}
	if !fits || !l.wanted(from) {
		return verdict{skipped: true}, nil
	}
	if from.Account == "" {
		return troubled(from, fmt.Errorf("store %s: no order of it has a desired state yet, so its account is not known here: publish the mapping and retry the order", store)), nil
	}
	if other, err := l.elsewhere(ctx, from.Account, from.Store); other != nil || err != nil {
		return verdict{other: other}, err
	}
	if from.Inputs == nil && !l.candidate.Asks(state).IsEmpty() { // a plan is derived from what is recorded alone
		return troubled(from, fmt.Errorf("the mapping asks for stock or the customer's account, and none is recorded for the order: publish the mapping and retry the order")), nil
	}
	return l.freed(ctx, from, state, at)
}

// first is where an order stands that never had a desired state.
func (l *lab) first(store, order string, state event.OrderStateV1) (event.DesiredOrderV1, uint64) {
	custom := l.custom.store[store]
	d := event.DesiredOrderV1{Account: custom.account, Order: order, Number: state.Number}
	d.Store = store
	for _, field := range custom.adoption {
		d.SalesOrder.Adoption = append(d.SalesOrder.Adoption, event.AdoptionKey{Field: field})
	}
	return d, 0
}

func held(ctx context.Context, desired jetstream.Stream, store, order string) (event.DesiredOrderV1, uint64, error) {
	raw, err := desired.GetLastMsgForSubject(ctx, subject.DesiredOf(store, order))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return event.DesiredOrderV1{}, 0, nil
	}
	if err != nil {
		return event.DesiredOrderV1{}, 0, err
	}
	d, err := codec.Decode[event.DesiredOrderV1](raw.Data)
	return d, raw.Sequence, err
}

// freed compares a parked order with what the candidate makes of it; one that the candidate cannot map either stays as it
// is.
func (l *lab) freed(ctx context.Context, from event.DesiredOrderV1, state event.OrderStateV1, at uint64) (verdict, error) {
	to, err := l.derive(from, state, 0)
	if err != nil {
		return verdict{}, nil //nolint:nilerr // parked it is and parked it stays
	}
	s, err := l.recorded(ctx, from.Account, from.Store, from.Order)
	if err == nil {
		s, err = l.newest(ctx, from.Account, s)
	}
	if err != nil {
		return verdict{}, err
	}
	base, unsent, err := l.sent(ctx, from, to, s)
	if err != nil {
		return verdict{}, err
	}
	return l.change(ctx, base, to, s, Change{
		Number: state.Number, Placed: state.Placed.At, Source: from.Source.Sequence, Desired: at, Unsent: unsent, Parked: true, Adoption: from.SalesOrder.AdoptedBy(),
		Differences: []Difference{{Field: "parked at map", To: "rule " + to.Policy.Rule}},
	}, state.Currency)
}

// parkedNow says where a parked order of the plan stands; changed: it is not what the plan saw.
func (r *runner) parkedNow(ctx context.Context, c Change) (from event.DesiredOrderV1, changed bool, err error) {
	from, at, err := held(ctx, r.desired, c.Store, c.Order)
	if err != nil || at != c.Desired {
		return from, true, err
	}
	newest, err := r.orders.GetLastMsgForSubject(ctx, subject.OrdersOf(c.Store, c.Order))
	if err != nil || newest.Sequence != c.Source {
		return from, true, err
	}
	from.Account, from.Store, from.Order, from.Source.Sequence = c.Account, c.Store, c.Order, c.Source
	from.SalesOrder.Adoption = nil
	for _, field := range c.Adoption {
		from.SalesOrder.Adoption = append(from.SalesOrder.Adoption, event.AdoptionKey{Field: field})
	}
	return from, false, nil
}

// eventsOf is the stream that a change's state comes from.
func eventsOf(c Change) string {
	if c.Customer != "" {
		return topology.Customers
	}
	return topology.Orders
}

// resolve closes the failure of an order or a customer that the plan freed.
func (r *runner) resolve(ctx context.Context, c Change) error {
	if !c.Parked {
		return nil
	}
	if r.book == nil {
		book, err := failures.Open(ctx, r.js, stageMap)
		if err != nil {
			return err
		}
		r.book = book
	}
	entry, err := r.book.Resolve(ctx, c.Store, keyOfChange(c), event.Position{Stream: eventsOf(c), Sequence: c.Source}, time.Now().UTC())
	if err == nil {
		_, err = r.publisher.Publish(ctx, entry...)
	}
	return err
}

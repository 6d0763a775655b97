package replay

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// lab looks at one order after the other, and then at one customer after the other, with a candidate.
type lab struct {
	js        jetstream.JetStream
	orders    jetstream.Stream
	customers jetstream.Stream
	desired   jetstream.Stream
	outcomes  jetstream.Stream
	changes   jetstream.Stream
	candidate *mapping.Mapping
	key       string // of the configuration: the mapping that the candidate is a revision of
	past      past
	terms     accountTerms
	request   Request
	where     func(event.OrderStateV1) (bool, error)
	parked    map[Object]bool // whose newest state is parked before a desired state was made
	custom    customs
}

// Make shows what a candidate mapping would do to history. It writes nothing. progress, if not nil, hears how many of
// how many orders and customers were looked at.
func Make(ctx context.Context, js jetstream.JetStream, candidate *mapping.Mapping, r Request, progress func(done, all int)) (Plan, error) {
	if err := r.check(ctx, js); err != nil {
		return Plan{}, err
	}
	l, err := newLab(ctx, js, candidate, r)
	if err != nil {
		return Plan{}, err
	}
	if l.key, err = keyOfDocument(ctx, js, candidate); err != nil {
		return Plan{}, err
	}
	if l.parked, err = parked(ctx, js, r.Store); err != nil {
		return Plan{}, err
	}
	t, err := newTally(Plan{Made: time.Now().UTC(), Request: r, Mapping: candidate.Name(), Revision: candidate.Revision()})
	if err != nil {
		return Plan{}, err
	}
	if err := l.each(ctx, t.add, progress); err != nil {
		return Plan{}, err
	}
	if err := l.unmapped(ctx, t.add); err != nil {
		return Plan{}, err
	}
	return t.finish(func(account string) int { return l.slots(ctx, account) })
}

func newLab(ctx context.Context, js jetstream.JetStream, candidate *mapping.Mapping, r Request) (*lab, error) {
	l := &lab{js: js, candidate: candidate, request: r, where: func(event.OrderStateV1) (bool, error) { return true, nil }}
	var err error
	if r.Where != "" {
		if l.where, err = candidate.Where(r.Where); err != nil {
			return nil, err
		}
	}
	if l.orders, err = js.Stream(ctx, topology.Orders); err != nil {
		return nil, fmt.Errorf("stream %s: %w", topology.Orders, err)
	}
	if l.customers, err = js.Stream(ctx, topology.Customers); err != nil {
		return nil, fmt.Errorf("stream %s: %w", topology.Customers, err)
	}
	if l.desired, err = js.Stream(ctx, topology.Desired); err != nil {
		return nil, fmt.Errorf("stream %s: %w", topology.Desired, err)
	}
	if l.outcomes, err = js.Stream(ctx, topology.Outcomes); err != nil {
		return nil, fmt.Errorf("stream %s: %w", topology.Outcomes, err)
	}
	if l.changes, err = js.Stream(ctx, topology.NetSuiteChanges); err != nil {
		return nil, fmt.Errorf("stream %s: %w", topology.NetSuiteChanges, err)
	}
	return l, nil
}

const ahead = 256 // desired states read before their verdict is taken

// looker gives the verdict on one desired state. again: its order or customer was looked at before it had this one.
type looker func(ctx context.Context, m jetstream.Msg, again bool) (verdict, error)

// each reads the newest desired state of every order, then of every customer, and hands the verdicts on in the order of the
// stream. Several are worked on at once; what is kept of each is a number.
func (l *lab) each(ctx context.Context, take func(verdict), progress func(done, all int)) error {
	looked := 0 // before this pass
	for _, pass := range []struct {
		asked  bool
		filter string
		look   looker
	}{
		{l.request.ofOrders(), subject.DesiredOrders(l.request.Store), l.look}, {l.request.ofCustomers(), subject.DesiredCustomers(l.request.Store), l.lookCustomer},
	} {
		if !pass.asked {
			continue
		}
		h, err := openHistory(ctx, l.js, pass.filter)
		if err != nil {
			return err
		}
		if h.all == 0 {
			continue
		}
		err = l.pass(ctx, h, pass.look, take, func(done, all int) {
			if progress != nil {
				progress(looked+done, looked+all)
			}
		})
		h.messages.Stop()
		if looked += h.all; err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) pass(ctx context.Context, h *history, look looker, take func(verdict), progress func(done, all int)) error {
	group, ctx := errgroup.WithContext(ctx)
	lines := make(chan chan verdict, ahead)
	workers := make(chan struct{}, 4*runtime.GOMAXPROCS(0))
	group.Go(func() error {
		defer close(lines)
		for {
			m, again, err := h.next(ctx)
			if m == nil || err != nil {
				return err
			}
			line := make(chan verdict, 1)
			select {
			case lines <- line:
			case <-ctx.Done():
				return ctx.Err()
			}
			workers <- struct{}{}
			group.Go(func() error {
				defer func() { <-workers }()
				v, err := look(ctx, m, again)
				line <- v
				return err
			})
		}
	})
	group.Go(func() error { return taken(ctx, lines, h.all, take, progress) })
	return group.Wait()
}

// taken hands the verdicts on in their order.
func taken(ctx context.Context, lines <-chan chan verdict, all int, take func(verdict), progress func(done, all int)) error {
	done := 0
	for line := range lines {
		select {
		case v := <-line:
			if take(v); v.moved {
				continue
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		done++
		progress(done, max(done, all))
	}
	return nil
}

// look is the looker of orders.
func (l *lab) look(ctx context.Context, m jetstream.Msg, again bool) (verdict, error) {
	metadata, err := m.Metadata()
	if err != nil {
		return verdict{}, err
	}
	from, err := codec.Decode[event.DesiredOrderV1](m.Data())
	if err != nil {
		return verdict{}, fault.New(fault.MessageUndecodable, "want a desired state", fault.Field(m.Subject(), fmt.Sprint(metadata.Sequence.Stream)), fault.Because(err))
	}
	l.custom.learn(from, metadata.Sequence.Stream)
	if l.parked[Object{Store: from.Store, Order: from.Order}] || !l.wanted(from) {
		return verdict{skipped: true}, nil // what is parked is looked at by itself
	}
	if other, err := l.elsewhere(ctx, from.Account, from.Store); other != nil || err != nil {
		return verdict{other: other}, err
	}
	state, err := l.state(ctx, from)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return troubled(from, fault.New(fault.MappingFailed, "the order's state is no longer kept in ORDERS", fault.Field("sequence", fmt.Sprint(from.Source.Sequence)))), nil
	}
	if err != nil {
		return verdict{}, err
	}
	fits, err := l.where(state)
	if err != nil {
		return troubled(from, err), nil
	}
	if !fits {
		return verdict{skipped: true}, nil
	}
	if again {
		return verdict{moved: true}, nil
	}
	return l.compare(ctx, from, state, metadata.Sequence.Stream)
}

func (l *lab) wanted(d event.DesiredOrderV1) bool {
	r := l.request
	return (r.Since.IsZero() || !d.Source.PlacedAt.Before(r.Since)) && (r.Until.IsZero() || d.Source.PlacedAt.Before(r.Until)) &&
		(len(r.Orders) == 0 || slices.Contains(r.Orders, d.Order))
}

// elsewhere tells whether a store is mapped with another mapping than the candidate's, by the configuration of its account's
// writer. Who names a store asks for it.
func (l *lab) elsewhere(ctx context.Context, account, store string) (*Elsewhere, error) {
	if l.request.Store != "" {
		return nil, nil
	}
	t, err := l.terms.of(ctx, l.js, account)
	if key := t.Mappings[store]; err == nil && key != "" && key != l.key {
		return &Elsewhere{Store: store, Mapping: key}, nil
	}
	return nil, err
}

func (l *lab) state(ctx context.Context, d event.DesiredOrderV1) (event.OrderStateV1, error) {
	raw, err := l.orders.GetMsg(ctx, d.Source.Sequence)
	if err != nil {
		return event.OrderStateV1{}, err
	}
	return codec.Decode[event.OrderStateV1](raw.Data)
}

func troubled(d event.DesiredOrderV1, err error) verdict {
	return verdict{trouble: &Trouble{Object{Store: d.Store, Order: d.Order}, string(fault.CodeOf(err)), err.Error()}}
}

// derive maps a state as it was mapped before, with the candidate.
func (l *lab) derive(from event.DesiredOrderV1, state event.OrderStateV1, published uint64) (event.DesiredOrderV1, error) {
	return l.candidate.Map(state, mapping.Context{Account: from.Account, Sequence: from.Source.Sequence, Published: published, Adoption: from.SalesOrder.AdoptedBy(), Inputs: from.Inputs})
}

func (l *lab) compare(ctx context.Context, from event.DesiredOrderV1, state event.OrderStateV1, desired uint64) (verdict, error) {
	to, err := l.derive(from, state, 0)
	if err != nil {
		return troubled(from, err), nil
	}
	s, err := l.recorded(ctx, from.Account, from.Store, from.Order)
	if err != nil {
		return verdict{}, err
	}
	if to.Hash == from.Hash && s.applied() == to.Hash {
		return verdict{}, nil
	}
	if s, err = l.newest(ctx, from.Account, s); err != nil {
		return verdict{}, err
	}
	if to.Hash == from.Hash {
		return l.asked(ctx, to, s)
	}
	base, unsent, err := l.sent(ctx, from, to, s)
	if err != nil {
		return verdict{}, err
	}
	return l.change(ctx, base, to, s, Change{Number: from.Number, Placed: from.Source.PlacedAt, Source: from.Source.Sequence, Desired: desired, Unsent: unsent}, state.Currency)
}

// asked gives the verdict on an order of which DESIRED asks what the candidate asks: NetSuite lacks it, unless nothing of
// it belongs there.
func (l *lab) asked(ctx context.Context, to event.DesiredOrderV1, s standing) (verdict, error) {
	t, err := l.terms.of(ctx, l.js, to.Account)
	if err != nil {
		return verdict{}, err
	}
	switch {
	case s.entry == nil:
		late := event.SyncRecordedV1{Order: to.Order, Reason: "it has no outcome yet"}
		late.Store = to.Store
		return verdict{behind: &late}, nil
	case s.ledger.SalesOrder == nil && effect(to, s, t, nil) == EffectNone:
		return verdict{}, nil
	default:
		return verdict{behind: s.entry}, nil
	}
}

// change completes a change: what differs from what NetSuite was last sent, and what applying it does.
func (l *lab) change(ctx context.Context, base sent, to event.DesiredOrderV1, s standing, c Change, currency money.Currency) (verdict, error) {
	t, err := l.terms.of(ctx, l.js, to.Account)
	if err != nil {
		return verdict{}, err
	}
	differences, err := base.differences(to)
	if err != nil {
		return verdict{}, err
	}
	c.Differences = append(c.Differences, differences...)
	known := differences
	if c.Unsent {
		known = nil
	}
	c.Object, c.Account, c.Hash, c.Fields = Object{Store: to.Store, Order: to.Order}, to.Account, to.Hash, len(c.Differences)
	c.Effect = effect(to, s, t, known)
	c.Kept = keeperOf(to, s, t, c.Effect, c.Differences).kept(c.Differences)
	c.Records = records(to, s, t.Owners[to.Store], c.Effect)
	c.From, c.To = base.total.String(), to.Expected.Total.String()
	v := verdict{change: &c, currency: currency, delta: to.Expected.Total.Sub(base.total)}
	v.call, v.measured = s.call()
	return v, nil
}

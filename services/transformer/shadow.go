package transformer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/audit"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/contrast"
	"github.com/orderstream/orderstream/services/internal/revisions"
	"github.com/orderstream/orderstream/services/internal/shadow"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// shadows maps live orders and customers with candidate revisions beside the active ones and counts what differs. It publishes
// no desired state, works on one state at a time and rests while map has a backlog. Of several transformers one holds a
// shadow; its counts and its positions are one write, so that each state is counted once whoever dies.
type shadows struct {
	js       jetstream.JetStream
	log      *slog.Logger
	config   config.Config
	mappings *book
	lookups  *lookups
	shelf    shadow.Shelf
	holder   string
	with     map[string]*mapping.Mapping
	told     map[string]string // by mapping: what is known to be in the audit stream
}

func newShadows(ctx context.Context, js jetstream.JetStream, log *slog.Logger, c config.Config, mappings *book, l *lookups) (*shadows, error) {
	shelf, err := shadow.Open(ctx, js)
	return &shadows{js: js, log: log, config: c, mappings: mappings, lookups: l, shelf: shelf, holder: nats.NewInbox(), with: map[string]*mapping.Mapping{}, told: map[string]string{}}, err
}

const (
	shadowPause  = 500 * time.Millisecond // between looks where there is nothing to do
	shadowLease  = 5 * time.Second        // after which a silent holder has lost its shadow
	shadowBatch  = 100                    // states of orders, and of customers, counted in one write
	shadowYields = 32                     // order states before map at which a shadow rests
)

// Run works until ctx ends. What goes wrong is told and tried again: a shadow never stops its transformer.
func (s *shadows) Run(ctx context.Context) {
	names := slices.Sorted(maps.Keys(s.config.Mappings))
	pause := time.NewTicker(shadowPause)
	defer pause.Stop()
	for ctx.Err() == nil {
		more := false
		for _, name := range names {
			m, err := s.step(ctx, name)
			if err != nil && ctx.Err() == nil && !errors.Is(err, shadow.ErrMeanwhile) {
				s.log.Warn("a shadow rests", "mapping", name, "error", err)
			}
			more = more || m && err == nil
		}
		if more {
			continue
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

// step looks at the next states with the shadow of a mapping; more says that others may wait.
func (s *shadows) step(ctx context.Context, name string) (more bool, err error) {
	now := time.Now().UTC()
	sh, err := s.shelf.Of(ctx, name)
	if errors.Is(err, shadow.ErrNone) {
		return false, nil
	}
	if err == nil {
		err = s.tell(ctx, sh)
	}
	if err != nil || sh.State != shadow.Running || sh.Holder != s.holder && now.Sub(sh.At) < shadowLease {
		return false, err
	}
	active, err := s.mappings.of(name)
	if err != nil {
		return false, err
	}
	if active.Revision() == sh.Revision {
		return false, s.published(ctx, &sh)
	}
	renew := sh.Holder != s.holder || now.Sub(sh.At) > shadowLease/3 || sh.Against != active.Revision()
	sh.Holder, sh.At = s.holder, now
	if sh.Against != active.Revision() {
		sh.Begin(active.Revision(), sh.Position, sh.Customers.Position)
	}
	seen, err := s.look(ctx, &sh, active)
	if err != nil || seen == 0 && !renew {
		return false, err
	}
	return seen == shadowBatch, s.settle(ctx, &sh)
}

// published ends the shadow of a revision that has become active: by somebody's publication, or by its rule in a transformer
// that died before it could say so.
func (s *shadows) published(ctx context.Context, sh *shadow.Shadow) error {
	chosen, err := s.mappings.shelf.Active(ctx, sh.Mapping)
	if err != nil {
		return err
	}
	if chosen.Revision != sh.Revision {
		return nil // another one by now: the next look sees it
	}
	return s.end(ctx, sh, shadow.Promoted, chosen.By, chosen.Note)
}

// settle keeps the counts, then does what the rule says of them.
func (s *shadows) settle(ctx context.Context, sh *shadow.Shadow) error {
	if err := s.shelf.Keep(ctx, sh); err != nil {
		return err
	}
	state, why := sh.Judge()
	switch state {
	case shadow.Running:
		return nil
	case shadow.Promoted:
		if err := s.promote(ctx, sh, why); err != nil {
			return err
		}
	}
	return s.end(ctx, sh, state, audit.System, why)
}

func (s *shadows) end(ctx context.Context, sh *shadow.Shadow, state shadow.State, by, why string) error {
	sh.End(state, by, why, time.Now().UTC())
	if err := s.shelf.Keep(ctx, sh); err != nil {
		return err
	}
	s.log.Info("shadow ends", "mapping", sh.Mapping, "revision", sh.Revision, "state", state, "by", by, "why", why)
	return s.tell(ctx, *sh)
}

// tell puts into the audit stream what is new of a shadow, whoever did it: a process that did may have died before.
func (s *shadows) tell(ctx context.Context, sh shadow.Shadow) error {
	now := fmt.Sprint(sh.Since.UnixNano(), sh.State)
	if s.told[sh.Mapping] == now {
		return nil
	}
	err := sh.Tell(ctx, s.js)
	if err == nil {
		s.told[sh.Mapping] = now
	}
	return err
}

func (s *shadows) promote(ctx context.Context, sh *shadow.Shadow, why string) error {
	present, err := s.mappings.shelf.Active(ctx, sh.Mapping)
	if err != nil {
		return err
	}
	if present.Revision != sh.Against {
		return fmt.Errorf("%w: another revision is active", shadow.ErrMeanwhile) // the counts begin again
	}
	_, err = s.mappings.shelf.Choose(ctx, s.js, present, sh.Revision, audit.System, why)
	if errors.Is(err, revisions.ErrMeanwhile) {
		return fmt.Errorf("%w: another revision is active", shadow.ErrMeanwhile)
	}
	return err
}

// look counts what the next states become, and gives how many of orders or of customers there were, whichever are more; it
// reads nothing while map has a backlog.
func (s *shadows) look(ctx context.Context, sh *shadow.Shadow, active active) (int, error) {
	consumer, err := s.js.Consumer(ctx, topology.Orders, topology.ConsumerMap)
	if err != nil || consumer.CachedInfo().NumPending > shadowYields {
		return 0, err
	}
	candidate, err := s.candidate(ctx, sh)
	if err != nil {
		return 0, err
	}
	groups := contrast.GroupsOf(sh.Groups)
	orders, err := s.read(ctx, topology.Orders, subject.OrderAll, &sh.Position, func(m *jetstream.RawStreamMsg) error {
		return s.count(ctx, sh, groups, active.Mapping, candidate, m)
	})
	if err != nil {
		return 0, err
	}
	customers, err := s.read(ctx, topology.Customers, subject.CustomerAll, &sh.Customers.Position, func(m *jetstream.RawStreamMsg) error {
		return s.countCustomer(sh, groups, active.Mapping, candidate, m)
	})
	sh.Groups = groups.Sorted()
	return max(orders, customers), err
}

// read visits the next messages of a stream, moves the position behind each, and gives how many there were.
func (s *shadows) read(ctx context.Context, stream, filter string, position *uint64, visit func(*jetstream.RawStreamMsg) error) (seen int, err error) {
	messages, err := jetstreamext.GetBatch(ctx, s.js, stream, shadowBatch, jetstreamext.GetBatchSeq(*position+1), jetstreamext.GetBatchSubject(filter))
	if err != nil {
		return 0, err
	}
	for m, err := range messages {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			break
		}
		if err == nil {
			err = visit(m)
		}
		if err != nil {
			return 0, err
		}
		*position = m.Sequence
		seen++
	}
	return seen, nil
}

func (s *shadows) count(ctx context.Context, sh *shadow.Shadow, groups contrast.Groups, active, candidate *mapping.Mapping, m *jetstream.RawStreamMsg) error {
	state, err := codec.Decode[event.OrderStateV1](m.Data)
	store, maps := s.maps(sh, state.Store)
	if err != nil || !maps {
		return nil //nolint:nilerr // map parks what cannot be decoded
	}
	inputs, err := s.inputs(ctx, active.Asks(state).And(candidate.Asks(state)), state, store.Account, m.Sequence)
	if err != nil {
		return err
	}
	with := mapping.Context{Account: store.Account, Sequence: m.Sequence, Adoption: s.config.Accounts[store.Account].Adoption, Inputs: inputs}
	return counted(sh, groups, contrast.Object{Store: state.Store, Order: state.Order}, state, contrast.Between,
		func(o event.OrderStateV1) (event.DesiredOrderV1, error) { return active.Map(o, with) },
		func(o event.OrderStateV1) (event.DesiredOrderV1, error) { return candidate.Map(o, with) })
}

func (s *shadows) countCustomer(sh *shadow.Shadow, groups contrast.Groups, active, candidate *mapping.Mapping, m *jetstream.RawStreamMsg) error {
	state, err := codec.Decode[event.CustomerChangedV1](m.Data)
	store, maps := s.maps(sh, state.Store)
	if err != nil || !maps {
		return nil //nolint:nilerr // map parks what cannot be decoded
	}
	with := mapping.Context{Account: store.Account, Sequence: m.Sequence}
	return counted(sh, groups, contrast.Object{Store: state.Store, Customer: state.Customer}, state, contrast.Customers,
		func(c event.CustomerChangedV1) (event.DesiredCustomerV1, error) { return active.Customer(c, with) },
		func(c event.CustomerChangedV1) (event.DesiredCustomerV1, error) { return candidate.Customer(c, with) })
}

// maps tells whether the shadow's mapping maps a store.
func (s *shadows) maps(sh *shadow.Shadow, name string) (config.Store, bool) {
	store, known := s.config.Stores[name]
	return store, known && store.Mapping == sh.Mapping
}

// counted maps a state both ways and counts what becomes of it.
func counted[S, D any](sh *shadow.Shadow, groups contrast.Groups, of contrast.Object, state S, between func(from, to D) ([]contrast.Difference, error), active, candidate contrast.Mapper[S, D]) error {
	differences, cannot, err := contrast.Of(active, candidate, between, state)
	if err != nil {
		return err
	}
	groups.Add(of, differences)
	sh.Count(of, len(differences) > 0, cannot)
	return nil
}

// inputs are those that the active mapping was given for the event, and what the candidate asks for beside; both mappings
// are given the same.
func (s *shadows) inputs(ctx context.Context, asked mapping.Asked, o event.OrderStateV1, account string, sequence uint64) (*event.Inputs, error) {
	if asked.IsEmpty() {
		return nil, nil
	}
	last, _, err := lastDesired(ctx, s.js, o.Store, o.Order)
	if err != nil {
		return nil, err
	}
	before := keptOf(last)
	if last != nil && last.Source.Sequence >= sequence {
		before = &kept{inputs: last.Inputs}
	}
	return s.lookups.of(ctx, asked, o.Store, account, before)
}

func (s *shadows) candidate(ctx context.Context, sh *shadow.Shadow) (*mapping.Mapping, error) {
	if m := s.with[sh.Revision]; m != nil {
		return m, nil
	}
	document, err := s.mappings.shelf.Document(ctx, sh.Mapping, sh.Revision)
	if err != nil {
		return nil, err
	}
	m, err := mapping.Compile(document)
	if err != nil {
		return nil, err
	}
	clear(s.with)
	s.with[sh.Revision] = m
	return m, nil
}

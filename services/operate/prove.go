package operate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/contrast"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Proof says whether history is derived again bit for bit. Invariant 6.
type Proof struct {
	Derivation            // of the states that DESIRED holds, the newest of each order, by all of their bytes
	Past       Derivation `json:"past"`      // of those that OUTCOMES names, by their hash: most of them DESIRED holds no longer
	Customers  Derivation `json:"customers"` // of the states that DESIRED holds, the newest of each customer, by all of their bytes
}

// Derivation says how states came out that were derived again.
type Derivation struct {
	States     int            `json:"states"`     // derived again; of the past one an outcome
	Gone       int            `json:"gone"`       // whose event is no longer kept in ORDERS or CUSTOMERS
	Unprovable int            `json:"unprovable"` // whose outcome does not say what the mapping was given, and that do not come out without
	Revisions  map[string]int `json:"revisions"`  // states by the revision that made them
	Differing  int            `json:"differing"`  // those that came out otherwise, or not at all
	Different  []string       `json:"different"`  // the first thousand of them, as "<store>/<order> at <revision> from ORDERS <sequence>"
	Stored     string         `json:"stored"`     // SHA-256 over the states as they were stored, in order; of the past over their hashes
	Derived    string         `json:"derived"`    // the same over the states as they were derived again
}

// Holds tells whether every state came out as it was stored.
func (p Proof) Holds() bool { return p.holds() && p.Past.holds() && p.Customers.holds() }

func (d Derivation) holds() bool { return d.Stored == d.Derived && d.Differing == 0 }

// What a proof keeps does not grow with history.
const (
	page     = 256  // messages read at once
	named    = 1000 // states that differ
	compiled = 32   // mappings
)

// run is a derivation under way.
type run struct {
	Derivation
	stored, derived hash.Hash
}

func newRun() *run {
	return &run{Derivation{Revisions: map[string]int{}, Different: []string{}}, sha256.New(), sha256.New()}
}

// count takes in a state, as it was stored and as it came out.
func (r *run) count(s state, derived []byte) {
	if !s.provable && !bytes.Equal(s.bytes, derived) {
		r.Unprovable++
		return
	}
	r.States++
	r.Revisions[s.revision]++
	r.stored.Write(s.bytes)
	r.derived.Write(derived)
	if !bytes.Equal(s.bytes, derived) {
		r.differs(s.name())
	}
}

func (r *run) differs(name string) {
	if r.Differing++; len(r.Different) < named {
		r.Different = append(r.Different, name)
	}
}

func (r *run) result() Derivation {
	r.Stored, r.Derived = hex.EncodeToString(r.stored.Sum(nil)), hex.EncodeToString(r.derived.Sum(nil))
	return r.Derivation
}

// state is one that was made once.
type state struct {
	of       contrast.Object
	revision string
	events   jetstream.Stream
	sequence uint64 // of the event that it was made from
	bytes    []byte // what is compared
	provable bool   // all that the mapping was given is known

	again func(with *mapping.Mapping, event []byte) ([]byte, error) // what is compared, derived again
}

func (s state) name() string {
	return fmt.Sprintf("%s at %s from %s %d", s.of.Name(), s.revision, s.events.CachedInfo().Config.Name, s.sequence)
}

// Prover derives desired states again, one after the other.
type Prover struct {
	js                jetstream.JetStream
	orders, customers jetstream.Stream
	with              map[string]*mapping.Mapping

	present, past, accounts *run
}

// NewProver begins a proof.
func NewProver(ctx context.Context, js jetstream.JetStream) (*Prover, error) {
	p := &Prover{js: js, with: map[string]*mapping.Mapping{}, present: newRun(), past: newRun(), accounts: newRun()}
	var err error
	if p.orders, err = js.Stream(ctx, topology.Orders); err != nil {
		return nil, fmt.Errorf("stream %s: %w", topology.Orders, err)
	}
	if p.customers, err = js.Stream(ctx, topology.Customers); err != nil {
		return nil, fmt.Errorf("stream %s: %w", topology.Customers, err)
	}
	return p, nil
}

// Add derives the state of an order in a message of DESIRED again and compares all of its bytes.
func (p *Prover) Add(ctx context.Context, data []byte) error {
	held, err := codec.Decode[event.DesiredOrderV1](data)
	if err != nil {
		return err
	}
	return p.add(ctx, p.present, p.order(held, data, true, func(made event.DesiredOrderV1) ([]byte, error) {
		made.Source.Replaces = held.Source.Replaces // where it stands in DESIRED, nothing that the mapping says
		return codec.Encode(made)
	}))
}

// order is a state that was made as held says; of what is made of its event, text gives what is compared.
func (p *Prover) order(held event.DesiredOrderV1, data []byte, provable bool, text func(made event.DesiredOrderV1) ([]byte, error)) state {
	return state{
		contrast.Object{Store: held.Store, Order: held.Order}, held.Source.Revision, p.orders, held.Source.Sequence, data, provable,
		func(with *mapping.Mapping, order []byte) ([]byte, error) {
			made, err := remake(with, held, order)
			if err != nil {
				return nil, err
			}
			return text(made)
		},
	}
}

// AddCustomer derives the state of a customer in a message of DESIRED again and compares all of its bytes.
func (p *Prover) AddCustomer(ctx context.Context, data []byte) error {
	held, err := codec.Decode[event.DesiredCustomerV1](data)
	if err != nil {
		return err
	}
	return p.add(ctx, p.accounts, state{
		contrast.Object{Store: held.Store, Customer: held.Customer}, held.Source.Revision, p.customers, held.Source.Sequence, data, true,
		func(with *mapping.Mapping, customer []byte) ([]byte, error) {
			made, err := remakeCustomer(with, held, customer)
			if err != nil {
				return nil, err
			}
			return codec.Encode(made)
		},
	})
}

// AddOutcome derives the state that a message of OUTCOMES is about again and compares its hash.
func (p *Prover) AddOutcome(ctx context.Context, data []byte) error {
	o, err := codec.Decode[event.SyncRecordedV1](data)
	if err != nil {
		return err
	}
	held := event.DesiredOrderV1{Envelope: o.Envelope, Account: o.Account, Order: o.Order, Source: event.DesiredSource{Sequence: o.Desired.Orders, Revision: o.Desired.Revision}}
	if with := o.Desired.With; with != nil {
		held.Inputs = with.Inputs
		for _, field := range with.Adoption {
			held.SalesOrder.Adoption = append(held.SalesOrder.Adoption, event.AdoptionKey{Field: field})
		}
	}
	return p.add(ctx, p.past, p.order(held, []byte(o.Desired.Hash), o.Desired.With != nil, func(made event.DesiredOrderV1) ([]byte, error) { return []byte(made.Hash), nil }))
}

// add derives a state again.
func (p *Prover) add(ctx context.Context, r *run, s state) error {
	raw, err := s.events.GetMsg(ctx, s.sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		r.Gone++
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.name(), err)
	}
	with, err := p.mapping(ctx, s.revision)
	if errors.Is(err, ErrNoRevision) {
		r.differs(s.name() + ": " + err.Error())
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.name(), err)
	}
	again, err := s.again(with, raw.Data)
	if err != nil {
		r.differs(s.name() + ": " + err.Error())
		return nil //nolint:nilerr // what cannot be derived again is told
	}
	r.count(s, again)
	return nil
}

func remake(with *mapping.Mapping, held event.DesiredOrderV1, order []byte) (event.DesiredOrderV1, error) {
	state, err := codec.Decode[event.OrderStateV1](order)
	if err != nil {
		return event.DesiredOrderV1{}, err
	}
	return derive(with, held, state)
}

func remakeCustomer(with *mapping.Mapping, held event.DesiredCustomerV1, customer []byte) (event.DesiredCustomerV1, error) {
	state, err := codec.Decode[event.CustomerChangedV1](customer)
	if err != nil {
		return event.DesiredCustomerV1{}, err
	}
	return deriveCustomer(with, held, state)
}

func (p *Prover) mapping(ctx context.Context, revision string) (*mapping.Mapping, error) {
	if m := p.with[revision]; m != nil {
		return m, nil
	}
	m, err := ofRevision(ctx, p.js, revision)
	if err != nil {
		return nil, err
	}
	if len(p.with) == compiled {
		clear(p.with)
	}
	p.with[revision] = m
	return m, nil
}

// Proof gives the result so far.
func (p *Prover) Proof() Proof {
	return Proof{p.present.result(), p.past.result(), p.accounts.result()}
}

// Prove derives again every desired state of an order or customer that DESIRED holds and every one of an order that an outcome
// is about, each with the revision it names. Of customers no outcome names an earlier state. progress, if not nil, hears how
// many of how many are done.
func Prove(ctx context.Context, js jetstream.JetStream, progress func(done, all int)) (Proof, error) {
	p, err := NewProver(ctx, js)
	if err != nil {
		return Proof{}, err
	}
	parts := []part{
		{topology.Desired, subject.DesiredOrders(""), p.Add}, {topology.Desired, subject.DesiredCustomers(""), p.AddCustomer}, {topology.Outcomes, subject.SyncAll, p.AddOutcome},
	}
	histories := make([]history, len(parts))
	done, all := 0, 0
	for i, part := range parts {
		if histories[i], err = historyOf(ctx, js, part.stream, part.filter); err != nil {
			return Proof{}, err
		}
		all += histories[i].holds
	}
	for i, part := range parts {
		err := histories[i].each(ctx, func(data []byte) error {
			if done++; progress != nil {
				progress(done, all)
			}
			return part.add(ctx, data)
		})
		if err != nil {
			return Proof{}, err
		}
	}
	return p.Proof(), nil
}

// part is a part of history and how it is derived again.
type part struct {
	stream, filter string
	add            func(context.Context, []byte) error
}

// history is what a stream holds under a filter.
type history struct {
	stream   string
	consumer jetstream.Consumer
	holds    int
}

func historyOf(ctx context.Context, js jetstream.JetStream, stream, filter string) (history, error) {
	consumer, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{filter}})
	if err != nil {
		return history{}, fmt.Errorf("stream %s: %w", stream, err)
	}
	return history{stream, consumer, int(consumer.CachedInfo().NumPending)}, nil
}

// each hands on the messages, oldest first and a page at a time. What comes meanwhile takes the place of what goes.
func (h history) each(ctx context.Context, visit func(data []byte) error) error {
	messages, err := h.consumer.Messages(jetstream.PullMaxMessages(page))
	if err != nil {
		return fmt.Errorf("read %s: %w", h.stream, err)
	}
	defer messages.Stop()
	for range h.holds {
		m, err := next(ctx, messages)
		if err != nil {
			return fmt.Errorf("read %s: %w", h.stream, err)
		}
		metadata, err := m.Metadata()
		if err != nil {
			return err
		}
		if err := visit(m.Data()); err != nil {
			return fmt.Errorf("%s %d: %w", h.stream, metadata.Sequence.Stream, err)
		}
		if metadata.NumPending == 0 {
			return nil
		}
	}
	return nil
}

const patience = 30 * time.Second // for the next message of a stream that is read to its end

func next(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return messages.Next(jetstream.NextContext(within))
}

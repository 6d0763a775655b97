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
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Proof says whether history is derived again bit for bit. Invariant 6.
type Proof struct {
	Derivation            // of the states that DESIRED holds, the newest of each order, by all of their bytes
	Past       Derivation `json:"past"` // of those that OUTCOMES names, by their hash: most of them DESIRED holds no longer
}

// Derivation says how states came out that were derived again.
type Derivation struct {
	States     int            `json:"states"`     // derived again; of the past one an outcome
	Gone       int            `json:"gone"`       // whose order state is no longer kept in ORDERS
	Unprovable int            `json:"unprovable"` // whose outcome does not say what the mapping was given, and that do not come out without
	Revisions  map[string]int `json:"revisions"`  // states by the revision that made them
	Differing  int            `json:"differing"`  // those that came out otherwise, or not at all
	Different  []string       `json:"different"`  // the first thousand of them, as "<store>/<order> at <revision>"
	Stored     string         `json:"stored"`     // SHA-256 over the states as they were stored, in order; of the past over their hashes
	Derived    string         `json:"derived"`    // the same over the states as they were derived again
}

// Holds tells whether every state came out as it was stored.
func (p Proof) Holds() bool { return p.holds() && p.Past.holds() }

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
	r.Revisions[s.held.Source.Revision]++
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
	held     event.DesiredOrderV1 // what it was made from and with, at least
	bytes    []byte               // what is compared
	provable bool                 // all that the mapping was given is known
}

func (s state) name() string {
	return fmt.Sprintf("%s/%s at %s from ORDERS %d", s.held.Store, s.held.Order, s.held.Source.Revision, s.held.Source.Sequence)
}

// Prover derives desired states again, one after the other.
type Prover struct {
	js            jetstream.JetStream
	orders        jetstream.Stream
	with          map[string]*mapping.Mapping
	present, past *run
}

// NewProver begins a proof.
func NewProver(ctx context.Context, js jetstream.JetStream) (*Prover, error) {
	orders, err := js.Stream(ctx, topology.Orders)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", topology.Orders, err)
	}
	return &Prover{js, orders, map[string]*mapping.Mapping{}, newRun(), newRun()}, nil
}

// Add derives the state of a message of DESIRED again and compares all of its bytes.
func (p *Prover) Add(ctx context.Context, data []byte) error {
	held, err := codec.Decode[event.DesiredOrderV1](data)
	if err != nil {
		return err
	}
	return p.add(ctx, p.present, state{held, data, true}, func(made event.DesiredOrderV1) ([]byte, error) {
		made.Source.Replaces = held.Source.Replaces // where it stands in DESIRED, nothing that the mapping says
		return codec.Encode(made)
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
	return p.add(ctx, p.past, state{held, []byte(o.Desired.Hash), o.Desired.With != nil}, func(made event.DesiredOrderV1) ([]byte, error) { return []byte(made.Hash), nil })
}

// add derives a state again; of what is made, text gives what is compared.
func (p *Prover) add(ctx context.Context, r *run, s state, text func(made event.DesiredOrderV1) ([]byte, error)) error {
	raw, err := p.orders.GetMsg(ctx, s.held.Source.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		r.Gone++
		return nil
	}
	if err != nil {
		return fmt.Errorf("ORDERS %d: %w", s.held.Source.Sequence, err)
	}
	with, err := p.mapping(ctx, s.held.Source.Revision)
	if errors.Is(err, ErrNoRevision) {
		r.differs(s.name() + ": " + err.Error())
		return nil
	}
	if err != nil {
		return fmt.Errorf("order %s/%s: %w", s.held.Store, s.held.Order, err)
	}
	if made, failed := remake(with, s.held, raw.Data); failed != nil {
		r.differs(s.name() + ": " + failed.Error())
	} else {
		again, err := text(made)
		if err != nil {
			return err
		}
		r.count(s, again)
	}
	return nil
}

func remake(with *mapping.Mapping, held event.DesiredOrderV1, order []byte) (event.DesiredOrderV1, error) {
	state, err := codec.Decode[event.OrderStateV1](order)
	if err != nil {
		return event.DesiredOrderV1{}, err
	}
	return derive(with, held, state)
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
func (p *Prover) Proof() Proof { return Proof{p.present.result(), p.past.result()} }

// Prove derives again every desired state of an order that DESIRED holds and every one that an outcome is about, each with
// the revision it names. progress, if not nil, hears how many of how many are done.
func Prove(ctx context.Context, js jetstream.JetStream, progress func(done, all int)) (Proof, error) {
	p, err := NewProver(ctx, js)
	if err != nil {
		return Proof{}, err
	}
	desired, err := historyOf(ctx, js, topology.Desired, subject.DesiredOrders(""))
	if err != nil {
		return Proof{}, err
	}
	outcomes, err := historyOf(ctx, js, topology.Outcomes, subject.SyncAll)
	if err != nil {
		return Proof{}, err
	}
	done, all := 0, desired.holds+outcomes.holds
	counted := func(add func(context.Context, []byte) error) func([]byte) error {
		return func(data []byte) error {
			if done++; progress != nil {
				progress(done, all)
			}
			return add(ctx, data)
		}
	}
	if err := desired.each(ctx, counted(p.Add)); err != nil {
		return Proof{}, err
	}
	if err := outcomes.each(ctx, counted(p.AddOutcome)); err != nil {
		return Proof{}, err
	}
	return p.Proof(), nil
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

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
	States    int            `json:"states"`    // desired states derived again
	Gone      int            `json:"gone"`      // whose order state is no longer kept in ORDERS
	Revisions map[string]int `json:"revisions"` // states by the revision that made them
	Different []string       `json:"different"` // those that came out otherwise, as "<store>/<order> at <revision>"
	Stored    string         `json:"stored"`    // SHA-256 over the states as they were stored, in order
	Derived   string         `json:"derived"`   // the same over the states as they were derived again
}

// Holds tells whether every state came out as it was stored.
func (p Proof) Holds() bool { return p.Stored == p.Derived && len(p.Different) == 0 }

// Prover derives desired states again, one after the other.
type Prover struct {
	js              jetstream.JetStream
	orders          jetstream.Stream
	with            map[string]*mapping.Mapping
	stored, derived hash.Hash
	proof           Proof
}

// NewProver begins a proof.
func NewProver(ctx context.Context, js jetstream.JetStream) (*Prover, error) {
	orders, err := js.Stream(ctx, topology.Orders)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", topology.Orders, err)
	}
	return &Prover{
		js: js, orders: orders, with: map[string]*mapping.Mapping{}, stored: sha256.New(), derived: sha256.New(),
		proof: Proof{Revisions: map[string]int{}, Different: []string{}},
	}, nil
}

// Add derives the state of a message of DESIRED again and compares all of its bytes.
func (p *Prover) Add(ctx context.Context, data []byte) error {
	held, err := codec.Decode[event.DesiredOrderV1](data)
	if err != nil {
		return err
	}
	raw, err := p.orders.GetMsg(ctx, held.Source.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		p.proof.Gone++
		return nil
	}
	if err != nil {
		return fmt.Errorf("ORDERS %d: %w", held.Source.Sequence, err)
	}
	again, err := p.again(ctx, held, raw.Data)
	if err != nil {
		return fmt.Errorf("order %s/%s: %w", held.Store, held.Order, err)
	}
	p.proof.States++
	p.proof.Revisions[held.Source.Revision]++
	p.stored.Write(data)
	p.derived.Write(again)
	if !bytes.Equal(again, data) {
		p.proof.Different = append(p.proof.Different, fmt.Sprintf("%s/%s at %s", held.Store, held.Order, held.Source.Revision))
	}
	return nil
}

func (p *Prover) again(ctx context.Context, held event.DesiredOrderV1, order []byte) ([]byte, error) {
	state, err := codec.Decode[event.OrderStateV1](order)
	if err != nil {
		return nil, err
	}
	with, err := p.mapping(ctx, held.Source.Revision)
	if err != nil {
		return nil, err
	}
	made, err := derive(with, held, state)
	if err != nil {
		return nil, err
	}
	made.Source.Replaces = held.Source.Replaces // where it stands in DESIRED, nothing that the mapping says
	return codec.Encode(made)
}

func (p *Prover) mapping(ctx context.Context, revision string) (*mapping.Mapping, error) {
	if m := p.with[revision]; m != nil {
		return m, nil
	}
	m, err := ofRevision(ctx, p.js, revision)
	if err != nil {
		return nil, err
	}
	p.with[revision] = m
	return m, nil
}

// Proof gives the result so far.
func (p *Prover) Proof() Proof {
	p.proof.Stored, p.proof.Derived = hex.EncodeToString(p.stored.Sum(nil)), hex.EncodeToString(p.derived.Sum(nil))
	return p.proof
}

// Prove derives every desired state of an order again, each with the revision it names. progress, if not nil, hears how
// many of how many are done.
func Prove(ctx context.Context, js jetstream.JetStream, progress func(done, all int)) (Proof, error) {
	p, err := NewProver(ctx, js)
	if err != nil {
		return Proof{}, err
	}
	consumer, err := js.OrderedConsumer(ctx, topology.Desired, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject.DesiredOrders("")}})
	if err != nil {
		return Proof{}, fmt.Errorf("stream %s: %w", topology.Desired, err)
	}
	all := int(consumer.CachedInfo().NumPending)
	for done := range all {
		m, err := consumer.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			return Proof{}, fmt.Errorf("read %s: %w", topology.Desired, err)
		}
		if err := p.Add(ctx, m.Data()); err != nil {
			return Proof{}, err
		}
		if progress != nil {
			progress(done+1, all)
		}
	}
	return p.Proof(), nil
}

const patience = 30 * time.Second // for the next message of a stream that is read to its end

package transformer

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// mapper is the step ORDERS → DESIRED.
type mapper struct {
	js       jetstream.JetStream
	config   config.Config
	mappings *book
	lookups  *lookups
}

func (p *mapper) lane(m consume.Message) (store, key string) {
	o, err := subject.ParseOrder(m.Subject)
	if err != nil {
		return "", m.Subject
	}
	return o.Store, o.Order
}

func (p *mapper) handle(ctx context.Context, m consume.Message) ([]publish.Message, error) {
	state, err := codec.Decode[event.OrderStateV1](m.Data)
	if err != nil {
		return nil, fault.New(fault.MessageUndecodable, "want an order event", fault.Field(m.Subject, fmt.Sprint(m.Sequence)), fault.Because(err))
	}
	store, known := p.config.Stores[state.Store]
	if !known {
		return nil, fault.New(fault.ConfigurationWrong, "want a section under stores", fault.Field("store", state.Store))
	}
	with, err := p.mappings.under(ctx, m, store.Mapping)
	if err != nil {
		return nil, err
	}
	last, position, err := lastDesired(ctx, p.js, state.Store, state.Order)
	if err != nil {
		return nil, err
	}
	inputs, err := p.lookups.of(ctx, with.Asks(state), state.Store, store.Account, keptOf(last))
	if err != nil {
		return nil, err
	}
	desired, err := with.Map(state, mapping.Context{
		Account: store.Account, Sequence: m.Sequence, Published: with.published, Adoption: p.config.Accounts[store.Account].Adoption, Inputs: inputs,
	})
	if err != nil {
		return nil, err
	}
	return p.publish(desired, last, position)
}

// publish guards newest: a desired state replaces only one made from an older event, or from the same event
// by an older mapping revision. Its inputs are those of the state that it replaces, or newer: the expected position settles
// that too.
func (p *mapper) publish(d event.DesiredOrderV1, last *event.DesiredOrderV1, position uint64) ([]publish.Message, error) {
	switch {
	case last == nil:
	case last.Account != d.Account:
		return nil, fault.New(fault.AccountChanged, "an order stays with its first account "+last.Account, fault.Field("stores."+d.Store+".account", d.Account))
	case !newer(d.Source, last.Source):
		return nil, nil
	}
	d.Source.Replaces = position
	s := subject.Desired{Kind: "order", Account: d.Account, Store: d.Store, Key: d.Order}
	m, err := publish.JSON(topology.Desired, s.String(), d.Envelope, d)
	m.Expect = &publish.Expect{Sequence: position}
	return []publish.Message{m}, err
}

// lastDesired reads what DESIRED holds of an order and where; nil and 0: nothing.
func lastDesired(ctx context.Context, js jetstream.JetStream, store, order string) (*event.DesiredOrderV1, uint64, error) {
	raw, err := lastOf(ctx, js, topology.Desired, subject.DesiredOf(store, order))
	if err != nil || raw == nil {
		return nil, 0, err
	}
	last, err := codec.Decode[event.DesiredOrderV1](raw.Data)
	if err != nil {
		return nil, 0, fault.New(fault.MessageUndecodable, "want a desired state", fault.Field(raw.Subject, fmt.Sprint(raw.Sequence)), fault.Because(err))
	}
	return &last, raw.Sequence, nil
}

func newer(d, last event.DesiredSource) bool {
	if d.Sequence != last.Sequence {
		return d.Sequence > last.Sequence
	}
	return d.Published > last.Published
}

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
	with, err := p.mappings.of(store.Mapping)
	if err != nil {
		return nil, err
	}
	desired, err := with.Map(state, mapping.Context{
		Account: store.Account, Sequence: m.Sequence, Published: with.published, Adoption: p.config.Accounts[store.Account].Adoption,
	})
	if err != nil {
		return nil, err
	}
	return p.publish(ctx, desired)
}

// publish guards newest: a desired state replaces only one made from an older event, or from the same event
// by an older mapping revision.
func (p *mapper) publish(ctx context.Context, d event.DesiredOrderV1) ([]publish.Message, error) {
	raw, err := lastOf(ctx, p.js, topology.Desired, subject.DesiredOf(d.Store, d.Order))
	if err != nil {
		return nil, err
	}
	var sequence uint64
	if raw != nil {
		last, err := codec.Decode[event.DesiredOrderV1](raw.Data)
		switch {
		case err != nil:
			return nil, fault.New(fault.MessageUndecodable, "want a desired state", fault.Field(raw.Subject, fmt.Sprint(raw.Sequence)), fault.Because(err))
		case last.Account != d.Account:
			return nil, fault.New(fault.AccountChanged, "an order stays with its first account "+last.Account, fault.Field("stores."+d.Store+".account", d.Account))
		case !newer(d.Source, last.Source):
			return nil, nil
		}
		sequence = raw.Sequence
		d.Source.Replaces = sequence
	}
	s := subject.Desired{Kind: "order", Account: d.Account, Store: d.Store, Key: d.Order}
	m, err := publish.JSON(topology.Desired, s.String(), d.Envelope, d)
	m.Expect = &publish.Expect{Sequence: sequence}
	return []publish.Message{m}, err
}

func newer(d, last event.DesiredSource) bool {
	if d.Sequence != last.Sequence {
		return d.Sequence > last.Sequence
	}
	return d.Published > last.Published
}

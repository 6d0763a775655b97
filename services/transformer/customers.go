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
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// customers is the step CUSTOMERS → DESIRED. A customer event that leaves what NetSuite should hold as it is (a new order
// makes somebody a paying customer, a plugin writes its meta) ends here.
type customers struct {
	js       jetstream.JetStream
	config   config.Config
	mappings *book
}

// lane names the customer, apart from orders, whose failures have the same stage.
func (p *customers) lane(m consume.Message) (store, key string) {
	c, err := codec.Decode[struct {
		Store    string `json:"store"`
		Customer string `json:"customer"`
	}](m.Data)
	if err != nil || c.Customer == "" {
		return "", m.Subject
	}
	return c.Store, failures.CustomerKey(c.Customer)
}

func (p *customers) handle(ctx context.Context, m consume.Message) ([]publish.Message, error) {
	state, err := codec.Decode[event.CustomerChangedV1](m.Data)
	if err != nil {
		return nil, fault.New(fault.MessageUndecodable, "want a customer event", fault.Field(m.Subject, fmt.Sprint(m.Sequence)), fault.Because(err))
	}
	store, known := p.config.Stores[state.Store]
	if !known {
		return nil, fault.New(fault.ConfigurationWrong, "want a section under stores", fault.Field("store", state.Store))
	}
	with, err := p.mappings.under(ctx, m, store.Mapping)
	if err != nil {
		return nil, err
	}
	desired, err := with.Customer(state, mapping.Context{Account: store.Account, Sequence: m.Sequence, Published: with.published})
	if err != nil {
		return nil, err
	}
	return p.publish(ctx, desired)
}

// publish guards newest, as for orders (Invariant 4), and leaves out what says the same again.
func (p *customers) publish(ctx context.Context, d event.DesiredCustomerV1) ([]publish.Message, error) {
	name := subject.Desired{Kind: "customer", Account: d.Account, Store: d.Store, Key: d.Customer}.String()
	raw, err := lastOf(ctx, p.js, topology.Desired, name)
	if err != nil {
		return nil, err
	}
	var sequence uint64
	if raw != nil {
		last, err := codec.Decode[event.DesiredCustomerV1](raw.Data)
		if err != nil {
			return nil, fault.New(fault.MessageUndecodable, "want a desired state", fault.Field(raw.Subject, fmt.Sprint(raw.Sequence)), fault.Because(err))
		}
		if d.Hash == last.Hash || d.Source.Sequence <= last.Source.Sequence {
			return nil, nil
		}
		sequence = raw.Sequence
	}
	m, err := publish.JSON(topology.Desired, name, d.Envelope, d)
	m.Expect = &publish.Expect{Sequence: sequence}
	return []publish.Message{m}, err
}

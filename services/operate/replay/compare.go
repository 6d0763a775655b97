package replay

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/contrast"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Comparison is what two mappings make of the newest orders.
type Comparison struct {
	Mapping  string      `json:"mapping"` // the configuration's key: whose orders are looked at
	From     string      `json:"from"`    // revision
	To       string      `json:"to"`
	Looked   int         `json:"looked"` // orders looked at
	Same     int         `json:"same"`
	Orders   []Differing `json:"orders"` // the newest first
	Groups   []Group     `json:"groups"` // the most frequent first
	Troubles []Trouble   `json:"troubles"`
}

// Differing is an order that the two map differently.
type Differing struct {
	Store       string       `json:"store"`
	Order       string       `json:"order"`
	Number      string       `json:"number"`
	Differences []Difference `json:"differences"`
}

// Compare maps the newest states of the orders asked for with both mappings, both with the look-ups that an order was mapped
// with. It writes nothing.
func Compare(ctx context.Context, js jetstream.JetStream, from, to *mapping.Mapping, among Among) (Comparison, error) {
	c := Comparison{From: from.Revision(), To: to.Revision(), Orders: []Differing{}, Groups: []Group{}, Troubles: []Trouble{}}
	groups := contrast.Groups{}
	if err := among.settle(ctx, js, from, to); err != nil {
		return c, err
	}
	c.Mapping = among.Mapping
	desired, err := js.Stream(ctx, topology.Desired)
	if err != nil {
		return c, fmt.Errorf("stream %s: %w", topology.Desired, err)
	}
	err = among.newest(ctx, js, func(state event.OrderStateV1, sequence uint64) error {
		c.Looked++
		with, err := recorded(ctx, desired, from.Asks(state).And(to.Asks(state)), state, sequence)
		if err != nil {
			return err
		}
		differences, cannot, err := contrast.Of(mapper(from, with), mapper(to, with), contrast.Between, state)
		switch {
		case err != nil:
			return err
		case cannot != nil:
			c.Troubles = append(c.Troubles, Trouble{Object{Store: state.Store, Order: state.Order}, string(fault.CodeOf(cannot)), cannot.Error()})
		case len(differences) == 0:
			c.Same++
		default:
			c.Orders = append(c.Orders, Differing{state.Store, state.Order, state.Number, differences})
			groups.Add(Object{Store: state.Store, Order: state.Order}, differences)
		}
		return nil
	})
	c.Groups = groups.Sorted()
	return c, err
}

// recorded maps a state with the look-ups that its order was mapped with.
func recorded(ctx context.Context, desired jetstream.Stream, asked mapping.Asked, state event.OrderStateV1, sequence uint64) (mapping.Context, error) {
	with := mapping.Context{Sequence: sequence}
	if asked.IsEmpty() {
		return with, nil
	}
	was, _, err := held(ctx, desired, state.Store, state.Order)
	with.Inputs = was.Inputs
	return with, err
}

func mapper(m *mapping.Mapping, with mapping.Context) contrast.Mapper[event.OrderStateV1, event.DesiredOrderV1] {
	return func(state event.OrderStateV1) (event.DesiredOrderV1, error) { return m.Map(state, with) }
}

// newest visits the newest state of each order, the newest first.
func (a Among) newest(ctx context.Context, js jetstream.JetStream, visit func(event.OrderStateV1, uint64) error) error {
	orders, err := js.Stream(ctx, topology.Orders)
	if err != nil {
		return fmt.Errorf("stream %s: %w", topology.Orders, err)
	}
	mapped, err := a.stores(ctx, js)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	bounds := orders.CachedInfo().State
	for sequence := bounds.LastSeq; sequence >= bounds.FirstSeq && sequence > 0 && len(seen) < a.Last; sequence-- {
		raw, err := orders.GetMsg(ctx, sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("stream %s: %w", topology.Orders, err)
		}
		name, err := subject.ParseOrder(raw.Subject)
		if err != nil {
			return err
		}
		key := name.Store + "/" + name.Order
		if seen[key] || !mapped(name.Store) {
			continue
		}
		seen[key] = true
		state, err := codec.Decode[event.OrderStateV1](raw.Data)
		if err != nil {
			return fault.New(fault.MessageUndecodable, "want an order event", fault.Field(raw.Subject, fmt.Sprint(sequence)), fault.Because(err))
		}
		if err := visit(state, sequence); err != nil {
			return err
		}
	}
	return nil
}

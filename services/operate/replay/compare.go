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

// Comparison is what two mappings make of the newest orders and customers.
type Comparison struct {
	Mapping   string   `json:"mapping"` // the configuration's key: whose orders and customers are looked at
	From      string   `json:"from"`    // revision
	To        string   `json:"to"`
	Orders    Compared `json:"orders"`
	Customers Compared `json:"customers"`
}

// Compared is what two mappings make of the newest orders, or of the newest customers.
type Compared struct {
	Looked    int         `json:"looked"` // at
	Same      int         `json:"same"`
	Differing []Differing `json:"differing"` // the newest first
	Groups    []Group     `json:"groups"`    // the most frequent first
	Troubles  []Trouble   `json:"troubles"`  // what only one of the two maps
}

// Differing is an order or a customer that the two map differently.
type Differing struct {
	Object
	Number      string       `json:"number,omitempty"` // of an order
	Differences []Difference `json:"differences"`
}

// comparing gathers a Compared.
type comparing struct {
	Compared
	groups contrast.Groups
}

func newComparing() *comparing {
	return &comparing{Compared{Differing: []Differing{}, Groups: []Group{}, Troubles: []Trouble{}}, contrast.Groups{}}
}

// take counts a state that was mapped both ways.
func (c *comparing) take(of Object, number string, differences []Difference, cannot error) {
	c.Looked++
	switch {
	case cannot != nil:
		c.Troubles = append(c.Troubles, Trouble{of, string(fault.CodeOf(cannot)), cannot.Error()})
	case len(differences) == 0:
		c.Same++
	default:
		c.Differing = append(c.Differing, Differing{of, number, differences})
		c.groups.Add(of, differences)
	}
}

func (c *comparing) result() Compared {
	c.Groups = c.groups.Sorted()
	return c.Compared
}

// Compare maps the newest states of the orders and customers asked for with both mappings, both with the look-ups that an order
// was mapped with. It writes nothing.
func Compare(ctx context.Context, js jetstream.JetStream, from, to *mapping.Mapping, among Among) (Comparison, error) {
	c := Comparison{From: from.Revision(), To: to.Revision()}
	if err := among.settle(ctx, js, from, to); err != nil {
		return c, err
	}
	c.Mapping = among.Mapping
	desired, err := js.Stream(ctx, topology.Desired)
	if err != nil {
		return c, fmt.Errorf("stream %s: %w", topology.Desired, err)
	}
	orders, customers := newComparing(), newComparing()
	err = among.orders(ctx, js, func(state event.OrderStateV1, sequence uint64) error {
		with, err := recorded(ctx, desired, from.Asks(state).And(to.Asks(state)), state, sequence)
		if err != nil {
			return err
		}
		differences, cannot, err := contrast.Of(mapper(from, with), mapper(to, with), contrast.Between, state)
		if err == nil {
			orders.take(Object{Store: state.Store, Order: state.Order}, state.Number, differences, cannot)
		}
		return err
	})
	if err != nil {
		return c, err
	}
	err = among.customers(ctx, js, func(state event.CustomerChangedV1, sequence uint64) error {
		with := mapping.Context{Sequence: sequence}
		differences, cannot, err := contrast.Of(
			func(s event.CustomerChangedV1) (event.DesiredCustomerV1, error) { return from.Customer(s, with) },
			func(s event.CustomerChangedV1) (event.DesiredCustomerV1, error) { return to.Customer(s, with) }, contrast.Customers, state)
		if err == nil {
			customers.take(Object{Store: state.Store, Customer: state.Customer}, "", differences, cannot)
		}
		return err
	})
	c.Orders, c.Customers = orders.result(), customers.result()
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

// orders visits the newest state of each order asked for, the newest first.
func (a Among) orders(ctx context.Context, js jetstream.JetStream, visit func(event.OrderStateV1, uint64) error) error {
	name := func(s string) (Object, error) {
		o, err := subject.ParseOrder(s)
		return Object{Store: o.Store, Order: o.Order}, err
	}
	return newest(ctx, js, a, topology.Orders, name, visit)
}

// customers visits the newest state of as many customers as orders, the newest first.
func (a Among) customers(ctx context.Context, js jetstream.JetStream, visit func(event.CustomerChangedV1, uint64) error) error {
	name := func(s string) (Object, error) {
		store, customer, err := subject.ParseCustomer(s)
		return Object{Store: store, Customer: customer}, err
	}
	return newest(ctx, js, a, topology.Customers, name, visit)
}

// newest visits the newest state of each object in a stream of events, the newest first; name reads it in an event's subject.
func newest[S any](ctx context.Context, js jetstream.JetStream, a Among, stream string, name func(subject string) (Object, error), visit func(S, uint64) error) error {
	events, err := js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("stream %s: %w", stream, err)
	}
	mapped, err := a.stores(ctx, js)
	if err != nil {
		return err
	}
	seen := map[Object]bool{}
	bounds := events.CachedInfo().State
	for sequence := bounds.LastSeq; sequence >= bounds.FirstSeq && sequence > 0 && len(seen) < a.Last; sequence-- {
		raw, err := events.GetMsg(ctx, sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("stream %s: %w", stream, err)
		}
		of, err := name(raw.Subject)
		if err != nil {
			return err
		}
		if seen[of] || !mapped(of.Store) {
			continue
		}
		seen[of] = true
		state, err := codec.Decode[S](raw.Data)
		if err != nil {
			return fault.New(fault.MessageUndecodable, "want an event", fault.Field(raw.Subject, fmt.Sprint(sequence)), fault.Because(err))
		}
		if err := visit(state, sequence); err != nil {
			return err
		}
	}
	return nil
}

package operate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/revisions"
	"github.com/orderstream/orderstream/services/internal/terms"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Case is one event of an order and what it is mapped under.
type Case struct {
	Held   event.DesiredOrderV1 // what DESIRED holds; of an order that has nothing there yet what map maps it under, without a hash
	State  event.OrderStateV1   // the event's
	Parked *Parked              // map has parked the order
}

// Parked is why an event of an order has become no desired state.
type Parked struct {
	Failure string      `json:"failure"` // its id in the failure queue
	Event   uint64      `json:"event"`   // in ORDERS
	Since   time.Time   `json:"since"`   // UTC
	Fault   event.Fault `json:"fault"`
}

// CaseOf reads an order's event at a sequence of ORDERS; where that is 0 the one that its desired state was made from, and of
// an order that has none the newest. An empty store is the only one that has the order.
func CaseOf(ctx context.Context, js jetstream.JetStream, store, order string, sequence uint64) (c Case, err error) {
	if store == "" {
		if store, err = storeOf(ctx, js, order); err != nil {
			return c, err
		}
	}
	if c.Held, c.State, err = source(ctx, js, store, order); errors.Is(err, errUnmapped) {
		c.Held, c.State, err = unmapped(ctx, js, store, order)
	}
	if err == nil {
		c.Parked, err = parkedAt(ctx, js, store, order)
	}
	if err != nil || sequence == 0 {
		return c, err
	}
	c.State, err = stateAt(ctx, js, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return c, fmt.Errorf("%w: ORDERS %d is not there, or no longer", ErrNoOrder, sequence)
	}
	if err != nil || c.State.Store != store || c.State.Order != order {
		return c, errors.Join(fmt.Errorf("%w: ORDERS %d is no event of %s in store %s", ErrNoOrder, sequence, order, store), err)
	}
	c.Held.Source.Sequence = sequence
	return c, nil
}

// IsNew tells whether the order has no desired state yet.
func (c Case) IsNew() bool { return c.Held.Hash == "" }

// Context is what the event is mapped under: the account, the position, the adoption fields and the look-ups of then.
func (c Case) Context() mapping.Context { return contextOf(c.Held) }

// Untold says what a mapping wants to know beside the event and nobody has recorded; empty: nothing.
func (c Case) Untold(m *mapping.Mapping) string {
	if c.Held.Inputs != nil || m.Asks(c.State).IsEmpty() {
		return ""
	}
	return "the mapping asks for stock or the customer's account, and none is recorded for the order: it is mapped as if nothing were known of them"
}

// unmapped is what map maps an order under that has no desired state: the account and the active revision of its store, and
// the adoption fields of its newest order that is sent.
func unmapped(ctx context.Context, js jetstream.JetStream, store, order string) (held event.DesiredOrderV1, state event.OrderStateV1, err error) {
	raw, err := last(ctx, js, topology.Orders, subject.OrdersOf(store, order))
	if err != nil {
		return held, state, err
	}
	if raw == nil {
		return held, state, fmt.Errorf("%w: %s in store %s has no event in %s", ErrNoOrder, order, store, topology.Orders)
	}
	if state, err = codec.Decode[event.OrderStateV1](raw.Data); err != nil {
		return held, state, err
	}
	if held, err = likewise(ctx, js, store); err != nil {
		return held, state, err
	}
	held.Store, held.Order, held.Number, held.Source.Sequence = store, order, state.Number, raw.Sequence
	return held, state, nil
}

// likewise is how an order of a store is mapped that nothing is known of.
func likewise(ctx context.Context, js jetstream.JetStream, store string) (held event.DesiredOrderV1, err error) {
	raw, err := last(ctx, js, topology.Desired, subject.DesiredOrders(store))
	if err != nil {
		return held, err
	}
	if raw != nil {
		newest, err := codec.Decode[event.DesiredOrderV1](raw.Data)
		if err != nil {
			return held, err
		}
		held.SalesOrder.Adoption = newest.SalesOrder.Adoption
	}
	said, err := terms.Stores(ctx, js)
	if err != nil {
		return held, err
	}
	held.Account = said[store].Account
	active, err := activeFor(ctx, js, said[store].Mapping)
	held.Source.Revision, held.Source.Published = active.Revision, active.Position
	return held, err
}

// activeFor is the active revision of a mapping; of the only one where no writer has said which, else of none.
func activeFor(ctx context.Context, js jetstream.JetStream, name string) (revisions.Active, error) {
	shelf, err := revisions.Open(ctx, js)
	if err != nil {
		return revisions.Active{}, err
	}
	if name == "" {
		names, err := shelf.Mappings(ctx)
		if err != nil || len(names) != 1 {
			return revisions.Active{}, err
		}
		name = names[0]
	}
	return shelf.Active(ctx, name)
}

// parkedAt reads why map has parked an order; nil: it has not.
func parkedAt(ctx context.Context, js jetstream.JetStream, store, order string) (*Parked, error) {
	f, _, err := Find(ctx, js, subject.Failure{Stage: stageMap, Store: store, Key: order}.ID())
	if errors.Is(err, ErrNoFailure) {
		return nil, nil
	}
	if err != nil || !f.IsOpen() || f.Entry.Message.Stream != topology.Orders {
		return nil, err
	}
	return &Parked{f.Name, f.Entry.Message.Sequence, f.Entry.FirstAt, f.Entry.Fault}, nil
}

// stageMap is the stage whose failures have no desired state of the order's newest event.
const stageMap = "map"

// last reads the newest message under a filter; nil: there is none.
func last(ctx context.Context, js jetstream.JetStream, name, filter string) (*jetstream.RawStreamMsg, error) {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	raw, err := stream.GetLastMsgForSubject(ctx, filter)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return raw, err
}

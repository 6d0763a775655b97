package operate

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/services/internal/revisions"
	"github.com/orderstream/orderstream/services/internal/terms"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// mended gives a desired state that was parked as the active mapping makes it of the same event, where another revision was
// published since the state was made: who mends the mapping and retries what it parked must not send the mistake again. It is as
// it was where it cannot be read, where the mapping makes the same of it, where its event is no longer kept, and where the mapping
// asks for look-ups that nobody has recorded. What the active revision cannot map is refused, and not sent as it was.
func mended(ctx context.Context, js jetstream.JetStream, held *jetstream.RawStreamMsg) ([]byte, error) {
	name, err := subject.ParseDesired(held.Subject)
	if err != nil {
		return nil, err
	}
	if name.Kind == "customer" {
		return mendedCustomer(ctx, js, held)
	}
	was, err := codec.Decode[event.DesiredOrderV1](held.Data)
	if err != nil {
		return held.Data, nil //nolint:nilerr // the writer says so
	}
	m, position, err := since(ctx, js, was.Store, was.Source.Published)
	if err != nil || m == nil {
		return held.Data, err
	}
	state, err := stateAt(ctx, js, was.Source.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return held.Data, nil
	}
	if err != nil {
		return nil, err
	}
	if was.Inputs == nil && !m.Asks(state).IsEmpty() {
		return held.Data, nil
	}
	with := contextOf(was)
	with.Published = position
	made, err := m.Map(state, with)
	if err != nil {
		return nil, unmappable(m, err)
	}
	if made.Hash == was.Hash {
		return held.Data, nil
	}
	made.Source.Replaces = held.Sequence
	return codec.Encode(made)
}

func mendedCustomer(ctx context.Context, js jetstream.JetStream, held *jetstream.RawStreamMsg) ([]byte, error) {
	was, err := codec.Decode[event.DesiredCustomerV1](held.Data)
	if err != nil {
		return held.Data, nil //nolint:nilerr // the writer says so
	}
	m, position, err := since(ctx, js, was.Store, was.Source.Published)
	if err != nil || m == nil {
		return held.Data, err
	}
	_, state, err := CustomerState(ctx, js, was.Store, was.Customer)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return held.Data, nil
	}
	if err != nil {
		return nil, err
	}
	made, err := m.Customer(state, mapping.Context{Account: was.Account, Sequence: was.Source.Sequence, Published: position})
	if err != nil {
		return nil, unmappable(m, err)
	}
	if made.Hash == was.Hash {
		return held.Data, nil
	}
	return codec.Encode(made)
}

func unmappable(m *mapping.Mapping, err error) error {
	return fmt.Errorf("mapping %s revision %s was published since, and cannot map it: %w", m.Name(), m.Revision(), err)
}

// since gives the active mapping of a store and its position, where it was published behind a position; nil: it was not, or no
// writer has said which mapping is the store's.
func since(ctx context.Context, js jetstream.JetStream, store string, published uint64) (*mapping.Mapping, uint64, error) {
	said, err := terms.Stores(ctx, js)
	if err != nil {
		return nil, 0, err
	}
	name := said[store].Mapping
	if name == "" {
		return nil, 0, nil
	}
	shelf, err := revisions.Open(ctx, js)
	if err != nil {
		return nil, 0, err
	}
	active, err := shelf.Chosen(ctx, js, name)
	if errors.Is(err, revisions.ErrNotActive) || err == nil && active.Position <= published {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	document, err := shelf.Document(ctx, name, active.Revision)
	if err != nil {
		return nil, 0, err
	}
	m, err := mapping.Compile(document)
	return m, active.Position, err
}

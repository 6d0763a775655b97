package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Revision is one revision of a mapping that was active, or that a replay applied.
type Revision struct {
	Mapping  string    `json:"mapping"`
	Revision string    `json:"revision"` // first 12 hex digits of the document's SHA-256
	Position uint64    `json:"position"` // in the history: larger is newer
	At       time.Time `json:"at"`       // UTC, when it was first used
	Bytes    int       `json:"bytes"`
}

// Revisions lists every mapping revision ever used, oldest first.
func Revisions(ctx context.Context, js jetstream.JetStream) ([]Revision, error) {
	bucket, err := js.KeyValue(ctx, topology.Mappings)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", topology.Mappings, err)
	}
	keys, err := bucket.Keys(ctx)
	if errors.Is(err, jetstream.ErrNoKeysFound) {
		return []Revision{}, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]Revision, 0, len(keys))
	for _, key := range keys {
		entry, err := bucket.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		at := strings.LastIndexByte(key, '.')
		list = append(list, Revision{key[:at], key[at+1:], entry.Revision(), entry.Created().UTC(), len(entry.Value())})
	}
	slices.SortFunc(list, func(a, b Revision) int { return int(a.Position) - int(b.Position) })
	return list, nil
}

// ErrNoRevision says that no revision has the name.
var ErrNoRevision = errors.New("no such mapping revision")

// Document gives the bytes of a revision: "<revision>" or "<mapping>.<revision>", a beginning is enough when it is the
// only one.
func Document(ctx context.Context, js jetstream.JetStream, name string) ([]byte, error) {
	list, err := Revisions(ctx, js)
	if err != nil {
		return nil, err
	}
	var fitting []string
	for _, r := range list {
		if strings.HasPrefix(r.Revision, name) || strings.HasPrefix(r.Mapping+"."+r.Revision, name) {
			fitting = append(fitting, r.Mapping+"."+r.Revision)
		}
	}
	switch len(fitting) {
	case 0:
		return nil, fmt.Errorf("%w: %q", ErrNoRevision, name)
	case 1:
	default:
		return nil, fmt.Errorf("%q fits several revisions %v", name, fitting)
	}
	bucket, err := js.KeyValue(ctx, topology.Mappings)
	if err != nil {
		return nil, err
	}
	entry, err := bucket.Get(ctx, fitting[0])
	if err != nil {
		return nil, err
	}
	return entry.Value(), nil
}

// Derived is an order's desired state, made again from history.
type Derived struct {
	Desired event.DesiredOrderV1 `json:"desired"`
	Same    bool                 `json:"same"` // it asks for what DESIRED holds
}

// Derive makes an order's desired state again from the state it was made from, with a revision; with the one it was made
// with when revision is empty. Invariant 6: that gives the same, bit for bit.
func Derive(ctx context.Context, js jetstream.JetStream, store, order, revision string) (Derived, error) {
	if store == "" {
		var err error
		if store, err = storeOf(ctx, js, order); err != nil {
			return Derived{}, err
		}
	}
	held, state, err := source(ctx, js, store, order)
	if err != nil {
		return Derived{}, err
	}
	if revision == "" {
		revision = held.Source.Mapping + "." + held.Source.Revision
	}
	document, err := Document(ctx, js, revision)
	if err != nil {
		return Derived{}, err
	}
	m, err := mapping.Compile(document)
	if err != nil {
		return Derived{}, err
	}
	var adoption []string
	for _, key := range held.SalesOrder.Adoption {
		adoption = append(adoption, key.Field)
	}
	made, err := m.Map(state, mapping.Context{Account: held.Account, Sequence: held.Source.Sequence, Published: held.Source.Published, Adoption: adoption})
	return Derived{made, made.Hash == held.Hash}, err
}

// source reads what DESIRED holds of an order, and the state it was made from.
func source(ctx context.Context, js jetstream.JetStream, store, order string) (held event.DesiredOrderV1, state event.OrderStateV1, err error) {
	desired, err := js.Stream(ctx, topology.Desired)
	if err != nil {
		return held, state, err
	}
	raw, err := desired.GetLastMsgForSubject(ctx, subject.DesiredOf(store, order))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return held, state, fmt.Errorf("%w: %s in store %s has no desired state", ErrNoOrder, order, store)
	}
	if err != nil {
		return held, state, err
	}
	if held, err = codec.Decode[event.DesiredOrderV1](raw.Data); err != nil {
		return held, state, err
	}
	orders, err := js.Stream(ctx, topology.Orders)
	if err != nil {
		return held, state, err
	}
	if raw, err = orders.GetMsg(ctx, held.Source.Sequence); err != nil {
		return held, state, fmt.Errorf("ORDERS %d: %w", held.Source.Sequence, err)
	}
	state, err = codec.Decode[event.OrderStateV1](raw.Data)
	return held, state, err
}

package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/revisions"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Revision is one revision of a mapping: one that was active, that a replay applied or that runs as a shadow.
type Revision struct {
	Mapping  string    `json:"mapping"`
	Revision string    `json:"revision"` // first 12 hex digits of the document's SHA-256
	Position uint64    `json:"position"` // in the history: larger is newer
	At       time.Time `json:"at"`       // UTC, when it was first kept
	Bytes    int       `json:"bytes"`
	Active   bool      `json:"active"` // orders are mapped with it
	Acts     []Act     `json:"acts"`   // when it was made active, oldest first
}

// Act is one choice of an active revision.
type Act struct {
	By       string    `json:"by"`
	Note     string    `json:"note"`
	At       time.Time `json:"at"`       // UTC
	Before   string    `json:"before"`   // the revision active until then
	Position uint64    `json:"position"` // larger is newer
}

// Revisions lists every mapping revision ever used, oldest first.
func Revisions(ctx context.Context, js jetstream.JetStream) ([]Revision, error) {
	shelf, err := revisions.Open(ctx, js)
	if err != nil {
		return nil, err
	}
	entries, err := shelf.All(ctx)
	if err != nil {
		return nil, err
	}
	acts, err := actsOf(ctx, js, shelf)
	if err != nil {
		return nil, err
	}
	list := make([]Revision, 0, len(entries))
	for _, e := range entries {
		active, err := shelf.Active(ctx, e.Mapping)
		if err != nil && !errors.Is(err, revisions.ErrNotActive) {
			return nil, err
		}
		list = append(list, Revision{
			e.Mapping, e.Revision, e.Position, e.At, e.Bytes, active.Revision == e.Revision, append([]Act{}, acts[e.Mapping+"."+e.Revision]...),
		})
	}
	return list, nil
}

// actsOf gathers who made which revision active: from the audit stream, and from the bucket what no operator did.
func actsOf(ctx context.Context, js jetstream.JetStream, shelf revisions.Shelf) (map[string][]Act, error) {
	acts := map[string][]Act{}
	seen := map[string]bool{}
	note := func(mapping, revision string, a Act) {
		key := mapping + "." + revision
		if at := fmt.Sprint(mapping, a.Position); !seen[at] {
			seen[at] = true
			acts[key] = append(acts[key], a)
		}
	}
	names, err := shelf.Mappings(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		list, err := shelf.Acts(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			note(name, a.Revision, Act{a.By, a.Note, a.At, a.Before, a.Position})
		}
	}
	err = each(ctx, js, topology.Audit, subject.Audit(revisions.Published), func(m *jetstream.RawStreamMsg) error {
		a, err := codec.Decode[event.AuditPublishedV1](m.Data)
		if err != nil {
			return fmt.Errorf("AUDIT %d: %w", m.Sequence, err)
		}
		position, err := strconv.ParseUint(a.After["position"], 10, 64)
		note(a.What, a.After["revision"], Act{a.By, a.Note, a.Time, a.Before["revision"], position})
		return err
	})
	for _, list := range acts {
		slices.SortFunc(list, func(a, b Act) int { return cmp.Compare(a.Position, b.Position) })
	}
	return acts, err
}

// ErrNoRevision says that no revision has the name.
var ErrNoRevision = errors.New("no such mapping revision")

// find names a revision: "<revision>" or "<mapping>.<revision>", a beginning is enough when it is the only one; in
// whatever mappings the same document stands.
func find(ctx context.Context, shelf revisions.Shelf, name string) ([]revisions.Entry, error) {
	list, err := shelf.All(ctx)
	if err != nil {
		return nil, err
	}
	var fitting []revisions.Entry
	for _, e := range list {
		if !strings.HasPrefix(e.Revision, name) && !strings.HasPrefix(e.Mapping+"."+e.Revision, name) {
			continue
		}
		if fitting = append(fitting, e); e.Revision != fitting[0].Revision {
			return nil, fmt.Errorf("%q fits several revisions: %s and %s", name, fitting[0].Revision, e.Revision)
		}
	}
	if len(fitting) == 0 || name == "" {
		return nil, fmt.Errorf("%w: %q", ErrNoRevision, name)
	}
	return fitting, nil
}

// Document gives the bytes of a revision: "<revision>" or "<mapping>.<revision>", a beginning is enough when it is the
// only one.
func Document(ctx context.Context, js jetstream.JetStream, name string) ([]byte, error) {
	shelf, err := revisions.Open(ctx, js)
	if err != nil {
		return nil, err
	}
	fitting, err := find(ctx, shelf, name)
	if err != nil {
		return nil, err
	}
	return shelf.Document(ctx, fitting[0].Mapping, fitting[0].Revision)
}

// Derived is an order's desired state, made again from history.
type Derived struct {
	Desired event.DesiredOrderV1 `json:"desired,omitzero"`
	Same    bool                 `json:"same"`             // it asks for what DESIRED holds
	New     bool                 `json:"new,omitempty"`    // DESIRED holds nothing of the order
	Note    string               `json:"note,omitempty"`   // what nobody has recorded of the order
	Parked  *Parked              `json:"parked,omitempty"` // map has parked the order

	Failed *mapping.Explanation `json:"failed,omitempty"` // the event cannot be mapped: how far that came
}

// MadeWith gives the mapping a desired state was made with. The revision alone names it: the state has the document's own
// name, the bucket the configuration's key.
func MadeWith(ctx context.Context, js jetstream.JetStream, held event.DesiredOrderV1) (*mapping.Mapping, error) {
	return ofRevision(ctx, js, held.Source.Revision)
}

func ofRevision(ctx context.Context, js jetstream.JetStream, revision string) (*mapping.Mapping, error) {
	if revision == "" {
		return nil, errors.New("no writer has said which mapping maps the order's store: name a revision")
	}
	document, err := Document(ctx, js, revision)
	if err != nil {
		return nil, err
	}
	return mapping.Compile(document)
}

// Derive makes an order's desired state again from the state it was made from, with a revision; with the one it was made
// with when revision is empty. Invariant 6: that gives the same, bit for bit. An order that has no desired state is derived
// from its newest event, with the active revision. Where the event cannot be mapped Failed says how far that came, beside the
// error.
func Derive(ctx context.Context, js jetstream.JetStream, store, order, revision string) (Derived, error) {
	return DeriveEvent(ctx, js, store, order, revision, 0)
}

// DeriveEvent is Derive from the order's event at a sequence of ORDERS; from the one its desired state was made from when
// that is 0.
func DeriveEvent(ctx context.Context, js jetstream.JetStream, store, order, revision string, sequence uint64) (Derived, error) {
	c, err := CaseOf(ctx, js, store, order, sequence)
	if err != nil {
		return Derived{}, err
	}
	m, err := ofRevision(ctx, js, cmp.Or(revision, c.Held.Source.Revision))
	if err != nil {
		return Derived{}, err
	}
	d := Derived{New: c.IsNew(), Parked: c.Parked, Note: c.Untold(m)}
	if d.Desired, err = derive(m, c.Held, c.State); err != nil {
		x := m.Explain(c.State, c.Context())
		d.Failed = &x
	}
	d.Same = err == nil && d.Desired.Hash == c.Held.Hash
	return d, err
}

// derive maps a state as the held one was mapped: for the account, from the event, at the position, with the adoption fields
// and the look-ups of then.
func derive(m *mapping.Mapping, held event.DesiredOrderV1, state event.OrderStateV1) (event.DesiredOrderV1, error) {
	return m.Map(state, contextOf(held))
}

func contextOf(held event.DesiredOrderV1) mapping.Context {
	return mapping.Context{
		Account: held.Account, Sequence: held.Source.Sequence, Published: held.Source.Published, Adoption: held.SalesOrder.AdoptedBy(), Inputs: held.Inputs,
	}
}

// errUnmapped says of an order that map has made nothing of it.
var errUnmapped = errors.New("no desired state")

// source reads what DESIRED holds of an order, and the state it was made from.
func source(ctx context.Context, js jetstream.JetStream, store, order string) (held event.DesiredOrderV1, state event.OrderStateV1, err error) {
	raw, err := last(ctx, js, topology.Desired, subject.DesiredOf(store, order))
	if err != nil {
		return held, state, err
	}
	if raw == nil {
		return held, state, fmt.Errorf("%w: %s in store %s has %w", ErrNoOrder, order, store, errUnmapped)
	}
	if held, err = codec.Decode[event.DesiredOrderV1](raw.Data); err != nil {
		return held, state, err
	}
	state, err = stateAt(ctx, js, held.Source.Sequence)
	return held, state, err
}

// stateAt reads an event of ORDERS.
func stateAt(ctx context.Context, js jetstream.JetStream, sequence uint64) (state event.OrderStateV1, err error) {
	orders, err := js.Stream(ctx, topology.Orders)
	if err != nil {
		return state, err
	}
	raw, err := orders.GetMsg(ctx, sequence)
	if err != nil {
		return state, fmt.Errorf("ORDERS %d: %w", sequence, err)
	}
	return codec.Decode[event.OrderStateV1](raw.Data)
}

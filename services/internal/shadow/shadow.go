// Package shadow keeps what a candidate revision makes of live orders beside the active one: one shadow per mapping, its
// counts and where it stands, in the bucket `cursors` under "shadow.<mapping>". Command and transformers write it by
// compare and swap.
package shadow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/contrast"
)

// State is where a shadow stands.
type State string

// The states of a shadow.
const (
	Running   State = "running"
	Stopped   State = "stopped"   // by command
	Withdrawn State = "withdrawn" // by its rule: something differs that was not expected
	Promoted  State = "promoted"  // it is the active revision
)

// Rule says when a shadow is promoted or withdrawn by itself. The zero rule never is.
type Rule struct {
	After  int      `json:"after"`  // order states looked at before it is promoted; 0: never
	Fields []string `json:"fields"` // that may differ, e.g. sales_order.fields.memo; any other, or an order that is not mapped, withdraws it
}

// Shadow is a candidate beside the active revision.
type Shadow struct {
	Mapping  string           `json:"mapping"`
	Revision string           `json:"revision"`
	Against  string           `json:"against"` // the active revision it is compared with; another one begins the counts again
	By       string           `json:"by"`
	Note     string           `json:"note,omitempty"`
	Since    time.Time        `json:"since"` // UTC
	Rule     Rule             `json:"rule"`
	State    State            `json:"state"`
	Why      string           `json:"why,omitempty"` // it was withdrawn
	Position uint64           `json:"position"`      // in ORDERS: looked at up to here
	Looked   int              `json:"looked"`        // order states
	Same     int              `json:"same"`
	Groups   []contrast.Group `json:"groups"`   // the most frequent first
	Troubles []Trouble        `json:"troubles"` // the first few
	Trouble  int              `json:"trouble"`  // states that only one of the two maps
	Holder   string           `json:"holder,omitempty"`
	At       time.Time        `json:"at"` // UTC, when the holder last said so

	sequence uint64
}

// Trouble is an order that only one of the two revisions maps.
type Trouble struct {
	Store  string `json:"store"`
	Order  string `json:"order"`
	Reason string `json:"reason"`
}

// MaxTroubles are kept.
const MaxTroubles = 10

// Differ counts the states that the two map differently.
func (s Shadow) Differ() int { return s.Looked - s.Same - s.Trouble }

// Begin forgets what was counted: the comparison begins behind a position in ORDERS.
func (s *Shadow) Begin(against string, position uint64) {
	s.Against, s.Position, s.Looked, s.Same, s.Trouble = against, position, 0, 0, 0
	s.Groups, s.Troubles = []contrast.Group{}, []Trouble{}
}

// Judge says what the rule makes of the counts.
func (s Shadow) Judge() (State, string) {
	if s.State != Running || s.Rule.After == 0 {
		return s.State, ""
	}
	if s.Trouble > 0 {
		t := s.Troubles[0]
		return Withdrawn, fmt.Sprintf("order %s/%s: %s", t.Store, t.Order, t.Reason)
	}
	for _, g := range s.Groups {
		if !slices.Contains(s.Rule.Fields, g.Field) {
			e := g.Examples[0]
			return Withdrawn, fmt.Sprintf("order %s/%s: %s differs, which is not expected: %q → %q", e.Store, e.Order, e.Field, e.From, e.To)
		}
	}
	if s.Looked >= s.Rule.After {
		return Promoted, ""
	}
	return Running, ""
}

// The answers that are no failure of the bucket.
var (
	ErrNone      = errors.New("no shadow")
	ErrMeanwhile = errors.New("the shadow was changed meanwhile")
)

// Shelf is where shadows are kept.
type Shelf struct{ bucket jetstream.KeyValue }

// Open finds the bucket.
func Open(ctx context.Context, js jetstream.JetStream) (Shelf, error) {
	bucket, err := js.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return Shelf{}, fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	return Shelf{bucket}, nil
}

// Of reads the shadow of a mapping, or ErrNone.
func (f Shelf) Of(ctx context.Context, mapping string) (Shadow, error) {
	entry, err := f.bucket.Get(ctx, key(mapping))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Shadow{}, fmt.Errorf("%w: of mapping %s", ErrNone, mapping)
	}
	if err != nil {
		return Shadow{}, fmt.Errorf("shadow of mapping %s: %w", mapping, err)
	}
	s, err := codec.Decode[Shadow](entry.Value())
	s.sequence = entry.Revision()
	return s, err
}

func key(mapping string) string { return "shadow." + mapping }

// Keep stores a shadow that was read or is new; who was faster gets ErrMeanwhile.
func (f Shelf) Keep(ctx context.Context, s *Shadow) error {
	data, err := codec.Encode(s)
	if err != nil {
		return err
	}
	sequence, err := f.bucket.Update(ctx, key(s.Mapping), data, s.sequence)
	if errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		return fmt.Errorf("%w: of mapping %s", ErrMeanwhile, s.Mapping)
	}
	if err == nil {
		s.sequence = sequence
	}
	return err
}

// Change reads, changes and stores a shadow until nobody comes between; a mapping without one gets a new one.
func (f Shelf) Change(ctx context.Context, mapping string, change func(*Shadow) error) (Shadow, error) {
	for {
		s, err := f.Of(ctx, mapping)
		if err != nil && !errors.Is(err, ErrNone) {
			return s, err
		}
		if err := change(&s); err != nil {
			return s, err
		}
		if err := f.Keep(ctx, &s); !errors.Is(err, ErrMeanwhile) {
			return s, err
		}
	}
}

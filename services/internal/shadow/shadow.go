// Package shadow keeps what a candidate revision makes of live orders and customers beside the active one: one shadow per mapping, its
// counts and where it stands, in the bucket `cursors` under "shadow.<mapping>". Command and transformers write it by
// compare and swap; who began and who ended it is one write with that, so that either act can be told although the process
// that did it died.
package shadow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/audit"
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
	None      State = "none"      // the mapping never had one
)

// Rule says when a shadow is promoted or withdrawn by itself. The zero rule never is.
type Rule struct {
	After  int      `json:"after"`  // order states looked at before it is promoted; 0: never
	Fields []string `json:"fields"` // that may differ, e.g. sales_order.fields.memo; any other, or an order or customer that is not mapped, withdraws it
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
	EndedBy  string           `json:"ended_by,omitempty"` // an operator, or audit.System: its rule
	EndedAt  time.Time        `json:"ended_at,omitzero"`  // UTC
	Why      string           `json:"why,omitempty"`      // it ended; no value of an order
	Position uint64           `json:"position"`           // in ORDERS: looked at up to here
	Looked   int              `json:"looked"`             // order states
	Same     int              `json:"same"`
	Groups   []contrast.Group `json:"groups"`   // the most frequent first
	Troubles []Trouble        `json:"troubles"` // the first few
	Trouble  int              `json:"trouble"`  // states that only one of the two maps

	Customers Customers `json:"customers"`

	Holder string    `json:"holder,omitempty"`
	At     time.Time `json:"at"`               // UTC, when the holder last said so
	Before State     `json:"before,omitempty"` // of the mapping's shadow until it began

	sequence uint64
}

// Customers counts the states of customers; groups and troubles are those of orders and customers.
type Customers struct {
	Position uint64 `json:"position"` // in CUSTOMERS: looked at up to here
	Looked   int    `json:"looked"`
	Same     int    `json:"same"`
	Trouble  int    `json:"trouble"` // states that only one of the two maps
}

// Differ counts the states that the two map differently.
func (c Customers) Differ() int { return c.Looked - c.Same - c.Trouble }

// Trouble is an order or a customer that only one of the two revisions maps.
type Trouble struct {
	contrast.Object
	Reason string `json:"reason"`
}

// maxTroubles are kept.
const maxTroubles = 10

// Count takes in one state of an order or a customer. cannot: only one of the two maps it.
func (s *Shadow) Count(of contrast.Object, differs bool, cannot error) {
	looked, same, trouble := &s.Looked, &s.Same, &s.Trouble
	if of.Customer != "" {
		looked, same, trouble = &s.Customers.Looked, &s.Customers.Same, &s.Customers.Trouble
	}
	*looked++
	switch {
	case cannot != nil:
		*trouble++
		if len(s.Troubles) < maxTroubles {
			s.Troubles = append(s.Troubles, Trouble{of, cannot.Error()})
		}
	case !differs:
		*same++
	}
}

// Differ counts the order states that the two map differently.
func (s Shadow) Differ() int { return s.Looked - s.Same - s.Trouble }

// Begin forgets what was counted: the comparison begins behind positions in ORDERS and CUSTOMERS.
func (s *Shadow) Begin(against string, orders, customers uint64) {
	s.Against, s.Position, s.Looked, s.Same, s.Trouble = against, orders, 0, 0, 0
	s.Customers = Customers{Position: customers}
	s.Groups, s.Troubles = []contrast.Group{}, []Trouble{}
}

// String says the rule in words.
func (r Rule) String() string {
	return fmt.Sprintf("promoted after %d order states in which nothing but %v differs, withdrawn at the first other difference", r.After, r.Fields)
}

// Follow lets another candidate take the place of this one.
func (s *Shadow) Follow(next Shadow) {
	next.State, next.Before, next.sequence = Running, cmp.Or(s.State, None), s.sequence
	*s = next
}

// End ends a running shadow.
func (s *Shadow) End(to State, by, why string, at time.Time) {
	s.State, s.EndedBy, s.Why, s.EndedAt = to, by, why, at
}

// Judge says what the rule makes of the counts, and why. It gives no value of an order: who asks for the shadow sees them, log
// and audit stream do not.
func (s Shadow) Judge() (State, string) {
	if s.State != Running || s.Rule.After == 0 {
		return s.State, ""
	}
	if s.Trouble+s.Customers.Trouble > 0 {
		t := s.Troubles[0]
		return Withdrawn, fmt.Sprintf("shadow withdrawn by its rule after %d order states: %s is mapped by one of the two only", s.Looked, named(t.Object))
	}
	for _, g := range s.Groups {
		if !slices.Contains(s.Rule.Fields, g.Field) {
			e := g.Examples[0]
			return Withdrawn, fmt.Sprintf("shadow withdrawn by its rule after %d order states: %s: %s differs, which is not expected", s.Looked, named(e.Object), e.Field)
		}
	}
	if s.Looked >= s.Rule.After {
		return Promoted, fmt.Sprintf("shadow promoted by its rule after %d order states, %d differ as expected", s.Looked, s.Differ())
	}
	return Running, ""
}

func named(of contrast.Object) string {
	if of.Customer != "" {
		return of.Name()
	}
	return "order " + of.Name()
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

// Shadowed is the act's word in the audit stream.
const Shadowed = "shadowed"

// Tell puts into the audit stream that a shadow began and how it ended, as far as it is not there.
func (s Shadow) Tell(ctx context.Context, js jetstream.JetStream) error {
	var acts []event.AuditShadowedV1
	if s.Before != "" {
		acts = append(acts, s.act(Running, s.Before, s.By, s.Note, s.Since))
	}
	if s.EndedBy != "" {
		acts = append(acts, s.act(s.State, Running, s.EndedBy, s.Why, s.EndedAt))
	}
	return audit.Tell(ctx, js, acts...)
}

func (s Shadow) act(to, from State, by, note string, at time.Time) event.AuditShadowedV1 {
	if to == Running {
		s.Begin(s.Against, s.Position, s.Customers.Position)
	}
	after := map[string]string{
		"state": string(to), "revision": s.Revision, "against": s.Against, "looked": fmt.Sprint(s.Looked), "differ": fmt.Sprint(s.Differ()), "unmapped": fmt.Sprint(s.Trouble),
		"customers_looked": fmt.Sprint(s.Customers.Looked), "customers_differ": fmt.Sprint(s.Customers.Differ()), "customers_unmapped": fmt.Sprint(s.Customers.Trouble),
	}
	if s.Rule.After > 0 {
		after["rule"] = s.Rule.String()
	}
	return event.AuditShadowedV1{
		Envelope: event.Envelope{Type: "audit.v1.shadowed", ID: fmt.Sprintf("audit:shadowed:%s:%d:%s", s.Mapping, s.Since.UnixNano(), to), Time: at},
		Act:      Shadowed, By: by, What: s.Mapping, Note: note, Before: map[string]string{"state": string(from)}, After: after,
	}
}

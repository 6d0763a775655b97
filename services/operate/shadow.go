package operate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/revisions"
	"github.com/orderstream/orderstream/services/internal/shadow"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Shadow is a candidate revision beside the active one, with its counts.
type Shadow = shadow.Shadow

// ShadowRule says when a shadow is promoted or withdrawn by itself.
type ShadowRule = shadow.Rule

// StartShadow runs a document beside the active revision, from the next state of an order or customer on: its differences are counted and
// nothing of it is written to NetSuite. name is the mapping's key in the configuration; empty: the document's own name.
func StartShadow(ctx context.Context, js jetstream.JetStream, name string, document []byte, rule ShadowRule, by, note string) (Shadow, error) {
	if rule.After < 0 {
		return Shadow{}, fmt.Errorf("after = %d: want the order states after which the shadow is promoted, or 0", rule.After)
	}
	m, err := mapping.Compile(document)
	if err != nil {
		return Shadow{}, err
	}
	if name == "" {
		name = m.Name()
	}
	active, shelf, shadows, err := beside(ctx, js, name)
	if err != nil {
		return Shadow{}, err
	}
	if active.Revision == m.Revision() {
		return Shadow{}, fmt.Errorf("mapping %s: revision %s is the active one: there is nothing to compare", name, m.Revision())
	}
	if err := shelf.Keep(ctx, name, m.Revision(), document); err != nil {
		return Shadow{}, err
	}
	orders, err := lastOf(ctx, js, topology.Orders)
	if err != nil {
		return Shadow{}, err
	}
	customers, err := lastOf(ctx, js, topology.Customers)
	if err != nil {
		return Shadow{}, err
	}
	if rule.Fields == nil {
		rule.Fields = []string{}
	}
	s, err := shadows.Change(ctx, name, func(s *Shadow) error {
		if s.State == shadow.Running {
			return fmt.Errorf("mapping %s: revision %s runs as its shadow: stop it first", name, s.Revision)
		}
		// What became of the one before is told while it is known: the new one takes its place.
		if err := s.Tell(ctx, js); err != nil {
			return err
		}
		s.Follow(shadow.Shadow{Mapping: name, Revision: m.Revision(), By: by, Note: note, Since: time.Now().UTC(), Rule: rule})
		s.Begin(active.Revision, orders, customers)
		return nil
	})
	if err != nil {
		return s, err
	}
	return s, s.Tell(ctx, js)
}

// lastOf is the position of the newest message of a stream.
func lastOf(ctx context.Context, js jetstream.JetStream, name string) (uint64, error) {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("stream %s: %w", name, err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

func beside(ctx context.Context, js jetstream.JetStream, name string) (revisions.Active, revisions.Shelf, shadow.Shelf, error) {
	shelf, err := revisions.Open(ctx, js)
	if err != nil {
		return revisions.Active{}, shelf, shadow.Shelf{}, err
	}
	active, err := activeOf(ctx, shelf, name)
	if err != nil {
		return active, shelf, shadow.Shelf{}, err
	}
	shadows, err := shadow.Open(ctx, js)
	return active, shelf, shadows, err
}

// StopShadow withdraws a running shadow; its counts stay.
func StopShadow(ctx context.Context, js jetstream.JetStream, name, by, note string) (Shadow, error) {
	return endShadow(ctx, js, name, shadow.Stopped, by, note)
}

func endShadow(ctx context.Context, js jetstream.JetStream, name string, to shadow.State, by, note string) (Shadow, error) {
	shadows, err := shadow.Open(ctx, js)
	if err != nil {
		return Shadow{}, err
	}
	s, err := shadows.Change(ctx, name, func(s *Shadow) error {
		if s.State != shadow.Running {
			return fmt.Errorf("%w: none runs beside mapping %s", shadow.ErrNone, name)
		}
		s.End(to, by, note, time.Now().UTC())
		return nil
	})
	if err != nil {
		return s, err
	}
	return s, s.Tell(ctx, js)
}

// PromoteShadow makes a running shadow the active revision.
func PromoteShadow(ctx context.Context, js jetstream.JetStream, name, by, message string) (Published, error) {
	active, shelf, shadows, err := beside(ctx, js, name)
	if err != nil {
		return Published{}, err
	}
	s, err := shadows.Of(ctx, name)
	if err != nil {
		return Published{}, err
	}
	if s.State != shadow.Running {
		return Published{}, fmt.Errorf("%w: none runs beside mapping %s", shadow.ErrNone, name)
	}
	if strings.TrimSpace(message) == "" {
		message = fmt.Sprintf("shadow promoted after %d order states, %d of which differ", s.Looked, s.Differ())
	}
	p, err := activate(ctx, js, shelf, active, s.Revision, by, message)
	if err != nil {
		return p, err
	}
	_, err = endShadow(ctx, js, name, shadow.Promoted, by, message)
	if errors.Is(err, shadow.ErrNone) { // its transformer has seen that it is active
		if s, err = shadows.Of(ctx, name); err == nil {
			err = s.Tell(ctx, js)
		}
	}
	return p, err
}

// Shadows reads the shadow of each mapping that has or had one.
func Shadows(ctx context.Context, js jetstream.JetStream) ([]Shadow, error) {
	shelf, err := revisions.Open(ctx, js)
	if err != nil {
		return nil, err
	}
	shadows, err := shadow.Open(ctx, js)
	if err != nil {
		return nil, err
	}
	names, err := shelf.Mappings(ctx)
	list := []Shadow{}
	for _, name := range names {
		s, err := shadows.Of(ctx, name)
		if errors.Is(err, shadow.ErrNone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, err
}

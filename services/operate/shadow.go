package operate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/internal/revisions"
	"github.com/orderstream/orderstream/services/internal/shadow"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Shadow is a candidate revision beside the active one, with its counts.
type Shadow = shadow.Shadow

// ShadowRule says when a shadow is promoted or withdrawn by itself.
type ShadowRule = shadow.Rule

const shadowed = "shadowed" // the act's word in the audit stream

// StartShadow runs a document beside the active revision, from the next order state on: its differences are counted and
// nothing of it is written to NetSuite. name is the mapping's key in the configuration; empty: the document's own name.
func StartShadow(ctx context.Context, js jetstream.JetStream, name string, document []byte, rule ShadowRule, by, note string) (Shadow, error) {
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
	orders, err := js.Stream(ctx, topology.Orders)
	if err != nil {
		return Shadow{}, fmt.Errorf("stream %s: %w", topology.Orders, err)
	}
	if rule.Fields == nil {
		rule.Fields = []string{}
	}
	before := shadow.State("none")
	s, err := shadows.Change(ctx, name, func(s *Shadow) error {
		if s.State == shadow.Running {
			return fmt.Errorf("mapping %s: revision %s runs as its shadow: stop it first", name, s.Revision)
		}
		if s.State != "" {
			before = s.State
		}
		s.Mapping, s.Revision, s.By, s.Note, s.Since, s.Rule, s.State, s.Why = name, m.Revision(), by, note, time.Now().UTC(), rule, shadow.Running, ""
		s.Holder, s.At = "", time.Time{}
		s.Begin(active.Revision, orders.CachedInfo().State.LastSeq)
		return nil
	})
	if err != nil {
		return s, err
	}
	return s, shadowAct(ctx, js, s, before, by, note)
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
		s.State = to
		return nil
	})
	if err != nil {
		return s, err
	}
	return s, shadowAct(ctx, js, s, shadow.Running, by, note)
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
	if errors.Is(err, shadow.ErrNone) {
		err = nil // its transformer has seen that it is active
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

func shadowAct(ctx context.Context, js jetstream.JetStream, s Shadow, before shadow.State, by, note string) error {
	now := time.Now().UTC()
	body := event.AuditShadowedV1{
		Envelope: event.Envelope{Type: "audit.v1.shadowed", ID: fmt.Sprintf("audit:shadowed:%s:%d", s.Mapping, now.UnixNano()), Time: now},
		Act:      shadowed, By: by, What: s.Mapping, Note: note, Before: map[string]string{"state": string(before)},
		After: map[string]string{
			"state": string(s.State), "revision": s.Revision, "against": s.Against, "looked": fmt.Sprint(s.Looked), "differ": fmt.Sprint(s.Differ()), "unmapped": fmt.Sprint(s.Trouble),
		},
	}
	m, err := publish.JSON(topology.Audit, subject.Audit(shadowed), body.Envelope, body)
	if err == nil {
		_, err = publish.New(js).Publish(ctx, m)
	}
	return err
}

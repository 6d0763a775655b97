package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/services/internal/revisions"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Published is what a publication or a rollback did.
type Published struct {
	Mapping  string `json:"mapping"`
	Revision string `json:"revision"`
	Before   string `json:"before"`   // the revision active until then
	Position uint64 `json:"position"` // of the choice: desired states made from now on carry it
	Changed  bool   `json:"changed"`  // false: the revision is active already, nothing was done
}

// Publish makes a document the active revision of a mapping: every transformer maps with it from then on, without a
// restart. name is the mapping's key in the configuration; empty: the document's own name. A document that does not
// compile is refused. message says why, for the history.
func Publish(ctx context.Context, js jetstream.JetStream, name string, document []byte, by, message string) (Published, error) {
	if strings.TrimSpace(message) == "" {
		return Published{}, errors.New("message: a publication needs a reason")
	}
	m, err := mapping.Compile(document)
	if err != nil {
		return Published{}, err
	}
	if name == "" {
		name = m.Name()
	}
	shelf, err := revisions.Open(ctx, js)
	if err != nil {
		return Published{}, err
	}
	active, err := activeOf(ctx, shelf, name)
	if err != nil {
		return Published{}, err
	}
	if err := shelf.Keep(ctx, name, m.Revision(), document); err != nil {
		return Published{}, err
	}
	return activate(ctx, js, shelf, active, m.Revision(), by, message)
}

// activeOf reads what is active; a mapping that no transformer knows is a mistake in the name.
func activeOf(ctx context.Context, shelf revisions.Shelf, name string) (revisions.Active, error) {
	active, err := shelf.Active(ctx, name)
	if !errors.Is(err, revisions.ErrNotActive) {
		return active, err
	}
	names, listed := shelf.Mappings(ctx)
	return active, errors.Join(fmt.Errorf("mapping = %q: want one that the configuration has and a transformer has begun: %v", name, names), listed)
}

func activate(ctx context.Context, js jetstream.JetStream, shelf revisions.Shelf, active revisions.Active, revision, by, message string) (Published, error) {
	p := Published{Mapping: active.Mapping, Revision: revision, Before: active.Revision, Position: active.Position}
	if active.Revision == revision {
		return p, nil
	}
	chosen, err := shelf.Choose(ctx, js, active, revision, by, message)
	p.Position, p.Changed = chosen.Position, chosen.Position != 0
	return p, err
}

// Rollback makes a revision active that was kept before; empty: the one that was active before the present one. name may
// be empty where only one mapping fits.
func Rollback(ctx context.Context, js jetstream.JetStream, name, revision, by, message string) (Published, error) {
	shelf, err := revisions.Open(ctx, js)
	if err != nil {
		return Published{}, err
	}
	if name, revision, err = target(ctx, shelf, name, revision); err != nil {
		return Published{}, err
	}
	active, err := activeOf(ctx, shelf, name)
	if err != nil {
		return Published{}, err
	}
	if revision == "" {
		if revision = active.Before; revision == "" {
			return Published{}, fmt.Errorf("mapping %s: revision %s is its first: there is none to go back to", name, active.Revision)
		}
	}
	document, err := shelf.Document(ctx, name, revision)
	if err != nil {
		return Published{}, err
	}
	if _, err := mapping.Compile(document); err != nil {
		return Published{}, err
	}
	if message == "" {
		message = "rollback to " + revision
	}
	return activate(ctx, js, shelf, active, revision, by, message)
}

// target completes the names of mapping and revision.
func target(ctx context.Context, shelf revisions.Shelf, name, revision string) (string, string, error) {
	names, err := shelf.Mappings(ctx)
	if err != nil {
		return "", "", err
	}
	if revision != "" {
		fitting, err := find(ctx, shelf, revision)
		if err != nil {
			return "", "", err
		}
		revision, names = fitting[0].Revision, nil
		for _, e := range fitting {
			names = append(names, e.Mapping)
		}
	}
	switch {
	case name != "" && (revision == "" || slices.Contains(names, name)):
		return name, revision, nil
	case name != "":
		return "", "", fmt.Errorf("%w: %q of mapping %s", ErrNoRevision, revision, name)
	case len(names) == 1:
		return names[0], revision, nil
	default:
		return "", "", fmt.Errorf("mapping: name one of %v", names)
	}
}

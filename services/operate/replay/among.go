package replay

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/services/internal/revisions"
	"github.com/orderstream/orderstream/services/internal/terms"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Among says which orders and customers are looked at: the newest of the stores that a mapping maps.
type Among struct {
	Last    int    // orders, and customers
	Mapping string // the configuration's key; empty: that of the documents at hand
}

// settle names the mapping, where nobody has, by the documents at hand.
func (a *Among) settle(ctx context.Context, js jetstream.JetStream, documents ...*mapping.Mapping) error {
	shelf, err := revisions.Open(ctx, js)
	if err != nil {
		return err
	}
	keys := []string{a.Mapping}
	if a.Mapping == "" {
		if keys, err = homes(ctx, shelf, documents); err != nil {
			return err
		}
	}
	if len(keys) > 1 {
		return fmt.Errorf("mapping: the documents are revisions of several, %v: name one", keys)
	}
	names, err := shelf.Mappings(ctx)
	if a.Mapping = keys[0]; err == nil && !slices.Contains(names, a.Mapping) {
		err = fmt.Errorf("mapping = %q: want one that the configuration has and a transformer has begun: %v", a.Mapping, names)
	}
	return err
}

func homes(ctx context.Context, shelf revisions.Shelf, documents []*mapping.Mapping) (keys []string, err error) {
	for _, m := range documents {
		key, err := home(ctx, shelf, m)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// stores tells which stores the mapping maps, as the writers of their accounts have said; one of which none has said belongs
// to every mapping, as in a plan.
func (a Among) stores(ctx context.Context, js jetstream.JetStream) (func(store string) bool, error) {
	said, err := terms.Stores(ctx, js)
	return func(store string) bool { return slices.Contains([]string{"", a.Mapping}, said[store].Mapping) }, err
}

// keyOfDocument is the home of a document.
func keyOfDocument(ctx context.Context, js jetstream.JetStream, m *mapping.Mapping) (string, error) {
	shelf, err := revisions.Open(ctx, js)
	if err != nil {
		return "", err
	}
	return home(ctx, shelf, m)
}

// home is the configuration's key of a document: its name, else the only one it is kept under, else the key whose active
// document has that name, else the only one there is.
func home(ctx context.Context, shelf revisions.Shelf, m *mapping.Mapping) (string, error) {
	keys, err := shelf.Mappings(ctx)
	if err != nil || slices.Contains(keys, m.Name()) {
		return m.Name(), err
	}
	kept, err := shelf.Homes(ctx, m.Revision())
	if err != nil {
		return "", err
	}
	if len(kept) == 1 {
		return kept[0], nil
	}
	for _, key := range keys {
		active, err := shelf.Active(ctx, key)
		if err != nil {
			return "", err
		}
		document, err := shelf.Document(ctx, key, active.Revision)
		if err != nil {
			return "", err
		}
		if of, err := mapping.Compile(document); err == nil && of.Name() == m.Name() {
			return key, nil
		}
	}
	if len(keys) == 1 {
		return keys[0], nil
	}
	return m.Name(), nil
}

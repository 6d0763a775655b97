// Package revisions keeps mapping documents and which of them is active: the bucket `mappings`. Key
// "<mapping>.<revision>" holds a document, key "<mapping>.active" names the revision that orders are mapped with.
// <mapping> is the key of the configuration.
package revisions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/audit"
)

// Shelf is the bucket.
type Shelf struct{ bucket jetstream.KeyValue }

// Open finds the bucket.
func Open(ctx context.Context, js jetstream.JetStream) (Shelf, error) {
	bucket, err := js.KeyValue(ctx, topology.Mappings)
	if err != nil {
		return Shelf{}, fmt.Errorf("bucket %s: %w", topology.Mappings, err)
	}
	return Shelf{bucket}, nil
}

// Active says which revision of a mapping orders are mapped with, and who chose it.
type Active struct {
	Mapping  string    `json:"mapping"`
	Revision string    `json:"revision"`
	Before   string    `json:"before,omitempty"` // the revision active until then
	By       string    `json:"by"`
	Note     string    `json:"note,omitempty"`
	At       time.Time `json:"at"`       // UTC
	Position uint64    `json:"position"` // in the bucket, larger is newer: never stored, read with the entry
}

// Configuration stands for the operator where a mapping's first revision comes from the configuration.
const Configuration = "configuration"

const pointer = ".active" // a revision is twelve hex digits: no document has this key

// The answers of a shelf that are no failure of the bucket.
var (
	ErrNotActive = errors.New("no revision of the mapping is active")
	ErrUnknown   = errors.New("no such revision")
	ErrMeanwhile = errors.New("another revision was made active meanwhile")
)

// Entry is a document on the shelf.
type Entry struct {
	Mapping  string
	Revision string
	Position uint64
	At       time.Time // UTC, when it was first kept
	Bytes    int
}

// Keep stores a document; one that is kept already stays as it is.
func (s Shelf) Keep(ctx context.Context, mapping, revision string, document []byte) error {
	key := mapping + "." + revision
	if _, err := s.bucket.Create(ctx, key, document); err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return fmt.Errorf("mapping revision %s: %w", key, err)
	}
	return nil
}

// Document gives the bytes of a revision.
func (s Shelf) Document(ctx context.Context, mapping, revision string) ([]byte, error) {
	entry, err := s.bucket.Get(ctx, mapping+"."+revision)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, fmt.Errorf("%w: %s.%s", ErrUnknown, mapping, revision)
	}
	if err != nil {
		return nil, fmt.Errorf("mapping revision %s.%s: %w", mapping, revision, err)
	}
	return entry.Value(), nil
}

// Anywhere gives the bytes of a revision, in whatever mapping it is kept: everywhere they are the same.
func (s Shelf) Anywhere(ctx context.Context, revision string) ([]byte, error) {
	homes, err := s.Homes(ctx, revision)
	if err != nil {
		return nil, err
	}
	if len(homes) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrUnknown, revision)
	}
	return s.Document(ctx, homes[0], revision)
}

// Homes lists the mappings that a revision is kept in.
func (s Shelf) Homes(ctx context.Context, revision string) ([]string, error) {
	return s.named(ctx, "."+revision)
}

// All lists every document, oldest first.
func (s Shelf) All(ctx context.Context) ([]Entry, error) {
	keys, err := s.bucket.Keys(ctx)
	if errors.Is(err, jetstream.ErrNoKeysFound) {
		return []Entry{}, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]Entry, 0, len(keys))
	for _, key := range keys {
		at := strings.LastIndexByte(key, '.')
		if at < 0 || strings.HasSuffix(key, pointer) {
			continue
		}
		entry, err := s.bucket.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		list = append(list, Entry{key[:at], key[at+1:], entry.Revision(), entry.Created().UTC(), len(entry.Value())})
	}
	slices.SortFunc(list, func(a, b Entry) int { return int(a.Position) - int(b.Position) })
	return list, nil
}

// Mappings lists the mappings that have an active revision.
func (s Shelf) Mappings(ctx context.Context) ([]string, error) {
	return s.named(ctx, pointer)
}

// named lists the mappings that have a key with an ending.
func (s Shelf) named(ctx context.Context, ending string) ([]string, error) {
	keys, err := s.bucket.Keys(ctx)
	if errors.Is(err, jetstream.ErrNoKeysFound) {
		return nil, nil
	}
	var names []string
	for _, key := range keys {
		if name, found := strings.CutSuffix(key, ending); found {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, err
}

// Active tells which revision of a mapping is active, or ErrNotActive.
func (s Shelf) Active(ctx context.Context, mapping string) (Active, error) {
	entry, err := s.bucket.Get(ctx, mapping+pointer)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Active{}, fmt.Errorf("%w: %s", ErrNotActive, mapping)
	}
	if err != nil {
		return Active{}, fmt.Errorf("active revision of mapping %s: %w", mapping, err)
	}
	return decode(entry)
}

func decode(entry jetstream.KeyValueEntry) (Active, error) {
	return decoded(entry.Key(), entry.Value(), entry.Revision())
}

func decoded(key string, value []byte, position uint64) (Active, error) {
	a, err := codec.Decode[Active](value)
	a.Position = position
	if err != nil {
		err = fmt.Errorf("bucket %s, key %s: %w", topology.Mappings, key, err)
	}
	return a, err
}

// Chosen is Active as the bucket's leader says: it knows every choice that is confirmed, where a replica, which Active may ask,
// lags behind.
func (s Shelf) Chosen(ctx context.Context, js jetstream.JetStream, mapping string) (Active, error) {
	leader, err := js.Conn().JetStream() // jetstream.Stream asks a replica
	if err != nil {
		return Active{}, err
	}
	raw, err := leader.GetLastMsg(stream, "$KV."+topology.Mappings+"."+mapping+pointer, nats.Context(ctx))
	if errors.Is(err, nats.ErrMsgNotFound) {
		return Active{}, fmt.Errorf("%w: %s", ErrNotActive, mapping)
	}
	if err != nil {
		return Active{}, fmt.Errorf("active revision of mapping %s: %w", mapping, err)
	}
	return decoded(raw.Subject, raw.Data, raw.Sequence)
}

const stream = "KV_" + topology.Mappings // of the bucket

// Activate makes a kept revision the active one. after is the position of the choice it replaces, 0 where there is none:
// of two who choose at once the second gets ErrMeanwhile.
func (s Shelf) Activate(ctx context.Context, a Active, after uint64) (Active, error) {
	a.Position = 0
	data, err := codec.Encode(a)
	if err != nil {
		return a, err
	}
	a.Position, err = s.bucket.Update(ctx, a.Mapping+pointer, data, after)
	if errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		return a, fmt.Errorf("%w: %s", ErrMeanwhile, a.Mapping)
	}
	return a, err
}

// Choose makes a kept revision the active one; the present choice must still stand. Who chose it and why is one write with the
// choice, so that the act is told although this process dies behind it: by every transformer that follows the mapping.
func (s Shelf) Choose(ctx context.Context, js jetstream.JetStream, present Active, revision, by, note string) (Active, error) {
	chosen, err := s.Activate(ctx, Active{
		Mapping: present.Mapping, Revision: revision, Before: present.Revision, By: by, Note: note, At: time.Now().UTC(),
	}, present.Position)
	if err != nil {
		return chosen, err
	}
	if err := s.Tell(ctx, js, chosen.Mapping); err != nil {
		return chosen, fmt.Errorf("revision %s of mapping %s is active, and a transformer tells the act when it can: %w", revision, chosen.Mapping, err)
	}
	return chosen, nil
}

// Published is the act's word in the audit stream.
const Published = "published"

// Tell puts into the audit stream what somebody chose of a mapping and is not there.
func (s Shelf) Tell(ctx context.Context, js jetstream.JetStream, mapping string) error {
	choices, err := s.Acts(ctx, mapping)
	if err != nil {
		return err
	}
	var acts []event.AuditPublishedV1
	for i, a := range choices {
		if a.By == Configuration {
			continue
		}
		before := map[string]string{"revision": a.Before}
		if i > 0 {
			before["position"] = fmt.Sprint(choices[i-1].Position)
		}
		acts = append(acts, a.act(before))
	}
	return audit.Tell(ctx, js, acts...)
}

func (a Active) act(before map[string]string) event.AuditPublishedV1 {
	return event.AuditPublishedV1{
		Envelope: event.Envelope{Type: "audit.v1.published", ID: fmt.Sprintf("audit:published:%s:%d", a.Mapping, a.Position), Time: a.At},
		Act:      Published, By: a.By, What: a.Mapping, Note: a.Note,
		Before: before, After: map[string]string{"revision": a.Revision, "position": fmt.Sprint(a.Position)},
	}
}

// Acts lists what was made active of a mapping, oldest first, as far as the bucket remembers: the last 64.
func (s Shelf) Acts(ctx context.Context, mapping string) ([]Active, error) {
	entries, err := s.bucket.History(ctx, mapping+pointer)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]Active, 0, len(entries))
	for _, entry := range entries {
		a, err := decode(entry)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// Newest gives a position that no choice made so far has passed.
func (s Shelf) Newest(ctx context.Context, js jetstream.JetStream) (uint64, error) {
	bucket, err := js.Stream(ctx, stream)
	if err != nil {
		return 0, fmt.Errorf("bucket %s: %w", topology.Mappings, err)
	}
	return bucket.CachedInfo().State.LastSeq, nil
}

// Watch hands on the active revision of each mapping, now and whenever another is made active, until ctx ends.
func (s Shelf) Watch(ctx context.Context, mappings []string, follow func(Active)) error {
	var keys []string
	for _, name := range mappings {
		keys = append(keys, name+pointer)
	}
	watcher, err := s.bucket.WatchFiltered(ctx, keys)
	if ctx.Err() != nil { // stopping before the watch stands is no failure
		if err == nil {
			_ = watcher.Stop()
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("watch bucket %s: %w", topology.Mappings, err)
	}
	defer func() { _ = watcher.Stop() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case entry, open := <-watcher.Updates():
			switch {
			case !open && ctx.Err() != nil:
				return nil
			case !open:
				return fmt.Errorf("watch bucket %s: it ended", topology.Mappings)
			case entry == nil: // every present value has been handed on
				continue
			}
			a, err := decode(entry)
			if err != nil {
				return err
			}
			follow(a)
		}
	}
}

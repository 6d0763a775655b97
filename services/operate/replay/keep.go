package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/topology"
)

// ErrNoPlan says that no plan has the hash.
var ErrNoPlan = errors.New("no such replay plan")

// The objects of a plan, behind its hash: what it sums up, its changes, the candidate.
const (
	summaryOf  = ".json"
	changesOf  = ".ndjson"
	documentOf = ".yaml"
)

// Save keeps a plan with the candidate's bytes, so that its hash is enough to apply it. One that is made again, of the same
// history, begins anew where it was cancelled or is done.
func Save(ctx context.Context, js jetstream.JetStream, p Plan, document []byte) error {
	store, err := js.ObjectStore(ctx, topology.Replays)
	if err != nil {
		return fmt.Errorf("object store %s: %w", topology.Replays, err)
	}
	data, err := codec.Encode(p)
	if err != nil {
		return err
	}
	// The summary comes last: a plan that is found is whole.
	for _, part := range []struct {
		name    string
		content io.Reader
	}{{changesOf, p.sheet.reader()}, {documentOf, bytes.NewReader(document)}, {summaryOf, bytes.NewReader(data)}} {
		if _, err := store.Put(ctx, jetstream.ObjectMeta{Name: p.Hash + part.name}, part.content); err != nil {
			return fmt.Errorf("keep plan %s: %w", p.Hash, err)
		}
	}
	return p.anew(ctx, js)
}

func (p Plan) anew(ctx context.Context, js jetstream.JetStream) error {
	cursors, err := js.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	for {
		was, revision, err := read(ctx, cursors, p)
		if err != nil || was.State != StateCancelled && was.State != StateDone {
			return err
		}
		if err := was.tell(ctx, js); err != nil {
			return err
		}
		data, err := codec.Encode(planned(p))
		if err != nil {
			return err
		}
		if _, err = cursors.Update(ctx, keyOf(p), data, revision); !moved(err) {
			return err
		}
	}
}

// Load reads a kept plan and its candidate.
func Load(ctx context.Context, js jetstream.JetStream, hash string) (Plan, []byte, error) {
	store, err := js.ObjectStore(ctx, topology.Replays)
	if err != nil {
		return Plan{}, nil, fmt.Errorf("object store %s: %w", topology.Replays, err)
	}
	data, err := store.GetBytes(ctx, hash+summaryOf)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return Plan{}, nil, fmt.Errorf("%w: %q", ErrNoPlan, hash)
	}
	if err != nil {
		return Plan{}, nil, err
	}
	document, err := store.GetBytes(ctx, hash+documentOf)
	if err != nil {
		return Plan{}, nil, err
	}
	plan, err := codec.Decode[Plan](data)
	if err == nil {
		err = plan.load(ctx, store)
	}
	if err == nil && plan.hash() != hash {
		err = fmt.Errorf("plan %s: its content has another hash (%s)", hash, plan.hash())
	}
	return plan, document, err
}

func (p *Plan) load(ctx context.Context, store jetstream.ObjectStore) (err error) {
	if p.sheet, err = newSheet(); err != nil {
		return err
	}
	changes, err := store.Get(ctx, p.Hash+changesOf)
	if err != nil {
		return fmt.Errorf("plan %s: its changes: %w", p.Hash, err)
	}
	return errors.Join(p.sheet.take(changes), changes.Close())
}

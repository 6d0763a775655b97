package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// cursor is how far a poll has come, as it stands in the bucket of cursors. It is also what keeps two watchers apart.
type cursor struct {
	Mark   string        `json:"mark"` // the latest time seen, as NetSuite writes it; empty: none yet
	Wide   time.Time     `json:"wide"` // NetSuite's time of the last wide look back
	Zone   zone          `json:"zone"`
	At     time.Time     `json:"at"` // NetSuite's time of the last poll
	Every  time.Duration `json:"every"`
	Next   time.Time     `json:"next"`
	Holder string        `json:"holder"`          // who polled last
	Whole  bool          `json:"whole"`           // of stock and prices: every item was read once
	Asked  string        `json:"asked,omitempty"` // the source's, when that began
	Item   string        `json:"item"`            // of stock and prices, while they are: the last one

	revision uint64 // in the bucket; 0: not there
}

func (w *Watcher) key(poll string) string { return "watch." + w.options.Account + "." + poll }

func (w *Watcher) load(ctx context.Context, poll string) (cursor, error) {
	bucket, err := w.options.JS.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return cursor{}, publish.Classify(err)
	}
	entry, err := bucket.Get(ctx, w.key(poll))
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return cursor{}, nil
	case err != nil:
		return cursor{}, publish.Classify(err)
	}
	c, err := codec.Decode[cursor](entry.Value())
	if err != nil {
		return cursor{}, fault.New(fault.MessageUndecodable, "want a cursor", fault.Field(topology.Cursors, w.key(poll)), fault.Because(err))
	}
	c.revision = entry.Revision()
	return c, nil
}

// save stores the cursor unless another watcher stored one since it was loaded: a conflict.
func (w *Watcher) save(ctx context.Context, poll string, c *cursor) error {
	bucket, err := w.options.JS.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return publish.Classify(err)
	}
	data, err := codec.Encode(c)
	if err != nil {
		return fmt.Errorf("cursor %s: %w", poll, err)
	}
	if c.revision == 0 {
		c.revision, err = bucket.Create(ctx, w.key(poll), data)
	} else {
		c.revision, err = bucket.Update(ctx, w.key(poll), data, c.revision)
	}
	if errors.Is(err, jetstream.ErrKeyExists) {
		return fault.New(fault.StreamConflict, "the cursor must be the one that was loaded", fault.Field(topology.Cursors, w.key(poll)))
	}
	return publish.Classify(err)
}

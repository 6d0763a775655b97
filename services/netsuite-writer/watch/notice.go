package watch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/pause"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

const (
	gathering   = 100 * time.Millisecond // how long pushes wait for others to share their queries
	pushesAtOne = 4 * width              // pushes in hand
)

// listener follows the account's pushes where its writer is active.
func (w *Watcher) listener() (*consume.Consumer, error) {
	return consume.New(w.options.JS, w.options.Log.With("account", w.options.Account), consume.Config{
		Stream: topology.NetSuiteChanges, Durable: topology.WatcherOf(w.options.Account), Stage: "watch", Group: topology.WriterGroup,
		Handle: w.noticed, Lanes: pushesAtOne, Prefetch: pushesAtOne,
	})
}

// noticed reads the record that a push names and publishes how it stands. A push is a hint, no more: what it says
// beyond the record's name is not believed, and one that cannot be read is let go, since polls find its record too.
func (w *Watcher) noticed(ctx context.Context, m consume.Message) ([]publish.Message, error) {
	n, err := codec.Decode[event.NetSuiteNoticedV1](m.Data)
	_, transaction := typeOf[n.Kind]
	if err != nil || !digits(n.Record.ID) || !transaction && n.Kind != event.ChangeInventory {
		w.log.ErrorContext(ctx, "push not understood", "code", fault.MessageUndecodable, "subject", m.Subject, "sequence", m.Sequence, "error", err)
		return nil, nil
	}
	into := w.pushes
	if n.Kind == event.ChangeInventory {
		into = w.counts
	} else {
		w.orders.hurries()
	}
	w.stock.hurries() // what moves goods or commits them is no change that scripts tell of items
	if err := into.add(ctx, found{id: n.Record.ID, kind: n.Kind}); err != nil || n.Act != "delete" {
		return nil, err
	}
	return nil, w.deleted(ctx, n)
}

// hurries brings the source's next poll forward.
func (p *source) hurries() {
	select {
	case p.pushed <- struct{}{}:
	default:
	}
}

func digits(text string) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return text != ""
}

// deleted tells that a record of ours is gone, as it was last, and how its order stands without it.
func (w *Watcher) deleted(ctx context.Context, n event.NetSuiteNoticedV1) error {
	if n.Kind == event.ChangeInventory {
		return nil
	}
	_, err := settle(func() (int, error) { return w.reportGone(ctx, []found{{id: n.Record.ID, at: n.Time}}) })
	return err
}

// gatherer makes one reading of what is named within a moment.
type gatherer struct {
	ctx    context.Context // of the watcher: a reading serves many
	report func(ctx context.Context, changed []found) (int, error)

	mu      sync.Mutex
	waiting *gathered
}

type gathered struct {
	records []found
	known   map[string]bool
	done    chan struct{}
	err     error
}

// add waits for the reading that a record goes into. A record named twice is read once: the reading begins after
// both.
func (g *gatherer) add(ctx context.Context, f found) error {
	one := g.join(f)
	select {
	case <-one.done:
		return one.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gatherer) join(f found) *gathered {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting == nil || len(g.waiting.records) == width {
		g.waiting = &gathered{known: map[string]bool{}, done: make(chan struct{})}
		go g.run(g.waiting)
	}
	one := g.waiting
	if !one.known[f.key()] {
		one.known[f.key()] = true
		one.records = append(one.records, f)
	}
	return one
}

func (g *gatherer) run(one *gathered) {
	defer close(one.done)
	ctx := suitetalk.WithBegan(g.ctx, time.Now())
	if !pause.For(g.ctx, gathering) {
		one.err = g.ctx.Err()
		return
	}
	g.mu.Lock()
	if g.waiting == one {
		g.waiting = nil
	}
	g.mu.Unlock()
	if _, err := settle(func() (int, error) { return g.report(ctx, one.records) }); err != nil {
		one.err = fmt.Errorf("read %d pushed records: %w", len(one.records), err)
	}
}

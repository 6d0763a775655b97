package netsuitewriter

import (
	"context"
	"sync"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
)

// loader groups the look-ups of many orders into one query: what is asked while a query runs goes into the
// next one together, up to its width. With a linger, queries gather for so long while many orders a second ask; a
// lonely look-up is never delayed.
type loader[V any] struct {
	ctx    context.Context // of the service, not of one order: a group serves many
	width  int
	linger func() time.Duration // nil: none
	fetch  func(ctx context.Context, keys []string) (map[string]V, []event.Call, error)

	mu      sync.Mutex
	running bool
	waiting *group[V]
	asked   [many]time.Time // of the latest look-ups, a ring
	next    int
}

// many look-ups within a second make it worth to gather.
const many = 8

type group[V any] struct {
	keys   map[string]struct{}
	orders int
	full   chan struct{} // closed when no more keys fit
	done   chan struct{}
	values map[string]V
	calls  []event.Call
	err    error
}

// load gives the values of keys that exist and the calls it took, each marked with how many orders share it.
func (l *loader[V]) load(ctx context.Context, keys []string) (map[string]V, []event.Call, error) {
	g := l.join(keys)
	select {
	case <-g.done:
		return g.values, g.calls, g.err
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

func (l *loader[V]) join(keys []string) *group[V] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil || len(l.waiting.keys)+len(keys) > l.width && l.running {
		if l.waiting != nil {
			close(l.waiting.full)
			go l.run(l.waiting) // full: it does not wait for the running one
		}
		l.waiting = &group[V]{keys: map[string]struct{}{}, full: make(chan struct{}), done: make(chan struct{})}
	}
	g := l.waiting
	g.orders++
	l.asked[l.next%many] = time.Now()
	l.next++
	for _, key := range keys {
		g.keys[key] = struct{}{}
	}
	if !l.running {
		l.running = true
		go l.serve()
	}
	return g
}

// serve runs the waiting group and then whatever gathered meanwhile.
func (l *loader[V]) serve() {
	for {
		l.gather()
		l.mu.Lock()
		g := l.waiting
		l.waiting, l.running = nil, g != nil
		l.mu.Unlock()
		if g == nil {
			return
		}
		l.run(g)
	}
}

// gather lets the waiting group grow while many ask.
func (l *loader[V]) gather() {
	l.mu.Lock()
	g, busy := l.waiting, time.Since(l.asked[l.next%many]) < time.Second
	l.mu.Unlock()
	if g == nil || !busy || l.linger == nil {
		return
	}
	timer := time.NewTimer(l.linger())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-g.full:
	case <-l.ctx.Done():
	}
}

func (l *loader[V]) run(g *group[V]) {
	defer close(g.done)
	keys := make([]string, 0, len(g.keys))
	for key := range g.keys {
		keys = append(keys, key)
	}
	g.values = map[string]V{}
	for len(keys) > 0 && g.err == nil {
		n := min(len(keys), l.width)
		values, calls, err := l.fetch(l.ctx, keys[:n])
		for key, value := range values {
			g.values[key] = value
		}
		g.calls, g.err, keys = append(g.calls, calls...), err, keys[n:]
	}
	for i := range g.calls {
		g.calls[i].Grouped = g.orders
	}
}

package netsuitewriter

import (
	"context"
	"sync"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/netsuite-writer/governor"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// loader groups the look-ups of many orders into one query: what is asked while a query runs goes into the
// next one together, up to its width. With a linger, queries gather for a while when many orders a second ask; a
// lonely look-up is never delayed. Replays share with replays alone, and wait in their lane: what many of them ask for
// would else go before fresh orders.
type loader[V any] struct {
	ctx    context.Context // of the service, not of one order: a group serves many
	width  int
	linger func() linger // nil: none
	fetch  func(ctx context.Context, keys []string) (map[string]V, []event.Call, error)

	mu      sync.Mutex
	running bool
	waiting *group[V]
	asked   [many]time.Time // of the latest look-ups, a ring
	next    int
	replays *loader[V] // nil before the first
}

// many look-ups within a second make it worth to gather.
const many = 8

// linger is for how long look-ups gather.
type linger struct {
	idle   time.Duration // while nothing but its record waits for any of them
	urgent time.Duration // from when one joins that more work waits for
	enough int           // so many orders share well enough: idle ends
}

type group[V any] struct {
	keys   map[string]struct{}
	orders int
	full   chan struct{} // closed when no more keys fit
	urgent chan struct{} // closed when one joined that more work waits for
	ample  chan struct{} // closed when enough share it
	hurry  bool
	enough int // 0: no matter
	done   chan struct{}
	values map[string]V
	calls  []event.Call
	err    error
}

// load gives the values of keys that exist and the calls it took, each marked with how many orders share it. Urgent:
// more than a record waits for it.
func (l *loader[V]) load(ctx context.Context, keys []string, urgent bool) (map[string]V, []event.Call, error) {
	if suitetalk.LaneOf(ctx) == governor.LaneReplay {
		l = l.ofReplays()
	}
	g := l.join(keys, urgent)
	select {
	case <-g.done:
		return g.values, g.calls, g.err
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

func (l *loader[V]) ofReplays() *loader[V] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.replays == nil {
		l.replays = &loader[V]{ctx: suitetalk.WithLane(l.ctx, governor.LaneReplay), width: l.width, linger: l.linger, fetch: l.fetch}
	}
	return l.replays
}

func (l *loader[V]) join(keys []string, urgent bool) *group[V] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil || len(l.waiting.keys)+len(keys) > l.width && l.running {
		if l.waiting != nil {
			close(l.waiting.full)
			go l.run(l.waiting) // full: it does not wait for the running one
		}
		l.waiting = &group[V]{keys: map[string]struct{}{}, full: make(chan struct{}), urgent: make(chan struct{}), ample: make(chan struct{}), done: make(chan struct{})}
	}
	g := l.waiting
	if g.orders++; g.orders == g.enough {
		close(g.ample)
	}
	if urgent && !g.hurry {
		g.hurry = true
		close(g.urgent)
	}
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
	if l.linger == nil {
		return
	}
	how := l.linger()
	l.mu.Lock()
	g, busy := l.waiting, time.Since(l.asked[l.next%many]) < time.Second
	if g == nil || !busy || g.orders >= how.enough && how.enough > 0 {
		l.mu.Unlock()
		return
	}
	g.enough = how.enough
	l.mu.Unlock()
	g.grow(l.ctx, how)
}

// grow waits until a group is to run.
func (g *group[V]) grow(ctx context.Context, how linger) {
	timer := time.NewTimer(how.idle)
	defer timer.Stop()
	select {
	case <-g.urgent:
		timer.Reset(how.urgent)
	case <-timer.C:
		return
	case <-g.ample:
		return
	case <-g.full:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-timer.C:
	case <-g.full:
	case <-ctx.Done():
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

package consume

import (
	"context"
	"sync"
	"time"
)

// gate holds every lane while the other side is down as a whole. One message at a time probes; its success
// opens the gate for all. No attempt is burnt.
type gate struct {
	mu       sync.Mutex
	shut     bool
	probing  bool
	failures int
	changed  chan struct{} // closed and replaced at every change
}

const (
	firstProbe = 100 * time.Millisecond
	lastProbe  = 5 * time.Second
)

func newGate() *gate { return &gate{changed: make(chan struct{})} }

func (g *gate) closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

// pass returns at once while the gate is open; otherwise it waits to become the prober, or for the gate to
// open. It returns an error when stopping.
func (g *gate) pass(ctx context.Context, stopping func() bool) error {
	for {
		if stopping() {
			return context.Canceled
		}
		g.mu.Lock()
		if !g.shut {
			g.mu.Unlock()
			return nil
		}
		prober, changed, delay := !g.probing, g.changed, g.delay()
		if prober {
			g.probing = true
		}
		g.mu.Unlock()
		if prober {
			return g.pause(ctx, changed, delay)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (g *gate) pause(ctx context.Context, changed <-chan struct{}, delay time.Duration) error {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-changed: // another lane got through, or we are stopping
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) delay() time.Duration {
	if g.failures > 8 {
		return lastProbe
	}
	return min(firstProbe<<max(g.failures-1, 0), lastProbe)
}

// report says what a handler found.
func (g *gate) report(unavailable bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case unavailable:
		g.shut, g.probing = true, false
		g.failures++
	case g.shut:
		g.shut, g.probing, g.failures = false, false, 0
	default:
		return
	}
	close(g.changed)
	g.changed = make(chan struct{})
}

// release wakes everyone who waits, so that they see that we are stopping.
func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.changed)
	g.changed = make(chan struct{})
}

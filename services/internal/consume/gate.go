package consume

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// gates has one gate for each other side: a shop that is down holds up no other shop.
type gates struct {
	pace   Pace
	mu     sync.Mutex
	bySide map[string]*gate
}

func (g *gates) of(side string) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.bySide == nil {
		g.bySide = map[string]*gate{}
	}
	if g.bySide[side] == nil {
		g.bySide[side] = newGate(g.pace)
	}
	return g.bySide[side]
}

// shut lists the sides whose gate is closed, in order.
func (g *gates) shut() (sides []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for side, gate := range g.bySide {
		if gate.closed() {
			sides = append(sides, side)
		}
	}
	slices.Sort(sides)
	return sides
}

func (g *gates) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, gate := range g.bySide {
		gate.release()
	}
}

// gate holds every lane while the other side is down as a whole. One message at a time probes; its success
// opens the gate for all. No attempt is burnt.
type gate struct {
	pace     Pace
	mu       sync.Mutex
	shut     bool
	probing  bool
	failures int
	after    time.Duration // asked for by the other side; 0: nothing
	changed  chan struct{} // closed and replaced at every change
}

const longestAfter = 5 * time.Minute // of a pause that the other side asks for

func newGate(p Pace) *gate { return &gate{pace: p, changed: make(chan struct{})} }

func (g *gate) closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

// errShut is said to who does not wait at a closed gate.
var errShut = errors.New("the other side is unavailable")

// pass returns at once while the gate is open; otherwise it waits to become the prober, or for the gate to
// open. Who does not wait and is not the prober hears errShut. It returns another error when stopping.
func (g *gate) pass(ctx context.Context, stopping func() bool, waits bool) error {
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
		if !waits {
			return errShut
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
	return max(g.pace.probe(g.failures), min(g.after, longestAfter))
}

// report says what a handler found; after is how long the other side asks to be left alone.
func (g *gate) report(unavailable bool, after time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case unavailable:
		g.shut, g.probing, g.after = true, false, after
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

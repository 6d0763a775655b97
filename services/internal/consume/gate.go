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
	probing  bool // somebody probes, or waits until it is time to
	failures int
	due      time.Time     // of the next probe
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
func (g *gate) pass(ctx context.Context, stopping func() bool, waits bool) (prober bool, err error) {
	for {
		if stopping() {
			return false, context.Canceled
		}
		first, shut, due, changed := g.enter()
		switch {
		case !shut:
			return false, nil
		case first:
			return true, g.await(ctx, stopping, due)
		case !waits:
			return false, errShut
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// enter makes the caller the prober of a closed gate that has none.
func (g *gate) enter() (prober, shut bool, due time.Time, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	prober = g.shut && !g.probing
	g.probing = g.probing || prober
	return prober, g.shut, g.due, g.changed
}

// await lets the prober wait for its time. One that is told to stop probes nothing.
func (g *gate) await(ctx context.Context, stopping func() bool, due time.Time) error {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	for {
		g.mu.Lock()
		changed := g.changed
		g.mu.Unlock()
		if stopping() {
			g.report(true, nothing, 0)
			return context.Canceled
		}
		select {
		case <-timer.C:
			return nil
		case <-changed: // perhaps we are stopping
		case <-ctx.Done():
			g.report(true, nothing, 0)
			return ctx.Err()
		}
	}
}

// finding is what a handler learnt of the other side.
type finding int

const (
	nothing finding = iota // it did not ask
	there
	away
)

// report says what a handler found; after is how long the other side asks to be left alone. At a closed gate only the
// prober's word counts: who asked before it closed has no news.
func (g *gate) report(prober bool, f finding, after time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != prober || !g.shut && f != away {
		return
	}
	g.probing = false
	switch f {
	case away:
		g.shut = true
		g.failures++
		g.due = time.Now().Add(max(g.pace.probe(g.failures), min(after, longestAfter)))
	case there:
		g.shut, g.failures = false, 0
	case nothing:
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

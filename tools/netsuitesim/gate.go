package netsuitesim

import (
	"sync"
	"time"
)

// gate counts requests in flight and hands out the account's slots. A request
// that is refused takes no slot.
type gate struct {
	mu      sync.Mutex
	now     int // requests in flight
	top     int
	held    int // slots
	topHeld int
	taken   int       // slots handed out
	blocked int       // requests refused for want of a slot
	seconds float64   // slot time up to since
	since   time.Time // when held last changed
}

// enter counts a request in and returns how many are in flight with it.
func (g *gate) enter() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now++
	g.top = max(g.top, g.now)
	return g.now
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now--
}

// take takes a slot if fewer than limit are held; a negative limit is none.
func (g *gate) take(limit int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if limit >= 0 && g.held >= limit {
		g.blocked++
		return false
	}
	g.tick()
	g.held++
	g.taken++
	g.topHeld = max(g.topHeld, g.held)
	return true
}

func (g *gate) give() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tick()
	g.held--
}

// tick adds the slot time since the last change; the caller holds the lock.
func (g *gate) tick() {
	now := time.Now()
	g.seconds += float64(g.held) * now.Sub(g.since).Seconds()
	g.since = now
}

// usage is what the gate has counted since the last reset.
type usage struct {
	top, topHeld, taken, blocked int
	seconds                      float64
}

func (g *gate) usage() usage {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tick()
	return usage{g.top, g.topHeld, g.taken, g.blocked, g.seconds}
}

func (g *gate) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.top, g.topHeld, g.taken, g.blocked, g.seconds, g.since = g.now, g.held, 0, 0, 0, time.Now()
}

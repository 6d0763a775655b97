package consume

import (
	"context"
	"sync"
	"time"
)

// minor bounds what gives way. It never holds all of the lanes nor all of the messages in hand: the rest is for what does
// not give way, which is therefore read and begun at once however much waits. What finds no room waits at the server
// (a message that is put off costs the others nothing) and comes back spread over time, a little faster than any
// other side takes it.
type minor struct {
	lanes chan struct{} // at work
	held  chan struct{} // in hand

	mu   sync.Mutex
	back time.Time // when the last one that was put off comes back
}

// The part of lanes and of messages in hand that minor ones may take, and the pace at which they come back.
const (
	minorShare = 3 // of four
	backFirst  = time.Second
	backApart  = 2 * time.Millisecond
)

func newMinor(lanes, held int) minor {
	return minor{lanes: make(chan struct{}, max(lanes*minorShare/4, 1)), held: make(chan struct{}, max(held*minorShare/4, 1))}
}

// enter takes room in hand, if there is any.
func (m *minor) enter() bool {
	select {
	case m.held <- struct{}{}:
		return true
	default:
		return false
	}
}

func (m *minor) leave() { <-m.held }

// work waits for a lane; done gives it back.
func (m *minor) work(ctx context.Context) (done func()) {
	select {
	case m.lanes <- struct{}{}:
		return func() { <-m.lanes }
	case <-ctx.Done():
		return func() {}
	}
}

// putOff says how long the next one that finds no room stays away.
func (m *minor) putOff(now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.back = m.back.Add(backApart)
	if first := now.Add(backFirst); m.back.Before(first) {
		m.back = first
	}
	return m.back.Sub(now)
}

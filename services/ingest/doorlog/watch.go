package doorlog

import (
	"time"
)

// watchEvery is how often the disk is looked at.
const watchEvery = 250 * time.Millisecond

// watch looks at the room left on the disk and at whether writing makes progress, and has small cuts
// written.
func (l *Log) watch() {
	defer close(l.watched)
	every := min(watchEvery, l.options.Patience/4)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	p := progress{moved: time.Now()}
	for {
		select {
		case <-l.settled:
			return
		case now := <-ticker.C:
			if l.Failure() == nil {
				l.disk.check()
			}
			l.setStalled(p.lastMoved(l.begun.Load(), l.done.Load(), now) >= l.options.Patience)
			if cut, _, _ := l.marks(); cut > l.written.Load() {
				l.nudge()
			}
		}
	}
}

// progress notices whether groups get done.
type progress struct {
	seen  uint64
	moved time.Time // when a group was last seen to get done, or none was on its way
}

// lastMoved gives for how long groups have been on their way without one getting done.
func (p *progress) lastMoved(begun, done uint64, now time.Time) time.Duration {
	if done != p.seen || done == begun {
		p.seen, p.moved = done, now
	}
	return now.Sub(p.moved)
}

// setStalled releases whoever waits for a disk that does not answer, and refuses others until it does.
func (l *Log) setStalled(stalled bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if stalled == l.stalled {
		return
	}
	l.stalled = stalled
	if stalled {
		close(l.stall)
		l.options.Log.Error("door log: the disk does not answer; records are refused", "for", l.options.Patience)
		return
	}
	l.stall = make(chan struct{})
	l.options.Log.Info("door log: the disk answers again; records are taken")
}

// State sums up whether the log takes records.
type State string

// The states of a log.
const (
	StateOK     State = "ok"
	StateWarn   State = "warn"   // little disk left, or nine tenths of a bound used
	StateFull   State = "full"   // Append refuses until there is room, or until the disk answers
	StateFailed State = "failed" // for good
)

// Stats describes a log.
type Stats struct {
	Records int
	Bytes   int64
	Oldest  time.Time // when the oldest waiting record was appended, to the second; zero: none waits
	Next    uint64    // sequence of the next record to become durable
	Aside   int       // records set aside
	Free    uint64    // bytes free on the disk; all ones if it cannot tell
	State   State
}

// Stats gives the log's present figures.
func (l *Log) Stats() Stats {
	failure, room, low := l.Failure(), l.disk.room(), l.disk.low()
	l.mu.Lock()
	defer l.mu.Unlock()
	b, o := &l.book, l.options
	s := Stats{Records: b.records, Bytes: b.bytes, Oldest: b.oldest(), Next: b.newest() + 1, Aside: len(b.asides), Free: l.disk.free.Load(), State: StateOK}
	switch {
	case failure != nil:
		s.State = StateFailed
	case room != nil || l.stalled || b.used(o.MaxRecords, o.MaxBytes, 1):
		s.State = StateFull
	case low || b.used(o.MaxRecords, o.MaxBytes, 0.9):
		s.State = StateWarn
	}
	return s
}

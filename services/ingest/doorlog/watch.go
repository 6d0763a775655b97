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
	every := min(watchEvery, l.options.patience/4)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var seen uint64
	var moved time.Time
	for {
		select {
		case <-l.settled:
			return
		case now := <-ticker.C:
			if l.Failure() == nil {
				l.disk.check()
			}
			if done := l.done.Load(); done != seen || done == l.begun.Load() {
				seen, moved = done, now
			}
			l.setStalled(now.Sub(moved) >= l.options.patience)
			if cut, _, _ := l.marks(); cut > l.written.Load() {
				l.nudge()
			}
		}
	}
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
		l.options.Log.Error("door log: the disk does not answer; records are refused", "for", l.options.patience)
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
	State   State
}

// Stats gives the log's present figures.
func (l *Log) Stats() Stats {
	failure, room, low := l.Failure(), l.disk.room(), l.disk.low()
	l.mu.Lock()
	defer l.mu.Unlock()
	b, o := &l.book, l.options
	s := Stats{Records: b.records, Bytes: b.bytes, Oldest: b.oldest(), Next: b.newest() + 1, Aside: b.aside, State: StateOK}
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

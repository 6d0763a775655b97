package consume

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The pause between probes grows, and is never shorter than what the other side asks for, within reason.
func TestProbeDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pace
		p.fill()
		g := newGate(p)
		g.report(false, away, 0)
		for _, c := range []struct{ after, want time.Duration }{
			{0, 200 * time.Millisecond}, {2 * time.Minute, 2 * time.Minute}, {time.Hour, 5 * time.Minute}, {0, 1600 * time.Millisecond},
			{0, 3200 * time.Millisecond}, {0, 5 * time.Second}, {0, 5 * time.Second}, {0, 5 * time.Second},
		} {
			g.report(true, away, c.after)
			if got := time.Until(g.due); got != c.want {
				t.Errorf("after %d failures, asked for %v: %v, want %v", g.failures, c.after, got, c.want)
			}
		}
		g.report(true, there, 0)
		if g.closed() {
			t.Error("a success leaves the gate shut")
		}
	})
}

// asks plays so many lanes at one gate, each with more to do at once, and gives when they asked the other side. Each
// request takes a millisecond; answer says what it found.
func asks(t *testing.T, lanes int, lasting time.Duration, answer func(lane int, at time.Duration) finding) (at []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var p Pace
		p.fill()
		g, began := newGate(p), time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), lasting)
		defer cancel()
		var mu sync.Mutex
		var ended sync.WaitGroup
		for lane := range lanes {
			ended.Go(func() {
				for ctx.Err() == nil {
					prober, err := g.pass(ctx, func() bool { return false }, true)
					if err != nil {
						return
					}
					f := answer(lane, time.Since(began))
					if f != nothing {
						mu.Lock()
						at = append(at, time.Since(began))
						mu.Unlock()
					}
					<-time.After(time.Millisecond)
					g.report(prober, f, 0)
				}
			})
		}
		ended.Wait()
	})
	return at
}

// However many lanes are at work when the other side goes away, one request at a time probes, later and later.
func TestOneProbes(t *testing.T) {
	gone := func(int, time.Duration) finding { return away }
	want := len(asks(t, 1, time.Minute, gone))
	if want > 20 {
		t.Fatalf("one lane probes %d times in a minute", want)
	}
	for _, lanes := range []int{2, 10, 500} {
		if got := len(asks(t, lanes, time.Minute, gone)) - (lanes - 1); got > want {
			t.Errorf("%d lanes: %d requests after those under way, one lane %d", lanes, got, want)
		}
	}
}

// What asks nothing neither opens the gate nor keeps the next one from probing in time.
func TestWhoDoesNotAskKnowsNothing(t *testing.T) {
	at := asks(t, 10, time.Minute, func(lane int, _ time.Duration) finding {
		if lane%2 == 0 {
			return nothing
		}
		return away
	})
	if n := len(at); n < 12 || n > 25 {
		t.Errorf("%d requests in a minute of an outage", n)
	}
}

// The first probe that finds the other side there lets everybody through.
func TestAProbeOpensTheGate(t *testing.T) {
	const outage = 20 * time.Second
	at := asks(t, 10, outage+10*time.Second, func(_ int, at time.Duration) finding {
		if at < outage {
			return away
		}
		return there
	})
	back := 0
	for _, when := range at {
		if when > outage+5*time.Second {
			back++
		}
	}
	if back < 10*4000 {
		t.Errorf("%d requests in the last five seconds, want every lane at work", back)
	}
}

func TestPaceIsBounded(t *testing.T) {
	p := Pace{First: 24 * time.Hour, Last: 48 * time.Hour}
	p.fill()
	for attempt, want := range map[int]time.Duration{0: 24 * time.Hour, 1: 48 * time.Hour, 2: 48 * time.Hour, 40: 48 * time.Hour, 1 << 20: 48 * time.Hour} {
		if got := p.backoff(attempt); got < want*3/4 || got > want*5/4 {
			t.Errorf("attempt %d: %v, want about %v", attempt, got, want)
		}
	}
	if p.Throttled != time.Second {
		t.Errorf("throttled %v, want the default", p.Throttled)
	}
}

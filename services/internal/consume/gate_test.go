package consume

import (
	"testing"
	"time"
)

// The pause between probes grows, and is never shorter than what the other side asks for, within reason.
func TestProbeDelay(t *testing.T) {
	var p Pace
	p.fill()
	g := newGate(p)
	for _, c := range []struct{ after, want time.Duration }{
		{0, 100 * time.Millisecond}, {0, 200 * time.Millisecond}, {2 * time.Minute, 2 * time.Minute}, {time.Hour, 5 * time.Minute}, {0, 1600 * time.Millisecond},
		{0, 3200 * time.Millisecond}, {0, 5 * time.Second}, {0, 5 * time.Second}, {0, 5 * time.Second},
	} {
		g.report(true, c.after)
		if got := g.delay(); got != c.want {
			t.Errorf("after %d failures, asked for %v: %v, want %v", g.failures, c.after, got, c.want)
		}
	}
	g.report(false, 0)
	if g.closed() {
		t.Error("a success leaves the gate shut")
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

package consume

import (
	"testing"
	"time"
)

// The pause between probes grows, and is never shorter than what the other side asks for, within reason.
func TestProbeDelay(t *testing.T) {
	g := newGate()
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

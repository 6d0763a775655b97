package doorlog

import (
	"testing"
	"time"
)

// A write that is on its way at the first look is not taken for one that does not end.
func TestProgress(t *testing.T) {
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	p := progress{moved: start}
	for _, look := range []struct {
		after       time.Duration
		begun, done uint64
		want        time.Duration
	}{
		{250 * time.Millisecond, 1, 0, 250 * time.Millisecond},
		{500 * time.Millisecond, 1, 0, 500 * time.Millisecond},
		{750 * time.Millisecond, 3, 1, 0}, // one is done
		{time.Second, 3, 1, 250 * time.Millisecond},
		{2 * time.Second, 3, 3, 0}, // nothing on its way
		{9 * time.Second, 4, 3, 7 * time.Second},
	} {
		if got := p.lastMoved(look.begun, look.done, start.Add(look.after)); got != look.want {
			t.Errorf("after %v: %v without progress, want %v", look.after, got, look.want)
		}
	}
}

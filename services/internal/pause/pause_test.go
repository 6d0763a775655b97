package pause

import (
	"context"
	"testing"
	"time"
)

func TestFor(t *testing.T) {
	if !For(t.Context(), -time.Second) || !For(t.Context(), time.Millisecond) {
		t.Error("a pause that is over must be one")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if For(ended, time.Hour) || For(ended, 0) {
		t.Error("what ends must not wait, nor go on")
	}
}

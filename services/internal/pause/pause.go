// Package pause waits between two tries.
package pause

import (
	"context"
	"time"
)

// For waits for d; false: ctx ended before.
func For(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil // both may be over
}

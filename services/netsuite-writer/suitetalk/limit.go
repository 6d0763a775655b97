package suitetalk

import (
	"context"
	"time"

	"github.com/orderstream/orderstream/contracts/fault"
)

// Limiter decides when a request may leave. NetSuite limits requests in flight per account, so a permission is
// held until the answer is there.
type Limiter interface {
	// Acquire waits for the permission to send one request on a lane and gives the function that returns it,
	// called exactly once with what became of the request. The error is ctx's.
	Acquire(ctx context.Context, lane int) (release func(Result), err error)
}

// Result is what became of one request, as a limiter needs to know it. A renewed token's second try counts with the
// first as one request.
type Result struct {
	Status  int           // HTTP status; 0: no answer
	Fault   fault.Code    // "": success; fault.Unexpected with Status 0: given up by us, says nothing about NetSuite
	Latency time.Duration // from sending to the whole answer, of the last try; without the wait for permission or token
}

type laneKey struct{}

// WithLane marks the requests made under ctx with the lane they wait in; what a lane means is the limiter's matter.
func WithLane(ctx context.Context, lane int) context.Context {
	return context.WithValue(ctx, laneKey{}, lane)
}

// LaneOf gives the lane of ctx; 0 when none was set.
func LaneOf(ctx context.Context) int {
	lane, _ := ctx.Value(laneKey{}).(int)
	return lane
}

type beganKey struct{}

// WithBegan marks the requests made under ctx as steps of one work that began then, for limiters that let nobody wait too long.
func WithBegan(ctx context.Context, at time.Time) context.Context {
	return context.WithValue(ctx, beganKey{}, at)
}

// BeganOf tells when the work began that ctx's requests are steps of; now when it was not said.
func BeganOf(ctx context.Context, now time.Time) time.Time {
	if at, is := ctx.Value(beganKey{}).(time.Time); is {
		return at
	}
	return now
}

// slots is the limiter that Concurrency asks for: so many requests in flight, lanes alike.
type slots chan struct{}

// Acquire waits for a free slot.
func (s slots) Acquire(ctx context.Context, _ int) (func(Result), error) {
	select {
	case s <- struct{}{}:
		return func(Result) { <-s }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

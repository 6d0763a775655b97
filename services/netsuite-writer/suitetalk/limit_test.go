package suitetalk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orderstream/orderstream/contracts/fault"
)

// counter notes who asked and what became of it.
type counter struct {
	lanes   []int
	results []Result
	refuse  error
}

func (c *counter) Acquire(_ context.Context, lane int) (func(Result), error) {
	if c.refuse != nil {
		return nil, c.refuse
	}
	c.lanes = append(c.lanes, lane)
	return func(r Result) { c.results = append(c.results, r) }, nil
}

func TestLimiterHearsLaneAndResult(t *testing.T) {
	status := http.StatusNoContent
	limiter := &counter{}
	a, client := newAccount(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		if status >= 400 {
			fmt.Fprint(w, problemBody("CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded."))
		}
	})
	client.limit = limiter
	request := Request{Method: http.MethodPut, Path: "/record/v1/salesOrder/eid:x"}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	client.Do(context.Background(), request)
	status = http.StatusTooManyRequests
	client.Do(WithLane(context.Background(), 3), request)
	client.Do(WithLane(cancelled, 1), request)
	a.server.Close()
	client.http.CloseIdleConnections()
	client.Do(context.Background(), request)

	if diff := cmp.Diff([]int{0, 3, 1, 0}, limiter.lanes); diff != "" {
		t.Errorf("lanes: %s", diff)
	}
	want := []Result{{Status: 204}, {Status: 429, Fault: fault.NetSuiteThrottled}, {Fault: fault.Unexpected}, {Fault: fault.NetSuiteUnavailable}}
	if diff := cmp.Diff(want, limiter.results, cmpopts.IgnoreFields(Result{}, "Latency")); diff != "" {
		t.Errorf("results: %s", diff)
	}
	for i, r := range limiter.results[:2] {
		if r.Latency <= 0 || r.Latency > time.Minute {
			t.Errorf("latency of answer %d: %s", i, r.Latency)
		}
	}
}

func TestRefusedByTheLimiterNothingIsSent(t *testing.T) {
	_, client := newAccount(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	client.limit = &counter{refuse: context.DeadlineExceeded}
	if _, err := client.Do(context.Background(), Request{Method: http.MethodGet, Path: "/record/v1/customer/1"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the limiter's error", err)
	}
}

func TestWaitingForASlotEndsWithTheContext(t *testing.T) {
	s := make(slots, 1)
	release, err := s.Acquire(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Acquire(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
	release(Result{})
	if release, err = s.Acquire(context.Background(), 0); err != nil {
		t.Errorf("a returned slot is not free: %v", err)
	}
	release(Result{})
}

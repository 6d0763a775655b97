package netsuitewriter

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/netsuite-writer/governor"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// queries are what a loader asked: when it began, and how many keys.
type queries struct {
	began time.Time
	mu    sync.Mutex
	list  []string
}

func (q *queries) fetch(_ context.Context, keys []string) (map[string]string, []event.Call, error) {
	q.mu.Lock()
	q.list = append(q.list, fmt.Sprintf("%v: %d", time.Since(q.began), len(keys)))
	q.mu.Unlock()
	time.Sleep(250 * time.Millisecond) // NetSuite's time, on the bubble's clock
	return nil, []event.Call{{}}, nil
}

// Look-ups that only a record waits for share a query with those of a second; more work is kept waiting for little, a
// lonely one for nothing, and enough of them go at once.
func TestLookUpsGather(t *testing.T) {
	how := func() linger { return linger{idle: time.Second, urgent: 200 * time.Millisecond, enough: 20} }
	for name, c := range map[string]struct {
		every  time.Duration
		count  int
		urgent int // the n-th, from 1; 0: none
		want   []string
	}{
		"lonely":     {2 * time.Second, 3, 0, []string{"0s: 1", "2s: 1", "4s: 1"}},
		"ten second": {103 * time.Millisecond, 30, 0, []string{"0s: 1", "250ms: 2", "500ms: 2", "1.75s: 12", "3s: 13"}},
		"one urgent": {103 * time.Millisecond, 30, 12, []string{"0s: 1", "250ms: 2", "500ms: 2", "1.333s: 8", "2.583s: 13", "3.833s: 4"}},
		"fifty":      {23 * time.Millisecond, 81, 0, []string{"0s: 1", "460ms: 20", "920ms: 20", "1.38s: 20", "1.84s: 20"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &queries{began: time.Now()}
				l := &loader[string]{ctx: t.Context(), width: 100, linger: how, fetch: q.fetch}
				var asking sync.WaitGroup
				for n := range c.count {
					asking.Go(func() {
						if _, calls, err := l.load(t.Context(), []string{fmt.Sprint(n)}, n+1 == c.urgent); err != nil || len(calls) != 1 {
							t.Errorf("%d: %v, %v", n, calls, err)
						}
					})
					time.Sleep(c.every)
				}
				asking.Wait()
				if !slices.Equal(q.list, c.want) {
					t.Errorf("queries %q, want %q", q.list, c.want)
				}
			})
		})
	}
}

// What replays ask for waits in their lane and holds up no other look-up, even of the same key.
func TestLookUpsOfReplaysWaitInTheirLane(t *testing.T) {
	var mu sync.Mutex
	var lanes []int
	held := make(chan struct{})
	l := &loader[string]{ctx: suitetalk.WithLane(t.Context(), governor.LaneFinish), width: 100, fetch: func(ctx context.Context, keys []string) (map[string]string, []event.Call, error) {
		lane := suitetalk.LaneOf(ctx)
		mu.Lock()
		lanes = append(lanes, lane)
		mu.Unlock()
		if lane == governor.LaneReplay {
			<-held
		}
		return map[string]string{keys[0]: "found"}, []event.Call{{}}, nil
	}}
	var replays sync.WaitGroup
	ask := func(lane int) {
		if values, _, err := l.load(suitetalk.WithLane(t.Context(), lane), []string{"36"}, true); err != nil || values["36"] != "found" {
			t.Errorf("lane %d: %v, %v", lane, values, err)
		}
	}
	replays.Go(func() { ask(governor.LaneReplay) })
	ask(governor.LanePaid)
	close(held)
	replays.Wait()
	if slices.Sort(lanes); !slices.Equal(lanes, []int{governor.LaneFinish, governor.LaneReplay}) {
		t.Errorf("asked in lanes %v", lanes)
	}
}

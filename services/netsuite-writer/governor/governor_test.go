package governor

import (
	"container/heap"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)} }

func ok() suitetalk.Result { return suitetalk.Result{Status: 200} }

func throttled() suitetalk.Result {
	return suitetalk.Result{Status: 429, Fault: fault.NetSuiteThrottled}
}

func acquire(t testing.TB, g *Governor, lane int) func(suitetalk.Result) {
	t.Helper()
	release, err := g.Acquire(t.Context(), lane)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// One refusal is one step down, however many requests were in flight; those that began before it say nothing new.
func TestOneStepDownPerRefusal(t *testing.T) {
	c := newClock()
	g := New(5, c.now)
	g.later = func(d time.Duration, _ func()) { c.at = c.at.Add(d) }
	var all []func(suitetalk.Result)
	for range 5 {
		all = append(all, acquire(t, g, LanePaid))
	}
	c.at = c.at.Add(time.Second)
	for _, release := range all {
		release(throttled())
		release(throttled()) // a second call does nothing
	}
	if s := g.Stats(); s.Limit != 4 || s.InFlight != 0 || s.Throttled != 5 {
		t.Errorf("%+v, want limit 4 after five refusals of one moment", s)
	}
	for range 10 {
		release := acquire(t, g, LanePaid)
		c.at = c.at.Add(time.Second)
		release(throttled())
	}
	if s := g.Stats(); s.Limit != 1 {
		t.Errorf("limit %d, want never below 1", s.Limit)
	}
}

// Slower answers, lastingly, are a step down too.
func TestSlowAnswersLowerTheLimit(t *testing.T) {
	c := newClock()
	g := New(5, c.now)
	answer := func(latency time.Duration) {
		release := acquire(t, g, LanePaid)
		c.at = c.at.Add(latency)
		release(suitetalk.Result{Status: 200, Latency: latency})
	}
	for range 100 {
		answer(300 * time.Millisecond)
	}
	if s := g.Stats(); s.Limit != 5 {
		t.Fatalf("limit %d while answers are as usual", s.Limit)
	}
	for range 20 {
		answer(3 * time.Second)
	}
	if s := g.Stats(); s.Limit >= 5 {
		t.Errorf("limit %d although answers take ten times as long", s.Limit)
	}
}

func TestLeavingAQueue(t *testing.T) {
	g := New(1, nil)
	release := acquire(t, g, LanePaid)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Acquire(ctx, LanePaid); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want Canceled", err)
	}
	release(ok())
	if s := g.Stats(); s.InFlight != 0 || s.Waiting[LanePaid] != 0 {
		t.Errorf("%+v, want no trace of who left", s)
	}
	acquire(t, g, LaneReplay)(ok())
}

// world is a governor in simulated time.
type world struct {
	*Governor
	clock *clock
}

// queue queues a request without waiting for its slot.
func (w world) queue(lane int) *waiter {
	waiting := &waiter{lane: lane, since: w.clock.at, ready: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.join(waiting)
	return waiting
}

// A fresh paid order waits for one call at most, whatever stands in the other lanes; and no lane waits for ever.
func TestLanes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		w := world{New(rapid.IntRange(1, 5).Draw(t, "slots"), c.now), c}
		var releases []func(suitetalk.Result)
		var queued []*waiter
		take := func() {
			rest := queued[:0]
			for _, q := range queued {
				if q.served() {
					releases = append(releases, w.releaser(q.lane))
				} else {
					rest = append(rest, q)
				}
			}
			queued = rest
		}
		for range rapid.IntRange(10, 60).Draw(t, "backlog") {
			queued = append(queued, w.queue(LaneReplay))
		}
		take()
		fresh := w.queue(LanePaid)
		queued = append(queued, fresh)
		c.at = c.at.Add(300 * time.Millisecond)
		releases[0](ok()) // one call ends
		releases = releases[1:]
		if !fresh.served() {
			t.Fatal("a fresh paid order waits behind a replay")
		}
		take()
		starving := w.queue(LaneStock)
		for calls := 0; !starving.served(); calls++ { // paid orders never stop coming
			if waited := c.at.Sub(starving.since); waited > patience+time.Duration(len(queued)+2)*agedEvery*10*time.Second {
				t.Fatalf("a lane starves: %v, %d queued", waited, len(queued))
			}
			queued = append(queued, w.queue(LanePaid), w.queue(LanePaid))
			c.at = c.at.Add(time.Second)
			releases[0](ok())
			releases = releases[1:]
			take()
		}
	})
}

// A replay leaves one slot free, in which a fresh order begins at once; it waits for that slot for a while, not for ever.
func TestAReplayKeepsOneSlotFree(t *testing.T) {
	for slots := 1; slots <= 5; slots++ {
		c := newClock()
		w := world{New(slots, c.now), c}
		replays := make([]*waiter, 8)
		served := func() (n int) {
			for _, r := range replays {
				if r.served() {
					n++
				}
			}
			return n
		}
		for i := range replays {
			replays[i] = w.queue(LaneReplay)
		}
		if got, want := served(), max(slots-1, 1); got != want {
			t.Errorf("%d of %d slots taken by a replay, want %d", got, slots, want)
		}
		if fresh := w.queue(LanePaid); slots > 1 && !fresh.served() {
			t.Errorf("%d slots: a fresh order waits beside a replay", slots)
		}
		c.at = c.at.Add(patience)
		w.releaser(LaneReplay)(ok())
		if got, want := served(), max(slots, 2); slots > 1 && got != want {
			t.Errorf("%d slots: %d replays served after %v, want %d", slots, got, patience, want)
		}
	}
}

// What a push tells is read by several requests in a row. Beside fresh orders that take every slot they wait for one patience
// together, not for one each.
func TestWorkOfSeveralStepsWaitsOnce(t *testing.T) {
	c := newClock()
	w := world{New(5, c.now), c}
	began := c.at
	var ends events
	reading := suitetalk.WithBegan(t.Context(), began)
	var waiting []*waiter
	ask := func(ctx context.Context, lane int) {
		one := w.waiter(ctx, lane)
		w.join(one)
		waiting = append(waiting, one)
	}
	for range 10 {
		ask(t.Context(), LanePaid)
	}
	ask(reading, LaneStock)
	left := 6
	for left > 0 {
		for _, one := range slices.Clone(waiting) {
			if !one.served() {
				continue
			}
			waiting = slices.DeleteFunc(waiting, func(other *waiter) bool { return other == one })
			release := w.releaser(one.lane)
			heap.Push(&ends, event{c.at.Add(250 * time.Millisecond), func() {
				release(ok())
				if one.lane == LanePaid {
					ask(t.Context(), LanePaid)
				} else if left--; left > 0 {
					ask(reading, LaneStock)
				}
			}})
		}
		e := heap.Pop(&ends).(event)
		c.at = e.at
		e.release()
	}
	if took := c.at.Sub(began); took > patience+15*time.Second {
		t.Errorf("read after %v, want little more than %v", took, patience)
	}
}

// Fresh orders that come three at a time find their slots free after the first few, a replay goes on meanwhile, and gets
// the slots back when no more of them come.
func TestAReplayLeavesRoomForBursts(t *testing.T) {
	c := newClock()
	w := world{New(5, c.now), c}
	var ends events
	var replays []*waiter
	replayed := 0
	pass := func(until time.Time) { // what is in flight ends in time, and the replay never does
		for {
			for len(replays) < 10 {
				replays = append(replays, w.queue(LaneReplay))
			}
			waiting := replays[:0]
			for _, r := range replays {
				if !r.served() {
					waiting = append(waiting, r)
					continue
				}
				replayed++
				release := w.releaser(LaneReplay)
				heap.Push(&ends, event{c.at.Add(250 * time.Millisecond), func() { release(ok()) }})
			}
			if replays = waiting; len(replays) < 10 {
				continue
			}
			if len(ends) == 0 || ends[0].at.After(until) {
				c.at = until
				return
			}
			e := heap.Pop(&ends).(event)
			c.at = e.at
			e.release()
		}
	}
	late, fresh := 0, 0
	for range 1000 {
		pass(c.at.Add(777 * time.Millisecond))
		for range 3 {
			fresh++
			order := w.queue(LanePaid)
			if !order.served() {
				late++
			}
			release := w.releaser(LanePaid)
			heap.Push(&ends, event{c.at.Add(250 * time.Millisecond), func() { release(ok()) }})
		}
	}
	if late*100 >= fresh {
		t.Errorf("%d of %d fresh orders waited for a replay, want fewer than one in a hundred", late, fresh)
	}
	if want := 2 * 1000 * 777 / 250 / 2; replayed < want {
		t.Errorf("%d orders replayed meanwhile, want at least %d", replayed, want)
	}
	pass(c.at.Add(20 * time.Minute))
	replayed = 0
	pass(c.at.Add(time.Minute))
	if want := 4 * 60 * 4 * 95 / 100; replayed < want {
		t.Errorf("%d orders replayed in a minute without fresh ones, want at least %d", replayed, want)
	}
}

// events are the ends of requests in simulated time.
type events []event

type event struct {
	at      time.Time
	release func()
}

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// period is what a stretch of time showed once the governor had settled.
type period struct {
	used, free          time.Duration
	requests, throttled int
}

func (p period) use() float64     { return float64(p.used) / float64(p.free) }
func (p period) refused() float64 { return float64(p.throttled) / float64(p.requests) }

const (
	half   = 30 * time.Minute // an hour
	settle = time.Minute
)

// simulate plays an account whose limit goes through limits, half an hour each, with a backlog that never ends and
// another integration that holds foreign slots, changed at random about every hold. Calls take 250 ms.
func simulate(seed uint64, limits []int, foreign int, hold time.Duration) []period {
	random := rand.New(rand.NewPCG(seed, 1))
	c := newClock()
	w := world{New(15, c.now), c}
	var ends events
	w.later = func(d time.Duration, f func()) { heap.Push(&ends, event{c.at.Add(d), f}) }
	var periods []period
	taken, busy, next := 0, 0, c.at
	var waiting *waiter
	for _, limit := range limits {
		var p period
		start := c.at
		for c.at.Sub(start) < half {
			if foreign > 0 && !c.at.Before(next) {
				taken, next = random.IntN(min(foreign, limit)+1), c.at.Add(time.Duration(random.ExpFloat64()*float64(hold)))
			}
			for { // the backlog takes every slot it is given
				if waiting == nil {
					waiting = w.queue(LanePaid)
				}
				if !waiting.served() {
					break
				}
				waiting = nil
				release := w.releaser(LanePaid)
				settled := c.at.Sub(start) > settle
				if busy+taken >= limit {
					if settled {
						p.requests, p.throttled = p.requests+1, p.throttled+1
					}
					heap.Push(&ends, event{c.at.Add(30 * time.Millisecond), func() { release(throttled()) }})
					continue
				}
				if settled {
					p.requests++
				}
				busy++
				heap.Push(&ends, event{c.at.Add(250 * time.Millisecond), func() { busy--; release(suitetalk.Result{Status: 204, Latency: 250 * time.Millisecond}) }})
			}
			e := heap.Pop(&ends).(event)
			if elapsed := e.at.Sub(c.at); c.at.Sub(start) > settle {
				p.used += elapsed * time.Duration(busy)
				p.free += elapsed * time.Duration(limit-taken)
			}
			c.at = e.at
			e.release()
		}
		periods = append(periods, p)
	}
	return periods
}

// The limit goes 5 → 15 → 3: the governor follows, uses what is free and is hardly refused.
func TestFollowsALimitThatChanges(t *testing.T) {
	for seed := range uint64(5) {
		for i, p := range simulate(seed, []int{5, 15, 3}, 0, 0) {
			if p.use() < 0.95 || p.refused() >= 0.005 {
				t.Errorf("seed %d, limit %d: %.1f %% of the free slots used, %.2f %% refused", seed, []int{5, 15, 3}[i], 100*p.use(), 100*p.refused())
			}
		}
	}
}

// Beside another integration whose slots come and go about every minute: refused little at each limit, and little left
// unused over the whole of it. A limit of three with two of them foreign leaves too little to find more of them in time
// without being refused more.
func TestSharesAnAccount(t *testing.T) {
	var at [3]period
	for seed := range uint64(5) {
		all, each := shared(seed)
		if all.use() < 0.95 || all.refused() >= 0.005 {
			t.Errorf("seed %d: %.1f %% of the free slots used, %.2f %% refused", seed, 100*all.use(), 100*all.refused())
		}
		for i, p := range each {
			at[i].add(p)
		}
	}
	for i, p := range at {
		if want := []float64{0.95, 0.95, 0.85}[i]; p.use() < want || p.refused() >= 0.005 {
			t.Errorf("limit %d: %.1f %% of the free slots used, %.2f %% refused", []int{5, 15, 3}[i], 100*p.use(), 100*p.refused())
		}
	}
}

// Another integration takes all of a small account for seconds, again and again: those that wait try together, less than once a
// second, and not each in turn; what is free again is found as soon.
func TestAStarvedAccount(t *testing.T) {
	for limit, use := range map[int]float64{1: 0.99, 2: 0.69, 3: 0.56} {
		var all period
		for seed := range uint64(5) {
			all.add(simulate(seed, []int{limit}, limit, 10*time.Second)[0])
		}
		if seconds := 5 * int((half - settle).Seconds()); all.throttled > seconds || all.use() < use {
			t.Errorf("limit %d: %d refused in %d seconds, %.1f %% of the free slots used, want at most one a second and %.0f %%", limit, all.throttled, seconds, 100*all.use(), 100*use)
		}
	}
}

func (p *period) add(q period) {
	p.used, p.free, p.requests, p.throttled = p.used+q.used, p.free+q.free, p.requests+q.requests, p.throttled+q.throttled
}

func shared(seed uint64) (all period, each []period) {
	each = simulate(seed, []int{5, 15, 3}, 2, time.Minute)
	for _, p := range each {
		all.add(p)
	}
	return all, each
}

func BenchmarkSharedAccount(b *testing.B) {
	for b.Loop() {
		all, _ := shared(1)
		b.ReportMetric(100*all.use(), "%use")
		b.ReportMetric(100*all.refused(), "%429")
	}
}

func BenchmarkAcquire(b *testing.B) {
	g := New(5, nil)
	b.ReportAllocs()
	for b.Loop() {
		release, err := g.Acquire(b.Context(), LanePaid)
		if err != nil {
			b.Fatal(err)
		}
		release(ok())
	}
}

// A ceiling that becomes known later is felt for step by step, never below what was configured.
func TestRaise(t *testing.T) {
	now := time.Now()
	g := New(2, func() time.Time { return now })
	g.Raise(1)
	g.Raise(4)
	var releases []func(suitetalk.Result)
	for step := range 6 {
		now = now.Add(2 * longProbe)
		ctx, cancel := context.WithCancel(t.Context())
		taken := make(chan func(suitetalk.Result), 1)
		go func() {
			if release, err := g.Acquire(ctx, LanePaid); err == nil {
				taken <- release
			}
			close(taken)
		}()
		if step < 4 {
			releases = append(releases, <-taken)
		}
		cancel()
		<-taken
	}
	if s := g.Stats(); s.Limit != 4 || s.InFlight != 4 {
		t.Errorf("%+v, want four slots, all taken", s)
	}
	for _, release := range releases {
		release(suitetalk.Result{Status: 200})
	}
}

func TestAhead(t *testing.T) {
	g := New(4, nil)
	if d := g.Ahead(100); d != 0 {
		t.Errorf("%v before the first answer, want nothing said", d)
	}
	release, err := g.Acquire(t.Context(), LanePaid)
	if err != nil {
		t.Fatal(err)
	}
	release(suitetalk.Result{Status: 204, Latency: 200 * time.Millisecond})
	if d := g.Ahead(100); d != 5*time.Second {
		t.Errorf("a hundred requests of 200 ms on four slots: %v, want 5s", d)
	}
}

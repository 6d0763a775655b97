// Package governor decides how many requests may be in flight at one NetSuite account, and whose turn is next. NetSuite
// limits concurrent requests account-wide, shared with every other integration, and says so by a 429 only: the governor
// follows that limit down at once and feels its way up slowly. Source: Oracle's NetSuite help, bridgehead_1500275603.
package governor

import (
	"container/list"
	"context"
	"math"
	"sync"
	"time"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// The lanes, the most urgent first. A free slot goes to the first lane that waits, so that a backlog keeps a fresh paid
// order waiting for one call at most. A replay never takes the last free slot, and leaves as many to fresh orders as
// they were lately seen to need, so that beside it hardly one waits at all.
const (
	LaneFinish = iota // what ends work that has begun: read-backs, look-ups shared by orders
	LanePaid          // fresh orders
	LaneEdit          // later states of an order
	LaneRefund
	LaneStock
	LaneReplay
	lanes
)

const (
	patience     = 30 * time.Second      // after which the longest waiting of any lane goes first once in a while
	agedEvery    = 8                     // grants between two that go by waiting time
	shortProbe   = time.Second / 2       // at full use before the limit is raised by one
	nextProbe    = 4                     // and requests, after a step up that held
	firstProbe   = 64                    // after a step down
	lastProbe    = 300                   // while each step up is refused: so are no more than three in a thousand
	longProbe    = 2 * time.Minute       // however few requests there are
	slowedBy     = 3                     // times the usual latency that count as a sign of overload
	latencyEvery = 2 * time.Second       // between two steps down for latency
	settledAfter = 20                    // answers before latency is judged
	spareFresh   = 300                   // fresh orders that need not wait, after which replays leave one slot less
	spareReplays = 2000                  // and replays
	firstRest    = 50 * time.Millisecond // after a refusal of the only request in flight
	lastRest     = time.Second           // doubled so far while nothing else comes
)

// Governor limits the requests of one account. Use New.
type Governor struct {
	ceiling int
	now     func() time.Time
	later   func(d time.Duration, f func())

	mu       sync.Mutex
	limit    int
	inFlight int
	replays  int              // of those in flight
	spared   float64          // slots that replays leave, at least one; rounded up
	waiting  [lanes]list.List // of *waiter
	grants   int

	lowered time.Time     // when the limit went down
	raised  time.Time     // or up
	probe   int           // requests from the last change to the next step up
	since   int           // requests granted since the last change
	rest    time.Duration // the last one
	resume  time.Time     // when it ends
	full    bool          // all of the limit was in use since the last change
	usual   float64       // latency of the long run, seconds
	recent  float64       // and of the last few answers
	answers int
	stats   Stats
}

type waiter struct {
	lane  int
	since time.Time
	ready chan struct{}
}

// Stats describes a governor.
type Stats struct {
	Limit     int
	InFlight  int
	Waiting   [lanes]int
	Requests  int
	Throttled int           // answered "too many requests"
	SlotTime  time.Duration // time slots were held, all told
}

// New makes a governor that starts at ceiling, the limit configured or discovered, and never exceeds it. now is
// monotonic; nil is the clock.
func New(ceiling int, now func() time.Time) *Governor {
	if now == nil {
		now = time.Now
	}
	return &Governor{ceiling: max(ceiling, 1), now: now, later: func(d time.Duration, f func()) { time.AfterFunc(d, f) }, limit: max(ceiling, 1), spared: 1, probe: firstProbe, lowered: now(), raised: now()}
}

// Raise lets the governor feel its way up to a ceiling that became known.
func (g *Governor) Raise(ceiling int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ceiling = max(ceiling, g.ceiling)
}

// Acquire waits for a slot in a lane. Its release must be called once, with what came of the request.
func (g *Governor) Acquire(ctx context.Context, lane int) (release func(suitetalk.Result), err error) {
	w := g.waiter(ctx, lane)
	g.mu.Lock()
	place := g.join(w)
	g.mu.Unlock()
	select {
	case <-w.ready:
		return g.releaser(w.lane), nil
	case <-ctx.Done():
		g.leave(w, place)
		return nil, ctx.Err()
	}
}

func (g *Governor) waiter(ctx context.Context, lane int) *waiter {
	return &waiter{lane: min(max(lane, 0), lanes-1), since: suitetalk.BeganOf(ctx, g.now()), ready: make(chan struct{})}
}

// join queues a waiter, and learns from a fresh order how many slots to leave.
func (g *Governor) join(w *waiter) *list.Element {
	place := g.waiting[w.lane].PushBack(w)
	g.serve()
	if w.lane == LanePaid {
		if g.replays > 0 && !w.served() {
			g.spare(1)
		} else {
			g.spare(-1. / spareFresh)
		}
	}
	return place
}

func (g *Governor) spare(more float64) {
	g.spared = max(1, min(g.spared+more, float64(g.limit-1)))
}

func (w *waiter) served() bool {
	select {
	case <-w.ready:
		return true
	default:
		return false
	}
}

// leave takes a waiter away; a slot it was given meanwhile goes to the next one.
func (g *Governor) leave(w *waiter, place *list.Element) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.ready:
		g.yield(w.lane)
	default:
		g.waiting[w.lane].Remove(place)
	}
}

// serve gives free slots away.
func (g *Governor) serve() {
	if g.now().Before(g.resume) {
		return
	}
	g.rise()
	for g.inFlight < g.limit {
		place := g.next()
		if place == nil {
			return
		}
		if g.keepsFree(place.Value.(*waiter)) {
			break
		}
		w := g.waiting[place.Value.(*waiter).lane].Remove(place).(*waiter)
		g.take(w.lane)
		close(w.ready)
	}
	g.full = g.full || g.inFlight >= g.limit-1 // the last one may be kept for what comes
}

func (g *Governor) take(lane int) {
	g.inFlight++
	g.grants++
	g.since++
	if lane == LaneReplay {
		g.replays++
		g.spare(-1. / spareReplays)
	}
}

func (g *Governor) yield(lane int) {
	g.inFlight--
	if lane == LaneReplay {
		g.replays--
	}
	g.serve()
}

// keepsFree tells whether a slot is rather kept for what may come: nothing but a replay waits, and not for long.
func (g *Governor) keepsFree(w *waiter) bool {
	if w.lane != LaneReplay || g.urgent() > 0 || g.now().Sub(w.since) >= patience {
		return false
	}
	last := g.inFlight > 0 && g.inFlight == g.limit-1
	return last || g.replays >= max(1, g.limit-int(math.Ceil(g.spared)))
}

// urgent counts what waits and is no replay.
func (g *Governor) urgent() (n int) {
	for lane := range LaneReplay {
		n += g.waiting[lane].Len()
	}
	return n
}

// next is the first of the most urgent lane; once in a while it is whoever has waited longest, if that is long. So no
// lane waits for ever: with n older waiters a slot comes within patience and n+1 times agedEvery grants. Of work in several
// steps all of them together wait so long.
func (g *Governor) next() *list.Element {
	var first, oldest *list.Element
	for lane := range g.waiting {
		place := g.waiting[lane].Front()
		if place == nil {
			continue
		}
		if first == nil {
			first = place
		}
		if oldest == nil || place.Value.(*waiter).since.Before(oldest.Value.(*waiter).since) {
			oldest = place
		}
	}
	if oldest != nil && g.grants%agedEvery == 0 && g.now().Sub(oldest.Value.(*waiter).since) >= patience {
		return oldest
	}
	return first
}

func (g *Governor) releaser(lane int) func(suitetalk.Result) {
	began := g.now()
	var once sync.Once
	return func(r suitetalk.Result) {
		once.Do(func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.learn(r, began)
			g.yield(lane)
		})
	}
}

// learn follows what an answer says of the limit. A request that began before the last step down says nothing new.
func (g *Governor) learn(r suitetalk.Result, began time.Time) {
	now := g.now()
	g.stats.Requests++
	g.stats.SlotTime += now.Sub(began)
	switch {
	case r.Fault == fault.NetSuiteThrottled:
		g.stats.Throttled++
		if began.Before(g.lowered) {
			return
		}
		// A step up that was too much is tried again later and later.
		if g.raised.After(g.lowered) {
			g.probe = min(2*g.probe, lastProbe)
		}
		if g.limit == 1 {
			g.pause(now)
		}
		g.lower(min(g.limit, g.inFlight)-1, now)
	case r.Fault == "" && r.Latency > 0:
		g.rest = 0
		g.judge(r.Latency.Seconds(), now)
	}
}

// pause lets nobody try for a while: others hold all of the account, and each who waits would be refused in turn.
func (g *Governor) pause(now time.Time) {
	g.rest = min(max(2*g.rest, firstRest), lastRest)
	g.resume = now.Add(g.rest)
	g.later(g.rest, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.serve()
	})
}

// judge lowers the limit when answers become much slower than usual, which is how an account says that it is full
// before it refuses.
func (g *Governor) judge(seconds float64, now time.Time) {
	g.answers++
	if g.answers == 1 {
		g.usual, g.recent = seconds, seconds
	}
	g.usual += (seconds - g.usual) / 200
	g.recent += (seconds - g.recent) / 10
	if g.answers > settledAfter && g.recent > slowedBy*g.usual && now.Sub(g.lowered) > latencyEvery {
		g.lower(g.limit-1, now)
		g.usual += (g.recent - g.usual) / 2 // what lasts becomes usual
	}
}

func (g *Governor) lower(to int, now time.Time) {
	g.limit = max(to, 1)
	g.lowered, g.full, g.since = now, false, 0
}

// rise takes one step up when all of the limit was used for a while and nothing was refused.
func (g *Governor) rise() {
	if g.limit >= g.ceiling || !g.full {
		return
	}
	now := g.now()
	up := g.raised.After(g.lowered)
	last := g.lowered
	if up {
		last = g.raised
	}
	elapsed := now.Sub(last)
	if elapsed < shortProbe {
		return
	}
	probe := g.probe
	if up && g.since >= g.limit { // the step held: the limit has grown, go on quickly
		g.probe, probe = firstProbe, nextProbe
	}
	if g.since < probe && elapsed < longProbe {
		return
	}
	g.limit++
	g.raised, g.full, g.since = now, false, 0
}

// Backlog tells whether more requests wait than may be in flight.
func (g *Governor) Backlog() bool {
	s := g.Stats()
	waiting := 0
	for _, n := range s.Waiting {
		waiting += n
	}
	return waiting > s.Limit
}

// Ahead estimates how long the requests that wait, and so many more behind them, take at the present limit and pace.
func (g *Governor) Ahead(more int) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	for lane := range g.waiting {
		more += g.waiting[lane].Len()
	}
	return time.Duration(float64(more) * g.recent / float64(g.limit) * float64(time.Second))
}

// Stats gives the present figures.
func (g *Governor) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.stats
	s.Limit, s.InFlight = g.limit, g.inFlight
	for lane := range g.waiting {
		s.Waiting[lane] = g.waiting[lane].Len()
	}
	return s
}

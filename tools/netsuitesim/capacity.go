package netsuitesim

import (
	"math/rand/v2"
	"net/http"
	"time"
)

// Others is another integration of the account: in each period it holds a
// number of slots drawn evenly from 0 to Max with the plan's seed.
type Others struct {
	Max      int `json:"max"`
	PeriodMs int `json:"periodMs"` // 100 by default
}

// slots are the free slots of the account over time.
type slots struct {
	limit   int // of the account, negative for none
	own     int // of this integration, 0 for none
	others  Others
	seed    uint64
	from    time.Time // when this plan began
	counted time.Time // free holds the time up to here
	free    float64   // slot seconds
}

// use changes the plan; what was free until now is kept.
func (s *slots) use(limit, own int, others *Others, seed uint64) {
	now := time.Now()
	s.count(now)
	s.limit, s.own, s.seed, s.from, s.others = limit, own, seed, now, Others{}
	if others != nil {
		s.others = Others{Max: others.Max, PeriodMs: or(others.PeriodMs, 100)}
	}
}

// reset forgets what was free.
func (s *slots) reset() { s.counted, s.free = time.Now(), 0 }

// slice is the number of the period that a moment lies in.
func (s *slots) slice(at time.Time) int64 {
	if s.others.Max == 0 {
		return 0
	}
	return int64(at.Sub(s.from) / s.period())
}

func (s *slots) period() time.Duration { return time.Duration(s.others.PeriodMs) * time.Millisecond }

// during is how many slots are free for this integration in a period.
func (s *slots) during(slice int64) int {
	free := s.limit
	if s.others.Max > 0 {
		free -= rand.New(rand.NewPCG(s.seed, uint64(slice))).IntN(s.others.Max + 1)
	}
	if s.own > 0 {
		free = min(free, s.own)
	}
	return max(free, 0)
}

// now is how many slots are free at this moment, negative for no limit.
func (s *slots) now() int {
	if s.limit < 0 {
		return -1
	}
	return s.during(s.slice(time.Now()))
}

// count adds what was free since it was last counted.
func (s *slots) count(now time.Time) {
	if s.limit < 0 || s.counted.IsZero() {
		s.counted = now
		return
	}
	for s.counted.Before(now) {
		slice, end := s.slice(s.counted), now
		if s.others.Max > 0 {
			if next := s.from.Add(time.Duration(slice+1) * s.period()); next.Before(now) {
				end = next
			}
		}
		s.free += float64(s.during(slice)) * end.Sub(s.counted).Seconds()
		s.counted = end
	}
}

// allowed is how many requests may hold a slot now, negative for no limit.
func (in *injector) allowed() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	free := in.slots.now()
	if free < 0 {
		return -1
	}
	return free + in.plan.Overshoot
}

// freeSeconds is the slot time that was free since the last reset.
func (in *injector) freeSeconds() float64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.slots.count(time.Now())
	return in.slots.free
}

// overload is the answer to a request that finds no slot.
func (in *injector) overload() *problem {
	in.mu.Lock()
	status := in.plan.OverloadStatus
	delay := time.Duration(in.plan.OverloadDelayMs) * time.Millisecond
	in.mu.Unlock()
	fault{delay: delay}.wait(in.closing)
	if status == http.StatusUnauthorized {
		return invalidLogin(in.cfg.Account)
	}
	p := overLimit()
	p.status = or(status, p.status)
	return p
}

// governed is what governanceLimits shows.
func (in *injector) governed() map[string]any {
	in.mu.Lock()
	defer in.mu.Unlock()
	limit, own := max(in.slots.limit, 0), in.slots.own
	out := map[string]any{
		"accountConcurrencyLimit": limit, "accountUnallocatedConcurrencyLimit": max(limit-own, 0), "integrationLimitType": "accountLimit",
	}
	if own > 0 {
		out["integrationConcurrencyLimit"], out["integrationLimitType"] = own, "integrationSpecific"
	}
	return out
}

package shopsim

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Faults make the REST API misbehave. The zero value does nothing.
type Faults struct {
	LatencyMS   int                `json:"latency_ms,omitempty"`
	StatusRates map[string]float64 `json:"status_rates,omitempty"` // share of requests answered with a status, "503": 0.1
	RetryAfterS int                `json:"retry_after_s,omitempty"`
	OutageUntil time.Time          `json:"outage_until,omitzero"` // until then connections are closed unanswered
	Count       int                `json:"count,omitempty"`       // how many requests are hit at most; 0 = no limit
	Match       Match              `json:"match,omitzero"`
}

// Match narrows faults to some requests; empty members match every request.
type Match struct {
	Method       string `json:"method,omitempty"`
	PathContains string `json:"path_contains,omitempty"`
}

func (f Faults) check() error {
	sum := 0.0
	for status, rate := range f.StatusRates {
		if n, err := strconv.Atoi(status); err != nil || n < 300 || n > 599 {
			return fmt.Errorf("status_rates: status %q: must be 300 to 599", status)
		}
		if rate < 0 || rate > 1 {
			return fmt.Errorf("status_rates[%s] %g: must be 0 to 1", status, rate)
		}
		sum += rate
	}
	switch {
	case sum > 1.000001:
		return fmt.Errorf("status_rates: sum %g: must be at most 1", sum)
	case f.LatencyMS < 0:
		return fmt.Errorf("latency_ms %d: must not be negative", f.LatencyMS)
	case f.RetryAfterS < 0:
		return fmt.Errorf("retry_after_s %d: must not be negative", f.RetryAfterS)
	case f.Count < 0:
		return fmt.Errorf("count %d: must not be negative", f.Count)
	}
	return nil
}

type saboteur struct {
	mu     sync.Mutex
	faults Faults
	hits   int
	dice   *rand.Rand
}

func newSaboteur(seed int64) *saboteur {
	return &saboteur{dice: rand.New(rand.NewPCG(uint64(seed), 0))}
}

func (s *saboteur) set(f Faults) error {
	if err := f.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.hits = f, 0
	return nil
}

func (s *saboteur) get() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

// mischief is what happens to one request.
type mischief struct {
	latency    time.Duration
	drop       bool
	status     int // 0 = answer as usual
	retryAfter int
}

func (s *saboteur) plan(r *http.Request, now time.Time) mischief {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults
	if f.Match.Method != "" && f.Match.Method != r.Method || !strings.Contains(r.URL.Path, f.Match.PathContains) {
		return mischief{}
	}
	m := mischief{latency: time.Duration(f.LatencyMS) * time.Millisecond, retryAfter: f.RetryAfterS, drop: now.Before(f.OutageUntil), status: s.draw(f.StatusRates)}
	if !m.drop && m.status == 0 {
		return m
	}
	if f.Count > 0 && s.hits >= f.Count {
		return mischief{latency: m.latency}
	}
	s.hits++
	return m
}

// draw picks a status by the shares; statuses are tried in rising order so that
// one seed always gives the same.
func (s *saboteur) draw(rates map[string]float64) int {
	if len(rates) == 0 {
		return 0
	}
	at := s.dice.Float64()
	for status := 300; status <= 599; status++ {
		rate := rates[strconv.Itoa(status)]
		if at < rate {
			return status
		}
		at -= rate
	}
	return 0
}

// act carries a plan out; done tells that the request needs no other answer.
func (m mischief) act(w http.ResponseWriter, r *http.Request) (status int, done bool) {
	if m.latency > 0 {
		timer := time.NewTimer(m.latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return 0, true
		}
	}
	switch {
	case m.drop:
		drop(w)
		return 0, true
	case m.status == 0:
		return 0, false
	}
	if m.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(m.retryAfter))
	}
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(m.status)
	_, _ = fmt.Fprintf(w, "<html><head><title>%d %s</title></head></html>\n", m.status, http.StatusText(m.status))
	return m.status, true
}

// drop closes the connection without an answer.
func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the server then closes the connection itself
	}
	_ = conn.Close()
}

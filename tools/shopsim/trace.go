package shopsim

import (
	"maps"
	"strconv"
	"sync"
	"time"
)

// The kinds of log entries.
const (
	Requested = "request"  // a REST call that came in
	Delivered = "delivery" // a webhook that went out
	Pinged    = "ping"     // a webhook's ping that went out
)

// Entry is one REST request answered or one webhook sent.
type Entry struct {
	Time       time.Time `json:"time"`
	Store      string    `json:"store"`
	Kind       string    `json:"kind"`
	Method     string    `json:"method"`
	Path       string    `json:"path"`
	Status     int       `json:"status"` // 0: no answer
	InFlight   int       `json:"in_flight"`
	Millis     float64   `json:"ms"`
	Topic      string    `json:"topic,omitempty"`
	Object     int64     `json:"object,omitempty"`
	Webhook    int64     `json:"webhook,omitempty"`
	DeliveryID string    `json:"delivery_id,omitempty"`
	Error      string    `json:"error,omitempty"`
}

// Stats counts what happened since the double was started or reset.
type Stats struct {
	Requests   map[string]int64 `json:"requests"`   // REST answers by status
	Deliveries map[string]int64 `json:"deliveries"` // webhooks by topic
	Delivered  int64            `json:"delivered"`  // answered 200 to 302
	Failed     int64            `json:"failed"`     // anything else, silence included
	Pings      int64            `json:"pings"`
	Placed     int64            `json:"placed"`  // orders placed by shoppers
	Edits      int64            `json:"edits"`   // later changes by demo traffic
	Waiting    int              `json:"waiting"` // deliveries in the queues now
	Disabled   int              `json:"disabled_webhooks"`
	LastError  string           `json:"last_error,omitempty"`
}

// logSize bounds the log; older entries fall out.
const logSize = 20_000

type trace struct {
	mu       sync.Mutex
	entries  []Entry
	inFlight map[string]int
	stats    Stats
}

func newTrace() *trace {
	t := &trace{inFlight: map[string]int{}}
	t.reset()
	return t
}

func (t *trace) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries = nil
	t.stats = Stats{Requests: map[string]int64{}, Deliveries: map[string]int64{}}
}

// begin notes that something starts; the returned function logs its end.
func (t *trace) begin(e *Entry) (done func()) {
	start := time.Now()
	t.mu.Lock()
	t.inFlight[e.Kind]++
	e.Time, e.InFlight = start.UTC(), t.inFlight[e.Kind]
	t.mu.Unlock()
	return func() {
		e.Millis = float64(time.Since(start).Microseconds()) / 1000
		t.mu.Lock()
		defer t.mu.Unlock()
		t.inFlight[e.Kind]--
		t.add(*e)
	}
}

func (t *trace) add(e Entry) {
	if len(t.entries) >= logSize {
		t.entries = append(t.entries[:0:0], t.entries[logSize/2:]...)
	}
	t.entries = append(t.entries, e)
	switch e.Kind {
	case Requested:
		t.stats.Requests[strconv.Itoa(e.Status)]++
	case Pinged:
		t.stats.Pings++
	default:
		t.stats.Deliveries[e.Topic]++
		if e.Status >= 200 && e.Status <= 302 {
			t.stats.Delivered++
		} else {
			t.stats.Failed++
		}
	}
}

// fail keeps the last error that has nobody to go to.
func (t *trace) fail(err error) {
	if err == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.LastError = err.Error()
}

func (t *trace) count(placed, edits int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Placed += placed
	t.stats.Edits += edits
}

func (t *trace) log() []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Entry{}, t.entries...)
}

func (t *trace) snapshot() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Requests, s.Deliveries = maps.Clone(s.Requests), maps.Clone(s.Deliveries)
	return s
}

// Package alert raises what an operator must see beyond parked work: the first occurrence at once, repeats
// of one kind, store and code as one message with their count.
package alert

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// Window is the time in which repeats become one message.
const Window = time.Minute

// Raiser sends alerts. It never blocks its caller: what JetStream cannot take is logged and counted into the
// next message.
type Raiser struct {
	service   string
	log       *slog.Logger
	publisher *publish.Publisher
	wake      chan struct{}
	now       func() time.Time

	mu      sync.Mutex
	pending map[topic]*burst
}

type topic struct {
	kind, store string
	code        fault.Code
}

type burst struct {
	alert event.AlertRaisedV1
	sent  time.Time

	logged  time.Time
	repeats int // since logged, not written
}

// New makes a raiser for a service; Run sends.
func New(js jetstream.JetStream, log *slog.Logger, service string) *Raiser {
	return &Raiser{service: service, log: log, publisher: publish.New(js), wake: make(chan struct{}, 1), now: time.Now, pending: map[topic]*burst{}}
}

// Raise notes one occurrence; the log gets one line per window, kind, store and code. Details must hold no personal data and no secret.
func (r *Raiser) Raise(kind, store string, code fault.Code, summary string, details map[string]string) {
	r.mu.Lock()
	b := r.pending[topic{kind, store, code}]
	if b == nil {
		b = &burst{}
		r.pending[topic{kind, store, code}] = b
	}
	count := b.alert.Count + 1
	b.alert = event.AlertRaisedV1{
		Envelope: event.Envelope{Type: "alert.v1.raised", Store: store, Time: r.now().UTC()},
		Kind:     kind, Code: string(code), Summary: summary, Service: r.service, Count: count, Details: details,
	}
	repeats, first := b.line(r.now())
	r.mu.Unlock()
	if first {
		r.log.Warn("alert", "kind", kind, "store", store, "code", code, "summary", summary, "repeats", repeats)
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// line tells whether an occurrence is the first of a window, and how many there were since the last such one.
func (b *burst) line(now time.Time) (repeats int, first bool) {
	if now.Sub(b.logged) < Window {
		b.repeats++
		return 0, false
	}
	repeats, b.repeats, b.logged = b.repeats, 0, now
	return repeats, true
}

// Run sends until ctx ends.
func (r *Raiser) Run(ctx context.Context) {
	ticker := time.NewTicker(Window / 4)
	defer ticker.Stop()
	for {
		r.flush(ctx)
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-ticker.C:
		}
	}
}

func (r *Raiser) flush(ctx context.Context) {
	for _, a := range r.due(time.Now()) {
		a.ID = fmt.Sprintf("alert:%s:%s:%s:%d", r.service, a.Kind, a.Store, a.Time.UnixNano())
		message, err := publish.JSON(topology.Alerts, subject.Alert(a.Kind, a.Store), a.Envelope, a)
		if err == nil {
			_, err = r.publisher.Publish(ctx, message)
		}
		if err != nil {
			r.giveBack(a)
			r.log.Debug("alert waits for JetStream", "kind", a.Kind, "error", err)
		}
	}
}

// due takes the bursts whose window is over.
func (r *Raiser) due(now time.Time) []event.AlertRaisedV1 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var due []event.AlertRaisedV1
	for t, b := range r.pending {
		switch {
		case b.alert.Count == 0 && now.Sub(b.sent) > Window:
			delete(r.pending, t)
		case b.alert.Count > 0 && now.Sub(b.sent) >= Window:
			due = append(due, b.alert)
			b.alert.Count, b.sent = 0, now
		}
	}
	return due
}

func (r *Raiser) giveBack(a event.AlertRaisedV1) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.pending[topic{a.Kind, a.Store, fault.Code(a.Code)}]
	if b == nil {
		b = &burst{}
		r.pending[topic{a.Kind, a.Store, fault.Code(a.Code)}] = b
	}
	count := b.alert.Count
	if count == 0 {
		b.alert = a
		b.alert.ID = ""
	} else {
		b.alert.Count = count + a.Count
	}
	b.sent = time.Now().Add(-Window + 5*time.Second)
}

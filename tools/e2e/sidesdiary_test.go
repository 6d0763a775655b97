package e2e

import (
	"context"
	"log/slog"
	"slices"

	"github.com/orderstream/orderstream/contracts/subject"
)

// diary notes which tries of desired states ended without a record: they failed, or were handed back. Units log them.
type diary struct {
	slog.Handler
	sides   *sides
	subject string // of what the logger is about
}

func (d diary) Enabled(context.Context, slog.Level) bool { return true }

func (d diary) WithAttrs(attrs []slog.Attr) slog.Handler {
	d.Handler = d.Handler.WithAttrs(attrs)
	for _, a := range attrs {
		d.about(a)
	}
	return d
}

func (d *diary) about(a slog.Attr) bool {
	if a.Key == "subject" {
		d.subject = a.Value.String()
	}
	return true
}

func (d diary) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(d.about)
	if s, err := subject.ParseDesired(d.subject); err == nil {
		d.sides.note(s.Store+"/"+s.Key, r.Message)
	}
	if !d.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return d.Handler.Handle(ctx, r)
}

func (s *sides) note(order, said string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried[order] = append(s.tried[order], said)
}

// tries of an order that ended without a record.
func (m *match) tries(o *deal) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.tried[o.name()])
}

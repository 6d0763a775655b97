package consume

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/telemetry"
)

type action int

const (
	ack      action = iota // done: outputs stored
	retry                  // again after delay, counted as an attempt
	wait                   // again after delay, not counted
	handBack               // again at once, by whoever asks
)

type verdict struct {
	action action
	delay  time.Duration
}

func (v verdict) tell(msg jetstream.Msg) error {
	switch v.action {
	case ack:
		return msg.Ack()
	case handBack:
		return msg.Nak()
	default:
		return msg.NakWithDelay(v.delay)
	}
}

const (
	conflictsAtOnce = 64 // a conflict that never ends is treated as transient
	parkDelay       = 5 * time.Second
	awayDelay       = 10 * time.Second // of messages whose side is away, so that they hold no lane
)

// process runs the handler until the message is settled or must wait.
func (c *Consumer) process(ctx context.Context, m Message, stopping func() bool) verdict {
	ctx, span := telemetry.Tracer().Start(telemetry.Extract(ctx, m.Header), c.config.Stage,
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String("messaging.destination.name", m.Subject), attribute.Int64("orderstream.sequence", int64(m.Sequence))))
	defer span.End()
	started := time.Now()
	gate := c.gates.of(c.side(m))
	conflicts := 0
	for {
		prober, err := gate.pass(ctx, stopping, c.config.Side == nil)
		switch {
		case errors.Is(err, errShut):
			return verdict{wait, jitter(awayDelay)}
		case err != nil:
			return verdict{action: handBack}
		}
		asked := true
		err = c.once(context.WithValue(ctx, askedKey{}, &asked), m)
		class := fault.ClassOf(err)
		gate.report(prober, found(asked, err), fault.AfterOf(err))
		switch {
		case err == nil:
			c.meter.done(ctx, "done", started)
			return verdict{action: ack}
		case stopping():
			return verdict{action: handBack}
		case class == fault.Interrupted:
			c.log.InfoContext(ctx, "handed back", "subject", m.Subject, "sequence", m.Sequence, "error", err)
			return verdict{action: handBack}
		case class == fault.Unavailable:
			c.log.WarnContext(ctx, "the other side is unavailable", "subject", m.Subject, "code", fault.CodeOf(err), "error", err)
			continue
		case class == fault.Conflict && conflicts < conflictsAtOnce:
			conflicts++
			continue
		}
		span.SetStatus(codes.Error, string(fault.CodeOf(err)))
		return c.judge(ctx, m, err, started)
	}
}

type askedKey struct{}

// Asked says whether this try asks the other side, which it is taken to do. The end of one that does not is no sign
// that a side that was away is back.
func Asked(ctx context.Context, asked bool) {
	if a, is := ctx.Value(askedKey{}).(*bool); is {
		*a = asked
	}
}

func found(asked bool, err error) finding {
	switch class := fault.ClassOf(err); {
	case err != nil && class == fault.Unavailable:
		return away
	case !asked || err != nil && class == fault.Interrupted:
		return nothing
	default:
		return there
	}
}

// once runs the handler and stores what follows. With Settle it repeats until nothing follows.
func (c *Consumer) once(ctx context.Context, m Message) error {
	for {
		outputs, err := c.config.Handle(ctx, m)
		// Invariant 1: outputs are stored before the message is acked.
		if _, lost := c.publisher.Publish(ctx, outputs...); lost != nil {
			return lost
		}
		if err != nil {
			return err
		}
		if !c.config.Settle || len(outputs) == 0 {
			return nil
		}
	}
}

func (c *Consumer) judge(ctx context.Context, m Message, err error, started time.Time) verdict {
	class := fault.ClassOf(err)
	log := c.log.With("subject", m.Subject, "sequence", m.Sequence, "code", fault.CodeOf(err), "class", class.String(), "error", err)
	switch {
	case class == fault.Throttled:
		c.meter.done(ctx, "throttled", started)
		return verdict{wait, jitter(max(fault.AfterOf(err), c.config.Pace.Throttled))}
	case class == fault.Terminal, class == fault.Poison:
		return c.park(ctx, m, err, started)
	case c.config.Attempts > 0 && m.Attempt+1 >= c.config.Attempts:
		return c.park(ctx, m, fault.New(fault.AttemptsExhausted, "an attempt must succeed", fault.Because(err)), started)
	default:
		log.WarnContext(ctx, "attempt failed", "attempt", m.Attempt+1)
		c.meter.done(ctx, "retried", started)
		return verdict{retry, max(fault.AfterOf(err), c.config.Pace.backoff(m.Attempt))}
	}
}

// park stores the failure entry, then lets the message go. Nothing is let go before that.
func (c *Consumer) park(ctx context.Context, m Message, cause error, started time.Time) verdict {
	log := c.log.With("subject", m.Subject, "sequence", m.Sequence, "code", fault.CodeOf(cause), "error", cause)
	if c.config.Park == nil {
		log.ErrorContext(ctx, "failed for good and no one parks it")
		return verdict{retry, parkDelay}
	}
	outputs, err := c.config.Park(ctx, m, cause)
	if err == nil {
		_, err = c.publisher.Publish(ctx, outputs...)
	}
	if err != nil {
		log.ErrorContext(ctx, "parking failed", "parking_error", err)
		return verdict{retry, parkDelay}
	}
	log.WarnContext(ctx, "parked")
	c.meter.done(ctx, "parked", started)
	return verdict{action: ack}
}

// Pace says how long to wait before a message is tried again, by the class of its error. Zero values are the defaults.
type Pace struct {
	First, Last           time.Duration // transient: doubling from the one to the other; 200 ms, 1 min
	Throttled             time.Duration // 1 s
	FirstProbe, LastProbe time.Duration // unavailable: one message probes, likewise doubling; 100 ms, 5 s
}

func (p *Pace) fill() {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&p.First, 200 * time.Millisecond}, {&p.Last, time.Minute}, {&p.Throttled, time.Second}, {&p.FirstProbe, 100 * time.Millisecond}, {&p.LastProbe, 5 * time.Second}} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
}

// backoff grows with the number of earlier attempts, with jitter.
func (p Pace) backoff(attempt int) time.Duration { return jitter(doubled(p.First, p.Last, attempt)) }

func (p Pace) probe(failures int) time.Duration {
	return doubled(p.FirstProbe, p.LastProbe, max(failures-1, 0))
}

func doubled(first, last time.Duration, times int) time.Duration {
	if times >= 16 || first > last>>times {
		return last
	}
	return first << times
}

// jitter spreads retries over 75–125 % of the delay.
func jitter(delay time.Duration) time.Duration {
	return time.Duration(float64(delay) * (0.75 + rand.Float64()/2))
}

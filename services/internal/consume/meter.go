package consume

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/orderstream/orderstream/services/internal/telemetry"
)

// meter counts what became of a stage's messages and how long they took.
type meter struct {
	stage    string
	handled  metric.Int64Counter
	duration metric.Float64Histogram
}

func newMeter(stage string) (meter, error) {
	handled, err := telemetry.Meter().Int64Counter("orderstream.messages", metric.WithDescription("messages handled, by stage and verdict"))
	if err != nil {
		return meter{}, err
	}
	duration, err := telemetry.Meter().Float64Histogram("orderstream.handling", metric.WithUnit("s"), metric.WithDescription("time from taking a message to its verdict"))
	return meter{stage, handled, duration}, err
}

func (m meter) done(ctx context.Context, verdict string, started time.Time) {
	attributes := metric.WithAttributes(attribute.String("stage", m.stage), attribute.String("verdict", verdict))
	m.handled.Add(ctx, 1, attributes)
	m.duration.Record(ctx, time.Since(started).Seconds(), attributes)
}

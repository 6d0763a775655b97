package ingest

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/orderstream/orderstream/services/ingest/doorlog"
	"github.com/orderstream/orderstream/services/internal/telemetry"
)

// meters count what the door answers and show its log.
type meters struct {
	answers metric.Int64Counter
	seconds metric.Float64Histogram
	known   sync.Map // of counted to its attributes, made once
}

// counted is what answers are counted by.
type counted struct {
	door   string // shop, netsuite; empty: none, the request was refused before
	key    string // of the store or account; empty: an unknown one, whose name is anybody's choice
	status int
}

// bounds of the histogram, in seconds: the disk answers in milliseconds, JetStream (ingest.ack: stream) may take long.
var bounds = []float64{0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}

func newMeters(l *doorlog.Log) (*meters, error) {
	var m meters
	var err, err2 error
	m.answers, err = telemetry.Meter().Int64Counter("orderstream.door.answers", metric.WithDescription("requests by store or account and answer"))
	m.seconds, err2 = telemetry.Meter().Float64Histogram("orderstream.door.answer_time", metric.WithUnit("s"),
		metric.WithDescription("from a request's last byte to its answer"), metric.WithExplicitBucketBoundaries(bounds...))
	return &m, errors.Join(err, err2, gauges(l))
}

func (m *meters) attributes(c counted) metric.MeasurementOption {
	if made, there := m.known.Load(c); there {
		return made.(metric.MeasurementOption)
	}
	made, _ := m.known.LoadOrStore(c, metric.WithAttributeSet(attribute.NewSet(
		attribute.String("door", c.door), attribute.String("key", c.key), attribute.String("answer", strconv.Itoa(c.status)))))
	return made.(metric.MeasurementOption)
}

// measured wraps the handler of a door.
func (s *Service) measured(door, parameter string, known func(key string) bool) fiber.Handler {
	return func(c *fiber.Ctx) error {
		began := time.Now()
		if err := c.Next(); err != nil {
			return err // counted where it is answered
		}
		key := ""
		if given := c.Params(parameter); known(given) {
			key = strings.Clone(given)
		}
		by := s.meters.attributes(counted{door, key, c.Response().StatusCode()})
		s.meters.answers.Add(context.Background(), 1, by)
		s.meters.seconds.Record(context.Background(), time.Since(began).Seconds(), by)
		return nil
	}
}

var states = []doorlog.State{doorlog.StateOK, doorlog.StateWarn, doorlog.StateFull, doorlog.StateFailed}

// gauges show how much waits in the door log, and how much room it has.
func gauges(l *doorlog.Log) error {
	var problems []error
	gauge := func(name, description string) metric.Int64ObservableGauge {
		g, err := telemetry.Meter().Int64ObservableGauge("orderstream.door_log."+name, metric.WithDescription(description))
		problems = append(problems, err)
		return g
	}
	records := gauge("records", "deliveries in the door log not yet confirmed by JetStream")
	aside := gauge("aside", "deliveries set aside")
	state := gauge("state", "0 ok, 1 nearly full, 2 full, 3 failed")
	free := gauge("free", "bytes free on the door log's disk")
	if err := errors.Join(problems...); err != nil {
		return err
	}
	_, err := telemetry.Meter().RegisterCallback(func(_ context.Context, o metric.Observer) error {
		stats := l.Stats()
		o.ObserveInt64(records, int64(stats.Records))
		o.ObserveInt64(aside, int64(stats.Aside))
		o.ObserveInt64(state, int64(slices.Index(states, stats.State)))
		if stats.Free <= math.MaxInt64 { // else the file system cannot tell
			o.ObserveInt64(free, int64(stats.Free))
		}
		return nil
	}, records, aside, state, free)
	return err
}

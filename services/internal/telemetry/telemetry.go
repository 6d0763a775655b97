package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
)

const scope = "github.com/orderstream/orderstream"

// Tracer gives the tracer of every span.
func Tracer() trace.Tracer { return otel.Tracer(scope) }

// Meter gives the meter of every metric.
func Meter() metric.Meter { return otel.Meter(scope) }

// Options says where telemetry goes.
type Options struct {
	Service    string                   // service.name
	OTLP       string                   // URL of an OTLP/HTTP collector; empty: nothing is exported
	Processors []sdktrace.SpanProcessor // further receivers of spans
}

// Providers are the process-wide sources of spans and metrics.
type Providers struct {
	registry *prometheus.Registry
	traces   *sdktrace.TracerProvider
	metrics  *sdkmetric.MeterProvider
}

// Start installs the process's providers. Shutdown must follow.
func Start(ctx context.Context, options Options) (*Providers, error) {
	about := resource.NewSchemaless(semconv.ServiceName(options.Service))
	traceOptions := []sdktrace.TracerProviderOption{sdktrace.WithResource(about)}
	meterOptions := []sdkmetric.Option{sdkmetric.WithResource(about)}
	if options.OTLP != "" {
		spans, readings, err := exporters(ctx, options.OTLP)
		if err != nil {
			return nil, fmt.Errorf("telemetry.otlp %q: %w", options.OTLP, err)
		}
		traceOptions = append(traceOptions, sdktrace.WithBatcher(spans))
		meterOptions = append(meterOptions, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(readings)))
	}
	if options.OTLP == "" && len(options.Processors) == 0 {
		// Nobody reads spans: ids travel all the same, for the logs, but nothing is recorded. The NATS server, too,
		// does extra work on each message whose traceparent says it is sampled.
		traceOptions = append(traceOptions, sdktrace.WithSampler(sdktrace.NeverSample()))
	}
	for _, processor := range options.Processors {
		traceOptions = append(traceOptions, sdktrace.WithSpanProcessor(processor))
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	reader, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		return nil, fmt.Errorf("prometheus exporter: %w", err)
	}
	p := &Providers{
		registry: registry, traces: sdktrace.NewTracerProvider(traceOptions...),
		metrics: sdkmetric.NewMeterProvider(append(meterOptions, sdkmetric.WithReader(reader))...),
	}
	otel.SetTracerProvider(p.traces)
	otel.SetMeterProvider(p.metrics)
	otel.SetTextMapPropagator(propagator)
	return p, nil
}

const tracesPath, metricsPath = "/v1/traces", "/v1/metrics" // of OTLP/HTTP

// exporters send to a collector, whose URL may name the path of traces or none.
func exporters(ctx context.Context, address string) (sdktrace.SpanExporter, sdkmetric.Exporter, error) {
	base := strings.TrimRight(strings.TrimSuffix(address, tracesPath), "/")
	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(base+tracesPath))
	if err != nil {
		return nil, nil, err
	}
	readings, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(base+metricsPath))
	return spans, readings, err
}

// Handler serves the metrics in Prometheus' format.
func (p *Providers) Handler() http.Handler {
	return promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{})
}

// Shutdown flushes and stops both.
func (p *Providers) Shutdown(ctx context.Context) error {
	return errors.Join(p.traces.Shutdown(ctx), p.metrics.Shutdown(ctx))
}

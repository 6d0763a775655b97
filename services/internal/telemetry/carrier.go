// Package telemetry ties traces, metrics and logs together: one trace from webhook to NetSuite and back,
// carried in message headers as W3C traceparent.
package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/propagation"

	"github.com/orderstream/orderstream/contracts/event"
)

// carrier reads and writes one header exactly as spelt: NATS header keys are case-sensitive, and
// http.Header would rewrite them.
type carrier map[string][]string

func (c carrier) Get(key string) string {
	if values := c[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func (c carrier) Set(key, value string) { c[key] = []string{value} }

func (c carrier) Keys() []string { return []string{event.HeaderTraceparent} }

var propagator = propagation.TraceContext{}

// Inject writes the trace context of ctx into message headers; nothing where there is none.
func Inject(ctx context.Context, header map[string][]string) { propagator.Inject(ctx, carrier(header)) }

// Extract gives ctx the trace context of message headers.
func Extract(ctx context.Context, header map[string][]string) context.Context {
	return propagator.Extract(ctx, carrier(header))
}

// Traceparent gives the trace context of ctx as the header's value; "" where there is none.
func Traceparent(ctx context.Context) string {
	header := carrier{}
	propagator.Inject(ctx, header)
	return header.Get(event.HeaderTraceparent)
}

package telemetry_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/telemetry"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// span is a context in the trace of traceparent.
func span(t *testing.T) context.Context {
	t.Helper()
	return telemetry.Extract(t.Context(), map[string][]string{"traceparent": {traceparent}, "tracestate": {"vendor=1"}})
}

// The trace survives message headers, in exactly this spelling.
func TestCarrier(t *testing.T) {
	ctx := span(t)
	got := trace.SpanContextFromContext(ctx)
	if got.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || got.SpanID().String() != "b7ad6b7169203331" || !got.IsSampled() || !got.IsRemote() {
		t.Errorf("extracted %+v", got)
	}
	header := map[string][]string{event.HeaderType: {"order.v1.placed"}, "traceparent": {"an older one"}}
	telemetry.Inject(ctx, header)
	want := map[string][]string{event.HeaderType: {"order.v1.placed"}, "traceparent": {traceparent}, "tracestate": {"vendor=1"}}
	if diff := cmp.Diff(want, header); diff != "" {
		t.Errorf("injected (-want +got):\n%s", diff)
	}
	if text := telemetry.Traceparent(ctx); text != traceparent {
		t.Errorf("as text %q", text)
	}
}

// NATS keeps the case of header names: another spelling is another header.
func TestCarrierOverNATS(t *testing.T) {
	server := natstest.Start(t)
	for name, found := range map[string]bool{"traceparent": true, "Traceparent": false, "TRACEPARENT": false} {
		m := &nats.Msg{Subject: subject.Alert("stream", name), Header: nats.Header{name: {traceparent}}}
		ack, err := server.JS.PublishMsg(natstest.Context(t), m)
		if err != nil {
			t.Fatal(err)
		}
		stored := server.Next(t, topology.Alerts, subject.AlertAll, ack.Sequence-1)
		if got := trace.SpanContextFromContext(telemetry.Extract(t.Context(), stored.Header)).IsValid(); got != found {
			t.Errorf("%s: a trace %v, want %v", name, got, found)
		}
	}
	m := nats.NewMsg(subject.Alert("stream", "injected"))
	telemetry.Inject(span(t), m.Header)
	ack, err := server.JS.PublishMsg(natstest.Context(t), m)
	if err != nil {
		t.Fatal(err)
	}
	stored := server.Next(t, topology.Alerts, subject.AlertAll, ack.Sequence-1)
	if values := stored.Header[event.HeaderTraceparent]; len(values) != 1 || values[0] != traceparent {
		t.Errorf("stored headers %v", stored.Header)
	}
}

func TestWithoutATrace(t *testing.T) {
	header := map[string][]string{"other": {"x"}}
	telemetry.Inject(t.Context(), header)
	if len(header) != 1 || telemetry.Traceparent(t.Context()) != "" {
		t.Errorf("headers %v, text %q, want nothing", header, telemetry.Traceparent(t.Context()))
	}
	for _, text := range []string{"", "00", "garbage", "00-00000000000000000000000000000000-b7ad6b7169203331-01", strings.Repeat("0", 5000), traceparent + "\r\nx: y"} {
		if ctx := telemetry.Extract(t.Context(), map[string][]string{"traceparent": {text}}); trace.SpanContextFromContext(ctx).IsValid() {
			t.Errorf("%.40q passes for a trace", text)
		}
	}
	if trace.SpanContextFromContext(telemetry.Extract(t.Context(), nil)).IsValid() {
		t.Error("no headers pass for a trace")
	}
}

// Spans are recorded when someone reads them; ids travel in any case.
func TestSpans(t *testing.T) {
	for name, c := range map[string]struct {
		recorder *tracetest.SpanRecorder
		flags    string
	}{"nobody reads": {nil, "-00"}, "someone reads": {tracetest.NewSpanRecorder(), "-01"}} {
		options := telemetry.Options{Service: "test"}
		if c.recorder != nil {
			options.Processors = append(options.Processors, c.recorder)
		}
		p, err := telemetry.Start(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		ctx, parent := telemetry.Tracer().Start(t.Context(), "parse")
		header := map[string][]string{}
		telemetry.Inject(ctx, header)
		_, child := telemetry.Tracer().Start(telemetry.Extract(t.Context(), header), "map")
		child.End()
		parent.End()
		if text := telemetry.Traceparent(ctx); !strings.HasSuffix(text, c.flags) || child.SpanContext().TraceID() != parent.SpanContext().TraceID() {
			t.Errorf("%s: %q, child of trace %s", name, text, child.SpanContext().TraceID())
		}
		if c.recorder == nil {
			if parent.IsRecording() {
				t.Errorf("%s: spans are recorded", name)
			}
		} else if ended := c.recorder.Ended(); len(ended) != 2 || ended[0].Parent().SpanID() != parent.SpanContext().SpanID() || ended[0].Resource().String() != "service.name=test" {
			t.Errorf("%s: recorded %v", name, ended)
		}
		if err := p.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestMetrics(t *testing.T) {
	p, err := telemetry.Start(t.Context(), telemetry.Options{Service: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Shutdown(t.Context())
	counter, err := telemetry.Meter().Int64Counter("orderstream_test_orders")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 3)
	answer := httptest.NewRecorder()
	p.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	text := answer.Body.String()
	if !strings.Contains(text, "orderstream_test_orders_total{") || !strings.Contains(text, "} 3\n") || !strings.Contains(text, "go_goroutines") {
		t.Errorf("%d %.2000s", answer.Code, text)
	}
}

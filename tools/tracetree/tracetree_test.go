package main

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// path gives the names from a span up to its root, root first.
func path(spans []span, of span) string {
	names := []string{of.Name}
	for of.Parent != "" {
		i := slices.IndexFunc(spans, func(s span) bool { return s.ID == of.Parent && s.Trace == of.Trace })
		if i < 0 {
			return "? / " + strings.Join(names, " / ")
		}
		of = spans[i]
		names = slices.Insert(names, 0, of.Name)
	}
	return strings.Join(names, " / ")
}

// One order is one trace: each step is a child of the step that caused it, through every stream.
func TestOneOrderIsOneTrace(t *testing.T) {
	const written = "ingest / parse / map / write"
	upToNetSuite := []string{"ingest", "ingest / parse", "ingest / parse / map", written, written + " / netsuite PUT", written + " / publish"}
	for _, c := range []struct {
		writeBack string
		want      []string
		shop      string // the call that tells the shop
	}{
		{"meta", upToNetSuite, "shop PUT"},
		{"note", append(slices.Clone(upToNetSuite), written+" / publish / shop POST"), "shop POST"},
	} {
		t.Run(c.writeBack, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			spans, err := follow(ctx, c.writeBack)
			if err != nil {
				t.Fatal(err)
			}
			of, _ := split(spans, traceOf(spans, "ingest"))
			var have []string
			for _, s := range of {
				have = append(have, path(of, s))
			}
			for _, want := range c.want {
				if !slices.Contains(have, want) {
					t.Errorf("no span %q in the order's trace, which has\n%s", want, strings.Join(have, "\n"))
				}
			}
			if !slices.ContainsFunc(spans, func(s span) bool { return s.Name == c.shop && s.Attributes["http.response.status_code"] != "" }) {
				t.Errorf("no span %q with a status among %d", c.shop, len(spans))
			}
		})
	}
}

func TestReceiverReadsAnExport(t *testing.T) {
	r, err := receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	send := func(body []byte) int {
		response, err := http.Post(r.url(), "application/x-protobuf", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	attribute := func(key string, v *common.AnyValue) *common.KeyValue { return &common.KeyValue{Key: key, Value: v} }
	body, err := proto.Marshal(&collector.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{ScopeSpans: []*trace.ScopeSpans{{Spans: []*trace.Span{{
		TraceId: []byte{0xab, 1}, SpanId: []byte{2}, ParentSpanId: []byte{3}, Name: "write", StartTimeUnixNano: 1_000_000_000, EndTimeUnixNano: 1_002_500_000,
		Status: &trace.Status{Code: trace.Status_STATUS_CODE_ERROR, Message: "sku-unknown"},
		Attributes: []*common.KeyValue{
			attribute("orderstream.object", &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: "36"}}),
			attribute("orderstream.sequence", &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: 7}}),
		},
	}}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if status := send(body); status != http.StatusOK {
		t.Errorf("an export answered %d, want 200", status)
	}
	if status := send([]byte("no protobuf")); status != http.StatusBadRequest {
		t.Errorf("junk answered %d, want 400", status)
	}
	want := []span{{
		Trace: "ab01", ID: "02", Parent: "03", Name: "write", Start: time.Unix(1, 0).UTC(), End: time.Unix(1, 2_500_000).UTC(),
		Attributes: map[string]string{"orderstream.object": "36", "orderstream.sequence": "7"}, Failed: "sku-unknown",
	}}
	if diff := cmp.Diff(want, r.all()); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

func TestReportPrintsATree(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(100, int64(ms)*1e6).UTC() }
	spans := []span{
		{Trace: "t1", ID: "c", Parent: "b", Name: "netsuite PUT", Start: at(5), End: at(8), Attributes: map[string]string{"url.path": "/x", "http.response.status_code": "204"}},
		{Trace: "t2", ID: "z", Name: "netsuite POST", Start: at(4), End: at(5)},
		{Trace: "t1", ID: "b", Parent: "a", Name: "write", Start: at(2), End: at(9), Failed: "sku-unknown"},
		{Trace: "t1", ID: "a", Name: "ingest", Start: at(0), End: at(1), Attributes: map[string]string{"orderstream.store": "main"}},
	}
	want := `trace t1: 3 spans, 9.00 ms from the webhook on

   begins     takes  step                           about
  0.00 ms   1.00 ms  ingest                         store main
  2.00 ms   7.00 ms    write                        failed: sku-unknown
  5.00 ms   3.00 ms      netsuite PUT               /x  → 204

in traces of their own: calls that may serve many orders at once
  4.00 ms   1.00 ms  netsuite POST
`
	var out strings.Builder
	if err := report(&out, spans); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if err := report(&out, spans[1:2]); err == nil {
		t.Error("a run without an ingest span: no error")
	}
}

package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// span is one step of a trace.
type span struct {
	Trace, ID, Parent string // hex; Parent is empty at a root
	Name              string
	Start, End        time.Time
	Attributes        map[string]string
	Failed            string // the fault code of a failed step
}

// receiver takes spans over OTLP/HTTP with protobuf bodies, as a collector does: POST /v1/traces.
// Source: OpenTelemetry protocol specification 1.x, OTLP/HTTP.
type receiver struct {
	listener net.Listener
	server   *http.Server
	ended    chan struct{}

	mu    sync.Mutex
	spans []span
}

// exportLimit is the largest export read, in bytes.
const exportLimit = 16 << 20

// receive listens on a loopback port of the system's choice until close.
func receive(ctx context.Context) (*receiver, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("trace receiver: %w", err)
	}
	r := &receiver{listener: listener, ended: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", r.export)
	r.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		defer close(r.ended)
		_ = r.server.Serve(listener) // http.ErrServerClosed after close
	}()
	return r, nil
}

// url is what telemetry.otlp takes.
func (r *receiver) url() string { return "http://" + r.listener.Addr().String() + "/v1/traces" }

func (r *receiver) close() {
	_ = r.server.Close()
	<-r.ended
}

func (r *receiver) export(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, exportLimit))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	spans, err := decode(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.spans = append(r.spans, spans...)
	r.mu.Unlock()
	// An empty ExportTraceServiceResponse, which says that all were taken, encodes to no bytes.
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(http.StatusOK)
}

// all gives the spans taken so far.
func (r *receiver) all() []span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]span(nil), r.spans...)
}

func decode(body []byte) ([]span, error) {
	var export collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &export); err != nil {
		return nil, fmt.Errorf("trace export of %d bytes: want an ExportTraceServiceRequest: %w", len(body), err)
	}
	var spans []span
	for _, resource := range export.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				spans = append(spans, spanOf(s))
			}
		}
	}
	return spans, nil
}

func spanOf(s *trace.Span) span {
	out := span{
		Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()), Name: s.GetName(),
		Start: time.Unix(0, int64(s.GetStartTimeUnixNano())).UTC(), End: time.Unix(0, int64(s.GetEndTimeUnixNano())).UTC(), Attributes: map[string]string{},
	}
	for _, a := range s.GetAttributes() {
		out.Attributes[a.GetKey()] = text(a.GetValue())
	}
	if s.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR {
		out.Failed = s.GetStatus().GetMessage()
	}
	return out
}

// text shows an attribute; the services set texts and whole numbers.
func text(v *common.AnyValue) string {
	switch value := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return value.StringValue
	case *common.AnyValue_IntValue:
		return strconv.FormatInt(value.IntValue, 10)
	default:
		return v.String()
	}
}

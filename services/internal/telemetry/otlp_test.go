package telemetry_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/orderstream/orderstream/services/internal/telemetry"
)

// collector is an OTLP/HTTP collector that keeps what it is sent, by path.
type collector struct {
	*httptest.Server
	mu   sync.Mutex
	sent map[string][]byte
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{sent: map[string][]byte{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sent[r.URL.Path] = append(c.sent[r.URL.Path], body...)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(c.Close)
	return c
}

// A collector gets traces and metrics, whichever of the usual forms its URL has; what is pending leaves at the stop.
func TestOTLP(t *testing.T) {
	for _, suffix := range []string{"", "/", "/v1/traces"} {
		c := newCollector(t)
		p, err := telemetry.Start(t.Context(), telemetry.Options{Service: "test", OTLP: c.URL + suffix})
		if err != nil {
			t.Fatal(err)
		}
		counter, err := telemetry.Meter().Int64Counter("orderstream.test.exported")
		if err != nil {
			t.Fatal(err)
		}
		counter.Add(t.Context(), 3)
		_, span := telemetry.Tracer().Start(t.Context(), "exported span")
		span.End()
		if err := p.Shutdown(t.Context()); err != nil {
			t.Errorf("%q: %v", suffix, err)
		}
		if !bytes.Contains(c.sent["/v1/traces"], []byte("exported span")) || !bytes.Contains(c.sent["/v1/metrics"], []byte("orderstream.test.exported")) || len(c.sent) != 2 {
			t.Errorf("%q: %d paths; traces of %d bytes, metrics of %d", suffix, len(c.sent), len(c.sent["/v1/traces"]), len(c.sent["/v1/metrics"]))
		}
	}
}

package ingest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/services/internal/config"
)

// begin sends the head of a delivery and the beginning of its body, and holds the connection.
func (d door) begin(size int) net.Conn {
	d.t.Helper()
	conn, err := net.Dial("tcp", d.service.Address())
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\nx", path, size); err != nil {
		d.t.Fatal(err)
	}
	return conn
}

// holding waits until that many bytes count as in flight.
func (d door) holding(want int64) {
	d.t.Helper()
	tick, timeout := time.NewTicker(time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for d.service.bodies.inFlight() != want {
		select {
		case <-tick.C:
		case <-timeout:
			d.t.Fatalf("%d bytes count as in flight, never %d", d.service.bodies.inFlight(), want)
		}
	}
}

// Large bodies that are on their way are bounded together, before anybody has shown who he is; small ones, and that is
// what orders are, go on.
func TestLargeBodiesAreBounded(t *testing.T) {
	const mib = 1 << 20
	d := open(t, func(c *config.Config) { c.Ingest.BodyLimit, c.Ingest.MaxBodies = mib, 3*mib })
	large := `{"id":1,"x":"` + strings.Repeat("x", mib-100) + `"}`
	var held []net.Conn
	for range 3 {
		held = append(held, d.begin(mib))
	}
	d.holding(3 * mib)
	announced := "POST " + path + " HTTP/1.1\r\nHost: shop\r\n"
	if got := d.head(fmt.Sprintf("%sContent-Length: %d\r\n\r\n", announced, mib)); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "door-busy") {
		t.Errorf("%d %s, want 503 and door-busy", got.status, got.body)
	}
	if got := d.send(http.MethodPost, path, []byte(`{"id":2}`), signed(`{"id":2}`)); got.status != http.StatusOK {
		t.Errorf("a small delivery beside large ones: %d %s", got.status, got.body)
	}
	if got := d.head(announced + "Transfer-Encoding: chunked\r\n\r\n10000\r\nx"); got.status != http.StatusServiceUnavailable {
		t.Errorf("a body of unknown length beside large ones: %d %s", got.status, got.body)
	}
	if got := d.head(fmt.Sprintf("%sContent-Length: %d\r\n\r\n", announced, mib+1)); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over the limit: %d %s", got.status, got.body)
	}
	for _, conn := range held {
		_ = conn.Close()
	}
	d.holding(0)
	for range 5 { // each gives back what it took
		if got := d.send(http.MethodPost, path, []byte(large), signed(large)); got.status != http.StatusOK {
			t.Errorf("%d %s, want it taken again", got.status, got.body)
		}
	}
	d.holding(0)
}

// Connections are bounded too.
func TestConnectionsAreBounded(t *testing.T) {
	d := open(t, func(c *config.Config) { c.Ingest.MaxConnections = 2 })
	for range 2 {
		d.begin(100)
	}
	conn, err := net.Dial("tcp", d.service.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("a third connection hears nothing: %v", err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a third connection: %d %s %v, want 503", response.StatusCode, text, err)
	}
}

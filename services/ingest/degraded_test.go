package ingest

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host/embednats"
	"github.com/orderstream/orderstream/services/ingest/doorlog"
	"github.com/orderstream/orderstream/services/internal/natstest"
)

// restartable runs a server that can be started again at the same address with what it has stored.
func restartable(t *testing.T) (server natstest.Server, again func()) {
	t.Helper()
	options := embednats.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Trust: true}
	inner, err := embednats.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(inner.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := topology.Ensure(natstest.Context(t), js, topology.Of(natstest.Params)); err != nil {
		t.Fatal(err)
	}
	options.Listen = strings.TrimPrefix(inner.URL(), "nats://")
	return natstest.Server{Server: inner, Conn: conn, JS: js}, func() {
		t.Helper()
		second, err := embednats.Start(options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(second.Stop)
	}
}

// says waits until /readyz answers the status with a phrase.
func (d door) says(status int, phrase string) {
	d.t.Helper()
	tick, timeout := time.NewTicker(20*time.Millisecond), time.After(60*time.Second)
	defer tick.Stop()
	for {
		got := d.send(http.MethodGet, "/readyz", nil, nil)
		if got.status == status && strings.Contains(got.body, phrase) {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			d.t.Fatalf("/readyz %d %q, never %d %q", got.status, got.body, status, phrase)
		}
	}
}

func (d door) alerted(kind string) event.AlertRaisedV1 {
	d.t.Helper()
	m := d.nats.Next(d.t, topology.Alerts, subject.Alert(kind, ""), 0)
	a, err := codec.Decode[event.AlertRaisedV1](m.Data)
	if err != nil {
		d.t.Fatal(err)
	}
	return a
}

// JetStream away: the door is ready and says what it works around; once it is back the alert tells that it was.
func TestJetStreamAwayIsTold(t *testing.T) {
	server, again := restartable(t)
	d, stop := startOn(t, server, slog.DiscardHandler, nil, nil)
	defer stop()
	server.Stop()
	for n := range 3 {
		if got := d.order(n + 1); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	d.says(http.StatusOK, "JetStream is away; 3 deliveries wait in the door log")
	again()
	d.forwarded()
	d.says(http.StatusOK, "ready\n")
	if line := d.service.Degraded(); line != "" {
		t.Errorf("degraded %q afterwards", line)
	}
	if a := d.alerted(event.AlertStream); a.Code != string(fault.StreamUnavailable) {
		t.Errorf("alert %+v", a)
	}
	if n := d.nats.Count(t, topology.Woo, subject.WebhookAll); n != 3 {
		t.Errorf("%d stored, want 3", n)
	}
}

// A disk that runs full is told before deliveries are refused: once in the log, as an alert, in /readyz and the metrics.
func TestLittleDiskIsTold(t *testing.T) {
	disk := newSickDisk(func(errorfs.OpKind) error { return nil })
	disk.memory.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 40})
	ear := newEar()
	d, stop := start(t, ear, nil, func(o *doorlog.Options) { on(disk)(o); o.WarnFree, o.MinFree = 1<<30, 1<<20 })
	d.says(http.StatusOK, "ready")
	disk.memory.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 29})
	ear.await(t, "WARN door log nearly full")
	d.says(http.StatusOK, "the door log is nearly full")
	if a := d.alerted(event.AlertDoorLog); a.Code != string(fault.DoorLogFull) || a.Details["free"] != "536870912" {
		t.Errorf("alert %+v", a)
	}
	if got := d.order(1); got.status != http.StatusOK {
		t.Errorf("%d %s, want it taken", got.status, got.body)
	}
	disk.memory.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 40})
	ear.await(t, "INFO door log has room again")
	stop()
	if err := <-d.ended; err != nil {
		t.Error(err)
	}
	if n := ear.count("nearly full"); n != 0 {
		t.Errorf("told %d times more than once", n)
	}
}

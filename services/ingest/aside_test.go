package ingest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/nats-io/nats.go"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/ingest/doorlog"
	"github.com/orderstream/orderstream/services/internal/alert"
	"github.com/orderstream/orderstream/services/internal/natstest"
)

// Invariant 3: a record that must go aside is not cut while the disk does not take it there.
func TestAsideWaitsForTheDisk(t *testing.T) {
	server := natstest.Start(t)
	disk, answer := silent()
	l, err := doorlog.Open(doorlog.Options{Dir: "log", FS: disk, Ballast: -1, Patience: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Append([]byte("no delivery")); err != nil {
		t.Fatal(err)
	}
	records, err := l.Read(t.Context(), 0, 10, 1<<30)
	if err != nil || len(records) != 1 {
		t.Fatal(len(records), err)
	}
	disk.on.Store(true)
	if _, err := l.Append([]byte("stuck")); !errors.Is(err, doorlog.ErrStalled) {
		t.Fatalf("append to a silent disk: %v", err)
	}
	ear := newEar()
	f := newForwarder(l, server.JS, slog.New(ear), alert.New(server.JS, slog.New(slog.DiscardHandler), "ingest"))
	done := make(chan uint64, 1)
	go func() { done <- f.forward(t.Context(), records) }()
	ear.await(t, "setting aside failed")
	ear.await(t, "setting aside failed")
	select {
	case <-done:
		t.Error("the record is settled while the disk is silent")
	default:
	}
	answer()
	<-done
	aside, err := l.Aside()
	if err != nil || len(aside) != 1 || !bytes.Equal(aside[0].Data, records[0].Data) || l.Stats().Aside != 1 {
		t.Errorf("%d records aside, %v, want the one that was answered 200", len(aside), err)
	}
}

// record seals an order's delivery with that much ballast.
func record(id string, size int) []byte {
	body := []byte(`{"id":` + id + `,"x":"` + strings.Repeat("x", size) + `"}`)
	return seal(event.WebhookReceivedV1{Store: "main", Resource: "order", Event: "updated", Topic: "order.updated", ObjectID: id, BodySHA256: hashOf(body)}, "", body)
}

const tooLarge = 100 << 10 // bytes; more than the stream of modest takes

// modest is a server whose stream takes small deliveries only.
func modest(t *testing.T) natstest.Server {
	t.Helper()
	server := natstest.Start(t)
	ctx := natstest.Context(t)
	woo, err := server.JS.Stream(ctx, topology.Woo)
	if err != nil {
		t.Fatal(err)
	}
	small := woo.CachedInfo().Config
	small.MaxMsgSize = 64 << 10
	if _, err := server.JS.UpdateStream(ctx, small); err != nil {
		t.Fatal(err)
	}
	return server
}

// fill leaves a door log behind in which records lie aside.
func fill(t *testing.T, disk *sickDisk, records ...[]byte) {
	t.Helper()
	l, err := doorlog.Open(doorlog.Options{Dir: "log", FS: disk, Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range records {
		sequence, err := l.Append(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.SetAside(sequence, "refused before"); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Cut(uint64(len(records))); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// Records set aside are tried once more at the start, in order; what is refused again stays, and each that stays is named.
func TestAsidesAreTriedAgain(t *testing.T) {
	disk := newSickDisk(func(errorfs.OpKind) error { return nil })
	fill(t, disk, record("1", 10), record("2", tooLarge), []byte("no delivery"), record("3", 10))
	ear := newEar()
	d, stop := startOn(t, modest(t), ear, nil, on(disk))
	ear.await(t, "records set aside were tried again")
	if n := d.nats.Count(t, topology.Woo, subject.WebhookAll); n != 2 {
		t.Errorf("%d deliveries stored, want the two that fit", n)
	}
	var last uint64
	for _, id := range []string{`{"id":1,`, `{"id":3,`} {
		m := d.nats.Next(t, topology.Woo, subject.WebhookAll, last)
		if last = m.Sequence; !strings.HasPrefix(string(m.Data), id) {
			t.Errorf("%.20q, want %s next", m.Data, id)
		}
	}
	if s := d.service.doorLog.Stats(); s.Aside != 2 {
		t.Errorf("%d lie aside, want the two that were refused again", s.Aside)
	}
	if line := d.service.Degraded(); line != "2 deliveries lie aside in the door log" {
		t.Errorf("degraded %q", line)
	}
	stop()
	if err := <-d.ended; err != nil {
		t.Error(err)
	}
	// A further start takes none of them for lost, and does not send again what has left.
	d, stop = startOn(t, modest(t), slog.DiscardHandler, nil, on(disk))
	defer stop()
	if got := d.order(9); got.status != 200 {
		t.Error(got)
	}
	d.forwarded()
	list, err := d.service.doorLog.Aside()
	if err != nil || len(list) != 2 || list[0].Sequence != 2 || list[1].Sequence != 3 {
		t.Errorf("%d lie aside, %v", len(list), err)
	}
	if n := d.nats.Count(t, topology.Woo, subject.WebhookAll); n != 1 {
		t.Errorf("%d deliveries stored anew, want the fresh one", n)
	}
}

// They are tried when the server has come to take more, not each time it comes back.
func TestAsidesAreTriedWhenTheServerTakesMore(t *testing.T) {
	server := natstest.Start(t)
	disk := newSickDisk(func(errorfs.OpKind) error { return nil })
	fill(t, disk, record("1", 10))
	l, err := doorlog.Open(doorlog.Options{Dir: "log", FS: disk, Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ear := newEar()
	f := newForwarder(l, server.JS, slog.New(ear), alert.New(server.JS, slog.New(slog.DiscardHandler), "ingest"))
	back, limits := make(chan nats.Status), make(chan int64)
	f.limit = func() int64 { return <-limits }
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { defer close(done); f.retryAsides(ctx, back) }()
	limits <- 0 // as before: nothing is tried
	back <- nats.CONNECTED
	limits <- 0
	back <- nats.CONNECTED
	if n := l.Stats().Aside; n != 1 {
		t.Errorf("%d lie aside, want one that was not tried", n)
	}
	limits <- 16 << 20
	ear.await(t, "records set aside were tried again")
	if n := l.Stats().Aside; n != 0 {
		t.Errorf("%d lie aside, want none", n)
	}
	cancel()
	<-done
}

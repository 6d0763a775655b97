package ingest

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"time"

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

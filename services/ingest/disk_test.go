package ingest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/ingest/doorlog"
)

// on puts the door log on a disk.
func on(disk *sickDisk) func(*doorlog.Options) {
	return func(o *doorlog.Options) {
		o.Dir, o.FS, o.Patience, o.Ballast = "log", disk, 200*time.Millisecond, 1<<20
	}
}

func changes(kind errorfs.OpKind) bool {
	return isSync(kind) || kind == errorfs.OpFileWrite || kind == errorfs.OpCreate || kind == errorfs.OpRename || kind == errorfs.OpReuseForWrite
}

func (d door) order(n int) answered {
	d.t.Helper()
	body := fmt.Sprintf(`{"id":%d}`, n)
	return d.send(http.MethodPost, path, []byte(body), signed(body))
}

// Invariant 1: what the disk has not confirmed is answered 503, with the page to read. A log that has failed stays failed,
// so the door ends after a moment for whoever starts it again.
func TestFailedLogRefusesAndEnds(t *testing.T) {
	for name, c := range map[string]struct {
		errno syscall.Errno
		hit   func(errorfs.OpKind) bool
	}{
		"log cannot be written": {syscall.EIO, func(kind errorfs.OpKind) bool { return kind == errorfs.OpFileWrite }},
		"log cannot be synced":  {syscall.EIO, isSync},
		"disk read-only":        {syscall.EROFS, changes},
		"disk full for good":    {syscall.ENOSPC, changes},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := newSickDisk(func(kind errorfs.OpKind) error {
				if c.hit(kind) {
					return c.errno
				}
				return nil
			})
			d, stop := start(t, slog.DiscardHandler, nil, on(disk))
			defer stop()
			if got := d.order(1); got.status != http.StatusOK {
				t.Fatalf("a healthy disk: %d %s", got.status, got.body)
			}
			d.forwarded()
			disk.on.Store(true)
			for n := range 3 {
				if got := d.order(2 + n); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "door-log-failed") {
					t.Errorf("%d %s, want 503 and door-log-failed", got.status, got.body)
				}
			}
			if d.service.Ready() == nil {
				t.Error("a failed door says it is ready")
			}
			select {
			case err := <-d.ended:
				if !errors.Is(err, doorlog.ErrFailed) {
					t.Errorf("ended with %v, want the log's failure", err)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("the door with a failed log never ended")
			}
			if n := d.nats.Count(t, topology.Woo, subject.WebhookAll); n != 1 {
				t.Errorf("%d deliveries stored, want the one that was answered 200", n)
			}
		})
	}
}

// A full disk costs the ballast: what was begun is stored, what comes is refused until there is room.
func TestFullDiskRefuses(t *testing.T) {
	var removed atomic.Bool
	disk := newSickDisk(func(kind errorfs.OpKind) error {
		switch {
		case kind == errorfs.OpRemove:
			removed.Store(true)
		case kind == errorfs.OpFileWrite && !removed.Load():
			return syscall.ENOSPC
		}
		return nil
	})
	d, stop := start(t, slog.DiscardHandler, nil, on(disk))
	disk.memory.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1000})
	disk.on.Store(true)
	if got := d.order(1); got.status != http.StatusOK {
		t.Errorf("%d %s, want the ballast to make room", got.status, got.body)
	}
	if got := d.order(2); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "door-log-full") {
		t.Errorf("%d %s, want 503 and door-log-full", got.status, got.body)
	}
	if d.service.Ready() == nil {
		t.Error("a full door says it is ready")
	}
	d.forwarded()
	if n := d.nats.Count(t, topology.Woo, subject.WebhookAll); n != 1 {
		t.Errorf("%d deliveries stored, want the one that was answered 200", n)
	}
	stop()
	if err := <-d.ended; err != nil {
		t.Error(err)
	}
}

// A disk that answers no more refuses in time, and takes deliveries again once it answers.
func TestSilentDiskRefuses(t *testing.T) {
	disk, answer := silent()
	ear := newEar()
	d, stop := start(t, ear, nil, on(disk))
	disk.on.Store(true)
	for n := range 2 {
		if got := d.order(1 + n); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "door-log-failed") {
			t.Errorf("%d %s, want 503 and door-log-failed", got.status, got.body)
		}
	}
	if d.service.Ready() == nil {
		t.Error("a door on a silent disk says it is ready")
	}
	answer()
	ear.await(t, "answers again")
	if got := d.order(3); got.status != http.StatusOK || d.service.Ready() != nil {
		t.Errorf("%d %s, %v, want it taken", got.status, got.body, d.service.Ready())
	}
	stop()
	if err := <-d.ended; err != nil {
		t.Error(err)
	}
}

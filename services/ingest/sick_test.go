package ingest

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// sickDisk is a disk in memory that suffers its symptom once it is on.
type sickDisk struct {
	vfs.FS
	on     atomic.Bool
	memory *vfs.MemFS
}

func newSickDisk(symptom func(kind errorfs.OpKind) error) *sickDisk {
	d := &sickDisk{memory: vfs.NewMem()}
	d.FS = errorfs.Wrap(d.memory, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !d.on.Load() {
			return nil
		}
		return symptom(op.Kind)
	}))
	return d
}

func isSync(kind errorfs.OpKind) bool {
	return kind == errorfs.OpFileSync || kind == errorfs.OpFileSyncData || kind == errorfs.OpFileSyncTo
}

// silent is a disk that answers no fsync until answer is called.
func silent() (disk *sickDisk, answer func()) {
	answered := make(chan struct{})
	disk = newSickDisk(func(kind errorfs.OpKind) error {
		if isSync(kind) {
			<-answered
		}
		return nil
	})
	return disk, func() { close(answered) }
}

// ear hears what is logged.
type ear struct {
	slog.Handler
	said chan string
}

func newEar() *ear { return &ear{slog.DiscardHandler, make(chan string, 4096)} }

// Enabled hears every level.
func (e *ear) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs leaves attributes out.
func (e *ear) WithAttrs([]slog.Attr) slog.Handler { return e }

// Handle keeps level and message.
func (e *ear) Handle(_ context.Context, r slog.Record) error {
	select {
	case e.said <- r.Level.String() + " " + r.Message:
	default:
	}
	return nil
}

// await waits until the log has said something.
func (e *ear) await(t *testing.T, phrase string) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case said := <-e.said:
			if strings.Contains(said, phrase) {
				return
			}
		case <-timeout:
			t.Fatalf("the log never said %q", phrase)
		}
	}
}

// count takes what was said so far and tells how often it holds a phrase.
func (e *ear) count(phrase string) int {
	n := 0
	for {
		select {
		case said := <-e.said:
			if strings.Contains(said, phrase) {
				n++
			}
		default:
			return n
		}
	}
}

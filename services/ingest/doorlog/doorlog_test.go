package doorlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDir) != "" {
		child()
	}
	goleak.VerifyTestMain(m)
}

// payload is a record that proves itself: its number, then noise made from it.
func payload(n uint64, size int) []byte {
	data := make([]byte, max(size, 8))
	_, _ = rand.NewChaCha8([32]byte(binary.BigEndian.AppendUint64(make([]byte, 24), n))).Read(data)
	binary.BigEndian.PutUint64(data, n)
	return data
}

func numberOf(data []byte) uint64 { return binary.BigEndian.Uint64(data) }

// same tells whether data is what payload made.
func same(data []byte) bool {
	return len(data) >= 8 && cmp.Equal(data, payload(numberOf(data), len(data)))
}

func mustOpen(t testing.TB, o Options) *Log {
	t.Helper()
	if o.Ballast == 0 {
		o.Ballast = -1
	}
	l, err := Open(o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return l
}

func closed(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func mustAppend(t testing.TB, l *Log, data []byte) uint64 {
	t.Helper()
	sequence, err := l.Append(data)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return sequence
}

// everything reads what waits behind after, in small steps.
func everything(t testing.TB, l *Log, after uint64) []Record {
	t.Helper()
	var all []Record
	for {
		if from, newest, _ := l.window(after); from > newest {
			return all
		}
		ctx, cancel := context.WithCancel(t.Context())
		if len(all) > 0 { // what waits may all turn out damaged, and then Read would wait
			go func() {
				for l.Stats().Records > len(all) {
					if ctx.Err() != nil {
						return
					}
				}
				cancel()
			}()
		}
		records, err := l.Read(ctx, after, 7, 1<<20)
		cancel()
		if errors.Is(err, context.Canceled) {
			return all
		}
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		all = append(all, records...)
		after = records[len(records)-1].Sequence
	}
}

func sequences(records []Record) []uint64 {
	var list []uint64
	for _, r := range records {
		list = append(list, r.Sequence)
	}
	return list
}

func upTo(from, to uint64) []uint64 {
	var list []uint64
	for ; from <= to; from++ {
		list = append(list, from)
	}
	return list
}

const childDir = "DOORLOG_CHILD_DIR"

func child() {}

var _ = fmt.Sprint
var _ = slog.Default
var _ sync.Mutex
var _ vfs.FS

func TestRecordsSurviveInOrder(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, Options{Dir: dir})
	want := map[uint64]uint64{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for worker := range uint64(32) {
		wg.Go(func() {
			for i := range uint64(20) {
				n := worker<<32 | i
				sequence, err := l.Append(payload(n, 500))
				if err != nil {
					t.Errorf("append: %v", err)
					return
				}
				mu.Lock()
				want[sequence] = n
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	closed(t, l)
	l = mustOpen(t, Options{Dir: dir})
	defer closed(t, l)
	records := everything(t, l, 0)
	got := map[uint64]uint64{}
	for _, r := range records {
		if !same(r.Data) {
			t.Errorf("record %d is not what was appended", r.Sequence)
		}
		got[r.Sequence] = numberOf(r.Data)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(upTo(1, 640), sequences(records)); diff != "" {
		t.Error(diff)
	}
}

// Package doorlog is the durable local queue behind the door: a record is on disk (fsynced) before Append
// returns, and leaves in order when it is cut. It knows bytes and nothing of webhooks or NATS.
//
// It is cockroachdb/pebble used as a queue: big-endian sequence → record, one synced batch for everyone
// who waits, range delete behind the cursor.
package doorlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Errors of Append. A record refused with ErrFull is not in the log; after ErrFailed it may or may not be.
var (
	ErrFull   = errors.New("door log full")
	ErrFailed = errors.New("door log failed")
)

// Options bounds a log. Zero limits mean none.
type Options struct {
	Dir        string
	FS         vfs.FS // nil: the operating system's
	MaxRecords int
	MaxBytes   int64
	WarnFree   uint64 // bytes free on the disk below which State is "warn"
	MinFree    uint64 // bytes free below which Append refuses
	Log        *slog.Logger
}

// Record is one stored record.
type Record struct {
	Sequence uint64
	At       time.Time // UTC, when it was appended
	Data     []byte
}

// Log is an open door log.
type Log struct {
	options Options
	db      *pebble.DB
	disk    *disk

	requests chan *request
	quit     chan struct{}
	ended    sync.WaitGroup

	failure  atomic.Pointer[error]
	failed   chan struct{}
	failOnce sync.Once

	mu      sync.Mutex
	next    uint64        // sequence of the next record
	sizes   []entry       // of records not yet cut, oldest first
	bytes   int64         // their sum
	aside   int           // records set aside
	arrived chan struct{} // closed and replaced when records arrive
}

type entry struct {
	sequence uint64
	size     int64
	at       time.Time
}

type request struct {
	data     []byte
	sequence uint64
	done     chan error
}

// Open opens or makes a log and resumes behind the last durable cut.
func Open(options Options) (*Log, error) {
	if options.FS == nil {
		options.FS = vfs.Default
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	l := &Log{options: options, requests: make(chan *request, 4096), quit: make(chan struct{}), failed: make(chan struct{}), arrived: make(chan struct{}), next: 1}
	disk, err := newDisk(options)
	if err != nil {
		return nil, fmt.Errorf("door log %s: %w", options.Dir, err)
	}
	l.disk = disk
	if l.db, err = pebble.Open(options.Dir, l.pebble()); err != nil {
		return nil, fmt.Errorf("door log %s: %w", options.Dir, err)
	}
	if err := l.resume(); err != nil {
		_ = l.db.Close()
		return nil, fmt.Errorf("door log %s: %w", options.Dir, err)
	}
	l.ended.Go(l.commit)
	return l, nil
}

// pebble tunes the store for records that live shortly: most are cut before they leave the memtable.
func (l *Log) pebble() *pebble.Options {
	return &pebble.Options{
		FS: l.disk.fs(), Logger: fatalLogger{l}, FormatMajorVersion: pebble.FormatNewest,
		MemTableSize: 64 << 20, MemTableStopWritesThreshold: 4, L0CompactionThreshold: 2, L0StopWritesThreshold: 1000,
		WALBytesPerSync: 1 << 20, DisableAutomaticCompactions: false,
	}
}

func (l *Log) resume() error {
	iter, err := l.db.NewIter(&pebble.IterOptions{LowerBound: key(queue, 0), UpperBound: key(queue+1, 0)})
	if err != nil {
		return err
	}
	defer iter.Close()
	for ok := iter.First(); ok; ok = iter.Next() {
		sequence := binary.BigEndian.Uint64(iter.Key()[1:])
		value, err := iter.ValueAndErr()
		if err != nil {
			return err
		}
		l.sizes = append(l.sizes, entry{sequence, int64(len(value)), stamp(value)})
		l.bytes += int64(len(value))
		l.next = sequence + 1
	}
	if err := iter.Error(); err != nil {
		return err
	}
	aside, err := l.Aside()
	if err != nil {
		return err
	}
	l.aside = len(aside)
	for _, a := range aside {
		l.next = max(l.next, a.Sequence+1)
	}
	return nil
}

// Append stores a record and returns its sequence once it is fsynced. Invariant 1: nil means durable.
func (l *Log) Append(data []byte) (uint64, error) {
	if err := l.Failure(); err != nil {
		return 0, err
	}
	if err := l.admit(int64(len(data))); err != nil {
		return 0, err
	}
	r := &request{data: data, done: make(chan error, 1)}
	select {
	case l.requests <- r:
	case <-l.failed:
		return 0, l.Failure()
	case <-l.quit:
		return 0, fmt.Errorf("%w: closed", ErrFailed)
	}
	select {
	case err := <-r.done:
		return r.sequence, err
	case <-l.failed:
		return 0, l.Failure()
	}
}

// admit refuses what the bounds do not allow, before anything is written.
func (l *Log) admit(size int64) error {
	if free, ok := l.disk.room(); !ok {
		return fmt.Errorf("%w: %d bytes free on the disk, want %d", ErrFull, free, l.options.MinFree)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.options.MaxRecords > 0 && len(l.sizes) >= l.options.MaxRecords {
		return fmt.Errorf("%w: %d records wait, at most %d", ErrFull, len(l.sizes), l.options.MaxRecords)
	}
	if l.options.MaxBytes > 0 && l.bytes+size > l.options.MaxBytes {
		return fmt.Errorf("%w: %d bytes wait, at most %d", ErrFull, l.bytes, l.options.MaxBytes)
	}
	return nil
}

// Failure says why the log has failed for good, or nil.
func (l *Log) Failure() error {
	if err := l.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// fail marks the log failed for good: what an I/O error leaves on the disk is unknown, so no later Append
// may succeed.
func (l *Log) fail(cause error) {
	l.failOnce.Do(func() {
		err := fmt.Errorf("%w: %w", ErrFailed, cause)
		l.failure.Store(&err)
		close(l.failed)
		l.options.Log.Error("door log failed; deliveries are refused until a restart", "error", cause)
	})
}

// fatalLogger receives pebble's verdict that it cannot go on. Its Fatalf neither ends the process nor
// panics: the log is marked failed, which releases every waiting Append with an error.
type fatalLogger struct{ log *Log }

func (f fatalLogger) Infof(string, ...any) {}

func (f fatalLogger) Errorf(format string, args ...any) {
	f.log.options.Log.Warn("door log store: " + fmt.Sprintf(format, args...))
}

func (f fatalLogger) Fatalf(format string, args ...any) { f.log.fail(fmt.Errorf(format, args...)) }

// State sums up whether the log takes records.
type State string

// The states of a log.
const (
	StateOK     State = "ok"
	StateWarn   State = "warn"   // little disk left, or nine tenths of a bound used
	StateFull   State = "full"   // Append refuses
	StateFailed State = "failed" // for good
)

// Stats describes a log.
type Stats struct {
	Records int
	Bytes   int64
	Oldest  time.Time // zero: empty
	Aside   int
	State   State
}

// Stats gives the log's present figures.
func (l *Log) Stats() Stats {
	state := StateOK
	switch {
	case l.Failure() != nil:
		state = StateFailed
	case l.admit(1) != nil:
		state = StateFull
	case l.disk.low() || l.nearlyFull():
		state = StateWarn
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stats{Records: len(l.sizes), Bytes: l.bytes, Aside: l.aside, State: state}
	if len(l.sizes) > 0 {
		s.Oldest = l.sizes[0].at
	}
	return s
}

func (l *Log) nearlyFull() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.options.MaxRecords > 0 && len(l.sizes) >= l.options.MaxRecords/10*9 ||
		l.options.MaxBytes > 0 && l.bytes >= l.options.MaxBytes/10*9
}

// Close ends the log; waiting Appends get an error or their success.
func (l *Log) Close() error {
	close(l.quit)
	l.ended.Wait()
	l.disk.close()
	if l.Failure() != nil {
		// A failed pebble may not close cleanly; what is acknowledged is on disk already.
		return nil
	}
	return l.db.Close()
}

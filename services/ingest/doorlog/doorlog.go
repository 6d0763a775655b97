// Package doorlog is a durable local queue: a record is on disk, fsynced, before Append returns, and
// leaves in order once it is cut. It knows bytes and nothing of who sends them or where they go.
//
// It is cockroachdb/pebble used as a queue: big-endian sequence to record, one fsync for everybody who
// waits, a range delete behind the reader. One goroutine writes, so that records lie in the order of their
// sequences without gaps, and another waits for the disk, so that the next group is written while the
// last one is synced.
//
// A log never confirms what may be lost (invariant 1): after an error of the disk that leaves its state
// unknown, it has failed for good and every Append says so at once. It never ends the process and lets
// nobody wait for ever.
package doorlog

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Errors of Append. A record refused with ErrFull or ErrClosed is not in the log; with ErrFailed or
// ErrStalled it may or may not be.
var (
	ErrFull    = errors.New("door log full")
	ErrFailed  = errors.New("door log failed")
	ErrStalled = errors.New("door log stalled") // the disk does not answer; passes when it does
	ErrClosed  = errors.New("door log closed")
	ErrAside   = errors.New("set aside before") // of SetAside: there is nothing left to do

	ErrNotAside = errors.New("not set aside") // of Drop: there is nothing left to do
)

// MaxRecord is the size in bytes of the largest record.
const MaxRecord = 256 << 20

// Options bounds a log. Zero limits mean none.
type Options struct {
	Dir        string
	FS         vfs.FS       // nil: the operating system's
	MaxRecords int          // waiting
	MaxBytes   int64        // waiting
	Ballast    int64        // bytes held back on the disk and freed when it is full; 0: 16 MiB; negative: none
	WarnFree   uint64       // bytes free on the disk below which State is StateWarn
	MinFree    uint64       // bytes free on the disk below which Append refuses
	Log        *slog.Logger // nil: silent
	// Damaged hears of records that the disk gave back damaged, or not at all (lost); each lies aside. It must not
	// call the log. nil: only the logger hears of them.
	Damaged func(records int, lost bool)

	Patience time.Duration // without progress before the log counts as stalled; 0: five seconds

	memory int // bytes of one memory table, of which there are four at most; 0: 32 MiB
}

// Record is one stored record.
type Record struct {
	Sequence uint64
	At       time.Time // UTC, when it was appended
	Data     []byte
}

// Log is an open door log. Its methods may be called from many goroutines.
type Log struct {
	options Options
	lock    *pebble.Lock
	db      *pebble.DB
	disk    *disk
	breaker *breaker

	requests chan *request
	poke     chan struct{} // a cut waits to be written
	groups   chan group    // written, not yet synced
	quit     chan struct{}
	quitOnce sync.Once
	settled  chan struct{} // closed when nothing is written any more
	watched  chan struct{} // closed when the watch has ended

	failOnce sync.Once
	failure  atomic.Pointer[error]
	failed   chan struct{}

	begun, done atomic.Uint64 // groups; they differ while the disk is awaited
	written     atomic.Uint64 // newest cut written

	view   sync.RWMutex // held for reading while the store is read
	closed bool         // under view

	mu      sync.Mutex
	book    book
	arrived chan struct{} // closed and replaced when records arrive
	stall   chan struct{} // closed while the disk does not answer
	stalled bool

	writer writer
}

// Open opens or makes a log and resumes behind the last durable cut.
func Open(options Options) (*Log, error) {
	if options.FS == nil {
		options.FS = vfs.Default
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Damaged == nil {
		options.Damaged = func(int, bool) {}
	}
	if options.Patience == 0 {
		options.Patience = 5 * time.Second
	}
	if options.memory == 0 {
		options.memory = 32 << 20
	}
	l := &Log{
		options: options, disk: newDisk(options),
		requests: make(chan *request, 1024), poke: make(chan struct{}, 1), groups: make(chan group, 16),
		quit: make(chan struct{}), settled: make(chan struct{}), watched: make(chan struct{}),
		failed: make(chan struct{}), arrived: make(chan struct{}), stall: make(chan struct{}),
	}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("door log %s: %w", options.Dir, err)
	}
	go l.commit()
	go l.confirm()
	go l.watch()
	return l, nil
}

func (l *Log) open() (err error) {
	fs := l.options.FS
	if err := makeDir(fs, l.options.Dir); err != nil {
		return err
	}
	if l.lock, err = pebble.LockDirectory(l.options.Dir, fs); err != nil {
		return fmt.Errorf("in use by another process? %w", err)
	}
	if err := l.start(); err != nil {
		return errors.Join(err, l.lock.Close())
	}
	return nil
}

func (l *Log) start() (err error) {
	// pebble panics on some errors of an opening disk.
	defer func() {
		if trouble := recover(); trouble != nil {
			err = fmt.Errorf("open: %v", trouble)
		}
	}()
	if err := l.mend(); err != nil {
		return err
	}
	l.disk.start()
	l.breaker = &breaker{FS: vfs.OnDiskFull(l.options.FS, l.disk.emergency), onTrip: l.fail, quit: l.quit}
	if l.db, err = pebble.Open(l.options.Dir, l.store()); err != nil {
		return err
	}
	if err := l.resume(); err != nil {
		return errors.Join(err, l.db.Close())
	}
	if err := l.Failure(); err != nil {
		return errors.Join(err, l.db.Close())
	}
	return nil
}

// store tunes pebble for records that live shortly: most are cut before they leave the memory table, which
// then flushes to almost nothing.
func (l *Log) store() *pebble.Options {
	return &pebble.Options{
		Lock: l.lock, FS: l.breaker, Logger: reporter{l}, FormatMajorVersion: pebble.FormatNewest,
		MemTableSize: uint64(l.options.memory), MemTableStopWritesThreshold: 4,
		L0CompactionThreshold: 2, L0StopWritesThreshold: 1000,
		EventListener: &pebble.EventListener{
			BackgroundError: l.backgroundError,
			DataCorruption:  l.dataCorruption,
		},
	}
}

func (l *Log) backgroundError(err error) {
	l.breaker.sick.Store(time.Now().UnixNano())
	l.options.Log.Warn("door log: a flush or compaction failed and is tried again", "error", err)
}

// dataCorruption is told about damaged tables. Reading sets the damaged records aside one by one.
func (l *Log) dataCorruption(info pebble.DataCorruptionInfo) {
	l.options.Log.Error("door log: a table is damaged", "path", info.Path, "error", info.Details)
}

// Failure says why the log has failed for good; nil if it has not.
func (l *Log) Failure() error {
	if err := l.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Failed is closed once the log has failed for good.
func (l *Log) Failed() <-chan struct{} { return l.failed }

// fail marks the log failed for good, which releases everybody who waits.
func (l *Log) fail(cause error) {
	l.failOnce.Do(func() {
		err := fmt.Errorf("%w: %w", ErrFailed, cause)
		l.failure.Store(&err)
		if l.breaker != nil {
			l.breaker.tripped.Store(true)
		}
		close(l.failed)
		l.options.Log.Error("door log: failed; records are refused until it is opened again", "error", cause)
	})
}

// reporter receives pebble's messages. Its Fatalf, unlike what pebble expects, returns: the log is failed
// and the breaker keeps whatever pebble does next off the disk.
type reporter struct{ log *Log }

// Infof drops the store's chatter.
func (reporter) Infof(string, ...any) {}

// Errorf passes a complaint on.
func (r reporter) Errorf(format string, args ...any) {
	r.log.options.Log.Warn("door log: " + fmt.Sprintf(format, args...))
}

// Fatalf fails the log.
func (r reporter) Fatalf(format string, args ...any) { r.log.fail(fmt.Errorf(format, args...)) }

// closeLimit bounds how long Close waits for a disk that does not answer.
const closeLimit = 10 * time.Second

// Close ends the log. Appends that are under way are confirmed if the disk confirms them, others get
// ErrClosed. Of a failed log it returns the failure.
func (l *Log) Close() error {
	first := false
	l.quitOnce.Do(func() {
		first = true
		close(l.quit)
	})
	if !first {
		return ErrClosed
	}
	ended := make(chan error, 1)
	go func() { ended <- l.end() }()
	timer := time.NewTimer(closeLimit)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		return fmt.Errorf("%w: the disk does not answer; not closed after %s", ErrStalled, closeLimit)
	}
}

func (l *Log) end() (err error) {
	<-l.settled
	<-l.watched
	l.view.Lock()
	defer l.view.Unlock()
	l.closed = true
	defer func() {
		if trouble := recover(); trouble != nil {
			err = fmt.Errorf("close: %v", trouble)
		}
		err = errors.Join(l.Failure(), err)
	}()
	return errors.Join(l.leaveMark(), l.db.Close(), l.lock.Close())
}

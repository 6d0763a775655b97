package doorlog

import (
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Bounds of what is written as one batch. Batches share an fsync all the same, and one that is damaged on
// the disk is lost as a whole from the damage on, so they are small.
const (
	groupRecords = 16
	groupBytes   = 4 << 20
)

// keep is the largest buffer kept for the next record, in bytes.
const keep = 1 << 20

// request asks the writer for one record, or for one to be set aside.
type request struct {
	value    []byte // framed
	sequence uint64
	aside    bool // move sequence to the asides, with value as what is kept there; empty: it was there and is dropped
	size     int  // reserved in the book; 0: nothing
	done     chan error
}

// group is what one batch holds.
type group struct {
	batch    *pebble.Batch
	requests []*request
	at       time.Time
}

// writer is what the writing goroutine alone knows.
type writer struct {
	next   uint64 // sequence of the next record
	freed  int64  // bytes that written cuts cover, all told
	at     int64  // freed at the last flush
	filled int    // bytes written since the last flush
}

var requests = sync.Pool{New: func() any { return &request{done: make(chan error, 1)} }}

// Append stores a record and returns its sequence once it is fsynced. It copies data.
// Invariant 1: nil means durable.
func (l *Log) Append(data []byte) (uint64, error) {
	if len(data) > MaxRecord {
		return 0, fmt.Errorf("door log: a record of %d bytes, at most %d", len(data), MaxRecord)
	}
	size := len(data) + overhead
	stall, err := l.admit(size)
	if err != nil {
		return 0, err
	}
	r := requests.Get().(*request)
	r.value, r.size, r.aside = frame(r.value, data), size, false
	if err := l.submit(r, stall); err != nil {
		return 0, err
	}
	sequence := r.sequence
	if cap(r.value) <= keep {
		requests.Put(r)
	}
	return sequence, nil
}

// admit refuses before anything is written what the state of the log does not allow.
func (l *Log) admit(size int) (stall <-chan struct{}, err error) {
	if err := l.Failure(); err != nil {
		return nil, err
	}
	if err := l.disk.room(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stalled {
		return nil, ErrStalled
	}
	return l.stall, l.book.admit(int64(size), l.options.MaxRecords, l.options.MaxBytes)
}

// submit hands a request to the writer and waits for the disk, but for no longer than the log lives. A
// request given up may still be in the writer's hands and is not used again.
func (l *Log) submit(r *request, stall <-chan struct{}) error {
	if err := l.enqueue(r, stall); err != nil {
		l.answer([]*request{r}, err)
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-l.failed:
		return l.Failure()
	case <-stall:
		return ErrStalled
	case <-l.settled:
	}
	select {
	case err := <-r.done:
		return err
	default: // it came after the writer had looked for the last time
		return ErrClosed
	}
}

func (l *Log) enqueue(r *request, stall <-chan struct{}) error {
	select {
	case l.requests <- r:
		return nil
	case <-l.failed:
		return l.Failure()
	case <-stall:
		return ErrStalled
	case <-l.quit:
		return ErrClosed
	}
}

// commit writes whatever waits in batches that share an fsync: the group commit that makes it cheap.
func (l *Log) commit() {
	defer close(l.groups)
	for {
		select {
		case <-l.quit:
			l.write(nil)
			l.turnAway()
			return
		case <-l.poke:
			l.write(nil)
		case first := <-l.requests:
			l.write(l.gather(first))
		}
	}
}

// gather takes everyone who waits already; it does not wait for more.
func (l *Log) gather(first *request) []*request {
	waiting, size := []*request{first}, len(first.value)
	for len(waiting) < groupRecords && size < groupBytes {
		select {
		case r := <-l.requests:
			waiting = append(waiting, r)
			size += len(r.value)
		default:
			return waiting
		}
	}
	return waiting
}

func (l *Log) turnAway() {
	for {
		select {
		case r := <-l.requests:
			l.answer([]*request{r}, ErrClosed)
		default:
			return
		}
	}
}

// write applies one batch, of the cut alone if nobody waits, and leaves the waiting for the disk to confirm.
func (l *Log) write(waiting []*request) {
	err := l.Failure()
	if err == nil {
		l.begun.Add(1)
		var g group
		if g, err = l.apply(waiting); err == nil {
			l.groups <- g
			return
		}
		l.done.Add(1)
		l.fail(err)
		err = l.Failure()
	}
	l.answer(waiting, err)
}

func (l *Log) apply(waiting []*request) (g group, err error) {
	// pebble panics on some I/O errors; they must not take other services of the process down.
	defer func() {
		if trouble := recover(); trouble != nil {
			err = fmt.Errorf("write: %v", trouble)
		}
	}()
	cut, durable, freed := l.marks()
	g = group{batch: l.db.NewBatch(), requests: waiting, at: time.Now()}
	if written := l.written.Load(); len(waiting) == 0 && cut > written || cut >= written+cutEvery {
		if err := l.writeCut(g.batch, written, cut, durable); err != nil {
			return g, err
		}
		l.writer.freed = freed
	}
	for _, r := range waiting {
		if err := l.put(g.batch, r, durable, g.at); err != nil {
			return g, err
		}
	}
	l.writer.filled += g.batch.Len()
	if len(waiting) == 0 {
		err = l.db.Apply(g.batch, pebble.NoSync)
	} else {
		err = l.db.ApplyNoSyncWait(g.batch, pebble.Sync)
	}
	if err != nil {
		return g, err
	}
	return g, l.reclaim()
}

// marks reads what the book says about the ends of the queue.
func (l *Log) marks() (cut, durable uint64, freed int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.book.cut, l.book.newest(), l.book.freed
}

// reclaim flushes once enough has been cut, because disk space returns only behind deletes that have left
// memory. New records push them out as well, so it is needed only while a backlog drains.
func (l *Log) reclaim() error {
	w := &l.writer
	switch {
	case w.filled >= l.options.memory:
	case w.freed-w.at >= 2*int64(l.options.memory):
		if _, err := l.db.AsyncFlush(); err != nil {
			return err
		}
	default:
		return nil
	}
	w.at, w.filled = w.freed, 0
	return nil
}

func (l *Log) put(batch *pebble.Batch, r *request, durable uint64, at time.Time) error {
	if r.aside {
		if err := batch.Set(key(asideSpace, r.sequence), r.value, nil); err != nil {
			return err
		}
		return batch.Delete(key(queueSpace, r.sequence), nil)
	}
	r.sequence = l.writer.next
	l.writer.next++
	seal(r.value, r.sequence, durable, at)
	return batch.Set(key(queueSpace, r.sequence), r.value, nil)
}

// writeCut deletes behind the reader. The ranges of successive cuts adjoin instead of overlapping, which
// would cost every reader their product.
func (l *Log) writeCut(batch *pebble.Batch, written, cut, durable uint64) error {
	if err := batch.DeleteRange(key(queueSpace, written), key(queueSpace, cut+1), nil); err != nil {
		return err
	}
	l.written.Store(cut)
	return batch.Set(key(markSpace, 0), mark(cut, durable), nil)
}

// leaveMark notes at the end in good order where the queue ends.
func (l *Log) leaveMark() error {
	cut, durable, _ := l.marks()
	return l.db.Set(key(markSpace, 0), mark(cut, durable), pebble.NoSync) // closing syncs
}

// confirm waits for the disk, group after group, and answers.
func (l *Log) confirm() {
	defer close(l.settled)
	for g := range l.groups {
		err := l.sync(g)
		l.done.Add(1)
		l.answer(g.requests, err)
	}
}

func (l *Log) sync(g group) error {
	if len(g.requests) == 0 {
		return g.batch.Close()
	}
	if err := g.batch.SyncWait(); err != nil {
		l.fail(err)
	}
	// Invariant 1: an error of the disk fails the log before the store hears of its write, so this look
	// comes after every write the group depends on.
	if err := l.Failure(); err != nil {
		return err
	}
	l.enter(g)
	return g.batch.Close()
}

// enter makes a durable group visible to readers.
func (l *Log) enter(g group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range g.requests {
		if r.aside {
			l.book.setAside(r.sequence, len(r.value) > 0)
			continue
		}
		l.book.add(r.sequence, len(r.value), g.at)
	}
	close(l.arrived)
	l.arrived = make(chan struct{})
}

func (l *Log) answer(waiting []*request, err error) {
	l.mu.Lock()
	for _, r := range waiting {
		if r.size > 0 {
			l.book.release(int64(r.size))
		}
	}
	l.mu.Unlock()
	for _, r := range waiting {
		r.done <- err
	}
}

// cutEvery is the number of records cut after which a cut is written without waiting for the watch. Each
// cut written costs every reader a little until it is flushed.
const cutEvery = 512

// Cut forgets every record up to and including through. It does not wait for the disk: after a crash,
// records cut in the last moments may be served again; none is skipped.
func (l *Log) Cut(through uint64) error {
	l.mu.Lock()
	l.book.cutThrough(through)
	due := l.book.cut >= l.written.Load()+cutEvery
	l.mu.Unlock()
	if due {
		l.nudge()
	}
	return l.Failure()
}

// nudge has the writer write the cut.
func (l *Log) nudge() {
	select {
	case l.poke <- struct{}{}:
	default:
	}
}

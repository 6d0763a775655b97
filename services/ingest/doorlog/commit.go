package doorlog

import (
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

const (
	batchRecords = 512
	batchBytes   = 16 << 20
)

// commit stores whatever waits as one synced batch: the group commit that makes fsync cheap. One goroutine
// gives the sequences, so records appear in order and without gaps.
func (l *Log) commit() {
	for {
		select {
		case <-l.quit:
			l.refuse()
			return
		case first := <-l.requests:
			l.write(l.gather(first))
		}
	}
}

// gather takes everyone who waits already; it does not wait for more.
func (l *Log) gather(first *request) []*request {
	group, size := []*request{first}, len(first.data)
	for len(group) < batchRecords && size < batchBytes {
		select {
		case r := <-l.requests:
			group = append(group, r)
			size += len(r.data)
		default:
			return group
		}
	}
	return group
}

func (l *Log) write(group []*request) {
	err := l.store(group)
	if err != nil {
		l.fail(err)
		err = l.Failure()
	}
	for _, r := range group {
		r.done <- err
	}
}

func (l *Log) store(group []*request) (err error) {
	// pebble panics on some I/O errors; they must not take other services of the process down.
	defer func() {
		if trouble := recover(); trouble != nil {
			err = fmt.Errorf("store: %v", trouble)
		}
	}()
	now := time.Now().UTC()
	batch := l.db.NewBatch()
	defer batch.Close()
	for i, r := range group {
		r.sequence = l.next + uint64(i)
		if err := batch.Set(key(queue, r.sequence), seal(r.sequence, now, r.data), nil); err != nil {
			return err
		}
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return err
	}
	if err := l.Failure(); err != nil { // reported through the logger while committing
		return err
	}
	l.publish(group, now)
	return nil
}

func (l *Log) publish(group []*request, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range group {
		size := int64(len(r.data) + overhead)
		l.sizes = append(l.sizes, entry{r.sequence, size, now})
		l.bytes += size
	}
	l.next += uint64(len(group))
	close(l.arrived)
	l.arrived = make(chan struct{})
}

func (l *Log) refuse() {
	for {
		select {
		case r := <-l.requests:
			r.done <- fmt.Errorf("%w: closed", ErrFailed)
		default:
			return
		}
	}
}

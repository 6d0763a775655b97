package doorlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Read waits for records behind sequence after and returns up to limit of them, in order, with no more
// than maxBytes of data together, but at least one. What it returns is the caller's to keep. A record
// that is damaged on the disk is reported, set aside and passed over. A failed log still serves what it
// holds.
func (l *Log) Read(ctx context.Context, after uint64, limit, maxBytes int) ([]Record, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		from, newest, arrived := l.window(after)
		if from <= newest {
			records, err := l.fetch(from, newest, max(limit, 1), maxBytes)
			if err != nil || len(records) > 0 {
				return records, err
			}
			after = newest
			continue
		}
		select {
		case <-arrived:
		case <-l.quit:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// window is the first sequence behind after that waits, the newest durable one, and a channel that closes
// when there are more.
func (l *Log) window(after uint64) (from, newest uint64, arrived <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	newest = l.book.newest()
	for from = max(after, l.book.cut) + 1; from <= newest && !l.book.has(from); {
		from++
	}
	return from, newest, l.arrived
}

// fetch reads records and sets aside what turns out to be damaged.
func (l *Log) fetch(from, newest uint64, limit, maxBytes int) ([]Record, error) {
	for {
		records, trouble := l.scan(from, newest, limit, maxBytes)
		if trouble == nil || len(records) > 0 { // the next Read meets the trouble first
			return records, nil
		}
		if !trouble.damage() {
			return nil, fmt.Errorf("door log: %w", trouble)
		}
		from = trouble.sequence
		if err := l.putAsideDamaged(from, trouble); err != nil {
			return nil, err
		}
		if from, newest, _ = l.window(from); from > newest {
			return nil, nil
		}
	}
}

// trouble is an error met at a sequence.
type trouble struct {
	sequence uint64
	cause    error
}

func (t *trouble) Error() string { return fmt.Sprintf("record %d: %v", t.sequence, t.cause) }

func (t *trouble) Unwrap() error { return t.cause }

// damage tells bytes that are wrong from a disk that cannot be read at present.
func (t *trouble) damage() bool {
	return errors.Is(t.cause, errDamaged) || pebble.IsCorruptionError(t.cause)
}

// scan reads records in order until limit, maxBytes or trouble.
func (l *Log) scan(from, newest uint64, limit, maxBytes int) (records []Record, _ *trouble) {
	l.view.RLock()
	defer l.view.RUnlock()
	if l.closed {
		return nil, &trouble{from, ErrClosed}
	}
	iter, err := l.db.NewIter(&pebble.IterOptions{LowerBound: key(queueSpace, from), UpperBound: key(queueSpace, newest+1)})
	if err != nil {
		return nil, &trouble{from, err}
	}
	defer func() { _ = iter.Close() }()
	size, expected := 0, from
	for ok := iter.First(); ok && len(records) < limit; ok = iter.Next() {
		sequence := sequenceOf(iter.Key())
		value, err := iter.ValueAndErr()
		if err != nil {
			return records, &trouble{sequence, err}
		}
		if size += len(value) - overhead; size > maxBytes && len(records) > 0 {
			return records, nil
		}
		record, err := open(sequence, value)
		if err != nil {
			return records, &trouble{sequence, err}
		}
		records = append(records, record)
		expected = sequence + 1
	}
	if err := iter.Error(); err != nil {
		return records, &trouble{l.waiting(expected), err}
	}
	return records, nil
}

// waiting is the first sequence from which on a record waits.
func (l *Log) waiting(from uint64) uint64 {
	next, _, _ := l.window(from - 1)
	return next
}

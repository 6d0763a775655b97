package doorlog

import (
	"context"
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/cockroachdb/pebble/v2"
)

// Read waits for records behind sequence after and returns up to limit of them, in order, stopping at
// maxBytes (at least one is returned). A record whose checksum is wrong is set aside loudly and skipped.
func (l *Log) Read(ctx context.Context, after uint64, limit, maxBytes int) ([]Record, error) {
	for {
		l.mu.Lock()
		newest, arrived := l.next-1, l.arrived
		l.mu.Unlock()
		if newest > after {
			records, err := l.scan(after, newest, limit, maxBytes)
			if err != nil || len(records) > 0 {
				return records, err
			}
			after = newest
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *Log) scan(after, newest uint64, limit, maxBytes int) ([]Record, error) {
	iter, err := l.db.NewIter(&pebble.IterOptions{LowerBound: key(queue, after+1), UpperBound: key(queue, newest+1)})
	if err != nil {
		return nil, fmt.Errorf("door log: %w", err)
	}
	defer iter.Close()
	var records []Record
	size := 0
	for ok := iter.First(); ok && len(records) < limit; ok = iter.Next() {
		sequence := binary.BigEndian.Uint64(iter.Key()[1:])
		value, err := iter.ValueAndErr()
		if err != nil {
			return nil, fmt.Errorf("door log: record %d: %w", sequence, err)
		}
		if size += len(value); size > maxBytes && len(records) > 0 {
			break
		}
		record, err := unseal(sequence, value)
		if err != nil {
			l.options.Log.Error("door log: a record is damaged and set aside", "sequence", sequence, "error", err)
			if err := l.SetAside(sequence, "damaged: "+err.Error()); err != nil {
				return nil, err
			}
			continue
		}
		records = append(records, record)
	}
	return records, iter.Error()
}

// Cut forgets every record up to and including through. It does not wait for the disk: a crash may serve
// cut records again, never skip one.
func (l *Log) Cut(through uint64) error {
	if err := l.Failure(); err != nil {
		return err
	}
	if err := l.db.DeleteRange(key(queue, 0), key(queue, through+1), pebble.NoSync); err != nil {
		return fmt.Errorf("door log: cut through %d: %w", through, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := sort.Search(len(l.sizes), func(i int) bool { return l.sizes[i].sequence > through })
	for _, e := range l.sizes[:n] {
		l.bytes -= e.size
	}
	l.sizes = l.sizes[n:]
	return nil
}

// Aside is a record that was set aside.
type Aside struct {
	Record
	Reason string
}

// SetAside moves a record out of the queue's way, durably; it stays readable through Aside.
func (l *Log) SetAside(sequence uint64, reason string) error {
	value, closer, err := l.db.Get(key(queue, sequence))
	if err != nil {
		return fmt.Errorf("door log: set aside %d: %w", sequence, err)
	}
	defer closer.Close()
	batch := l.db.NewBatch()
	defer batch.Close()
	kept := append(binary.BigEndian.AppendUint16(nil, uint16(min(len(reason), 1000))), reason[:min(len(reason), 1000)]...)
	if err := batch.Set(key(asideRoom, sequence), append(kept, value...), nil); err != nil {
		return err
	}
	if err := batch.Delete(key(queue, sequence), nil); err != nil {
		return err
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("door log: set aside %d: %w", sequence, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.aside++
	for i, e := range l.sizes {
		if e.sequence == sequence {
			l.bytes -= e.size
			l.sizes = append(l.sizes[:i:i], l.sizes[i+1:]...)
			break
		}
	}
	return nil
}

// Aside lists what was set aside, oldest first. A damaged record keeps its damaged bytes.
func (l *Log) Aside() ([]Aside, error) {
	iter, err := l.db.NewIter(&pebble.IterOptions{LowerBound: key(asideRoom, 0), UpperBound: key(asideRoom+1, 0)})
	if err != nil {
		return nil, fmt.Errorf("door log: %w", err)
	}
	defer iter.Close()
	var list []Aside
	for ok := iter.First(); ok; ok = iter.Next() {
		value := iter.Value()
		sequence, cut := binary.BigEndian.Uint64(iter.Key()[1:]), 2+int(binary.BigEndian.Uint16(iter.Value()))
		record, err := unseal(sequence, value[cut:])
		if err != nil {
			record = Record{Sequence: sequence, At: stamp(value[cut:]), Data: append([]byte(nil), value[min(cut+overhead, len(value)):]...)}
		}
		list = append(list, Aside{record, string(value[2:cut])})
	}
	return list, iter.Error()
}

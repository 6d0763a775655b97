package doorlog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Aside is a record set aside. One that is damaged keeps what bytes it has; one that is lost has none.
type Aside struct {
	Record
	Reason string
	Whole  bool // Data is what was appended
}

// maxReason bounds a reason, in bytes.
const maxReason = 1000

// An aside's value is: length of the reason (2 bytes), reason, value as it was stored in the queue.
func encodeAside(reason string, value []byte) []byte {
	reason = reason[:min(len(reason), maxReason)]
	head := append(binary.BigEndian.AppendUint16(nil, uint16(len(reason))), reason...)
	return append(head, value...)
}

func decodeAside(sequence uint64, stored []byte) (Aside, error) {
	if len(stored) < 2 || len(stored) < 2+int(binary.BigEndian.Uint16(stored)) {
		return Aside{}, fmt.Errorf("%w: aside %d: %d bytes are too few", errDamaged, sequence, len(stored))
	}
	end := 2 + int(binary.BigEndian.Uint16(stored))
	reason, value := string(stored[2:end]), stored[end:]
	record, err := open(sequence, value)
	if err != nil {
		record = Record{Sequence: sequence, At: stamp(value), Data: append([]byte(nil), value[min(overhead, len(value)):]...)}
	}
	return Aside{record, reason, err == nil}, nil
}

// SetAside moves a waiting record out of the queue's way, durably; it stays readable through Aside. After ErrStalled
// it may lie there or not: ErrAside of a later call says that it does.
func (l *Log) SetAside(sequence uint64, reason string) error {
	stall, err := l.movable(sequence)
	var value []byte
	if err == nil {
		value, err = l.value(sequence)
	}
	if err == nil {
		err = l.putAside(sequence, reason, value, stall)
	}
	if err != nil {
		return fmt.Errorf("door log: set aside %d: %w", sequence, err)
	}
	return nil
}

// putAsideDamaged sets aside what cannot be read, with the bytes that can.
func (l *Log) putAsideDamaged(sequence uint64, cause error) error {
	l.options.Log.Error("door log: a record is damaged and set aside", "sequence", sequence, "error", cause)
	value, err := l.value(sequence)
	if err != nil && !pebble.IsCorruptionError(err) && !errors.Is(err, pebble.ErrNotFound) {
		return fmt.Errorf("door log: set aside damaged %d: %w", sequence, err)
	}
	stall, err := l.movable(sequence)
	if err == nil {
		err = l.putAside(sequence, "damaged: "+cause.Error(), value, stall)
	}
	if err != nil {
		return fmt.Errorf("door log: set aside damaged %d: %w", sequence, err)
	}
	l.options.Damaged(1, false)
	return nil
}

func (l *Log) putAside(sequence uint64, reason string, value []byte, stall <-chan struct{}) error {
	return l.submit(&request{sequence: sequence, aside: true, value: encodeAside(reason, value), done: make(chan error, 1)}, stall)
}

// movable refuses before anything is written what cannot be moved.
func (l *Log) movable(sequence uint64) (stall <-chan struct{}, err error) {
	if err := l.Failure(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.stalled:
		return nil, ErrStalled
	case l.book.asides[sequence]:
		return l.stall, ErrAside
	default:
		return l.stall, nil
	}
}

// value reads the stored value of a waiting record, unproven.
func (l *Log) value(sequence uint64) ([]byte, error) {
	l.view.RLock()
	defer l.view.RUnlock()
	if l.closed {
		return nil, ErrClosed
	}
	l.mu.Lock()
	waits := l.book.has(sequence)
	l.mu.Unlock()
	if !waits {
		return nil, pebble.ErrNotFound
	}
	value, closer, err := l.db.Get(key(queueSpace, sequence))
	if err != nil {
		return nil, err
	}
	return append([]byte(nil), value...), closer.Close()
}

// Drop forgets a record set aside, durably. What is left of it is an empty value, so that no start takes the record for
// lost; the start after its cut is on the disk removes that too.
func (l *Log) Drop(sequence uint64) error {
	stall, err := l.movable(sequence)
	switch {
	case err == nil:
		err = ErrNotAside
	case errors.Is(err, ErrAside):
		err = l.submit(&request{sequence: sequence, aside: true, done: make(chan error, 1)}, stall)
	}
	if err != nil {
		return fmt.Errorf("door log: drop aside %d: %w", sequence, err)
	}
	return nil
}

// Aside lists what was set aside, oldest first.
func (l *Log) Aside() ([]Aside, error) {
	var list []Aside
	for after := uint64(0); ; {
		aside, found, err := l.NextAside(after)
		if err != nil || !found {
			return list, err
		}
		list, after = append(list, aside), aside.Sequence
	}
}

var errFound = errors.New("found")

// NextAside gives the first record set aside behind a sequence: they may be large, and many.
func (l *Log) NextAside(after uint64) (aside Aside, found bool, err error) {
	l.view.RLock()
	defer l.view.RUnlock()
	if l.closed {
		return Aside{}, false, ErrClosed
	}
	err = l.each(asideSpace, after+1, func(sequence uint64, stored []byte) error {
		if len(stored) == 0 {
			return nil // dropped
		}
		if aside, err = decodeAside(sequence, stored); err != nil {
			return err
		}
		return errFound
	})
	switch {
	case errors.Is(err, errFound):
		return aside, true, nil
	case err != nil:
		return Aside{}, false, fmt.Errorf("door log: asides: %w", err)
	}
	return Aside{}, false, nil
}

// each visits a key space from a sequence on, in order.
func (l *Log) each(space byte, from uint64, visit func(sequence uint64, value []byte) error) error {
	iter, err := l.db.NewIter(&pebble.IterOptions{LowerBound: key(space, from), UpperBound: []byte{space + 1}})
	if err != nil {
		return err
	}
	defer func() { _ = iter.Close() }() // its error is that of Error
	for ok := iter.First(); ok; ok = iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return err
		}
		if err := visit(sequenceOf(iter.Key()), value); err != nil {
			return err
		}
	}
	return iter.Error()
}

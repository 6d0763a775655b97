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
	return Aside{record, reason}, nil
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
		return nil, ErrAside
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

// Aside lists what was set aside, oldest first.
func (l *Log) Aside() ([]Aside, error) {
	l.view.RLock()
	defer l.view.RUnlock()
	if l.closed {
		return nil, ErrClosed
	}
	var list []Aside
	err := l.each(asideSpace, 0, func(sequence uint64, stored []byte) error {
		aside, err := decodeAside(sequence, stored)
		list = append(list, aside)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("door log: asides: %w", err)
	}
	return list, nil
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

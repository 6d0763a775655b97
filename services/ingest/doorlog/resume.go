package doorlog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// resume takes stock of an opened store: the book of what waits, and what is missing from it.
func (l *Log) resume() error {
	cut, err := l.storedCut()
	if err != nil {
		return err
	}
	aside := map[uint64]bool{}
	last := cut
	err = l.each(asideSpace, 0, func(sequence uint64, _ []byte) error {
		aside[sequence] = true
		last = max(last, sequence)
		return nil
	})
	if err != nil {
		return err
	}
	stock := stock{log: l, aside: aside}
	l.book = book{cut: cut, aside: len(aside)}
	if err := stock.take(cut + 1); err != nil {
		return err
	}
	for l.book.newest() < last { // asides behind the last waiting record
		l.book.entries = append(l.book.entries, entry{})
	}
	l.writer.next = l.book.newest() + 1
	return l.mourn(stock.lost)
}

func (l *Log) storedCut() (uint64, error) {
	value, closer, err := l.db.Get(key(cutSpace, 0))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("cut: %w", err)
	}
	defer func() { _ = closer.Close() }()
	if len(value) != 8 {
		return 0, fmt.Errorf("%w: cut: %d bytes, want 8", errDamaged, len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

// stock is the stock-taking of a queue.
type stock struct {
	log   *Log
	aside map[uint64]bool
	lost  []uint64 // acknowledged, not there
}

// maxProbes bounds the search for the end of a damaged table, in sequences.
const maxProbes = 1 << 17

// take enters what waits from a sequence on. Where a table is damaged it goes on behind the damage: what
// lies between was acknowledged, since only what is durable gets into tables.
func (s *stock) take(from uint64) error {
	for probes := 0; ; probes++ {
		err := s.log.each(queueSpace, from, s.enter)
		if !errors.Is(err, pebble.ErrCorruption) {
			return err
		}
		if probes == maxProbes {
			return fmt.Errorf("nothing readable in %d sequences: %w", maxProbes, err)
		}
		from = max(from, s.log.book.newest()+1)
		s.miss(from)
		s.log.book.entries = append(s.log.book.entries, entry{})
		from++
	}
}

// enter books a record and finds out about the hole before it, if there is one.
func (s *stock) enter(sequence uint64, value []byte) error {
	b := &s.log.book
	if len(value) < overhead {
		value = append(value[:len(value):len(value)], make([]byte, overhead-len(value))...)
	}
	durable := durableBefore(sequence, value)
	if verify(sequence, value) != nil { // its distance says nothing
		durable = 0
	}
	for missing := b.newest() + 1; missing < sequence && missing <= durable; missing++ {
		s.miss(missing)
	}
	b.add(sequence, len(value), stamp(value))
	return nil
}

func (s *stock) miss(sequence uint64) {
	if !s.aside[sequence] {
		s.lost = append(s.lost, sequence)
	}
}

// mourn gives each lost record its visible end: an aside without data.
func (l *Log) mourn(lost []uint64) error {
	if len(lost) == 0 {
		return nil
	}
	l.options.Log.Error("door log: acknowledged records are lost to damage on the disk; each is listed among those set aside",
		"records", len(lost), "first", lost[0], "last", lost[len(lost)-1])
	for len(lost) > 0 {
		batch := l.db.NewBatch()
		n := min(len(lost), groupRecords)
		for _, sequence := range lost[:n] {
			if err := batch.Set(key(asideSpace, sequence), encodeAside("lost: damaged on the disk", nil), nil); err != nil {
				return err
			}
		}
		if err := batch.Commit(pebble.Sync); err != nil {
			return err
		}
		l.book.aside += n
		lost = lost[n:]
	}
	return nil
}

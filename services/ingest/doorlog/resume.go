package doorlog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// resume takes stock of an opened store: the book of what waits, and what is missing from it.
func (l *Log) resume() error {
	cut, durable, err := l.storedMark()
	damaged := pebble.IsCorruptionError(err)
	if err != nil && !damaged {
		return err
	}
	last := max(cut, durable)
	stock := stock{log: l, aside: map[uint64]bool{}, floating: damaged}
	l.book = book{cut: cut}
	var dropped []uint64
	err = l.each(asideSpace, 0, func(sequence uint64, value []byte) error {
		stock.aside[sequence] = true
		last = max(last, sequence)
		if len(value) > 0 {
			l.book.setAside(sequence, true)
		} else if sequence <= cut {
			dropped = append(dropped, sequence)
		}
		return nil
	})
	if err == nil {
		err = l.sweep(dropped)
	}
	if err != nil {
		return err
	}
	if err := stock.take(cut + 1); err != nil {
		return err
	}
	stock.skipTo(last + 1)
	stock.judge(durable)
	l.writer.next = l.book.newest() + 1
	return l.mourn(stock.lost)
}

// sweep removes what is left of dropped records that lie behind the cut.
func (l *Log) sweep(dropped []uint64) error {
	batch := l.db.NewBatch()
	for _, sequence := range dropped {
		if err := batch.Delete(key(asideSpace, sequence), nil); err != nil {
			return err
		}
	}
	return batch.Commit(pebble.NoSync)
}

func (l *Log) storedMark() (cut, durable uint64, err error) {
	value, closer, err := l.db.Get(key(markSpace, 0))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("mark: %w", err)
	}
	defer func() { _ = closer.Close() }()
	if len(value) != 16 {
		return 0, 0, fmt.Errorf("%w: mark: %d bytes, want 16", errDamaged, len(value))
	}
	return binary.BigEndian.Uint64(value), binary.BigEndian.Uint64(value[8:]), nil
}

// stock is the stock-taking of a queue.
type stock struct {
	log      *Log
	aside    map[uint64]bool // set aside, or dropped since
	lost     []uint64        // acknowledged, not there
	holes    []uint64        // not there; whether acknowledged, a later record tells
	floating bool            // the cut cannot be read: the first record there is follows it
}

// maxProbes bounds the search for the end of a damaged table, in sequences.
const maxProbes = 1 << 17

// take enters what waits from a sequence on. Where a table is damaged it goes on behind the damage: what
// lies between was acknowledged, since only what is durable gets into tables.
func (s *stock) take(from uint64) error {
	for probes := 0; ; probes++ {
		err := s.log.each(queueSpace, from, s.enter)
		if !pebble.IsCorruptionError(err) {
			return err
		}
		if probes == maxProbes {
			return fmt.Errorf("nothing readable in %d sequences: %w", maxProbes, err)
		}
		from = max(from, s.log.book.newest()+1)
		s.skipTo(from + 1)
		s.judge(from)
		from++
	}
}

// enter books a record and asks it about the holes before it.
func (s *stock) enter(sequence uint64, value []byte) error {
	s.skipTo(sequence)
	if verify(sequence, value) == nil {
		s.judge(durableBefore(sequence, value))
	}
	s.log.book.add(sequence, max(len(value), 1), stamp(value))
	return nil
}

// skipTo notes the sequences before the next one as missing.
func (s *stock) skipTo(next uint64) {
	b := &s.log.book
	if s.floating {
		b.cut, s.floating = next-1, false
	}
	for b.newest()+1 < next {
		b.entries = append(b.entries, entry{})
		s.holes = append(s.holes, b.newest())
	}
}

// judge knows everything up to a sequence to have been durable, hence acknowledged. The record right
// behind a hole cannot tell: it was written while the lost ones were on their way to the disk. Those after
// it can.
func (s *stock) judge(durable uint64) {
	for len(s.holes) > 0 && s.holes[0] <= durable {
		s.miss(s.holes[0])
		s.holes = s.holes[1:]
	}
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
	l.options.Damaged(len(lost), true)
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
		for _, sequence := range lost[:n] {
			l.book.setAside(sequence, true)
		}
		lost = lost[n:]
	}
	return nil
}

package doorlog

import (
	"fmt"
	"time"
)

// book is the account of what waits in the queue: eight bytes a record, so that a million of them in an
// outage cost eight megabytes and Stats costs nothing.
type book struct {
	cut     uint64  // the newest sequence forgotten
	entries []entry // entries[i] is of sequence cut+1+i; of size 0: not in the queue
	records int
	bytes   int64
	freed   int64           // bytes cut, all told
	asides  map[uint64]bool // sequences set aside

	pendingRecords int // admitted, not yet durable; they count against the bounds
	pendingBytes   int64
}

type entry struct {
	size uint32 // of the stored value
	at   uint32 // Unix seconds
}

func (b *book) newest() uint64 { return b.cut + uint64(len(b.entries)) }

// add enters a record; sequences skipped since the last one count as absent.
func (b *book) add(sequence uint64, size int, at time.Time) {
	for b.newest()+1 < sequence {
		b.entries = append(b.entries, entry{})
	}
	b.entries = append(b.entries, entry{uint32(size), uint32(at.Unix())})
	b.records++
	b.bytes += int64(size)
}

// remove strikes one record out.
func (b *book) remove(sequence uint64) {
	if b.has(sequence) {
		e := &b.entries[sequence-b.cut-1]
		b.records--
		b.bytes -= int64(e.size)
		*e = entry{}
	}
}

// setAside strikes one record out and enters it among those set aside, or strikes it out there.
func (b *book) setAside(sequence uint64, there bool) {
	b.remove(sequence)
	if !there {
		delete(b.asides, sequence)
		return
	}
	if b.asides == nil {
		b.asides = map[uint64]bool{}
	}
	b.asides[sequence] = true
}

func (b *book) has(sequence uint64) bool {
	return sequence > b.cut && sequence <= b.newest() && b.entries[sequence-b.cut-1].size > 0
}

// cutThrough forgets everything up to and including through, as far as the book reaches.
func (b *book) cutThrough(through uint64) {
	through = min(through, b.newest())
	before := b.bytes
	for sequence := b.cut + 1; sequence <= through; sequence++ {
		b.remove(sequence)
	}
	if through > b.cut {
		b.entries = b.entries[through-b.cut:]
		b.cut = through
		b.freed += before - b.bytes
	}
}

// oldest is when the oldest waiting record was appended; zero if none waits.
func (b *book) oldest() time.Time {
	for _, e := range b.entries {
		if e.size > 0 {
			return time.Unix(int64(e.at), 0).UTC()
		}
	}
	return time.Time{}
}

// admit reserves room for a record of size bytes within the bounds.
func (b *book) admit(size int64, maxRecords int, maxBytes int64) error {
	if n := b.records + b.pendingRecords; maxRecords > 0 && n >= maxRecords {
		return fmt.Errorf("%w: %d records wait, at most %d", ErrFull, n, maxRecords)
	}
	if n := b.bytes + b.pendingBytes; maxBytes > 0 && n+size > maxBytes {
		return fmt.Errorf("%w: %d bytes wait and %d more would, at most %d", ErrFull, n, size, maxBytes)
	}
	b.pendingRecords++
	b.pendingBytes += size
	return nil
}

// release gives back what admit reserved.
func (b *book) release(size int64) {
	b.pendingRecords--
	b.pendingBytes -= size
}

// used tells whether a share of a bound is used.
func (b *book) used(maxRecords int, maxBytes int64, share float64) bool {
	return maxRecords > 0 && float64(b.records) >= share*float64(maxRecords) ||
		maxBytes > 0 && float64(b.bytes) >= share*float64(maxBytes)
}

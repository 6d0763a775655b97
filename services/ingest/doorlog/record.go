package doorlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// Key spaces. A key is the space's byte and a big-endian sequence.
const (
	queueSpace byte = 'q'
	asideSpace byte = 'x'
	markSpace  byte = 'm' // one key, of sequence 0
)

// A mark is the newest sequence cut and the newest known durable when it was written (8 bytes each).
func mark(cut, durable uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, cut), durable)
}

func key(space byte, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{space}, sequence)
}

func sequenceOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[1:]) }

// A value is: checksum (4 bytes), distance (4), append time (8, Unix nanoseconds), data. The distance
// leads back to the newest record that was durable when this one was written, so that a hole found later
// tells acknowledged records from those a crash took before anybody relied on them. The checksum covers
// sequence, distance, time and the data's own checksum; the costly part is computed by the appending
// goroutine, the rest by the one that gives the sequence.
const overhead = 16

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errDamaged = errors.New("damaged record")

// frame makes room for the head in front of data, into buf if it is large enough.
func frame(buf, data []byte) []byte {
	value := append(append(buf[:0], make([]byte, overhead)...), data...)
	binary.BigEndian.PutUint32(value, crc32.Checksum(data, castagnoli))
	return value
}

// seal completes the head of a framed value.
func seal(value []byte, sequence, durable uint64, at time.Time) {
	content := binary.BigEndian.Uint32(value)
	binary.BigEndian.PutUint32(value[4:], uint32(sequence-durable))
	binary.BigEndian.PutUint64(value[8:], uint64(at.UnixNano()))
	binary.BigEndian.PutUint32(value, checksum(sequence, value, content))
}

func checksum(sequence uint64, value []byte, content uint32) uint32 {
	var covered [24]byte
	binary.BigEndian.PutUint64(covered[:], sequence)
	copy(covered[8:], value[4:overhead])
	binary.BigEndian.PutUint32(covered[20:], content)
	return crc32.Checksum(covered[:], castagnoli)
}

// verify proves that a value is what was appended under its sequence.
func verify(sequence uint64, value []byte) error {
	if len(value) < overhead {
		return fmt.Errorf("%w: %d: %d bytes, want at least %d", errDamaged, sequence, len(value), overhead)
	}
	want := checksum(sequence, value, crc32.Checksum(value[overhead:], castagnoli))
	if got := binary.BigEndian.Uint32(value); got != want {
		return fmt.Errorf("%w: %d: checksum %08x, want %08x", errDamaged, sequence, got, want)
	}
	return nil
}

// open copies a record out of its value, whose checksum it proves.
func open(sequence uint64, value []byte) (Record, error) {
	if err := verify(sequence, value); err != nil {
		return Record{}, err
	}
	return Record{Sequence: sequence, At: stamp(value), Data: append([]byte(nil), value[overhead:]...)}, nil
}

func stamp(value []byte) time.Time {
	if len(value) < overhead {
		return time.Time{}
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(value[8:]))).UTC()
}

// durableBefore is the newest sequence known durable when the value was written.
func durableBefore(sequence uint64, value []byte) uint64 {
	return sequence - uint64(binary.BigEndian.Uint32(value[4:]))
}

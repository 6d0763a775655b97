package doorlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
)

// Key spaces. A key is the space's byte and the big-endian sequence.
const (
	queue     byte = 'q'
	asideRoom byte = 'x'
)

func key(space byte, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{space}, sequence)
}

// A value is: checksum (4 bytes, over sequence and the rest), append time (8, Unix nanoseconds), data.
const overhead = 12

var table = crc32.MakeTable(crc32.Castagnoli)

func seal(sequence uint64, at time.Time, data []byte) []byte {
	value := make([]byte, overhead, overhead+len(data))
	binary.BigEndian.PutUint64(value[4:], uint64(at.UnixNano()))
	value = append(value, data...)
	binary.BigEndian.PutUint32(value, checksum(sequence, value[4:]))
	return value
}

func checksum(sequence uint64, rest []byte) uint32 {
	return crc32.Update(crc32.Checksum(binary.BigEndian.AppendUint64(nil, sequence), table), table, rest)
}

// unseal proves a value and copies its data out.
func unseal(sequence uint64, value []byte) (Record, error) {
	if len(value) < overhead {
		return Record{}, fmt.Errorf("record %d: %d bytes, want at least %d", sequence, len(value), overhead)
	}
	if got, want := binary.BigEndian.Uint32(value), checksum(sequence, value[4:]); got != want {
		return Record{}, fmt.Errorf("record %d: checksum %08x, want %08x", sequence, got, want)
	}
	return Record{Sequence: sequence, At: stamp(value), Data: append([]byte(nil), value[overhead:]...)}, nil
}

func stamp(value []byte) time.Time {
	if len(value) < overhead {
		return time.Time{}
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(value[4:]))).UTC()
}

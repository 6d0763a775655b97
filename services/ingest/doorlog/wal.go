package doorlog

import (
	"encoding/binary"
	"hash/crc32"
)

// The form of pebble's write-ahead log (its package record): blocks of 32 KiB, filled with chunks that do
// not cross them. A chunk is: checksum (4 bytes, over the rest), length of the payload (2), kind (1),
// number of the log (4), in some kinds the offset synced before (8), payload; all little-endian. A batch
// is one chunk or a first, middle ones and a last. Files are used again, so older chunks may follow the
// end; their log number tells. A log ended in good order closes with an empty chunk of the next number.
const (
	walBlock = 32 << 10
	walHead  = 11
	syncHead = 19 // with the offset
)

// Kinds of chunks; those with an offset follow in the same order.
const (
	chunkFull   = 5
	chunkFirst  = 6
	chunkMiddle = 7
	chunkLast   = 8
	withOffset  = 4 // added to the kind
)

// walReader reads what is whole in a write-ahead log.
type walReader struct {
	number  uint32
	batches [][]byte
	ended   bool // in good order
	mended  bool // batches differ from what pebble would read
	damaged bool // there are whole batches behind the damage

	partial []byte // of the batch being assembled; nil: none
	gap     bool   // something was not understood
}

func (r *walReader) read(data []byte) {
	for start := 0; start < len(data) && !r.ended; start += walBlock {
		r.block(data[start:min(start+walBlock, len(data))])
	}
	r.abandon()
}

func (r *walReader) block(block []byte) {
	for len(block) >= walHead && !r.ended {
		size := r.chunk(block)
		if size == 0 {
			return
		}
		block = block[size:]
	}
	if !r.ended && !allZero(block) { // padding that is none
		r.lose()
	}
}

// chunk takes the chunk at the beginning of block and gives its size; 0 if the rest of the block cannot
// be understood or is padding.
func (r *walReader) chunk(block []byte) int {
	kind, number := block[6], binary.LittleEndian.Uint32(block[7:])
	head := walHead
	if kind > chunkLast {
		head, kind = syncHead, kind-withOffset
	}
	size := head + int(binary.LittleEndian.Uint16(block[4:]))
	switch {
	case len(block) < syncHead && allZero(block): // too little room for a chunk at the end of a block
		return 0
	case kind == chunkFull && number == r.number+1 && allZero(block[:6]) && r.partial == nil:
		r.ended = true
		return 0
	case kind < chunkFull || kind > chunkLast || number != r.number || size > len(block):
		r.lose()
		return 0
	case walChecksum(block[6:size]) != binary.LittleEndian.Uint32(block):
		r.lose()
		return size // its length may be right, and what follows proves itself
	}
	r.take(kind, block[head:size])
	return size
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func walChecksum(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

func (r *walReader) take(kind byte, payload []byte) {
	switch kind {
	case chunkFull:
		r.abandon()
		r.finish(append([]byte(nil), payload...))
	case chunkFirst:
		r.abandon()
		r.partial = append(make([]byte, 0, 2*len(payload)), payload...)
	case chunkMiddle, chunkLast:
		if r.partial == nil { // its beginning is lost
			r.gap = true
			return
		}
		r.partial = append(r.partial, payload...)
		if kind == chunkLast {
			batch := r.partial
			r.partial = nil
			r.finish(batch)
		}
	}
}

func (r *walReader) finish(batch []byte) {
	if r.gap {
		r.mended, r.damaged = true, true
	}
	r.batches = append(r.batches, batch)
}

func (r *walReader) lose() {
	r.abandon()
	r.gap = true
}

// abandon keeps the whole entries of a batch whose end is missing.
func (r *walReader) abandon() {
	if r.partial == nil {
		return
	}
	r.gap = true
	if whole := wholeEntries(r.partial); whole != nil {
		r.batches = append(r.batches, whole)
		r.mended = true
	}
	r.partial = nil
}

// formatWAL writes batches as a write-ahead log that ends in good order.
func formatWAL(number uint32, batches [][]byte) []byte {
	var log []byte
	for _, batch := range batches {
		log = appendBatch(log, number, batch)
	}
	end := make([]byte, walHead)
	end[6] = chunkFull
	binary.LittleEndian.PutUint32(end[7:], number+1)
	return append(pad(log), end...)
}

func appendBatch(log []byte, number uint32, batch []byte) []byte {
	for first := true; first || len(batch) > 0; first = false {
		log = pad(log)
		room := walBlock - len(log)%walBlock - walHead
		n := min(room, len(batch))
		log = appendChunk(log, chunkKind(first, n == len(batch)), number, batch[:n])
		batch = batch[n:]
	}
	return log
}

// pad fills a block whose rest has no room for a chunk.
func pad(log []byte) []byte {
	if room := walBlock - len(log)%walBlock; room < walHead {
		return append(log, make([]byte, room)...)
	}
	return log
}

func chunkKind(first, last bool) byte {
	switch {
	case first && last:
		return chunkFull
	case first:
		return chunkFirst
	case last:
		return chunkLast
	default:
		return chunkMiddle
	}
}

func appendChunk(log []byte, kind byte, number uint32, payload []byte) []byte {
	start := len(log)
	log = append(log, make([]byte, walHead)...)
	log = append(log, payload...)
	chunk := log[start:]
	binary.LittleEndian.PutUint16(chunk[4:], uint16(len(payload)))
	chunk[6] = kind
	binary.LittleEndian.PutUint32(chunk[7:], number)
	binary.LittleEndian.PutUint32(chunk, walChecksum(chunk[6:]))
	return log
}

package doorlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// mend prepares damaged write-ahead logs for pebble, which gives up at the first byte it does not
// understand: either it refuses to open, or it takes the place for the end and forgets what lies behind.
// Every record that is whole on the disk shall be served, so a log with whole batches behind a damage is
// written anew without the damage, the old one kept beside it.
//
// The batch under the damage keeps its whole records in front. The same goes for a torn one: nobody can
// tell a group that was torn from one that was damaged later, and a record too many is harmless, one too
// few is not.
func (l *Log) mend() error {
	names, err := l.options.FS.List(l.options.Dir)
	if err != nil {
		return err
	}
	var logs []uint64
	for _, name := range names {
		if number, err := strconv.ParseUint(strings.TrimSuffix(name, ".log"), 10, 64); err == nil && strings.HasSuffix(name, ".log") {
			logs = append(logs, number)
		}
	}
	slices.Sort(logs)
	for i, number := range logs {
		if err := l.mendLog(number, i == len(logs)-1); err != nil {
			return fmt.Errorf("write-ahead log %d: %w", number, err)
		}
	}
	return nil
}

func (l *Log) mendLog(number uint64, newest bool) error {
	fs, name := l.options.FS, l.options.FS.PathJoin(l.options.Dir, fmt.Sprintf("%06d.log", number))
	data, err := readFile(fs, name)
	if err != nil {
		return err
	}
	r := walReader{number: uint32(number)}
	r.read(data)
	// Older logs were ended in good order, and pebble insists on that.
	if !r.mended && (r.ended || newest) {
		return nil
	}
	if r.damaged || !r.ended && !newest {
		kept := fs.PathJoin(l.options.Dir, "damaged-"+path.Base(name))
		l.options.Log.Warn("door log: a write-ahead log is not in one piece; what is whole in it goes on", "path", kept, "batches", len(r.batches))
		if err := keepCopy(fs, name, kept, data); err != nil {
			return err
		}
	}
	mended := fs.PathJoin(l.options.Dir, "mended")
	if err := writeFile(fs, mended, formatWAL(uint32(number), r.batches)); err != nil {
		return err
	}
	if err := fs.Rename(mended, name); err != nil {
		return err
	}
	return syncDir(fs, l.options.Dir)
}

// keepCopy keeps the first damaged form of a log.
func keepCopy(fs vfs.FS, name, kept string, data []byte) error {
	if _, err := fs.Stat(kept); err == nil {
		return nil
	}
	return writeFile(fs, kept, data)
}

func readFile(fs vfs.FS, name string) ([]byte, error) {
	file, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(file)
	return data, errors.Join(err, file.Close())
}

func writeFile(fs vfs.FS, name string, data []byte) error {
	file, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// makeDir makes a directory that survives a power cut: each parent that got a new entry is synced. Pebble
// does so only for a directory it makes itself, and this one is made before it, for the lock.
func makeDir(fs vfs.FS, dir string) error {
	var parents []string
	for at := dir; ; at = fs.PathDir(at) {
		if _, err := fs.Stat(at); err == nil || at == fs.PathDir(at) {
			break
		}
		parents = append(parents, fs.PathDir(at))
	}
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, parent := range parents {
		if err := syncDir(fs, parent); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(fs vfs.FS, dir string) error {
	file, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// batchHead is the head of a batch: pebble's sequence (8 bytes) and the number of entries (4), both
// little-endian. An entry is its kind, its key and, but for deletes, its value, both behind their length
// as a varint.
const batchHead = 12

// wholeEntries cuts a batch that lost its end down to the entries in front that are whole; nil if none is.
func wholeEntries(batch []byte) []byte {
	end, count := batchHead, uint32(0)
	for end < len(batch) {
		next := entryEnd(batch, end)
		if next < 0 {
			break
		}
		end, count = next, count+1
	}
	if count == 0 {
		return nil
	}
	whole := slices.Clone(batch[:end])
	binary.LittleEndian.PutUint32(whole[8:], count)
	return whole
}

// entryEnd is where the entry at position ends; negative if it does not.
func entryEnd(batch []byte, position int) int {
	kind := pebble.InternalKeyKind(batch[position])
	strings := 2
	if kind == pebble.InternalKeyKindDelete {
		strings = 1
	}
	position++
	for range strings {
		length, n := binary.Uvarint(batch[min(position, len(batch)):])
		if n <= 0 || length > uint64(len(batch)-position-n) {
			return -1
		}
		position += n + int(length)
	}
	return position
}

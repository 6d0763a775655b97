package doorlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// inFlight is how many records are under way at once when a log is left behind.
const inFlight = 16

// leftBehind is a log as a killed process leaves it, on real files copied to memory.
func leftBehind(t *testing.T) (files map[string][]byte, acked map[uint64]uint64) {
	t.Helper()
	dir := t.TempDir()
	l := mustOpen(t, Options{Dir: dir})
	var a acknowledged
	for _, size := range []int{60, 700, 6000, 20_000} {
		for _, err := range a.fill(l, inFlight, 4, size) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	files = map[string][]byte{}
	names, err := vfs.Default.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if files[name], err = readFile(vfs.Default, path.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, l)
	return files, a.snapshot()
}

func onMemory(t *testing.T, files map[string][]byte) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	if err := fs.MkdirAll("log", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := writeFile(fs, fs.PathJoin("log", name), bytes.Clone(data)); err != nil { // a write may change what it is given
			t.Fatal(err)
		}
	}
	return fs
}

func newest(files map[string][]byte, suffix string) string {
	var names []string
	for name := range files {
		if strings.HasSuffix(name, suffix) {
			names = append(names, name)
		}
	}
	return slices.Max(names)
}

// damages are ways in which bytes go wrong from a place on.
var damages = map[string]func(data []byte, at int, random *rand.Rand) []byte{
	"torn": func(data []byte, at int, _ *rand.Rand) []byte { return data[:at] },
	"zeroed to the end": func(data []byte, at int, _ *rand.Rand) []byte {
		clear(data[at:])
		return data
	},
	"zeroed": func(data []byte, at int, random *rand.Rand) []byte {
		clear(data[at:min(len(data), at+1+random.IntN(5000))])
		return data
	},
	"bit flipped": func(data []byte, at int, random *rand.Rand) []byte {
		data[at] ^= 1 << random.IntN(8)
		return data
	},
	"noise": func(data []byte, at int, random *rand.Rand) []byte {
		for i := at; i < min(len(data), at+1+random.IntN(100_000)); i++ {
			data[i] = byte(random.Uint32())
		}
		return data
	},
}

// TestDamagedLogServesWhatIsWhole damages the newest write-ahead log at many places. Whatever is served is
// right; everything acknowledged before the block of the damage is served; what was acknowledged and is
// neither served nor at the very end is listed as lost.
func TestDamagedLogServesWhatIsWhole(t *testing.T) {
	files, acked := leftBehind(t)
	name := newest(files, ".log")
	ends := places(t, files[name], acked)
	for kind, damage := range damages {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(8) {
				random := rand.New(rand.NewPCG(seed, 7))
				at := random.IntN(slices.Max(slices.Collect(maps.Values(ends))))
				copied := maps.Clone(files)
				copied[name] = damage(bytes.Clone(files[name]), at, random)
				mustServe(t, fmt.Sprintf("seed %d, at %d", seed, at), onMemory(t, copied), acked, func(sequence uint64) bool {
					return ends[sequence] <= at-at%walBlock
				})
			}
		})
	}
}

// places finds where in a write-ahead log each record ends, by looking for its last bytes.
func places(t *testing.T, log []byte, acked map[uint64]uint64) map[uint64]int {
	t.Helper()
	ends := map[uint64]int{}
	for sequence, number := range acked {
		size := sizeOf(number)
		tail := payload(number, size)[size-20:]
		if i := bytes.Index(log, tail); i >= 0 {
			ends[sequence] = i + len(tail)
		} else { // its last bytes lie in two blocks
			ends[sequence] = len(log)
		}
	}
	return ends
}

// mustServe opens a damaged log and reads all of it.
func mustServe(t *testing.T, what string, fs vfs.FS, acked map[uint64]uint64, expected func(sequence uint64) bool) {
	t.Helper()
	ear := newEar()
	l, err := Open(Options{Dir: "log", FS: fs, Ballast: -1, Log: ear.logger()})
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	defer mustClose(t, l)
	served := map[uint64]bool{}
	var last uint64
	for _, r := range everything(t, l) {
		if !intact(r.Data) || numberOf(r.Data) != acked[r.Sequence] {
			t.Errorf("%s: record %d is served wrong", what, r.Sequence)
		}
		if r.Sequence <= last {
			t.Errorf("%s: record %d after %d", what, r.Sequence, last)
		}
		served[r.Sequence], last = true, r.Sequence
	}
	list, err := l.Aside()
	if err != nil {
		t.Fatal(err)
	}
	aside := map[uint64]bool{}
	for _, a := range list {
		aside[a.Sequence] = true
	}
	for sequence := range acked {
		switch {
		case served[sequence] && aside[sequence]:
			t.Errorf("%s: record %d is served and set aside", what, sequence)
		case served[sequence]:
		case expected(sequence):
			t.Errorf("%s: record %d, before the damage, is missing", what, sequence)
		case !aside[sequence] && sequence+inFlight <= last: // so one that is served was written when it was durable
			t.Errorf("%s: record %d is missing without a word", what, sequence)
		}
	}
	if len(list) > 0 && !ear.heard("ERROR") {
		t.Errorf("%s: %d records lost in silence", what, len(list))
	}
	if sequence, err := l.Append(payload(1, 10)); err != nil || served[sequence] {
		t.Errorf("%s: append: %d, %v", what, sequence, err)
	}
}

// TestDamageInTheMiddleCostsOneGroup flips one bit early in the log: everything behind the group it hits is
// still served.
func TestDamageInTheMiddleCostsOneGroup(t *testing.T) {
	fs := vfs.NewCrashableMem()
	l := mustOpen(t, Options{Dir: "log", FS: fs})
	for n := range uint64(100) { // one by one: each is a group
		mustAppend(t, l, payload(n+1, 5000))
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	mustClose(t, l)
	name, data := flipIn(t, crashed, payload(40, 5000))
	if err := writeFile(crashed, name, data); err != nil {
		t.Fatal(err)
	}
	var told []string
	for range 2 { // the second time nothing is found anew
		l = mustOpen(t, Options{Dir: "log", FS: crashed, Damaged: func(records int, lost bool) { told = append(told, fmt.Sprint(records, lost)) }})
		checkSequences(t, l, append(through(1, 39), through(41, 100)...))
		list, err := l.Aside()
		if err != nil || len(list) != 1 || list[0].Sequence != 40 || !strings.HasPrefix(list[0].Reason, "lost") {
			t.Errorf("asides: %+v, %v", list, err)
		}
		mustClose(t, l)
	}
	if !slices.Equal(told, []string{"1 true"}) {
		t.Errorf("told of %v, want one lost record, once", told)
	}
	names, err := crashed.List("log")
	if err != nil || !slices.Contains(names, "damaged-"+path.Base(name)) {
		t.Errorf("the damaged log is not kept: %v, %v", names, err)
	}
}

// TestDamageAtTheEndOfAClosedLog damages the last record of a log that was closed in good order: its end is
// known, so the record is missed.
func TestDamageAtTheEndOfAClosedLog(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, Options{Dir: "log", FS: fs})
	for n := range uint64(20) {
		mustAppend(t, l, payload(n+1, 500))
	}
	mustClose(t, l)
	name, data := flipIn(t, fs, payload(20, 500))
	if err := writeFile(fs, name, data); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, Options{Dir: "log", FS: fs})
	defer mustClose(t, l)
	checkSequences(t, l, through(1, 19))
	list, err := l.Aside()
	if err != nil || len(list) != 1 || list[0].Sequence != 20 {
		t.Errorf("asides: %+v, %v", list, err)
	}
	if got := mustAppend(t, l, payload(21, 500)); got != 21 {
		t.Errorf("sequence %d, want 21: a lost record's is not given again", got)
	}
}

// flipIn finds the write-ahead log that holds a record and flips a bit in the record.
func flipIn(t *testing.T, fs vfs.FS, record []byte) (name string, data []byte) {
	t.Helper()
	for file, data := range filesOf(t, fs) {
		for part := 0; isLog(file) && part+40 < len(record); part += 40 {
			if place := bytes.Index(data, record[part:part+40]); place >= 0 {
				data[place] ^= 4
				return fs.PathJoin("log", file), data
			}
		}
	}
	t.Fatal("no write-ahead log holds the record")
	return "", nil
}

func newestLog(t *testing.T, fs vfs.FS) string {
	t.Helper()
	names, err := fs.List("log")
	if err != nil {
		t.Fatal(err)
	}
	var logs []string
	for _, name := range names {
		if isLog(name) && !strings.HasPrefix(name, "damaged") {
			logs = append(logs, name)
		}
	}
	return fs.PathJoin("log", slices.Max(logs))
}

// TestDamagedTableSetsItsRecordsAside flips bits in records that have left the write-ahead log.
func TestDamagedTableSetsItsRecordsAside(t *testing.T) {
	healthy := vfs.NewMem()
	l := mustOpen(t, Options{Dir: "log", FS: healthy})
	acked := map[uint64]uint64{}
	for n := range uint64(400) {
		acked[mustAppend(t, l, payload(n, 100+int(n%7)*1000))] = n
	}
	mustClose(t, l)
	mustClose(t, mustOpen(t, Options{Dir: "log", FS: healthy})) // opening flushes
	files := filesOf(t, healthy)
	name := newest(files, ".sst")
	for seed := range uint64(25) {
		random := rand.New(rand.NewPCG(seed, 3))
		copied := maps.Clone(files)
		copied[name] = bytes.Clone(files[name])
		at := random.IntN(len(copied[name]) * 9 / 10)
		copied[name][at] ^= 1 << random.IntN(8)
		what := fmt.Sprintf("seed %d, at %d", seed, at)
		missing := 0
		mustServe(t, what, onMemory(t, copied), acked, func(uint64) bool {
			missing++
			return false
		})
		if missing > 60 {
			t.Errorf("%s: one bit cost %d records", what, missing)
		}
	}
}

func filesOf(t *testing.T, fs vfs.FS) map[string][]byte {
	t.Helper()
	names, err := fs.List("log")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[name], err = readFile(fs, fs.PathJoin("log", name)); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestWrongBytesUnderARightTable has a record whose bytes are wrong although the disk returns what was
// written: it is set aside with the bytes there are, and the rest goes on.
func TestWrongBytesUnderARightTable(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, Options{Dir: "log", FS: fs})
	for n := range uint64(3) {
		mustAppend(t, l, payload(n, 100))
	}
	value, err := l.value(2)
	if err != nil {
		t.Fatal(err)
	}
	value[overhead+50] ^= 1
	wrong := bytes.Clone(value[overhead:])
	if err := l.db.Set(key(queueSpace, 2), value, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	records, err := l.Read(t.Context(), 1, 10, 1<<20)
	if err != nil || !cmp.Equal(sequences(records), []uint64{3}) {
		t.Fatalf("read behind 1: %v, %v", sequences(records), err)
	}
	mustClose(t, l)
	l = mustOpen(t, Options{Dir: "log", FS: fs})
	defer mustClose(t, l)
	checkSequences(t, l, []uint64{1, 3})
	list, err := l.Aside()
	if err != nil || len(list) != 1 || list[0].Sequence != 2 || !bytes.Equal(list[0].Data, wrong) || !strings.HasPrefix(list[0].Reason, "damaged") {
		t.Errorf("asides: %+v, %v", list, err)
	}
}

func TestSealedRecordProvesItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data")
		sequence := rapid.Uint64Range(1, 1<<60).Draw(t, "sequence")
		durable := sequence - rapid.Uint64Range(1, min(sequence, 1<<20)).Draw(t, "distance")
		at := stamp(binary.BigEndian.AppendUint64(make([]byte, 8, 16), rapid.Uint64Range(0, 1<<62).Draw(t, "at")))
		value := frame(nil, data)
		seal(value, sequence, durable, at)
		got, err := open(sequence, value)
		if err != nil || !bytes.Equal(got.Data, data) || got.Sequence != sequence || !got.At.Equal(at) {
			t.Fatalf("%+v, %v", got, err)
		}
		if got := durableBefore(sequence, value); got != durable {
			t.Fatalf("durable %d, want %d", got, durable)
		}
		if _, err := open(sequence+1, value); err == nil {
			t.Fatal("opened under another sequence")
		}
		bit := rapid.IntRange(0, 8*len(value)-1).Draw(t, "bit")
		value[bit/8] ^= 1 << (bit % 8)
		if _, err := open(sequence, value); err == nil {
			t.Fatalf("opened with bit %d flipped", bit)
		}
		short := rapid.IntRange(0, len(value)-1).Draw(t, "short")
		if _, err := open(sequence, value[:short]); err == nil {
			t.Fatalf("opened with %d of %d bytes", short, len(value))
		}
	})
}

func TestBookKeepsAccount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b book
		model, next := map[uint64]int{}, uint64(1)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				next += rapid.Uint64Range(0, 2).Draw(t, "hole")
				size := rapid.IntRange(overhead, 1000).Draw(t, "size")
				b.add(next, size, stamp(nil))
				model[next] = size
				next++
			},
			"remove": func(t *rapid.T) {
				sequence := rapid.Uint64Range(0, next+2).Draw(t, "sequence")
				b.remove(sequence)
				delete(model, sequence)
			},
			"cut": func(t *rapid.T) {
				through := rapid.Uint64Range(0, next+2).Draw(t, "through")
				b.cutThrough(through)
				maps.DeleteFunc(model, func(sequence uint64, _ int) bool { return sequence <= through })
			},
			"": func(t *rapid.T) {
				bytes := 0
				for sequence := range next + 3 {
					size, there := model[sequence]
					bytes += size
					if b.has(sequence) != there {
						t.Fatalf("has(%d): %t", sequence, b.has(sequence))
					}
				}
				if b.records != len(model) || b.bytes != int64(bytes) || b.newest() != next-1 {
					t.Fatalf("%d records of %d bytes up to %d, want %d, %d, %d", b.records, b.bytes, b.newest(), len(model), bytes, next-1)
				}
			},
		})
	})
}

// TestWriteAheadLogForm holds the form of the write-ahead log against pebble's own: what pebble writes is
// read here, and what is written here is read by pebble.
func TestWriteAheadLogForm(t *testing.T) {
	fs := vfs.NewCrashableMem()
	l := mustOpen(t, Options{Dir: "log", FS: fs})
	want := 0
	for n := range uint64(50) {
		mustAppend(t, l, payload(n, int(n*n*4)))
		want++
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	mustClose(t, l)
	name := newestLog(t, crashed)
	data, err := readFile(crashed, name)
	if err != nil {
		t.Fatal(err)
	}
	var number uint32
	if _, err := fmt.Sscanf(path.Base(name), "%d.log", &number); err != nil {
		t.Fatal(err)
	}
	r := walReader{number: number}
	r.read(data)
	if len(r.batches) != want || r.mended || r.damaged || r.ended {
		t.Errorf("%d batches, mended %t, damaged %t, ended %t; want %d of a log that has not ended", len(r.batches), r.mended, r.damaged, r.ended, want)
	}
	if err := writeFile(crashed, name, formatWAL(number, r.batches)); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, Options{Dir: "log", FS: crashed})
	defer mustClose(t, l)
	checkSequences(t, l, through(1, 50))
}

func TestWriteAheadLogRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(batchHead, 3*walBlock), 0, 12).Draw(t, "sizes")
		var batches [][]byte
		for i, size := range sizes {
			batches = append(batches, payload(uint64(i), size))
		}
		r := walReader{number: 7}
		r.read(formatWAL(7, batches))
		if !r.ended || r.mended || !slices.EqualFunc(batches, r.batches, bytes.Equal) {
			t.Fatalf("%d batches, ended %t, mended %t; want %d", len(r.batches), r.ended, r.mended, len(batches))
		}
		other := walReader{number: 8}
		other.read(formatWAL(7, batches))
		if len(other.batches) > 0 {
			t.Fatal("the chunks of another log are taken")
		}
	})
}

func TestWholeEntriesOfATornBatch(t *testing.T) {
	store, err := pebble.Open("batch", &pebble.Options{FS: vfs.NewMem(), Logger: reporter{&Log{}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	batch := store.NewBatch()
	defer func() { _ = batch.Close() }()
	var ends []int
	note := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, batch.Len())
	}
	note(batch.DeleteRange([]byte("a"), []byte("b"), nil))
	note(batch.Set([]byte("key"), bytes.Repeat([]byte("v"), 300), nil))
	note(batch.Delete([]byte("other"), nil))
	note(batch.Set([]byte("key"), nil, nil))
	whole := batch.Repr()
	for length := range len(whole) + 1 {
		count := 0
		for count < len(ends) && ends[count] <= length {
			count++
		}
		got := wholeEntries(whole[:length])
		if count == 0 {
			if got != nil {
				t.Errorf("%d bytes: %d bytes kept, want none", length, len(got))
			}
			continue
		}
		if len(got) != ends[count-1] || int(binary.LittleEndian.Uint32(got[8:])) != count {
			t.Errorf("%d bytes: %d bytes kept, want %d entries in %d", length, len(got), count, ends[count-1])
		}
	}
}

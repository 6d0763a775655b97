package doorlog

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	goleak.VerifyTestMain(m)
}

// payload is a record that proves itself: a number, then noise made from it.
func payload(n uint64, size int) []byte {
	data := make([]byte, max(size, 8))
	seed := [32]byte{}
	binary.BigEndian.PutUint64(seed[:], n)
	_, _ = rand.NewChaCha8(seed).Read(data)
	binary.BigEndian.PutUint64(data, n)
	return data
}

func numberOf(data []byte) uint64 { return binary.BigEndian.Uint64(data) }

// intact tells whether data is what payload made.
func intact(data []byte) bool {
	return len(data) >= 8 && string(data) == string(payload(numberOf(data), len(data)))
}

func mustOpen(t testing.TB, o Options) *Log {
	t.Helper()
	if o.Ballast == 0 {
		o.Ballast = -1
	}
	l, err := Open(o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return l
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func mustAppend(t testing.TB, l *Log, data []byte) uint64 {
	t.Helper()
	sequence, err := l.Append(data)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return sequence
}

func mustCut(t testing.TB, l *Log, through uint64) {
	t.Helper()
	if err := l.Cut(through); err != nil {
		t.Fatalf("cut: %v", err)
	}
}

// everything reads what waits, as Read does but without waiting for more.
func everything(t testing.TB, l *Log) []Record {
	t.Helper()
	var all []Record
	from, newest, _ := l.window(0)
	for from <= newest {
		records, err := l.fetch(from, newest, 7, 1<<20)
		if err != nil {
			t.Fatalf("read from %d: %v", from, err)
		}
		if len(records) == 0 {
			return all
		}
		all = append(all, records...)
		from, newest, _ = l.window(records[len(records)-1].Sequence)
	}
	return all
}

func sequences(records []Record) []uint64 {
	var list []uint64
	for _, r := range records {
		list = append(list, r.Sequence)
	}
	return list
}

func through(from, to uint64) []uint64 {
	var list []uint64
	for ; from <= to; from++ {
		list = append(list, from)
	}
	return list
}

func checkSequences(t testing.TB, l *Log, want []uint64) {
	t.Helper()
	records := everything(t, l)
	if diff := cmp.Diff(want, sequences(records)); diff != "" {
		t.Errorf("records waiting (-want +got):\n%s", diff)
	}
	for _, r := range records {
		if !intact(r.Data) {
			t.Errorf("record %d is not what was appended", r.Sequence)
		}
	}
}

// acknowledged is what Append confirmed: number by sequence.
type acknowledged struct {
	mu      sync.Mutex
	numbers map[uint64]uint64
}

func (a *acknowledged) add(sequence, number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.numbers == nil {
		a.numbers = map[uint64]uint64{}
	}
	a.numbers[sequence] = number
}

func (a *acknowledged) snapshot() map[uint64]uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	numbers := map[uint64]uint64{}
	for sequence, number := range a.numbers {
		numbers[sequence] = number
	}
	return numbers
}

// fill appends from several goroutines until each has appended count records or met an error. A number
// tells the size it is used with.
func (a *acknowledged) fill(l *Log, workers, count uint64, size int) []error {
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for worker := range workers {
		wg.Go(func() {
			for i := range count {
				number := uint64(size)<<40 | worker<<32 | i
				sequence, err := l.Append(payload(number, size))
				if err != nil {
					errs[worker] = err
					return
				}
				a.add(sequence, number)
			}
		})
	}
	wg.Wait()
	return errs
}

func sizeOf(number uint64) int { return int(number >> 40) }

// ear hears what a log says.
type ear struct {
	slog.Handler
	said chan string
}

func newEar() *ear { return &ear{slog.DiscardHandler, make(chan string, 4096)} }

func (e *ear) Enabled(context.Context, slog.Level) bool { return true }

func (e *ear) Handle(_ context.Context, r slog.Record) error {
	select {
	case e.said <- r.Level.String() + " " + r.Message:
	default:
	}
	return nil
}

func (e *ear) logger() *slog.Logger { return slog.New(e) }

// await waits until the log has said something.
func (e *ear) await(t testing.TB, phrase string) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case said := <-e.said:
			if strings.Contains(said, phrase) {
				return
			}
		case <-timeout:
			t.Fatalf("the log never said %q", phrase)
		}
	}
}

// heard tells whether the log has said something so far.
func (e *ear) heard(phrase string) bool {
	for {
		select {
		case said := <-e.said:
			if strings.Contains(said, phrase) {
				return true
			}
		default:
			return false
		}
	}
}

func TestRecordsOfManyGoroutinesSurviveInOrder(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, Options{Dir: dir})
	before := time.Now()
	var acked acknowledged
	for _, err := range acked.fill(l, 32, 20, 500) {
		if err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, l)
	l = mustOpen(t, Options{Dir: dir})
	defer mustClose(t, l)
	checkSequences(t, l, through(1, 640))
	got := map[uint64]uint64{}
	for _, r := range everything(t, l) {
		got[r.Sequence] = numberOf(r.Data)
		if r.At.Before(before.Add(-time.Second)) || r.At.After(time.Now()) || r.At.Location() != time.UTC {
			t.Errorf("record %d: appended at %v", r.Sequence, r.At)
		}
	}
	if diff := cmp.Diff(acked.snapshot(), got); diff != "" {
		t.Error(diff)
	}
}

func TestCutSurvivesAndSequencesGoOn(t *testing.T) {
	o := Options{Dir: "log", FS: vfs.NewMem()}
	l := mustOpen(t, o)
	for n := range uint64(10) {
		mustAppend(t, l, payload(n, 100))
	}
	mustCut(t, l, 4)
	checkSequences(t, l, through(5, 10))
	mustClose(t, l)

	l = mustOpen(t, o)
	checkSequences(t, l, through(5, 10))
	if got := l.Stats(); got.Records != 6 || got.Bytes != 6*116 || got.Next != 11 {
		t.Errorf("after reopening: %+v", got)
	}
	mustCut(t, l, 99) // further than there are records
	if got := l.Stats(); got.Records != 0 || got.Bytes != 0 || !got.Oldest.IsZero() || got.Next != 11 {
		t.Errorf("after cutting all: %+v", got)
	}
	mustClose(t, l)

	l = mustOpen(t, o)
	defer mustClose(t, l)
	checkSequences(t, l, nil)
	if got := mustAppend(t, l, payload(11, 100)); got != 11 {
		t.Errorf("sequence %d after an empty log was opened again, want 11", got)
	}
}

func TestManySmallCuts(t *testing.T) {
	o := Options{Dir: "log", FS: vfs.NewMem()}
	l := mustOpen(t, o)
	for n := range uint64(3 * cutEvery) {
		sequence := mustAppend(t, l, payload(n, 20))
		if sequence > 10 {
			mustCut(t, l, sequence-10)
		}
	}
	checkSequences(t, l, through(3*cutEvery-9, 3*cutEvery))
	mustClose(t, l)
	l = mustOpen(t, o)
	defer mustClose(t, l)
	checkSequences(t, l, through(3*cutEvery-9, 3*cutEvery))
}

func TestReadLimits(t *testing.T) {
	l := mustOpen(t, Options{Dir: "log", FS: vfs.NewMem()})
	defer mustClose(t, l)
	for n := range uint64(10) {
		mustAppend(t, l, payload(n, 100))
	}
	tests := []struct {
		name                   string
		after                  uint64
		limit, maxBytes        int
		wantFirst, wantThrough uint64
	}{
		{"all", 0, 100, 1 << 20, 1, 10},
		{"limit", 0, 3, 1 << 20, 1, 3},
		{"behind a sequence", 7, 100, 1 << 20, 8, 10},
		{"bytes of two and a half", 2, 100, 250, 3, 4},
		{"exactly two", 2, 100, 200, 3, 4},
		{"at least one", 2, 100, 1, 3, 3},
		{"no limit given still gives one", 2, 0, 0, 3, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			records, err := l.Read(t.Context(), test.after, test.limit, test.maxBytes)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(through(test.wantFirst, test.wantThrough), sequences(records)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsHandedInAndOutIsCopied(t *testing.T) {
	l := mustOpen(t, Options{Dir: "log", FS: vfs.NewMem()})
	defer mustClose(t, l)
	data := payload(1, 100)
	mustAppend(t, l, data)
	clear(data)
	first := everything(t, l)
	clear(first[0].Data)
	checkSequences(t, l, through(1, 1))
}

func TestReadWaitsForRecords(t *testing.T) {
	l := mustOpen(t, Options{Dir: "log", FS: vfs.NewMem()})
	got := make(chan []uint64)
	go func() {
		var list []uint64
		for after := uint64(0); after < 50; {
			records, err := l.Read(context.Background(), after, 10, 1<<20)
			if err != nil {
				t.Errorf("read: %v", err)
				break
			}
			list = append(list, sequences(records)...)
			after = list[len(list)-1]
		}
		got <- list
	}()
	for n := range uint64(50) {
		mustAppend(t, l, payload(n, 100))
	}
	if diff := cmp.Diff(through(1, 50), <-got); diff != "" {
		t.Error(diff)
	}

	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	read := func(ctx context.Context) {
		_, err := l.Read(ctx, 50, 10, 1<<20)
		errs <- err
	}
	go read(ctx)
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	go read(context.Background())
	mustClose(t, l)
	if err := <-errs; !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestClosedLogRefuses(t *testing.T) {
	l := mustOpen(t, Options{Dir: "log", FS: vfs.NewMem()})
	mustAppend(t, l, payload(1, 100))
	mustClose(t, l)
	_, appending := l.Append(payload(2, 100))
	_, reading := l.Read(t.Context(), 0, 1, 1)
	_, listing := l.Aside()
	for name, err := range map[string]error{
		"append": appending, "read": reading, "aside": listing, "set aside": l.SetAside(1, "why"), "close": l.Close(),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", name, err)
		}
	}
}

func TestCloseAnswersEveryAppend(t *testing.T) {
	fs := vfs.NewMem()
	for range 20 {
		l := mustOpen(t, Options{Dir: "log", FS: fs})
		var acked acknowledged
		started := make(chan struct{}, 1)
		var wg sync.WaitGroup
		for worker := range uint64(8) {
			wg.Go(func() {
				for n := worker << 32; ; n++ {
					sequence, err := l.Append(payload(n, 300))
					if errors.Is(err, ErrClosed) {
						return
					}
					if err != nil {
						t.Errorf("append: %v", err)
						return
					}
					acked.add(sequence, n)
					select {
					case started <- struct{}{}:
					default:
					}
				}
			})
		}
		<-started
		mustClose(t, l)
		wg.Wait()
		l = mustOpen(t, Options{Dir: "log", FS: fs})
		mustHold(t, l, acked.snapshot())
		mustCut(t, l, 1<<40)
		mustClose(t, l)
	}
}

// mustHold checks that everything acknowledged waits, unharmed, and that nothing else is wrong.
func mustHold(t testing.TB, l *Log, acked map[uint64]uint64) {
	t.Helper()
	waiting := map[uint64]uint64{}
	for _, r := range everything(t, l) {
		if !intact(r.Data) {
			t.Errorf("record %d is not what was appended", r.Sequence)
			continue
		}
		waiting[r.Sequence] = numberOf(r.Data)
	}
	for sequence, number := range acked {
		if got, ok := waiting[sequence]; !ok || got != number {
			t.Errorf("record %d: acknowledged as %x, holds %x (there: %t)", sequence, number, got, ok)
		}
	}
}

func TestOneLogPerDirectory(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, Options{Dir: dir})
	defer mustClose(t, l)
	if second, err := Open(Options{Dir: dir, Ballast: -1}); err == nil {
		mustClose(t, second)
		t.Error("a directory was opened twice")
	}
}

func TestBoundsHoldAgainstConcurrentAppends(t *testing.T) {
	tests := []struct {
		name    string
		options Options
		want    int
	}{
		{"records", Options{MaxRecords: 10}, 10},
		{"bytes", Options{MaxBytes: 7 * 116}, 7},
		{"bytes not quite enough", Options{MaxBytes: 7*116 - 1}, 6},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.options.Dir, test.options.FS = "log", vfs.NewMem()
			l := mustOpen(t, test.options)
			defer mustClose(t, l)
			var taken atomic.Int64
			var wg sync.WaitGroup
			for n := range uint64(40) {
				wg.Go(func() {
					_, err := l.Append(payload(n, 100))
					if err == nil {
						taken.Add(1)
					} else if !errors.Is(err, ErrFull) {
						t.Errorf("append: %v, want ErrFull", err)
					}
				})
			}
			wg.Wait()
			if got := int(taken.Load()); got != test.want || l.Stats().Records != test.want {
				t.Errorf("%d records taken, %d wait, want %d", got, l.Stats().Records, test.want)
			}
			mustCut(t, l, 1)
			mustAppend(t, l, payload(41, 100))
			if _, err := l.Append(payload(42, 100)); !errors.Is(err, ErrFull) {
				t.Errorf("one more than fits: %v, want ErrFull", err)
			}
		})
	}
}

func TestStateFollowsTheBounds(t *testing.T) {
	l := mustOpen(t, Options{Dir: "log", FS: vfs.NewMem(), MaxRecords: 10})
	defer mustClose(t, l)
	want := map[int]State{0: StateOK, 8: StateOK, 9: StateWarn, 10: StateFull}
	for n := range 11 {
		if state, ok := want[n]; ok && l.Stats().State != state {
			t.Errorf("%d of 10 records: %s, want %s", n, l.Stats().State, state)
		}
		if n < 10 {
			mustAppend(t, l, payload(uint64(n), 10))
		}
	}
	oldest := l.Stats().Oldest
	if age := time.Since(oldest); age < 0 || age > time.Minute {
		t.Errorf("oldest waits since %v", oldest)
	}
}

func TestTooLargeRecordIsRefused(t *testing.T) {
	l := mustOpen(t, Options{Dir: "log", FS: vfs.NewMem(), memory: 1 << 20})
	defer mustClose(t, l)
	if _, err := l.Append(make([]byte, MaxRecord+1)); err == nil {
		t.Error("taken")
	}
	mustAppend(t, l, payload(1, 700<<10))
	mustAppend(t, l, payload(2, 5<<20)) // larger than all memory tables
	mustAppend(t, l, payload(3, 0))
	checkSequences(t, l, through(1, 3))
}

func TestSetAside(t *testing.T) {
	o := Options{Dir: "log", FS: vfs.NewMem()}
	l := mustOpen(t, o)
	for n := range uint64(5) {
		mustAppend(t, l, payload(n, 100))
	}
	for _, sequence := range []uint64{3, 5} {
		if err := l.SetAside(sequence, strings.Repeat("refused ", int(sequence))); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.SetAside(3, "again"); err == nil {
		t.Error("a record was set aside twice")
	}
	mustCut(t, l, 2)
	check := func() {
		t.Helper()
		checkSequences(t, l, []uint64{4})
		list, err := l.Aside()
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 2 || list[0].Sequence != 3 || list[1].Sequence != 5 {
			t.Fatalf("asides: %+v", list)
		}
		for _, aside := range list {
			want := payload(aside.Sequence-1, 100)
			if string(aside.Data) != string(want) || aside.Reason != strings.Repeat("refused ", int(aside.Sequence)) || aside.At.IsZero() {
				t.Errorf("aside %d: %q at %v", aside.Sequence, aside.Reason, aside.At)
			}
		}
		if got := l.Stats(); got.Records != 1 || got.Aside != 2 || got.Bytes != 116 || got.Next != 6 {
			t.Errorf("%+v", got)
		}
	}
	check()
	mustClose(t, l)
	l = mustOpen(t, o)
	defer mustClose(t, l)
	check()
	if got := mustAppend(t, l, payload(6, 100)); got != 6 {
		t.Errorf("sequence %d, want 6: a sequence set aside is not given again", got)
	}
}

func TestLongReasonIsCutShort(t *testing.T) {
	l := mustOpen(t, Options{Dir: "log", FS: vfs.NewMem()})
	defer mustClose(t, l)
	mustAppend(t, l, payload(1, 100))
	if err := l.SetAside(1, strings.Repeat("x", 70_000)); err != nil {
		t.Fatal(err)
	}
	list, err := l.Aside()
	if err != nil || len(list) != 1 || len(list[0].Reason) != maxReason || !intact(list[0].Data) {
		t.Errorf("%d asides, %v", len(list), err)
	}
}

// onDisk is how much tables and write-ahead logs hold on the disk, in bytes.
func onDisk(t testing.TB, dir string) (tables, logs int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil { // removed meanwhile
			continue
		}
		switch filepath.Ext(entry.Name()) {
		case ".sst":
			tables += info.Size()
		case ".log":
			logs += info.Size()
		}
	}
	return tables, logs
}

func TestDiskSpaceReturnsBehindTheCut(t *testing.T) {
	const memory = 2 << 20
	dir := t.TempDir()
	l := mustOpen(t, Options{Dir: dir, memory: memory})
	defer mustClose(t, l)
	record := payload(1, 256<<10)
	for range 128 {
		mustAppend(t, l, record)
	}
	if tables, _ := onDisk(t, dir); tables < 16<<20 {
		t.Fatalf("%d bytes in tables: the test would prove nothing", tables)
	}
	mustCut(t, l, 128)
	eventually(t, "the space returns", func() bool {
		tables, logs := onDisk(t, dir)
		return tables < 1<<20 && logs < 6*memory
	})
}

// eventually looks again and again at what no call announces.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(20 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("never: %s", what)
		}
	}
}

// TestReadWhileOthersSetAside takes records out from under readers: none of them is called damaged.
func TestReadWhileOthersSetAside(t *testing.T) {
	l := mustOpen(t, Options{Dir: "log", FS: vfs.NewMem()})
	defer mustClose(t, l)
	for n := range uint64(600) {
		mustAppend(t, l, payload(n, 50))
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for sequence := uint64(2); sequence < 600; sequence += 3 {
			if err := l.SetAside(sequence, "refused"); err != nil {
				t.Errorf("set aside: %v", err)
			}
		}
	})
	for range 4 {
		wg.Go(func() {
			for range 60 {
				if records, err := l.Read(t.Context(), 0, 600, 1<<20); err != nil || len(records) < 400 {
					t.Errorf("%d records, %v", len(records), err)
				}
			}
		})
	}
	wg.Wait()
	list, err := l.Aside()
	if err != nil || len(list) != 200 || l.Stats().Records != 400 {
		t.Errorf("%d set aside, %d wait, %v", len(list), l.Stats().Records, err)
	}
	for _, aside := range list {
		if aside.Reason != "refused" {
			t.Errorf("%d: %s", aside.Sequence, aside.Reason)
		}
	}
}

func TestOneOfManyCloses(t *testing.T) {
	l := mustOpen(t, Options{Dir: "log", FS: vfs.NewMem()})
	var done atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := l.Close(); err == nil {
				done.Add(1)
			} else if !errors.Is(err, ErrClosed) {
				t.Errorf("close: %v", err)
			}
		})
	}
	wg.Wait()
	if done.Load() != 1 {
		t.Errorf("%d of 8 closed it", done.Load())
	}
}

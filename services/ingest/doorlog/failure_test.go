package doorlog

import (
	"bytes"
	"errors"
	"maps"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// sickFS fails the operations that its symptom names, once it is on.
type sickFS struct {
	vfs.FS // the injector on top of the healthy disk
	symptom
	on atomic.Bool
}

// symptom decides whether an operation on a file fails, and with what.
type symptom func(kind errorfs.OpKind, file string) error

func newSickFS(healthy vfs.FS, s symptom) *sickFS {
	f := &sickFS{symptom: s}
	f.FS = errorfs.Wrap(healthy, errorfs.InjectorFunc(func(op errorfs.Op) error { return f.suffer(op.Kind, op.Path) }))
	return f
}

func (f *sickFS) suffer(kind errorfs.OpKind, name string) error {
	if !f.on.Load() {
		return nil
	}
	return f.symptom(kind, path.Base(name))
}

func (f *sickFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	return sickFile{file, f, name}, nil
}

func (f *sickFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(oldname, newname, category)
	if err != nil {
		return nil, err
	}
	return sickFile{file, f, newname}, nil
}

// sickFile covers what the injector leaves out: closing, and files that are used again.
type sickFile struct {
	vfs.File
	fs   *sickFS
	name string
}

func (f sickFile) Write(p []byte) (int, error) {
	if err := f.fs.suffer(errorfs.OpFileWrite, f.name); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f sickFile) SyncData() error {
	if err := f.fs.suffer(errorfs.OpFileSyncData, f.name); err != nil {
		return err
	}
	return f.File.SyncData()
}

func (f sickFile) Close() error {
	return errors.Join(f.fs.suffer(errorfs.OpFileClose, f.name), f.File.Close())
}

func isLog(file string) bool { return strings.HasSuffix(file, ".log") }

func changes(kind errorfs.OpKind) bool {
	switch kind {
	case errorfs.OpCreate, errorfs.OpLink, errorfs.OpRemove, errorfs.OpRename, errorfs.OpReuseForWrite,
		errorfs.OpMkdirAll, errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		return true
	}
	return false
}

func isSync(kind errorfs.OpKind) bool {
	return kind == errorfs.OpFileSync || kind == errorfs.OpFileSyncData || kind == errorfs.OpFileSyncTo
}

// illnesses are errors after which nobody knows what is on the disk.
var illnesses = map[string]struct {
	size    int // of the records; large ones bring the store to its other files
	symptom symptom
}{
	"log cannot be written": {600, func(kind errorfs.OpKind, file string) error {
		if kind == errorfs.OpFileWrite && isLog(file) {
			return syscall.EIO
		}
		return nil
	}},
	"log cannot be synced": {600, func(kind errorfs.OpKind, file string) error {
		if isSync(kind) && isLog(file) {
			return syscall.EIO
		}
		return nil
	}},
	"disk read-only": {600, func(kind errorfs.OpKind, file string) error {
		if changes(kind) {
			return syscall.EROFS
		}
		return nil
	}},
	"disk full, and nothing helps": {600, func(kind errorfs.OpKind, file string) error {
		if changes(kind) && kind != errorfs.OpRemove {
			return syscall.ENOSPC
		}
		return nil
	}},
	"next log cannot be made": {20 << 10, func(kind errorfs.OpKind, file string) error {
		if (kind == errorfs.OpCreate || kind == errorfs.OpReuseForWrite) && isLog(file) {
			return syscall.EIO
		}
		return nil
	}},
	"old log cannot be closed": {20 << 10, func(kind errorfs.OpKind, file string) error {
		if kind == errorfs.OpFileClose && isLog(file) {
			return syscall.EIO
		}
		return nil
	}},
	"manifest cannot be written": {20 << 10, func(kind errorfs.OpKind, file string) error {
		if kind == errorfs.OpFileWrite && strings.HasPrefix(file, "MANIFEST") {
			return syscall.EIO
		}
		return nil
	}},
	"manifest cannot be synced": {20 << 10, func(kind errorfs.OpKind, file string) error {
		if isSync(kind) && strings.HasPrefix(file, "MANIFEST") {
			return syscall.EIO
		}
		return nil
	}},
}

// TestFailedDiskFailsTheLogForGood holds for each illness: Append errs, never hangs and never lies; the
// log stays failed although the disk recovers; what was acknowledged is served, and survives.
func TestFailedDiskFailsTheLogForGood(t *testing.T) {
	for name, illness := range illnesses {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewCrashableMem()
			fs := newSickFS(disk, illness.symptom)
			l := mustOpen(t, Options{Dir: "log", FS: fs, memory: 1 << 20})
			var acked acknowledged
			if errs := acked.fill(l, 4, 2, illness.size); errors.Join(errs...) != nil {
				t.Fatal(errs)
			}
			fs.on.Store(true)
			for _, err := range acked.fill(l, 8, 1<<30, illness.size) {
				if !errors.Is(err, ErrFailed) && !errors.Is(err, ErrFull) {
					t.Errorf("append: %v, want ErrFailed", err)
				}
			}
			<-l.failed
			fs.on.Store(false)
			for range 3 {
				if _, err := l.Append(payload(1, 10)); !errors.Is(err, ErrFailed) {
					t.Errorf("append after the failure: %v, want ErrFailed", err)
				}
			}
			if err := l.SetAside(1, "why"); !errors.Is(err, ErrFailed) {
				t.Errorf("set aside after the failure: %v, want ErrFailed", err)
			}
			if got := l.Stats().State; got != StateFailed {
				t.Errorf("state %s", got)
			}
			mustHold(t, l, acked.snapshot())
			crashed, before := disk.CrashClone(vfs.CrashCloneCfg{}), vitalFiles(t, disk)
			if err := l.Close(); !errors.Is(err, ErrFailed) || errors.Is(err, ErrStalled) {
				t.Errorf("close: %v, want ErrFailed", err)
			}
			if !maps.EqualFunc(before, vitalFiles(t, disk), bytes.Equal) {
				t.Error("a failed log has written")
			}
			mustSurvive(t, crashed, acked.snapshot())
			mustSurvive(t, disk, acked.snapshot())
		})
	}
}

// vitalFiles are those whose errors a log does not survive.
func vitalFiles(t *testing.T, fs vfs.FS) map[string][]byte {
	t.Helper()
	files := filesOf(t, fs)
	maps.DeleteFunc(files, func(name string, _ []byte) bool { return isTable(name) })
	return files
}

// TestNothingIsConfirmedAfterAFailure fails the log between the writing of a group and the look at the
// disk's answer.
func TestNothingIsConfirmedAfterAFailure(t *testing.T) {
	l := mustOpen(t, Options{Dir: "log", FS: vfs.NewMem()})
	r := &request{value: frame(nil, payload(1, 10)), done: make(chan error, 1)}
	g, err := l.apply([]*request{r})
	if err != nil {
		t.Fatal(err)
	}
	l.fail(syscall.EIO)
	if err := l.sync(g); !errors.Is(err, ErrFailed) {
		t.Errorf("%v, want ErrFailed", err)
	}
	checkSequences(t, l, nil)
	if err := l.Close(); !errors.Is(err, ErrFailed) {
		t.Errorf("close: %v", err)
	}
}

// TestLogFailsBeforeItsWritesAreSwallowed looks at the breaker at the moment it trips.
func TestLogFailsBeforeItsWritesAreSwallowed(t *testing.T) {
	sick := newSickFS(vfs.NewMem(), func(errorfs.OpKind, string) error { return syscall.EIO })
	sick.on.Store(true)
	told := 0
	b := &breaker{FS: sick}
	b.onTrip = func(err error) {
		told++
		if b.tripped.Load() || !errors.Is(err, syscall.EIO) {
			t.Errorf("told of %v, writes swallowed already: %t", err, b.tripped.Load())
		}
	}
	for range 2 {
		file, err := b.Create("000001.log", vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := file.Write(make([]byte, 10)); n != 10 || err != nil {
			t.Errorf("write: %d, %v", n, err)
		}
	}
	if told != 1 || !b.tripped.Load() {
		t.Errorf("told %d times, tripped %t", told, b.tripped.Load())
	}
}

// TestSickDiskAtOpening opens on a disk that fails at its nth change: an error, never a hang or a panic.
func TestSickDiskAtOpening(t *testing.T) {
	for nth := int32(1); ; nth++ {
		disk := vfs.NewMem()
		var changed atomic.Int32
		fs := newSickFS(disk, func(kind errorfs.OpKind, _ string) error {
			if changes(kind) && kind != errorfs.OpRemove && changed.Add(1) >= nth {
				return syscall.EIO
			}
			return nil
		})
		fs.on.Store(true)
		l, err := Open(Options{Dir: "log", FS: fs, Ballast: 1 << 10})
		if err == nil {
			if nth < 10 {
				t.Errorf("opened although change %d failed", nth)
			}
			fs.on.Store(false)
			mustClose(t, l)
			if changed.Load() < nth { // it has seen no error
				return
			}
			continue
		}
		fs.on.Store(false)
		l = mustOpen(t, Options{Dir: "log", FS: disk})
		mustAppend(t, l, payload(1, 10))
		mustClose(t, l)
	}
}

// TestFlushErrorsPass fails every table for a while: records are taken as long as memory lasts, then
// refused, and taken again when the disk has recovered.
func TestFlushErrorsPass(t *testing.T) {
	fs := newSickFS(vfs.NewMem(), func(kind errorfs.OpKind, file string) error {
		if kind == errorfs.OpFileWrite && strings.HasSuffix(file, ".sst") {
			return syscall.EIO
		}
		return nil
	})
	ear := newEar()
	l := mustOpen(t, Options{Dir: "log", FS: fs, Log: ear.logger(), Patience: 200 * time.Millisecond, memory: 1 << 20})
	defer mustClose(t, l)
	var acked acknowledged
	fs.on.Store(true)
	for _, err := range acked.fill(l, 2, 1<<30, 60<<10) {
		if !errors.Is(err, ErrStalled) {
			t.Errorf("append while memory is full: %v, want ErrStalled", err)
		}
	}
	if _, err := l.Append(payload(1, 10)); !errors.Is(err, ErrStalled) {
		t.Errorf("append while the log stalls: %v, want ErrStalled", err)
	}
	if got := l.Stats().State; got != StateFull {
		t.Errorf("state %s, want full", got)
	}
	fs.on.Store(false)
	ear.await(t, "answers again")
	mustAppend(t, l, payload(1, 10))
	mustHold(t, l, acked.snapshot())
}

// TestSilentDiskReleasesAppends has a disk whose fsync does not return.
func TestSilentDiskReleasesAppends(t *testing.T) {
	answer := make(chan struct{})
	fs := newSickFS(vfs.NewMem(), func(kind errorfs.OpKind, file string) error {
		if isSync(kind) && isLog(file) {
			<-answer
		}
		return nil
	})
	ear := newEar()
	l := mustOpen(t, Options{Dir: "log", FS: fs, Log: ear.logger(), Patience: 100 * time.Millisecond})
	defer mustClose(t, l)
	mustAppend(t, l, payload(0, 100))
	fs.on.Store(true)
	var waiting sync.WaitGroup
	for n := range uint64(20) {
		waiting.Go(func() {
			if _, err := l.Append(payload(n+1, 100)); !errors.Is(err, ErrStalled) {
				t.Errorf("append: %v, want ErrStalled", err)
			}
		})
	}
	waiting.Wait()
	if got := everything(t, l); len(got) != 1 {
		t.Errorf("%d records are served although the disk has confirmed one", len(got))
	}
	close(answer)
	ear.await(t, "answers again")
	mustAppend(t, l, payload(21, 100))
	for _, r := range everything(t, l) {
		if !intact(r.Data) {
			t.Errorf("record %d is not what was appended", r.Sequence)
		}
	}
}

// fullFS has no room for anything while the ballast is there.
func fullFS(healthy vfs.FS) *sickFS {
	return newSickFS(healthy, func(kind errorfs.OpKind, file string) error {
		if kind != errorfs.OpFileWrite {
			return nil
		}
		if _, err := healthy.Stat("log/ballast"); err == nil && file != "ballast" {
			return syscall.ENOSPC
		}
		return nil
	})
}

func TestFullDiskCostsTheBallastNotTheRecord(t *testing.T) {
	healthy := vfs.NewMem()
	fs := fullFS(healthy)
	ear := newEar()
	l := mustOpen(t, Options{Dir: "log", FS: fs, Ballast: 1 << 20, Log: ear.logger()})
	if info, err := healthy.Stat("log/ballast"); err != nil || info.Size() != 1<<20 {
		t.Fatalf("ballast: %v", err)
	}
	healthy.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1000})
	fs.on.Store(true)
	mustAppend(t, l, payload(1, 100))
	ear.await(t, "the disk is full")
	if _, err := healthy.Stat("log/ballast"); err == nil {
		t.Error("the ballast is still there")
	}
	if _, err := l.Append(payload(2, 100)); !errors.Is(err, ErrFull) {
		t.Errorf("append on a full disk: %v, want ErrFull", err)
	}
	if got := l.Stats().State; got != StateFull {
		t.Errorf("state %s, want full", got)
	}
	checkSequences(t, l, through(1, 1))
	mustCut(t, l, 0)
	fs.on.Store(false)
	healthy.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 2<<20 + slack})
	ear.await(t, "the disk has room again")
	if info, err := healthy.Stat("log/ballast"); err != nil || info.Size() != 1<<20 {
		t.Errorf("ballast laid again: %v", err)
	}
	mustAppend(t, l, payload(2, 100))
	mustClose(t, l)
	mustSurvive(t, healthy, map[uint64]uint64{1: 1, 2: 2})
}

func TestFreeSpaceWarnsAndRefuses(t *testing.T) {
	fs := vfs.NewMem()
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 5000})
	l := mustOpen(t, Options{Dir: "log", FS: fs, WarnFree: 2000, MinFree: 1000})
	tests := []struct {
		free   uint64
		state  State
		refuse bool
	}{{5000, StateOK, false}, {2000, StateOK, false}, {1999, StateWarn, false}, {1000, StateWarn, false}, {999, StateFull, true}, {5000, StateOK, false}}
	for _, test := range tests {
		fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: test.free})
		l.disk.check()
		_, err := l.Append(payload(1, 10))
		if got := l.Stats().State; got != test.state || errors.Is(err, ErrFull) != test.refuse || (err != nil) != test.refuse {
			t.Errorf("%d bytes free: state %s, append %v; want %s, refused %t", test.free, got, err, test.state, test.refuse)
		}
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 10})
	mustClose(t, l)

	l = mustOpen(t, Options{Dir: "log", FS: fs, MinFree: 1000, Ballast: 1 << 20}) // to let out what is in it
	defer mustClose(t, l)
	if _, err := l.Append(payload(1, 10)); !errors.Is(err, ErrFull) {
		t.Errorf("append without room: %v, want ErrFull", err)
	}
	checkSequences(t, l, through(1, 5))
}

// TestFatalMessageOfTheStoreFailsTheLog is what is left of pebble's way to end a process.
func TestFatalMessageOfTheStoreFailsTheLog(t *testing.T) {
	l := mustOpen(t, Options{Dir: "log", FS: vfs.NewMem()})
	mustAppend(t, l, payload(1, 10))
	reporter{l}.Fatalf("it is %s", "over")
	if _, err := l.Append(payload(2, 10)); !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "it is over") {
		t.Errorf("append: %v", err)
	}
	checkSequences(t, l, through(1, 1))
	if err := l.Close(); !errors.Is(err, ErrFailed) {
		t.Errorf("close: %v", err)
	}
}

// TestSilentDiskSetsAsideOnce gives a move up whose record goes aside all the same once the disk answers.
func TestSilentDiskSetsAsideOnce(t *testing.T) {
	answer := make(chan struct{})
	fs := newSickFS(vfs.NewMem(), func(kind errorfs.OpKind, file string) error {
		if isSync(kind) && isLog(file) {
			<-answer
		}
		return nil
	})
	ear := newEar()
	l := mustOpen(t, Options{Dir: "log", FS: fs, Log: ear.logger(), Patience: 100 * time.Millisecond})
	defer mustClose(t, l)
	mustAppend(t, l, payload(1, 100))
	fs.on.Store(true)
	for range 3 {
		if err := l.SetAside(1, "refused"); !errors.Is(err, ErrStalled) {
			t.Errorf("set aside: %v, want ErrStalled", err)
		}
	}
	close(answer)
	ear.await(t, "answers again")
	if err := l.SetAside(1, "refused"); !errors.Is(err, ErrAside) {
		t.Errorf("set aside again: %v, want ErrAside", err)
	}
	if list, err := l.Aside(); err != nil || len(list) != 1 || l.Stats().Aside != 1 || l.Stats().Records != 0 {
		t.Errorf("%d set aside, %+v, %v", len(list), l.Stats(), err)
	}
}

package doorlog

import (
	"bufio"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestPowerCutKeepsWhatWasAcknowledged cuts the power of a disk that has kept all that was synced and a
// random part of what was not, again and again while records come and go.
func TestPowerCutKeepsWhatWasAcknowledged(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			l := mustOpen(t, Options{Dir: "log", FS: fs})
			defer mustClose(t, l)
			var acked acknowledged
			var cut uint64
			var appending sync.WaitGroup
			appending.Go(func() { acked.fill(l, 16, 40, 3000) })
			random := rand.New(rand.NewPCG(seed, 1))
			for crash := range uint64(6) {
				for uint64(len(acked.snapshot())) < crash*100 {
					mustAppend(t, l, payload(1<<50, 10))
				}
				if seed%2 == 1 {
					cut = crash * 50
					mustCut(t, l, cut)
				}
				before := acked.snapshot()
				clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(seed%4) * 25, RNG: random})
				maps.DeleteFunc(before, func(sequence, _ uint64) bool { return sequence <= cut })
				mustSurvive(t, clone, before)
			}
			appending.Wait()
		})
	}
}

// mustSurvive opens what a crash has left: all that was acknowledged is there, and nothing is mourned that
// nobody was promised.
func mustSurvive(t *testing.T, fs vfs.FS, acked map[uint64]uint64) {
	t.Helper()
	l := mustOpen(t, Options{Dir: "log", FS: fs})
	defer mustClose(t, l)
	mustHold(t, l, acked)
	if got := l.Stats().Aside; got != 0 {
		list, _ := l.Aside()
		t.Errorf("%d records set aside after a mere crash, first: %+v", got, list[0])
	}
	mustAppend(t, l, payload(1<<51, 10))
}

func TestPowerCutKeepsANewDirectory(t *testing.T) {
	fs := vfs.NewCrashableMem()
	l := mustOpen(t, Options{Dir: "data/door/log", FS: fs})
	mustAppend(t, l, payload(1, 10))
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	mustClose(t, l)
	l = mustOpen(t, Options{Dir: "data/door/log", FS: crashed})
	defer mustClose(t, l)
	checkSequences(t, l, through(1, 1))
}

// TestCutIsNeverAheadOfWhatWasCut crashes after cuts: records may come again, none is skipped.
func TestCutIsNeverAheadOfWhatWasCut(t *testing.T) {
	fs := vfs.NewCrashableMem()
	l := mustOpen(t, Options{Dir: "log", FS: fs})
	defer mustClose(t, l)
	for n := uint64(1); n <= 2000; n++ {
		mustAppend(t, l, payload(n, 50))
		if n%3 == 0 {
			mustCut(t, l, n-2)
		}
		if n%100 != 0 {
			continue
		}
		crashed := mustOpen(t, Options{Dir: "log", FS: fs.CrashClone(vfs.CrashCloneCfg{})})
		records := everything(t, crashed)
		cut := n - n%3 - 2
		if len(records) == 0 || records[0].Sequence > cut+1 || records[len(records)-1].Sequence != n {
			t.Errorf("after %d records and a cut through %d: %d records from %v", n, cut, len(records), records[0].Sequence)
		}
		for i, r := range records {
			if r.Sequence != records[0].Sequence+uint64(i) || numberOf(r.Data) != r.Sequence {
				t.Fatalf("a hole at %d", r.Sequence)
			}
		}
		mustClose(t, crashed)
	}
}

// TestSmallCutIsWrittenSoon crashes a moment after a cut of a few records.
func TestSmallCutIsWrittenSoon(t *testing.T) {
	fs := vfs.NewCrashableMem()
	l := mustOpen(t, Options{Dir: "log", FS: fs})
	for n := range uint64(10) {
		mustAppend(t, l, payload(n, 50))
	}
	mustCut(t, l, 5)
	eventually(t, "the cut is written", func() bool { return l.written.Load() == 5 })
	mustAppend(t, l, payload(11, 50)) // its fsync covers the cut
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	mustClose(t, l)
	l = mustOpen(t, Options{Dir: "log", FS: crashed})
	defer mustClose(t, l)
	checkSequences(t, l, through(6, 11))
}

const childDir = "DOORLOG_CHILD_DIR"

// child appends for ever and says what is acknowledged, until it is killed.
func child(dir string) int {
	l, err := Open(Options{Dir: dir, Ballast: -1})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	start, err := strconv.ParseUint(os.Getenv("DOORLOG_CHILD_START"), 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var mu sync.Mutex
	for worker := range uint64(16) {
		go func() {
			for n := start + worker<<20; ; n++ {
				sequence, err := l.Append(payload(n, 6000))
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Println(sequence, n)
				mu.Unlock()
			}
		}()
	}
	select {}
}

// TestKilledProcessLosesNothing kills a process with SIGKILL once it has acknowledged so many records,
// several times over on the same directory.
func TestKilledProcessLosesNothing(t *testing.T) {
	dir := t.TempDir()
	acked := map[uint64]uint64{}
	for life, records := range []int{1, 40, 700, 4000} {
		killAfter(t, dir, uint64(life)<<40, records, acked)
		l := mustOpen(t, Options{Dir: dir})
		mustHold(t, l, acked)
		if got := l.Stats().Aside; got != 0 {
			t.Errorf("life %d: %d records set aside", life, got)
		}
		mustClose(t, l)
	}
}

// killAfter runs a child until it has acknowledged so many records, kills it and notes all it said.
func killAfter(t *testing.T, dir string, start uint64, records int, acked map[uint64]uint64) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childDir+"="+dir, "DOORLOG_CHILD_START="+strconv.FormatUint(start, 10))
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) != 2 {
			break // torn by the kill
		}
		sequence, err1 := strconv.ParseUint(words[0], 10, 64)
		number, err2 := strconv.ParseUint(words[1], 10, 64)
		if err1 != nil || err2 != nil || number < start {
			break
		}
		acked[sequence] = number
		if seen++; seen == records {
			if err := command.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := command.Wait(); err == nil || seen < records {
		t.Fatalf("the child ended by itself after %d records: %v", seen, err)
	}
}

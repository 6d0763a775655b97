package doorlog

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func BenchmarkAppend(b *testing.B) {
	for _, waiters := range []int{1, 64, 256} {
		for _, drained := range []bool{false, true} {
			b.Run(fmt.Sprintf("waiters=%d/drained=%t", waiters, drained), func(b *testing.B) {
				l := mustOpen(b, Options{Dir: b.TempDir()})
				var drain sync.WaitGroup
				if drained {
					drain.Go(func() { drainAll(b, l) })
				}
				appendAll(b, l, waiters)
				b.StopTimer()
				mustClose(b, l)
				drain.Wait()
			})
		}
	}
}

func appendAll(b *testing.B, l *Log, waiters int) {
	record := payload(1, 6000)
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([]time.Duration, b.N)
	var wg sync.WaitGroup
	b.ResetTimer()
	start := time.Now()
	for range waiters {
		wg.Go(func() {
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				began := time.Now()
				if _, err := l.Append(record); err != nil {
					b.Errorf("append: %v", err)
				}
				took[n] = time.Since(began)
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/elapsed.Seconds(), "records/s")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

func drainAll(b *testing.B, l *Log) {
	var after uint64
	for {
		records, err := l.Read(b.Context(), after, 256, 4<<20)
		if err != nil {
			return
		}
		after = records[len(records)-1].Sequence
		if err := l.Cut(after); err != nil {
			b.Errorf("cut: %v", err)
			return
		}
	}
}

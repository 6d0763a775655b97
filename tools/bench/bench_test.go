package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

func sampleOrder(t testing.TB) template {
	t.Helper()
	sample, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return sample
}

// BenchmarkDoor measures one webhook at 64 connections, with and without storage.
func BenchmarkDoor(b *testing.B) {
	for _, way := range []struct {
		name string
		open opener
	}{{"bare", bareDoor}, {"durable", durable}} {
		b.Run(way.name, func(b *testing.B) {
			list := sampleOrder(b).deliveries(1_000_000, b.N)
			err := at(b.Context(), way.open, func(d door) error {
				b.ReportAllocs()
				b.ResetTimer()
				r, err := closed(d.address, 64, list)
				b.StopTimer()
				b.ReportMetric(r.rate(), "webhooks/s")
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkToNetSuite measures an order at 200/s from webhook to sales-order PUT.
func BenchmarkToNetSuite(b *testing.B) {
	p, err := start(b.Context(), sampleOrder(b))
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := p.stop(); err != nil {
			b.Error(err)
		}
	}()
	first := customers + 1
	for b.Loop() {
		w, _, calls, err := p.latency(b.Context(), first, 1000, 200)
		if err != nil {
			b.Fatal(err)
		}
		first += 1000
		b.ReportMetric(float64(w.asked.quantile(0.5).Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(w.asked.quantile(0.99).Microseconds())/1000, "p99-ms")
		b.ReportMetric(calls, "calls/order")
	}
}

func TestOrdersDifferAndKeepTheirLength(t *testing.T) {
	sample := sampleOrder(t)
	list := sample.deliveries(1_000_000, 60)
	if string(list[0].body[:14]) != `{"id":1000000,` {
		t.Errorf("the first body begins %q", list[0].body[:14])
	}
	seen := map[string]bool{}
	for _, d := range list {
		seen[string(d.body)] = true
	}
	if len(seen) != len(list) {
		t.Errorf("%d different bodies, want %d", len(seen), len(list))
	}
	if n := len(list[0].body); n < 4<<10 || n > 6<<10 {
		t.Errorf("a body of %d bytes, want 4 to 6 KiB", n)
	}
}

func TestQuantiles(t *testing.T) {
	times := make([]time.Duration, 200)
	for i := range times {
		times[len(times)-1-i] = time.Duration(i) * time.Millisecond
	}
	r := finish(time.Now().Add(-2*time.Second), times)
	if got := r.quantile(0.5); got != 100*time.Millisecond {
		t.Errorf("p50 %v, want 100ms", got)
	}
	if got := r.quantile(0.99); got != 198*time.Millisecond {
		t.Errorf("p99 %v, want 198ms", got)
	}
	if got := r.rate(); got < 99 || got > 100 {
		t.Errorf("rate %.1f/s, want 100", got)
	}
}

// A durable door keeps each delivery; the client counts only 200 as success.
func TestLoadReachesTheStream(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	sample := sampleOrder(t)
	list := sample.deliveries(1, 200)
	err := at(ctx, durable, func(d door) error {
		r, err := open(d.address, 8, 2000, list)
		if err != nil {
			return err
		}
		if len(r.times) != len(list) || r.quantile(0.01) <= 0 {
			return fmt.Errorf("%d latencies, want %d above zero", len(r.times), len(list))
		}
		if err := d.settle(ctx, len(list)); err != nil {
			return err
		}
		forged := list[0]
		forged.wire = request(1, []byte("another body"))[:len(request(1, nil))]
		if _, err := closed(d.address, 1, []delivery{{wire: forged.wire}}); err == nil {
			return fmt.Errorf("a request that is not answered 200 counts as success")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAtomicBatchesAndSinglesStoreTheSame(t *testing.T) {
	for _, c := range []rawCase{{true, 2, 1, 20}, {false, 1, 16, 64}} {
		r, err := c.run(t.Context(), sampleOrder(t))
		if err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		if want := c.count / c.batch; r.count != c.count || len(r.times) != want {
			t.Errorf("%s: %d messages and %d times, want %d and %d", c, r.count, len(r.times), c.count, want)
		}
	}
}

// A short pipeline run: every order is accounted for, with at least the PUT and a read-back.
func TestPipelineIsMeasured(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	p, err := start(ctx, sampleOrder(t), singly)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	}()
	const takes = 30 * time.Millisecond
	if err := p.NetSuite.SetFaults(netsuitesim.Faults{LatencyMs: int(takes.Milliseconds())}); err != nil {
		t.Fatal(err)
	}
	w, _, calls, err := p.latency(ctx, customers+1, 20, 100)
	if err != nil {
		t.Fatal(err)
	}
	if w.asked.times[0] <= 0 || calls <= 1 {
		t.Errorf("fastest %v and %.2f calls per order, want above zero and above one", w.asked.times[0], calls)
	}
	for i, done := range w.answered.times { // sorted, so that each is at least that much later
		if done < w.asked.times[i]+takes {
			t.Errorf("order %d of 20: NetSuite was asked after %v and had answered after %v, and takes %v", i+1, w.asked.times[i], done, takes)
		}
	}
	d, err := p.drain(ctx, customers+21, 30, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if d.orders != 30 || d.ideal != 120*time.Millisecond || d.took < d.ideal || d.maxInFlight > slots {
		t.Errorf("drain %+v: want 30 orders, ideal 120ms, not faster than that, at most %d in flight", d, slots)
	}
}

// What the shop was asked and told is counted: where the SKUs are is asked the first time only.
func TestStockIsMeasured(t *testing.T) {
	var out strings.Builder
	b, c := bench{&out, true, sampleOrder(t)}, stockCase{skus: 12, variations: 4, concurrency: 2}
	if err := b.with(t.Context(), func(p *pipeline) error { return b.counted(t.Context(), p, c) }, c.setUp); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || strings.Contains(lines[0], " 0 GET") || !strings.Contains(lines[1], " 0 GET") || strings.Contains(out.String(), " 0 POST") {
		t.Errorf("want look-ups the first time and writes both times:\n%s", out.String())
	}
}

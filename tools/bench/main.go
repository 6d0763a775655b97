// Command bench measures Orderstream on this machine, over loopback only: what the door takes beside what it could
// take without storage, how long an order needs to NetSuite, and how fast a backlog drains.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// bench is one run.
type bench struct {
	out      io.Writer
	quick    bool
	template template
}

// scaled gives a tenth in a quick run.
func (b bench) scaled(n int) int {
	if b.quick {
		return n / 10
	}
	return n
}

func main() {
	only := flag.String("only", "", "ingest, latency, drain, calls, replay, apply, beside, back or stock, or one row: fresh, batched, edited, moving (of calls), crowd (beside, with a long history); all parts without it")
	quick := flag.Bool("quick", false, "a tenth of everything")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the run to this file")
	flag.Parse()
	if flag.Arg(0) == serveJetStream {
		exit(serve(flag.Arg(1)))
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	t, err := load()
	if err == nil {
		err = profiled(*profile, func() error { return bench{os.Stdout, *quick, t}.run(ctx, *only) })
	}
	cancel()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// profiled runs f and writes where the CPU went; without a path it just runs f.
func profiled(path string, f func() error) (err error) {
	if path == "" {
		return f()
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return f()
}

// limit bounds one part.
const limit = 30 * time.Minute

type part struct {
	name string
	run  func(context.Context) error
}

func (b bench) run(ctx context.Context, only string) error {
	parts := []part{{"ingest", b.ingest}, {"latency", b.latency}, {"drain", b.drain}, {"calls", b.calls}, {"replay", b.replay}, {"apply", b.apply}, {"beside", b.beside}, {"back", b.back}, {"stock", b.stock}}
	if row, is := b.rows()[only]; is {
		parts = append(parts[:0], part{only, row})
	}
	if only != "" && !slices.ContainsFunc(parts, func(p part) bool { return p.name == only }) {
		return fmt.Errorf("-only %q: want ingest, latency, drain, calls, replay, apply, beside, back or stock, or fresh, batched, edited, moving, crowd", only)
	}
	fmt.Fprintf(b.out, "%d cores, %s, %s/%s, load %s\n", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, machineLoad())
	for _, part := range parts {
		if only != "" && only != part.name {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		err := part.run(ctx)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// machineLoad is the load average, which says whether other work is running; "unknown" where Linux does not tell.
func machineLoad() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(data))[:3], " ")
}

// show writes a run as one row.
func (b bench) show(name string, r result, more string) {
	fmt.Fprintf(b.out, "%-52s %8.0f/s  p50 %8s  p99 %8s  %s\n", name, r.rate(), millis(r.quantile(0.5)), millis(r.quantile(0.99)), more)
}

func millis(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }

func (b bench) ingest(ctx context.Context) error {
	fmt.Fprintf(b.out, "\nwebhooks of %d bytes over kept connections, client on the same cores\n", len(b.template.order(1_000_000)))
	for _, load := range []struct{ connections, count int }{{1, 5_000}, {64, 60_000}, {256, 60_000}} {
		list := b.template.deliveries(1_000_000, b.scaled(load.count))
		plain, err := b.closedRun(ctx, "HTTP and HMAC only", load.connections, list, bareDoor)
		if err != nil {
			return err
		}
		kept, err := b.closedRun(ctx, "durable ingest, forwarding", load.connections, list, durable)
		if err != nil {
			return err
		}
		fmt.Fprintf(b.out, "%-52s %8.0f %%\n", fmt.Sprintf("  durable / HMAC only, %d connections", load.connections), 100*kept.rate()/plain.rate())
	}
	if err := b.openRun(ctx); err != nil {
		return err
	}
	return b.raw(ctx)
}

func bareDoor(context.Context, string) (door, error) { return bare() }

type opener func(ctx context.Context, dir string) (door, error)

// at opens a door for f and closes it.
func at(ctx context.Context, open opener, f func(d door) error) (err error) {
	dir, remove, err := scratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	d, err := open(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	return f(d)
}

func (b bench) closedRun(ctx context.Context, name string, connections int, list []delivery, open opener) (r result, err error) {
	err = at(ctx, open, func(d door) error {
		objects, bytes, err := allocations(len(list), func() (err error) {
			r, err = closed(d.address, connections, list)
			return err
		})
		if err != nil {
			return err
		}
		ended := time.Now()
		if err := d.settle(ctx, len(list)); err != nil {
			return fmt.Errorf("the stream must hold all %d: %w", len(list), err)
		}
		b.show(fmt.Sprintf("%s, %d connections", name, connections), r,
			fmt.Sprintf("%.0f allocations, %.0f bytes each; all in the stream %s later", objects, bytes, millis(time.Since(ended))))
		return nil
	})
	return r, err
}

// openRun sends 2,000/s for ten seconds, which is a busy sale many times over.
func (b bench) openRun(ctx context.Context) error {
	const perSecond = 2000
	list := b.template.deliveries(2_000_000, b.scaled(20_000))
	for _, way := range []struct {
		name string
		open opener
	}{{"HTTP and HMAC only", bareDoor}, {"durable ingest, forwarding", durable}} {
		err := at(ctx, way.open, func(d door) error {
			r, err := open(d.address, 64, perSecond, list)
			if err != nil {
				return err
			}
			b.show(way.name+", 2,000/s open loop", r, "from the intended time of sending")
			return d.settle(ctx, len(list))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// raw stores the same bytes in JetStream without a door.
func (b bench) raw(ctx context.Context) error {
	fmt.Fprintln(b.out, "\nthe same bytes straight into JetStream (embedded, file storage, message ids); latency of a publish or batch")
	for _, c := range []rawCase{
		{true, 1, 1, 5_000}, {true, 64, 1, 10_000}, {true, 1, 128, 38_400}, {true, 1, 512, 51_200},
		{false, 1, 1, 20_000}, {false, 64, 1, 50_000}, {false, 1, 128, 38_400}, {false, 1, 512, 51_200},
	} {
		c.count = max(b.scaled(c.count), 4*c.batch)
		r, err := c.run(ctx, b.template)
		if err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
		b.show(c.String(), r, "")
	}
	return nil
}

func (b bench) latency(ctx context.Context) (err error) {
	fmt.Fprintln(b.out, "\nwebhook sent → sales-order PUT at NetSuite; NetSuite takes 0 ms, customers and items known, JetStream fsynced")
	p, err := start(ctx, b.template)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	first := customers + 1
	for _, load := range []struct{ perSecond, count int }{{50, 1_000}, {200, 4_000}} {
		n := b.scaled(load.count)
		w, stages, calls, err := p.latency(ctx, first, n, float64(load.perSecond))
		if err != nil {
			return err
		}
		r := w.asked
		fmt.Fprintf(b.out, "%4d orders/s, %5d orders   p50 %8s  p99 %8s  max %8s   %.2f NetSuite calls per order\n",
			load.perSecond, n, millis(r.quantile(0.5)), millis(r.quantile(0.99)), millis(r.times[len(r.times)-1]), calls)
		for i, step := range stages {
			fmt.Fprintf(b.out, "    to %-8s %24s %9s  p99 %8s\n", steps[i], "p50", millis(step.quantile(0.5)), millis(step.quantile(0.99)))
		}
		first += n
	}
	return nil
}

func (b bench) drain(ctx context.Context) (err error) {
	const latency = 250 * time.Millisecond
	fmt.Fprintf(b.out, "\ndrain of a backlog; every NetSuite call takes %v and holds one of %d slots; batches off\n", latency, slots)
	p, err := start(ctx, b.template, singly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	d, err := p.drain(ctx, customers+1, b.scaled(5_000), latency)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "%d orders in %.1f s, ideal %.1f s: %.1f %% of ideal; %.3f NetSuite calls per order, at most %d in flight\n",
		d.orders, d.took.Seconds(), d.ideal.Seconds(), 100*d.ideal.Seconds()/d.took.Seconds(), d.callsPerOrder, d.maxInFlight)
	return nil
}

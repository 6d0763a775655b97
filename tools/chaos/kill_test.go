package chaos

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// childDir names the data folder for a test binary that plays the all-in-one.
const childDir = "CHAOS_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(play(dir))
	}
	if dir := os.Getenv(writerDir); dir != "" {
		os.Exit(playWriter(dir))
	}
	if dir := os.Getenv(doorDir); dir != "" {
		os.Exit(playDoor(dir))
	}
	os.Exit(m.Run())
}

// play runs the all-in-one until it is killed; it prints its facts once ready.
func play(dir string) int {
	d, err := demo.Start(context.Background(), world.Options(demo.Options{Dir: dir}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	line, err := json.Marshal(d.Facts)
	if err != nil {
		return 1
	}
	fmt.Println(string(line))
	select {}
}

// process is a running child.
type process struct {
	world.World
	command *exec.Cmd
	errs    *bytes.Buffer
}

func spawn(t *testing.T, dir string) process {
	t.Helper()
	return launch(t, childDir+"="+dir, func(facts demo.Facts) (world.World, error) { return world.Attach(t, facts) })
}

// launch runs the test binary as a child and reads its facts once it is ready.
func launch(t *testing.T, role string, attach func(demo.Facts) (world.World, error)) process {
	t.Helper()
	command := exec.Command(os.Args[0], "-test.run=^$")
	command.Env = append(os.Environ(), role)
	errs := &bytes.Buffer{}
	command.Stderr = errs
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p := process{command: command, errs: errs}
	t.Cleanup(p.kill)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		p.kill()
		t.Fatalf("the child did not start: %s", errs)
	}
	var facts demo.Facts
	if err := json.Unmarshal(lines.Bytes(), &facts); err != nil {
		t.Fatal(err)
	}
	if p.World, err = attach(facts); err != nil {
		t.Fatal(err)
	}
	return p
}

// kill ends the child as a power switch would, and waits until it is gone.
func (p process) kill() {
	_ = p.command.Process.Signal(syscall.SIGKILL)
	_ = p.command.Wait()
}

// point is a place on an order's way; reached tells how often it has been passed.
type point struct {
	name    string
	reached func(ctx context.Context, w world.World) (uint64, error)
}

func stored(stream string) point {
	return point{"stored in " + stream, func(ctx context.Context, w world.World) (uint64, error) {
		s, err := w.JS.Stream(ctx, stream)
		if err != nil {
			return 0, err
		}
		return s.CachedInfo().State.LastSeq, nil
	}}
}

// asked counts the requests a double has begun to answer.
func asked(name string, base func(demo.Facts) string, method, path string) point {
	return point{name, func(_ context.Context, w world.World) (uint64, error) {
		return w.Requests(base(w.Facts), method, path)
	}}
}

func netsuite(f demo.Facts) string { return f.NetSuite }
func shop(f demo.Facts) string     { return f.Shop }

var points = []point{
	stored(topology.Woo), stored(topology.Orders), stored(topology.Desired), stored(topology.Outcomes), stored(topology.ShopOutcomes),
	asked("customer being made", netsuite, "PUT", "/customer/"), asked("sales order being written", netsuite, "PUT", "/salesOrder/"),
	asked("being looked up or read back", netsuite, "POST", "/suiteql"), asked("shop being told", shop, "PUT", "/orders/"), stored(topology.Customers),
}

// rounds is how often the all-in-one is killed: twice at each point, the second time one step later.
const rounds = 20

func TestKillAtEveryPoint(t *testing.T) {
	dir := t.TempDir()
	all := world.Captures(t)
	p := spawn(t, dir)
	p.Load(all)
	rest := all
	for round := range rounds {
		at, later := points[round%len(points)], uint64(1+round/len(points))
		n := max(len(rest)/(rounds-round), 1)
		batch := rest[:min(n, len(rest))]
		rest = rest[len(batch):]
		if at.name == "stored in "+topology.Customers {
			batch = append(batch[:len(batch):len(batch)], customers(all)...)
		}
		lost := p.killAt(t, at, later, batch)
		rest = append(lost, rest...)
		p = spawn(t, dir)
	}
	for _, c := range rest {
		p.Post(c)
	}
	p.Settle()
	p.Check(map[string]bool{"main/68": true, "main/42": true})
	p.checkCustomers(t)
}

func customers(all []capture.Delivery) (list []capture.Delivery) {
	for _, c := range all {
		if c.Get("X-WC-Webhook-Resource") == "customer" {
			list = append(list, c)
		}
	}
	return list
}

// killAt delivers a batch and kills the process when a point has been passed `later` times since. It returns
// the deliveries that were not answered 200: a shop does not repeat them, this test does, in place of the
// sweep that finds them.
func (p process) killAt(t *testing.T, at point, later uint64, batch []capture.Delivery) (lost []capture.Delivery) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	before, err := at.reached(ctx, p.World)
	if err != nil {
		t.Fatal(err)
	}
	var posting sync.WaitGroup
	var mu sync.Mutex
	for _, c := range batch {
		posting.Go(func() {
			if status, err := p.TryPost(c); err != nil || status >= 500 {
				mu.Lock()
				lost = append(lost, c)
				mu.Unlock()
			}
		})
	}
	passed := p.watch(ctx, at, before+later, &posting)
	p.kill()
	posting.Wait()
	t.Logf("killed: %s, passed %d times of %d, %d of %d deliveries unanswered", at.name, passed-before, later, len(lost), len(batch))
	return lost
}

// watch returns when the point has been passed often enough, or when everything is settled because nothing of
// this batch passes it.
func (p process) watch(ctx context.Context, at point, want uint64, posting *sync.WaitGroup) uint64 {
	posted := make(chan struct{})
	go func() { posting.Wait(); close(posted) }()
	ticker := time.NewTicker(500 * time.Microsecond)
	defer ticker.Stop()
	for {
		now, err := at.reached(ctx, p.World)
		if err != nil || now >= want {
			return now
		}
		select {
		case <-posted:
			if busy, err := p.Busy(ctx); err == nil && busy == "" {
				return now
			}
		case <-ctx.Done():
			return now
		default:
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return now
		}
	}
}

// checkCustomers proves that no identity has two records.
func (p process) checkCustomers(t *testing.T) {
	t.Helper()
	type record struct{ ExternalID, Email string }
	seen := map[string]string{}
	for _, c := range world.Get[[]record](p.World, p.Facts.NetSuite+"/sim/state?type=customer") {
		if !strings.HasPrefix(c.ExternalID, "wc-cust-") {
			continue
		}
		key := strings.ToLower(c.Email)
		if other, twice := seen[key]; twice {
			t.Errorf("%s has two customer records: %s and %s", key, other, c.ExternalID)
		}
		seen[key] = c.ExternalID
	}
	if len(seen) == 0 {
		t.Error("no customers were made")
	}
}

package chaos

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/goccy/go-json"

	netsuitewriter "github.com/orderstream/orderstream/services/netsuite-writer"
	"github.com/orderstream/orderstream/services/transformer"
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
		os.Exit(playUnit(dir, netsuitewriter.Unit))
	}
	if dir := os.Getenv(transformerDir); dir != "" {
		os.Exit(playUnit(dir, transformer.Unit))
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

// rounds is how often the all-in-one is killed: once at each point, then at the first ones again, one step later; under the race
// detector once at each.
func rounds() int {
	if world.Raced {
		return len(points)
	}
	return 20
}

func TestKillAtEveryPoint(t *testing.T) {
	all := world.Captures(t)
	r := &killing{t: t, dir: t.TempDir(), all: all, rest: all}
	r.p = spawn(t, r.dir)
	r.p.Load(all)
	r.p.Post(r.changed("order.created-registered")) // makes the record of the customer who changes from now on
	r.p.Settle()
	for round := range rounds() {
		r.kill(points[round%len(points)], uint64(1+round/len(points)), r.batch(round))
		r.p = spawn(t, r.dir)
	}
	for _, c := range r.rest {
		r.p.Post(c)
	}
	r.p.Settle()
	r.p.Check(world.Lackable, r.copies...)
	r.p.CheckAround(world.Lackable, r.copies...)
	r.checkFailures()
	r.checkShopper()
}

package e2e

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/cli"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// The test binary is the operator's command in a process of its own where these say so.
const (
	commandWords = "E2E_COMMAND"
	commandNATS  = "E2E_NATS"
)

func TestMain(m *testing.M) {
	if words := os.Getenv(commandWords); words != "" {
		os.Exit(cli.Main(append([]string{"--nats", os.Getenv(commandNATS), "--json"}, strings.Fields(words)...), os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// command starts the operator's command in a process of its own; what it prints is in the buffers when it has ended.
func command(t *testing.T, w world.World, words string) (running *exec.Cmd, out, errs *bytes.Buffer) {
	t.Helper()
	running, out, errs = exec.Command(os.Args[0], "-test.run=^$"), &bytes.Buffer{}, &bytes.Buffer{}
	running.Env = append(os.Environ(), commandWords+"="+words, commandNATS+"="+w.Facts.NATS)
	running.Stdout, running.Stderr = out, errs
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Process.Kill() }) // ended long since where all is well
	return running, out, errs
}

// written lists the sales orders that NetSuite was asked to write, by shop order, as often as it was asked.
func written(w world.World) []string {
	var list []string
	for _, e := range world.Get[[]struct{ Method, Path string }](w, w.Facts.NetSuite+"/sim/log") {
		_, name, found := strings.Cut(e.Path, "/salesOrder/eid:wc-so-")
		if found && (e.Method == http.MethodPut || e.Method == http.MethodPatch) {
			order, _, _ := strings.Cut(name, "?")
			list = append(list, order)
		}
	}
	return list
}

func setFaults(t *testing.T, w world.World, faults string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.Facts.NetSuite+"/sim/faults", strings.NewReader(faults))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("faults answered %d", response.StatusCode)
	}
}

// What was approved is what NetSuite is asked to write: each change of the plan once and nothing else, although the
// command is killed in the middle and said again. Invariant 2. The order that changed since the plan was made is left out
// and listed.
func TestAKilledApplyWritesThePlanExactly(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	all := world.Captures(t)
	w.Load(all)
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	ctx := context.Background()
	p := plan(t, w, shorter)
	if err := replay.Save(ctx, w.JS, p, shorter); err != nil {
		t.Fatal(err)
	}
	if p.Cost.Writes < 25 {
		t.Fatalf("%d writes, want enough of them to be killed in between", p.Cost.Writes)
	}
	w.Post(changed(t, "order.created-simple", `"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"2026-12-01T00:00:00"`, `"customer_note":""`, `"customer_note":"later"`))
	w.Settle()
	setFaults(t, w, `{"latencyMs":40}`)
	before := len(written(w))

	apply, _, errs := command(t, w, "replay apply "+p.Hash)
	w.Until("ten are written", func() bool { return len(written(w)) >= before+10 })
	if err := apply.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := apply.Wait(); err == nil || errs.Len() > 0 {
		t.Fatalf("%v, %s: the command ended before it was killed", err, errs.String())
	}
	w.Settle()
	killed := len(written(w)) - before
	if killed >= p.Cost.Writes-1 {
		t.Fatalf("%d of %d were written when the command was killed", killed, p.Cost.Writes)
	}
	done, err := replay.Apply(ctx, w.JS, p.Hash, "me", "once more", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Settle()
	want := []string{}
	for _, c := range changesIn(t, p) {
		if (c.Effect == replay.EffectUpdate || c.Effect == replay.EffectCreate) && c.Store+"-"+c.Order != "main-36" {
			want = append(want, c.Store+"-"+c.Order)
		}
	}
	got := written(w)[before:]
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("written %v\nwant    %v", got, want)
	}
	if done.State != replay.StateDone || len(done.Left) != 1 || done.Left[0].Order != "36" || done.Left[0].Store != "main" || done.Published != p.Changed-1 {
		t.Errorf("%+v: want all but order main/36 published, of %d", done, p.Changed)
	}
	for id, so := range w.SalesOrders() {
		name := strings.TrimPrefix(id, "wc-so-")
		if at, _ := slices.BinarySearch(want, name); (at < len(want) && want[at] == name) != strings.HasPrefix(so.Memo, "Woo ") {
			t.Errorf("%s: memo %q", id, so.Memo)
		}
	}
	t.Logf("%d written when the command was killed, %d in all", killed, len(got))
}

package e2e

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// underWay is how many states a replay has published and not seen an outcome of, at most: twice the demo's five slots.
const underWay = 10

func progressIn(t *testing.T, out *bytes.Buffer) (p replay.Progress) {
	t.Helper()
	if err := json.Unmarshal(out.Bytes(), &p); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return p
}

// desiredNow is the position of the newest desired state.
func desiredNow(t *testing.T, w world.World) uint64 {
	t.Helper()
	stream, err := w.JS.Stream(context.Background(), topology.Desired)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq
}

// A pause stops an apply that runs in another process before its next order, and says how far it came; the next apply goes
// on there, and every order is written once.
func TestAPausedApplyStopsBeforeTheNextOrder(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	all := world.Captures(t)
	w.Load(all)
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	p := plan(t, w, shorter)
	if err := replay.Save(context.Background(), w.JS, p, shorter); err != nil {
		t.Fatal(err)
	}
	setFaults(t, w, `{"latencyMs":300}`)
	before := len(written(w))
	apply, out, errs := command(t, w, "replay apply "+p.Hash)
	w.Until("three are written", func() bool { return len(written(w)) >= before+3 })
	pause, said, wrong := command(t, w, "replay pause "+p.Hash+" --note lunch")
	if err := pause.Wait(); err != nil {
		t.Fatalf("%v: %s", err, wrong)
	}
	at := len(written(w)) - before
	if err := apply.Wait(); err != nil {
		t.Fatalf("%v: %s", err, errs)
	}
	setFaults(t, w, `{}`)
	w.Settle()
	told, ended := progressIn(t, said), progressIn(t, out)
	if told.State != replay.StatePaused || ended.State != replay.StatePaused || told.Next != ended.Next || told.Published != ended.Published {
		t.Errorf("pause says %+v, the apply ended with %+v", told, ended)
	}
	list := written(w)[before:]
	writes := 0 // of the changes that were reached
	for _, c := range changesIn(t, p)[:ended.Next] {
		if c.Effect.Writes() {
			writes++
		}
	}
	if len(list) != writes || len(list)-at > underWay || ended.Next >= p.Changed {
		t.Errorf("%d written, %d of them after the pause; the apply reached %d of %d changes, %d of them writes", len(list), len(list)-at, ended.Next, p.Changed, writes)
	}
	done, err := replay.Apply(context.Background(), w.JS, p.Hash, "me", "", nil)
	if err != nil || done.State != replay.StateDone || done.Published != p.Changed {
		t.Fatalf("%+v, %v", done, err)
	}
	w.Settle()
	if list = written(w)[before:]; len(list) != p.Cost.Writes || len(slices.Compact(slices.Sorted(slices.Values(list)))) != p.Cost.Writes {
		t.Errorf("written %v, want %d orders once each", list, p.Cost.Writes)
	}
}

// A cancelled apply ends although NetSuite answers nobody and it waits for room; of its plan only what was under way is
// written, and nothing brings it back.
func TestACancelledApplyEndsWhileItWaits(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
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
	setFaults(t, w, `{"latencyMs":20000}`)
	before, first := len(written(w)), desiredNow(t, w)
	apply, out, errs := command(t, w, "replay apply "+p.Hash)
	w.Until("its window is full", func() bool { return desiredNow(t, w) >= first+underWay })
	cancel, said, wrong := command(t, w, "replay cancel "+p.Hash)
	if err := cancel.Wait(); err != nil {
		t.Fatalf("%v: %s", err, wrong)
	}
	began := time.Now()
	if err := apply.Wait(); err != nil {
		t.Fatalf("%v: %s", err, errs)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the apply ended %v after it was cancelled: with NetSuite's answers", took)
	}
	ended := progressIn(t, out)
	if told := progressIn(t, said); told.State != replay.StateCancelled || ended.State != replay.StateCancelled || told.Next != ended.Next || ended.Published != underWay {
		t.Errorf("cancel says %+v, the apply ended with %+v, want %d published", told, ended, underWay)
	}
	setFaults(t, w, `{}`)
	w.Settle()
	if n := len(written(w)) - before; n > underWay || desiredNow(t, w) != first+underWay {
		t.Errorf("%d written, %d published; want %d at most", n, desiredNow(t, w)-first, underWay)
	}
	if again, err := replay.Apply(ctx, w.JS, p.Hash, "me", "", nil); err == nil || again.State != replay.StateCancelled || again.Next != ended.Next {
		t.Errorf("applied after it was cancelled: %+v, %v", again, err)
	}
	if _, err := replay.Control(ctx, w.JS, p.Hash, replay.StatePaused, "me", ""); err == nil {
		t.Error("a cancelled plan is paused")
	}
}

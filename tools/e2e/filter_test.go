package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/cli"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// planned runs the operator's command and gives the orders of the plan that it prints line by line.
func planned(t *testing.T, w world.World, file string, flags ...string) []string {
	t.Helper()
	var out, errs bytes.Buffer
	words := append([]string{"--nats", w.Facts.NATS, "replay", "plan", "--mapping", file, "--changes", "-"}, flags...)
	if code := cli.Main(words, &out, &errs); code != 0 {
		t.Fatalf("%v: exit %d: %s", flags, code, &errs)
	}
	names := []string{}
	for line := range bytes.Lines(out.Bytes()) {
		var c replay.Change
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		names = append(names, c.Store+"/"+c.Order)
	}
	slices.Sort(names)
	return names
}

// A plan looks at the orders that are asked for, by store, day, id and condition; bounds are from, and before.
func TestAPlanLooksAtWhatIsAskedFor(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	all := world.Captures(t)
	w.Load(all)
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	file := filepath.Join(t.TempDir(), "shorter.yaml")
	if err := os.WriteFile(file, shorter, 0o600); err != nil {
		t.Fatal(err)
	}
	changes := changesIn(t, plan(t, w, shorter))
	slices.SortFunc(changes, func(a, b replay.Change) int { return a.Placed.Compare(b.Placed) })
	middle := changes[len(changes)/2].Placed
	dollars := func(c replay.Change) bool {
		_, state, err := operate.State(context.Background(), w.JS, c.Store, c.Order)
		if err != nil {
			t.Fatal(err)
		}
		return state.Currency == "USD"
	}
	const never = "2100-01-01"
	bound := middle.Format(time.RFC3339)
	for _, c := range []struct {
		flags []string
		fits  func(replay.Change) bool
	}{
		{nil, func(replay.Change) bool { return true }},
		{[]string{"--store", "legacy"}, func(c replay.Change) bool { return c.Store == "legacy" }},
		{[]string{"--since", bound}, func(c replay.Change) bool { return !c.Placed.Before(middle) }},
		{[]string{"--until", bound}, func(c replay.Change) bool { return c.Placed.Before(middle) }},
		{[]string{"--since", bound, "--until", middle.Add(time.Second).Format(time.RFC3339)}, func(c replay.Change) bool { return c.Placed.Equal(middle) }},
		{[]string{"--since", never}, func(replay.Change) bool { return false }},
		{[]string{"--orders", "36,37", "--store", "main"}, func(c replay.Change) bool { return c.Store == "main" && (c.Order == "36" || c.Order == "37") }},
		{[]string{"--where", `order.currency == "USD"`}, dollars},
		{[]string{"--where", `order.currency != "USD"`, "--store", "main"}, func(c replay.Change) bool { return c.Store == "main" && !dollars(c) }},
	} {
		want := []string{}
		for _, change := range changes {
			if c.fits(change) {
				want = append(want, change.Store+"/"+change.Order)
			}
		}
		slices.Sort(want)
		if got := planned(t, w, file, c.flags...); !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", c.flags, got, want)
		}
		if some := len(want) > 0 && len(want) < len(changes); !some && len(c.flags) > 0 && c.flags[1] != never {
			t.Errorf("%v fits %d of %d orders: it shows nothing", c.flags, len(want), len(changes))
		}
	}
	var out, errs bytes.Buffer
	for _, flags := range [][]string{{"--since", "yesterday"}, {"--where", "order.currncy == 1"}} {
		if code := cli.Main(append([]string{"--nats", w.Facts.NATS, "replay", "plan", "--mapping", file}, flags...), &out, &errs); code != 2 {
			t.Errorf("%v: exit %d, want 2: wrong use", flags, code)
		}
	}
	if text := errs.String(); !strings.Contains(text, "--since") || !strings.Contains(text, "order.currncy") {
		t.Errorf("the mistakes are told as %q", text)
	}
}

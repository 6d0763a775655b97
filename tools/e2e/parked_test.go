package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// Orders that the mapping could not map are in the plan of one that can: applying it makes their sales orders and closes
// their failures, once.
func TestReplayFreesParkedOrders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	lacking := bytes.Replace(mapping.Default, []byte("    US-TX-TX SALES TAX-1: {type: US Sales Tax, code: TX_SALES}\n"), nil, 1)
	if err := os.WriteFile(file, lacking, 0o600); err != nil {
		t.Fatal(err)
	}
	w := world.Start(t, demo.Options{Mute: true, Mapping: file})
	all := world.Captures(t)
	w.Load(all)
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	ctx := context.Background()
	parked := map[string]bool{}
	open := func() (list []operate.Failure) {
		failures, err := operate.Failures(ctx, w.JS, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range failures {
			if f.Entry.Stage == "map" && f.Entry.Fault.Code == "tax-rate-unmapped" {
				list = append(list, f)
			}
		}
		return list
	}
	for _, f := range open() {
		parked[f.Entry.Store+"-"+f.Entry.Key] = true
	}
	if len(parked) == 0 {
		t.Fatal("no order is parked without its tax rate")
	}
	for name := range parked {
		if _, made := w.SalesOrders()["wc-so-"+name]; made {
			t.Errorf("%s has a sales order although it is parked", name)
		}
	}
	if same := plan(t, w, lacking); same.Changed+len(same.Troubles) != 0 {
		t.Errorf("the active mapping: %d changes, %d troubles, want none", same.Changed, len(same.Troubles))
	}
	p := plan(t, w, mapping.Default)
	creates := 0
	for _, c := range changesIn(t, p) {
		if !c.Parked || !parked[c.Store+"-"+c.Order] || c.Account != demo.Account {
			t.Errorf("%+v: want parked orders alone", c)
		}
		if c.Effect == replay.EffectCreate {
			creates++
		}
	}
	if p.Changed != len(parked) || creates == 0 {
		t.Fatalf("%d changes, %d of them new sales orders, of %d parked orders", p.Changed, creates, len(parked))
	}
	if err := replay.Save(ctx, w.JS, p, mapping.Default); err != nil {
		t.Fatal(err)
	}
	before := len(w.SalesOrders())
	done, err := replay.Apply(ctx, w.JS, p.Hash, "me", "the rate is there", nil)
	if err != nil || done.Published != len(parked) || len(done.Left) != 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	w.Settle()
	if made := len(w.SalesOrders()) - before; made != creates {
		t.Errorf("%d new sales orders, want %d", made, creates)
	}
	if left := open(); len(left) != 0 {
		t.Errorf("%d failures are open still: %+v", len(left), left)
	}
	if again := plan(t, w, mapping.Default); again.Changed != 0 {
		t.Errorf("%d changes remain", again.Changed)
	}
}

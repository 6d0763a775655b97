package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// What NetSuite counts decides from where an order leaves; when it counts again, the order is still explained and derived by
// what was counted then.
func TestStockDecidesTheLocation(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, slices.Concat(mapping.Default, []byte(`
lookups: {locations: {Oakland Warehouse: "1", Austin Warehouse: "2"}}
routing:
  orders:
    - {name: austin, when: 'any(order.lines, .stock.at["Oakland Warehouse"] < .quantity) && all(order.lines, .stock.at["Austin Warehouse"] >= .quantity)', location: Austin Warehouse}
    - {name: oakland, location: Oakland Warehouse}
`)), 0o600); err != nil {
		t.Fatal(err)
	}
	w := world.Start(t, demo.Options{Mute: true, Mapping: file, Adjust: func(c *host.Config) {
		account := c.Accounts[demo.Account]
		account.Watch.Stock = "on"
		c.Accounts[demo.Account] = account
	}})
	counted(t, w, 0, 7)
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	if got := leavesFrom(t, w); got != "Austin Warehouse" {
		t.Fatalf("the sales order leaves from %q, want Austin, where the goods are", got)
	}
	counted(t, w, 9, 0)
	held, state, err := operate.State(t.Context(), w.JS, "main", "36")
	if err != nil || held.Inputs == nil || len(held.Inputs.Stock) != 1 || held.Inputs.Stock[0].Item != "TEE-001" {
		t.Fatalf("made by %+v, %v", held.Inputs, err)
	}
	m, err := mapping.Load(file, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	with, err := mapping.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(with.Explain(state, mapping.Context{Inputs: held.Inputs}).Fields, func(f mapping.Explained) bool {
		return f.Field == "sales_order.fields.location" && f.Rule == "routing.orders austin"
	}) {
		t.Error("the location is not explained by rule austin")
	}
	proof, err := operate.Prove(t.Context(), w.JS, nil)
	if err != nil || !proof.Holds() || proof.States != 1 || proof.Past.States == 0 || proof.Past.Unprovable != 0 {
		t.Errorf("%+v, %v: want the state to come out as it was stored, and as its outcomes name it", proof, err)
	}
}

// counted has NetSuite count TEE-001 in Oakland and in Austin, and waits until its watcher told of it.
func counted(t *testing.T, w world.World, oakland, austin int64) {
	t.Helper()
	for location, units := range map[string]int64{"1": oakland, "2": austin} {
		if _, err := w.NetSuite.SetStock(netsuitesim.Stock{SKU: "TEE-001", Location: location, OnHand: json.Number(fmt.Sprint(units))}); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := w.JS.Stream(t.Context(), topology.NetSuiteChanges)
	if err != nil {
		t.Fatal(err)
	}
	w.Until("the watcher told of the count", func() bool {
		info, err := stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]string{}
		for sequence := info.State.FirstSeq; sequence <= info.State.LastSeq && sequence > 0; sequence++ {
			raw, err := stream.GetMsg(t.Context(), sequence)
			if err != nil || !inventory(raw.Subject) {
				continue
			}
			change, err := codec.Decode[event.NetSuiteChangedV1](raw.Data)
			if err != nil {
				t.Fatal(err)
			}
			if change.Stock.Name == "TEE-001" {
				for _, l := range change.Stock.Locations {
					told[l.Location] = l.OnHand.String()
				}
			}
		}
		return told["1"] == fmt.Sprint(oakland) && told["2"] == fmt.Sprint(austin)
	})
}

func inventory(name string) bool {
	c, err := subject.ParseChange(name)
	return err == nil && c.Kind == event.ChangeInventory
}

// leavesFrom is the location of the one sales order that NetSuite has.
func leavesFrom(t *testing.T, w world.World) string {
	t.Helper()
	all := world.Get[[]struct {
		Location struct{ RefName string }
	}](w, w.Facts.NetSuite+"/sim/state?type=salesOrder")
	if len(all) != 1 {
		t.Fatalf("%d sales orders, want one", len(all))
	}
	return all[0].Location.RefName
}

package netsuitesim_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// worked is an account whose warehouse worked with a seed until nothing was
// left to do: what it did, and what the account holds.
func worked(t *testing.T, seed uint64) (steps []string, state string) {
	t.Helper()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	a := open(t, func(c *netsuitesim.Config) {
		c.Listen = "127.0.0.1:0"
		c.Now = func() time.Time { return now }
		c.Warehouse = netsuitesim.Warehouse{Seed: seed, Partial: 0.6, Returns: 0.5}
	})
	for range 5 {
		a.must("POST", "record/v1/salesOrder", orderBody(`"orderStatus":"B"`, tee+`,"quantity":4`, beanie+`,"quantity":3`))
	}
	for len(steps) < 500 {
		what, err := a.sim.Step()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if what == "" {
			break
		}
		steps = append(steps, what)
	}
	text, err := a.sim.State("")
	if err != nil {
		t.Fatal(err)
	}
	return steps, strings.ReplaceAll(string(text), a.sim.URL(), "")
}

// The same seed does the same, another seed something else; in the end
// everything is shipped in parcels with numbers, billed, and what came back is
// refunded.
func TestWarehouseIsDeterministic(t *testing.T) {
	steps, state := worked(t, 7)
	again, same := worked(t, 7)
	other, _ := worked(t, 8)
	if strings.Join(steps, "\n") != strings.Join(again, "\n") || state != same {
		t.Error("two runs of one seed differ")
	}
	if strings.Join(steps, "\n") == strings.Join(other, "\n") {
		t.Error("two seeds do the same")
	}
	var all map[string][]struct {
		Status  struct{ ID string }
		Package struct {
			Items []struct{ PackageTrackingNumber string }
		}
		ItemID string
		OnHand json.Number                                `json:"quantityOnHand"`
		Stock  map[string]struct{ QuantityOnHand string } `json:"countedStock"`
	}
	if err := json.Unmarshal([]byte(state), &all); err != nil {
		t.Fatal(err)
	}
	for _, o := range all["salesOrder"] {
		if o.Status.ID != "G" {
			t.Errorf("an order is %s in the end, want G", o.Status.ID)
		}
	}
	if n := len(all["itemFulfillment"]); n <= 5 {
		t.Errorf("%d fulfilments of five orders: none was shipped in parts", n)
	}
	for _, f := range all["itemFulfillment"] {
		if f.Status.ID != "C" || len(f.Package.Items) == 0 || f.Package.Items[0].PackageTrackingNumber == "" {
			t.Errorf("fulfilment %+v, want it shipped with numbers", f)
		}
	}
	for _, kind := range []string{"returnAuthorization", "itemReceipt", "creditMemo", "customerRefund"} {
		if len(all[kind]) == 0 || len(all[kind]) != len(all["returnAuthorization"]) {
			t.Errorf("%d of %s, want one for each return", len(all[kind]), kind)
		}
	}
	gone := map[string]int{}
	for _, item := range all["inventoryItem"] {
		had, _ := item.OnHand.Int64() // at each location
		for _, at := range item.Stock {
			has, err := strconv.Atoi(at.QuantityOnHand)
			if err != nil {
				t.Error(err)
			}
			gone[item.ItemID] += int(had) - has
		}
	}
	back := len(all["itemReceipt"]) // a tee each
	if gone["TEE-001"] != 5*4-back || gone["BEANIE-01"] != 5*3 {
		t.Errorf("%v left the stock, want 20 tees and 15 beanies less %d tees that came back", gone, back)
	}
}

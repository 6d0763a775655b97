package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// What a mapping's rules say stands in NetSuite, in references that NetSuite resolved; and the order's timeline names
// the rules.
func TestRulesReachNetSuite(t *testing.T) {
	document := bytes.Replace(mapping.Default, []byte("skus: {}\n"), []byte("skus: {}\n  unknown: fallback\n"), 1)
	document = bytes.Replace(document, []byte("customer:\n"), []byte("customer:\n  rules: [{name: trade, category: Wholesale, price_level: Wholesale}]\n"), 1)
	document = append(document, []byte(`
classes: [{name: american, when: 'order.shipping.country == "US"'}]
routing:
  orders: [{name: west, when: '"american" in classes', location: Oakland Warehouse, department: Online, class: Web, ship_method: UPS}]
  lines: [{name: stock, location: Austin Warehouse}]
`)...)
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	w := world.Start(t, demo.Options{Mute: true, Mapping: file})
	w.Post(changed(t, "order.created-simple", `"sku":"TEE-001"`, `"sku":"TEE-999"`))
	w.Settle()
	type name struct{ RefName string }
	type line struct {
		Item, Location name
	}
	type order struct {
		ExternalID                              string
		Location, Department, Class, ShipMethod name
		Item                                    struct{ Items []line }
	}
	var all []order
	for _, raw := range world.Get[[]json.RawMessage](w, w.Facts.NetSuite+"/sim/state?type=salesOrder") {
		var o order
		if err := json.Unmarshal(raw, &o); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	if len(all) != 1 || all[0].Location.RefName != "Oakland Warehouse" || all[0].Department.RefName != "Online" || all[0].Class.RefName != "Web" || all[0].ShipMethod.RefName != "UPS" {
		t.Fatalf("sales orders %+v", all)
	}
	if lines := all[0].Item.Items; len(lines) != 1 || lines[0].Item.RefName != "WOO-FALLBACK" || lines[0].Location.RefName != "Austin Warehouse" {
		t.Errorf("lines %+v, want the fallback item from Austin", lines)
	}
	if so := w.SalesOrders()["wc-so-main-36"]; !world.SameAmount(so.Total.String(), "28.14") {
		t.Errorf("total %q, want 28.14", so.Total)
	}
	trade := false
	for _, c := range world.Get[[]struct{ Category, PriceLevel name }](w, w.Facts.NetSuite+"/sim/state?type=customer") {
		trade = trade || c.Category.RefName == "Wholesale" && c.PriceLevel.RefName == "Wholesale"
	}
	if !trade {
		t.Error("no customer with the category and the price level of the rule")
	}
	explains(t, w)
	timeline, err := operate.Show(t.Context(), w.JS, "main", "36")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range timeline.Steps {
		if step.Stage == "map" && strings.HasSuffix(step.Detail, "; classes american; routing.orders west; customer.rules trade; routing.lines stock (1 lines)") {
			return
		}
	}
	t.Errorf("no step names the rules: %+v", timeline.Steps)
}

// explains derives the order again from history and asks where a field comes from.
func explains(t *testing.T, w world.World) {
	t.Helper()
	held, state, err := operate.State(t.Context(), w.JS, "", "36")
	if err != nil {
		t.Fatal(err)
	}
	document, err := operate.Document(t.Context(), w.JS, held.Source.Mapping+"."+held.Source.Revision)
	if err != nil {
		t.Fatal(err)
	}
	m, err := mapping.Compile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Explain(state, mapping.Context{}).Fields {
		if f.Field == "sales_order.fields.location" && f.Rule == "routing.orders west" && f.Value == "Oakland Warehouse" {
			return
		}
	}
	t.Error("the location of an order of history is not explained by rule west")
}

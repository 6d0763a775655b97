package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// A candidate is planned for the stores that its mapping maps; who names a store has that one planned.
func TestAPlanLeavesOutStoresOfAnotherMapping(t *testing.T) {
	eu := bytes.Replace(mapping.Default, []byte("mapping: default"), []byte("mapping: eu"), 1)
	file := filepath.Join(t.TempDir(), "eu.yaml")
	if err := os.WriteFile(file, eu, 0o600); err != nil {
		t.Fatal(err)
	}
	w := world.Start(t, demo.Options{Mute: true, Adjust: func(c *host.Config) {
		world.Unwatched(c)
		other := c.Mappings["default"]
		other.File = file
		c.Mappings["eu"] = other
		store := c.Stores["legacy"]
		store.Mapping = "eu"
		c.Stores["legacy"] = store
	}})
	w.Load(world.Captures(t))
	w.Post(changed(t, "order.created-simple"))
	w.Post(changed(t, "legacy-8.9.3-order.created-variation"))
	w.Settle()
	shorterEU := bytes.Replace(shorter, []byte("mapping: default"), []byte("mapping: eu"), 1)
	for _, c := range []struct {
		name      string
		document  []byte
		store     string
		planned   string
		elsewhere []replay.Elsewhere
	}{
		{"of the default mapping", shorter, "", "main", []replay.Elsewhere{{Store: "legacy", Mapping: "eu", Orders: 1}}},
		{"of the other mapping", shorterEU, "", "legacy", []replay.Elsewhere{{Store: "main", Mapping: "default", Orders: 1}}},
		{"for a store that another mapping maps", shorter, "legacy", "legacy", []replay.Elsewhere{}},
	} {
		candidate, err := mapping.Compile(c.document)
		if err != nil {
			t.Fatal(err)
		}
		p, err := replay.Make(t.Context(), w.JS, candidate, replay.Request{Store: c.store}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if list := changesIn(t, p); len(list) != 1 || list[0].Store != c.planned || p.Looked != 1 {
			t.Errorf("a candidate %s: %d orders looked at, changes %+v; want the order of %s", c.name, p.Looked, list, c.planned)
		}
		if len(p.Elsewhere) != len(c.elsewhere) || len(c.elsewhere) == 1 && p.Elsewhere[0] != c.elsewhere[0] {
			t.Errorf("a candidate %s: left out %+v, want %+v", c.name, p.Elsewhere, c.elsewhere)
		}
	}
}

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// What is said of the mapping eu, and the same with a shorter memo.
var (
	euDefault = bytes.Replace(mapping.Default, []byte("mapping: default"), []byte("mapping: eu"), 1)
	euShorter = bytes.Replace(shorter, []byte("mapping: default"), []byte("mapping: eu"), 1)
)

// fileOf puts a document into a file.
func fileOf(t *testing.T, document []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// twoMappings runs a world in which store legacy is mapped with eu, all others with default.
func twoMappings(t *testing.T) world.World {
	t.Helper()
	file := fileOf(t, euDefault)
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
	return w
}

// A candidate is planned for the stores that its mapping maps; who names a store has that one planned.
func TestAPlanLeavesOutStoresOfAnotherMapping(t *testing.T) {
	w := twoMappings(t)
	w.Post(changed(t, "order.created-simple"))
	w.Post(changed(t, "legacy-8.9.3-order.created-variation"))
	w.Settle()
	for _, c := range []struct {
		name      string
		document  []byte
		store     string
		planned   string
		elsewhere []replay.Elsewhere
	}{
		{"of the default mapping", shorter, "", "main", []replay.Elsewhere{{Store: "legacy", Mapping: "eu", Orders: 1}}},
		{"of the other mapping", euShorter, "", "legacy", []replay.Elsewhere{{Store: "main", Mapping: "default", Orders: 1}}},
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

// A comparison and the coverage take the last orders of the stores that the document's mapping maps, however many orders of
// other stores came later; who names a mapping gets the orders of that one.
func TestTheLastOrdersAreThoseOfTheMapping(t *testing.T) {
	w := twoMappings(t)
	w.Post(changed(t, "legacy-8.9.3-order.created-variation"))
	w.Settle()
	for _, name := range []string{"order.created-simple", "order.created-registered", "order.created-cod"} {
		w.Post(changed(t, name))
	}
	w.Settle()
	ours, theirs := fileOf(t, shorter), fileOf(t, euShorter)
	now, then := fileOf(t, mapping.Default), fileOf(t, euDefault)
	for _, c := range []struct {
		words  []string
		stores []string // of the orders that differ
	}{
		{[]string{then, theirs, "--last", "1"}, []string{"legacy"}},
		{[]string{then, theirs}, []string{"legacy"}},
		{[]string{now, ours}, []string{"main", "main", "main"}},
		{[]string{now, ours, "--last", "2"}, []string{"main", "main"}},
		{[]string{now, ours, "--mapping", "eu"}, []string{"legacy"}},
		{[]string{now, theirs, "--mapping", "eu"}, []string{"legacy"}},
	} {
		compared := said[replay.Comparison](t, w, append([]string{"mapping", "diff"}, c.words...)...)
		stores := []string{}
		for _, o := range compared.Orders.Differing {
			stores = append(stores, o.Store)
		}
		if !slices.Equal(stores, c.stores) || compared.Orders.Looked != len(c.stores) {
			t.Errorf("%v: %d orders looked at, those of %v differ; want %v", c.words[2:], compared.Orders.Looked, stores, c.stores)
		}
	}
	refused(t, w, "revisions of several, [default eu]: name one", "mapping", "diff", now, theirs)
	refused(t, w, `mapping = "us": want one that the configuration has`, "mapping", "diff", now, ours, "--mapping", "us")
	rules := "\nclasses: [{name: ours, when: store.key == \"main\"}, {name: theirs, when: store.key == \"legacy\"}]\n"
	for _, c := range []struct {
		document []byte
		flags    []string
		unfired  string
		fired    string
	}{
		{append(bytes.Clone(shorter), rules...), nil, "classes theirs", "classes ours"},
		{append(bytes.Clone(euShorter), rules...), nil, "classes ours", "classes theirs"},
		{append(bytes.Clone(shorter), rules...), []string{"--mapping", "eu"}, "classes ours", "classes theirs"},
	} {
		covered := said[mapping.Coverage](t, w, append([]string{"mapping", "coverage", fileOf(t, c.document), "--last", "4"}, c.flags...)...)
		if !slices.Contains(covered.Unfired, c.unfired) || slices.Contains(covered.Unfired, c.fired) {
			t.Errorf("unfired %v, want %s but not %s", covered.Unfired, c.unfired, c.fired)
		}
	}
}

// A revision is looked at for the mapping that it is kept in, whatever its document calls itself.
func TestARevisionBelongsToTheMappingThatKeepsIt(t *testing.T) {
	w := twoMappings(t)
	w.Post(changed(t, "order.created-simple"))
	w.Post(changed(t, "legacy-8.9.3-order.created-variation"))
	w.Settle()
	shop := fileOf(t, bytes.Replace(shorter, []byte("mapping: default"), []byte("mapping: shop"), 1))
	kept := said[operate.Published](t, w, "mapping", "publish", shop, "--mapping", "eu", "-m", "under another name")
	said[operate.Published](t, w, "mapping", "rollback", "--mapping", "eu")
	compared := said[replay.Comparison](t, w, "mapping", "diff", kept.Before, kept.Revision)
	if compared.Mapping != "eu" || len(compared.Orders.Differing) != 1 || compared.Orders.Differing[0].Store != "legacy" {
		t.Errorf("compared for mapping %s: %+v; want the order of legacy", compared.Mapping, compared.Orders)
	}
	p := said[replay.Plan](t, w, "replay", "plan", "--mapping", kept.Revision)
	if p.Looked != 1 || len(p.Elsewhere) != 1 || p.Elsewhere[0].Store != "main" {
		t.Errorf("planned: %d orders looked at, left out %+v; want the order of legacy", p.Looked, p.Elsewhere)
	}
}

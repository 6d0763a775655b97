package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// WooCommerce's mail of a completed order names the tracking numbers that a plugin has then: they are told before.
func TestNumberStandsBeforeTheOrderIsCompleted(t *testing.T) {
	w := world.Start(t, demo.Options{Store: func(s *shopsim.StoreConfig) { s.TrackingPlugin = "wc-shipment-tracking/v3" }})
	ids, err := w.Shop.Place(shopsim.Placement{Store: "main", Status: "processing"})
	if err != nil {
		t.Fatal(err)
	}
	b := &backward{World: w, t: t, store: "main", order: ids[0]}
	b.quiet()
	before := len(b.writes())
	if _, err := w.NetSuite.Fulfil(netsuitesim.Shipment{Order: fmt.Sprintf("wc-so-main-%d", b.order), Tracking: []string{"1Z9"}}); err != nil {
		t.Fatal(err)
	}
	w.Until("the shop completes the order", func() bool { return b.shopOrder().Status == "completed" })
	if wrote := b.writes()[before:]; !strings.HasSuffix(wrote[0], "/shipment-trackings") {
		t.Errorf("the shop is told by %q, want the number first", wrote)
	}
}

// writes are what the shop was told of the order, in order.
func (b *backward) writes() (list []string) {
	b.t.Helper()
	entries := slices.SortedStableFunc(slices.Values(b.Shop.Log()), func(x, y shopsim.Entry) int { return x.Time.Compare(y.Time) })
	for _, e := range entries {
		path, _, _ := strings.Cut(e.Path, "?")
		if e.Store == b.store && e.Method != http.MethodGet && strings.Contains(path, fmt.Sprintf("/orders/%d", b.order)) {
			list = append(list, e.Method+" "+path)
		}
	}
	return list
}

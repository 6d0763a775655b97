package e2e

import (
	"fmt"
	"testing"

	"github.com/orderstream/orderstream/tools/shopsim"
)

// An order that waits for approval and is cancelled in NetSuite, which never committed it, is cancelled in its shop, and its
// unit is for sale again in every shop.
func TestCancelledInNetSuiteIsForSaleAgain(t *testing.T) {
	s := newShelves(t, false)
	s.counts("TEE-001", 10)
	s.until(classicTee, 10)
	ids, err := s.Shop.Place(shopsim.Placement{Store: "main", Status: "on-hold", Product: classicTee})
	if err != nil {
		t.Fatal(err)
	}
	s.until(classicTee, 9)
	s.quiet()
	if _, err := s.NetSuite.Cancel(fmt.Sprintf("wc-so-main-%d", ids[0])); err != nil {
		t.Fatal(err)
	}
	b := &backward{World: s.World, t: t, store: "main", order: ids[0]}
	s.Until("the shop cancels the order", func() bool { return b.shopOrder().Status == "cancelled" })
	s.quiet()
	s.until(classicTee, 10)
}

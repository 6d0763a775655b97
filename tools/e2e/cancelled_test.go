package e2e

import (
	"fmt"
	"testing"

	"github.com/orderstream/orderstream/tools/shopsim"
)

// An order that waits for approval and is cancelled in NetSuite, which never committed it, is cancelled in its shop, and its
// unit is for sale again in every shop: by push and by poll.
func TestCancelledInNetSuiteIsForSaleAgain(t *testing.T) {
	for name, pushed := range map[string]bool{"push": true, "poll": false} {
		t.Run(name, func(t *testing.T) {
			s := newShelves(t, pushed)
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
		})
	}
}

// A shop puts back by itself what an order took when we cancel it. The stock that NetSuite counts was told before, and no
// webhook says what the shop did: its quantity is put right all the same.
func TestWhatTheShopPutsBackIsNotSoldTwice(t *testing.T) {
	s := newShelves(t, false)
	s.counts("TEE-001", 10)
	s.until(classicTee, 10)
	ids, err := s.Shop.Place(shopsim.Placement{Store: "main", Status: "on-hold", Product: classicTee})
	if err != nil {
		t.Fatal(err)
	}
	b := &backward{World: s.World, t: t, store: "main", order: ids[0]}
	s.until(classicTee, 9)
	s.quiet()
	if err := s.Shop.SetDeliveryURL("main", "http://127.0.0.1:1/"); err != nil {
		t.Fatal(err)
	}
	order := fmt.Sprintf("/orders/%d", ids[0])
	if err := s.Shop.SetFaults(shopsim.Faults{StatusRates: map[string]float64{"503": 1}, Match: shopsim.Match{Method: "PUT", PathContains: order}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.NetSuite.Cancel(fmt.Sprintf("wc-so-main-%d", ids[0])); err != nil {
		t.Fatal(err)
	}
	s.until(classicTee, 10)
	if err := s.Shop.SetFaults(shopsim.Faults{}); err != nil {
		t.Fatal(err)
	}
	s.Until("the shop cancels the order", func() bool { return b.shopOrder().Status == "cancelled" })
	s.until(classicTee, 10)
	s.Settle()
	s.until(classicTee, 10)
}

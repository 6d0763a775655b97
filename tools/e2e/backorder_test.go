package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// clerk is a person in NetSuite who looks after one order of the shop, in a world that is told by pushes alone.
type clerk struct {
	world.World
	t     *testing.T
	order int64
	id    string // of the sales order
}

func newClerk(t *testing.T, onHand, status string) clerk {
	t.Helper()
	w := world.Start(t, demo.Options{Adjust: func(c *host.Config) {
		world.Unwatched(c)
		for key, store := range c.Stores {
			store.Back.Notes = "customer"
			c.Stores[key] = store
		}
	}})
	for location := range strings.SplitSeq("1 2 3", " ") {
		if _, err := w.NetSuite.SetStock(netsuitesim.Stock{SKU: "TEE-001", Location: location, OnHand: "0"}); err != nil {
			t.Fatal(err)
		}
	}
	c := clerk{World: w, t: t}
	c.arrive(onHand)
	ids, err := w.Shop.Place(shopsim.Placement{Store: "main", Status: status, Product: classicTee})
	if err != nil || len(ids) != 1 {
		t.Fatal(ids, err)
	}
	c.order = ids[0]
	w.Until("the order is in NetSuite", func() bool {
		for _, so := range w.SalesOrders() {
			c.id = so.ID
		}
		return c.id != ""
	})
	w.Settle()
	return c
}

func (c clerk) arrive(onHand string) {
	c.t.Helper()
	if _, err := c.NetSuite.SetStock(netsuitesim.Stock{SKU: "TEE-001", Location: "1", OnHand: json.Number(onHand)}); err != nil {
		c.t.Fatal(err)
	}
}

func (c clerk) saves(body string) {
	c.t.Helper()
	if _, err := c.NetSuite.Act(netsuitesim.Act{Method: "PATCH", Path: "salesOrder/" + c.id, Body: []byte(body)}); err != nil {
		c.t.Fatal(err)
	}
}

// notes gives what the order's notes say, oldest first.
func (c clerk) notes() (texts []string) {
	c.t.Helper()
	notes, err := c.Shop.Notes("main", c.order)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, raw := range notes {
		texts = append(texts, string(raw))
	}
	return texts
}

func (c clerk) noted(text string) int {
	n := 0
	for _, note := range c.notes() {
		if strings.Contains(note, text) {
			n++
		}
	}
	return n
}

// An order of more than there is: NetSuite back-orders the line, a person says when it will ship, and the customer is told
// that, once; once more when the date moves. Goods that arrive are no news until they leave.
func TestBackOrderIsToldWithItsDate(t *testing.T) {
	c := newClerk(t, "0", "processing")
	c.saves(`{"item":{"items":[{"line":1,"expectedShipDate":"2027-03-01"}]}}`)
	c.Until("the customer knows the date", func() bool { return c.noted("Classic Tee, expected to ship 2027-03-01") == 1 })
	c.saves(`{"memo":"called him"}`)
	c.saves(`{"item":{"items":[{"line":1,"expectedShipDate":"2027-03-09"}]}}`)
	c.Until("the customer knows the new date", func() bool { return c.noted("expected to ship 2027-03-09") == 1 })
	c.arrive("5")
	c.saves(`{"memo":"they are here"}`)
	if _, err := c.NetSuite.Fulfil(netsuitesim.Shipment{Order: c.id, Tracking: []string{"1Z1"}}); err != nil {
		t.Fatal(err)
	}
	c.Until("the order is completed", func() bool {
		b := backward{World: c.World, t: t, store: "main", order: c.order}
		return b.shopOrder().Status == "completed"
	})
	if n := c.noted("expected to ship"); n != 2 {
		t.Errorf("%d notes of dates, want one for each: %q", n, c.notes())
	}
}

// An order that waits for approval is approved in NetSuite, and the shop is told once.
func TestApprovalIsTold(t *testing.T) {
	c := newClerk(t, "5", "on-hold")
	if n := c.noted("approved"); n != 0 {
		t.Errorf("told before it is: %q", c.notes())
	}
	c.saves(`{"orderStatus":{"id":"B"}}`)
	c.Until("the shop knows", func() bool { return c.noted("NetSuite approved sales order SO1001") == 1 })
	c.saves(`{"memo":"approved by phone"}`)
	c.Settle()
	if n := c.noted("NetSuite approved"); n != 1 {
		t.Errorf("told %d times: %q", n, c.notes())
	}
}

// An order that was completed, that people in the shop take up again, and whose fulfilment is deleted and made anew in NetSuite, is
// completed once more; nothing of that travels back.
func TestAnOrderThatIsShippedAnewIsCompletedAgain(t *testing.T) {
	c := newClerk(t, "5", "processing")
	b := &backward{World: c.World, t: t, store: "main", order: c.order}
	ship := func(number string) string {
		parcel, err := c.NetSuite.Fulfil(netsuitesim.Shipment{Order: c.id, Tracking: []string{number}})
		if err != nil {
			t.Fatal(err)
		}
		c.Until("the order is completed", func() bool { return b.shopOrder().Status == "completed" })
		b.quiet()
		return parcel
	}
	parcel := ship("1Z1")
	if err := c.Shop.SetStatus("main", c.order, "processing"); err != nil {
		t.Fatal(err)
	}
	b.quiet()
	if _, err := c.NetSuite.Act(netsuitesim.Act{Method: "DELETE", Path: "itemFulfillment/" + parcel}); err != nil {
		t.Fatal(err)
	}
	c.Until("the order is known to be open", func() bool { // behind a claim and its end
		return b.count(topology.ShopOutcomes, subject.Shop("main", event.ShopKindStatus, fmt.Sprint(c.order))) == 3
	})
	b.quiet()
	if status := b.shopOrder().Status; status != "processing" {
		t.Fatalf("status %s while nothing is shipped", status)
	}
	orders, _ := b.events()
	ship("1Z2")
	if after, _ := b.events(); after != orders {
		t.Errorf("%d states of the order of our own word", after-orders)
	}
}

package supply

import (
	"fmt"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
)

// became enters in the shop's ledger that we gave an order a status.
func (w *world) became(store, order, from, to string) {
	w.t.Helper()
	w.events++
	envelope := event.Envelope{Type: "shop.v1.recorded", ID: fmt.Sprint("became", w.events), Store: store, Time: time.Now().UTC()}
	entry := event.ShopRecordedV1{
		Envelope: envelope, Kind: event.ShopKindStatus, Key: order, State: event.ShopWritten, Calls: []event.Call{},
		Deed: &event.ShopDeed{Account: "ns", Record: event.ChangeSalesOrder, RecordID: "1001", From: from, To: to},
	}
	w.publish(topology.ShopOutcomes, subject.Shop(store, entry.Kind, order), envelope, entry, "")
}

// sold is a world whose main store sold three mugs that NetSuite does not know yet.
func sold(t *testing.T) *world {
	w := newWorld(t)
	w.figure("MUG", map[string]int64{"1": 10})
	w.sale("main", "36", "MUG", 3)
	return w
}

// A shop that we have cancel an order puts its pieces back by itself: what it was told is written again, in that shop alone.
// An order that is completed moves nothing.
func TestAStatusOfOursMovesTheShopsStock(t *testing.T) {
	w := sold(t)
	w.run()
	w.holds("main", "MUG", 6)
	w.holds("outlet", "MUG", 7)
	w.became("main", "36", "processing", "completed")
	w.became("main", "36", "processing", "cancelled")
	w.holds("main", "MUG", 6)
	w.figure("MUG", map[string]int64{"1": 11})
	if entry := w.next("main", "MUG"); entry.Deed.Units.String() != "7" {
		t.Errorf("told %s, want one write for the order that was cancelled, then the next figure", entry.Deed.Units)
	}
	if entry := w.next("outlet", "MUG"); entry.Deed.Units.String() != "8" {
		t.Errorf("the other shop was told %s", entry.Deed.Units)
	}
}

// What the last process did not live to put right, the next one does.
func TestAStatusBeforeTheStartMovesTheShopsStock(t *testing.T) {
	w := sold(t)
	_, stop := w.run()
	w.holds("main", "MUG", 6)
	stop()
	w.became("main", "36", "on-hold", "cancelled")
	w.run()
	w.holds("main", "MUG", 6)
}

// A write that the shop took before it moved its stock, and that the ledger tells of afterwards, puts nothing right.
func TestADoubtDuringAWriteStays(t *testing.T) {
	w := sold(t)
	s, _ := w.run()
	w.holds("main", "MUG", 6)
	shop, taken := w.shops["main"], make(chan func())
	shop.set(func() { shop.taken = taken })
	w.figure("MUG", map[string]int64{"1": 12})
	answer := <-taken
	s.desks["main"].mark(event.ShopKindStock, []string{"MUG"}, true, false)
	shop.set(func() { shop.taken = nil })
	answer()
	w.holds("main", "MUG", 8)
	w.holds("main", "MUG", 8)
}

// WooCommerce takes stock for an order that is in work and puts back that of one that waits or is cancelled; a refund by
// itself puts nothing back.
func TestMoves(t *testing.T) {
	for _, c := range []struct {
		from, to, rule string
		want           bool
	}{
		{"processing", "cancelled", "", true},
		{"on-hold", "pending", "", true},
		{"cancelled", "cancelled", "already", true},
		{"refunded", "cancelled", "final", false},
		{"processing", "completed", "", false},
		{"on-hold", "processing", "", false},
		{"pending", "completed", "", true},
		{"failed", "processing", "", true},
		{"packing", "completed", "", true},
		{"completed", "completed", "already", false},
		{"processing", "packing", "", false},
		{"processing", "refunded", "", false},
	} {
		if got := moves(event.ShopDeed{From: c.from, To: c.to, Rule: c.rule}); got != c.want {
			t.Errorf("from %s to %s by rule %q: %t", c.from, c.to, c.rule, got)
		}
	}
}

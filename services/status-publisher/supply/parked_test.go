package supply

import (
	"fmt"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
)

// parks stores a state of an order of the outlet that map cannot map, and its failure.
func (w *world) parks(order, status, sku string, units int64) {
	w.t.Helper()
	w.events++
	now := time.Now().UTC()
	envelope := event.Envelope{Type: "order.v1.updated", ID: fmt.Sprint("state", w.events), Store: "outlet", Time: now}
	line := event.Line{ID: "7", SKU: sku, Quantity: money.Int(units)}
	state := event.OrderStateV1{Envelope: envelope, Order: order, Kind: event.KindUpdated, Status: status, Currency: "USD", Lines: []event.Line{line}}
	name := subject.Order{Kind: event.KindUpdated, Store: "outlet", Order: order}.String()
	w.publish(topology.Orders, name, envelope, state, "")
	stream, err := w.server.JS.Stream(natstest.Context(w.t), topology.Orders)
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := stream.GetLastMsgForSubject(natstest.Context(w.t), name)
	if err != nil {
		w.t.Fatal(err)
	}
	w.fails(order, event.FailureParked, event.Position{Stream: topology.Orders, Sequence: m.Sequence, Subject: name})
}

func (w *world) fails(order, state string, at event.Position) {
	w.t.Helper()
	w.events++
	envelope := event.Envelope{Type: "failure.v1.parked", ID: fmt.Sprint("failure", w.events), Store: "outlet", Time: time.Now().UTC()}
	failure := event.FailureParkedV1{Envelope: envelope, Stage: "map", Key: order, State: state, Message: at}
	w.publish(topology.Failures, subject.Failure{Stage: "map", Store: "outlet", Key: order}.String(), envelope, failure, "")
}

// An order that no mapping can map is sold all the same; a parked edit counts with what it adds; what is decided or mapped
// at last no longer counts twice.
func TestOrdersThatCannotBeMappedAreSold(t *testing.T) {
	w := newWorld(t)
	outlet := w.config.Stores["outlet"]
	outlet.Stock.SKUs = map[string]string{"BECHER": "MUG"}
	w.config.Stores["outlet"] = outlet
	w.figure("MUG", map[string]int64{"1": 21})
	w.parks("36", "processing", "BECHER", 3)
	w.parks("37", "failed", "BECHER", 5)
	_, stop := w.run()
	w.holds("main", "MUG", 17) // one is held back
	stop()
	w.run()
	w.fails("36", event.FailureDismissed, event.Position{Stream: topology.Orders, Sequence: 1})
	w.holds("main", "MUG", 20)
	w.sale("outlet", "38", "MUG", 2)
	w.holds("main", "MUG", 18)
	w.parks("38", "processing", "BECHER", 6)
	w.holds("main", "MUG", 14)
	w.mapped = 100
	w.sale("outlet", "38", "MUG", 7)
	w.holds("main", "MUG", 13)
}

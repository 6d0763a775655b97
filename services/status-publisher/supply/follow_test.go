package supply

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
)

// written says that NetSuite commits the newest state of an order since now, or waits for its approval.
func (w *world) written(store, order, sku string, units int64, status string) {
	w.t.Helper()
	w.events++
	now := time.Now().UTC()
	envelope := event.Envelope{Type: "sync.v1.recorded", ID: fmt.Sprint("written", w.events), Store: store, Time: now}
	name := subject.Sync{Account: "ns", Store: store, Order: order}.String()
	outcome := event.SyncRecordedV1{Envelope: envelope, Account: "ns", Order: order, Kind: event.OutcomeSynced, Calls: []event.Call{}}
	stream, err := w.server.JS.Stream(natstest.Context(w.t), topology.Desired)
	if err != nil {
		w.t.Fatal(err)
	}
	state, err := stream.GetLastMsgForSubject(natstest.Context(w.t), subject.Desired{Kind: "order", Account: "ns", Store: store, Key: order}.String())
	if err != nil {
		w.t.Fatal(err)
	}
	outcome.Desired.Sequence = state.Sequence
	outcome.Ledger.SalesOrder = &event.LedgerOrder{Total: money.MustParse("1.00"), Status: status, VerifiedAt: now, Goods: map[string]money.Number{sku: money.Int(units)}}
	if status != "A" {
		outcome.Ledger.SalesOrder.GoodsAt = &now
	}
	w.publish(topology.Outcomes, name, envelope, outcome, "")
}

// sales is a change of the sales order of an order of the main store.
func (w *world) sales(order, letter string) {
	w.t.Helper()
	envelope := event.Envelope{Type: "netsuite.v1.changed", ID: "sales order " + letter, Store: "main", Time: time.Now().UTC()}
	change := event.NetSuiteChangedV1{Envelope: envelope, Account: "ns", Kind: event.ChangeSalesOrder, Record: event.RecordID{ID: "1001"}, Order: order, Status: letter, ModifiedAt: envelope.Time}
	w.publish(topology.NetSuiteChanges, subject.Change{Account: "ns", Kind: event.ChangeSalesOrder, Key: "1001"}.String(), envelope, change, "")
}

// An order that NetSuite counts costs no memory; an edit of it counts with what it adds.
func TestCountedOrderIsLetGoAndRecalled(t *testing.T) {
	w := newWorld(t)
	s, _ := w.run()
	w.figure("MUG", map[string]int64{"1": 10})
	w.holds("outlet", "MUG", 10)
	w.sale("main", "36", "MUG", 3)
	w.holds("outlet", "MUG", 7)
	w.written("main", "36", "MUG", 3, "B")
	w.figure("MUG", map[string]int64{"1": 8}) // and one that came in
	w.holds("outlet", "MUG", 8)
	s.mu.Lock()
	known := s.books["ns"].Knows("ns", "main", "36")
	s.mu.Unlock()
	if known {
		t.Error("the book keeps an order that NetSuite counts")
	}
	w.sale("main", "36", "MUG", 4)
	w.holds("outlet", "MUG", 7)
}

// A figure that says it was read tomorrow is no younger than its message.
func TestFigureOfAClockThatIsAhead(t *testing.T) {
	w := newWorld(t)
	w.run()
	w.skew = 9 * time.Hour
	w.figure("MUG", map[string]int64{"1": 10})
	w.holds("outlet", "MUG", 10)
	w.sale("main", "36", "MUG", 3)
	w.holds("outlet", "MUG", 7)
	w.written("main", "36", "MUG", 3, "B")
	w.sale("main", "37", "MUG", 1) // has the shops told again
	w.holds("outlet", "MUG", 6)
}

// NetSuite commits nothing before approval, and a person's approval is no outcome.
func TestApprovalInNetSuiteCommits(t *testing.T) {
	w := newWorld(t)
	w.run()
	w.sale("main", "36", "MUG", 3)
	w.written("main", "36", "MUG", 3, "A")
	w.figure("MUG", map[string]int64{"1": 10})
	w.holds("outlet", "MUG", 7)
	w.sales("36", "B")
	w.figure("MUG", map[string]int64{"1": 6}) // three committed, one gone otherwise
	w.holds("outlet", "MUG", 6)
}

// An order that the book let go and that a person has wait for approval again counts beside NetSuite's figure, which gives its
// units back; a start finds the same.
func TestAnOrderThatWaitsAgainIsRecalled(t *testing.T) {
	w := newWorld(t)
	_, stop := w.run()
	w.figure("MUG", map[string]int64{"1": 10})
	w.sale("main", "36", "MUG", 3)
	w.written("main", "36", "MUG", 3, "B")
	w.figure("MUG", map[string]int64{"1": 8}) // and one that came in
	w.holds("outlet", "MUG", 8)
	w.sales("36", "A")
	w.figure("MUG", map[string]int64{"1": 12}) // and another
	w.holds("outlet", "MUG", 9)
	stop()
	w.run()
	w.figure("MUG", map[string]int64{"1": 13})
	w.holds("outlet", "MUG", 10)
}

// What waited for approval is for sale again once NetSuite cancels it, though no figure follows, and the shop's echo changes
// nothing of it; a start finds the same.
func TestCancelledInNetSuiteIsForSaleAgain(t *testing.T) {
	w := newWorld(t)
	w.asked = "A"
	_, stop := w.run()
	w.figure("MUG", map[string]int64{"1": 10})
	w.sale("main", "36", "MUG", 3)
	w.written("main", "36", "MUG", 3, "A")
	w.holds("outlet", "MUG", 7)
	w.sales("36", "C")
	w.holds("outlet", "MUG", 10)
	w.sale("main", "36", "MUG", 3) // the echo
	w.holds("main", "MUG", 9)      // whatever the shop has done by itself
	stop()
	w.run()
	w.sale("main", "37", "MUG", 1)
	w.holds("outlet", "MUG", 9)
}

// heard is a log as a test reads it.
type heard chan string

func (h heard) Write(line []byte) (int, error) {
	h <- string(line)
	return len(line), nil
}

// Trouble at the start is waited for.
func TestStartWaitsForItsStreams(t *testing.T) {
	w := newWorld(t)
	stream, err := w.server.JS.Stream(natstest.Context(t), topology.ShopOutcomes)
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	if err := w.server.JS.DeleteStream(natstest.Context(t), topology.ShopOutcomes); err != nil {
		t.Fatal(err)
	}
	w.figure("MUG", map[string]int64{"1": 10})
	heard := make(heard, 100)
	w.log = slog.NewTextHandler(heard, nil)
	w.run()
	for line := range heard {
		if strings.Contains(line, "waits to read what is known") {
			break
		}
	}
	if _, err := w.server.JS.CreateStream(natstest.Context(t), config); err != nil {
		t.Fatal(err)
	}
	w.holds("outlet", "MUG", 10)
}

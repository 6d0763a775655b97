package e2e

import (
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
)

// records puts on record how the writer left an order's sales order.
func (w *watched) records(id, order, status string) {
	w.t.Helper()
	o := event.SyncRecordedV1{Envelope: event.Envelope{Type: "sync.v1.recorded", ID: "sync:" + order + status, Store: "main", Time: w.clock()}, Account: "ns", Order: order, Kind: event.OutcomeSynced, Calls: []event.Call{}}
	o.Ledger.SalesOrder = &event.LedgerOrder{RecordID: event.RecordID{ID: id}, Status: status}
	data, err := codec.Encode(o)
	if err == nil {
		_, err = w.js.Publish(w.t.Context(), subject.Sync{Account: "ns", Store: "main", Order: order}.String(), data)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// People approve between two polls what the shop had put on hold between them: the order stands as it was told last, and what
// they did is told all the same, once. What nobody but the writer touched is not.
func TestWatchTellsAWayBack(t *testing.T) {
	w := startWatched(t, "America/New_York", november)
	order, other := w.order("wc-so-main-36"), w.order("wc-so-main-37")
	w.records(order, "36", "B")
	w.records(other, "37", "B")
	w.at(november.Add(time.Second))
	w.poll()
	told := []string{"salesOrder main/36 B 2026-11-20T15:00:00Z", "salesOrder main/37 B 2026-11-20T15:00:00Z"}
	wantTold(t, w.changes(), told...)

	w.at(november.Add(time.Minute))
	w.act("PATCH", "salesOrder/"+order, `{"orderStatus":{"id":"A"}}`)
	w.records(order, "36", "A")
	w.at(november.Add(2 * time.Minute))
	w.act("PATCH", "salesOrder/"+order, `{"orderStatus":{"id":"B"}}`)
	w.act("PATCH", "salesOrder/"+other, `{"memo":"looked at"}`)
	w.poll()
	told = append(told, "salesOrder main/36 B 2026-11-20T15:02:00Z")
	wantTold(t, w.changes(), told...)

	w.at(november.Add(3 * time.Minute))
	w.act("PATCH", "salesOrder/"+order, `{"memo":"looked at"}`)
	w.poll()
	w.restart()
	w.poll()
	wantTold(t, w.changes(), told...)
}

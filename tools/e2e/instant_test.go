package e2e

import (
	"testing"
	"time"
)

// NetSuite dates a change to the second: what changes again in the second in which a poll read it is told by the next.
func TestTwoChangesInOneSecond(t *testing.T) {
	w := startWatched(t, "America/New_York", november)
	order := w.order("wc-so-main-36")
	w.at(november.Add(10 * time.Second))
	w.poll()
	w.at(november.Add(20 * time.Second))
	parcel := w.act("POST", "salesOrder/"+order+"/!transform/itemFulfillment", `{"shipStatus":{"id":"B"}}`)
	w.at(november.Add(20*time.Second + 300*time.Millisecond))
	w.poll()
	w.at(november.Add(20*time.Second + 600*time.Millisecond))
	w.act("PATCH", "itemFulfillment/"+parcel, `{"shipStatus":{"id":"C"}}`)
	for i, again := range []bool{true, true, false} { // what was read when its second was over is not read again
		w.at(november.Add(time.Duration(21+15*i) * time.Second))
		before := len(w.sim.Log("/suiteql", 0))
		w.poll()
		if queries := len(w.sim.Log("/suiteql", 0)) - before; queries > 1 != again {
			t.Errorf("poll %d: %d queries, want it to read records: %v", i, queries, again)
		}
	}
	wantTold(t, w.changes(), "salesOrder main/36 B 2026-11-20T15:00:00Z", "itemFulfillment main/36 B 2026-11-20T15:00:20Z",
		"itemFulfillment main/36 C 2026-11-20T15:00:20Z", "salesOrder main/36 F 2026-11-20T15:00:20Z") // its fulfilments are told before an order
}

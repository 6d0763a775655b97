package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

func (w *watched) pollDeletions() {
	w.t.Helper()
	if err := w.watcher.PollDeletions(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) delete(path string) {
	w.t.Helper()
	if _, err := w.sim.Act(netsuitesim.Act{Method: "DELETE", Path: path}); err != nil {
		w.t.Fatal(err)
	}
}

// What people delete in NetSuite is told by a poll where no push told it: a fulfilment with how its order stands without it, an
// then the order itself, each once. What is not ours is nothing.
func TestWatchFindsWhatWasDeleted(t *testing.T) {
	for _, zone := range []string{"Asia/Tokyo", "America/New_York"} {
		t.Run(zone, func(t *testing.T) {
			w := startWatched(t, zone, november)
			order, other := w.order("wc-so-main-7"), w.order("somebody-elses")
			parcel := w.act("POST", "salesOrder/"+order+"/!transform/itemFulfillment", `{"shipStatus":{"id":"C"}}`)
			w.poll()
			w.pollDeletions()
			before := len(w.changes())
			w.at(november.Add(10 * time.Minute))
			w.delete("itemFulfillment/" + parcel)
			w.delete("salesOrder/" + other)
			w.pollDeletions()
			w.pollDeletions()
			got := w.changes()[before:]
			if len(got) != 2 || got[0].Kind != event.ChangeSalesOrder || got[0].Status != "B" || got[0].Deleted || got[1].Kind != event.ChangeFulfilment || !got[1].Deleted || got[1].Record.ID != parcel {
				t.Fatalf("told %+v, want the order as it stands, then the fulfilment", got)
			}
			w.restart()
			w.at(november.Add(20 * time.Minute))
			w.delete("salesOrder/" + order)
			w.pollDeletions()
			w.poll()
			w.pollDeletions()
			if got = w.changes()[before+2:]; len(got) != 1 || !got[0].Deleted || got[0].Record.ID != order || got[0].Order != "7" || got[0].ModifiedAt.Before(november) {
				t.Errorf("told %+v, want that the order is gone", got)
			}
		})
	}
}

// An account that does not show deletions is polled for the rest as ever.
func TestWatchGoesOnWithoutDeletions(t *testing.T) {
	w := startWatched(t, "America/New_York", november, func(c *netsuitesim.Config) { c.Switches.NoDeletedRecords = true })
	order := w.order("wc-so-main-7")
	w.pollDeletions()
	w.poll()
	w.delete("salesOrder/" + order)
	w.pollDeletions()
	if got := w.changes(); len(got) != 1 || got[0].Deleted {
		t.Errorf("told %+v, want the order alone", got)
	}
}

// A sales order that people delete, and of which no push tells: the order is among the failures, by name, and the shop bears a
// note. An edit in the shop makes the sales order again, and that is the end of it.
func TestADeletedSalesOrderIsAFailureUntilItIsThereAgain(t *testing.T) {
	w := world.Start(t, demo.Options{Adjust: func(c *host.Config) {
		account := c.Accounts[demo.Account]
		const often = 100_000_000 // nanoseconds
		account.Watch.Poll, account.Watch.Fast, account.Watch.Idle = "on", often, often
		c.Accounts[demo.Account] = account
	}})
	if err := w.NetSuite.SetPush(netsuitesim.Push{}); err != nil {
		t.Fatal(err)
	}
	ids, err := w.Shop.Place(shopsim.Placement{Store: "main", Status: "on-hold"})
	if err != nil {
		t.Fatal(err)
	}
	b := &backward{World: w, t: t, store: "main", order: ids[0]}
	w.Until("the order is in NetSuite and told", func() bool { return len(changesOf(t, w.JS)) > 0 })
	b.quiet()
	if _, err := w.NetSuite.Act(netsuitesim.Act{Method: "DELETE", Path: "salesOrder/" + b.ledger().ID}); err != nil {
		t.Fatal(err)
	}
	question := func() event.FailureParkedV1 {
		f, _, err := operate.Find(t.Context(), w.JS, fmt.Sprintf("return.main.note-%d-gone", ids[0]))
		if err != nil && !errors.Is(err, operate.ErrNoFailure) {
			t.Fatal(err)
		}
		return f.Entry
	}
	w.Until("it is a failure", func() bool {
		return question().State == event.FailureParked && question().Fault.Code == string(fault.SalesOrderDeleted)
	})
	if err := w.Shop.Edit("main", ids[0], []byte(`{"customer_note":"where is it?"}`)); err != nil {
		t.Fatal(err)
	}
	w.Until("it is resolved", func() bool { return question().State == event.FailureResolved })
	if n := len(w.SalesOrders()); n != 1 {
		t.Errorf("%d sales orders, want the one that was made again", n)
	}
}

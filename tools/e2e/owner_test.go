package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// owned starts a world with other owners, and places an order in the store main.
func owned(t *testing.T, status string, owners func(*host.Config)) *backward {
	t.Helper()
	w := world.Start(t, demo.Options{Adjust: owners})
	ids, err := w.Shop.Place(shopsim.Placement{Store: "main", Status: status})
	if err != nil {
		t.Fatal(err)
	}
	b := &backward{World: w, t: t, store: "main", order: ids[0]}
	b.quiet()
	return b
}

func (b *backward) edit(body string) {
	b.t.Helper()
	if err := b.Shop.Edit(b.store, b.order, []byte(body)); err != nil {
		b.t.Fatal(err)
	}
	b.quiet()
}

// act does what a person does in NetSuite's UI, to the sales order.
func (b *backward) act(body string) {
	b.t.Helper()
	if _, err := b.NetSuite.Act(netsuitesim.Act{Method: "PATCH", Path: "salesOrder/" + b.ledger().ID, Body: []byte(body)}); err != nil {
		b.t.Fatal(err)
	}
	b.quiet()
}

// stands wants the sales order at a status with the shop's note, and the last outcome to say why.
func (b *backward) stands(when, letter, note, rule string) {
	b.t.Helper()
	o := lastOutcome(b.t, b.World, fmt.Sprint(b.order))
	so := b.SalesOrders()[fmt.Sprintf("wc-so-main-%d", b.order)]
	if so.Status.ID != letter || so.Note != note || o.Rule != rule {
		b.t.Errorf("%s: sales order %s with note %q; outcome %s by rule %q, %s; want %s with %q by rule %q", when, so.Status.ID, so.Note, o.Kind, o.Rule, o.Reason, letter, note, rule)
	}
}

// What NetSuite's people set stands against the shop's edits where NetSuite owns the status: all else of the order follows
// the shop, which may still take the order back. Where the shop owns it, its word is written.
func TestOneOwnerOfTheStatus(t *testing.T) {
	for _, owner := range []string{"netsuite", "shop"} {
		t.Run(owner, func(t *testing.T) {
			t.Parallel()
			b := owned(t, "on-hold", func(c *host.Config) {
				main := c.Stores["main"]
				main.Back.Owner.Status = owner
				c.Stores["main"] = main
			})
			either := func(netsuite, shop string) string {
				return map[string]string{"netsuite": netsuite, "shop": shop}[owner]
			}
			rule := either("netsuite-owns-status", "")
			b.stands("as placed", "A", "", "")
			b.act(`{"orderStatus":{"id":"B"}}`)
			b.edit(`{"customer_note":"one"}`)
			b.stands("approved in NetSuite, edited in the shop", either("B", "A"), "one", rule)
			b.edit(`{"customer_note":"two"}`)
			b.stands("edited again", either("B", "A"), "two", rule)
			b.edit(`{"status":"processing"}`)
			b.stands("accepted in the shop", "B", "two", "")
			b.act(`{"orderStatus":{"id":"A"}}`)
			b.edit(`{"customer_note":"three"}`)
			b.stands("held in NetSuite, edited in the shop", either("A", "B"), "three", rule)
			b.edit(`{"status":"cancelled"}`)
			b.stands("cancelled in the shop", "H", "three", "")
			b.edit(`{"status":"processing"}`)
			b.stands("opened again in the shop, which closed it", "B", "three", "")
			b.close()
			b.edit(`{"customer_note":"four"}`)
			b.stands("closed in NetSuite, edited in the shop", either("H", "B"), either("three", "four"), rule)
		})
	}
}

// Edits that come while one is written, or while the writer is away, are one state at the end. What NetSuite's people did in
// between stands against it as against a single edit, and the shop still takes the order back.
func TestManyEditsUndoNothingOfPeople(t *testing.T) {
	ctx := t.Context()
	b := owned(t, "on-hold", func(*host.Config) {})
	edits := func(bodies ...string) {
		t.Helper()
		if _, err := b.JS.PauseConsumer(ctx, topology.Desired, topology.WriterOf(demo.Account), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		for _, body := range bodies {
			if err := b.Shop.Edit(b.store, b.order, []byte(body)); err != nil {
				t.Fatal(err)
			}
			b.Until("the edit "+body+" is in DESIRED", func() bool { return b.wants(body) })
		}
		if _, err := b.JS.ResumeConsumer(ctx, topology.Desired, topology.WriterOf(demo.Account)); err != nil {
			t.Fatal(err)
		}
		b.quiet()
	}
	b.act(`{"orderStatus":{"id":"B"}}`)
	edits(`{"customer_note":"one"}`, `{"customer_note":"two"}`)
	b.stands("approved in NetSuite, edited twice in the shop", "B", "two", "netsuite-owns-status")
	edits(`{"customer_note":"three"}`, `{"status":"processing"}`, `{"status":"on-hold"}`)
	b.stands("accepted and held in the shop", "A", "three", "")
	edits(`{"customer_note":"four"}`, `{"status":"processing"}`)
	b.stands("accepted in the shop", "B", "four", "")
	b.close()
	edits(`{"customer_note":"five"}`, `{"customer_note":"six"}`)
	b.stands("closed in NetSuite, edited twice in the shop", "H", "four", "netsuite-owns-status")
	edits(`{"status":"on-hold"}`, `{"customer_note":"seven"}`, `{"status":"processing"}`)
	b.stands("held and accepted in the shop", "H", "four", "netsuite-owns-status")
	edits(`{"status":"on-hold"}`, `{"status":"cancelled"}`)
	b.stands("held and cancelled in the shop", "H", "seven", "")
}

// wants tells whether the newest desired state of the order holds the words of an edit.
func (b *backward) wants(edit string) bool {
	b.t.Helper()
	stream, err := b.JS.Stream(b.t.Context(), topology.Desired)
	if err != nil {
		b.t.Fatal(err)
	}
	raw, err := stream.GetLastMsgForSubject(b.t.Context(), subject.Desired{Kind: "order", Account: demo.Account, Store: b.store, Key: fmt.Sprint(b.order)}.String())
	if err != nil {
		b.t.Fatal(err)
	}
	_, value, _ := strings.Cut(strings.TrimSuffix(edit, "}"), ":")
	return strings.Contains(string(raw.Data), value)
}

// close has people in NetSuite close every line of the sales order.
func (b *backward) close() {
	b.t.Helper()
	var closed []string
	for _, l := range b.ledger().Lines {
		closed = append(closed, `{"line":`+l.Line+`,"isClosed":true}`)
	}
	b.act(`{"item":{"items":[` + strings.Join(closed, ",") + `]}}`)
}

// Money and the customer's record are left to NetSuite's people where they own them, by rules that say so.
func TestNetSuiteOwnsMoneyAndCustomer(t *testing.T) {
	b := owned(t, "processing", func(c *host.Config) {
		main := c.Stores["main"]
		main.Back.Owner.Payment, main.Back.Owner.Refunds, main.Back.Owner.Customer = "netsuite", "netsuite", "netsuite"
		c.Stores["main"] = main
	})
	refunds := changed(t, "order.updated-partial-refund-lines")
	if _, err := b.Shop.Load(shopsim.Load{Store: "main", Order: refunds.Body, Refunds: [][]byte{[]byte(tee), []byte(amount)}}); err != nil {
		t.Fatal(err)
	}
	b.Post(refunds)
	b.Settle()
	reasons := ""
	for _, o := range outcomesOf(t, b.World, "37") {
		reasons += o.Reason + "\n"
		if len(o.Questions) != 0 || o.Kind == event.OutcomeParked {
			t.Errorf("a person is asked: %s %+v", o.Kind, o.Questions)
		}
	}
	for _, said := range []string{"netsuite-owns-payment: not booked: wc-cd-main-", "netsuite-owns-refunds: not booked: wc-cr-main-"} {
		if !strings.Contains(reasons, said) {
			t.Errorf("outcomes say %q, want %q", reasons, said)
		}
	}
	for _, kind := range []string{"customerDeposit", "customerRefund"} {
		if made := transactions(b.World, kind); len(made) != 0 {
			t.Errorf("%s %v, want none", kind, made)
		}
	}
	b.Post(changed(t, "order.created-registered"))
	b.Settle()
	before := customersOf(b.World)["wc-cust-main-2"]
	b.Post(changed(t, "customer.updated"))
	b.Settle()
	if now := customersOf(b.World)["wc-cust-main-2"]; before.ID == "" || now.Phone != before.Phone || len(now.Book.Items) != len(before.Book.Items) {
		t.Errorf("customer %+v, was %+v", now, before)
	}
}

// outcomesOf lists the outcomes of an order in the main store, oldest first.
func outcomesOf(t *testing.T, w world.World, order string) []event.SyncRecordedV1 {
	t.Helper()
	return outcomesIn(t, w, "main", order)
}

// outcomesIn lists the outcomes of an order in a store, oldest first.
func outcomesIn(t *testing.T, w world.World, store, order string) []event.SyncRecordedV1 {
	t.Helper()
	stream, err := w.JS.Stream(t.Context(), topology.Outcomes)
	if err != nil {
		t.Fatal(err)
	}
	var list []event.SyncRecordedV1
	for next := uint64(1); ; {
		raw, err := stream.GetMsg(t.Context(), next, jetstream.WithGetMsgSubject(subject.SyncOf(store, order)))
		if err != nil {
			return list
		}
		o, err := codec.Decode[event.SyncRecordedV1](raw.Data)
		if err != nil {
			t.Fatal(err)
		}
		list, next = append(list, o), raw.Sequence+1
	}
}

// The status that a write gave of which nobody heard is ours for good, not only for the next try: a state behind it that fails once is
// no reason to take it for people's.
func TestAStatusOfALostWriteIsOurs(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: func(c *host.Config) {
		a := c.Accounts[demo.Account]
		a.Attempts = 2
		c.Accounts[demo.Account] = a
	}})
	w.Load(world.Captures(t))
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	say := func(status, at string, rule netsuitesim.Rule) {
		rule.Match = netsuitesim.Match{Method: "PUT", PathContains: "salesorder/"}
		faults(t, w, rule)
		w.Post(changed(t, "order.created-simple", `"status":"processing"`, `"status":"`+status+`"`, `"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"`+at+`"`))
		w.Settle()
	}
	say("cancelled", "2026-12-01T00:00:01", netsuitesim.Rule{Kind: "timeout", Count: 2})
	if o := lastOutcome(t, w, "36"); o.Kind != event.OutcomeParked || w.SalesOrders()["wc-so-main-36"].Status.ID != "H" {
		t.Fatalf("%s: %s, want a write that is done and parked", o.Kind, o.Reason)
	}
	say("on-hold", "2026-12-01T00:00:02", netsuitesim.Rule{Kind: "status", Status: 500, Count: 1})
	if o, so := lastOutcome(t, w, "36"), w.SalesOrders()["wc-so-main-36"]; o.Kind != event.OutcomeSynced || so.Status.ID != "A" {
		t.Errorf("%s %s: %s; status %s, want A", o.Kind, o.Rule, o.Reason, so.Status.ID)
	}
}

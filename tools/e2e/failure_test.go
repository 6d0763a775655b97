package e2e

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// changed gives a capture with some bytes of its body replaced, signed again.
func changed(t *testing.T, name string, replace ...string) capture.Delivery {
	t.Helper()
	for _, c := range world.Captures(t) {
		if c.Name != name {
			continue
		}
		for i := 0; i < len(replace); i += 2 {
			if !bytes.Contains(c.Body, []byte(replace[i])) {
				t.Fatalf("%s: no %q to replace", name, replace[i])
			}
			c.Body = bytes.ReplaceAll(c.Body, []byte(replace[i]), []byte(replace[i+1]))
		}
		mac := hmac.New(sha256.New, []byte(capture.Secret))
		mac.Write(c.Body)
		for i := range c.Header {
			if c.Header[i][0] == "X-WC-Webhook-Signature" {
				c.Header[i][1] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
			}
		}
		return c
	}
	t.Fatalf("no capture %s", name)
	return capture.Delivery{}
}

// failure waits for a state of one failure.
func failure(t *testing.T, js jetstream.JetStream, id subject.Failure, state string) event.FailureParkedV1 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	consumer, err := js.OrderedConsumer(ctx, topology.Failures, jetstream.OrderedConsumerConfig{FilterSubjects: []string{id.String()}})
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := consumer.Next(jetstream.FetchMaxWait(30 * time.Second))
		if err != nil {
			t.Fatalf("failure %s never became %s: %v", id.ID(), state, err)
		}
		entry, err := codec.Decode[event.FailureParkedV1](m.Data())
		if err != nil {
			t.Fatal(err)
		}
		if entry.State == state {
			return entry
		}
	}
}

// A desired state that cannot be read is parked, of an order as well as of a customer, and stops no other order.
func TestUnreadableDesiredStates(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	for _, s := range []subject.Desired{
		{Kind: "order", Account: demo.Account, Store: "main", Key: "99"}, {Kind: "customer", Account: demo.Account, Store: "main", Key: "2"},
	} {
		if _, err := w.JS.Publish(context.Background(), s.String(), []byte("{")); err != nil {
			t.Fatal(err)
		}
		parked := failure(t, w.JS, subject.Failure{Stage: "write", Store: "main", Key: "desired-" + s.Kind + "-" + s.Key}, event.FailureParked)
		if parked.Fault.Code != "message-undecodable" || parked.Message.Subject != s.String() {
			t.Errorf("parked %+v of %s, want message-undecodable", parked.Fault, parked.Message.Subject)
		}
	}
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	if so := w.SalesOrders()["wc-so-main-36"]; so.Total == "" {
		t.Error("an order did not land after a state that cannot be read")
	}
}

func TestUnknownSKUIsParkedAndHealsByRetry(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	w.Post(changed(t, "order.created-simple", `"sku":"TEE-001"`, `"sku":"TEE-999"`))
	id := subject.Failure{Stage: "write", Store: "main", Key: "36"}
	parked := failure(t, w.JS, id, event.FailureParked)
	if parked.Fault.Code != "sku-unknown" || parked.Fault.Value != "TEE-999" {
		t.Errorf("parked as %s with value %q, want sku-unknown naming TEE-999", parked.Fault.Code, parked.Fault.Value)
	}
	if n := len(w.SalesOrders()); n != 0 {
		t.Errorf("%d sales orders while the SKU is unknown, want 0", n)
	}
	if _, err := w.NetSuite.PutItem(netsuitesim.Item{SKU: "TEE-999", BasePrice: "20.00"}); err != nil {
		t.Fatal(err)
	}
	if _, err := operate.Retry(context.Background(), w.JS, id.ID(), "tester"); err != nil {
		t.Fatal(err)
	}
	failure(t, w.JS, id, event.FailureResolved)
	w.Settle()
	if so := w.SalesOrders()["wc-so-main-36"]; !world.SameAmount(so.Total.String(), "28.14") {
		t.Errorf("total %q after the retry, want 28.14", so.Total)
	}
}

// A storm of every fault the double knows: whatever NetSuite answers, each order lands once, to the cent.
func TestStormOfFaults(t *testing.T) {
	// Seven of ten writes fail until the rules are spent: more tries than the default five.
	w := world.Start(t, demo.Options{Mute: true, Adjust: func(c *host.Config) {
		account := c.Accounts[demo.Account]
		account.Attempts = 50
		c.Accounts[demo.Account] = account
	}})
	all := world.Captures(t)
	w.Load(all)
	match := netsuitesim.Match{PathContains: "/record/"}
	err := w.NetSuite.SetFaults(netsuitesim.Faults{Seed: 7, LatencyMs: 2, ConcurrencyLimit: 3, Rules: []netsuitesim.Rule{
		{Kind: "status", Status: 429, Rate: 0.1, Count: 20, Match: match},
		{Kind: "status", Status: 500, Rate: 0.1, Count: 10, Match: match},
		{Kind: "changed", Rate: 0.1, Count: 10, Match: match},
		{Kind: "dropBefore", Rate: 0.1, Count: 10, Match: match},
		{Kind: "statusAfterCommit", Status: 500, Rate: 0.1, Count: 10, Match: match},
		{Kind: "timeout", Rate: 0.1, Count: 10, Match: match},
		{Kind: "drop", Rate: 0.1, Count: 10, Match: match},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	failures, err := operate.Failures(context.Background(), w.JS, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		t.Errorf("parked: %s %s", f.Name, f.Entry.Fault.Message)
	}
	w.Check(world.Lackable)
	w.CheckAround(world.Lackable)
}

// While NetSuite is away, orders wait and burn no attempt; afterwards all of them land.
func TestOutageOfNetSuite(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{Outage: &netsuitesim.Outage{Until: time.Now().Add(time.Hour), Mode: "html"}}); err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.created-simple"))
	awaitDegraded(t, w)
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{}); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	outcome, err := operate.Show(context.Background(), w.JS, "main", "36")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range outcome.Steps {
		if step.Stage == "write" && step.What != event.OutcomeSynced {
			t.Errorf("outcome %q: an outage burns no attempt", step.What)
		}
	}
	if len(w.SalesOrders()) != 1 {
		t.Error("the order did not land after the outage")
	}
}

// Edits while NetSuite is away cost one write, of the newest state; the others are named as superseded. Invariant 3.
func TestEditsDuringAnOutage(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{Outage: &netsuitesim.Outage{Until: time.Now().Add(time.Hour), Mode: "html"}}); err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.created-simple"))
	awaitDegraded(t, w)
	for hour, note := range []string{"one", "two", "three"} {
		w.Post(changed(t, "order.created-simple", `"customer_note":""`, `"customer_note":"`+note+`"`, `"date_modified_gmt":"2026-11-23T03:10:33"`, fmt.Sprintf(`"date_modified_gmt":"2026-12-01T%02d:00:00"`, hour)))
	}
	awaitState(t, w, topology.Desired, subject.DesiredOf("main", "36"), "three")
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{}); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	var entry event.SyncRecordedV1
	stream, err := w.JS.Stream(context.Background(), topology.Outcomes)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := stream.GetLastMsgForSubject(context.Background(), subject.SyncOf("main", "36"))
	if err == nil {
		entry, err = codec.Decode[event.SyncRecordedV1](raw.Data)
	}
	if err != nil {
		t.Fatal(err)
	}
	if entry.Kind != event.OutcomeSynced || len(entry.Superseded) != 3 {
		t.Errorf("outcome %s with %d superseded states, want synced with the three before the last", entry.Kind, len(entry.Superseded))
	}
	timeline, err := operate.Show(context.Background(), w.JS, "main", "36")
	if err != nil {
		t.Fatal(err)
	}
	writes := 0
	for _, step := range timeline.Steps {
		if step.What == event.OutcomeSynced && strings.Count(step.Detail, "superseded: ORDERS") != 3 {
			t.Errorf("the timeline says %q, want the three superseded states", step.Detail)
		}
		for _, call := range step.Calls {
			if call.Method == "PUT" && strings.Contains(call.Path, "salesOrder") && call.Status/100 == 2 {
				writes++
			}
		}
	}
	if writes != 1 {
		t.Errorf("%d sales-order writes, want one of the newest state", writes)
	}
}

// awaitState waits until the newest message under a filter holds a text.
func awaitState(t *testing.T, w world.World, name, filter, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	stream, err := w.JS.Stream(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		m, err := stream.GetLastMsgForSubject(ctx, filter)
		if err == nil && bytes.Contains(m.Data, []byte(text)) {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("%s never held %q under %s: %v", name, text, filter, err)
		}
	}
}

// awaitDegraded waits until the writer says that NetSuite is unavailable.
func awaitDegraded(t *testing.T, w world.World) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for w.Host.Ready() == nil {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatal("the writer never said that NetSuite is unavailable")
		}
	}
}

// A crash between the write and its record leaves a sales order that the ledger does not know. A later state that
// would create none must find it all the same. Invariant 4: the last state always arrives.
func TestUnrecordedWriteIsFound(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	w.Load(world.Captures(t)) // the shop is asked what was given back
	w.Post(changed(t, "order.created-registered"))
	w.Settle()
	outcomes, err := w.JS.Stream(context.Background(), topology.Outcomes)
	if err != nil {
		t.Fatal(err)
	}
	if err := outcomes.Purge(context.Background(), jetstream.WithPurgeSubject(subject.SyncOf("main", "42"))); err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.updated-full-refund"))
	w.Settle()
	if got := w.SalesOrders()["wc-so-main-42"].Status.ID; got != "H" {
		t.Errorf("status %s after the full refund, want H", got)
	}
}

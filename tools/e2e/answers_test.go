package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// lastOutcome is the newest outcome of an order in the main store.
func lastOutcome(t *testing.T, w world.World, order string) event.SyncRecordedV1 {
	t.Helper()
	stream, err := w.JS.Stream(context.Background(), topology.Outcomes)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := stream.GetLastMsgForSubject(context.Background(), subject.Sync{Account: demo.Account, Store: "main", Order: order}.String())
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := codec.Decode[event.SyncRecordedV1](raw.Data)
	if err != nil {
		t.Fatal(err)
	}
	return recorded
}

// answered counts requests to NetSuite by method, part of the path and status.
func answered(w world.World, method, path string, status int) int {
	n := 0
	for _, e := range w.NetSuite.Log(path, 0) {
		if e.Method == method && e.Status == status {
			n++
		}
	}
	return n
}

// A text that is too long is cut to what the refusal says, once: the next order knows, after a restart too.
func TestMaximaAreLearntOnce(t *testing.T) {
	o := demo.Options{Mute: true, Dir: t.TempDir(), Account: func(c *netsuitesim.Config) {
		c.Switches.Lengths = map[string]int{"salesOrder-itemElement.description": 7, "customer-addressBook-addressBookAddress.addr1": 3}
	}}
	w := world.Start(t, o)
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	if n := answered(w, "PUT", "salesOrder", 400); n != 1 {
		t.Errorf("%d refused orders, want one", n)
	}
	if got := lastOutcome(t, w, "36"); got.Kind != event.OutcomeSynced || !strings.Contains(got.Reason, "salesOrder.description was cut") {
		t.Errorf("%s: %s", got.Kind, got.Reason)
	}
	w.Post(changed(t, "order.created-variation"))
	w.Settle()
	w.Stop()
	again := world.Start(t, o)
	again.Post(changed(t, "order.created-multi"))
	again.Settle()
	if n := answered(w, "PUT", "salesOrder", 400) + answered(again, "PUT", "salesOrder", 400); n != 1 {
		t.Errorf("%d refused orders after three, want one", n)
	}
	if n := answered(w, "PUT", "customer", 400) + answered(again, "PUT", "customer", 400); n != 1 {
		t.Errorf("%d refused customers, want one", n)
	}
	for id, so := range again.SalesOrders() {
		for _, line := range so.Item.Items {
			if len(line.Description) > 7 {
				t.Errorf("%s: description %q", id, line.Description)
			}
		}
	}
}

// An order that somebody saved meanwhile is read again and written at once: no attempt is burnt.
func TestChangedMeanwhileIsWrittenAtOnce(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	faults(t, w, netsuitesim.Rule{Kind: "changed", Count: 2, Match: netsuitesim.Match{Method: "PUT", PathContains: "salesOrder"}})
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	if got := outcomes(t, w, "36"); len(got) != 1 || got[0] != "synced" {
		t.Errorf("outcomes %v, want one: synced", got)
	}
}

func faults(t *testing.T, w world.World, rules ...netsuitesim.Rule) {
	t.Helper()
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{Rules: rules}); err != nil {
		t.Fatal(err)
	}
}

func customers(w world.World) map[string]int {
	count := map[string]int{}
	for _, c := range world.Get[[]struct{ Email string }](w, w.Facts.NetSuite+"/sim/state?type=customer") {
		count[strings.ToLower(c.Email)]++
	}
	return count
}

// A customer whose creation was not answered is found, not made again.
func TestCustomerIsMadeOnce(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	match := netsuitesim.Match{Method: "PUT", PathContains: "customer/"}
	faults(t, w, netsuitesim.Rule{Kind: "drop", Count: 1, Match: match}, netsuitesim.Rule{Kind: "timeout", Status: 504, Count: 1, Match: match})
	delivery := changed(t, "order.created-simple")
	w.Post(delivery)
	w.Settle()
	if got := outcomes(t, w, "36"); len(got) != 1 || got[0] != "synced" {
		t.Errorf("outcomes %v, want one: the look after the lost answer finds the customer", got)
	}
	if n := customers(w)[emailOf(t, delivery)]; n != 1 {
		t.Errorf("%d customers, want one", n)
	}
}

// A person who orders as a guest and with an account in one moment is one customer.
func TestOneEmailIsOneCustomer(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	guest := changed(t, "order.created-simple")
	member := changed(t, "order.created-simple", `"id":36,`, `"id":37,`, `"number":"36"`, `"number":"37"`, `"customer_id":0`, `"customer_id":5`)
	faults(t, w, netsuitesim.Rule{Kind: "latency", LatencyMs: 300, Match: netsuitesim.Match{Method: "PUT", PathContains: "customer/"}})
	w.Post(guest)
	w.Post(member)
	w.Settle()
	first, second := lastOutcome(t, w, "36").Ledger.Customer, lastOutcome(t, w, "37").Ledger.Customer
	if n := customers(w)[emailOf(t, guest)]; n != 1 || first == nil || second == nil || first.ID != second.ID || first.Adopted == second.Adopted {
		t.Errorf("%d customers, %+v and %+v, want one: made by one order, adopted by the other", n, first, second)
	}
}

func emailOf(t *testing.T, c capture.Delivery) string {
	t.Helper()
	_, rest, found := strings.Cut(string(c.Body), `"email":"`)
	email, _, closed := strings.Cut(rest, `"`)
	if !found || !closed {
		t.Fatal("the capture has no e-mail")
	}
	return strings.ToLower(email)
}

// A customer that NetSuite knows by the e-mail is adopted as it is; two of them are a question, and the retry after they
// are merged writes the order.
func TestCustomersByEmail(t *testing.T) {
	delivery := changed(t, "order.created-simple")
	email := emailOf(t, delivery)
	person := func(w world.World, name string, inactive ...bool) string {
		body := fmt.Sprintf(`{"isPerson":true,"firstName":%q,"lastName":"Doe","email":%q,"isInactive":%v,"subsidiary":{"id":"1"},"currency":{"id":"1"}}`, name, strings.ToUpper(email), len(inactive) > 0)
		id, err := w.NetSuite.Act(netsuitesim.Act{Method: "POST", Path: "customer", Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	t.Run("one", func(t *testing.T) {
		w := world.Start(t, demo.Options{Mute: true})
		id := person(w, "Ada")
		w.Post(delivery)
		w.Settle()
		got := lastOutcome(t, w, "36").Ledger.Customer
		if got == nil || got.ID != id || !got.Adopted || customers(w)[email] != 1 {
			t.Errorf("customer %+v of %d, want %s adopted", got, customers(w)[email], id)
		}
		w.Post(changed(t, "order.created-simple", `"id":36,"parent_id"`, `"id":9036,"parent_id"`, `"number":"36"`, `"number":"9036"`))
		w.Settle()
		if second := lastOutcome(t, w, "9036").Ledger.Customer; second == nil || *second != *got {
			t.Errorf("the next order's customer %+v, want %+v", second, got)
		}
	})
	t.Run("one beside an inactive one", func(t *testing.T) {
		w := world.Start(t, demo.Options{Mute: true})
		person(w, "Old", true)
		id := person(w, "Ada")
		w.Post(delivery)
		w.Settle()
		if got := lastOutcome(t, w, "36").Ledger.Customer; got == nil || got.ID != id || !got.Adopted {
			t.Errorf("customer %+v, want %s adopted", got, id)
		}
	})
	t.Run("an inactive one", func(t *testing.T) {
		w := world.Start(t, demo.Options{Mute: true})
		person(w, "Old", true)
		w.Post(delivery)
		w.Settle()
		parked := failure(t, w.JS, subject.Failure{Stage: "write", Store: "main", Key: "36"}, event.FailureParked)
		if parked.Fault.Code != string(fault.CustomerAmbiguous) || !strings.Contains(parked.Fault.Rule, "inactive") || customers(w)[email] != 1 {
			t.Errorf("%+v, %d customers", parked.Fault, customers(w)[email])
		}
	})
	t.Run("two", func(t *testing.T) {
		w := world.Start(t, demo.Options{Mute: true})
		person(w, "Ada")
		second := person(w, "Eve")
		w.Post(delivery)
		w.Settle()
		parked := failure(t, w.JS, subject.Failure{Stage: "write", Store: "main", Key: "36"}, event.FailureParked)
		if parked.Fault.Code != string(fault.CustomerAmbiguous) || len(w.SalesOrders()) != 0 {
			t.Errorf("%+v, %d orders", parked.Fault, len(w.SalesOrders()))
		}
		if _, err := w.NetSuite.Act(netsuitesim.Act{Method: "DELETE", Path: "customer/" + second}); err != nil {
			t.Fatal(err)
		}
		if _, err := operate.Retry(context.Background(), w.JS, "write.main.36", "tester"); err != nil {
			t.Fatal(err)
		}
		w.Settle()
		if len(w.SalesOrders()) != 1 {
			t.Error("the retry wrote no order")
		}
	})
}

// Without a configured number of slots the account is asked once, and its limit is felt for; a role that may not see it
// keeps the few slots that every account has.
func TestLimitIsDiscovered(t *testing.T) {
	for _, forbidden := range []bool{false, true} {
		w := world.Start(t, demo.Options{
			Mute: true, Mapping: ordersAlone(t),
			Account: func(c *netsuitesim.Config) {
				c.ConcurrencyLimit, c.Switches.NotAdministrator = 15, forbidden
			},
			Adjust: func(c *host.Config) {
				a := c.Accounts[demo.Account]
				a.Concurrency, a.Batches = 0, "off"
				c.Accounts[demo.Account] = a
			},
		})
		if err := w.NetSuite.SetFaults(netsuitesim.Faults{LatencyMs: 50}); err != nil {
			t.Fatal(err)
		}
		send(t, w, paidOrders(t, w, 700_000, 200))
		w.Settle()
		if n := len(w.NetSuite.Log("system/v1/governanceLimits", 0)); n != 1 || len(w.SalesOrders()) != 200 {
			t.Errorf("forbidden %v: asked %d times, %d orders", forbidden, n, len(w.SalesOrders()))
		}
		if most := w.NetSuite.Stats().MaxSlots; forbidden != (most <= 5) {
			t.Errorf("forbidden %v: at most %d slots were used", forbidden, most)
		}
	}
}

// A limit that NetSuite did not tell at the start is asked for again.
func TestLimitIsAskedForAgain(t *testing.T) {
	t.Parallel()
	var ours netsuitesim.Certificate
	w := world.Start(t, demo.Options{
		Mute: true, Mapping: ordersAlone(t),
		Account: func(c *netsuitesim.Config) {
			ours = netsuitesim.Certificate{ID: c.CertificateID, PublicKey: string(c.PublicKeyPEM)}
			c.ConcurrencyLimit, c.CertificateID = 15, "not mapped yet"
		},
		Adjust: func(c *host.Config) {
			a := c.Accounts[demo.Account]
			a.Concurrency, a.Batches = 0, "off"
			c.Accounts[demo.Account] = a
		},
	})
	w.Until("NetSuite refuses the writer", func() bool { return answered(w, http.MethodPost, "/oauth2/v1/token", http.StatusBadRequest) > 0 })
	if _, err := w.NetSuite.MapCertificate(ours); err != nil {
		t.Fatal(err)
	}
	w.Until("NetSuite tells its limit", func() bool { return answered(w, http.MethodGet, "system/v1/governanceLimits", http.StatusOK) == 1 })
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{LatencyMs: 50}); err != nil {
		t.Fatal(err)
	}
	send(t, w, paidOrders(t, w, 700_000, 200))
	w.Settle()
	if most := w.NetSuite.Stats().MaxSlots; most <= 5 {
		t.Errorf("at most %d slots were used, want more than five", most)
	}
}

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// A payment that is captured after the order is one deposit from then on, whether the order's status says it or only its
// date_paid; before, the sales order stands without one, and what is edited later makes no second. Invariant 2.
func TestPaymentCapturedLater(t *testing.T) {
	w := world.Start(t, demo.Options{})
	for _, c := range []struct {
		name, placed, status string // the sales order's status while the money is not taken
		edits                []string
		captured             string
	}{
		{"the status says it", "on-hold", "A", []string{`{"payment_method":"stripe"}`, `{"transaction_id":"pi_1"}`}, `{"status":"processing"}`},
		{"the date alone says it", "on-hold", "B", []string{`{"payment_method":"cod"}`, `{"status":"processing"}`}, `{"set_paid":true,"transaction_id":"till-9"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			ids, err := w.Shop.Place(shopsim.Placement{Store: "main", Status: c.placed})
			if err != nil {
				t.Fatal(err)
			}
			b := &backward{World: w, t: t, store: "main", order: ids[0]}
			edit := func(body string) {
				t.Helper()
				if err := w.Shop.Edit("main", b.order, []byte(body)); err != nil {
					t.Fatal(err)
				}
				b.quiet()
			}
			deposit := fmt.Sprintf("wc-cd-main-%d-payment", b.order)
			b.quiet()
			for _, body := range c.edits {
				edit(body)
			}
			if got := b.ledger().Status; got != c.status {
				t.Errorf("sales order %s before the capture, want %s", got, c.status)
			}
			if total, made := transactions(w, "customerDeposit")[deposit]; made {
				t.Fatalf("a deposit of %s for money that is not taken", total)
			}
			before := len(transactions(w, "customerDeposit"))
			for _, body := range []string{c.captured, `{"customer_note":"ring twice"}`, `{"transaction_id":"other"}`} {
				edit(body)
				all := transactions(w, "customerDeposit")
				if got, want := all[deposit], b.shopOrder().Total; len(all) != before+1 || !world.SameAmount(got, want) {
					t.Errorf("after %s: %d new deposits, ours of %q; want one of %s", body, len(all)-before, got, want)
				}
			}
			if got := b.ledger().Status; got != "B" {
				t.Errorf("sales order %s after the capture, want B", got)
			}
		})
	}
}

// netsuiteCustomer is a customer of the double.
type netsuiteCustomer struct {
	ID         string `json:"id"`
	ExternalID string `json:"externalId"`
	FirstName  string `json:"firstName"`
	LastName   string `json:"lastName"`
	Company    string `json:"companyName"`
	Email      string `json:"email"`
	Phone      string `json:"phone"`
	Comments   string `json:"comments"`
	Book       struct {
		Items []struct {
			DefaultBilling  bool `json:"defaultBilling"`
			DefaultShipping bool `json:"defaultShipping"`
			Address         struct {
				Addressee string `json:"addressee"`
				Addr1     string `json:"addr1"`
				Phone     string `json:"addrPhone"`
			} `json:"addressBookAddress"`
		} `json:"items"`
	} `json:"addressBook"`
}

func customersOf(w world.World) map[string]netsuiteCustomer {
	all := map[string]netsuiteCustomer{}
	for _, c := range world.Get[[]netsuiteCustomer](w, w.Facts.NetSuite+"/sim/state?type=customer") {
		all[strings.ToLower(c.ExternalID)] = c
	}
	return all
}

// What a customer changes in his account reaches his record in NetSuite: who he is, how to reach him, a new address beside
// the old ones. Nothing else of the record changes, the same again and older states write nothing, and no record is made.
func TestCustomersChangeLater(t *testing.T) {
	const account = "wc-cust-main-2"
	w := world.Start(t, demo.Options{Mute: true})
	post := func(c capture.Delivery) {
		t.Helper()
		if status := w.Post(c); status != 200 {
			t.Fatalf("%s answered %d", c.Name, status)
		}
		w.Settle()
	}
	edited := func(at string, replace ...string) capture.Delivery {
		return changed(t, "customer.updated", append(replace, `"date_modified_gmt":"2026-11-23T03:15:21"`, fmt.Sprintf("%q:%q", "date_modified_gmt", at))...)
	}
	writes := func() uint64 {
		t.Helper()
		n, err := w.Requests(w.Facts.NetSuite, "PATCH", "/customer/")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	held := func() netsuiteCustomer { return customersOf(w)[account] }

	before := len(customersOf(w))
	post(changed(t, "customer.updated"))
	post(changed(t, "customer.created"))
	if all := customersOf(w); len(all) != before {
		t.Fatalf("%d customers, had %d: an account without orders became one", len(all), before)
	}
	post(changed(t, "order.created-registered"))
	first := held()
	if _, err := w.NetSuite.Act(netsuitesim.Act{Method: "PATCH", Path: "customer/" + first.ID, Body: []byte(`{"comments":"pays late","companyName":"Rivera LLC"}`)}); err != nil {
		t.Fatal(err)
	}

	moved := edited("2026-12-01T00:00:00", `"address_1":"500 Howard St"`, `"address_1":"501 Howard St"`)
	post(moved)
	got := held()
	if got.FirstName != "Jane" || got.LastName != "O'Neil-Smith" || got.Email != "jane@example.com" || got.Phone != "+1 415 555 9999" {
		t.Errorf("customer %+v, want what the shop says", got)
	}
	if got.Comments != "pays late" || got.Company != "Rivera LLC" || got.ID != first.ID {
		t.Errorf("customer %+v, want what NetSuite's people wrote kept", got)
	}
	if len(first.Book.Items) == 0 || len(got.Book.Items) != len(first.Book.Items)+2 {
		t.Fatalf("address book %+v, had %+v; want billing and shipping beside them", got.Book.Items, first.Book.Items)
	}
	for i, line := range got.Book.Items {
		if known := i < len(first.Book.Items); known && line != first.Book.Items[i] || !known && (line.DefaultBilling || line.DefaultShipping || line.Address.Addr1 != "501 Howard St") {
			t.Errorf("address %d is %+v", i, line)
		}
	}
	once := writes()
	if once != 1 {
		t.Errorf("%d writes of one change", once)
	}
	post(moved)
	post(edited("2026-12-01T00:00:01", `"address_1":"500 Howard St"`, `"address_1":"501 Howard St"`, `"is_paying_customer":true`, `"is_paying_customer":false`))
	post(edited("2026-11-30T00:00:00", "+1 415 555 9999", "+1 415 555 0000"))
	if n, now := writes(), held(); n != once || now.Phone != got.Phone {
		t.Errorf("%d writes, phone %s: what is the same or older was written", n, now.Phone)
	}

	// A refusal is parked; the next state that succeeds resolves it, and the same state brings no second address.
	parked := subject.Failure{Stage: "write", Store: "main", Key: "customer-2"}
	if err := w.NetSuite.SetFaults(netsuitesim.Faults{Rules: []netsuitesim.Rule{
		{Kind: "statusAfterCommit", Status: 500, Count: 1, Match: netsuitesim.Match{Method: "PATCH", PathContains: "/customer/"}},
		{Kind: "refuse", Status: 400, Code: "USER_ERROR", Detail: "Invalid phone number.", Count: 1, Match: netsuitesim.Match{Method: "PATCH", PathContains: "/customer/"}},
	}}); err != nil {
		t.Fatal(err)
	}
	post(edited("2026-12-02T00:00:00", `"address_1":"500 Howard St"`, `"address_1":"502 Howard St"`))
	if n := len(held().Book.Items); n != len(got.Book.Items)+2 {
		t.Errorf("%d addresses, want %d: a lost answer doubled them", n, len(got.Book.Items)+2)
	}
	post(edited("2026-12-03T00:00:00", "+1 415 555 9999", "+1 415 555 1111"))
	if entry := failure(t, w.JS, parked, "parked"); !strings.Contains(entry.Fault.Message, "Invalid phone number") {
		t.Errorf("parked with %s", entry.Fault.Message)
	}
	post(edited("2026-12-04T00:00:00", "+1 415 555 9999", "+1 415 555 2222"))
	failure(t, w.JS, parked, "resolved")
	if now := held(); now.Phone != "+1 415 555 2222" {
		t.Errorf("phone %s", now.Phone)
	}
}

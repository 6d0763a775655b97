package netsuitesim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

func TestClosingAndReopening(t *testing.T) {
	a := open(t)
	order := a.sold()
	path := "record/v1/salesOrder/" + order
	set := func(line, closed string) string {
		return `{"item":{"items":[{"line":` + line + `,"isClosed":` + closed + `}]}}`
	}
	a.must("PATCH", path, set("1", "true"))
	a.must("PATCH", path, set("3", "true"))
	if got := a.status("salesOrder", order); got != "B" {
		t.Errorf("two of three lines closed: %s", got)
	}
	if got := a.rows(`SELECT linesequencenumber AS n, isclosed FROM transactionline WHERE "transaction" = ? AND mainline = 'F' ORDER BY 1`, order); len(got) != 3 || got[0]["isclosed"] != "T" || got[1]["isclosed"] != "F" {
		t.Errorf("SuiteQL: %v", got)
	}
	a.must("PATCH", path, set("2", "true"))
	if got := a.status("salesOrder", order); got != "H" {
		t.Errorf("all lines closed: %s", got)
	}
	if got := a.sums(order).total; got != "103.5" {
		t.Errorf("closing changed the total to %s", got)
	}
	a.refused(400, "POST", path+"/!transform/itemFulfillment", `{}`)
	a.refused(400, "POST", path+"/!transform/invoice", `{}`)
	a.must("PATCH", path, set("1", "false"))
	if got := a.status("salesOrder", order); got != "B" {
		t.Errorf("reopened: %s", got)
	}
	if _, err := a.sim.Fulfil(netsuitesim.Shipment{Order: order}); err != nil {
		t.Fatal(err)
	}
	if got := a.status("salesOrder", order); got != "F" {
		t.Errorf("all that is open is shipped: %s", got)
	}
	// Closed after a part was shipped: that part is still billed.
	other := a.sold()
	if _, err := a.sim.Fulfil(netsuitesim.Shipment{Order: other, Lines: lineOf("1", "1")}); err != nil {
		t.Fatal(err)
	}
	a.must("PATCH", "record/v1/salesOrder/"+other, set("1", "true"))
	invoice := a.must("POST", "record/v1/salesOrder/"+other+"/!transform/invoice", `{}`)
	if diff := cmp.Diff([]string{"22.5"}, a.figures("invoice", invoice, "subtotal")); diff != "" { // 25 - 10 + 7.50
		t.Error(diff)
	}
}

func TestChangesOfCommittedLines(t *testing.T) {
	a := open(t)
	order := a.sold()
	if _, err := a.sim.Fulfil(netsuitesim.Shipment{Order: order, Lines: lineOf("1", "2")}); err != nil {
		t.Fatal(err)
	}
	path := "record/v1/salesOrder/" + order
	for name, c := range map[string][3]string{
		"replacing all lines":         {"?replace=item", `{"item":{"items":[{"line":1,"quantity":4,` + tee + `}]}}`, "remove or replace"},
		"less than was shipped":       {"", `{"item":{"items":[{"line":1,"quantity":1}]}}`, "cannot be less"},
		"another item":                {"", `{"item":{"items":[{"line":1,` + beanie + `}]}}`, "change the item"},
		"a replaced upsert by number": {"?replace=item", `{"memo":"x","item":{"items":[{` + tee + `}]}}`, "remove or replace"},
	} {
		if _, detail := a.refused(400, "PATCH", path+c[0], c[1]); !strings.Contains(detail, c[2]) {
			t.Errorf("%s: %s", name, detail)
		}
	}
	a.must("PATCH", path, `{"item":{"items":[{"line":1,"quantity":3},{"line":3,"isClosed":true},{`+beanie+`,"quantity":1,"rate":2,`+own+`}]}}`)
	if got := a.sums(order); got.subtotal != "74.5" { // 3 × 25 - 10 + 7.50 + 2
		t.Errorf("subtotal %s, want 74.5", got.subtotal)
	}
	a.must("PATCH", path+"?replace=items", `{"item":{"items":[{`+beanie+`,"quantity":1,"rate":1,`+own+`}]}}`) // the wrong name replaces nothing
	if got := len(lines(t, a.order(order), "item")); got != 5 {
		t.Errorf("%d lines, want 5", got)
	}
}

func TestClosedGoodsStay(t *testing.T) {
	a := open(t)
	order := a.must("POST", "record/v1/salesOrder", orderBody(`"orderStatus":"B"`, tee, beanie))
	a.must("PATCH", "record/v1/salesOrder/"+order, `{"item":{"items":[{"line":2,"isClosed":true}]}}`)
	fulfil := "record/v1/salesOrder/" + order + "/!transform/itemFulfillment"
	a.refused(400, "POST", fulfil, `{"item":{"items":[{"orderLine":2}]}}`)
	shipped := a.must("POST", fulfil, `{}`)
	if got := lines(t, a.get("itemFulfillment", shipped), "item"); len(got) != 1 || figure(got[0], "orderLine") != "1" {
		t.Errorf("shipped %v", got)
	}
}

func TestCancelledByAPerson(t *testing.T) {
	a := open(t)
	order := a.must("PUT", "record/v1/salesOrder/eid:wc-1", minimal)
	if r := a.do("POST", "/sim/cancel", `{"order":"wc-1"}`); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if got := a.status("salesOrder", order); got != "C" {
		t.Errorf("status %s, want C", got)
	}
	for _, to := range []string{"invoice", "itemFulfillment"} {
		a.refused(400, "POST", "record/v1/salesOrder/"+order+"/!transform/"+to, `{}`)
	}
	if _, err := a.sim.Cancel(a.sold()); err == nil {
		t.Error("an approved order was cancelled")
	}
	a.refused(400, "PATCH", "record/v1/salesOrder/"+a.sold(), `{"orderStatus":{"id":"C"}}`)
}

func TestActsOfAPerson(t *testing.T) {
	a := open(t)
	order := a.sold()
	requests := a.sim.Stats().Requests
	id, err := a.sim.Act(netsuitesim.Act{Method: "PATCH", Path: "salesOrder/" + order, Body: []byte(`{"memo":"by hand"}`)})
	if err != nil || id != order {
		t.Errorf("%s %v", id, err)
	}
	r := a.do("POST", "/sim/record", `{"method":"POST","path":"salesOrder/`+order+`/!transform/itemFulfillment","body":{"shipStatus":"A"}}`)
	if r.status != 200 || !strings.Contains(r.body, `"id"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := a.do("POST", "/sim/record", `{"method":"PATCH","path":"salesOrder/9999999","body":{}}`); r.status != 404 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if got := a.sim.Stats().Requests; got != requests {
		t.Errorf("%d requests logged", got-requests)
	}
}

func TestClosedLinesInTotals(t *testing.T) {
	body := orderBody(`"taxDetailsOverride":true,"taxDetails":{"items":[`+detail(`"l1"`, "11", "100", "7.25", "7.25")+`,`+detail(`"l2"`, "11", "40", "7.25", "2.9")+`]}`,
		tee+`,"amount":100,`+own+`,"taxDetailsReference":"l1"`, beanie+`,"amount":40,`+own+`,"taxDetailsReference":"l2"`)
	for leave, want := range map[bool]sums{false: {"140", "0", "10.15", "150.15"}, true: {"100", "0", "7.25", "107.25"}} {
		a := with(t, func(s *netsuitesim.Switches) { s.ClosedLeaveTotals = leave })
		order := a.must("POST", "record/v1/salesOrder", body)
		a.must("PATCH", "record/v1/salesOrder/"+order, `{"item":{"items":[{"line":2,"isClosed":true}]}}`)
		if got := a.sums(order); got != want {
			t.Errorf("leave %v: %+v, want %+v", leave, got, want)
		}
		if got := figure(lines(t, a.order(order), "item")[1], "amount"); got != "40" {
			t.Errorf("leave %v: the line's own amount became %s", leave, got)
		}
		a.must("PATCH", "record/v1/salesOrder/"+order, `{"item":{"items":[{"line":2,"isClosed":false}]}}`)
		if got := a.sums(order).total; got != "150.15" {
			t.Errorf("leave %v: reopened %s", leave, got)
		}
	}
}

// TestMoneyOfADepositIsNeverSpentTwice compares random refunds and applications
// of one deposit with integers: each is accepted exactly when it fits.
func TestMoneyOfADepositIsNeverSpentTwice(t *testing.T) {
	a := open(t, advance)
	rapid.Check(t, func(rt *rapid.T) {
		left := rapid.Int64Range(1, 20000).Draw(rt, "deposit")
		due := int64(10000) // the order of deposited
		order, deposit := a.deposited(cents(left))
		invoice := a.must("POST", "record/v1/salesOrder/"+order+"/!transform/invoice", `{}`)
		applied := int64(0)
		for range rapid.IntRange(1, 5).Draw(rt, "steps") {
			amount := rapid.Int64Range(1, 12000).Draw(rt, "amount")
			list, doc, to, fits := "deposit", deposit, "customerRefund", amount <= left
			if rapid.Bool().Draw(rt, "apply") {
				list, doc, to, fits = "apply", invoice, "depositApplication", amount <= left && amount <= due
			}
			r := a.do("POST", "record/v1/customerDeposit/"+deposit+"/!transform/"+to,
				fmt.Sprintf(`{"%s":{"items":[{"doc":"%s","apply":true,"amount":%s}]}}`, list, doc, cents(amount)))
			if (r.status == 204) != fits {
				rt.Fatalf("%s of %s with %s left and %s due: %d %s", to, cents(amount), cents(left), cents(due), r.status, r.body)
			}
			switch {
			case !fits:
			case to == "customerRefund":
				left -= amount
			default:
				left, due, applied = left-amount, due-amount, applied+amount
			}
		}
		want := "A"
		if left == 0 && applied == 0 {
			want = "R"
		} else if left == 0 {
			want = "C"
		}
		if got := a.status("customerDeposit", deposit); got != want {
			rt.Errorf("deposit status %s, want %s", got, want)
		}
		bill := a.get("invoice", invoice)
		if !dec(t, figure(bill, "amountRemaining")).Equal(dec(t, cents(due))) {
			rt.Errorf("due %s, want %s", figure(bill, "amountRemaining"), cents(due))
		}
	})
}

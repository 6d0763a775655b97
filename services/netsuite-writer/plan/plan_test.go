package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

func policy(absent, open, fulfilled event.Action) event.Policy {
	return event.Policy{Rule: "rule", Absent: absent, Open: open, Fulfilled: fulfilled, Explanation: "because"}
}

func TestDecide(t *testing.T) {
	placed := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	create := policy(event.ActionCreate, event.ActionApply, event.ActionKeep)
	known := event.Ledger{SalesOrder: &event.LedgerOrder{}}
	for _, c := range []struct {
		name   string
		policy event.Policy
		facts  Facts
		want   Decision
		code   fault.Code
	}{
		{"no order yet, create", create, Facts{}, Decision{Do: Write}, ""},
		{"no order yet, wait", policy(event.ActionWait, event.ActionApply, event.ActionPark), Facts{}, record(event.OutcomeWaiting, "rule", "because"), ""},
		{"no order yet, ignore", policy(event.ActionIgnore, event.ActionKeep, event.ActionKeep), Facts{}, record(event.OutcomeSkipped, "rule", "because"), ""},
		{"made before the start", create, Facts{Start: placed.Add(time.Second)}, record(event.OutcomeSkipped, RuleBeforeStart, "the order was made before the store's start 2026-11-23T03:00:01Z"), ""},
		{"made at the start", create, Facts{Start: placed}, Decision{Do: Write}, ""},
		{"an order that exists is kept in step though made before the start", create, Facts{Start: placed.Add(time.Hour), Ledger: known, Status: "B"}, Decision{Do: Write}, ""},
		{"writes on hold", create, Facts{Hold: true}, record(event.OutcomeHeld, "writes-on-hold", "accounts.<account>.writes is hold: shown, not sent"), ""},
		{"open, apply", create, Facts{Ledger: known, Status: "A"}, Decision{Do: Write}, ""},
		{"closed by us, reopened", create, Facts{Ledger: known, Status: "H"}, Decision{Do: Write}, ""},
		{"open, keep", policy(event.ActionIgnore, event.ActionKeep, event.ActionKeep), Facts{Ledger: known, Status: "B"}, record(event.OutcomeSkipped, "rule", "because"), ""},
		{"fulfilled, keep", create, Facts{Ledger: known, Status: "F"}, record(event.OutcomeSkipped, "rule", "the sales order is fulfilled or billed (F): kept"), ""},
		{"fulfilled, payment reversed", policy(event.ActionWait, event.ActionApply, event.ActionPark), Facts{Ledger: known, Status: "D"}, Decision{}, fault.PaymentReversed},
		{"billed, payment reversed", policy(event.ActionIgnore, event.ActionApply, event.ActionPark), Facts{Ledger: known, Status: "G"}, Decision{}, fault.PaymentReversed},
		{"billed at once and not shipped, keep", create, Facts{Ledger: event.Ledger{SalesOrder: &event.LedgerOrder{}, Bill: &event.RecordID{ID: "9"}}, Status: "B"}, record(event.OutcomeSkipped, "rule", "the sales order is fulfilled or billed (B): kept"), ""},
		{"shipped in part and closed by people, keep", create, Facts{Ledger: known, Status: "H", Lines: []Line{{Fulfilled: money.Int(1)}, {}}}, record(event.OutcomeSkipped, "rule", "the sales order is fulfilled or billed (H): kept"), ""},
		{"shipped in part and closed by people, payment reversed", policy(event.ActionIgnore, event.ActionApply, event.ActionPark), Facts{Ledger: known, Status: "H", Lines: []Line{{Fulfilled: money.Int(1)}}}, Decision{}, fault.PaymentReversed},
		{"closed, nothing shipped", create, Facts{Ledger: known, Status: "H", Lines: []Line{{}}}, Decision{Do: Write}, ""},
		{"fulfilled, apply", policy(event.ActionCreate, event.ActionApply, event.ActionApply), Facts{Ledger: known, Status: "D"}, Decision{Do: Alter}, ""},
		{"fulfilled, apply, writes on hold", policy(event.ActionCreate, event.ActionApply, event.ActionApply), Facts{Ledger: known, Status: "D", Hold: true}, record(event.OutcomeHeld, "writes-on-hold", "accounts.<account>.writes is hold: shown, not sent"), ""},
		{"cancelled in NetSuite", create, Facts{Ledger: known, Status: "C"}, record(event.OutcomeSkipped, "cancelled-in-netsuite", "the sales order was cancelled in NetSuite and cannot be changed"), ""},
	} {
		d := event.DesiredOrderV1{Policy: c.policy, Source: event.DesiredSource{PlacedAt: placed}}
		got, err := Decide(d, c.facts)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if c.code != "" && fault.CodeOf(err) != c.code || c.code == "" && err != nil {
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
		}
	}
}

func TestStatusFits(t *testing.T) {
	for _, c := range []struct {
		want   string
		closed bool
		lines  []bool // closed, each
		fits   string
	}{
		{"A", false, nil, "A"}, {"B", false, nil, "BDEFG"}, {"A", true, nil, "H"}, {"B", true, nil, "H"},
		{"B", false, []bool{true, false}, "BDEFG"}, {"B", false, []bool{true, true}, "H"}, {"A", false, []bool{true}, "H"}, {"A", true, []bool{false}, "H"},
	} {
		d := event.DesiredOrderV1{SalesOrder: event.SalesOrder{OrderStatus: c.want, Closed: c.closed}}
		for _, closed := range c.lines {
			d.SalesOrder.Lines = append(d.SalesOrder.Lines, event.OrderLine{Closed: closed})
		}
		var got string
		for _, status := range "ABCDEFGH" {
			if StatusFits(d, string(status)) {
				got += string(status)
			}
		}
		if got != c.fits {
			t.Errorf("%s, closed %v, lines %v: %s fit, want %s", c.want, c.closed, c.lines, got, c.fits)
		}
	}
}

func text(s string) event.Value { return event.Value{Text: &s} }

func TestSalesOrderBody(t *testing.T) {
	item, discount := event.Ref{Record: "item", By: "name", Key: "TEE-001"}, event.Ref{Record: "item", By: "name", Key: "WOO-DISCOUNT"}
	taxType, taxCode := event.Ref{Record: "taxType", By: "name", Key: "US"}, event.Ref{Record: "taxCode", By: "name", Key: "CA"}
	two, rate := money.Int(2), money.MustParseNumber("0.33333333")
	d := event.DesiredOrderV1{SalesOrder: event.SalesOrder{
		ExternalID: "wc-so-main-36", OrderStatus: "B", Currency: "USD", TaxMode: event.TaxOverride,
		Fields:  map[string]event.Value{"memo": text("one\ntwo"), "custbody_wc_coupons": {Empty: true}},
		Billing: &event.PostalAddress{Addressee: "Sam", Addr1: "760 Market St", Country: "US"},
		Lines: []event.OrderLine{
			{Key: "line-1", Item: item, Quantity: &two, Rate: &rate, Amount: money.MustParse("0.67"), CustomPrice: true, TaxReference: "line-1", Description: "Tee"},
			{Key: "line-1-discount", Item: discount, Amount: money.MustParse("-0.1"), CustomPrice: true},
		},
		TaxDetails: []event.TaxDetail{{Reference: "line-1", TaxType: taxType, TaxCode: taxCode, Basis: money.MustParse("0.57"), Rate: money.MustParseNumber("7.25"), Amount: money.MustParse("0.04")}},
	}}
	got, err := SalesOrder(d, "107", IDs{item: "11", discount: "12", taxType: "1", taxCode: "2", currencyRef("USD"): "3"}, "")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"billingAddress":{"addr1":"760 Market St","addr2":null,"addrPhone":null,"addressee":"Sam","attention":null,"city":null,"country":{"id":"US"},"state":null,"zip":null},` +
		`"currency":{"id":"3"},"custbody_wc_coupons":null,"entity":{"id":"107"},"externalId":"wc-so-main-36","item":{"items":[` +
		`{"amount":0.67,"description":"Tee","isClosed":false,"item":{"id":"11"},"price":{"id":"-1"},"quantity":2,"rate":0.33333333,"taxDetailsReference":"line-1"},` +
		`{"amount":-0.10,"isClosed":false,"item":{"id":"12"},"price":{"id":"-1"},"rate":-0.10}]},` +
		`"memo":"one\\ntwo","orderStatus":{"id":"B"},"taxDetails":{"items":[` +
		`{"taxAmount":0.04,"taxBasis":0.57,"taxCode":{"id":"2"},"taxDetailsReference":"line-1","taxRate":7.25,"taxType":{"id":"1"}}]},"taxDetailsOverride":true}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

// Without the override NetSuite computes: codes stand on the lines, no tax rows are sent.
func TestTaxCodesBody(t *testing.T) {
	item, code := event.Ref{Record: "item", By: "name", Key: "TEE"}, event.Ref{Record: "taxCode", By: "name", Key: "CA"}
	one := money.Int(1)
	d := event.DesiredOrderV1{SalesOrder: event.SalesOrder{
		ExternalID: "x", OrderStatus: "B", Currency: "USD", TaxMode: event.TaxCodes,
		Lines: []event.OrderLine{{Key: "line-1", Item: item, Quantity: &one, Amount: money.MustParse("1"), TaxCode: &code}},
	}}
	if refs := Refs(d); !slices.Contains(refs, code) {
		t.Errorf("refs %v lack the code", refs)
	}
	got, err := SalesOrder(d, "1", IDs{item: "11", code: "2", currencyRef("USD"): "3"}, "")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"currency":{"id":"3"},"entity":{"id":"1"},"externalId":"x","item":{"items":[{"amount":1.00,"isClosed":false,"item":{"id":"11"},"quantity":1,"rate":1.00,"taxCode":{"id":"2"}}]},"orderStatus":{"id":"B"}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

package mapping

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

func refunds(d event.DesiredOrderV1) []string {
	list := []string{}
	for _, r := range d.Refunds {
		word := r.ExternalID + " " + r.Amount.String() + " " + text(r.Fields["tranDate"])
		for _, field := range []string{"account", "undepFunds"} {
			if v, set := r.Fields[field]; set {
				word += " " + field + "=" + text(v)
			}
		}
		for _, l := range r.Lines {
			word += "; " + l.Key + " " + l.Quantity.String() + " × " + l.Amount.String() + " + " + l.Tax.String()
		}
		if !r.Shipping.IsZero() {
			word += "; shipping " + r.Shipping.String()
		}
		if r.Question != "" {
			word += " ? " + r.Question
		}
		list = append(list, word)
	}
	for _, back := range d.GivenBack {
		word := "goods " + back.Refund
		for _, l := range back.Lines {
			word += "; " + l.Key + " " + l.Quantity.String() + " × " + l.Amount.String() + " + " + l.Tax.String()
		}
		if !back.Shipping.IsZero() {
			word += "; shipping " + back.Shipping.String() + " + " + back.ShippingTax.String()
		}
		list = append(list, word)
	}
	return list
}

func refund(id, total, reason string, lines ...event.RefundLine) event.Refund {
	return event.Refund{ID: id, Total: money.MustParse(total), Reason: reason, Detail: &event.RefundDetail{At: time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC), LocalDate: "2026-11-24", Lines: lines}}
}

func back(line string, pieces int64, total, tax string) event.RefundLine {
	return event.RefundLine{Line: line, Quantity: money.Int(pieces), Total: money.MustParse(total), Tax: money.MustParse(tax)}
}

// Order 37 by hand: three tees 59.97 + 4.35, two beanies 25.50 + 1.85, an hour 125.00 + 9.06, shipping 5.95 + 0.43:
// 232.11. Coupons: none.
func TestRefunds(t *testing.T) {
	const tees, beanies, hour = "line-5 TEE-001 3 × 59.97", "line-6 BEANIE-01 2 × 25.50", "line-7 SVC-HOUR 1 × 125.00"
	for name, c := range map[string]struct {
		refunds  []event.Refund
		document func(*Document)
		lines    []string
		money    []string
		total    string
		shipping string
		warning  string
		odd      bool // its tax does not go with its price
	}{
		"one tee of three": {[]event.Refund{refund("72", "-21.44", "Wrong size", back("5", 1, "19.99", "1.45"))}, nil,
			[]string{"line-5 TEE-001 2 × 39.98", beanies, hour}, []string{"wc-cr-main-37-72 21.44 2026-11-24; line-5 1 × 19.99 + 1.45"}, "210.67", "5.95", "", false},
		"all tees": {[]event.Refund{refund("72", "-64.32", "", back("5", 3, "59.97", "4.35"))}, nil,
			[]string{"line-5 TEE-001 3 × 0.00 closed", beanies, hour}, []string{"wc-cr-main-37-72 64.32 2026-11-24; line-5 3 × 59.97 + 4.35"}, "167.79", "5.95", "", false},
		"all tees in two refunds": {[]event.Refund{refund("72", "-21.44", "", back("5", 1, "19.99", "1.45")), refund("73", "-42.88", "", back("5", 2, "39.98", "2.90"))}, nil,
			[]string{"line-5 TEE-001 3 × 0.00 closed", beanies, hour},
			[]string{"wc-cr-main-37-72 21.44 2026-11-24; line-5 1 × 19.99 + 1.45", "wc-cr-main-37-73 42.88 2026-11-24; line-5 2 × 39.98 + 2.90"}, "167.79", "5.95", "", false},
		"all tees for less": {[]event.Refund{refund("72", "-50.00", "", back("5", 3, "50.00", "0.00"))}, nil,
			[]string{"line-5 TEE-001 3 × 9.97 closed", beanies, hour}, []string{"wc-cr-main-37-72 50.00 2026-11-24; line-5 3 × 50.00 + 0.00"}, "182.11", "5.95", "", true},
		"one tee for less": {[]event.Refund{refund("72", "-10.00", "", back("5", 1, "10.00", "0.00"))}, nil,
			[]string{"line-5 TEE-001 2 × 49.97", beanies, hour}, []string{"wc-cr-main-37-72 10.00 2026-11-24; line-5 1 × 10.00 + 0.00"}, "222.11", "5.95", "", true},
		"one tee for more": {[]event.Refund{refund("72", "-30.00", "", back("5", 1, "30.00", "0.00"))}, nil,
			[]string{"line-5 TEE-001 2 × 39.98", "line-5-discount WOO-DISCOUNT -10.01", beanies, hour}, []string{"wc-cr-main-37-72 30.00 2026-11-24; line-5 1 × 30.00 + 0.00"}, "202.11", "5.95", "", true},
		"shipping": {[]event.Refund{refund("72", "-6.38", "late", back("8", 0, "5.95", "0.43"))}, nil,
			[]string{tees, beanies, hour}, []string{"wc-cr-main-37-72 6.38 2026-11-24; shipping 5.95"}, "225.73", "0", "", false},
		"an amount": {[]event.Refund{refund("71", "-10.00", "Damaged box")}, nil,
			[]string{tees, beanies, hour}, []string{"wc-cr-main-37-71 10.00 2026-11-24"}, "232.11", "5.95", "", false},
		"an amount on a line": {[]event.Refund{refund("71", "-10.00", "", back("5", 0, "10.00", "0.00"))}, nil,
			[]string{tees, beanies, hour}, []string{"wc-cr-main-37-71 10.00 2026-11-24; line-5 0 × 10.00 + 0.00"}, "232.11", "5.95", "", false},
		"a line that is gone": {[]event.Refund{refund("71", "-10.00", "", back("999", 1, "10.00", "0.00"))}, nil,
			[]string{tees, beanies, hour}, []string{"wc-cr-main-37-71 10.00 2026-11-24"}, "232.11", "5.95", "", false},
		"not read yet": {[]event.Refund{{ID: "71", Total: money.MustParse("-10.00")}}, nil,
			[]string{tees, beanies, hour}, []string{}, "232.11", "5.95", "refund 71 waits for its record", false},
		"by change of status": {[]event.Refund{refund("70", "-232.11", "Order fully refunded.")}, nil,
			[]string{tees, beanies, hour}, []string{}, "232.11", "5.95", "refund 70 was made by a change of status: no money is booked", false},
		"by change of status, booked": {[]event.Refund{refund("70", "-232.11", "Order fully refunded.")}, func(d *Document) { d.Refunds.StatusChange = StatusChangeMoney },
			[]string{tees, beanies, hour}, []string{"wc-cr-main-37-70 232.11 2026-11-24"}, "232.11", "5.95", "", false},
		"by change of status, in German": {[]event.Refund{refund("70", "-232.11", "Bestellung vollständig rückerstattet.")}, func(d *Document) {
			d.Refunds.StatusChangeReasons = []string{"Bestellung vollständig rückerstattet."}
		},
			[]string{tees, beanies, hour}, []string{}, "232.11", "5.95", "refund 70 was made by a change of status: no money is booked", false},
		"that reason, but lines": {[]event.Refund{refund("72", "-21.44", "Order fully refunded.", back("5", 1, "19.99", "1.45"))}, nil,
			[]string{"line-5 TEE-001 2 × 39.98", beanies, hour}, []string{"wc-cr-main-37-72 21.44 2026-11-24; line-5 1 × 19.99 + 1.45"}, "210.67", "5.95", "", false},
		"that reason, but by the gateway": {[]event.Refund{throughGateway(refund("70", "-232.11", "Order fully refunded."))}, nil,
			[]string{tees, beanies, hour}, []string{"wc-cr-main-37-70 232.11 2026-11-24"}, "232.11", "5.95", "", false},
		"deleted": {[]event.Refund{deleted(refund("72", "-21.44", "", back("5", 1, "19.99", "1.45")))}, nil, []string{tees, beanies, hour},
			[]string{`wc-cr-main-37-72 21.44 2026-11-24; line-5 1 × 19.99 + 1.45 ? the shop lists this refund no more: void what was booked of it, or make it again`}, "232.11", "5.95", "", false},
		"a closed period": {[]event.Refund{refund("71", "-10.00", "")}, func(d *Document) { d.Refunds.PostingDate, d.Periods.ClosedThrough = FirstOpen, "2026-12-31" },
			[]string{tees, beanies, hour}, []string{"wc-cr-main-37-71 10.00 2027-01-01"}, "232.11", "5.95", "", false},
		"from an account": {[]event.Refund{refund("71", "-10.00", "")}, func(d *Document) { d.Refunds.Account = "Checking" },
			[]string{tees, beanies, hour}, []string{"wc-cr-main-37-71 10.00 2026-11-24 account=account Checking"}, "232.11", "5.95", "", false},
		"from the gateway's account": {[]event.Refund{refund("71", "-10.00", "")}, func(d *Document) { d.Payments.Gateways["rig_card"] = Gateway{Account: "Stripe"} },
			[]string{tees, beanies, hour}, []string{"wc-cr-main-37-71 10.00 2026-11-24 account=account Stripe"}, "232.11", "5.95", "", false},
		"policy order": {[]event.Refund{refund("72", "-21.44", "", back("5", 1, "19.99", "1.45"))}, policy(PolicyOrder),
			[]string{"line-5 TEE-001 2 × 39.98", beanies, hour}, []string{"goods 72; line-5 1 × 19.99 + 1.45"}, "210.67", "5.95", "", false},
		"policy order, with shipping": {[]event.Refund{refund("72", "-27.82", "", back("5", 1, "19.99", "1.45"), back("8", 0, "5.95", "0.43"))}, policy(PolicyOrder),
			[]string{"line-5 TEE-001 2 × 39.98", beanies, hour}, []string{"goods 72; line-5 1 × 19.99 + 1.45; shipping 5.95 + 0.43"}, "204.29", "0", "", false},
		"policy order, an amount": {[]event.Refund{refund("71", "-10.00", "Damaged box")}, policy(PolicyOrder), []string{tees, beanies, hour}, []string{}, "232.11", "5.95", "", false},
		"policy order, not read yet": {[]event.Refund{{ID: "71", Total: money.MustParse("-10.00")}}, policy(PolicyOrder),
			[]string{tees, beanies, hour}, []string{}, "232.11", "5.95", "refund 71 waits for its record", false},
		"policy order, by change of status": {[]event.Refund{refund("70", "-232.11", "Order fully refunded.")}, policy(PolicyOrder), []string{tees, beanies, hour}, []string{}, "232.11", "5.95", "", false},
		"policy order, deleted": {[]event.Refund{deleted(refund("72", "-21.44", "", back("5", 1, "19.99", "1.45")))}, policy(PolicyOrder),
			[]string{tees, beanies, hour}, []string{}, "232.11", "5.95", "", false},
		"unknown gateway": {[]event.Refund{refund("71", "-10.00", "")}, func(d *Document) { d.Payments.Gateways = nil }, []string{tees, beanies, hour},
			[]string{`wc-cr-main-37-71 10.00 2026-11-24 ? payment-unmapped: payment_method = "rig_card": want an entry under payments.gateways`}, "232.11", "5.95", "", false},
	} {
		o := orders(t)["order.updated-partial-refund-lines"]
		o.Refunds = c.refunds
		for _, mode := range strategies {
			changes := []func(*Document){strategy(mode)}
			if c.document != nil {
				changes = append(changes, c.document)
			}
			d, err := variant(t, changes...).Map(o, Context{Account: "ns"})
			if mode == event.TaxCodes && c.odd {
				if fault.CodeOf(err) != fault.MoneyMismatch {
					t.Errorf("%s, %s: %v, want %s: a code's tax falls with the pieces, the refund's does not", name, mode, err, fault.MoneyMismatch)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s, %s: %v", name, mode, err)
				continue
			}
			if mode == event.TaxOverride || mode == event.TaxEngine {
				if diff := cmp.Diff(c.lines, lines(d)); diff != "" {
					t.Errorf("%s, %s: lines (-want +got):\n%s", name, mode, diff)
				}
			}
			if diff := cmp.Diff(c.money, refunds(d)); diff != "" {
				t.Errorf("%s, %s: refunds (-want +got):\n%s", name, mode, diff)
			}
			if err := proves(d, shippedCodes); err != nil || d.Expected.Total.String() != c.total || text(d.SalesOrder.Fields["shippingCost"]) != c.shipping {
				t.Errorf("%s, %s: total %s, shipping %s, want %s, %s; %v", name, mode, d.Expected.Total, text(d.SalesOrder.Fields["shippingCost"]), c.total, c.shipping, err)
			}
			if got := strings.Join(d.Warnings, ", "); got != c.warning {
				t.Errorf("%s, %s: warnings %q, want %q", name, mode, got, c.warning)
			}
		}
	}
}

func throughGateway(r event.Refund) event.Refund {
	r.Detail.ThroughGateway = true
	return r
}

func deleted(r event.Refund) event.Refund {
	r.Deleted = true
	return r
}

// Order 42: 49.50 + 3.59 + 0.62. Half of its tax given back, 2.11 of 4.21, is shared by the rates: 1.80 and 0.31.
func TestRefundedTaxIsSharedByRates(t *testing.T) {
	o := orders(t)["order.created-registered"]
	o.Refunds = []event.Refund{refund("80", "-26.86", "", back("29", 1, "24.75", "2.11"))}
	d := mapWith(t, o)
	var got []string
	for _, row := range d.SalesOrder.TaxDetails {
		if row.Reference == "line-29" {
			got = append(got, row.TaxCode.Key+" "+row.Amount.String()+" of "+row.Basis.String())
		}
	}
	if diff := cmp.Diff([]string{"CA_STATE 1.79 of 24.75", "CA_SF_COUNTY 0.31 of 24.75"}, got); diff != "" || d.Expected.Total.String() != "47.13" {
		t.Errorf("total %s (-want +got):\n%s", d.Expected.Total, diff)
	}
}

// A part of a negative fee that is given back leaves one line of what is left: no line of nothing with a discount beneath.
func TestRefundOfANegativeFee(t *testing.T) {
	o := orderOf(t, goods("1", "CUP", 1, "30.00"))
	o.Fees = []event.Fee{{ID: "5", Name: "Rebate", Total: money.MustParse("-3.00")}}
	o.Totals.Total = o.Totals.Total.Sub(money.MustParse("3.00"))
	o.Refunds = []event.Refund{refund("7", "1.00", "less of a rebate", back("5", 0, "-1.00", "0.00"))}
	d, err := compiled(t).Map(o, Context{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, l := range d.SalesOrder.Lines {
		lines = append(lines, l.Key+" "+l.Amount.String())
	}
	if diff := cmp.Diff([]string{"line-1 30.00", "fee-5 -2.00"}, lines); diff != "" {
		t.Error(diff)
	}
}

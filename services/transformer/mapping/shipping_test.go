package mapping

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

func shippingAsLine(d *Document) {
	d.Shipping.As, d.Shipping.Item = ShippingLine, "WOO-SHIPPING"
}

// Order 42 by hand: shipping 5.95 with 0.43 + 0.07 of tax stands on a line, and what the order costs stays 73.99.
func TestShippingAsLine(t *testing.T) {
	o := orders(t)["order.created-registered"]
	for mode, want := range map[event.TaxMode][]string{
		event.TaxOverride: {"line-29 HOOD-GRN-XL 1 × 49.50", "line-30 BEANIE-01 1 × 12.75", "shipping WOO-SHIPPING 1 × 5.95"},
		event.TaxEngine:   {"line-29 HOOD-GRN-XL 1 × 49.50", "line-30 BEANIE-01 1 × 12.75", "shipping WOO-SHIPPING 1 × 5.95"},
		event.TaxCodes:    {"line-29 HOOD-GRN-XL 1 × 49.50 CA_SF", "line-30 BEANIE-01 1 × 12.75 CA_SF", "shipping WOO-SHIPPING 1 × 5.95 CA_SF", "rounding WOO-ROUNDING 1 × -0.01 NONE"},
		event.TaxLines: {"line-29 HOOD-GRN-XL 1 × 49.50 NONE", "line-30 BEANIE-01 1 × 12.75 NONE", "shipping WOO-SHIPPING 1 × 5.95 NONE",
			"tax-1 WOO-TAX 1 × 4.94 NONE", "tax-2 WOO-TAX 1 × 0.85 NONE"},
	} {
		d := mapWith(t, o, strategy(mode), shippingAsLine)
		if diff := cmp.Diff(want, lines(d)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", mode, diff)
		}
		if cost := text(d.SalesOrder.Fields["shippingCost"]); cost != "0" || d.Expected.Total.String() != "73.99" || d.Expected.Lines != len(want) {
			t.Errorf("%s: cost %s, total %s, %d lines", mode, cost, d.Expected.Total, d.Expected.Lines)
		}
		if err := proves(d, shippedCodes); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// The line names its tax by its own reference, and nothing names SHIPPING.
func TestShippingLineHasItsOwnReference(t *testing.T) {
	d := mapWith(t, orders(t)["order.created-registered"], shippingAsLine)
	own := []string{}
	for _, row := range d.SalesOrder.TaxDetails {
		switch row.Reference {
		case shippingReference:
			t.Errorf("%+v", row)
		case shippingLine:
			own = append(own, row.TaxCode.Key+" "+row.Basis.String()+" "+row.Amount.String())
		}
	}
	if diff := cmp.Diff([]string{"CA_STATE 5.95 0.43", "CA_SF_COUNTY 5.95 0.07"}, own); diff != "" {
		t.Error(diff)
	}
	if last := d.SalesOrder.Lines[len(d.SalesOrder.Lines)-1]; last.TaxReference != shippingLine || last.Description != "Shipping: "+orders(t)["order.created-registered"].Shipments[0].Title {
		t.Errorf("%+v", last)
	}
}

// What of the shipping goes back: all of it closes the line and is its piece, a part makes it cheaper and is money alone.
func TestRefundsOfAShippingLine(t *testing.T) {
	for name, c := range map[string]struct {
		total, tax, line, money, left string
	}{
		"all":    {"5.95", "0.50", "shipping WOO-SHIPPING 1 × 0.00 closed", "wc-cr-main-42-9 6.45 2026-11-24; shipping 1 × 5.95 + 0.50", "67.54"},
		"a part": {"2.00", "0.17", "shipping WOO-SHIPPING 1 × 3.95", "wc-cr-main-42-9 2.17 2026-11-24; shipping 0 × 2.00 + 0.17", "71.82"},
	} {
		o := orders(t)["order.created-registered"]
		sum := money.MustParse(c.total).Add(money.MustParse(c.tax))
		o.Refunds = []event.Refund{refund("9", sum.Neg().String(), "late", back(o.Shipments[0].ID, 0, c.total, c.tax))}
		d := mapWith(t, o, shippingAsLine)
		if diff := cmp.Diff([]string{"line-29 HOOD-GRN-XL 1 × 49.50", "line-30 BEANIE-01 1 × 12.75", c.line}, lines(d)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff([]string{c.money}, refunds(d)); diff != "" || d.Expected.Total.String() != c.left {
			t.Errorf("%s: total %s, want %s (-want +got):\n%s", name, d.Expected.Total, c.left, diff)
		}
	}
}

// Every real order comes to the shop's total with its shipping as a line too; free shipping has none.
func TestEveryCaptureWithShippingAsLine(t *testing.T) {
	for _, mode := range strategies {
		m := variant(t, strategy(mode), shippingAsLine)
		for name, o := range orders(t) {
			d, err := m.Map(o, Context{Account: "ns"})
			if err != nil {
				t.Errorf("%s, %s: %v", name, mode, err)
				continue
			}
			if len(d.SalesOrder.Lines) == 0 {
				continue // ignored by rule
			}
			if err := proves(d, shippedCodes); err != nil || !d.Expected.Total.Equal(o.Totals.Total) {
				t.Errorf("%s, %s: %v, total %s of %s", name, mode, err, d.Expected.Total, o.Totals.Total)
			}
			has := false
			for _, l := range d.SalesOrder.Lines {
				has = has || l.Key == shippingLine
			}
			if has == o.Totals.Shipping.IsZero() {
				t.Errorf("%s: a shipping line %v for %s", name, has, o.Totals.Shipping)
			}
		}
	}
}

package mapping

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// goods makes a line at 10 % tax.
func goods(id, sku string, quantity int64, total string, pairs ...string) event.Line {
	amount := money.MustParse(total)
	tax := amount.Times(money.MustParseNumber("0.1")).Round("USD")
	l := event.Line{
		ID: id, SKU: sku, ProductID: "1" + id, Quantity: money.Int(quantity), Subtotal: amount, Total: amount, TotalTax: tax, Taxes: []event.LineTax{{Rate: "1", Total: tax}},
	}
	for i := 0; i < len(pairs); i += 2 {
		l.Meta = append(l.Meta, event.Meta{Key: pairs[i], Value: codec.Raw(`"` + pairs[i+1] + `"`)})
	}
	return l
}

func orderOf(t *testing.T, lines ...event.Line) event.OrderStateV1 {
	t.Helper()
	o := orders(t)["order.created-simple"]
	o.Lines, o.Shipments, o.Fees = lines, nil, nil
	o.Taxes = []event.Tax{{ID: "9", Rate: "1", Code: "US-CA-CA STATE TAX-1", Percent: money.Int(10)}}
	o.Totals = event.Totals{}
	for _, l := range lines {
		o.Taxes[0].Total = o.Taxes[0].Total.Add(l.TotalTax)
		o.Totals.Total = o.Totals.Total.Add(l.Total).Add(l.TotalTax)
	}
	return o
}

// A box of 30.00 with parts, beside a plain line; Product Bundles' marks and WPC's. Parts without a price share by
// quantity, two cups and one spoon: 20.00 and 10.00; parts with prices 6.00 and 3.00 share by these.
func TestBundles(t *testing.T) {
	plain := goods("9", "PLAIN", 1, "5.00")
	for name, c := range map[string]struct {
		lines []event.Line
		want  map[Bundles][]string
	}{
		"priced as one": {
			[]event.Line{goods("1", "BOX", 1, "30.00", metaBundleKey, "abc"), goods("2", "CUP", 2, "0.00", metaBundledBy, "abc"), goods("3", "SPOON", 1, "0.00", metaBundledBy, "abc"), plain},
			map[Bundles][]string{
				BundlesAll:      {"line-1 BOX 1 × 30.00", "line-2 CUP 2 × 0.00", "line-3 SPOON 1 × 0.00", "line-9 PLAIN 1 × 5.00"},
				BundlesParent:   {"line-1 BOX 1 × 30.00", "line-9 PLAIN 1 × 5.00"},
				BundlesChildren: {"line-2 CUP 2 × 20.00", "line-3 SPOON 1 × 10.00", "line-9 PLAIN 1 × 5.00"},
			},
		},
		"priced by part": {
			[]event.Line{goods("1", "BOX", 1, "0.00", "_woosb_ids", "12/2"), goods("2", "CUP", 2, "6.00", metaWPCParentID, "11"), goods("3", "SPOON", 1, "3.00", metaWPCParentID, "11"), plain},
			map[Bundles][]string{
				BundlesAll:      {"line-1 BOX 1 × 0.00", "line-2 CUP 2 × 6.00", "line-3 SPOON 1 × 3.00", "line-9 PLAIN 1 × 5.00"},
				BundlesParent:   {"line-1 BOX 1 × 9.00", "line-9 PLAIN 1 × 5.00"},
				BundlesChildren: {"line-2 CUP 2 × 6.00", "line-3 SPOON 1 × 3.00", "line-9 PLAIN 1 × 5.00"},
			},
		},
		"priced both ways": {
			[]event.Line{goods("1", "BOX", 1, "1.00", metaBundleKey, "abc"), goods("2", "CUP", 2, "6.00", metaBundledBy, "abc"), goods("3", "SPOON", 1, "3.00", metaBundledBy, "abc")},
			map[Bundles][]string{
				BundlesParent:   {"line-1 BOX 1 × 10.00"},
				BundlesChildren: {"line-2 CUP 2 × 6.67", "line-3 SPOON 1 × 3.33"},
			},
		},
		"a box in a box": {
			[]event.Line{goods("1", "CRATE", 1, "9.00", metaBundleKey, "out"), goods("2", "BOX", 1, "0.00", metaBundleKey, "in", metaBundledBy, "out"), goods("3", "CUP", 3, "0.00", metaBundledBy, "in")},
			map[Bundles][]string{
				BundlesParent:   {"line-1 CRATE 1 × 9.00"},
				BundlesChildren: {"line-3 CUP 3 × 9.00"},
			},
		},
		"the same box twice": {
			[]event.Line{goods("1", "BOX", 1, "4.00", "_woosb_ids", "x"), goods("2", "CUP", 1, "0.00", metaWPCParentID, "11"), second(goods("3", "BOX", 1, "6.00", "_woosb_ids", "x")), goods("4", "CUP", 1, "0.00", metaWPCParentID, "11")},
			map[Bundles][]string{
				BundlesParent:   {"line-1 BOX 1 × 4.00", "line-3 BOX 1 × 6.00"},
				BundlesChildren: {"line-2 CUP 1 × 4.00", "line-4 CUP 1 × 6.00"},
			},
		},
		"no bundle of that name": {
			[]event.Line{goods("2", "CUP", 1, "4.00", metaBundledBy, "gone"), goods("3", "CUP", 1, "2.00", metaWPCParentID, "77")},
			map[Bundles][]string{
				BundlesParent:   {"line-2 CUP 1 × 4.00", "line-3 CUP 1 × 2.00"},
				BundlesChildren: {"line-2 CUP 1 × 4.00", "line-3 CUP 1 × 2.00"},
			},
		},
		"a ring": {
			[]event.Line{goods("1", "A", 1, "4.00", metaBundleKey, "a", metaBundledBy, "b"), goods("2", "B", 1, "2.00", metaBundleKey, "b", metaBundledBy, "a")},
			map[Bundles][]string{BundlesParent: {"line-1 A 1 × 4.00", "line-2 B 1 × 2.00"}, BundlesChildren: {"line-1 A 1 × 4.00", "line-2 B 1 × 2.00"}},
		},
	} {
		o := orderOf(t, c.lines...)
		for mode, want := range c.want {
			d := mapWith(t, o, func(d *Document) { d.Items.Bundles = mode })
			if diff := cmp.Diff(want, lines(d)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", name, mode, diff)
			}
			if err := proves(d, shippedCodes); err != nil || !d.Expected.Total.Equal(o.Totals.Total) || !d.Expected.Rounding.IsZero() {
				t.Errorf("%s, %s: total %s, rounding %s, want %s: %v", name, mode, d.Expected.Total, d.Expected.Rounding, o.Totals.Total, err)
			}
		}
	}
}

// second gives a line the product of line 1.
func second(l event.Line) event.Line {
	l.ProductID = "11"
	return l
}

// The box of 30.00 + 3.00 goes back whole: pieces are counted on the lines that are carried over, and the money
// follows them.
func TestRefundOfABundle(t *testing.T) {
	o := orderOf(t, goods("1", "BOX", 1, "30.00", metaBundleKey, "abc"), goods("2", "CUP", 2, "0.00", metaBundledBy, "abc"), goods("3", "SPOON", 1, "0.00", metaBundledBy, "abc"), goods("9", "PLAIN", 1, "5.00"))
	o.Refunds = []event.Refund{refund("80", "-33.00", "", back("1", 1, "30.00", "3.00"), back("2", 2, "0.00", "0.00"), back("3", 1, "0.00", "0.00"))}
	for mode, want := range map[Bundles]struct{ lines, money []string }{
		BundlesAll: {[]string{"line-1 BOX 1 × 0.00 closed", "line-2 CUP 2 × 0.00 closed", "line-3 SPOON 1 × 0.00 closed", "line-9 PLAIN 1 × 5.00"},
			[]string{"wc-cr-main-36-80 33.00 2026-11-24; line-1 1 × 30.00 + 3.00; line-2 2 × 0.00 + 0.00; line-3 1 × 0.00 + 0.00"}},
		BundlesParent: {[]string{"line-1 BOX 1 × 0.00 closed", "line-9 PLAIN 1 × 5.00"}, []string{"wc-cr-main-36-80 33.00 2026-11-24; line-1 1 × 30.00 + 3.00"}},
		BundlesChildren: {[]string{"line-2 CUP 2 × 0.00 closed", "line-3 SPOON 1 × 0.00 closed", "line-9 PLAIN 1 × 5.00"},
			[]string{"wc-cr-main-36-80 33.00 2026-11-24; line-2 2 × 20.00 + 2.00; line-3 1 × 10.00 + 1.00"}},
	} {
		d := mapWith(t, o, func(d *Document) { d.Items.Bundles = mode })
		if diff := cmp.Diff(want.lines, lines(d)); diff != "" {
			t.Errorf("%s: lines (-want +got):\n%s", mode, diff)
		}
		if diff := cmp.Diff(want.money, refunds(d)); diff != "" {
			t.Errorf("%s: refunds (-want +got):\n%s", mode, diff)
		}
		if err := proves(d, shippedCodes); err != nil || d.Expected.Total.String() != "5.50" {
			t.Errorf("%s: total %s, want 5.50: %v", mode, d.Expected.Total, err)
		}
	}
}

// A box whose parts have the prices: what goes back for the parts goes back for the box.
func TestRefundOfABundlePricedByPart(t *testing.T) {
	o := orderOf(t, goods("1", "BOX", 2, "0.00", metaBundleKey, "abc"), goods("2", "CUP", 4, "12.00", metaBundledBy, "abc"), goods("3", "SPOON", 2, "6.00", metaBundledBy, "abc"))
	o.Refunds = []event.Refund{refund("80", "-9.90", "", back("1", 1, "0.00", "0.00"), back("2", 2, "6.00", "0.60"), back("3", 1, "3.00", "0.30"))}
	d := mapWith(t, o, func(d *Document) { d.Items.Bundles = BundlesParent })
	if diff := cmp.Diff([]string{"line-1 BOX 1 × 9.00"}, lines(d)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"wc-cr-main-36-80 9.90 2026-11-24; line-1 1 × 9.00 + 0.90"}, refunds(d)); diff != "" {
		t.Errorf("refunds (-want +got):\n%s", diff)
	}
	if err := proves(d, shippedCodes); err != nil || d.Expected.Total.String() != "9.90" {
		t.Errorf("total %s, want 9.90: %v", d.Expected.Total, err)
	}
}

// Four lines whose tax the shop rounded each by itself may be two cents off their rate's total, as one line too.
func TestABundleIsRoundedAsItsLines(t *testing.T) {
	o := orderOf(t, goods("1", "BOX", 1, "10.04", metaBundleKey, "abc"), goods("2", "CUP", 1, "10.04", metaBundledBy, "abc"), goods("3", "LID", 1, "10.04", metaBundledBy, "abc"), goods("4", "TAG", 1, "10.04", metaBundledBy, "abc"))
	o.Taxes[0].Total = money.MustParse("4.02") // of 40.16; the rows show 1.00 each
	o.Totals.Total = money.MustParse("44.18")
	for _, mode := range []Bundles{BundlesAll, BundlesParent, BundlesChildren} {
		m := variant(t, func(d *Document) { d.Items.Bundles = mode })
		d, err := m.Map(o, Context{})
		if err != nil {
			t.Errorf("%s: %v", mode, err)
			continue
		}
		if err := m.Balance(o, d); err != nil || !d.Expected.Total.Equal(o.Totals.Total) || !d.Expected.Rounding.IsZero() {
			t.Errorf("%s: %+v, %v", mode, d.Expected, err)
		}
	}
}

package mapping

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

var strategies = []event.TaxMode{event.TaxOverride, event.TaxCodes, event.TaxEngine, event.TaxLines}
var policies = []MoneyPolicy{PolicyOrder, PolicyDeposit, PolicyCashSale, PolicyInvoice}

// variant compiles the default document with changes.
func variant(t testing.TB, changes ...func(*Document)) *Mapping {
	t.Helper()
	d, err := Parse(Default)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		change(&d)
	}
	data, err := yaml.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Compile(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func strategy(mode event.TaxMode) func(*Document) {
	return func(d *Document) {
		d.Taxes.Strategy, d.Taxes.Item, d.Taxes.Exempt = mode, "WOO-TAX", "NONE"
		d.Taxes.Combined = map[string]CombinedRate{
			"US-CA-CA STATE TAX-1 + US-CA-SF COUNTY TAX-2": {Code: "CA_SF"}, "CA-QC-GST-1 + CA-QC-QST-2": {Code: "QC", Percent: "15.47375"},
		}
	}
}

func policy(p MoneyPolicy) func(*Document) { return func(d *Document) { d.Payments.Policy = p } }

// Every real order × every strategy × every policy comes to the shop's total in NetSuite. With legacy codes many
// need a line of one or two cents, for one rate of a line is not the sum of its rates' roundings.
func TestEveryCaptureWithEveryStrategyAndPolicy(t *testing.T) {
	all := orders(t)
	for _, mode := range strategies {
		rounded := []string{}
		for _, p := range policies {
			m := variant(t, strategy(mode), policy(p))
			for name, o := range all {
				d, err := m.Map(o, Context{Account: "ns"})
				if err != nil {
					t.Errorf("%s, %s, %s: %v", name, mode, p, err)
					continue
				}
				if len(d.SalesOrder.Lines) == 0 {
					continue // ignored by rule
				}
				if err := proves(d, shippedCodes); err != nil {
					t.Errorf("%s, %s, %s: %v", name, mode, p, err)
				}
				if !d.Expected.Total.Equal(o.Totals.Total) || !d.Expected.ShopTotal.Equal(o.Totals.Total) {
					t.Errorf("%s, %s, %s: expected %s, the shop's total is %s", name, mode, p, d.Expected.Total, o.Totals.Total)
				}
				if p == PolicyOrder && !d.Expected.Rounding.IsZero() {
					rounded = append(rounded, name+" "+d.Expected.Rounding.String())
				}
			}
		}
		// One order has a fee finer than a cent, which only rounding can carry.
		if want := []string{"order.created-custom-line-no-product 0.01"}; mode != event.TaxCodes && !slices.Equal(rounded, want) {
			t.Errorf("%s: rounding lines %v, want %v", mode, rounded, want)
		}
	}
}

// lines lists the lines of a sales order as text.
func lines(d event.DesiredOrderV1) []string {
	var list []string
	for _, l := range d.SalesOrder.Lines {
		text := l.Key + " " + l.Item.Key
		if l.Quantity != nil {
			text += " " + l.Quantity.String() + " ×"
		}
		text += " " + l.Amount.String()
		if l.TaxCode != nil {
			text += " " + l.TaxCode.Key
		}
		if l.Closed {
			text += " closed"
		}
		list = append(list, text)
	}
	return list
}

func mapWith(t *testing.T, o event.OrderStateV1, changes ...func(*Document)) event.DesiredOrderV1 {
	t.Helper()
	m := variant(t, changes...)
	d, err := m.Map(o, Context{Account: "ns", Sequence: 7, Published: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Balance(o, d); err != nil {
		t.Error(err)
	}
	return d
}

// Order 42 by hand: hoodie 49.50 and beanie 12.75 at 7.25 % + 1.25 %, shipping 5.95; 73.99 in all.
// Codes: 49.50 × 8.5 % = 4.2075 → 4.21, 12.75 × 8.5 % = 1.08375 → 1.08, 5.95 × 8.5 % = 0.50575 → 0.51; the shop's
// shipping tax is 0.43 + 0.07 = 0.50, so a line of -0.01 is needed.
func TestStrategiesByHand(t *testing.T) {
	o := orders(t)["order.created-registered"]
	for mode, want := range map[event.TaxMode]struct {
		lines    []string
		net      string
		shipping string
	}{
		event.TaxOverride: {[]string{"line-29 HOOD-GRN-XL 1 × 49.50", "line-30 BEANIE-01 1 × 12.75"}, "68.20", ""},
		event.TaxCodes:    {[]string{"line-29 HOOD-GRN-XL 1 × 49.50 CA_SF", "line-30 BEANIE-01 1 × 12.75 CA_SF", "rounding WOO-ROUNDING 1 × -0.01 NONE"}, "68.19", "CA_SF"},
		event.TaxEngine:   {[]string{"line-29 HOOD-GRN-XL 1 × 49.50", "line-30 BEANIE-01 1 × 12.75"}, "68.20", ""},
		event.TaxLines: {[]string{"line-29 HOOD-GRN-XL 1 × 49.50 NONE", "line-30 BEANIE-01 1 × 12.75 NONE", "tax-1 WOO-TAX 1 × 4.94 NONE",
			"tax-2 WOO-TAX 1 × 0.85 NONE"}, "73.99", "NONE"},
	} {
		d := mapWith(t, o, strategy(mode))
		if diff := cmp.Diff(want.lines, lines(d)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", mode, diff)
		}
		shipping := ""
		if ref := d.SalesOrder.Fields["shippingTaxCode"].Ref; ref != nil {
			shipping = ref.Key
		}
		if d.Expected.Net.String() != want.net || d.Expected.Total.String() != "73.99" || shipping != want.shipping || d.SalesOrder.TaxMode != mode {
			t.Errorf("%s: net %s, total %s, shipping code %q, mode %s; want %s, 73.99, %q", mode, d.Expected.Net, d.Expected.Total, shipping, d.SalesOrder.TaxMode, want.net, want.shipping)
		}
	}
}

// 5 % and then 9.975 % on the price with it: (1.05 × 1.09975 - 1) = 15.47375 %.
func TestCompoundRates(t *testing.T) {
	number := money.MustParseNumber
	got := compounded([]event.Tax{{Percent: number("9.975"), Compound: true}, {Percent: number("5")}})
	if got.String() != "15.47375" {
		t.Errorf("%s, want 15.47375", got)
	}
	if got := compounded([]event.Tax{{Percent: number("7.25")}, {Percent: number("1.25")}}); got.String() != "8.5" {
		t.Errorf("%s, want 8.5", got)
	}
}

// A shop that rounds tax at the subtotal: three lines of 3.33 at 7.25 % are 0.241425 each, shown as 0.24, and
// 0.724275 → 0.72 together; ten such lines are 2.41 and not 2.40. The row of the largest tax takes the cent; no
// rounding line is needed.
func TestTaxRoundedAtSubtotal(t *testing.T) {
	for count, want := range map[int]string{3: "0.72", 10: "2.41"} {
		o := orders(t)["order.created-simple"]
		o.Taxes = []event.Tax{{ID: "1", Rate: "1", Code: "US-CA-CA STATE TAX-1", Percent: money.MustParseNumber("7.25"), Total: money.MustParse(want)}}
		o.Shipments, o.Lines = nil, nil
		total := money.MustParse(want)
		for i := range count {
			amount := money.MustParse("3.33")
			o.Lines = append(o.Lines, event.Line{ID: fmt.Sprint(i + 1), SKU: "TEE-001", Quantity: money.Int(1), Subtotal: amount, Total: amount, Taxes: []event.LineTax{{Rate: "1", Total: money.MustParse("0.24")}}})
			total = total.Add(amount)
		}
		o.Totals.Total, o.Totals.Tax = total, money.MustParse(want)
		d := mapWith(t, o)
		if err := proves(d, shippedCodes); err != nil || !d.Expected.Rounding.IsZero() {
			t.Errorf("%d lines: rounding %s, %v", count, d.Expected.Rounding, err)
		}
		sum := money.Zero
		for _, row := range d.SalesOrder.TaxDetails {
			sum = sum.Add(row.Amount)
		}
		if sum.String() != want {
			t.Errorf("%d lines: tax rows come to %s, want the shop's %s", count, sum, want)
		}
	}
}

// The difference of half a unit a row is rounding; more is not, and is named or parked.
func TestTaxThatIsNoRoundingStays(t *testing.T) {
	o := orders(t)["order.created-simple"]
	o.Taxes = slices.Clone(o.Taxes)
	o.Taxes[0].Total = o.Taxes[0].Total.Add(money.MustParse("0.01"))
	d := mapWith(t, o)
	if !d.Expected.Rounding.IsZero() || len(d.SalesOrder.TaxDetails) == 0 || !d.SalesOrder.TaxDetails[0].Amount.Equal(o.Lines[0].Taxes[0].Total) {
		t.Errorf("rounding %s, rows %+v; one row is not a cent off by rounding", d.Expected.Rounding, d.SalesOrder.TaxDetails)
	}
}

// The header form carries the order's whole discount, and clears an earlier one.
func TestHeaderDiscount(t *testing.T) {
	header := func(d *Document) { d.Discounts.As = DiscountHeader }
	o := orders(t)["order.created-coupon"]
	d := mapWith(t, o, header)
	if err := proves(d, shippedCodes); err != nil {
		t.Error(err)
	}
	rate := d.SalesOrder.Fields["discountRate"].Number
	if rate == nil || rate.String() != "-"+o.Totals.Discount.Decimal().String() || d.SalesOrder.Fields["discountItem"].Ref.Key != "WOO-DISCOUNT" || strings.Contains(strings.Join(lines(d), " "), "discount") {
		t.Errorf("discountRate %v, want -%s; lines %v", rate, o.Totals.Discount, lines(d))
	}
	plain := mapWith(t, orders(t)["order.created-simple"], header)
	if !plain.SalesOrder.Fields["discountItem"].Empty || !plain.SalesOrder.Fields["discountRate"].Empty {
		t.Errorf("an order without discount clears none: %+v", plain.SalesOrder.Fields["discountRate"])
	}
}

// A merchant may raise a line above its price: that is no discount, which NetSuite wants negative.
func TestALineRaisedAboveItsPrice(t *testing.T) {
	o := orders(t)["order.created-simple"]
	o.Lines = slices.Clone(o.Lines)
	o.Lines[0].Total = o.Lines[0].Total.Add(money.MustParse("5.00"))
	o.Totals.Total = o.Totals.Total.Add(money.MustParse("5.00"))
	if diff := cmp.Diff([]string{"line-1 TEE-001 1 × 24.99"}, lines(mapWith(t, o))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

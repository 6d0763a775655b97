package cart

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

func dec(s string) decimal.Decimal { return decimal.RequireFromString(s) }

func rate(id int64, percent, country, state, city, class string) Rate {
	return Rate{ID: id, Percent: dec(percent), Country: country, State: state, City: city, Class: class, OnShipping: id != 3, Compound: id == 9}
}

var rates = []Rate{
	rate(1, "7.25", "US", "CA", "", ""), rate(2, "1.25", "US", "CA", "SAN FRANCISCO", ""),
	rate(3, "8.875", "US", "NY", "", ""), rate(4, "8.25", "US", "TX", "", ""),
	rate(5, "19", "DE", "", "", ""), rate(6, "7", "DE", "", "", "reduced-rate"),
	rate(7, "20", "GB", "", "", ""), rate(8, "5", "CA", "QC", "", ""), rate(9, "9.975", "CA", "QC", "", ""),
	rate(10, "10", "JP", "", "", ""),
}

var coupons = map[string]Coupon{
	"save10":   {Code: "save10", Kind: Percent, Amount: dec("10")},
	"fiveoff":  {Code: "fiveoff", Kind: FixedCart, Amount: dec("5")},
	"tee3":     {Code: "tee3", Kind: FixedProduct, Amount: dec("3"), ProductID: 12},
	"allfree":  {Code: "allfree", Kind: Percent, Amount: dec("100")},
	"shipfree": {Code: "shipfree", Kind: Percent, Amount: dec("0")},
}

// captured is what the test reads of a captured order.
type captured struct {
	DiscountTotal string `json:"discount_total"`
	DiscountTax   string `json:"discount_tax"`
	ShippingTotal string `json:"shipping_total"`
	ShippingTax   string `json:"shipping_tax"`
	CartTax       string `json:"cart_tax"`
	Total         string `json:"total"`
	TotalTax      string `json:"total_tax"`
	Shipping      struct{ Country, State, City string }
	LineItems     []struct {
		ProductID int64 `json:"product_id"`
		Quantity  int64
		SKU       string
		TaxClass  string `json:"tax_class"`
		amounts
	} `json:"line_items"`
	ShippingLines []amounts `json:"shipping_lines"`
	FeeLines      []amounts `json:"fee_lines"`
	TaxLines      []struct {
		RateID   int64  `json:"rate_id"`
		TaxTotal string `json:"tax_total"`
		Shipping string `json:"shipping_tax_total"`
	} `json:"tax_lines"`
	CouponLines []struct {
		Code        string
		Discount    string
		DiscountTax string `json:"discount_tax"`
	} `json:"coupon_lines"`
}

var exported = cmp.Exporter(func(reflect.Type) bool { return true })

type amounts struct {
	Subtotal, Total string
	SubtotalTax     string `json:"subtotal_tax"`
	TotalTax        string `json:"total_tax"`
}

func readCapture(t *testing.T, name string) captured {
	t.Helper()
	body, err := os.ReadFile("../../testdata/captures/order." + name + ".body")
	if err != nil {
		t.Fatal(err)
	}
	var c captured
	if err := json.Unmarshal(body, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// order is the cart behind a captured order, from the prices of the shop.
func (c captured) order() (Order, []Coupon) {
	o := Order{Rates: rates, Place: Place(c.Shipping)}
	for _, l := range c.LineItems {
		subtotal := dec(l.Subtotal)
		if l.SKU == "STICKER-1" { // 0.333 apiece
			subtotal = dec("0.333").Mul(decimal.NewFromInt(l.Quantity))
		}
		o.Lines = append(o.Lines, Line{ProductID: l.ProductID, Quantity: l.Quantity, Subtotal: subtotal, Total: subtotal, Class: l.TaxClass, TaxFree: l.SKU == "GC-50"})
	}
	for _, f := range c.FeeLines {
		o.Fees = append(o.Fees, Fee{Amount: dec(f.Total)})
	}
	for _, s := range c.ShippingLines {
		o.Shipping = append(o.Shipping, dec(s.Total))
	}
	var used []Coupon
	for _, u := range c.CouponLines {
		used = append(used, coupons[u.Code])
	}
	return o, used
}

func TestCapturedCheckoutsComeOutToTheCent(t *testing.T) {
	for _, name := range []string{
		"created-simple", "created-multi", "created-variation", "created-coupon", "created-itemcoupon", "created-freeship",
		"created-registered", "created-bacs", "created-cheque", "created-cod", "created-pickup", "created-virtual",
		"created-download", "created-giftcard", "created-backorder", "created-zero", "created-allfree", "created-nosku",
		"created-rounding", "created-compound", "created-unicode", "created-nasty", "created-fee", "created-eur",
		"created-bigqty", "created-manylines", "updated-line-added",
	} {
		t.Run(name, func(t *testing.T) {
			want := readCapture(t, name)
			o, used := want.order()
			applied := o.Apply(used)
			got := shape(want, o.Sum(), applied)
			if diff := cmp.Diff(want, got, exported, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-captured +computed):\n%s", diff)
			}
		})
	}
}

func TestTaxFreeAmountsIncludeTax(t *testing.T) {
	// 4 × 11.11 with San Francisco's 8.5 % inside, sold to Berlin at 19 %:
	// 44.44/1.085 = 40.9585…, tax 7.7821….
	base := RatesAt(rates, Place{"US", "CA", "San Francisco"}, "")
	net := Net(dec("44.44"), base)
	o := Order{Rates: rates, Place: Place{Country: "DE"}, HalfDown: true, Lines: []Line{{Quantity: 4, Subtotal: net, Total: net}}}
	s := o.Sum()
	if s.Lines[0].Total.String() != "40.96" || s.TotalTax.String() != "7.78" || s.Total.String() != "48.74" {
		t.Errorf("line %s tax %s total %s, want 40.96, 7.78, 48.74", s.Lines[0].Total, s.TotalTax, s.Total)
	}
}

func TestHalfACentGoesTheStoresWay(t *testing.T) {
	// 0.20 at 7.5 % is 0.015 of tax.
	o := Order{Rates: []Rate{{ID: 1, Country: "X", Percent: dec("7.5")}}, Place: Place{Country: "X"}, Lines: []Line{{Quantity: 1, Subtotal: dec("0.2"), Total: dec("0.2")}}}
	up := o.Sum().TotalTax.String()
	o.HalfDown = true
	if down := o.Sum().TotalTax.String(); up != "0.02" || down != "0.01" {
		t.Errorf("half up %s, half down %s; want 0.02 and 0.01", up, down)
	}
}

func TestSumsHoldForAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, used := drawOrder(t)
		before := lineTotal(o)
		applied := o.Apply(used)
		s := o.Sum()
		discount := decimal.Zero
		for _, a := range applied {
			discount = discount.Add(a.Discount)
		}
		if after := lineTotal(o); !before.Sub(after).Equal(discount) {
			t.Fatalf("lines fell by %s, coupons took %s", before.Sub(after), discount)
		}
		checkSums(t, s)
	})
}

func drawOrder(t *rapid.T) (Order, []Coupon) {
	o := Order{Rates: rates, Place: rapid.SampledFrom([]Place{{"US", "CA", "San Francisco"}, {"US", "NY", ""}, {"CA", "QC", ""}, {"DE", "", ""}, {"US", "OR", ""}}).Draw(t, "place")}
	for range rapid.IntRange(1, 6).Draw(t, "lines") {
		price := decimal.New(rapid.Int64Range(0, 2_000_000).Draw(t, "price"), -3)
		quantity := rapid.Int64Range(1, 40).Draw(t, "quantity")
		amount := price.Mul(decimal.NewFromInt(quantity))
		o.Lines = append(o.Lines, Line{ProductID: rapid.Int64Range(11, 13).Draw(t, "product"), Quantity: quantity, Subtotal: amount, Total: amount,
			Class: rapid.SampledFrom([]string{"", "reduced-rate"}).Draw(t, "class"), TaxFree: rapid.Bool().Draw(t, "free")})
	}
	for range rapid.IntRange(0, 2).Draw(t, "fees") {
		o.Fees = append(o.Fees, Fee{Amount: decimal.New(rapid.Int64Range(-500, 900).Draw(t, "fee"), -2)})
	}
	o.Shipping = []decimal.Decimal{decimal.New(rapid.Int64Range(0, 4000).Draw(t, "shipping"), -2)}
	var used []Coupon
	for _, code := range []string{"tee3", "save10", "fiveoff"} {
		if rapid.Bool().Draw(t, code) {
			used = append(used, coupons[code])
		}
	}
	return o, used
}

func lineTotal(o Order) decimal.Decimal {
	sum := decimal.Zero
	for _, l := range o.Lines {
		sum = sum.Add(l.Total)
	}
	return sum
}

// checkSums states the relations that all measured orders obey.
func checkSums(t *rapid.T, s Sums) {
	total, tax, discount, byRate := decimal.Zero, decimal.Zero, decimal.Zero, decimal.Zero
	for _, a := range s.Lines {
		total, tax, discount = total.Add(a.Total), tax.Add(a.TotalTax), discount.Add(a.Subtotal.Sub(a.Total))
		if a.Total.IsNegative() {
			t.Fatalf("a line costs %s", a.Total)
		}
	}
	for _, a := range s.Fees {
		total, tax = total.Add(a.Total), tax.Add(a.TotalTax)
	}
	for _, r := range s.Rates {
		byRate = byRate.Add(r.Total).Add(r.Shipping)
	}
	if !total.Add(s.ShippingTotal).Add(s.TotalTax).Equal(s.Total) || !tax.Equal(s.CartTax) || !discount.Equal(s.DiscountTotal) || !byRate.Equal(s.TotalTax) {
		t.Fatalf("sums disagree: %+v", s)
	}
}

package shopsim

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// placed has a fresh store of this seed place orders.
func placed(t interface{ Fatal(...any) }, c Config, p Placement) (*Server, []*phpjson.Value) {
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Place(p); err != nil {
		t.Fatal(err)
	}
	bodies, err := s.Orders("")
	if err != nil {
		t.Fatal(err)
	}
	var list []*phpjson.Value
	for _, b := range bodies {
		o, err := phpjson.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, o)
	}
	return s, list
}

// Every made-up order obeys what 171 measured orders did: the total is lines
// plus fees plus shipping plus tax, tax lines make the tax, line discounts make
// the discount, and each line's tax is its rates' taxes.
func TestMadeUpOrdersAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Config{Seed: rapid.Int64().Draw(t, "seed"), Stores: []StoreConfig{{Key: "main", PricesIncludeTax: rapid.Bool().Draw(t, "inclusive"),
			Version: rapid.SampledFrom([]string{"11.0.1", "10.4.3", "8.9.3"}).Draw(t, "version")}}}
		s, made := placed(t, c, Placement{Count: 8})
		defer func() { _ = s.Close(t.Context()) }()
		for _, o := range made {
			checkOrderSums(t, o)
		}
	})
}

func sum(rows *phpjson.Value, key string) decimal.Decimal {
	total := decimal.Zero
	for _, r := range rows.Items() {
		total = total.Add(decimal.RequireFromString(r.Get(key).Text()))
	}
	return total
}

func checkOrderSums(t *rapid.T, o *phpjson.Value) {
	amount := func(key string) decimal.Decimal { return decimal.RequireFromString(o.Get(key).Text()) }
	lines, fees, rates := o.Get("line_items"), o.Get("fee_lines"), o.Get("tax_lines")
	for name, pair := range map[string][2]decimal.Decimal{
		"total":     {sum(lines, "total").Add(sum(fees, "total")).Add(amount("shipping_total")).Add(amount("total_tax")), amount("total")},
		"total_tax": {sum(rates, "tax_total").Add(sum(rates, "shipping_tax_total")), amount("total_tax")},
		"cart_tax":  {sum(lines, "total_tax").Add(sum(fees, "total_tax")), amount("cart_tax")},
		"shipping":  {sum(o.Get("shipping_lines"), "total"), amount("shipping_total")},
		"discount":  {sum(lines, "subtotal").Sub(sum(lines, "total")), amount("discount_total")},
	} {
		if !pair[0].Equal(pair[1]) {
			t.Fatalf("%s: parts make %s, the order says %s: %s", name, pair[0], pair[1], o.Bytes())
		}
	}
	coupons := sum(o.Get("coupon_lines"), "discount")
	if diff := coupons.Sub(amount("discount_total")).Abs(); diff.GreaterThan(decimal.New(3, -2)) || len(lines.Items()) == 0 {
		t.Fatalf("%d lines; coupons took %s of %s discount", len(lines.Items()), coupons, amount("discount_total"))
	}
}

// A made-up order has the members of a captured one, in the same order, down to
// the members of its lines.
func TestMadeUpOrdersAreShapedAsCaptured(t *testing.T) {
	for version, capture := range map[string]string{"11.0.1": "order.updated-blockcheckout-arrives-first", "10.4.3": "v10.4.3-order.updated-blockcheckout-arrives-first", "8.9.3": "legacy-8.9.3-order.created-blockcheckout"} {
		body, err := os.ReadFile("testdata/captures/" + capture + ".body")
		if err != nil {
			t.Fatal(err)
		}
		want := mustParse(t, body)
		s, made := placed(t, Config{Seed: 7, Stores: []StoreConfig{{Key: "main", Version: version}}}, Placement{Count: 30, Checkout: Block, Status: "processing"})
		defer stop(t, s)
		for _, part := range []string{"", "billing", "shipping", "line_items", "tax_lines", "shipping_lines", "_links"} {
			for _, o := range made {
				checkShape(t, version+" "+part, first(want, part), first(o, part))
			}
		}
	}
}

// first is a member, or the first element of a member that is a list.
func first(o *phpjson.Value, part string) *phpjson.Value {
	if part == "" {
		return o
	}
	v := o.Get(part)
	if v.Kind() != phpjson.Array {
		return v
	}
	if len(v.Items()) == 0 {
		return nil
	}
	return v.Items()[0]
}

func checkShape(t *testing.T, what string, want, got *phpjson.Value) {
	t.Helper()
	if got == nil {
		return
	}
	keys := func(v *phpjson.Value) []string {
		var list []string
		for _, f := range v.Fields() {
			if f.Key != "customer" { // a link that only registered customers' orders have
				list = append(list, fmt.Sprint(f.Key))
			}
		}
		return list
	}
	if diff := cmp.Diff(keys(want), keys(got)); diff != "" {
		t.Errorf("%s (-captured +made up):\n%s", what, diff)
	}
}

func TestSeedDecides(t *testing.T) {
	at := &clock{at: utc(t, sampleTime)}
	texts := func(seed int64) string {
		s, made := placed(t, Config{Seed: seed, Clock: at.now, Stores: []StoreConfig{{Key: "main", HomeURL: "http://shop.example"}}}, Placement{Count: 5})
		defer stop(t, s)
		return string(phpjson.List(made...).Bytes())
	}
	if once, again := texts(1), texts(1); once != again {
		t.Error("one seed makes two different runs")
	}
	if texts(1) == texts(2) {
		t.Error("two seeds make the same run")
	}
}

// A made-up run has what real days have.
func TestMadeUpOrdersVary(t *testing.T) {
	s, made := placed(t, Config{Seed: 3}, Placement{Count: 200})
	defer stop(t, s)
	seen := map[string]int{}
	for _, o := range made {
		seen["method "+o.Get("payment_method").Text()]++
		seen["status "+o.Get("status").Text()]++
		seen["country "+o.Get("shipping").Get("country").Text()]++
		for _, key := range []string{"coupon_lines", "fee_lines", "shipping_lines"} {
			if len(o.Get(key).Items()) > 0 {
				seen[key]++
			}
		}
		if o.Get("customer_id").Int() != 0 {
			seen["registered"]++
		}
	}
	for _, want := range []string{"method rig_card", "method bacs", "method cod", "status processing", "status on-hold", "country US", "country DE",
		"country JP", "coupon_lines", "fee_lines", "shipping_lines", "registered"} {
		if seen[want] == 0 {
			t.Errorf("no %s among 200 orders: %v", want, seen)
		}
	}
}

// An order leaves stock at checkout and comes back when it is cancelled.
func TestStockFollowsTheOrder(t *testing.T) {
	s := start(t, Config{AllowBasicOverHTTP: true})
	stock := func() int64 { return rest(t, s, "GET", "/products/12", "").json(t).Get("stock_quantity").Int() }
	before := stock()
	a := rest(t, s, "POST", "/orders", `{"set_paid":true,"line_items":[{"product_id":12,"quantity":3}]}`)
	if got := stock(); got != before-3 {
		t.Errorf("stock %d after an order of 3, want %d", got, before-3)
	}
	id := a.json(t).Get("id").Text()
	rest(t, s, "PUT", "/orders/"+id, `{"status":"completed"}`)
	rest(t, s, "PUT", "/orders/"+id, `{"status":"cancelled"}`)
	if got := stock(); got != before {
		t.Errorf("stock %d after the cancellation, want %d", got, before)
	}
}

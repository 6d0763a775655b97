package netsuitesim_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// The sums of this file are worked out by hand; the comments show how.

const (
	tee      = `"item":{"id":"112"}` // base price 20.77
	beanie   = `"item":{"id":"101"}` // base price 13.37
	discount = `"item":{"id":"321"}` // discount item, own rate -1.11
	own      = `"price":{"id":"-1"}`
)

func orderBody(header string, lines ...string) string {
	if header != "" {
		header += ","
	}
	return `{"entity":{"id":"21"},` + header + `"item":{"items":[{` + strings.Join(lines, "},{") + `}]}}`
}

// sums are the computed figures of an order.
type sums struct{ subtotal, discount, tax, total string }

func (a *account) sums(id string) sums {
	o := a.order(id)
	s := func(name string) string {
		n, _ := o[name].(json.Number)
		return n.String()
	}
	return sums{s("subtotal"), s("discountTotal"), s("taxTotal"), s("total")}
}

func TestLineAmounts(t *testing.T) {
	cases := []struct {
		name string
		body string
		want sums
	}{
		{"a given amount stands with price -1: 3 × 33.33 = 100.00", orderBody("", tee+`,"quantity":3,"rate":33.33,"amount":100,`+own), sums{"100", "0", "0", "100"}},
		{"rate × quantity: 3 × 3.335 = 10.005, away from zero", orderBody("", tee+`,"quantity":3,"rate":3.335,`+own), sums{"10.01", "0", "0", "10.01"}},
		{"2500 × 0.333 = 832.50", orderBody("", tee+`,"quantity":2500,"rate":0.333,`+own), sums{"832.5", "0", "0", "832.5"}},
		{"quantity 0.5 × 0.05 = 0.025", orderBody("", tee+`,"quantity":0.5,"rate":0.05,`+own), sums{"0.03", "0", "0", "0.03"}},
		{"a negative fee: 1 × -0.125", orderBody("", tee+`,"quantity":1,"rate":-0.125,`+own), sums{"-0.13", "0", "0", "-0.13"}},
		{"zero stays zero", orderBody("", tee+`,"quantity":4,"rate":0,`+own), sums{"0", "0", "0", "0"}},
		{"without price -1 the base price counts: 2 × 20.77", orderBody("", tee+`,"quantity":2,"rate":5,"amount":10`), sums{"41.54", "0", "0", "41.54"}},
		{"price level Wholesale: 3 × 20.77 × 0.9 = 56.079", orderBody("", tee+`,"quantity":3,"price":{"id":"2"},"rate":1`), sums{"56.08", "0", "0", "56.08"}},
		{"quantity defaults to 1", orderBody("", tee), sums{"20.77", "0", "0", "20.77"}},
		{"fine amounts are rounded", orderBody("", tee+`,"amount":1.005,`+own), sums{"1.01", "0", "0", "1.01"}},
		{
			"a discount line has no quantity: 20 - 2.50",
			orderBody("", tee+`,"quantity":2,"rate":10,`+own, discount+`,"quantity":2,"amount":-2.5,`+own), sums{"17.5", "0", "0", "17.5"},
		},
		{"a discount by rate", orderBody("", tee+`,"amount":20,`+own, discount+`,"rate":-2.5`), sums{"17.5", "0", "0", "17.5"}},
		{"a discount's own rate: 20 - 1.11", orderBody("", tee+`,"amount":20,`+own, discount), sums{"18.89", "0", "0", "18.89"}},
		{"yen have no decimals: 3 × 33.5 = 100.5", orderBody(`"currency":{"id":"3"}`, tee+`,"quantity":3,"rate":33.5,`+own), sums{"101", "0", "0", "101"}},
		{
			"header: 100 - 10 + 7.95 + 2 - 25",
			orderBody(`"discountItem":{"id":"321"},"discountRate":-10,"shippingCost":7.95,"handlingCost":2,
				"giftCertRedemption":{"items":[{"authCode":{"id":"1"},"authCodeApplied":25}]}`, tee+`,"amount":100,`+own),
			sums{"100", "-10", "0", "74.95"},
		},
		{
			"totals in the body are ignored",
			orderBody(`"subtotal":1,"total":2,"taxTotal":3,"discountTotal":4`, tee+`,"amount":100,`+own), sums{"100", "0", "0", "100"},
		},
	}
	a := open(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			id := a.must("POST", "record/v1/salesOrder", c.body, "X-NetSuite-PropertyNameValidation", "Error")
			if got := a.sums(id); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestRefusedAmounts(t *testing.T) {
	strict := func(c *netsuitesim.Config) { c.Switches.RefuseFineAmounts = true }
	cases := []struct {
		name, body, want string
		settings         []func(*netsuitesim.Config)
	}{
		{"no price at all", orderBody("", tee+`,`+own), "Please enter value(s) for: Amount.", nil},
		{"a discount that adds", orderBody("", tee, discount+`,"amount":2`), "must be negative", nil},
		{"a discount above all lines", orderBody("", discount+`,"amount":-2`), "cannot be the first line", nil},
		{"header discount without its item", orderBody(`"discountRate":-2`, tee), "Please enter value(s) for: Discount Item.", nil},
		{"a fine amount", orderBody("", tee+`,"amount":1.005,`+own), "Invalid Field Value 1.005 for the following field: amount", []func(*netsuitesim.Config){strict}},
		{"half a yen", orderBody(`"currency":{"id":"3"},"shippingCost":0.5`, tee), "Invalid Field Value 0.5 for the following field: shippingCost", []func(*netsuitesim.Config){strict}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := open(t, c.settings...)
			if _, detail := a.refused(400, "POST", "record/v1/salesOrder", c.body); !strings.Contains(detail, c.want) {
				t.Errorf("detail %q, want %q", detail, c.want)
			}
		})
	}
}

// detail is a tax detail row; code 11 is CA_STATE, 12 CA_SF_COUNTY, both of the type 1.
func detail(reference, code, basis, rate, amount string) string {
	return `{"taxDetailsReference":` + reference + `,"taxType":"1","taxCode":{"id":"` + code + `"},"taxBasis":` + basis + `,"taxRate":` + rate + `,"taxAmount":` + amount + `}`
}

func overridden(rows ...string) string {
	return `"taxDetailsOverride":true,"shippingCost":10,"taxDetails":{"items":[` + strings.Join(rows, ",") + `]}`
}

func TestTaxOverride(t *testing.T) {
	line := tee + `,"amount":100,` + own + `,"taxDetailsReference":"l1"`
	cases := []struct {
		name, header string
		want         sums
		refusal      string
	}{
		{"two rows of one reference and shipping: 7.25 + 1.25 + 0.73",
			overridden(detail(`"l1"`, "11", "100", "7.25", "7.25"), detail(`"l1"`, "12", "100", "1.25", "1.25"), detail(`"SHIPPING"`, "11", "10", "7.25", "0.73")),
			sums{"100", "0", "9.23", "119.23"}, ""},
		{"the reference as an object, the type as a reference",
			overridden(strings.Replace(detail(`{"id":"l1"}`, "11", "100", "7.25", "7.25"), `"taxType":"1"`, `"taxType":{"id":"1"}`, 1)),
			sums{"100", "0", "7.25", "117.25"}, ""},
		{"the type by name", overridden(strings.Replace(detail(`"l1"`, "11", "100", "7.25", "7.25"), `"taxType":"1"`, `"taxType":"US Sales Tax"`, 1)),
			sums{"100", "0", "7.25", "117.25"}, ""},
		{"the given amount stands", overridden(detail(`"l1"`, "11", "100", "7.25", "7.24")), sums{"100", "0", "7.24", "117.24"}, ""},
		{"an amount left out follows: 99.99 × 7.25 % = 7.249275", overridden(strings.Replace(detail(`"l1"`, "11", "99.99", "7.25", "null"), `,"taxAmount":null`, "", 1)),
			sums{"100", "0", "7.25", "117.25"}, ""},
		{"no rows, no tax", `"taxDetailsOverride":true,"shippingCost":10`, sums{"100", "0", "0", "110"}, ""},
		{"unknown reference", overridden(detail(`"l2"`, "11", "100", "7.25", "7.25")), sums{}, "Invalid Field Value l2 for the following field: taxDetailsReference"},
		{"unknown code", overridden(detail(`"l1"`, "99", "100", "7.25", "7.25")), sums{}, "Invalid Field Value 99 for the following field: taxCode"},
		{"inactive code", overridden(detail(`"l1"`, "21", "100", "7.5", "7.5")), sums{}, "Invalid Field Value 21 for the following field: taxCode"},
		{"a code of another type", overridden(detail(`"l1"`, "17", "100", "19", "19")), sums{}, "Invalid Field Value 17 for the following field: taxCode"},
		{"no type", overridden(strings.Replace(detail(`"l1"`, "11", "100", "7.25", "7.25"), `"taxType":"1",`, "", 1)), sums{}, "Please enter value(s) for: Tax Type."},
		{"no basis", overridden(strings.Replace(detail(`"l1"`, "11", "100", "7.25", "7.25"), `"taxBasis":100,`, "", 1)), sums{}, "Tax Basis"},
	}
	a := open(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.refusal != "" {
				if _, text := a.refused(400, "POST", "record/v1/salesOrder", orderBody(c.header, line)); !strings.Contains(text, c.refusal) {
					t.Errorf("detail %q, want %q", text, c.refusal)
				}
				return
			}
			if got := a.sums(a.must("POST", "record/v1/salesOrder", orderBody(c.header, line))); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestTaxOverrideSwitches(t *testing.T) {
	line := tee + `,"amount":100,` + own + `,"taxDetailsReference":"l1"`
	shipping := orderBody(overridden(detail(`"SHIPPING"`, "11", "10", "7.25", "0.73")), line)
	a := open(t, func(c *netsuitesim.Config) { c.Switches.NoShippingReference = true })
	if _, text := a.refused(400, "POST", "record/v1/salesOrder", shipping); !strings.Contains(text, "SHIPPING") {
		t.Error(text)
	}
	b := open(t, func(c *netsuitesim.Config) { c.Switches.TaxRateFraction = true })
	if _, text := b.refused(400, "POST", "record/v1/salesOrder", shipping); !strings.Contains(text, "taxRate") {
		t.Errorf("7.25 where 0.0725 is meant: %s", text)
	}
	row := strings.Replace(detail(`"l1"`, "11", "100", "0.0725", "null"), `,"taxAmount":null`, "", 1)
	if got := b.sums(b.must("POST", "record/v1/salesOrder", orderBody(overridden(row), line))); got.tax != "7.25" {
		t.Errorf("0.0725 of 100: tax %s", got.tax)
	}
}

func TestTaxDetailsOfUpdates(t *testing.T) {
	body := orderBody(overridden(detail(`"l1"`, "11", "100", "7.25", "7.25")), tee+`,"amount":100,`+own+`,"taxDetailsReference":"l1"`)
	other := strings.ReplaceAll(body, `"l1"`, `"l2"`)
	a := open(t)
	for _, path := range []string{"record/v1/salesOrder/eid:x?replace=item", "record/v1/salesOrder/eid:x?replace=item,taxDetails"} {
		for _, sent := range []string{body, body, other} {
			id := a.must("PUT", path, sent)
			if got := a.sums(id); got.tax != "7.25" {
				t.Errorf("%s: tax %s after an update, want 7.25", path, got.tax)
			}
		}
	}
	b := open(t, func(c *netsuitesim.Config) { c.Switches.AppendTaxDetails = true })
	b.must("PUT", "record/v1/salesOrder/eid:x?replace=item", body)
	if got := b.sums(b.must("PUT", "record/v1/salesOrder/eid:x?replace=item", body)); got.tax != "14.5" {
		t.Errorf("appended rows: tax %s, want 14.5", got.tax)
	}
	if got := b.sums(b.must("PUT", "record/v1/salesOrder/eid:x?replace=item,taxDetails", body)); got.tax != "7.25" {
		t.Errorf("replaced rows: tax %s, want 7.25", got.tax)
	}
}

func TestTaxEngineAndLegacyModes(t *testing.T) {
	mode := func(m netsuitesim.TaxMode) func(*netsuitesim.Config) {
		return func(c *netsuitesim.Config) { c.Switches.Tax = m }
	}
	to := func(country, state, city string) string {
		return `"shippingAddress":{"country":{"id":"` + country + `"},"state":"` + state + `","city":"` + city + `"},"shippingCost":10`
	}
	two := []string{tee + `,"amount":33.33,` + own, discount + `,"amount":-3.33`, beanie + `,"amount":66.67,` + own}
	cases := []struct {
		name string
		mode netsuitesim.TaxMode
		body string
		tax  string
	}{
		// (33.33-3.33)×7.25 % = 2.175 → 2.18; 66.67×7.25 % = 4.833575 → 4.83; 10×7.25 % = 0.725 → 0.73
		{"engine, California", netsuitesim.TaxEngine, orderBody(to("US", "CA", "Fresno"), two...), "7.74"},
		// besides: 30×1.25 % = 0.375 → 0.38; 66.67×1.25 % = 0.833375 → 0.83; the county does not tax shipping
		{"engine, San Francisco", netsuitesim.TaxEngine, orderBody(to("US", "CA", "san francisco"), two...), "8.95"},
		{"engine, nowhere", netsuitesim.TaxEngine, orderBody(to("US", "OR", ""), two...), "0"},
		// GST 5 % of 100 = 5; QST 9.975 % of 105 = 10.473750 → 10.47; shipping 0.5 and 9.975 % of 10.5 = 1.047375 → 1.05
		{"engine, compound", netsuitesim.TaxEngine, orderBody(to("CA", "QC", ""), tee+`,"amount":100,`+own), "17.02"},
		{"engine, exempt line", netsuitesim.TaxEngine, orderBody(to("US", "CA", ""), tee+`,"amount":100,"isTaxable":false,`+own), "0.73"},
		{"override without the flag computes", netsuitesim.TaxOverride, orderBody(to("US", "CA", "Fresno"), two...), "7.74"},
		// 33.33×8.875 % = 2.9580375 → 2.96; 66.67×8.25 % = 5.500275 → 5.5; shipping 10×7.25 % = 0.725 → 0.73
		{"legacy codes per line", netsuitesim.TaxLegacyLine, orderBody(`"shippingCost":10,"shippingTaxCode":{"id":"11"}`,
			tee+`,"amount":33.33,"taxCode":{"id":"13"},`+own, beanie+`,"amount":66.67,"taxCode":{"id":"14"},`+own), "9.19"},
		{"legacy line without code", netsuitesim.TaxLegacyLine, orderBody(`"shippingCost":10`, tee+`,"amount":33.33,`+own), "0"},
		// (33.33+66.67)×8.875 % = 8.875 → 8.88, once
		{"legacy header", netsuitesim.TaxLegacyHeader, orderBody(`"shippingCost":10,"taxItem":{"id":"13"}`,
			tee+`,"amount":33.33,`+own, beanie+`,"amount":66.67,`+own), "8.88"},
		// (100-10+10)×5.5 % = 5.5
		{"legacy header with its own rate", netsuitesim.TaxLegacyHeader, orderBody(`"shippingCost":10,"taxRate":5.5,"shippingTaxCode":{"id":"13"},
			"discountItem":{"id":"321"},"discountRate":-10`, tee+`,"amount":100,`+own), "5.5"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := open(t, mode(c.mode))
			if got := a.sums(a.must("POST", "record/v1/salesOrder", c.body)); got.tax != c.tax {
				t.Errorf("tax %s, want %s", got.tax, c.tax)
			}
		})
	}
	a := open(t, mode(netsuitesim.TaxLegacyLine))
	body := orderBody(`"taxDetailsOverride":true`, tee)
	a.refused(400, "POST", "record/v1/salesOrder", body, "X-NetSuite-PropertyNameValidation", "Error")
}

func TestStoredAmountsFollowChanges(t *testing.T) {
	a := open(t)
	id := a.must("POST", "record/v1/salesOrder", orderBody("", tee+`,"quantity":3,"rate":33.33,"amount":100,`+own))
	a.must("PATCH", "record/v1/salesOrder/"+id, `{"memo":"x"}`)
	if got := a.sums(id); got.total != "100" {
		t.Errorf("an unrelated change: total %s, want 100", got.total)
	}
	a.must("PATCH", "record/v1/salesOrder/"+id, `{"item":{"items":[{"line":1,"quantity":4}]}}`)
	if got := a.sums(id); got.total != "133.32" { // 4 × 33.33
		t.Errorf("a new quantity: total %s, want 133.32", got.total)
	}
}

func TestLargeNumbersStayExact(t *testing.T) {
	a := open(t)
	id := a.must("POST", "record/v1/salesOrder", orderBody("", tee+`,"quantity":1,"amount":9007199254740993.01,`+own))
	if diff := cmp.Diff("9007199254740993.01", a.sums(id).total); diff != "" {
		t.Errorf("a float crept in: %s", diff)
	}
}

package netsuitesim_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// cents writes hundredths as a decimal.
func cents(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}

// TestTotalsAgreeWithWholeCents compares orders with sums done in integers.
func TestTotalsAgreeWithWholeCents(t *testing.T) {
	a := open(t)
	rapid.Check(t, func(rt *rapid.T) {
		var parts, rows []string
		var subtotal, tax int64
		for i := range rapid.IntRange(1, 6).Draw(rt, "lines") {
			quantity := rapid.Int64Range(1, 50).Draw(rt, "quantity")
			rate := rapid.Int64Range(0, 100000).Draw(rt, "rate")
			subtotal += quantity * rate
			parts = append(parts, fmt.Sprintf(`%s,"quantity":%d,"rate":%s,%s,"taxDetailsReference":"l%d"`, tee, quantity, cents(rate), own, i))
			if off := rapid.Int64Range(0, quantity*rate).Draw(rt, "discount"); off > 0 {
				subtotal -= off
				parts = append(parts, discount+`,"amount":`+cents(-off)+`,`+own)
			}
			row := rapid.Int64Range(0, 5000).Draw(rt, "tax")
			tax += row
			rows = append(rows, detail(fmt.Sprintf(`"l%d"`, i), "11", "1", "7.25", cents(row)))
		}
		const shipping = 1000 // what overridden adds
		id := a.must("POST", "record/v1/salesOrder", orderBody(overridden(rows...), parts...))
		got := a.sums(id)
		for name, pair := range map[string][2]string{
			"subtotal": {got.subtotal, cents(subtotal)}, "tax": {got.tax, cents(tax)}, "total": {got.total, cents(subtotal + tax + shipping)},
		} {
			if !dec(t, pair[0]).Equal(dec(t, pair[1])) {
				rt.Errorf("%s %s, want %s", name, pair[0], pair[1])
			}
		}
	})
}

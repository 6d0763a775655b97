package mapping

import (
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/fault"
)

// hostile are expressions that would run or grow without end: refused when the document is compiled, or ended in the
// run; the error says what is wanted.
var hostile = map[string]string{
	`len(1..1000000000) > 0`:                                     "memory budget",
	`len(map(1..90000, 1..90000)) > 0`:                           "want map to make texts",
	`all(1..10000, all(1..10000, # > 0))`:                        "memory budget",
	`all(order.lines, all(order.lines, all(order.lines, true)))`: "want loops at most 2 deep",
	`reduce(1..60, #acc + #acc, "xxxxxxxxxxxxxxxx") == ""`:       "at most 65536 bytes",
	`let a = order.number + "0123456789"; let b = a+a+a+a+a+a+a+a; let c = b+b+b+b+b+b+b+b; let d = c+c+c+c+c+c+c+c; let e = d+d+d+d+d+d+d+d; let f = e+e+e+e+e+e+e+e; f == ""`: "at most 65536 bytes",
	`repeat("x", 1000000) == ""`:                                "repeat",
	`join(map(1..9000, order.number + "0123456789"), "") == ""`: "at most 65536 bytes",
	`replace(replace(replace("aaaaaaaaaaaaaaaaaaaa", "a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "a", "aaaaaaaaaaaaaaa") == ""`: "at most 65536 bytes",
	`let a = [order.lines, order.lines]; len(a) > 0`:               "not of lists",
	`string(order.lines) == ""`:                                    "want a text, a number",
	`order.total.Decimal().Shift(100000000).String() == ""`:        "there is no Decimal()",
	`order.number matches order.customer_note`:                     "written out",
	`order.number matches "` + strings.Repeat("a?", 200) + `"`:     "at most 300 bytes",
	strings.Repeat("(", 3000) + "true" + strings.Repeat(")", 3000): "at most 4000 bytes",
	strings.Repeat("!", 600) + "true":                              "maximum allowed nodes",
	`date("2026-01-01", "2006-01-02", "Europe/Berlin") < now`:      "without a time zone",
	`timezone("Europe/Berlin") != nil`:                             "timezone",
	`1 % 0 == 1`:                                                   "divide by zero",
	`order.lines[999].sku == ""`:                                   "out of range",
}

func TestHostileExpressions(t *testing.T) {
	o := orders(t)["order.created-250-lines"]
	for source, want := range hostile {
		began := time.Now()
		fits, err := Where(source)
		code := fault.MappingInvalid
		if err == nil {
			_, err = fits(o)
			code = fault.MappingFailed
		}
		if fault.CodeOf(err) != code || !strings.Contains(err.Error(), want) {
			t.Errorf("%.120s: %v, want %s saying %s", source, err, code, want)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%.120s took %v", source, took)
		}
	}
}

// What mappings do stays allowed.
func TestHarmlessExpressions(t *testing.T) {
	o := orders(t)["order.created-coupon"]
	for _, source := range []string{
		`any(order.lines, any(order.coupons, # != "" && true))`, `reduce(order.lines, #acc + .total, order.tax) > 0`, `string(order.total) + "x" != ""`,
		`join(map(order.lines, .sku), ",") startsWith "TEE"`, `now.Year() >= 2026 && now.Format("2006") != ""`, `order.number matches "^\\d+$"`,
		`replace(order.number, "3", "x") != order.number`, `join(order.coupons) != ""`, `order.meta["nothing"] == ""`, `{"US": "x"}[order.shipping.country] == "x"`,
		`reduce(1..4, #acc + #, 0) == 10`, `string(now.Month()) != ""`, `date(order.date) <= now`, `len(filter(order.lines, .quantity > 0)) == 2`,
	} {
		fits, err := Where(source)
		if err != nil {
			t.Error(err)
			continue
		}
		if holds, err := fits(o); err != nil || !holds {
			t.Errorf("%s: %v, %v", source, holds, err)
		}
	}
}

func FuzzExpression(f *testing.F) {
	for source := range hostile {
		f.Add(source)
	}
	for _, e := range compiled(f).expressions {
		f.Add(e.source)
	}
	f.Add(`sum(order.lines, .total) * 1.5 - order.tax > "3.00"`)
	o := orders(f)["order.created-multi"]
	f.Fuzz(func(t *testing.T, source string) {
		program, err := compile(source)
		if err != nil {
			return
		}
		e := &expression{path: "x", source: source, program: program}
		began := time.Now()
		first, err1 := scopeOf(o).run(e)
		second, err2 := scopeOf(o).run(e)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		if (err1 == nil) != (err2 == nil) || err1 == nil && shown(first) != shown(second) { // Invariant 6
			t.Errorf("%v, %v, then %v, %v", shown(first), err1, shown(second), err2)
		}
	})
}

// brief is a small document that maps.
const brief = `mapping: m
version: 1
rounding: {item: R}
items: {fallback: F, fee: F, discount: D}
taxes: {strategy: lines, item: T}
shipping: {methods: {"*": X}}
statuses: [{name: a, when: 'true', absent: wait, open: keep, fulfilled: keep, order_status: A}]
`

func FuzzDocument(f *testing.F) {
	f.Add([]byte(brief))
	f.Add([]byte(brief + lively))
	f.Add([]byte("mapping: a\nversion: 1\nitems: &x {fallback: F, fee: F, discount: D, skus: {a: *x}}\n"))
	f.Add([]byte("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nclasses: [*c,*c]\n"))
	f.Add([]byte("stores: {a: {stores: {b: {}}}, c: 1}\n"))
	f.Add([]byte("classes: {<<: {a: b}}\n"))
	o := orders(f)["order.created-multi"]
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Compile(data)
		if err != nil {
			if fault.CodeOf(err) != fault.MappingInvalid {
				t.Errorf("refused as %s: %v", fault.CodeOf(err), err)
			}
			return
		}
		if _, err := Findings(data); err != nil {
			t.Error(err)
		}
		d, err := m.Map(o, Context{})
		if err == nil && m.of(o.Store).taxMode() != "codes" {
			if err := Balance(o, d); err != nil {
				t.Error(err)
			}
		}
	})
}

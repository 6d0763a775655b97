package mapping

import (
	"fmt"
	"runtime"
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

	long + `all(1..5000, !(t matches "(a|b|ab)*(c|d)(x+x+)+y"))`:                        "want less work",
	long + `len(map(1..4000, upper(t))) > 0`:                                            "want less work",
	`let r = 1..40000; all(r, all(r, # > 0))`:                                           "want less work",
	`let r = 1..40000; all(r, !(-1 in r))`:                                              "want less work",
	long + `any(1..5000, any(1..15, t + "a" == t))`:                                     "want less work",
	`order.number matches "` + strings.Repeat("a{0,99}", 10) + `"`:                      "want a simpler regular expression",
	`len(split(join(map(1..20000, "a,")), ",")) > 0`:                                    "at most 10000 parts",
	long + `len(trim(t, "é" + t)) > 0`:                                                  "at most 100 bytes",
	`now.Local().Hour() > 24`:                                                           "there is no Local()",
	long + `len(t) == 0` + strings.Repeat(` || t matches "((a|b|ab)?){40}x"`, 40):       "want less work",
	long + `len(t) == 0` + strings.Repeat(` || lower(t) matches "(a{0,99}){2}[b]"`, 40): "want less work",
	`order.number == ""` + strings.Repeat(` || "`+strings.Repeat("a", 80)+`" matches "(a{0,99}){2}[b]"`, 30) + ` || any(1..500, "` + strings.Repeat("a", 80) + `" matches "(a{0,99}){2}[b]")`: "want less work",
	long + `len(` + strings.Repeat("lower(upper(", 110) + "t" + strings.Repeat("))", 110) + `) == 0`:                                                                                          "want less work",
	long + `any(1..5000, last([t]) + "b" == "")`:                                    "want less work",
	`any(1..5000, lower("` + strings.Repeat("A", 3500) + `") == "")`:                "want less work",
	`{"a": now}["a"].Local().Hour() > 24`:                                           "want a function of the language",
	`{"a": order.total}["a"].Decimal().Shift(100000000).String() == ""`:             "want a function of the language",
	`date("Mon, 02 Jan 2006 15:04:05 CET").Unix() > 0`:                              "want a date such as",
	`date("02 Jan 06 15:04 CET", "02 Jan 06 15:04 MST").Unix() > 0`:                 "without a zone's name",
	`$env["order"] == nil`:                                                          "want the names of the language",
	`fromJSON("{}") == nil`:                                                         "there is no fromJSON",
	`len(groupBy(order.lines, .sku)) > 0`:                                           "there is no groupBy",
	`bitand(1, 2) > 0`:                                                              "there is no bitand",
	`2 ** 2 > 1`:                                                                    "that are exact",
	`order.total > number(order.number + "1" + join(map(1..20000, "0")) + "e9999")`: "more than 30 digits",
}

// long makes a text of 30 KB.
const long = `let t = replace(replace("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","a","aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),"a","aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"); `

func TestHostileExpressions(t *testing.T) {
	o := orders(t)["order.created-250-lines"]
	for source, want := range hostile {
		began := time.Now()
		fits, err := where(source)
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

// Rules that look at every line end, too: in the machine, as plain functions and as patterns of items.
func TestRulesOfLinesEnd(t *testing.T) {
	o := orders(t)["order.created-250-lines"]
	o.CustomerNote = strings.Repeat("a", 30_000)
	for i := range o.Lines {
		o.Lines[i].SKU += strings.Repeat("a", 100)
	}
	route := func(when string) string { return "routing: {lines: [{name: r, location: X, when: '" + when + "'}]}" }
	var columns []string
	for i := range 12 {
		columns = append(columns, fmt.Sprintf("custcol_%d: order.customer_note", i))
	}
	for name, rules := range map[string]string{
		"machine":  route(long + `len(t) == 0 || t matches "(a{0,99}){2}[b]"`),
		"function": route(`order.customer_note matches "(a{0,99}){2}[b]"`),
		"contains": route(`order.customer_note contains "b"` + strings.Repeat(` || order.customer_note contains "c"`, 30)),
		"texts":    "routing: {lines: [{name: r, fields: {" + strings.Join(columns, ", ") + "}}]}",
		"items":    "items: {fallback: F, fee: F, discount: D, rules: [{name: i, item: X, matches: '(a{0,99}){2}[b]'}]}",
	} {
		document := brief
		if strings.HasPrefix(rules, "items:") {
			document = strings.Replace(brief, "items: {fallback: F, fee: F, discount: D}\n", "", 1)
		}
		m, err := Compile([]byte(document + rules + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = m.Map(o, Context{})
		if fault.CodeOf(err) != fault.MappingFailed || !strings.Contains(err.Error(), "want less work") {
			t.Errorf("%s: %v, want %s", name, err, fault.MappingFailed)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

// What an expression may do is counted, so it ends after the same work on every machine, and it holds little.
func TestWorkIsBounded(t *testing.T) {
	o := orders(t)["order.created-250-lines"]
	for _, source := range []string{
		long + `len(map(1..4000, upper(t))) > 0`, long + `len(map(1..4000, t + "a")) > 0`, long + `len(map(1..4000, replace(t, "a", "b"))) > 0`,
		`len(uniq(1..90000)) > 0`, `sort(1..90000)[0] == 1`, `let r = sort(map(1..40000, string(#))); len(uniq(r)) == len(r)`,
	} {
		fits, err := where(source)
		if err != nil {
			t.Error(err)
			continue
		}
		if made := allocated(func() { _, _ = fits(o) }); made > 64<<20 {
			t.Errorf("…%s makes %d MB", source[max(0, len(source)-60):], made>>20)
		}
	}
}

// allocated counts the bytes that a call allocates, freed ones too.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What mappings do stays allowed.
func TestHarmlessExpressions(t *testing.T) {
	o := orders(t)["order.created-coupon"]
	for _, source := range []string{
		`any(order.lines, any(order.coupons, # != "" && true))`, `reduce(order.lines, #acc + .total, order.tax) > 0`, `string(order.total) + "x" != ""`,
		`join(map(order.lines, .sku), ",") startsWith "TEE"`, `now.Year() >= 2026 && now.Format("2006") != ""`, `order.number matches "^\\d+$"`,
		`replace(order.number, "3", "x") != order.number`, `join(order.coupons) != ""`, `order.meta["nothing"] == ""`, `{"US": "x"}[order.shipping.country] == "x"`,
		`len(uniq(map(order.lines, .sku))) == 2`, `uniq([order.total, order.total])[0] == order.total`, `sort(map(order.lines, .total))[0] <= order.total`,
		`date("2026-01-02T03:04:05+02:00").Unix() > 0`, `date("02.01.2026", "02.01.2006").Day() == 2`, `now - date(order.date) > duration("0s")`,
		`trim("xax", "x") == "a"`, `split("a,b", ",")[1] == "b"`, `len(split("a,b,c", ",", 2)) == 2`, `number("12.50") == 12.5`,
		`any(order.lines, .sku in ["TEE-001", map(order.lines, .sku)[0]])`, `(order.meta["nothing"] ?? "") == ""`, `order.lines | map(.sku) | join(",") | len() > 0`,
		`reduce(1..4, #acc + #, 0) == 10`, `string(now.Month()) != ""`, `date(order.date) <= now`, `len(filter(order.lines, .quantity > 0)) == 2`,
	} {
		fits, err := where(source)
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
			if err := m.Balance(o, d); err != nil {
				t.Error(err)
			}
		}
	})
}

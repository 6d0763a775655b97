package mapping

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/expr-lang/expr"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// condition makes a condition of what runs without the machine.
func (d *dice) condition(depth int) string {
	text := func() string {
		return pick(d, []string{"order.status", "order.shipping.country", "order.billing.company", "line.sku", "order.customer.email", `order.meta["_key_9"]`, "store.key", "order.payment.method", `"US"`, `""`, "first(order.billing.company, line.name)", "lower(order.shipping.country)", "upper(trim(line.sku))", `trim(lower(first(order.customer_note, " X ")))`})
	}
	if depth > 0 && d.roll(2) == 0 {
		return pick(d, []string{"!(%s) && %s", "(%s) || %s", "%s && (%s)", "not (%s or %s)"})
	}
	return fmt.Sprintf(pick(d, []string{"%s == %s", "%s != %s", "%s startsWith %s", "%s endsWith %s", "%s contains %s", `%s in ["US", "DE", ""] || "x" == %s`, `%s in classes || %s == ""`, `%s matches "^[A-Z]+$" && %s != "x"`, "order.paid || %s < %s", `order.total >= 10 && line.total < 5.5 && %s == %s`, "order.tax == order.discount && %s == %s",
		`any(order.lines, .sku startsWith "T" && .quantity >= 2) && %s == %s`, `all(order.lines, .name == .sku || .total > -5 || .meta["_key_1"] == "value") || %s == %s`,
		`none(order.lines, first(.variation_id, .sku) in ["", "X-1"]) && %s != %s`, `any(order.lines, lower(.sku) == "tee-001" || .tax_class in ["", "x"]) && %s == %s`, `any(order.lines, lower(.sku) startsWith "te" || upper(trim(.name)) contains "MUG") && %s != %s`, `line.quantity > 1.5 || %s == %s`, `upper(order.customer.email) == order.customer.email || %s != %s`, `trim(order.customer.email) == order.customer.email && %s != %s`,
		`any(order.lines, .sku matches "^TEE-[0-9]+$" && .quantity >= 1) && %s != %s`, `none(order.lines, lower(.name) matches "(mug|tee).*\\s") || %s == %s`, `all(order.lines, !(.sku matches "(?i)^t") || .name matches "") && %s != %s`, `%s matches "[0-9]{2}|^$" || %s == ""`, `lower(%s) matches "(?s)^x.y$" || %s != ""`}), text(), text())
}

func (d *dice) conditions(depth int) string {
	source := d.condition(depth)
	for range 3 {
		if !containsVerb(source) {
			return source
		}
		source = fmt.Sprintf(source, d.condition(0), d.condition(0))
	}
	return source
}

func containsVerb(source string) bool {
	for i := range len(source) - 1 {
		if source[i:i+2] == "%s" {
			return true
		}
	}
	return false
}

// What runs without the machine gives what the machine gives.
func TestDirectIsTheMachine(t *testing.T) {
	m := extended(t, manyRules())
	var all []*expression
	all = append(all, m.expressions...)
	d := dice{state: 11}
	for range 400 {
		source := d.conditions(1)
		c := compiler{tree: &tree{}, document: m.document}
		if e := c.expression("x", source, expr.AsBool()); len(c.problems) == 0 {
			all = append(all, e)
		}
	}
	var list []event.OrderStateV1
	for _, o := range orders(t) {
		list = append(list, o)
	}
	for seed := range uint64(60) {
		list = append(list, m.Generate(seed))
	}
	functions, held := 0, 0
	for _, e := range all {
		if e.asks == nil && e.tells == nil && e.constant == nil {
			continue
		}
		functions++
		for _, o := range list {
			s := scopeOf(o)
			if len(s.Order.Lines) > 0 {
				s.Line = s.Order.Lines[0]
			}
			s.Classes = []string{"class-3", "US"}
			want, err := s.machine.Run(e.program, &s.Env)
			if err != nil {
				t.Fatalf("%s: %v", e.source, err)
			}
			var got any
			switch {
			case e.asks != nil:
				got = e.asks(s)
			case e.constant != nil:
				got = e.constant
			default:
				got = e.tells(s)
			}
			if got != want {
				t.Errorf("%s of order %s: %v, the machine says %v", e.source, o.Order, got, want)
			}
			if got == true {
				held++
			}
			if len(s.Order.Lines) > 0 && s.Line.ID != s.Order.Lines[0].ID {
				t.Fatalf("%s leaves another line at hand", e.source)
			}
		}
	}
	if functions < 400 || held < 1000 {
		t.Errorf("%d functions, %d times true: too few to prove anything", functions, held)
	}
}

// What rules ask most runs without the machine; what could run long does not.
func TestWhatIsDirect(t *testing.T) {
	for source, want := range map[string]bool{
		`any(order.lines, .sku startsWith "DS-")`:                       true,
		`all(order.lines, .quantity > 0.5 && .meta["pa_color"] == "x")`: true,
		`any(order.lines, any(order.lines, .sku == "x"))`:               false,
		`any(order.lines, .sku matches "^a")`:                           true,
		`none(order.lines, lower(.name) matches "a{2}|b$")`:             true,
		`any(order.lines, .sku == line.sku)`:                            false,
		`any(order.lines, lower(.sku) == "x")`:                          true,
		`any(order.lines, trim(upper(.sku)) in ["X", "Y"])`:             true,
		`any(order.lines, trim(.sku, "-") == "x")`:                      false,
		`any(order.lines, lower(.sku) == lower(line.sku))`:              false,
		`len(order.coupons) > 1`:                                        false,
	} {
		c := compiler{tree: &tree{}}
		if e := c.expression("x", source, expr.AsBool()); len(c.problems) > 0 || (e.asks != nil) != want {
			t.Errorf("%s: direct %v, want %v (%v)", source, e.asks != nil, want, c.problems)
		}
	}
}

// A function of a text counts what it works on without the machine too, so that an order of long texts ends as it does there.
func TestDirectCountsTexts(t *testing.T) {
	o := orders(t)["order.created-simple"]
	o.CustomerNote = strings.Repeat("a", maxWork/20)
	for _, condition := range []string{`lower(order.customer_note) == "x"`, `upper(order.customer_note) startsWith "x"`, `trim(order.customer_note) in ["x", "y"]`} {
		for times, enough := range map[int]bool{15: false, 25: true} {
			c := compiler{tree: &tree{}}
			e := c.expression("x", condition+strings.Repeat(" || "+condition, times), expr.AsBool())
			if len(c.problems) > 0 || e.asks == nil {
				t.Fatalf("%s: direct %v, %v", condition, e.asks != nil, c.problems)
			}
			if _, err := scopeOf(o).holds(e); (err != nil) != enough {
				t.Errorf("%s, %d times: %v, want too much work %v", condition, times, err, enough)
			}
		}
	}
}

// A regular expression gives in a loop without the machine what it gives there, counts no more, and an order of long texts
// ends as it does there, by the same mistake.
func TestDirectMatchesAsTheMachineDoes(t *testing.T) {
	long := orders(t)["order.created-250-lines"]
	long.Lines = slices.Clone(long.Lines)
	for i := range long.Lines {
		long.Lines[i].SKU += strings.Repeat("a", 2_000)
	}
	list := []event.OrderStateV1{orders(t)["order.created-multi"], orders(t)["order.created-250-lines"], long, {}}
	for _, source := range []string{"^TEE", "TEE", "(a{0,99}){2}[b]", "a*a*a*a*a*c", "(?i)tee-0+1$", "", "^$", `\\d{3}`, "[^A-Z]", "^(mug|tee)", "(x+x+)+y"} {
		for _, loop := range []string{`any(order.lines, .sku matches "%s")`, `none(order.lines, .sku matches "%s")`, `all(order.lines, .sku matches "%s" || .name == "")`, `any(order.lines, lower(.sku) matches "%s")`} {
			c := compiler{tree: &tree{}}
			e := c.expression("x", fmt.Sprintf(loop, source), expr.AsBool())
			if len(c.problems) > 0 || e.asks == nil {
				t.Fatalf("%s: direct %v, %v", e.source, e.asks != nil, c.problems)
			}
			for n, o := range list {
				direct, machine := scopeOf(o), scopeOf(o)
				got, err := direct.holds(e)
				want, wrong := machine.machine.Run(e.program, &machine.Env)
				if wrong == nil && (got != want || err != nil || direct.Work.spent > machine.Work.spent) {
					t.Errorf("%s of order %d: %v, %v for %d steps; the machine says %v for %d", e.source, n, got, err, direct.Work.spent, want, machine.Work.spent)
				}
				if wrong != nil && (!errors.Is(wrong, errWork) || err != nil && !errors.Is(err, errWork)) {
					t.Errorf("%s of order %d: %v, the machine says %v", e.source, n, err, wrong)
				}
			}
		}
	}
}

// A text is compared in small letters as the machine does it, letters that grow or shrink among them.
func TestLowerIs(t *testing.T) {
	texts := []string{"", "a", "A", "Z", "[", "ab", "Ab", "aB", "abc", "ä", "Ä", "aÄ", "aÄb", "İ", "i̇", "aİ", "K", "k", "ẞ", "ß", "\xff", "a\xff", "\ufffd", "TEE-001", "tee-001"}
	for _, text := range texts {
		for _, want := range texts {
			if got := lowerIs(text, want); got != (strings.ToLower(text) == want) {
				t.Errorf("%q and %q: %v", text, want, got)
			}
		}
	}
}

// The tables name the fields that the types have, each its own.
func TestAccessors(t *testing.T) {
	var e Env
	count := fillAccessors(t, "", reflect.ValueOf(&e).Elem(), &e, new(int))
	if tables := len(textFields) + len(flagFields) + len(amountFields) + len(numberFields) + len(metaFields); count != tables {
		t.Errorf("the tables have %d fields, the types %d", tables, count)
	}
}

// fillAccessors puts a value of its own into each field and asks the table for it.
func fillAccessors(t *testing.T, path string, v reflect.Value, e *Env, next *int) int {
	t.Helper()
	count := 0
	for i := range v.NumField() {
		name, f := join(path, v.Type().Field(i).Tag.Get("expr")), v.Field(i)
		*next++
		var own, got any
		switch {
		case f.Kind() == reflect.Struct && f.Type() != amountType && f.Type() != numberType && f.Type().PkgPath() != "time":
			count += fillAccessors(t, name, f, e, next)
			continue
		case f.Kind() == reflect.String:
			f.SetString(fmt.Sprint(*next))
			own, got = f.Interface(), textFields[name](e)
		case f.Kind() == reflect.Bool:
			own = flagFields[name](e)
			f.SetBool(true)
			own, got = own == false, flagFields[name](e)
		case f.Type() == amountType:
			f.Set(reflect.ValueOf(orders(t)["order.created-simple"].Totals.Total.Times(money.Int(int64(*next)))))
			own, got = fmt.Sprint(f.Interface()), amountFields[name](e).String()
		case f.Type() == numberType:
			f.Set(reflect.ValueOf(money.Int(int64(*next))))
			own, got = fmt.Sprint(*next), numberFields[name](e).String()
		case f.Kind() == reflect.Map && f.Type().Elem().Kind() == reflect.String:
			f.Set(reflect.ValueOf(map[string]string{"n": fmt.Sprint(*next)}))
			own, got = fmt.Sprint(*next), metaFields[name](e)["n"]
		default:
			continue
		}
		count++
		if own != got {
			t.Errorf("%s: the table gives %v, the field is %v", name, got, own)
		}
	}
	return count
}

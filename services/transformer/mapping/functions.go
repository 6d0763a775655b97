package mapping

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// function is one function of the language. The table of them is what expressions can call, what is suggested for a
// misspelt name, and what the guide shows.
type function struct {
	name, signature, doc string
	call                 func(args ...any) (any, error) // nil: expr-lang's own
	types                []any                          // pointers to functions, one for each signature
	check                typed                          // instead of types
}

// typed gives the type of a result, or says what is wrong with the arguments.
type typed func(args []reflect.Type) (reflect.Type, error)

// functions is the whole of it, and all of it is pure. Invariant 6: what reads the clock, depends on the machine's zone,
// or shows a map in no order of its own, is not in it. An expr-lang of another version adds nothing by itself.
var functions = []function{
	{name: "all", signature: "all(list, condition)", doc: "whether the condition holds for every element; `.name` is a field of it, `#` the element itself"},
	{name: "any", signature: "any(list, condition)", doc: "whether it holds for one at least"},
	{name: "none", signature: "none(list, condition)", doc: "whether it holds for none"},
	{name: "one", signature: "one(list, condition)", doc: "whether it holds for exactly one"},
	{name: "count", signature: "count(list, condition)", doc: "for how many it holds"},
	{name: "filter", signature: "filter(list, condition)", doc: "the elements for which it holds"},
	{name: "find", signature: "find(list, condition)", doc: "the first of them; nil where there is none"},
	{name: "map", signature: "map(list, value)", doc: "a text, number or amount of every element"},
	{name: "reduce", signature: "reduce(list, value, start)", doc: "one value of all elements: `#acc` is the one so far"},
	{name: "sum", signature: "sum(list, value)", doc: "the values of all elements added up, exactly"},

	{name: "len", signature: "len(list or text)", doc: "how many elements, or characters"},
	{name: "last", signature: "last(list)", doc: "the last element"},
	{name: "take", signature: "take(list, count)", doc: "the first elements"},
	{name: "reverse", signature: "reverse(list)", doc: "the elements from the end"},
	{name: "sort", signature: "sort(list)", doc: "texts, numbers or amounts from the smallest", call: sortedList, check: ordered("sort")},
	{name: "uniq", signature: "uniq(list)", doc: "each text, number or amount once, in the order of the list", call: uniqueList, check: ordered("uniq")},
	{name: "join", signature: "join(list, glue)", doc: "one text of a list", call: joined, types: []any{new(func([]string, string) string), new(func([]string) string), new(func([]any, string) string), new(func([]any) string)}},
	{name: "split", signature: "split(text, at)", doc: "the parts of a text; a third argument bounds how many", call: splitText, types: []any{new(func(string, string) []string), new(func(string, string, int) []string)}},
	{name: "keys", signature: "keys(meta)", doc: "the keys of meta entries, sorted", call: sortedKeys, types: []any{new(func(map[string]string) []string)}},
	{name: "pairs", signature: "pairs(meta, prefix)", doc: "`a=1; b=2` of the meta keys with a prefix", call: pairs, types: []any{new(func(map[string]string, string) string)}},

	{name: "first", signature: "first(text, …)", doc: "the first text that is not empty", call: firstText, types: []any{new(func(...string) string)}},
	{name: "lower", signature: "lower(text)", doc: "in small letters"},
	{name: "upper", signature: "upper(text)", doc: "in capital letters"},
	{name: "trim", signature: "trim(text)", doc: "without blanks at its ends; a second argument names other characters", call: trimText, types: []any{new(func(string) string), new(func(string, string) string)}},
	{name: "trimPrefix", signature: "trimPrefix(text, prefix)", doc: "without a beginning"},
	{name: "trimSuffix", signature: "trimSuffix(text, suffix)", doc: "without an end"},
	{name: "replace", signature: "replace(text, old, new)", doc: "one text for another, everywhere", call: replaced, types: []any{new(func(string, string, string) string)}},
	{name: "indexOf", signature: "indexOf(text, part)", doc: "where a part begins, from 0; -1 where it is not"},
	{name: "lastIndexOf", signature: "lastIndexOf(text, part)", doc: "where it begins last"},
	{name: "string", signature: "string(value)", doc: "a number, an amount or a time as text", call: asText, types: []any{new(func(any) string)}},

	{name: "number", signature: "number(text)", doc: "the number a text holds, exactly: `number(order.meta[\"weight\"])`; the order is parked where it holds none", call: numberOf, types: []any{new(func(string) money.Number)}},
	{name: "int", signature: "int(text)", doc: "the whole number a text holds"},
	{name: "abs", signature: "abs(amount)", doc: "without its sign", call: rounding(decimalAbs), check: roundable("abs", 1)},
	{name: "round", signature: "round(amount, places)", doc: "half away from zero, to places after the point, 0 without", call: rounding(decimalRound), check: roundable("round", 2)},
	{name: "floor", signature: "floor(amount)", doc: "the whole number not above", call: rounding(decimalFloor), check: roundable("floor", 1)},
	{name: "ceil", signature: "ceil(amount)", doc: "the whole number not below", call: rounding(decimalCeil), check: roundable("ceil", 1)},
	{name: "max", signature: "max(amount, …)", doc: "the largest, of a list too", call: extreme("max", 1), check: comparing("max")},
	{name: "min", signature: "min(amount, …)", doc: "the smallest, of a list too", call: extreme("min", -1), check: comparing("min")},

	{name: "date", signature: "date(text, layout)", doc: "a time: of `2026-01-31`, `2026-01-31 14:05:00` or RFC 3339, or by a layout of Go's; UTC where the text says nothing else", call: dateOf, check: dated},
	{name: "duration", signature: "duration(text)", doc: "`duration(\"36h\")`, to compare with the difference of two times"},
	{name: "ref", signature: "ref(record, by, key)", doc: "a record of NetSuite, by `name`, `id`, `externalId` or `email`", call: reference, types: []any{new(func(string, string, string) event.Ref)}},
}

// timeMethods are those of a time; the others depend on the machine's zone or reach it.
var timeMethods = []string{"Year", "Month", "Day", "Hour", "Minute", "Second", "Weekday", "YearDay", "Unix", "Format", "Add", "AddDate", "Sub", "Before", "After", "Equal", "UTC", "Truncate", "String"}

// callable are the options of expr-lang that make exactly the table callable.
func callable() []expr.Option {
	options := []expr.Option{expr.DisableAllBuiltins()}
	for _, f := range functions {
		if f.call == nil {
			options = append(options, expr.EnableBuiltin(f.name))
			continue
		}
		options = append(options, f.option())
	}
	return options
}

func (f function) option() expr.Option {
	if f.check == nil {
		return expr.Function(f.name, f.call, f.types...)
	}
	return checked(f.name, f.check, f.call)
}

// checked is a function that looks at its arguments' types itself, so that what it says is in the document's words.
func checked(name string, validate typed, call func(args ...any) (any, error)) expr.Option {
	return func(c *conf.Config) {
		c.Functions[name] = &builtin.Function{Name: name, Func: call, Validate: validate}
	}
}

func functionNames() []string {
	var list []string
	for _, f := range functions {
		list = append(list, f.name)
	}
	return list
}

// isNative tells whether expr-lang's own function of a name is the language's.
func isNative(name string) bool {
	return slices.ContainsFunc(functions, func(f function) bool { return f.name == name && f.call == nil })
}

// isFunction tells whether a name is a function's, those behind operators among them.
func isFunction(name string) bool {
	return strings.HasPrefix(name, operatorName) || slices.Contains(functionNames(), name)
}

// functionTable is the guide's.
func functionTable() string {
	var b strings.Builder
	b.WriteString("| function | gives |\n|---|---|\n")
	for _, f := range functions {
		fmt.Fprintf(&b, "| `%s` | %s |\n", f.signature, f.doc)
	}
	return b.String()
}

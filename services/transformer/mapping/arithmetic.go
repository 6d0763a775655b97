package mapping

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm/runtime"
	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/contracts/money"
)

// comparisons are the operators that compare amounts and numbers: order.total >= 99.95, line.quantity == 12.
var comparisons = map[string]func(order int) bool{
	"==": func(order int) bool { return order == 0 },
	"!=": func(order int) bool { return order != 0 },
	"<":  func(order int) bool { return order < 0 },
	"<=": func(order int) bool { return order <= 0 },
	">":  func(order int) bool { return order > 0 },
	">=": func(order int) bool { return order >= 0 },
}

const quotientPlaces = 8 // after the point of a quotient, half away from zero, as NetSuite keeps a rate

var errDivisor = errors.New("want a divisor other than 0")

// computations are the operators that give a number of two. What they give is exact but for a quotient.
var computations = map[string]func(a, b decimal.Decimal) (decimal.Decimal, error){
	"+": func(a, b decimal.Decimal) (decimal.Decimal, error) { return a.Add(b), nil },
	"-": func(a, b decimal.Decimal) (decimal.Decimal, error) { return a.Sub(b), nil },
	"*": func(a, b decimal.Decimal) (decimal.Decimal, error) { return a.Mul(b), nil },
	"/": func(a, b decimal.Decimal) (decimal.Decimal, error) {
		if b.IsZero() {
			return a, errDivisor
		}
		return a.DivRound(b, quotientPlaces), nil
	},
}

// Names of the functions behind operators: none that an expression can write.
const (
	operatorName = "decimal "
	sumName      = operatorName + "sum"
	textName     = operatorName + "text"
	inName       = operatorName + "in"
	negName      = operatorName + "neg"
)

// arithmetic gives amounts and numbers their operators, exactly: a literal such as 99.95 is read by its digits.
func arithmetic() []expr.Option {
	var options []expr.Option
	for _, sign := range slices.Sorted(maps.Keys(comparisons)) {
		options = append(options, checked(operatorName+sign, compares(sign), func(args ...any) (any, error) { return compared(sign, args[0], args[1]) }))
	}
	for _, sign := range slices.Sorted(maps.Keys(computations)) {
		options = append(options, checked(operatorName+sign, computes(sign), func(args ...any) (any, error) { return computed(sign, args[0], args[1]) }))
	}
	return append(options,
		checked(inName, compares("in"), isAmong), checked(negName, roundable("-", 1), rounding(decimalNeg)),
		expr.Function(textName, plusText, new(func(string, string) string)), expr.Function(sumName, sumOf, new(func(any) money.Amount)),
		expr.Patch(decimals{}), expr.Patch(decimals{}), // the second sees the types that the first made
	)
}

func isDecimal(t reflect.Type) bool { return t == amountType || t == numberType }

func isNumeric(t reflect.Type) bool { return isDecimal(t) || t != nil && t.Kind() == reflect.Int }

func isUnknown(t reflect.Type) bool { return t == nil || t.Kind() == reflect.Interface }

func isText(t reflect.Type) bool { return t != nil && t.Kind() == reflect.String }

var amountType, numberType, intType, anyType = reflect.TypeFor[money.Amount](), reflect.TypeFor[money.Number](), reflect.TypeFor[int](), reflect.TypeFor[any]()

// called names a type in the document's words.
func called(t reflect.Type) string {
	switch {
	case t == amountType:
		return "amount"
	case isNumeric(t):
		return "number"
	case isText(t):
		return "text"
	case t != nil && t.Kind() == reflect.Bool:
		return "true or false"
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t != nil && t.Kind() == reflect.Slice:
		return "list"
	default:
		return ours.Replace(fmt.Sprint(t))
	}
}

// unfit says which types do not go with an operator or a function.
func unfit(name string, types []reflect.Type) error {
	var words []string
	for _, t := range types {
		words = append(words, called(t))
	}
	if len(words) == 1 {
		return fmt.Errorf("%s wants amounts or numbers, not %s", name, words[0])
	}
	hint := ""
	if slices.ContainsFunc(types, isText) {
		hint = "; number(…) reads a text"
	}
	return fmt.Errorf("%s does not go with %s here: %s wants amounts or numbers%s", words[0], strings.Join(words[1:], " and "), name, hint)
}

func fitting(name string, args []reflect.Type) error {
	if slices.ContainsFunc(args, func(t reflect.Type) bool { return !isNumeric(t) && !isUnknown(t) }) {
		return unfit(name, args)
	}
	return nil
}

// compares is the check of a comparison; of in, the right side is a list.
func compares(sign string) typed {
	return func(args []reflect.Type) (reflect.Type, error) {
		if len(args) == 2 && sign == "in" && args[1] != nil && args[1].Kind() == reflect.Slice {
			args = []reflect.Type{args[0], args[1].Elem()}
		}
		if slices.ContainsFunc(args, isUnknown) {
			return reflect.TypeFor[bool](), nil // what it is, shows with the order
		}
		return reflect.TypeFor[bool](), fitting(sign, args)
	}
}

// computes is the check of a computation. Amounts are added to amounts and numbers, and multiplied with numbers.
func computes(sign string) typed {
	return func(args []reflect.Type) (reflect.Type, error) {
		a, b := args[0], args[1]
		switch {
		case isUnknown(a) || isUnknown(b):
			return anyType, nil
		case fitting(sign, args) != nil:
			return nil, fitting(sign, args)
		case sign == "*" && a == amountType && b == amountType:
			return nil, errors.New("* wants a number on one side, not two amounts")
		case sign == "/" && a != amountType && b == amountType:
			return nil, errors.New("/ wants a number after a number, not an amount")
		case sign == "/" && a == b:
			return numberType, nil
		default:
			return likest(args), nil
		}
	}
}

// likest is the type of what is made of several: an amount of any amount, a number of anything else.
func likest(args []reflect.Type) reflect.Type {
	switch {
	case slices.Contains(args, amountType):
		return amountType
	case slices.ContainsFunc(args, isUnknown):
		return anyType
	case slices.ContainsFunc(args, isDecimal):
		return numberType
	default:
		return intType
	}
}

// comparing is the check of functions over amounts and numbers, or over one list of them.
func comparing(name string) typed {
	return func(args []reflect.Type) (reflect.Type, error) {
		if len(args) == 0 {
			return nil, fmt.Errorf("%s wants amounts or numbers", name)
		}
		if len(args) == 1 && args[0] != nil && args[0].Kind() == reflect.Slice {
			args = []reflect.Type{args[0].Elem()}
		}
		return likest(args), fitting(name, args)
	}
}

// roundable is the check of functions over one amount or number, and places.
func roundable(name string, most int) typed {
	return func(args []reflect.Type) (reflect.Type, error) {
		if len(args) == 0 || len(args) > most || len(args) == 2 && args[1] != intType || !isNumeric(args[0]) && !isUnknown(args[0]) {
			have := "nothing"
			if len(args) > 0 {
				have = called(args[0])
			}
			return nil, fmt.Errorf("%s wants an amount or a number, not %s", name, have)
		}
		return args[0], nil
	}
}

// compared compares numbers, and what it does not know as expr-lang does.
func compared(sign string, a, b any) (bool, error) {
	x, left := numeric(a)
	y, right := numeric(b)
	if left && right {
		return comparisons[sign](x.Cmp(y)), nil
	}
	switch sign {
	case "==":
		return runtime.Equal(a, b), nil
	case "!=":
		return !runtime.Equal(a, b), nil
	}
	if s, is := a.(string); is {
		if t, both := b.(string); both {
			return comparisons[sign](strings.Compare(s, t)), nil
		}
	}
	if s, is := a.(time.Time); is {
		if t, both := b.(time.Time); both {
			return comparisons[sign](s.Compare(t)), nil
		}
	}
	return false, unfit(sign, []reflect.Type{reflect.TypeOf(a), reflect.TypeOf(b)})
}

// computed gives an amount, or a number: whole of whole ones, but for a quotient.
func computed(sign string, a, b any) (any, error) {
	x, left := numeric(a)
	y, right := numeric(b)
	if !left || !right {
		s, isText := a.(string)
		t, both := b.(string)
		if sign == "+" && isText && both {
			return plusText(s, t)
		}
		return nil, unfit(sign, []reflect.Type{reflect.TypeOf(a), reflect.TypeOf(b)})
	}
	value, err := computations[sign](x, y)
	if err != nil {
		return nil, err
	}
	types := []reflect.Type{reflect.TypeOf(a), reflect.TypeOf(b)}
	if sign == "/" && (types[0] == types[1] || types[0] != amountType) {
		return money.NumberOf(value), nil
	}
	return like(types, value), nil
}

func like(types []reflect.Type, value decimal.Decimal) any {
	switch likest(types) {
	case amountType:
		return money.AmountOf(value)
	case intType:
		if value.IsInteger() && value.BigInt().IsInt64() {
			return int(value.IntPart())
		}
	}
	return money.NumberOf(value)
}

func numeric(value any) (decimal.Decimal, bool) {
	switch v := value.(type) {
	case money.Amount:
		return v.Decimal(), true
	case money.Number:
		return v.Decimal(), true
	case int:
		return decimal.NewFromInt(int64(v)), true
	default:
		return decimal.Decimal{}, false
	}
}

func decimalOf(value any) (decimal.Decimal, error) {
	d, is := numeric(value)
	if !is {
		return d, fmt.Errorf("want an amount or a number, have %s", called(reflect.TypeOf(value)))
	}
	return d, nil
}

func isAmong(args ...any) (any, error) {
	for _, element := range elements(args[1]) {
		if same, err := compared("==", args[0], element); err != nil || same {
			return same, err
		}
	}
	return false, nil
}

// plusText puts two texts together, to a largest size.
func plusText(args ...any) (any, error) {
	a, _ := args[0].(string)
	b, _ := args[1].(string)
	if err := within64(len(a) + len(b)); err != nil {
		return nil, err
	}
	return a + b, nil
}

// sumOf adds amounts and numbers up.
func sumOf(args ...any) (any, error) {
	total := decimal.Zero
	for _, element := range elements(args[0]) {
		d, err := decimalOf(element)
		if err != nil {
			return nil, err
		}
		total = total.Add(d)
	}
	return money.AmountOf(total), nil
}

// rounding makes a function of one number, and places.
func rounding(apply func(d decimal.Decimal, places int32) decimal.Decimal) func(args ...any) (any, error) {
	return func(args ...any) (any, error) {
		d, err := decimalOf(args[0])
		if err != nil {
			return nil, err
		}
		places := 0
		if len(args) == 2 {
			places, _ = args[1].(int)
		}
		if places < 0 || places > quotientPlaces {
			return nil, fmt.Errorf("want 0 to %d places, not %d", quotientPlaces, places)
		}
		return like([]reflect.Type{reflect.TypeOf(args[0])}, apply(d, int32(places))), nil
	}
}

func decimalAbs(d decimal.Decimal, _ int32) decimal.Decimal        { return d.Abs() }
func decimalNeg(d decimal.Decimal, _ int32) decimal.Decimal        { return d.Neg() }
func decimalRound(d decimal.Decimal, places int32) decimal.Decimal { return d.Round(places) }
func decimalFloor(d decimal.Decimal, _ int32) decimal.Decimal      { return d.Floor() }
func decimalCeil(d decimal.Decimal, _ int32) decimal.Decimal       { return d.Ceil() }

// extreme gives the largest or the smallest, as it is written.
func extreme(name string, sign int) func(args ...any) (any, error) {
	return func(args ...any) (any, error) {
		if len(args) == 1 {
			if list := elements(args[0]); list != nil {
				args = list
			}
		}
		if len(args) == 0 {
			return nil, fmt.Errorf("%s of nothing: want one amount or number at least", name)
		}
		types := []reflect.Type{reflect.TypeOf(args[0])}
		best, err := decimalOf(args[0])
		for _, arg := range args[1:] {
			d, wrong := decimalOf(arg)
			if err = errors.Join(err, wrong); err == nil && d.Cmp(best) == sign {
				best = d
			}
			types = append(types, reflect.TypeOf(arg))
		}
		return like(types, best), err
	}
}

package mapping

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// language is what expressions have beside expr-lang's own: a closed set, all of it pure. Invariant 6: what reads the
// clock, or shows a map in no order of its own, is not in it: now is the event's time.
var language = slices.Concat([]expr.Option{
	expr.DisableBuiltin("now"), expr.DisableBuiltin("values"), expr.DisableBuiltin("toPairs"),
	expr.Function("first", firstText, new(func(...string) string)),
	expr.Function("ref", reference, new(func(string, string, string) event.Ref)),
	expr.Function("pairs", pairs, new(func(map[string]string, string) string)),
	expr.Function("keys", sortedKeys, new(func(map[string]string) []string)),
}, bounded, arithmetic())

// firstText gives the first text that is not empty.
func firstText(texts ...any) (any, error) {
	for _, text := range texts {
		if s, _ := text.(string); s != "" {
			return s, nil
		}
	}
	return "", nil
}

// reference points at a record: ref("shipItem", "name", "FLAT_RATE").
func reference(args ...any) (any, error) {
	record, _ := args[0].(string)
	by, _ := args[1].(string)
	key, _ := args[2].(string)
	return event.Ref{Record: record, By: by, Key: key}, nil
}

// pairs joins the meta entries whose keys begin with a prefix: "source=newsletter; medium=email".
func pairs(args ...any) (any, error) {
	meta, _ := args[0].(map[string]string)
	prefix, _ := args[1].(string)
	var list []string
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		if rest, ok := strings.CutPrefix(key, prefix); ok && meta[key] != "" {
			list = append(list, rest+"="+meta[key])
		}
	}
	return strings.Join(list, "; "), nil
}

func sortedKeys(args ...any) (any, error) {
	meta, _ := args[0].(map[string]string)
	return slices.Sorted(maps.Keys(meta)), nil
}

// comparisons are the operators that compare amounts and quantities with each other and with numbers and texts:
// order.total >= 99.95, line.quantity == 12.
var comparisons = map[string]func(order int) bool{
	"==": func(order int) bool { return order == 0 },
	"!=": func(order int) bool { return order != 0 },
	"<":  func(order int) bool { return order < 0 },
	"<=": func(order int) bool { return order <= 0 },
	">":  func(order int) bool { return order > 0 },
	">=": func(order int) bool { return order >= 0 },
}

// arithmetic gives amounts and quantities their operators, exactly: a literal such as 99.95 is read by its digits.
func arithmetic() []expr.Option {
	var options []expr.Option
	for _, sign := range slices.Sorted(maps.Keys(comparisons)) {
		holds := comparisons[sign]
		options = append(options, operator(sign, func(a, b decimal.Decimal) any { return holds(a.Cmp(b)) },
			new(func(money.Amount, money.Amount) bool), new(func(money.Amount, int) bool), new(func(money.Amount, float64) bool), new(func(money.Amount, string) bool),
			new(func(int, money.Amount) bool), new(func(float64, money.Amount) bool), new(func(string, money.Amount) bool),
			new(func(money.Number, money.Number) bool), new(func(money.Number, int) bool), new(func(money.Number, float64) bool),
			new(func(int, money.Number) bool), new(func(float64, money.Number) bool)))
	}
	sums := []any{
		new(func(money.Amount, money.Amount) money.Amount), new(func(money.Amount, int) money.Amount), new(func(money.Amount, float64) money.Amount),
	}
	return append(options,
		operator("+", func(a, b decimal.Decimal) any { return money.AmountOf(a.Add(b)) }, sums...),
		operator("-", func(a, b decimal.Decimal) any { return money.AmountOf(a.Sub(b)) }, sums...),
		operator("*", func(a, b decimal.Decimal) any { return money.AmountOf(a.Mul(b)) },
			new(func(money.Amount, money.Number) money.Amount), new(func(money.Amount, int) money.Amount), new(func(money.Amount, float64) money.Amount)),
		expr.Function(sumName, sumOf, new(func(any) money.Amount)),
		expr.Patch(decimals{}), expr.Patch(decimals{}), expr.Patch(recheck{}), // the second sees the types that the first made
	)
}

// Names of the functions behind operators: none that an expression can write.
const (
	operatorName = "decimal "
	sumName      = operatorName + "sum"
)

func operator(sign string, apply func(a, b decimal.Decimal) any, types ...any) expr.Option {
	return expr.Function(operatorName+sign, func(args ...any) (any, error) {
		a, err := decimalOf(args[0])
		if err != nil {
			return nil, err
		}
		b, err := decimalOf(args[1])
		if err != nil {
			return nil, err
		}
		return apply(a, b), nil
	}, types...)
}

// sumOf adds amounts and quantities up.
func sumOf(args ...any) (any, error) {
	list := reflect.ValueOf(args[0])
	total := decimal.Zero
	for i := range list.Len() {
		d, err := decimalOf(list.Index(i).Interface())
		if err != nil {
			return nil, err
		}
		total = total.Add(d)
	}
	return money.AmountOf(total), nil
}

// decimals puts those functions where an operator, or sum, has an amount or a quantity to work on. expr-lang's own
// overloading leaves a call unchecked that an operator stands in, so a wrong name would show with the first order
// only (recheck).
type decimals struct{}

var amountType, numberType = reflect.TypeFor[money.Amount](), reflect.TypeFor[money.Number]()

func isDecimal(t reflect.Type) bool { return t == amountType || t == numberType }

// Visit patches one node; its children were visited before.
func (decimals) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		_, compares := comparisons[n.Operator]
		if (compares || slices.Contains([]string{"+", "-", "*"}, n.Operator)) && (isDecimal(n.Left.Type()) || isDecimal(n.Right.Type())) {
			result := reflect.TypeFor[bool]()
			if !compares {
				result = amountType
			}
			call(node, operatorName+n.Operator, result, n.Left, n.Right)
		} else if n.Operator == "+" {
			plusNode(node, n)
		}
	case *ast.BuiltinNode:
		if n.Name == "sum" && addsDecimals(n) {
			list := n.Arguments[0]
			if len(n.Arguments) == 2 {
				list = &ast.BuiltinNode{Name: "map", Arguments: n.Arguments}
			}
			call(node, sumName, amountType, list)
		}
	}
}

func addsDecimals(n *ast.BuiltinNode) bool {
	of := n.Arguments[len(n.Arguments)-1]
	if mapped, ok := of.(*ast.BuiltinNode); ok && mapped.Name == "map" { // its type is a list of anything
		of = mapped.Arguments[1]
	}
	if predicate, ok := of.(*ast.PredicateNode); ok {
		return isDecimal(predicate.Node.Type())
	}
	t := of.Type()
	return t != nil && t.Kind() == reflect.Slice && isDecimal(t.Elem())
}

func call(node *ast.Node, name string, result reflect.Type, arguments ...ast.Node) {
	n := &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: arguments}
	n.SetType(result)
	ast.Patch(node, n)
}

// recheck makes the last check look at every call again. Only what may be repeated runs that late.
type recheck struct{}

// Reset is for expr-lang, which calls it before a walk.
func (recheck) Reset() {}

// ShouldRepeat tells that one walk is enough.
func (recheck) ShouldRepeat() bool { return false }

// Visit forgets what an earlier check found of a call.
func (recheck) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.CallNode); ok {
		n.SetNature(nature.Nature{})
	}
}

func decimalOf(value any) (decimal.Decimal, error) {
	switch v := value.(type) {
	case money.Amount:
		return v.Decimal(), nil
	case money.Number:
		return v.Decimal(), nil
	case int:
		return decimal.NewFromInt(int64(v)), nil
	case float64:
		return decimal.NewFromString(strconv.FormatFloat(v, 'f', -1, 64))
	case string:
		amount, err := money.Parse(v)
		return amount.Decimal(), err
	default:
		return decimal.Decimal{}, fmt.Errorf("want an amount or a number, have %T", value)
	}
}

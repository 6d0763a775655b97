package mapping

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/contracts/money"
)

// Bounds of an expression. Whatever someone writes ends soon and in little memory: loops run over lists that exist,
// two deep; lists and texts have a largest size; nothing is built that is small to hold and endless to look at.
const (
	maxNodes  = 500     // of one expression's tree
	maxSource = 4_000   // bytes of its text
	maxMemory = 100_000 // elements of the lists that one run makes
	maxLoops  = 2       // predicates within predicates
	maxText   = 65_536  // bytes of a text that an expression makes
)

// bounded are the functions that make texts, with a largest size; they stand instead of expr-lang's own.
var bounded = []expr.Option{
	expr.DisableBuiltin("repeat"), expr.DisableBuiltin("toJSON"), expr.DisableBuiltin("timezone"), // the last depends on the machine
	expr.Function("string", asText, new(func(any) string)),
	expr.Function("join", joined, new(func([]string, string) string), new(func([]string) string), new(func([]any, string) string), new(func([]any) string)),
	expr.Function("replace", replaced, new(func(string, string, string) string)),
	expr.Function(operatorName+"plus", plusAny, new(func(any, any) any)),
	expr.Function(operatorName+"text", plusAny, new(func(string, string) string)),
}

func within64(size int) error {
	if size > maxText {
		return fmt.Errorf("want a text of at most %d bytes", maxText)
	}
	return nil
}

// asText writes one value; a list has none.
func asText(args ...any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case money.Amount, money.Number, time.Time, time.Duration, time.Month, time.Weekday:
		return fmt.Sprint(v), nil
	default:
		return nil, fmt.Errorf("want a text, a number, an amount or a time, have %T", v)
	}
}

func joined(args ...any) (any, error) {
	glue, size := "", 0
	if len(args) == 2 {
		glue, _ = args[1].(string)
	}
	parts, _ := args[0].([]string)
	list, _ := args[0].([]any)
	for _, element := range list {
		s, err := asText(element)
		if err != nil {
			return nil, err
		}
		parts = append(parts, fmt.Sprint(s))
	}
	for _, s := range parts {
		size += len(s) + len(glue)
	}
	if err := within64(size); err != nil {
		return nil, err
	}
	return strings.Join(parts, glue), nil
}

func replaced(args ...any) (any, error) {
	s, _ := args[0].(string)
	old, _ := args[1].(string)
	with, _ := args[2].(string)
	if err := within64(len(s) + strings.Count(s, old)*len(with)); err != nil {
		return nil, err
	}
	return strings.ReplaceAll(s, old, with), nil
}

// plusAny adds what the types do not tell: texts to a largest size, numbers, amounts.
func plusAny(args ...any) (any, error) {
	a, isText := args[0].(string)
	b, both := args[1].(string)
	if isText && both {
		return a + b, within64(len(a) + len(b))
	}
	x, first := args[0].(int)
	y, second := args[1].(int)
	if first && second {
		return x + y, nil
	}
	if isText || both {
		return nil, fmt.Errorf("want two texts or two numbers, have %T and %T", args[0], args[1])
	}
	left, err := decimalOf(args[0])
	if err != nil {
		return nil, err
	}
	right, err := decimalOf(args[1])
	if err != nil {
		return nil, err
	}
	return sumAs(args, left.Add(right)), nil
}

// sumAs keeps floating numbers what they are; anything with an amount or a quantity is an amount.
func sumAs(args []any, sum decimal.Decimal) any {
	if !slices.ContainsFunc(args, func(a any) bool { return a != nil && isDecimal(reflect.TypeOf(a)) }) {
		f, _ := sum.Float64()
		return f
	}
	return money.AmountOf(sum)
}

// plusNode puts the bounded sum where two texts, or what may be two, are added.
func plusNode(node *ast.Node, n *ast.BinaryNode) {
	isText := func(t reflect.Type) bool { return t != nil && t.Kind() == reflect.String }
	unknown := func(t reflect.Type) bool { return t == nil || t.Kind() == reflect.Interface }
	left, right := n.Left.Type(), n.Right.Type()
	switch {
	case isText(left) && isText(right):
		call(node, operatorName+"text", reflect.TypeFor[string](), n.Left, n.Right)
	case unknown(left) || unknown(right):
		call(node, operatorName+"plus", reflect.TypeFor[any](), n.Left, n.Right)
	}
}

// guard refuses what could run long or grow large; the first is told with its place.
func guard(source string, root ast.Node) error {
	var broken *file.Error
	refuse := func(n ast.Node, rule string) {
		if broken == nil {
			broken = &file.Error{Location: n.Location(), Message: rule}
		}
	}
	ast.Walk(&root, visit(func(n ast.Node) { inspect(n, refuse) }))
	if broken == nil {
		return nil
	}
	return broken.Bind(file.NewSource(source))
}

func inspect(n ast.Node, refuse func(ast.Node, string)) {
	switch n := n.(type) {
	case *ast.PredicateNode:
		if loops(n) > maxLoops {
			refuse(n, fmt.Sprintf("want loops at most %d deep", maxLoops))
		}
	case *ast.BuiltinNode:
		if predicate, is := last(n.Arguments).(*ast.PredicateNode); is && n.Name == "map" && composite(predicate.Node.Type()) {
			refuse(n, "want map to make texts, numbers or amounts, not lists; string(…) makes a text of anything single")
		}
		if n.Name == "date" && len(n.Arguments) == 3 {
			refuse(n, "want a date without a time zone by name: they differ between machines")
		}
	case *ast.ArrayNode:
		for _, element := range n.Nodes {
			if composite(element.Type()) {
				refuse(element, "want a list of texts, numbers or amounts, not of lists")
			}
		}
	case *ast.PairNode:
		if composite(n.Value.Type()) {
			refuse(n.Value, "want texts, numbers or amounts in a map")
		}
	case *ast.BinaryNode:
		if n.Operator == "matches" {
			constant, is := n.Right.(*ast.StringNode)
			if !is {
				if regexp, compiled := n.Right.(*ast.ConstantNode); !compiled || regexp == nil {
					refuse(n.Right, "want a regular expression written out")
				}
			} else if len(constant.Value) > maxPattern {
				refuse(n.Right, fmt.Sprintf("want a regular expression of at most %d bytes", maxPattern))
			}
		}
	case *ast.MemberNode:
		if name, is := n.Property.(*ast.StringNode); is && isMethod(n.Node.Type(), name.Value) {
			refuse(n, "there is no "+name.Value+"(): write it with operators")
		}
	}
}

func last(nodes []ast.Node) ast.Node {
	if len(nodes) == 0 {
		return nil
	}
	return nodes[len(nodes)-1]
}

// composite tells whether values of a type hold others, or may.
func composite(t reflect.Type) bool {
	return t == nil || slices.Contains([]reflect.Kind{reflect.Slice, reflect.Array, reflect.Map, reflect.Interface}, t.Kind())
}

// isMethod tells whether a name is a method, those of times apart: the methods of amounts reach into decimals, where
// a small call makes a number of any length.
func isMethod(t reflect.Type, name string) bool {
	if t == nil || t.PkgPath() == "time" {
		return false
	}
	_, has := t.MethodByName(name)
	return has
}

// loops counts how deep predicates are nested.
func loops(p *ast.PredicateNode) int {
	deepest := 0
	ast.Walk(&p.Node, visit(func(n ast.Node) {
		if inner, is := n.(*ast.PredicateNode); is {
			deepest = max(deepest, loops(inner))
		}
	}))
	return deepest + 1
}

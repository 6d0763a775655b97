package mapping

import (
	"reflect"

	"github.com/expr-lang/expr/ast"
	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/contracts/money"
)

// decimals puts those functions where an operator, or sum, has an amount, a number or something unknown to work on.
// expr-lang's own overloading leaves a call unchecked that an operator stands in, so a wrong name would show with the
// first order only (recheck).
type decimals struct{}

// Visit patches one node; its children were visited before.
func (decimals) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.FloatNode:
		constant(node, exactly(n.Value))
	case *ast.UnaryNode:
		negated(node, n)
	case *ast.BinaryNode:
		binary(node, n)
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

// exactly reads a literal by its digits.
func exactly(literal float64) money.Number {
	return money.NumberOf(decimal.NewFromFloat(literal))
}

func constant(node *ast.Node, value money.Number) {
	n := &ast.ConstantNode{Value: value}
	n.SetType(numberType)
	ast.Patch(node, n)
}

func negated(node *ast.Node, n *ast.UnaryNode) {
	if t := n.Node.Type(); n.Operator != "-" || !isDecimal(t) && !isUnknown(t) {
		return
	}
	if literal, is := n.Node.(*ast.ConstantNode); is {
		if value, is := literal.Value.(money.Number); is {
			constant(node, value.Neg())
			return
		}
	}
	call(node, negName, n.Node.Type(), n.Node)
}

func binary(node *ast.Node, n *ast.BinaryNode) {
	left, right := n.Left.Type(), n.Right.Type()
	_, compares := comparisons[n.Operator]
	_, computes := computations[n.Operator]
	switch {
	case isNil(n.Left) || isNil(n.Right):
	case n.Operator == "in" && isDecimal(left):
		among(node, n)
	case n.Operator == "+" && isText(left) && isText(right):
		call(node, textName, reflect.TypeFor[string](), n.Left, n.Right)
	case !compares && !computes, isTimely(left), isTimely(right):
	case isDecimal(left), isDecimal(right), isUnknown(left), isUnknown(right), n.Operator == "/":
		operate(node, n, compares)
	}
}

func operate(node *ast.Node, n *ast.BinaryNode, compares bool) {
	readConstant(&n.Left, n.Right.Type())
	readConstant(&n.Right, n.Left.Type())
	result := reflect.TypeFor[bool]()
	if !compares {
		var err error
		if result, err = computes(n.Operator)([]reflect.Type{n.Left.Type(), n.Right.Type()}); err != nil {
			result = anyType
		}
	}
	call(node, operatorName+n.Operator, result, n.Left, n.Right)
}

// among looks for an amount or a number in a list; one that is written out is checked element by element.
func among(node *ast.Node, n *ast.BinaryNode) {
	if list, is := n.Right.(*ast.ArrayNode); is {
		for i := range list.Nodes {
			readConstant(&list.Nodes[i], n.Left.Type())
			if t := list.Nodes[i].Type(); !isNumeric(t) && !isUnknown(t) {
				call(node, operatorName+"==", reflect.TypeFor[bool](), n.Left, list.Nodes[i])
				return
			}
		}
	}
	call(node, inName, reflect.TypeFor[bool](), n.Left, n.Right)
}

// readConstant reads a text that stands beside an amount or a number, as in order.total == "12.50".
func readConstant(node *ast.Node, beside reflect.Type) {
	text, is := (*node).(*ast.StringNode)
	if !is || !isDecimal(beside) {
		return
	}
	if value, err := money.ParseNumber(text.Value); err == nil {
		constant(node, value)
	}
}

func isNil(n ast.Node) bool {
	_, is := n.(*ast.NilNode)
	return is
}

// isTimely tells the types whose operators are expr-lang's: times and what lies between them.
func isTimely(t reflect.Type) bool { return t != nil && t.PkgPath() == "time" }

func addsDecimals(n *ast.BuiltinNode) bool {
	of := n.Arguments[len(n.Arguments)-1]
	if mapped, ok := of.(*ast.BuiltinNode); ok && mapped.Name == "map" { // its type is a list of anything
		of = mapped.Arguments[1]
	}
	if predicate, ok := of.(*ast.PredicateNode); ok {
		return isDecimal(predicate.Node.Type()) || isUnknown(predicate.Node.Type())
	}
	t := of.Type()
	return t != nil && t.Kind() == reflect.Slice && (isDecimal(t.Elem()) || isUnknown(t.Elem()))
}

func call(node *ast.Node, name string, result reflect.Type, arguments ...ast.Node) {
	n := &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: arguments}
	n.SetType(result)
	ast.Patch(node, n)
}

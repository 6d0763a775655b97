package mapping

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/shopspring/decimal"
)

// implies tells whether one condition holds whenever another does, as far as their forms tell: the same text, parts of
// && and ||, a number within a bound, a text of a list, a longer beginning.
func implies(a, b ast.Node) bool {
	switch {
	case a.String() == b.String():
		return true
	case isBinary(a, "||", "or"):
		return implies(sides(a)[0], b) && implies(sides(a)[1], b)
	case isBinary(b, "&&", "and"):
		return implies(a, sides(b)[0]) && implies(a, sides(b)[1])
	case isBinary(b, "||", "or") && (implies(a, sides(b)[0]) || implies(a, sides(b)[1])):
		return true
	case isBinary(a, "&&", "and"):
		return implies(sides(a)[0], b) || implies(sides(a)[1], b)
	default:
		return withinBound(a, b) || amongTexts(a, b) || beginsLonger(a, b)
	}
}

func isBinary(n ast.Node, operators ...string) bool {
	binary, is := n.(*ast.BinaryNode)
	return is && slices.Contains(operators, binary.Operator)
}

func sides(n ast.Node) [2]ast.Node {
	binary, _ := n.(*ast.BinaryNode)
	return [2]ast.Node{binary.Left, binary.Right}
}

// bound is a comparison of something with a number: order.total > 50.
type bound struct {
	of, sign string
	value    decimal.Decimal
}

func boundOf(n ast.Node) (b bound, is bool) {
	c, called := n.(*ast.CallNode)
	if !called || len(c.Arguments) != 2 {
		return b, false
	}
	sign, operates := strings.CutPrefix(c.Callee.String(), operatorName)
	var number any
	switch constant := c.Arguments[1].(type) {
	case *ast.IntegerNode:
		number = constant.Value
	case *ast.ConstantNode:
		number = constant.Value
	}
	value, exact := numeric(number)
	_, compares := comparisons[sign]
	return bound{c.Arguments[0].String(), sign, value}, operates && compares && exact
}

// withinBound tells whether what is on the right side of one bound is on that of another.
func withinBound(a, b ast.Node) bool {
	x, first := boundOf(a)
	y, second := boundOf(b)
	if !first || !second || x.of != y.of {
		return false
	}
	order := x.value.Cmp(y.value)
	switch {
	case x.sign == "==":
		return comparisons[y.sign](order)
	case strings.HasPrefix(x.sign, ">") && strings.HasPrefix(y.sign, ">"):
		return order > 0 || order == 0 && (x.sign == ">" || y.sign == ">=")
	case strings.HasPrefix(x.sign, "<") && strings.HasPrefix(y.sign, "<"):
		return order < 0 || order == 0 && (x.sign == "<" || y.sign == "<=")
	default:
		return false
	}
}

// textsOf are the texts that something is asked to be one of.
func textsOf(n ast.Node) (of string, texts []string) {
	binary, is := n.(*ast.BinaryNode)
	if !is {
		return "", nil
	}
	switch constant := binary.Right.(type) {
	case *ast.StringNode:
		if binary.Operator == "==" {
			texts = []string{constant.Value}
		}
	case *ast.ConstantNode:
		if set, is := constant.Value.(map[string]struct{}); is && binary.Operator == "in" {
			texts = sorted(set)
		}
	}
	return binary.Left.String(), texts
}

func amongTexts(a, b ast.Node) bool {
	x, some := textsOf(a)
	y, all := textsOf(b)
	return x == y && len(some) > 0 && !slices.ContainsFunc(some, func(text string) bool { return !slices.Contains(all, text) })
}

// beginsLonger tells whether one asks for a beginning of which another asks for a part.
func beginsLonger(a, b ast.Node) bool {
	if !isBinary(a, "startsWith") || !isBinary(b, "startsWith") || sides(a)[0].String() != sides(b)[0].String() {
		return false
	}
	long, first := sides(a)[1].(*ast.StringNode)
	short, second := sides(b)[1].(*ast.StringNode)
	return first && second && strings.HasPrefix(long.Value, short.Value)
}

package mapping

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
)

// maxWork bounds what the expressions of one order do: a run of expr-lang's machine costs the nodes of its expression, an
// element that a loop looks at ten and the nodes of its condition, a text that is worked on its bytes, a list sixteen an
// element, a regular expression the bytes times its instructions. It is a count, no clock: the same order ends the same way
// everywhere (Invariant 6). Ten lines with ten rules that loop over them cost some 2,500.
const maxWork = 5_000_000

var errWork = fmt.Errorf("want less work: what loops, regular expressions and functions do to long lists and texts costs more than %d steps", maxWork)

// Work is what the expressions of an order have done so far.
type Work struct{ spent int }

// take counts steps; false where they are too many.
func (w *Work) take(steps int) bool {
	w.spent += steps
	return w.spent <= maxWork
}

// glance is how many bytes of a text cost a step where they are only copied, compared or looked through.
const glance = 16

// workName is the name of an order's work in Env: none that an expression can write.
const workName = "work "

const spendName = operatorName + "spend"

// counted are the options that make an expression count what it does.
func counted() []expr.Option {
	result := func(args []reflect.Type) (reflect.Type, error) { return args[len(args)-1], nil }
	return []expr.Option{checked(spendName, result, spend), expr.Patch(weigher{})}
}

// spend counts a value, its size by a factor in parts of a glance, and hands it on.
func spend(args ...any) (any, error) {
	work, _ := args[0].(*Work)
	base, _ := args[1].(int)
	factor, _ := args[2].(int)
	if !work.take(base + factor*size(args[3])/glance) {
		return nil, errWork
	}
	return args[3], nil
}

// perLook is what a loop's look at an element costs beside the nodes of its condition.
const perLook = 10

// perElement is what an element of a list costs beside a byte of a text: expr-lang looks at it by reflection.
const perElement = 16

func size(value any) int {
	switch v := value.(type) {
	case nil, int, bool:
		return 0
	case string:
		return len(v)
	}
	if v := reflect.ValueOf(value); v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return perElement * v.Len()
	}
	return 0
}

// weigher makes loops count, and everywhere what is done to a text or a list that may be long. What else an expression does
// is bounded by its own length.
type weigher struct{}

// Visit patches one node; its children were visited before.
func (weigher) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		nodes := nodesOf(n.Node)
		ast.Walk(&n.Node, operands{})
		wrap(&n.Node, perLook+nodes, glance)
	case *ast.BinaryNode:
		weighSides(n)
	case *ast.BuiltinNode, *ast.SliceNode:
		operands{}.Visit(node)
	case *ast.CallNode:
		callee, is := n.Callee.(*ast.IdentifierNode)
		switch {
		case !is || callee.Value == "first" || callee.Value == "ref":
		case isOperator(callee.Value):
			weighAll(n.Arguments, 1)
		default:
			operands{}.Visit(node)
		}
	}
}

// weighSides makes an operator count outside of loops; beside a constant only what looks through all of a text.
func weighSides(n *ast.BinaryNode) {
	switch n.Operator {
	case "matches":
		weighMatch(n)
	case "contains":
		weigh(&n.Left, 1)
	case "==", "!=", "<", "<=", ">", ">=", "startsWith", "endsWith":
		if !isConstant(n.Left) && !isConstant(n.Right) {
			weigh(&n.Left, 1)
		}
	case "in":
		if list, is := n.Right.(*ast.IdentifierNode); !isConstant(n.Right) && (!is || list.Value != "classes") {
			weigh(&n.Right, glance)
		}
	}
}

// weighMatch makes a regular expression count whatever it runs over.
func weighMatch(n *ast.BinaryNode) {
	cost := glance * stepsOf(n.Right)
	if spent, is := n.Left.(*ast.CallNode); is && isSpent(spent) {
		raise(spent, cost)
		return
	}
	wrap(&n.Left, 0, cost)
}

func isSpent(n ast.Node) bool {
	call, is := n.(*ast.CallNode)
	if !is {
		return false
	}
	callee, is := call.Callee.(*ast.IdentifierNode)
	return is && callee.Value == spendName
}

func isOperator(name string) bool {
	return len(name) > len(operatorName) && name[:len(operatorName)] == operatorName
}

// isConstant tells whether a node is written out in the expression, which bounds it.
func isConstant(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.StringNode, *ast.ConstantNode, *ast.NilNode, *ast.IntegerNode, *ast.BoolNode:
		return true
	case *ast.ArrayNode:
		return !slices.ContainsFunc(n.Nodes, func(element ast.Node) bool { return !isConstant(element) })
	default:
		return false
	}
}

func nodesOf(root ast.Node) int {
	nodes := 0
	ast.Walk(&root, visit(func(ast.Node) { nodes++ }))
	return nodes
}

// operands makes the operands of an operator or a function count.
type operands struct{}

// Visit patches the operands of one node.
func (operands) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		weighSide(&n.Left)
		weighSide(&n.Right)
	case *ast.SliceNode:
		weigh(&n.Node, glance)
	case *ast.BuiltinNode:
		if !slices.ContainsFunc(n.Arguments, isPredicate) { // a loop counts its elements
			weighAll(n.Arguments, glance)
		}
	case *ast.CallNode:
		if _, named := n.Callee.(*ast.IdentifierNode); named && !isSpent(n) {
			weighAll(n.Arguments, glance)
		}
	}
}

func isPredicate(n ast.Node) bool {
	_, is := n.(*ast.PredicateNode)
	return is
}

// perByte are the functions that make of a text one as long, which counted.
var perByte = []string{"lower", "upper", "trimPrefix", "trimSuffix"}

func weighSide(node *ast.Node) {
	if of, is := (*node).(*ast.BuiltinNode); !is || !slices.Contains(perByte, of.Name) {
		weigh(node, glance)
	}
}

func weighAll(nodes []ast.Node, factor int) {
	for i := range nodes {
		weigh(&nodes[i], factor)
	}
}

// longConstant is how many bytes a text that is written out has where working on it counts.
const longConstant = 256

// weigh wraps a node whose values may be long; one that is wrapped costs the larger factor.
func weigh(node *ast.Node, factor int) {
	switch n := (*node).(type) {
	case *ast.StringNode:
		if len(n.Value) <= longConstant {
			return
		}
	case *ast.ConstantNode, *ast.NilNode:
		return
	case *ast.CallNode:
		if isSpent(n) {
			raise(n, factor)
			return
		}
	}
	if t := (*node).Type(); isUnknown(t) || isText(t) || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		wrap(node, 0, factor)
	}
}

func raise(spent *ast.CallNode, factor int) {
	if least, is := spent.Arguments[2].(*ast.IntegerNode); is {
		least.Value = max(least.Value, factor)
	}
}

func wrap(node *ast.Node, base, factor int) {
	of := *node
	call(node, spendName, of.Type(), &ast.IdentifierNode{Value: workName}, &ast.IntegerNode{Value: base}, &ast.IntegerNode{Value: factor}, of)
}

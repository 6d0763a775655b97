package mapping

import (
	"fmt"
	"reflect"
	"regexp/syntax"
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
)

// maxWork bounds what the expressions of one order do in expr-lang's machine: an element that a loop looks at costs ten and
// the nodes of its condition, a text that is worked on its bytes, a list sixteen an element. It is a count, no clock: the
// same order ends the same way everywhere (Invariant 6). Ten lines with ten rules that loop over them cost some 2,500.
const maxWork = 5_000_000

// Work is what the expressions of an order have done so far.
type Work struct{ spent int }

// workName is the name of an order's work in Env: none that an expression can write.
const workName = "work "

const spendName = operatorName + "spend"

// counted are the options that make an expression count what it does.
func counted() []expr.Option {
	result := func(args []reflect.Type) (reflect.Type, error) { return args[len(args)-1], nil }
	return []expr.Option{checked(spendName, result, spend), expr.Patch(weigher{})}
}

// spend counts a value, its size by a factor, and hands it on.
func spend(args ...any) (any, error) {
	work, _ := args[0].(*Work)
	base, _ := args[1].(int)
	factor, _ := args[2].(int)
	if work.spent += base + factor*size(args[3]); work.spent > maxWork {
		return nil, fmt.Errorf("want less work: loops over long lists and texts cost more than %d steps", maxWork)
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

// weigher makes loops count. Outside of loops an expression is bounded by its own length, but for what a function makes
// of a text or a list.
type weigher struct{}

// Visit patches one node; its children were visited before.
func (weigher) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		nodes := 0
		ast.Walk(&n.Node, visit(func(ast.Node) { nodes++ }))
		ast.Walk(&n.Node, operands{})
		wrap(&n.Node, perLook+nodes, 1)
	case *ast.CallNode:
		if callee, is := n.Callee.(*ast.IdentifierNode); is && !isOperator(callee.Value) && callee.Value != "first" && callee.Value != "ref" {
			operands{}.Visit(node)
		}
	}
}

func isOperator(name string) bool {
	return len(name) > len(operatorName) && name[:len(operatorName)] == operatorName
}

// operands makes the operands of an operator or a function count.
type operands struct{}

// Visit patches the operands of one node.
func (operands) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		weigh(&n.Left, factor(n))
		weigh(&n.Right, 1)
	case *ast.SliceNode:
		weigh(&n.Node, 1)
	case *ast.BuiltinNode:
		if !slices.ContainsFunc(n.Arguments, isPredicate) { // a loop counts its elements
			weighAll(n.Arguments)
		}
	case *ast.CallNode:
		if callee, is := n.Callee.(*ast.IdentifierNode); is && callee.Value != spendName {
			weighAll(n.Arguments)
		}
	}
}

func isPredicate(n ast.Node) bool {
	_, is := n.(*ast.PredicateNode)
	return is
}

func weighAll(nodes []ast.Node) {
	for i := range nodes {
		weigh(&nodes[i], 1)
	}
}

// factor is what a byte of a text costs: for a regular expression, the steps of its machine.
func factor(n *ast.BinaryNode) int {
	if pattern, is := n.Right.(*ast.StringNode); is && n.Operator == "matches" {
		return max(1, instructions(pattern.Value))
	}
	return 1
}

// instructions counts the instructions of a regular expression, 0 where it is none.
func instructions(pattern string) int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0
	}
	return len(program.Inst)
}

// weigh wraps a node whose values may be long.
func weigh(node *ast.Node, factor int) {
	switch n := (*node).(type) {
	case *ast.StringNode, *ast.ConstantNode, *ast.NilNode, *ast.BuiltinNode:
		return
	case *ast.CallNode:
		if callee, is := n.Callee.(*ast.IdentifierNode); is && callee.Value == spendName {
			return
		}
	}
	if t := (*node).Type(); isUnknown(t) || isText(t) || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		wrap(node, 0, factor)
	}
}

func wrap(node *ast.Node, base, factor int) {
	of := *node
	call(node, spendName, of.Type(), &ast.IdentifierNode{Value: workName}, &ast.IntegerNode{Value: base}, &ast.IntegerNode{Value: factor}, of)
}

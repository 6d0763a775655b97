package mapping

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// Bounds of an expression. Whatever someone writes ends soon and in little memory: loops are two deep; what they,
// regular expressions and functions do is counted (maxWork); lists and texts have a largest size; nothing is built that is
// small to hold and endless to look at.
const (
	maxNodes  = 500     // of one expression's tree
	maxSource = 4_000   // bytes of its text
	maxMemory = 100_000 // elements of the lists that one run makes
	maxLoops  = 2       // predicates within predicates
	maxText   = 65_536  // bytes of a text that an expression makes
	maxParts  = 10_000  // of a text that is split

	maxTrimmed = 100 // bytes of the characters that trim takes off
)

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
		inspectBuiltin(n, refuse)
	case *ast.CallNode:
		inspectCall(n, refuse)
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			refuse(n, "want the names of the language, not all of them at once")
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
	case *ast.FloatNode:
		refuse(n, "want amounts and numbers that are exact")
	case *ast.BinaryNode:
		inspectBinary(n, refuse)
	case *ast.MemberNode:
		if name, is := n.Property.(*ast.StringNode); is && isMethod(n.Node.Type(), name.Value) {
			refuse(n, "there is no "+name.Value+"(): write it with operators")
		}
	}
}

func inspectBuiltin(n *ast.BuiltinNode, refuse func(ast.Node, string)) {
	if !isNative(n.Name) {
		refuse(n, "there is no "+n.Name+meant(n.Name, functionNames()))
	}
	if predicate, is := last(n.Arguments).(*ast.PredicateNode); is && n.Name == "map" && composite(predicate.Node.Type()) {
		refuse(n, "want map to make texts, numbers or amounts, not lists; string(…) makes a text of anything single")
	}
}

// inspectCall refuses calls of what is found while an expression runs: a function is named, or a method of a time.
func inspectCall(n *ast.CallNode, refuse func(ast.Node, string)) {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		if isFunction(callee.Value) {
			return
		}
	case *ast.MemberNode:
		if isTimely(callee.Node.Type()) {
			return // which methods, is looked at there
		}
	}
	refuse(n, "want a function of the language, by its name")
}

func inspectBinary(n *ast.BinaryNode, refuse func(ast.Node, string)) {
	switch n.Operator {
	case "**", "^":
		refuse(n, "want no "+n.Operator+": what it gives is not exact")
	case "matches":
		constant, is := n.Right.(*ast.StringNode)
		switch {
		case !is:
			if regexp, compiled := n.Right.(*ast.ConstantNode); !compiled || regexp == nil {
				refuse(n.Right, "want a regular expression written out")
			}
		case bounded(constant.Value) != nil:
			refuse(n.Right, bounded(constant.Value).Error())
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

// isMethod tells whether a name is a method that no expression may reach: the methods of amounts reach into decimals,
// where a small call makes a number of any length; some of times depend on the machine's zone.
func isMethod(t reflect.Type, name string) bool {
	if t == nil || isTimely(t) && slices.Contains(timeMethods, name) {
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

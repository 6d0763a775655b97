package mapping

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/contracts/event"
)

// Most conditions compare a field or two with constants, and most fields are copied. Those run as plain functions, some
// ten times faster than in expr-lang's machine, which does everything else; a test holds the two against each other.
type (
	asks  func(s *scope) bool
	tells func(s *scope) string
)

// direct gives the function of a condition; nil where the machine is needed.
func direct(n ast.Node) asks {
	switch n := bare(n).(type) {
	case *ast.BoolNode:
		return func(*scope) bool { return n.Value }
	case *ast.UnaryNode:
		if of := direct(n.Node); of != nil && (n.Operator == "!" || n.Operator == "not") {
			return func(s *scope) bool { return !of(s) }
		}
	case *ast.BinaryNode:
		return directBinary(n)
	case *ast.CallNode:
		return directComparison(n)
	case *ast.BuiltinNode:
		return directLoop(n)
	case *ast.IdentifierNode, *ast.MemberNode:
		if get := flagFields[n.String()]; get != nil {
			return func(s *scope) bool { return get(&s.Env) }
		}
	}
	return nil
}

// bare is a node without the count of what it costs. A function here runs no longer than the order has lines; one that looks
// through a text counts that itself.
func bare(n ast.Node) ast.Node {
	if call, is := n.(*ast.CallNode); is && isSpent(call) {
		return bare(call.Arguments[3])
	}
	return n
}

// loopEnds are the loops that ask something of every line: what ends them, and what they give then.
var loopEnds = map[string]struct{ at, gives bool }{"any": {true, true}, "none": {true, false}, "all": {false, false}}

// directLoop is for a condition over the order's lines; each is the line at hand meanwhile.
func directLoop(n *ast.BuiltinNode) asks {
	ends, is := loopEnds[n.Name]
	if !is || len(n.Arguments) != 2 || n.Arguments[0].String() != "order.lines" {
		return nil
	}
	condition, is := n.Arguments[1].(*ast.PredicateNode)
	if !is || asksBeyond(condition.Node) {
		return nil
	}
	of := direct(condition.Node)
	if of == nil {
		return nil
	}
	return func(s *scope) bool {
		outer := s.Line
		defer func() { s.Line = outer }()
		for i := range s.Order.Lines {
			if s.Line = s.Order.Lines[i]; of(s) == ends.at {
				return ends.gives
			}
		}
		return !ends.gives
	}
}

// asksBeyond tells whether a loop's condition asks for the line outside, or loops itself.
func asksBeyond(condition ast.Node) bool {
	beyond := false
	ast.Walk(&condition, visit(func(n ast.Node) {
		name, is := n.(*ast.IdentifierNode)
		beyond = beyond || is && name.Value == "line" || isPredicate(n)
	}))
	return beyond
}

// nameOf is how a field is written; one of a loop's element as one of the line at hand.
func nameOf(n ast.Node) string {
	if member, is := n.(*ast.MemberNode); is {
		if pointer, is := member.Node.(*ast.PointerNode); is && pointer.Name == "" {
			return "line" + n.String()
		}
	}
	return n.String()
}

func directBinary(n *ast.BinaryNode) asks {
	switch n.Operator {
	case "&&", "and", "||", "or":
		left, right := direct(n.Left), direct(n.Right)
		switch {
		case left == nil || right == nil:
			return nil
		case n.Operator == "&&" || n.Operator == "and":
			return func(s *scope) bool { return left(s) && right(s) }
		default:
			return func(s *scope) bool { return left(s) || right(s) }
		}
	case "in":
		return directIn(n)
	}
	if folded := directFolded(n); folded != nil {
		return folded
	}
	left := directText(n.Left)
	if left == nil {
		return nil
	}
	if n.Operator == "matches" {
		return directMatch(left, n.Right)
	}
	right := directText(n.Right)
	if right == nil {
		return nil
	}
	switch n.Operator {
	case "==":
		return func(s *scope) bool { return left(s) == right(s) }
	case "!=":
		return func(s *scope) bool { return left(s) != right(s) }
	case "startsWith":
		return func(s *scope) bool { return strings.HasPrefix(left(s), right(s)) }
	case "endsWith":
		return func(s *scope) bool { return strings.HasSuffix(left(s), right(s)) }
	case "contains":
		return func(s *scope) bool {
			text := left(s)
			return s.Work.take(len(text)/glance) && strings.Contains(text, right(s))
		}
	default:
		return nil
	}
}

// directFolded is for a text in small letters that is compared with a constant: it makes no text of its own.
func directFolded(n *ast.BinaryNode) asks {
	lower, is := bare(n.Left).(*ast.BuiltinNode)
	if !is || lower.Name != "lower" || n.Operator != "==" {
		return nil
	}
	constant, is := n.Right.(*ast.StringNode)
	of := directText(lower.Arguments[0])
	if !is || of == nil {
		return nil
	}
	return func(s *scope) bool {
		text := of(s)
		return s.Work.take(len(text)) && lowerIs(text, constant.Value)
	}
}

// lowerIs tells whether a text is another one in small letters, as strings.ToLower makes them.
func lowerIs(text, want string) bool {
	for i := range len(text) {
		c := text[i]
		if c >= utf8.RuneSelf {
			return strings.ToLower(text) == want
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if i >= len(want) || c != want[i] {
			return false // what comes before stays as it is
		}
	}
	return len(text) == len(want)
}

func directMatch(left tells, n ast.Node) asks {
	constant, is := n.(*ast.StringNode)
	if !is {
		return nil
	}
	matches, err := patternOf(constant.Value)
	if err != nil {
		return nil
	}
	return func(s *scope) bool {
		text := left(s)
		return matches.looks(text, s.Work) && matches.MatchString(text)
	}
}

const fewConstants = 8 // that are compared faster than hashed

// directIn is for a text in a list of constants, and for a class.
func directIn(n *ast.BinaryNode) asks {
	text := directText(n.Left)
	if text == nil {
		return nil
	}
	if list, is := n.Right.(*ast.IdentifierNode); is && list.Value == "classes" {
		return func(s *scope) bool { return slices.Contains(s.Classes, text(s)) }
	}
	var constants []string
	switch list := bare(n.Right).(type) {
	case *ast.ConstantNode: // what the optimiser makes of a list of constants; in a loop it stays a list
		if constants = onlyTexts(list.Value); constants != nil {
			return func(s *scope) bool { return slices.Contains(constants, text(s)) }
		}
		set, is := list.Value.(map[string]struct{})
		if !is {
			return nil
		}
		if constants = sorted(set); len(constants) > fewConstants {
			return func(s *scope) bool { _, has := set[text(s)]; return has }
		}
		return func(s *scope) bool { return slices.Contains(constants, text(s)) }
	case *ast.ArrayNode:
		for _, element := range list.Nodes {
			constant, is := element.(*ast.StringNode)
			if !is {
				return nil
			}
			constants = append(constants, constant.Value)
		}
		return func(s *scope) bool { return slices.Contains(constants, text(s)) }
	default:
		return nil
	}
}

// onlyTexts is a list that holds nothing but texts; nil: it is none.
func onlyTexts(value any) (list []string) {
	elements, _ := value.([]any)
	for _, element := range elements {
		text, is := element.(string)
		if !is {
			return nil
		}
		list = append(list, text)
	}
	return list
}

// directComparison is for an amount or a quantity of the order and a constant.
func directComparison(n *ast.CallNode) asks {
	callee, is := n.Callee.(*ast.IdentifierNode)
	if !is {
		return nil
	}
	sign, is := strings.CutPrefix(callee.Value, operatorName)
	holds := comparisons[sign]
	if !is || holds == nil || len(n.Arguments) != 2 {
		return nil
	}
	left, right := directDecimal(n.Arguments[0]), directDecimal(n.Arguments[1])
	if left == nil || right == nil {
		return nil
	}
	return func(s *scope) bool { return holds(left(s).Cmp(right(s))) }
}

func directDecimal(n ast.Node) func(s *scope) decimal.Decimal {
	var constant any
	switch n := bare(n).(type) {
	case *ast.IntegerNode:
		constant = n.Value
	case *ast.ConstantNode:
		constant = n.Value
	case *ast.MemberNode:
		if get := amountFields[nameOf(n)]; get != nil {
			return func(s *scope) decimal.Decimal { return get(&s.Env).Decimal() }
		}
		if get := numberFields[nameOf(n)]; get != nil {
			return func(s *scope) decimal.Decimal { return get(&s.Env).Decimal() }
		}
		return nil
	default:
		return nil
	}
	value, err := decimalOf(constant)
	if err != nil {
		return nil
	}
	return func(*scope) decimal.Decimal { return value }
}

// directText gives the function of a text; nil where the machine is needed.
func directText(n ast.Node) tells {
	switch n := bare(n).(type) {
	case *ast.StringNode:
		return func(*scope) string { return n.Value }
	case *ast.CallNode:
		return directCall(n)
	case *ast.BuiltinNode:
		return directChange(n.Name, n.Arguments)
	case *ast.MemberNode:
		if get := textFields[nameOf(n)]; get != nil {
			return func(s *scope) string { return get(&s.Env) }
		}
		key, is := n.Property.(*ast.StringNode)
		if get := metaFields[nameOf(n.Node)]; get != nil && is {
			return func(s *scope) string { return get(&s.Env)[key.Value] }
		}
	}
	return nil
}

// changes are the functions that make one text of another.
var changes = map[string]func(text string) string{"lower": strings.ToLower, "upper": strings.ToUpper, "trim": strings.TrimSpace}

// directChange is for a function of one text. It counts the text's bytes, as the machine does: where they are too many, it
// works on none.
func directChange(name string, arguments []ast.Node) tells {
	change := changes[name]
	if change == nil || len(arguments) != 1 {
		return nil
	}
	of := directText(arguments[0])
	if of == nil {
		return nil
	}
	return func(s *scope) string {
		text := of(s)
		if !s.Work.take(len(text)) {
			return ""
		}
		return change(text)
	}
}

// directCall is for first(…), and for a function of one text.
func directCall(n *ast.CallNode) tells {
	callee, is := n.Callee.(*ast.IdentifierNode)
	if !is || callee.Value != "first" {
		if is {
			return directChange(callee.Value, n.Arguments)
		}
		return nil
	}
	var parts []tells
	for _, argument := range n.Arguments {
		part := directText(argument)
		if part == nil {
			return nil
		}
		parts = append(parts, part)
	}
	return func(s *scope) string {
		for _, part := range parts {
			if text := part(s); text != "" {
				return text
			}
		}
		return ""
	}
}

// directSum puts texts together. The machine tells where that is too long.
func directSum(n ast.Node) tells {
	call, is := bare(n).(*ast.CallNode)
	if !is {
		return directText(n)
	}
	callee, is := call.Callee.(*ast.IdentifierNode)
	if !is || callee.Value != textName {
		return directText(n)
	}
	left, right := directSum(call.Arguments[0]), directSum(call.Arguments[1])
	if left == nil || right == nil {
		return nil
	}
	return func(s *scope) string {
		text := left(s)
		if len(text) > maxText {
			return text
		}
		return text + right(s)
	}
}

// directValue gives a field's expression that is a text, or always the same.
func directValue(n ast.Node) (tells, any) {
	if call, is := n.(*ast.CallNode); is {
		if callee, is := call.Callee.(*ast.IdentifierNode); is && callee.Value == "ref" {
			return nil, constantRef(call)
		}
	}
	if always, is := n.(*ast.BoolNode); is {
		return nil, always.Value
	}
	return directSum(n), nil
}

func constantRef(n *ast.CallNode) any {
	var parts []string
	for _, argument := range n.Arguments {
		constant, is := argument.(*ast.StringNode)
		if !is {
			return nil
		}
		parts = append(parts, constant.Value)
	}
	if len(parts) != 3 {
		return nil
	}
	return event.Ref{Record: parts[0], By: parts[1], Key: parts[2]}
}

package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/event"
)

// Trace is what was evaluated while orders were mapped: for explanations and for coverage.
type Trace struct {
	Steps []Step

	counts bool               // no steps, for many orders
	held   map[*yaml.Node]int // conditions, by where they stand: how often true
	ran    map[*yaml.Node]int // expressions: how often
	fired  map[*yaml.Node]int // rules: how often
	by     map[string]origin
}

// Step is one expression that was evaluated.
type Step struct {
	Path       string  `json:"path"`           // in the document
	Line       string  `json:"line,omitempty"` // id of the shop's line, where it was one's
	Expression string  `json:"expression"`
	Inputs     []Input `json:"inputs,omitempty"`
	Value      string  `json:"value"`
	Error      string  `json:"error,omitempty"`
}

// Input is a value an expression asked for.
type Input struct {
	Name  string `json:"name"` // order.shipping.country
	Value string `json:"value"`
}

// origin is where a target field's value comes from: a step, or a rule's constant.
type origin struct {
	step int // -1: none
	rule string
	part string // key of the line at hand
}

// NewTrace makes an empty trace.
func NewTrace() *Trace {
	return &Trace{held: map[*yaml.Node]int{}, ran: map[*yaml.Node]int{}, fired: map[*yaml.Node]int{}, by: map[string]origin{}}
}

// NewCounts makes a trace that only counts: for the coverage of many orders.
func NewCounts() *Trace {
	t := NewTrace()
	t.counts = true
	return t
}

func (t *Trace) evaluated(e *expression, s *scope, result any, err error) {
	t.ran[e.node]++
	if result == true {
		t.held[e.node]++
	}
	if t.counts {
		return
	}
	step := Step{Path: e.path, Line: s.Line.ID, Expression: e.source, Inputs: inputs(e, s), Value: shown(result)}
	if err != nil {
		step.Error = err.Error()
	}
	t.Steps = append(t.Steps, step)
}

// took notes that a field got the value of the last step, or of a rule's constant.
func (t *Trace) took(section, field, rule string, constant bool, part string) {
	o := origin{step: len(t.Steps) - 1, rule: rule, part: part}
	if constant {
		o.step = -1
	}
	t.by[target(section, part)+"."+field] = o
}

// target says which fields of the desired state a section's fields become; part is the line, the deposit or the refund.
func target(section, part string) string {
	switch {
	case strings.HasPrefix(section, "customer."):
		return "customer.fields"
	case strings.HasPrefix(section, "items.") || strings.HasPrefix(section, sectionLines):
		return "lines[" + part + "].fields"
	case strings.HasPrefix(section, "payments."):
		return "deposits[" + part + "].fields"
	case strings.HasPrefix(section, "refunds."):
		return "refunds[" + part + "].fields"
	default:
		return "sales_order.fields"
	}
}

// inputs gives the values an expression asks the order for; what a loop asks of each element stands side by side.
func inputs(e *expression, s *scope) []Input {
	asked := map[string]string{} // name → the expression of its value
	root := e.program.Node()
	inner := map[ast.Node]bool{}
	ast.Walk(&root, visit(func(n ast.Node) {
		if member, is := n.(*ast.MemberNode); is {
			if _, whole := chain(n); whole {
				inner[member.Node] = true
			}
		}
	}))
	ast.Walk(&root, visit(func(n ast.Node) {
		if name, is := chain(n); is && !inner[n] {
			asked[name] = name
		}
		if loop, is := n.(*ast.BuiltinNode); is {
			ofElements(asked, loop)
		}
	}))
	var list []Input
	for _, name := range sorted(asked) {
		program, err := compile(asked[name])
		if err != nil {
			continue
		}
		if result, err := (&scope{Env: s.Env}).machine.Run(program, &s.Env); err == nil {
			list = append(list, Input{name, shown(result)})
		}
	}
	return list
}

// ofElements adds what a loop over a list of the order asks of its elements: order.lines[].sku.
func ofElements(asked map[string]string, loop *ast.BuiltinNode) {
	if len(loop.Arguments) < 2 {
		return
	}
	list, known := chain(loop.Arguments[0])
	condition, is := loop.Arguments[1].(*ast.PredicateNode)
	if !known || !is {
		return
	}
	inner := map[ast.Node]bool{}
	ast.Walk(&condition.Node, visit(func(n ast.Node) {
		if member, is := n.(*ast.MemberNode); is {
			inner[member.Node] = true
		}
	}))
	ast.Walk(&condition.Node, visit(func(n ast.Node) {
		if field, is := ofElement(n); is && !inner[n] {
			asked[list+"[]"+field] = fmt.Sprintf(`join(map(%s, string(%s)), ", ")`, list, field)
		}
	}))
}

// ofElement tells whether a node is a field of a loop's element, and how it is written: .sku, .meta.colour.
func ofElement(n ast.Node) (string, bool) {
	member, is := n.(*ast.MemberNode)
	if !is || member.Method {
		return "", false
	}
	if _, constant := member.Property.(*ast.StringNode); !constant {
		return "", false
	}
	if pointer, is := member.Node.(*ast.PointerNode); is {
		return member.String(), pointer.Name == ""
	}
	_, within := ofElement(member.Node)
	return member.String(), within
}

// chain tells whether a node is a name of the environment, or a field of one, and how it is written.
func chain(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value, slices.Contains(names(types["Env"]), n.Value)
	case *ast.MemberNode:
		_, constant := n.Property.(*ast.StringNode)
		_, index := n.Property.(*ast.IntegerNode)
		if _, is := chain(n.Node); is && (constant || index) && !n.Method {
			return n.String(), true
		}
	}
	return "", false
}

const maxShown = 200 // characters of a value that are shown

func shown(value any) string {
	var text string
	switch v := value.(type) {
	case nil:
		return ""
	case event.Ref:
		text = v.Record + " " + v.Key
	case string:
		text = v
	default:
		text = fmt.Sprint(v)
	}
	if runes := []rune(text); len(runes) > maxShown {
		return string(runes[:maxShown]) + "…"
	}
	return text
}

// MapTraced is Map that leaves what it did in a trace.
func (m *Mapping) MapTraced(o event.OrderStateV1, c Context, t *Trace) (event.DesiredOrderV1, error) {
	used := m.of(o.Store)
	s := &scope{trace: t}
	used.begin(s, o, c.Inputs)
	d, err := used.make(o, c, s)
	fired := map[string]bool{"statuses " + d.Policy.Rule: true}
	for _, r := range s.fired {
		fired[r.Section+" "+r.Name] = true
	}
	for _, of := range used.sections() {
		for _, r := range of.rules {
			if fired[of.name+" "+r.name] {
				t.fired[used.tree.nodes[r.path]]++
			}
		}
	}
	return d, err
}

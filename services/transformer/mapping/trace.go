package mapping

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/orderstream/orderstream/contracts/event"
)

// Trace is what was evaluated while orders were mapped: for explanations and for coverage.
type Trace struct {
	Steps []Step
	held  map[string]int // conditions: how often true
	ran   map[string]int // expressions: how often
	fired map[string]int // "section name": how often
	by    map[string]origin
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
}

// NewTrace makes an empty trace.
func NewTrace() *Trace {
	return &Trace{held: map[string]int{}, ran: map[string]int{}, fired: map[string]int{}, by: map[string]origin{}}
}

func (t *Trace) evaluated(e *expression, s *scope, result any, err error) {
	t.ran[e.path]++
	if result == true {
		t.held[e.path]++
	}
	step := Step{Path: e.path, Line: s.Line.ID, Expression: e.source, Inputs: inputs(e, s), Value: shown(result)}
	if err != nil {
		step.Error = err.Error()
	}
	t.Steps = append(t.Steps, step)
}

// took notes that a field got the value of the last step, or of a rule's constant.
func (t *Trace) took(section, field, rule string, constant bool, line string) {
	o := origin{step: len(t.Steps) - 1, rule: rule}
	if constant {
		o.step = -1
	}
	t.by[target(section, line)+"."+field] = o
}

// target says which fields of the desired state a section's fields become.
func target(section, line string) string {
	switch {
	case strings.HasPrefix(section, "customer."):
		return "customer.fields"
	case strings.HasPrefix(section, "items.") || strings.HasPrefix(section, sectionLines):
		return "lines[line-" + line + "].fields"
	case strings.HasPrefix(section, "payments."):
		return "deposits.fields"
	case strings.HasPrefix(section, "refunds."):
		return "refunds.fields"
	default:
		return "sales_order.fields"
	}
}

// inputs gives the values an expression asks the order for; what a predicate asks of each element is not among them.
func inputs(e *expression, s *scope) []Input {
	found, inner := map[string]bool{}, map[ast.Node]bool{}
	root := e.program.Node()
	ast.Walk(&root, visit(func(n ast.Node) {
		if member, is := n.(*ast.MemberNode); is {
			if _, whole := chain(n); whole {
				inner[member.Node] = true
			}
		}
	}))
	ast.Walk(&root, visit(func(n ast.Node) {
		if name, is := chain(n); is && !inner[n] {
			found[name] = true
		}
	}))
	var list []Input
	for _, name := range slices.Sorted(maps.Keys(found)) {
		program, err := compile(name)
		if err != nil {
			continue
		}
		result, err := (&scope{Env: s.Env}).machine.Run(program, &s.Env)
		if err == nil {
			list = append(list, Input{name, shown(result)})
		}
	}
	return list
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

// Explanation says why a desired state is what it is.
type Explanation struct {
	Store    string            `json:"store"`
	Order    string            `json:"order"`
	Mapping  string            `json:"mapping"`
	Revision string            `json:"revision"`
	Rule     string            `json:"rule,omitempty"`  // of statuses or validation
	Rules    []event.FiredRule `json:"rules,omitempty"` // the others that applied
	Fields   []Explained       `json:"fields,omitempty"`
	Steps    []Step            `json:"steps"` // every expression, in the order of evaluation
	Warnings []string          `json:"warnings,omitempty"`
	Error    string            `json:"error,omitempty"` // why the order is parked
}

// Explained is one field of the desired state.
type Explained struct {
	Field string `json:"field"`
	Value string `json:"value"`
	Rule  string `json:"rule,omitempty"` // the rule that set it
	From  string `json:"from,omitempty"` // the section that makes what no expression and no rule does
	Step  *Step  `json:"step,omitempty"` // the expression
}

// Explain maps an order and says where each field comes from.
func (m *Mapping) Explain(o event.OrderStateV1, c Context) Explanation {
	t := NewTrace()
	d, err := m.MapTraced(o, c, t)
	x := Explanation{Store: o.Store, Order: o.Order, Mapping: m.Name(), Revision: m.Revision(), Rule: d.Policy.Rule, Rules: d.Rules, Steps: t.Steps, Warnings: d.Warnings}
	if err != nil {
		x.Error = err.Error()
		return x
	}
	x.explain(t, "customer.fields", d.Customer.Fields)
	x.explain(t, "sales_order.fields", d.SalesOrder.Fields)
	for _, line := range d.SalesOrder.Lines {
		x.explain(t, "lines["+line.Key+"].fields", line.Fields)
	}
	for _, deposit := range d.Deposits {
		x.explain(t, "deposits.fields", deposit.Fields)
	}
	for _, refund := range d.Refunds {
		x.explain(t, "refunds.fields", refund.Fields)
	}
	return x
}

func (x *Explanation) explain(t *Trace, prefix string, fields map[string]event.Value) {
	for _, name := range sorted(fields) {
		e := Explained{Field: prefix + "." + name, Value: textOf(fields[name])}
		from, known := t.by[e.Field]
		switch {
		case !known:
			e.From = cmp.Or(tables[name], "payments, refunds")
			if strings.HasSuffix(prefix, "-discount].fields") {
				e.From = "the line above"
			}
		case from.step >= 0:
			e.Rule, e.Step = from.rule, &t.Steps[from.step]
		default:
			e.Rule = from.rule
		}
		x.Fields = append(x.Fields, e)
	}
}

// tables are the sections that make what no expression does.
var tables = map[string]string{
	"shipMethod": "shipping.methods", "shippingCost": "the shop's shipping lines", "shippingTaxCode": "taxes", "discountItem": "discounts", "discountRate": "discounts",
}

// textOf is a field's value as one text.
func textOf(v event.Value) string {
	switch {
	case v.Text != nil:
		return *v.Text
	case v.Number != nil:
		return v.Number.String()
	case v.Flag != nil:
		return fmt.Sprint(*v.Flag)
	case v.Ref != nil:
		return v.Ref.Key
	default:
		return ""
	}
}

// MapTraced is Map that leaves what it did in a trace.
func (m *Mapping) MapTraced(o event.OrderStateV1, c Context, t *Trace) (event.DesiredOrderV1, error) {
	s := scopeOf(o)
	s.trace = t
	d, err := m.of(o.Store).make(o, c, s)
	for _, r := range s.fired {
		t.fired[r.Section+" "+r.Name]++
	}
	t.fired["statuses "+d.Policy.Rule]++
	return d, err
}

// Coverage says what of a mapping was exercised.
type Coverage struct {
	Rules       int      `json:"rules"`
	Expressions int      `json:"expressions"`
	Unfired     []string `json:"unfired"` // "section name"
	Unrun       []string `json:"unrun"`   // paths of expressions
	Always      []string `json:"always"`  // conditions that were never false
}

// Percent is the share of rules and expressions that were exercised.
func (c Coverage) Percent() int {
	all := c.Rules + c.Expressions
	if all == 0 {
		return 100
	}
	return (all - len(c.Unfired) - len(c.Unrun)) * 100 / all
}

// Coverage compares a trace with the mapping, its stores apart.
func (m *Mapping) Coverage(t *Trace) Coverage {
	c := Coverage{Unfired: []string{}, Unrun: []string{}, Always: []string{}}
	for _, name := range m.ruleNames() {
		c.Rules++
		if t.fired[name] == 0 {
			c.Unfired = append(c.Unfired, name)
		}
	}
	seen := map[string]bool{}
	for _, e := range m.expressions {
		if seen[e.path] { // the parts of a message have one path
			continue
		}
		seen[e.path] = true
		c.Expressions++
		switch {
		case t.ran[e.path] == 0:
			c.Unrun = append(c.Unrun, e.path)
		case strings.HasSuffix(e.path, ".when") && t.held[e.path] == t.ran[e.path] && e.source != "true":
			c.Always = append(c.Always, e.path)
		}
	}
	return c
}

// ruleNames lists every rule as "section name", in the order of the document.
func (m *Mapping) ruleNames() []string {
	var list []string
	for _, s := range m.sections() {
		for _, r := range s.rules {
			list = append(list, s.name+" "+r.name)
		}
	}
	return list
}

// section is a list of rules, with what decides which of them fire.
type section struct {
	name  string
	rules []member
}

type member struct {
	name, group string
	alone       bool // it does not compete with others
	always      bool // nothing keeps it from firing
	when        *expression
	path        string
}

func (m *Mapping) sections() []section {
	classes, validation, statuses := section{name: sectionClasses}, section{name: sectionValidation}, section{name: "statuses"}
	for i, r := range m.classes {
		classes.rules = append(classes.rules, member{name: r.Name, group: r.Group, alone: r.Group == "", always: r.when.isTrue(), when: r.when, path: fmt.Sprintf("classes[%d]", i)})
	}
	for i, r := range m.validation {
		validation.rules = append(validation.rules, member{name: r.Name, alone: r.Severity == SeverityWarn, always: r.when.isTrue(), when: r.when, path: fmt.Sprintf("validation[%d]", i)})
	}
	for i, r := range m.rules {
		statuses.rules = append(statuses.rules, member{name: r.Name, always: r.when.isTrue(), when: r.when, path: fmt.Sprintf("statuses[%d]", i)})
	}
	list := []section{classes, validation, statuses}
	for _, of := range []struct {
		name  string
		rules []routeRule
	}{{sectionOrders, m.orders}, {sectionCustomer, m.customers}, {sectionLines, m.lines}} {
		s := section{name: of.name}
		for i, r := range of.rules {
			s.rules = append(s.rules, member{name: r.name, group: r.group, always: r.when.isTrue(), when: r.when, path: fmt.Sprintf("%s[%d]", of.name, i)})
		}
		list = append(list, s)
	}
	items := section{name: sectionItems}
	for i, r := range m.items {
		bare := r.Prefix == "" && r.matches == nil && len(r.attributes) == 0
		items.rules = append(items.rules, member{name: r.Name, alone: !bare, always: bare && r.when.isTrue(), when: r.when, path: fmt.Sprintf("%s[%d]", sectionItems, i)})
	}
	return append(list, items)
}

// isTrue tells whether a condition holds whatever the order.
func (e *expression) isTrue() bool {
	if e == nil {
		return true
	}
	constant, is := e.program.Node().(*ast.BoolNode)
	return is && constant.Value
}

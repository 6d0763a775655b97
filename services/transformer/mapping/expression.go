package mapping

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"
	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// expression is one compiled expression of a document.
type expression struct {
	path, source string
	node         *yaml.Node // where it stands: a store's mapping shares what it does not change
	program      *vm.Program
	nodes        int // of its tree: what a run of the machine costs

	asks     asks  // of a condition; nil where the machine is needed
	tells    tells // of a text
	constant any   // what it always gives
}

// field is the expression of one NetSuite field.
type field struct {
	name string
	*expression
	limit int          // of its text; 0: none
	fixed *event.Value // what a constant gives
}

// scope is what the expressions of one order see, and what they leave behind.
type scope struct {
	Env
	machine vm.VM
	fired   []event.FiredRule

	billing, shipping *event.PostalAddress // as NetSuite writes them; the order's and the customer's
	part              string               // key of the deposit or the refund at hand
	trace             *Trace               // nil: no one asks
}

// at is the key of the line, the deposit or the refund at hand; "" for the order.
func (s *scope) at() string {
	if s.Line.ID != "" {
		return "line-" + s.Line.ID
	}
	return s.part
}

func scopeOf(o event.OrderStateV1) *scope {
	s := &scope{}
	s.begin(o)
	return s
}

// scopes keep the room of a scope and of the machine's stack from one order to the next, nothing else.
var scopes = sync.Pool{New: func() any { return &scope{} }}

func (s *scope) begin(o event.OrderStateV1) {
	s.machine.MemoryBudget = maxMemory
	s.Env = envOf(o)
}

// release gives the scope back without anything of the order.
func (s *scope) release() {
	stack := s.machine.Stack[:cap(s.machine.Stack)]
	clear(stack)
	*s = scope{machine: vm.VM{Stack: stack[:0]}}
	scopes.Put(s)
}

// run gives an expression's value for the order at hand.
func (s *scope) run(e *expression) (any, error) {
	if s.trace == nil {
		switch {
		case e.constant != nil:
			return e.constant, nil
		case e.tells != nil:
			if text, told := s.tellsOf(e); told {
				return text, nil
			}
		}
	}
	if !s.Work.take(e.nodes) {
		return nil, errWork
	}
	result, err := s.machine.Run(e.program, &s.Env)
	if err == nil && !s.Work.take(size(result)/glance) {
		err = errWork
	}
	if s.trace != nil {
		s.trace.evaluated(e, s, result, err)
	}
	return result, err
}

// tellsOf gives the text of an expression that needs no machine; false where the machine has to say what is wrong.
func (s *scope) tellsOf(e *expression) (string, bool) {
	text := e.tells(s)
	return text, len(text) <= maxText && s.Work.take(len(text)/glance)
}

// overworked says that the order's expressions did too much, as what runs without the machine cannot.
func (s *scope) overworked(path, source string) error {
	if s.Work.spent <= maxWork {
		return nil
	}
	return unheld(path, source, errWork)
}

func unheld(path, source string, err error) error {
	return fault.New(fault.MappingFailed, "the condition must give true or false", fault.Field(path, source), fault.Because(err))
}

// holds runs a condition; none always holds.
func (s *scope) holds(e *expression) (bool, error) {
	if e == nil {
		return true, nil
	}
	if e.asks != nil && s.trace == nil {
		return e.asks(s), s.overworked(e.path, e.source)
	}
	holds, err := s.run(e)
	if err != nil {
		return false, unheld(e.path, e.source, err)
	}
	return holds == true, nil
}

// fire notes that a rule applied; line is the key of the line it applied to, "" for the order.
func (s *scope) fire(section, name, line string) {
	at := slices.IndexFunc(s.fired, func(f event.FiredRule) bool { return f.Section == section && f.Name == name })
	if at < 0 {
		at, s.fired = len(s.fired), append(s.fired, event.FiredRule{Section: section, Name: name})
	}
	if line != "" {
		s.fired[at].Lines = append(s.fired[at].Lines, line)
	}
}

// compiler compiles a document's expressions and keeps their mistakes.
type compiler struct {
	tree        *tree
	document    Document
	expressions []*expression
	asked       asked
	problems    problems
}

func (c *compiler) keep(path string, err error) {
	if err != nil {
		c.problems = append(c.problems, problem{path: path, text: err.Error()})
	}
}

func (c *compiler) expression(path, source string, options ...expr.Option) *expression {
	return c.within(path, source, 0, options...)
}

// within compiles an expression that stands inside a text, behind so many bytes of it.
func (c *compiler) within(path, source string, before int, options ...expr.Option) *expression {
	e := &expression{path: path, source: source, node: c.tree.nodes[path]}
	program, err := compile(source, options...)
	if err != nil {
		c.problems = append(c.problems, c.mistake(path, source, before, err))
		return e
	}
	e.program, e.nodes = program, nodesOf(program.Node())
	e.asks = direct(program.Node())
	e.tells, e.constant = directValue(program.Node())
	c.expressions = append(c.expressions, e)
	c.mentioned(e)
	if err := c.asked.seek(source, program.Node(), c.document.Lookups.Locations); err != nil {
		c.problems = append(c.problems, c.mistake(path, source, before, err))
	}
	return e
}

// mentioned wants the classes an expression asks for to be classes of the document.
func (c *compiler) mentioned(e *expression) {
	var names []string
	for _, r := range c.document.Classes {
		names = append(names, r.Name)
	}
	node := e.program.Node()
	ast.Walk(&node, visit(func(n ast.Node) {
		in, ok := n.(*ast.BinaryNode)
		if !ok || in.Operator != "in" {
			return
		}
		name, literal := in.Left.(*ast.StringNode)
		list, ofEnv := in.Right.(*ast.IdentifierNode)
		if literal && ofEnv && list.Value == "classes" && !slices.Contains(names, name.Value) {
			c.keep(e.path, fmt.Errorf("no class %q%s", name.Value, meant(name.Value, names)))
		}
	}))
}

type visit func(n ast.Node)

// Visit is called with every node of a tree.
func (v visit) Visit(n *ast.Node) { v(*n) }

// condition compiles a condition; none where the source is empty.
func (c *compiler) condition(path, source string) *expression {
	if source == "" {
		return nil
	}
	return c.expression(path, source, expr.AsBool())
}

// fields compiles expressions by their NetSuite field, in the order of the names.
func (c *compiler) fields(path string, sources map[string]string) []field {
	var list []field
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		f := field{name: name, expression: c.expression(path+"."+name, sources[name]), limit: c.document.Lengths[name]}
		switch constant := f.constant.(type) {
		case event.Ref:
			f.fixed = &event.Value{Ref: &constant}
		case bool:
			f.fixed = &event.Value{Flag: &constant}
		}
		list = append(list, f)
	}
	return list
}

func compile(source string, options ...expr.Option) (*vm.Program, error) {
	if len(source) > maxSource {
		return nil, fmt.Errorf("want at most %d bytes, the expression has %d", maxSource, len(source))
	}
	options = append(append([]expr.Option{expr.Env(Env{}), expr.MaxNodes(maxNodes)}, language...), options...)
	program, err := expr.Compile(source, options...)
	if err != nil {
		return nil, err
	}
	return program, guard(source, program.Node())
}

const extra = 6 // fields beside those of expressions: shipping, routes

// values runs the expressions. What gives nil or empty text is cleared in NetSuite where clear is set, else
// left out.
func (m *Mapping) values(fields []field, s *scope, clear bool) (map[string]event.Value, error) {
	values := make(map[string]event.Value, len(fields)+extra)
	return values, m.fillValues(values, fields, s, clear, "")
}

// fillValues is values into a map that holds some already; rule names the rule whose fields they are, "" where none.
func (m *Mapping) fillValues(values map[string]event.Value, fields []field, s *scope, clear bool, rule string) error {
	texts := make([]string, 0, len(fields)) // one block for all of them
	for i := range fields {
		f := &fields[i]
		if f.fixed != nil && s.trace == nil && (f.fixed.Ref == nil || f.fixed.Ref.Key != "") {
			values[f.name] = *f.fixed
			continue
		}
		if f.tells != nil && s.trace == nil {
			if text, told := s.tellsOf(f.expression); told {
				if text = m.textWithin(f.name, text, f.limit); text != "" {
					texts = append(texts, text)
					values[f.name] = event.Value{Text: &texts[len(texts)-1]}
				} else if clear {
					values[f.name] = event.Value{Empty: true}
				}
				continue
			}
		}
		result, err := s.run(f.expression)
		if err != nil {
			return fault.New(fault.MappingFailed, "the expression must give a value", fault.Field(f.path, ""), fault.Because(err))
		}
		value, set, err := m.value(f.name, result)
		if err != nil {
			return fault.New(fault.MappingFailed, err.Error(), fault.Field(f.path, fmt.Sprint(result)))
		}
		if s.trace != nil {
			s.trace.took(f.path, f.name, rule, false, s.at())
		}
		switch {
		case set:
			values[f.name] = value
		case clear:
			values[f.name] = event.Value{Empty: true}
		}
	}
	return nil
}

func (m *Mapping) value(name string, result any) (event.Value, bool, error) {
	switch v := result.(type) {
	case nil:
		return event.Value{}, false, nil
	case string:
		text := m.text(name, v)
		return event.Value{Text: &text}, text != "", nil
	case bool:
		return event.Value{Flag: &v}, true, nil
	case int:
		number := money.Int(int64(v))
		return event.Value{Number: &number}, true, nil
	case money.Number:
		return event.Value{Number: &v}, true, nil
	case money.Amount:
		number := money.NumberOf(v.Decimal())
		return event.Value{Number: &number}, true, nil
	case event.Ref:
		return event.Value{Ref: &v}, v.Key != "", nil
	default:
		return event.Value{}, false, fmt.Errorf("want text, a flag, a whole number, an amount or ref(…), have %T", result)
	}
}

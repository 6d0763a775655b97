package mapping

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

// Where compiles a condition over an order, in the language of the document: it sees order, store and now.
func Where(condition string) (func(o event.OrderStateV1) (bool, error), error) {
	return where(condition, nil, func(*scope) error { return nil })
}

// Where compiles a condition over an order that sees the mapping's classes too.
func (m *Mapping) Where(condition string) (func(o event.OrderStateV1) (bool, error), error) {
	classes := slices.Clone(m.document.Classes)
	for _, store := range sorted(m.stores) {
		classes = append(classes, m.stores[store].document.Classes...)
	}
	return where(condition, append(classes, ClassRule{}), func(s *scope) error { return m.of(s.Store.Key).classify(s) })
}

// where compiles a condition over orders; without classes it cannot ask for them.
func where(condition string, classes []ClassRule, classify func(s *scope) error) (func(o event.OrderStateV1) (bool, error), error) {
	c := compiler{tree: &tree{}, document: Document{Classes: classes}}
	e := c.expression("where", condition, expr.AsBool())
	if e.program != nil {
		c.keep("where", absent(e.program.Node(), len(classes) > 0))
	}
	if err := c.problems.in(c.tree); err != nil {
		return nil, fault.New(fault.MappingInvalid, "want a condition over order and store", fault.Field("where", condition), fault.Because(err))
	}
	return func(o event.OrderStateV1) (bool, error) {
		s := scopeOf(o)
		if err := classify(s); err != nil {
			return false, err
		}
		return s.holds(e)
	}, nil
}

// absent refuses names that hold nothing here: a condition over them would be false without a word.
func absent(root ast.Node, classes bool) error {
	var err error
	ast.Walk(&root, visit(func(n ast.Node) {
		name, is := n.(*ast.IdentifierNode)
		switch {
		case !is:
		case name.Value == "line":
			err = fmt.Errorf("there is no line at hand: any(order.lines, …) looks at all of them")
		case name.Value == "refund":
			err = fmt.Errorf("there is no refund at hand")
		case name.Value == "classes" && !classes:
			err = fmt.Errorf("there are no classes without a mapping")
		}
	}))
	return err
}

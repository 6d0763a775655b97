package mapping

import (
	"errors"
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

// Where compiles a condition over an order, in the language of the document: it sees order, store, now and the mapping's
// classes, unless they ask for look-ups: over history each order has its own, and orders of before have none.
func (m *Mapping) Where(condition string) (func(o event.OrderStateV1) (bool, error), error) {
	if err := m.classesAsked().refused("a condition without classes"); err != nil {
		return whereWith(condition, nil, err, func(*scope) error { return nil })
	}
	classes := slices.Clone(m.document.Classes)
	for _, store := range sorted(m.stores) {
		classes = append(classes, m.stores[store].document.Classes...)
	}
	return whereWith(condition, classes, nil, func(s *scope) error { return m.of(s.Store.Key).classify(s) })
}

// whereWith compiles a condition over orders; without says why it cannot ask for classes.
func whereWith(condition string, classes []ClassRule, without error, classify func(s *scope) error) (func(o event.OrderStateV1) (bool, error), error) {
	c := compiler{tree: &tree{}, document: Document{Classes: classes}}
	e := c.expression("where", condition, expr.AsBool())
	c.keep("where", c.asked.refused("a condition over the order"))
	if e.program != nil {
		c.keep("where", absent(e.program.Node(), without))
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
func absent(root ast.Node, without error) error {
	var err error
	ast.Walk(&root, visit(func(n ast.Node) {
		name, is := n.(*ast.IdentifierNode)
		switch {
		case !is:
		case name.Value == "line":
			err = errors.New("there is no line at hand: any(order.lines, …) looks at all of them")
		case name.Value == "refund":
			err = errors.New("there is no refund at hand")
		case name.Value == "classes" && without != nil:
			err = without
		}
	}))
	return err
}

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
// classes.
func (m *Mapping) Where(condition string) (func(o event.OrderStateV1) (bool, error), error) {
	classes := slices.Clone(m.document.Classes)
	for _, store := range sorted(m.stores) {
		classes = append(classes, m.stores[store].document.Classes...)
	}
	c := compiler{tree: &tree{}, document: Document{Classes: classes}}
	e := c.expression("where", condition, expr.AsBool())
	if e.program != nil {
		c.keep("where", absent(e.program.Node()))
	}
	if err := c.problems.in(c.tree); err != nil {
		return nil, fault.New(fault.MappingInvalid, "want a condition over order and store", fault.Field("where", condition), fault.Because(err))
	}
	return func(o event.OrderStateV1) (bool, error) {
		s := scopeOf(o)
		if err := m.of(o.Store).classify(s); err != nil {
			return false, err
		}
		return s.holds(e)
	}, nil
}

// absent refuses names that hold nothing here: a condition over them would be false without a word.
func absent(root ast.Node) error {
	var err error
	ast.Walk(&root, visit(func(n ast.Node) {
		name, is := n.(*ast.IdentifierNode)
		switch {
		case !is:
		case name.Value == "line":
			err = errors.New("there is no line at hand: any(order.lines, …) looks at all of them")
		case name.Value == "refund":
			err = errors.New("there is no refund at hand")
		}
	}))
	return err
}

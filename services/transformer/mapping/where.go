package mapping

import (
	"github.com/expr-lang/expr"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

// Where compiles a condition over an order, in the language of the document: it sees order and store.
func Where(condition string) (func(o event.OrderStateV1) (bool, error), error) {
	program, err := compile(condition, expr.AsBool())
	e := &expression{path: "where", source: condition, program: program}
	if err != nil {
		return nil, fault.New(fault.MappingInvalid, "want a condition over order and store", fault.Field("where", condition), fault.Because(err))
	}
	return func(o event.OrderStateV1) (bool, error) {
		return scopeOf(o).holds(e)
	}, nil
}

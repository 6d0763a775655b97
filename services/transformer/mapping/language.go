package mapping

import (
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker/nature"
)

// language is what expressions have: the functions of the table, exact arithmetic, and work that is counted.
var language = slices.Concat(callable(), arithmetic(), counted(), []expr.Option{expr.Patch(recheck{})})

// recheck makes the last check look at every call again. Only what may be repeated runs that late.
type recheck struct{}

// Reset is for expr-lang, which calls it before a walk.
func (recheck) Reset() {}

// ShouldRepeat tells that one walk is enough.
func (recheck) ShouldRepeat() bool { return false }

// Visit forgets what an earlier check found of a call.
func (recheck) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.CallNode); ok {
		n.SetNature(nature.Nature{})
	}
}

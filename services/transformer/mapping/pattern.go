package mapping

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/expr-lang/expr/ast"
)

const (
	maxPattern = 300 // bytes of a regular expression
	maxSteps   = 500 // instructions of its machine; it runs in linear time whatever it is
)

// pattern is a regular expression that counts what it does.
type pattern struct {
	*regexp.Regexp
	begins string // what every text begins with that it matches
	steps  int    // what a byte of a text costs
}

func patternOf(source string) (*pattern, error) {
	if err := bounded(source); err != nil {
		return nil, err
	}
	compiled, err := regexp.Compile(source)
	if err != nil {
		return nil, err
	}
	return &pattern{compiled, beginning(source), instructions(source)}, nil
}

// bounded refuses a regular expression whose machine is large.
func bounded(source string) error {
	if len(source) > maxPattern {
		return fmt.Errorf("want a regular expression of at most %d bytes, it has %d", maxPattern, len(source))
	}
	if steps := instructions(source); steps > maxSteps {
		return fmt.Errorf("want a simpler regular expression: its machine takes %d instructions, %d at most", steps, maxSteps)
	}
	return nil
}

// looks tells whether a text must be looked through, and counts that. Where the work is too much it is not, and the
// order's expressions fail.
func (p *pattern) looks(text string, w *Work) bool {
	return strings.HasPrefix(text, p.begins) && w.take(len(text)*p.steps)
}

// beginning is the text behind the ^ of a regular expression, "" where there is none.
func beginning(source string) string {
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil || parsed.Op != syntax.OpConcat {
		return ""
	}
	first, second := parsed.Sub[0], parsed.Sub[1]
	if first.Op != syntax.OpBeginText || second.Op != syntax.OpLiteral || second.Flags&syntax.FoldCase != 0 {
		return ""
	}
	return string(second.Rune)
}

// instructions counts the instructions of a regular expression, 0 where it is none.
func instructions(source string) int {
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return 0
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0
	}
	return len(program.Inst)
}

// stepsOf is what a byte costs before a regular expression that is written out.
func stepsOf(n ast.Node) int {
	source, is := n.(*ast.StringNode)
	if !is {
		return 1
	}
	return max(1, instructions(source.Value))
}

package replay

import (
	_ "embed"
	"errors"
	"html/template"
	"io"
	"iter"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("plan").Funcs(template.FuncMap{"brief": Brief}).Parse(pageText))

// Page writes a plan as a page for people, every change with each of its fields.
func (p Plan) Page(w io.Writer) error {
	var failed error
	lines := func(yield func(Change) bool) {
		for c, err := range p.Changes() {
			if failed = err; err != nil || !yield(c) {
				return
			}
		}
	}
	err := page.Execute(w, struct {
		Plan
		Lines iter.Seq[Change]
	}{p, lines})
	return errors.Join(err, failed)
}

// Lines writes every change as a JSON document a line.
func (p Plan) Lines(w io.Writer) error {
	for line, err := range p.sheet.lines() {
		if err == nil {
			_, err = w.Write(line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

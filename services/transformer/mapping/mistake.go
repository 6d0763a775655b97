package mapping

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/file"
)

// mistake says what is wrong with an expression, where in the document, and what may be meant. before is how much of
// the value's text stands before the expression.
func (c *compiler) mistake(path, source string, before int, err error) problem {
	p := problem{path: path, text: err.Error()}
	var at *file.Error
	if !errors.As(err, &at) {
		return p
	}
	p.text = worded(at.Message) + at.Snippet
	if n, known := c.tree.nodes[path]; known && strings.HasPrefix(n.Value[min(before, len(n.Value)):], source) {
		line, column := c.tree.spot(n, before+bytesOf(source, at.From))
		p.place = c.tree.place(n, line, column)
	}
	return p
}

// bytesOf counts the bytes of a text's first characters.
func bytesOf(text string, characters int) int {
	for i := range text {
		if characters--; characters < 0 {
			return i
		}
	}
	return len(text)
}

var (
	noField = regexp.MustCompile(`^type mapping\.(\w+) has no (?:field|method) (\w+)$`)
	noName  = regexp.MustCompile(`^unknown name (\w+)$`)
	ours    = strings.NewReplacer("mapping.", "", "money.Amount", "amount", "money.Number", "quantity", "event.Ref", "reference")
)

// types are those whose fields an expression can name.
var types = map[string]reflect.Type{}

func init() { collect(reflect.TypeFor[Env]()) }

func collect(t reflect.Type) {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if _, seen := types[t.Name()]; seen || t.Kind() != reflect.Struct || t.PkgPath() != reflect.TypeFor[Env]().PkgPath() {
		return
	}
	types[t.Name()] = t
	for i := range t.NumField() {
		collect(t.Field(i).Type)
	}
}

func names(t reflect.Type) []string {
	var list []string
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("expr"); name != workName {
			list = append(list, name)
		}
	}
	return list
}

// worded says what expr-lang says in the document's words.
func worded(message string) string {
	if m := noField.FindStringSubmatch(message); m != nil {
		text := fmt.Sprintf("%s has no field %s", strings.ToLower(m[1]), m[2])
		if t, known := types[m[1]]; known {
			text += meant(m[2], names(t))
		}
		return text
	}
	if m := noName.FindStringSubmatch(message); m != nil {
		return "there is no " + m[1] + meant(m[1], append(names(types["Env"]), functionNames()...))
	}
	return ours.Replace(message)
}

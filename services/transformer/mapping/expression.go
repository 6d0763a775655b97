package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// field is a compiled expression for one NetSuite field.
type field struct {
	name    string
	program *vm.Program
}

// functions is the closed set of functions beside the language's own; all are pure.
var functions = []expr.Option{
	expr.Function("first", firstText, new(func(...string) string)),
	expr.Function("ref", reference, new(func(string, string, string) event.Ref)),
	expr.Function("pairs", pairs, new(func(map[string]string, string) string)),
}

// firstText gives the first text that is not empty.
func firstText(texts ...any) (any, error) {
	for _, text := range texts {
		if s, _ := text.(string); s != "" {
			return s, nil
		}
	}
	return "", nil
}

// reference points at a record: ref("shipItem", "name", "FLAT_RATE").
func reference(args ...any) (any, error) {
	record, _ := args[0].(string)
	by, _ := args[1].(string)
	key, _ := args[2].(string)
	return event.Ref{Record: record, By: by, Key: key}, nil
}

// pairs joins the meta entries whose keys begin with a prefix: "source=newsletter; medium=email".
func pairs(args ...any) (any, error) {
	meta, _ := args[0].(map[string]string)
	prefix, _ := args[1].(string)
	var list []string
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		if rest, ok := strings.CutPrefix(key, prefix); ok && meta[key] != "" {
			list = append(list, rest+"="+meta[key])
		}
	}
	return strings.Join(list, "; "), nil
}

const maxNodes = 500 // nodes of one expression's tree

func compile(path, source string, options ...expr.Option) (*vm.Program, error) {
	options = append(append([]expr.Option{expr.Env(Env{}), expr.MaxNodes(maxNodes)}, functions...), options...)
	program, err := expr.Compile(source, options...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return program, nil
}

func compileFields(path string, sources map[string]string) ([]field, error) {
	var list []field
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		program, err := compile(path+"."+name, sources[name])
		if err != nil {
			return nil, err
		}
		list = append(list, field{name, program})
	}
	return list, nil
}

// values runs the expressions. What gives nil or empty text is cleared in NetSuite where clear is set, else
// left out.
func (m *Mapping) values(path string, fields []field, env Env, clear bool) (map[string]event.Value, error) {
	values := map[string]event.Value{}
	for _, f := range fields {
		result, err := expr.Run(f.program, env)
		if err != nil {
			return nil, fault.New(fault.MappingFailed, "the expression must give a value", fault.Field(path+"."+f.name, ""), fault.Because(err))
		}
		value, set, err := m.value(f.name, result)
		if err != nil {
			return nil, fault.New(fault.MappingFailed, err.Error(), fault.Field(path+"."+f.name, fmt.Sprint(result)))
		}
		switch {
		case set:
			values[f.name] = value
		case clear:
			values[f.name] = event.Value{Empty: true}
		}
	}
	return values, nil
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

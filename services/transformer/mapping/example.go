package mapping

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

// Example is a test a mapping carries: an order and what is expected of its desired state.
type Example struct {
	Name    string          `yaml:"name"`
	Order   string          `yaml:"order"`   // file of an order event or of an order as WooCommerce's REST shows it
	Store   string          `yaml:"store"`   // empty: the order's own
	Set     map[string]any  `yaml:"set"`     // path of the order event → value, changed before
	Lookups *ExampleLookups `yaml:"lookups"` // what is known beside the order; absent: nothing
	Expect  map[string]any  `yaml:"expect"`  // path of the desired state → value; fault, rules and warnings beside
}

// Result is what became of an example.
type Result struct {
	Name        string       `json:"name"`
	Passed      bool         `json:"passed"`
	Differences []Difference `json:"differences,omitempty"`
	Error       string       `json:"error,omitempty"` // the example could not be tried
}

// Difference is an expectation that was not met.
type Difference struct {
	Path string `json:"path"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

// Examples are the document's tests.
func (m *Mapping) Examples() []Example { return m.document.Tests }

// Try maps an example's order and compares. What was evaluated is added to the trace.
func (m *Mapping) Try(e Example, order event.OrderStateV1, t *Trace) Result {
	r := Result{Name: e.Name}
	order, err := e.prepare(order)
	if err != nil {
		r.Error = err.Error()
		return r
	}
	in, err := m.of(order.Store).inputs(e.Lookups, order)
	if err != nil {
		r.Error = err.Error()
		return r
	}
	got, err := m.outcome(order, in, t)
	if err != nil {
		r.Error = err.Error()
		return r
	}
	for _, path := range sorted(e.Expect) {
		want := ""
		if e.Expect[path] != nil {
			want = fmt.Sprint(e.Expect[path])
		}
		if got[path] != want {
			r.Differences = append(r.Differences, Difference{path, want, got[path]})
		}
	}
	r.Passed = len(r.Differences) == 0
	return r
}

// prepare gives the order with the example's changes.
func (e Example) prepare(o event.OrderStateV1) (event.OrderStateV1, error) {
	if e.Store != "" {
		o.Store = e.Store
	}
	if len(e.Set) == 0 {
		return o, nil
	}
	data, err := codec.Encode(o)
	if err != nil {
		return o, err
	}
	plain, err := codec.Decode[map[string]any](data)
	if err != nil {
		return o, err
	}
	for _, path := range sorted(e.Set) {
		if err := put(plain, steps(path), e.Set[path]); err != nil {
			return o, fmt.Errorf("set.%s: %w", path, err)
		}
	}
	if data, err = codec.Encode(plain); err != nil {
		return o, err
	}
	if o, err = codec.Decode[event.OrderStateV1](data); err != nil {
		return o, err
	}
	return o, e.took(o)
}

// took refuses a change of what an order event does not have: an example would pass for what it never tried.
func (e Example) took(o event.OrderStateV1) error {
	data, err := codec.Encode(o)
	if err != nil {
		return err
	}
	plain, err := codec.Decode[map[string]any](data)
	if err != nil {
		return err
	}
	for _, path := range sorted(e.Set) {
		if to := reflect.ValueOf(e.Set[path]); !to.IsValid() || to.IsZero() {
			continue // an event does not show what is empty
		}
		if name, among := lacks(plain, steps(path)); name != "" {
			return fmt.Errorf("set.%s: an order event has no %s there%s", path, name, meant(name, among))
		}
	}
	return nil
}

// lacks gives the first step of a path that is not there, and the names that are.
func lacks(in any, steps []string) (name string, among []string) {
	if len(steps) == 0 {
		return "", nil
	}
	switch at := in.(type) {
	case map[string]any:
		if next, has := at[steps[0]]; has {
			return lacks(next, steps[1:])
		}
		return steps[0], sorted(at)
	case []any:
		var index int
		if _, err := fmt.Sscanf(steps[0], "%d", &index); err != nil || index >= len(at) {
			return steps[0], nil
		}
		return lacks(at[index], steps[1:])
	default:
		return steps[0], nil
	}
}

// steps splits "lines[0].sku" into lines, 0 and sku.
func steps(path string) []string {
	return strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(path), ".")
}

func put(in any, steps []string, to any) error {
	switch at := in.(type) {
	case map[string]any:
		if len(steps) == 1 {
			at[steps[0]] = to
			return nil
		}
		next, has := at[steps[0]]
		if !has {
			next = map[string]any{}
			at[steps[0]] = next
		}
		return put(next, steps[1:], to)
	case []any:
		var index int
		if _, err := fmt.Sscanf(steps[0], "%d", &index); err != nil || index < 0 || index >= len(at) {
			return fmt.Errorf("want a number below %d, not %q", len(at), steps[0])
		}
		if len(steps) == 1 {
			at[index] = to
			return nil
		}
		return put(at[index], steps[1:], to)
	default:
		return fmt.Errorf("%q is inside a value", steps[0])
	}
}

// outcome is what became of an order, flat: each path of the desired state with its text; rules and warnings joined;
// the code of the fault that parks it instead.
func (m *Mapping) outcome(o event.OrderStateV1, in *event.Inputs, t *Trace) (map[string]string, error) {
	d, err := m.MapTraced(o, Context{Inputs: in}, t)
	flat := map[string]string{"fault": ""}
	if err != nil {
		var f *fault.Error
		if !errors.As(err, &f) {
			return nil, err
		}
		flat["fault"], flat["fault.field"], flat["fault.value"], flat["fault.rule"] = string(f.Code), f.Field, f.Value, f.Rule
		return flat, nil
	}
	data, err := codec.Encode(d)
	if err != nil {
		return nil, err
	}
	plain, err := codec.Decode[map[string]any](data)
	if err != nil {
		return nil, err
	}
	flatten(flat, "", plain)
	var names []string
	for _, r := range d.Rules {
		names = append(names, r.Name)
	}
	flat["rules"], flat["warnings"] = strings.Join(names, ", "), strings.Join(d.Warnings, "\n")
	return flat, nil
}

// flatten writes every value under its path: a list under its own path as its length, a field value as its text, a
// reference as the key it names.
func flatten(flat map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, member := range []string{"text", "number", "flag", "ref", "key"} {
			inner, has := v[member]
			if !has || member == "key" && v["record"] == nil {
				continue
			}
			if ref, is := inner.(map[string]any); is {
				inner = ref["key"]
			}
			flat[path] = fmt.Sprint(inner)
		}
		for _, key := range sorted(v) {
			flatten(flat, join(path, key), v[key])
		}
	case []any:
		flat[path] = fmt.Sprint(len(v))
		for i, element := range v {
			flatten(flat, fmt.Sprintf("%s[%d]", path, i), element)
		}
	case nil:
	default:
		flat[path] = fmt.Sprint(v)
	}
}

func (d Document) checkExamples(p *problems) {
	named := map[string]bool{}
	for i, e := range d.Tests {
		path := fmt.Sprintf("tests[%d]", i)
		p.named(named, path, e.Name)
		p.want(e.Order != "", path+".order", "want the file of an order")
		p.want(len(e.Expect) > 0, path+".expect", "want an expectation")
	}
}

package mapping

import (
	_ "embed"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/orderstream/orderstream/contracts/event"
)

//go:embed documents/fields.txt
var fieldList string

// records are the fields of NetSuite's records with their kinds.
var records = readRecords()

func readRecords() map[string]map[string]string {
	all := map[string]map[string]string{}
	for line := range strings.Lines(fieldList) {
		words := strings.Fields(line)
		if len(words) != 3 || words[0] == "#" {
			continue
		}
		if all[words[0]] == nil {
			all[words[0]] = map[string]string{}
		}
		all[words[0]][words[1]] = words[2]
	}
	return all
}

// Finding is something about a document that compiles and is likely a mistake.
type Finding struct {
	Path  string `json:"path"`
	Place string `json:"place,omitempty"` // line and column
	Text  string `json:"text"`
}

// Findings looks at a document without an order: fields that NetSuite's records do not have, values of the wrong kind,
// rules that never fire, fields never set that the form needs. needs are those of the account's own form, as
// "salesOrder.location".
func Findings(data []byte, needs ...string) ([]Finding, error) {
	m, err := Compile(data)
	if err != nil {
		return nil, err
	}
	t, err := read(data)
	if err != nil {
		return nil, err
	}
	return t.findings(m, needs)
}

func (t *tree) findings(m *Mapping, needs []string) ([]Finding, error) {
	own, err := ownNeeds(needs)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(standardNeeds(), own)
	f := finder{tree: t}
	f.all(m, all)
	for _, store := range sorted(m.stores) {
		variant := finder{tree: t.over(t.nodes["stores."+store]), known: f.list, prefix: "stores." + store + ": "}
		variant.all(m.stores[store], all)
		f.list = append(f.list, variant.list...)
	}
	return f.list, nil
}

type finder struct {
	tree   *tree
	prefix string
	known  []Finding // of the document without a store's override
	list   []Finding
}

func (f *finder) find(path, text string) {
	found := Finding{path, f.tree.at(path), text}
	for _, known := range f.known {
		if known == found {
			return
		}
	}
	found.Path = f.prefix + found.Path
	f.list = append(f.list, found)
}

func (f *finder) all(m *Mapping, needs []need) {
	f.fields(m)
	f.rules(m)
	f.needs(m, needs)
}

func (f *finder) fields(m *Mapping) {
	for _, of := range []struct {
		record string
		fields []field
	}{{"customer", m.customer}, {"salesOrder", m.order}, {"salesOrder.item", m.line}, {"customerDeposit", m.payment}, {"customerRefund", m.refund}} {
		f.record(of.record, of.fields)
	}
	for _, of := range []struct {
		record string
		rules  []routeRule
	}{{"customer", m.customers}, {"salesOrder", m.orders}, {"salesOrder.item", m.lines}} {
		for _, r := range of.rules {
			f.record(of.record, r.fields)
		}
	}
}

func (f *finder) record(record string, fields []field) {
	for _, e := range fields {
		if strings.HasPrefix(e.name, "cust") && strings.Contains(e.name, "_") || strings.HasPrefix(e.name, "custbody") || strings.HasPrefix(e.name, "custcol") || strings.HasPrefix(e.name, "custentity") {
			continue // an account's own
		}
		kind, known := records[record][e.name]
		if !known {
			f.find(e.path, fmt.Sprintf("%s has no field %s%s", record, e.name, meant(e.name, sorted(records[record]))))
			continue
		}
		if given := kindOf(e.expression); given != "" && !fits(given, kind) {
			f.find(e.path, fmt.Sprintf("%s of %s takes a %s, the expression gives a %s", e.name, record, kind, given))
		}
	}
}

// kindOf says what an expression gives, as far as its type tells.
func kindOf(e *expression) string {
	switch t := e.program.Node().Type(); {
	case t == nil:
		return ""
	case t == reflect.TypeFor[event.Ref]():
		return "ref"
	case isDecimal(t) || t.Kind() == reflect.Int || t.Kind() == reflect.Float64:
		return "number"
	case t.Kind() == reflect.Bool:
		return "flag"
	case t.Kind() == reflect.String:
		return "text"
	default:
		return ""
	}
}

// fits tells whether a value of one kind goes into a field of another: NetSuite reads dates and numbers from text.
func fits(given, kind string) bool {
	switch kind {
	case "any", given:
		return true
	case "date", "time", "number":
		return given == "text"
	case "text":
		return given == "number"
	default:
		return false
	}
}

// rules finds those that never fire: one before them always does, or asks the same.
func (f *finder) rules(m *Mapping) {
	for _, s := range m.sections() {
		for i, r := range s.rules {
			if r.when != nil {
				if never, is := r.when.program.Node().(*ast.BoolNode); is && !never.Value {
					f.find(r.path+".when", fmt.Sprintf("rule %s never fires: its condition is false", r.name))
					continue
				}
			}
			if r.alone {
				continue
			}
			if before, why := shadow(s.rules[:i], r); before != "" {
				f.find(r.path, fmt.Sprintf("rule %s never fires: %s %s", r.name, before, why))
			}
		}
	}
}

func shadow(before []member, r member) (name, why string) {
	for _, b := range before {
		switch {
		case b.alone || b.group != r.group:
		case b.always:
			return b.name, "before it always does"
		case b.when != nil && r.when != nil && b.when.program.Node().String() == r.when.program.Node().String():
			return b.name, "before it asks the same"
		case b.when != nil && r.when != nil && implies(r.when.program.Node(), b.when.program.Node()):
			return b.name, "before it holds whenever it does"
		}
	}
	return "", ""
}

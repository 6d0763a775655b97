package mapping

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

// Sections of a document whose rules a desired state names.
const (
	sectionClasses    = "classes"
	sectionValidation = "validation"
	sectionOrders     = "routing.orders"
	sectionLines      = "routing.lines"
)

// classRule, validRule and routeRule are the compiled forms.
type classRule struct {
	ClassRule
	when *expression
}

type validRule struct {
	ValidRule
	when, field *expression
	message     message
}

type routeRule struct {
	section, name, group string
	when                 *expression
	set                  []setting
	fields               []field
}

// setting is one constant of a route.
type setting struct {
	field string
	value event.Value
}

func (c *compiler) classes(rules []ClassRule) []classRule {
	list := make([]classRule, 0, len(rules))
	for i, r := range rules {
		list = append(list, classRule{r, c.condition(fmt.Sprintf("classes[%d].when", i), r.When)})
	}
	return list
}

func (c *compiler) validation(rules []ValidRule) []validRule {
	list := make([]validRule, 0, len(rules))
	for i, r := range rules {
		path := fmt.Sprintf("validation[%d]", i)
		v := validRule{ValidRule: r, when: c.condition(path+".when", r.When), message: c.message(path+".message", r.Message)}
		if r.Field != "" {
			v.field = c.expression(path+".field", r.Field)
		}
		list = append(list, v)
	}
	return list
}

func (c *compiler) routes(section string, rules []RouteRule) []routeRule {
	list := make([]routeRule, 0, len(rules))
	for i, r := range rules {
		path := fmt.Sprintf("%s[%d]", section, i)
		list = append(list, routeRule{section, r.Name, r.Group, c.condition(path+".when", r.When), r.settings(), c.fields(path+".fields", r.Fields)})
	}
	return list
}

// named is a record that a rule names for a field; an empty key sets nothing.
type named struct{ field, record, by, key string }

func settings(list []named) []setting {
	var set []setting
	for _, n := range list {
		if n.key != "" {
			set = append(set, setting{n.field, event.Value{Ref: &event.Ref{Record: n.record, By: n.by, Key: n.key}}})
		}
	}
	return set
}

func fieldNames(list []setting) []string {
	var names []string
	for _, s := range list {
		names = append(names, s.field)
	}
	return names
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// settings are the constants of a route as NetSuite's fields.
func (r Route) settings() []setting {
	return settings([]named{
		{"location", "location", "name", r.Location},
		{"department", "department", "name", r.Department},
		{"class", "classification", "name", r.Class},
		{"subsidiary", "subsidiary", "name", r.Subsidiary},
		{"customForm", "customForm", "id", r.Form},
		{"shipMethod", "shipItem", "name", r.ShipMethod},
	})
}

// classify finds the order's classes, in the order of the rules.
func (m *Mapping) classify(s *scope) error {
	var decided []string // groups of which a rule fired
	for i := range m.classes {
		r := &m.classes[i]
		if slices.Contains(decided, r.Group) {
			continue
		}
		holds, err := s.holds(r.when)
		if err != nil {
			return err
		}
		if !holds {
			continue
		}
		s.Classes = append(s.Classes, r.Name)
		s.fire(sectionClasses, r.Name, "")
		if r.Group != "" {
			decided = append(decided, r.Group)
		}
	}
	return nil
}

// validate asks the validation rules in order. The first that parks or rejects ends it; a rejecting one comes back as
// the rule that ignores the order.
func (m *Mapping) validate(s *scope) (rejected *StatusRule, warnings []string, err error) {
	for i := range m.validation {
		r := &m.validation[i]
		holds, err := s.holds(r.when)
		if err != nil {
			return nil, nil, err
		}
		if !holds {
			continue
		}
		text, err := r.message.text(s)
		if err != nil {
			return nil, nil, err
		}
		s.fire(sectionValidation, r.Name, "")
		switch r.Severity {
		case SeverityWarn:
			warnings = append(warnings, r.Name+": "+text)
		case SeverityReject:
			return &StatusRule{Name: r.Name, Absent: event.ActionIgnore, Open: event.ActionKeep, Fulfilled: event.ActionKeep, Explanation: text}, warnings, nil
		default:
			return nil, nil, r.fault(s, text)
		}
	}
	return nil, warnings, nil
}

// fault names rule, field and value.
func (r validRule) fault(s *scope, text string) error {
	name, value := "validation."+r.Name, ""
	if r.field != nil {
		result, err := s.run(r.field)
		if err != nil {
			return fault.New(fault.MappingFailed, "the expression must give the value at fault", fault.Field(r.field.path, r.field.source), fault.Because(err))
		}
		name, value = r.Field, fmt.Sprint(result)
	}
	return fault.New(fault.ValidationFailed, "rule "+r.Name+": "+text, fault.Field(name, value))
}

// route gives the fields that the rules set; line is the key of the line at hand, "" for the order.
func (m *Mapping) route(rules []routeRule, s *scope, line string) (map[string]event.Value, error) {
	var values map[string]event.Value
	var decided []string // groups of which a rule fired
	for i := range rules {
		r := &rules[i]
		if slices.Contains(decided, r.group) {
			continue
		}
		holds, err := s.holds(r.when)
		if err != nil {
			return nil, err
		}
		if !holds {
			continue
		}
		decided = append(decided, r.group)
		s.fire(r.section, r.name, line)
		if values == nil {
			values = map[string]event.Value{}
		}
		for _, set := range r.set {
			values[set.field] = set.value
			if s.trace != nil {
				s.trace.took(r.section, set.field, r.section+" "+r.name, true, s.at())
			}
		}
		if err := m.fillValues(values, r.fields, s, false, r.section+" "+r.name); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// inherited are the fields that a line's discount has like the line.
var inherited = []string{"location", "department", "class"}

func inherit(fields map[string]event.Value) map[string]event.Value {
	var values map[string]event.Value
	for _, name := range inherited {
		if value, set := fields[name]; set {
			if values == nil {
				values = map[string]event.Value{}
			}
			values[name] = value
		}
	}
	return values
}

// message is text with expressions in ${…}.
type message []part

// part is text, or an expression.
type part struct {
	text  string
	value *expression
}

// message splits a text at its expressions; braces inside an expression must be balanced.
func (c *compiler) message(path, source string) message {
	var list message
	for rest := source; rest != ""; {
		at := strings.Index(rest, "${")
		if at < 0 {
			return append(list, part{text: rest})
		}
		end := closing(rest[at+2:])
		if end < 0 {
			c.keep(path, fmt.Errorf("want a } for ${%s", rest[at+2:]))
			return list
		}
		list = append(list, part{text: rest[:at]}, part{value: c.within(path, rest[at+2:at+2+end], len(source)-len(rest)+at+2)})
		rest = rest[at+2+end+1:]
	}
	return list
}

// closing finds the brace that ends an expression, outside of its texts; -1 where there is none.
func closing(source string) int {
	depth, quote := 0, byte(0)
	for i := 0; i < len(source); i++ {
		switch c := source[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth == 0:
			return i
		case c == '}':
			depth--
		}
	}
	return -1
}

func (m message) text(s *scope) (string, error) {
	var b strings.Builder
	for _, p := range m {
		b.WriteString(p.text)
		if p.value == nil {
			continue
		}
		result, err := s.run(p.value)
		if err != nil {
			return "", fault.New(fault.MappingFailed, "the message's expression must give a value", fault.Field(p.value.path, p.value.source), fault.Because(err))
		}
		fmt.Fprint(&b, result)
	}
	return b.String(), nil
}

func (d Document) checkRules(p *problems) {
	named := map[string]bool{}
	for i, r := range d.Classes {
		path := fmt.Sprintf("classes[%d]", i)
		p.named(named, path, r.Name)
		p.want(r.When != "", path+".when", "want a condition")
	}
	named = map[string]bool{}
	for i, r := range d.Validation {
		path := fmt.Sprintf("validation[%d]", i)
		p.named(named, path, r.Name)
		p.want(r.When != "", path+".when", "want a condition")
		p.want(slices.Contains([]Severity{SeverityReject, SeverityPark, SeverityWarn}, r.Severity), path+".severity", "want reject, park or warn")
		p.want(r.Message != "", path+".message", "want a message")
	}
	d.checkRoutes(p, sectionOrders, d.Routing.Orders)
	d.checkRoutes(p, sectionLines, d.Routing.Lines)
}

func (d Document) checkRoutes(p *problems, section string, rules []RouteRule) {
	var list []ruled
	for i, r := range rules {
		p.want(section == sectionOrders || cmp.Or(r.Subsidiary, r.Form, r.ShipMethod) == "", fmt.Sprintf("%s[%d]", section, i), "subsidiary, form and ship_method are the order's")
		list = append(list, ruled{r.Name, r.Group, append(fieldNames(r.settings()), sorted(r.Fields)...)})
	}
	p.groups(section, list)
}

// ruled is a rule that sets fields, of a group of which the first match wins.
type ruled struct {
	name, group string
	fields      []string
}

// groups wants rules that set something, and each field set by one group alone: else the order of the groups would
// decide, which no one sees.
func (p *problems) groups(section string, rules []ruled) {
	names, groups := map[string]bool{}, map[string]string{}
	for i, r := range rules {
		path := fmt.Sprintf("%s[%d]", section, i)
		p.named(names, path, r.name)
		p.want(len(r.fields) > 0, path, "want something to set")
		for _, field := range r.fields {
			group, set := groups[field]
			p.want(!set || group == r.group, path, fmt.Sprintf("%s is set in group %q already; one field, one group", field, group))
			groups[field] = r.group
		}
	}
}

// named wants a name that no other rule of the section has.
func (p *problems) named(names map[string]bool, path, name string) {
	p.want(name != "" && !names[name], path+".name", "want a name of its own")
	names[name] = true
}

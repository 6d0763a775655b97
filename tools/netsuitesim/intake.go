package netsuitesim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// strictness is the value of a property validation header.
type strictness int

const (
	refuse strictness = iota
	warn
	ignore
)

// intake turns a decoded body into normal fields, checking names and values
// against the schema. References are collected and resolved later, under the
// store's lock.
type intake struct {
	names  strictness // X-NetSuite-PropertyNameValidation, warn by default
	values strictness // X-NetSuite-PropertyValueValidation, refuse by default
	asked  bool       // the name header was sent: it rules strict schemas too
	warned []string
	refs   []openRef
}

// openRef is a reference that waits for its target.
type openRef struct {
	holder fields
	prop   *property
	path   string
}

func newIntake(h http.Header) (*intake, error) {
	names, err := readStrictness(h, "X-NetSuite-PropertyNameValidation", warn)
	if err != nil {
		return nil, err
	}
	values, err := readStrictness(h, "X-NetSuite-PropertyValueValidation", refuse)
	if err != nil {
		return nil, err
	}
	return &intake{names: names, values: values, asked: h.Get("X-NetSuite-PropertyNameValidation") != ""}, nil
}

func readStrictness(h http.Header, name string, preset strictness) (strictness, error) {
	switch value := h.Get(name); strings.ToLower(value) {
	case "":
		return preset, nil
	case "error":
		return refuse, nil
	case "warning":
		return warn, nil
	case "ignore":
		return ignore, nil
	default:
		return refuse, invalidContent("", "Invalid value %q of the header %s.", value, name)
	}
}

// object reads the properties of one record, line or sub-record.
func (in *intake) object(s *schema, raw map[string]any, path string) (fields, error) {
	out := make(fields, len(raw))
	for name, value := range raw {
		p := s.find(name)
		where := join(path, name)
		if p == nil {
			if err := in.unknown(s, name, where); err != nil {
				return nil, err
			}
			continue
		}
		if err := in.property(out, p, value, where); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// unknown is the fate of a name that the schema does not have. The header
// rules; without one a strict schema refuses.
func (in *intake) unknown(s *schema, name, where string) error {
	switch {
	case in.names == refuse || (s.strict && !in.asked):
		return invalidContent(where, "Error while accessing a resource. Unknown property name '%s'.", name)
	case in.names == warn:
		in.warned = append(in.warned, where)
	}
	return nil
}

// property stores one value in out, or leaves it out when the property is
// computed or the value is wrong and may be dropped.
func (in *intake) property(out fields, p *property, value any, where string) error {
	if p.ignored {
		return nil
	}
	if value == nil {
		out[p.name] = nil
		return nil
	}
	v, err := in.value(p, value, where)
	if errors.Is(err, errDropped) {
		return nil
	}
	if err != nil {
		return err
	}
	out[p.name] = v
	if p.form == reference {
		in.refs = append(in.refs, openRef{holder: out, prop: p, path: where})
	}
	return nil
}

// errDropped says that a wrong value is left out, as the value header allows.
var errDropped = errors.New("value dropped")

// bad is the fate of a value of the wrong type.
func (in *intake) bad(p *property, value any, where string) error {
	switch in.values {
	case warn:
		in.warned = append(in.warned, where)
		return errDropped
	case ignore:
		return errDropped
	}
	return invalidField(show(value), p.name, where)
}

func show(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

func (in *intake) value(p *property, value any, where string) (any, error) {
	switch p.form {
	case text:
		return in.text(p, value, where)
	case number, integer:
		return in.number(p, value, where)
	case boolean:
		if b, ok := value.(bool); ok {
			return b, nil
		}
	case date, dateTime:
		if s, ok := value.(string); ok {
			if normal, ok := readTime(p.form, s); ok {
				return normal, nil
			}
		}
	case choice:
		return in.choice(p, value, where)
	case reference:
		return in.reference(p, value, where)
	case subrecord:
		if object, ok := value.(map[string]any); ok {
			return in.object(p.sub, object, where)
		}
	case sublist:
		return in.sublist(p, value, where)
	case loose:
		return looseValue(value), nil
	}
	return nil, in.bad(p, value, where)
}

func looseValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		return normal(v)
	case []any:
		return normal(map[string]any{"v": v})["v"]
	}
	return value
}

// unescape applies NetSuite's rule for line breaks: raw ones are lost, the two
// characters \n (sent as \\n in JSON) become one.
var unescape = strings.NewReplacer("\n", "", "\r", "", `\n`, "\n", `\r`, "\r")

func (in *intake) text(p *property, value any, where string) (any, error) {
	s, ok := value.(string)
	if !ok {
		return nil, in.bad(p, value, where)
	}
	if strings.ContainsAny(s, "\\\n\r") {
		s = unescape.Replace(s)
	}
	size := len(s)
	if p.max > 0 && size > p.max {
		if !p.bytes {
			size = utf8.RuneCountInString(s)
		}
		if size > p.max {
			return nil, tooLong(p.name, where, p.max)
		}
	}
	return s, nil
}

func (in *intake) number(p *property, value any, where string) (any, error) {
	n, ok := value.(json.Number)
	if !ok {
		return nil, in.bad(p, value, where)
	}
	d, err := decimal.NewFromString(n.String())
	if err != nil || d.Exponent() > 20 || d.Exponent() < -20 || (p.form == integer && !d.IsInteger()) {
		return nil, in.bad(p, value, where)
	}
	return json.Number(d.String()), nil
}

// readTime normalises a date to YYYY-MM-DD and a date-time to RFC 3339 in UTC.
func readTime(f form, s string) (string, bool) {
	if f == dateTime {
		t, err := time.Parse(time.RFC3339, s)
		return t.UTC().Format(time.RFC3339), err == nil
	}
	t, err := time.Parse("2006-1-2", s)
	return t.Format(time.DateOnly), err == nil
}

// choice accepts {"id":"B"}, {"refName":"…"} and the bare id.
func (in *intake) choice(p *property, value any, where string) (any, error) {
	id, _ := value.(string)
	if object, ok := value.(map[string]any); ok {
		id, _ = object["id"].(string)
		if name, ok := object["refName"].(string); ok && id == "" {
			id = p.choiceNamed(name)
		}
	}
	if !slices.Contains(p.options, id) {
		return nil, in.bad(p, value, where)
	}
	return p.named(id), nil
}

var bareID = regexp.MustCompile(`^-?[0-9]+$`)

// reference accepts {"id":"1"}, {"id":1}, {"externalId":"x"} and the bare id.
// A tax detail's taxType may be given by name as well, since its documented
// type is a string.
func (in *intake) reference(p *property, value any, where string) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range []string{"id", "externalId"} {
			switch id := v[name].(type) {
			case string:
				return fields{name: id}, nil
			case json.Number:
				return fields{name: id.String()}, nil
			}
		}
	case json.Number:
		return fields{"id": v.String()}, nil
	case string:
		if bareID.MatchString(v) {
			return fields{"id": v}, nil
		}
		if p.target == "taxType" {
			return fields{"name": v}, nil
		}
	}
	return nil, in.bad(p, value, where)
}

func (in *intake) sublist(p *property, value any, where string) (any, error) {
	object, _ := value.(map[string]any)
	list, ok := object["items"].([]any)
	if !ok {
		return nil, in.bad(p, value, where)
	}
	lines := make([]fields, 0, len(list))
	for i, item := range list {
		path := fmt.Sprintf("%s.items[%d]", where, i)
		raw, ok := item.(map[string]any)
		if !ok {
			return nil, invalidContent(path, "Error while accessing a resource. A line must be an object.")
		}
		line, err := in.object(p.sub, raw, path)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

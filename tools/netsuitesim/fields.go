package netsuitesim

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// fields are the values of a record, a line or a sub-record in normal form:
//
//	string, bool       as they are (dates and date-times are strings)
//	json.Number        numbers, in the digits they were sent with
//	fields             references and choices {"id","refName"}, sub-records
//	[]fields           sublists
//	nil                in a body only: clear this property
//
// Fields of a stored record are never changed; a save works on a clone.
type fields map[string]any

// clone copies f and its sublists and sub-records.
func (f fields) clone() fields {
	out := maps.Clone(f)
	for name, value := range out {
		switch v := value.(type) {
		case fields:
			out[name] = v.clone()
		case []fields:
			lines := make([]fields, len(v))
			for i := range v {
				lines[i] = v[i].clone()
			}
			out[name] = lines
		}
	}
	return out
}

func (f fields) text(name string) string {
	s, _ := f[name].(string)
	return s
}

func (f fields) flag(name string) bool {
	b, _ := f[name].(bool)
	return b
}

func (f fields) sub(name string) fields {
	v, _ := f[name].(fields)
	return v
}

func (f fields) lines(name string) []fields {
	v, _ := f[name].([]fields)
	return v
}

// ref is the id of a reference or choice, "" when there is none.
func (f fields) ref(name string) string { return f.sub(name).text("id") }

// refID is the id of a reference as a number, 0 when there is none.
func (f fields) refID(name string) int64 {
	id, err := strconv.ParseInt(f.ref(name), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// number is a numeric property and whether it is there.
func (f fields) number(name string) (decimal.Decimal, bool) {
	n, ok := f[name].(json.Number)
	if !ok {
		return decimal.Zero, false
	}
	d, err := decimal.NewFromString(n.String())
	return d, err == nil
}

// amount is a numeric property, zero when absent.
func (f fields) amount(name string) decimal.Decimal {
	d, _ := f.number(name)
	return d
}

func (f fields) integer(name string) int64 {
	return f.amount(name).IntPart()
}

func (f fields) set(name string, d decimal.Decimal) { f[name] = json.Number(d.String()) }

func (f fields) setInt(name string, n int64) { f[name] = json.Number(strconv.FormatInt(n, 10)) }

// point is a reference or choice value.
func point(id, name string) fields {
	if name == "" {
		return fields{"id": id}
	}
	return fields{"id": id, "refName": name}
}

func decimalID(id int64) string { return strconv.FormatInt(id, 10) }

// encode writes fields as JSON; decodeFields reads them back.
func (f fields) encode() ([]byte, error) { return json.Marshal(f) }

func decodeFields(text []byte) (fields, error) {
	raw, err := decodeObject(text)
	if err != nil {
		return nil, err
	}
	return normal(raw), nil
}

func normal(raw map[string]any) fields {
	f := make(fields, len(raw))
	for name, value := range raw {
		switch v := value.(type) {
		case map[string]any:
			f[name] = normal(v)
		case []any:
			lines := make([]fields, 0, len(v))
			for _, line := range v {
				if object, ok := line.(map[string]any); ok {
					lines = append(lines, normal(object))
				}
			}
			f[name] = lines
		default:
			f[name] = v
		}
	}
	return f
}

// decodeObject reads one JSON object, numbers as text.
func decodeObject(text []byte) (map[string]any, error) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil || object == nil || d.More() {
		return nil, malformed()
	}
	return object, nil
}

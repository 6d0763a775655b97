package netsuitesim

import (
	"slices"
	"strings"
)

// replacement is what the query parameters replace and replaceSelectedFields
// ask for.
type replacement struct {
	names  map[string]bool // lower-case sublist and field names
	fields bool            // replaceSelectedFields=true: names of body fields clear them
}

func newReplacement(names, selected string) replacement {
	r := replacement{names: map[string]bool{}, fields: strings.EqualFold(selected, "true")}
	for name := range strings.SplitSeq(names, ",") {
		if name = strings.TrimSpace(name); name != "" {
			r.names[strings.ToLower(name)] = true
		}
	}
	return r
}

func (r replacement) has(name string) bool { return r.names[strings.ToLower(name)] }

// merge lays the properties of a body over those of a record: null clears,
// sub-records merge, keyed lines merge, other lines are appended, and sublists
// named in replace are exchanged.
func merge(s *schema, dst, in fields, how replacement) {
	if how.fields {
		for name := range how.names {
			if p := s.find(name); p != nil && p.form != sublist && !p.ignored {
				delete(dst, p.name)
			}
		}
	}
	for name, value := range in {
		p := s.find(name)
		switch v := value.(type) {
		case nil:
			delete(dst, name)
		case []fields:
			dst[name] = mergeLines(p.sub, dst.lines(name), v, how.has(name))
		case fields:
			dst[name] = mergeObject(p, dst.sub(name), v)
		default:
			dst[name] = v
		}
	}
}

func mergeObject(p *property, old, in fields) fields {
	if p.form != subrecord || old == nil {
		return withoutNulls(in)
	}
	merge(p.sub, old, in, replacement{})
	return old
}

func withoutNulls(in fields) fields {
	for name, value := range in {
		if value == nil {
			delete(in, name)
		}
	}
	return in
}

func mergeLines(s *schema, old, in []fields, replace bool) []fields {
	if replace {
		old = nil
	}
	out := old
	for _, line := range in {
		at := -1
		if key := lineKey(s, line); key != "" {
			at = slices.IndexFunc(old, func(l fields) bool { return lineKey(s, l) == key })
		}
		if at < 0 {
			out = append(out, withoutNulls(line))
			continue
		}
		if restated(s, line) {
			delete(old[at], "amount")
		}
		merge(s, old[at], line, replacement{})
	}
	return out
}

// restated says whether an order line changes what its amount follows from
// without naming an amount: then the stored one no longer stands.
func restated(s *schema, line fields) bool {
	if customPrefix(s.name) != "custcol" || line["amount"] != nil {
		return false
	}
	for _, name := range []string{"item", "quantity", "rate", "price", "grossAmt"} {
		if line[name] != nil {
			return true
		}
	}
	return false
}

// lineKey is the value that identifies a line within its sublist, "" when the
// sublist has no key or the line does not say it.
func lineKey(s *schema, line fields) string {
	if s.key == "" {
		return ""
	}
	if id := line.ref(s.key); id != "" {
		return id
	}
	if d, ok := line.number(s.key); ok {
		return d.String()
	}
	return ""
}

package netsuitesim

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// Content types of the record service.
const (
	singular   = "application/vnd.oracle.resource+json; type=singular"
	collection = "application/vnd.oracle.resource+json; type=collection"
)

func jsonReply(status int, contentType string, v any) reply {
	text, err := json.Marshal(v)
	if err != nil {
		return unexpected().reply()
	}
	return reply{status: status, body: text}.with("Content-Type", contentType)
}

// painter renders records as REST shows them.
type painter struct {
	root       string // …/services/rest/record/v1/
	expand     bool   // sublists and sub-records in full
	plainEnums bool   // choices as bare ids
}

func self(href string) []fields { return []fields{{"rel": "self", "href": href}} }

// record renders a whole record.
func (p painter) record(r *record) fields {
	href := p.root + r.kind.name + "/" + decimalID(r.id)
	out := p.object(r.kind.schema, r.fields, href)
	out["links"] = self(href)
	out["id"] = decimalID(r.id)
	out["refName"] = r.name()
	return out
}

func (p painter) object(s *schema, f fields, href string) fields {
	out := make(fields, len(f)+3)
	for name, value := range f {
		prop := s.find(name)
		if prop == nil {
			out[name] = value
			continue
		}
		out[name] = p.value(prop, value, href+"/"+name)
	}
	return out
}

func (p painter) value(prop *property, value any, href string) any {
	switch v := value.(type) {
	case []fields:
		if !p.expand {
			return fields{"links": self(href)}
		}
		return p.lines(prop.sub, v, href)
	case fields:
		switch {
		case prop.form == subrecord && !p.expand:
			return fields{"links": self(href)}
		case prop.form == subrecord:
			out := p.object(prop.sub, v, href)
			out["links"] = self(href)
			return out
		case prop.form == choice && p.plainEnums:
			return v.text("id")
		case prop.form == reference && prop.target != "":
			out := maps.Clone(v)
			out["links"] = self(p.root + prop.target + "/" + v.text("id"))
			return out
		}
	}
	return value
}

func (p painter) lines(s *schema, lines []fields, href string) fields {
	rendered := make([]fields, 0, len(lines))
	for i, line := range lines {
		at := href + "/" + lineName(s, line, i)
		out := p.object(s, line, at)
		out["links"] = self(at)
		rendered = append(rendered, out)
	}
	return fields{"links": self(href), "items": rendered, "totalResults": len(lines), "count": len(lines), "hasMore": false, "offset": 0}
}

// lineName is what the address of a line ends in: its key, or its place.
func lineName(s *schema, line fields, i int) string { return or(lineKey(s, line), strconv.Itoa(i+1)) }

// read answers GET of a record or of a part of one.
func (s *Server) read(r *http.Request, a address) (reply, error) {
	query := r.URL.Query()
	p := painter{root: recordRoot(r), expand: isTrue(query.Get("expandSubResources")), plainEnums: isTrue(query.Get("simpleEnumFormat"))}
	names := query.Get("fields")
	if p.expand && names != "" {
		return reply{}, invalidParameter("fields", "The fields and expandSubResources parameters cannot be used together.")
	}
	var found *record
	err := s.store.view(func(t *tx) (err error) {
		found, err = t.find(a)
		return err
	})
	if err != nil {
		return reply{}, err
	}
	if len(a.parts) > 0 {
		return p.part(found, a.parts)
	}
	out := p.record(found)
	if names != "" {
		if out, err = only(found.kind.schema, out, names); err != nil {
			return reply{}, err
		}
	}
	return jsonReply(http.StatusOK, singular, out), nil
}

func isTrue(s string) bool { return strings.EqualFold(s, "true") }

// only keeps the named body fields, and what every answer carries.
func only(s *schema, f fields, names string) (fields, error) {
	out := fields{"links": f["links"], "id": f["id"]}
	for name := range strings.SplitSeq(names, ",") {
		prop := s.find(strings.TrimSpace(name))
		if prop == nil {
			return nil, invalidParameter("fields", "Invalid value of the fields parameter: unknown field '%s'.", name)
		}
		if value, ok := f[prop.name]; ok {
			out[prop.name] = value
		}
	}
	return out, nil
}

// part renders a sublist, a line or a sub-record.
func (p painter) part(r *record, parts []string) (reply, error) {
	p.expand = true
	s, f := r.kind.schema, r.fields
	href := p.root + r.kind.name + "/" + decimalID(r.id)
	for len(parts) > 0 {
		prop := s.find(parts[0])
		if prop == nil || (prop.form != sublist && prop.form != subrecord) {
			return reply{}, notFound()
		}
		href, parts = href+"/"+prop.name, parts[1:]
		s = prop.sub
		if prop.form == subrecord {
			f = f.sub(prop.name)
			continue
		}
		lines := f.lines(prop.name)
		if len(parts) == 0 {
			return jsonReply(http.StatusOK, collection, p.lines(s, lines, href)), nil
		}
		at := lineNamed(s, lines, parts[0])
		if at < 0 {
			return reply{}, notFound()
		}
		f, href, parts = lines[at], href+"/"+parts[0], parts[1:]
	}
	if f == nil {
		return reply{}, notFound()
	}
	out := p.object(s, f, href)
	out["links"] = self(href)
	return jsonReply(http.StatusOK, singular, out), nil
}

func lineNamed(s *schema, lines []fields, name string) int {
	for i, line := range lines {
		if lineName(s, line, i) == name {
			return i
		}
	}
	return -1
}

// state renders every record of a type, sublists expanded.
func (s *Server) state(root string, k *kind) []fields {
	p := painter{root: root, expand: true}
	var found []*record
	_ = s.store.view(func(t *tx) error {
		found = t.of(k)
		return nil
	})
	out := make([]fields, 0, len(found))
	for _, r := range found {
		out = append(out, p.record(r))
	}
	return out
}

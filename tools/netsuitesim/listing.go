package netsuitesim

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listed is one record of a list: its id and where it lies.
type listed struct {
	Links []fields `json:"links"`
	ID    string   `json:"id"`
}

// list answers GET of a type: ids of the records that fit q.
func (s *Server) list(r *http.Request, k *kind) (reply, error) {
	query := r.URL.Query()
	span, err := readSpan(query)
	if err != nil {
		return reply{}, err
	}
	fits, err := parseQ(k.schema, query.Get("q"))
	if err != nil {
		return reply{}, err
	}
	var found []*record
	err = s.store.view(func(t *tx) error {
		found = slices.DeleteFunc(t.of(k), func(r *record) bool { return !fits(r) })
		return nil
	})
	if err != nil {
		return reply{}, err
	}
	window := []listed{}
	for i, r2 := range found {
		if i >= span.offset && i < span.offset+span.limit {
			window = append(window, listed{ID: decimalID(r2.id), Links: self(s.href(r, r2))})
		}
	}
	return jsonReply(http.StatusOK, collection, map[string]any{
		"links": self("http://" + r.Host + r.URL.RequestURI()), "items": window, "count": len(window), "offset": span.offset,
		"totalResults": len(found), "hasMore": span.offset+len(window) < len(found),
	}), nil
}

// span is the window of a list or query.
type span struct{ limit, offset int }

// maxRows is how far a window may reach.
const maxRows = 100000

// readSpan reads limit (1 to 1000, 1000 by default) and offset (a multiple of
// limit).
func readSpan(query url.Values) (span, error) {
	s := span{limit: 1000}
	var err error
	if text := query.Get("limit"); text != "" {
		if s.limit, err = strconv.Atoi(text); err != nil || s.limit < 1 || s.limit > 1000 {
			return s, invalidParameter("limit", "Invalid value of the limit parameter. Provide a number between 1 and 1000.")
		}
	}
	if text := query.Get("offset"); text != "" {
		if s.offset, err = strconv.Atoi(text); err != nil || s.offset < 0 || s.offset%s.limit != 0 {
			return s, invalidParameter("offset", "Invalid value of the offset parameter. The offset must be divisible by the limit.")
		}
	}
	if s.offset+s.limit > maxRows {
		return s, invalidParameter("offset", "The maximum number of results is %d.", maxRows)
	}
	return s, nil
}

var condition = regexp.MustCompile(`(?i)^\s*([a-z0-9_]+)\s+(IS|IS_NOT|CONTAIN|START_WITH|ANY_OF|ON_OR_AFTER|EMPTY|EMPTY_NOT)\s*(.*?)\s*$`)

var conjunction = regexp.MustCompile(`(?i)\s+AND\s+`)

// parseQ reads a filter: conditions joined by AND, each a property, an
// operator and a quoted value or a list of values in brackets.
func parseQ(s *schema, q string) (func(*record) bool, error) {
	if strings.TrimSpace(q) == "" {
		return func(*record) bool { return true }, nil
	}
	var tests []func(*record) bool
	for _, part := range conjunction.Split(q, -1) {
		test, err := parseCondition(s, part)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return func(r *record) bool {
		for _, test := range tests {
			if !test(r) {
				return false
			}
		}
		return true
	}, nil
}

func badFilter(format string, args ...any) error {
	return invalidParameter("q", "Invalid search query. Detailed unprocessed description follows. Search error occurred: %s", fmt.Sprintf(format, args...))
}

func parseCondition(s *schema, part string) (func(*record) bool, error) {
	m := condition.FindStringSubmatch(part)
	if m == nil {
		return nil, badFilter("Unable to parse '%s'.", part)
	}
	p := s.find(m[1])
	if p == nil && !strings.EqualFold(m[1], "id") {
		return nil, badFilter("Unknown identifier '%s'.", m[1])
	}
	operator := strings.ToUpper(m[2])
	values := operands(m[3])
	if len(values) == 0 && !strings.HasPrefix(operator, "EMPTY") {
		return nil, badFilter("Operator %s needs a value.", operator)
	}
	name := m[1]
	if p != nil {
		name = p.name
	}
	if operator == "ON_OR_AFTER" {
		return since(name, values[0])
	}
	return func(r *record) bool { return compare(operator, r.shown(name), values) }, nil
}

func compare(operator, have string, values []string) bool {
	switch operator {
	case "EMPTY":
		return have == ""
	case "EMPTY_NOT":
		return have != ""
	case "IS_NOT":
		return !sameFold(have, values[0])
	case "CONTAIN":
		return strings.Contains(strings.ToLower(have), strings.ToLower(values[0]))
	case "START_WITH":
		return strings.HasPrefix(strings.ToLower(have), strings.ToLower(values[0]))
	}
	return slices.ContainsFunc(values, func(v string) bool { return sameFold(have, v) })
}

// since compares dates; the filter's format is the account's, month first.
func since(name, value string) (func(*record) bool, error) {
	from, err := time.Parse("1/2/2006", value)
	if err != nil {
		return nil, badFilter("Invalid date '%s'.", value)
	}
	day := from.Format(time.DateOnly)
	return func(r *record) bool { have := r.fields.text(name); return have != "" && have >= day }, nil
}

// operands reads "x" or [1,2] or a bare word.
func operands(text string) []string {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		var out []string
		for part := range strings.SplitSeq(text[1:len(text)-1], ",") {
			out = append(out, strings.Trim(strings.TrimSpace(part), `"`))
		}
		return out
	}
	if text == "" {
		return nil
	}
	return []string{strings.Trim(text, `"`)}
}

// shown is a property as a filter sees it.
func (r *record) shown(name string) string {
	if sameFold(name, "id") {
		return decimalID(r.id)
	}
	switch v := r.fields[name].(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case fields:
		return v.text("id")
	default:
		return fmt.Sprint(v)
	}
}

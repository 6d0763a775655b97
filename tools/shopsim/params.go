package shopsim

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// params are a query's parameters in the order given; a name given twice keeps
// its place and its last value, as in PHP.
type params struct {
	names  []string
	values map[string]string
}

func parseParams(rawQuery string) params {
	p := params{values: map[string]string{}}
	for _, pair := range strings.Split(rawQuery, "&") {
		k, v, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(k)
		value, err2 := url.QueryUnescape(v)
		if key == "" || err != nil || err2 != nil {
			continue
		}
		p.add(key, value)
	}
	return p
}

// add takes one pair; elements of a list (include[]=1, status[0]=any) are
// joined with commas.
func (p *params) add(key, value string) {
	name, _, list := strings.Cut(key, "[")
	old, known := p.values[name]
	if !known {
		p.names = append(p.names, name)
	}
	if known && list {
		value = old + "," + value
	}
	p.values[name] = value
}

func (p params) get(name string) string { return p.values[name] }

func (p params) has(name string) bool {
	_, ok := p.values[name]
	return ok
}

// ids reads a list of numbers, by commas or blanks.
func (p params) ids(name string) []int64 {
	var list []int64
	for _, word := range strings.FieldsFunc(p.get(name), func(r rune) bool { return r == ',' || r == ' ' }) {
		if n, err := strconv.ParseInt(word, 10, 64); err == nil {
			list = append(list, n)
		}
	}
	return list
}

func (p params) flag(name string) bool {
	v := strings.ToLower(p.get(name))
	return v == "true" || v == "1"
}

// number reads a whole number within bounds; max 0 means none.
func (p params) number(bad *problems, name string, otherwise, min, max int) int {
	if !p.has(name) {
		return otherwise
	}
	n, err := strconv.Atoi(p.get(name))
	switch {
	case err != nil:
		bad.notType(name, "integer")
	case max > 0 && (n < min || n > max):
		bad.add(name, "rest_out_of_bounds", name+" must be between "+strconv.Itoa(min)+" (inclusive) and "+strconv.Itoa(max)+" (inclusive)", phpjson.NullValue())
	case n < min:
		bad.add(name, "rest_out_of_bounds", name+" must be greater than or equal to "+strconv.Itoa(min), phpjson.NullValue())
	}
	return n
}

func (p params) choice(bad *problems, name, otherwise string, allowed []string) string {
	if !p.has(name) {
		return otherwise
	}
	if !slices.Contains(allowed, p.get(name)) {
		bad.notOneOf(name, name, allowed)
	}
	return p.get(name)
}

var restDate = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d+)?(Z|[+-]\d{2}(?::?\d{2})?)?$`)

// bound reads a date to compare rows with. A date with an offset is turned into
// the store's local time first, whatever clock it is then compared with: that
// is why a "Z" together with dates_are_gmt gives wrong rows.
func (p params) bound(bad *problems, name string, zone *time.Location) string {
	if !p.has(name) {
		return ""
	}
	m := restDate.FindStringSubmatch(p.get(name))
	if m == nil {
		bad.add(name, "rest_invalid_date", "Invalid date.", phpjson.NullValue())
		return ""
	}
	if m[2] == "" {
		return m[1]
	}
	for _, layout := range []string{"Z07:00", "Z0700", "Z07"} {
		if at, err := time.Parse(stamp+layout, m[1]+m[2]); err == nil {
			return at.In(zone).Format(stamp)
		}
	}
	bad.add(name, "rest_invalid_date", "Invalid date.", phpjson.NullValue())
	return ""
}

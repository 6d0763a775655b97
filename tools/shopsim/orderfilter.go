package shopsim

import (
	"slices"
	"strconv"
	"strings"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// orderColumns are the members that orderby sorts by.
var orderColumns = map[string]string{
	"date": "date_created_gmt", "id": "id", "include": "id", "title": "date_created_gmt", "slug": "date_created_gmt", "modified": "date_modified_gmt",
}

// orderFilter is what a list request asks for.
type orderFilter struct {
	statuses         []string
	include, exclude []int64
	customer         int64 // -1 = any
	product          int64 // 0 = any
	search           string
	bounds           []bound
	orderBy          string
	descending       bool
	nothing          bool // a combination a store finds nothing for
}

// bound compares one date of an order, as text, with a limit; limits are
// exclusive.
type bound struct {
	column, limit string
	after         bool
}

func (c *call) orderFilter() (orderFilter, paging, error) {
	var bad problems
	q := c.query
	p := c.paging(&bad)
	f := orderFilter{
		include: q.ids("include"), exclude: q.ids("exclude"), search: strings.ToLower(q.get("search")),
		orderBy:    q.choice(&bad, "orderby", "date", []string{"date", "id", "include", "title", "slug", "modified"}),
		descending: q.choice(&bad, "order", "desc", []string{"asc", "desc"}) == "desc",
		customer:   int64(q.number(&bad, "customer", -1, 0, 0)),
		product:    int64(q.number(&bad, "product", 0, 0, 0)),
	}
	f.readStatus(&bad, q)
	f.readBounds(&bad, c)
	return f, p, bad.err()
}

// readStatus reads the statuses wanted. "any" leaves out trash and auto-draft,
// and finds nothing at all together with another status.
func (f *orderFilter) readStatus(bad *problems, q params) {
	f.statuses = slices.DeleteFunc(slices.Clone(orderStatuses), func(s string) bool { return s == "auto-draft" })
	if !q.has("status") || q.get("status") == "any" {
		return
	}
	f.statuses = strings.FieldsFunc(q.get("status"), func(r rune) bool { return r == ',' || r == ' ' })
	allowed := append([]string{"any", "trash"}, orderStatuses...)
	for i, s := range f.statuses {
		if !slices.Contains(allowed, s) {
			bad.notOneOf("status", "status["+strconv.Itoa(i)+"]", allowed)
			return
		}
	}
	f.nothing = slices.Contains(f.statuses, "any")
}

func (f *orderFilter) readBounds(bad *problems, c *call) {
	suffix := or(c.query.flag("dates_are_gmt"), "_gmt", "")
	for _, b := range []struct {
		name, column string
		after        bool
	}{
		{"after", "date_created", true}, {"before", "date_created", false},
		{"modified_after", "date_modified", true}, {"modified_before", "date_modified", false},
	} {
		if limit := c.query.bound(bad, b.name, c.shop.zone); limit != "" {
			f.bounds = append(f.bounds, bound{b.column + suffix, limit, b.after})
		}
	}
}

func (f *orderFilter) takes(o *phpjson.Value) bool {
	id := o.Get("id").Int()
	switch {
	case f.nothing, !slices.Contains(f.statuses, o.Get("status").Text()):
		return false
	case len(f.include) > 0 && !slices.Contains(f.include, id), slices.Contains(f.exclude, id):
		return false
	case f.customer >= 0 && o.Get("customer_id").Int() != f.customer:
		return false
	}
	for _, b := range f.bounds {
		at := o.Get(b.column).Text()
		if b.after && at <= b.limit || !b.after && at >= b.limit {
			return false
		}
	}
	return f.sells(o) && f.finds(o)
}

func (f *orderFilter) sells(o *phpjson.Value) bool {
	return f.product == 0 || slices.ContainsFunc(o.Get("line_items").Items(), func(l *phpjson.Value) bool {
		return l.Get("product_id").Int() == f.product || l.Get("variation_id").Int() == f.product
	})
}

// finds looks for the search text in number, addresses and item names; a store
// does not look in meta data.
func (f *orderFilter) finds(o *phpjson.Value) bool {
	if f.search == "" {
		return true
	}
	words := []string{o.Get("number").Text()}
	for _, key := range []string{"billing", "shipping"} {
		for _, field := range o.Get(key).Fields() {
			words = append(words, field.Value.Text())
		}
	}
	for _, l := range o.Get("line_items").Items() {
		words = append(words, l.Get("name").Text())
	}
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(w), f.search) })
}

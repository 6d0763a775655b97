package shopsim

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// paging is the part of a list request every collection has.
type paging struct{ page, perPage, offset int }

func (c *call) paging(bad *problems) paging {
	return paging{
		page:    c.query.number(bad, "page", 1, 1, 0),
		perPage: c.query.number(bad, "per_page", 10, 1, 100),
		offset:  c.query.number(bad, "offset", -1, 0, 0),
	}
}

// cut gives the rows of the page and the counts its headers tell. Past the end
// a store counts nothing at all.
func (p paging) cut(rows []*phpjson.Value) (page []*phpjson.Value, total, pages int) {
	from := (p.page - 1) * p.perPage
	if p.offset >= 0 {
		from = p.offset
	}
	if from >= len(rows) {
		return nil, 0, 0
	}
	return rows[from:min(from+p.perPage, len(rows))], len(rows), (len(rows) + p.perPage - 1) / p.perPage
}

// listed answers with one page of rows, rendered by view; extra are parameters
// the collection adds by default to its page links.
func (c *call) listed(p paging, rows []*phpjson.Value, view func(*phpjson.Value) *phpjson.Value, extra ...[2]string) *reply {
	page, total, pages := p.cut(rows)
	list := phpjson.List()
	for _, row := range page {
		list.Append(c.pick(view(row)))
	}
	a := ok(list)
	a.picked = true
	a.set("X-WP-Total", strconv.Itoa(total))
	a.set("X-WP-TotalPages", strconv.Itoa(pages))
	var links []string
	if p.page > 1 {
		links = append(links, c.pageLink(min(p.page-1, pages), "prev", extra))
	}
	if p.page < pages {
		links = append(links, c.pageLink(p.page+1, "next", extra))
	}
	if len(links) > 0 {
		a.set("Link", strings.Join(links, ", "))
	}
	return a
}

// pageLink writes the address of another page as WordPress does: the request's
// parameters in their order, then the defaults.
func (c *call) pageLink(page int, rel string, extra [][2]string) string {
	var pairs []string
	add := func(k, v string) { pairs = append(pairs, k+"="+url.QueryEscape(v)) }
	for _, name := range c.query.names {
		switch {
		case name == "page":
			add(name, strconv.Itoa(page))
		case name == "status" || name == "include" || name == "exclude":
			for i, v := range strings.Split(c.query.get(name), ",") {
				add(name+"%5B"+strconv.Itoa(i)+"%5D", v)
			}
		case name == "dates_are_gmt":
			add(name, or(c.query.flag(name), "1", "0"))
		case !strings.HasPrefix(name, "oauth_") && !strings.HasPrefix(name, "consumer_"):
			add(name, c.query.get(name))
		}
	}
	for _, e := range extra {
		if name, _, _ := strings.Cut(e[0], "%"); !c.query.has(name) {
			add(e[0], e[1])
		}
	}
	if !c.query.has("page") {
		add("page", strconv.Itoa(page))
	}
	return "<" + c.shop.api(c.path) + "?" + strings.Join(pairs, "&") + `>; rel="` + rel + `"`
}

// pick keeps the members named by _fields, in the row's own order; a dotted
// name picks inside an object. Without names everything is kept.
func pick(row *phpjson.Value, names string) *phpjson.Value {
	if names == "" || row.Kind() != phpjson.Object {
		return row
	}
	wanted := map[string][]string{}
	for _, name := range strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' }) {
		first, rest, _ := strings.Cut(name, ".")
		wanted[first] = append(wanted[first], rest)
	}
	picked := phpjson.Obj()
	for _, f := range row.Fields() {
		inner, ok := wanted[f.Key]
		switch {
		case !ok:
		case slices.Contains(inner, ""):
			picked.Set(f.Key, f.Value)
		default:
			picked.Set(f.Key, pick(f.Value, strings.Join(inner, ",")))
		}
	}
	return picked
}

// pick keeps the members named by _fields. Products come in the order in which
// their members are named, everything else in its own.
func (c *call) pick(row *phpjson.Value) *phpjson.Value {
	picked := pick(row, c.query.get("_fields"))
	if !c.query.has("_fields") || !strings.HasPrefix(c.path, "products") {
		return picked
	}
	ordered := phpjson.Obj()
	for _, name := range strings.Split(c.query.get("_fields"), ",") {
		if v := picked.Get(name); v != nil {
			ordered.Set(name, v)
		}
	}
	return ordered
}

// sortRows orders rows by a text member, ties by id, both the same way round.
func sortRows(rows []*phpjson.Value, member string, descending bool) {
	slices.SortStableFunc(rows, func(a, b *phpjson.Value) int {
		n := cmp.Compare(a.Get("id").Int(), b.Get("id").Int())
		if member != "id" {
			n = cmp.Or(cmp.Compare(a.Get(member).Text(), b.Get(member).Text()), n)
		}
		if descending {
			return -n
		}
		return n
	})
}

// sortByIDs orders rows as their ids are listed.
func sortByIDs(rows []*phpjson.Value, ids []int64) {
	slices.SortStableFunc(rows, func(a, b *phpjson.Value) int {
		return cmp.Compare(slices.Index(ids, a.Get("id").Int()), slices.Index(ids, b.Get("id").Int()))
	})
}

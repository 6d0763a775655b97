package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
)

const sectionItems = "items.rules"

// itemRule is a compiled ItemRule.
type itemRule struct {
	ItemRule
	path       string
	matches    *pattern
	attributes []attribute // in the order of their names
	when       *expression
}

type attribute struct{ key, value string }

func (c *compiler) items(rules []ItemRule) []itemRule {
	list := make([]itemRule, 0, len(rules))
	for i, r := range rules {
		path := fmt.Sprintf("%s[%d]", sectionItems, i)
		compiled := itemRule{ItemRule: r, path: path, when: c.condition(path+".when", r.When)}
		for _, key := range sorted(r.Attributes) {
			compiled.attributes = append(compiled.attributes, attribute{key, r.Attributes[key]})
		}
		if r.Matches != "" {
			var err error
			if compiled.matches, err = patternOf(r.Matches); err != nil {
				c.keep(path+".matches", err)
			}
		}
		list = append(list, compiled)
	}
	return list
}

// applies tells whether the rule is for the line at hand, and which item it gives.
func (r itemRule) applies(l event.Line, s *scope) (item string, applies bool, err error) {
	item, fits := r.fits(l, s.Line.Meta, s.Work)
	if err := s.overworked(r.path+".matches", r.Matches); err != nil || !fits {
		return "", false, err
	}
	applies, err = s.holds(r.when)
	return item, applies && item != "", err
}

// fits tells whether SKU and attributes of a line are what the rule asks for, its condition apart.
func (r itemRule) fits(l event.Line, meta map[string]string, w *Work) (item string, fits bool) {
	if !strings.HasPrefix(l.SKU, r.Prefix) || !r.hasAttributes(meta) {
		return "", false
	}
	if r.matches == nil {
		return r.Item, true
	}
	if !r.matches.looks(l.SKU, w) {
		return "", false
	}
	at := r.matches.FindStringSubmatchIndex(l.SKU)
	if at == nil {
		return "", false
	}
	return string(r.matches.ExpandString(nil, r.Item, l.SKU, at)), true
}

func (r itemRule) hasAttributes(meta map[string]string) bool {
	for _, a := range r.attributes {
		if value, set := meta[a.key]; !set || value != a.value {
			return false
		}
	}
	return true
}

func item(name string) event.Ref { return event.Ref{Record: "item", By: "name", Key: name} }

// itemOf gives the item of a line: the table's, a rule's, the one of the SKU's own name, or the fallback.
func (m *Mapping) itemOf(l event.Line, s *scope, key string) (event.Ref, error) {
	if name, mapped := m.document.Items.SKUs[l.SKU]; mapped && l.SKU != "" {
		return item(name), nil
	}
	for _, r := range m.items {
		name, applies, err := r.applies(l, s)
		if err != nil {
			return event.Ref{}, err
		}
		if applies {
			s.fire(sectionItems, r.Name, key)
			return m.known(name), nil
		}
	}
	if l.SKU == "" {
		return item(m.document.Items.Fallback), nil
	}
	return m.known(l.SKU), nil
}

// known names an item that NetSuite may not have: then the order is parked, or the fallback is taken.
func (m *Mapping) known(name string) event.Ref {
	ref := item(name)
	if m.document.Items.Unknown == UnknownFallback && name != m.document.Items.Fallback {
		ref.Fallback = m.document.Items.Fallback
	}
	return ref
}

func (b ItemBlock) check(p *problems) {
	p.want(b.Fallback != "", "items.fallback", "want the item for lines without SKU")
	p.want(b.Fee != "", "items.fee", "want the item of fees")
	p.want(b.Discount != "", "items.discount", "want the Discount item")
	p.want(slices.Contains([]Bundles{"", BundlesAll, BundlesParent, BundlesChildren}, b.Bundles), "items.bundles", "want all, parent or children")
	p.want(slices.Contains([]Unknown{"", UnknownPark, UnknownFallback}, b.Unknown), "items.unknown", "want park or fallback")
	named := map[string]bool{}
	for i, r := range b.Rules {
		path := fmt.Sprintf("%s[%d]", sectionItems, i)
		p.named(named, path, r.Name)
		p.want(r.Item != "", path+".item", "want an item")
		p.want(r.Prefix != "" || r.Matches != "" || r.When != "" || len(r.Attributes) > 0, path, "want a prefix, matches, attributes or when")
	}
}

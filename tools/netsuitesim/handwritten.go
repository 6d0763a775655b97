package netsuitesim

import (
	_ "embed" // the record types
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// recordsText describes the record types without an OpenAPI file; its head
// explains the format.
//
//go:embed catalog/records.txt
var recordsText string

// outline is one section of recordsText.
type outline struct {
	what  string // set, record, lines
	key   string // lines: the property that identifies a line
	words []string
}

// outlines reads recordsText once; it is part of the program.
var outlines = sync.OnceValues(func() (map[string]outline, error) {
	all := map[string]outline{}
	name := ""
	for line := range strings.Lines(recordsText) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#" || strings.HasPrefix(line, "#"):
		case !strings.HasPrefix(line, " "):
			o, err := heading(words)
			if err != nil {
				return nil, err
			}
			name = words[1]
			all[name] = o
		default:
			o := all[name]
			o.words = append(o.words, words...)
			all[name] = o
		}
	}
	return all, nil
})

// heading reads "set NAME", "record NAME" or "lines NAME key PROPERTY".
func heading(words []string) (outline, error) {
	switch {
	case len(words) == 2 && (words[0] == "set" || words[0] == "record"):
		return outline{what: words[0]}, nil
	case len(words) == 4 && words[0] == "lines" && words[2] == "key":
		return outline{what: words[0], key: words[3]}, nil
	}
	return outline{}, fmt.Errorf("catalog/records.txt: heading %q", strings.Join(words, " "))
}

// outlined builds the schema of a section; names outside of it are refused.
func (c *compiler) outlined(name string) (*schema, error) {
	if s := c.done[name]; s != nil {
		return s, nil
	}
	all, err := outlines()
	if err != nil {
		return nil, err
	}
	o, ok := all[name]
	if !ok {
		return c.compile(name), nil
	}
	s := &schema{name: name, props: map[string]*property{}, key: o.key, strict: true}
	c.done[name] = s
	if err := c.words(s, all, o); err != nil {
		return nil, fmt.Errorf("catalog/records.txt: %s: %w", name, err)
	}
	prefix := customPrefix(name)
	if o.what == "record" {
		prefix = "custbody"
	}
	c.addCustom(s, prefix)
	return s, nil
}

func (c *compiler) words(s *schema, all map[string]outline, o outline) error {
	for _, word := range o.words {
		if set, is := strings.CutPrefix(word, "&"); is {
			if err := c.words(s, all, all[set]); err != nil {
				return err
			}
			continue
		}
		p, err := c.word(word)
		if err != nil {
			return err
		}
		if !c.has(p.name) {
			continue
		}
		p.name = c.spelt(p.name)
		p.max = or(c.limits[s.name+"."+p.name], p.max)
		s.add(p)
	}
	return nil
}

// word reads one property.
func (c *compiler) word(word string) (*property, error) {
	p := &property{bytes: c.lengthBytes}
	if inner, is := strings.CutPrefix(word, "("); is {
		word, p.ignored = strings.TrimSuffix(inner, ")"), true
	}
	at := strings.IndexAny(word, "/#?@~=:[{")
	if at < 0 {
		p.name = word
		return p, nil
	}
	p.name = word[:at]
	rest := word[at+1:]
	var err error
	switch word[at] {
	case '/':
		p.max, err = strconv.Atoi(rest)
	case '#':
		p.form = number
	case '?':
		p.form = boolean
	case '@':
		p.form = date
		if rest == "@" {
			p.form = dateTime
		}
	case '~':
		p.form = loose
	case '=':
		p.form, p.options = choice, strings.Split(rest, ",")
	case ':':
		p.form, p.target = reference, rest
	case '[':
		p.form = sublist
		p.sub, err = c.outlined(strings.TrimSuffix(rest, "]"))
	case '{':
		p.form = subrecord
		p.sub, err = c.outlined(strings.TrimSuffix(rest, "}"))
	}
	return p, err
}

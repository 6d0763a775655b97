package mapping

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// spot says where a byte of a scalar's value stands in its file. YAML folds lines, takes indentation away and resolves
// escapes, but it leaves every character that is no blank, in its order: those are counted.
func (t *tree) spot(n *yaml.Node, offset int) (line, column int) {
	s := t.scan(n)
	for left := inked(n.Value[:offset]); left > 0 && s.rest != ""; {
		if blank := s.next(); !blank {
			left--
		}
	}
	if inked(n.Value[offset:min(offset+1, len(n.Value))]) > 0 {
		s.toInk()
	}
	return s.line, s.column
}

// inked counts the characters of a text that are no blanks.
func inked(text string) int {
	count := 0
	for _, c := range text {
		if !unicode.IsSpace(c) {
			count++
		}
	}
	return count
}

// scan reads a scalar as it is written, character by character.
type scan struct {
	rest         string // of the file
	line, column int    // where the rest begins
	style        yaml.Style
}

// scan begins at the first character of a scalar's value; where the file's text is not known, it has nothing to read.
func (t *tree) scan(n *yaml.Node) *scan {
	s := &scan{rest: t.texts[t.file(n)], line: 1, column: 1, style: n.Style}
	for s.rest != "" && (s.line < n.Line || s.column < n.Column) {
		_, size := utf8.DecodeRuneInString(s.rest)
		s.skip(size)
	}
	s.line, s.column = n.Line, n.Column
	for strings.HasPrefix(s.rest, "!") || strings.HasPrefix(s.rest, "&") { // a tag, an anchor
		s.skip(max(0, strings.IndexFunc(s.rest, unicode.IsSpace)))
		s.toInk()
	}
	switch {
	case s.is(yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle):
		s.skip(min(1, len(s.rest)))
	case s.is(yaml.LiteralStyle | yaml.FoldedStyle): // the text begins on the next line
		s.skip(strings.Index(s.rest, "\n") + 1)
	}
	return s
}

func (s *scan) is(style yaml.Style) bool { return s.style&style != 0 }

// skip goes on by so many bytes.
func (s *scan) skip(size int) {
	for _, c := range s.rest[:size] {
		if s.column++; c == '\n' {
			s.line, s.column = s.line+1, 1
		}
	}
	s.rest = s.rest[size:]
}

// next goes on by a character, and tells whether it is a blank.
func (s *scan) next() (blank bool) {
	c, size := s.character()
	s.skip(size)
	return unicode.IsSpace(c)
}

// toInk goes on to the next character that is no blank.
func (s *scan) toInk() {
	for s.rest != "" {
		c, size := s.character()
		if !unicode.IsSpace(c) {
			return
		}
		s.skip(size)
	}
}

// character gives the next character, and in how many bytes it is written.
func (s *scan) character() (c rune, size int) {
	switch {
	case s.is(yaml.SingleQuotedStyle) && strings.HasPrefix(s.rest, "''"):
		return '\'', 2
	case s.is(yaml.DoubleQuotedStyle) && strings.HasPrefix(s.rest, `\`) && len(s.rest) > 1:
		return escaped(s.rest)
	default:
		return utf8.DecodeRuneInString(s.rest)
	}
}

// escapes are those of which the letter is not the character; of the others it only matters that they are no blanks.
var escapes = map[byte]rune{'n': '\n', 't': '\t', 'r': '\r', 'v': '\v', 'f': '\f', 'N': '\u0085', '_': '\u00a0', 'L': '\u2028', 'P': '\u2029'}

// codes are the escapes that give a character's number, in so many digits.
var codes = map[byte]int{'x': 2, 'u': 4, 'U': 8}

func escaped(rest string) (c rune, size int) {
	if c, known := escapes[rest[1]]; known {
		return c, 2
	}
	digits, numbered := codes[rest[1]]
	if !numbered || len(rest) < 2+digits {
		c, size = utf8.DecodeRuneInString(rest[1:])
		return c, 1 + size
	}
	number, _ := strconv.ParseUint(rest[2:2+digits], 16, 32)
	return rune(number), 2 + digits
}

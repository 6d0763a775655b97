package mapping

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// text cleans a value and cuts it to what the NetSuite field takes (Document.Lengths).
// Custom fields count bytes, standard ones are taken to count characters (Oracle's help, section_N2842731).
func (m *Mapping) text(field, value string) string {
	return m.textWithin(field, value, m.document.Lengths[field])
}

func (m *Mapping) textWithin(field, value string, limit int) string {
	value = m.harmless(field, clean(value))
	if strings.HasPrefix(field, "cust") {
		return cutBytes(value, limit)
	}
	return cut(value, limit)
}

// oneLine is text for fields of one line.
func (m *Mapping) oneLine(field, value string) string {
	return m.harmless(field, oneLine(m.plain(value)))
}

// harmless takes out of a clean text what the document asks for.
func (m *Mapping) harmless(field, value string) string {
	value = m.plain(value)
	if m.document.Text.Formulas == FormulasQuote && field != "email" && !slices.Contains(m.document.Text.Raw, field) && isFormula(value) {
		return "'" + value
	}
	return value
}

// plain takes tags out and resolves entities, where the document asks for it. Entities first: a tag that was
// written with them is one again in whatever shows the text.
func (m *Mapping) plain(value string) string {
	if m.document.Text.HTML != HTMLStrip || !strings.ContainsAny(value, "<&") {
		return value
	}
	value = html.UnescapeString(value)
	value = hidden.ReplaceAllString(value, "")
	value = breaks.ReplaceAllString(value, "\n")
	return clean(tags.ReplaceAllString(value, ""))
}

var (
	hidden = regexp.MustCompile(`(?is)<(script|style)\b.*?(</(script|style)\s*>|$)|<!--.*?(-->|$)`)
	breaks = regexp.MustCompile(`(?i)<(br|/p|/div|/li|/tr|/h[1-6])\b[^<>]*>`)
	tags   = regexp.MustCompile(`</?[A-Za-z!][^<>]*>`)
)

// number is what a spreadsheet shows as it is: telephone numbers and negative amounts begin like formulas.
var number = regexp.MustCompile(`^[+-]?[\d\s().,/-]*$`)

// isFormula tells whether a spreadsheet would run the text. Source: OWASP, CSV Injection.
func isFormula(value string) bool {
	return value != "" && strings.ContainsRune("=+-@", rune(value[0])) && !number.MatchString(value)
}

// cutBytes shortens to limit bytes of UTF-8, whole characters only; 0 is no limit.
func cutBytes(value string, limit int) string {
	if limit <= 0 || len(value) <= limit {
		return value
	}
	return strings.TrimSpace(strings.ToValidUTF8(value[:limit], ""))
}

var separators = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\t", " ")

// clean drops control characters but line breaks, which become \n; the line separators of Unicode too.
func clean(value string) string {
	if isPlain(value) {
		return strings.TrimSpace(value)
	}
	value = separators.Replace(strings.ToValidUTF8(value, ""))
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return -1
		}
		return r
	}, value))
}

// isPlain tells whether there is nothing to clean but blanks at the ends: printable ASCII.
func isPlain(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// oneLine is clean for fields of one line.
func oneLine(value string) string {
	if isPlain(value) && !strings.Contains(value, "  ") {
		return strings.TrimSpace(value)
	}
	return strings.Join(strings.Fields(clean(value)), " ")
}

// cut shortens to limit characters; 0 is no limit.
func cut(value string, limit int) string {
	if limit <= 0 || len(value) <= limit {
		return value
	}
	runes := []rune(value)
	if len(runes) <= limit {
		return value
	}
	return strings.TrimSpace(string(runes[:limit]))
}

func (b TextBlock) check(p *problems) {
	p.want(slices.Contains([]HTML{"", HTMLKeep, HTMLStrip}, b.HTML), "text.html", "want keep or strip")
	p.want(slices.Contains([]Formulas{"", FormulasKeep, FormulasQuote}, b.Formulas), "text.formulas", "want keep or quote")
}

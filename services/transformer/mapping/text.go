package mapping

import (
	"strings"
	"unicode"
)

// text cleans a value and cuts it to what the NetSuite field takes (Document.Lengths).
func (m *Mapping) text(field, value string) string {
	return cut(clean(value), m.document.Lengths[field])
}

// clean drops control characters but line breaks, which become \n; the line separators of Unicode too.
func clean(value string) string {
	value = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\t", " ").Replace(strings.ToValidUTF8(value, ""))
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return -1
		}
		return r
	}, value))
}

// oneLine is clean for fields of one line.
func oneLine(value string) string {
	return strings.Join(strings.Fields(clean(value)), " ")
}

// cut shortens to limit characters; 0 is no limit.
func cut(value string, limit int) string {
	if limit <= 0 {
		return value
	}
	runes := []rune(value)
	if len(runes) <= limit {
		return value
	}
	return strings.TrimSpace(string(runes[:limit]))
}

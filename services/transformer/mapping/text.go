package mapping

import (
	"strings"
	"unicode"
)

// text cleans a value and cuts it to what the NetSuite field takes (Document.Lengths).
// Custom fields count bytes, standard ones are taken to count characters (Oracle's help, section_N2842731).
func (m *Mapping) text(field, value string) string {
	limit := m.document.Lengths[field]
	if strings.HasPrefix(field, "cust") {
		return cutBytes(clean(value), limit)
	}
	return cut(clean(value), limit)
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
	value = separators.Replace(strings.ToValidUTF8(value, ""))
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

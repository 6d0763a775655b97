package subject

import (
	"fmt"
	"strconv"
	"strings"
)

// none stands for a missing id; a literal "-" is escaped, so that nothing else reads as missing.
const none = "-"

// Token escapes any text into one subject token. Letters, digits, "_" and "-" stand for themselves,
// every other byte becomes %XX (upper-case hex of its UTF-8), the empty text becomes "-" and the text
// "-" becomes "%2D". The rule is reversible: Untoken gives the text back.
func Token(text string) string {
	switch text {
	case "":
		return none
	case none:
		return "%2D"
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if c := text[i]; plain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// Untoken gives the text that Token escaped.
func Untoken(token string) (string, error) {
	if token == none {
		return "", nil
	}
	var b strings.Builder
	for i := 0; i < len(token); i++ {
		c := token[i]
		switch {
		case plain(c):
			b.WriteByte(c)
		case c == '%' && i+2 < len(token):
			n, err := strconv.ParseUint(token[i+1:i+3], 16, 8)
			if err != nil {
				return "", fmt.Errorf("subject token %q: bad escape at %d", token, i)
			}
			b.WriteByte(byte(n))
			i += 2
		default:
			return "", fmt.Errorf("subject token %q: byte %q at %d is not escaped", token, c, i)
		}
	}
	return b.String(), nil
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

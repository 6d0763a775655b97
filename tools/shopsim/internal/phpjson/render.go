package phpjson

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// Bytes renders the value as PHP's json_encode does without flags.
func (v *Value) Bytes() []byte { return v.AppendTo(nil) }

// AppendTo renders the value behind dst.
func (v *Value) AppendTo(dst []byte) []byte {
	switch v.Kind() {
	case Bool, Number:
		return append(dst, v.text...)
	case String:
		return appendString(dst, v.text)
	case Array:
		return v.appendArray(dst)
	case Object:
		return v.appendObject(dst)
	default:
		return append(dst, "null"...)
	}
}

func (v *Value) appendArray(dst []byte) []byte {
	dst = append(dst, '[')
	for i, item := range v.items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = item.AppendTo(dst)
	}
	return append(dst, ']')
}

func (v *Value) appendObject(dst []byte) []byte {
	dst = append(dst, '{')
	for i, f := range v.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, f.Key), ':')
		dst = f.Value.AppendTo(dst)
	}
	return append(dst, '}')
}

var shortEscapes = map[rune]string{
	'"': `\"`, '\\': `\\`, '/': `\/`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`,
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		short, ok := shortEscapes[r]
		switch {
		case ok:
			dst = append(dst, short...)
		case r >= 0x20 && r < utf8.RuneSelf:
			dst = append(dst, byte(r))
		case r > 0xFFFF:
			r -= 0x10000
			dst = appendUnit(appendUnit(dst, 0xD800+r>>10), 0xDC00+r&0x3FF)
		default:
			dst = appendUnit(dst, r)
		}
	}
	return append(dst, '"')
}

// appendUnit writes one UTF-16 code unit as \uXXXX in lower-case hexadecimal.
func appendUnit(dst []byte, u rune) []byte {
	return append(dst, '\\', 'u', hexDigits[u>>12&15], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
}

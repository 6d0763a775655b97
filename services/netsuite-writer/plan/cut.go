package plan

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/orderstream/orderstream/contracts/codec"
)

// Limit is the longest text that a field takes.
type Limit struct {
	Length int  `json:"length"`
	Bytes  bool `json:"bytes"` // counted in bytes of UTF-8; false: in characters
}

// Cut shortens the texts of a record's body to the limits, by the field's name in lower case, and names the fields it
// shortened. Identity is never cut: an externalId that does not fit stays as it is.
func Cut(body []byte, limits map[string]Limit) (shortened []byte, fields []string, err error) {
	tree, err := codec.Decode[map[string]codec.Raw](body)
	if err != nil {
		return nil, nil, err
	}
	if tree, fields, err = cutObject(tree, limits); err != nil || len(fields) == 0 {
		return body, nil, err
	}
	slices.Sort(fields)
	shortened, err = codec.Encode(tree)
	return shortened, slices.Compact(fields), err
}

func cutObject(tree map[string]codec.Raw, limits map[string]Limit) (map[string]codec.Raw, []string, error) {
	var fields []string
	for name, raw := range tree {
		value, cut, err := cutValue(name, raw, limits)
		if err != nil {
			return nil, nil, err
		}
		if len(cut) > 0 {
			tree[name], fields = value, append(fields, cut...)
		}
	}
	return tree, fields, nil
}

func cutValue(name string, raw codec.Raw, limits map[string]Limit) (value codec.Raw, fields []string, err error) {
	switch raw[0] {
	case '"':
		text, err := codec.Decode[string](raw)
		limit, known := limits[strings.ToLower(name)]
		if short := limit.cut(text); err == nil && known && short != text && !strings.EqualFold(name, "externalId") {
			value, err = codec.Encode(short)
			return value, []string{name}, err
		}
		return raw, nil, err
	case '{':
		object, err := codec.Decode[map[string]codec.Raw](raw)
		if err != nil {
			return nil, nil, err
		}
		if object, fields, err = cutObject(object, limits); err != nil {
			return nil, nil, err
		}
		value, err = codec.Encode(object)
		return value, fields, err
	case '[':
		list, err := codec.Decode[[]codec.Raw](raw)
		if err != nil {
			return nil, nil, err
		}
		for i := range list {
			var cut []string
			if list[i], cut, err = cutValue(name, list[i], limits); err != nil {
				return nil, nil, err
			}
			fields = append(fields, cut...)
		}
		value, err = codec.Encode(list)
		return value, fields, err
	default:
		return raw, nil, nil
	}
}

func (l Limit) cut(text string) string {
	if l.Bytes {
		if len(text) <= l.Length {
			return text
		}
		end := l.Length
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		return text[:end]
	}
	if utf8.RuneCountInString(text) <= l.Length {
		return text
	}
	return string([]rune(text)[:l.Length])
}

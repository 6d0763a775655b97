package phpjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxDepth is how deep a document may nest: PHP's json_decode refuses more
// than 512 levels.
const MaxDepth = 512

// Parse reads exactly one JSON document.
func Parse(doc []byte) (*Value, error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	v, err := parseValue(dec, 0)
	if err != nil {
		return nil, fmt.Errorf("json document of %d bytes: %w", len(doc), err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("json document of %d bytes: data after the first value", len(doc))
	}
	return v, nil
}

func parseValue(dec *json.Decoder, depth int) (*Value, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", MaxDepth)
	}
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '{' {
			return parseObject(dec, depth)
		}
		return parseArray(dec, depth)
	case string:
		return Text(t), nil
	case json.Number:
		return Num(t.String()), nil
	case bool:
		return BoolValue(t), nil
	default:
		return NullValue(), nil
	}
}

func parseObject(dec *json.Decoder, depth int) (*Value, error) {
	v := &Value{kind: Object, fields: []Field{}}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("object key %v is not a string", key)
		}
		member, err := parseValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		v.Set(name, member)
	}
	_, err := dec.Token()
	return v, err
}

func parseArray(dec *json.Decoder, depth int) (*Value, error) {
	v := &Value{kind: Array, items: []*Value{}}
	for dec.More() {
		item, err := parseValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		v.Append(item)
	}
	_, err := dec.Token()
	return v, err
}

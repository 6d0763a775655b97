// Package codec is the only JSON seam: tolerant decoding, canonical encoding. Decoding ignores unknown
// fields, refuses trailing garbage and returns no half-filled value; encoding gives the same bytes for
// the same value (Invariant 6: same input, same bytes).
package codec

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-json"
)

// Raw is a JSON value kept as its bytes.
type Raw = json.RawMessage

// Number is a JSON number kept as its text.
type Number = json.Number

// MaxDepth is the deepest nesting a decoded document may have. Real orders stay under 10; a hostile one
// must not grow the stack.
const MaxDepth = 64

// Decode reads exactly one JSON value of type T. Unknown fields are ignored. On error the value is zero:
// the decoder underneath fills values it refuses. T has no part of type any: a number there would pass through a
// float; Canonical is for values of unknown shape.
func Decode[T any](data []byte) (T, error) {
	var value, none T
	if err := wellFormed(data); err != nil {
		return none, err
	}
	if err := json.Unmarshal(data, &value); err != nil {
		return none, fmt.Errorf("decode JSON: %w", err)
	}
	return value, nil
}

// Canonical gives the canonical bytes of a value of any shape: keys sorted, numbers with their digits kept.
func Canonical(data []byte) (Raw, error) {
	if err := wellFormed(data); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, fmt.Errorf("decode JSON: %w", err)
	}
	return Encode(tree)
}

func wellFormed(data []byte) error {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return errors.New("decode JSON: empty document")
	case !utf8.Valid(data):
		return errors.New("decode JSON: not UTF-8")
	case depth(data) > MaxDepth:
		return fmt.Errorf("decode JSON: nested deeper than %d", MaxDepth)
	case !json.Valid(data):
		return errors.New("decode JSON: not one whole JSON value")
	default:
		return nil
	}
}

// depth gives the deepest nesting of brackets outside strings.
func depth(data []byte) int {
	deepest, level, inString := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// Encode gives the canonical bytes: struct fields in their order, map keys sorted, no HTML escapes.
func Encode(value any) ([]byte, error) {
	data, err := json.MarshalWithOption(value, json.DisableHTMLEscape())
	if err != nil {
		return nil, fmt.Errorf("encode JSON: %w", err)
	}
	return data, nil
}

// Hash is the SHA-256 of the canonical bytes, in hex.
func Hash(value any) (string, error) {
	data, err := Encode(value)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

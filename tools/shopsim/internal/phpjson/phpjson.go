// Package phpjson holds JSON the way PHP writes it: objects keep the order of
// their keys, numbers keep their text, and rendering escapes slashes and
// everything outside ASCII as json_encode does by default. Parsing a document
// that WooCommerce wrote and rendering it again gives the same bytes.
package phpjson

import "strconv"

// Kind says what a Value holds.
type Kind uint8

// The kinds of JSON values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Field is one member of an object.
type Field struct {
	Key   string
	Value *Value
}

// Value is one JSON value. The nil *Value behaves as an absent one: reading
// from it gives zero values.
type Value struct {
	kind   Kind
	text   string // a number's text, a string's content, "true" or "false"
	items  []*Value
	fields []Field
}

// NullValue gives a JSON null.
func NullValue() *Value { return &Value{} }

// BoolValue gives true or false.
func BoolValue(b bool) *Value { return &Value{kind: Bool, text: strconv.FormatBool(b)} }

// Int gives a number without a fraction.
func Int(n int64) *Value { return &Value{kind: Number, text: strconv.FormatInt(n, 10)} }

// Num gives a number with exactly this text, which must be a JSON number.
func Num(text string) *Value { return &Value{kind: Number, text: text} }

// Text gives a string.
func Text(s string) *Value { return &Value{kind: String, text: s} }

// List gives an array.
func List(items ...*Value) *Value { return &Value{kind: Array, items: items} }

// Obj gives an object with these members in this order.
func Obj(fields ...Field) *Value { return &Value{kind: Object, fields: fields} }

// F is one member for Obj.
func F(key string, v *Value) Field { return Field{Key: key, Value: v} }

// T is one member holding a string.
func T(key, s string) Field { return Field{Key: key, Value: Text(s)} }

// N is one member holding a whole number.
func N(key string, n int64) Field { return Field{Key: key, Value: Int(n)} }

// B is one member holding true or false.
func B(key string, b bool) Field { return Field{Key: key, Value: BoolValue(b)} }

// Kind tells what the value holds; an absent value counts as Null.
func (v *Value) Kind() Kind {
	if v == nil {
		return Null
	}
	return v.kind
}

// IsNull tells whether the value is null or absent.
func (v *Value) IsNull() bool { return v.Kind() == Null }

// True tells whether the value is the JSON true.
func (v *Value) True() bool { return v.Kind() == Bool && v.text == "true" }

// Text gives a string's content or a number's text, and "" for other kinds.
func (v *Value) Text() string {
	if k := v.Kind(); k == String || k == Number {
		return v.text
	}
	return ""
}

// Int gives the whole number in a number or in a string of digits, else 0.
func (v *Value) Int() int64 {
	n, err := strconv.ParseInt(v.Text(), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Items gives an array's elements; the slice belongs to the value.
func (v *Value) Items() []*Value {
	if v == nil {
		return nil
	}
	return v.items
}

// Fields gives an object's members in order; the slice belongs to the value.
func (v *Value) Fields() []Field {
	if v == nil {
		return nil
	}
	return v.fields
}

// Get gives the member named key, or nil.
func (v *Value) Get(key string) *Value {
	for _, f := range v.Fields() {
		if f.Key == key {
			return f.Value
		}
	}
	return nil
}

// Has tells whether the object has a member named key, null included.
func (v *Value) Has(key string) bool { return v.Get(key) != nil }

// Set replaces the member named key in place, or adds it at the end.
func (v *Value) Set(key string, to *Value) {
	for i := range v.fields {
		if v.fields[i].Key == key {
			v.fields[i].Value = to
			return
		}
	}
	v.fields = append(v.fields, Field{Key: key, Value: to})
}

// Delete removes the member named key if it is there.
func (v *Value) Delete(key string) {
	for i := range v.fields {
		if v.fields[i].Key == key {
			v.fields = append(v.fields[:i:i], v.fields[i+1:]...)
			return
		}
	}
}

// Append adds items at the end of an array.
func (v *Value) Append(items ...*Value) { v.items = append(v.items, items...) }

// Clone gives a deep copy.
func (v *Value) Clone() *Value {
	if v == nil {
		return nil
	}
	c := &Value{kind: v.kind, text: v.text}
	if v.items != nil {
		c.items = make([]*Value, len(v.items))
	}
	for i, item := range v.items {
		c.items[i] = item.Clone()
	}
	if v.fields != nil {
		c.fields = make([]Field, len(v.fields))
	}
	for i, f := range v.fields {
		c.fields[i] = Field{Key: f.Key, Value: f.Value.Clone()}
	}
	return c
}

package parse

import (
	"bytes"
	"testing"

	"github.com/orderstream/orderstream/contracts/codec"
)

// Invariant 6: the order in which a shop lists meta data and the order of keys inside a value say nothing.
func TestMetaInAnyOrder(t *testing.T) {
	body := func(meta string) []byte {
		original := deliveries(t)["order.created-cod"].Body
		from := bytes.LastIndex(original, []byte(`"meta_data":[`))
		end := from + bytes.IndexByte(original[from:], ']')
		return append(append(bytes.Clone(original[:from]), []byte(`"meta_data":[`+meta)...), original[end:]...)
	}
	state := func(meta string) []byte {
		d := deliveries(t)["order.created-cod"]
		d.Body = body(meta)
		r, err := Read(d)
		if err != nil || r.Order == nil {
			t.Fatalf("%s: %v", d.Body, err)
		}
		encoded, err := codec.Encode(r.Order)
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	const b1, b2, a = `{"id":2,"key":"b","value":"1"}`, `{"id":3,"key":"b","value":"2"}`, `{"id":4,"key":"a","value":{"x":1.10,"y":2}}`
	const aTurned = `{"id":4,"key":"a","value":{"y":2,"x":1.10}}`
	want := state(a + "," + b1 + "," + b2)
	if !bytes.Contains(want, []byte(`{"x":1.10,"y":2}`)) {
		t.Errorf("%s: want the value canonical", want)
	}
	for _, meta := range []string{b2 + "," + a + "," + b1, b1 + "," + b2 + "," + aTurned} {
		if got := state(meta); !bytes.Equal(got, want) {
			t.Errorf("%s gives\n%s, want\n%s", meta, got, want)
		}
	}
}

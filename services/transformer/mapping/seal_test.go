package mapping

import (
	"testing"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
)

func sameText(t *testing.T, name string, d event.DesiredOrderV1) {
	t.Helper()
	w := writer{}
	w.sealed(&d)
	want, err := codec.Encode(sealedOf(&d))
	if err != nil || w.err != nil || string(want) != string(w.text) {
		t.Fatalf("%s: %v, %v\n%s\n%s", name, err, w.err, want, w.text)
	}
	if hash, err := codec.Hash(sealedOf(&d)); err != nil || hash != d.Hash {
		t.Errorf("%s: hash %s, the codec's is %s (%v)", name, d.Hash, hash, err)
	}
}

// Invariant 6: the text that is hashed is the codec's, byte for byte, whatever stands in it.
func TestSealIsTheCodecsHash(t *testing.T) {
	mappings := map[string]*Mapping{
		"default": compiled(t), "lively": extended(t, lively), "codes": variant(t, strategy(event.TaxCodes), everyCode), "header": variant(t, func(d *Document) { d.Discounts.As = DiscountHeader }),
		"order": variant(t, policy(PolicyOrder)), "fallback": edited(t, "skus: {}\n", "skus: {}\n  unknown: fallback\n"),
	}
	for name, m := range mappings {
		for capture, o := range orders(t) {
			if d, err := m.Map(o, Context{Adoption: []string{"otherrefnum"}}); err == nil {
				sameText(t, name+" "+capture, d)
			}
		}
		for seed := range uint64(300) {
			if d, err := m.Map(m.Generate(seed), Context{}); err == nil {
				sameText(t, name, d)
			}
		}
	}
	text, flag := "a\"b\\c\u2028<&>\x7f", false
	d := event.DesiredOrderV1{SalesOrder: event.SalesOrder{Fields: map[string]event.Value{text: {Text: &text}, "b": {Flag: &flag}, "a": {}}, Billing: &event.PostalAddress{}}}
	if err := seal(&d); err != nil {
		t.Fatal(err)
	}
	sameText(t, "by hand", d)
}

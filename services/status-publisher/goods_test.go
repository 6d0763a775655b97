package statuspublisher

import (
	"slices"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/internal/config"
)

// A gift card is told by its product type, the very word.
func TestGiftCards(t *testing.T) {
	for _, c := range []struct {
		kind  string
		types []string
		want  string
	}{
		{"gift-card", nil, "completed"}, {"pw-gift-card", nil, "completed"}, {"gift-box", nil, "processing"}, {"simple", nil, "processing"},
		{"store-voucher", []string{"store-voucher"}, "completed"}, {"gift-card", []string{"store-voucher"}, "processing"},
	} {
		b := prepare(t, func(s *config.Store) { s.Back.Notes, s.Back.GiftCards = "off", c.types })
		b.shop.kinds["/products/80/variations/81"] = c.kind
		o := b.placed("processing")
		b.returned(sold("F", line("1", "2"), line("2", "0")))
		if o.status != c.want {
			t.Errorf("product type %s, gift cards %q: %s, want %s", c.kind, c.types, o.status, c.want)
		}
	}
}

// Completed waits for what the shop's order has, whatever NetSuite's lacks: a line that is not there or has fewer pieces,
// less what the shop took back.
func TestCompletedWaitsForTheShopsLines(t *testing.T) {
	const tee, mug = `{"id":7,"name":"Tee","product_id":70,"quantity":2}`, `{"id":8,"name":"Mug","product_id":80,"quantity":1}`
	bundled := func(keys ...string) string {
		box := `{"id":8,"name":"Box","product_id":80,"quantity":1,"meta_data":[{"id":1,"key":"` + keys[0] + `","value":"b1"}]}`
		return box + `,{"id":7,"name":"Tee","product_id":70,"quantity":2,"meta_data":[{"id":2,"key":"` + keys[1] + `","value":"` + keys[2] + `"}]}`
	}
	taken := func(line, pieces string) refund {
		return refund{amount: "1.00", lines: `{"id":90,"quantity":-` + pieces + `,"meta_data":[{"id":1,"key":"_refunded_item_id","value":"` + line + `"}]}`}
	}
	for name, c := range map[string]struct {
		lines   string
		refunds []refund
		known   []event.LedgerLine // NetSuite's; none: the tee alone
		waits   bool
		asked   bool // which pieces were taken back
	}{
		"everything is there":            {lines: tee},
		"a line that NetSuite lacks":     {lines: tee + "," + mug, waits: true},
		"more pieces":                    {lines: strings.Replace(tee, `:2}`, `:5}`, 1), waits: true},
		"fewer pieces":                   {lines: strings.Replace(tee, `:2}`, `:1}`, 1)},
		"a line that was taken back":     {lines: tee + "," + mug, refunds: []refund{taken("8", "1")}, asked: true},
		"pieces that were taken back":    {lines: strings.Replace(tee, `:2}`, `:5}`, 1), refunds: []refund{taken("7", "1"), taken("7", "2")}, asked: true},
		"too few pieces were taken back": {lines: strings.Replace(tee, `:2}`, `:5}`, 1), refunds: []refund{taken("7", "2"), taken("8", "1")}, waits: true, asked: true},
		"money alone was given back":     {lines: tee + "," + mug, refunds: []refund{{amount: "1.00"}}, waits: true, asked: true},
		"a line of nothing":              {lines: tee + `,{"id":8,"name":"Note","quantity":0}`},
		"a download that NetSuite lacks": {lines: tee + `,{"id":8,"name":"Song","product_id":81,"quantity":1}`},
		"a bundle told by its parts":     {lines: bundled("_bundle_cart_key", "_bundled_by", "b1")},
		"a bundle of another plugin":     {lines: bundled("_x", "_woosb_parent_id", "80")},
		"a bundle told as itself":        {lines: bundled("_bundle_cart_key", "_bundled_by", "b1"), known: []event.LedgerLine{{Key: "line-8", Line: "1"}}},
		"no bundle of its own":           {lines: bundled("_bundle_cart_key", "_bundled_by", "b2"), waits: true},
		"lines that nobody joined":       {lines: tee + "," + mug, known: []event.LedgerLine{{Key: "line-9", Line: "9"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, func(s *config.Store) { s.Back.Notes = "off" })
			b.shop.virtual["/products/81"] = "simple"
			o := b.placed("processing")
			o.lines, o.refunds = c.lines, c.refunds
			if c.known == nil {
				c.known = []event.LedgerLine{{Key: "line-7", Line: "1"}}
			}
			b.ledgeredWith(event.Ledger{SalesOrder: &event.LedgerOrder{RecordID: event.RecordID{ID: "1001"}, Status: "B", Lines: c.known}})
			b.returned(sold("F", line("1", "2")))
			if waits := o.status == "processing"; waits != c.waits {
				t.Errorf("status %s, want it to wait: %v", o.status, c.waits)
			}
			asked := slices.ContainsFunc(b.shop.asked(), func(q request) bool { return q.path == "/orders/36/refunds" })
			if asked != c.asked {
				t.Errorf("asked what was taken back: %v, want %v", asked, c.asked)
			}
		})
	}
}

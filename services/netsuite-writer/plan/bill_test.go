package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// A bill says the order's header discount again, with its item among the references; a field that is empty says nothing, and the
// bill's own fields stand.
func TestDiscounted(t *testing.T) {
	rate, other, date := money.MustParseNumber("-4.01"), money.MustParseNumber("-5"), "2026-11-23"
	flat := map[string]event.Value{"discountItem": {Ref: &lessRef}, "discountRate": {Number: &rate}, "shippingCost": {Number: &other}}
	own := event.Bill{Record: "invoice", ExternalID: "wc-inv-main-36", Fields: map[string]event.Value{"tranDate": {Text: &date}}}
	for name, c := range map[string]struct {
		order map[string]event.Value
		bill  map[string]event.Value
		want  string
		refs  int
	}{
		"flat":    {flat, own.Fields, `{"discountItem":{"id":"13"},"discountRate":-4.01,"externalId":"wc-inv-main-36","tranDate":"2026-11-23"}`, 1},
		"none":    {map[string]event.Value{"discountItem": {Empty: true}, "discountRate": {Empty: true}}, own.Fields, `{"externalId":"wc-inv-main-36","tranDate":"2026-11-23"}`, 0},
		"lines":   {nil, nil, `{"externalId":"wc-inv-main-36"}`, 0},
		"its own": {flat, map[string]event.Value{"discountRate": {Number: &other}}, `{"discountItem":{"id":"13"},"discountRate":-5,"externalId":"wc-inv-main-36"}`, 1},
	} {
		b := Discounted(event.Bill{Record: own.Record, ExternalID: own.ExternalID, Fields: c.bill}, event.SalesOrder{Fields: c.order})
		got, err := Bill(b, changeIDs)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s (%v), want %s", name, got, err, c.want)
		}
		if refs := (Money{Bill: &b}).Refs(); len(refs) != c.refs {
			t.Errorf("%s: references %v, want %d", name, refs, c.refs)
		}
	}
	if want := map[string]event.Value{"tranDate": {Text: &date}}; !cmp.Equal(own.Fields, want) {
		t.Errorf("the desired bill has become %v", own.Fields)
	}
}

// A bill takes all of an order that nobody has begun to bill or to fulfil in part.
func TestBillsAll(t *testing.T) {
	open, shipped, billed := stands("1", "11", "1", 3, 0, 0, "30"), stands("1", "11", "1", 3, 2, 0, "30"), stands("2", "12", "2", 1, 1, 1, "5")
	for name, c := range map[string]struct {
		status string
		lines  []Line
		want   bool
	}{
		"open":                         {"B", []Line{open}, true},
		"fulfilled":                    {"F", []Line{shipped}, true},
		"partly fulfilled":             {"D", []Line{shipped}, false},
		"partly billed too":            {"E", []Line{open, billed}, false},
		"billed in advance":            {"B", []Line{open, billed}, false},
		"fulfilled, some of it billed": {"F", []Line{shipped, billed}, false},
	} {
		if got := BillsAll(c.status, c.lines); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A Discount item has no pieces to bill, and a line that was removed none that count.
func TestIsBilledWhole(t *testing.T) {
	whole, part, less := stands("1", "11", "1", 3, 0, 3, "30"), stands("1", "11", "1", 3, 0, 2, "30"), stands("2", "13", "1-discount", 0, 0, 0, "-5")
	removed, shut := closed(stands("3", "12", "2", 1, 0, 0, "0")), closed(stands("3", "12", "2", 1, 0, 0, "5"))
	for name, c := range map[string]struct {
		lines []Line
		want  bool
	}{
		"all":                  {[]Line{whole, less}, true},
		"a piece lacks":        {[]Line{part, less}, false},
		"a line was removed":   {[]Line{whole, removed}, true},
		"people closed a line": {[]Line{whole, shut}, false},
	} {
		if got := IsBilledWhole(c.lines); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

var standard = Rules{Status: map[string]string{"C": "cancelled", "F": "completed", "G": "completed"}, Virtual: "billed"}

// goods are lines of two pieces each: how many have left, and a mark: v virtual, x closed.
func goods(lines ...string) []Progress {
	var list []Progress
	for _, l := range lines {
		list = append(list, Progress{Ordered: money.Int(2), Shipped: money.MustParseNumber(l[:1]), Good: Good{Virtual: l[1:] == "v"}, Closed: l[1:] == "x"})
	}
	return list
}

// Completed is told when everything that can be shipped was.
func TestWant(t *testing.T) {
	early := standard
	early.Virtual = "approved"
	custom := Rules{Status: map[string]string{"D": "packing", "F": "shipped"}, Virtual: "billed"}
	for name, c := range map[string]struct {
		rules  Rules
		letter string
		lines  []Progress
		want   string
	}{
		"pending approval":                     {standard, "A", goods("0"), ""},
		"to be fulfilled":                      {standard, "B", goods("0"), ""},
		"a part left":                          {standard, "D", goods("2", "0"), ""},
		"a part is billed":                     {standard, "E", goods("2", "0"), ""},
		"all left":                             {standard, "F", goods("2", "2"), "completed"},
		"billed":                               {standard, "G", goods("2"), "completed"},
		"billed before it was shipped":         {standard, "G", goods("2", "1"), ""},
		"billed, nothing shipped":              {standard, "G", goods("0"), ""},
		"cancelled":                            {standard, "C", goods("0"), "cancelled"},
		"closed":                               {standard, "H", goods("0"), ""},
		"a download beside goods":              {standard, "F", goods("2", "0v"), "completed"},
		"a download beside goods to ship":      {standard, "F", goods("0", "0v"), ""},
		"a closed line is shipped no more":     {standard, "F", goods("2", "0x"), "completed"},
		"downloads only, approved":             {standard, "B", goods("0v"), ""},
		"downloads only, to be billed":         {standard, "F", goods("0v"), ""},
		"downloads only, billed":               {standard, "G", goods("0v"), "completed"},
		"downloads only, at once":              {early, "B", goods("0v", "0v"), "completed"},
		"downloads only, at once, not yet":     {early, "A", goods("0v"), ""},
		"downloads only, at once, cancelled":   {early, "C", goods("0v"), "cancelled"},
		"downloads only, at once, closed":      {early, "H", goods("0v"), ""},
		"goods, at once":                       {early, "B", goods("0", "0v"), ""},
		"fees only":                            {standard, "G", nil, "completed"},
		"a status of a plugin":                 {custom, "D", goods("1"), "packing"},
		"a status of a plugin waits for none":  {custom, "F", goods("1"), "shipped"},
		"a letter without a word":              {custom, "G", goods("2"), ""},
		"downloads only, a status of a plugin": {custom, "F", goods("0v"), "shipped"},
	} {
		if got := c.rules.Want(c.letter, c.lines); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if c.want != "" && !c.rules.Concern(c.letter) {
			t.Errorf("%s: letter %s does not concern the rules, yet they want %q", name, c.letter, c.want)
		}
	}
}

// NetSuite moves an order on, never back.
func TestKeep(t *testing.T) {
	for _, c := range []struct{ have, want, rule string }{
		{"processing", "completed", ""}, {"on-hold", "completed", ""}, {"pending", "cancelled", ""}, {"packing", "shipped", ""}, {"completed", "completed", RuleAlready},
		{"refunded", "completed", RuleFinal}, {"cancelled", "completed", RuleFinal}, {"failed", "completed", RuleFinal}, {"trash", "completed", RuleFinal},
		{"completed", "processing", RuleFinal}, {"completed", "cancelled", RuleFinal}, {"cancelled", "cancelled", RuleAlready},
	} {
		if got := Keep(c.have, c.want); got != c.rule {
			t.Errorf("%s, wanted %s: rule %q, want %q", c.have, c.want, got, c.rule)
		}
	}
}

// NetSuite's lines meet the shop's; what is no goods drops out, what nobody knows holds the order back.
func TestJoin(t *testing.T) {
	two, one, none := money.Int(2), money.Int(1), money.Int(0)
	ledger := []event.LedgerLine{{Key: "line-7", Line: "1"}, {Key: "discount-7", Line: "2"}, {Key: "fee-9", Line: "3"}, {Key: "line-8", Line: "4"}}
	lines := []event.ChangedLine{
		{Line: "1", Quantity: two, Fulfilled: &one, Backordered: &one, Expected: "2026-12-01"}, {Line: "2", Quantity: one, Fulfilled: &none}, {Line: "3", Quantity: one},
		{Line: "4", Quantity: one, Closed: true}, {Line: "5", Quantity: two, Fulfilled: &none}, {Line: "6", Quantity: one},
	}
	tee := Good{ID: "7", SKU: "TEE", Name: "Classic Tee"}
	want := []Progress{
		{Good: tee, Ordered: two, Shipped: one, Backordered: one, Expected: "2026-12-01"}, {Good: Good{ID: "8"}, Ordered: one, Closed: true}, {Ordered: two},
	}
	got := Join(lines, ledger, []Good{tee})
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b money.Number) bool { return a.Equal(b) })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if open := Open(got); len(open) != 2 {
		t.Errorf("%d lines to ship, want the tee and the one nobody knows", len(open))
	}
}

// What the shop has and NetSuite lacks is still to be shipped; a bundle is there when the mapping's half of it is.
func TestWhole(t *testing.T) {
	good := func(id, bundle string, holds bool, pieces int64) Good {
		return Good{ID: id, Bundle: bundle, Holds: holds, Quantity: money.Int(pieces)}
	}
	// A box in a box: 1 holds 2 and 3, 3 holds 4.
	boxes := []Good{good("1", "1", true, 1), good("2", "1", false, 1), good("3", "1", true, 1), good("4", "1", false, 1), good("5", "5", false, 2)}
	for name, c := range map[string]struct {
		netsuite []string // ids of lines of one piece, shipped; "x5": closed
		goods    []Good
		open     string // ids
	}{
		"all of them":           {[]string{"1", "2", "3", "4"}, boxes[:4], ""},
		"the bundle alone":      {[]string{"1"}, boxes[:4], ""},
		"its parts alone":       {[]string{"2", "4"}, boxes[:4], ""},
		"one of its parts":      {[]string{"2"}, boxes[:4], "4"},
		"nothing of it":         {[]string{"6"}, boxes[:4], "1 2 3 4"},
		"another line":          {[]string{"1"}, boxes, "5"},
		"a line with one of 2":  {[]string{"1", "5"}, boxes, "5"},
		"closed with one of 2":  {[]string{"1", "x5"}, boxes, ""},
		"nobody's line":         {[]string{""}, boxes, ""},
		"all of it taken back":  {[]string{"1"}, Less(boxes, map[string]money.Number{"5": money.Int(2)}), ""},
		"half of it taken back": {[]string{"1", "5"}, Less(boxes, map[string]money.Number{"5": money.Int(1)}), ""},
	} {
		var lines []Progress
		for _, id := range c.netsuite {
			id, closed := strings.CutPrefix(id, "x")
			lines = append(lines, Progress{Good: goodOf(c.goods, id), Ordered: money.Int(1), Shipped: money.Int(1), Closed: closed})
		}
		var open []string
		for _, p := range Open(Whole(lines, c.goods)) {
			open = append(open, p.Good.ID)
		}
		if got := strings.Join(open, " "); got != c.open {
			t.Errorf("%s: open %q, want %q", name, got, c.open)
		}
	}
}

func TestNotes(t *testing.T) {
	tee := Progress{Good: Good{Name: "Classic Tee"}, Ordered: money.Int(3), Shipped: money.Int(1), Backordered: money.Int(2), Expected: "2026-12-01"}
	mug := Progress{Good: Good{SKU: "MUG"}, Ordered: money.Int(1), Shipped: money.Int(1)}
	late := Progress{Ordered: money.Int(1), Backordered: money.Int(1)}
	for name, c := range map[string]struct {
		note Note
		want string
	}{
		"approved":              {Approved("SO7", "A", "B"), "NetSuite approved sales order SO7."},
		"approved and shipped":  {Approved("SO7", "A", "F"), "NetSuite approved sales order SO7."},
		"still waiting":         {Approved("SO7", "A", "A"), ""},
		"refused":               {Approved("SO7", "A", "C"), ""},
		"approved long ago":     {Approved("SO7", "B", "D"), ""},
		"unknown before":        {Approved("SO7", "", "B"), ""},
		"a part":                {Part("SO7", []Progress{tee, mug}), "A part of your order has left our warehouse (SO7): 1 of 3 × Classic Tee; 1 of 1 × MUG"},
		"everything":            {Part("SO7", []Progress{mug}), ""},
		"nothing left":          {Part("SO7", []Progress{late}), ""},
		"back order":            {BackOrder("SO7", []Progress{tee, mug, late}), "Some goods of your order are on back order (SO7): 2 × Classic Tee, expected to ship 2026-12-01; 1 × an item"},
		"no back order":         {BackOrder("SO7", []Progress{mug}), ""},
		"back order of nothing": {BackOrder("SO7", nil), ""},
	} {
		if c.note.Text != c.want {
			t.Errorf("%s: %q, want %q", name, c.note.Text, c.want)
		}
		if c.note.Text != "" && (c.note.Begins == "" || c.note.Text[:len(c.note.Begins)] != c.note.Begins) {
			t.Errorf("%s: %q does not begin with %q", name, c.note.Text, c.note.Begins)
		}
	}
}

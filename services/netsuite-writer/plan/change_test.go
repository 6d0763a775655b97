package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

var (
	teeRef, hatRef, lessRef = event.Ref{Record: "item", By: "name", Key: "TEE"}, event.Ref{Record: "item", By: "name", Key: "HAT"}, event.Ref{Record: "item", By: "name", Key: "LESS"}
	changeIDs               = IDs{teeRef: "11", hatRef: "12", lessRef: "13", currencyRef("USD"): "1"}
)

// ordered is a line of goods; less one that lowers the line above it.
func ordered(key string, item event.Ref, pieces int64, amount string) event.OrderLine {
	quantity, rate := money.Int(pieces), money.MustParse(amount).Per(money.Int(pieces), 8)
	return event.OrderLine{Key: key, Item: item, Quantity: &quantity, Rate: &rate, Amount: money.MustParse(amount), CustomPrice: true}
}

func less(key, amount string) event.OrderLine {
	return event.OrderLine{Key: key, Item: lessRef, Amount: money.MustParse(amount), CustomPrice: true}
}

// stands is a line as NetSuite holds it: pieces, fulfilled, billed.
func stands(line, item, mark string, pieces, fulfilled, billed int64, amount string) Line {
	return Line{Number: line, Item: item, Mark: mark, Quantity: money.Int(pieces), Fulfilled: money.Int(fulfilled), Billed: money.Int(billed), Amount: money.MustParse(amount)}
}

func closed(l Line) Line {
	l.Closed = true
	return l
}

func TestChangeOf(t *testing.T) {
	tee, hat := stands("1", "11", "1", 3, 2, 0, "30"), stands("4", "12", "2", 1, 0, 0, "5")
	known := []event.LedgerLine{{Key: "line-1", Line: "1"}, {Key: "line-2", Line: "4"}}
	unmarked := func(lines ...Line) (list []Line) {
		for _, l := range lines {
			l.Mark = ""
			list = append(list, l)
		}
		return list
	}
	both := []event.OrderLine{ordered("line-1", teeRef, 3, "30"), ordered("line-2", hatRef, 1, "5")}
	for name, c := range map[string]struct {
		want []event.OrderLine
		now  []Line
		body string // of item.items
		why  string
	}{
		"nothing": {both, []Line{tee, hat}, `null`, ""},
		"up": {[]event.OrderLine{ordered("line-1", teeRef, 4, "40"), both[1]}, []Line{tee, hat},
			`[{"amount":40.00,"isClosed":false,"line":1,"price":{"id":"-1"},"quantity":4,"rate":10}]`, ""},
		"known by number": {[]event.OrderLine{ordered("line-1", teeRef, 4, "40"), both[1]}, unmarked(tee, hat),
			`[{"amount":40.00,"isClosed":false,"line":1,"price":{"id":"-1"},"quantity":4,"rate":10}]`, ""},
		"below what is fulfilled": {[]event.OrderLine{ordered("line-1", teeRef, 1, "10"), both[1]}, []Line{tee, hat}, `null`,
			"line-1: its quantity cannot go down to 1, because 2 are fulfilled"},
		"removed":          {both[:1], []Line{tee, hat}, `[{"amount":0.00,"isClosed":true,"line":4,"price":{"id":"-1"},"rate":0.00}]`, ""},
		"removed long ago": {both[:1], []Line{tee, closed(stands("4", "12", "2", 1, 0, 0, "0"))}, `null`, ""},
		"back again": {both, []Line{tee, closed(stands("4", "12", "2", 1, 0, 0, "0"))},
			`[{"amount":5.00,"isClosed":false,"line":4,"price":{"id":"-1"},"quantity":1,"rate":5}]`, ""},
		"fulfilled, removed":      {both[1:], []Line{tee, hat}, `null`, "line-1 cannot be removed, because 2 are fulfilled"},
		"closed by a person":      {both, []Line{tee, closed(hat)}, `null`, ""},
		"billed, dearer":          {[]event.OrderLine{ordered("line-1", teeRef, 4, "44"), both[1]}, []Line{stands("1", "11", "1", 3, 2, 2, "30"), hat}, `null`, "line-1: its price cannot change, because 2 are billed"},
		"billed, more of it":      {[]event.OrderLine{ordered("line-1", teeRef, 7, "2.33"), both[1]}, []Line{stands("1", "11", "1", 3, 3, 3, "1"), hat}, `[{"amount":2.33,"isClosed":false,"line":1,"price":{"id":"-1"},"quantity":7,"rate":0.33285714}]`, ""},
		"another item":            {[]event.OrderLine{both[0], ordered("line-2", teeRef, 1, "5")}, []Line{tee, hat}, `null`, "line-2: its item cannot become TEE, NetSuite's item 12 stands there"},
		"another item, by number": {[]event.OrderLine{both[0], ordered("line-2", teeRef, 1, "5")}, unmarked(tee, hat), `null`, "line-2: its item cannot become TEE"},
		"fewer lines":             {both, unmarked(tee), `null`, "NetSuite holds 1 lines where 2 are known"},
		"another line":            {both, unmarked(tee, stands("3", "12", "", 1, 0, 0, "5")), `null`, "NetSuite's line 3 stands where line 4 (line-2) is known"},
		"somebody's line":         {both, unmarked(tee, hat, stands("5", "12", "", 1, 0, 0, "5")), `null`, "NetSuite holds 3 lines where 2 are known, and line 5 is none of ours"},
		"our own, answer lost":    {append(both[:2:2], ordered("line-9", hatRef, 2, "8")), unmarked(tee, hat, stands("5", "12", "", 2, 0, 0, "8")), `null`, ""},
		"half of our own": {append(both[:2:2], ordered("line-9", hatRef, 2, "8")), unmarked(tee, hat, stands("5", "12", "", 2, 0, 0, "7")), `null`,
			"NetSuite holds 3 lines where 2 are known, and line 5 is none of ours"},
		"appended twice": {append(both[:2:2], ordered("line-9", hatRef, 2, "8")), []Line{tee, hat, stands("5", "12", "9", 2, 0, 0, "8"), stands("6", "12", "9", 2, 0, 0, "8")},
			`[{"amount":0.00,"isClosed":true,"line":6,"price":{"id":"-1"},"rate":0.00}]`, ""},
		"added with its discount": {append(both[:2:2], ordered("line-9", hatRef, 2, "8"), less("line-9-discount", "-1")), []Line{tee, hat},
			`[{"amount":8.00,"custcol_line":"9","isClosed":false,"item":{"id":"12"},"price":{"id":"-1"},"quantity":2,"rate":4},` +
				`{"amount":-1.00,"custcol_line":"9-discount","isClosed":false,"item":{"id":"13"},"price":{"id":"-1"},"rate":-1.00}]`, ""},
		"discount beneath the last": {append(both[:2:2], less("line-2-discount", "-1")), []Line{tee, hat},
			`[{"amount":-1.00,"custcol_line":"2-discount","isClosed":false,"item":{"id":"13"},"price":{"id":"-1"},"rate":-1.00}]`, ""},
		"discount beneath another": {[]event.OrderLine{both[0], less("line-1-discount", "-1"), both[1]}, []Line{tee, hat}, `null`, "line-1-discount cannot be added"},
		"closed while fulfilled":   {[]event.OrderLine{{Key: "line-1", Item: teeRef, Quantity: both[0].Quantity, Amount: both[0].Amount, Closed: true}, both[1]}, []Line{tee, hat}, `null`, "line-1: it cannot be closed, because 2 are fulfilled"},
	} {
		d := event.DesiredOrderV1{SalesOrder: event.SalesOrder{Currency: "USD", Lines: c.want}}
		change, err := ChangeOf(d, c.now, known, changeIDs, "custcol_line")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if why := strings.Join(change.Why, "; "); !strings.HasPrefix(why, c.why) || c.why == "" && why != "" {
			t.Errorf("%s: cannot because %q, want %q", name, why, c.why)
		}
		body, err := change.Body(d, changeIDs)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"item":{"items":` + c.body + `}}`
		if c.body == `null` {
			want = `{}`
		}
		if c.why == "" {
			if diff := cmp.Diff(want, string(body)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			if len(change.Keys) != len(c.now) {
				t.Errorf("%s: keys %q of %d lines", name, change.Keys, len(c.now))
			}
		}
	}
}

// What counts in the total goes with the lines: the header's money and the shop's tax, and no other field.
func TestChangeBodyBringsTheMoney(t *testing.T) {
	cost := money.MustParseNumber("7.5")
	d := event.DesiredOrderV1{SalesOrder: event.SalesOrder{TaxMode: event.TaxOverride, Fields: map[string]event.Value{"shippingCost": {Number: &cost}, "memo": text("another")}}}
	body, err := Change{}.Body(d, changeIDs)
	if err != nil || string(body) != `{"shippingCost":7.5,"taxDetails":{"items":[]},"taxDetailsOverride":true}` {
		t.Errorf("%s, %v", body, err)
	}
}

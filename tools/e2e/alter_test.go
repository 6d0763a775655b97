package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-json"
	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// ware is a line of the shop's order 37; cents are of one piece.
type ware struct{ id, pieces, cents int }

// The three lines of order 37, and the SKUs of those that edits add too.
var (
	threeTees, twoBeanies, oneHour = ware{5, 3, 1999}, ware{6, 2, 1275}, ware{7, 1, 12500}
	skus                           = map[int]string{5: "TEE-001", 6: "BEANIE-01", 7: "SVC-HOUR", 77: "BEANIE-01"}
)

// cents are written as the shop does.
func cents(n int) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }

// edited is order 37 with other lines as the shop would send it, and the shop's total: 7.25 % tax, rounded per line, and
// 5.95 for shipping with 0.43 of tax.
func edited(t *testing.T, nth int, wares ...ware) (capture.Delivery, string) {
	t.Helper()
	template := changed(t, "order.created-multi")
	order := tree(t, template.Body)
	total := fill(order, nth, wares...)
	body, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	return signed(template, body, fmt.Sprint("edit-", nth)), total
}

func tree(t *testing.T, body []byte) (order map[string]any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&order); err != nil {
		t.Fatal(err)
	}
	return order
}

// fill puts lines and their sums into order 37, as its nth state, and gives the total.
func fill(order map[string]any, nth int, wares ...ware) (total string) {
	var lines []any
	net, tax := 0, 0
	for _, w := range wares {
		line, lineTax := w.pieces*w.cents, (w.pieces*w.cents*725+5000)/10000
		net, tax = net+line, tax+lineTax
		lines = append(lines, map[string]any{
			"id": w.id, "name": skus[w.id], "sku": skus[w.id], "quantity": w.pieces, "product_id": 12, "price": json.Number(cents(w.cents)), "subtotal": cents(line), "total": cents(line),
			"subtotal_tax": cents(lineTax), "total_tax": cents(lineTax), "taxes": []any{map[string]any{"id": 1, "total": cents(lineTax), "subtotal": cents(lineTax)}}, "meta_data": []any{},
		})
	}
	total = cents(net + tax + 595 + 43)
	row := order["tax_lines"].([]any)[0].(map[string]any)
	row["tax_total"] = cents(tax)
	order["line_items"], order["total"], order["cart_tax"], order["total_tax"] = lines, total, cents(tax), cents(tax+43)
	order["date_modified_gmt"] = fmt.Sprintf("2026-12-01T00:00:%02d", nth)
	return total
}

// applying is the shipped mapping with edits applied to orders that are fulfilled.
func applying(t *testing.T) string {
	t.Helper()
	d, err := mapping.Parse(mapping.Default)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(d.Statuses, func(r mapping.StatusRule) bool { return r.Name == "accepted" })
	d.Statuses[at].Fulfilled = event.ActionApply
	data, err := yaml.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// editing is a world in which order 37 is partly fulfilled: two tees of three.
type editing struct {
	world.World
	t     *testing.T
	edits int
}

const wcColumn = "custcol_wc_line_id"

func partlyFulfilled(t *testing.T, column string, switches netsuitesim.Switches, adjust ...func(*host.Config)) *editing {
	t.Helper()
	w := world.Start(t, demo.Options{Mute: true, Mapping: applying(t), Account: func(a *netsuitesim.Config) { a.Switches = switches }, Adjust: func(c *host.Config) {
		a := c.Accounts[demo.Account]
		a.LineColumn = column
		c.Accounts[demo.Account] = a
		for _, adjust := range adjust {
			adjust(c)
		}
	}})
	e := &editing{World: w, t: t}
	w.Load([]capture.Delivery{changed(t, "order.created-multi")})
	w.Post(changed(t, "order.created-multi"))
	w.Settle()
	var sh netsuitesim.Shipment
	if err := json.Unmarshal(fmt.Appendf(nil, `{"order":"wc-so-main-37","lines":[{"line":%s,"quantity":2}]}`, e.line("line-5")), &sh); err != nil {
		t.Fatal(err)
	}
	if _, err := w.NetSuite.Fulfil(sh); err != nil {
		t.Fatal(err)
	}
	return e
}

// line is NetSuite's number of a line, as the ledger knows it.
func (e *editing) line(key string) string {
	e.t.Helper()
	for _, l := range lastOutcome(e.t, e.World, "37").Ledger.SalesOrder.Lines {
		if l.Key == key {
			return l.Line
		}
	}
	e.t.Fatalf("the ledger knows no line %s", key)
	return ""
}

// edit sends an edit and gives what became of it, and the shop's total.
func (e *editing) edit(wares ...ware) (event.SyncRecordedV1, string) {
	e.t.Helper()
	e.edits++
	d, total := edited(e.t, e.edits, wares...)
	e.Post(d)
	e.Settle()
	return lastOutcome(e.t, e.World, "37"), total
}

// held are the lines of the sales order by NetSuite's number, and its total.
func (e *editing) held() (lines []string, total string) {
	so := e.SalesOrders()["wc-so-main-37"]
	for _, l := range so.Item.Items {
		text := fmt.Sprintf("%s %s %s", l.Item.RefName, l.Quantity, l.Amount)
		if l.IsClosed {
			text += " closed"
		}
		lines = append(lines, text)
	}
	return lines, so.Total.String()
}

// want checks that the edit is in NetSuite to the cent, as these lines; where a write was given up it was verified once more.
func (e *editing) want(o event.SyncRecordedV1, total string, want ...string) {
	e.t.Helper()
	lines, have := e.held()
	if o.Kind != event.OutcomeSynced && o.Kind != event.OutcomeVerified || !slices.Equal(lines, want) || !world.SameAmount(have, total) {
		e.t.Errorf("%s (%s): lines %q, total %s; want %q, %s", o.Kind, o.Reason, lines, have, want, total)
	}
	if !world.SameAmount(o.Ledger.SalesOrder.Total.String(), total) || len(o.Ledger.SalesOrder.Lines) != len(want) {
		e.t.Errorf("the ledger knows %+v", o.Ledger.SalesOrder)
	}
}

// kept checks that nothing was written and why.
func (e *editing) kept(o event.SyncRecordedV1, why string, patches int) {
	e.t.Helper()
	if o.Kind != event.OutcomeSkipped || o.Rule != "cannot-change" || !strings.HasPrefix(o.Reason, "cannot change, because it is ") || !strings.Contains(o.Reason, why) {
		e.t.Errorf("%s %s: %s; want cannot-change: %s", o.Kind, o.Rule, o.Reason, why)
	}
	if n := len(e.patches()); n != patches {
		e.t.Errorf("%d changes were sent, want %d", n, patches)
	}
}

func (e *editing) patches() []netsuitesim.Entry {
	return slices.DeleteFunc(e.NetSuite.Log("salesorder/", 0), func(l netsuitesim.Entry) bool { return l.Method != "PATCH" })
}

const (
	tees, beanies, hour = "TEE-001 3 59.97", "BEANIE-01 2 25.5", "SVC-HOUR 1 125"
)

// An order that is partly fulfilled follows the shop line by line, to the cent, whatever the account: with a column of its
// own for the shop's line and without.
func TestEditsOfAPartlyFulfilledOrder(t *testing.T) {
	for _, column := range []string{wcColumn, ""} {
		for name, c := range map[string]struct {
			switches netsuitesim.Switches
			wares    []ware
			want     []string
		}{
			"quantity up":                {netsuitesim.Switches{}, []ware{{5, 4, 1999}, twoBeanies, oneHour}, []string{"TEE-001 4 79.96", beanies, hour}},
			"quantity down to fulfilled": {netsuitesim.Switches{LedgerSigns: true}, []ware{{5, 2, 1999}, twoBeanies, oneHour}, []string{"TEE-001 2 39.98", beanies, hour}},
			"price of what is fulfilled": {netsuitesim.Switches{LineStep: 3}, []ware{{5, 3, 1899}, twoBeanies, oneHour}, []string{"TEE-001 3 56.97", beanies, hour}},
			"line removed":               {netsuitesim.Switches{}, []ware{threeTees, oneHour}, []string{tees, "BEANIE-01 2 0 closed", hour}},
			"line removed, another sum":  {netsuitesim.Switches{ClosedLeaveTotals: true}, []ware{threeTees, oneHour}, []string{tees, "BEANIE-01 2 0 closed", hour}},
			"line added":                 {netsuitesim.Switches{LineStep: 2}, []ware{threeTees, twoBeanies, oneHour, {77, 1, 1275}}, []string{tees, beanies, hour, "BEANIE-01 1 12.75"}},
			"all at once":                {netsuitesim.Switches{LedgerSigns: true}, []ware{{5, 5, 1500}, {77, 2, 1111}, oneHour}, []string{"TEE-001 5 75", "BEANIE-01 2 0 closed", hour, "BEANIE-01 2 22.22"}},
		} {
			t.Run(fmt.Sprintf("%s, column %q", name, column), func(t *testing.T) {
				t.Parallel()
				e := partlyFulfilled(t, column, c.switches)
				o, total := e.edit(c.wares...)
				e.want(o, total, c.want...)
				e.edit(c.wares...) // the same again says nothing new
				if n := len(e.patches()); n != 1 {
					t.Errorf("%d changes were sent, want one", n)
				}
				o, total = e.edit(threeTees, twoBeanies, oneHour) // and back
				if o.Kind != event.OutcomeSynced || !world.SameAmount(o.Ledger.SalesOrder.Total.String(), total) || total != "232.11" {
					t.Errorf("back: %s (%s), total %s", o.Kind, o.Reason, o.Ledger.SalesOrder.Total)
				}
			})
		}
	}
}

// What cannot be done is said of each line, and nothing is written.
func TestEditsThatCannotBe(t *testing.T) {
	e := partlyFulfilled(t, wcColumn, netsuitesim.Switches{})
	o, _ := e.edit(ware{5, 1, 1999}, twoBeanies, oneHour, ware{77, 1, 100})
	e.kept(o, "line-5: its quantity cannot go down to 1, because 2 are fulfilled", 0)
	o, _ = e.edit(twoBeanies, oneHour)
	e.kept(o, "line-5 cannot be removed, because 2 are fulfilled", 0)
	if _, err := e.NetSuite.Bill("wc-so-main-37"); err != nil {
		t.Fatal(err)
	}
	o, _ = e.edit(ware{5, 3, 1899}, twoBeanies, oneHour)
	e.kept(o, "line-5: its price cannot change, because 2 are billed", 0)
	o, total := e.edit(ware{5, 4, 1999}, twoBeanies, oneHour)
	e.want(o, total, "TEE-001 4 79.96", beanies, hour)
	open, err := operate.Failures(context.Background(), e.JS, false)
	if err != nil || len(open) > 0 {
		t.Errorf("parked: %+v, %v", open, err)
	}
}

// Without a column the lines are known by NetSuite's numbers: one that somebody added is nobody's, and nothing is written.
func TestAPersonsLineEndsMatchingByPosition(t *testing.T) {
	e := partlyFulfilled(t, "", netsuitesim.Switches{})
	e.append(`{"item":{"id":"` + itemID(t, e, "BEANIE-01") + `"},"quantity":9,"rate":1,"price":{"id":"-1"}}`)
	o, _ := e.edit(ware{5, 4, 1999}, twoBeanies, oneHour)
	e.kept(o, "NetSuite holds 4 lines where 3 are known", 0)
}

// Invariant 2: a line is added once, although the answer is lost after the work, before it, or the whole work comes late.
func TestALineIsAddedOnce(t *testing.T) {
	want := []string{tees, beanies, hour, "BEANIE-01 1 12.75"}
	for _, column := range []string{wcColumn, ""} {
		for _, kind := range []string{"drop", "timeout", "dropBefore", "statusAfterCommit"} {
			t.Run(fmt.Sprintf("%s, column %q", kind, column), func(t *testing.T) {
				t.Parallel()
				e := partlyFulfilled(t, column, netsuitesim.Switches{})
				status := map[string]int{"timeout": 504, "statusAfterCommit": 500}[kind]
				faults(t, e.World, netsuitesim.Rule{Kind: kind, Status: status, Count: 1, Match: netsuitesim.Match{Method: "PATCH", PathContains: "salesorder"}})
				o, total := e.edit(threeTees, twoBeanies, oneHour, ware{77, 1, 1275})
				e.want(o, total, want...)
			})
		}
	}
	t.Run("late itself", func(t *testing.T) {
		t.Parallel()
		e := partlyFulfilled(t, wcColumn, netsuitesim.Switches{}, givesUp)
		faults(t, e.World, netsuitesim.Rule{Kind: "latency", LatencyMs: 4_000, Count: 1, Match: netsuitesim.Match{Method: "PATCH", PathContains: "salesorder"}})
		o, total := e.edit(threeTees, twoBeanies, oneHour, ware{77, 1, 1275})
		e.want(o, total, tees, beanies, hour, "BEANIE-01 1 12.75", "BEANIE-01 1 0 closed")
	})
	t.Run("late", func(t *testing.T) {
		e := partlyFulfilled(t, wcColumn, netsuitesim.Switches{})
		e.edit(threeTees, twoBeanies, oneHour, ware{77, 1, 1275})
		e.append(`{"item":{"id":"` + itemID(t, e, "BEANIE-01") + `"},"quantity":1,"amount":12.75,"rate":12.75,"price":{"id":"-1"},"custcol_wc_line_id":"77"}`)
		o, total := e.edit(ware{5, 4, 1999}, twoBeanies, oneHour, ware{77, 1, 1275})
		e.want(o, total, "TEE-001 4 79.96", beanies, hour, "BEANIE-01 1 12.75", "BEANIE-01 1 0 closed")
	})
}

// The column holds the shop's line id whatever the mapping says of it, and a word where the shop knows no such line.
func TestLineColumn(t *testing.T) {
	w := world.Start(t, account(func(c *host.Config) {
		a := c.Accounts[demo.Account]
		a.LineColumn = wcColumn
		c.Accounts[demo.Account] = a
	}))
	w.Post(changed(t, "order.created-coupon"))
	w.Settle()
	marks := map[string]bool{}
	for _, so := range w.SalesOrders() {
		for _, l := range so.Item.Items {
			marks[l.Mark] = true
		}
	}
	if got := slices.Sorted(maps.Keys(marks)); len(got) < 2 || !slices.Contains(got, strings.TrimSuffix(got[len(got)-1], "-discount")) || slices.Contains(got, "") {
		t.Errorf("marks %q, want the line's id and that of its discount", got)
	}
}

// append puts a line onto the sales order as somebody else would.
func (e *editing) append(line string) {
	e.t.Helper()
	so := e.SalesOrders()["wc-so-main-37"]
	if _, err := e.NetSuite.Act(netsuitesim.Act{Method: "PATCH", Path: "salesOrder/" + so.ID, Body: []byte(`{"item":{"items":[` + line + `]}}`)}); err != nil {
		e.t.Fatal(err)
	}
}

func itemID(t *testing.T, e *editing, sku string) string {
	t.Helper()
	for _, kind := range []string{"inventoryItem", "nonInventorySaleItem"} {
		for _, item := range world.Get[[]struct{ ID, ItemID string }](e.World, e.Facts.NetSuite+"/sim/state?type="+kind) {
			if item.ItemID == sku {
				return item.ID
			}
		}
	}
	t.Fatalf("no item %s", sku)
	return ""
}

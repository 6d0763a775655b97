package netsuitesim_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// stocked is an account with a clock of its own and ten tees in Oakland.
func stocked(t *testing.T) (a *account, pass func()) {
	t.Helper()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	a = open(t, func(c *netsuitesim.Config) { c.Listen, c.Now = "127.0.0.1:0", func() time.Time { return now } })
	a.counted("10")
	return a, func() { now = now.Add(time.Minute) }
}

func (a *account) counted(onHand json.Number) {
	a.t.Helper()
	if _, err := a.sim.SetStock(netsuitesim.Stock{SKU: "TEE-001", Location: "1", OnHand: onHand}); err != nil {
		a.t.Fatal(err)
	}
}

// holds compares on hand, committed, available, back-ordered and the minute of the last change of what is available.
func (a *account) holds(what, want string) {
	a.t.Helper()
	r := a.rows(`SELECT quantityonhand || ' ' || quantitycommitted || ' ' || quantityavailable || ' ' || quantitybackordered || ' ' ||
		TO_CHAR(lastquantityavailablechange, 'MI') AS stock FROM aggregateItemLocation WHERE item = 112 AND location = 1`)
	if len(r) != 1 || r[0]["stock"] != want {
		a.t.Errorf("%s: %v, want %s", what, r, want)
	}
}

func TestOrdersCommitStock(t *testing.T) {
	a, pass := stocked(t)
	a.holds("counted", "10 0 10 0 00")
	pass()
	first := a.must("POST", "record/v1/salesOrder", orderBody(`"orderStatus":"A"`, tee+`,"quantity":4`))
	a.holds("an order that waits for approval", "10 0 10 0 00")
	a.must("PATCH", "record/v1/salesOrder/"+first, `{"orderStatus":{"id":"B"}}`)
	a.holds("approved", "10 4 6 0 01")
	pass()
	a.must("PATCH", "record/v1/salesOrder/"+first, `{"memo":"please"}`)
	a.holds("saved without a change of goods", "10 4 6 0 01")
	a.must("POST", "record/v1/salesOrder/"+first+"/!transform/itemFulfillment", `{"shipStatus":"B","item":{"items":[{"orderLine":1,"quantity":3}]}}`)
	a.holds("packed", "10 4 6 0 01")
	a.must("PATCH", "record/v1/itemFulfillment/"+a.newest("itemFulfillment"), `{"shipStatus":{"id":"C"}}`)
	a.holds("shipped", "7 1 6 0 01")
	pass()
	second := a.must("POST", "record/v1/salesOrder", orderBody(`"orderStatus":"B"`, tee+`,"quantity":8`))
	a.holds("more than there is", "7 7 0 2 03")
	a.line("a line that lacks two", second, "6 2")
	pass()
	a.must("PATCH", "record/v1/salesOrder/"+first, `{"item":{"items":[{"line":1,"isClosed":true}]}}`)
	a.holds("a line that is closed gives its piece to who waits", "7 7 0 1 03")
	a.line("a line that lacks one", second, "7 1")
	a.counted("20")
	a.holds("goods arrive", "20 8 12 0 04")
	a.line("a line that lacks nothing", second, "8 0")
	a.must("DELETE", "record/v1/salesOrder/"+second, "")
	a.holds("an order is deleted", "20 0 20 0 04")
	pass()
	a.counted("20")
	a.holds("counted again, the same", "20 0 20 0 04")
}

// Goods that come back lie where they are received.
func TestReturnsAreOnHandAgain(t *testing.T) {
	a, _ := stocked(t)
	order := a.must("POST", "record/v1/salesOrder", orderBody(`"orderStatus":"B"`, tee+`,"quantity":4`))
	a.must("POST", "record/v1/salesOrder/"+order+"/!transform/itemFulfillment", `{}`)
	a.holds("shipped", "6 0 6 0 00")
	back := a.must("POST", "record/v1/salesOrder/"+order+"/!transform/returnAuthorization", `{"orderStatus":{"id":"B"},"item":{"items":[{"line":1,"quantity":1}]}}`)
	a.must("POST", "record/v1/returnAuthorization/"+back+"/!transform/itemReceipt", `{}`)
	a.holds("received", "7 0 7 0 00")
}

func (a *account) newest(table string) string {
	a.t.Helper()
	r := a.rows(`SELECT MAX(id) AS id FROM transaction WHERE recordtype = LOWER('` + table + `')`)
	id, _ := r[0]["id"].(string)
	return id
}

// line compares what SuiteQL shows committed and back-ordered of an order's first line.
func (a *account) line(what, order, want string) {
	a.t.Helper()
	r := a.rows(`SELECT quantitycommitted || ' ' || quantitybackordered AS stock FROM transactionline WHERE id = 1 AND transaction = ` + order)
	if len(r) != 1 || r[0]["stock"] != want {
		a.t.Errorf("%s: %v, want %s", what, r, want)
	}
}

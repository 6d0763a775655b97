package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// given is what a refund of order 37 gives back of a line; line 0 is its shipping.
type given struct {
	line, pieces int
	total, tax   string
}

// What the shop gives back in these tests, 7.25 % tax on each.
var (
	oneTee     = given{5, 1, "19.99", "1.45"}
	allTees    = given{5, 3, "59.97", "4.35"}
	oneBeanie  = given{6, 1, "12.75", "0.92"}
	allBeanies = given{6, 2, "25.50", "1.85"}
	theHour    = given{7, 1, "125.00", "9.06"}
	shipping   = given{0, 0, "5.95", "0.43"}
)

// shopLine is the line of order 37 that a refund names, and the list where it stands.
func (g given) shopLine(id int) (list, body string) {
	list, of := "line_items", g.line
	if g.line == 0 {
		list, of = "shipping_lines", 8
	}
	return list, fmt.Sprintf(`{"id":%[1]d,"name":"x","method_title":"x","method_id":"flat_rate","quantity":-%[2]d,"subtotal":"-%[3]s","subtotal_tax":"-%[4]s","total":"-%[3]s","total_tax":"-%[4]s","taxes":[{"id":1,"total":"-%[4]s","subtotal":"-%[4]s"}],`+
		`"meta_data":[{"id":%[1]d,"key":"_refunded_item_id","value":"%[5]d"}]}`, id, g.pieces, g.total, g.tax, of)
}

// refundShown is a refund as the shop's REST shows it.
func refundShown(t *testing.T, id int, of ...given) (shown []byte, amount string) {
	t.Helper()
	lines := map[string][]string{}
	sum := 0
	for i, g := range of {
		list, body := g.shopLine(1000 + 10*id + i)
		lines[list] = append(lines[list], body)
		sum += inHundredths(t, g.total) + inHundredths(t, g.tax)
	}
	return fmt.Appendf(nil, `{"id":%d,"date_created":"2026-11-22T22:14:55","date_created_gmt":"2026-11-23T03:14:55","amount":"%s","reason":"back","refunded_payment":false,"meta_data":[],"line_items":[%s],"shipping_lines":[%s],"tax_lines":[],"fee_lines":[]}`,
		id, cents(sum), strings.Join(lines["line_items"], ","), strings.Join(lines["shipping_lines"], ",")), cents(sum)
}

func inHundredths(t *testing.T, amount string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.Replace(amount, ".", "", 1))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// giving is a world in which order 37 is in NetSuite and the shop gives goods back.
type giving struct {
	*editing
	refunds [][]byte
	named   []string
	states  int
}

func givingBack(t *testing.T, column string, options demo.Options) *giving {
	t.Helper()
	options.Mute = true
	options.Adjust = func(c *host.Config) {
		a := c.Accounts[demo.Account]
		a.LineColumn = column
		c.Accounts[demo.Account] = a
	}
	g := &giving{editing: &editing{World: world.Start(t, options), t: t}}
	if _, err := g.NetSuite.PutItem(netsuitesim.Item{SKU: "WOO-TAX", Type: "otherChargeSaleItem"}); err != nil { // where tax is a line
		t.Fatal(err)
	}
	g.Post(changed(t, "order.created-multi"))
	g.Settle()
	return g
}

// ship fulfils pieces of a line.
func (g *giving) ship(key string, pieces int) {
	g.t.Helper()
	var sh netsuitesim.Shipment
	if err := json.Unmarshal(fmt.Appendf(nil, `{"order":"wc-so-main-37","lines":[{"line":%s,"quantity":%d}]}`, g.line(key), pieces), &sh); err != nil {
		g.t.Fatal(err)
	}
	if _, err := g.NetSuite.Fulfil(sh); err != nil {
		g.t.Fatal(err)
	}
}

// back has the shop give goods back in one more refund; the state comes twice.
func (g *giving) back(of ...given) event.SyncRecordedV1 {
	g.t.Helper()
	shown, amount := refundShown(g.t, 80+len(g.refunds), of...)
	g.refunds = append(g.refunds, shown)
	g.named = append(g.named, fmt.Sprintf(`{"id":%d,"reason":"back","total":"-%s"}`, 79+len(g.refunds), amount))
	return g.say("processing")
}

var (
	refundsOf = regexp.MustCompile(`"refunds":\[.*?\]`)
	statusOf  = regexp.MustCompile(`"status":"[a-z-]+"`)
)

// say has the shop tell of the order with a status.
func (g *giving) say(status string) event.SyncRecordedV1 {
	g.t.Helper()
	g.states++
	second := fmt.Sprintf("%02d", g.states)
	delivery := changed(g.t, "order.updated-partial-refund-lines", "2026-11-22T22:14:55", "2026-11-22T22:15:"+second, "2026-11-23T03:14:55", "2026-11-23T03:15:"+second)
	order := refundsOf.ReplaceAll(delivery.Body, []byte(`"refunds":[`+strings.Join(g.named, ",")+`]`))
	order = statusOf.ReplaceAll(order, []byte(`"status":"`+status+`"`))
	if _, err := g.Shop.Load(shopsim.Load{Store: "main", Order: order, Refunds: g.refunds}); err != nil {
		g.t.Fatal(err)
	}
	for n := range 2 {
		g.Post(signed(delivery, order, fmt.Sprintf("goods-%d-%d", g.states, n)))
		g.Settle()
	}
	return lastOutcome(g.t, g.World, "37")
}

// holds checks the lines of the sales order and its total, and what the ledger knows of it.
func (g *giving) holds(total string, want ...string) {
	g.t.Helper()
	lines, have := g.held()
	if !slices.Equal(lines, want) || !world.SameAmount(have, total) {
		g.t.Errorf("lines %q, total %s; want %q, %s", lines, have, want, total)
	}
	if so := lastOutcome(g.t, g.World, "37").Ledger.SalesOrder; !world.SameAmount(so.Total.String(), total) {
		g.t.Errorf("the ledger knows %+v, want %s", so, total)
	}
}

// Before fulfilment a line of which all is given back is closed, one of which a piece is goes down by it, and the total by
// exactly that; an amount alone leaves lines alone.
func TestGoodsGivenBackOfAnOpenOrder(t *testing.T) {
	g := givingBack(t, "", demo.Options{})
	g.back(allTees, oneBeanie)
	g.holds("154.12", "TEE-001 3 0 closed", "BEANIE-01 1 12.75", hour)
	g.refunds, g.named = append(g.refunds, []byte(amount)), append(g.named, `{"id":71,"reason":"goodwill","total":"-10.00"}`)
	g.say("processing")
	g.holds("154.12", "TEE-001 3 0 closed", "BEANIE-01 1 12.75", hour)
	sameTotals(t, "refunds", transactions(g.World, "customerRefund"), map[string]string{"wc-cr-main-37-80": "77.99", "wc-cr-main-37-71": "10.00"})
	checkParked(t, g.World, nil)
}

// All goods of an accepted order are given back, and its shipping is not: NetSuite closes what has no open line, and nobody is
// asked about it, nor about what is given back later.
func TestAllGoodsGivenBackOfAnOpenOrder(t *testing.T) {
	g := givingBack(t, "", demo.Options{})
	if o := g.back(allTees, allBeanies, theHour); o.Kind != event.OutcomeSynced || o.Ledger.SalesOrder.Status != "H" {
		t.Errorf("%s: %s", o.Kind, o.Reason)
	}
	g.holds("6.38", "TEE-001 3 0 closed", "BEANIE-01 2 0 closed", "SVC-HOUR 1 0 closed")
	if o := g.back(shipping); o.Kind != event.OutcomeSynced || o.Rule != "" {
		t.Errorf("%s: %s %s", o.Kind, o.Rule, o.Reason)
	}
	g.holds("0", "TEE-001 3 0 closed", "BEANIE-01 2 0 closed", "SVC-HOUR 1 0 closed")
	sameTotals(t, "refunds", transactions(g.World, "customerRefund"), map[string]string{"wc-cr-main-37-80": "225.73", "wc-cr-main-37-81": "6.38"})
	checkParked(t, g.World, nil)
}

// An order that is partly shipped, too: what is not shipped goes down once and to the cent, what is shipped stays on its line.
func TestGoodsGivenBackOfAPartlyShippedOrder(t *testing.T) {
	for name, c := range map[string]struct {
		ship     string
		pieces   int
		back     []given
		total    string
		want     []string
		switches netsuitesim.Switches
	}{
		"all of a line":             {"line-6", 2, []given{allTees}, "167.79", []string{"TEE-001 3 0 closed", beanies, hour}, netsuitesim.Switches{}},
		"all of it, another sum":    {"line-6", 2, []given{allTees}, "167.79", []string{"TEE-001 3 0 closed", beanies, hour}, netsuitesim.Switches{ClosedLeaveTotals: true, LedgerSigns: true}},
		"a piece":                   {"line-6", 2, []given{oneTee}, "210.67", []string{"TEE-001 2 39.98", beanies, hour}, netsuitesim.Switches{LineStep: 3}},
		"the piece that is left":    {"line-5", 2, []given{oneTee}, "210.67", []string{"TEE-001 2 39.98", beanies, hour}, netsuitesim.Switches{}},
		"more than is left":         {"line-5", 2, []given{allTees}, "210.67", []string{"TEE-001 2 39.98", beanies, hour}, netsuitesim.Switches{}},
		"a return, too":             {"line-6", 2, []given{oneTee, oneBeanie}, "210.67", []string{"TEE-001 2 39.98", beanies, hour}, netsuitesim.Switches{}},
		"a whole return, too":       {"line-6", 2, []given{oneTee, allBeanies}, "210.67", []string{"TEE-001 2 39.98", beanies, hour}, netsuitesim.Switches{LedgerSigns: true}},
		"with the cost of shipping": {"line-6", 1, []given{oneTee, shipping}, "204.29", []string{"TEE-001 2 39.98", beanies, hour}, netsuitesim.Switches{}},
		"work":                      {"line-6", 2, []given{theHour}, "98.05", []string{tees, beanies, "SVC-HOUR 1 0 closed"}, netsuitesim.Switches{}},
	} {
		for _, column := range []string{wcColumn, ""} {
			t.Run(fmt.Sprintf("%s, column %q", name, column), func(t *testing.T) {
				t.Parallel()
				g := givingBack(t, column, demo.Options{Account: func(a *netsuitesim.Config) { a.Switches = c.switches }})
				g.ship(c.ship, c.pieces)
				if o := g.back(c.back...); o.Kind != event.OutcomeSynced {
					t.Errorf("%s: %s", o.Kind, o.Reason)
				}
				g.holds(c.total, c.want...)
				g.refunds, g.named = append(g.refunds, []byte(amount)), append(g.named, `{"id":71,"reason":"goodwill","total":"-10.00"}`)
				g.say("processing") // an amount alone changes nothing
				g.holds(c.total, c.want...)
				if n := len(g.patches()); n != 1 {
					t.Errorf("%d changes were sent, want one", n)
				}
				_, gone := refundShown(t, 80, c.back...)
				sameTotals(t, "refunds", transactions(g.World, "customerRefund"), map[string]string{"wc-cr-main-37-80": gone, "wc-cr-main-37-71": "10.00"})
				checkParked(t, g.World, nil)
			})
		}
	}
}

// One refund after another, and at last the whole order: each takes off what is not shipped, and a line that was shipped
// meanwhile stays.
func TestGoodsGivenBackOneAfterAnother(t *testing.T) {
	g := givingBack(t, wcColumn, demo.Options{})
	g.back(oneTee)
	g.holds("210.67", "TEE-001 2 39.98", beanies, hour)
	g.ship("line-5", 1)
	g.back(oneBeanie)
	g.holds("197.00", "TEE-001 2 39.98", "BEANIE-01 1 12.75", hour)
	g.back(given{5, 2, "39.98", "2.90"})
	g.holds("175.56", "TEE-001 1 19.99", "BEANIE-01 1 12.75", hour)
	g.back(given{6, 1, "12.75", "0.93"}, theHour, shipping)
	g.say("refunded")
	g.holds("21.44", "TEE-001 1 19.99", "BEANIE-01 1 0 closed", "SVC-HOUR 1 0 closed")
	if n := len(g.patches()); n != 3 {
		t.Errorf("%d changes were sent, want three", n)
	}
	checkParked(t, g.World, nil)
}

// However the order has its tax, what was given back goes down. Where the tax, or its rounding, is a line of its own nobody knows
// what of it belongs to a return, which stays: a person looks.
func TestGoodsGivenBackByTaxMode(t *testing.T) {
	for mode, kind := range taxModes {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			g := givingBack(t, "", demo.Options{Mapping: document(t, mode, mapping.PolicyDeposit), Account: func(a *netsuitesim.Config) { a.Switches.Tax = kind }})
			g.ship("line-6", 2)
			before := len(g.patches())
			if o := g.back(oneTee); o.Kind != event.OutcomeSynced || len(g.patches()) != before+1 {
				t.Errorf("%s: %s", o.Kind, o.Reason)
			}
			if lines, _ := g.held(); lines[0] != "TEE-001 2 39.98" || lines[1] != beanies {
				t.Errorf("lines %q", lines)
			}
			g.back(oneTee, oneBeanie)
			want, parked := "TEE-001 1 19.99", []string(nil)
			if mode == event.TaxLines || mode == event.TaxCodes {
				want, parked = "TEE-001 2 39.98", []string{"write.main.37 refunded-goods-open"}
			}
			if lines, _ := g.held(); lines[0] != want || lines[1] != beanies {
				t.Errorf("with a return: lines %q", lines)
			}
			checkParked(t, g.World, parked)
		})
	}
}

// Where edits are applied to orders that are partly shipped, a return hinders none: it stays on its line, all else follows.
func TestGoodsReturnedWhereEditsApply(t *testing.T) {
	g := givingBack(t, wcColumn, demo.Options{Mapping: applying(t)})
	g.ship("line-6", 2)
	if o := g.back(oneTee, oneBeanie); o.Kind != event.OutcomeSynced {
		t.Errorf("%s: %s", o.Kind, o.Reason)
	}
	g.holds("210.67", "TEE-001 2 39.98", beanies, hour)
	checkParked(t, g.World, nil)
}

// What is shipped was returned: nothing is changed, and nobody is asked.
func TestGoodsReturned(t *testing.T) {
	g := givingBack(t, "", demo.Options{})
	g.ship("line-5", 3)
	if o := g.back(oneTee); o.Kind != event.OutcomeSkipped || len(o.Questions) > 0 {
		t.Errorf("%s: %s, questions %+v", o.Kind, o.Reason, o.Questions)
	}
	g.holds("232.11", tees, beanies, hour)
	if n := len(g.patches()); n != 0 {
		t.Errorf("%d changes were sent, want none", n)
	}
}

// Where the money of an order is booked elsewhere, what was given back is not shipped all the same, and nothing is paid back in
// NetSuite: an open order goes down as a whole, one that is partly shipped by line, and of what people billed in advance a
// person is asked.
func TestGoodsGivenBackWhereMoneyIsElsewhere(t *testing.T) {
	none := func(g *giving) {
		t.Helper()
		for _, kind := range []string{"customerDeposit", "customerRefund", "creditMemo", "cashRefund"} {
			sameTotals(g.t, kind, transactions(g.World, kind), nil)
		}
	}
	for _, column := range []string{wcColumn, ""} {
		t.Run(fmt.Sprintf("open, column %q", column), func(t *testing.T) {
			t.Parallel()
			g := givingBack(t, column, demo.Options{Mapping: policy(t, "order")})
			g.back(allTees, oneBeanie)
			g.holds("154.12", "TEE-001 3 0 closed", "BEANIE-01 1 12.75", hour)
			checkParked(t, g.World, nil)
			none(g)
		})
		t.Run(fmt.Sprintf("partly shipped, column %q", column), func(t *testing.T) {
			t.Parallel()
			g := givingBack(t, column, demo.Options{Mapping: policy(t, "order")})
			g.ship("line-6", 1)
			if o := g.back(allTees, oneBeanie, shipping); o.Kind != event.OutcomeSynced {
				t.Errorf("%s: %s", o.Kind, o.Reason)
			}
			g.holds("147.74", "TEE-001 3 0 closed", "BEANIE-01 1 12.75", hour)
			g.refunds, g.named = append(g.refunds, []byte(amount)), append(g.named, `{"id":71,"reason":"goodwill","total":"-10.00"}`)
			g.say("processing") // an amount alone changes nothing
			g.holds("147.74", "TEE-001 3 0 closed", "BEANIE-01 1 12.75", hour)
			if n := len(g.patches()); n != 1 {
				t.Errorf("%d changes were sent, want one", n)
			}
			checkParked(t, g.World, nil)
			none(g)
		})
	}
	t.Run("billed in advance by people", func(t *testing.T) {
		t.Parallel()
		g := givingBack(t, wcColumn, demo.Options{Mapping: policy(t, "order"), Account: func(a *netsuitesim.Config) { a.Switches.BillInAdvance = true }})
		act(t, g.World, netsuitesim.Act{Method: "POST", Path: "salesOrder/eid:wc-so-main-37/!transform/invoice", Body: json.RawMessage(`{}`)})
		o := g.back(allTees)
		g.holds("232.11", tees, beanies, hour)
		if len(o.Questions) != 1 || !strings.Contains(o.Questions[0].Fault.Field+o.Questions[0].Fault.Value, "line-5: 3 of it, because 3 are billed") {
			t.Errorf("questions %+v", o.Questions)
		}
		checkParked(t, g.World, []string{"write.main.37 refunded-goods-open"})
		none(g)
	})
}

// A line that is billed in advance cannot go down, and other edits that the order was kept from are not made in passing: a
// person is asked, and nothing is written. A line that can go down does.
func TestGoodsThatMayStillBeShipped(t *testing.T) {
	t.Run("billed in advance", func(t *testing.T) {
		g := givingBack(t, wcColumn, demo.Options{Mapping: policy(t, "cash-sale"), Account: func(a *netsuitesim.Config) { a.Switches.BillInAdvance = true }})
		o := g.back(allTees)
		g.holds("232.11", tees, beanies, hour)
		if len(o.Questions) != 1 || !strings.Contains(o.Questions[0].Fault.Field+o.Questions[0].Fault.Value, "line-5: 3 of it, because 3 are billed") {
			t.Errorf("questions %+v", o.Questions)
		}
		checkParked(t, g.World, []string{"write.main.37 refunded-goods-open"})
		so := g.SalesOrders()["wc-so-main-37"]
		act(t, g.World, netsuitesim.Act{Method: "PATCH", Path: "salesOrder/" + so.ID, Body: json.RawMessage(`{"item":{"items":[{"line":` + g.line("line-5") + `,"isClosed":true}]}}`)})
		if _, err := operate.Retry(t.Context(), g.JS, "write.main.37", "tester"); err != nil {
			t.Fatal(err)
		}
		g.Settle()
		checkParked(t, g.World, nil)
	})
	t.Run("edited, too", func(t *testing.T) {
		g := givingBack(t, wcColumn, demo.Options{})
		g.ship("line-6", 2)
		g.append(`{"item":{"id":"` + itemID(t, g.editing, "BEANIE-01") + `"},"quantity":9,"rate":1,"price":{"id":"-1"}}`)
		g.back(oneTee)
		if lines, _ := g.held(); lines[0] != tees || len(g.patches()) > 0 {
			t.Errorf("lines %q, %d changes", lines, len(g.patches()))
		}
		checkParked(t, g.World, []string{"write.main.37 refunded-goods-open"})
	})
}

// Invariant 2: an answer that is lost, before or after the work, takes nothing off twice, and the ledger knows it.
func TestGoodsGivenBackOnce(t *testing.T) {
	for _, kind := range []string{"drop", "timeout", "dropBefore", "statusAfterCommit"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := givingBack(t, "", demo.Options{})
			g.ship("line-6", 2)
			status := map[string]int{"timeout": 504, "statusAfterCommit": 500}[kind]
			faults(t, g.World, netsuitesim.Rule{Kind: kind, Status: status, Count: 1, Match: netsuitesim.Match{Method: "PATCH", PathContains: "salesorder"}})
			g.back(oneTee)
			g.holds("210.67", "TEE-001 2 39.98", beanies, hour)
			checkParked(t, g.World, nil)
		})
	}
}

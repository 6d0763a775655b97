package netsuitesim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

type rows = []map[string]any

func TestSuiteQLLookUps(t *testing.T) {
	a := open(t)
	cases := []struct {
		name, q string
		params  []string
		want    rows
	}{
		{"items by SKU", `SELECT id, itemid, externalid, itemtype, isinactive FROM item WHERE itemid IN ('TEE-001', 'INACTIVE-001','tasse') ORDER BY id`, nil, rows{
			{"id": "112", "itemid": "TEE-001", "itemtype": "InvtPart", "isinactive": "F"},
			{"id": "120", "itemid": "INACTIVE-001", "itemtype": "InvtPart", "isinactive": "T"},
		}},
		{"placeholders", `SELECT id FROM item WHERE itemid = ? AND isinactive = ?`, []string{"TASSE-GRÖSSE-L", "F"}, rows{{"id": "111"}}},
		{"stock", `SELECT a.item, a.location, a.quantityavailable, a.quantityonhand FROM aggregateItemLocation a WHERE a.item IN (101) AND a.location = '3'`, nil, rows{
			{"item": "101", "location": "3", "quantityavailable": "120", "quantityonhand": "120"},
		}},
		{"locations", `SELECT id, name, subsidiary FROM location WHERE isinactive='F' ORDER BY id FETCH FIRST 2 ROWS ONLY`, nil, rows{
			{"id": "1", "name": "Oakland Warehouse", "subsidiary": "1"}, {"id": "2", "name": "Austin Warehouse", "subsidiary": "1"},
		}},
		{"tax codes", `SELECT id, itemid, rate, taxtype FROM salestaxitem WHERE itemid IN ('CA_STATE','QC_QST') ORDER BY id`, nil, rows{
			{"id": "11", "itemid": "CA_STATE", "rate": "7.25", "taxtype": "1"}, {"id": "16", "itemid": "QC_QST", "rate": "9.975", "taxtype": "3"},
		}},
		{"tax codes by their other name", `SELECT id FROM taxcode WHERE name = 'DE_MWST'`, nil, rows{{"id": "17"}}},
		{"tax types", `SELECT id, name FROM taxtype WHERE name = 'DE VAT'`, nil, rows{{"id": "4", "name": "DE VAT"}}},
		{"customers by e-mail", `SELECT id, email FROM customer WHERE LOWER(email) = 'duplicate@example.com' ORDER BY id`, nil, rows{
			{"id": "22", "email": "duplicate@example.com"}, {"id": "23", "email": "Duplicate@example.com"},
		}},
		{"lower case beyond ASCII", `SELECT LOWER(itemid) AS K FROM item WHERE id = 111`, nil, rows{{"k": "tasse-grösse-l"}}},
		{"counts are text", `SELECT COUNT(*) AS n FROM currency`, nil, rows{{"n": "4"}}},
		{"a column without a name", `SELECT COUNT(*) FROM currency`, nil, rows{{"expr1": "4"}}},
		{"subsidiaries", `SELECT s.id, s.name, s.parent, BUILTIN.DF(s.currency) AS cur FROM subsidiary s ORDER BY s.id`, nil, rows{
			{"id": "1", "name": "Parent US", "cur": "US Dollar"}, {"id": "2", "name": "EU", "parent": "1", "cur": "Euro"},
		}},
		{"currencies", `SELECT id, symbol FROM Currency WHERE symbol IN ('JPY')`, nil, rows{{"id": "3", "symbol": "JPY"}}},
		{"no rows", `SELECT id FROM item WHERE itemid = 'NOTHING'`, nil, rows{}},
		{"ship items", `SELECT id FROM shipitem WHERE itemid = 'FLAT_RATE'`, nil, rows{{"id": "341"}}},
		{"payment methods", `SELECT id FROM paymentmethod WHERE name = 'Credit Card'`, nil, rows{{"id": "3"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, a.rows(c.q, c.params...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSuiteQLTransactions(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a := open(t, func(c *netsuitesim.Config) { c.Now = func() time.Time { return now } })
	id := a.must("PUT", "record/v1/salesOrder/eid:wc-so-main-7", orderBody(
		`"orderStatus":"B","otherRefNum":"7","tranDate":"2026-01-01","memo":"m","custbody_wc_order_id":"7","taxDetailsOverride":true,
		"taxDetails":{"items":[`+detail(`"l1"`, "11", "20", "7.25", "1.45")+`]},"shippingCost":5`,
		tee+`,"quantity":2,"rate":10,`+own+`,"taxDetailsReference":"l1","custcol_wc_line_id":"31","description":"two tees"`, discount+`,"amount":-3`))

	got := a.rows(`SELECT t.id, t.tranid, t.externalid, t.status, t.type, t.entity, t.total, t.foreigntotal, t.otherrefnum, t.memo, t.currency,
		t.custbody_wc_order_id, t.trandate, TO_CHAR(t.lastmodifieddate,'YYYY-MM-DD HH24:MI:SS') AS modified, BUILTIN.DF(t.status) AS label,
		BUILTIN.CF(t.status) AS compound, BUILTIN.DF(t.entity) AS customer
		FROM transaction t WHERE t.externalid IN ('wc-so-main-7')`)
	want := rows{{
		"id": id, "tranid": "SO1001", "externalid": "wc-so-main-7", "status": "B", "type": "SalesOrd", "entity": "21", "total": "23.45",
		"foreigntotal": "23.45", "otherrefnum": "7", "memo": "m", "currency": "1", "custbody_wc_order_id": "7", "trandate": "1/1/2026",
		"modified": "2026-01-02 03:04:05", "label": "Sales Order : Pending Fulfillment", "compound": "SalesOrd:B", "customer": "WOO-GUEST",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	lineRows := a.rows(`SELECT tl.id, tl.linesequencenumber AS seq, tl.item, tl.itemtype, tl.quantity, tl.rate, tl.foreignamount AS amount, tl.mainline, tl.taxline,
		tl.isclosed, tl.memo, tl.custcol_wc_line_id AS lineid FROM transactionline tl WHERE tl.transaction = ? ORDER BY tl.id`, id)
	wantLines := rows{
		{"id": "0", "seq": "0", "amount": "23.45", "mainline": "T", "taxline": "F", "isclosed": "F"},
		{"id": "1", "seq": "1", "item": "112", "itemtype": "InvtPart", "quantity": "2", "rate": "10", "amount": "20", "mainline": "F", "taxline": "F", "isclosed": "F", "memo": "two tees", "lineid": "31"},
		{"id": "2", "seq": "2", "item": "321", "itemtype": "Discount", "rate": "-3", "amount": "-3", "mainline": "F", "taxline": "F", "isclosed": "F"},
		{"id": "3", "seq": "3", "itemtype": "TaxItem", "amount": "1.45", "mainline": "F", "taxline": "T", "isclosed": "F"},
	}
	if diff := cmp.Diff(wantLines, lineRows); diff != "" {
		t.Error(diff)
	}

	poll := `SELECT t.id,t.tranid,t.externalid,t.status,TO_CHAR(t.lastmodifieddate,'YYYY-MM-DD HH24:MI:SS') AS modified FROM transaction t
		WHERE t.type='SalesOrd' AND t.lastmodifieddate >= TO_TIMESTAMP('%s','YYYY-MM-DD HH24:MI:SS') ORDER BY t.lastmodifieddate,t.id`
	if got := a.rows(fmt.Sprintf(poll, "2026-01-02 03:04:05")); len(got) != 1 {
		t.Errorf("poll from the very second: %d rows, want 1", len(got))
	}
	if got := a.rows(fmt.Sprintf(poll, "2026-01-02 03:04:06")); len(got) != 0 {
		t.Errorf("poll from a second later: %d rows, want 0", len(got))
	}
	if got := a.rows(`SELECT id FROM transaction WHERE status = 'SalesOrd:B'`); len(got) != 0 {
		t.Error("status is the single letter, the compound form matches nothing")
	}

	a.must("DELETE", "record/v1/salesOrder/"+id, "")
	if got := a.rows(`SELECT id FROM transactionline WHERE transaction = ` + id); len(got) != 0 {
		t.Errorf("a deleted order left %d lines", len(got))
	}
}

func TestSuiteQLSigns(t *testing.T) {
	a := open(t, func(c *netsuitesim.Config) { c.Switches.LedgerSigns, c.Switches.ShippingLines = true, true })
	id := a.must("POST", "record/v1/salesOrder", orderBody(`"shippingCost":5`, tee+`,"quantity":2,"rate":10,`+own))
	got := a.rows(`SELECT quantity, netamount, itemtype FROM transactionline WHERE mainline = 'F' AND transaction = ` + id + ` ORDER BY id`)
	want := rows{{"quantity": "-2", "netamount": "-20", "itemtype": "InvtPart"}, {"netamount": "5", "itemtype": "ShipItem"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSuiteQLFulfilments(t *testing.T) {
	a := open(t)
	order := a.must("POST", "record/v1/salesOrder", orderBody(`"orderStatus":"B"`, tee+`,"quantity":2`))
	made, err := a.sim.Fulfil(netsuitesim.Shipment{Order: order, Tracking: []string{"1Z999"}})
	if err != nil {
		t.Fatal(err)
	}
	got := a.rows(`SELECT t.id, c.id AS fulfilment, c.status, n.trackingnumber FROM transaction t
		JOIN PreviousTransactionLineLink l ON l.previousdoc = t.id JOIN transaction c ON c.id = l.nextdoc AND c.type = 'ItemShip'
		JOIN TrackingNumberMap m ON m.transaction = c.id JOIN TrackingNumber n ON n.id = m.trackingnumber WHERE t.id = ` + order)
	want := rows{{"id": order, "fulfilment": made, "status": "C", "trackingnumber": "1Z999"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := a.rows(`SELECT id FROM transaction WHERE createdfrom = ?`, order); len(got) != 1 {
		t.Errorf("createdfrom found %d", len(got))
	}
}

func TestSuiteQLPaging(t *testing.T) {
	a := open(t)
	page := func(limit, offset string) map[string]any {
		v := url.Values{"limit": {limit}, "offset": {offset}}
		r := a.do("POST", "query/v1/suiteql?"+v.Encode(), `{"q":"SELECT id FROM currency ORDER BY id"}`, "Prefer", "transient")
		if r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
		return r.object(t)
	}
	first, last := page("3", "0"), page("3", "3")
	for name, want := range map[string]any{"count": json.Number("3"), "hasMore": true, "totalResults": json.Number("4"), "offset": json.Number("0")} {
		if first[name] != want {
			t.Errorf("first page: %s = %v, want %v", name, first[name], want)
		}
	}
	for name, want := range map[string]any{"count": json.Number("1"), "hasMore": false, "totalResults": json.Number("4"), "offset": json.Number("3")} {
		if last[name] != want {
			t.Errorf("last page: %s = %v, want %v", name, last[name], want)
		}
	}
}

func TestSuiteQLRefusals(t *testing.T) {
	a := open(t)
	code, _ := a.refused(400, "POST", "query/v1/suiteql", `{"q":"SELECT id FROM item"}`)
	if code != "INVALID_HEADER" {
		t.Errorf("without Prefer: %s", code)
	}
	for _, query := range []string{"limit=0", "limit=1001", "limit=10&offset=5", "limit=x", "limit=1000&offset=100000"} {
		code, _ := a.refused(400, "POST", "query/v1/suiteql?"+query, `{"q":"SELECT id FROM item"}`, "Prefer", "transient")
		if code != "INVALID_PARAMETER" {
			t.Errorf("%s: %s", query, code)
		}
	}
	many := "SELECT id FROM item WHERE id IN (" + strings.TrimSuffix(strings.Repeat("1,", 1001), ",") + ")"
	cases := map[string]string{
		"SELECT subsidiary.x FROM transaction":                     "Unknown identifier 'subsidiary.x'. Available identifiers are: {transaction=transaction}.",
		"SELECT foo FROM transaction":                              "Unknown identifier 'foo'. Available identifiers are: {transaction=transaction}.",
		"SELECT id FROM shoes":                                     "Record 'shoes' was not found.",
		"SELECT id FROM item LIMIT 5":                              "Unexpected 'LIMIT'",
		"WITH x AS (SELECT 1) SELECT 1":                            "Only SELECT",
		"DELETE FROM item":                                         "Only SELECT",
		"SELECT id FROM item; DELETE FROM item":                    "Unexpected ';'",
		"SELECT id FROM sqlite_master":                             "Unexpected 'sqlite_master'",
		"SELECT id FROM transaction WHERE trandate > '2026-01-01'": "Date literals",
		"SELECT FROM":                                              "Invalid or unsupported search",
		many:                                                       "maximum number of arguments",
	}
	for q, want := range cases {
		r := a.query(q)
		code, detail := r.problem(t)
		if r.status != 400 || code != "INVALID_PARAMETER" || !strings.Contains(detail, want) || !strings.Contains(r.body, `"o:errorQueryParam":"q"`) {
			t.Errorf("%.60s: %d %s, want %q", q, r.status, r.body, want)
		}
	}
}

func TestSelectStarHidesWorkColumns(t *testing.T) {
	a := open(t)
	got := a.rows("SELECT * FROM taxtype WHERE id = 4")
	if diff := cmp.Diff(rows{{"id": "4", "name": "DE VAT", "country": "DE", "isinactive": "F"}}, got); diff != "" {
		t.Error(diff)
	}
	if got := a.rows("SELECT * FROM transaction"); len(got) != 0 {
		t.Errorf("%v", got)
	}
	id := a.must("POST", "record/v1/salesOrder", minimal)
	for column := range a.rows("SELECT * FROM transaction WHERE id = " + id)[0] {
		if strings.Contains(column, "__") || strings.HasPrefix(column, "expr") {
			t.Errorf("column %s shows", column)
		}
	}
}

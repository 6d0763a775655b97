package netsuitesim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// with opens a double with changed switches.
func with(t *testing.T, change func(*netsuitesim.Switches)) *account {
	t.Helper()
	return open(t, func(c *netsuitesim.Config) { change(&c.Switches) })
}

// TestBothAnswers shows the default and the other answer of switches that
// change one status or body.
func TestBothAnswers(t *testing.T) {
	fresno := `"shippingAddress":{"country":{"id":"US"},"state":"CA","city":"Fresno"}` // 7.25 %
	post := func(body string) func(*account) string {
		return func(a *account) string { return a.sums(a.must("POST", "record/v1/salesOrder", body)).total }
	}
	cases := []struct {
		name      string
		set       func(*netsuitesim.Switches)
		ask       func(*account) string
		off, with string
	}{
		{
			"create answers 201", func(s *netsuitesim.Switches) { s.CreateCreated = true },
			func(a *account) string { return http.StatusText(a.do("POST", "record/v1/salesOrder", minimal).status) }, "No Content", "Created",
		},
		// 107.25 / 1.0725 = 100; without: base price 20.77, tax 1.51 (1.505825)
		{"grossAmt is ignored", func(s *netsuitesim.Switches) { s.GrossIgnored = true }, post(orderBody(fresno, tee+`,"grossAmt":107.25,"rate":20.77,`+own)), "107.25", "22.28"},
		// 5 × 2 against 2 × 20.77
		{"a rate stands", func(s *netsuitesim.Switches) { s.RateStands = true }, post(orderBody("", tee+`,"quantity":2,"rate":5`)), "41.54", "10"},
		{
			"an upsert clears", func(s *netsuitesim.Switches) { s.UpsertClears = true },
			func(a *account) string {
				a.must("PUT", "record/v1/salesOrder/eid:x", orderBody(`"memo":"kept","otherRefNum":"7"`, tee))
				o := a.order(a.must("PUT", "record/v1/salesOrder/eid:x", `{"entity":{"id":"21"},"otherRefNum":"8"}`))
				memo, _ := o["memo"].(string)
				return memo + "," + o["otherRefNum"].(string) + "," + o["externalId"].(string)
			}, "kept,8,x", ",8,x",
		},
		{
			"maxima count bytes", func(s *netsuitesim.Switches) { s.LengthsInBytes = true },
			func(a *account) string {
				return http.StatusText(a.do("POST", "record/v1/salesOrder", orderBody(`"otherRefNum":"`+strings.Repeat("é", 45)+`"`, tee)).status)
			}, "No Content", "Bad Request",
		},
		{
			"nulls are shown", func(s *netsuitesim.Switches) { s.NullColumnsShown = true },
			func(a *account) string {
				text, err := json.Marshal(a.rows(`SELECT id, externalid FROM customer WHERE id = 22`))
				if err != nil {
					return err.Error()
				}
				return string(text)
			}, `[{"id":"22"}]`, `[{"externalid":null,"id":"22"}]`,
		},
		{
			"small ordered pages are empty", func(s *netsuitesim.Switches) { s.OrderByLosesRows = true },
			func(a *account) string {
				r := a.do("POST", "query/v1/suiteql?limit=2", `{"q":"SELECT id FROM currency ORDER BY id"}`, "Prefer", "transient").object(a.t)
				n, _ := r["count"].(json.Number)
				return n.String()
			}, "2", "0",
		},
		{
			"tokens outlive their certificate", func(s *netsuitesim.Switches) { s.TokensOutliveCertificates = true },
			func(a *account) string {
				a.end("revoke", a.keys.CertificateID)
				return http.StatusText(a.reads(a.token))
			}, "Unauthorized", "OK",
		},
		{
			"governance needs an administrator", func(s *netsuitesim.Switches) { s.NotAdministrator = true },
			func(a *account) string { return http.StatusText(a.do("GET", "system/v1/governanceLimits", "").status) }, "OK", "Forbidden",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.ask(open(t)); got != c.off {
				t.Errorf("by default %q, want %q", got, c.off)
			}
			if got := c.ask(with(t, c.set)); got != c.with {
				t.Errorf("with the switch %q, want %q", got, c.with)
			}
		})
	}
}

func TestGuideWording(t *testing.T) {
	ask := func(a *account) (missing, invalid string) {
		return a.do("GET", "record/v1/salesOrder/77", "").body, a.do("GET", "record/v1/salesOrder/000", "").body
	}
	missing, invalid := ask(open(t))
	for _, want := range []string{"section-15.5.5", "The record instance does not exist. Provide a valid record instance ID."} {
		if !strings.Contains(missing, want) {
			t.Errorf("live: no %q in %s", want, missing)
		}
	}
	if !strings.Contains(invalid, `"o:errorUrl":"/services/rest/record/v1/salesOrder/000"`) {
		t.Errorf("live: %s", invalid)
	}
	missing, invalid = ask(with(t, func(s *netsuitesim.Switches) { s.GuideWording = true }))
	for _, want := range []string{"rfc2616-sec10.html#sec10.4.5", `"Record does not exist."`, "NONEXISTENT_ID"} {
		if !strings.Contains(missing, want) {
			t.Errorf("guide: no %q in %s", want, missing)
		}
	}
	if !strings.Contains(invalid, `"o:urlPath"`) || !strings.Contains(invalid, "sec10.4.1") {
		t.Errorf("guide: %s", invalid)
	}
}

func TestLegacyTaxOverREST(t *testing.T) {
	body := orderBody("", tee+`,"amount":100,"taxCode":{"id":"14"},`+own)
	legacy := func(refused bool) *account {
		return with(t, func(s *netsuitesim.Switches) { s.Tax, s.NoLegacyTax = netsuitesim.TaxLegacyLine, refused })
	}
	a := legacy(false)
	if got := a.sums(a.must("POST", "record/v1/salesOrder", body)).tax; got != "8.25" {
		t.Errorf("an account where it works: tax %s", got)
	}
	b := legacy(true)
	r := b.do("POST", "record/v1/salesOrder", body)
	if r.status != 204 || r.header.Get("X-NetSuite-PropertyValidation") != "item.items[0].taxCode" {
		t.Errorf("an account where it does not: %d %v %s", r.status, r.header, r.body)
	}
	b.refused(400, "POST", "record/v1/invoice", body)
}

func TestQueryZone(t *testing.T) {
	berlin := time.FixedZone("CEST", 2*60*60)
	now := time.Date(2026, 7, 1, 23, 30, 0, 0, time.UTC)
	q := `SELECT TO_CHAR(lastmodifieddate, 'YYYY-MM-DD HH24:MI:SS') AS at, TO_CHAR(trandate, 'YYYY-MM-DD') AS day FROM transaction`
	for zone, want := range map[*time.Location]string{nil: "2026-07-01 23:30:00", berlin: "2026-07-02 01:30:00"} {
		a := open(t, func(c *netsuitesim.Config) {
			c.Now, c.Switches.QueryZone = func() time.Time { return now }, zone
		})
		a.must("POST", "record/v1/salesOrder", minimal)
		if got := a.rows(q)[0]; got["at"] != want || got["day"] != "2026-07-01" {
			t.Errorf("zone %v: %v", zone, got)
		}
	}
}

func TestCreateForm(t *testing.T) {
	a := open(t)
	order, deposit := a.deposited("40")
	form := []string{"Accept", "application/vnd.oracle.resource+json; type=create-form"}
	r := a.do("POST", "record/v1/customerDeposit/"+deposit+"/!transform/customerRefund", `{"memo":"x"}`, form...)
	got := r.object(t)
	if r.status != 200 || figure(got, "total") != "40" || got["memo"] != "x" || got["id"] != nil || !strings.Contains(r.header.Get("Content-Type"), "create-form") {
		t.Errorf("%d %v %v", r.status, r.header, got)
	}
	if r := a.do("POST", "record/v1/salesOrder", minimal, form...); r.status != 200 || figure(r.object(t), "total") != "20.77" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if stats := a.sim.Stats(); stats.Records["customerRefund"] != 0 || stats.Records["salesOrder"] != 1 {
		t.Errorf("a form was saved: %v", stats.Records)
	}
	a.must("POST", "record/v1/salesOrder/"+order+"/!transform/itemFulfillment", `{}`)
}

func TestRecordsInSuiteQL(t *testing.T) {
	a := open(t, advance)
	order, deposit := a.deposited("30")
	invoice := a.must("POST", "record/v1/salesOrder/"+order+"/!transform/invoice", `{"externalId":"inv-1"}`)
	a.must("POST", "record/v1/customerDeposit/"+deposit+"/!transform/depositApplication", `{"apply":{"items":[{"doc":"`+invoice+`","apply":true,"amount":20}]}}`)
	a.must("POST", "record/v1/customerDeposit/"+deposit+"/!transform/customerRefund", `{"memo":"back"}`)
	credit := a.must("POST", "record/v1/invoice/"+invoice+"/!transform/creditMemo", `{}`)
	if _, err := a.sim.Fulfil(netsuitesim.Shipment{Order: order, Tracking: []string{"1Z1"}}); err != nil {
		t.Fatal(err)
	}
	row := func(kind, status, total, entity string) map[string]any {
		out := map[string]any{"type": kind, "entity": entity}
		for name, value := range map[string]string{"status": status, "foreigntotal": total, "total": total} {
			if value != "" {
				out[name] = value
			}
		}
		return out
	}
	want := []map[string]any{
		row("CustCred", "A", "100", "21"), row("CustDep", "C", "30", "21"), row("CustInvc", "A", "100", "21"), row("CustRfnd", "", "10", "21"),
		row("DepAppl", "", "20", "21"), row("ItemShip", "C", "", "21"), row("SalesOrd", "G", "100", "21"),
	}
	if diff := cmp.Diff(want, a.rows(`SELECT type, status, foreigntotal, total, entity FROM transaction ORDER BY type`)); diff != "" {
		t.Error(diff)
	}
	links := a.rows(`SELECT p.type AS f, n.type AS t, l.linktype, l.foreignamount AS amount FROM NextTransactionLink l
		JOIN transaction p ON p.id = l.previousdoc JOIN transaction n ON n.id = l.nextdoc ORDER BY p.type, n.type`)
	link := func(f, to, kind, amount string) map[string]any {
		return map[string]any{"f": f, "t": to, "linktype": kind, "amount": amount}
	}
	wantLinks := []map[string]any{
		link("CustDep", "CustRfnd", "Payment", "10"), link("CustDep", "DepAppl", "DepAppl", "20"), link("CustInvc", "CustCred", "OrdBill", "100"),
		link("CustInvc", "DepAppl", "Payment", "20"), link("SalesOrd", "CustDep", "OrdDep", "30"), link("SalesOrd", "CustInvc", "OrdBill", "100"),
		link("SalesOrd", "ItemShip", "ShipRcpt", "0"),
	}
	if diff := cmp.Diff(wantLinks, links); diff != "" {
		t.Error(diff)
	}
	shipped := a.rows(`SELECT n.trackingnumber, l.previousline FROM PreviousTransactionLineLink l JOIN transaction c ON c.id = l.nextdoc AND c.type = 'ItemShip'
		JOIN TrackingNumberMap m ON m.transaction = c.id JOIN TrackingNumber n ON n.id = m.trackingnumber WHERE l.previousdoc = ?`, order)
	if diff := cmp.Diff([]map[string]any{{"trackingnumber": "1Z1", "previousline": "1"}}, shipped); diff != "" {
		t.Error(diff)
	}
	progress := a.rows(`SELECT quantity, quantityshiprecv AS shipped, quantitybilled AS billed, isclosed FROM transactionline WHERE transaction = ? AND mainline = 'F'`, order)
	if diff := cmp.Diff([]map[string]any{{"quantity": "4", "shipped": "4", "billed": "4", "isclosed": "F"}}, progress); diff != "" {
		t.Error(diff)
	}
	from := a.rows(`SELECT BUILTIN.DF(l.createdfrom) AS origin FROM transactionline l WHERE l.transaction = ? AND l.mainline = 'T'`, credit)
	if diff := cmp.Diff([]map[string]any{{"origin": "Invoice #INV1001"}}, from); diff != "" {
		t.Error(diff)
	}
}

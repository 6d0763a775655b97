package netsuitesim_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

func TestStateSurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	in := func(c *netsuitesim.Config) { c.Dir = dir }
	a := open(t, in)
	kept := a.must("PUT", "record/v1/salesOrder/eid:keep", orderBody(`"custbody_wc_order_id":"9"`, tee+`,"amount":10.1,`+own))
	gone := a.must("PUT", "record/v1/salesOrder/eid:gone", minimal)
	a.must("DELETE", "record/v1/salesOrder/"+gone, "")
	before, err := a.sim.State("salesOrder")
	if err != nil {
		t.Fatal(err)
	}
	address := a.sim.URL()
	a.close()

	b := open(t, in)
	after, err := b.sim.State("salesOrder")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), strings.ReplaceAll(string(after), b.sim.URL(), address)); diff != "" {
		t.Error(diff)
	}
	if again := b.must("PUT", "record/v1/salesOrder/eid:KEEP?replace=item", minimal); again != kept {
		t.Errorf("external id now names %s, want %s", again, kept)
	}
	next := b.must("POST", "record/v1/salesOrder", minimal)
	if o := b.order(next); o["tranId"] != "SO1003" || number(t, next) <= number(t, gone) {
		t.Errorf("numbers went back: id %s after %s, %v", next, gone, o["tranId"])
	}
	if got := b.rows(`SELECT externalid FROM transaction WHERE externalid IS NOT NULL`); len(got) != 1 || got[0]["externalid"] != "keep" {
		t.Errorf("SuiteQL after reopening: %v", got)
	}
}

// TestAnsweredWriteIsOnDisk copies the files while the process runs, which is
// what a SIGKILL leaves behind.
func TestAnsweredWriteIsOnDisk(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	a := open(t, func(c *netsuitesim.Config) { c.Dir = dir })
	for i := range 20 {
		a.must("PUT", fmt.Sprintf("record/v1/salesOrder/eid:o-%d", i), minimal)
	}
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	b := open(t, func(c *netsuitesim.Config) { c.Dir = copied })
	if got := b.sim.Stats().Records["salesOrder"]; got != 20 {
		t.Errorf("%d orders on disk, want 20", got)
	}
}

func TestReset(t *testing.T) {
	a := open(t, func(c *netsuitesim.Config) { c.Dir = t.TempDir() })
	a.must("POST", "record/v1/salesOrder", minimal)
	a.rows(`SELECT id FROM transaction`)
	a.fail(netsuitesim.Faults{LatencyMs: 1})
	if r := a.do("POST", "/sim/reset", ""); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	stats := a.sim.Stats()
	if stats.Records["salesOrder"] != 0 || stats.Records["customer"] != 4 || stats.Requests != 0 || a.sim.Faults().LatencyMs != 0 {
		t.Errorf("after reset: %+v", stats)
	}
	if got := a.rows(`SELECT COUNT(*) AS n FROM transaction`); got[0]["n"] != "0" {
		t.Errorf("transactions left in SuiteQL: %v", got)
	}
	if got := a.rows(`SELECT COUNT(*) AS n FROM customer`); got[0]["n"] != "4" {
		t.Errorf("customers in SuiteQL: %v", got)
	}
}

func TestLogAndStats(t *testing.T) {
	a := open(t)
	a.must("PUT", "record/v1/salesOrder/eid:a", minimal)
	a.must("PUT", "record/v1/salesOrder/eid:b", minimal)
	a.refused(400, "PUT", "record/v1/salesOrder/eid:c", `{}`)
	a.do("GET", "/sim/stats", "")
	stats := a.sim.Stats()
	want := netsuitesim.Stats{
		Records: stats.Records, Requests: 4, ByStatus: map[string]int{"200": 1, "204": 2, "400": 1}, MaxInFlight: 1, SalesOrderPuts: 3,
		MaxSlots: 1, SlotSeconds: stats.SlotSeconds, FreeSeconds: stats.FreeSeconds,
		ByPath: map[string]int{"POST auth/oauth2/v1/token": 1, "PUT record/v1/salesorder/eid:{}": 3},
	}
	if diff := cmp.Diff(want, stats); diff != "" {
		t.Error(diff)
	}
	if stats.Records["salesOrder"] != 2 {
		t.Errorf("records %v", stats.Records)
	}
	var log []netsuitesim.Entry
	if err := json.Unmarshal([]byte(a.do("GET", "/sim/log?pathContains=SALESORDER&limit=2", "").body), &log); err != nil {
		t.Fatal(err)
	}
	if len(log) != 2 || log[1].Status != 400 || log[1].InFlight != 1 || log[0].Method != "PUT" {
		t.Errorf("log %+v", log)
	}
}

func TestItemsCanBeMadeLater(t *testing.T) {
	a := open(t)
	r := a.do("POST", "/sim/items", `{"sku":"NEW-1","type":"nonInventorySaleItem","basePrice":3.5,"name":"New"}`)
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(r.body), &made); err != nil || made.ID == "" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if got := a.rows(`SELECT id, itemtype FROM item WHERE itemid = 'NEW-1'`); len(got) != 1 || got[0]["id"] != made.ID || got[0]["itemtype"] != "NonInvtPart" {
		t.Errorf("SuiteQL: %v", got)
	}
	again, err := a.sim.PutItem(netsuitesim.Item{SKU: "NEW-1", Type: "nonInventorySaleItem", BasePrice: "4", Inactive: true})
	if err != nil || again != made.ID {
		t.Errorf("the same SKU again: %s %v", again, err)
	}
	a.refused(400, "POST", "record/v1/salesOrder", orderBody("", `"item":{"id":"`+made.ID+`"}`))
	if r := a.do("POST", "/sim/items", `{"sku":"TEE-001","type":"kitItem"}`); r.status != 400 {
		t.Errorf("another type for a known SKU: %d", r.status)
	}
	if r := a.do("GET", "/sim/items?sku=NEW-1", ""); !strings.Contains(r.body, `"basePrice":4`) {
		t.Errorf("items: %s", r.body)
	}
}

func TestWholeState(t *testing.T) {
	a := open(t)
	a.must("POST", "record/v1/salesOrder", minimal)
	var all map[string][]map[string]any
	if err := json.Unmarshal([]byte(a.do("GET", "/sim/state", "").body), &all); err != nil {
		t.Fatal(err)
	}
	if len(all["salesOrder"]) != 1 || len(all["currency"]) != 4 || len(all["customer"]) != 4 {
		t.Errorf("state holds %d orders, %d currencies, %d customers", len(all["salesOrder"]), len(all["currency"]), len(all["customer"]))
	}
	if n := len(lines(t, all["salesOrder"][0], "item")); n != 1 {
		t.Errorf("%d lines", n)
	}
	if r := a.do("GET", "/sim/state?type=shoe", ""); r.status != 400 {
		t.Errorf("unknown type: %d", r.status)
	}
}

// captured are the SKUs with their prices and the tax rates of real deliveries.
func captured(t *testing.T) (prices map[string][]string, rates map[string]string) {
	t.Helper()
	text, err := os.ReadFile("testdata/captured.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Prices map[string][]string
		Rates  map[string]string
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v.Prices, v.Rates
}

func TestSeedCoversTheCaptures(t *testing.T) {
	a := open(t)
	prices, rates := captured(t)
	for sku, seen := range prices {
		got := a.rows(`SELECT baseprice, isinactive FROM item WHERE itemid = ?`, sku)
		if len(got) != 1 || got[0]["isinactive"] != "F" {
			t.Errorf("%s: %v", sku, got)
			continue
		}
		base, _ := got[0]["baseprice"].(string)
		for _, price := range seen {
			if dec(t, base).Equal(dec(t, price).Round(2)) {
				t.Errorf("%s: base price %s is a captured price, a forgotten price level would not show", sku, base)
			}
		}
	}
	codes := map[string]string{
		"US-CA-CA STATE TAX-1": "CA_STATE", "US-CA-SF COUNTY TAX-2": "CA_SF_COUNTY", "US-NY-NY SALES TAX-1": "NY_SALES", "US-TX-TX SALES TAX-1": "TX_SALES",
		"CA-QC-GST-1": "QC_GST", "CA-QC-QST-2": "QC_QST", "DE-MWST.-1": "DE_MWST", "DE-MWST. ERMäßIGT-1": "DE_MWST_REDUCED", "GB-VAT-1": "GB_VAT", "JP-消費税-1": "JP_CONSUMPTION",
	}
	for rate, percent := range rates {
		if got := a.rows(`SELECT rate FROM salestaxitem WHERE itemid = ?`, codes[rate]); len(got) != 1 || got[0]["rate"] != percent {
			t.Errorf("%s: tax code %s is %v, want %s", rate, codes[rate], got, percent)
		}
	}
}

func dec(t *testing.T, s string) decimal.Decimal {
	t.Helper()
	d, err := decimal.NewFromString(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestParallelUpsertsOfOneOrderMakeOne(t *testing.T) {
	a := open(t, func(c *netsuitesim.Config) { c.ConcurrencyLimit, c.Dir = -1, t.TempDir() })
	var wg sync.WaitGroup
	ids := make([]string, 16)
	for i := range ids {
		wg.Go(func() { ids[i] = a.must("PUT", "record/v1/salesOrder/eid:one?replace=item", minimal) })
	}
	wg.Wait()
	if len(slices.Compact(ids)) != 1 || a.sim.Stats().Records["salesOrder"] != 1 {
		t.Errorf("ids %v", ids)
	}
}

var tba = netsuitesim.TBA{ConsumerKey: "ck", ConsumerSecret: "cs", TokenID: "tk", TokenSecret: "ts"}

// oauth signs a GET of /services/rest/record/v1/customer?q=… as RFC 5849 says.
func oauth(base string, change func(map[string]string)) string { return oauthWith("ts", base, change) }

// oauthWith signs with another token's secret.
func oauthWith(secret, base string, change func(map[string]string)) string {
	p := map[string]string{
		"oauth_consumer_key": "ck", "oauth_token": "tk", "oauth_signature_method": "HMAC-SHA256", "oauth_version": "1.0",
		"oauth_timestamp": strconv.FormatInt(time.Now().Unix(), 10), "oauth_nonce": strconv.FormatInt(time.Now().UnixNano(), 36), "realm": "1234567_SB1",
	}
	change(p)
	enc := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	pairs := []string{enc("q") + "=" + enc(`email IS "a b"`)}
	for name, value := range p {
		if name != "realm" {
			pairs = append(pairs, enc(name)+"="+enc(value))
		}
	}
	slices.Sort(pairs)
	text := "GET&" + enc(base+"/services/rest/record/v1/customer") + "&" + enc(strings.Join(pairs, "&"))
	mac := hmac.New(sha256.New, []byte("cs&"+secret))
	mac.Write([]byte(text))
	header := `OAuth oauth_signature="` + enc(base64.StdEncoding.EncodeToString(mac.Sum(nil))) + `"`
	for name, value := range p {
		header += `, ` + name + `="` + enc(value) + `"`
	}
	return header
}

func TestTokenBasedAuthentication(t *testing.T) {
	a := open(t, func(c *netsuitesim.Config) { c.TBA = tba })
	path := "record/v1/customer?q=" + url.QueryEscape(`email IS "a b"`)
	get := func(change func(map[string]string)) int {
		return a.do("GET", path, "", "Authorization", oauth(a.sim.URL(), change)).status
	}
	same := func(p map[string]string) { p["oauth_nonce"] = "once" }
	cases := []struct {
		name   string
		change func(map[string]string)
		want   int
	}{
		{"sound", func(map[string]string) {}, 200},
		{"first use of a nonce", same, 200},
		{"second use of a nonce", same, 401},
		{"hyphen in the realm", func(p map[string]string) { p["realm"] = "1234567-sb1" }, 401},
		{"old", func(p map[string]string) { p["oauth_timestamp"] = "1700000000" }, 401},
		{"other token", func(p map[string]string) { p["oauth_token"] = "xx" }, 401},
		{"other method", func(p map[string]string) { p["oauth_signature_method"] = "HMAC-SHA1" }, 401},
	}
	for _, c := range cases {
		if got := get(c.change); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	forged := strings.Replace(oauth(a.sim.URL(), func(map[string]string) {}), `oauth_signature="`, `oauth_signature="A`, 1)
	if r := a.do("GET", path, "", "Authorization", forged); r.status != 401 {
		t.Errorf("forged: %d", r.status)
	}
}

func TestConfigIsChecked(t *testing.T) {
	cases := map[string]netsuitesim.Config{
		"tax":        {Switches: netsuitesim.Switches{Tax: "none"}},
		"public key": {PublicKeyPEM: []byte("x")},
		"listen":     {Listen: "nowhere:99999"},
	}
	for name, cfg := range cases {
		if s, err := netsuitesim.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
			_ = s.Close(context.Background())
		}
	}
}

func TestCloseTwice(t *testing.T) {
	a := open(t)
	a.close()
	a.close()
	if err := a.sim.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

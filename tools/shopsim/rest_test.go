package shopsim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// A "Z" together with dates_are_gmt is first turned into the store's time and
// then compared with UTC: a New York store gives five hours too much, a Tokyo
// store nothing of the last nine hours.
func TestZWithGMTIsWrongByTheZone(t *testing.T) {
	for _, c := range []struct {
		zone, query string
		want        []int64
	}{
		{"America/New_York", "modified_after=2026-11-23T03:14:00&dates_are_gmt=true", []int64{3}},
		{"America/New_York", "modified_after=2026-11-23T03:14:00Z&dates_are_gmt=true", []int64{2, 3}},
		{"America/New_York", "modified_after=2026-11-23T03:14:00Z", []int64{3}},
		{"Asia/Tokyo", "modified_after=2026-11-23T03:14:00&dates_are_gmt=true", []int64{3}},
		{"Asia/Tokyo", "modified_after=2026-11-23T03:14:00Z&dates_are_gmt=true", nil},
		{"Asia/Tokyo", "modified_after=2026-11-23T12:14:00%2B09:00", []int64{3}},
		{"Asia/Tokyo", "modified_before=2026-11-22T20:00:01&dates_are_gmt=1", []int64{1}},
		{"Asia/Tokyo", "modified_after=2026-11-23T03:15:00&dates_are_gmt=true", nil}, // exclusive
	} {
		at := &clock{}
		s := start(t, Config{AllowBasicOverHTTP: true, Clock: at.now, Stores: []StoreConfig{{Key: "main", TimeZone: c.zone}}})
		for i, modified := range []string{"2026-11-22T20:00:00", "2026-11-23T02:00:00", "2026-11-23T03:15:00"} {
			at.set(utc(t, "2026-11-22T10:00:00"))
			quiet(t, s, int64(i+1), "processing")
			at.set(utc(t, modified))
			rest(t, s, "PUT", fmt.Sprintf("/orders/%d", i+1), "{}")
		}
		var got []int64
		for _, o := range rest(t, s, "GET", "/orders?order=asc&orderby=modified&"+c.query, "").json(t).Items() {
			got = append(got, o.Get("id").Int())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", c.zone, c.query, diff)
		}
	}
}

func TestListsByStatus(t *testing.T) {
	s := start(t, Config{AllowBasicOverHTTP: true})
	for i, status := range []string{"processing", "trash", "auto-draft", "checkout-draft", "completed"} {
		quiet(t, s, int64(i+1), status)
	}
	for query, want := range map[string]string{
		"": "5 4 1", "status=any": "5 4 1", "status=trash": "2", "status=any,trash": "", "status=completed,processing": "5 1",
		"status[]=completed&status[]=auto-draft": "5 3", "include=1,2,5": "5 1", "include=2&status=trash": "2", "exclude=5": "4 1",
		"per_page=1&page=2": "4", "per_page=1&offset=2": "1",
	} {
		var ids []string
		for _, o := range rest(t, s, "GET", "/orders?orderby=id&"+query, "").json(t).Items() {
			ids = append(ids, o.Get("id").Text())
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%q lists %q, want %q", query, got, want)
		}
	}
	if a := rest(t, s, "GET", "/orders?status=shipped", ""); a.status != 400 || a.json(t).Get("code").Text() != "rest_invalid_param" {
		t.Errorf("an unknown status answers %d %s", a.status, a.body)
	}
}

func TestDecimalsAreThoseAskedFor(t *testing.T) {
	s := measured(t, &clock{at: utc(t, sampleTime)}, "list-mod-Z")
	o := rest(t, s, "GET", "/orders/55?dp=4&_fields=total,line_items", "").json(t)
	line := o.Get("line_items").Items()[0]
	if o.Get("total").Text() != "106.3600" || line.Get("total").Text() != "2.1000" || line.Get("price").Text() != "0.30014285714285716" || !o.Has("_links") || o.Has("id") {
		t.Errorf("got %s", o.Bytes())
	}
}

func TestBatchesAsMeasured(t *testing.T) {
	s := measured(t, &clock{at: utc(t, "2026-11-23T03:17:07")}, "list-mod-Z")
	count(t, s, map[sequence]int64{metaIDs: 252})
	want := sample(t, "batch-mixed")
	got := rest(t, s, want.method, want.path, want.send)
	expected, actual := mustParse(t, want.body).Get("update").Items(), got.json(t).Get("update").Items()
	for i := range expected {
		if diff := cmp.Diff(inMetaOrder(expected[i].Bytes()), inMetaOrder(actual[i].Bytes())); diff != "" {
			t.Errorf("item %d (-measured +answered):\n%s", i, diff)
		}
	}
	tooMany := sample(t, "batch-101")
	items := strings.Repeat(`{"id":36},`, 100) + `{"id":36}`
	checkAnswer(t, tooMany, rest(t, s, "POST", "/orders/batch", `{"update":[`+items+`]}`))
	if a := rest(t, s, "POST", "/orders/batch", `{"create":[{}],"delete":[36,999]}`).json(t); len(a.Get("create").Items()) != 1 ||
		a.Get("delete").Items()[0].Get("id").Int() != 36 || a.Get("delete").Items()[1].Get("error").Get("code").Text() != "woocommerce_rest_shop_order_invalid_id" {
		t.Errorf("creations and deletions answer %s", a.Bytes())
	}
}

func TestProductsAsMeasured(t *testing.T) {
	s := measured(t, &clock{at: utc(t, "2026-11-23T03:17:09")}, "")
	for name, quantity := range map[string]string{"prod-stock": "4321", "stock-neg": "-3", "stock-unmanaged": "", "var-stock": "66"} {
		want := sample(t, name)
		got := rest(t, s, want.method, want.path, want.send)
		p := got.json(t)
		checkShape(t, name, mustParse(t, want.body), p)
		if got.status != want.status || p.Get("stock_quantity").Text() != quantity {
			t.Errorf("%s: status %d, stock %q; want %d, %q", name, got.status, p.Get("stock_quantity").Text(), want.status, quantity)
		}
	}
	want := sample(t, "prod-batch")
	answered := rest(t, s, want.method, want.path, want.send).json(t).Get("update").Items()
	for i, item := range mustParse(t, want.body).Get("update").Items()[1:] {
		if diff := cmp.Diff(string(item.Bytes()), string(answered[i+1].Bytes())); diff != "" {
			t.Errorf("refused item (-measured +answered):\n%s", diff)
		}
	}
	both := sample(t, "var-batch")
	for i, item := range rest(t, s, both.method, both.path, both.send).json(t).Get("update").Items() {
		if n := item.Get("stock_quantity").Int(); n != int64(10+i) {
			t.Errorf("variation %s has %d, want %d", item.Get("sku").Text(), n, 10+i)
		}
	}
	if list := rest(t, s, "GET", "/products/26/variations", "").json(t).Items(); len(list) != 4 {
		t.Errorf("%d variations, want 4", len(list))
	}
}

func TestProductDeliveryIsShapedAsCaptured(t *testing.T) {
	r := receive(t)
	s := delivering(t, r)
	for path, capture := range map[string]string{"/products/12": "product.updated-simple", "/products/26/variations/28": "product.updated-variation"} {
		rest(t, s, "PUT", path, `{"stock_quantity":9}`)
		h := r.next(t)
		checkShape(t, capture, mustParse(t, captured(t, capture)), h.object(t))
		if h.id != "7" || h.object(t).Get("stock_quantity").Int() != 9 {
			t.Errorf("%s by webhook %s: %s", h.topic, h.id, h.body)
		}
	}
}

func TestCustomersAsMeasured(t *testing.T) {
	s := measured(t, &clock{at: utc(t, "2026-11-23T03:24:52")}, "")
	made := sample(t, "rest-customer-create")
	rest(t, s, made.method, made.path, made.send)
	for _, name := range []string{"rest-customer-dup", "rest-customer-get"} {
		want := sample(t, name)
		checkAnswer(t, want, rest(t, s, want.method, want.path, want.send))
	}
	changed := rest(t, s, "PUT", "/customers/5", `{"billing":{"phone":"1"},"meta_data":[{"key":"netsuite_customer_id","value":"77"}]}`).json(t)
	if changed.Get("billing").Get("phone").Text() != "1" || findMeta(changed.Get("meta_data"), "netsuite_customer_id") == nil {
		t.Errorf("changed customer is %s", changed.Bytes())
	}
}

func TestNotesAreListedNewestFirst(t *testing.T) {
	s := start(t, Config{AllowBasicOverHTTP: true})
	quiet(t, s, 1, "processing")
	for _, body := range []string{`{"note":"a"}`, `{"note":"b","customer_note":true}`, `{"note":"c"}`} {
		rest(t, s, "POST", "/orders/1/notes", body)
	}
	for query, want := range map[string]string{"": "c b a", "?type=internal": "c a", "?type=customer": "b"} {
		var got []string
		for _, n := range rest(t, s, "GET", "/orders/1/notes"+query, "").json(t).Items() {
			got = append(got, n.Get("note").Text())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q lists %v, want %s", query, got, want)
		}
	}
	if a := rest(t, s, "POST", "/orders/1/notes", "{}"); a.status != 400 || a.json(t).Get("code").Text() != "rest_missing_callback_param" {
		t.Errorf("a note without text answers %d %s", a.status, a.body)
	}
}

func TestWebhooksAreMadePingedAndRemoved(t *testing.T) {
	r := receive(t)
	s := delivering(t, r)
	if n := len(rest(t, s, "GET", "/webhooks?per_page=100", "").json(t).Items()); n != 7 {
		t.Fatalf("%d seeded webhooks, want 7", n)
	}
	done := make(chan answer)
	go func() {
		done <- rest(t, s, "POST", "/webhooks", `{"topic":"order.updated","delivery_url":"`+r.url+`","secret":"hush"}`)
	}()
	if h := r.next(t); h.topic != "" || h.signature != "" || string(h.body) != "webhook_id=8" {
		t.Errorf("ping is %q signed %q: %s", h.topic, h.signature, h.body)
	}
	made := <-done
	hook := made.json(t)
	if made.status != 201 || hook.Get("id").Int() != 8 || hook.Get("status").Text() != "active" || strings.Contains(string(made.body), "hush") || hook.Has("failure_count") {
		t.Errorf("status %d: %s", made.status, made.body)
	}
	if a := rest(t, s, "DELETE", "/webhooks/8", ""); a.status != 501 {
		t.Errorf("deletion without force answers %d, want 501", a.status)
	}
	if a := rest(t, s, "DELETE", "/webhooks/8?force=true", ""); a.status != 200 {
		t.Errorf("deletion answers %d, want 200", a.status)
	}
	if a := rest(t, s, "POST", "/webhooks", `{"topic":"no.topic","delivery_url":"http://x"}`); a.status != 400 {
		t.Errorf("an unknown topic answers %d, want 400", a.status)
	}
}

func TestShopTellsWhatItIs(t *testing.T) {
	s := measured(t, &clock{at: utc(t, sampleTime)}, "")
	if got := string(rest(t, s, "GET", "/system_status?_fields=environment.version,environment.wp_version,settings.currency", "").body); got != `{"environment":{"version":"11.0.1","wp_version":"7.1"},"settings":{"currency":"USD"}}` {
		t.Errorf("status is %s", got)
	}
	if got := rest(t, s, "GET", "/settings/general/woocommerce_currency", "").json(t).Get("value").Text(); got != "USD" {
		t.Errorf("currency is %q", got)
	}
	if a := rest(t, s, "GET", "/nothing", ""); a.status != 404 || a.json(t).Get("code").Text() != "rest_no_route" {
		t.Errorf("an unknown route answers %d %s", a.status, a.body)
	}
}

func TestLinesAreChanged(t *testing.T) {
	s := measured(t, &clock{at: utc(t, sampleTime)}, "")
	loadState(t, s, captured(t, "order.updated-address")) // one hoodie of 45.00 to London
	o := rest(t, s, "PUT", "/orders/45", `{"line_items":[{"product_id":13,"quantity":2}]}`).json(t)
	want := mustParse(t, captured(t, "order.updated-line-added"))
	for _, key := range []string{"total", "total_tax", "cart_tax", "shipping_tax"} {
		if got := o.Get(key).Text(); got != want.Get(key).Text() {
			t.Errorf("line added: %s is %s, want %s", key, got, want.Get(key).Text())
		}
	}
	hoodie := o.Get("line_items").Items()[0].Get("id").Text()
	o = rest(t, s, "PUT", "/orders/45", `{"line_items":[{"id":`+hoodie+`,"quantity":0}]}`).json(t)
	if got := o.Get("total").Text(); got != "48.48" || len(o.Get("line_items").Items()) != 1 { // 25.50 + 14.90 + 20 %
		t.Errorf("line removed: total %s with %d lines, want 48.48 with 1", got, len(o.Get("line_items").Items()))
	}
	beanies := o.Get("line_items").Items()[0].Get("id").Text()
	o = rest(t, s, "PUT", "/orders/45", `{"line_items":[{"id":`+beanies+`,"quantity":3}]}`).json(t)
	if got := o.Get("total").Text(); got != "63.78" { // 38.25 + 14.90 = 53.15, 7.65 + 2.98 tax
		t.Errorf("quantity 3: total %s, want 63.78", got)
	}
}

func captured(t *testing.T, name string) []byte {
	t.Helper()
	return readFile(t, "testdata/captures/"+name+".body")
}

func TestSetToRefundedMakesARecord(t *testing.T) {
	s := measured(t, &clock{at: utc(t, sampleTime)}, "")
	loadState(t, s, captured(t, "order.updated-status-completed")) // order 68, 20.28
	o := rest(t, s, "PUT", "/orders/68", `{"status":"refunded"}`).json(t)
	row := o.Get("refunds").Items()[0]
	if string(phpjson.List(row.Get("reason"), row.Get("total"), row.Get("total_tax")).Bytes()) != `["Order fully refunded.","-20.28","0.00"]` {
		t.Errorf("refund is %s", row.Bytes())
	}
	list := rest(t, s, "GET", "/orders/68/refunds", "").json(t).Items()
	if len(list) != 1 || list[0].Get("amount").Text() != "20.28" || list[0].Has("parent_id") {
		t.Errorf("refunds are %v", list)
	}
	if all := rest(t, s, "GET", "/refunds", "").json(t).Items(); len(all) != 1 || all[0].Get("parent_id").Int() != 68 {
		t.Errorf("all refunds are %v", all)
	}
}

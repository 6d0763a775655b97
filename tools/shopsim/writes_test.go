package shopsim

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// count lets a store's sequences go on where the measured store's stood.
func count(t *testing.T, s *Server, last map[sequence]int64) {
	t.Helper()
	shop, err := s.shop("")
	if err != nil {
		t.Fatal(err)
	}
	err = shop.update(func(t *tx) error {
		for q, n := range last {
			t.reach(q, n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Each call is made on the state the sample named left behind, at the second
// the store answered it, and must be answered as the store did, to the byte.
func TestWritesAreAnsweredAsMeasured(t *testing.T) {
	for _, c := range []struct {
		state, sample, at string
		last              map[sequence]int64
	}{
		{"put-status", "put-status-meta", "2026-11-23T03:16:02", nil},
		{"put-status-meta", "put-meta-only", "2026-11-23T03:16:04", nil},
		{"put-meta-only", "put-same-status", "2026-11-23T03:16:04", nil},
		{"put-same-status", "put-empty", "2026-11-23T03:16:06", nil},
		{"get-trashed", "put-trashed", "2026-11-23T03:16:19", nil},
		{"put-trashed", "untrash-by-status", "2026-11-23T03:16:20", nil},
		{"trash", "trash", "2026-11-23T03:16:16", nil},
		{"delete-force", "delete-force", "2026-11-23T03:16:21", nil},
		{"put-empty", "note-private", "2026-11-23T03:16:10", map[sequence]int64{noteIDs: 183}},
		{"put-empty", "note-customer", "2026-11-23T03:16:10", map[sequence]int64{noteIDs: 184}},
		{"put-empty", "note-empty", "2026-11-23T03:31:36", map[sequence]int64{noteIDs: 1028}},
		{"put-empty", "refund", "2026-11-23T03:16:12", map[sequence]int64{postIDs: 73, metaIDs: 242}},
		{"put-empty", "refund-zero", "2026-11-23T03:16:14", map[sequence]int64{postIDs: 74, metaIDs: 248}},
		{"list-mod-Z", "refund-dup1", "2026-11-23T03:31:37", map[sequence]int64{postIDs: 250, metaIDs: 1463}},
		{"list-mod-Z", "refund-lines", "2026-11-23T03:31:37", map[sequence]int64{postIDs: 249, metaIDs: 1458, lineIDs: 1081, lineMetaIDs: 8186}},
		{"", "rest-customer-create", "2026-11-23T03:24:52", map[sequence]int64{userIDs: 4}},
	} {
		t.Run(c.sample, func(t *testing.T) {
			s := measured(t, &clock{at: utc(t, c.at)}, c.state)
			count(t, s, c.last)
			want := sample(t, c.sample)
			checkAnswer(t, want, rest(t, s, want.method, want.path, want.send))
		})
	}
}

// A trashed order is read as measured, a deleted one is gone as measured.
func TestAfterDeletionReadsAreAsMeasured(t *testing.T) {
	s := measured(t, &clock{at: utc(t, "2026-11-23T03:16:16")}, "trash")
	count(t, s, map[sequence]int64{metaIDs: 249})
	rest(t, s, "DELETE", "/orders/50", "")
	want := sample(t, "get-trashed")
	checkAnswer(t, want, rest(t, s, want.method, want.path, ""))
	if a := rest(t, s, "DELETE", "/orders/50", ""); a.status != http.StatusGone {
		t.Errorf("trashing twice answers %d, want 410", a.status)
	}
	rest(t, s, "DELETE", "/orders/50?force=true", "")
	gone := sample(t, "get-deleted")
	checkAnswer(t, gone, rest(t, s, "GET", "/orders/50", ""))
}

func TestRefundIsDeletedAsMeasured(t *testing.T) {
	s := measured(t, &clock{at: utc(t, "2026-11-23T03:16:14")}, "put-empty")
	count(t, s, map[sequence]int64{postIDs: 74, metaIDs: 248})
	made := sample(t, "refund-zero")
	rest(t, s, made.method, made.path, made.send)
	before := rest(t, s, "GET", "/orders/45", "").json(t).Get("date_modified_gmt").Text()
	want := sample(t, "refund-del")
	checkAnswer(t, want, rest(t, s, want.method, want.path, ""))
	o := rest(t, s, "GET", "/orders/45", "").json(t)
	if n := len(o.Get("refunds").Items()); n != 0 || o.Get("date_modified_gmt").Text() != before {
		t.Errorf("after the refund's deletion: %d refunds, modified %s; want 0 and %s", n, o.Get("date_modified_gmt").Text(), before)
	}
}

func TestMetaIsDeletedByNull(t *testing.T) {
	s := measured(t, &clock{at: utc(t, "2026-11-23T03:31:37")}, "put-empty")
	want := sample(t, "meta-delete")
	got := rest(t, s, want.method, want.path, want.send).json(t)
	if diff := cmp.Diff(string(mustParse(t, want.body).Get("meta_data").Bytes()), string(got.Get("meta_data").Bytes())); diff != "" {
		t.Error(diff)
	}
}

func mustParse(t *testing.T, body []byte) *phpjson.Value {
	t.Helper()
	v, err := phpjson.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// An order made through REST: the lines get their product's price, a line's own
// total is discounted further by the coupon, and tax follows the address.
func TestOrderIsCreatedAsMeasured(t *testing.T) {
	s := measured(t, &clock{at: utc(t, "2026-11-23T03:25:32")}, "")
	rest(t, s, "PUT", "/products/12", `{"regular_price":"21.99"}`)
	count(t, s, map[sequence]int64{postIDs: 240})
	want := sample(t, "rest-create")
	got := rest(t, s, want.method, want.path, want.send)
	if got.status != want.status || got.header.Get("Location") != want.header.Get("Location") {
		t.Errorf("status %d at %s, want %d at %s", got.status, got.header.Get("Location"), want.status, want.header.Get("Location"))
	}
	expected, actual := mustParse(t, want.body), got.json(t)
	for _, v := range []*phpjson.Value{expected, actual} {
		forgetIDs(v)
	}
	if diff := cmp.Diff(string(expected.Bytes()), string(actual.Bytes())); diff != "" {
		t.Errorf("(-measured +answered):\n%s", diff)
	}
}

// forgetIDs blanks what is random: ids given out, and the order's key.
func forgetIDs(v *phpjson.Value) {
	for _, item := range v.Items() {
		forgetIDs(item)
	}
	for _, f := range v.Fields() {
		switch f.Key {
		case "id", "order_key", "payment_url":
			v.Set(f.Key, phpjson.NullValue())
		default:
			forgetIDs(f.Value)
		}
	}
}

// A sale counts where it is below the regular price, as WC_Product::is_on_sale has it; prices are texts and stay as they
// were sent, and a product whose variations have prices takes none of its own.
func TestPricesOfProducts(t *testing.T) {
	s := start(t, Config{AllowBasicOverHTTP: true})
	const simple, variable, variation = "/products/12", "/products/26", "/products/26/variations/27"
	for _, c := range []struct{ path, body, regular, sale, price, on string }{
		{simple, `{"regular_price":"21.90","sale_price":"19.50"}`, "21.90", "19.50", "19.50", "true"},
		{simple, `{"sale_price":"21.90"}`, "21.90", "21.90", "21.90", "false"},
		{simple, `{"regular_price":"30.00"}`, "30.00", "21.90", "21.90", "true"},
		{simple, `{"sale_price":"100"}`, "30.00", "100", "30.00", "false"}, // not compared as a text
		{simple, `{"sale_price":""}`, "30.00", "", "30.00", "false"},
		{variation, `{"regular_price":"1200"}`, "1200", "", "1200", "false"},
		{variable, `{"regular_price":"9.00","sale_price":"8.00"}`, "", "", "45.00", "false"},
	} {
		p := rest(t, s, "PUT", c.path, c.body).json(t)
		got := []string{p.Get("regular_price").Text(), p.Get("sale_price").Text(), p.Get("price").Text(), or(p.Get("on_sale").True(), "true", "false")}
		if diff := cmp.Diff([]string{c.regular, c.sale, c.price, c.on}, got); diff != "" {
			t.Errorf("%s %s: (-want +got)\n%s", c.path, c.body, diff)
		}
	}
	if a := rest(t, s, "PUT", simple, `{"regular_price":21.9}`); a.status != http.StatusBadRequest {
		t.Errorf("a number answers %d, want 400: a price is a text", a.status)
	}
}

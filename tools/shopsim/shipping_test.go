package shopsim

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shipping is a store with what a test gives it, and an order of two pieces.
func shipping(t *testing.T, c StoreConfig) (*Server, int64, int64) {
	t.Helper()
	c.Key = "main"
	s := start(t, Config{AllowBasicOverHTTP: true, Stores: []StoreConfig{c}})
	id, err := s.Load(Load{Order: []byte(`{"id":36,"status":"processing","total":"20.00","line_items":[{"id":7,"name":"Tee","product_id":0,"quantity":2,"sku":null}],"meta_data":[],"refunds":[]}`)})
	if err != nil {
		t.Fatal(err)
	}
	return s, id, 7
}

func ask(t *testing.T, s *Server, method, path, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/wp-json/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("ck_main", "cs_main")
	return do(t, req)
}

// A store has the routes of what is switched on, and no others.
func TestShippingRoutes(t *testing.T) {
	for name, c := range map[string]struct {
		config StoreConfig
		want   [3]int // statuses of fulfilments, Shipment Tracking, Advanced Shipment Tracking
		names  string
	}{
		"plain":                      {StoreConfig{}, [3]int{404, 404, 404}, `["wp/v2","wc/v3"]`},
		"fulfilments":                {StoreConfig{Fulfilments: true}, [3]int{200, 404, 404}, `["wp/v2","wc/v3"]`},
		"shipment tracking":          {StoreConfig{TrackingPlugin: "wc-shipment-tracking/v3"}, [3]int{404, 200, 404}, `["wp/v2","wc/v3","wc-shipment-tracking/v3"]`},
		"advanced shipment tracking": {StoreConfig{TrackingPlugin: "wc-ast/v3"}, [3]int{404, 404, 200}, `["wp/v2","wc/v3","wc-ast/v3"]`},
	} {
		s, _, _ := shipping(t, c.config)
		for i, path := range []string{"wc/v3/orders/36/fulfillments", "wc-shipment-tracking/v3/orders/36/shipment-trackings", "wc-ast/v3/orders/36/shipment-trackings"} {
			a := ask(t, s, http.MethodGet, path, "")
			if a.status != c.want[i] || a.status == 404 && !strings.Contains(string(a.body), `"rest_no_route"`) {
				t.Errorf("%s: %s: %d %s, want %d", name, path, a.status, a.body, c.want[i])
			}
		}
		if a := ask(t, s, http.MethodGet, "?_fields=namespaces", ""); !strings.Contains(strings.ReplaceAll(string(a.body), `\/`, "/"), c.names) {
			t.Errorf("%s: index %s", name, a.body)
		}
	}
	if _, err := New(Config{Stores: []StoreConfig{{Key: "main", TrackingPlugin: "wc-other/v3"}}}); err == nil {
		t.Error("a plugin that the double does not know is taken")
	}
}

// The same number twice is two entries and two mails, as in a store; each save tells the webhooks.
func TestTrackingPlugin(t *testing.T) {
	s, id, _ := shipping(t, StoreConfig{TrackingPlugin: "wc-ast/v3"})
	const path = "wc-ast/v3/orders/36/shipment-trackings"
	for range 2 {
		if a := ask(t, s, http.MethodPost, path, `{"tracking_number":"1Z9","tracking_provider":"UPS","date_shipped":"2026-11-22"}`); a.status != 201 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	mails, err := s.Mails("main", id)
	if diff := cmp.Diff([]string{"1Z9", "1Z9"}, mails); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if n := strings.Count(string(ask(t, s, http.MethodGet, path, "").body), `"tracking_number":"1Z9"`); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
	if a := ask(t, s, http.MethodPost, path, `{}`); a.status != 400 {
		t.Errorf("without a number: %d", a.status)
	}
	if a := ask(t, s, http.MethodPost, strings.Replace(path, "36", "99", 1), `{"tracking_number":"1Z9"}`); a.status != 404 {
		t.Errorf("of no order: %d", a.status)
	}
}

// A fulfilment has items, no more of them than the order, and mails when it is asked to.
func TestFulfilments(t *testing.T) {
	s, id, line := shipping(t, StoreConfig{Fulfilments: true})
	const path = "wc/v3/orders/36/fulfillments"
	body := func(qty int, number string, notify bool) string {
		return fmt.Sprintf(`{"status":"fulfilled","is_fulfilled":true,"notify_customer":%v,"meta_data":[{"key":"_items","value":[{"item_id":%d,"qty":%d}]},{"key":"_tracking_number","value":%q}]}`, notify, line, qty, number)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", path, `{"status":"fulfilled","is_fulfilled":true,"meta_data":[{"key":"_items","value":[]}]}`, 400},
		{"POST", path, strings.Replace(body(1, "1Z0", true), `"item_id":7`, `"item_id":8`, 1), 400},
		{"POST", path, body(3, "1Z0", true), 400},
		{"POST", path, body(1, "1Z1", true), 201},
		{"POST", path, body(2, "1Z2", true), 400}, // one is fulfilled already
		{"POST", path, body(1, "1Z2", false), 201},
		{"PUT", path + "/1", body(1, "1Z3", true), 201},
		{"PUT", path + "/9", body(1, "1Z3", true), 400},
		{"GET", path + "/2", "", 200},
		{"POST", strings.Replace(path, "36", "99", 1), body(1, "1Z1", true), 404},
	} {
		if a := ask(t, s, c.method, c.path, c.body); a.status != c.status {
			t.Errorf("%s %s %s: %d %s, want %d", c.method, c.path, c.body, a.status, a.body, c.status)
		}
	}
	mails, err := s.Mails("main", id)
	if diff := cmp.Diff([]string{"1Z1", "updated: 1Z3"}, mails); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if n := strings.Count(string(ask(t, s, http.MethodGet, path, "").body), `"entity_id":"36"`); n != 2 {
		t.Errorf("%d fulfilments, want 2", n)
	}
}

package shopsim

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Which operation fires which topic, and whether it moves date_modified: the
// measured table. Each case acts on order 101, then changes product 14, whose
// delivery ends the list.
func TestOperationsFireAsMeasured(t *testing.T) {
	type step struct{ method, path, body string }
	put := func(body string) []step { return []step{{"PUT", "/orders/101", body}} }
	for _, c := range []struct {
		name, before string
		do           []step
		set          []string // statuses set as a merchant
		want         string
		still        bool // date_modified stays
	}{
		{name: "status", do: put(`{"status":"completed"}`), want: "order.updated"},
		{name: "same status", do: put(`{"status":"processing"}`), want: "order.updated"},
		{name: "nothing", do: put(`{}`), want: "order.updated"},
		{name: "meta", do: put(`{"meta_data":[{"key":"_a","value":"b"}]}`), want: "order.updated"},
		{name: "address", do: put(`{"shipping":{"city":"Reno"}}`), want: "order.updated"},
		{name: "line added", do: put(`{"line_items":[{"product_id":12}]}`), want: "order.updated"},
		{name: "note", do: []step{{"POST", "/orders/101/notes", `{"note":"x"}`}}, want: "", still: true},
		{name: "refund", do: []step{{"POST", "/orders/101/refunds", `{"amount":"1.00"}`}}, want: "order.updated"},
		{name: "trash", do: []step{{"DELETE", "/orders/101", ""}}, want: "order.deleted"},
		{name: "edit in trash", before: "trash", do: put(`{}`), want: "order.updated"},
		{name: "un-trash by status", before: "trash", do: put(`{"status":"processing"}`), want: ""},
		{name: "restore", before: "trash", set: []string{"restored"}, want: "order.restored"},
		{name: "delete for good", do: []step{{"DELETE", "/orders/101?force=true", ""}}, want: ""},
		{name: "refunded by hand", set: []string{"refunded"}, want: "order.updated"},
		{name: "draft through REST", do: []step{{"POST", "/orders", `{"status":"checkout-draft"}`}}, want: "order.created order.updated", still: true},
		{name: "new customer", do: []step{{"POST", "/customers", `{"email":"n@example.com"}`}}, want: "customer.updated customer.created", still: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := &clock{at: utc(t, "2026-11-23T04:00:00")}
			r := receive(t)
			s := delivering(t, r, func(cfg *Config) { cfg.Clock = at.now })
			loadPaid(t, s)
			if c.before != "" {
				if err := s.SetStatus("", 101, c.before); err != nil {
					t.Fatal(err)
				}
				r.next(t)
			}
			at.set(utc(t, "2026-11-23T05:00:00"))
			for _, a := range c.do {
				if got := rest(t, s, a.method, a.path, a.body); got.status >= 300 {
					t.Fatalf("%s %s: status %d: %s", a.method, a.path, got.status, got.body)
				}
			}
			for _, status := range c.set {
				if err := s.SetStatus("", 101, status); err != nil {
					t.Fatal(err)
				}
			}
			rest(t, s, "PUT", "/products/14", "{}")
			want := strings.Fields(c.want + " product.updated")
			if diff := cmp.Diff(want, r.topics(t, len(want))); diff != "" {
				t.Errorf("(-measured +fired):\n%s", diff)
			}
			checkModified(t, s, c.still)
		})
	}
}

// loadPaid loads order 101, paid, with a line of no product.
func loadPaid(t *testing.T, s *Server) {
	t.Helper()
	body := strings.Replace(string(sample(t, "delete-force").body), `"id":54,`, `"id":101,`, 1)
	body = strings.NewReplacer(`"product_id":17`, `"product_id":0`, "2026-11-22T22:12:07", "2026-11-22T23:00:00", "2026-11-23T03:12:07", "2026-11-23T04:00:00").Replace(body)
	if _, err := s.Load(Load{Order: []byte(body)}); err != nil {
		t.Fatal(err)
	}
}

func checkModified(t *testing.T, s *Server, still bool) {
	t.Helper()
	a := rest(t, s, "GET", "/orders/101", "")
	if a.status == http.StatusNotFound {
		return
	}
	moved := a.json(t).Get("date_modified_gmt").Text() == "2026-11-23T05:00:00"
	if moved == still {
		t.Errorf("date_modified moved: %t, want %t", moved, !still)
	}
}

func TestOldStoresFireMore(t *testing.T) {
	r := receive(t)
	s := delivering(t, r, func(c *Config) { c.Stores[0].PostsStorage, c.Stores[0].Version = true, "8.9.3" })
	loadPaid(t, s)
	for _, status := range []string{"trash", "restored"} {
		if err := s.SetStatus("", 101, status); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"order.deleted", "order.restored", "order.updated"}, r.topics(t, 3)); diff != "" {
		t.Error(diff)
	}
	rest(t, s, "DELETE", "/orders/101", "")
	rest(t, s, "PUT", "/orders/101", `{"status":"processing"}`)
	if diff := cmp.Diff([]string{"order.deleted", "order.updated"}, r.topics(t, 2)); diff != "" {
		t.Error(diff)
	}
}

// The order's own topics in the order of each checkout, with equal bytes.
func TestCheckoutsAnnounceAsMeasured(t *testing.T) {
	for _, c := range []struct {
		name    string
		p       Placement
		version string
		want    []string
	}{
		{"block", Placement{Checkout: Block, Status: "processing"}, "11.0.1", []string{"order.updated", "order.created"}},
		{"classic paid", Placement{Checkout: Classic, Status: "processing"}, "11.0.1", []string{"order.created", "order.updated"}},
		{"classic unpaid", Placement{Checkout: Classic, Status: "pending"}, "11.0.1", []string{"order.created"}},
		{"block on old storage", Placement{Checkout: Block, Status: "processing"}, "8.9.3", []string{"order.created", "order.updated"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := receive(t)
			s := delivering(t, r, func(cfg *Config) {
				cfg.Stores[0].Version, cfg.Stores[0].PostsStorage = c.version, c.version == "8.9.3"
			})
			ids, err := s.Place(c.p)
			if err != nil {
				t.Fatal(err)
			}
			quiet(t, s, 9000, "processing")
			rest(t, s, "DELETE", "/orders/9000", "")
			var topics []string
			bodies := map[string]bool{}
			for h := r.next(t); h.topic != "order.deleted"; h = r.next(t) {
				if strings.HasPrefix(h.topic, "order.") {
					topics = append(topics, h.topic)
					bodies[string(h.body)] = true
					if h.object(t).Get("id").Int() != ids[0] {
						t.Errorf("delivery of order %d, want %d", h.object(t).Get("id").Int(), ids[0])
					}
				}
			}
			if diff := cmp.Diff(c.want, topics); diff != "" || len(bodies) != 1 {
				t.Errorf("%d different bodies; topics (-measured +fired):\n%s", len(bodies), diff)
			}
		})
	}
}

// The payload is built when it is delivered: an order deleted meanwhile makes
// a signed error, a status set meanwhile is in the creation already.
func TestPayloadIsBuiltAtDelivery(t *testing.T) {
	r := receive(t)
	s := delivering(t, r)
	quiet(t, s, 101, "processing")
	quiet(t, s, 102, "processing")
	quiet(t, s, 103, "processing")
	rest(t, s, "PUT", "/orders/101", "{}")
	waitUnderWay(t, s, 101)
	rest(t, s, "PUT", "/orders/102", "{}")
	rest(t, s, "PUT", "/orders/103", "{}")
	rest(t, s, "DELETE", "/orders/102?force=true", "")
	rest(t, s, "PUT", "/orders/103", `{"status":"completed"}`)
	r.next(t)
	if got := string(r.next(t).body); got != `{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":404}}` {
		t.Errorf("delivery of a deleted order is %s", got)
	}
	if got := r.next(t).object(t).Get("status").Text(); got != "completed" {
		t.Errorf("status %q at delivery, want completed", got)
	}
}

func TestDeletedIsNineBytes(t *testing.T) {
	r := receive(t)
	s := delivering(t, r)
	quiet(t, s, 46, "processing")
	rest(t, s, "DELETE", "/orders/46", "")
	if h := r.next(t); string(h.body) != `{"id":46}` || h.id != "3" {
		t.Errorf("webhook %s delivers %s, want 3 and {\"id\":46}", h.id, h.body)
	}
}

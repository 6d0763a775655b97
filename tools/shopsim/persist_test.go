package shopsim

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The first double is never closed before the second reads its folder: that is
// what a killed process leaves behind.
func TestStateSurvivesWithoutClose(t *testing.T) {
	dir := t.TempDir()
	c := Config{Dir: dir, AllowBasicOverHTTP: true, Stores: []StoreConfig{{Key: "main", HomeURL: "http://shop.example", DeliveryURL: "http://127.0.0.1:1/hook"}}}
	first, err := New(c) // not started: its queue stays as it is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, first) })
	ids, err := first.Place(Placement{Count: 5, Checkout: Block})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.SetStatus("", ids[0], "deleted"); err != nil {
		t.Fatal(err)
	}
	shop, _ := first.shop("")
	if err := shop.update(func(t *tx) error { t.addNote(ids[1], "kept", false); return nil }); err != nil {
		t.Fatal(err)
	}
	second := start(t, c)
	for name, read := range map[string]func(*Server) ([][]byte, error){
		"orders": func(s *Server) ([][]byte, error) { return s.Orders("") },
		"notes":  func(s *Server) ([][]byte, error) { return s.Notes("", ids[1]) },
	} {
		want, err := read(first)
		got, err2 := read(second)
		if diff := cmp.Diff(texts(want), texts(got)); diff != "" || err != nil || err2 != nil || len(want) == 0 {
			t.Errorf("%s: errors %v, %v (-before +after):\n%s", name, err, err2, diff)
		}
	}
	more, err := second.Place(Placement{})
	if err != nil || more[0] != ids[4]+1 {
		t.Errorf("the next order is %v, err %v; want %d", more, err, ids[4]+1)
	}
}

func texts(rows [][]byte) []string {
	var list []string
	for _, r := range rows {
		list = append(list, string(r))
	}
	return list
}

// Deliveries that waited when the process died are sent by the next one, to
// where the configuration then says.
func TestWaitingDeliveriesSurvive(t *testing.T) {
	dir := t.TempDir()
	c := Config{Dir: dir, Stores: []StoreConfig{{Key: "main", DeliveryURL: "http://127.0.0.1:1/hook"}}}
	first, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, first) })
	quiet(t, first, 101, "processing")
	for _, status := range []string{"on-hold", "completed"} {
		if err := first.SetStatus("", 101, status); err != nil {
			t.Fatal(err)
		}
	}
	r := receive(t)
	delivering(t, r, func(c *Config) { c.Dir = dir })
	if h := r.next(t); h.topic != "order.updated" || h.object(t).Get("status").Text() != "completed" {
		t.Errorf("%s with status %s, want order.updated with completed", h.topic, h.object(t).Get("status").Text())
	}
}

// Order is kept through any number of restarts.
func TestWaitingDeliveriesKeepTheirOrder(t *testing.T) {
	dir := t.TempDir()
	c := Config{Dir: dir, Stores: []StoreConfig{{Key: "main", DeliveryURL: "http://127.0.0.1:1/hook"}}}
	for restart := range 2 {
		s, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		for id := int64(120); id > 100 && restart == 0; id-- {
			quiet(t, s, id, "processing")
			if err := s.SetStatus("", id, "completed"); err != nil {
				t.Fatal(err)
			}
		}
		stop(t, s)
	}
	r := receive(t)
	delivering(t, r, func(c *Config) { c.Dir = dir })
	for id := int64(120); id > 100; id-- {
		if got := r.next(t).object(t).Get("id").Int(); got != id {
			t.Fatalf("delivery of order %d, want %d", got, id)
		}
	}
}

// What has been delivered is not delivered again after a restart.
func TestDeliveredIsNotSentAgain(t *testing.T) {
	dir := t.TempDir()
	r := receive(t)
	first := delivering(t, r, func(c *Config) { c.Dir = dir })
	quiet(t, first, 101, "processing")
	rest(t, first, "PUT", "/orders/101", "{}")
	r.next(t)
	fence(t, first, r)
	fence(t, first, r) // the first fence is settled by now
	stop(t, first)
	second := delivering(t, r, func(c *Config) { c.Dir = dir })
	rest(t, second, "PUT", "/products/15", "{}")
	for h := r.next(t); h.object(t).Get("id").Int() != 15; h = r.next(t) {
		if h.topic != "product.updated" { // the last fence may not have been settled
			t.Errorf("%s is sent again", h.topic)
		}
	}
}

func TestHalfWrittenChangeIsForgotten(t *testing.T) {
	dir := t.TempDir()
	c := Config{Dir: dir, Stores: []StoreConfig{{Key: "main"}}}
	first, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Place(Placement{Count: 2}); err != nil {
		t.Fatal(err)
	}
	stop(t, first)
	path := filepath.Join(dir, "main.jsonl")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)-40], 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := start(t, c).Orders("")
	if err != nil || len(got) != 1 {
		t.Errorf("%d orders after a torn line, err %v; want 1", len(got), err)
	}
}

func TestResetForgets(t *testing.T) {
	c := Config{Dir: t.TempDir(), Stores: []StoreConfig{{Key: "main"}}}
	s := start(t, c)
	if _, err := s.Place(Placement{Count: 3}); err != nil {
		t.Fatal(err)
	}
	if err := s.Reset(); err != nil {
		t.Fatal(err)
	}
	left, err := s.Orders("")
	ids, err2 := s.Place(Placement{})
	if err != nil || err2 != nil || len(left) != 0 || ids[0] != 36 {
		t.Errorf("%d orders after reset, next is %v, errors %v, %v; want 0 and 36", len(left), ids, err, err2)
	}
}

package shopsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/tools/shopsim/internal/hookshot"
	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestOrdersArePlacedAndMovedByControl(t *testing.T) {
	r := receive(t)
	s := delivering(t, r)
	var placed struct{ IDs []int64 }
	if status := sim(t, s, "POST", "/orders", map[string]any{"store": "main", "count": 1, "checkout": "classic", "status": "pending"}, &placed); status != 200 || len(placed.IDs) != 1 {
		t.Fatalf("status %d, ids %v", status, placed.IDs)
	}
	if h := r.next(t); h.topic != "order.created" || h.object(t).Get("status").Text() != "pending" {
		t.Errorf("%s %s, want order.created pending", h.topic, h.object(t).Get("status").Text())
	}
	path := "/orders/" + itoa(placed.IDs[0]) + "/status"
	if status := sim(t, s, "POST", path, map[string]string{"status": "processing"}, nil); status != 200 {
		t.Errorf("status %d", status)
	}
	var state []map[string]any
	sim(t, s, "GET", "/state?type=order", nil, &state)
	if len(state) != 1 || state[0]["status"] != "processing" {
		t.Errorf("state is %v", state)
	}
	edit := map[string]any{"change": map[string]string{"customer_note": "ring twice"}}
	if status := sim(t, s, "POST", "/orders/"+itoa(placed.IDs[0])+"/edit", edit, nil); status != 200 {
		t.Errorf("status %d", status)
	}
	if got := rest(t, s, "GET", "/orders/"+itoa(placed.IDs[0]), "").json(t).Get("customer_note").Text(); got != "ring twice" {
		t.Errorf("note is %q", got)
	}
	for body, want := range map[string]string{`{"status":"sent"}`: "sent", `{"stat":"x"}`: "stat"} {
		var refused map[string]string
		if status := sim(t, s, "POST", path, json.RawMessage(body), &refused); status != 400 || !strings.Contains(refused["error"], want) {
			t.Errorf("%s answers %d %v", body, status, refused)
		}
	}
}

func TestLoadedOrdersAreServedByteForByte(t *testing.T) {
	s := start(t, Config{AllowBasicOverHTTP: true})
	entries, err := os.ReadDir("testdata/captures")
	if err != nil {
		t.Fatal(err)
	}
	loaded := 0
	for _, e := range entries {
		body := readFile(t, "testdata/captures/"+e.Name())
		if !strings.HasSuffix(e.Name(), ".body") || !strings.Contains(string(body), `"line_items"`) {
			continue
		}
		loaded++
		if status := sim(t, s, "POST", "/load", map[string]any{"order": json.RawMessage(body)}, nil); status != 200 {
			t.Fatalf("%s: status %d", e.Name(), status)
		}
		id := mustParse(t, body).Get("id").Text()
		if got := rest(t, s, "GET", "/orders/"+id, ""); string(got.body) != string(body) {
			t.Errorf("%s is served differently", e.Name())
		}
	}
	if loaded < 70 {
		t.Errorf("only %d captured orders", loaded)
	}
}

func TestLoadDeletes(t *testing.T) {
	r := receive(t)
	s := delivering(t, r)
	quiet(t, s, 5, "processing")
	if status := sim(t, s, "POST", "/load", map[string]any{"order": map[string]int{"id": 5}, "deleted": true}, nil); status != 200 {
		t.Fatalf("status %d", status)
	}
	if a := rest(t, s, "GET", "/orders/5", ""); a.status != 404 {
		t.Errorf("status %d, want 404", a.status)
	}
	fence(t, s, r) // and nobody was told
}

// Loading an order's next state takes the refunds it no longer names, but not
// the notes somebody wrote on it meanwhile.
func TestLoadingALaterStateKeepsNotes(t *testing.T) {
	s := start(t, Config{AllowBasicOverHTTP: true})
	for _, state := range []string{"order.updated-partial-refund-lines", "order.updated-address"} {
		o := mustParse(t, captured(t, state))
		o.Set("id", phpjson.Int(37))
		if _, err := s.Load(Load{Order: o.Bytes()}); err != nil {
			t.Fatal(err)
		}
		rest(t, s, "POST", "/orders/37/notes", `{"note":"seen `+state+`"}`)
	}
	list, err := s.Notes("", 37)
	if err != nil || len(list) != 2 {
		t.Errorf("%d notes, err %v; want 2", len(list), err)
	}
	if n := len(rest(t, s, "GET", "/orders/37/refunds", "").json(t).Items()); n != 0 {
		t.Errorf("%d refunds, want none", n)
	}
}

func TestLoadedRefundsAreServed(t *testing.T) {
	s := start(t, Config{AllowBasicOverHTTP: true, Stores: []StoreConfig{{Key: "main", HomeURL: "http://127.0.0.1:8081"}}})
	given := sample(t, "refund").body
	o := captured(t, "order.updated-partial-refund-lines")
	if _, err := s.Load(Load{Order: o, Refunds: [][]byte{given}}); err != nil {
		t.Fatal(err)
	}
	if got := rest(t, s, "GET", "/orders/37/refunds/74", ""); string(got.body) != string(given) {
		t.Errorf("refund is %s", got.body)
	}
	if n := len(rest(t, s, "GET", "/orders/37/refunds", "").json(t).Items()); n != 3 { // 71 and 72 by the order's own list
		t.Errorf("%d refunds, want 3", n)
	}
}

func TestFaultsHitWhatTheyMatch(t *testing.T) {
	s := start(t, Config{AllowBasicOverHTTP: true})
	sim(t, s, "POST", "/faults", Faults{StatusRates: map[string]float64{"503": 1}, RetryAfterS: 7, Count: 2, Match: Match{Method: "GET", PathContains: "orders"}}, nil)
	if a := rest(t, s, "GET", "/products/12", ""); a.status != 200 {
		t.Errorf("another path answers %d", a.status)
	}
	for _, want := range []int{503, 503, 200} {
		a := rest(t, s, "GET", "/orders", "")
		if a.status != want || want == 503 && a.header.Get("Retry-After") != "7" {
			t.Errorf("status %d retry after %q, want %d", a.status, a.header.Get("Retry-After"), want)
		}
	}
	var faults Faults
	if sim(t, s, "GET", "/faults", nil, &faults); faults.Count != 2 {
		t.Errorf("faults are %+v", faults)
	}
	if status := sim(t, s, "POST", "/faults", Faults{StatusRates: map[string]float64{"503": 2}}, nil); status != 400 {
		t.Errorf("a rate of 2 answers %d, want 400", status)
	}
}

func TestOutageAnswersNothing(t *testing.T) {
	at := &clock{at: utc(t, sampleTime)}
	s := start(t, Config{AllowBasicOverHTTP: true, Clock: at.now})
	if err := s.SetFaults(Faults{OutageUntil: at.now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL()+"/wp-json/wc/v3/orders", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Errorf("status %d during an outage, want no answer", resp.StatusCode)
	}
	at.set(at.now().Add(time.Minute))
	if a := rest(t, s, "GET", "/orders", ""); a.status != 200 {
		t.Errorf("status %d after the outage", a.status)
	}
}

func TestLatencyIsLogged(t *testing.T) {
	s := start(t, Config{AllowBasicOverHTTP: true})
	if err := s.SetFaults(Faults{LatencyMS: 30}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		rest(t, s, "GET", "/orders?page=1", "")
	}
	stop(t, s) // the entry is written after the answer
	log := s.Log()
	if len(log) != 2 || log[0].Millis < 30 || log[0].Method != "GET" || log[0].Status != 200 || log[0].Path != "/wp-json/wc/v3/orders?page=1" || log[0].InFlight != 1 {
		t.Errorf("log is %+v", log)
	}
	if n := s.Stats().Requests["200"]; n != 2 {
		t.Errorf("%d requests counted, want 2", n)
	}
}

func TestGivenBodyIsDelivered(t *testing.T) {
	r := receive(t)
	s := delivering(t, r)
	for body, want := range map[string]string{`{"x": 1.0}`: `{"x":1.0}`, `"\u0007 not json"`: "\a not json"} {
		done := make(chan map[string]int, 1)
		go func() {
			var out map[string]int
			sim(t, s, "POST", "/deliver", map[string]any{"topic": "order.updated", "body": json.RawMessage(body)}, &out)
			done <- out
		}()
		if h := r.next(t); h.topic != "order.updated" || string(h.body) != want || h.signature != hookshot.Sign([]byte(want), "whsec_test") {
			t.Errorf("%s signed %q: %q, want %q", h.topic, h.signature, h.body, want)
		}
		if out := <-done; out["status"] != 200 {
			t.Errorf("answer %v", out)
		}
	}
}

// Demo traffic places orders and changes some of them later.
func TestTrafficShowsLife(t *testing.T) {
	r := receive(t)
	s := delivering(t, r)
	if status := sim(t, s, "POST", "/traffic", map[string]any{"on": true, "orders_per_minute": 30000}, nil); status != 200 {
		t.Fatalf("status %d", status)
	}
	created, later := 0, 0
	for created < 20 || later < 5 {
		h := r.next(t)
		if h.topic == "order.created" {
			created++
		}
		if h.topic == "order.updated" && h.object(t).Get("status").Text() == "completed" {
			later++
		}
	}
	if err := s.Traffic(false, 0); err != nil {
		t.Fatal(err)
	}
	if stats := s.Stats(); stats.Placed < 20 || stats.Edits == 0 {
		t.Errorf("placed %d, edits %d", stats.Placed, stats.Edits)
	}
}

func TestStoresAreApart(t *testing.T) {
	s := start(t, Config{AllowBasicOverHTTP: true, Stores: []StoreConfig{{Key: "main"}, {Key: "legacy", Version: "8.9.3", WordPress: "6.5.5", PostsStorage: true}}})
	if _, err := s.Place(Placement{Store: "legacy", Count: 2}); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.StoreURL("legacy")+"/wp-json/wc/v3/orders", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("ck_legacy", "cs_legacy")
	list := do(t, req).json(t)
	if n := len(list.Items()); n != 2 || list.Items()[0].Get("version").Text() != "8.9.3" {
		t.Errorf("legacy lists %d orders: %.200s", n, list.Bytes())
	}
	if n := len(rest(t, s, "GET", "/orders", "").json(t).Items()); n != 0 {
		t.Errorf("main lists %d orders, want none", n)
	}
	if href := list.Items()[0].Get("_links").Get("self").Items()[0].Get("href").Text(); !strings.HasPrefix(href, s.URL()+"/legacy/wp-json/wc/v3/orders/") {
		t.Errorf("an order links to %s", href)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	for _, c := range []struct {
		store StoreConfig
		want  string
	}{
		{StoreConfig{Key: "Main"}, "key"}, {StoreConfig{Key: "sim"}, "key"}, {StoreConfig{Key: "a", TimeZone: "Mars"}, "time zone"},
		{StoreConfig{Key: "a", Version: "new"}, "version"}, {StoreConfig{Key: "a", Currency: "XXX"}, "currency"}, {StoreConfig{Key: "a", ReadKey: "k"}, "read key"},
	} {
		if _, err := New(Config{Stores: []StoreConfig{c.store}}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one naming %q", c.store, err, c.want)
		}
	}
	if _, err := New(Config{Stores: []StoreConfig{{Key: "a"}, {Key: "a"}}}); err == nil {
		t.Error("one key for two stores is accepted")
	}
}

// Lines may not refund more than is left of the order either.
func TestRefundOfLinesIsBounded(t *testing.T) {
	s := measured(t, &clock{at: utc(t, sampleTime)}, "list-mod-Z") // order 38 totals 155.38
	for want, total := range map[int]string{201: "155.38", 500: "155.39"} {
		a := rest(t, s, "POST", "/orders/38/refunds", `{"line_items":[{"id":10,"quantity":1,"refund_total":`+total+`}]}`)
		if a.status != want {
			t.Errorf("refunding %s answers %d, want %d: %s", total, a.status, want, a.body)
		}
		if err := s.Reset(); err != nil {
			t.Fatal(err)
		}
		loadState(t, s, sample(t, "list-mod-Z").body)
	}
}

// Restocking a refunded line is on unless switched off.
func TestRefundRestocks(t *testing.T) {
	s := measured(t, &clock{at: utc(t, sampleTime)}, "list-mod-Z")
	stock := func() int64 {
		return rest(t, s, "GET", "/products/26/variations/28", "").json(t).Get("stock_quantity").Int()
	}
	before := stock()
	with := sample(t, "refund-lines")
	rest(t, s, with.method, with.path, with.send)
	if got := stock(); got != before+1 {
		t.Errorf("stock %d, want %d", got, before+1)
	}
	without := mustParse(t, []byte(with.send))
	without.Set("api_restock", phpjson.BoolValue(false))
	rest(t, s, with.method, with.path, string(without.Bytes()))
	if got := stock(); got != before+1 {
		t.Errorf("stock %d without restocking, want %d", got, before+1)
	}
}

// An order of one product may have one of another besides, as long as both are in stock.
func TestPlacedBesideAnother(t *testing.T) {
	s := start(t, Config{AllowBasicOverHTTP: true})
	rest(t, s, "PUT", "/products/13", `{"stock_quantity":2}`)
	ids, err := s.Place(Placement{Store: "main", Status: "processing", Product: 12, Quantity: 2, Beside: 13, Count: 5})
	if err != nil || len(ids) != 2 {
		t.Fatalf("orders %v, %v; want two", ids, err)
	}
	var got []string
	for _, line := range rest(t, s, "GET", fmt.Sprintf("/orders/%d", ids[0]), "").json(t).Get("line_items").Items() {
		got = append(got, fmt.Sprintf("%d of %d", line.Get("quantity").Int(), line.Get("product_id").Int()))
	}
	if !slices.Equal(got, []string{"2 of 12", "1 of 13"}) {
		t.Errorf("lines %q", got)
	}
	for _, wrong := range []Placement{{Beside: 13}, {Product: 12, Beside: 12}, {Product: 12, Beside: 99}} {
		if _, err := s.Place(wrong); err == nil {
			t.Errorf("%+v is placed", wrong)
		}
	}
}

// What a refund put back in stock is not put back again when the order is cancelled; the line says how much is left to give
// back, as a measured one does.
func TestCancelGivesBackWhatARefundLeft(t *testing.T) {
	s := start(t, Config{AllowBasicOverHTTP: true})
	ids, err := s.Place(Placement{Store: "main", Status: "processing", Product: 12, Quantity: 3})
	if err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf("/orders/%d", ids[0])
	line := rest(t, s, "GET", path, "").json(t).Get("line_items").Items()[0]
	stock := func() int64 { return rest(t, s, "GET", "/products/12", "").json(t).Get("stock_quantity").Int() }
	before := stock()
	refund := fmt.Sprintf(`{"amount":"1.00","api_refund":false,"line_items":[{"id":%d,"quantity":1,"refund_total":1.00}]}`, line.Get("id").Int())
	rest(t, s, "POST", path+"/refunds", refund)
	meta := rest(t, s, "GET", path, "").json(t).Get("line_items").Items()[0].Get("meta_data")
	if taken, back := findMeta(meta, "_reduced_stock").Get("value").Text(), findMeta(meta, "_restock_refunded_items").Get("value").Text(); taken != "2" || back != "1" {
		t.Errorf("the line took %q and gave %q back, want 2 and 1", taken, back)
	}
	rest(t, s, "PUT", path, `{"status":"cancelled"}`)
	if got := stock(); got != before+3 {
		t.Errorf("stock %d, want %d", got, before+3)
	}
}

package shelf

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/woo/rest"
)

// product is what the shop has.
type product struct {
	ID     int    `json:"id"`
	Parent int    `json:"parent_id"`
	Type   string `json:"type"`
	SKU    string `json:"sku"`
	Manage any    `json:"manage_stock"`
	Stock  *int   `json:"stock_quantity"`

	Regular string `json:"regular_price"`
	Sale    string `json:"sale_price"`
}

// shop answers look-ups and batches as WooCommerce does.
type shop struct {
	mu       sync.Mutex
	products []*product
	finds    []string // SKUs asked for
	batches  []string // path and number of items
	most     int      // items in a batch it takes; 0: maxBatch
	status   int      // of every answer; 0: its own
	refuses  string   // a price
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/wp-json/wc/v3")
	switch {
	case s.status != 0:
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, `{}`)
	case r.Method == http.MethodGet:
		s.find(w, r)
	default:
		s.batch(w, r, path)
	}
}

func (s *shop) find(w http.ResponseWriter, r *http.Request) {
	skus := strings.Split(r.URL.Query().Get("sku"), ",")
	if len(skus) > 1 {
		skus = append(skus, r.URL.Query().Get("sku"))
	}
	s.finds = append(s.finds, r.URL.Query().Get("sku"))
	rows := []*product{}
	for _, p := range s.products {
		if slices.Contains(skus, p.SKU) {
			rows = append(rows, p)
		}
	}
	var page int
	_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
	rows = rows[min((page-1)*maxBatch, len(rows)):]
	_ = json.NewEncoder(w).Encode(rows[:min(maxBatch, len(rows))])
}

func (s *shop) batch(w http.ResponseWriter, r *http.Request, path string) {
	var body struct {
		Update []wish `json:"update"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	s.batches = append(s.batches, fmt.Sprintf("%s %d", path, len(body.Update)))
	if most := max(s.most, 0); most > 0 && len(body.Update) > most || len(body.Update) > maxBatch {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		_, _ = io.WriteString(w, `{"code":"woocommerce_rest_request_entity_too_large"}`)
		return
	}
	rows := []any{}
	for _, u := range body.Update {
		rows = append(rows, s.set(path, u))
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"update": rows})
}

// wish is an item of a batch.
type wish struct {
	ID      int     `json:"id"`
	Stock   *int    `json:"stock_quantity"`
	Regular *string `json:"regular_price"`
	Sale    *string `json:"sale_price"`
}

func (s *shop) set(path string, u wish) any {
	for _, p := range s.products {
		want := "/products/batch"
		if p.Type == "variation" {
			want = fmt.Sprintf("/products/%d/variations/batch", p.Parent)
		}
		if p.ID != u.ID || path != want || u.Regular != nil && *u.Regular == s.refuses {
			continue
		}
		if p.Manage == true && u.Stock != nil {
			p.Stock = u.Stock
		}
		if u.Regular != nil && p.Type != "variable" {
			p.Regular = *u.Regular
		}
		if u.Sale != nil {
			p.Sale = *u.Sale
		}
		return p
	}
	return map[string]any{"id": u.ID, "error": map[string]any{"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID.", "data": map[string]int{"status": 400}}}
}

func (s *shop) simple(n int) (units map[string]money.Number) {
	units = map[string]money.Number{}
	for i := range n {
		sku := fmt.Sprintf("SKU-%04d", i)
		s.products = append(s.products, &product{ID: 100 + i, Type: "simple", SKU: sku, Manage: true})
		units[sku] = money.Int(int64(i))
	}
	return units
}

func (s *shop) holds(t *testing.T, units map[string]money.Number) {
	t.Helper()
	for _, p := range s.products {
		if want, is := units[p.SKU]; is && (p.Stock == nil || !money.Int(int64(*p.Stock)).Equal(want)) {
			t.Errorf("the shop holds %v of %s, want %s", p.Stock, p.SKU, want)
		}
	}
}

func counted(units map[string]money.Number) map[string]Goods {
	goods := map[string]Goods{}
	for sku, n := range units {
		goods[sku] = Goods{Units: &n}
	}
	return goods
}

// clock is moved by hand.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func newShelf(t *testing.T, s *shop) (*Shelf, *clock) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client := rest.New(rest.Options{URL: server.URL, ConsumerKey: "ck", ConsumerSecret: "cs", Concurrency: 2, Timeout: 10 * time.Second})
	t.Cleanup(client.Close)
	c := &clock{time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	return New(client, 2, c.now), c
}

func (r Result) codes(t *testing.T, want map[string]fault.Code) {
	t.Helper()
	for sku, err := range r.Units {
		code := fault.Code("")
		if err != nil {
			code = fault.CodeOf(err)
		}
		if code != want[sku] {
			t.Errorf("%s ended as %v, want %q", sku, err, want[sku])
		}
	}
}

func TestManyInFewCalls(t *testing.T) {
	s := &shop{}
	units := s.simple(250)
	shelf, clock := newShelf(t, s)
	result := shelf.Write(natstest.Context(t), counted(units))
	result.codes(t, nil)
	s.holds(t, units)
	if len(result.Units) != 250 || len(s.finds) != 7 || len(s.batches) != 3 || len(result.Calls) != 10 {
		t.Errorf("%d results, %d look-ups, batches %v, %d calls", len(result.Units), len(s.finds), s.batches, len(result.Calls))
	}
	shelf.Write(natstest.Context(t), counted(units))
	if len(s.finds) != 7 {
		t.Errorf("%d look-ups: known SKUs were asked for again", len(s.finds))
	}
	clock.Time = clock.Add(foundFor)
	shelf.Write(natstest.Context(t), counted(units))
	if len(s.finds) != 14 {
		t.Errorf("%d look-ups, want what expired to be asked for again", len(s.finds))
	}
}

// As many requests are under way as the shelf may have, and no more.
func TestRequestsGoTogether(t *testing.T) {
	const atOnce = 3
	s := &crowd{shop: &shop{}, full: make(chan struct{}), wants: atOnce}
	units := s.shop.simple(10 * asked)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client := rest.New(rest.Options{URL: server.URL, ConsumerKey: "ck", ConsumerSecret: "cs", Concurrency: 2 * atOnce, Timeout: 10 * time.Second})
	t.Cleanup(client.Close)
	New(client, atOnce, time.Now).Write(natstest.Context(t), counted(units)).codes(t, nil)
	s.shop.holds(t, units)
	if s.most != atOnce {
		t.Errorf("%d requests at once, want %d", s.most, atOnce)
	}
}

// crowd answers nobody before so many have asked at once.
type crowd struct {
	shop  *shop
	full  chan struct{}
	wants int

	mu         sync.Mutex
	here, most int
}

func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	if c.here++; c.here == c.wants && c.most < c.wants {
		close(c.full)
	}
	c.most = max(c.most, c.here)
	c.mu.Unlock()
	select {
	case <-c.full:
	case <-r.Context().Done():
	}
	c.shop.ServeHTTP(w, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.here--
}

func TestVariationsAndWhatCannotBeWritten(t *testing.T) {
	s := &shop{products: []*product{
		{ID: 7, Parent: 5, Type: "variation", SKU: "RED", Manage: true}, {ID: 8, Parent: 5, Type: "variation", SKU: "BLUE", Manage: "parent"},
		{ID: 9, Type: "simple", SKU: "A,B", Manage: true}, {ID: 10, Type: "simple", SKU: "TWICE", Manage: true}, {ID: 11, Type: "simple", SKU: "TWICE", Manage: true},
		{ID: 12, Type: "simple", SKU: "FREE", Manage: false},
	}}
	shelf, clock := newShelf(t, s)
	units := map[string]money.Number{}
	for i, sku := range []string{"RED", "BLUE", "A,B", "TWICE", "FREE", "NONE"} {
		units[sku] = money.Int(int64(i + 3))
	}
	want := map[string]fault.Code{"BLUE": fault.ShopStockUnmanaged, "TWICE": fault.ShopSKUAmbiguous, "FREE": fault.ShopStockUnmanaged, "NONE": fault.ShopSKUUnknown}
	shelf.Write(natstest.Context(t), counted(units)).codes(t, want)
	s.holds(t, map[string]money.Number{"RED": units["RED"], "A,B": units["A,B"]})
	slices.Sort(s.batches) // they go together
	if !slices.Equal(s.batches, []string{"/products/5/variations/batch 1", "/products/batch 1"}) {
		t.Errorf("batches %v", s.batches)
	}
	s.products = append(s.products, &product{ID: 13, Type: "simple", SKU: "NONE", Manage: true})
	shelf.Write(natstest.Context(t), counted(units)).codes(t, want)
	if len(s.finds) != 2 {
		t.Errorf("asked for %q: what is missing is remembered too", s.finds)
	}
	clock.Time = clock.Add(missingFor)
	delete(want, "NONE")
	shelf.Write(natstest.Context(t), counted(units)).codes(t, want)
}

func TestItemThatIsGoneIsLookedForAgain(t *testing.T) {
	s := &shop{}
	units := s.simple(3)
	shelf, _ := newShelf(t, s)
	shelf.Write(natstest.Context(t), counted(units)).codes(t, nil)
	s.products[1].ID = 900 // made anew
	s.products[2].Manage, s.products[2].Stock = false, nil
	shelf.Write(natstest.Context(t), counted(units)).codes(t, map[string]fault.Code{"SKU-0001": fault.ShopRefused, "SKU-0002": fault.ShopStockUnmanaged})
	shelf.Write(natstest.Context(t), counted(units)).codes(t, map[string]fault.Code{"SKU-0002": fault.ShopStockUnmanaged})
	s.holds(t, map[string]money.Number{"SKU-0000": units["SKU-0000"], "SKU-0001": units["SKU-0001"]})
}

func TestProductThatIsGoneIsLookedForAgain(t *testing.T) {
	s := &shop{}
	units := s.simple(1)
	shelf, _ := newShelf(t, s)
	shelf.Write(natstest.Context(t), counted(units)).codes(t, nil)
	s.status = http.StatusNotFound // of a whole batch: of a product's variations the product is gone
	shelf.Write(natstest.Context(t), counted(units)).codes(t, map[string]fault.Code{"SKU-0000": fault.ShopRefused})
	s.status = 0
	shelf.Write(natstest.Context(t), counted(units)).codes(t, nil)
	if len(s.finds) != 2 {
		t.Errorf("asked for %q, want it to be asked for again", s.finds)
	}
}

func TestLowerLimitOfABatch(t *testing.T) {
	s := &shop{most: 20}
	units := s.simple(90)
	shelf, _ := newShelf(t, s)
	shelf.Write(natstest.Context(t), counted(units)).codes(t, nil)
	s.holds(t, units)
}

func TestShopThatIsDownOrFull(t *testing.T) {
	for status, code := range map[int]fault.Code{http.StatusServiceUnavailable: fault.ShopUnavailable, http.StatusTooManyRequests: fault.ShopThrottled} {
		s := &shop{}
		units := s.simple(2)
		shelf, _ := newShelf(t, s)
		s.status = status
		for range 2 { // nothing is remembered of a shop that did not answer
			result := shelf.Write(natstest.Context(t), counted(units))
			result.codes(t, map[string]fault.Code{"SKU-0000": code, "SKU-0001": code})
			if after := fault.AfterOf(result.Units["SKU-0000"]); after != 7*time.Second {
				t.Errorf("to be left alone for %s, want 7s", after)
			}
		}
		s.status = 0
		shelf.Write(natstest.Context(t), counted(units)).codes(t, nil)
		s.holds(t, units)
	}
}

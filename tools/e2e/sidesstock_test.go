package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// Every order takes of the first SKU, some of the second; of the third none does, so that people's counts alone move it.
const (
	soldSKU    = "TEE-001"
	besideSKU  = "BEANIE-01"
	woolBeanie = 13
	countedSKU = "HOOD-BLU-S"
	plenty     = 1_000_000 // nothing waits for goods
)

// shelved is a write of a shop's stock.
type shelved struct {
	store   string
	product int64
	units   int64
}

// pathOfStock finds the store in the path of a write of stock; the first store has no prefix.
var pathOfStock = regexp.MustCompile(`^(?:/([a-z0-9]+))?/wp-json/wc/v3/products/(?:\d+/variations/)?batch$`)

// stockIn reads a write of stock; false: it is something else.
func stockIn(r *http.Request, body []byte) (list []shelved, is bool) {
	found := pathOfStock.FindStringSubmatch(r.URL.Path)
	if found == nil {
		return nil, false
	}
	var batch struct {
		Update []struct {
			ID    int64  `json:"id"`
			Units *int64 `json:"stock_quantity"`
		}
	}
	if json.Unmarshal(body, &batch) != nil {
		return nil, false
	}
	for _, p := range batch.Update {
		if p.Units == nil {
			return nil, false
		}
		list = append(list, shelved{cmp.Or(found[1], "main"), p.ID, *p.Units})
	}
	return list, true
}

// stocked notes writes of stock.
func (s *sides) stocked(list []shelved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shelf = append(s.shelf, list...)
}

// recount has NetSuite's people count a SKU; what they count is for sale.
func (s *sides) recount(sku string, units int64) (string, error) {
	return s.NetSuite.SetStock(netsuitesim.Stock{SKU: sku, Location: "1", OnHand: json.Number(strconv.FormatInt(units, 10))})
}

// count is a person's count of goods that no order takes.
func (m *match) count() {
	units := rapid.Int64Range(0, 3).Draw(m.t, "units")
	if m.netsuite(func() (string, error) { return m.recount(countedSKU, units) }) && units != m.counted {
		m.counted = units
		m.recounts++
	}
}

// wares are the products that orders take of, by SKU.
var wares = map[string]int64{soldSKU: classicTee, besideSKU: woolBeanie}

// shown: every shop shows at the end what it may sell, and was told no oftener than that changed. What is sold is
// counted once more behind everything: for minutes a figure may be older than the approval of an order by people, which then
// counts besides.
func (m *match) shown() {
	m.looks++
	for sku := range wares {
		if _, err := m.recount(sku, plenty+m.looks); err != nil {
			m.t.Fatal(err)
		}
	}
	if err := m.poll(); err != nil {
		m.t.Fatal(err)
	}
	m.quiet()
	want := map[int64]int64{blueHoodie: m.counted}
	for sku, product := range wares {
		want[product] = m.available(sku) - m.waits(sku)
	}
	for _, store := range world.Stores {
		for product, units := range want {
			m.untilShown(store, product, units)
		}
		m.toldOnce(store)
	}
}

// untilShown waits until a shop shows so many units of a product; where it never does, the orders tell whose pieces differ.
func (m *match) untilShown(store string, product, units int64) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(time.Minute); ; <-ticker.C {
		shown := m.shelves().shows(store, product)
		if shown == units {
			return
		}
		if time.Now().After(end) {
			var lives strings.Builder
			for _, o := range m.orders {
				fmt.Fprintf(&lives, "\n%s %s, NetSuite %s: %v %q", o.name(), o.status, m.salesOrder(o).Status.ID, o.goods, o.life)
			}
			m.t.Fatalf("%s shows %d of product %d, want %d:%s", store, shown, product, units, lives.String())
		}
	}
}

// available is what NetSuite has of a SKU for sale.
func (m *match) available(sku string) int64 {
	for _, item := range world.Get[[]struct {
		Name  string `json:"itemId"`
		Stock map[string]struct {
			Units json.Number `json:"quantityavailable"`
		} `json:"countedStock"`
	}](m.World, m.Facts.NetSuite+"/sim/state?type=inventoryItem") {
		if item.Name == sku {
			return whole(m, item.Stock["1"].Units)
		}
	}
	m.t.Fatalf("NetSuite has no item %s", sku)
	return 0
}

// waits is what sales orders that wait for approval take of a SKU: NetSuite commits nothing to them.
func (m *match) waits(sku string) (units int64) {
	for _, order := range m.SalesOrders() {
		for _, line := range order.Item.Items {
			if order.Status.ID == "A" && line.Item.RefName == sku {
				units += whole(m, line.Quantity)
			}
		}
	}
	return units
}

func whole(m *match, n json.Number) int64 {
	units, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil {
		m.t.Fatal(err)
	}
	return units
}

// toldOnce holds a shop's writes of the counted goods against the counts. A publisher that died behind a write makes it again;
// so may one whose record another of them wrote.
func (m *match) toldOnce(store string) {
	shelf := m.wroteOn(store, blueHoodie)
	news, again, last := 0, 0, m.showed[store]
	for _, units := range shelf {
		if units == last {
			again++
		} else {
			news++
		}
		last = units
	}
	m.showed[store] = last
	if news > m.recounts || again > m.deaths() {
		m.t.Fatalf("%s was told %v, %d of them news, of goods that were counted anew %d times; %d units died", store, shelf, news, m.recounts, m.deaths())
	}
	for sku, product := range wares {
		if n, said := uint64(len(m.wroteOn(store, product))), m.things()-m.said; n > said {
			m.t.Fatalf("%s was told %d times of %s, with %d things said", store, n, sku, said)
		}
	}
}

// wroteOn lists the quantities that a shop's product was given, oldest first.
func (s *sides) wroteOn(store string, product int64) (units []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.shelf {
		if w.store == store && w.product == product {
			units = append(units, w.units)
		}
	}
	return units
}

// things counts what was said of orders, of NetSuite and in outcomes: what stock follows from.
func (s *sides) things() (n uint64) {
	for _, stream := range []string{topology.Desired, topology.NetSuiteChanges, topology.Outcomes} {
		n += s.shelves().events(stream)
	}
	return n
}

func (s *sides) shelves() shelves { return shelves{s.World, s.t} }

// stock has every shop show what NetSuite counted at first.
func (s *sides) stock() {
	s.t.Helper()
	if err := s.poll(); err != nil {
		s.t.Fatal(err)
	}
	for _, product := range wares {
		s.shelves().until(product, plenty)
	}
	s.shelves().until(blueHoodie, s.counted)
}

package shopsim

import "fmt"

// Assortment is many products that manage their stock and have none.
type Assortment struct {
	Store      string
	SKUs       []string
	Variations int // in each product; 0: each SKU is a product of its own
}

// Stock puts an assortment into a store, of which no webhook tells.
func (s *Server) Stock(a Assortment) error {
	shop, err := s.shop(a.Store)
	if err != nil {
		return fmt.Errorf("stock: %w", err)
	}
	if a.Variations < 0 {
		return fmt.Errorf("stock: variations %d: must be at least 0", a.Variations)
	}
	const together = 1000 // of one line of the journal
	for first := 0; first < len(a.SKUs); first += together {
		some := a.SKUs[first:min(first+together, len(a.SKUs))]
		if err := shop.update(func(t *tx) error { t.stock(some, a.Variations); return nil }); err != nil {
			return fmt.Errorf("stock: %w", err)
		}
	}
	return nil
}

func (t *tx) stock(skus []string, variations int) {
	parent := int64(0)
	for i, sku := range skus {
		if variations > 0 && i%variations == 0 {
			parent = t.next(postIDs)
			t.put(products, parent, t.newProduct(article{id: parent, name: "Range " + sku, price: "1.00", stock: -1, variable: true}))
		}
		id := t.next(postIDs)
		t.put(products, id, t.newProduct(article{id: id, parent: parent, sku: sku, name: "Product " + sku, price: "1.00"}))
	}
}

// Quantities gives what a store shows of each SKU whose stock it manages.
func (s *Server) Quantities(store string) (map[string]int64, error) {
	shop, err := s.shop(store)
	if err != nil {
		return nil, fmt.Errorf("quantities: %w", err)
	}
	shown := map[string]int64{}
	for _, p := range shop.all(products) {
		if p.Get("manage_stock").True() {
			shown[p.Get("sku").Text()] = p.Get("stock_quantity").Int()
		}
	}
	return shown, nil
}

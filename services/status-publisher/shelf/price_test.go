package shelf

import (
	"net/http"
	"slices"
	"testing"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/natstest"
)

func tag(regular string, sale ...string) *Prices {
	p := &Prices{Regular: regular}
	if len(sale) > 0 {
		p.Sale = &sale[0]
	}
	return p
}

func (s *shop) shows(t *testing.T, want map[string]string) {
	t.Helper()
	for _, p := range s.products {
		if text, is := want[p.SKU]; is && p.Regular+"/"+p.Sale != text {
			t.Errorf("%s costs %s/%s, want %s", p.SKU, p.Regular, p.Sale, text)
		}
	}
}

// A price goes with the quantity of its product in one request; a sale that is not told is left alone, one that ended is
// taken away; a product keeps what it can, its price without its stock, its stock without its price.
func TestPricesBesideQuantities(t *testing.T) {
	s := &shop{products: []*product{
		{ID: 7, Parent: 5, Type: "variation", SKU: "RED", Manage: true, Regular: "1.00", Sale: "0.50"}, {ID: 8, Type: "simple", SKU: "BOOK", Manage: false, Regular: "1.00", Sale: "0.50"},
		{ID: 9, Type: "variable", SKU: "RANGE", Manage: true, Regular: "", Sale: ""}, {ID: 10, Type: "simple", SKU: "LAMP", Manage: true, Regular: "1.00", Sale: "0.50"},
	}}
	shelf, _ := newShelf(t, s)
	three := money.Int(3)
	result := shelf.Write(natstest.Context(t), map[string]Goods{
		"RED": {Units: &three, Prices: tag("2.00")}, "BOOK": {Units: &three, Prices: tag("3.00", "")}, "RANGE": {Units: &three, Prices: tag("4.00")}, "LAMP": {Prices: tag("5.00", "4.00")}, "NONE": {Prices: tag("1.00")},
	})
	result.codes(t, map[string]fault.Code{"BOOK": fault.ShopStockUnmanaged, "NONE": fault.ShopSKUUnknown})
	Result{Units: result.Prices}.codes(t, map[string]fault.Code{"RANGE": fault.ShopPriceUnmanaged, "NONE": fault.ShopSKUUnknown})
	s.shows(t, map[string]string{"RED": "2.00/0.50", "BOOK": "3.00/", "RANGE": "/", "LAMP": "5.00/4.00"})
	s.holds(t, map[string]money.Number{"RED": three, "RANGE": three})
	slices.Sort(s.batches)
	if !slices.Equal(s.batches, []string{"/products/5/variations/batch 1", "/products/batch 3"}) {
		t.Errorf("batches %v", s.batches)
	}
}

// A price that the shop refuses does not hold up the quantity.
func TestRefusedPriceBesideAQuantity(t *testing.T) {
	s := &shop{products: []*product{{ID: 7, Type: "simple", SKU: "RED", Manage: true}, {ID: 8, Type: "simple", SKU: "BLUE", Manage: true}}, refuses: "6.66"}
	shelf, _ := newShelf(t, s)
	three := money.Int(3)
	result := shelf.Write(natstest.Context(t), map[string]Goods{"RED": {Units: &three, Prices: tag("6.66")}, "BLUE": {Units: &three, Prices: tag("7.00")}})
	result.codes(t, nil)
	Result{Units: result.Prices}.codes(t, map[string]fault.Code{"RED": fault.ShopRefused})
	s.shows(t, map[string]string{"RED": "/", "BLUE": "7.00/"})
	s.holds(t, map[string]money.Number{"RED": three, "BLUE": three})
}

// Goods of nothing only find out whether the shop has the product.
func TestLookingOnly(t *testing.T) {
	s := &shop{products: []*product{{ID: 7, Type: "simple", SKU: "RED", Manage: true}}}
	shelf, _ := newShelf(t, s)
	result := shelf.Write(natstest.Context(t), map[string]Goods{"RED": {}, "NONE": {}})
	Result{Units: result.Prices}.codes(t, map[string]fault.Code{"NONE": fault.ShopSKUUnknown})
	if len(s.batches) != 0 {
		t.Errorf("batches %v, want none", s.batches)
	}
}

func TestPricesWhileTheShopIsDown(t *testing.T) {
	s := &shop{products: []*product{{ID: 7, Type: "simple", SKU: "RED", Manage: true}}}
	shelf, _ := newShelf(t, s)
	shelf.Write(natstest.Context(t), map[string]Goods{"RED": {}})
	s.status = http.StatusServiceUnavailable
	three := money.Int(3)
	result := shelf.Write(natstest.Context(t), map[string]Goods{"RED": {Units: &three, Prices: tag("2.00")}})
	result.codes(t, map[string]fault.Code{"RED": fault.ShopUnavailable})
	Result{Units: result.Prices}.codes(t, map[string]fault.Code{"RED": fault.ShopUnavailable})
	if len(s.batches) != 0 || len(result.Calls) != 1 {
		t.Errorf("batches %v, calls %v, want one call", s.batches, result.Calls)
	}
}

// Package shelf puts stock quantities on a shop's products: it finds the product or variation of each SKU, several at
// once, remembers it for a while, and writes in batches. It keeps no quantities and retries none: who calls it again
// brings the newest (Invariant 4).
package shelf

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/woo"
	"github.com/orderstream/orderstream/services/internal/woo/rest"
)

const (
	maxBatch = 100 // items WooCommerce takes in one batch, and rows it gives in one page

	foundFor   = time.Hour        // a product keeps its SKU
	missingFor = 10 * time.Minute // a SKU that is unknown, ambiguous or without managed stock is looked for again
)

// Shop is what a shelf asks of a shop's REST client.
type Shop interface {
	Get(ctx context.Context, purpose, path string) (rest.Answer, error)
	Post(ctx context.Context, purpose, path string, body any) (rest.Answer, error)
}

// Shelf is the stock of one shop. It is safe for several goroutines.
type Shelf struct {
	shop Shop
	now  func() time.Time

	mu    sync.Mutex
	known map[string]spot
}

// spot is where a SKU lies, or why it lies nowhere.
type spot struct {
	id, parent string // parent: of a variation
	err        error
	until      time.Time
}

// New makes a shelf.
func New(shop Shop, now func() time.Time) *Shelf {
	return &Shelf{shop: shop, now: now, known: map[string]spot{}}
}

// Result is what came of a write: an entry for every SKU, nil where the shop holds the quantity now. An unknown, an
// ambiguous SKU and one whose stock the shop does not manage are terminal; a shop that is down or full is told by the
// error's class.
type Result struct {
	Errors map[string]error
	Calls  []event.Call
}

// Write puts quantities, whole numbers, on the shop's products by SKU.
func (s *Shelf) Write(ctx context.Context, units map[string]money.Number) Result {
	result := Result{Errors: make(map[string]error, len(units))}
	groups := map[string][]item{}
	for sku, spot := range s.find(ctx, slices.Sorted(maps.Keys(units)), &result) {
		if result.Errors[sku] = spot.err; spot.err == nil {
			groups[spot.parent] = append(groups[spot.parent], item{sku, spot.id, units[sku]})
		}
	}
	for _, parent := range slices.Sorted(maps.Keys(groups)) {
		items := groups[parent]
		slices.SortFunc(items, bySKU)
		for group := range slices.Chunk(items, maxBatch) {
			s.put(ctx, parent, group, &result)
		}
	}
	return result
}

// put writes one batch. One that is refused as a whole, e.g. by a plugin's lower limit, says nothing of its items: it is
// sent in halves.
func (s *Shelf) put(ctx context.Context, parent string, items []item, result *Result) {
	answer, err := s.shop.Post(ctx, "write stock", batchPath(parent), map[string]any{"update": bodies(items)})
	answer.Call.Grouped = len(items)
	result.Calls = append(result.Calls, answer.Call)
	if fault.ClassOf(err) == fault.Terminal && len(items) > 1 {
		half := len(items) / 2
		s.put(ctx, parent, items[:half], result)
		s.put(ctx, parent, items[half:], result)
		return
	}
	told := map[string]error{}
	if err == nil {
		told, err = itemErrors(answer.Body)
	}
	for _, i := range items {
		itemErr, spoken := told[i.id]
		switch {
		case err != nil:
			result.Errors[i.sku] = err
		case !spoken:
			result.Errors[i.sku] = fault.New(fault.Unexpected, "a batch's answer must speak of each item", fault.Field("sku", i.sku))
		default:
			result.Errors[i.sku] = itemErr
		}
		if spoken && itemErr != nil || fault.ClassOf(err) == fault.Terminal {
			s.Forget(i.sku) // the product may be another by now
		}
	}
}

func batchPath(parent string) string {
	if parent == "" {
		return "/products/batch"
	}
	return "/products/" + parent + "/variations/batch"
}

type item struct {
	sku, id string
	units   money.Number
}

func bySKU(a, b item) int {
	if a.sku < b.sku {
		return -1
	}
	return 1
}

func bodies(items []item) []map[string]any {
	list := make([]map[string]any, len(items))
	for i, it := range items {
		list[i] = map[string]any{"id": codec.Number(it.id), "stock_quantity": codec.Number(it.units.String())}
	}
	return list
}

// itemErrors reads a batch's answer by id: it is 200 even when single items fail.
func itemErrors(body []byte) (map[string]error, error) {
	answer, err := codec.Decode[struct {
		Update []struct {
			ID    woo.Text     `json:"id"`
			Stock woo.Text     `json:"stock_quantity"`
			Error *woo.Problem `json:"error"`
		} `json:"update"`
	}](body)
	if err != nil {
		return nil, fault.New(fault.Unexpected, "the shop must answer a batch with its items", fault.Because(err))
	}
	errs := make(map[string]error, len(answer.Update))
	for _, row := range answer.Update {
		switch id := string(row.ID); {
		case row.Error != nil:
			errs[id] = fault.New(fault.ShopRefused, "the shop must take the quantity: "+row.Error.Code)
		case row.Stock == "": // null: accepted and ignored
			errs[id] = fault.New(fault.ShopStockUnmanaged, "the product must manage its stock by itself", fault.Field("id", id))
		default:
			errs[id] = nil
		}
	}
	return errs, nil
}

// Package shelf puts stock quantities on a shop's products: it finds the product or variation of each SKU, several at
// once, remembers it for a while, and writes in batches, as many requests at a time as it is allowed. It keeps no
// quantities and retries none: who calls it again brings the newest (Invariant 4).
package shelf

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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
	shop   Shop
	atOnce int
	now    func() time.Time

	mu    sync.Mutex
	known map[string]spot
}

// spot is where a SKU lies, or why it lies nowhere.
type spot struct {
	id, parent string // parent: of a variation
	err        error
	until      time.Time
}

// New makes a shelf that has so many requests under way at most, one at least.
func New(shop Shop, atOnce int, now func() time.Time) *Shelf {
	return &Shelf{shop: shop, atOnce: max(1, atOnce), now: now, known: map[string]spot{}}
}

// Result is what came of a write: an entry for every SKU, nil where the shop holds the quantity now. An unknown, an
// ambiguous SKU and one whose stock the shop does not manage are terminal; a shop that is down or full is told by the
// error's class.
type Result struct {
	Errors map[string]error
	Calls  []event.Call
}

// add lays what came of other writes over it.
func (r *Result) add(others ...Result) {
	for _, other := range others {
		maps.Copy(r.Errors, other.Errors)
		r.Calls = append(r.Calls, other.Calls...)
	}
}

// Write puts quantities, whole numbers, on the shop's products by SKU.
func (s *Shelf) Write(ctx context.Context, units map[string]money.Number) Result {
	result := Result{Errors: make(map[string]error, len(units))}
	spots, calls := s.find(ctx, slices.Sorted(maps.Keys(units)))
	result.Calls = calls
	groups := map[string][]item{}
	for sku, spot := range spots {
		if result.Errors[sku] = spot.err; spot.err == nil {
			groups[spot.parent] = append(groups[spot.parent], item{sku, spot.id, units[sku]})
		}
	}
	var batches []batch
	for _, parent := range slices.Sorted(maps.Keys(groups)) {
		slices.SortFunc(groups[parent], bySKU)
		for items := range slices.Chunk(groups[parent], maxBatch) {
			batches = append(batches, batch{parent, items})
		}
	}
	result.add(together(s.atOnce, batches, func(b batch) Result { return s.put(ctx, b) })...)
	return result
}

// together does something for each of a list, at most n at a time, and gives what came of each.
func together[T, R any](n int, list []T, do func(T) R) []R {
	done := make([]R, len(list))
	var group errgroup.Group
	group.SetLimit(n)
	for i, of := range list {
		group.Go(func() error { done[i] = do(of); return nil })
	}
	_ = group.Wait() // each says itself what came of it
	return done
}

// batch is what one request writes: products, or the variations of one.
type batch struct {
	parent string
	items  []item
}

// put writes one batch. One that is refused as a whole, e.g. by a plugin's lower limit, says nothing of its items: it is
// sent in halves.
func (s *Shelf) put(ctx context.Context, b batch) Result {
	result := Result{Errors: map[string]error{}}
	answer, err := s.shop.Post(ctx, "write stock", batchPath(b.parent), map[string]any{"update": bodies(b.items)})
	answer.Call.Grouped = len(b.items)
	result.Calls = append(result.Calls, answer.Call)
	if fault.ClassOf(err) == fault.Terminal && len(b.items) > 1 {
		half := len(b.items) / 2
		result.add(s.put(ctx, batch{b.parent, b.items[:half]}), s.put(ctx, batch{b.parent, b.items[half:]}))
		return result
	}
	told := map[string]error{}
	if err == nil {
		told, err = itemErrors(answer.Body)
	}
	for _, i := range b.items {
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
	return result
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

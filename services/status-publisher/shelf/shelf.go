// Package shelf puts stock quantities and prices on a shop's products: it finds the product or variation of each SKU, several at
// once, remembers it for a while, and writes in batches, as many requests at a time as it is allowed. It keeps no
// values and retries none: who calls it again brings the newest (Invariant 4).
package shelf

import (
	"cmp"
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

// Shelf is the products of one shop. It is safe for several goroutines.
type Shelf struct {
	shop   Shop
	atOnce int
	now    func() time.Time

	mu    sync.Mutex
	known map[string]spot
}

// spot is where a SKU lies, or why it lies nowhere.
type spot struct {
	id, parent    string // parent: of a variation
	err           error
	stock, prices error // why it takes no quantity, no price
	until         time.Time
}

// refuses tells whether it does not take all that may be written.
func (s spot) refuses() bool { return s.err != nil || s.stock != nil || s.prices != nil }

// Goods is what is to be put on a product: a quantity, prices, both; neither: it is only looked for.
type Goods struct {
	Units  *money.Number // whole
	Prices *Prices
}

// Prices are decimal texts as WooCommerce takes them.
type Prices struct {
	Regular string
	Sale    *string // "": no sale; nil: left alone
}

// allowed leaves out what the product does not take.
func (g Goods) allowed(at spot) Goods {
	if at.stock != nil {
		g.Units = nil
	}
	if at.prices != nil {
		g.Prices = nil
	}
	return g
}

func (g Goods) nothing() bool { return g.Units == nil && g.Prices == nil }

// New makes a shelf that has so many requests under way at most, one at least.
func New(shop Shop, atOnce int, now func() time.Time) *Shelf {
	return &Shelf{shop: shop, atOnce: max(1, atOnce), now: now, known: map[string]spot{}}
}

// Result is what came of a write: an entry of both for every SKU, nil where the shop holds the quantity, the prices now.
// An unknown, an ambiguous SKU and one whose stock or price the product does not keep are terminal; a shop that is down
// or full is told by the error's class.
type Result struct {
	Units, Prices map[string]error
	Calls         []event.Call
}

func newResult() Result { return Result{Units: map[string]error{}, Prices: map[string]error{}} }

// both says the same of quantity and prices.
func (r *Result) both(sku string, err error) { r.Units[sku], r.Prices[sku] = err, err }

// add lays what came of other writes over it.
func (r *Result) add(others ...Result) {
	for _, other := range others {
		maps.Copy(r.Units, other.Units)
		maps.Copy(r.Prices, other.Prices)
		r.Calls = append(r.Calls, other.Calls...)
	}
}

// Write puts goods on the shop's products by SKU.
func (s *Shelf) Write(ctx context.Context, goods map[string]Goods) Result {
	result := newResult()
	spots, calls := s.find(ctx, slices.Sorted(maps.Keys(goods)))
	result.Calls = calls
	groups := map[string][]item{}
	for sku, spot := range spots {
		result.both(sku, spot.err)
		if spot.err != nil {
			continue
		}
		result.Units[sku], result.Prices[sku] = spot.stock, spot.prices
		if wanted := goods[sku].allowed(spot); !wanted.nothing() {
			groups[spot.parent] = append(groups[spot.parent], item{sku, spot.id, wanted})
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
	result := newResult()
	answer, err := s.shop.Post(ctx, "write products", batchPath(b.parent), map[string]any{"update": bodies(b.items)})
	answer.Call.Grouped = len(b.items)
	result.Calls = append(result.Calls, answer.Call)
	if fault.ClassOf(err) == fault.Terminal && len(b.items) > 1 {
		half := len(b.items) / 2
		result.add(s.put(ctx, batch{b.parent, b.items[:half]}), s.put(ctx, batch{b.parent, b.items[half:]}))
		return result
	}
	told := map[string]outcome{}
	if err == nil {
		told, err = outcomes(answer.Body, b.items)
	}
	var alone [2]batch // of what was refused together, quantities and prices: the one must not hold up the other
	for _, i := range b.items {
		one, spoken := told[i.id]
		switch {
		case err != nil:
			one = outcome{err, err}
		case !spoken:
			missing := fault.New(fault.Unexpected, "a batch's answer must speak of each item", fault.Field("sku", i.sku))
			one = outcome{missing, missing}
		}
		if one.refused() && fault.ClassOf(one.prices) == fault.Terminal && i.goods.Units != nil && i.goods.Prices != nil {
			alone[0].items = append(alone[0].items, item{i.sku, i.id, Goods{Units: i.goods.Units}})
			alone[1].items = append(alone[1].items, item{i.sku, i.id, Goods{Prices: i.goods.Prices}})
			continue
		}
		i.report(one, &result)
		if one.refused() && fault.ClassOf(cmp.Or(one.units, one.prices)) == fault.Terminal {
			s.Forget(i.sku) // the product may be another by now
		}
	}
	for _, again := range alone {
		if len(again.items) > 0 {
			result.add(s.put(ctx, batch{b.parent, again.items}))
		}
	}
	return result
}

// outcome is what a batch's answer says of one item.
type outcome struct{ units, prices error }

func (o outcome) refused() bool { return o.units != nil || o.prices != nil }

func batchPath(parent string) string {
	if parent == "" {
		return "/products/batch"
	}
	return "/products/" + parent + "/variations/batch"
}

type item struct {
	sku, id string
	goods   Goods
}

// report says what came of what was written, and nothing of what was not.
func (i item) report(o outcome, into *Result) {
	if i.goods.Units != nil {
		into.Units[i.sku] = o.units
	}
	if i.goods.Prices != nil {
		into.Prices[i.sku] = o.prices
	}
}

func (i item) body() map[string]any {
	body := map[string]any{"id": codec.Number(i.id)}
	if i.goods.Units != nil {
		body["stock_quantity"] = codec.Number(i.goods.Units.String())
	}
	if p := i.goods.Prices; p != nil {
		if body["regular_price"] = p.Regular; p.Sale != nil {
			body["sale_price"] = *p.Sale
		}
	}
	return body
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
		list[i] = it.body()
	}
	return list
}

// outcomes reads a batch's answer by id: it is 200 even when single items fail.
func outcomes(body []byte, items []item) (map[string]outcome, error) {
	answer, err := codec.Decode[struct {
		Update []struct {
			ID      woo.Text     `json:"id"`
			Stock   woo.Text     `json:"stock_quantity"`
			Regular woo.Text     `json:"regular_price"`
			Error   *woo.Problem `json:"error"`
		} `json:"update"`
	}](body)
	if err != nil {
		return nil, fault.New(fault.Unexpected, "the shop must answer a batch with its items", fault.Because(err))
	}
	wanted := make(map[string]Goods, len(items))
	for _, i := range items {
		wanted[i.id] = i.goods
	}
	told := make(map[string]outcome, len(answer.Update))
	for _, row := range answer.Update {
		id, o := string(row.ID), outcome{}
		if row.Error != nil {
			o.units = fault.New(fault.ShopRefused, "the shop must take what is written: "+row.Error.Code)
			o.prices = o.units
		}
		if row.Error == nil && wanted[id].Units != nil && row.Stock == "" { // null: accepted and ignored
			o.units = unmanaged("id", id)
		}
		if row.Error == nil && wanted[id].Prices != nil && row.Regular == "" { // the same
			o.prices = unpriced("id", id)
		}
		told[id] = o
	}
	return told, nil
}

func unmanaged(field, value string) error {
	return fault.New(fault.ShopStockUnmanaged, "the product must manage its stock by itself", fault.Field(field, value))
}

func unpriced(field, value string) error {
	return fault.New(fault.ShopPriceUnmanaged, "the product must have a price of its own", fault.Field(field, value))
}

package shelf

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/woo"
)

// asked is how many SKUs one look-up names: few enough for any server's longest URL.
const asked = 40

// row is a product or variation as the list of products shows it. ManageStock is true, false or, of a variation whose
// product keeps the stock, "parent".
type row struct {
	ID          woo.Text `json:"id"`
	Parent      woo.Text `json:"parent_id"`
	Type        string   `json:"type"`
	SKU         string   `json:"sku"`
	ManageStock woo.Text `json:"manage_stock"`
}

// find gives the spot of each SKU, from memory or from the shop. What the shop could not be asked has the error and is
// not remembered.
func (s *Shelf) find(ctx context.Context, skus []string) (map[string]spot, []event.Call) {
	spots := make(map[string]spot, len(skus))
	var ask []string
	for _, sku := range skus {
		if known, fresh := s.recall(sku); fresh {
			spots[sku] = known
		} else {
			ask = append(ask, sku)
		}
	}
	var calls []event.Call
	groups := grouped(ask)
	for i, found := range together(s.atOnce, groups, func(group []string) listed { return s.list(ctx, group) }) {
		calls = append(calls, found.calls...)
		for _, sku := range groups[i] {
			if found.err != nil {
				spots[sku] = spot{err: found.err}
				continue
			}
			spots[sku] = s.remember(sku, found.rows[sku])
		}
	}
	return spots, calls
}

// grouped cuts a list into look-ups. A SKU with a comma goes alone: commas separate SKUs, and WooCommerce takes the
// whole text for one only beside its parts (WC_REST_Products_Controller::prepare_objects_query).
func grouped(skus []string) (groups [][]string) {
	var group []string
	for _, sku := range skus {
		if strings.Contains(sku, ",") {
			groups = append(groups, []string{sku})
			continue
		}
		if group = append(group, sku); len(group) == asked {
			groups, group = append(groups, group), nil
		}
	}
	if len(group) > 0 {
		groups = append(groups, group)
	}
	return groups
}

// listed is what the shop has of some SKUs, and what it took to ask.
type listed struct {
	rows  map[string][]row // by SKU
	calls []event.Call
	err   error
}

// list reads every row of some SKUs, page by page.
func (s *Shelf) list(ctx context.Context, skus []string) (found listed) {
	found.rows = map[string][]row{}
	for page := 1; ; page++ {
		query := url.Values{"sku": {strings.Join(skus, ",")}, "per_page": {fmt.Sprint(maxBatch)}, "page": {fmt.Sprint(page)}}
		answer, err := s.shop.Get(ctx, "find products", "/products?"+query.Encode())
		answer.Call.Grouped = len(skus)
		found.calls = append(found.calls, answer.Call)
		if found.err = err; err != nil {
			return found
		}
		rows, err := codec.Decode[[]row](answer.Body)
		if err != nil {
			found.err = fault.New(fault.Unexpected, "the shop must answer with a list of products", fault.Because(err))
			return found
		}
		for _, r := range rows {
			found.rows[r.SKU] = append(found.rows[r.SKU], r)
		}
		if len(rows) < maxBatch {
			return found
		}
	}
}

func (s *Shelf) recall(sku string) (spot, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, is := s.known[sku]
	return known, is && s.now().Before(known.until)
}

func (s *Shelf) remember(sku string, rows []row) spot {
	found := spotOf(sku, rows)
	found.until = s.now().Add(foundFor)
	if found.refuses() {
		found.until = s.now().Add(missingFor)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[sku] = found
	return found
}

// Forget has a SKU looked for again.
func (s *Shelf) Forget(sku string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, sku)
}

func spotOf(sku string, rows []row) spot {
	switch {
	case len(rows) == 0:
		return spot{err: fault.New(fault.ShopSKUUnknown, "the shop must have a product of the SKU", fault.Field("sku", sku))}
	case len(rows) > 1:
		return spot{err: fault.New(fault.ShopSKUAmbiguous, fmt.Sprintf("the shop must have one product of the SKU, not %d", len(rows)), fault.Field("sku", sku))}
	}
	found := spot{id: string(rows[0].ID)}
	if rows[0].ManageStock != "true" {
		found.stock = unmanaged("sku", sku)
	}
	switch rows[0].Type {
	case "variation":
		found.parent = string(rows[0].Parent)
	case "variable", "grouped": // their price is that of their parts
		found.prices = unpriced("sku", sku)
	}
	return found
}

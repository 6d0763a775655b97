package statuspublisher

import (
	"context"
	"fmt"
	"sync"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/woo"
	"github.com/orderstream/orderstream/services/internal/woo/rest"
)

// maxBatch is the most items WooCommerce takes in one batch.
const maxBatch = 100

// batcher writes to one shop: what gathers while a request runs goes into one batch. No timer delays a lonely
// write.
type batcher struct {
	ctx  context.Context // of the service: a batch serves many orders
	shop *rest.Client

	mu      sync.Mutex
	running bool
	waiting []*write
}

type write struct {
	order string
	value string // of the meta key
	done  chan struct{}
	call  event.Call
	err   error
}

func newBatcher(ctx context.Context, shop *rest.Client) *batcher {
	return &batcher{ctx: ctx, shop: shop}
}

// write tells the shop and returns the call it took, shared or not.
func (b *batcher) write(ctx context.Context, way, order string, facts event.ShopFacts) (event.Call, error) {
	if way == "note" {
		note := map[string]any{"note": fmt.Sprintf("NetSuite sales order %s (id %s), status %s", facts.TranID, facts.SalesOrderID, facts.Status), "customer_note": false}
		answer, err := b.shop.Post(ctx, "note", "/orders/"+order+"/notes", note)
		return answer.Call, err
	}
	value, err := codec.Encode(facts)
	if err != nil {
		return event.Call{}, err
	}
	w := &write{order: order, value: string(value), done: make(chan struct{})}
	b.add(w)
	select {
	case <-w.done:
		return w.call, w.err
	case <-ctx.Done():
		return event.Call{}, ctx.Err()
	}
}

func (b *batcher) add(w *write) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, w)
	if !b.running {
		b.running = true
		go b.serve()
	}
}

func (b *batcher) serve() {
	for {
		b.mu.Lock()
		n := min(len(b.waiting), maxBatch)
		group := b.waiting[:n:n]
		b.waiting = b.waiting[n:]
		b.running = n > 0
		b.mu.Unlock()
		if n == 0 {
			return
		}
		b.send(group)
		for _, w := range group {
			close(w.done)
		}
	}
}

func meta(w *write) []map[string]any {
	return []map[string]any{{"key": string(woo.MetaKey), "value": w.value}}
}

func (b *batcher) send(group []*write) {
	if len(group) == 1 {
		w := group[0]
		answer, err := b.shop.Put(b.ctx, "tell the shop", "/orders/"+w.order, map[string]any{"meta_data": meta(w)})
		w.call, w.err = answer.Call, err
		return
	}
	items := make([]map[string]any, len(group))
	for i, w := range group {
		items[i] = map[string]any{"id": codec.Number(w.order), "meta_data": meta(w)}
	}
	answer, err := b.shop.Post(b.ctx, "tell the shop", "/orders/batch", map[string]any{"update": items})
	answer.Call.Grouped = len(group)
	results := itemErrors(answer.Body)
	for i, w := range group {
		w.call, w.err = answer.Call, err
		switch {
		case err != nil:
		case i < len(results):
			w.err = results[i]
		default:
			w.err = fault.New(fault.Unexpected, "a batch's answer must speak of each item", fault.Field("order", w.order))
		}
	}
}

// itemErrors reads a batch's answer: it is 200 even when single items fail.
func itemErrors(body []byte) []error {
	answer, err := codec.Decode[struct {
		Update []struct {
			Error *woo.Problem `json:"error"`
		} `json:"update"`
	}](body)
	if err != nil {
		return nil
	}
	errs := make([]error, len(answer.Update))
	for i, item := range answer.Update {
		if item.Error != nil {
			errs[i] = itemFault(*item.Error)
		}
	}
	return errs
}

func itemFault(p woo.Problem) error {
	if p.Code == "woocommerce_rest_shop_order_invalid_id" {
		return fault.New(fault.ShopOrderMissing, "the shop must know the order: "+p.Code)
	}
	return fault.New(fault.ShopRefused, "the shop must accept the item: "+p.Code)
}

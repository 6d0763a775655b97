package statuspublisher

import (
	"context"
	"fmt"
	"maps"
	"strings"
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
	body  map[string]any // of the order's fields, those that change
	done  chan struct{}
	call  event.Call
	err   error
}

func newBatcher(ctx context.Context, shop *rest.Client) *batcher {
	return &batcher{ctx: ctx, shop: shop}
}

// write tells the shop, once that is claimed, and returns the calls it took, shared or not.
func (b *batcher) write(ctx context.Context, way, order string, facts event.ShopFacts, claim func(context.Context) error) ([]event.Call, error) {
	if way == "note" {
		return b.note(ctx, order, facts, claim)
	}
	value, err := codec.Encode(facts)
	if err == nil {
		err = claim(ctx)
	}
	if err != nil {
		return nil, err
	}
	return b.change(ctx, order, map[string]any{"meta_data": metaOf(woo.MetaKey, string(value))})
}

// change sets fields of an order, in a batch with what else gathers.
func (b *batcher) change(ctx context.Context, order string, body map[string]any) ([]event.Call, error) {
	w := &write{order: order, body: body, done: make(chan struct{})}
	b.add(w)
	select {
	case <-w.done:
		return []event.Call{w.call}, w.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// noteBegins is how each of our notes begins.
const noteBegins = "NetSuite sales order "

func (b *batcher) note(ctx context.Context, order string, facts event.ShopFacts, claim func(context.Context) error) ([]event.Call, error) {
	text := fmt.Sprintf(noteBegins+"%s (id %s), status %s", facts.TranID, facts.SalesOrderID, facts.Status)
	return b.say(ctx, order, noteBegins, text, false, claim)
}

// say adds a note unless the newest that begins the same way says the same. Invariant 2: a second POST makes a second
// note, and mails a customer's a second time; a crash or a lost answer hides the first. The claim is asked for once the shop
// was looked at: another process may have looked too.
func (b *batcher) say(ctx context.Context, order, begins, text string, toCustomer bool, claim func(context.Context) error) ([]event.Call, error) {
	path := "/orders/" + order + "/notes"
	kind := "internal"
	if toCustomer {
		kind = "customer"
	}
	look, err := b.shop.Get(ctx, "look for the note", path+"?type="+kind)
	if err != nil {
		return []event.Call{look.Call}, err
	}
	newest, err := newestNote(look.Body, begins)
	if err != nil || newest == text {
		return []event.Call{look.Call}, err
	}
	if err := claim(ctx); err != nil {
		return []event.Call{look.Call}, err
	}
	made, err := b.shop.Post(ctx, "note", path, map[string]any{"note": text, "customer_note": toCustomer})
	return []event.Call{look.Call, made.Call}, err
}

// newestNote finds the newest note that begins so in a list, which is newest first; "" when there is none.
func newestNote(body []byte, begins string) (string, error) {
	notes, err := notesIn(body)
	if err != nil {
		return "", err
	}
	for _, n := range notes {
		if strings.HasPrefix(n, begins) {
			return n, nil
		}
	}
	return "", nil
}

// notesIn reads a list of notes, newest first.
func notesIn(body []byte) ([]string, error) {
	rows, err := codec.Decode[[]struct {
		Note woo.Text `json:"note"`
	}](body)
	if err != nil {
		return nil, fault.New(fault.Unexpected, "the shop must answer with a list of notes", fault.Because(err))
	}
	notes := make([]string, len(rows))
	for i, row := range rows {
		notes[i] = string(row.Note)
	}
	return notes, nil
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

func metaOf(key, value string) []map[string]any {
	return []map[string]any{{"key": key, "value": value}}
}

func (b *batcher) send(group []*write) {
	if len(group) == 1 {
		b.alone(group[0])
		return
	}
	items := make([]map[string]any, len(group))
	for i, w := range group {
		items[i] = maps.Clone(w.body)
		items[i]["id"] = codec.Number(w.order)
	}
	answer, err := b.shop.Post(b.ctx, "tell the shop", "/orders/batch", map[string]any{"update": items})
	if fault.ClassOf(err) == fault.Terminal || fault.CodeOf(err) == fault.ShopFailed {
		// Refused as a whole, e.g. by a plugin's lower limit, or PHP fails at one of them: that says nothing about the others.
		for _, w := range group {
			b.alone(w)
		}
		return
	}
	answer.Call.Grouped = len(group)
	results := itemErrors(answer.Body)
	for _, w := range group {
		result, told := results[w.order]
		w.call, w.err = answer.Call, err
		switch {
		case err != nil:
		case told:
			w.err = result
		default:
			w.err = fault.New(fault.Unexpected, "a batch's answer must speak of each item", fault.Field("order", w.order))
		}
	}
}

func (b *batcher) alone(w *write) {
	answer, err := b.shop.Put(b.ctx, "tell the shop", "/orders/"+w.order, w.body)
	w.call, w.err = answer.Call, err
}

// itemErrors reads a batch's answer by order: it is 200 even when single items fail.
func itemErrors(body []byte) map[string]error {
	answer, err := codec.Decode[struct {
		Update []struct {
			ID    woo.Text     `json:"id"`
			Error *woo.Problem `json:"error"`
		} `json:"update"`
	}](body)
	if err != nil {
		return nil
	}
	results := make(map[string]error, len(answer.Update))
	for _, item := range answer.Update {
		results[string(item.ID)] = nil
		if item.Error != nil {
			results[string(item.ID)] = itemFault(*item.Error)
		}
	}
	return results
}

func itemFault(p woo.Problem) error {
	if p.Code == "woocommerce_rest_shop_order_invalid_id" {
		return fault.New(fault.ShopOrderMissing, "the shop must know the order: "+p.Code)
	}
	return fault.New(fault.ShopRefused, "the shop must accept the item: "+p.Code)
}

package statuspublisher

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/woo"
)

// Many orders share requests of at most 100; an item that fails does so alone.
func TestBatches(t *testing.T) {
	b := prepare(t, nil)
	b.shop.missing["1017"], b.shop.refused["1018"] = true, true
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	defer release()
	var first atomic.Int32 // orders in the first request
	b.shop.instead(func(q request) *answer {
		if first.CompareAndSwap(0, int32(max(1, strings.Count(q.body, `"id":`)))) {
			<-hold // meanwhile the others gather
		}
		return nil
	})
	for n := range 250 {
		b.outcome("main", fmt.Sprint(1000+n), event.OutcomeSynced, fmt.Sprint("SO", n), "B")
	}
	b.run()
	b.until("every lane waits", func() bool {
		w := b.service.writers["main"]
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.waiting)+int(first.Load()) == 128
	})
	release()
	b.settled()
	if asked := len(b.shop.asked()); asked > 100 {
		t.Errorf("%d requests for 250 orders, want them shared", asked)
	}
	for n := range 250 {
		order := fmt.Sprint(1000 + n)
		want, code := fmt.Sprintf(`{"account":"ns","sales_order_id":"1001","tran_id":"SO%d","status":"B"}`, n), ""
		switch order {
		case "1017":
			want, code = "", "shop-order-missing"
		case "1018":
			want, code = "", "shop-refused"
		}
		if got := b.shop.holds(order); got != want {
			t.Errorf("order %s holds %s, want %s", order, got, want)
		}
		e := b.ledger(order)
		if code == "" && e.State != event.ShopWritten || code != "" && (e.State != event.ShopParked || e.Fault.Code != code || b.failure(order).Fault.Code != code) {
			t.Errorf("order %s: %s %+v, want %q", order, e.State, e.Fault, code)
		}
	}
	if n := b.nats.Count(t, topology.Failures, subject.FailureAll); n != 2 {
		t.Errorf("%d failures, want the two items", n)
	}
}

// What a batch's answer means for each of its orders.
func TestBatchAnswers(t *testing.T) {
	const refusal = `{"code":"woocommerce_rest_request_entity_too_large","message":"Unable to accept more than 1 items for this request.","data":{"status":413}}`
	const missing = `{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":400}}`
	for name, c := range map[string]struct {
		answer answer
		want   []fault.Code // of orders 1, 2 and 3; "": written
		asked  int
	}{
		"all went well":                  {answer{200, nil, `{"update":[{"id":1},{"id":2},{"id":3}]}`}, []fault.Code{"", "", ""}, 1},
		"one failed":                     {answer{200, nil, `{"update":[{"id":1},{"id":2,"error":` + missing + `},{"id":3}]}`}, []fault.Code{"", fault.ShopOrderMissing, ""}, 1},
		"in another order":               {answer{200, nil, `{"update":[{"id":3},{"id":1},{"id":2,"error":` + missing + `}]}`}, []fault.Code{"", fault.ShopOrderMissing, ""}, 1},
		"an item is not spoken of":       {answer{200, nil, `{"update":[{"id":1},{"id":3}]}`}, []fault.Code{"", fault.Unexpected, ""}, 1},
		"no item is spoken of":           {answer{200, nil, `[]`}, []fault.Code{fault.Unexpected, fault.Unexpected, fault.Unexpected}, 1},
		"HTML":                           {answer{200, nil, `<html>`}, []fault.Code{fault.Unexpected, fault.Unexpected, fault.Unexpected}, 1},
		"cut":                            {answer{200, nil, `{"update":[{"id":1}`}, []fault.Code{fault.Unexpected, fault.Unexpected, fault.Unexpected}, 1},
		"refused as a whole: each alone": {answer{413, nil, refusal}, []fault.Code{"", "", ""}, 4},
		"throttled as a whole":           {answer{429, nil, ""}, []fault.Code{fault.ShopThrottled, fault.ShopThrottled, fault.ShopThrottled}, 1},
		"the shop is down":               {answer{503, nil, ""}, []fault.Code{fault.ShopUnavailable, fault.ShopUnavailable, fault.ShopUnavailable}, 1},
		"the key was revoked":            {answer{401, nil, ""}, []fault.Code{fault.ShopUnauthorised, fault.ShopUnauthorised, fault.ShopUnauthorised}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, nil)
			b.shop.instead(func(q request) *answer {
				if q.path == "/orders/batch" {
					return &c.answer
				}
				return nil
			})
			var group []*write
			for _, order := range []string{"1", "2", "3"} {
				group = append(group, &write{order: order, body: map[string]any{"meta_data": metaOf(woo.MetaKey, "v")}})
			}
			b.service.writers["main"].send(group)
			for i, w := range group {
				if (w.err == nil) != (c.want[i] == "") || w.err != nil && fault.CodeOf(w.err) != c.want[i] {
					t.Errorf("order %s: %v, want %q", w.order, w.err, c.want[i])
				}
			}
			if got := len(b.shop.asked()); got != c.asked {
				t.Errorf("%d requests, want %d", got, c.asked)
			}
		})
	}
}

// One order at which PHP fails holds up no other, whether it comes alone or in a batch; its tries are counted, and it is
// parked in the end.
func TestOneOrderAtWhichPHPFails(t *testing.T) {
	b := prepare(t, nil)
	b.shop.instead(func(q request) *answer {
		if q.method == http.MethodPut && q.path == "/orders/36" || q.path == "/orders/batch" && strings.Contains(q.body, `"id":36`) {
			return &answer{500, nil, "<html>critical error"}
		}
		return nil
	})
	m := b.outcome("main", "36", event.OutcomeSynced, "SO36", "B")
	for n := 1; n <= 8; n++ {
		messages, err := b.service.handle(natstest.Context(t), m)
		b.store(messages)
		if e := b.ledger("36"); e.Attempts != n || n < 8 && fault.CodeOf(err) != fault.ShopFailed || n == 8 && (e.State != event.ShopParked || e.Fault.Code != string(fault.AttemptsExhausted)) {
			t.Fatalf("try %d: %s after %d attempts, %v", n, e.State, e.Attempts, err)
		}
	}
	group := []*write{}
	for _, order := range []string{"35", "36", "37"} {
		group = append(group, &write{order: order, body: map[string]any{"meta_data": metaOf(woo.MetaKey, "v")}})
	}
	b.service.writers["main"].send(group)
	for i, want := range []fault.Code{"", fault.ShopFailed, ""} {
		if err := group[i].err; (err == nil) != (want == "") || err != nil && fault.CodeOf(err) != want {
			t.Errorf("order %s: %v, want %q", group[i].order, err, want)
		}
	}
}

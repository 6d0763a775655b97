package shopsim

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"net/url"
	"strconv"
	"time"

	"github.com/orderstream/orderstream/tools/shopsim/internal/hookshot"
	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// maxFailures is how many failures in a row a webhook bears; the next one
// disables it.
const maxFailures = 6

// runner delivers one store's queue, strictly one delivery at a time.
type runner struct {
	shop    *shop
	trust   *tls.Config
	timeout time.Duration
	trace   *trace
}

func (r *runner) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		id, wait, ok := r.shop.take()
		if ok {
			r.deliver(ctx, id)
			if ctx.Err() != nil {
				return
			}
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-r.shop.wake:
		case <-timer.C:
		}
	}
}

// take gives the next delivery that is due, or how long to wait for one. Taken
// up, it no longer keeps an equal event from being queued.
func (s *shop) take() (id int64, wait time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return 0, time.Hour, false
	}
	head := s.queue[0]
	if wait := time.Until(head.due); wait > 0 {
		return 0, wait, false
	}
	s.queue = s.queue[1:]
	delete(s.waiting, eventOf(s.rows[deliveries][head.id]))
	return head.id, 0, true
}

// deliver sends one queued delivery and takes it off the queue whatever comes
// back: a store never tries twice. Only when the double itself stops half-way
// does the delivery stay queued.
func (r *runner) deliver(ctx context.Context, id int64) {
	e := eventOf(r.shop.get(deliveries, id))
	hook := r.shop.get(webhooks, e.webhook)
	status := 0
	if hook != nil {
		topic := hook.Get("topic").Text()
		status = r.send(ctx, hook, topic, e.object, r.shop.payload(topic, e.object))
	}
	if ctx.Err() != nil {
		return
	}
	err := r.shop.update(func(t *tx) error {
		if t.get(deliveries, id) == nil {
			return nil // a reset has forgotten it and its webhook
		}
		t.put(deliveries, id, nil)
		if hook != nil {
			t.settle(e.webhook, status)
		}
		return nil
	})
	r.trace.fail(err)
}

func (r *runner) send(ctx context.Context, hook *phpjson.Value, topic string, object int64, body []byte) int {
	s := r.shop
	d := hookshot.Delivery{
		Shop: s.wire(), Topic: topic, Secret: hook.Get("secret").Text(),
		WebhookID: hook.Get("id").Int(), DeliveryID: s.deliveryID(hook.Get("id").Int()), Body: body,
	}
	return r.post(ctx, hook.Get("delivery_url").Text(), Entry{Store: s.cfg.Key, Kind: Delivered, Topic: topic, Object: object, Webhook: d.WebhookID, DeliveryID: d.DeliveryID}, d.Request)
}

// ping posts the unsigned form of a webhook that has just been created.
func (r *runner) ping(ctx context.Context, hook *phpjson.Value) {
	p := hookshot.Ping{Shop: r.shop.wire(), WebhookID: hook.Get("id").Int()}
	r.post(ctx, hook.Get("delivery_url").Text(), Entry{Store: r.shop.cfg.Key, Kind: Pinged, Webhook: p.WebhookID}, p.Request)
}

// post sends one request and logs it; the status is 0 without an answer.
func (r *runner) post(ctx context.Context, to string, e Entry, render func(*url.URL) []byte) int {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	done := r.trace.begin(&e)
	target, err := url.Parse(to)
	if err == nil {
		e.Method, e.Path = "POST", target.RequestURI()
		e.Status, err = hookshot.Send(ctx, target, r.trust, render(target))
	}
	if err != nil {
		e.Error = err.Error()
	}
	done()
	return e.Status
}

// settle counts a delivery's outcome at its webhook: 200 to 302 is success.
func (t *tx) settle(webhook int64, status int) {
	hook := t.edit(webhooks, webhook)
	if hook == nil {
		return
	}
	failures := hook.Get("failure_count").Int()
	switch {
	case status >= 200 && status <= 302:
		hook.Set("failure_count", phpjson.Int(0))
	case failures >= maxFailures:
		hook.Set("status", phpjson.Text("disabled"))
	default:
		hook.Set("failure_count", phpjson.Int(failures+1))
	}
}

// deliveryID is WordPress' hash of webhook id and current second: it repeats
// for everything one webhook delivers within a second.
func (s *shop) deliveryID(webhook int64) string {
	salt := hmac.New(md5.New, []byte("salt of "+s.cfg.Key))
	salt.Write([]byte(strconv.FormatInt(webhook, 10) + strconv.FormatInt(s.clock().Unix(), 10)))
	return hex.EncodeToString(salt.Sum(nil))
}

// payload is a topic's body as of now, not as of the event.
func (s *shop) payload(topic string, object int64) []byte {
	table, missing := orders, "woocommerce_rest_shop_order_invalid_id"
	switch topic {
	case "order.deleted":
		return phpjson.Obj(phpjson.N("id", object)).Bytes()
	case "customer.created", "customer.updated":
		table, missing = customers, "woocommerce_rest_invalid_id"
	case "product.created", "product.updated":
		table, missing = products, "woocommerce_rest_product_invalid_id"
	}
	if row := s.get(table, object); row != nil {
		return row.Bytes()
	}
	return fault(404, missing, "Invalid ID.").body.Bytes()
}

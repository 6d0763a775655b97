package shopsim

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// seedTopics are the topics of the seeded webhooks, whose ids count from 1 as
// in the captured stores.
var seedTopics = []string{"order.created", "order.updated", "order.deleted", "order.restored", "customer.created", "customer.updated", "product.updated"}

// pingTimeout is WordPress' default for a request.
const pingTimeout = 5 * time.Second

func (t *tx) newWebhook(name, topic, deliveryURL, secret string) *phpjson.Value {
	id := t.next(webhookIDs)
	if secret == "" {
		secret = t.shop.token(id, "webhook secret", 50)
	}
	resource, event, _ := strings.Cut(topic, ".")
	hook := phpjson.Obj(phpjson.N("id", id), phpjson.T("name", name), phpjson.T("status", "active"), phpjson.T("topic", topic),
		phpjson.T("resource", resource), phpjson.T("event", event), phpjson.F("hooks", phpjson.List()),
		phpjson.T("delivery_url", deliveryURL), phpjson.T("secret", secret), phpjson.N("failure_count", 0),
		phpjson.T("date_created", t.local()), phpjson.T("date_created_gmt", t.gmt()), phpjson.T("date_modified", t.local()), phpjson.T("date_modified_gmt", t.gmt()),
		phpjson.F("_links", t.shop.links("webhooks/"+itoa(id), "webhooks", everyMethod)))
	t.put(webhooks, id, hook)
	return hook
}

// webhookView is a webhook as the API shows it: without secret and failures.
func webhookView(hook *phpjson.Value) *phpjson.Value {
	view := hook.Clone()
	view.Delete("secret")
	view.Delete("failure_count")
	return view
}

// seed fills a new store: its catalogue, two customers, and, if it has a place
// to deliver to, one webhook a topic, not pinged.
func seed(t *tx) error {
	for _, a := range catalogue {
		if a.stock < 0 && slices.Contains(t.shop.cfg.Counted, a.sku) {
			a.stock = 100
		}
		t.put(products, a.id, t.newProduct(a))
	}
	t.reach(postIDs, 35) // products and coupons have the ids below
	t.reach(userIDs, 1)  // the shopkeeper
	t.seedRegulars()
	if t.shop.cfg.DeliveryURL == "" {
		return nil
	}
	for _, topic := range seedTopics {
		t.newWebhook("Orderstream "+topic, topic, t.shop.cfg.DeliveryURL, t.shop.cfg.Secret)
	}
	return nil
}

// readdress points the seeded webhooks of a store opened again to where the
// configuration now says.
func (s *shop) readdress(t *tx) error {
	if s.cfg.DeliveryURL == "" {
		return nil
	}
	for _, hook := range t.all(webhooks) {
		id := hook.Get("id").Int()
		if id <= int64(len(seedTopics)) && hook.Get("delivery_url").Text() != s.cfg.DeliveryURL {
			t.edit(webhooks, id).Set("delivery_url", phpjson.Text(s.cfg.DeliveryURL))
		}
	}
	if len(t.all(webhooks)) > 0 {
		return nil
	}
	for _, topic := range seedTopics {
		t.newWebhook("Orderstream "+topic, topic, s.cfg.DeliveryURL, s.cfg.Secret)
	}
	return nil
}

func checkWebhook(body *phpjson.Value, creating bool) error {
	if creating && !body.Has("topic") {
		return missing("topic")
	}
	if creating && !body.Has("delivery_url") {
		return missing("delivery_url")
	}
	var bad problems
	if s := body.Get("status"); s != nil && !slices.Contains([]string{"active", "paused", "disabled"}, s.Text()) {
		bad.notOneOf("status", "status", []string{"active", "paused", "disabled"})
	}
	if err := bad.err(); err != nil {
		return err
	}
	if topic := body.Get("topic"); topic != nil && !slices.Contains(append([]string{"product.created"}, seedTopics...), topic.Text()) {
		return fault(400, "woocommerce_rest_webhook_invalid_topic", "Webhook topic must be valid.")
	}
	if to := body.Get("delivery_url"); to != nil {
		if u, err := url.Parse(to.Text()); err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http") {
			return fault(400, "woocommerce_rest_webhook_invalid_delivery_url", "Webhook delivery URL must start with http:// or https://.")
		}
	}
	return nil
}

// createWebhook makes an active webhook and pings it; how the ping fares does
// not matter.
func createWebhook(c *call) (*reply, error) {
	if err := checkWebhook(c.body, true); err != nil {
		return nil, err
	}
	var hook *phpjson.Value
	err := c.shop.update(func(t *tx) error {
		name := c.body.Get("name").Text()
		if name == "" {
			name = "Webhook created on " + t.now.In(t.shop.zone).Format("Jan 02, 2006 @ 03:04 PM")
		}
		hook = t.newWebhook(name, c.body.Get("topic").Text(), c.body.Get("delivery_url").Text(), c.body.Get("secret").Text())
		setTexts(hook, c.body, "status")
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.ping(hook)
	return created(webhookView(hook), c.shop.api("webhooks/"+itoa(hook.Get("id").Int()))), nil
}

func (c *call) ping(hook *phpjson.Value) {
	ctx, cancel := context.WithTimeout(c.r.Context(), pingTimeout)
	defer cancel()
	c.hooks.ping(ctx, hook)
}

// putWebhook changes a webhook. Enabling it again does not reset its failures;
// a new delivery URL is pinged.
func putWebhook(c *call) (*reply, error) {
	if err := checkWebhook(c.body, false); err != nil {
		return nil, err
	}
	var hook *phpjson.Value
	moved := false
	err := c.shop.update(func(t *tx) error {
		if hook = t.edit(webhooks, c.id()); hook == nil {
			return fault(400, "woocommerce_rest_shop_webhook_invalid_id", "ID is invalid.")
		}
		to := c.body.Get("delivery_url").Text()
		moved = to != "" && to != hook.Get("delivery_url").Text()
		setTexts(hook, c.body, "name", "status", "topic", "delivery_url", "secret")
		hook.Set("date_modified", phpjson.Text(t.local()))
		hook.Set("date_modified_gmt", phpjson.Text(t.gmt()))
		resource, event, _ := strings.Cut(hook.Get("topic").Text(), ".")
		hook.Set("resource", phpjson.Text(resource))
		hook.Set("event", phpjson.Text(event))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if moved {
		c.ping(hook)
	}
	return ok(webhookView(hook)), nil
}

func getWebhook(c *call) (*reply, error) {
	hook := c.shop.get(webhooks, c.id())
	if hook == nil {
		return nil, fault(404, "woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.")
	}
	return ok(webhookView(hook)), nil
}

func deleteWebhook(c *call) (*reply, error) {
	a, err := getWebhook(c)
	if err != nil {
		return nil, err
	}
	if !c.query.flag("force") {
		return nil, fault(501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
	}
	return a, c.shop.update(func(t *tx) error {
		t.put(webhooks, c.id(), nil)
		return nil
	})
}

func listWebhooks(c *call) (*reply, error) {
	var bad problems
	p := c.paging(&bad)
	status := c.query.choice(&bad, "status", "all", []string{"all", "active", "paused", "disabled"})
	if err := bad.err(); err != nil {
		return nil, err
	}
	var rows []*phpjson.Value
	for _, hook := range c.shop.all(webhooks) {
		if status == "all" || hook.Get("status").Text() == status {
			rows = append(rows, hook)
		}
	}
	sortRows(rows, "date_created_gmt", c.query.get("order") != "asc")
	return c.listed(p, rows, webhookView), nil
}

// setDeliveryURL points all webhooks of a store elsewhere without a ping.
func (s *shop) setDeliveryURL(to string) error {
	if u, err := url.Parse(to); err != nil || u.Host == "" {
		return fmt.Errorf("store %s: delivery url %q: must be an absolute http or https address", s.cfg.Key, to)
	}
	return s.update(func(t *tx) error {
		s.cfg.DeliveryURL = to
		return s.readdress(t)
	})
}

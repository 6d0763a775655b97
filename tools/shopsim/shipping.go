package shopsim

import (
	"net/http"
	"slices"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// trackingPlugins lists the namespaces of the plugins that the double knows.
const trackingPlugins = " wc-shipment-tracking/v3 wc-ast/v3 "

func hasFulfilments(c StoreConfig) bool { return c.Fulfilments }

func hasTracking(namespace string) func(StoreConfig) bool {
	return func(c StoreConfig) bool { return c.TrackingPlugin == namespace }
}

// index is the part of a site's REST index that names its namespaces. It needs no key.
func (s *Server) index(w http.ResponseWriter, key string) {
	names := phpjson.List(phpjson.Text("wp/v2"), phpjson.Text("wc/v3"))
	if plugin := s.shops[key].cfg.TrackingPlugin; plugin != "" {
		names.Append(phpjson.Text(plugin))
	}
	w.Header()["Content-Type"] = []string{"application/json; charset=UTF-8"}
	_, _ = w.Write(phpjson.Obj(phpjson.T("name", "Shop"), phpjson.T("home", s.shops[key].home), phpjson.F("namespaces", names)).Bytes())
}

// mail records that a customer was mailed.
func (t *tx) mail(order int64, text string) {
	id := t.next(mailIDs)
	t.put(mails, id, phpjson.Obj(phpjson.N("id", id), phpjson.N("order_id", order), phpjson.T("text", text), phpjson.T("date_created_gmt", t.gmt())))
}

// The key under which both plugins keep an order's numbers.
const trackingKey = "_wc_shipment_tracking_items"

func listTrackings(c *call) (*reply, error) {
	o := c.shop.get(orders, c.id())
	if o == nil {
		return nil, noNoteOrder()
	}
	list := phpjson.List()
	if m := findMeta(o.Get("meta_data"), trackingKey); m != nil {
		list = m.Get("value")
	}
	return ok(list), nil
}

// createTracking adds a number to the order's meta, saves the order and mails
// the customer. The same number twice is two numbers and two mails.
func createTracking(c *call) (*reply, error) {
	var item *phpjson.Value
	err := c.shop.update(func(t *tx) error {
		if c.body.Get("tracking_number").Text() == "" {
			return missing("tracking_number")
		}
		o := t.edit(orders, c.id())
		if o == nil {
			return noNoteOrder()
		}
		provider := or(c.body.Get("custom_tracking_provider").Text() == "", c.body.Get("tracking_provider").Text(), c.body.Get("custom_tracking_provider").Text())
		item = phpjson.Obj(phpjson.T("tracking_id", t.shop.digest(t.next(parcelIDs), "tracking", 16)), phpjson.T("tracking_provider", provider),
			phpjson.T("tracking_link", c.body.Get("custom_tracking_link").Text()), phpjson.T("tracking_number", c.body.Get("tracking_number").Text()),
			phpjson.T("date_shipped", c.body.Get("date_shipped").Text()))
		list := phpjson.List()
		if m := findMeta(o.Get("meta_data"), trackingKey); m != nil {
			list = m.Get("value").Clone()
		}
		list.Append(item)
		t.writeMeta(o, phpjson.List(phpjson.Obj(phpjson.T("key", trackingKey), phpjson.F("value", list))))
		t.save(o)
		t.mail(c.id(), item.Get("tracking_number").Text())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return created(item, c.shop.api("orders/"+itoa(c.id()))), nil
}

func fulfilmentFault(message string) error {
	return fault(400, "woocommerce_fulfillment_error", message)
}

func listFulfilments(c *call) (*reply, error) {
	if c.shop.get(orders, c.id()) == nil {
		return nil, noNoteOrder()
	}
	list := phpjson.List()
	for _, p := range c.shop.of(c.id(), parcels) {
		list.Append(p)
	}
	return ok(list), nil
}

func getFulfilment(c *call) (*reply, error) {
	p := c.shop.get(parcels, c.id())
	if p == nil || p.Get("entity_id").Text() != itoa(c.parent()) {
		return nil, fulfilmentFault("Fulfillment not found.")
	}
	return ok(p), nil
}

func createFulfilment(c *call) (*reply, error) {
	return c.writeFulfilment(c.id(), 0)
}

func putFulfilment(c *call) (*reply, error) {
	if _, err := getFulfilment(c); err != nil {
		return nil, err
	}
	return c.writeFulfilment(c.parent(), c.id())
}

// writeFulfilment makes a fulfilment, or with an id replaces what one says. A
// fulfilment needs items, and no more of a line than the order has. The order is
// saved with its own status of fulfilment; the customer is mailed when asked for.
func (c *call) writeFulfilment(order, id int64) (*reply, error) {
	var p *phpjson.Value
	err := c.shop.update(func(t *tx) error {
		o := t.edit(orders, order)
		if o == nil {
			return noNoteOrder()
		}
		if err := t.checkItems(o, id, metaText(c.body, "_items")); err != nil {
			return err
		}
		made := id == 0
		if made {
			id = t.next(parcelIDs)
		}
		p = phpjson.Obj(phpjson.N("id", id), phpjson.T("entity_type", "WC_Order"), phpjson.T("entity_id", itoa(order)), phpjson.T("status", c.body.Get("status").Text()),
			phpjson.B("is_fulfilled", c.body.Get("is_fulfilled").True()), phpjson.T("date_updated", t.gmt()), phpjson.F("meta_data", c.body.Get("meta_data").Clone()))
		t.put(parcels, id, p)
		t.writeMeta(o, phpjson.List(phpjson.Obj(phpjson.T("key", "_fulfillment_status"), phpjson.T("value", "fulfilled"))))
		t.save(o)
		if c.body.Get("notify_customer").True() && p.Get("is_fulfilled").True() {
			t.mail(order, or(made, "", "updated: ")+metaText(p, "_tracking_number").Text())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return created(p, c.shop.api("orders/"+itoa(order)+"/fulfillments/"+itoa(id))), nil
}

// metaText is a value in the meta data of a fulfilment.
func metaText(p *phpjson.Value, key string) *phpjson.Value {
	if m := findMeta(p.Get("meta_data"), key); m != nil {
		return m.Get("value")
	}
	return phpjson.List()
}

// checkItems refuses a fulfilment of nothing, of other lines, and of more than is left.
func (t *tx) checkItems(o *phpjson.Value, except int64, items *phpjson.Value) error {
	if len(items.Items()) == 0 {
		return fulfilmentFault("The fulfillment should contain at least one item.")
	}
	used := map[int64]int64{}
	for _, p := range t.of(o.Get("id").Int(), parcels) {
		if p.Get("id").Int() != except {
			for _, i := range metaText(p, "_items").Items() {
				used[i.Get("item_id").Int()] += i.Get("qty").Int()
			}
		}
	}
	for _, i := range items.Items() {
		line := findID(o.Get("line_items"), i.Get("item_id").Int())
		if line == nil || used[i.Get("item_id").Int()]+i.Get("qty").Int() > line.Get("quantity").Int() {
			return fulfilmentFault("Invalid item.")
		}
	}
	return nil
}

// Mails gives what the customer of an order was mailed about shipping and in notes, oldest first.
func (s *Server) Mails(store string, order int64) ([]string, error) {
	shop, err := s.shop(store)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, m := range shop.of(order, mails) {
		list = append(list, m.Get("text").Text())
	}
	return slices.Clip(list), nil
}

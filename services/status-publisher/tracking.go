package statuspublisher

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/woo"
	"github.com/orderstream/orderstream/services/status-publisher/plan"
)

// The ways a store keeps tracking numbers, as configuration and ledger name them.
const (
	byFulfilments = "fulfillments" // WooCommerce's own, wc/v3/orders/<id>/fulfillments, while its feature is on
	byPlugin      = "shipment-tracking"
	byAdvanced    = "advanced-shipment-tracking"
	byNote        = "note" // notes to the customer
)

// Namespaces of the two plugins. Both list and take an order's numbers at orders/<id>/shipment-trackings. Sources:
// WC_Shipment_Tracking_REST_API_Controller, WC_Advanced_Shipment_Tracking_REST_API_Controller.
var namespaces = map[string]string{byPlugin: "wc-shipment-tracking/v3", byAdvanced: "wc-ast/v3"}

// customs remembers how each store keeps its numbers.
type customs struct {
	mu      sync.Mutex
	byStore map[string]custom
}

type custom struct {
	way   string
	until time.Time
}

// customFor is how long a store's custom is believed: a merchant installs a plugin now and then.
const customFor = time.Hour

func (c *customs) of(store string, now time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.byStore[store]; now.Before(known.until) {
		return known.way
	}
	return ""
}

func (c *customs) learn(store, way string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byStore == nil {
		c.byStore = map[string]custom{}
	}
	c.byStore[store] = custom{way, now.Add(customFor)}
}

func (s *Service) fulfilmentDeeds(c change) []deed {
	if c.rules.Owner.Tracking != config.ByNetSuite {
		return nil
	}
	deeds := []deed{{event.ShopKindFulfilment, c.Order + "-" + c.Record.ID, s.ship}}
	if s.stores[c.Store].WriteBack == "meta" {
		deeds = append(deeds, deed{event.ShopKindTracking, c.Order, s.list})
	}
	return deeds
}

// ship tells the shop of a fulfilment in the way the store has. Invariant 2: each number mails the customer, so the shop's
// own list is read before anything is added to it, by one process at a time.
func (s *Service) ship(ctx context.Context, c change, e entry, _ deed) (*done, error) {
	turn, e, err := s.turn(ctx, c, e)
	if err != nil || e.overtaken(c) {
		return nil, err
	}
	if c.Deleted || c.Status != plan.Shipped {
		return withdraw(c, e)
	}
	ledger, err := s.ledgerOf(ctx, c)
	if err != nil {
		return nil, err
	}
	shipment := plan.ShipmentOf(c.NetSuiteChangedV1, ledger.Lines)
	hash, err := codec.Hash([]any{shipment.Numbers, c.ShipMethod, shipment.Items})
	if err != nil || e.told(hash) {
		return nil, err
	}
	if e.last != nil && e.last.State == event.ShopWritten && e.last.Deed != nil {
		shipment.Told = e.last.Deed.Tracking
	}
	result := &done{hash: hash, deed: c.about()}
	turn.result = result
	sent, err := s.shipBy(ctx, c, shipment, turn)
	if fault.CodeOf(err) == fault.ShopRouteMissing && c.rules.Tracking == "auto" {
		s.customs.learn(c.Store, "", s.now()) // what the store had is gone: ask it again
		sent, err = s.shipBy(ctx, c, shipment, turn)
	}
	if err == nil && !sent {
		return nil, nil
	}
	return result, err
}

// withdraw shows a person that a shipment which the shop was told of is gone, or not shipped any more: the customer was
// mailed, and a completed order is never moved back.
func withdraw(c change, e entry) (*done, error) {
	if e.last == nil || e.last.Deed == nil {
		return nil, nil
	}
	result := &done{deed: c.about()}
	if e.last.Deed.Convention == "" {
		result.deed.Rule = plan.RuleGone
		return result, nil
	}
	result.deed.Convention, result.deed.Tracking = e.last.Deed.Convention, e.last.Deed.Tracking
	return result, fault.New(fault.FulfilmentWithdrawn, "a fulfilment that the shop was told of must stay shipped in NetSuite", fault.Field("itemFulfillment "+c.Record.ID, c.TranID))
}

// shipBy finds the store's way and takes it; it tells whether there was anything to tell.
func (s *Service) shipBy(ctx context.Context, c change, shipment plan.Shipment, turn *turn) (bool, error) {
	result := turn.result
	way, err := s.way(ctx, c, shipment, &result.calls)
	if err != nil || way != byFulfilments && len(shipment.Numbers) == 0 {
		return false, err
	}
	result.deed.Convention, result.deed.Tracking = way, shipment.Numbers
	return true, shippers[way](ctx, c, shipment, turn)
}

// way is how the shop is told of a shipment.
func (s *Service) way(ctx context.Context, c change, shipment plan.Shipment, calls *[]event.Call) (string, error) {
	way, err := s.custom(ctx, c, calls)
	if way == byFulfilments && len(shipment.Items) == 0 {
		way = byNote // WooCommerce takes no fulfilment without items; NetSuite's lines are not the shop's
	}
	return way, err
}

// shipper tells the shop of a shipment once it has looked what the shop knows, and taken the turn.
type shipper func(ctx context.Context, c change, shipment plan.Shipment, turn *turn) error

var shippers = map[string]shipper{
	byFulfilments: fulfil, byPlugin: track(namespaces[byPlugin]), byAdvanced: track(namespaces[byAdvanced]), byNote: tellCustomer,
}

// custom asks the store once how it keeps tracking numbers, and remembers.
func (s *Service) custom(ctx context.Context, c change, calls *[]event.Call) (string, error) {
	if c.rules.Tracking != "auto" {
		return c.rules.Tracking, nil
	}
	if way := s.customs.of(c.Store, s.now()); way != "" {
		return way, nil
	}
	way, err := probe(ctx, c, calls)
	if err == nil {
		s.customs.learn(c.Store, way, s.now())
	}
	return way, err
}

func probe(ctx context.Context, c change, calls *[]event.Call) (string, error) {
	answer, err := c.shop.shop.Get(ctx, "has the store fulfilments", "/orders/"+c.Order+"/fulfillments")
	*calls = append(*calls, answer.Call)
	switch {
	case err == nil:
		return byFulfilments, nil
	case fault.CodeOf(err) != fault.ShopRouteMissing:
		return "", err
	}
	answer, err = c.shop.shop.Under("").Get(ctx, "has the store a tracking plugin", "?_fields=namespaces")
	*calls = append(*calls, answer.Call)
	if err != nil {
		return "", err
	}
	index, err := codec.Decode[struct {
		Namespaces []string `json:"namespaces"`
	}](answer.Body)
	if err != nil {
		return "", fault.New(fault.Unexpected, "the shop must list its namespaces", fault.Because(err))
	}
	for _, way := range []string{byAdvanced, byPlugin} {
		if slices.Contains(index.Namespaces, namespaces[way]) {
			return way, nil
		}
	}
	return byNote, nil
}

// tracked is a number that a tracking plugin lists.
type tracked struct {
	Number woo.Text `json:"tracking_number"`
}

// track adds the numbers that a tracking plugin does not list yet.
func track(namespace string) shipper {
	return func(ctx context.Context, c change, shipment plan.Shipment, turn *turn) error {
		calls := &turn.result.calls
		plugin, path := c.shop.shop.Under(namespace), "/orders/"+c.Order+"/shipment-trackings"
		look, err := plugin.Get(ctx, "look for the tracking numbers", path)
		*calls = append(*calls, look.Call)
		if err != nil {
			return err
		}
		listed, err := codec.Decode[[]tracked](look.Body)
		if err != nil {
			return fault.New(fault.Unexpected, "the shop must answer with a list of tracking numbers", fault.Because(err))
		}
		for _, number := range shipment.News(func(number string) bool {
			return slices.ContainsFunc(listed, func(t tracked) bool { return strings.EqualFold(string(t.Number), number) })
		}) {
			body := map[string]any{"tracking_provider": shipment.Carrier, "custom_tracking_provider": shipment.Carrier, "tracking_number": number, "date_shipped": shipment.Date}
			if err := turn.take(ctx); err != nil {
				return err
			}
			made, err := plugin.Post(ctx, "add the tracking number", path, body)
			*calls = append(*calls, made.Call)
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// tellCustomer mails each number in a note that no note of the order holds yet.
func tellCustomer(ctx context.Context, c change, shipment plan.Shipment, turn *turn) error {
	for _, number := range shipment.News(func(string) bool { return false }) {
		made, err := c.shop.sayOnce(ctx, c.Order, number, plan.TrackingNote(shipment, number), turn)
		turn.result.calls = append(turn.result.calls, made...)
		if err != nil {
			return err
		}
	}
	return nil
}

// sayOnce mails the customer a note unless one of the order's notes to the customer holds the word already.
func (b *batcher) sayOnce(ctx context.Context, order, word, text string, turn *turn) ([]event.Call, error) {
	path := "/orders/" + order + "/notes"
	look, err := b.shop.Get(ctx, "look for the note", path+"?type=customer")
	if err != nil {
		return []event.Call{look.Call}, err
	}
	notes, err := notesIn(look.Body)
	if err != nil || slices.ContainsFunc(notes, func(n string) bool { return slices.Contains(strings.Fields(n), word) }) {
		return []event.Call{look.Call}, err
	}
	if err := turn.take(ctx); err != nil {
		return []event.Call{look.Call}, err
	}
	made, err := b.shop.Post(ctx, "note", path, map[string]any{"note": text, "customer_note": true})
	return []event.Call{look.Call, made.Call}, err
}

// fulfilment is one of WooCommerce's own. Source: OrderFulfillmentsRestController; feature "fulfillments", 10.1 and newer.
type fulfilment struct {
	ID   woo.Text   `json:"id"`
	Meta []woo.Meta `json:"meta_data"`
}

func (f fulfilment) text(key woo.Text) string { return woo.TextOf(f.Meta, key) }

// fulfil makes a fulfilment of the shop for one of NetSuite's, which it names, or gives it the numbers it has now. A
// fulfilment has room for one number: several stand side by side, and WooCommerce's mail names them all. So the shop mails
// where all of them are news; else a note tells the new ones, before the fulfilment has them: after a crash in between they
// are still news, and the note is there.
func fulfil(ctx context.Context, c change, shipment plan.Shipment, turn *turn) error {
	calls := &turn.result.calls
	path := "/orders/" + c.Order + "/fulfillments"
	look, err := c.shop.shop.Get(ctx, "look for the fulfilment", path)
	*calls = append(*calls, look.Call)
	if err != nil {
		return err
	}
	listed, err := fulfilmentsIn(look.Body)
	if err != nil {
		return err
	}
	numbers, record := strings.Join(shipment.Numbers, ", "), c.Account+":"+c.Record.ID
	at := slices.IndexFunc(listed, func(f fulfilment) bool { return f.text(woo.MetaRecord) == record })
	if at >= 0 && listed[at].text("_tracking_number") == numbers {
		return nil
	}
	news := shipment.News(func(number string) bool {
		return slices.ContainsFunc(listed, func(f fulfilment) bool {
			return slices.Contains(strings.Split(f.text("_tracking_number"), ", "), number)
		})
	})
	mails := len(news) == len(shipment.Numbers) && (at < 0 || len(news) > 0)
	if rest := (plan.Shipment{Carrier: shipment.Carrier, Numbers: news}); !mails {
		if err := tellCustomer(ctx, c, rest, turn); err != nil {
			return err
		}
	}
	if err := turn.take(ctx); err != nil {
		return err
	}
	body := map[string]any{"status": "fulfilled", "is_fulfilled": true, "notify_customer": mails, "meta_data": fulfilmentMeta(shipment, numbers, record)}
	if at < 0 {
		look, err = c.shop.shop.Post(ctx, "make the fulfilment", path, body)
	} else {
		look, err = c.shop.shop.Put(ctx, "give the fulfilment its numbers", path+"/"+string(listed[at].ID), body)
	}
	*calls = append(*calls, look.Call)
	return err
}

// fulfilmentsIn reads the list, which some versions wrap.
func fulfilmentsIn(body []byte) ([]fulfilment, error) {
	if list, err := codec.Decode[[]fulfilment](body); err == nil {
		return list, nil
	}
	wrapped, err := codec.Decode[struct {
		List []fulfilment `json:"fulfillments"`
	}](body)
	if err != nil {
		return nil, fault.New(fault.Unexpected, "the shop must answer with a list of fulfilments", fault.Because(err))
	}
	return wrapped.List, nil
}

// fulfilmentMeta names the carrier in both spellings that versions of WooCommerce read.
func fulfilmentMeta(shipment plan.Shipment, numbers, record string) []map[string]any {
	items := make([]map[string]any, 0, len(shipment.Items))
	for _, item := range shipment.Items {
		items = append(items, map[string]any{"item_id": codec.Number(item.Line), "qty": codec.Number(item.Quantity.String())})
	}
	meta := []map[string]any{{"key": "_items", "value": items}, {"key": woo.MetaRecord, "value": record}, {"key": "_tracking_number", "value": numbers}}
	for _, key := range []string{"_shipment_provider", "_shipping_provider"} {
		meta = append(meta, map[string]any{"key": key, "value": shipment.Carrier})
	}
	return meta
}

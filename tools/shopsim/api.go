package shopsim

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// Place has made-up shoppers place orders and gives the orders' ids: fewer than wanted when the product is sold out.
func (s *Server) Place(p Placement) ([]int64, error) {
	shop, err := s.shop(p.Store)
	if err = errors.Join(err, p.check()); err != nil {
		return nil, fmt.Errorf("place: %w", err)
	}
	var ids []int64
	for range max(p.Count, 1) {
		soldOut := false
		err := shop.update(func(t *tx) error {
			if soldOut = p.Product != 0 && t.soldOut(p.Product) || p.Beside != 0 && t.soldOut(p.Beside); !soldOut {
				ids = append(ids, t.checkout(p))
			}
			return nil
		})
		if err != nil {
			return ids, fmt.Errorf("place: %w", err)
		}
		if soldOut {
			break
		}
		s.trace.count(1, 0)
	}
	return ids, nil
}

// SetStatus moves an order as a merchant does, with the webhooks of that.
// Beside the statuses of an order, "trash" moves it to the trash, "restored"
// takes it out, and "deleted" removes it for good, of which no webhook tells.
func (s *Server) SetStatus(store string, order int64, status string) error {
	shop, err := s.shop(store)
	if err != nil {
		return fmt.Errorf("set status: %w", err)
	}
	return shop.update(func(t *tx) error {
		o := t.edit(orders, order)
		switch {
		case o == nil:
			return fmt.Errorf("set status: order %d: not in store %s", order, shop.cfg.Key)
		case status == "trash":
			t.trash(o)
		case status == "restored":
			t.restore(o)
		case status == "deleted":
			t.erase(order)
		case slices.Contains(orderStatuses, status):
			t.setStatus(o, status)
			t.save(o)
		default:
			return fmt.Errorf("set status: status %q: must be trash, restored, deleted or one of %v", status, orderStatuses)
		}
		return nil
	})
}

// Edit changes an order as a merchant does; change is a REST body.
func (s *Server) Edit(store string, order int64, change []byte) error {
	shop, err := s.shop(store)
	if err != nil {
		return fmt.Errorf("edit: %w", err)
	}
	body, err := phpjson.Parse(change)
	if err != nil {
		return fmt.Errorf("edit order %d: %w", order, err)
	}
	return shop.update(func(t *tx) error {
		_, err := t.putOrder(order, body)
		return err
	})
}

// Refund gives money of an order back as a merchant does; refund is a REST body.
func (s *Server) Refund(store string, order int64, refund []byte) error {
	shop, err := s.shop(store)
	if err != nil {
		return fmt.Errorf("refund: %w", err)
	}
	body, err := phpjson.Parse(refund)
	if err != nil {
		return fmt.Errorf("refund order %d: %w", order, err)
	}
	return shop.update(func(t *tx) error {
		_, err := t.refund(order, body)
		return err
	})
}

// Load is an order's state to be put into a store as it is.
type Load struct {
	Store   string
	Order   []byte   // the whole order as REST shows it
	Refunds [][]byte // its refunds as GET /orders/{id}/refunds shows them
	Deleted bool     // remove the order for good instead
}

// Load makes an order's JSON a store's current state, byte for byte, without a
// webhook, and gives the order's id. Its notes stay, as no state of an order
// takes them away. Refunds that the order names and that are not given are made
// up without lines.
func (s *Server) Load(l Load) (int64, error) {
	shop, err := s.shop(l.Store)
	if err != nil {
		return 0, fmt.Errorf("load: %w", err)
	}
	o, err := phpjson.Parse(l.Order)
	if err != nil {
		return 0, fmt.Errorf("load: order: %w", err)
	}
	id := o.Get("id").Int()
	if id <= 0 {
		return 0, fmt.Errorf("load: order: id %q: must be a positive number", o.Get("id").Text())
	}
	return id, shop.update(func(t *tx) error {
		t.reach(postIDs, id)
		if l.Deleted {
			t.erase(id)
			return nil
		}
		t.eraseRefunds(id)
		t.put(orders, id, o)
		t.reachLoaded(o)
		return t.loadRefunds(o, l.Refunds)
	})
}

// reachLoaded keeps the sequences above the ids a loaded order uses.
func (t *tx) reachLoaded(o *phpjson.Value) {
	for _, m := range o.Get("meta_data").Items() {
		t.reach(metaIDs, m.Get("id").Int())
	}
	for _, key := range []string{"line_items", "tax_lines", "shipping_lines", "fee_lines", "coupon_lines"} {
		for _, l := range o.Get(key).Items() {
			t.reach(lineIDs, l.Get("id").Int())
			for _, m := range l.Get("meta_data").Items() {
				t.reach(lineMetaIDs, m.Get("id").Int())
			}
		}
	}
}

func (t *tx) loadRefunds(o *phpjson.Value, given [][]byte) error {
	for i, raw := range given {
		r, err := phpjson.Parse(raw)
		if err != nil {
			return fmt.Errorf("load: refunds[%d]: %w", i, err)
		}
		if r.Get("id").Int() <= 0 {
			return fmt.Errorf("load: refunds[%d]: id %q: must be a positive number", i, r.Get("id").Text())
		}
		r.Delete("parent_id")
		fields := append([]phpjson.Field{r.Fields()[0], phpjson.F("parent_id", o.Get("id"))}, r.Fields()[1:]...)
		t.put(refunds, r.Get("id").Int(), phpjson.Obj(fields...))
	}
	for _, row := range o.Get("refunds").Items() {
		id := row.Get("id").Int()
		t.reach(postIDs, id)
		if t.get(refunds, id) != nil {
			continue
		}
		r := t.newRefund(o, dec(row.Get("total").Text()).Neg(), row.Get("reason").Text())
		r.Set("id", phpjson.Int(id))
		r.Set("_links", t.shop.childLinks(o.Get("id").Int(), "refunds", id))
		t.put(refunds, id, r)
	}
	return nil
}

// Deliver sends a body as a delivery of a topic now, past the queue, and gives
// the status of the answer. The failure is not counted at the webhook.
func (s *Server) Deliver(ctx context.Context, store, topic string, body []byte) (int, error) {
	shop, err := s.shop(store)
	if err != nil {
		return 0, fmt.Errorf("deliver: %w", err)
	}
	for _, hook := range shop.all(webhooks) {
		if hook.Get("topic").Text() == topic {
			return s.runners[shop.cfg.Key].send(ctx, hook, topic, 0, body), nil
		}
	}
	return 0, fmt.Errorf("deliver: topic %q: store %s has no webhook for it", topic, shop.cfg.Key)
}

// SetDeliveryURL points a store's seeded webhooks to another receiver, without
// a ping.
func (s *Server) SetDeliveryURL(store, to string) error {
	shop, err := s.shop(store)
	if err != nil {
		return err
	}
	return shop.setDeliveryURL(to)
}

// SetFaults makes the REST API misbehave; the zero value ends that.
func (s *Server) SetFaults(f Faults) error { return s.saboteur.set(f) }

// Traffic switches demo traffic: orders placed at all stores together, and
// changes of earlier ones.
func (s *Server) Traffic(on bool, perMinute float64) error {
	if on && (perMinute <= 0 || perMinute > 60_000) {
		return fmt.Errorf("orders_per_minute %g: must be above 0 and at most 60000", perMinute)
	}
	s.traffic.set(on, perMinute)
	return nil
}

// Reset empties the stores to their seeded state and forgets log, counts,
// faults and traffic.
func (s *Server) Reset() error {
	s.traffic.set(false, 0)
	err := s.saboteur.set(Faults{})
	for _, shop := range s.shops {
		err = errors.Join(err, shop.reset())
	}
	s.trace.reset()
	return err
}

// Log gives the last 10,000 to 20,000 requests answered and webhooks sent.
func (s *Server) Log() []Entry { return s.trace.log() }

// Stats gives the counts since start or reset, and what waits now.
func (s *Server) Stats() Stats {
	stats := s.trace.snapshot()
	for _, shop := range s.shops {
		stats.Waiting += len(shop.all(deliveries))
		for _, hook := range shop.all(webhooks) {
			if hook.Get("status").Text() == "disabled" {
				stats.Disabled++
			}
		}
	}
	return stats
}

// Orders gives every order of a store by rising id, each as REST shows it.
func (s *Server) Orders(store string) ([][]byte, error) {
	shop, err := s.shop(store)
	if err != nil {
		return nil, err
	}
	var list [][]byte
	for _, row := range shop.all(orders) {
		list = append(list, row.Bytes())
	}
	return list, nil
}

// Order gives one order of a store as REST shows it.
func (s *Server) Order(store string, id int64) ([]byte, error) {
	shop, err := s.shop(store)
	if err != nil {
		return nil, err
	}
	row := shop.get(orders, id)
	if row == nil {
		return nil, fmt.Errorf("id %d: the store has no such order", id)
	}
	return row.Bytes(), nil
}

// Notes gives an order's notes by rising id, each as REST shows it.
func (s *Server) Notes(store string, order int64) ([][]byte, error) {
	shop, err := s.shop(store)
	if err != nil {
		return nil, err
	}
	var list [][]byte
	for _, row := range shop.of(order, notes) {
		list = append(list, noteView(row).Bytes())
	}
	return list, nil
}

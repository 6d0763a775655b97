package shopsim

import (
	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

func noNoteOrder() error {
	return fault(404, "woocommerce_rest_order_invalid_id", "Invalid order ID.")
}

// noteView is a note as the API shows it; its order is kept beside.
func noteView(n *phpjson.Value) *phpjson.Value {
	view := n.Clone()
	view.Delete("order_id")
	return view
}

// addNote writes a note on an order: no webhook, no change of the order's date.
func (t *tx) addNote(order int64, text string, toCustomer bool) *phpjson.Value {
	id := t.next(noteIDs)
	n := phpjson.Obj(phpjson.N("order_id", order), phpjson.N("id", id), phpjson.T("author", "WooCommerce"), phpjson.T("date_created", t.local()), phpjson.T("date_created_gmt", t.gmt()),
		phpjson.T("note", text), phpjson.B("customer_note", toCustomer), phpjson.F("_links", t.shop.childLinks(order, "notes", id)))
	t.put(notes, id, n)
	if toCustomer {
		t.mail(order, text)
	}
	return n
}

func createNote(c *call) (*reply, error) {
	var n *phpjson.Value
	err := c.shop.update(func(t *tx) error {
		if !c.body.Has("note") {
			return missing("note")
		}
		if t.get(orders, c.id()) == nil {
			return noNoteOrder()
		}
		n = t.addNote(c.id(), c.body.Get("note").Text(), c.body.Get("customer_note").True())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return created(noteView(n), c.shop.api("orders/"+itoa(c.id())+"/notes/"+itoa(n.Get("id").Int()))), nil
}

// listNotes gives all notes of an order, newest first; a store does not page them.
func listNotes(c *call) (*reply, error) {
	if c.shop.get(orders, c.id()) == nil {
		return nil, noNoteOrder()
	}
	var bad problems
	want := c.query.choice(&bad, "type", "any", []string{"any", "customer", "internal"})
	if err := bad.err(); err != nil {
		return nil, err
	}
	var rows []*phpjson.Value
	for _, n := range c.shop.of(c.id(), notes) {
		if toCustomer := n.Get("customer_note").True(); want == "any" || (want == "customer") == toCustomer {
			rows = append(rows, noteView(n))
		}
	}
	sortRows(rows, "id", true)
	return ok(phpjson.List(rows...)), nil
}

func getNote(c *call) (*reply, error) {
	n := c.shop.get(notes, c.id())
	if n == nil || n.Get("order_id").Int() != c.parent() {
		return nil, fault(404, "woocommerce_rest_invalid_id", "Invalid resource ID.")
	}
	return ok(noteView(n)), nil
}

func deleteNote(c *call) (*reply, error) {
	a, err := getNote(c)
	if err != nil {
		return nil, err
	}
	if !c.query.flag("force") {
		return nil, fault(501, "woocommerce_rest_trash_not_supported", "Order notes do not support trashing.")
	}
	return a, c.shop.update(func(t *tx) error {
		t.put(notes, c.id(), nil)
		return nil
	})
}

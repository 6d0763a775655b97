package shopsim

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// maxBatch is how many items one batch may hold, creations, updates and
// deletions together.
const maxBatch = 100

func noOrder(status int) error {
	if status == 400 {
		return fault(400, "woocommerce_rest_shop_order_invalid_id", "ID is invalid.")
	}
	return fault(status, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
}

// orderView shows an order with the decimals asked for.
func (c *call) orderView(o *phpjson.Value) *phpjson.Value {
	dp := int64(2)
	if n, err := strconv.ParseInt(c.query.get("dp"), 10, 32); err == nil && n >= 0 && n <= 16 {
		dp = n
	}
	return withDecimals(o, int32(dp))
}

func getOrder(c *call) (*reply, error) {
	o := c.shop.get(orders, c.id())
	if o == nil {
		return nil, noOrder(404)
	}
	return ok(c.orderView(o)), nil
}

func createOrder(c *call) (*reply, error) {
	var o *phpjson.Value
	err := c.shop.update(func(t *tx) (err error) {
		o, err = t.createOrder(c.body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return created(c.orderView(o), c.shop.api("orders/"+itoa(o.Get("id").Int()))), nil
}

func putOrder(c *call) (*reply, error) {
	var o *phpjson.Value
	err := c.shop.update(func(t *tx) (err error) {
		o, err = t.putOrder(c.id(), c.body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ok(c.orderView(o)), nil
}

// deleteOrder trashes an order, or removes it for good with force; the answer
// shows the order as it was.
func deleteOrder(c *call) (*reply, error) {
	var was *phpjson.Value
	err := c.shop.update(func(t *tx) (err error) {
		was, err = t.deleteOrder(c.id(), c.query.flag("force"))
		return err
	})
	if err != nil {
		return nil, err
	}
	return ok(c.orderView(was)), nil
}

func (t *tx) deleteOrder(id int64, force bool) (*phpjson.Value, error) {
	o := t.get(orders, id)
	if o == nil {
		return nil, noOrder(404)
	}
	was := o.Clone()
	switch {
	case force:
		t.erase(id)
	case o.Get("status").Text() == "trash":
		return nil, fault(410, "woocommerce_rest_already_trashed", "The shop_order has already been deleted.")
	default:
		t.trash(t.edit(orders, id))
	}
	return was, nil
}

// checkOrder finds what is wrong with the body of a creation or an update.
func checkOrder(body *phpjson.Value) error {
	var bad problems
	if s := body.Get("status"); s != nil && !slices.Contains(orderStatuses, s.Text()) {
		bad.notOneOf("status", "status", orderStatuses)
	}
	for _, key := range []string{"meta_data", "line_items", "shipping_lines", "fee_lines", "coupon_lines"} {
		if v := body.Get(key); v != nil && v.Kind() != phpjson.Array {
			bad.notType(key, "array")
		}
	}
	for _, key := range []string{"billing", "shipping"} {
		if v := body.Get(key); v != nil && v.Kind() != phpjson.Object {
			bad.notType(key, "object")
		}
	}
	return bad.err()
}

func (t *tx) createOrder(body *phpjson.Value) (*phpjson.Value, error) {
	if err := checkOrder(body); err != nil {
		return nil, err
	}
	o := t.newOrder(t.next(postIDs), "rest-api", "pending", body.Get("customer_id").Int())
	id := o.Get("id").Int()
	t.put(orders, id, o)
	if err := t.writeOrder(o, body); err != nil {
		return nil, err
	}
	t.touch(o)
	t.fire("order.created", id)
	t.fire("order.updated", id)
	return o, nil
}

// putOrder changes what the body names and nothing else. Any PUT at all is a
// save: it moves date_modified and fires order.updated, even an empty one.
func (t *tx) putOrder(id int64, body *phpjson.Value) (*phpjson.Value, error) {
	if t.get(orders, id) == nil {
		return nil, noOrder(400)
	}
	if err := checkOrder(body); err != nil {
		return nil, err
	}
	o := t.edit(orders, id)
	wasTrash := o.Get("status").Text() == "trash"
	if err := t.writeOrder(o, body); err != nil {
		return nil, err
	}
	t.touch(o)
	untrashed := wasTrash && o.Get("status").Text() != "trash"
	if !untrashed || t.shop.cfg.PostsStorage {
		t.fire("order.updated", id)
	}
	return o, nil
}

// writeOrder writes a REST body into an order.
func (t *tx) writeOrder(o, body *phpjson.Value) error {
	for _, key := range []string{"currency", "customer_note", "payment_method", "payment_method_title", "transaction_id", "customer_ip_address", "customer_user_agent", "created_via"} {
		if v := body.Get(key); v != nil {
			o.Set(key, phpjson.Text(v.Text()))
		}
	}
	if v := body.Get("customer_id"); v != nil {
		o.Set("customer_id", phpjson.Int(v.Int()))
		o.Set("_links", t.shop.orderLinks(o.Get("id").Int(), v.Int()))
	}
	for _, key := range []string{"billing", "shipping"} {
		for _, f := range body.Get(key).Fields() {
			if o.Get(key).Has(f.Key) {
				o.Get(key).Set(f.Key, phpjson.Text(f.Value.Text()))
			}
		}
	}
	if err := t.writeLines(o, body); err != nil {
		return err
	}
	t.writeMeta(o, body.Get("meta_data"))
	t.writeStatus(o, body)
	return nil
}

func (t *tx) writeStatus(o, body *phpjson.Value) {
	status := body.Get("status").Text()
	if body.Get("set_paid").True() && o.Get("date_paid").IsNull() {
		t.date(o, "date_paid", false)
		if status == "" {
			status = or(t.needsProcessing(o), "processing", "completed")
		}
	}
	if status != "" {
		t.setStatus(o, status)
	}
}

// writeMeta merges meta data by id or else by key; null deletes. What was
// written comes back in the order of the keys, as from the store's index.
func (t *tx) writeMeta(o, rows *phpjson.Value) {
	list := o.Get("meta_data")
	for _, row := range rows.Items() {
		key, value := row.Get("key").Text(), metaValue(row.Get("value"))
		old := findID(list, row.Get("id").Int())
		if old == nil {
			old = findMeta(list, key)
		}
		switch {
		case old == nil && !value.IsNull():
			list.Append(t.meta(key, value))
		case old != nil && value.IsNull():
			list = dropMeta(list, old.Get("key").Text())
		case old != nil:
			old.Set("value", value)
		}
	}
	if len(rows.Items()) > 0 {
		slices.SortStableFunc(list.Items(), func(a, b *phpjson.Value) int {
			return cmp.Compare(strings.ToLower(a.Get("key").Text()), strings.ToLower(b.Get("key").Text()))
		})
	}
	o.Set("meta_data", list)
}

// metaValue is a value as the meta table gives it back: scalars as strings.
func metaValue(v *phpjson.Value) *phpjson.Value {
	switch v.Kind() {
	case phpjson.Number:
		return phpjson.Text(v.Text())
	case phpjson.Bool:
		return phpjson.Text(or(v.True(), "1", ""))
	default:
		return v
	}
}

// batchOrders does many creations, updates and deletions; one that fails does
// not fail the others, and the answer is 200 in any case.
func batchOrders(c *call) (*reply, error) {
	return c.batch(map[string]func(*tx, *phpjson.Value) (*phpjson.Value, error){
		"create": func(t *tx, body *phpjson.Value) (*phpjson.Value, error) { return t.createOrder(body) },
		"update": func(t *tx, body *phpjson.Value) (*phpjson.Value, error) {
			return t.putOrder(body.Get("id").Int(), body)
		},
		"delete": func(t *tx, id *phpjson.Value) (*phpjson.Value, error) { return t.deleteOrder(id.Int(), true) },
	}, c.orderView)
}

func (c *call) batch(do map[string]func(*tx, *phpjson.Value) (*phpjson.Value, error), view func(*phpjson.Value) *phpjson.Value) (*reply, error) {
	count := 0
	for action := range do {
		count += len(c.body.Get(action).Items())
	}
	if count > maxBatch {
		return nil, fault(413, "woocommerce_rest_request_entity_too_large", "Unable to accept more than 100 items for this request.")
	}
	answer := phpjson.Obj()
	for _, action := range []string{"create", "update", "delete"} {
		if do[action] == nil || len(c.body.Get(action).Items()) == 0 {
			continue
		}
		rows := phpjson.List()
		for _, one := range c.body.Get(action).Items() {
			row, err := c.batchItem(one, do[action], view)
			if err != nil {
				return nil, err
			}
			rows.Append(row)
		}
		answer.Set(action, rows)
	}
	return ok(answer), nil
}

// batchItem does one item; what is wrong with it becomes its row.
func (c *call) batchItem(one *phpjson.Value, do func(*tx, *phpjson.Value) (*phpjson.Value, error), view func(*phpjson.Value) *phpjson.Value) (*phpjson.Value, error) {
	var row *phpjson.Value
	err := c.shop.update(func(t *tx) (err error) {
		row, err = do(t, one)
		return err
	})
	var wp *wpError
	switch {
	case err == nil:
		return view(row), nil
	case errors.As(err, &wp):
		id := one.Get("id").Int()
		if one.Kind() != phpjson.Object {
			id = one.Int()
		}
		return phpjson.Obj(phpjson.N("id", id), phpjson.F("error", wp.body)), nil
	default:
		return nil, err
	}
}

func listOrders(c *call) (*reply, error) {
	f, p, err := c.orderFilter()
	if err != nil {
		return nil, err
	}
	var rows []*phpjson.Value
	for _, o := range c.shop.all(orders) {
		if f.takes(o) {
			rows = append(rows, o)
		}
	}
	switch f.orderBy {
	case "include":
		sortByIDs(rows, f.include)
	default:
		sortRows(rows, orderColumns[f.orderBy], f.descending)
	}
	extra := [][2]string{{"status%5B0%5D", "any"}}
	if page, _, _ := p.cut(rows); len(page) > 0 {
		extra = append(extra, [2]string{"dp", "2"}, [2]string{"context", "view"})
	}
	return c.listed(p, rows, c.orderView, extra...), nil
}

// orderTotals counts orders by status.
func orderTotals(c *call) (*reply, error) {
	count := map[string]int64{}
	for _, o := range c.shop.all(orders) {
		count[o.Get("status").Text()]++
	}
	list := phpjson.List()
	for _, row := range strings.Split("pending=Pending payment,processing=Processing,on-hold=On hold,completed=Completed,cancelled=Cancelled,refunded=Refunded,failed=Failed,checkout-draft=Draft", ",") {
		slug, name, _ := strings.Cut(row, "=")
		list.Append(phpjson.Obj(phpjson.T("slug", slug), phpjson.T("name", name), phpjson.N("total", count[slug])))
	}
	return ok(list), nil
}

package shopsim

import (
	"time"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// stamp is how WooCommerce writes a time: no offset, whole seconds.
const stamp = "2006-01-02T15:04:05"

// tx is one request's changes to a shop, all of which are stored or none.
type tx struct {
	shop   *shop
	now    time.Time
	staged map[place]*phpjson.Value // nil removes the row
	order  []place
	fired  map[event]bool
}

// get reads a row with the changes of this tx; it must not be changed.
func (t *tx) get(k kind, id int64) *phpjson.Value {
	if row, ok := t.staged[place{k, id}]; ok {
		return row
	}
	return t.shop.rows[k][id]
}

// edit gives a row to be changed in place, nil if there is none.
func (t *tx) edit(k kind, id int64) *phpjson.Value {
	p := place{k, id}
	if row, ok := t.staged[p]; ok {
		return row
	}
	row := t.shop.rows[k][id].Clone()
	if row != nil {
		t.put(k, id, row)
	}
	return row
}

// put stores a row; nil removes it.
func (t *tx) put(k kind, id int64, row *phpjson.Value) {
	p := place{k, id}
	if _, ok := t.staged[p]; !ok {
		t.order = append(t.order, p)
	}
	t.staged[p] = row
}

// all reads a table with the changes of this tx, by rising id.
func (t *tx) all(k kind) []*phpjson.Value {
	rows := map[int64]*phpjson.Value{}
	for id, row := range t.shop.rows[k] {
		rows[id] = row
	}
	for p, row := range t.staged {
		switch {
		case p.kind != k:
		case row == nil:
			delete(rows, p.id)
		default:
			rows[p.id] = row
		}
	}
	return sorted(rows)
}

// of reads what belongs to an order with the changes of this tx, by rising id.
func (t *tx) of(order int64, k kind) []*phpjson.Value {
	rows := t.shop.hanging(order, k)
	for p, row := range t.staged {
		switch {
		case p.kind != k:
		case row == nil, orderOf(k, row) != order:
			delete(rows, p.id)
		default:
			rows[p.id] = row
		}
	}
	return sorted(rows)
}

// next gives out the next number of a sequence.
func (t *tx) next(q sequence) int64 {
	n := t.get(sequences, int64(q)).Int() + 1
	t.put(sequences, int64(q), phpjson.Int(n))
	return n
}

// reach makes sure that a sequence goes on above n.
func (t *tx) reach(q sequence, n int64) {
	if t.get(sequences, int64(q)).Int() < n {
		t.put(sequences, int64(q), phpjson.Int(n))
	}
}

// fire queues a topic's delivery for an object at every active webhook, once
// per webhook while an equal delivery still waits.
func (t *tx) fire(topic string, object int64) {
	for _, hook := range t.all(webhooks) {
		e := event{webhook: hook.Get("id").Int(), object: object}
		if hook.Get("topic").Text() != topic || hook.Get("status").Text() != "active" || t.shop.waiting[e] || t.fired[e] {
			continue
		}
		t.fired[e] = true
		t.put(deliveries, t.next(deliveryIDs), phpjson.Obj(phpjson.N("webhook", e.webhook), phpjson.N("object", e.object)))
	}
}

// local and gmt write the time of this tx by the store's clock and in UTC.
func (t *tx) local() string { return t.now.In(t.shop.zone).Format(stamp) }
func (t *tx) gmt() string   { return t.now.UTC().Format(stamp) }

// line renders the changes as one line of the journal.
func (t *tx) line() []byte {
	changes := phpjson.List()
	for _, p := range t.order {
		changes.Append(change(p, t.staged[p]))
	}
	return changes.Bytes()
}

// meta makes one row of meta data.
func (t *tx) meta(key string, value *phpjson.Value) *phpjson.Value {
	return phpjson.Obj(phpjson.N("id", t.next(metaIDs)), phpjson.T("key", key), phpjson.F("value", value))
}

// lineMeta makes one row of a line's meta data with what the shop displays.
func (t *tx) lineMeta(key, value, displayKey, displayValue string) *phpjson.Value {
	return phpjson.Obj(phpjson.N("id", t.next(lineMetaIDs)), phpjson.T("key", key), phpjson.T("value", value),
		phpjson.T("display_key", displayKey), phpjson.T("display_value", displayValue))
}

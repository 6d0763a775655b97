package statuspublisher

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/woo"
)

// modelOrder is an order as the shop keeps it.
type modelOrder struct {
	status, paid, completed string
	meta                    map[string]string
	refunds                 []refund
	notes                   []string // to customers
	inner                   []string // private, newest first
	parcels                 []map[string]any
	tracked                 []string
	mails                   []string
	gave                    []string // statuses that the API gave it
	writes                  map[string]int
}

// modelShop answers as WooCommerce does for what the publisher asks; a fault hits the next request: before it is done, or
// after.
type modelShop struct {
	mu     sync.Mutex
	orders map[string]*modelOrder
	before int // requests until one is refused with 503 undone; 0: none
	after  int // requests until one is done and answered with 503
}

// modelNow is when the publisher asks, by the shop's clock; people complete an order an hour later.
var modelNow = time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC)

const (
	completedByUs     = "2026-11-24T01:00:00"
	completedByPeople = "2026-11-24T02:00:00"
)

func (s *modelShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Date", modelNow.Format(http.TimeFormat))
	if s.before > 0 {
		if s.before--; s.before == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
	}
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/wp-json/wc/v3/orders/"), "/wp-json/wc-ast/v3/orders/"), "/")
	status, reply := http.StatusNotFound, `{"code":"woocommerce_rest_shop_order_invalid_id","message":"","data":{"status":404}}`
	if o := s.orders[parts[0]]; o != nil {
		status, reply = o.answer(r.Method, parts, body)
	}
	if s.after > 0 {
		if s.after--; s.after == 0 {
			status, reply = http.StatusServiceUnavailable, ""
		}
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, reply)
}

func text(value any) string { return string(must(codec.Encode(value))) }

func (o *modelOrder) answer(method string, parts []string, body []byte) (int, string) {
	route := method
	if len(parts) > 1 {
		route += " " + parts[1]
	}
	if method != http.MethodGet {
		o.writes[route]++
	}
	switch route {
	case "GET":
		return 200, text(o.view(parts[0]))
	case "PUT":
		return 200, o.put(body)
	case "GET notes":
		return 200, text(notesOf(slices.Concat(o.notes, o.inner)))
	case "POST notes":
		note := must(codec.Decode[struct {
			Note     string `json:"note"`
			Customer bool   `json:"customer_note"`
		}](body))
		if note.Customer {
			o.notes, o.mails = append([]string{note.Note}, o.notes...), append(o.mails, note.Note)
		} else {
			o.inner = append([]string{note.Note}, o.inner...)
		}
		return 201, `{"id":1}`
	case "GET refunds":
		var rows []map[string]any
		for i, r := range o.refunds {
			rows = append(rows, map[string]any{"id": 70 + i, "amount": r.amount, "meta_data": metaOf(woo.MetaRecord, r.record)})
		}
		return 200, list(rows)
	case "POST refunds":
		return o.refund(body)
	case "GET fulfillments":
		return 200, list(o.parcels)
	case "POST fulfillments":
		p := must(codec.Decode[map[string]any](body))
		p["id"] = len(o.parcels) + 1
		o.parcels = append(o.parcels, p)
		if p["notify_customer"] == true {
			o.mails = append(o.mails, metaIn(p, "_tracking_number"))
		}
		return 201, text(p)
	case "GET shipment-trackings":
		var rows []map[string]any
		for _, number := range o.tracked {
			rows = append(rows, map[string]any{"tracking_number": number})
		}
		return 200, list(rows)
	case "POST shipment-trackings":
		number := fmt.Sprint(must(codec.Decode[map[string]any](body))["tracking_number"])
		o.tracked, o.mails = append(o.tracked, number), append(o.mails, number)
		return 201, `{}`
	default:
		return 500, fmt.Sprintf(`{"code":"woocommerce_no_such_route","message":%q}`, route)
	}
}

func list(rows []map[string]any) string {
	if rows == nil {
		return "[]"
	}
	return text(rows)
}

func notesOf(notes []string) []map[string]string {
	rows := make([]map[string]string, len(notes))
	for i, n := range notes {
		rows[i] = map[string]string{"note": n}
	}
	return rows
}

func (o *modelOrder) view(id string) map[string]any {
	refunds, meta := []map[string]any{}, []map[string]any{}
	for i, r := range o.refunds {
		refunds = append(refunds, map[string]any{"id": 70 + i, "reason": r.reason, "total": "-" + r.amount})
	}
	for key, value := range o.meta {
		meta = append(meta, map[string]any{"key": key, "value": value})
	}
	return map[string]any{
		"id": json.Number(id), "status": o.status, "total": "100.00", "date_paid_gmt": o.paid, "date_completed_gmt": o.completed, "refunds": refunds, "meta_data": meta,
		"line_items": []map[string]any{{"id": 7, "name": "Tee", "product_id": 0, "quantity": 3}},
	}
}

func (o *modelOrder) put(body []byte) string {
	change := must(codec.Decode[item](body))
	for _, m := range change.Meta {
		o.meta[m.Key] = m.Value
	}
	if change.Status != "" {
		o.gave = append(o.gave, change.Status)
		o.become(change.Status)
	}
	return `{"id":36}`
}

// become sets a status with the dates that come with it.
func (o *modelOrder) become(status string) {
	if status == "completed" && o.status != status {
		o.completed = completedByUs
	}
	o.status = status
}

func (o *modelOrder) left() money.Amount {
	left := money.MustParse("100.00")
	for _, r := range o.refunds {
		left = left.Sub(money.MustParse(r.amount))
	}
	return left
}

func (o *modelOrder) refund(body []byte) (int, string) {
	r := must(codec.Decode[struct {
		Amount string                        `json:"amount"`
		Reason string                        `json:"reason"`
		Meta   []struct{ Key, Value string } `json:"meta_data"`
	}](body))
	o.give(refund{amount: r.Amount, reason: r.Reason, record: r.Meta[0].Value})
	return 201, fmt.Sprintf(`{"id":%d}`, 69+len(o.refunds))
}

func (o *modelOrder) give(r refund) {
	o.refunds = append(o.refunds, r)
	if o.left().IsZero() {
		o.status = "refunded"
	}
}

// left is what a reader of the order's webhooks sees of it beside our own writes: what parse would hash.
func (o *modelOrder) own(t *rapid.T) string {
	order := must(codec.Decode[woo.Order]([]byte(text(o.view("36"))))).Own()
	words := []string{string(order.Status), string(order.PaidGMT), string(order.CompletedGMT)}
	for _, m := range order.Meta {
		if !woo.Echo(m.Key) {
			t.Fatalf("we wrote the key %s, which parse would publish", m.Key)
		}
	}
	for _, r := range order.Refunds {
		if !woo.OwnRefund(r.Reason) {
			words = append(words, string(r.Total))
		}
	}
	return strings.Join(words, "|")
}

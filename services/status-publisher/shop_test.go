package statuspublisher

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// request is what the shop was asked.
type request struct {
	at     time.Time
	method string
	path   string // behind /wp-json/wc/v3
	body   string
	query  url.Values
}

// shop answers as WooCommerce does, for what the publisher asks of it.
type shop struct {
	t   *testing.T
	url string

	mu       sync.Mutex
	requests []request
	meta     map[string]string   // value of our key by order
	notes    map[string][]string // by order, newest first
	missing  map[string]bool     // orders it does not have
	refused  map[string]bool     // orders it does not let us change
	orders   map[string]*order   // orders with more to them
	virtual  map[string]string   // type of the products that are not shipped, by path
	kinds    map[string]string   // type of other products, by path
	mailed   bool                // notes are for the customer

	fulfils   bool                // the feature of fulfilments is on
	plugins   []string            // namespaces
	fulfilled []map[string]any    // of order 36
	tracked   map[string][]string // tracking numbers by namespace, of order 36
	mails     []string            // what the customer was mailed

	before func(request) *answer
}

// order is what the shop holds of an order beside our key.
type order struct {
	status          string
	paid, completed string
	lines           string // JSON of line_items
	keys            map[string]string
	statuses        []string // that it was given, one a write
	total           string
	refunds         []refund // oldest first
}

// meta is the list of the order's keys.
func (o *order) meta() string {
	list := []map[string]string{}
	for key, value := range o.keys {
		list = append(list, map[string]string{"key": key, "value": value})
	}
	return string(must(codec.Encode(list)))
}

type refund struct {
	amount, reason, record string
	lines                  string // JSON of line_items
}

// answer takes the place of the shop's own.
type answer struct {
	status int
	header map[string]string
	body   string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, meta: map[string]string{}, notes: map[string][]string{}, missing: map[string]bool{}, refused: map[string]bool{}, orders: map[string]*order{}, tracked: map[string][]string{}, virtual: map[string]string{}, kinds: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *shop) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	q := request{time.Now(), r.Method, strings.TrimPrefix(r.URL.Path, "/wp-json/wc/v3"), string(body), r.URL.Query()}
	s.mu.Lock()
	s.requests = append(s.requests, q)
	before := s.before
	s.mu.Unlock()
	if before != nil {
		if a := before(q); a != nil {
			for name, value := range a.header {
				w.Header().Set(name, value)
			}
			w.WriteHeader(a.status)
			io.WriteString(w, a.body)
			return
		}
	}
	status, reply := s.answer(q)
	w.WriteHeader(status)
	io.WriteString(w, reply)
}

type item struct {
	ID     json.Number                   `json:"id"`
	Status string                        `json:"status"`
	Meta   []struct{ Key, Value string } `json:"meta_data"`
}

func (s *shop) answer(q request) (int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := strings.Split(q.path, "/")
	switch {
	case q.method == http.MethodPost && q.path == "/orders/batch":
		return 200, s.batch(q.body)
	case q.method == http.MethodPut && len(parts) == 3:
		one, err := codec.Decode[item]([]byte(q.body))
		if err != nil {
			s.t.Errorf("%s: %v", q.body, err)
		}
		one.ID = json.Number(parts[2])
		if problem := s.put(one); problem != "" {
			return 400, problem
		}
		return 200, fmt.Sprintf(`{"id":%s}`, parts[2])
	case q.method == http.MethodGet && len(parts) == 3 && parts[1] == "orders":
		if s.missing[parts[2]] || s.orders[parts[2]] == nil {
			return 404, `{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":404}}`
		}
		o := s.orders[parts[2]]
		var given []string
		for i, r := range o.refunds {
			given = append(given, fmt.Sprintf(`{"id":%d,"reason":%q,"total":"-%s"}`, 70+i, r.reason, r.amount))
		}
		return 200, fmt.Sprintf(`{"id":%s,"status":%q,"total":%q,"date_paid_gmt":%q,"date_completed_gmt":%q,"line_items":[%s],"refunds":[%s],"meta_data":%s}`, parts[2], o.status, o.total, o.paid, o.completed, o.lines, strings.Join(given, ","), o.meta())
	case len(parts) == 4 && parts[3] == "refunds":
		return s.refunding(q, s.orders[parts[2]])
	case q.method == http.MethodGet && parts[1] == "products":
		kind, virtual := s.virtual[q.path]
		return 200, fmt.Sprintf(`{"virtual":%v,"type":%q}`, virtual, cmp.Or(kind, s.kinds[q.path], "simple"))
	case q.method == http.MethodGet && q.path == "/orders":
		return 200, "[]"
	case q.path == "/wp-json/":
		return 200, string(must(codec.Encode(map[string]any{"namespaces": append([]string{"wc/v3"}, s.plugins...)})))
	case len(parts) >= 4 && parts[3] == "fulfillments" && s.fulfils:
		return s.fulfilments(q, parts)
	case strings.HasSuffix(q.path, "/shipment-trackings") && slices.Contains(s.plugins, parts[2]+"/"+parts[3]):
		return s.trackings(q, parts[2]+"/"+parts[3])
	case strings.HasSuffix(q.path, "/fulfillments"), strings.HasSuffix(q.path, "/shipment-trackings"):
		return 404, `{"code":"rest_no_route","message":"No route was found.","data":{"status":404}}`
	case len(parts) == 4 && parts[3] == "notes" && s.missing[parts[2]]:
		return 404, `{"code":"woocommerce_rest_order_invalid_id","message":"Invalid order ID.","data":{"status":404}}`
	case q.method == http.MethodPost && len(parts) == 4 && parts[3] == "notes":
		note, err := codec.Decode[struct {
			Note     string `json:"note"`
			Customer bool   `json:"customer_note"`
		}]([]byte(q.body))
		if err != nil || note.Customer != s.mailed {
			s.t.Errorf("note %s, %v: for the customer's eyes: want %v", q.body, err, s.mailed)
		}
		s.notes[parts[2]] = append([]string{note.Note}, s.notes[parts[2]]...)
		if note.Customer {
			s.mails = append(s.mails, note.Note)
		}
		return 201, `{"id":1}`
	case q.method == http.MethodGet && len(parts) == 4 && parts[3] == "notes":
		var rows []string
		for _, n := range s.notes[parts[2]] {
			rows = append(rows, fmt.Sprintf(`{"id":1,"note":%q}`, n))
		}
		return 200, "[" + strings.Join(rows, ",") + "]"
	default:
		s.t.Errorf("%s %s: no such route", q.method, q.path)
		return 404, `{"code":"rest_no_route","message":"","data":{"status":404}}`
	}
}

// refunding lists an order's refunds or makes one; what moves money or stock is wrong, and so is more than the order has.
func (s *shop) refunding(q request, o *order) (int, string) {
	if q.method == http.MethodGet {
		var rows []string
		for i, r := range o.refunds {
			rows = append(rows, fmt.Sprintf(`{"id":%d,"amount":%q,"reason":%q,"meta_data":[{"id":1,"key":"_orderstream_record","value":%q}],"line_items":[%s]}`, 70+i, r.amount, r.reason, r.record, r.lines))
		}
		slices.Reverse(rows) // newest first
		size, number := must(strconv.Atoi(cmp.Or(q.query.Get("per_page"), "10"))), must(strconv.Atoi(cmp.Or(q.query.Get("page"), "1")))
		from := min(size*(number-1), len(rows))
		return 200, "[" + strings.Join(rows[from:min(from+size, len(rows))], ",") + "]"
	}
	body := must(codec.Decode[struct {
		Amount  string                        `json:"amount"`
		Reason  string                        `json:"reason"`
		Gateway *bool                         `json:"api_refund"`
		Restock *bool                         `json:"api_restock"`
		Meta    []struct{ Key, Value string } `json:"meta_data"`
	}]([]byte(q.body)))
	if body.Gateway == nil || *body.Gateway || body.Restock == nil || *body.Restock || len(body.Meta) != 1 {
		s.t.Errorf("%s moves money or stock, or is not marked", q.body)
	}
	left := money.MustParse(o.total)
	for _, r := range o.refunds {
		left = left.Sub(money.MustParse(r.amount))
	}
	amount := money.MustParse(body.Amount)
	if amount.Cmp(left) > 0 {
		return 500, `{"code":"woocommerce_rest_cannot_create_order_refund","message":"Invalid refund amount.","data":500}`
	}
	o.refunds = append(o.refunds, refund{amount: body.Amount, reason: body.Reason, record: body.Meta[0].Value})
	if amount.Equal(left) {
		o.status = "refunded"
	}
	return 201, fmt.Sprintf(`{"id":%d}`, 69+len(o.refunds))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// fulfilments answers as WooCommerce does while the feature is on: it takes none without items, and mails when asked to.
func (s *shop) fulfilments(q request, parts []string) (int, string) {
	if q.method == http.MethodGet {
		return 200, string(must(codec.Encode(s.fulfilled)))
	}
	body := must(codec.Decode[map[string]any]([]byte(q.body)))
	if strings.Contains(q.body, `"value":[]`) {
		return 400, `{"code":"woocommerce_fulfillment_error","message":"The fulfillment should contain at least one item.","data":{"status":400}}`
	}
	at := len(s.fulfilled)
	if q.method == http.MethodPut {
		at = must(strconv.Atoi(parts[4])) - 1
	} else {
		s.fulfilled = append(s.fulfilled, nil)
	}
	body["id"] = at + 1
	s.fulfilled[at] = body
	if body["notify_customer"] == true {
		s.mails = append(s.mails, metaIn(body, "_tracking_number"))
	}
	return 201, string(must(codec.Encode(body)))
}

func metaIn(fulfilment map[string]any, key string) string {
	for _, m := range fulfilment["meta_data"].([]any) {
		if entry := m.(map[string]any); entry["key"] == key {
			return fmt.Sprint(entry["value"])
		}
	}
	return ""
}

// trackings answers as the tracking plugins do: the same number twice is two entries and two mails.
func (s *shop) trackings(q request, namespace string) (int, string) {
	if q.method == http.MethodGet {
		var rows []map[string]string
		for _, number := range s.tracked[namespace] {
			rows = append(rows, map[string]string{"tracking_id": number, "tracking_number": number})
		}
		if rows == nil {
			return 200, "[]"
		}
		return 200, string(must(codec.Encode(rows)))
	}
	number := fmt.Sprint(must(codec.Decode[map[string]any]([]byte(q.body)))["tracking_number"])
	s.tracked[namespace] = append(s.tracked[namespace], number)
	s.mails = append(s.mails, number)
	return 201, `{"tracking_id":"1"}`
}

func (s *shop) batch(body string) string {
	batch, err := codec.Decode[struct {
		Update []item `json:"update"`
	}]([]byte(body))
	if err != nil || len(batch.Update) > 100 {
		s.t.Errorf("a batch of %d, %v", len(batch.Update), err)
	}
	var rows []string
	for _, one := range batch.Update {
		row := fmt.Sprintf(`{"id":%s}`, one.ID)
		if problem := s.put(one); problem != "" {
			row = fmt.Sprintf(`{"id":%s,"error":%s}`, one.ID, problem)
		}
		rows = append(rows, row)
	}
	return `{"update":[` + strings.Join(rows, ",") + "]}"
}

// put changes our key of an order; a REST error when it may not.
func (s *shop) put(one item) string {
	switch id := string(one.ID); {
	case s.missing[id]:
		return `{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":400}}`
	case s.refused[id]:
		return `{"code":"rest_invalid_param","message":"Invalid parameter(s): meta_data","data":{"status":400}}`
	case len(one.Meta) != 1 || !strings.HasPrefix(one.Meta[0].Key, "_orderstream"):
		s.t.Errorf("order %s: meta %v, want our one key", id, one.Meta)
	case one.Meta[0].Key == "_orderstream":
		s.meta[id] = one.Meta[0].Value
	default:
		o := s.orders[id]
		o.keys[one.Meta[0].Key] = one.Meta[0].Value
		if one.Status != "" {
			o.status, o.statuses = one.Status, append(o.statuses, one.Status)
		}
	}
	return ""
}

func (s *shop) asked() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

func (s *shop) holds(order string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.meta[order]
}

func (s *shop) instead(before func(request) *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

// bench is a publisher before a real JetStream and a shop.
type bench struct {
	t       *testing.T
	nats    natstest.Server
	shop    *shop
	service *Service
}

func prepare(t *testing.T, adjust func(*config.Store)) bench {
	t.Helper()
	b := bench{t: t, nats: natstest.Start(t), shop: newShop(t)}
	b.service = b.another(adjust)
	return b
}

// another makes a further process of the same service.
func (b bench) another(adjust func(*config.Store)) *Service {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("ck"), 0o600); err != nil {
		b.t.Fatal(err)
	}
	main := config.Store{URL: b.shop.url, ConsumerKey: config.SecretOf("file:" + path), ConsumerSecret: config.SecretOf("file:" + path)}
	if adjust != nil {
		adjust(&main)
	}
	c := config.Config{Stores: map[string]config.Store{"main": main, "mute": {URL: b.shop.url}}}
	c.Fill()
	s, err := New(b.t.Context(), host.Env{Config: c, Log: slog.New(slog.DiscardHandler), Conn: b.nats.Conn, JS: b.nats.JS})
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// run lets the service work until the test ends.
func (b bench) run() {
	b.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.service.Run(ctx) }()
	b.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
	})
}

// outcome stores an outcome of an order and gives it as a handler sees it; tranID "" is no sales order.
func (b bench) outcome(store, order, kind, tranID, status string) consume.Message {
	b.t.Helper()
	o := event.SyncRecordedV1{Envelope: event.Envelope{Type: "sync.v1.recorded", Store: store, Time: time.Now().UTC()}, Account: "ns", Order: order, Kind: kind, Calls: []event.Call{}}
	if tranID != "" {
		o.Ledger.SalesOrder = &event.LedgerOrder{RecordID: event.RecordID{ID: "1001"}, TranID: tranID, Status: status}
	}
	name := subject.Sync{Account: "ns", Store: store, Order: order}.String()
	o.ID = fmt.Sprintf("%s:%d", name, b.nats.Count(b.t, topology.Outcomes, subject.SyncAll))
	m, err := publish.JSON(topology.Outcomes, name, o.Envelope, o)
	if err != nil {
		b.t.Fatal(err)
	}
	acks, err := publish.New(b.nats.JS).Publish(natstest.Context(b.t), m)
	if err != nil {
		b.t.Fatal(err)
	}
	return consume.Message{Stream: m.Stream, Sequence: acks[0].Sequence, Subject: m.Subject, Data: m.Data}
}

// until waits for a condition.
func (b bench) until(what string, done func() bool) {
	b.t.Helper()
	ctx := natstest.Context(b.t)
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			b.t.Fatalf("never: %s", what)
		}
	}
}

// settled waits until every outcome, and everything that follows from it, is acknowledged.
func (b bench) settled() {
	b.t.Helper()
	for _, c := range [][2]string{{topology.Outcomes, topology.ConsumerPublish}, {topology.NetSuiteChanges, topology.ConsumerReturn}, {topology.ShopOutcomes, topology.ConsumerShopFailures}} {
		b.until(c[1]+" settled", func() bool {
			consumer, err := b.nats.JS.Consumer(natstest.Context(b.t), c[0], c[1])
			if err != nil {
				b.t.Fatal(err)
			}
			return consumer.CachedInfo().AckFloor.Stream == b.stream(c[0]).State.LastSeq
		})
	}
}

func (b bench) stream(name string) jetstream.StreamInfo {
	b.t.Helper()
	stream, err := b.nats.JS.Stream(natstest.Context(b.t), name)
	if err != nil {
		b.t.Fatal(err)
	}
	return *stream.CachedInfo()
}

// ledger reads what is on record about the shop's order.
func (b bench) ledger(order string) event.ShopRecordedV1 {
	b.t.Helper()
	return last[event.ShopRecordedV1](b, topology.ShopOutcomes, subject.Shop("main", "order", order))
}

func (b bench) failure(order string) event.FailureParkedV1 {
	b.t.Helper()
	return last[event.FailureParkedV1](b, topology.Failures, subject.Failure{Stage: "publish", Store: "main", Key: order}.String())
}

func last[T any](b bench, stream, name string) T {
	b.t.Helper()
	handle, err := b.nats.JS.Stream(natstest.Context(b.t), stream)
	if err != nil {
		b.t.Fatal(err)
	}
	raw, err := handle.GetLastMsgForSubject(natstest.Context(b.t), name)
	if err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
	value, err := codec.Decode[T](raw.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	return value
}

package shopsim

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// maxBody bounds a REST request's body.
const maxBody = 32 << 20

// call is one REST request, past authentication.
type call struct {
	shop  *shop
	hooks *runner // delivers pings
	r     *http.Request
	path  string // below /wp-json/wc/v3/
	query params
	body  *phpjson.Value // an empty object without a body
	ids   []int64        // the numbers in the path
	name  string         // the word in the path, where a route has one
	known bool           // the key is known
	allow string         // the methods the route allows, once that may be told
}

// id is the last number in the path, parent the one before it.
func (c *call) id() int64     { return c.ids[len(c.ids)-1] }
func (c *call) parent() int64 { return c.ids[0] }

// reply is a successful answer.
type reply struct {
	status int
	body   *phpjson.Value
	header http.Header
	picked bool // _fields has been seen to
}

func ok(body *phpjson.Value) *reply {
	return &reply{status: http.StatusOK, body: body, header: http.Header{}}
}

// created answers 201 with the address of what was made.
func created(body *phpjson.Value, location string) *reply {
	a := ok(body)
	a.status = http.StatusCreated
	a.set("Location", location)
	return a
}

func (a *reply) set(name, value string) { a.header[name] = []string{value} }

type handler func(*call) (*reply, error)

// route is one address pattern of the API: "{id}" stands for a number, "{name}"
// for a word.
type route struct {
	pattern string
	allow   string
	methods map[string]handler
	has     func(StoreConfig) bool // nil: every store has it
}

const (
	allowItem       = "GET, POST, PUT, PATCH, DELETE"
	allowCollection = "GET, POST"
	allowBatch      = "POST, PUT, PATCH"
)

func item(pattern string, get, put, del handler) route {
	return route{pattern, allowItem, map[string]handler{"GET": get, "POST": put, "PUT": put, "PATCH": put, "DELETE": del}, nil}
}

func collection(pattern string, list, create handler) route {
	return route{pattern, allowCollection, map[string]handler{"GET": list, "POST": create}, nil}
}

func batch(pattern string, h handler) route {
	return route{pattern, allowBatch, map[string]handler{"POST": h, "PUT": h, "PATCH": h}, nil}
}

func only(pattern, allow string, methods map[string]handler) route {
	return route{pattern, allow, methods, nil}
}

// where is a route that not every store has.
func where(has func(StoreConfig) bool, t route) route {
	t.has = has
	return t
}

var routes = []route{
	collection("orders", listOrders, createOrder),
	batch("orders/batch", batchOrders),
	item("orders/{id}", getOrder, putOrder, deleteOrder),
	collection("orders/{id}/notes", listNotes, createNote),
	only("orders/{id}/notes/{id}", "GET, DELETE", map[string]handler{"GET": getNote, "DELETE": deleteNote}),
	where(hasFulfilments, collection("orders/{id}/fulfillments", listFulfilments, createFulfilment)),
	where(hasFulfilments, item("orders/{id}/fulfillments/{id}", getFulfilment, putFulfilment, nil)),
	where(hasTracking("wc-shipment-tracking/v3"), collection("wc-shipment-tracking/v3/orders/{id}/shipment-trackings", listTrackings, createTracking)),
	where(hasTracking("wc-ast/v3"), collection("wc-ast/v3/orders/{id}/shipment-trackings", listTrackings, createTracking)),
	collection("orders/{id}/refunds", listOrderRefunds, createRefund),
	only("orders/{id}/refunds/{id}", "GET, DELETE", map[string]handler{"GET": getRefund, "DELETE": deleteRefund}),
	only("refunds", "GET", map[string]handler{"GET": listRefunds}),
	only("products", "GET, POST", map[string]handler{"GET": listProducts}),
	batch("products/batch", batchProducts),
	item("products/{id}", getProduct, putProduct, nil),
	only("products/{id}/variations", "GET, POST", map[string]handler{"GET": listVariations}),
	batch("products/{id}/variations/batch", batchVariations),
	item("products/{id}/variations/{id}", getVariation, putVariation, nil),
	collection("customers", listCustomers, createCustomer),
	item("customers/{id}", getCustomer, putCustomer, nil),
	collection("webhooks", listWebhooks, createWebhook),
	item("webhooks/{id}", getWebhook, putWebhook, deleteWebhook),
	only("settings/general", "GET", map[string]handler{"GET": listSettings}),
	only("settings/general/{name}", "GET, POST, PUT, PATCH", map[string]handler{"GET": getSetting}),
	only("system_status", "GET", map[string]handler{"GET": systemStatus}),
	only("reports/orders/totals", "GET", map[string]handler{"GET": orderTotals}),
}

// match tells whether a path follows the pattern and fills in what varies.
func (t route) match(path []string, c *call) bool {
	pattern := strings.Split(t.pattern, "/")
	if len(pattern) != len(path) {
		return false
	}
	c.ids, c.name = nil, ""
	for i, part := range pattern {
		id, err := strconv.ParseInt(path[i], 10, 64)
		switch {
		case part == "{id}" && err == nil && id >= 0:
			c.ids = append(c.ids, id)
		case part == "{name}":
			c.name = path[i]
		case part != path[i]:
			return false
		}
	}
	return true
}

// answer runs one REST request.
func (c *call) answer(g *gate) (a *reply, err error) {
	if c.known, err = g.enter(c.r, c.query); err != nil {
		return nil, err
	}
	for _, t := range routes {
		if t.has != nil && !t.has(c.shop.cfg) || !t.match(strings.Split(strings.TrimSuffix(c.path, "/"), "/"), c) {
			continue
		}
		h := t.methods[or(c.r.Method == http.MethodHead, http.MethodGet, c.r.Method)]
		if h == nil {
			break
		}
		if c.known {
			c.allow = t.allow
		}
		if err := c.readBody(); err != nil {
			return nil, err
		}
		if !c.known {
			return nil, t.forbidden(c.r.Method)
		}
		return h(c)
	}
	return nil, fault(404, "rest_no_route", "No route was found matching the URL and request method.")
}

func (c *call) readBody() error {
	raw, err := io.ReadAll(http.MaxBytesReader(nil, c.r.Body, maxBody))
	if err != nil {
		return fault(413, "woocommerce_rest_request_entity_too_large", "The request is larger than the server allows.")
	}
	c.body = phpjson.Obj()
	if len(raw) == 0 {
		return nil
	}
	body, err := phpjson.Parse(raw)
	if err != nil {
		return faultWith(400, "rest_invalid_json", "Invalid JSON body passed.", phpjson.Obj(
			phpjson.N("status", 400), phpjson.N("json_error_code", 4), phpjson.T("json_error_message", "Syntax error")))
	}
	if body.Kind() == phpjson.Object {
		c.body = body
	}
	return nil
}

// forbidden is the answer to somebody without a known key: it depends on what
// they wanted.
func (t route) forbidden(method string) error {
	onItem := strings.HasSuffix(t.pattern, "{id}")
	switch {
	case method == "GET" && !onItem:
		return fault(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
	case method == "GET":
		return fault(401, "woocommerce_rest_cannot_view", "Sorry, you cannot view this resource.")
	case method == "DELETE":
		return fault(401, "woocommerce_rest_cannot_delete", "Sorry, you are not allowed to delete this resource.")
	case strings.HasSuffix(t.pattern, "batch"):
		return fault(401, "woocommerce_rest_cannot_batch", "Sorry, you are not allowed to batch manipulate this resource.")
	case onItem:
		return fault(401, "woocommerce_rest_cannot_edit", "Sorry, you are not allowed to edit this resource.")
	default:
		return fault(401, "woocommerce_rest_cannot_create", "Sorry, you are not allowed to create resources.")
	}
}

// serve writes the answer with the headers of a measured store.
func (c *call) serve(w http.ResponseWriter, g *gate) (status int) {
	a, err := c.answer(g)
	if err != nil {
		var wp *wpError
		if !errors.As(err, &wp) {
			wp = fault(500, "internal_server_error", err.Error())
		}
		a = &reply{status: wp.status, body: wp.body, picked: true}
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json; charset=UTF-8"}
	h["X-Robots-Tag"] = []string{"noindex"}
	h["Link"] = []string{"<" + c.shop.home + `/wp-json/>; rel="https://api.w.org/"`}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Access-Control-Expose-Headers"] = []string{"X-WP-Total, X-WP-TotalPages, Link"}
	h["Access-Control-Allow-Headers"] = []string{"Authorization, X-WP-Nonce, Content-Disposition, Content-MD5, Content-Type"}
	if c.allow != "" {
		h["Allow"] = []string{c.allow}
	}
	if c.known {
		h["Expires"] = []string{"Wed, 11 Jan 1984 05:00:00 GMT"}
		h["Cache-Control"] = []string{"no-cache, must-revalidate, max-age=0, no-store, private"}
	}
	for name, values := range a.header {
		h[name] = values
	}
	body := a.body
	if !a.picked {
		body = pickItem(body, c.query.get("_fields"))
	}
	w.WriteHeader(a.status)
	if c.r.Method != http.MethodHead {
		_, _ = w.Write(body.Bytes())
	}
	return a.status
}

// pickItem keeps the members named by _fields of a single resource or of each
// in a plain list. A single resource keeps its _links whatever is named.
func pickItem(body *phpjson.Value, names string) *phpjson.Value {
	if names == "" {
		return body
	}
	if body.Kind() == phpjson.Array {
		list := phpjson.List()
		for _, row := range body.Items() {
			list.Append(pick(row, names))
		}
		return list
	}
	picked := pick(body, names)
	if links := body.Get("_links"); links != nil {
		picked.Set("_links", links)
	}
	return picked
}

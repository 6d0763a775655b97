package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/services/ingest/signature"
)

// sample is the captured order that every delivery is made from: 4.6 KB, two discounts, taxed.
const sample = "order.created-coupon"

// customers of the made deliveries: as many guests share the orders.
const customers = 50

// delivery is one signed webhook, ready to be sent.
type delivery struct {
	order int
	body  []byte
	wire  []byte // the whole HTTP/1.1 request
}

// template is a captured order whose identity is replaced.
type template struct{ body []byte }

func load() (template, error) {
	all, err := capture.All()
	if err != nil {
		return template{}, err
	}
	i := slices.IndexFunc(all, func(d capture.Delivery) bool { return d.Name == sample })
	if i < 0 {
		return template{}, fmt.Errorf("capture %q: there is none of this name", sample)
	}
	return template{all[i].Body}, nil
}

var (
	orderID = regexp.MustCompile(`^\{"id":[0-9]+`)
	number  = regexp.MustCompile(`"number":"[0-9]+"`)
	key     = regexp.MustCompile(`"order_key":"[^"]*"`)
	email   = regexp.MustCompile(`"email":"[^"]*"`)
)

// order is the template as another order: own id, number and key, one of the customers' e-mails.
func (t template) order(id int) []byte {
	text := strconv.Itoa(id)
	body := orderID.ReplaceAll(t.body, []byte(`{"id":`+text))
	body = number.ReplaceAll(body, []byte(`"number":"`+text+`"`))
	body = key.ReplaceAll(body, []byte(`"order_key":"wc_order_`+text+`"`))
	return email.ReplaceAll(body, fmt.Appendf(nil, `"email":"shopper%d@example.com"`, id%customers))
}

// deliveries makes n signed requests of orders from first on. Signing costs as much as verifying, so it is
// done before anything is measured.
func (t template) deliveries(first, n int) []delivery {
	list := make([]delivery, n)
	for i := range list {
		id := first + i
		body := t.order(id)
		list[i] = delivery{id, body, request(id, body)}
	}
	return list
}

// strangers are deliveries of orders whose customers are new, one each.
func (t template) strangers(first, n int) []delivery {
	list := t.deliveries(first, n)
	for i, d := range list {
		body := email.ReplaceAll(d.body, fmt.Appendf(nil, `"email":"stranger%d@example.com"`, d.order))
		list[i] = delivery{d.order, body, request(d.order, body)}
	}
	return list
}

// request spells a delivery with the headers of WooCommerce 11, the connection kept open.
func request(id int, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /webhooks/woocommerce/main HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: WooCommerce/11.0.1 Hookshot (WordPress/7.1)\r\nAccept: */*\r\n"+
		"Content-Type: application/json\r\nX-WC-Webhook-Source: http://127.0.0.1:8081/\r\nX-WC-Webhook-Topic: order.created\r\nX-WC-Webhook-Resource: order\r\n"+
		"X-WC-Webhook-Event: created\r\nX-WC-Webhook-Signature: %s\r\nX-WC-Webhook-ID: 1\r\nX-WC-Webhook-Delivery-ID: %032x\r\nContent-Length: %d\r\n\r\n",
		signature.Sign(body, capture.Secret), id, len(body))
	b.Write(body)
	return b.Bytes()
}

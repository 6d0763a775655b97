package shopsim

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/tools/shopsim/internal/hookshot"
)

func TestDeliveryOfALoadedOrderEqualsTheCapture(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	body, err := os.ReadFile("testdata/captures/order.created-unicode.body")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, Config{QueueDelay: time.Millisecond, Stores: []StoreConfig{{Key: "main", HomeURL: "http://127.0.0.1:8081", DeliveryURL: "http://" + listener.Addr().String() + "/webhooks/woocommerce/main"}}})
	if _, err := s.Load(Load{Order: body}); err != nil {
		t.Fatal(err)
	}
	shop, _ := s.shop("")
	if err := shop.update(func(t *tx) error { t.fire("order.created", 57); return nil }); err != nil {
		t.Fatal(err)
	}
	got := readRaw(t, listener)
	want := strings.Join([]string{
		"POST /webhooks/woocommerce/main HTTP/1.1", "Host: " + listener.Addr().String(),
		"User-Agent: WooCommerce/11.0.1 Hookshot (WordPress/7.1)", "Accept: */*", "Accept-Encoding: deflate, gzip, br, zstd",
		"Content-Type: application/json", "X-WC-Webhook-Source: http://127.0.0.1:8081/", "X-WC-Webhook-Topic: order.created",
		"X-WC-Webhook-Resource: order", "X-WC-Webhook-Event: created", "X-WC-Webhook-Signature: " + hookshot.Sign(body, "whsec_test"),
		"X-WC-Webhook-ID: 1", "X-WC-Webhook-Delivery-ID: <32 hex>", "Connection: close", "Content-Length: 3458",
	}, "\r\n") + "\r\n\r\n" + string(body)
	if diff := cmp.Diff(want, hideDeliveryID(t, got)); diff != "" {
		t.Errorf("(-captured form +sent):\n%s", diff)
	}
}

// readRaw takes one connection and gives all bytes of its request.
func readRaw(t *testing.T, listener net.Listener) string {
	t.Helper()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var raw bytes.Buffer
	in := bufio.NewReader(conn)
	length := 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		raw.WriteString(line)
		if value, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
		if line == "\r\n" {
			break
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(in, body); err != nil {
		t.Fatal(err)
	}
	raw.Write(body)
	_, _ = fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	return raw.String()
}

func hideDeliveryID(t *testing.T, request string) string {
	t.Helper()
	const header = "X-WC-Webhook-Delivery-ID: "
	at := strings.Index(request, header) + len(header)
	if id := request[at : at+32]; strings.Trim(id, "0123456789abcdef") != "" {
		t.Errorf("delivery id %q is not 32 hexadecimal digits", id)
	}
	return request[:at] + "<32 hex>" + request[at+32:]
}

func TestDeliveryIDRepeatsWithinASecond(t *testing.T) {
	at := &clock{at: utc(t, "2026-11-23T03:00:00")}
	r := receive(t)
	s := delivering(t, r, func(c *Config) { c.Clock = at.now })
	quiet(t, s, 101, "processing")
	quiet(t, s, 102, "processing")
	rest(t, s, "PUT", "/orders/101", "{}")
	first := r.next(t)
	at.set(at.now().Add(900 * time.Millisecond))
	rest(t, s, "PUT", "/orders/102", "{}")
	second := r.next(t)
	at.set(at.now().Add(time.Second))
	rest(t, s, "PUT", "/orders/101", "{}")
	third := r.next(t)
	if first.delivery != second.delivery || first.delivery == third.delivery {
		t.Errorf("delivery ids %s, %s in one second and %s in the next; want the first two alike", first.delivery, second.delivery, third.delivery)
	}
}

// While the first delivery is under way, five changes of another order collapse
// into one delivery with the last state; a change of the first order is queued
// again because its delivery is no longer waiting.
func TestEqualWaitingEventsCollapse(t *testing.T) {
	r := receive(t)
	s := delivering(t, r, func(c *Config) { c.QueueDelay = time.Nanosecond })
	for id := int64(101); id <= 103; id++ {
		quiet(t, s, id, "pending")
	}
	rest(t, s, "PUT", "/orders/103", "{}")
	rest(t, s, "PUT", "/orders/101", "{}")
	r.next(t) // 103: the runner is now at 101 or about to be, blocked by this receiver
	waitUnderWay(t, s, 101)
	for i, status := range []string{"on-hold", "processing", "completed", "failed", "cancelled"} {
		if a := rest(t, s, "PUT", "/orders/102", `{"status":"`+status+`"}`); a.status != 200 {
			t.Fatalf("change %d: status %d", i, a.status)
		}
	}
	rest(t, s, "PUT", "/orders/101", `{"status":"processing"}`)
	rest(t, s, "PUT", "/orders/103", `{}`)
	var got []string
	for range 4 {
		o := r.next(t).object(t)
		got = append(got, o.Get("id").Text()+" "+o.Get("status").Text())
	}
	if diff := cmp.Diff([]string{"101 pending", "102 cancelled", "101 processing", "103 pending"}, got); diff != "" {
		t.Error(diff)
	}
}

// waitUnderWay spins until the delivery of an order has been taken up.
func waitUnderWay(t *testing.T, s *Server, order int64) {
	t.Helper()
	shop, err := s.shop("")
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		shop.mu.Lock()
		waiting := shop.waiting[event{webhook: 2, object: order}]
		shop.mu.Unlock()
		if !waiting {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the delivery of order %d is not taken up", order)
		}
	}
}

func hookOf(t *testing.T, s *Server, id string) (status string, failures int64) {
	t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	shop, err := s.shop("")
	if err != nil {
		t.Fatal(err)
	}
	hook := shop.get(webhooks, n)
	return hook.Get("status").Text(), hook.Get("failure_count").Int()
}

// fence is an event at another webhook: once it has arrived, everything before
// it is settled.
func fence(t *testing.T, s *Server, r *receiver) {
	t.Helper()
	rest(t, s, "PUT", "/products/14", "{}")
	if h := r.next(t); h.topic != "product.updated" {
		t.Fatalf("a delivery of %s is left over", h.topic)
	}
}

func TestSeventhFailureInARowDisables(t *testing.T) {
	r := receive(t)
	s := delivering(t, r)
	quiet(t, s, 101, "processing")
	r.answer.Store(http.StatusServiceUnavailable)
	for failure := 1; failure <= 6; failure++ {
		rest(t, s, "PUT", "/orders/101", "{}")
		r.next(t)
	}
	fence(t, s, r)
	if status, failures := hookOf(t, s, "2"); status != "active" || failures != 6 {
		t.Fatalf("after 6 failures: %s with %d, want active with 6", status, failures)
	}
	rest(t, s, "PUT", "/orders/101", "{}")
	r.next(t)
	fence(t, s, r)
	if status, failures := hookOf(t, s, "2"); status != "disabled" || failures != 6 {
		t.Fatalf("after 7 failures: %s with %d, want disabled with 6", status, failures)
	}
	rest(t, s, "PUT", "/orders/101", "{}")
	fence(t, s, r) // a disabled webhook queues nothing

	// Enabled again it has its failures still: one more disables it.
	rest(t, s, "PUT", "/webhooks/2", `{"status":"active"}`)
	rest(t, s, "PUT", "/orders/101", "{}")
	r.next(t)
	fence(t, s, r)
	if status, _ := hookOf(t, s, "2"); status != "disabled" {
		t.Errorf("one failure after enabling: %s, want disabled", status)
	}
}

func TestOutcomeByStatus(t *testing.T) {
	for _, c := range []struct {
		answer int
		want   int64
	}{{200, 0}, {201, 0}, {204, 0}, {301, 0}, {302, 0}, {303, 4}, {307, 4}, {404, 4}, {410, 4}, {429, 4}, {500, 4}} {
		r := receive(t)
		s := delivering(t, r)
		quiet(t, s, 101, "processing")
		r.answer.Store(500)
		for range 3 {
			rest(t, s, "PUT", "/orders/101", "{}")
			r.next(t)
		}
		fence(t, s, r)
		r.answer.Store(int64(c.answer))
		rest(t, s, "PUT", "/orders/101", "{}")
		r.next(t)
		fence(t, s, r)
		if _, failures := hookOf(t, s, "2"); failures != c.want {
			t.Errorf("3 failures and a %d: %d failures, want %d", c.answer, failures, c.want)
		}
	}
}

// What was queued when the webhook became disabled is sent all the same.
func TestQueuedDeliveriesOutliveDisabling(t *testing.T) {
	r := receive(t)
	s := delivering(t, r)
	r.answer.Store(500)
	for id := int64(101); id <= 110; id++ {
		quiet(t, s, id, "processing")
	}
	for id := int64(101); id <= 110; id++ {
		rest(t, s, "PUT", "/orders/"+itoa(id), "{}")
	}
	for id := int64(101); id <= 110; id++ {
		if got := r.next(t).object(t).Get("id").Int(); got != id {
			t.Errorf("delivery of order %d, want %d", got, id)
		}
	}
	fence(t, s, r)
	if status, _ := hookOf(t, s, "2"); status != "disabled" {
		t.Errorf("webhook is %s, want disabled", status)
	}
}

func TestNothingListeningIsAFailureAndNotRetried(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://" + listener.Addr().String() + "/"
	_ = listener.Close()
	r := receive(t)
	s := delivering(t, r)
	quiet(t, s, 101, "processing")
	rest(t, s, "PUT", "/webhooks/2", `{"delivery_url":"`+dead+`"}`)
	rest(t, s, "PUT", "/orders/101", "{}")
	fence(t, s, r)
	if _, failures := hookOf(t, s, "2"); failures != 1 {
		t.Errorf("%d failures, want 1", failures)
	}
	if stats := s.Stats(); stats.Waiting > 1 { // the fence itself may not be settled yet
		t.Errorf("%d deliveries wait, want none but the last", stats.Waiting)
	}
}

// A delivery under way when the double is reset ends without a trace: neither
// the first delivery after the reset nor its webhook's count is touched by it.
func TestResetForgetsTheDeliveryUnderWay(t *testing.T) {
	r := receive(t)
	r.answer.Store(500)
	s := delivering(t, r)
	quiet(t, s, 101, "processing")
	rest(t, s, "PUT", "/orders/101", "{}")
	waitUnderWay(t, s, 101)
	if err := s.Reset(); err != nil {
		t.Fatal(err)
	}
	quiet(t, s, 102, "processing")
	rest(t, s, "PUT", "/orders/102", "{}")
	for _, id := range []int64{101, 102} {
		if got := r.next(t).object(t).Get("id").Int(); got != id {
			t.Errorf("delivery of order %d, want %d", got, id)
		}
	}
	fence(t, s, r)
	if status, failures := hookOf(t, s, "2"); status != "active" || failures != 1 {
		t.Errorf("webhook is %s with %d failures, want active with the 1 since the reset", status, failures)
	}
}

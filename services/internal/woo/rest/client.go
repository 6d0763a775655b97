// Package rest is a client of WooCommerce's REST API (wc/v3): basic auth over TLS, OAuth 1.0a over plain
// http, a limit of requests in flight per shop, and a fault for every failure. WooCommerce's words (code)
// decide before its HTTP status does: a missing order is 400 on PUT and 404 on GET.
package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/telemetry"
	"github.com/orderstream/orderstream/services/internal/woo"
)

// Options says which shop and how.
type Options struct {
	URL            string // home URL, e.g. https://shop.example/
	ConsumerKey    string
	ConsumerSecret string
	Concurrency    int
	Timeout        time.Duration
}

// Client talks to one shop.
type Client struct {
	options Options
	base    string
	http    *http.Client
	slots   chan struct{} // shared by what is one host
	now     func() time.Time
	skew    *atomic.Int64 // what the shop's clock is ahead of ours, in nanoseconds
}

// root is where a shop's REST API begins.
const root = "/wp-json/"

// Under gives a client of another part of the same shop's API, e.g. a plugin's "wc-shipment-tracking/v3"; "" is the index.
// Both share the limit of requests in flight.
func (c *Client) Under(namespace string) *Client {
	other := *c
	other.base = strings.TrimSuffix(c.options.URL, "/") + root + namespace
	return &other
}

// New makes a client.
func New(options Options) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = options.Concurrency
	return &Client{
		options: options, base: strings.TrimSuffix(options.URL, "/") + root + "wc/v3", now: time.Now, slots: make(chan struct{}, options.Concurrency), skew: &atomic.Int64{},
		http: &http.Client{Transport: transport, Timeout: options.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Answer is what the shop said, and the call as the timeline shows it. On an error both are filled as far as
// there was an answer.
type Answer struct {
	Status int
	Body   []byte
	Call   event.Call
	date   string // by the shop's clock
}

// Date is when the shop answered, by its own clock; zero where it does not say.
func (a Answer) Date() time.Time {
	at, err := http.ParseTime(a.date)
	if err != nil {
		return time.Time{}
	}
	return at
}

const maxAnswer = 64 << 20

// Get reads an object, e.g. "/orders/36".
func (c *Client) Get(ctx context.Context, purpose, path string) (Answer, error) {
	return c.do(ctx, purpose, http.MethodGet, path, nil)
}

// Put changes an object.
func (c *Client) Put(ctx context.Context, purpose, path string, body any) (Answer, error) {
	return c.send(ctx, purpose, http.MethodPut, path, body)
}

// Post makes an object, or sends a batch.
func (c *Client) Post(ctx context.Context, purpose, path string, body any) (Answer, error) {
	return c.send(ctx, purpose, http.MethodPost, path, body)
}

func (c *Client) send(ctx context.Context, purpose, method, path string, body any) (Answer, error) {
	data, err := codec.Encode(body)
	if err != nil {
		return Answer{}, err
	}
	return c.do(ctx, purpose, method, path, data)
}

func (c *Client) do(ctx context.Context, purpose, method, path string, body []byte) (Answer, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
	ctx, span := telemetry.Tracer().Start(ctx, "shop "+method, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("orderstream.purpose", purpose), attribute.String("url.path", path)))
	defer span.End()
	answer, err := c.exchange(ctx, purpose, method, path, body)
	if fault.CodeOf(err) == fault.ShopUnauthorised && c.learns(answer.date) {
		answer, err = c.exchange(ctx, purpose, method, path, body)
	}
	if doubtful(answer, err) && c.alive(ctx) {
		err = fault.New(fault.ShopFailed, "the shop must do this as it does other things", fault.Because(err))
	}
	span.SetAttributes(attribute.Int("http.response.status_code", answer.Status))
	if err != nil {
		answer.Call.Problem = err.Error()
		span.SetStatus(codes.Error, string(fault.CodeOf(err)))
	}
	return answer, err
}

// doubtful tells whether it may be this request alone that the shop fails at: PHP failed, or it took too long.
func doubtful(answer Answer, err error) bool {
	var network net.Error
	return fault.CodeOf(err) == fault.ShopUnavailable && (answer.Status == http.StatusInternalServerError || answer.Status == 0 && errors.As(err, &network) && network.Timeout())
}

// alive tells whether the shop does something easy. One order at which PHP fails must not pass for an outage: it would keep
// all others waiting for ever.
func (c *Client) alive(ctx context.Context) bool {
	_, err := c.Under("wc/v3").exchange(ctx, "does the shop answer", http.MethodGet, "/orders?per_page=1&_fields=id", nil)
	return err == nil
}

// tolerated is how far two clocks may be apart. WooCommerce refuses a signature that is 15 minutes old or ahead
// (class-wc-rest-authentication.php, check_oauth_timestamp_and_nonce), and says so as a wrong key.
const tolerated = 5 * time.Minute

// learns tells whether the shop's clock turns out to be another than we signed by, where signatures have a time at all.
func (c *Client) learns(date string) bool {
	at, err := http.ParseTime(date)
	if err != nil || strings.HasPrefix(c.base, "https:") {
		return false
	}
	skew := at.Sub(c.now())
	if (skew - time.Duration(c.skew.Load())).Abs() < tolerated {
		return false
	}
	c.skew.Store(int64(skew))
	return true
}

func (c *Client) exchange(ctx context.Context, purpose, method, path string, body []byte) (Answer, error) {
	started := c.now()
	answer := Answer{Call: event.Call{Method: method, Path: path, At: started.UTC(), Purpose: purpose}}
	request, err := c.request(ctx, method, path, body)
	if err != nil {
		return answer, err
	}
	response, err := c.http.Do(request)
	if err == nil {
		defer response.Body.Close()
		answer.Status, answer.date = response.StatusCode, response.Header.Get("Date")
		answer.Body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	}
	answer.Call.Status, answer.Call.Millis = answer.Status, c.now().Sub(started).Milliseconds()
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return answer, ctx.Err()
		}
		return answer, fault.New(fault.ShopUnavailable, "the shop must answer", fault.Because(hideQuery(err)))
	}
	return answer, classify(answer.Status, response.Header, answer.Body, started)
}

// hideQuery keeps the signed query of a request out of messages.
func hideQuery(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return fmt.Errorf("%s: %w", failed.Op, failed.Err)
	}
	return err
}

func (c *Client) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	target, err := url.Parse(c.base + path)
	if err != nil {
		return nil, fmt.Errorf("shop URL: %w", err)
	}
	secure := target.Scheme == "https"
	if !secure {
		target.RawQuery = sign(method, target, c.options.ConsumerKey, c.options.ConsumerSecret, c.now().Add(time.Duration(c.skew.Load())), nonce())
	}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if secure {
		request.SetBasicAuth(c.options.ConsumerKey, c.options.ConsumerSecret)
	}
	request.Header.Set("Accept", "application/json")
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// classify gives an answer its fault; nil for success. WooCommerce's 500s with a code of its own are
// permanent; WordPress says internal_server_error when PHP fails, which passes.
func classify(status int, header http.Header, body []byte, now time.Time) error {
	if status >= 200 && status < 300 {
		return usable(status, body)
	}
	p, known := woo.ParseProblem(body)
	code, options := fault.ShopRefused, []fault.Option{fault.Field("status", strconv.Itoa(status))}
	switch {
	case known && strings.HasSuffix(p.Code, "order_invalid_id"):
		code = fault.ShopOrderMissing
	case known && p.Code == "rest_no_route":
		code = fault.ShopRouteMissing
	case status == http.StatusUnauthorized || known && p.Code == "woocommerce_rest_authentication_error":
		code = fault.ShopUnauthorised
	case status == http.StatusTooManyRequests:
		code = fault.ShopThrottled
	case status == http.StatusServiceUnavailable || status >= 500 && !strings.HasPrefix(p.Code, "woocommerce_"):
		code = fault.ShopUnavailable
	}
	if wait := retryAfter(header.Get("Retry-After"), now); wait > 0 {
		options = append(options, fault.After(wait))
	}
	rule := "the shop must accept the request"
	if known {
		rule += ": " + p.Code
	}
	return fault.New(code, rule, options...)
}

// longestWait bounds what a host may ask for.
const longestWait = 10 * time.Minute

// retryAfter reads seconds or a date (RFC 9110, 10.2.3); 0 where it asks for nothing.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(max(0, min(seconds, int(longestWait/time.Second)))) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return max(0, min(at.Sub(now), longestWait))
}

// usable wants JSON of a success: a cache, a firewall or a maintenance page answers 200 in its own words.
func usable(status int, body []byte) error {
	if _, err := codec.Decode[codec.Raw](body); err != nil {
		return fault.New(fault.Unexpected, "the shop must answer in JSON", fault.Field("status", strconv.Itoa(status)), fault.Because(err))
	}
	return nil
}

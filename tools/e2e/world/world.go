// Package world runs Orderstream with its doubles for end-to-end tests, in the test's process or in one of its
// own, and tells what both ends hold.
package world

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// World is a running Orderstream with its doubles.
type World struct {
	*demo.Demo // nil when it runs in a process of its own
	Facts      demo.Facts
	JS         jetstream.JetStream
	t          testing.TB
}

// Stores are the stores of the captures.
var Stores = []string{"main", "legacy", "v104"}

// Options completes options for a test: ports of its own, nothing fsynced, no log unless asked for by
// E2E_LOG.
func Options(o demo.Options) demo.Options {
	o.Stores = Stores
	const any = "127.0.0.1:0"
	o.Ingest, o.Health, o.NetSuite, o.Shop, o.NATS = any, any, any, any, any
	adjust := o.Adjust
	o.Adjust = func(c *host.Config) {
		a := c.Accounts[demo.Account]
		a.Late = 2_000_000_000 // nanoseconds; NetSuite's double ends what it was asked within that time
		c.Accounts[demo.Account] = a
		if adjust != nil {
			adjust(c)
		}
	}
	o.Log = slog.New(slog.DiscardHandler)
	if os.Getenv("E2E_LOG") != "" {
		o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return o
}

// Start runs a world in the test's process and stops it with the test.
func Start(t testing.TB, o demo.Options) World {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	d, err := demo.Start(context.Background(), Options(o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Stop)
	return World{d, d.Facts, d.JS, t}
}

// Attach speaks to a world that runs in another process, until the test ends or that process does.
func Attach(t testing.TB, facts demo.Facts) (World, error) {
	conn, err := nats.Connect(facts.NATS, nats.NoReconnect())
	if err != nil {
		return World{}, err
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	return World{nil, facts, js, t}, err
}

// Captures lists the real deliveries in the order of their arrival.
func Captures(t testing.TB) []capture.Delivery {
	t.Helper()
	all, err := capture.All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Load gives the shop double each order's final state, without webhooks.
func (w World) Load(all []capture.Delivery) {
	w.t.Helper()
	for _, c := range all {
		if c.Get("X-WC-Webhook-Resource") != "order" || !bytes.Contains(c.Body, []byte(`"line_items"`)) || !c.Valid {
			continue
		}
		body, err := json.Marshal(map[string]any{"store": c.Store, "order": json.RawMessage(c.Body)})
		if err != nil {
			w.t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.Facts.Shop+"/sim/load", bytes.NewReader(body))
		if err != nil {
			w.t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			w.t.Fatal(c.Name, err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			w.t.Fatalf("%s: load answered %d", c.Name, response.StatusCode)
		}
	}
}

// Post sends a capture with its own headers and gives the HTTP status.
func (w World) Post(c capture.Delivery) int {
	w.t.Helper()
	status, err := w.TryPost(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return status
}

// TryPost is Post where the door may be gone.
func (w World) TryPost(c capture.Delivery) (int, error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.Facts.Ingest+c.Path, bytes.NewReader(c.Body))
	if err != nil {
		return 0, err
	}
	for _, line := range c.Header {
		switch strings.ToLower(line[0]) {
		case "host", "content-length", "connection", "accept-encoding":
		default:
			request.Header.Set(line[0], line[1])
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	response.Body.Close()
	return response.StatusCode, nil
}

// Settle waits until every delivery has gone its whole way.
func (w World) Settle() {
	w.t.Helper()
	w.settle(Consumers())
}

// Gather waits until every delivery has become a desired state, whatever the writer does.
func (w World) Gather() {
	w.t.Helper()
	w.settle(Consumers()[:4])
}

// Until waits for what a condition sees.
func (w World) Until(what string, met func() bool) {
	w.t.Helper()
	looks := newLooks(time.Minute)
	for !met() {
		if !looks.next() {
			w.t.Fatalf("never: %s", what)
		}
	}
}

func (w World) settle(among [][2]string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 120*time.Second)
	defer cancel()
	const looksAtRest = 6
	looks := newLooks(120 * time.Second)
	for quiet := 0; quiet < looksAtRest; {
		busy, err := w.busy(ctx, among)
		if err != nil {
			w.t.Fatalf("settle: %v", err)
		}
		quiet++
		if busy != "" {
			quiet = 0
		} else {
			looks.often()
		}
		if !looks.next() {
			w.t.Fatalf("not settled: %s", busy)
		}
	}
}

// looks are the moments at which a test looks whether what it waits for has come: the first ones close together, so that it
// goes on at once, then seldom, since looking costs what the world then lacks.
type looks struct {
	end   time.Time
	pause time.Duration
}

const (
	shortest = 5 * time.Millisecond
	longest  = 50 * time.Millisecond
)

func newLooks(within time.Duration) *looks { return &looks{time.Now().Add(within), shortest} }

// next waits for the next look; there is none when the time is over.
func (l *looks) next() bool {
	if time.Now().After(l.end) {
		return false
	}
	<-time.After(l.pause)
	l.pause = min(l.pause*5/4, longest)
	return true
}

// often makes the looks close again.
func (l *looks) often() { l.pause = shortest }

// Busy names what still has something to do, or "".
func (w World) Busy(ctx context.Context) (string, error) { return w.busy(ctx, Consumers()) }

func (w World) busy(ctx context.Context, among [][2]string) (string, error) {
	waiting, err := w.Waiting(ctx)
	if err != nil {
		return "", err
	}
	if waiting > 0 {
		return fmt.Sprintf("%d deliveries in the door log", waiting), nil
	}
	for _, c := range among {
		consumer, err := w.JS.Consumer(ctx, c[0], c[1])
		if err != nil {
			return "", err
		}
		if info := consumer.CachedInfo(); info.NumPending > 0 || info.NumAckPending > 0 {
			return fmt.Sprintf("%s/%s: %d pending, %d unacknowledged", c[0], c[1], info.NumPending, info.NumAckPending), nil
		}
	}
	return "", nil
}

// Waiting counts the deliveries in the door log.
func (w World) Waiting(ctx context.Context) (int, error) {
	value, err := w.Metric(ctx, "orderstream_door_log_records")
	if err != nil || value == "" {
		return 0, err
	}
	return strconv.Atoi(value)
}

// Metric gives the value of a metric that has one, or "".
func (w World) Metric(ctx context.Context, metric string) (string, error) {
	metrics, err := w.get(ctx, w.Facts.Health+"/metrics")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(metrics)) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(name, metric+"{") {
			return value, nil
		}
	}
	return "", nil
}

func (w World) get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := plain.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

// plain asks for no compression, which would cost more than the question.
var plain = func() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true
	return &http.Client{Transport: transport}
}()

// Get reads a JSON document of one of the doubles' controls.
func Get[T any](w World, url string) T {
	w.t.Helper()
	data, err := w.get(context.Background(), url)
	if err != nil {
		w.t.Fatal(err)
	}
	var value T
	if err := json.Unmarshal(data, &value); err != nil {
		w.t.Fatalf("%s: %v", url, err)
	}
	return value
}

// Consumers lists the durable consumers, as stream and name, that have nothing to do in a world at rest.
func Consumers() [][2]string {
	return [][2]string{
		{topology.Woo, topology.ConsumerParse}, {topology.Orders, topology.ConsumerMap}, {topology.Reads, topology.ConsumerRead}, {topology.Customers, topology.ConsumerMapCustomers},
		{topology.Desired, topology.WriterOf(demo.Account)}, {topology.Outcomes, topology.ConsumerPublish}, {topology.Outcomes, topology.ConsumerWriteFailures},
		{topology.NetSuiteChanges, topology.ConsumerReturn}, {topology.ShopOutcomes, topology.ConsumerShopFailures},
	}
}

// SalesOrder is a record of the NetSuite double.
type SalesOrder struct {
	ID          string              `json:"id"`
	ExternalID  string              `json:"externalId"`
	TranID      string              `json:"tranId"`
	TranDate    string              `json:"tranDate"`
	OtherRefNum string              `json:"otherRefNum"`
	Note        string              `json:"custbody_wc_customer_note"`
	Memo        string              `json:"memo"`
	Total       json.Number         `json:"total"`
	TaxTotal    json.Number         `json:"taxTotal"`
	Currency    struct{ ID string } `json:"currency"`
	Entity      struct{ ID string } `json:"entity"`
	Status      struct{ ID string } `json:"status"`
	Item        struct {
		Items []struct {
			Line        json.Number              `json:"line"`
			Quantity    json.Number              `json:"quantity"`
			IsClosed    bool                     `json:"isClosed"`
			Mark        string                   `json:"custcol_wc_line_id"`
			Amount      json.Number              `json:"amount"`
			Description string                   `json:"description"`
			Item        struct{ RefName string } `json:"item"`
		}
	} `json:"item"`
}

// SalesOrders gives what the NetSuite double holds, by externalId; two of one id fail the test.
func (w World) SalesOrders() map[string]SalesOrder {
	w.t.Helper()
	data, err := w.get(context.Background(), w.Facts.NetSuite+"/sim/state?type=salesOrder")
	if err != nil {
		w.t.Fatal(err)
	}
	var list []SalesOrder
	if err := json.Unmarshal(data, &list); err != nil {
		w.t.Fatal(err)
	}
	orders := map[string]SalesOrder{}
	for _, o := range list {
		if _, twice := orders[o.ExternalID]; twice {
			w.t.Errorf("two sales orders with externalId %s", o.ExternalID)
		}
		orders[o.ExternalID] = o
	}
	return orders
}

// SameAmount compares two decimal texts by value.
func SameAmount(a, b string) bool {
	x, err1 := decimal.NewFromString(a)
	y, err2 := decimal.NewFromString(b)
	return err1 == nil && err2 == nil && x.Equal(y)
}

// Requests counts the requests a double has answered, by method and a part of the path.
func (w World) Requests(base, method, path string) (uint64, error) {
	data, err := w.get(context.Background(), base+"/sim/log")
	if err != nil {
		return 0, err
	}
	var log []struct{ Method, Path string }
	if err := json.Unmarshal(data, &log); err != nil {
		return 0, err
	}
	var n uint64
	for _, entry := range log {
		if entry.Method == method && strings.Contains(entry.Path, path) {
			n++
		}
	}
	return n, nil
}

// Unwatched lets nobody poll NetSuite, for tests that count every request to it.
func Unwatched(c *host.Config) {
	for key, account := range c.Accounts {
		account.Watch.Poll, account.Watch.Stock = "off", "off"
		c.Accounts[key] = account
	}
}

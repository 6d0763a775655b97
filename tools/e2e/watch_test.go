package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-json"
	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/host/embednats"
	"github.com/orderstream/orderstream/services/ingest/signature"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
	"github.com/orderstream/orderstream/services/netsuite-writer/watch"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// watched is a NetSuite double whose clock the test moves, and a watcher that polls when the test says so.
type watched struct {
	t       *testing.T
	sim     *netsuitesim.Server
	js      jetstream.JetStream
	watcher *watch.Watcher

	prices   []watch.Price // that stores ask for
	literals time.Duration // how much later than meant the account reads the times of queries

	mu      sync.Mutex
	now     time.Time
	queries int
}

var literal = regexp.MustCompile(`TO_TIMESTAMP\('([^']*)'`)

// misread moves the literals of a query, as an account does whose results are in another zone than its literals.
func (w *watched) misread(q string) string {
	const layout = "2006-01-02 15:04:05"
	return literal.ReplaceAllStringFunc(q, func(text string) string {
		at, err := time.Parse(layout, literal.FindStringSubmatch(text)[1])
		if err != nil {
			w.t.Error(err)
		}
		return "TO_TIMESTAMP('" + at.Add(w.literals).Format(layout) + "'"
	})
}

var simKeys = netsuitesim.TBA{ConsumerKey: "ck", ConsumerSecret: "cs", TokenID: "tk", TokenSecret: "ts"}

func startWatched(t *testing.T, zone string, start time.Time, adjust ...func(*netsuitesim.Config)) *watched {
	t.Helper()
	w := &watched{t: t, now: start}
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	config := netsuitesim.Config{TBA: simKeys, Now: w.clock, Switches: netsuitesim.Switches{QueryZone: location}}
	for _, change := range adjust {
		change(&config)
	}
	if w.sim, err = netsuitesim.New(config); err != nil {
		t.Fatal(err)
	}
	w.sim.Start()
	t.Cleanup(func() { _ = w.sim.Close(context.Background()) })
	server, err := embednats.Start(embednats.Options{Dir: t.TempDir(), Trust: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	conn, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if w.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	params := topology.Params{Replicas: 1, Accounts: []string{"ns"}, Retention: 24 * time.Hour, MaxBytes: -1}
	if err := topology.Ensure(t.Context(), w.js, topology.Of(params)); err != nil {
		t.Fatal(err)
	}
	w.restart()
	return w
}

// restart begins with an empty memory, as a new process does.
func (w *watched) restart() {
	var config host.Config
	config.Accounts = holding(config.Accounts, "ns")
	config.Fill()
	w.watcher = watch.New(watch.Options{Account: "ns", Stores: []string{"main", "main-2"}, JS: w.js, Log: slog.New(slog.DiscardHandler), NetSuite: w, Config: config.Accounts["ns"].Watch, Prices: w.prices, Now: w.clock})
}

// holding gives a map with one empty section.
func holding[V any](_ map[string]V, key string) map[string]V { return map[string]V{key: *new(V)} }

func (w *watched) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *watched) at(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
}

func (w *watched) poll() {
	w.t.Helper()
	if err := w.watcher.Poll(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// Do asks the double with a token that is valid by its clock.
func (w *watched) Do(ctx context.Context, r suitetalk.Request) (suitetalk.Answer, error) {
	target := w.sim.URL() + "/services/rest" + r.Path
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, target, bytes.NewReader(r.Body))
	if err != nil {
		return suitetalk.Answer{}, err
	}
	w.mu.Lock()
	w.queries++
	nonce := fmt.Sprint("n", w.queries)
	w.mu.Unlock()
	request.Header.Set("Authorization", oauth(simKeys, "1234567_SB1", r.Method, w.sim.URL()+"/services/rest"+r.Path, r.Query, w.clock(), nonce))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Prefer", "transient")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return suitetalk.Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err == nil && response.StatusCode == http.StatusBadRequest:
		err = fault.New(fault.NetSuiteRefused, fmt.Sprintf("%s: %s", r.Path, body)) // as the client names it
	case err == nil && response.StatusCode != http.StatusOK:
		err = fmt.Errorf("%s: %d %s", r.Path, response.StatusCode, body)
	}
	return suitetalk.Answer{Status: response.StatusCode, Body: body}, err
}

// Query runs one page of SuiteQL.
func (w *watched) Query(ctx context.Context, _, q string) ([]suitetalk.Row, []event.Call, error) {
	body, err := json.Marshal(map[string]string{"q": w.misread(q)})
	if err != nil {
		return nil, nil, err
	}
	answer, err := w.Do(ctx, suitetalk.Request{Method: http.MethodPost, Path: "/query/v1/suiteql", Body: body})
	if err != nil {
		return nil, nil, err
	}
	var page struct {
		HasMore bool
		Items   []map[string]any
	}
	if err := json.Unmarshal(answer.Body, &page); err != nil {
		return nil, nil, err
	}
	if page.HasMore {
		return nil, nil, fmt.Errorf("more than a page: %s", q)
	}
	var rows []suitetalk.Row
	for _, item := range page.Items {
		row := suitetalk.Row{}
		for name, value := range item {
			if text, is := value.(string); is {
				row[name] = text
			}
		}
		rows = append(rows, row)
	}
	return rows, nil, nil
}

// ServerTime is the double's clock.
func (w *watched) ServerTime(context.Context) (time.Time, error) { return w.clock(), nil }

// act does what a person does in the UI.
func (w *watched) act(method, path, body string) string {
	w.t.Helper()
	id, err := w.sim.Act(netsuitesim.Act{Method: method, Path: path, Body: []byte(body)})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// order makes an approved order of two lines: 2 tees, 1 beanie.
func (w *watched) order(externalID string) string {
	w.t.Helper()
	return w.act("POST", "salesOrder", `{"entity":{"externalId":"WOO-GUEST"},"orderStatus":{"id":"B"},"externalId":"`+externalID+`","item":{"items":[
		{"item":{"id":"112"},"quantity":2,"rate":10,"amount":20,"price":{"id":"-1"}},{"item":{"id":"101"},"quantity":1,"rate":5,"amount":5,"price":{"id":"-1"}}]}}`)
}

// changes lists what was published, oldest first.
func (w *watched) changes() []event.NetSuiteChangedV1 {
	w.t.Helper()
	return changesOf(w.t, w.js)
}

func changesOf(t *testing.T, js jetstream.JetStream) []event.NetSuiteChangedV1 {
	t.Helper()
	ctx := t.Context()
	stream, err := js.Stream(ctx, topology.NetSuiteChanges)
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var list []event.NetSuiteChangedV1
	for sequence := max(info.State.FirstSeq, 1); sequence <= info.State.LastSeq; sequence++ {
		raw, err := stream.GetMsg(ctx, sequence)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(raw.Subject, "netsuite.v1.changed.") {
			continue
		}
		e, err := codec.Decode[event.NetSuiteChangedV1](raw.Data)
		if err != nil {
			t.Fatal(err)
		}
		if want := (subject.Change{Account: e.Account, Kind: e.Kind, Key: e.Record.ID}).String(); raw.Subject != want {
			t.Errorf("subject %s, want %s", raw.Subject, want)
		}
		list = append(list, e)
	}
	return list
}

// told writes changes in a line each.
func told(changes []event.NetSuiteChangedV1) []string {
	list := []string{}
	for _, e := range changes {
		list = append(list, fmt.Sprintf("%s %s/%s %s %s", e.Kind, e.Store, e.Order, e.Status, e.ModifiedAt.Format(time.RFC3339)))
	}
	return list
}

func wantTold(t *testing.T, got []event.NetSuiteChangedV1, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, told(got)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

var november = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)

// One life of an order, as a person in NetSuite makes it, ends in one event per state, each complete; a second look
// tells nothing.
func TestWatchFollowsAnOrder(t *testing.T) {
	w := startWatched(t, "America/New_York", november)
	order := w.order("wc-so-main-36")
	w.order("another-channel-36")
	w.poll()
	wantTold(t, w.changes(), "salesOrder main/36 B 2026-11-20T15:00:00Z")

	w.at(november.Add(time.Minute))
	parcel := w.act("POST", "salesOrder/"+order+"/!transform/itemFulfillment",
		`{"shipStatus":{"id":"B"},"item":{"items":[{"orderLine":1,"quantity":1},{"orderLine":2,"itemReceive":false}]}}`)
	w.poll()
	w.at(november.Add(2 * time.Minute))
	w.act("PATCH", "itemFulfillment/"+parcel, `{"shipStatus":{"id":"C"},"package":{"items":[{"packageTrackingNumber":"1Z1"},{"packageTrackingNumber":"1Z2"}]}}`)
	w.poll()
	w.at(november.Add(3 * time.Minute))
	if _, err := w.sim.Bill(order); err != nil {
		t.Fatal(err)
	}
	w.poll()
	w.poll()
	got := w.changes()
	wantTold(t, got, "salesOrder main/36 B 2026-11-20T15:00:00Z",
		"itemFulfillment main/36 B 2026-11-20T15:01:00Z",
		"itemFulfillment main/36 C 2026-11-20T15:02:00Z", "salesOrder main/36 D 2026-11-20T15:02:00Z",
		"invoice main/36 A 2026-11-20T15:03:00Z", "salesOrder main/36 E 2026-11-20T15:03:00Z")
	if t.Failed() {
		return
	}
	if first := got[0]; first.SalesOrder != order || first.TranID != "SO1001" || first.Date != "2026-11-20" || first.Total.String() != "25.00" || len(first.Lines) != 2 ||
		first.Lines[0].Quantity.String() != "2" || first.Lines[0].Fulfilled.String() != "0" || first.Lines[0].Amount.String() != "20.00" {
		t.Errorf("the order: %+v", first)
	}
	shipped := got[2]
	if shipped.SalesOrder != order || len(shipped.Lines) != 1 || shipped.Lines[0].Line != "1" || shipped.Lines[0].Item != "112" || shipped.Lines[0].Quantity.String() != "1" {
		t.Errorf("the fulfilment's lines: %+v", shipped.Lines)
	}
	var numbers []string
	for _, p := range shipped.Packages {
		numbers = append(numbers, p.TrackingNumbers...)
	}
	slices.Sort(numbers)
	if !slices.Equal(numbers, []string{"1Z1", "1Z2"}) {
		t.Errorf("tracking numbers %v", numbers)
	}
	if bill := got[4]; bill.Total.String() != "10.00" || bill.Lines[0].Line != "1" {
		t.Errorf("the invoice: %+v", bill)
	}
}

// Clocks that go back write every time of an hour, or of half an hour, twice; days begin at other moments than in UTC.
// Whenever a record changes, in the second that had the same name an hour ago too, that is told once and with its time
// in UTC.
func TestWatchLosesNothingWhenClocksChange(t *testing.T) {
	cases := []struct {
		zone   string
		moment string        // in UTC
		apart  time.Duration // of the zone in which literals are read
	}{
		{"Asia/Tokyo", "2026-11-20T15:00:00Z", 0},                       // midnight
		{"Asia/Tokyo", "2026-11-20T15:00:00Z", 17 * time.Hour},          // literals in California's zone
		{"America/New_York", "2026-11-01T06:00:00Z", 0},                 // 02:00 → 01:00
		{"America/New_York", "2026-11-01T06:00:00Z", -19 * time.Hour},   // literals in Lord Howe's
		{"America/New_York", "2026-03-08T07:00:00Z", 5 * time.Hour},     // 02:00 → 03:00
		{"Australia/Lord_Howe", "2026-04-04T15:00:00Z", 0},              // 02:00 → 01:30
		{"Australia/Lord_Howe", "2026-10-03T15:30:00Z", 11 * time.Hour}, // 02:00 → 02:30
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.zone, " ", c.moment[:7], " ", c.apart), func(t *testing.T) {
			moment, err := time.Parse(time.RFC3339, c.moment)
			if err != nil {
				t.Fatal(err)
			}
			w := startWatched(t, c.zone, moment.Add(-3*time.Hour))
			w.literals = c.apart
			orders := []string{w.order("wc-so-main-1"), w.order("wc-so-main-2")}
			want := map[string][]string{}
			for i := range orders {
				want[fmt.Sprint(i+1)] = []string{w.clock().Format(time.RFC3339)}
			}
			w.poll()
			// Changes of either order, some of them in seconds that come twice.
			for minute := -170; minute <= 300; minute += 5 {
				w.at(moment.Add(time.Duration(minute) * time.Minute))
				for i, every := range []int{30, 60} { // half hours repeat in Lord Howe, hours in New York
					if minute%every == 0 {
						w.act("PATCH", "salesOrder/"+orders[i], fmt.Sprintf(`{"item":{"items":[{"line":1,"quantity":%d}]}}`, 1000+minute))
						want[fmt.Sprint(i+1)] = append(want[fmt.Sprint(i+1)], w.clock().Format(time.RFC3339))
					}
				}
				w.at(w.clock().Add(2 * time.Second))
				w.poll()
			}
			got := map[string][]string{}
			for _, e := range w.changes() {
				got[e.Order] = append(got[e.Order], e.ModifiedAt.Format(time.RFC3339))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("times told (-want +got):\n%s", diff)
			}
		})
	}
}

// What comes back belongs to the order too, however many documents lie between: a deposit's refund, a return, its
// receipt, its credit memo and the refund of that.
func TestWatchFollowsWhatComesBack(t *testing.T) {
	w := startWatched(t, "UTC", november)
	order := w.order("wc-so-main-2-77")
	deposit := w.act("POST", "customerDeposit", `{"salesOrder":{"id":"`+order+`"},"payment":25,"undepFunds":true}`)
	refund := w.act("POST", "customerDeposit/"+deposit+"/!transform/customerRefund", `{"account":{"id":"1"},"deposit":{"items":[{"doc":{"id":"`+deposit+`"},"apply":true,"amount":5}]}}`)
	if _, err := w.sim.Fulfil(netsuitesim.Shipment{Order: order}); err != nil {
		t.Fatal(err)
	}
	bill, err := w.sim.Bill(order)
	if err != nil {
		t.Fatal(err)
	}
	returned := w.act("POST", "invoice/"+bill+"/!transform/returnAuthorization", `{"orderStatus":{"id":"B"},"item":{"items":[{"line":1,"quantity":1},{"line":2,"quantity":0}]}}`)
	receipt := w.act("POST", "returnAuthorization/"+returned+"/!transform/itemReceipt", `{}`)
	memo := w.act("POST", "returnAuthorization/"+returned+"/!transform/creditMemo", `{}`)
	back := w.act("POST", "customerRefund", `{"customer":{"id":"21"},"account":{"id":"1"},"apply":{"items":[{"doc":{"id":"`+memo+`"},"apply":true,"amount":3}]}}`)
	w.poll()
	got := map[string]event.NetSuiteChangedV1{}
	for _, e := range w.changes() {
		got[e.Record.ID] = e
	}
	for id, kind := range map[string]string{refund: "customerRefund", bill: "invoice", returned: "returnAuthorization", receipt: "itemReceipt", memo: "creditMemo", back: "customerRefund", order: "salesOrder"} {
		e := got[id]
		if e.Kind != kind || e.Store != "main-2" || e.Order != "77" || e.SalesOrder != order {
			t.Errorf("%s %s: %q of order %s/%s, sales order %q", kind, id, e.Kind, e.Store, e.Order, e.SalesOrder)
		}
	}
	for _, id := range []string{returned, receipt, memo} {
		if e := got[id]; len(e.Lines) != 1 || e.Lines[0].Line != "1" || e.Lines[0].Quantity.String() != "1" {
			t.Errorf("%s: lines %+v, want 1 of the order's line 1", e.Kind, e.Lines)
		}
	}
	if e := got[back]; e.Total == nil || e.Total.String() != "3.00" {
		t.Errorf("the refund of the credit memo: total %v", e.Total)
	}
	// A new process looks back a day and tells nothing twice.
	told := len(w.changes())
	w.restart()
	w.poll()
	if again := len(w.changes()); again != told {
		t.Errorf("%d changes after a restart, want %d", again, told)
	}
}

// Two watchers at once, as when a pin moves, tell each state once.
func TestTwoWatchersTellOnce(t *testing.T) {
	w := startWatched(t, "UTC", november)
	first := w.watcher
	w.restart()
	for n := range 30 {
		w.order(fmt.Sprint("wc-so-main-", n))
	}
	errs := make(chan error, 2)
	for _, watcher := range []*watch.Watcher{first, w.watcher} {
		go func() { errs <- watcher.Poll(t.Context()) }()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := len(w.changes()); n != 30 {
		t.Errorf("%d changes, want 30", n)
	}
}

// What a person does in NetSuite is told by a push within two seconds, without any poll: a fulfilment with its order,
// a deletion, a count of stock. What Orderstream writes itself is not pushed, and what cannot be signed changes nothing.
func TestPushIsToldAtOnce(t *testing.T) {
	w := world.Start(t, account(func(c *host.Config) {
		a := c.Accounts[demo.Account]
		a.Watch.Poll = "off"
		c.Accounts[demo.Account] = a
	}))
	if err := w.NetSuite.SetPush(netsuitesim.Push{URL: w.Facts.Account.PushURL, Secret: demo.PushSecret}); err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	if n := w.NetSuite.Stats().Pushes; n != 0 {
		t.Errorf("%d pushes of our own writes", n)
	}
	began := time.Now()
	parcel, err := w.NetSuite.Fulfil(netsuitesim.Shipment{Order: "wc-so-main-36", Tracking: []string{"1Z999"}})
	if err != nil {
		t.Fatal(err)
	}
	shipped := nextChange(t, w.JS, event.ChangeFulfilment, 1)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("visible after %s", took)
	} else {
		t.Logf("visible after %s", took.Round(time.Millisecond))
	}
	if shipped.Record.ID != parcel || shipped.Store != "main" || shipped.Order != "36" || shipped.Status != "C" || len(shipped.Packages) != 1 || time.Since(shipped.ModifiedAt) > time.Minute {
		t.Errorf("told %+v", shipped)
	}
	if so := nextChange(t, w.JS, event.ChangeSalesOrder, 1); so.Status != "F" {
		t.Errorf("the order is %s, want F", so.Status)
	}
	if _, err := w.NetSuite.Act(netsuitesim.Act{Method: "DELETE", Path: "itemFulfillment/" + parcel}); err != nil {
		t.Fatal(err)
	}
	if gone := nextChange(t, w.JS, event.ChangeFulfilment, 2); !gone.Deleted || gone.Record.ID != parcel || gone.Order != "36" {
		t.Errorf("told of the deletion %+v", gone)
	}
	if so := nextChange(t, w.JS, event.ChangeSalesOrder, 2); so.Status != "B" {
		t.Errorf("the order is %s after the deletion, want B", so.Status)
	}
	if _, err := w.NetSuite.SetStock(netsuitesim.Stock{SKU: "TEE-001", Location: "1", OnHand: "7"}); err != nil {
		t.Fatal(err)
	}
	if tee := nextChange(t, w.JS, event.ChangeInventory, 1); tee.Stock.Name != "TEE-001" || tee.Stock.Locations[0].OnHand.String() != "7" {
		t.Errorf("told of the stock %+v", tee.Stock)
	}
	// A push that is wrong about the kind is believed in nothing but the id.
	so := w.SalesOrders()["wc-so-main-36"].ID
	body, timestamp, nonce := `{"kind":"invoice","id":"`+so+`","act":"edit"}`, fmt.Sprint(time.Now().Unix()), "nonce-of-the-test-0001"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.Facts.Account.PushURL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Orderstream-Timestamp", timestamp)
	request.Header.Set("X-Orderstream-Nonce", nonce)
	request.Header.Set("X-Orderstream-Signature", signature.SignPush(timestamp, nonce, []byte(body), demo.PushSecret))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	told := len(changesOf(t, w.JS))
	settled(t, w)
	if n := len(changesOf(t, w.JS)); n != told {
		t.Errorf("%d changes after a push that says nothing new, want %d", n, told)
	}
	if s := w.NetSuite.Stats(); s.PushesFailed != 0 {
		t.Errorf("%d of %d pushes failed", s.PushesFailed, s.Pushes)
	}
}

// settled waits until every push stored so far was read.
func settled(t *testing.T, w world.World) {
	t.Helper()
	w.Settle() // the door log is empty
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		consumer, err := w.JS.Consumer(t.Context(), topology.NetSuiteChanges, topology.WatcherOf(demo.Account))
		if err != nil {
			t.Fatal(err)
		}
		info := consumer.CachedInfo()
		if info.NumPending+uint64(info.NumAckPending) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("pushes are not settled: %d pending, %d in hand", info.NumPending, info.NumAckPending)
		}
	}
}

// nextChange waits for the nth change of a kind.
func nextChange(t *testing.T, js jetstream.JetStream, kind string, nth int) event.NetSuiteChangedV1 {
	t.Helper()
	consumer, err := js.OrderedConsumer(t.Context(), topology.NetSuiteChanges, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject.ChangesOf(kind)}})
	if err != nil {
		t.Fatal(err)
	}
	for ; ; nth-- {
		msg, err := consumer.Next(jetstream.FetchMaxWait(20 * time.Second))
		if err != nil {
			t.Fatalf("no change of %s number %d more: %v", kind, nth, err)
		}
		if nth > 1 {
			continue
		}
		e, err := codec.Decode[event.NetSuiteChangedV1](msg.Data())
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
}

// Many changes are read in pages by key and in groups: none is lost at a page's end though all share a second, and the
// calls stay few.
func TestWatchReadsManyInFewCalls(t *testing.T) {
	t.Parallel()
	w := startWatched(t, "Asia/Tokyo", november)
	const orders = 1050 // more than a page
	for n := range orders {
		w.order(fmt.Sprint("wc-so-main-", n))
	}
	w.poll()
	if n := len(w.changes()); n != orders {
		t.Fatalf("%d changes, want %d", n, orders)
	}
	w.at(november.Add(time.Minute))
	w.poll()
	for n := range 100 {
		if _, err := w.sim.Fulfil(netsuitesim.Shipment{Order: fmt.Sprint("wc-so-main-", n), Tracking: []string{fmt.Sprint("1Z", n)}}); err != nil {
			t.Fatal(err)
		}
	}
	w.at(november.Add(time.Minute + 5*time.Second))
	before := w.queries
	w.poll()
	if n := len(w.changes()) - orders; n != 200 {
		t.Errorf("%d changes of a hundred shipments, want 200", n)
	}
	// The clock is not counted here: two pages of the overlap, whose end parts the changes in two groups, and for each
	// group links, owners, heads, lines and tracking numbers.
	if calls := w.queries - before; calls > 2+2*5 {
		t.Errorf("%d calls for a hundred shipments, want 12 at most", calls)
	}
}

// A warehouse at work, pushes and frequent polls beside each other: each record's last event says how it stands, and no
// event repeats the one before.
func TestWarehouseIsToldWhole(t *testing.T) {
	w := world.Start(t, account(func(c *host.Config) {
		a := c.Accounts[demo.Account]
		a.Watch.Fast, a.Watch.Idle = 20_000_000, 20_000_000
		c.Accounts[demo.Account] = a
	}))
	if err := w.NetSuite.SetPush(netsuitesim.Push{URL: w.Facts.Account.PushURL, Secret: demo.PushSecret}); err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		w.Post(changed(t, "order.created-simple", `{"id":36,`, fmt.Sprintf(`{"id":%d,`, 7000+n)))
	}
	w.Settle()
	if err := w.NetSuite.SetWarehouse(netsuitesim.Warehouse{Seed: 3, Partial: 0.5, Returns: 1}); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for ; steps < 200; steps++ {
		what, err := w.NetSuite.Step()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if what == "" {
			break
		}
	}
	want := map[string]string{} // status by kind and id
	for _, kind := range event.ChangeKinds()[:9] {
		for _, r := range world.Get[[]struct {
			ID     string
			Status struct{ ID string }
		}](w, w.Facts.NetSuite+"/sim/state?type="+kind) {
			want[kind+" "+r.ID] = r.Status.ID
		}
	}
	if len(want) < 4*7 { // order, fulfilment, invoice, return, receipt, credit memo, refund
		t.Fatalf("%d records after %d steps: %v", len(want), steps, want)
	}
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		got, lasts := map[string]string{}, map[string]event.NetSuiteChangedV1{}
		for _, e := range changesOf(t, w.JS) {
			if e.Kind == event.ChangeInventory {
				continue
			}
			key := e.Kind + " " + e.Record.ID
			got[key] = e.Status
			before := lasts[key]
			lasts[key] = e
			before.ID, before.Time, before.ModifiedAt = e.ID, e.Time, e.ModifiedAt
			if cmp.Equal(before, e, cmp.Comparer(func(a, b money.Number) bool { return a.Equal(b) }), cmp.Comparer(func(a, b money.Amount) bool { return a.Equal(b) })) {
				t.Fatalf("%s was told twice: %+v", key, e)
			}
		}
		diff := cmp.Diff(want, got)
		if diff == "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("told after %d steps (-want +got):\n%s", steps, diff)
		}
	}
}

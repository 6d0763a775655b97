package watch

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet is a NetSuite in which nothing changes.
type quiet struct {
	asked    atomic.Int64  // queries
	clocks   atomic.Int64  // readings of its clock
	counts   chan struct{} // one for each poll of stock, when somebody listens
	injected atomic.Bool
	polls    chan struct{} // one for each poll, when somebody listens
	err      atomic.Pointer[error]
	rows     []suitetalk.Row // of the poll's query
}

func (q *quiet) Query(_ context.Context, purpose, text string) ([]suitetalk.Row, []event.Call, error) {
	q.asked.Add(1)
	if strings.Contains(text, "1 = 1") {
		q.injected.Store(true)
	}
	if purpose == "poll stock" && q.counts != nil {
		q.counts <- struct{}{}
	}
	if purpose == "poll changes" {
		return q.rows, nil, nil
	}
	return nil, nil, nil
}

func (q *quiet) Do(context.Context, suitetalk.Request) (suitetalk.Answer, error) {
	return suitetalk.Answer{}, errors.New("not asked for here")
}

func (q *quiet) ServerTime(context.Context) (time.Time, error) {
	q.clocks.Add(1)
	if q.polls != nil {
		q.polls <- struct{}{}
	}
	if err := q.err.Load(); err != nil {
		return time.Time{}, *err
	}
	return time.Now(), nil
}

func watcherOf(server natstest.Server, netsuite NetSuite, change ...func(*Options)) *Watcher {
	o := Options{
		Account: "ns", Stores: []string{"main"}, JS: server.JS, Log: slog.New(slog.DiscardHandler), NetSuite: netsuite,
		Config: config.Watch{Poll: config.On, Fast: config.Duration(time.Minute), Idle: config.Duration(4 * time.Minute)},
	}
	for _, c := range change {
		c(&o)
	}
	return New(o)
}

// A quiet account is asked less and less often, two calls a poll of transactions and two a poll of stock, down to the
// idle interval; a failing one too.
func TestIntervalAdapts(t *testing.T) {
	server := natstest.Start(t)
	netsuite := &quiet{}
	w := watcherOf(server, netsuite)
	ctx := natstest.Context(t)
	for _, source := range []*source{w.orders, w.stock} {
		calls := netsuite.asked.Load() + netsuite.clocks.Load()
		for poll, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 4 * time.Minute} {
			c, err := w.load(ctx, source.name)
			if err != nil {
				t.Fatal(err)
			}
			c.Whole = true
			got, err := w.once(ctx, source, c)
			if err != nil || got != want {
				t.Fatalf("%s, poll %d: next in %s, want %s (%v)", source.name, poll, got, want, err)
			}
		}
		if n := netsuite.asked.Load() + netsuite.clocks.Load() - calls; n != 8 {
			t.Errorf("%d calls in four quiet polls of %s, want two each", n, source.name)
		}
	}
}

// The active writer's watcher polls when it is time. One that is not active keeps back while another polls, and takes
// over when nobody does.
func TestOnlyTheActiveOnePolls(t *testing.T) {
	server := natstest.Start(t)
	ctx := natstest.Context(t)
	elsewhere := errors.New("pinned elsewhere")
	var pinned error
	w := watcherOf(server, &quiet{}, func(o *Options) { o.Pinned = func(context.Context) error { return pinned } })
	other := watcherOf(server, &quiet{})
	if err := other.Poll(ctx); err != nil {
		t.Fatal(err)
	}
	c, err := w.load(ctx, "orders")
	if err != nil {
		t.Fatal(err)
	}
	due := func() bool { return w.due(ctx, c) <= 0 }
	pinned = elsewhere
	if due() {
		t.Error("it polls though another does")
	}
	c.Next = time.Now().Add(-stepBack / 2)
	if due() {
		t.Error("it does not step back")
	}
	pinned = nil
	if !due() {
		t.Error("the active one keeps back")
	}
	pinned, c.Next = elsewhere, time.Now().Add(-2*stepBack)
	if !due() {
		t.Error("nobody takes over")
	}
	// Whoever polled last goes on where nobody is known to be active: an account without orders has no pin.
	c.Next, c.Holder = time.Now().Add(-time.Second), w.holder
	if !due() {
		t.Error("the last one waits for nobody")
	}
}

// onlyOrders keeps the poll of deletions for later.
func (w *Watcher) onlyOrders(t *testing.T) {
	t.Helper()
	if err := w.save(natstest.Context(t), w.ends.name, &cursor{Every: time.Hour, Next: time.Now().Add(time.Hour), Holder: w.holder}); err != nil {
		t.Fatal(err)
	}
}

// Trouble with NetSuite is waited for: the next try finds it well again.
func TestRunOutlivesTrouble(t *testing.T) {
	server := natstest.Start(t)
	netsuite := &quiet{polls: make(chan struct{})}
	var down error = fault.New(fault.NetSuiteUnavailable, "NetSuite must answer")
	netsuite.err.Store(&down)
	w := watcherOf(server, netsuite, func(o *Options) {
		o.Config.Fast, o.Config.Idle = config.Duration(time.Millisecond), config.Duration(20*time.Millisecond)
	})
	w.onlyOrders(t)
	ctx, stop := context.WithCancel(natstest.Context(t))
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for range persistent + 1 {
		<-netsuite.polls
	}
	netsuite.err.Store(nil)
	<-netsuite.polls
	<-netsuite.polls
	<-netsuite.polls
	bucket, err := server.JS.KeyValue(natstest.Context(t), topology.Cursors)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Get(natstest.Context(t), w.key("orders")); err != nil {
		t.Errorf("no cursor after the trouble: %v", err)
	}
	raised := server.Next(t, topology.Alerts, subject.AlertAll, 0)
	if a, err := codec.Decode[event.AlertRaisedV1](raised.Data); err != nil || a.Kind != event.AlertUnavailable || a.Code != string(fault.NetSuiteUnavailable) || a.Details["account"] != "ns" {
		t.Errorf("alert %+v %v", a, err)
	}
	stop()
	go func() {
		for range netsuite.polls { //nolint:revive // lets a poll under way go on
		}
	}()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	close(netsuite.polls)
}

// An answer that cannot be read moves nothing: the cursor stays, and the next poll asks again.
func TestUnusableAnswerMovesNothing(t *testing.T) {
	server := natstest.Start(t)
	w := watcherOf(server, &quiet{rows: []suitetalk.Row{{"id": "7", "type": "SalesOrd", "modified": "11/20/2026"}}})
	err := w.Poll(natstest.Context(t))
	if fault.CodeOf(err) != fault.NetSuiteAnswerUnusable || !strings.Contains(err.Error(), "11/20/2026") {
		t.Errorf("%v, want netsuite-answer-unusable with the value", err)
	}
	if c, err := w.load(natstest.Context(t), "orders"); err != nil || c.revision != 0 {
		t.Errorf("the cursor moved: %+v %v", c, err)
	}
}

// A push brings the next poll forward, from hours away to the fast interval; a push of nonsense harms nobody.
func TestPushBringsPollForward(t *testing.T) {
	server := natstest.Start(t)
	netsuite := &quiet{polls: make(chan struct{}, 100)}
	w := watcherOf(server, netsuite, func(o *Options) {
		o.Config.Fast, o.Config.Idle = config.Duration(50*time.Millisecond), config.Duration(time.Hour)
	})
	w.onlyOrders(t)
	ctx, stop := context.WithCancel(natstest.Context(t))
	if err := w.save(ctx, "orders", &cursor{Every: time.Hour, Next: time.Now().Add(time.Hour), Holder: w.holder}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	notice(t, server, "1", "7) OR (1 = 1")
	notice(t, server, "2", "7")
	select {
	case <-netsuite.polls:
	case <-time.After(20 * time.Second):
		t.Error("no poll after a push")
	}
	if netsuite.injected.Load() {
		t.Error("a push's text reached a query")
	}
}

// notice stores a push about an invoice.
func notice(t *testing.T, server natstest.Server, id, record string) {
	t.Helper()
	e := event.NetSuiteNoticedV1{Envelope: event.Envelope{Type: "netsuite.v1.noticed", ID: id}, Account: "ns", Kind: event.ChangeInvoice, Record: event.RecordID{ID: record}, Act: "edit"}
	m, err := publish.JSON(topology.NetSuiteChanges, subject.Notice{Account: "ns", Kind: e.Kind, Key: "7"}.String(), e.Envelope, e)
	if err == nil {
		_, err = publish.New(server.JS).Publish(natstest.Context(t), m)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Scripts tell of a parcel or an order, not of the items in it: their push brings the poll of stock forward too.
func TestPushBringsStockPollForward(t *testing.T) {
	server := natstest.Start(t)
	netsuite := &quiet{counts: make(chan struct{}, 100)}
	w := watcherOf(server, netsuite, func(o *Options) {
		o.Config.Poll, o.Config.Stock = "off", config.On
		o.Config.Fast, o.Config.Idle = config.Duration(50*time.Millisecond), config.Duration(time.Hour)
	})
	ctx, stop := context.WithCancel(natstest.Context(t))
	if err := w.save(ctx, "stock", &cursor{Every: time.Hour, Next: time.Now().Add(time.Hour), Holder: w.holder, Whole: true}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	notice(t, server, "1", "7")
	select {
	case <-netsuite.counts:
	case <-time.After(20 * time.Second):
		t.Error("no poll of stock after a push")
	}
}

// refusing is a NetSuite that shows no deletions until its role may see them.
type refusing struct {
	quiet
	refusal error
}

func (r *refusing) Query(ctx context.Context, purpose, q string) ([]suitetalk.Row, []event.Call, error) {
	if purpose == "poll deletions" && r.refusal != nil {
		return nil, nil, r.refusal
	}
	return r.quiet.Query(ctx, purpose, q)
}

// A role without the permission to see deletions: that is said once, whatever NetSuite calls it, and polls go on; it is said
// again only after it was otherwise. Other trouble is trouble.
func TestNoPermissionForDeletions(t *testing.T) {
	server := natstest.Start(t)
	netsuite := &refusing{}
	var said bytes.Buffer
	w := watcherOf(server, netsuite, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&said, nil)) })
	poll := func(code fault.Code, want int) {
		t.Helper()
		if netsuite.refusal = nil; code != "" {
			netsuite.refusal = fault.New(code, "NetSuite says no")
		}
		if err := w.PollDeletions(natstest.Context(t)); err != nil {
			t.Errorf("%s: %v", code, err)
		}
		if n := strings.Count(said.String(), "permission Deleted Records"); n != want {
			t.Errorf("%s: said %d times, want %d", code, n, want)
		}
	}
	poll(fault.NetSuiteRefused, 1)
	poll(fault.NetSuiteForbidden, 1)
	poll("", 1)
	poll(fault.NetSuiteForbidden, 2)
	netsuite.refusal = fault.New(fault.NetSuiteUnavailable, "NetSuite is away")
	if err := w.PollDeletions(natstest.Context(t)); fault.CodeOf(err) != fault.NetSuiteUnavailable {
		t.Errorf("%v, want the trouble", err)
	}
}

// remembers is a NetSuite that remembers a deleted record of some type, and has the transactions of its heads.
type remembers struct {
	quiet
	heads []suitetalk.Row
}

func (r *remembers) Query(ctx context.Context, purpose, q string) ([]suitetalk.Row, []event.Call, error) {
	switch purpose {
	case "poll deletions":
		return []suitetalk.Row{{"id": "7", "modified": "2026-11-20 10:00:00"}, {"id": "8", "modified": "2026-11-20 10:00:00"}}, nil, nil
	case "read changed records":
		return r.heads, nil, nil
	default:
		return r.quiet.Query(ctx, purpose, q)
	}
}

// Ids of deleted records are of every type: a transaction of ours that bears one and is still there is not gone.
func TestADeletedItemIsNoTransaction(t *testing.T) {
	server := natstest.Start(t)
	netsuite := &remembers{heads: []suitetalk.Row{{"id": "7", "type": "CustInvc"}}}
	w := watcherOf(server, netsuite)
	before := event.NetSuiteChangedV1{Account: "ns", Kind: event.ChangeInvoice, Record: event.RecordID{ID: "7"}, Order: "36", ModifiedAt: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	before.Store, before.Type = "main", "netsuite.v1.changed"
	if _, err := w.put(natstest.Context(t), before, last{}); err != nil {
		t.Fatal(err)
	}
	told := func() int { return server.Count(t, topology.NetSuiteChanges, subject.ChangesAll) }
	if err := w.PollDeletions(natstest.Context(t)); err != nil || told() != 1 {
		t.Errorf("%v, %d changes, want none of an invoice that is there", err, told())
	}
	netsuite.heads = nil
	again := watcherOf(server, netsuite)
	if err := again.PollDeletions(natstest.Context(t)); err != nil || told() != 2 {
		t.Errorf("%v, %d changes, want the end of the invoice", err, told())
	}
}

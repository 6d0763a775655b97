package notifier

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/internal/alert"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// desk is a notifier at work on a server of its own.
type desk struct {
	t      *testing.T
	server natstest.Server
	config config.Config
	log    *screen
}

// screen is a log that a test reads while others write.
type screen struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (s *screen) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(line)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

func newDesk(t *testing.T, group time.Duration, channels map[string]config.Channel) *desk {
	t.Helper()
	d := &desk{t, natstest.Start(t), config.Config{Channels: channels, Notifier: config.Notifier{Group: config.Duration(group)}}, &screen{}}
	d.impatient(topology.Failures, topology.ConsumerNotifyFailures)
	return d
}

// impatient lets a message that a stopping consumer got come again within half a second instead of thirty.
func (d *desk) impatient(stream, durable string) {
	d.t.Helper()
	c, err := d.server.JS.Consumer(natstest.Context(d.t), stream, durable)
	if err != nil {
		d.t.Fatal(err)
	}
	settings := c.CachedInfo().Config
	settings.AckWait = 500 * time.Millisecond
	if _, err := d.server.JS.UpdateConsumer(natstest.Context(d.t), stream, settings); err != nil {
		d.t.Fatal(err)
	}
}

func hook(t *testing.T, r *receiver) config.Channel {
	return config.Channel{Kind: "webhook", URL: secret(t, r.URL), Secret: secret(t, signingSecret)}
}

// run starts a notifier; stop drains it.
func (d *desk) run() (s *Service, stop func()) {
	d.t.Helper()
	log := slog.New(slog.NewTextHandler(d.log, nil))
	s, err := New(natstest.Context(d.t), host.Env{Config: d.config, Log: log, Conn: d.server.Conn, JS: d.server.JS})
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			d.t.Error(err)
		}
	})
	d.t.Cleanup(stop)
	return s, stop
}

// park stores one entry of the failure queue.
func (d *desk) park(key, state string, f event.Fault) {
	d.t.Helper()
	now := time.Now().UTC()
	name := subject.Failure{Stage: "write", Store: "main", Key: key}
	entry := event.FailureParkedV1{
		Envelope: event.Envelope{Type: "failure.v1.parked", ID: fmt.Sprint(key, state, now.UnixNano()), Store: "main", Time: now},
		Stage:    "write", Key: key, State: state, Fault: f, LastAt: now,
	}
	m, err := publish.JSON(topology.Failures, name.String(), entry.Envelope, entry)
	if err != nil {
		d.t.Fatal(err)
	}
	d.put(m)
}

func (d *desk) put(m publish.Message) {
	d.t.Helper()
	if _, err := publish.New(d.server.JS).Publish(natstest.Context(d.t), m); err != nil {
		d.t.Fatal(err)
	}
}

var teeUnknown = event.Fault{
	Code: "sku-unknown", Class: "terminal", Message: `sku-unknown: item.sku = "TEE": NetSuite has no such record`, Field: "item.sku", Value: "TEE", Rule: "NetSuite has no such record",
}

// settled waits until a consumer has nothing unacked and nothing pending.
func (d *desk) settled(stream, durable string, unacked int) {
	d.t.Helper()
	d.until(func() bool {
		c, err := d.server.JS.Consumer(natstest.Context(d.t), stream, durable)
		if err != nil {
			d.t.Fatal(err)
		}
		return c.CachedInfo().NumAckPending == unacked && c.CachedInfo().NumPending == 0
	})
}

func (d *desk) until(done func() bool) {
	d.t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			d.t.Fatalf("it never comes; the log:\n%s", d.log)
		}
	}
}

func noticeOf(t *testing.T, d delivery) body {
	t.Helper()
	b, err := codec.Decode[body](d.body)
	if err != nil {
		t.Fatalf("%v in %s", err, d.body)
	}
	return b
}

// Every parked failure reaches every channel, one message a cause, and what NetSuite or the shop said about a person
// reaches none.
func TestOneNoticePerCauseOnEveryChannel(t *testing.T) {
	r, m := newReceiver(t), newMailbox(t, nil)
	d := newDesk(t, time.Hour, map[string]config.Channel{
		"hook": hook(t, r), "screen": {Kind: "log"},
		"mail": {Kind: "email", SMTP: m.address, From: "orders@shop.example", To: []string{"ops@shop.example"}},
	})
	d.run()
	refused := func(total, message string) event.Fault {
		return event.Fault{Code: "verification-mismatch", Class: "terminal", Message: message, Field: "total", Value: total, Rule: "NetSuite must hold what was sent"}
	}
	for n := range 30 {
		d.park(fmt.Sprint("tee", n), event.FailureParked, teeUnknown)
		d.park(fmt.Sprint("sum", n), event.FailureParked, refused(fmt.Sprintf("%d.00", n), "Jane Doe <jane@doe.example>, 1 Elm Street"))
		d.park(fmt.Sprint("mail", n), event.FailureParked, event.Fault{
			Code: "customer-ambiguous", Class: "terminal", Message: "two of jane@doe.example", Field: "customer.email", Value: "jane@doe.example", Rule: "want one customer"})
		d.park(fmt.Sprint("line", n), event.FailureParked, event.Fault{
			Code: "validation-failed", Class: "terminal", Message: "Elm Street", Field: fmt.Sprintf("line_items.%d.meta", n), Value: "1 Elm Street", Rule: "want no street"})
	}
	d.park("mug", event.FailureParked, event.Fault{Code: "sku-unknown", Class: "terminal", Field: "item.sku", Value: "MUG"})
	// Everything but the four first notices' messages waits for its summary.
	d.settled(topology.Failures, topology.ConsumerNotifyFailures, 4*29)
	want := []string{"customer-ambiguous ", "sku-unknown MUG", "sku-unknown TEE", "validation-failed ", "verification-mismatch "}
	var hooked, mailed []string
	for range want {
		b := noticeOf(t, r.next(t))
		hooked = append(hooked, b.Data.Code+" "+b.Data.Value)
		header, text := read(t, m.next(t))
		mailed = append(mailed, header.Get("Subject"))
		if about := fmt.Sprint(b, header, text, d.log.String()); strings.Contains(about, "Elm") || strings.Contains(strings.ToLower(about), "doe") {
			t.Errorf("a person is named in %s", about)
		}
	}
	slices.Sort(hooked)
	if !slices.Equal(hooked, want) || len(r.arrived)+len(m.arrived) != 0 || len(mailed) != 5 {
		t.Errorf("told %q and %q, %d and %d more", hooked, mailed, len(r.arrived), len(m.arrived))
	}
	d.until(func() bool { return strings.Count(d.log.String(), "msg=\"notice: ") == 5 })
}

// A thousand forged deliveries are one notice that says how many.
func TestSignatureBurstIsOneNotice(t *testing.T) {
	r := newReceiver(t)
	d := newDesk(t, time.Hour, map[string]config.Channel{"hook": hook(t, r)})
	d.run()
	raiser := alert.New(d.server.JS, slog.New(slog.DiscardHandler), "ingest")
	for range 1000 {
		raiser.Raise(event.AlertSignature, "main", fault.SignatureMismatch, "a delivery's signature fits none of the store's secrets", map[string]string{"source": "203.0.113.7"})
	}
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	sending.Go(func() { raiser.Run(ctx) })
	b := noticeOf(t, r.next(t))
	for range 1000 {
		raiser.Raise(event.AlertSignature, "main", fault.SignatureMismatch, "a delivery's signature fits none of the store's secrets", nil)
	}
	d.settled(topology.Alerts, topology.ConsumerNotifyAlerts, 0)
	cancel()
	sending.Wait()
	if b.Data.Count != 1000 || b.Data.Kind != "signature" || b.Data.Code != "signature-mismatch" || b.Data.Store != "main" || len(r.arrived) != 0 {
		t.Errorf("%+v and %d more", b, len(r.arrived))
	}
}

// Repeats come as one summary when the window ends, then everything is let go; the end of the cause is told too.
func TestSummaryAndRecovery(t *testing.T) {
	r := newReceiver(t)
	d := newDesk(t, 300*time.Millisecond, map[string]config.Channel{"hook": hook(t, r)})
	d.run()
	for n := range 5 {
		d.park(fmt.Sprint(n), event.FailureParked, teeUnknown)
	}
	first, repeat := noticeOf(t, r.next(t)), noticeOf(t, r.next(t))
	if first.Type != "notice.first" || first.Data.Count != 1 || repeat.Type != "notice.repeat" || repeat.Data.Count != 4 || repeat.Data.Open != 5 {
		t.Errorf("%+v, then %+v", first, repeat)
	}
	d.settled(topology.Failures, topology.ConsumerNotifyFailures, 0)
	for n := range 5 {
		d.park(fmt.Sprint(n), event.FailureResolved, teeUnknown)
	}
	over := noticeOf(t, r.next(t))
	if over.Type != "notice.recovered" || over.Data.Title != "write failure: sku-unknown (store main) is over" || over.Data.Value != "TEE" {
		t.Errorf("%+v", over)
	}
}

// What was not told when the process ended is told by the next one, under the same id.
func TestNoticeSurvivesAStop(t *testing.T) {
	r := newReceiver(t)
	r.answer(503)
	d := newDesk(t, time.Hour, map[string]config.Channel{"hook": hook(t, r)})
	s, stop := d.run()
	d.park("78", event.FailureParked, teeUnknown)
	before := r.next(t)
	d.until(func() bool { return s.Degraded() == "channels do not answer: hook" && s.Ready() == nil })
	stop()
	r.answer(200)
	s, _ = d.run()
	after := r.next(t)
	if string(after.body) != string(before.body) || after.header.Get("webhook-id") != before.header.Get("webhook-id") {
		t.Fatalf("told %s as %s, then %s", after.body, after.header.Get("webhook-id"), before.body)
	}
	d.settled(topology.Failures, topology.ConsumerNotifyFailures, 0)
	if s.Degraded() != "" {
		t.Errorf("degraded: %s", s.Degraded())
	}
}

// A channel that refuses notices is a failure that anyone can see: on the other channels, in the failure queue, until
// it takes one again. It does not call for another one.
func TestRefusalIsAFailure(t *testing.T) {
	r := newReceiver(t)
	r.answer(404)
	d := newDesk(t, time.Hour, map[string]config.Channel{"hook": hook(t, r), "screen": {Kind: "log"}})
	d.run()
	d.park("78", event.FailureParked, teeUnknown)
	entry := func() (event.FailureParkedV1, bool) {
		stream, err := d.server.JS.Stream(natstest.Context(t), topology.Failures)
		if err != nil {
			t.Fatal(err)
		}
		m, err := stream.GetLastMsgForSubject(natstest.Context(t), subject.Failure{Stage: "notify", Key: "hook"}.String())
		if err != nil {
			return event.FailureParkedV1{}, false
		}
		e, err := codec.Decode[event.FailureParkedV1](m.Data)
		return e, err == nil
	}
	d.until(func() bool { _, there := entry(); return there })
	e, _ := entry()
	if e.State != event.FailureParked || e.Fault.Code != "channel-refused" || e.Fault.Field != "status" || e.Fault.Value != "404" || e.Message.Sequence != 1 || e.Message.Stream != topology.Failures {
		t.Errorf("%+v", e)
	}
	d.until(func() bool { return strings.Contains(d.log.String(), "notice: notify failure: channel-refused") })
	d.settled(topology.Failures, topology.ConsumerNotifyFailures, 0)
	if n := d.server.Count(t, topology.Failures, subject.FailureAll); n != 2 {
		t.Errorf("%d failures: a refused notice of a refusal is parked too", n)
	}
	r.answer(200)
	d.park("79", event.FailureParked, event.Fault{Code: "item-inactive", Class: "terminal", Field: "item.sku", Value: "TEE"})
	d.until(func() bool { e, _ := entry(); return e.State == event.FailureResolved })
}

// An entry that cannot be read is told like anything else that is wrong.
func TestUndecodableEntry(t *testing.T) {
	r := newReceiver(t)
	d := newDesk(t, time.Hour, map[string]config.Channel{"hook": hook(t, r)})
	d.run()
	d.put(publish.Message{Stream: topology.Failures, Subject: subject.Failure{Stage: "write", Store: "main", Key: "1"}.String(), ID: "odd", Data: []byte(`{"type":`)})
	d.put(publish.Message{Stream: topology.Alerts, Subject: subject.Alert("signature", "main"), ID: "odd", Data: []byte(`[]`)})
	var seen []string
	for range 2 {
		b := noticeOf(t, r.next(t))
		seen = append(seen, b.Data.Origin+" "+b.Data.Code+" "+b.Data.Field)
	}
	slices.Sort(seen)
	if !slices.Equal(seen, []string{"alert message-undecodable ALERTS", "failure message-undecodable FAILURES"}) {
		t.Errorf("%q", seen)
	}
	d.settled(topology.Failures, topology.ConsumerNotifyFailures, 0)
}

// After a restart the counts go on: failures told earlier are known to be open.
func TestRestartKnowsWhatIsOpen(t *testing.T) {
	r := newReceiver(t)
	d := newDesk(t, time.Hour, map[string]config.Channel{"hook": hook(t, r)})
	_, stop := d.run()
	d.park("1", event.FailureParked, teeUnknown)
	r.next(t)
	d.settled(topology.Failures, topology.ConsumerNotifyFailures, 0)
	stop()
	d.run()
	d.park("2", event.FailureParked, teeUnknown)
	if b := noticeOf(t, r.next(t)); b.Data.Open != 2 || b.Data.Count != 1 {
		t.Errorf("%+v", b.Data)
	}
	d.settled(topology.Failures, topology.ConsumerNotifyFailures, 0)
}

// A wrong channel stops the start before anything is consumed.
func TestWrongChannelStopsTheStart(t *testing.T) {
	d := newDesk(t, time.Hour, map[string]config.Channel{"hook": {Kind: "webhook"}})
	_, err := New(natstest.Context(t), host.Env{Config: d.config, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Conn: d.server.Conn, JS: d.server.JS})
	if fault.CodeOf(err) != fault.ConfigurationWrong {
		t.Errorf("%v", err)
	}
}

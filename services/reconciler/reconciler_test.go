package reconciler

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// answer is what a shop says next.
type answer struct {
	status int
	body   string
}

const (
	order = `{"id":36,"status":"processing","total":"28.14"}`
	gone  = `{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":404}}`
	html  = "<html>Maintenance</html>"
)

// shop gives its answers one after the other, the last one for ever.
type shop struct {
	mu      sync.Mutex
	answers []answer
	paths   []string
	url     string
}

func newShop(t *testing.T, answers ...answer) *shop {
	t.Helper()
	s := &shop{answers: answers}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		for name := range query {
			if strings.HasPrefix(name, "oauth_") {
				query.Del(name)
			}
		}
		s.mu.Lock()
		next := s.answers[0]
		s.answers = s.answers[min(1, len(s.answers)-1):]
		s.paths = append(s.paths, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/wp-json/wc/v3")+"?"+query.Encode())
		s.mu.Unlock()
		w.WriteHeader(next.status)
		io.WriteString(w, next.body)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *shop) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.paths)
}

type bench struct {
	t       *testing.T
	nats    natstest.Server
	service *Service
}

func prepare(t *testing.T, shops map[string]*shop) bench {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("ck"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config.Config{Stores: map[string]config.Store{}}
	for name, s := range shops {
		c.Stores[name] = config.Store{URL: s.url, ConsumerKey: config.SecretOf("file:" + path), ConsumerSecret: config.SecretOf("file:" + path)}
	}
	c.Fill()
	server := natstest.Start(t)
	service, err := New(t.Context(), host.Env{Config: c, Log: slog.New(slog.DiscardHandler), Conn: server.Conn, JS: server.JS})
	if err != nil {
		t.Fatal(err)
	}
	return bench{t, server, service}
}

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

// wish asks for a read and gives the message as a handler sees it.
func (b bench) wish(store, resource, id string, cause uint64) consume.Message {
	b.t.Helper()
	return b.wishFor("deleted", store, resource, id, cause)
}

func (b bench) wishFor(reason, store, resource, id string, cause uint64) consume.Message {
	b.t.Helper()
	body := event.ReadRequestedV1{
		Envelope: event.Envelope{Type: "read.v1.requested", ID: fmt.Sprintf("read:%s:%s:%s:%d", store, resource, id, cause), Store: store, Time: time.Now().UTC()},
		Resource: resource, ObjectID: id, Reason: reason, Cause: event.Position{Stream: topology.Woo, Sequence: cause},
	}
	m, err := publish.JSON(topology.Reads, subject.Read(store, resource, id), body.Envelope, body)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.put(m)
}

func (b bench) put(m publish.Message) consume.Message {
	b.t.Helper()
	acks, err := publish.New(b.nats.JS).Publish(natstest.Context(b.t), m)
	if err != nil {
		b.t.Fatal(err)
	}
	return consume.Message{Stream: m.Stream, Sequence: acks[0].Sequence, Subject: m.Subject, Data: m.Data}
}

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

// settled waits until every wish is acknowledged.
func (b bench) settled() {
	b.t.Helper()
	b.until("every wish settled", func() bool {
		consumer, err := b.nats.JS.Consumer(natstest.Context(b.t), topology.Reads, topology.ConsumerRead)
		if err != nil {
			b.t.Fatal(err)
		}
		stream, err := b.nats.JS.Stream(natstest.Context(b.t), topology.Reads)
		if err != nil {
			b.t.Fatal(err)
		}
		return consumer.CachedInfo().AckFloor.Stream == stream.CachedInfo().State.LastSeq
	})
}

func (b bench) failure(store, key string) event.FailureParkedV1 {
	b.t.Helper()
	stream, err := b.nats.JS.Stream(natstest.Context(b.t), topology.Failures)
	if err != nil {
		b.t.Fatal(err)
	}
	name := subject.Failure{Stage: StageRead, Store: store, Key: key}
	raw, err := stream.GetLastMsgForSubject(natstest.Context(b.t), name.String())
	if err != nil {
		b.t.Fatalf("failure %s: %v", name.ID(), err)
	}
	entry, err := codec.Decode[event.FailureParkedV1](raw.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	return entry
}

// What is read is stored as a delivery of origin read, byte for byte; that an order is gone is an answer too.
func TestReadBecomesADelivery(t *testing.T) {
	for name, c := range map[string]struct {
		resource string
		answer   answer
		path     string
		sum      string // SHA-256 of the body, computed with sha256sum
	}{
		"an order": {"order", answer{200, order}, "GET /orders/36?", "3264deeb425d22cd1bbec81c222bd61cb0466c2312a5037ade04784802926d76"},
		"gone":     {"order", answer{404, gone}, "GET /orders/36?", "fada3f25f526ab46a2a7b438066cd484b8902ce8f53f81e16fe9d1e8692286df"},
		"refunds":  {"refund", answer{200, "[]"}, "GET /orders/36/refunds?per_page=100", "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, c.answer)
			b := prepare(t, map[string]*shop{"main": s})
			b.run()
			b.wish("main", c.resource, "36", 47)
			b.settled()
			m := b.nats.Next(t, topology.Woo, subject.WebhookAll, 0)
			if m.Subject != "webhook.v1.received.main."+c.resource+".read.36" || string(m.Data) != c.answer.body {
				t.Errorf("%s: %s", m.Subject, m.Data)
			}
			got := event.WebhookFromHeader(m.Header)
			want := event.WebhookReceivedV1{
				Store: "main", Resource: c.resource, Event: "read", ObjectID: "36", Topic: c.resource + ".read", BodySHA256: c.sum,
				Origin: event.OriginRead, Status: c.answer.status, ReceivedAt: got.ReceivedAt,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
			if since := time.Since(got.ReceivedAt); since < 0 || since > time.Minute {
				t.Errorf("received %v ago", since)
			}
			if diff := cmp.Diff([]string{c.path}, s.asked()); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

// Invariant 6: parse sees what was stored. A crash before the ack reads again: the same answer is stored once,
// another one beside the first.
func TestCrashBeforeTheAck(t *testing.T) {
	edited := strings.Replace(order, "processing", "completed", 1)
	for name, c := range map[string]struct {
		answers []answer
		want    int
	}{
		"the same answer":         {[]answer{{200, order}}, 1},
		"the order changed since": {[]answer{{200, order}, {200, edited}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, map[string]*shop{"main": newShop(t, c.answers...)})
			m := b.wish("main", "order", "36", 47)
			for range 2 {
				messages, err := b.service.read(natstest.Context(t), m)
				if err != nil {
					t.Fatal(err)
				}
				for _, message := range messages {
					b.put(message)
				}
			}
			if n := b.nats.Count(t, topology.Woo, subject.WebhookAll); n != c.want {
				t.Errorf("%d deliveries, want %d", n, c.want)
			}
		})
	}
}

// Invariant 4: an order that says two things in one second may say a third one in it, in bytes that came before, which nobody
// is told of. It is read once that second is over, and not before; that it waits is no attempt, nor a sign that the shop is there.
func TestATieIsReadBehindItsSecond(t *testing.T) {
	s := newShop(t, answer{200, order})
	b := prepare(t, map[string]*shop{"main": s})
	m := b.wishFor("tie", "main", "order", "36", 47)
	m.StoredAt = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	for _, early := range []time.Duration{0, time.Second, 1999 * time.Millisecond} {
		b.service.now = func() time.Time { return m.StoredAt.Add(early) }
		messages, err := b.service.read(natstest.Context(t), m)
		if left := 2*time.Second - early; fault.ClassOf(err) != fault.Throttled || fault.AfterOf(err) != left || len(messages)+len(s.asked()) != 0 {
			t.Errorf("after %v: %v in %v, %d messages, asked %q; want it to wait for %v", early, err, fault.AfterOf(err), len(messages), s.asked(), left)
		}
	}
	b.service.now = func() time.Time { return m.StoredAt.Add(2 * time.Second) }
	messages, err := b.service.read(natstest.Context(t), m)
	if err != nil || len(messages) != 1 || len(s.asked()) != 1 {
		t.Errorf("%v, %d messages, asked %q; want it read", err, len(messages), s.asked())
	}
}

// A later wish about the same object is answered anew, even by the same bytes: it answers another doubt.
func TestEveryWishIsAnswered(t *testing.T) {
	b := prepare(t, map[string]*shop{"main": newShop(t, answer{200, order})})
	b.run()
	var last consume.Message
	for cause := range uint64(3) {
		last = b.wish("main", "order", "36", cause+1)
		b.settled()
	}
	b.put(publish.Message{Stream: topology.Reads, Subject: last.Subject, ID: "retried by an operator", Data: last.Data})
	b.settled()
	if n := b.nats.Count(t, topology.Woo, subject.WebhookAll); n != 4 {
		t.Errorf("%d deliveries, want 4", n)
	}
}

// A shop that is away keeps its reads waiting, burns no attempt and holds up no other shop.
func TestShopAway(t *testing.T) {
	away := newShop(t, slices.Concat(slices.Repeat([]answer{{503, html}}, 3), []answer{{200, order}})...)
	there := newShop(t, answer{200, strings.Replace(order, "36", "37", 1)})
	b := prepare(t, map[string]*shop{"away": away, "there": there})
	b.wish("away", "order", "36", 1)
	b.run()
	b.until("the shop is known to be away", func() bool { return b.service.Ready() != nil })
	if err := b.service.Ready(); err != nil && !strings.Contains(err.Error(), "store away:") {
		t.Errorf("%v, want the store named", err)
	}
	b.wish("there", "order", "37", 2)
	b.nats.Next(t, topology.Woo, subject.Webhook{Store: "there", Resource: "order", Event: "read", ID: "37"}.String(), 0)
	b.settled()
	if n := b.nats.Count(t, topology.Woo, subject.WebhooksOf("away", "order", "36")); n != 1 || len(away.asked()) != 4 {
		t.Errorf("%d deliveries after %d requests, want 1 after 4", n, len(away.asked()))
	}
	if n := b.nats.Count(t, topology.Failures, subject.FailureAll); n != 0 || b.service.Ready() != nil {
		t.Errorf("%d failures, ready: %v", n, b.service.Ready())
	}
}

// What is no answer about the order is never stored as one.
func TestUnusableAnswers(t *testing.T) {
	for name, c := range map[string]answer{
		"HTML as success":       {200, html},
		"a success that is cut": {200, order[:20]},
		"PHP failed":            {500, `{"code":"internal_server_error","message":"","data":{"status":500}}`},
		"a revoked key":         {401, `{"code":"woocommerce_rest_cannot_view","message":"","data":{"status":401}}`},
		"throttled":             {429, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, map[string]*shop{"main": newShop(t, c, answer{200, order})})
			b.run()
			b.wish("main", "order", "36", 1)
			b.settled()
			m := b.nats.Next(t, topology.Woo, subject.WebhookAll, 0)
			if n := b.nats.Count(t, topology.Woo, subject.WebhookAll); n != 1 || string(m.Data) != order {
				t.Errorf("%d deliveries, the first %s", n, m.Data)
			}
		})
	}
}

// A read that cannot succeed is parked and names why; the next that does closes it.
func TestRefusedThenHealed(t *testing.T) {
	for name, c := range map[string]struct {
		refusal answer
		code    fault.Code
	}{
		"a firewall":            {answer{403, html}, fault.ShopRefused},
		"404 of something else": {answer{404, html}, fault.ShopRefused},
		"no route":              {answer{404, `{"code":"rest_no_route","message":"","data":{"status":404}}`}, fault.ShopRouteMissing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, map[string]*shop{"main": newShop(t, c.refusal, answer{200, order})})
			b.run()
			m := b.wish("main", "order", "36", 1)
			b.settled()
			f := b.failure("main", "36")
			if f.State != "parked" || f.Fault.Code != string(c.code) || f.Fault.Value != fmt.Sprint(c.refusal.status) || f.Message != m.Position() {
				t.Errorf("failure %+v", f)
			}
			if n := b.nats.Count(t, topology.Woo, subject.WebhookAll); n != 0 {
				t.Errorf("%d deliveries: an order is not gone because its read was refused", n)
			}
			b.wish("main", "order", "36", 2)
			b.settled()
			if f := b.failure("main", "36"); f.State != "resolved" {
				t.Errorf("failure is %s, want resolved", f.State)
			}
		})
	}
}

// The read of an order does not close the failed read of its refunds.
func TestResourcesFailApart(t *testing.T) {
	b := prepare(t, map[string]*shop{"main": newShop(t, answer{403, html}, answer{200, order})})
	b.run()
	b.wish("main", "refund", "36", 1)
	b.settled()
	b.wish("main", "order", "36", 2)
	b.settled()
	if f := b.failure("main", "refund-36"); f.State != "parked" {
		t.Errorf("failure is %s, want parked", f.State)
	}
}

func TestWishesThatCannotBeFulfilled(t *testing.T) {
	b := prepare(t, map[string]*shop{"main": newShop(t, answer{200, order})})
	b.run()
	b.wish("other", "order", "36", 1)
	odd := b.put(publish.Message{Stream: topology.Reads, Subject: subject.Read("main", "order", "37"), ID: "odd", Data: []byte("{")})
	b.settled()
	if f := b.failure("other", "36"); f.Fault.Code != "configuration-wrong" || f.Fault.Value != "other" || !strings.Contains(f.Fault.Message, "consumer_key") {
		t.Errorf("a store without a key: %+v", f.Fault)
	}
	if f := b.failure("", odd.Subject); f.Fault.Code != "message-undecodable" || f.Message != odd.Position() {
		t.Errorf("an odd wish: %+v", f)
	}
	if _, err := b.service.read(natstest.Context(t), odd); fault.ClassOf(err) != fault.Poison {
		t.Errorf("%v, want poison", err)
	}
}

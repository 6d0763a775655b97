package operate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/operate"
)

// A channel that has read everything gets history again from where it is told, and Orderstream's own consumer stays.
func TestFeed(t *testing.T) {
	s := start(t)
	ctx := natstest.Context(t)
	for _, name := range []string{"order.created-simple", "order.created-registered"} {
		d, _ := s.delivery(name, "main")
		s.placed(d)
	}
	other, _ := s.delivery("order.created-cod", "eu")
	s.placed(other)
	read := func(durable string, want int) {
		t.Helper()
		consumer, err := s.JS.Consumer(ctx, topology.Orders, durable)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			m, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
			if err != nil {
				t.Fatalf("event %d of %d: %v", i+1, want, err)
			}
			if err := m.DoubleAck(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if info, err := consumer.Info(ctx); err != nil || info.NumPending != 0 {
			t.Errorf("%d events are left, %v", info.NumPending, err)
		}
	}
	for _, c := range []struct {
		durable, store string
		since          time.Time
		want           int
	}{
		{"accounting", "", time.Time{}, 3}, {"accounting", "", time.Time{}, 3}, {"eu-books", "eu", time.Time{}, 1}, {"accounting", "", time.Now().Add(-time.Hour), 3},
		{"accounting", "", time.Now().Add(time.Hour), 0}, {"accounting", "", time.Time{}, 3}, {"eu-books", "eu", time.Time{}, 1},
	} {
		fed, err := operate.Feed(ctx, s.JS, c.durable, c.store, c.since, "kim", "books are read again")
		if err != nil || int(fed.Pending) != c.want {
			t.Fatalf("%+v, %v: want %d events", fed, err, c.want)
		}
		read(c.durable, c.want)
	}
	if acts := s.acts(); len(acts) != 14 || acts[0].What != "feed:accounting" || acts[0].By != "kim" || acts[0].After["state"] != "running" || acts[1].After["state"] != "done" {
		t.Errorf("audit %+v", acts)
	}
	if _, err := operate.Feed(ctx, s.JS, "accounting", "eu", time.Time{}, "kim", ""); err == nil || !strings.Contains(err.Error(), "order.v1.>") {
		t.Errorf("a channel of every store is narrowed to one: %v", err)
	}
	for _, name := range []string{"", topology.ConsumerMap} {
		if _, err := operate.Feed(ctx, s.JS, name, "", time.Time{}, "kim", ""); err == nil {
			t.Errorf("%q is fed", name)
		}
	}
	if _, err := s.JS.Consumer(ctx, topology.Orders, topology.ConsumerMap); err != nil {
		t.Errorf("Orderstream's own consumer: %v", err)
	}
}

// A channel that is fed keeps its filter and its settings, and one that is connected goes on with what it is fed; one whose
// consumer cannot be set back, because it began with what was new, is made anew with the same settings.
func TestFeedKeepsTheChannel(t *testing.T) {
	for name, policy := range map[string]jetstream.DeliverPolicy{"set back": jetstream.DeliverAllPolicy, "made anew": jetstream.DeliverNewPolicy} {
		s := start(t)
		ctx := natstest.Context(t)
		d, _ := s.delivery("order.created-simple", "main")
		s.placed(d)
		before, err := s.JS.CreateConsumer(ctx, topology.Orders, jetstream.ConsumerConfig{
			Durable: "accounting", Description: "books", FilterSubjects: []string{"order.v1.placed.>"}, AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: policy,
			MaxAckPending: 7, AckWait: 5 * time.Minute, MaxDeliver: 4, Metadata: map[string]string{"team": "books"},
		})
		if err != nil {
			t.Fatal(err)
		}
		messages, err := before.Messages()
		if err != nil {
			t.Fatal(err)
		}
		defer messages.Stop()
		read := func() error {
			m, err := messages.Next(jetstream.NextMaxWait(5 * time.Second))
			if err == nil {
				err = m.DoubleAck(ctx)
			}
			return err
		}
		if policy == jetstream.DeliverAllPolicy {
			if err := read(); err != nil {
				t.Fatal(err)
			}
		}
		fed, err := operate.Feed(ctx, s.JS, "accounting", "", time.Time{}, "kim", "")
		if err != nil || fed.Pending != 1 || fed.Filter != "order.v1.placed.>" || fed.Anew != (policy != jetstream.DeliverAllPolicy) {
			t.Fatalf("%s: %+v, %v", name, fed, err)
		}
		if err := read(); err != nil && !fed.Anew {
			t.Errorf("%s: the connected channel gets %v", name, err)
		}
		after, err := s.JS.Consumer(ctx, topology.Orders, "accounting")
		if err != nil {
			t.Fatal(err)
		}
		want, got := before.CachedInfo().Config, after.CachedInfo().Config
		want.DeliverPolicy, got.DeliverPolicy = 0, 0
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: settings (-before +after):\n%s", name, diff)
		}
	}
}

// A feed that was cut off between the end of a channel's consumer and its new beginning loses none of its settings.
func TestAFeedThatWasCutOff(t *testing.T) {
	s := start(t)
	ctx := natstest.Context(t)
	bucket, err := s.JS.KeyValue(ctx, topology.Cursors)
	if err != nil {
		t.Fatal(err)
	}
	kept := `{"durable_name":"accounting","filter_subject":"order.v1.paid.>","ack_policy":"explicit","deliver_policy":"new","replay_policy":"instant","max_ack_pending":7}`
	if _, err := bucket.PutString(ctx, "feed.accounting", kept); err != nil {
		t.Fatal(err)
	}
	fed, err := operate.Feed(ctx, s.JS, "accounting", "", time.Time{}, "kim", "")
	if err != nil || fed.Filter != "order.v1.paid.>" {
		t.Fatalf("%+v, %v", fed, err)
	}
	consumer, err := s.JS.Consumer(ctx, topology.Orders, "accounting")
	if err != nil || consumer.CachedInfo().Config.MaxAckPending != 7 {
		t.Errorf("%v: the settings are lost", err)
	}
	if _, err := bucket.Get(ctx, "feed.accounting"); err == nil {
		t.Error("the settings are kept although the consumer is there")
	}
}

// A subject gets the events again in their order, as they were stored, marked as replayed; a channel's own stream keeps
// them. Nothing goes to a subject of Orderstream's own.
func TestFeedASubject(t *testing.T) {
	s := start(t)
	ctx := natstest.Context(t)
	for _, name := range []string{"order.created-simple", "order.created-registered"} {
		d, _ := s.delivery(name, "main")
		s.placed(d)
	}
	other, _ := s.delivery("order.created-cod", "eu")
	s.placed(other)
	channel, err := s.JS.CreateStream(ctx, jetstream.StreamConfig{Name: "BOOKS", Subjects: []string{"books.orders"}, Duplicates: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	heard, err := s.Conn.SubscribeSync("desk.orders")
	if err != nil {
		t.Fatal(err)
	}
	orders, err := s.JS.Stream(ctx, topology.Orders)
	if err != nil {
		t.Fatal(err)
	}
	same := func(header nats.Header, data []byte, sequence uint64) {
		t.Helper()
		stored, err := orders.GetMsg(ctx, sequence)
		if err != nil {
			t.Fatal(err)
		}
		if got := header.Get(event.HeaderReplayed); got != fmt.Sprint("ORDERS ", sequence, " ", stored.Subject) || string(data) != string(stored.Data) || header.Get(event.HeaderType) != stored.Header.Get(event.HeaderType) {
			t.Errorf("event %d: replayed %q, type %q, %d bytes", sequence, got, header.Get(event.HeaderType), len(data))
		}
	}
	seen := 0
	for range 2 { // a second time is no duplicate
		for _, to := range []string{"books.orders", "desk.orders"} {
			fed, err := operate.FeedSubject(ctx, s.JS, to, "", time.Time{}, "kim", "", func(done, all int) { seen = max(seen, done*100+all) })
			if err != nil || fed.Published != 3 {
				t.Fatalf("%s: %+v, %v", to, fed, err)
			}
		}
	}
	if seen != 303 {
		t.Errorf("progress %d, want 3 of 3", seen)
	}
	for i := range uint64(6) {
		kept, err := channel.GetMsg(ctx, i+1)
		if err != nil {
			t.Fatal(err)
		}
		same(kept.Header, kept.Data, i%3+1)
		m, err := heard.NextMsg(5 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		same(m.Header, m.Data, i%3+1)
	}
	if fed, err := operate.FeedSubject(ctx, s.JS, "desk.orders", "eu", time.Time{}, "kim", "", nil); err != nil || fed.Published != 1 {
		t.Errorf("one store: %+v, %v", fed, err)
	}
	if fed, err := operate.FeedSubject(ctx, s.JS, "desk.orders", "", time.Now().Add(time.Hour), "kim", "", nil); err != nil || fed.Published != 0 {
		t.Errorf("nothing since then: %+v, %v", fed, err)
	}
	for _, to := range []string{"order.v1.placed.main.36", "audit.v1.replayed", "books.*", "books.>", "$JS.API.x", "_INBOX.x", "books orders", "books..x", "books."} {
		if _, err := operate.FeedSubject(ctx, s.JS, to, "", time.Time{}, "kim", "", nil); err == nil {
			t.Errorf("%q is fed", to)
		}
	}
	if acts := s.acts(); len(acts) != 12 || acts[0].What != "feed:books.orders" || acts[0].After["state"] != "running" || acts[1].After["published"] != "3" {
		t.Errorf("audit %+v", acts)
	}
	if info, err := orders.Info(ctx); err != nil || info.State.LastSeq != 3 {
		t.Errorf("ORDERS has %d events, %v: want the three", info.State.LastSeq, err)
	}
}

// The act of a feed comes before what it does: without one nobody is fed, and one that is stopped in the middle is told.
func TestAFeedIsAnActBeforeItIsDone(t *testing.T) {
	s := start(t)
	ctx, stop := context.WithCancel(natstest.Context(t))
	for _, name := range []string{"order.created-simple", "order.created-registered"} {
		d, _ := s.delivery(name, "main")
		s.placed(d)
	}
	fed, err := operate.FeedSubject(ctx, s.JS, "desk.orders", "", time.Time{}, "kim", "why", func(done, _ int) {
		if acts := s.acts(); len(acts) != 1 || acts[0].What != "feed:desk.orders" || acts[0].By != "kim" || acts[0].After["state"] != "running" {
			t.Errorf("after %d events the audit stream holds %+v: want that the feed runs", done, acts)
		}
		stop()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want it stopped", err)
	}
	if acts := s.acts(); len(acts) != 2 || acts[1].Before["state"] != "running" || acts[1].After["state"] != "stopped" || acts[1].After["published"] != fmt.Sprint(fed.Published) || fed.Published == 0 {
		t.Errorf("audit %+v: want the feed stopped after %d events", acts, fed.Published)
	}
	if err := s.JS.DeleteStream(natstest.Context(t), topology.Audit); err != nil {
		t.Fatal(err)
	}
	if _, err := operate.Feed(natstest.Context(t), s.JS, "accounting", "", time.Time{}, "kim", ""); err == nil {
		t.Error("a feed without an act")
	}
	if _, err := s.JS.Consumer(natstest.Context(t), topology.Orders, "accounting"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("%v: a channel is fed without an act", err)
	}
}

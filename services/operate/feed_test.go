package operate_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

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
	read := func(want int) {
		t.Helper()
		consumer, err := s.JS.Consumer(ctx, topology.Orders, "accounting")
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
		store string
		since time.Time
		want  int
	}{{"", time.Time{}, 3}, {"", time.Time{}, 3}, {"eu", time.Time{}, 1}, {"", time.Now().Add(-time.Hour), 3}, {"", time.Now().Add(time.Hour), 0}} {
		fed, err := operate.Feed(ctx, s.JS, "accounting", c.store, c.since, "kim", "books are read again")
		if err != nil || int(fed.Pending) != c.want {
			t.Fatalf("%+v, %v: want %d events", fed, err, c.want)
		}
		read(c.want)
	}
	if acts := s.acts(); len(acts) != 5 || acts[0].What != "feed:accounting" || acts[0].By != "kim" {
		t.Errorf("audit %+v", acts)
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

package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// bench is a consumer over WOO whose handler a test writes.
type bench struct {
	t        *testing.T
	server   natstest.Server
	consumer *Consumer
	stop     context.CancelFunc
	ended    chan error
}

func run(t *testing.T, config Config) bench {
	t.Helper()
	b := bench{t: t, server: natstest.Start(t), ended: make(chan error, 1)}
	config.Stream, config.Durable, config.Stage = topology.Woo, topology.ConsumerParse, "test"
	c, err := New(b.server.JS, slog.New(slog.DiscardHandler), config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	b.consumer, b.stop = c, stop
	go func() { b.ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-b.ended; err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b bench) put(orders ...string) {
	b.t.Helper()
	for i, order := range orders {
		s := subject.Webhook{Store: "main", Resource: "order", Event: "updated", ID: order}
		m := publish.Message{Stream: topology.Woo, Subject: s.String(), ID: fmt.Sprint(order, i), Data: []byte(order)}
		if _, err := publish.New(b.server.JS).Publish(natstest.Context(b.t), m); err != nil {
			b.t.Fatal(err)
		}
	}
}

// out is what a handler makes of a message.
func out(m Message) []publish.Message {
	return []publish.Message{{Stream: topology.Customers, Subject: subject.Customer("main", fmt.Sprint(m.Sequence)), ID: fmt.Sprint("out", m.Sequence), Data: m.Data}}
}

// settled waits until everything stored is acknowledged.
func (b bench) settled() {
	b.t.Helper()
	ctx := natstest.Context(b.t)
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		consumer, err := b.server.JS.Consumer(ctx, topology.Woo, topology.ConsumerParse)
		if err != nil {
			b.t.Fatal(err)
		}
		stream, err := b.server.JS.Stream(ctx, topology.Woo)
		if err != nil {
			b.t.Fatal(err)
		}
		if consumer.CachedInfo().AckFloor.Stream == stream.CachedInfo().State.LastSeq {
			return
		}
		<-ticker.C
	}
}

// Messages of one key keep their order and never overlap; other keys run beside them.
func TestLanes(t *testing.T) {
	var mu sync.Mutex
	busy, seen := map[string]bool{}, map[string][]uint64{}
	together, both := make(chan struct{}), 0
	b := run(t, Config{Lanes: 4, Handle: func(_ context.Context, m Message) ([]publish.Message, error) {
		mu.Lock()
		if busy[m.Subject] {
			t.Errorf("two messages of %s at once", m.Subject)
		}
		busy[m.Subject] = true
		seen[m.Subject] = append(seen[m.Subject], m.Sequence)
		if both++; both == 2 {
			close(together) // two keys are at work at the same time
		}
		mu.Unlock()
		<-together
		mu.Lock()
		busy[m.Subject] = false
		mu.Unlock()
		return nil, nil
	}})
	b.put("1", "1", "2", "1", "2")
	b.settled()
	for key, sequences := range seen {
		if !slices.IsSorted(sequences) {
			t.Errorf("%s: order %v", key, sequences)
		}
	}
}

// What becomes of each class of error.
func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		times    int // how often the handler fails with it
		attempts int
		parked   bool
	}{
		"passing trouble is retried":        {errors.New("odd"), 2, 0, false},
		"a conflict runs again at once":     {fault.New(fault.StreamConflict, ""), 5, 1, false},
		"an outage burns no attempt":        {fault.New(fault.NetSuiteUnavailable, ""), 3, 1, false},
		"a full other side is waited for":   {fault.New(fault.NetSuiteThrottled, "", fault.After(time.Millisecond)), 1, 1, false},
		"the same error for ever is parked": {fault.New(fault.SKUUnknown, ""), 1, 0, true},
		"what cannot be decoded is parked":  {fault.New(fault.DeliveryUndecodable, ""), 1, 0, true},
		"too many attempts are parked":      {errors.New("odd"), 2, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			failed, parked := 0, 0
			b := run(t, Config{
				Attempts: c.attempts,
				Handle: func(_ context.Context, m Message) ([]publish.Message, error) {
					mu.Lock()
					defer mu.Unlock()
					if failed < c.times {
						failed++
						return nil, c.err
					}
					return out(m), nil
				},
				Park: func(_ context.Context, m Message, cause error) ([]publish.Message, error) {
					mu.Lock()
					defer mu.Unlock()
					parked++
					return nil, nil
				},
			})
			b.put("1")
			b.settled()
			if failed != c.times || (parked == 1) != c.parked {
				t.Errorf("failed %d times, parked %d; want %d, %v", failed, parked, c.times, c.parked)
			}
			if got := b.server.Count(t, topology.Customers, subject.CustomerAll); (got == 1) == c.parked {
				t.Errorf("%d outputs", got)
			}
		})
	}
}

// Invariant 1: outputs are stored before the message is acked; what a failed try leaves is stored too.
func TestOutputsOfAFailedTry(t *testing.T) {
	first := true
	b := run(t, Config{Lanes: 1, Handle: func(_ context.Context, m Message) ([]publish.Message, error) {
		if first {
			first = false
			return out(m), errors.New("odd")
		}
		return nil, nil
	}})
	b.put("1")
	b.settled()
	if got := b.server.Count(t, topology.Customers, subject.CustomerAll); got != 1 {
		t.Errorf("%d outputs, want the one beside the error", got)
	}
}

// With Settle the handler runs again until nothing follows.
func TestSettle(t *testing.T) {
	runs := 0
	b := run(t, Config{Lanes: 1, Settle: true, Handle: func(_ context.Context, m Message) ([]publish.Message, error) {
		if runs++; runs <= 2 {
			return out(Message{Sequence: uint64(runs), Data: m.Data}), nil
		}
		return nil, nil
	}})
	b.put("1")
	b.settled()
	if got := b.server.Count(t, topology.Customers, subject.CustomerAll); runs != 3 || got != 2 {
		t.Errorf("%d runs, %d outputs, want 3 and 2", runs, got)
	}
}

// Invariant 7: what is at work ends, what has not begun is handed back and delivered again.
func TestStopDrains(t *testing.T) {
	began, release := make(chan struct{}, 8), make(chan struct{})
	b := run(t, Config{Lanes: 1, Handle: func(_ context.Context, m Message) ([]publish.Message, error) {
		began <- struct{}{}
		<-release
		return out(m), nil
	}})
	b.put("1", "2", "3")
	<-began
	b.stop()
	close(release)
	err := <-b.ended
	b.ended <- err
	if got := b.server.Count(t, topology.Customers, subject.CustomerAll); err != nil || got != 1 {
		t.Errorf("%d outputs after the stop, %v, want the one at work", got, err)
	}
	consumer, err := b.server.JS.Consumer(natstest.Context(t), topology.Woo, topology.ConsumerParse)
	if err != nil {
		t.Fatal(err)
	}
	if info := consumer.CachedInfo(); info.NumPending+uint64(info.NumAckPending) != 2 {
		t.Errorf("%d messages remain, want the two that had not begun", info.NumPending+uint64(info.NumAckPending))
	}
}

// Invariant 7: a stop that comes before the consumer is found is no failure.
func TestStopBeforeTheStart(t *testing.T) {
	server := natstest.Start(t)
	c, err := New(server.JS, slog.New(slog.DiscardHandler), Config{Stream: topology.Woo, Durable: topology.ConsumerParse, Stage: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := c.Run(ctx); err != nil {
		t.Errorf("%v, want no error", err)
	}
}

// A shop that is down holds up no other, however many of its messages wait.
func TestASideThatIsAwayHoldsUpNoOther(t *testing.T) {
	side := func(m Message) string { return m.Subject[strings.LastIndexByte(m.Subject, '.')+1:][:1] }
	b := run(t, Config{Lanes: 2, Prefetch: 4, Side: side, Handle: func(_ context.Context, m Message) ([]publish.Message, error) {
		if side(m) == "1" {
			return nil, fault.New(fault.ShopUnavailable, "")
		}
		return out(m), nil
	}})
	for n := range 20 {
		b.put(fmt.Sprint(100 + n))
	}
	b.put("2")
	b.server.Next(t, topology.Customers, subject.CustomerAll, 0) // of 2: the others never end
	if away := b.consumer.Away(); !slices.Equal(away, []string{"1"}) {
		t.Errorf("away: %v", away)
	}
}

// However much of what gives way is stored before it, and though none of that ends, what does not give way is handled at
// once; and nothing that gave way is forgotten.
func TestMinorGivesWay(t *testing.T) {
	isMinor := func(m Message) bool { return strings.Contains(m.Subject, ".1") }
	release, began := make(chan struct{}), make(chan struct{}, 100)
	b := run(t, Config{Lanes: 4, Prefetch: 8, Minor: isMinor, Handle: func(_ context.Context, m Message) ([]publish.Message, error) {
		if isMinor(m) {
			began <- struct{}{}
			<-release
		}
		return out(m), nil
	}})
	for n := range 50 {
		b.put(fmt.Sprint(100 + n))
	}
	<-began
	b.put("2")
	if first := b.server.Next(t, topology.Customers, subject.CustomerAll, 0); string(first.Data) != "2" {
		t.Errorf("the first output is of %s", first.Data)
	}
	if n := len(began); n > 3 {
		t.Errorf("%d more of what gives way were begun with four lanes", n)
	}
	close(release)
	b.settled()
	if got := b.server.Count(t, topology.Customers, subject.CustomerAll); got != 51 {
		t.Errorf("%d outputs, want 51", got)
	}
}

// What is put off comes back spread over time, whenever it was put off.
func TestPutOffIsSpread(t *testing.T) {
	m, now := newMinor(4, 8), time.Unix(1000, 0)
	for i, want := range []time.Duration{time.Second, time.Second + backApart, time.Second + 2*backApart} {
		if got := m.putOff(now); got != want {
			t.Errorf("number %d is away for %v, want %v", i, got, want)
		}
	}
	if got := m.putOff(now.Add(time.Hour)); got != time.Second {
		t.Errorf("an hour later one is away for %v", got)
	}
}

// Invariant 1: a message whose outputs are not stored is not acked; it is handled again until they are.
func TestNoAckWithoutOutputs(t *testing.T) {
	runs := 0
	b := run(t, Config{Lanes: 1, Handle: func(_ context.Context, m Message) ([]publish.Message, error) {
		outputs := out(m)
		if runs++; runs == 1 {
			outputs[0].Expect = &publish.Expect{Sequence: 99} // somebody else wrote first
		}
		return outputs, nil
	}})
	b.put("1")
	b.settled()
	if got := b.server.Count(t, topology.Customers, subject.CustomerAll); got != 1 || runs != 2 {
		t.Errorf("%d outputs after %d runs, want 1 after 2", got, runs)
	}
}

// A server that is silent is asked for the consumer: one that is gone ends the run, and nothing else does.
func TestAConsumerThatIsGone(t *testing.T) {
	server := natstest.Start(t)
	ctx := natstest.Context(t)
	c, err := New(server.JS, slog.New(slog.DiscardHandler), Config{Stream: topology.Woo, Durable: topology.ConsumerParse, Stage: "test"})
	if err != nil {
		t.Fatal(err)
	}
	gone := func(want error) {
		t.Helper()
		if err := c.gone(ctx, fmt.Errorf("pull: %w", jetstream.ErrNoHeartbeat)); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	gone(nil)
	if err := server.JS.DeleteConsumer(ctx, topology.Woo, topology.ConsumerParse); err != nil {
		t.Fatal(err)
	}
	gone(jetstream.ErrConsumerNotFound)
	if err := c.gone(ctx, errors.New("a leader changed")); err != nil {
		t.Errorf("%v, want nil: only silence is a reason to ask", err)
	}
	if err := server.JS.DeleteStream(ctx, topology.Woo); err != nil {
		t.Fatal(err)
	}
	gone(jetstream.ErrStreamNotFound)
}

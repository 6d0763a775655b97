package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// standby runs one more consumer of the writer's group; each message it is given is sent to taken, and kept until
// release is closed.
func standby(t *testing.T, server natstest.Server, taken chan<- *Consumer, release <-chan struct{}) {
	t.Helper()
	var c *Consumer
	c, err := New(server.JS, slog.New(slog.DiscardHandler), Config{
		Stream: topology.Desired, Durable: topology.WriterOf(natstest.Params.Accounts[0]), Stage: "test", Group: topology.WriterGroup,
		Handle: func(context.Context, Message) ([]publish.Message, error) {
			taken <- c
			<-release
			return nil, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// store puts a desired state of an order into the stream.
func store(t *testing.T, server natstest.Server, order string) {
	t.Helper()
	m, err := publish.JSON(topology.Desired, subject.Desired{Kind: "order", Account: natstest.Params.Accounts[0], Store: "main", Key: order}.String(), event.Envelope{Type: "desired.v1.order", ID: order}, map[string]string{})
	if err == nil {
		_, err = publish.New(server.JS).Publish(natstest.Context(t), m)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Invariant 4: a consumer that was frozen, and whose pin went to another meanwhile, is told so before it does
// anything with the messages it holds.
func TestPinIsAskedFor(t *testing.T) {
	server := natstest.Start(t)
	taken, release := make(chan *Consumer, 8), make(chan struct{})
	for range 2 {
		standby(t, server, taken, release)
	}
	t.Cleanup(func() { close(release) })

	store(t, server, "1")
	active := <-taken
	if err := active.Pinned(t.Context()); err != nil {
		t.Fatalf("the active one: %v", err)
	}
	stream, err := server.JS.Stream(natstest.Context(t), topology.Desired)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.UnpinConsumer(natstest.Context(t), topology.WriterOf(natstest.Params.Accounts[0]), topology.WriterGroup); err != nil {
		t.Fatal(err)
	}
	other := active
	for n := 2; other == active; n++ { // who is pinned next is the server's choice
		if n > 2 {
			if err := stream.UnpinConsumer(natstest.Context(t), topology.WriterOf(natstest.Params.Accounts[0]), topology.WriterGroup); err != nil {
				t.Fatal(err)
			}
		}
		store(t, server, fmt.Sprint(n))
		other = <-taken
	}
	active.pin.proven = active.pin.proven.Add(-time.Minute) // it was frozen
	err = active.Pinned(t.Context())
	if err == nil || !errors.Is(err, errNotPinned) || fault.ClassOf(err) != fault.Interrupted {
		t.Errorf("the one that was frozen: %v, want Interrupted", err)
	}
	if err := other.Pinned(t.Context()); err != nil {
		t.Errorf("its successor: %v", err)
	}
}

// Who becomes active after another knows what that one may hold; who is the first inherits nothing.
func TestInherited(t *testing.T) {
	server := natstest.Start(t)
	taken, release := make(chan *Consumer, 8), make(chan struct{})
	for range 2 {
		standby(t, server, taken, release)
	}
	t.Cleanup(func() { close(release) })
	store(t, server, "1")
	first := <-taken
	if through, since := first.Inherited(); through != 0 || !since.IsZero() {
		t.Errorf("the first one inherits up to %d, since %v", through, since)
	}
	stream, err := server.JS.Stream(natstest.Context(t), topology.Desired)
	if err != nil {
		t.Fatal(err)
	}
	for order := 2; ; order++ { // who is pinned next is the server's choice
		if err := stream.UnpinConsumer(natstest.Context(t), topology.WriterOf(natstest.Params.Accounts[0]), topology.WriterGroup); err != nil {
			t.Fatal(err)
		}
		store(t, server, fmt.Sprint(order))
		if next := <-taken; next != first {
			if through, _ := next.Inherited(); through == 0 || through > uint64(order) {
				t.Errorf("the second one inherits up to %d of %d", through, order)
			}
			return
		}
	}
}

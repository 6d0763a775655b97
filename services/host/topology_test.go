package host

import (
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host/embednats"
	"github.com/orderstream/orderstream/services/internal/natstest"
)

// What cannot be changed on a live stream or consumer is a configuration error that names both sides.
func TestTopologyThatCannotBecomeIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*topology.Topology)
		says   []string
	}{
		"storage":        {func(w *topology.Topology) { w.Streams[0].Storage = jetstream.MemoryStorage }, []string{"stream ", "storage"}},
		"retention":      {func(w *topology.Topology) { w.Streams[0].Retention = jetstream.InterestPolicy }, []string{"stream ", "retention"}},
		"ack policy":     {func(w *topology.Topology) { w.Consumers[0].Config.AckPolicy = jetstream.AckAllPolicy }, []string{"consumer ", "ack"}},
		"deliver policy": {func(w *topology.Topology) { w.Consumers[0].Config.DeliverPolicy = jetstream.DeliverNewPolicy }, []string{"consumer ", "deliver"}},
		"priority group": {func(w *topology.Topology) { grouped(w).Config.PriorityGroups = []string{"other"} }, []string{"consumer ", "groups", "other"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := natstest.Start(t)
			want := topology.Of(natstest.Params)
			c.change(&want)
			err := topology.Ensure(natstest.Context(t), server.JS, want)
			if fault.CodeOf(err) != fault.TopologyMismatch || exitCode(err) != ExitConfiguration {
				t.Fatalf("%v, want %s", err, fault.TopologyMismatch)
			}
			for _, part := range append(c.says, "cannot be changed") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v, want it to name %q", err, part)
				}
			}
		})
	}
}

// grouped is the first consumer with a priority group.
func grouped(w *topology.Topology) *topology.Consumer {
	for i := range w.Consumers {
		if len(w.Consumers[i].Config.PriorityGroups) > 0 {
			return &w.Consumers[i]
		}
	}
	return &topology.Consumer{}
}

// Many processes may begin at once on an empty server, and again: the topology is the same afterwards, and what may change
// does.
func TestTopologyIsEnsuredByManyAtOnce(t *testing.T) {
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
	js, err := newJetStream(conn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, params := natstest.Context(t), natstest.Params
	for _, params.MaxBytes = range []int64{-1, 1 << 30} {
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if err := topology.Ensure(ctx, js, topology.Of(params)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	woo, err := jetstreamOf(t, conn).Stream(ctx, topology.Woo)
	if err != nil {
		t.Fatal(err)
	}
	if got := woo.CachedInfo().Config.MaxBytes; got != 1<<30 {
		t.Errorf("WOO after the change: at most %d bytes, want %d", got, 1<<30)
	}
	for _, c := range topology.Of(params).Consumers {
		if _, err := js.Consumer(ctx, c.Stream, c.Config.Durable); err != nil {
			t.Errorf("%s/%s: %v", c.Stream, c.Config.Durable, err)
		}
	}
}

// jetstreamOf gives a JetStream that remembers no stream.
func jetstreamOf(t *testing.T, conn *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

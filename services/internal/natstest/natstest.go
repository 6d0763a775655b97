// Package natstest gives tests a real JetStream server inside the process, with the topology in place.
package natstest

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host/embednats"
)

// Server is a test's own server.
type Server struct {
	*embednats.Server
	Conn *nats.Conn
	JS   jetstream.JetStream
}

// Params is the topology tests run on: one account "ns".
var Params = topology.Params{Replicas: 1, Accounts: []string{"ns"}, Retention: 400 * 24 * time.Hour, MaxBytes: -1}

// Start runs a server with the topology of Params and stops it with the test. Nothing is fsynced: tests of
// power cuts are not made here.
func Start(t testing.TB) Server {
	t.Helper()
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
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := topology.Ensure(Context(t), js, topology.Of(Params)); err != nil {
		t.Fatal(err)
	}
	return Server{server, conn, js}
}

// Context gives a context that ends well before the test binary's time-out.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// Next waits for the next message behind sequence after on a stream's subject filter.
func (s Server) Next(t testing.TB, stream, filter string, after uint64) *jetstream.RawStreamMsg {
	t.Helper()
	ctx := Context(t)
	consumer, err := s.JS.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{filter}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	msg, err := consumer.Next(jetstream.FetchMaxWait(30 * time.Second))
	if err != nil {
		t.Fatalf("nothing on %s behind %d: %v", filter, after, err)
	}
	metadata, err := msg.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	return &jetstream.RawStreamMsg{Subject: msg.Subject(), Sequence: metadata.Sequence.Stream, Header: msg.Headers(), Data: msg.Data(), Time: metadata.Timestamp}
}

// Count tells how many messages a stream holds under a filter.
func (s Server) Count(t testing.TB, stream, filter string) int {
	t.Helper()
	ctx := Context(t)
	handle, err := s.JS.Stream(ctx, stream)
	if err != nil {
		t.Fatal(err)
	}
	info, err := handle.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, n := range info.State.Subjects {
		total += int(n)
	}
	return total
}

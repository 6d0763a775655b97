package audit

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

const word = "published"

func act(n int, at time.Time) event.AuditActedV1 {
	return event.AuditActedV1{Envelope: event.Envelope{Type: "audit.v1." + word, ID: fmt.Sprintf("audit:%s:%d", word, n), Time: at}, Act: word, By: "kim", What: "default"}
}

func acts(n int) (list []event.AuditActedV1) {
	for i := range n {
		list = append(list, act(i, time.Now().UTC()))
	}
	return list
}

// told lists the ids that the stream holds, in its order.
func told(t *testing.T, server natstest.Server) (ids []string) {
	t.Helper()
	consumer, err := server.JS.OrderedConsumer(natstest.Context(t), topology.Audit, jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for range consumer.CachedInfo().NumPending {
		m, err := consumer.Next()
		if err != nil {
			t.Fatal(err)
		}
		a, err := codec.Decode[event.AuditActedV1](m.Data())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.ID)
	}
	return ids
}

func idsOf(list []event.AuditActedV1) (ids []string) {
	for _, a := range list {
		ids = append(ids, a.ID)
	}
	return ids
}

// forget shortens the time in which the stream knows message ids, and waits until it has forgotten those of now.
func forget(t *testing.T, server natstest.Server) {
	t.Helper()
	ctx := natstest.Context(t)
	stream, err := server.JS.Stream(ctx, topology.Audit)
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	for _, window := range []time.Duration{200 * time.Millisecond, 100 * time.Millisecond} { // the server may look once more by the window of before
		config.Duplicates = window
		if _, err := server.JS.UpdateStream(ctx, config); err != nil {
			t.Fatal(err)
		}
	}
	probe := publish.Message{Stream: topology.Audit, Subject: subject.Audit("probed"), Data: []byte("{}"), ID: fmt.Sprint("probe", time.Now().UnixNano())}
	for stored := 0; stored < 2; {
		acks, err := publish.New(server.JS).Publish(ctx, probe)
		if err != nil {
			t.Fatal(err)
		}
		if !acks[0].Duplicate {
			stored++
		}
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject.Audit("probed"))); err != nil {
		t.Fatal(err)
	}
}

// Many who tell the same acts at once tell each once, in their order; said again, also when the stream has forgotten the
// messages' ids, they tell what is new alone.
func TestActsAreToldOnce(t *testing.T) {
	server := natstest.Start(t)
	ctx := natstest.Context(t)
	list := acts(300) // more than are read at once
	if err := Tell(ctx, server.JS, list[:299]...); err != nil {
		t.Fatal(err)
	}
	forget(t, server)
	var many sync.WaitGroup
	for range 8 {
		many.Go(func() {
			if err := Tell(ctx, server.JS, list...); err != nil {
				t.Error(err)
			}
		})
	}
	many.Wait()
	if got := told(t, server); !slices.Equal(got, idsOf(list)) {
		t.Errorf("%d acts, want each of %d once and in their order", len(got), len(list))
	}
}

// Who was held up while another told an act does not tell it again, however much later.
func TestAnActThatWasToldMeanwhile(t *testing.T) {
	server := natstest.Start(t)
	ctx := natstest.Context(t)
	list := acts(2)
	lacking, last, err := untold(ctx, server.JS, list)
	if err != nil || len(lacking) != 2 {
		t.Fatal(lacking, err)
	}
	if err := Tell(ctx, server.JS, list...); err != nil {
		t.Fatal(err)
	}
	forget(t, server)
	if err := store(ctx, server.JS, lacking, last); fault.ClassOf(err) != fault.Conflict {
		t.Errorf("%v, want a conflict", err)
	}
	if got := told(t, server); !slices.Equal(got, idsOf(list)) {
		t.Errorf("told %v, want %v", got, idsOf(list))
	}
}

// An act of before the time that the stream keeps is not told anew.
func TestAnActThatHasAgedOut(t *testing.T) {
	server := natstest.Start(t)
	list := []event.AuditActedV1{act(1, time.Now().UTC().AddDate(-8, 0, 0)), act(2, time.Now().UTC().AddDate(-6, 0, 0))}
	if err := Tell(natstest.Context(t), server.JS, list...); err != nil {
		t.Fatal(err)
	}
	if got := told(t, server); !slices.Equal(got, idsOf(list[1:])) {
		t.Errorf("told %v, want %v", got, idsOf(list[1:]))
	}
}

package notifier

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/notifier/digest"
)

// StageNotify is the stage of a failure that says a channel refuses notices. Its key is the channel's name.
const StageNotify = "notify"

// queue keeps refused notices in the failure queue, one entry per channel: other channels tell people of it, and a
// retry tells the notice again.
type queue struct {
	book      *failures.Book
	publisher *publish.Publisher
}

func openQueue(ctx context.Context, js jetstream.JetStream) (*queue, error) {
	book, err := failures.Open(ctx, js, StageNotify)
	return &queue{book, publish.New(js)}, err
}

// park stores the refusal. The notice of a refusal that is refused too is not parked: it would call for the next.
func (q *queue) park(ctx context.Context, channel string, n digest.Notice, cause error) error {
	if aboutRefusal(n) {
		return nil
	}
	entry, err := q.book.Park(ctx, "", channel, positionOf(n), failures.FaultOf(cause), time.Now().UTC())
	if err != nil {
		return err
	}
	return q.store(ctx, entry)
}

// resolve closes the channel's entry: it takes notices again.
func (q *queue) resolve(ctx context.Context, channel string, n digest.Notice) error {
	if aboutRefusal(n) {
		return nil
	}
	entry, err := q.book.Resolve(ctx, "", channel, positionOf(n), time.Now().UTC())
	if err != nil {
		return err
	}
	return q.store(ctx, entry)
}

func (q *queue) store(ctx context.Context, entry []publish.Message) error {
	_, err := q.publisher.Publish(ctx, entry...)
	return err
}

func aboutRefusal(n digest.Notice) bool {
	return n.Origin == digest.Failure && n.Name == StageNotify && n.Code == string(fault.ChannelRefused)
}

func positionOf(n digest.Notice) event.Position {
	stream := topology.Failures
	if n.Origin == digest.Alert {
		stream = topology.Alerts
	}
	return event.Position{Stream: stream, Sequence: n.Message.Sequence, Subject: n.Message.Subject}
}

package publish

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// MaxBatch is the largest atomic batch the server takes.
const MaxBatch = 1000

// batchPays is the number of messages from which one atomic batch (one flush) beats single publishes.
const batchPays = 14

// PublishBatch stores messages of one stream in order: as one atomic batch where that pays, singly
// otherwise. One duplicate id makes the server refuse a whole batch (10201): its messages are then sent
// singly, so that a duplicate does not fail its neighbours. It returns how many messages, from the first
// on, are confirmed; err says why the next one is not.
func (p *Publisher) PublishBatch(ctx context.Context, messages []Message) (int, error) {
	if len(messages) < batchPays || len(messages) > MaxBatch || separate(messages) {
		return p.singly(ctx, messages)
	}
	err := p.atomic(ctx, messages)
	if err == nil {
		return len(messages), nil
	}
	if refused(err) {
		// Nothing of the batch is stored. A duplicate, a limit or a message that is refused shows itself when
		// sent alone.
		return p.singly(ctx, messages)
	}
	return 0, Classify(err)
}

// refused tells a refusal, by the server or by the connection's limit of size, from a lost answer.
func refused(err error) bool {
	var api jetstream.JetStreamError
	return errors.As(err, &api) && api.APIError() != nil || errors.Is(err, nats.ErrMaxPayload)
}

func (p *Publisher) atomic(ctx context.Context, messages []Message) error {
	wires := make([]*nats.Msg, len(messages))
	for i := range messages {
		wires[i] = messages[i].wire(ctx)
		wires[i].Header.Set(jetstream.ExpectedStreamHeader, messages[i].Stream)
	}
	_, err := jetstreamext.PublishMsgBatch(ctx, p.js, wires)
	return err
}

func (p *Publisher) singly(ctx context.Context, messages []Message) (int, error) {
	for i := range messages {
		if _, err := p.one(ctx, &messages[i]); err != nil {
			return i, err
		}
	}
	return len(messages), nil
}

// separate tells whether messages must be sent singly: an id stands twice, or one is conditional. In a batch
// the server checks a condition on the first message of its scope only.
func separate(messages []Message) bool {
	seen := make(map[string]struct{}, len(messages))
	for i := range messages {
		if messages[i].Expect != nil {
			return true
		}
		if id := messages[i].ID; id != "" {
			if _, twice := seen[id]; twice {
				return true
			}
			seen[id] = struct{}{}
		}
	}
	return false
}

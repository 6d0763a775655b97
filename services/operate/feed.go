package operate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// Fed is a channel that gets history again.
type Fed struct {
	Durable string `json:"durable"`
	Filter  string `json:"filter"`
	Pending uint64 `json:"pending"` // order events it has before it
}

// Feed gives a channel the history of order events again: its durable consumer of ORDERS begins anew at a time (zero: with
// all that is kept), of one store or of every one. Nobody else hears of it. A channel that is connected goes on with what it
// is fed.
func Feed(ctx context.Context, js jetstream.JetStream, durable, store string, since time.Time, by, note string) (Fed, error) {
	if durable == "" || durable == topology.ConsumerMap {
		return Fed{}, fmt.Errorf("to = %q: want the durable consumer of a channel; %s is Orderstream's own", durable, topology.ConsumerMap)
	}
	f := Fed{Durable: durable, Filter: subject.OrderAll}
	if store != "" {
		f.Filter = subject.OrdersIn(store)
	}
	config := jetstream.ConsumerConfig{
		Durable: durable, Description: "a channel, fed by " + by, FilterSubjects: []string{f.Filter}, AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: -1,
	}
	if !since.IsZero() {
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
	}
	// Where a consumer begins cannot be changed: it is made anew.
	if err := js.DeleteConsumer(ctx, topology.Orders, durable); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return f, fmt.Errorf("consumer %s/%s: %w", topology.Orders, durable, err)
	}
	consumer, err := js.CreateConsumer(ctx, topology.Orders, config)
	if err != nil {
		return f, fmt.Errorf("consumer %s/%s: %w", topology.Orders, durable, err)
	}
	f.Pending = consumer.CachedInfo().NumPending
	now := time.Now().UTC()
	body := event.AuditReplayedV1{
		Envelope: event.Envelope{Type: "audit.v1.replayed", ID: fmt.Sprintf("audit:replayed:feed:%s:%d", durable, now.UnixNano()), Time: now},
		Act:      "replayed", By: by, What: "feed:" + durable, Note: note,
		After: map[string]string{"filter": f.Filter, "since": since.UTC().Format(time.RFC3339), "pending": fmt.Sprint(f.Pending)},
	}
	m, err := publish.JSON(topology.Audit, subject.Audit("replayed"), body.Envelope, body)
	if err == nil {
		_, err = publish.New(js).Publish(ctx, m)
	}
	return f, err
}

package operate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/operate/replay"
)

// Fed is a channel that gets history again.
type Fed struct {
	Durable string `json:"durable"`
	Filter  string `json:"filter"`
	Pending uint64 `json:"pending"` // order events it has before it
	Anew    bool   `json:"anew"`    // its consumer was made anew: a channel that is connected must look for it again
}

// Feed gives a channel the history of order events again: its durable consumer of ORDERS begins anew at a time (zero: with
// all that is kept). Nobody else hears of it. A channel keeps its filter and its settings, and where the consumer can be
// set back one that is connected goes on with what it is fed. A durable that is not there is made, of one store or of
// every one.
func Feed(ctx context.Context, js jetstream.JetStream, durable, store string, since time.Time, by, note string) (Fed, error) {
	if durable == "" || durable == topology.ConsumerMap {
		return Fed{}, fmt.Errorf("to = %q: want the durable consumer of a channel; %s is Orderstream's own", durable, topology.ConsumerMap)
	}
	present, stands, err := channelOf(ctx, js, durable)
	if err != nil {
		return Fed{}, fmt.Errorf("consumer %s/%s: %w", topology.Orders, durable, err)
	}
	f := Fed{Durable: durable, Filter: subject.OrderAll}
	if store != "" {
		if err := replay.Knows(ctx, js, store); err != nil {
			return f, err
		}
		f.Filter = subject.OrdersIn(store)
	}
	if present != nil {
		filters := strings.Join(slices.DeleteFunc(append(present.FilterSubjects, present.FilterSubject), func(s string) bool { return s == "" }), ", ")
		if store != "" && filters != f.Filter {
			return f, fmt.Errorf("store = %q: consumer %s has the filter %s and keeps it; feed a durable of another name, or a subject", store, durable, filters)
		}
		f.Filter = filters
	}
	a := feeding{js, durable, by, note, map[string]string{"filter": f.Filter, "since": since.UTC().Format(time.RFC3339)}}
	return f, a.do(ctx, func() error {
		if err := f.begin(ctx, js, present, stands, since); err != nil {
			return fmt.Errorf("consumer %s/%s: %w", topology.Orders, durable, err)
		}
		a.facts["pending"] = fmt.Sprint(f.Pending)
		return nil
	})
}

// channelOf reads how a channel's consumer is set; nil: there is none. One that was being made anew when that was cut off
// does not stand: its settings are in the bucket of cursors.
func channelOf(ctx context.Context, js jetstream.JetStream, durable string) (present *jetstream.ConsumerConfig, stands bool, err error) {
	consumer, err := js.Consumer(ctx, topology.Orders, durable)
	if err == nil {
		return &consumer.CachedInfo().Config, true, nil
	}
	if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, false, err
	}
	bucket, err := js.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return nil, false, fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	entry, err := bucket.Get(ctx, keptAs(durable))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	config, err := codec.Decode[jetstream.ConsumerConfig](entry.Value())
	return &config, false, err
}

func keptAs(durable string) string { return "feed." + durable }

// begin lets the consumer begin at a time.
func (f *Fed) begin(ctx context.Context, js jetstream.JetStream, present *jetstream.ConsumerConfig, stands bool, since time.Time) error {
	if present == nil {
		return f.create(ctx, js, jetstream.ConsumerConfig{
			Durable: f.Durable, Description: "a channel that was fed", FilterSubjects: []string{f.Filter}, AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: -1,
		}, since)
	}
	if stands {
		if back, err := f.setBack(ctx, js, since); back || err != nil {
			return err
		}
	}
	return f.again(ctx, js, *present, since)
}

// setBack lets a consumer that stands deliver again what it has delivered. back is false where it cannot: a server of
// before 2.14 does not know how, and not every consumer may go back so far.
func (f *Fed) setBack(ctx context.Context, js jetstream.JetStream, since time.Time) (back bool, err error) {
	first, err := firstSince(ctx, js, since)
	if err != nil {
		return false, err
	}
	short, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := js.ResetConsumerToSequence(short, topology.Orders, f.Durable, first); err != nil {
		return false, ctx.Err()
	}
	consumer, err := js.Consumer(ctx, topology.Orders, f.Durable)
	if err == nil { // a channel that is connected has begun already
		f.Pending = consumer.CachedInfo().NumPending + uint64(consumer.CachedInfo().NumAckPending)
	}
	return true, err
}

// firstSince is the position of the first event stored at or after a time.
func firstSince(ctx context.Context, js jetstream.JetStream, since time.Time) (uint64, error) {
	if since.IsZero() {
		return 1, nil
	}
	messages, err := jetstreamext.GetBatch(ctx, js, topology.Orders, 1, jetstreamext.GetBatchStartTime(since))
	if err != nil {
		return 0, err
	}
	for m, err := range messages {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			break
		}
		if err != nil {
			return 0, err
		}
		return m.Sequence, nil
	}
	orders, err := js.Stream(ctx, topology.Orders)
	if err != nil {
		return 0, err
	}
	return orders.CachedInfo().State.LastSeq + 1, nil
}

// again makes a consumer anew, as it was set: where it begins cannot be changed. Its settings are kept until it is there.
func (f *Fed) again(ctx context.Context, js jetstream.JetStream, present jetstream.ConsumerConfig, since time.Time) error {
	bucket, err := js.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	data, err := codec.Encode(present)
	if err != nil {
		return err
	}
	if _, err := bucket.Put(ctx, keptAs(f.Durable), data); err != nil {
		return err
	}
	if err := js.DeleteConsumer(ctx, topology.Orders, f.Durable); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return err
	}
	if err := f.create(ctx, js, present, since); err != nil {
		return err
	}
	return bucket.Delete(ctx, keptAs(f.Durable))
}

func (f *Fed) create(ctx context.Context, js jetstream.JetStream, c jetstream.ConsumerConfig, since time.Time) error {
	c.DeliverPolicy, c.OptStartSeq, c.OptStartTime = jetstream.DeliverAllPolicy, 0, nil
	if !since.IsZero() {
		c.DeliverPolicy, c.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
	}
	consumer, err := js.CreateConsumer(ctx, topology.Orders, c)
	if err == nil {
		f.Anew, f.Pending = true, consumer.CachedInfo().NumPending
	}
	return err
}

// feeding is the act of a feed.
type feeding struct {
	js           jetstream.JetStream
	to, by, note string
	facts        map[string]string // what is known of it by now
}

// do feeds. As with a plan that is applied an act comes before what it does, so that it is there although the process dies,
// and one behind it says how it ended, also where the operator stopped it.
func (a feeding) do(ctx context.Context, feed func() error) error {
	if err := a.tell(ctx, replay.StatePlanned, replay.StateRunning); err != nil {
		return err
	}
	err, ended := feed(), replay.StateDone
	if err != nil {
		ended = replay.StateStopped
	}
	return errors.Join(err, a.tell(context.WithoutCancel(ctx), replay.StateRunning, ended))
}

func (a feeding) tell(ctx context.Context, from, to replay.State) error {
	now, after := time.Now().UTC(), maps.Clone(a.facts)
	after["state"] = string(to)
	body := event.AuditReplayedV1{
		Envelope: event.Envelope{Type: "audit.v1.replayed", ID: fmt.Sprintf("audit:replayed:feed:%s:%d", a.to, now.UnixNano()), Time: now},
		Act:      "replayed", By: a.by, What: "feed:" + a.to, Note: a.note, Before: map[string]string{"state": string(from)}, After: after,
	}
	m, err := publish.JSON(topology.Audit, subject.Audit("replayed"), body.Envelope, body)
	if err == nil {
		_, err = publish.New(a.js).Publish(ctx, m)
	}
	return err
}

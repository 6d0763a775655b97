package topology

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/fault"
)

// Ensure brings the server to the topology: creates what is missing, updates what may change, and
// refuses (fault.TopologyMismatch) what a live stream or consumer cannot change. It deletes nothing.
// Running it twice, or in two processes at once, is harmless.
func Ensure(ctx context.Context, js jetstream.JetStream, t Topology) error {
	if err := t.Validate(); err != nil {
		return fault.New(fault.ConfigurationWrong, "the topology must be sound", fault.Because(err))
	}
	for _, s := range t.Streams {
		if err := ensureStream(ctx, js, s); err != nil {
			return err
		}
	}
	for _, b := range t.Buckets {
		config := jetstream.KeyValueConfig{Bucket: b.Name, History: b.History, Replicas: t.Replicas, Storage: jetstream.FileStorage}
		if _, err := js.CreateOrUpdateKeyValue(ctx, config); err != nil {
			return fmt.Errorf("ensure bucket %s: %w", b.Name, err)
		}
	}
	for _, name := range t.Objects {
		config := jetstream.ObjectStoreConfig{Bucket: name, Replicas: t.Replicas, Storage: jetstream.FileStorage}
		if _, err := js.CreateOrUpdateObjectStore(ctx, config); err != nil {
			return fmt.Errorf("ensure object store %s: %w", name, err)
		}
	}
	for _, c := range t.Consumers {
		if err := ensureConsumer(ctx, js, c); err != nil {
			return err
		}
	}
	return nil
}

func ensureStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) error {
	live, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = js.CreateOrUpdateStream(ctx, want)
		return wrap(err, "create stream", want.Name)
	}
	if err != nil {
		return wrap(err, "look up stream", want.Name)
	}
	have := live.CachedInfo().Config
	if have.Storage != want.Storage || have.Retention != want.Retention {
		return mismatch("stream "+want.Name, fmt.Sprintf("storage %v, retention %v", have.Storage, have.Retention),
			fmt.Sprintf("want storage %v, retention %v; these cannot be changed on a live stream", want.Storage, want.Retention))
	}
	_, err = js.UpdateStream(ctx, want)
	return wrap(err, "update stream", want.Name)
}

func ensureConsumer(ctx context.Context, js jetstream.JetStream, want Consumer) error {
	name := want.Stream + "/" + want.Config.Durable
	live, err := js.Consumer(ctx, want.Stream, want.Config.Durable)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return wrap(err, "look up consumer", name)
	}
	if err == nil {
		have := live.CachedInfo().Config
		if have.AckPolicy != want.Config.AckPolicy || have.DeliverPolicy != want.Config.DeliverPolicy || !slices.Equal(have.PriorityGroups, want.Config.PriorityGroups) {
			return mismatch("consumer "+name, fmt.Sprintf("ack %v, deliver %v, groups %v", have.AckPolicy, have.DeliverPolicy, have.PriorityGroups),
				fmt.Sprintf("want ack %v, deliver %v, groups %v; these cannot be changed on a live consumer", want.Config.AckPolicy, want.Config.DeliverPolicy, want.Config.PriorityGroups))
		}
	}
	_, err = js.CreateOrUpdateConsumer(ctx, want.Stream, want.Config)
	return wrap(err, "ensure consumer", name)
}

func mismatch(what, have, rule string) error {
	return fault.New(fault.TopologyMismatch, rule, fault.Field(what, have))
}

func wrap(err error, doing, name string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", doing, name, err)
}

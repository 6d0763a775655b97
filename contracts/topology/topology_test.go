package topology

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func sound() Topology {
	return Of(Params{Replicas: 1, Accounts: []string{"b", "a"}, Retention: 400 * 24 * time.Hour, MaxBytes: -1})
}

func TestTheTopologyIsSound(t *testing.T) {
	if err := sound().Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidateFindsMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Topology)
		want  string
	}{
		"replicas":       {func(t *Topology) { t.Replicas = 2 }, "replicas = 2"},
		"stream twice":   {func(t *Topology) { t.Streams = append(t.Streams, t.Streams[0]) }, "declared twice"},
		"overlap":        {func(t *Topology) { t.Streams[1].Subjects = []string{"webhook.*.received.>"} }, "overlap"},
		"outside filter": {func(t *Topology) { t.Consumers[0].Config.FilterSubjects = []string{"order.v1.>"} }, "lies outside"},
		"too wide":       {func(t *Topology) { t.Consumers[0].Config.FilterSubjects = []string{"webhook.>"} }, "lies outside"},
		"no stream":      {func(t *Topology) { t.Consumers[0].Stream = "NONE" }, "no such stream"},
		"consumer twice": {func(t *Topology) { t.Consumers = append(t.Consumers, t.Consumers[0]) }, "declared twice"},
		"window":         {func(t *Topology) { t.Streams[0].Duplicates = 500 * 24 * time.Hour }, "duplicate window"},
	} {
		top := sound()
		top.Streams = append([]jetstream.StreamConfig(nil), top.Streams...)
		c.spoil(&top)
		if err := top.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a mistake naming %q", name, err, c.want)
		}
	}
}

// Invariant 3: the first stream refuses when full; dropping the oldest order would lose it.
func TestTheFirstStreamNeverDrops(t *testing.T) {
	if got := sound().Streams[0]; got.Name != Woo || got.Discard != jetstream.DiscardNew {
		t.Errorf("stream %s discards %v, want WOO to discard new", got.Name, got.Discard)
	}
}

package transformer

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// teller puts into the audit stream who made which revision active. Whoever did it tells it; where that process died before,
// the transformers do, who map with it. Nothing of theirs waits for it.
type teller struct {
	js       jetstream.JetStream
	log      *slog.Logger
	mappings *book
	told     map[string]uint64 // by mapping: the position of the choice up to which all is told
	failing  bool
}

func newTeller(js jetstream.JetStream, log *slog.Logger, mappings *book) *teller {
	return &teller{js: js, log: log, mappings: mappings, told: map[string]uint64{}}
}

// Run tells what is new until ctx ends. What cannot be told is tried again.
func (t *teller) Run(ctx context.Context) {
	look := time.NewTicker(again)
	defer look.Stop()
	for {
		t.step(ctx)
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

func (t *teller) step(ctx context.Context) {
	var failed error
	for name, position := range t.mappings.positions() {
		if t.told[name] == position {
			continue
		}
		if err := t.mappings.shelf.Tell(ctx, t.js, name); err != nil {
			failed = err
			continue
		}
		t.told[name] = position
	}
	if failed != nil && !t.failing && ctx.Err() == nil {
		t.log.Error("an act cannot be put into the audit stream; it is tried again", "error", failed)
	}
	t.failing = failed != nil
}

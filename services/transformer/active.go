package transformer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/internal/revisions"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// active is a compiled mapping and the position of its choice: larger is newer.
type active struct {
	*mapping.Mapping
	published uint64
}

// book holds the active revision of each mapping and follows what is made active. What is published wins over the
// configuration, also after a restart: the file of the configuration is the first revision only.
type book struct {
	js    jetstream.JetStream
	shelf revisions.Shelf
	log   *slog.Logger

	mu      sync.RWMutex
	current map[string]active
	ahead   map[string]behind // mappings whose active revision is not in current
}

// behind is an active revision that this transformer cannot use.
type behind struct {
	revisions.Active
	err error
}

// load compiles the active revision of every configured mapping. A mapping that has none begins with the file of the
// configuration.
func load(ctx context.Context, js jetstream.JetStream, log *slog.Logger, c config.Config) (*book, error) {
	shelf, err := revisions.Open(ctx, js)
	if err != nil {
		return nil, err
	}
	b := &book{js: js, shelf: shelf, log: log, current: map[string]active{}, ahead: map[string]behind{}}
	for name, m := range c.Mappings {
		a, err := b.begin(ctx, name, m.File)
		if err != nil {
			return nil, err
		}
		if err := b.turn(ctx, a); err != nil {
			return nil, fmt.Errorf("mappings.%s: revision %s is active: %w", name, a.Revision, err)
		}
	}
	return b, nil
}

func (b *book) begin(ctx context.Context, name, file string) (revisions.Active, error) {
	a, err := b.shelf.Active(ctx, name)
	if err == nil {
		b.compare(a, file)
		return a, nil
	}
	if !errors.Is(err, revisions.ErrNotActive) {
		return a, err
	}
	document, err := read(name, file)
	if err != nil {
		return a, err
	}
	m, err := mapping.Compile(document)
	if err != nil {
		return a, fmt.Errorf("mappings.%s: %w", name, err)
	}
	if err := b.shelf.Keep(ctx, name, m.Revision(), document); err != nil {
		return a, err
	}
	a = revisions.Active{Mapping: name, Revision: m.Revision(), By: revisions.Configuration, Note: "first revision: " + file, At: time.Now().UTC()}
	if a, err = b.shelf.Activate(ctx, a, 0); !errors.Is(err, revisions.ErrMeanwhile) {
		return a, err
	}
	// Another transformer starts beside us; a replica of the bucket may not show yet what it chose.
	select {
	case <-time.After(again):
		return b.begin(ctx, name, file)
	case <-ctx.Done():
		return a, ctx.Err()
	}
}

// compare says in the log where the configuration's file is not what orders are mapped with.
func (b *book) compare(a revisions.Active, file string) {
	document, err := read(a.Mapping, file)
	if err == nil && mapping.Revision(document) != a.Revision {
		b.log.Warn("the mapping's file is not the active revision; what was published counts: orderstream mapping publish makes a file active",
			"mapping", a.Mapping, "file", file, "active", a.Revision, "by", a.By)
	}
}

func read(name, file string) ([]byte, error) {
	if file == "default" {
		return mapping.Default, nil
	}
	document, err := mapping.Load(file, os.ReadFile)
	if err != nil {
		return nil, fault.New(fault.ConfigurationWrong, "want a file that can be read", fault.Field("mappings."+name+".file", file), fault.Because(err))
	}
	return document, nil
}

// under gives the mapping that a message is mapped with. What an operator sends again is mapped with a revision no older than
// the one that is active now: who publishes what mends an order and retries it must not meet the one before, however far
// behind this transformer is.
func (b *book) under(ctx context.Context, m consume.Message, name string) (active, error) {
	if origin := m.Header[event.HeaderOrigin]; len(origin) == 0 || origin[0] != string(event.OriginRetry) {
		return b.of(name)
	}
	chosen, err := b.shelf.Chosen(ctx, b.js, name)
	if err != nil {
		return active{}, publish.Classify(err)
	}
	if chosen.Position > b.positions()[name] {
		_ = b.turn(ctx, chosen) // of says what is wrong with it
	}
	return b.of(name)
}

// of gives the mapping that orders are mapped with now. While this transformer cannot use the active revision it maps
// nothing: the withdrawn one must not go on, and another transformer may be able to.
func (b *book) of(name string) (active, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if a, waits := b.ahead[name]; waits {
		return active{}, a.error() // of no class: the order waits
	}
	return b.current[name], nil
}

func (b behind) error() error {
	return fmt.Errorf("revision %s of mapping %s is active, and this transformer cannot use it: %s", b.Revision, b.Mapping, b.err.Error()) // not wrapped: its class would park the order
}

// turn makes a revision the one that orders are mapped with. An order under way is finished with the one it began with.
func (b *book) turn(ctx context.Context, a revisions.Active) error {
	m, err := b.compile(ctx, a)
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.Position < b.current[a.Mapping].published || a.Position < b.ahead[a.Mapping].Position {
		return nil
	}
	if err != nil {
		b.ahead[a.Mapping] = behind{a, err}
		return err
	}
	if before := b.current[a.Mapping]; before.Mapping != nil && before.published != a.Position {
		b.log.Info("mapping revision changed", "mapping", a.Mapping, "revision", a.Revision, "before", before.Revision(), "by", a.By)
	}
	b.current[a.Mapping] = active{m, a.Position}
	delete(b.ahead, a.Mapping)
	return nil
}

func (b *book) compile(ctx context.Context, a revisions.Active) (*mapping.Mapping, error) {
	document, err := b.shelf.Document(ctx, a.Mapping, a.Revision)
	if err != nil {
		return nil, err
	}
	return mapping.Compile(document)
}

// again is the time between two tries of a revision that could not be used: a replica of the bucket may lag.
const again = 200 * time.Millisecond

// Run follows what is made active until ctx ends.
func (b *book) Run(ctx context.Context) error {
	watch, stop := context.WithCancel(ctx)
	defer stop()
	names := slices.Sorted(maps.Keys(b.current))
	changes, ended := make(chan revisions.Active), make(chan error, 1)
	go func() {
		ended <- b.shelf.Watch(watch, names, func(a revisions.Active) {
			select {
			case changes <- a:
			case <-watch.Done():
			}
		})
	}()
	retry := time.NewTicker(again)
	defer retry.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case a := <-changes:
			if err := b.turn(ctx, a); err != nil && ctx.Err() == nil {
				b.log.Error("the active mapping revision cannot be used; its orders wait", "mapping", a.Mapping, "revision", a.Revision, "error", err)
			}
		case <-retry.C:
			for _, a := range b.waiting() {
				_ = b.turn(ctx, a.Active) // what still fails is in waiting
			}
		}
	}
}

func (b *book) waiting() []behind {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.Collect(maps.Values(b.ahead))
}

// positions gives the position of the newest choice of each mapping, one that cannot be used included.
func (b *book) positions() map[string]uint64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	all := make(map[string]uint64, len(b.current))
	for name, a := range b.current {
		all[name] = max(a.published, b.ahead[name].Position)
	}
	return all
}

// Ready says nil, or which active revision cannot be used.
func (b *book) Ready() error {
	var all []error
	for _, a := range b.waiting() {
		all = append(all, a.error())
	}
	return errors.Join(all...)
}

package transformer

import (
	"context"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// stock knows what NetSuite last told of every item of an account, from the first order on whose mapping asks. It may lag
// behind the stream for a moment.
type stock struct {
	js     jetstream.JetStream
	log    *slog.Logger
	config map[string]config.Account

	mu       sync.Mutex
	accounts map[string]*levels
}

func newStock(js jetstream.JetStream, log *slog.Logger, accounts map[string]config.Account) *stock {
	return &stock{js: js, log: log, config: accounts, accounts: map[string]*levels{}}
}

// of gives what is known of an item; the first to ask waits until the newest of every item was read.
func (s *stock) of(ctx context.Context, account, item string) (event.StockInput, error) {
	l, err := s.levels(ctx, account)
	if err != nil {
		return event.StockInput{}, err
	}
	select {
	case <-l.loaded:
		return l.of(item), nil
	case <-ctx.Done():
		return event.StockInput{}, ctx.Err()
	}
}

// levels follows an account's stock from now on.
func (s *stock) levels(ctx context.Context, account string) (*levels, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.accounts[account]; l != nil {
		return l, nil
	}
	log := s.log.With("account", account)
	if s.config[account].Watch.Stock != config.On {
		log.Warn("look-ups: a mapping asks for stock, which is unknown: accounts.<account>.watch.stock is off")
	}
	l := newLevels(log, maxItems)
	if err := l.follow(ctx, s.js, account); err != nil {
		return nil, err
	}
	s.accounts[account] = l
	return l, nil
}

func (s *stock) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.accounts {
		l.following.Stop()
	}
}

// levels is the stock of one account by item: its newest only, so what is held grows with the items, not with time.
type levels struct {
	log       *slog.Logger
	following jetstream.ConsumeContext
	loaded    chan struct{} // closed once the newest of every item was read
	load      func()

	mu    sync.RWMutex
	items map[string]event.StockInput
	names map[string]string // record → name, for items that are renamed
	most  int               // items that are held
	full  bool
}

// maxItems bounds what is held of one account, some 200 bytes an item and location. Items beyond are unknown.
const maxItems = 500_000

func newLevels(log *slog.Logger, most int) *levels {
	l := &levels{log: log, most: most, loaded: make(chan struct{}), items: map[string]event.StockInput{}, names: map[string]string{}}
	l.load = sync.OnceFunc(func() { close(l.loaded) })
	return l
}

func (l *levels) follow(ctx context.Context, js jetstream.JetStream, account string) error {
	consumer, err := js.OrderedConsumer(ctx, topology.NetSuiteChanges, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject.ChangesFor(account, event.ChangeInventory)}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy,
	})
	if err != nil {
		return publish.Classify(err)
	}
	if consumer.CachedInfo().NumPending == 0 {
		l.load()
	}
	l.following, err = consumer.Consume(l.take)
	return publish.Classify(err)
}

func (l *levels) take(m jetstream.Msg) {
	metadata, err := m.Metadata()
	if err != nil {
		l.log.Warn("look-ups: a message of stock without a position does not count", "subject", m.Subject(), "error", err)
		return
	}
	change, err := codec.Decode[event.NetSuiteChangedV1](m.Data())
	if err != nil { // whoever consumes the stream parks it
		l.log.Warn("look-ups: a message of stock cannot be read and does not count", "subject", m.Subject(), "error", err)
	} else if change.Stock != nil {
		l.put(change.Record.ID, *change.Stock, metadata.Sequence.Stream)
	}
	if metadata.NumPending == 0 {
		l.load()
	}
}

// put keeps the newest of an item. An inactive one has nothing anywhere.
func (l *levels) put(record string, s event.Stock, sequence uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before := l.names[record]; before != s.Name {
		delete(l.items, before)
	}
	if _, known := l.items[s.Name]; !known && len(l.items) >= l.most {
		if !l.full {
			l.log.Error("look-ups: too many items; the stock of further ones is unknown to mappings", "items", l.most, "item", s.Name)
		}
		l.full = true
		return
	}
	in := event.StockInput{Item: s.Name, Sequence: sequence}
	for _, place := range s.Locations {
		if !s.Inactive {
			in.Locations = append(in.Locations, event.LocationInput{Location: place.Location, Available: place.Available})
		}
	}
	l.items[s.Name], l.names[record] = in, s.Name
}

// of gives what is known of an item; without a position: nothing.
func (l *levels) of(item string) event.StockInput {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if in, known := l.items[item]; known {
		return in
	}
	return event.StockInput{Item: item}
}

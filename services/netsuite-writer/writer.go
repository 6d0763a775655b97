// Package netsuitewriter makes NetSuite hold what DESIRED says: it compares with the ledger, does what is
// missing, reads back, and records the outcome, which is the next ledger (Invariant 2: one effect). One
// consumer per account with a pinned priority group keeps one writer active per account.
//
// Customers: a desired.v1.customer changes the record of the account's externalId where NetSuite has one (name, e-mail,
// phone, company, addresses, as far as the mapping's customer.fields name them), and nothing else of it.
package netsuitewriter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/errgroup"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/pause"
	"github.com/orderstream/orderstream/services/internal/telemetry"
	"github.com/orderstream/orderstream/services/netsuite-writer/governor"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
	"github.com/orderstream/orderstream/services/netsuite-writer/watch"
)

// Unit is the service.
var Unit = host.Unit{Name: "netsuite-writer", Uses: []config.Part{config.Logins}, New: func(ctx context.Context, env host.Env) (host.Service, error) { return New(ctx, env) }}

// StageWrite is the stage's word in failures, metrics and traces.
const StageWrite = "write"

// Service runs one writer per account and derives failures from outcomes.
type Service struct {
	accounts []*account
	derive   *consume.Consumer
	book     *failures.Book
	stop     context.CancelFunc
}

type account struct {
	key      string
	client   *suitetalk.Client
	consumer *consume.Consumer
	discover func(ctx context.Context) // the account's limit
	stop     func()
	watch    *watch.Watcher
}

// New prepares a client and a consumer for every account.
func New(ctx context.Context, env host.Env) (*Service, error) {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Service{stop: stop}
	var err error
	if s.book, err = failures.Open(work, env.JS, StageWrite); err != nil {
		stop()
		return nil, err
	}
	for key, c := range env.Config.Accounts {
		a, err := newAccount(work, env, key, c, s.book)
		if err != nil {
			s.book.Close()
			stop()
			return nil, fmt.Errorf("accounts.%s: %w", key, err)
		}
		s.accounts = append(s.accounts, a)
	}
	s.derive, err = deriver(env.JS, env.Log, s.book)
	return s, err
}

func newAccount(ctx context.Context, env host.Env, key string, c config.Account, book *failures.Book) (*account, error) {
	options, err := suitetalk.OptionsOf(key, c)
	if err != nil {
		return nil, err
	}
	slots := cmp.Or(c.Concurrency, fewSlots)
	limiter := governor.New(slots, nil)
	if err := gauge(key, limiter); err != nil {
		return nil, err
	}
	options.Limiter, options.Log = limiter, env.Log.With("account", key)
	client, err := suitetalk.New(options)
	if err != nil {
		return nil, err
	}
	w, err := newWriter(ctx, env, key, c, client, book)
	if err != nil {
		return nil, err
	}
	// Many more lanes than slots: most of an order's time goes into waiting for others to share its queries and batches.
	lanes := max(32*slots, (inFlight+1)*suitetalk.MaxBatch)
	consumer, err := consume.New(env.JS, env.Log.With("account", key), consume.Config{
		Stream: topology.Desired, Durable: topology.WriterOf(key), Stage: StageWrite, Group: topology.WriterGroup,
		Handle: w.handle, Park: parkDesired(book), Minor: minor, Lanes: lanes, Prefetch: 2 * lanes, Pace: paceOf(c.Retry),
	})
	if err != nil {
		return nil, err
	}
	w.pinned, w.inherited, w.crowded = consumer.Pinned, consumer.Inherited, limiter.Backlog
	if c.Batches != "off" {
		w.many.follow(consumer.Pinned, limiter.Ahead)
	}
	a := &account{key, client, consumer, func(context.Context) {}, w.many.book.stop, newWatcher(env, key, c, client, consumer)}
	if c.Concurrency == 0 {
		log := env.Log.With("account", key)
		a.discover = func(ctx context.Context) {
			slots, err := discover(ctx, log, client, limiter)
			for wait := askAgain; err != nil && fault.CodeOf(err) != fault.NetSuiteForbidden && pause.For(ctx, wait); wait = min(2*wait, askSeldom) {
				slots, err = discover(ctx, log, client, limiter)
			}
			if slots == 0 {
				return
			}
			if err := tell(ctx, env, key, slots); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "the account's limit could not be kept; plans of replays count with fewer slots", "slots", slots, "error", err)
			}
		}
	}
	return a, tell(ctx, env, key, slots)
}

// fewSlots is what every account has: Oracle's smallest service tier gives five concurrent requests.
const fewSlots = 5

// NetSuite may be away when it is asked for the limit: it is asked again, ever more seldom.
const (
	askAgain  = time.Second
	askSeldom = 5 * time.Minute
)

// discover asks for the account's limit, which only an administrator's role may see; without an answer fewSlots stay.
func discover(ctx context.Context, log *slog.Logger, client *suitetalk.Client, limiter *governor.Governor) (int, error) {
	limits, err := client.GovernanceLimits(suitetalk.WithLane(ctx, governor.LaneReplay))
	if err != nil {
		log.InfoContext(ctx, "the account's limit is unknown; set accounts.<account>.concurrency", "slots", fewSlots, "error", err)
		return 0, err
	}
	limiter.Raise(limits.Ceiling())
	log.InfoContext(ctx, "the account's limit is known", "slots", limits.Ceiling())
	return limits.Ceiling(), nil
}

func paceOf(r config.Retry) consume.Pace {
	return consume.Pace{First: r.First.Std(), Last: r.Last.Std(), Throttled: r.Throttled.Std(), FirstProbe: r.FirstProbe.Std(), LastProbe: r.LastProbe.Std()}
}

// gauge shows the governor of an account in the metrics.
func gauge(account string, g *governor.Governor) error {
	name := metric.WithAttributes(attribute.String("account", account))
	meter := telemetry.Meter()
	limit, err := meter.Int64ObservableGauge("orderstream_netsuite_slots", metric.WithDescription("requests in flight allowed at present"))
	if err != nil {
		return err
	}
	busy, err := meter.Int64ObservableGauge("orderstream_netsuite_in_flight", metric.WithDescription("requests in flight"))
	if err != nil {
		return err
	}
	throttled, err := meter.Int64ObservableCounter("orderstream_netsuite_throttled", metric.WithDescription("requests answered too many requests"))
	if err != nil {
		return err
	}
	held, err := meter.Float64ObservableCounter("orderstream_netsuite_slot_seconds", metric.WithDescription("seconds for which slots were held"))
	if err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := g.Stats()
		o.ObserveInt64(limit, int64(s.Limit), name)
		o.ObserveInt64(busy, int64(s.InFlight), name)
		o.ObserveInt64(throttled, int64(s.Throttled), name)
		o.ObserveFloat64(held, s.SlotTime.Seconds(), name)
		return nil
	}, limit, busy, throttled, held)
	return err
}

// Ready says which accounts are paused because NetSuite is unavailable.
func (s *Service) Ready() error {
	var problems []error
	for _, a := range s.accounts {
		if a.consumer.Paused() {
			problems = append(problems, fmt.Errorf("account %s: NetSuite is unavailable; orders wait", a.key))
		}
	}
	return errors.Join(problems...)
}

// Run works until ctx ends, then drains.
func (s *Service) Run(ctx context.Context) error {
	defer s.stop()
	defer s.book.Close()
	group, ctx := errgroup.WithContext(ctx)
	for _, a := range s.accounts {
		group.Go(func() error { a.discover(ctx); return nil })
		group.Go(func() error { return a.watch.Run(ctx) })
		group.Go(func() error { defer a.stop(); defer a.client.Close(); return a.consumer.Run(ctx) })
	}
	group.Go(func() error { return s.derive.Run(ctx) })
	return group.Wait()
}

// newWatcher watches the account where its writer is active.
func newWatcher(env host.Env, key string, c config.Account, client *suitetalk.Client, writer *consume.Consumer) *watch.Watcher {
	var stores []string
	for name, store := range env.Config.Stores {
		if store.Account == key {
			stores = append(stores, name)
		}
	}
	return watch.New(watch.Options{Account: key, Stores: stores, Config: c.Watch, Prices: pricesOf(env.Config, key), JS: env.JS, Log: env.Log, NetSuite: client, Pinned: writer.Pinned})
}

// pricesOf lists the price levels that an account's stores take their prices from.
func pricesOf(c config.Config, account string) (list []watch.Price) {
	for _, store := range c.Stores {
		if store.Account != account || store.Prices == nil {
			continue
		}
		for _, level := range []string{store.Prices.Level, store.Prices.SaleLevel} {
			if of := (watch.Price{Level: level, Currency: money.Currency(store.Prices.Currency)}); level != "" && !slices.Contains(list, of) {
				list = append(list, of)
			}
		}
	}
	return list
}

// deriver makes failures of parked outcomes and resolves them by later ones: because they are derived from
// the ledger, no crash hides one (Invariant 3).
func deriver(js jetstream.JetStream, log *slog.Logger, book *failures.Book) (*consume.Consumer, error) {
	return consume.New(js, log, consume.Config{
		Stream: topology.Outcomes, Durable: topology.ConsumerWriteFailures, Stage: "write-failures", Handle: derive(js, book), Park: parkOutcome(book), Settle: true,
	})
}

func desiredPosition(o event.SyncRecordedV1) event.Position {
	s := subject.Desired{Kind: "order", Account: o.Account, Store: o.Store, Key: o.Order}
	return event.Position{Stream: topology.Desired, Sequence: o.Desired.Sequence, Subject: s.String()}
}

// clock gives the time of what is recorded.
type clock func() time.Time

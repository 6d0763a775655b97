// Package watch follows what happens to our orders inside NetSuite: sales orders, and the fulfilments, bills, credits,
// refunds and returns made from them, stock and prices. It asks by SuiteQL what changed since a watermark (a poll), reads the
// changed records in a few grouped queries, and publishes each record's new state as netsuite.v1.changed.
//
// A customer refund may pay several orders: its one event says what each gets, by what the refund applies to the documents
// that lead to each, and which of those it paid before gets nothing any more.
//
// # One event per state
//
// A record's state is published when it differs from the last one on its subject, times apart: the overlap of polls, a
// push beside a poll, and a second watcher all end in one message. The sequence of that last message is taken before
// NetSuite is asked and expected when the state is stored, so that an older reading never follows a newer one
// (Invariant 4). A sales order that stands as it was told last is told again where the writer has put another status on
// record since: the writer's own writes are pushed by no script, and who took one back between two polls changed something.
//
// What is read together is published order by order, the sales order behind its records: who tells the shop that all has
// left has told the tracking numbers before.
//
// A figure of stock says besides when it was read, and contains what was saved before. It is told again though it says the
// same when a later change led to it, and once more two minutes after a change that was read at once: a save of then that
// ended after the reading is in it for certain.
//
// # Time zones
//
// NetSuite shows and reads SuiteQL's times in a zone that Oracle does not name: the account's, or the user's. The
// watermark is therefore a text as NetSuite wrote it, and is compared as a text; the literal that lets NetSuite use its
// index lies 26 hours earlier, more than any two zones are apart. When clocks go back, texts repeat for an hour: the
// overlap is longer than that, and a record of the overlap is read again as long as its text may have come twice. What
// is left is the time in UTC that events carry: it is learnt from records that changed between two polls. NetSuite's
// times are whole seconds: a record that was read within two seconds of its change is read again by the next poll.
//
// # Cost
//
// A quiet poll takes two calls (NetSuite's clock, changes): 24 an hour at the idle interval of five minutes, 480 at the
// busy one of 15 seconds. What was deleted is asked for beside it, two calls too, mostly at the idle interval. Stock is polled beside transactions and takes as many again, and so are prices where a store
// takes them from NetSuite: they are read with every item that changed. Up to 200 changed records take
// four to six calls more, up to 200 items one, and one more two minutes later. All of them wait behind every live order's
// calls. A watcher that starts, and each once a day, looks back 26 hours: a call per 1,000 changes of that time, and what
// they take to be read; two calls to learn the zone.
//
// # What it does not see
//
// A deletion is told by a push at once, by a poll where the role has the permission Deleted Records; of a record that came and
// went between two polls nothing is told. An item that changed its name or became inactive is told with the next
// change of its quantities. A price that NetSuite changes without a save of its item (a percentage of a price level) is
// told with the item's next save.
package watch

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/errgroup"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/alert"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/pause"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/internal/telemetry"
	"github.com/orderstream/orderstream/services/netsuite-writer/governor"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// NetSuite is what the watcher asks; *suitetalk.Client is one.
type NetSuite interface {
	Query(ctx context.Context, purpose, q string) ([]suitetalk.Row, []event.Call, error)
	ServerTime(ctx context.Context) (time.Time, error)
	Do(ctx context.Context, r suitetalk.Request) (suitetalk.Answer, error)
}

// Options says what to watch.
type Options struct {
	Account  string   // key in the configuration
	Stores   []string // keys of the stores whose orders go to the account
	Config   config.Watch
	Prices   []Price // what the stores ask for; none: prices are not read
	JS       jetstream.JetStream
	Log      *slog.Logger
	NetSuite NetSuite
	// Pinned gives nil where the account's writer is active: polls belong there. nil: they belong here.
	Pinned func(ctx context.Context) error
	Now    func() time.Time // dates figures of stock, as the writer dates its outcomes; nil: time.Now
}

// Watcher watches one account. Use New.
type Watcher struct {
	options   Options
	names     names
	clock     func() time.Time
	publisher *publish.Publisher
	log       *slog.Logger
	holder    string // this watcher's name in the cursors

	alerts *alert.Raiser

	orders, stock  *source
	tags           *source      // prices
	ends           *source      // deletions
	unseen         atomic.Bool  // the role may not see what was deleted
	pricing        atomic.Int32 // of pricings, the one that NetSuite took last
	pushes, counts *gatherer    // of pushed transactions, of stock

	mu   sync.Mutex
	zone zone
}

// New makes a watcher. Nothing is asked before Run or Poll.
func New(o Options) *Watcher {
	w := &Watcher{
		options: o, names: namesOf(o.Stores), publisher: publish.New(o.JS), log: o.Log.With("account", o.Account, "stage", "watch"), holder: rand.Text(),
		alerts: alert.New(o.JS, o.Log, "netsuite-writer"),
	}
	if w.clock = o.Now; o.Now == nil {
		w.clock = time.Now
	}
	w.orders, w.stock, w.tags, w.ends = w.transactions(), w.inventory(), w.priceLists(), w.deletions()
	w.pushes, w.counts = &gatherer{report: w.report}, &gatherer{report: w.reportStock}
	return w
}

// Run polls and follows pushes until ctx ends. Trouble with NetSuite or JetStream is waited for, never the end.
func (w *Watcher) Run(ctx context.Context) error {
	ctx = suitetalk.WithLane(ctx, governor.LaneStock)
	pushes, err := w.listener()
	if err != nil {
		return err
	}
	if err := w.gauge(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { w.alerts.Run(ctx); return nil })
	if w.options.Config.Poll == config.On {
		group.Go(func() error { w.repeat(ctx, w.orders); return nil })
		group.Go(func() error { w.repeat(ctx, w.ends); return nil })
	}
	if w.options.Config.Stock == config.On {
		group.Go(func() error { w.repeat(ctx, w.stock); return nil })
	}
	if len(w.options.Prices) > 0 {
		group.Go(func() error { w.repeat(ctx, w.tags); return nil })
	}
	group.Go(func() error { return w.follow(ctx, pushes) })
	return group.Wait()
}

// gauge shows when each kind of poll was answered last.
func (w *Watcher) gauge() error {
	polled, err := telemetry.Meter().Int64ObservableGauge("orderstream_netsuite_polled", metric.WithDescription("when NetSuite last answered a poll, in seconds since 1970; 0: not yet here"))
	if err != nil {
		return err
	}
	_, err = telemetry.Meter().RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, p := range []*source{w.orders, w.stock, w.tags, w.ends} {
			o.ObserveInt64(polled, p.polled.Load(), metric.WithAttributes(attribute.String("account", w.options.Account), attribute.String("poll", p.name)))
		}
		return nil
	}, polled)
	return err
}

// follow reads pushed records until ctx ends; those in hand then are given the consumer's grace.
func (w *Watcher) follow(ctx context.Context, pushes *consume.Consumer) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	w.pushes.ctx, w.counts.ctx = work, work
	return pushes.Run(ctx)
}

// repeat runs a poll whenever it is due here.
func (w *Watcher) repeat(ctx context.Context, p *source) {
	trouble := 0
	for wait := time.Duration(0); w.rest(ctx, wait, p); {
		next, err := w.turn(ctx, p)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			trouble, wait = 0, next
			p.polled.Store(time.Now().Unix())
		default:
			trouble++
			wait = min(w.options.Config.Fast.Std()<<min(trouble-1, 10), w.options.Config.Idle.Std())
			wait = max(wait, fault.AfterOf(err))
			w.tell(p, trouble, err)
			w.log.WarnContext(ctx, "poll failed", "poll", p.name, "code", fault.CodeOf(err), "again", wait.String(), "error", err)
		}
	}
}

// rest waits for the next turn. A push cuts it short: where one thing changed, more will, and what else it changed is
// found soon.
func (w *Watcher) rest(ctx context.Context, wait time.Duration, p *source) bool {
	timer := time.NewTimer(max(wait, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	case <-p.pushed:
		p.hurry = true
	}
	return pause.For(ctx, min(wait, w.options.Config.Fast.Std()))
}

// tell raises an alert when polls fail again and again, or will for ever.
func (w *Watcher) tell(p *source, trouble int, err error) {
	if trouble != persistent && (trouble != 1 || fault.ClassOf(err) != fault.Terminal) {
		return
	}
	w.alerts.Raise(event.AlertUnavailable, "", fault.CodeOf(err), "NetSuite's changes cannot be read; the shop does not see what happens there",
		map[string]string{"account": w.options.Account, "poll": p.name})
}

// persistent is how many polls fail in a row before people are told.
const persistent = 5

// turn polls if it is this watcher's turn, and says how long to wait for the next look.
func (w *Watcher) turn(ctx context.Context, p *source) (time.Duration, error) {
	c, err := w.load(ctx, p.name)
	if err != nil {
		return 0, err
	}
	if now := time.Now(); p.hurry && c.Next.After(now) {
		c.Next = now
	}
	p.hurry = false
	if wait := w.due(ctx, c); wait > 0 {
		return wait, nil
	}
	return w.once(ctx, p, c)
}

// stepBack is how long a watcher that is not the active writer waits for the one that is.
const stepBack = 10 * time.Second

// due tells in how long the next poll is this watcher's. The active writer polls in time, and so does who polled last
// when nobody is known to be active: an account without orders has no pin. Everyone else steps back, and takes over
// when the cursor stands still. Two at once would cost calls, nothing else.
func (w *Watcher) due(ctx context.Context, c cursor) time.Duration {
	wait := time.Until(c.Next)
	if c.Holder == w.holder || c.Holder == "" || w.options.Pinned == nil || w.options.Pinned(ctx) == nil {
		return wait
	}
	return wait + stepBack
}

// once runs one poll and plans the next: soon while things change, later and later when they do not.
func (w *Watcher) once(ctx context.Context, p *source, c cursor) (time.Duration, error) {
	changed, err := w.look(ctx, p, &c)
	if err != nil {
		return 0, err
	}
	fast, idle := w.options.Config.Fast.Std(), w.options.Config.Idle.Std()
	c.Every = min(max(2*c.Every, fast), idle)
	if changed {
		c.Every = fast
	}
	c.Next, c.Holder = time.Now().Add(c.Every).UTC(), w.holder
	err = w.save(ctx, p.name, &c)
	if fault.CodeOf(err) == fault.StreamConflict {
		return c.Every, nil // another watcher polled too: it is its turn now
	}
	return c.Every, err
}

func (w *Watcher) look(ctx context.Context, p *source, c *cursor) (bool, error) {
	if c.Asked != p.asked {
		c.Whole, c.Item, c.Asked = false, "", p.asked
	}
	if p.every != nil && !c.Whole {
		return w.readAll(ctx, p, c)
	}
	return w.poll(ctx, p, c)
}

// Poll asks once what changed among transactions, whoever's turn it is, and publishes it.
func (w *Watcher) Poll(ctx context.Context) error { return w.now(ctx, w.orders) }

// PollDeletions is Poll for what was deleted.
func (w *Watcher) PollDeletions(ctx context.Context) error { return w.now(ctx, w.ends) }

// PollStock is Poll for stock.
func (w *Watcher) PollStock(ctx context.Context) error { return w.now(ctx, w.stock) }

// PollPrices is Poll for prices.
func (w *Watcher) PollPrices(ctx context.Context) error { return w.now(ctx, w.tags) }

func (w *Watcher) now(ctx context.Context, p *source) error {
	c, err := w.load(ctx, p.name)
	if err != nil {
		return err
	}
	_, err = w.once(ctx, p, c)
	return err
}

// conflicts is how often a record is read anew because another watcher published it meanwhile.
const conflicts = 5

// settle runs a reading until no other watcher gets in between.
func settle(run func() (int, error)) (int, error) {
	var total int
	for try := 1; ; try++ {
		n, err := run()
		total += n
		if fault.ClassOf(err) != fault.Conflict || try == conflicts || errors.Is(err, context.Canceled) {
			return total, err
		}
	}
}

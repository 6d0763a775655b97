// Package supply keeps what each shop may sell, and what it costs there, in step with NetSuite's stock and prices and with
// what is on its way there. It follows the streams instead of consuming them: the book of stock, and the prices, are made
// again from the newest message of every subject at each start, what a shop was told is its ledger in SHOP_OUTCOMES, and
// the difference of the two is what is left to write. So a crash loses nothing, a quantity that was overtaken is never written, and a shop that is away costs
// memory for SKUs only (Invariants 4 and 7). Every process that runs the service follows; the ledger's expected
// sequence settles who wrote, and a late one finds the quantity told already.
package supply

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/status-publisher/price"
	"github.com/orderstream/orderstream/services/status-publisher/shelf"
	"github.com/orderstream/orderstream/services/status-publisher/stock"
)

// Options says what to keep in step.
type Options struct {
	JS     jetstream.JetStream
	Log    *slog.Logger
	Config config.Config
	Shops  map[string]shelf.Shop // by store
	Now    func() time.Time      // UTC
}

// Supply writes stock and prices to every store that takes them from NetSuite.
type Supply struct {
	options   Options
	publisher *publish.Publisher
	desks     map[string]*desk // by store

	loaded atomic.Bool // what there was at the start is known

	mu     sync.Mutex
	books  map[string]*stock.Book       // by account
	prices map[string]map[string]priced // by account and item
}

// New prepares a desk for each store whose stock or prices are NetSuite's. Nothing is asked before Run.
func New(o Options) *Supply {
	s := &Supply{options: o, publisher: publish.New(o.JS), desks: map[string]*desk{}, books: map[string]*stock.Book{}, prices: map[string]map[string]priced{}}
	for name, store := range o.Config.Stores {
		account := o.Config.Accounts[store.Account]
		counts := account.Watch.Stock == config.On && store.Back.Owner.Stock == config.ByNetSuite
		shop, reachable := o.Shops[name]
		if !reachable || !counts && store.Prices == nil {
			continue
		}
		d := newDesk(s, name, rulesOf(store), store.Stock.SKUs, shelf.New(shop, store.Concurrency-1, o.Now)) // one request is left to orders
		s.desks[name] = d
		if d.counts = counts; counts && s.books[store.Account] == nil {
			s.books[store.Account] = stock.NewBook(kitsOf(account.Kits))
		}
		if p := store.Prices; p != nil {
			d.prices = &price.Store{Level: p.Level, SaleLevel: p.SaleLevel, Currency: money.Currency(p.Currency)}
			s.prices[store.Account] = map[string]priced{}
		}
	}
	return s
}

func rulesOf(store config.Store) stock.Store {
	rules := stock.Store{Account: store.Account, Locations: store.Stock.Locations, Margin: marginOf(store.Stock.Margin)}
	for _, item := range store.Stock.Items {
		rules.Items = append(rules.Items, stock.Item{SKU: item.SKU, Prefix: item.Prefix, Margin: marginOf(item.Margin)})
	}
	if share := store.Stock.Share; share != nil {
		rules.Share = &stock.Share{Weight: money.Int(share.Weight), Total: money.Int(share.Total)}
	}
	return rules
}

func marginOf(m config.Margin) stock.Margin {
	return stock.Margin{Buffer: money.Int(m.Buffer), Safety: money.Int(m.Safety), Percent: money.Int(m.Percent)}
}

func kitsOf(kits map[string]map[string]int64) stock.Kits {
	made := stock.Kits{}
	for kit, components := range kits {
		made[kit] = map[string]money.Number{}
		for component, units := range components {
			made[kit][component] = money.Int(units)
		}
	}
	return made
}

// sweepEvery is how often a desk compares all that it promised with what the shop was told: for what another process
// left behind, and for products that a person has put right.
const sweepEvery = 10 * time.Minute

// Run follows and writes until ctx ends. What was not written then is found again by the next start.
func (s *Supply) Run(ctx context.Context) error {
	if len(s.desks) == 0 {
		<-ctx.Done()
		return nil
	}
	stop := s.follow(ctx)
	defer stop()
	if ctx.Err() != nil {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, d := range s.desks {
		d.recheck()
		group.Go(func() error { d.run(ctx); return nil })
	}
	group.Go(func() error { s.sweeps(ctx); return nil })
	return group.Wait()
}

func (s *Supply) sweeps(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.sweep()
		case <-ctx.Done():
			return
		}
	}
}

// sweep marks everything; what was told already costs no call.
func (s *Supply) sweep() {
	s.tidy()
	for _, d := range s.desks {
		stocked, priced := s.known(d.rules.Account)
		d.recheck()
		d.mark(event.ShopKindStock, stocked, false, false)
		d.mark(event.ShopKindPrice, priced, false, false)
	}
}

// known lists the items of an account that have stock, and those that have prices.
func (s *Supply) known(account string) (stocked, priced []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if book := s.books[account]; book != nil {
		stocked = book.SKUs(account)
	}
	return stocked, slices.Collect(maps.Keys(s.prices[account]))
}

// tidy keeps the books as large as what is on its way.
func (s *Supply) tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for account, book := range s.books {
		book.Tidy(account)
	}
}

// Away lists the stores whose shop takes no stock for now.
func (s *Supply) Away() []string {
	var away []string
	for name, d := range s.desks {
		if d.isAway() {
			away = append(away, name)
		}
	}
	slices.Sort(away)
	return away
}

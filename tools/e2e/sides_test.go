package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/ingest"
	netsuitewriter "github.com/orderstream/orderstream/services/netsuite-writer"
	"github.com/orderstream/orderstream/services/netsuite-writer/governor"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
	"github.com/orderstream/orderstream/services/netsuite-writer/watch"
	"github.com/orderstream/orderstream/services/reconciler"
	statuspublisher "github.com/orderstream/orderstream/services/status-publisher"
	"github.com/orderstream/orderstream/services/transformer"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// sides is a shop, a NetSuite and the pipeline between them whose units a test drops and makes anew, and whose webhooks,
// notices and polls come when the test says so.
type sides struct {
	world.World
	t       *testing.T
	office  *postOffice
	poller  *watch.Watcher
	units   map[string]*unit
	stopped sync.WaitGroup // of units that were dropped

	mu     sync.Mutex
	wrote  []deed
	left   map[string]string   // what was written last of a sales order, by the name of an order of an earlier match
	read   map[string]bool     // orders, since they were asked for
	tried  map[string][]string // tries of an order's desired states that ended without a record, as the units logged them
	stood  map[string]string   // how sales orders stood when their match ended
	parked map[string]bool     // questions of earlier matches
	died   int

	shelf   []shelved        // writes of the shops' stock
	counted int64            // units of the goods that no order takes, as people counted them last
	showed  map[string]int64 // of them as each store was told last
	looks   int64            // at the goods that are sold
}

// redelivery is after how long JetStream gives a message to somebody else whose unit died: instead of half a minute.
const redelivery = 2 * time.Second

func newSides(t *testing.T) *sides {
	t.Helper()
	s := &sides{
		World: world.Start(t, demo.Options{Mute: true, Units: []host.Unit{ingest.Unit}, Store: custom, Adjust: stepped}), t: t, units: map[string]*unit{},
		left: map[string]string{}, tried: map[string][]string{}, stood: map[string]string{}, parked: map[string]bool{}, showed: map[string]int64{},
	}
	for sku, units := range map[string]int64{soldSKU: plenty, besideSKU: plenty, countedSKU: 0} {
		if _, err := s.recount(sku, units); err != nil {
			t.Fatal(err)
		}
	}
	s.office = newPostOffice(s)
	s.poller = s.newPoller()
	s.hasten()
	t.Cleanup(s.stopped.Wait)
	for _, u := range []host.Unit{reconciler.Unit, transformer.Unit, netsuitewriter.Unit, statuspublisher.Unit} {
		s.units[u.Name] = &unit{sides: s, of: u}
		s.units[u.Name].start()
	}
	s.stock()
	return s
}

// custom gives each store another way to keep tracking numbers.
func custom(s *shopsim.StoreConfig) {
	switch s.Key {
	case "main":
		s.Fulfilments = true
	case "legacy":
		s.TrackingPlugin = "wc-ast/v3"
	}
}

// stepped answers a webhook when it is in the stream, polls for nobody, and writes each order by itself: a write is a
// request. What is for sale lies at one place.
func stepped(c *host.Config) {
	c.Ingest.Ack = "stream"
	world.Unwatched(c)
	for key, store := range c.Stores {
		store.Stock.Locations = []string{"1"}
		c.Stores[key] = store
	}
	account := c.Accounts[demo.Account]
	account.Batches = "off"
	account.Timeout = 5_000_000_000 // nanoseconds; what a dead writer leaves under way is waited for as long
	account.Late = 15_000_000_000   // and longer than a match
	c.Accounts[demo.Account] = account
}

// hasten shortens redelivery.
func (s *sides) hasten() {
	s.t.Helper()
	for _, c := range s.consumers() {
		consumer, err := s.JS.Consumer(s.t.Context(), c[0], c[1])
		if err != nil {
			s.t.Fatal(err)
		}
		config := consumer.CachedInfo().Config
		config.AckWait = redelivery
		if _, err := s.JS.UpdateConsumer(s.t.Context(), c[0], config); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *sides) consumers() [][2]string {
	return append(world.Consumers(), [2]string{topology.NetSuiteChanges, topology.WatcherOf(demo.Account)})
}

// newPoller polls NetSuite when it is told to.
func (s *sides) newPoller() *watch.Watcher {
	s.t.Helper()
	account := s.Config.Accounts[demo.Account]
	options, err := suitetalk.OptionsOf(demo.Account, account)
	if err != nil {
		s.t.Fatal(err)
	}
	options.Limiter = governor.New(5, nil)
	client, err := suitetalk.New(options)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(client.Close)
	return watch.New(watch.Options{Account: demo.Account, Stores: world.Stores, Config: account.Watch, JS: s.JS, Log: slog.New(slog.DiscardHandler), NetSuite: client})
}

func (s *sides) poll() error {
	return errors.Join(s.poller.Poll(s.t.Context()), s.poller.PollStock(s.t.Context()))
}

// begin has everything run and nothing remembered.
func (s *sides) begin(t *rapid.T) {
	for _, c := range stages {
		if _, err := s.JS.ResumeConsumer(s.t.Context(), c[0], c[1]); err != nil {
			t.Fatal(err)
		}
	}
	s.disarm()
	s.office.pushes(true)
	if err := s.settle(nil); err != nil {
		t.Fatal(err)
	}
	s.office.take()
	s.remember()
}

// disarm lets every unit live.
func (s *sides) disarm() {
	for _, u := range s.units {
		u.dies(0)
	}
}

// settle waits until nothing is under way but what stands still; a unit that died meanwhile is made anew.
func (s *sides) settle(still map[string]bool) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for quiet, reason := 0, ""; quiet < 4; quiet++ {
		if busy := s.busy(ctx, still); busy != "" {
			quiet = -1
			if ctx.Err() == nil {
				reason = busy
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("not settled: %s", reason)
		}
	}
	return nil
}

// deeds lists the writes to the doubles, oldest first.
func (s *sides) deeds() []deed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.wrote)
}

// reads tells whether the pipeline read an order from the shop since this was asked last.
func (s *sides) reads(order string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	read := s.read[order]
	delete(s.read, order)
	return read
}

// deaths counts units that were dropped.
func (s *sides) deaths() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.died
}

// unit is one of the pipeline's, which dies at a write of the test's choice: the write is done and nobody hears of it.
type unit struct {
	sides *sides
	of    host.Unit

	mu    sync.Mutex
	end   func() // of its doors and its connection
	fatal int    // writes until it dies; 0: it lives on
	dead  bool   // and is to be made anew
}

// start makes the unit, with doors to the doubles of its own: what a dead one still tries does not reach them.
func (u *unit) start() {
	u.sides.t.Helper()
	netsuite, shop := u.door(sideNetSuite, u.sides.Facts.NetSuite), u.door(sideShop, u.sides.Facts.Shop)
	env := u.env()
	env.Config = u.config(netsuite.URL, shop.URL)
	service, err := u.of.New(context.Background(), env)
	if err != nil {
		u.sides.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	u.sides.t.Cleanup(cancel)
	u.mu.Lock()
	u.end = func() { netsuite.close(); shop.close(); env.Conn.Close(); cancel() }
	u.mu.Unlock()
	u.sides.stopped.Go(func() {
		defer env.Conn.Close()
		_ = service.Run(ctx) // a dead one's error is its death
	})
}

// env is what a host gives the unit, with a connection of its own.
func (u *unit) env() host.Env {
	u.sides.t.Helper()
	to := slog.DiscardHandler
	if os.Getenv("E2E_LOG") != "" {
		to = slog.NewTextHandler(os.Stderr, nil)
	}
	log := slog.New(diary{Handler: to, sides: u.sides}).With("service", u.of.Name)
	conn, err := u.sides.NATS.Connect(host.ConnOptions(log)...)
	if err != nil {
		u.sides.t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		u.sides.t.Fatal(err)
	}
	proven := make(chan struct{})
	close(proven)
	return host.Env{Log: log, Conn: conn, JS: js, Proven: proven}
}

// config leads the unit to its doors. Shops take their stock from NetSuite, which nobody but the test polls.
func (u *unit) config(netsuite, shop string) host.Config {
	c := u.sides.Config
	c.Stores, c.Accounts = maps.Clone(c.Stores), maps.Clone(c.Accounts)
	for key, store := range c.Stores {
		store.URL = strings.Replace(store.URL, u.sides.Facts.Shop, shop, 1)
		c.Stores[key] = store
	}
	for key, account := range c.Accounts {
		account.URL = netsuite
		if u.of.Name == statuspublisher.Unit.Name {
			account.Watch.Stock = "on"
		}
		c.Accounts[key] = account
	}
	return c
}

// dies has the unit die behind one of its next writes; 0: it lives on.
func (u *unit) dies(write int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.fatal = write
}

// die drops the unit: no door, no connection. Only then may it be made anew.
func (u *unit) die() {
	u.mu.Lock()
	end := u.end
	u.mu.Unlock()
	end()
	u.sides.mu.Lock()
	u.sides.died++
	u.sides.mu.Unlock()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.dead = true
}

// revive makes a dead unit anew.
func (u *unit) revive() bool {
	u.mu.Lock()
	dead := u.dead
	if dead {
		u.dead, u.fatal = false, 0
	}
	u.mu.Unlock()
	if !dead {
		return false
	}
	u.start()
	return true
}

// busy names what is under way, or ""; the dead are made anew.
func (s *sides) busy(ctx context.Context, still map[string]bool) string {
	for name, u := range s.units {
		if u.revive() {
			if name == netsuitewriter.Unit.Name {
				s.unpin() // a living writer keeps its pin
			}
			return name + " is made anew"
		}
	}
	if n := s.Shop.Stats().Waiting; n > 0 {
		return fmt.Sprintf("%d webhooks", n)
	}
	for _, c := range s.consumers() {
		if standing(c, still) {
			continue
		}
		consumer, err := s.JS.Consumer(ctx, c[0], c[1])
		if err != nil {
			return err.Error()
		}
		info := consumer.CachedInfo()
		off, err := s.putOff(ctx, info)
		if err != nil {
			return err.Error()
		}
		if info.NumPending > 0 || info.NumAckPending > off {
			return fmt.Sprintf("%s/%s: %d pending, %d unacknowledged, %d of them put off", c[0], c[1], info.NumPending, info.NumAckPending, off)
		}
	}
	return ""
}

// putOff counts the desired states that a consumer holds until a dead writer can have nothing under way: they say once more
// what is written already.
func (s *sides) putOff(ctx context.Context, info *jetstream.ConsumerInfo) (off int, err error) {
	if info.Stream != topology.Desired || info.NumAckPending == 0 {
		return 0, nil
	}
	stream, err := s.JS.Stream(ctx, info.Stream)
	for at := info.AckFloor.Stream + 1; err == nil && at <= info.Delivered.Stream; at++ {
		var raw *jetstream.RawStreamMsg
		if raw, err = stream.GetMsg(ctx, at); errors.Is(err, jetstream.ErrMsgNotFound) {
			err = nil // a newer state stands for it
		} else if err == nil && isEarly(raw.Header.Get(event.HeaderNotBefore)) {
			off++
		}
	}
	return off, err
}

func isEarly(notBefore string) bool {
	at, err := time.Parse(time.RFC3339Nano, notBefore)
	return err == nil && time.Now().Before(at)
}

func standing(c [2]string, still map[string]bool) bool {
	for stage, is := range still {
		if is && stages[stage] == c {
			return true
		}
	}
	return false
}

// unpin lets the writer's consumers serve a new unit at once: not when the dead one's pin is forgotten.
func (s *sides) unpin() {
	for _, c := range [][2]string{{topology.Desired, topology.WriterOf(demo.Account)}, {topology.NetSuiteChanges, topology.WatcherOf(demo.Account)}} {
		stream, err := s.JS.Stream(s.t.Context(), c[0])
		if err == nil {
			err = stream.UnpinConsumer(s.t.Context(), c[1], topology.WriterGroup)
		}
		if err != nil {
			s.t.Logf("%s is pinned to nobody: %v", c[1], err)
		}
	}
}

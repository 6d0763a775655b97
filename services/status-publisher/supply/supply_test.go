package supply

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/internal/woo/rest"
	"github.com/orderstream/orderstream/services/status-publisher/shelf"
)

// shop answers look-ups and batches about simple products; ids are positions in skus.
type shop struct {
	mu        sync.Mutex
	skus      []string
	unmanaged map[string]bool
	units     map[string]string
	writes    []string // SKU=units@regular/sale, what there is of it
	trouble   error    // of every request; nil: none
	refused   chan struct{}
	taken     chan func() // of each batch before it is answered, what lets it go on; nil: nobody waits
}

func newShop(skus ...string) *shop {
	return &shop{skus: skus, unmanaged: map[string]bool{}, units: map[string]string{}, refused: make(chan struct{}, 1000)}
}

func (s *shop) Get(_ context.Context, _, path string) (rest.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trouble != nil {
		s.refused <- struct{}{}
		return rest.Answer{}, s.trouble
	}
	at, err := url.Parse(path)
	if err != nil {
		return rest.Answer{}, err
	}
	rows := []map[string]any{}
	for i, sku := range s.skus {
		if slices.Contains(strings.Split(at.Query().Get("sku"), ","), sku) {
			rows = append(rows, map[string]any{"id": i, "type": "simple", "sku": sku, "manage_stock": !s.unmanaged[sku]})
		}
	}
	body, err := codec.Encode(rows)
	return rest.Answer{Body: body}, err
}

func (s *shop) Post(_ context.Context, _, _ string, body any) (rest.Answer, error) {
	if taken := s.waits(); taken != nil {
		answer := make(chan struct{})
		taken <- func() { close(answer) }
		<-answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trouble != nil {
		s.refused <- struct{}{}
		return rest.Answer{}, s.trouble
	}
	sent, err := codec.Encode(body)
	if err != nil {
		return rest.Answer{}, err
	}
	wish, err := codec.Decode[struct {
		Update []struct {
			ID    int          `json:"id"`
			Stock codec.Number `json:"stock_quantity"`

			Regular string  `json:"regular_price"`
			Sale    *string `json:"sale_price"`
		} `json:"update"`
	}](sent)
	if err != nil {
		return rest.Answer{}, err
	}
	for _, u := range wish.Update {
		sku := s.skus[u.ID]
		wrote := sku
		if u.Stock != "" {
			s.units[sku] = u.Stock.String()
			wrote += "=" + u.Stock.String()
		}
		if u.Regular != "" {
			wrote += "@" + u.Regular
		}
		if u.Sale != nil {
			wrote += "/" + *u.Sale
		}
		s.writes = append(s.writes, wrote)
	}
	return rest.Answer{Body: sent}, nil
}

func (s *shop) waits() chan func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}

func (s *shop) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *shop) wrote() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

// world is two shops on one account's stock.
type world struct {
	t      *testing.T
	server natstest.Server
	shops  map[string]*shop
	config config.Config
	after  map[string]uint64 // newest ledger entry seen, by store and SKU
	events int
	skew   time.Duration   // by which figures say they were read later
	sold   map[string]bool // orders that have a state
	log    slog.Handler
	mapped uint64 // position in ORDERS that desired states are made from
	asked  string // order status that desired states want
}

func newWorld(t *testing.T) *world {
	netsuite := config.Back{Owner: config.Owner{Stock: config.ByNetSuite}}
	return &world{
		t: t, server: natstest.Start(t), after: map[string]uint64{}, sold: map[string]bool{}, log: slog.DiscardHandler,
		shops: map[string]*shop{"main": newShop("MUG", "TEE", "SET"), "outlet": newShop("MUG", "TEE")},
		config: config.Config{
			Stores: map[string]config.Store{
				"main":   {Account: "ns", Back: netsuite, Stock: config.Stock{Locations: []string{"1"}, Margin: config.Margin{Buffer: 1}}},
				"outlet": {Account: "ns", Back: netsuite},
			},
			Accounts: map[string]config.Account{"ns": {Watch: config.Watch{Stock: config.On}, Kits: map[string]map[string]int64{"SET": {"MUG": 2, "TEE": 1}}}},
		},
	}
}

// run starts a process until the returned function is called or the test ends.
func (w *world) run() (*Supply, func()) {
	w.t.Helper()
	shops := map[string]shelf.Shop{}
	for name, s := range w.shops {
		shops[name] = s
	}
	s := New(Options{JS: w.server.JS, Log: slog.New(w.log), Config: w.config, Shops: shops, Now: func() time.Time { return time.Now().UTC() }})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	stop := sync.OnceFunc(func() { cancel(); running.Wait() })
	w.t.Cleanup(stop)
	return s, stop
}

func (w *world) publish(stream, name string, envelope event.Envelope, body any, origin event.Origin) {
	w.t.Helper()
	m, err := publish.JSON(stream, name, envelope, body)
	if err != nil {
		w.t.Fatal(err)
	}
	if origin != "" {
		m.Header = map[string][]string{event.HeaderOrigin: {string(origin)}}
	}
	if _, err := publish.New(w.server.JS).Publish(natstest.Context(w.t), m); err != nil {
		w.t.Fatal(err)
	}
}

// figure is what NetSuite has of an item, by location.
func (w *world) figure(sku string, places map[string]int64) { w.told(sku, places, "") }

func (w *world) told(sku string, places map[string]int64, origin event.Origin) {
	w.t.Helper()
	w.named("7"+sku, sku, places, origin)
}

// named is what NetSuite has of the item of a record.
func (w *world) named(record, sku string, places map[string]int64, origin event.Origin) {
	w.t.Helper()
	w.events++
	stock := &event.Stock{Name: sku}
	for place, units := range places {
		stock.Locations = append(stock.Locations, event.LocationStock{Location: place, Available: money.Int(units), OnHand: money.Int(units)})
	}
	envelope := event.Envelope{Type: "netsuite.v1.changed", ID: fmt.Sprint("figure", w.events), Time: time.Now().Add(w.skew).UTC()}
	change := event.NetSuiteChangedV1{Envelope: envelope, Account: "ns", Kind: event.ChangeInventory, Record: event.RecordID{ID: record}, ModifiedAt: envelope.Time, Stock: stock}
	w.publish(topology.NetSuiteChanges, subject.Change{Account: "ns", Kind: event.ChangeInventory, Key: change.Record.ID}.String(), envelope, change, origin)
}

// sale is an order that NetSuite does not have yet.
func (w *world) sale(store, order, sku string, units int64) {
	w.t.Helper()
	w.events++
	n := money.Int(units)
	envelope := event.Envelope{Type: "desired.v1.order", ID: fmt.Sprint("sale", w.events), Store: store, Time: time.Now().UTC()}
	desired := event.DesiredOrderV1{Envelope: envelope, Account: "ns", Order: order}
	desired.SalesOrder.Currency, desired.Source.Sequence = "USD", w.mapped
	if w.sold[order] {
		desired.Source.Replaces = 1
	}
	w.sold[order] = true
	desired.SalesOrder.OrderStatus = w.asked
	desired.SalesOrder.Lines = []event.OrderLine{{Item: event.Ref{Record: "item", By: "name", Key: sku}, Quantity: &n}}
	w.publish(topology.Desired, subject.Desired{Kind: "order", Account: "ns", Store: store, Key: order}.String(), envelope, desired, "")
}

// next waits for the ledger's next entry of a SKU.
func (w *world) next(store, sku string) event.ShopRecordedV1 {
	w.t.Helper()
	name := subject.Shop(store, event.ShopKindStock, event.SKUKey(sku))
	m := w.server.Next(w.t, topology.ShopOutcomes, name, w.after[name])
	w.after[name] = m.Sequence
	entry, err := codec.Decode[event.ShopRecordedV1](m.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	return entry
}

// holds waits until a shop was told a quantity.
func (w *world) holds(store, sku string, units int64) {
	w.t.Helper()
	for {
		entry := w.next(store, sku)
		if entry.State == event.ShopWritten && entry.Deed.Units.Equal(money.Int(units)) {
			return
		}
	}
}

func (w *world) entries(store, sku string) int {
	w.t.Helper()
	return w.server.Count(w.t, topology.ShopOutcomes, subject.Shop(store, event.ShopKindStock, event.SKUKey(sku)))
}

func TestStockReachesTheShops(t *testing.T) {
	w := newWorld(t)
	w.run()
	w.figure("MUG", map[string]int64{"1": 4, "2": 6})
	w.holds("main", "MUG", 3)
	w.holds("outlet", "MUG", 10)
	w.figure("TEE", map[string]int64{"1": 9})
	w.holds("main", "SET", 1) // two mugs each, four at the location, one set held back
	w.sale("main", "36", "MUG", 2)
	w.holds("main", "MUG", 1)
	w.holds("outlet", "MUG", 8)
	w.holds("main", "SET", 0)
}

// A shop lowers its own quantity with each sale: what comes back to the same number is written all the same.
func TestSaleAndDeliveryThatCancelOut(t *testing.T) {
	w := newWorld(t)
	s, _ := w.run()
	w.figure("MUG", map[string]int64{"1": 10})
	w.holds("outlet", "MUG", 10)
	s.mu.Lock() // both come before the desk looks
	w.sale("outlet", "36", "MUG", 2)
	w.figure("MUG", map[string]int64{"1": 12})
	s.mu.Unlock()
	w.holds("outlet", "MUG", 10)
}

// Invariant 4: what a shop missed while it was away is one write of the newest quantity, and the other shop did not wait.
func TestShopThatIsAwayGetsTheNewest(t *testing.T) {
	w := newWorld(t)
	away := w.shops["outlet"]
	away.set(func() { away.trouble = fault.New(fault.ShopUnavailable, "the shop must answer") })
	s, _ := w.run()
	for units := range int64(5) {
		w.figure("MUG", map[string]int64{"1": 10 + units})
	}
	w.holds("main", "MUG", 13)
	<-away.refused
	<-away.refused
	if got := s.Away(); !slices.Equal(got, []string{"outlet"}) {
		t.Errorf("away: %v, want the outlet", got)
	}
	away.set(func() { away.trouble = nil })
	w.holds("outlet", "MUG", 14)
	if got := away.wrote(); !slices.Equal(got, []string{"MUG=14"}) {
		t.Errorf("%v was written, want the newest only", got)
	}
}

// A product that does not manage its stock is reported once, and again when a person asks for it; a SKU that the shop
// does not have is no fault.
func TestWhatCannotBeWrittenIsReportedOnce(t *testing.T) {
	w := newWorld(t)
	main := w.shops["main"]
	main.unmanaged["MUG"] = true
	w.run()
	w.figure("MUG", map[string]int64{"1": 4})
	if entry := w.next("main", "MUG"); entry.State != event.ShopParked || entry.Fault.Code != string(fault.ShopStockUnmanaged) {
		t.Errorf("%+v, want it parked: the product does not manage its stock", entry)
	}
	w.figure("HAT", map[string]int64{"1": 4})
	if entry := w.next("main", "HAT"); entry.State != event.ShopKept || entry.Deed.Rule != RuleNotSold {
		t.Errorf("%+v, want it kept: the shop has no such product", entry)
	}
	w.figure("MUG", map[string]int64{"1": 5})
	w.holds("outlet", "MUG", 5)
	w.figure("TEE", map[string]int64{"1": 5}) // a later round of the same desk
	w.holds("main", "TEE", 4)
	if n := w.entries("main", "MUG"); n != 1 {
		t.Errorf("%d entries, want the refusal once", n)
	}
	main.set(func() { main.unmanaged["MUG"] = false })
	w.told("MUG", map[string]int64{"1": 5}, event.OriginRetry)
	w.holds("main", "MUG", 4)
}

// Invariant 7: what a stopped process did not write is found by the next, and nothing else is written again.
func TestStartFindsWhatIsLeft(t *testing.T) {
	w := newWorld(t)
	_, stop := w.run()
	w.figure("MUG", map[string]int64{"1": 4})
	w.figure("TEE", map[string]int64{"1": 4})
	w.holds("outlet", "MUG", 4)
	w.holds("outlet", "TEE", 4)
	stop()
	before := len(w.shops["outlet"].wrote())
	w.figure("MUG", map[string]int64{"1": 5})
	w.figure("MUG", map[string]int64{"1": 6})
	w.run()
	w.holds("outlet", "MUG", 6)
	if got := w.shops["outlet"].wrote()[before:]; !slices.Equal(got, []string{"MUG=6"}) {
		t.Errorf("%v was written after the start, want MUG=6", got)
	}
}

// Two processes end with the newest in the shop and in the ledger, whoever wrote.
func TestTwoProcesses(t *testing.T) {
	w := newWorld(t)
	w.run()
	w.run()
	for units := range int64(20) {
		w.figure("MUG", map[string]int64{"1": units})
		w.sale("outlet", fmt.Sprint(units), "TEE", 1)
	}
	w.figure("TEE", map[string]int64{"1": 100})
	w.holds("outlet", "MUG", 19)
	w.holds("outlet", "TEE", 80)
	outlet := w.shops["outlet"]
	outlet.mu.Lock()
	defer outlet.mu.Unlock()
	if outlet.units["MUG"] != "19" || outlet.units["TEE"] != "80" {
		t.Errorf("the shop shows %v, want 19 mugs and 80 tees", outlet.units)
	}
}

// One fact, one owner: where the shop counts its stock itself nothing is followed.
func TestStockOfTheShopIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	for name, store := range w.config.Stores {
		store.Back.Owner.Stock = "shop"
		w.config.Stores[name] = store
	}
	if s, _ := w.run(); len(s.desks)+len(s.books) != 0 {
		t.Errorf("%d desks, %d books, want none", len(s.desks), len(s.books))
	}
}

// An item that the shop sells under other SKUs is written to those, and sold under them.
func TestRenamedSKUs(t *testing.T) {
	w := newWorld(t)
	outlet := w.config.Stores["outlet"]
	outlet.Stock.SKUs = map[string]string{"BECHER": "MUG", "TASSE": "MUG"}
	w.config.Stores["outlet"] = outlet
	w.shops["outlet"] = newShop("BECHER", "TASSE", "TEE")
	w.run()
	w.figure("MUG", map[string]int64{"1": 10})
	w.holds("outlet", "BECHER", 10)
	w.holds("outlet", "TASSE", 10)
	w.sale("outlet", "36", "MUG", 3) // the desired state speaks of items
	w.holds("main", "MUG", 6)
	w.holds("outlet", "TASSE", 7)
	w.holds("outlet", "BECHER", 7)
	if n := w.entries("outlet", "MUG"); n != 0 {
		t.Errorf("%d entries of a SKU that the shop does not have, want none", n)
	}
}

// An item that NetSuite renames is for sale under its new name alone, also where nobody looked when that happened: what the
// shop was told under the old one is taken back, unless another item bears that name.
func TestARenamedItemIsPromisedOnce(t *testing.T) {
	for name, down := range map[string]bool{"while it runs": false, "while it is down": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, stop := w.run()
			w.named("501", "MUG", map[string]int64{"1": 10}, "")
			w.holds("outlet", "MUG", 10)
			w.holds("main", "MUG", 9)
			if down {
				stop()
			}
			w.named("501", "TEE", map[string]int64{"1": 10}, "")
			if down {
				_, stop = w.run()
			}
			w.holds("outlet", "TEE", 10)
			w.holds("outlet", "MUG", 0)
			w.holds("main", "MUG", 0)
			w.named("502", "MUG", map[string]int64{"1": 4}, "")
			w.holds("outlet", "MUG", 4)
			stop()
			w.run()
			w.named("501", "TEE", map[string]int64{"1": 11}, "")
			w.holds("outlet", "TEE", 11)
			if n := w.entries("outlet", "MUG"); n != 3 {
				t.Errorf("%d entries of the name, want 3: another item bears it", n)
			}
		})
	}
}

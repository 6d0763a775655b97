package shopsim

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/orderstream/orderstream/tools/shopsim/internal/hookshot"
	"github.com/orderstream/orderstream/tools/shopsim/internal/journal"
	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// kind names a table of a store.
type kind string

const (
	orders     kind = "order"
	products   kind = "product"
	customers  kind = "customer"
	refunds    kind = "refund"
	notes      kind = "note"
	parcels    kind = "fulfillment"
	mails      kind = "mail" // what customers were mailed about shipping, and notes to them
	webhooks   kind = "webhook"
	deliveries kind = "delivery" // deliveries waiting in the queue
	sequences  kind = "sequence" // last number given out, by sequence
)

// sequence numbers one kind of id. Orders and refunds share one, as WordPress
// posts do.
type sequence int64

const (
	postIDs sequence = iota + 1
	noteIDs
	userIDs
	webhookIDs
	lineIDs
	metaIDs
	lineMetaIDs
	deliveryIDs
	productIDs
	parcelIDs
	mailIDs
)

// place is where one row lives.
type place struct {
	kind kind
	id   int64
}

// shop is one store. A row is never changed once stored: who changes it stores
// a new one, so rows may be read outside the lock.
type shop struct {
	cfg   StoreConfig
	home  string // without trailing slash
	zone  *time.Location
	clock func() time.Time
	delay time.Duration
	seed  int64

	mu      sync.Mutex
	rows    map[kind]map[int64]*phpjson.Value
	skus    map[string]map[int64]bool // ids of products and variations
	below   map[place]map[int64]bool  // ids of an order's notes, refunds, fulfilments and mails, by the order's id and their kind
	journal *journal.Journal          // nil keeps the state in memory
	waiting map[event]bool            // deliveries that have not been taken up yet
	queue   []queued
	wake    chan struct{}
}

// event is what a delivery reports: one webhook, one object.
type event struct{ webhook, object int64 }

type queued struct {
	id  int64
	due time.Time
}

func openShop(cfg StoreConfig, c Config, home string) (*shop, error) {
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err != nil {
		return nil, err
	}
	s := &shop{cfg: cfg, home: home, zone: zone, clock: c.Clock, delay: c.QueueDelay, seed: c.Seed, wake: make(chan struct{}, 1)}
	s.clear()
	if c.Dir == "" {
		return s, s.update(seed)
	}
	j, lines, err := journal.Open(filepath.Join(c.Dir, cfg.Key+".jsonl"))
	if err != nil {
		return nil, err
	}
	if err := s.replay(lines); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	s.journal = j
	if len(lines) == 0 {
		return s, s.update(seed)
	}
	return s, errors.Join(s.compact(), s.update(s.readdress))
}

func (s *shop) clear() {
	s.rows = map[kind]map[int64]*phpjson.Value{}
	for _, k := range []kind{orders, products, customers, refunds, notes, parcels, mails, webhooks, deliveries, sequences} {
		s.rows[k] = map[int64]*phpjson.Value{}
	}
	s.waiting, s.queue, s.skus, s.below = map[event]bool{}, nil, map[string]map[int64]bool{}, map[place]map[int64]bool{}
}

// reset forgets everything and starts from the seeded state again. Delivery
// numbers go on, so that one under way now is not taken for a later one.
func (s *shop) reset() error {
	s.mu.Lock()
	last := s.rows[sequences][int64(deliveryIDs)].Int()
	s.clear()
	var err error
	if s.journal != nil {
		err = s.journal.Rewrite(nil)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.update(func(t *tx) error {
		t.reach(deliveryIDs, last)
		return seed(t)
	})
}

// update runs a change; it is stored as a whole if fn succeeds, else not at all.
func (s *shop) update(fn func(*tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &tx{shop: s, now: s.clock(), staged: map[place]*phpjson.Value{}, fired: map[event]bool{}}
	if err := fn(t); err != nil {
		return err
	}
	if len(t.order) == 0 {
		return nil
	}
	if s.journal != nil {
		if err := s.journal.Append(t.line()); err != nil {
			return err
		}
	}
	for _, p := range t.order {
		s.store(p, t.staged[p])
	}
	s.nudge()
	return nil
}

// get reads one row, nil if there is none.
func (s *shop) get(k kind, id int64) *phpjson.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows[k][id]
}

// all reads a whole table by rising id.
func (s *shop) all(k kind) []*phpjson.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sorted(s.rows[k])
}

func sorted(rows map[int64]*phpjson.Value) []*phpjson.Value {
	ids := make([]int64, 0, len(rows))
	for id := range rows {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	list := make([]*phpjson.Value, len(ids))
	for i, id := range ids {
		list[i] = rows[id]
	}
	return list
}

// store puts a committed row in place; nil removes it. The caller has the lock.
func (s *shop) store(p place, row *phpjson.Value) {
	if was := s.rows[p.kind][p.id]; was != nil {
		delete(s.below[place{p.kind, orderOf(p.kind, was)}], p.id)
	}
	if row == nil {
		delete(s.rows[p.kind], p.id)
		return
	}
	s.hang(p, row)
	if _, known := s.rows[p.kind][p.id]; p.kind == deliveries && !known {
		s.waiting[eventOf(row)] = true
		s.queue = append(s.queue, queued{id: p.id, due: time.Now().Add(s.delay)})
	}
	if p.kind == products {
		s.label(p.id, row)
	}
	s.rows[p.kind][p.id] = row
}

// orderOf is the order that a row belongs to; 0: none.
func orderOf(k kind, row *phpjson.Value) int64 {
	switch k {
	case notes, mails:
		return row.Get("order_id").Int()
	case refunds:
		return row.Get("parent_id").Int()
	case parcels:
		return row.Get("entity_id").Int()
	default:
		return 0
	}
}

// hang keeps the index of what belongs to an order.
func (s *shop) hang(p place, row *phpjson.Value) {
	of := place{p.kind, orderOf(p.kind, row)}
	if of.id == 0 {
		return
	}
	if s.below[of] == nil {
		s.below[of] = map[int64]bool{}
	}
	s.below[of][p.id] = true
}

// of reads what belongs to an order, by rising id.
func (s *shop) of(order int64, k kind) []*phpjson.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sorted(s.hanging(order, k))
}

func (s *shop) hanging(order int64, k kind) map[int64]*phpjson.Value {
	rows := map[int64]*phpjson.Value{}
	for id := range s.below[place{k, order}] {
		rows[id] = s.rows[k][id]
	}
	return rows
}

// label keeps the index of SKUs; a store has one too.
func (s *shop) label(id int64, row *phpjson.Value) {
	old, sku := s.rows[products][id].Get("sku").Text(), row.Get("sku").Text()
	if old == sku && s.skus[sku][id] {
		return
	}
	delete(s.skus[old], id)
	if s.skus[sku] == nil {
		s.skus[sku] = map[int64]bool{}
	}
	s.skus[sku][id] = true
}

// labelled gives the products of some SKUs.
func (s *shop) labelled(skus []string) []*phpjson.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := map[int64]*phpjson.Value{}
	for _, sku := range skus {
		for id := range s.skus[sku] {
			rows[id] = s.rows[products][id]
		}
	}
	return sorted(rows)
}

func eventOf(delivery *phpjson.Value) event {
	return event{webhook: delivery.Get("webhook").Int(), object: delivery.Get("object").Int()}
}

func (s *shop) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// replay stores the changes of a journal. Deliveries that were waiting, or
// under way, when the process died are due again.
func (s *shop) replay(lines [][]byte) error {
	for i, line := range lines {
		changes, err := phpjson.Parse(line)
		if err != nil {
			return fmt.Errorf("store %s: journal line %d: %w", s.cfg.Key, i+1, err)
		}
		for _, c := range changes.Items() {
			cells := c.Items()
			if len(cells) < 2 || s.rows[kind(cells[0].Text())] == nil {
				return fmt.Errorf("store %s: journal line %d: change %s has no known table and id", s.cfg.Key, i+1, c.Bytes())
			}
			var row *phpjson.Value
			if len(cells) > 2 {
				row = cells[2]
			}
			s.store(place{kind(cells[0].Text()), cells[1].Int()}, row)
		}
	}
	s.requeue()
	return nil
}

func (s *shop) requeue() {
	s.queue, s.waiting = nil, map[event]bool{}
	for id, row := range s.rows[deliveries] {
		s.queue = append(s.queue, queued{id: id})
		s.waiting[eventOf(row)] = true
	}
	slices.SortFunc(s.queue, func(a, b queued) int { return cmp.Compare(a.id, b.id) })
}

// compact rewrites the journal as the state it leads to.
func (s *shop) compact() error {
	var lines [][]byte
	for k, table := range s.rows {
		for id, row := range table {
			lines = append(lines, phpjson.List(change(place{k, id}, row)).Bytes())
		}
	}
	return s.journal.Rewrite(lines)
}

// change is one row of a journal line: table, id, and the row unless removed.
func change(p place, row *phpjson.Value) *phpjson.Value {
	c := phpjson.List(phpjson.Text(string(p.kind)), phpjson.Int(p.id))
	if row != nil {
		c.Append(row)
	}
	return c
}

func (s *shop) wire() hookshot.Shop {
	return hookshot.Shop{Version: s.cfg.Version, WordPress: s.cfg.WordPress, Source: s.home + "/"}
}

func (s *shop) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.journal == nil {
		return nil
	}
	return s.journal.Close()
}

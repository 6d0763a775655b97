package netsuitewriter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// book knows the batches of an account that may be running in NetSuite, of this process and of those before it: they
// stand in the bucket of cursors from before they are sent until their job is done.
type book struct {
	bucket jetstream.KeyValue
	prefix string
	watch  jetstream.KeyWatcher
	ended  chan struct{}

	mu      sync.Mutex
	entries map[string]entry // by place in the bucket
	own     map[string]bool  // keys that this process waits for
	flights map[string]*recovery
}

// entry is a batch as it was, or will be, sent.
type entry struct {
	Key    string           `json:"key"`    // idempotency key
	Orders []string         `json:"orders"` // ledger subjects
	Items  []suitetalk.Item `json:"items"`
}

type recovery struct {
	done  chan struct{}
	calls []event.Call
	err   error
}

func openBook(ctx context.Context, js jetstream.JetStream, account string) (*book, error) {
	bucket, err := js.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	b := &book{bucket: bucket, prefix: "batch." + account + ".", ended: make(chan struct{}), entries: map[string]entry{}, own: map[string]bool{}, flights: map[string]*recovery{}}
	if b.watch, err = bucket.Watch(ctx, b.prefix+"*"); err != nil {
		return nil, fmt.Errorf("bucket %s: watch %s: %w", topology.Cursors, b.prefix, err)
	}
	ready := make(chan struct{})
	go b.follow(ready)
	select {
	case <-ready:
		return b, nil
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), b.watch.Stop())
	}
}

// follow keeps the entries; ready is closed when those that stood there at the beginning are known.
func (b *book) follow(ready chan struct{}) {
	defer close(b.ended)
	for update := range b.watch.Updates() {
		if update == nil {
			close(ready)
			continue
		}
		e, err := codec.Decode[entry](update.Value())
		b.mu.Lock()
		if update.Operation() == jetstream.KeyValuePut && err == nil {
			b.entries[update.Key()] = e
		} else {
			delete(b.entries, update.Key())
		}
		b.mu.Unlock()
	}
}

func (b *book) stop() {
	_ = b.watch.Stop()
	<-b.ended
}

// open enters a batch of our own before it is sent. Release strikes it out when nothing of it can run any more; without
// that it stays for whoever writes one of its orders next.
func (b *book) open(ctx context.Context, e entry) (release func(context.Context), err error) {
	data, err := codec.Encode(e)
	if err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		place := b.prefix + fmt.Sprint(n)
		_, err := b.bucket.Create(ctx, place, data)
		if errors.Is(err, jetstream.ErrKeyExists) {
			continue
		}
		if err != nil {
			return nil, publish.Classify(err)
		}
		b.mu.Lock()
		b.own[e.Key], b.entries[place] = true, e
		b.mu.Unlock()
		return func(ctx context.Context) { b.close(ctx, e.Key) }, nil
	}
}

// leave gives a batch of our own up: from now on it is recovered like that of another process.
func (b *book) leave(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.own, key)
}

// close strikes a batch out. An entry that stays costs a look at its job, and is struck out then.
func (b *book) close(ctx context.Context, key string) {
	b.mu.Lock()
	var places []string
	for place, e := range b.entries {
		if e.Key == key {
			places = append(places, place)
			delete(b.entries, place)
		}
	}
	delete(b.own, key)
	b.mu.Unlock()
	for _, place := range places {
		_ = b.bucket.Purge(ctx, place)
	}
}

// about finds a batch that nobody here waits for and that holds the order.
func (b *book) about(order string) (entry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for place, e := range b.entries {
		if !b.own[e.Key] && strings.HasPrefix(place, b.prefix) && slices.Contains(e.Orders, order) {
			return e, true
		}
	}
	return entry{}, false
}

// once runs a recovery for all orders of a batch together.
func (b *book) once(ctx context.Context, e entry, recover func() ([]event.Call, error)) ([]event.Call, error) {
	b.mu.Lock()
	flight, running := b.flights[e.Key]
	if !running {
		flight = &recovery{done: make(chan struct{})}
		b.flights[e.Key] = flight
		go func() {
			flight.calls, flight.err = recover()
			b.mu.Lock()
			delete(b.flights, e.Key)
			b.mu.Unlock()
			close(flight.done)
		}()
	}
	b.mu.Unlock()
	select {
	case <-flight.done:
		return flight.calls, flight.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

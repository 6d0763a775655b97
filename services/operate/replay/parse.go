package replay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/contrast"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/transformer/parse"
)

// Reparse is what the parser of now makes of the deliveries that the newest order events were made from: what a parser fix
// changes. Deliveries that the parser of then parked are among them.
type Reparse struct {
	Hash     string     `json:"hash"` // names exactly what applying would publish
	Looked   int        `json:"looked"`
	Same     int        `json:"same"`
	Gone     int        `json:"gone"` // whose delivery is no longer kept in WOO, or was no order: nothing to parse again
	Changes  []Reparsed `json:"changes"`
	Groups   []Group    `json:"groups"`
	Troubles []Trouble  `json:"troubles"`
}

// Reparsed is an order whose newest event comes out otherwise.
type Reparsed struct {
	Store    string `json:"store"`
	Order    string `json:"order"`
	Sequence uint64 `json:"sequence"` // in ORDERS, of the newest event
	Delivery uint64 `json:"delivery"` // in WOO
	Hash     string `json:"hash"`     // of the state as it is parsed now
	Fields   int    `json:"fields"`
	Parked   bool   `json:"parked,omitempty"` // the parser of then parked the delivery
}

// parser parses deliveries of the past again.
type parser struct {
	woo, orders jetstream.Stream
	request     Request
	result      Reparse
	groups      contrast.Groups
	freed       map[[2]string]bool // orders that a parked delivery changes
}

// Parse shows what parsing history again would change; it writes nothing. Of the request store, orders, since and until
// count.
func Parse(ctx context.Context, js jetstream.JetStream, r Request, progress func(done, all int)) (Reparse, error) {
	p := parser{request: r, groups: contrast.Groups{}, result: Reparse{Changes: []Reparsed{}, Troubles: []Trouble{}}}
	if err := r.check(ctx, js); err != nil {
		return p.result, err
	}
	err := p.all(ctx, js, progress, func(Reparsed, event.OrderStateV1) error { return nil })
	return p.result, err
}

func (p *parser) all(ctx context.Context, js jetstream.JetStream, progress func(done, all int), change func(Reparsed, event.OrderStateV1) error) error {
	var err error
	if p.woo, err = js.Stream(ctx, topology.Woo); err != nil {
		return fmt.Errorf("stream %s: %w", topology.Woo, err)
	}
	if p.orders, err = js.Stream(ctx, topology.Orders); err != nil {
		return fmt.Errorf("stream %s: %w", topology.Orders, err)
	}
	waiting, err := open(ctx, js, stageParse, p.request.Store)
	if err != nil {
		return err
	}
	list, err := newestEvents(ctx, js)
	if err != nil {
		return err
	}
	sum, done := sha256.New(), 0
	take := func(c Reparsed, state event.OrderStateV1, err error) error {
		if done++; progress != nil {
			progress(done, len(waiting)+len(list))
		}
		if err != nil || c.Hash == "" {
			return err
		}
		fmt.Fprintf(sum, "%s\t%s\t%d\t%s\n", c.Store, c.Order, c.Sequence, c.Hash)
		p.result.Changes = append(p.result.Changes, c)
		return change(c, state)
	}
	for _, f := range waiting {
		c, state, err := p.unread(ctx, f)
		if err := take(c, state, err); err != nil {
			return fmt.Errorf("%s %d: %w", f.Message.Stream, f.Message.Sequence, err)
		}
	}
	for _, sequence := range list {
		c, state, err := p.one(ctx, sequence)
		if err := take(c, state, err); err != nil {
			return fmt.Errorf("ORDERS %d: %w", sequence, err)
		}
	}
	p.result.Groups = p.groups.Sorted()
	p.result.Hash = hex.EncodeToString(sum.Sum(nil)[:8])
	return nil
}

// newestEvents lists the position of each order's newest event, in the order of the stream.
func newestEvents(ctx context.Context, js jetstream.JetStream) ([]uint64, error) {
	consumer, err := js.OrderedConsumer(ctx, topology.Orders, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject.OrderAll}, HeadersOnly: true})
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", topology.Orders, err)
	}
	newest := map[[2]string]uint64{}
	for range consumer.CachedInfo().NumPending {
		m, err := consumer.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", topology.Orders, err)
		}
		metadata, err := m.Metadata()
		if err != nil {
			return nil, err
		}
		name, err := subject.ParseOrder(m.Subject())
		if err != nil {
			return nil, err
		}
		key := [2]string{name.Store, name.Order}
		newest[key] = max(newest[key], metadata.Sequence.Stream)
	}
	return slices.Sorted(maps.Values(newest)), nil
}

// one parses the delivery of an event again; the change has no hash where nothing differs.
func (p *parser) one(ctx context.Context, sequence uint64) (c Reparsed, news event.OrderStateV1, err error) {
	raw, err := p.orders.GetMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return c, news, nil
	}
	if err != nil {
		return c, news, err
	}
	last, err := codec.Decode[event.OrderStateV1](raw.Data)
	if err != nil {
		return c, news, err
	}
	if !p.wanted(last) || p.freed[[2]string{last.Store, last.Order}] {
		return c, news, nil
	}
	p.result.Looked++
	delivery, err := p.woo.GetMsg(ctx, last.Version.Sequence)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return c, news, err
	}
	if err != nil || last.Status == "deleted" {
		p.result.Gone++
		return c, news, nil //nolint:nilerr // it aged out
	}
	return p.compare(last, raw.Sequence, parse.Delivery{Facts: event.WebhookFromHeader(delivery.Header), Sequence: delivery.Sequence, Body: delivery.Data})
}

func (p *parser) wanted(o event.OrderStateV1) bool {
	r := p.request
	return (r.Store == "" || r.Store == o.Store) && (len(r.Orders) == 0 || slices.Contains(r.Orders, o.Order)) &&
		(r.Since.IsZero() || !o.Placed.At.Before(r.Since)) && (r.Until.IsZero() || o.Placed.At.Before(r.Until))
}

func (p *parser) compare(last event.OrderStateV1, sequence uint64, d parse.Delivery) (c Reparsed, state event.OrderStateV1, err error) {
	result, err := parse.Read(d)
	if err != nil {
		p.result.Troubles = append(p.result.Troubles, Trouble{Object{Store: last.Store, Order: last.Order}, string(fault.CodeOf(err)), err.Error()})
		return c, state, nil
	}
	if result.Order == nil {
		p.result.Gone++
		return c, state, nil
	}
	// The event at hand was made of this very delivery: only what it learnt since (refund records) is taken from it.
	before := last
	before.Version = event.Version{}
	news, _, _, err := parse.Next(&before, *result.Order)
	if err != nil {
		return c, state, err
	}
	if news == nil {
		p.result.Same++
		return c, state, nil
	}
	differences, err := contrast.Fields(content(last), content(*news))
	if err != nil {
		return c, state, err
	}
	p.groups.Add(Object{Store: last.Store, Order: last.Order}, differences)
	return Reparsed{last.Store, last.Order, sequence, d.Sequence, news.Hash, len(differences), false}, *news, nil
}

// content is an order state without what names its making.
func content(o event.OrderStateV1) event.OrderStateV1 {
	o.Envelope, o.Kind, o.Source, o.Hash = event.Envelope{}, "", event.OrderSource{}, ""
	return o
}

// ErrMoved says that parsing gives something else than was shown.
var ErrMoved = errors.New("history is not what the hash names: look again")

// ApplyParse publishes exactly the events that Parse showed under a hash; map makes desired states of them. An order that
// changes meanwhile keeps its newer event. Nothing is published twice: what was published is what the parser gives, so that said
// again the hash names nothing that is left.
func ApplyParse(ctx context.Context, js jetstream.JetStream, r Request, hash, by, why string, progress func(done, all int)) (published int, err error) {
	shown, err := Parse(ctx, js, r, nil)
	if err != nil {
		return 0, err
	}
	if shown.Hash != hash {
		return 0, fmt.Errorf("%w: hash %s, asked for %s", ErrMoved, shown.Hash, hash)
	}
	publisher := publish.New(js)
	told := reading{hash, by, why, len(shown.Changes)}
	// The act comes before what it does: it is there although the process dies.
	if err := told.tell(ctx, publisher, StatePlanned, StateRunning, 0); err != nil {
		return 0, err
	}
	p := parser{request: r, groups: contrast.Groups{}}
	allowed := map[Reparsed]bool{}
	for _, c := range shown.Changes {
		allowed[c] = true
	}
	err = p.all(ctx, js, progress, func(c Reparsed, state event.OrderStateV1) error {
		if !allowed[c] {
			return nil // it changed since: not what was shown
		}
		done, err := again(ctx, js, publisher, c, state)
		if done {
			published++
			err = settled(ctx, js, publisher, c)
		}
		return err
	})
	ended := StateDone
	if err != nil {
		ended = StateStopped
	}
	return published, errors.Join(err, told.tell(context.WithoutCancel(ctx), publisher, StateRunning, ended, published))
}

func again(ctx context.Context, js jetstream.JetStream, publisher *publish.Publisher, c Reparsed, state event.OrderStateV1) (bool, error) {
	if err := behind(ctx, js); err != nil {
		return false, err
	}
	state.ID = fmt.Sprintf("order:%s:%s:%d:%.12s", c.Store, c.Order, c.Sequence, c.Hash)
	m, err := publish.JSON(topology.Orders, subject.Order{Kind: state.Kind, Store: c.Store, Order: c.Order}.String(), state.Envelope, state)
	if err != nil {
		return false, err
	}
	m.Expect = &publish.Expect{Sequence: c.Sequence, Subject: subject.OrdersOf(c.Store, c.Order)}
	_, err = publisher.Publish(ctx, m)
	if fault.ClassOf(err) == fault.Conflict {
		return false, nil // a newer event came meanwhile, of the parser of now
	}
	return err == nil, err
}

// behind waits until live events have the right of way before map.
func behind(ctx context.Context, js jetstream.JetStream) error {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		consumer, err := js.Consumer(ctx, topology.Orders, topology.ConsumerMap)
		if err != nil {
			return fmt.Errorf("consumer %s: %w", topology.ConsumerMap, err)
		}
		if consumer.CachedInfo().NumPending < backlog {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// reading is the act of publishing what is parsed otherwise.
type reading struct {
	hash, by, why string
	shown         int
}

func (r reading) tell(ctx context.Context, publisher *publish.Publisher, from, to State, published int) error {
	now := time.Now().UTC()
	body := event.AuditReplayedV1{
		Envelope: event.Envelope{Type: "audit.v1.replayed", ID: fmt.Sprintf("audit:replayed:parse:%s:%d", r.hash, now.UnixNano()), Time: now},
		Act:      "replayed", By: r.by, What: "parse:" + r.hash, Note: r.why, Before: map[string]string{"state": string(from)},
		After: map[string]string{"state": string(to), "published": fmt.Sprint(published), "left": fmt.Sprint(r.shown - published)},
	}
	m, err := publish.JSON(topology.Audit, subject.Audit("replayed"), body.Envelope, body)
	if err == nil {
		_, err = publisher.Publish(ctx, m)
	}
	return err
}

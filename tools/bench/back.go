package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// The time between two polls, in nanoseconds: the default while things change, and what a quick run waits for.
const (
	pollEvery      = 15_000_000_000
	pollEveryQuick = 2_000_000_000
)

// back measures the way from a parcel that leaves in NetSuite to the shop's order.
func (b bench) back(ctx context.Context) error {
	const perSecond = 5
	n, every := b.scaled(300), time.Duration(pollEvery)
	if b.quick {
		every = pollEveryQuick
	}
	fmt.Fprintf(b.out, "\nshipped in NetSuite → the shop's order is completed and has its tracking number; %d orders, %d per s; nothing is slowed down\n", n, perSecond)
	for _, way := range []struct {
		name, poll string
		push       bool
	}{{"by push", "off", true}, {fmt.Sprintf("by poll, every %v", every), "on", false}} {
		err := b.with(ctx, func(p *pipeline) error { return b.parcels(ctx, p, way.name, way.push, n, perSecond) }, b.watching(way.poll))
		if err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
	}
	return nil
}

// watching is a shop with WooCommerce's own fulfilments, and an account that is polled or not.
func (b bench) watching(poll string) func(*demo.Options) {
	return func(o *demo.Options) {
		o.Store = func(s *shopsim.StoreConfig) { s.Fulfilments = true }
		o.Adjust = func(c *host.Config) {
			a := c.Accounts[demo.Account]
			a.Watch.Poll, a.Watch.Fast, a.Watch.Idle = poll, pollEvery, pollEvery // no longer pauses: the run itself is short
			if b.quick {
				a.Watch.Fast, a.Watch.Idle = pollEveryQuick, pollEveryQuick
			}
			c.Accounts[demo.Account] = a
		}
	}
}

// parcels lets n orders reach NetSuite, ships them at a steady rate, and waits until the shop knows all of it.
func (b bench) parcels(ctx context.Context, p *pipeline, name string, push bool, n int, perSecond float64) error {
	list, err := p.prepare(customers+1, n)
	if err != nil {
		return err
	}
	if _, err := closed(p.door(), 4, list); err != nil {
		return err
	}
	if err := p.synced(ctx, customers+n); err != nil {
		return err
	}
	if push {
		if err := p.NetSuite.SetPush(netsuitesim.Push{URL: p.Facts.Account.PushURL, Secret: demo.PushSecret}); err != nil {
			return err
		}
	}
	shop, netsuite := requests(p.Shop.Stats()), p.NetSuite.Stats().Requests
	began := time.Now()
	left, err := p.ship(list, perSecond)
	if err != nil {
		return err
	}
	told := make([]time.Duration, n)
	for i, d := range list {
		err := until(ctx, func() (known bool, err error) {
			told[i], known, err = p.told(ctx, d.order, left[d.order])
			return known, err
		})
		if err != nil {
			return fmt.Errorf("order %d, of which the shop must be told: %w", d.order, err)
		}
	}
	r := finish(began, told)
	per := 100 / float64(n)
	fmt.Fprintf(b.out, "%-24s p50 %9s  p99 %9s  max %9s   %.0f shop calls, %.0f NetSuite calls per 100 orders\n", name,
		millis(r.quantile(0.5)), millis(r.quantile(0.99)), millis(r.times[n-1]), per*float64(requests(p.Shop.Stats())-shop), per*float64(p.NetSuite.Stats().Requests-netsuite))
	return nil
}

func requests(s shopsim.Stats) (n int64) {
	for _, of := range s.Requests {
		n += of
	}
	return n
}

// leaving is a parcel and when it left: the moment before NetSuite was told, which is the worse one.
type leaving struct {
	record string
	at     time.Time
}

// ship sends every order in one parcel, at its time.
func (p *pipeline) ship(list []delivery, perSecond float64) (map[int]leaving, error) {
	left, first := map[int]leaving{}, time.Now()
	for i, d := range list {
		time.Sleep(time.Until(first.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))))
		at := time.Now()
		record, err := p.NetSuite.Fulfil(netsuitesim.Shipment{Order: fmt.Sprintf("wc-so-main-%d", d.order), Tracking: []string{fmt.Sprintf("1Z%d", d.order)}})
		if err != nil {
			return nil, fmt.Errorf("ship order %d: %w", d.order, err)
		}
		left[d.order] = leaving{record, at}
	}
	return left, nil
}

// told gives how long it took until the shop had answered the later of the two writes to an order, if it has both.
func (p *pipeline) told(ctx context.Context, order int, left leaving) (took time.Duration, known bool, err error) {
	for kind, key := range map[string]string{event.ShopKindStatus: fmt.Sprint(order), event.ShopKindFulfilment: fmt.Sprintf("%d-%s", order, left.record)} {
		stream, err := p.streams(ctx, topology.ShopOutcomes)
		if err != nil {
			return 0, false, err
		}
		raw, err := stream.GetLastMsgForSubject(ctx, subject.Shop("main", kind, key))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return 0, false, nil
		}
		if err != nil {
			return 0, false, err
		}
		o, err := codec.Decode[event.ShopRecordedV1](raw.Data)
		if err != nil || o.State != event.ShopWritten {
			return 0, false, err
		}
		call := o.Calls[len(o.Calls)-1]
		took = max(took, call.At.Add(time.Duration(call.Millis)*time.Millisecond).Sub(left.at))
	}
	return took, true, nil
}

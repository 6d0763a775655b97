package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// answerTime is what NetSuite takes for a request in the rows about calls and slots.
const answerTime = 250 * time.Millisecond

// calls measures what an order costs at NetSuite: requests, and slots held.
func (b bench) calls(ctx context.Context) error {
	fmt.Fprintf(b.out, "\nNetSuite calls and slot-seconds per order; deposits off, each request takes %v, %d slots\n", answerTime, slots)
	for _, row := range []func(context.Context) error{b.fresh, b.batched, b.edited, b.moving} {
		if err := row(ctx); err != nil {
			return err
		}
	}
	return nil
}

// rows are run alone: those of calls, and crowd, which takes long.
func (b bench) rows() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{"crowd": b.crowd, "fresh": b.fresh, "batched": b.batched, "edited": b.edited, "moving": b.moving}
}

// with runs f on a pipeline of its own.
func (b bench) with(ctx context.Context, f func(*pipeline) error, adjust ...func(*demo.Options)) (err error) {
	p, err := start(ctx, b.template, adjust...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	return f(p)
}

// usage is what a span of time cost.
type usage struct {
	before netsuitesim.Stats
	began  time.Time
}

// meter begins a span in which each request takes as long as given.
func (p *pipeline) meter(f netsuitesim.Faults) (usage, error) {
	err := p.NetSuite.SetFaults(f)
	p.NetSuite.ResetUsage()
	return usage{p.NetSuite.Stats(), time.Now()}, err
}

func (b bench) cost(p *pipeline, name string, u usage, orders int) {
	now := p.NetSuite.Stats()
	n := float64(orders)
	fmt.Fprintf(b.out, "%-52s %6.2f calls  %5.2f slot-seconds an order   %d orders in %.1f s\n",
		name, float64(now.Requests-u.before.Requests)/n, now.SlotSeconds/n, orders, time.Since(u.began).Seconds())
}

var slow = netsuitesim.Faults{LatencyMs: int(answerTime.Milliseconds())}

// fresh sends orders one by one at a pace that the slots take easily.
func (b bench) fresh(ctx context.Context) error {
	const perSecond = 10
	n := b.scaled(200)
	return b.with(ctx, func(p *pipeline) error {
		first := customers + 1
		for _, kind := range []struct {
			name string
			list func(first, n int) []delivery
		}{{"fresh order, known customer, 10/s", b.template.deliveries}, {"fresh order, new customer, 10/s", b.template.strangers}} {
			list := kind.list(first, n)
			u, err := p.run(ctx, list, func() error { _, err := open(p.door(), 8, perSecond, list); return err }, first-1+n)
			if err != nil {
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			b.cost(p, kind.name, u, n)
			first += n
		}
		return nil
	})
}

// run gives the shop its orders, sends, and waits until NetSuite holds so many orders.
func (p *pipeline) run(ctx context.Context, list []delivery, send func() error, orders int) (usage, error) {
	if err := p.tell(list); err != nil {
		return usage{}, err
	}
	u, err := p.meter(slow)
	if err == nil {
		err = send()
	}
	if err == nil {
		err = p.synced(ctx, orders)
	}
	return u, err
}

// batched drains a backlog by asynchronous batches.
func (b bench) batched(ctx context.Context) error {
	n := b.scaled(5_000)
	return b.with(ctx, func(p *pipeline) error {
		if _, err := p.meter(slow); err != nil {
			return err
		}
		lone := b.template.deliveries(customers+1, 1) // shows how long a request takes
		if _, err := p.run(ctx, lone, func() error { _, err := closed(p.door(), 1, lone); return err }, customers+1); err != nil {
			return err
		}
		list := b.template.deliveries(customers+2, n)
		if err := p.tell(list); err != nil {
			return err
		}
		release, err := p.gather(ctx, list)
		if err != nil {
			return err
		}
		u, err := p.run(ctx, nil, release, customers+1+n)
		b.cost(p, fmt.Sprintf("backlog of %d, batches, %d processors", n, processors), u, n)
		return err
	}, func(o *demo.Options) { o.Account = func(c *netsuitesim.Config) { c.AsyncProcessors = processors } })
}

// processors work on asynchronous requests in the double, as many as slots: Oracle does not say how many an account has.
const processors = slots

// edited lets five states of each order arrive while NetSuite is away.
func (b bench) edited(ctx context.Context) error {
	n := b.scaled(500)
	return b.with(ctx, func(p *pipeline) error {
		var list []delivery
		for state := range 5 {
			for _, d := range b.template.deliveries(customers+1, n) {
				list = append(list, d.edited(state))
			}
		}
		if err := p.tell(list[len(list)-n:]); err != nil {
			return err
		}
		release, err := p.gather(ctx, list)
		if err != nil {
			return err
		}
		u, err := p.run(ctx, nil, release, customers+n)
		b.cost(p, "five edits during an outage, singly", u, n)
		return err
	}, singly)
}

var modified = regexp.MustCompile(`"date_modified_gmt":"[^"]*"`)

// edited is a later state of the same order.
func (d delivery) edited(state int) delivery {
	d.body = modified.ReplaceAll(slices.Clone(d.body), fmt.Appendf(nil, `"date_modified_gmt":"2026-12-01T00:00:%02d"`, state))
	d.body = note.ReplaceAll(d.body, fmt.Appendf(nil, `"customer_note":"edit %d"`, state))
	d.wire = request(d.order*10+state, d.body)
	return d
}

var note = regexp.MustCompile(`"customer_note":"[^"]*"`)

// moving lets the account's limit change while another integration takes slots at random, with a backlog throughout.
func (b bench) moving(ctx context.Context) error {
	span, settle := 3*time.Minute, 30*time.Second
	if b.quick {
		span, settle = 6*time.Second, 2*time.Second
	}
	n := int(1.2 * float64(span/answerTime) * (5 + 15 + 3))
	return b.with(ctx, func(p *pipeline) error {
		list := b.template.deliveries(customers+1, n)
		if err := p.tell(list); err != nil {
			return err
		}
		release, err := p.gather(ctx, list)
		if err != nil {
			return err
		}
		var all shared
		for i, limit := range []int{5, 15, 3} {
			if err := p.NetSuite.SetFaults(netsuitesim.Faults{
				Seed: 1, LatencyMs: slow.LatencyMs, ConcurrencyLimit: limit, Others: &netsuitesim.Others{Max: min(3, limit-2), PeriodMs: 60_000},
			}); err != nil {
				return err
			}
			if i == 0 {
				if err := release(); err != nil {
					return err
				}
			}
			wait(ctx, settle)
			p.NetSuite.ResetUsage()
			before := p.NetSuite.Stats()
			wait(ctx, span-settle)
			now := p.NetSuite.Stats()
			one := shared{now.SlotSeconds, now.FreeSeconds, now.ByStatus["429"] - before.ByStatus["429"], now.Requests - before.Requests}
			fmt.Fprintf(b.out, "limit %2d, others take 0 to %d at random               %s\n", limit, min(3, limit-2), one)
			all = shared{all.used + one.used, all.free + one.free, all.refused + one.refused, all.requests + one.requests}
		}
		fmt.Fprintf(b.out, "all limits                                           %s\n", all)
		return ctx.Err()
	}, singly, func(o *demo.Options) { o.Slots = 15 })
}

// shared is what an account showed that is shared with another integration.
type shared struct {
	used, free        float64 // slot-seconds
	refused, requests int
}

func (s shared) String() string {
	return fmt.Sprintf("%5.1f %% of free slots used, %.2f %% of calls answered 429", 100*s.used/s.free, 100*float64(s.refused)/float64(s.requests))
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

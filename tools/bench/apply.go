package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// apply measures the way of live orders alone and, in the same run, while a replay of history is applied.
func (b bench) apply(ctx context.Context) (err error) {
	const latency, perSecond = 100 * time.Millisecond, 10
	fmt.Fprintf(b.out, "\nlive orders, %d per s, beside a replay; every NetSuite call takes %v and holds one of %d slots\n", perSecond, latency, slots)
	p, err := start(ctx, b.template, singly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	first, history, live := customers+1, b.scaled(600), b.scaled(200)
	if err := p.past(ctx, first, history); err != nil {
		return err
	}
	if err := p.NetSuite.SetFaults(netsuitesim.Faults{LatencyMs: int(latency.Milliseconds())}); err != nil {
		return err
	}
	alone, _, _, err := p.latency(ctx, first+history, live, perSecond)
	if err != nil {
		return err
	}
	plan, err := p.plan(ctx)
	if err != nil {
		return err
	}
	applied := make(chan error, 1)
	began := time.Now()
	var took time.Duration
	go func() {
		done, err := replay.Apply(ctx, p.JS, plan.Hash, "bench", "", nil)
		if took = time.Since(began); err == nil && done.Published != plan.Changed {
			err = fmt.Errorf("%d of %d changes applied", done.Published, plan.Changed)
		}
		applied <- err
	}()
	beside, _, _, err := p.latency(ctx, first+history+live, live, perSecond)
	if err := errors.Join(err, <-applied); err != nil {
		return err
	}
	b.compare(alone, beside)
	fmt.Fprintf(b.out, "%d changes applied in %.1f s\n", plan.Changed, took.Seconds())
	return nil
}

// beside is crowd with a history that is there in a minute: more of it than the replay applies meanwhile.
func (b bench) beside(ctx context.Context) error { return b.amid(ctx, b.scaled(5_000)) }

// crowd measures live orders beside a replay of a long history.
func (b bench) crowd(ctx context.Context) error { return b.amid(ctx, b.scaled(50_000)) }

// amid measures the way of live orders alone and then while a replay of a history runs, which it does not wait for.
func (b bench) amid(ctx context.Context, history int) (err error) {
	const latency, perSecond = 100 * time.Millisecond, 10
	p, err := start(ctx, b.template, singly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	first, live := customers+1, b.scaled(600)
	fmt.Fprintf(b.out, "\nlive orders, %d per s, beside a replay of %d; every NetSuite call takes %v and holds one of %d slots\n", perSecond, history, latency, slots)
	if err := p.past(ctx, first, history); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "load %s\n", machineLoad())
	if err := p.NetSuite.SetFaults(netsuitesim.Faults{LatencyMs: int(latency.Milliseconds())}); err != nil {
		return err
	}
	alone, err := uncollected(func() (way, error) { return p.live(ctx, first+history, live, perSecond) })
	if err != nil {
		return err
	}
	plan, err := p.plan(ctx)
	if err != nil {
		return err
	}
	apply, stop := context.WithCancel(ctx)
	applied := make(chan int, 1)
	go func() {
		done, _ := replay.Apply(apply, p.JS, plan.Hash, "bench", "", nil) // stopped in the middle
		applied <- done.Published
	}()
	beside, err := uncollected(func() (way, error) { return p.live(ctx, first+history+live, live, perSecond) })
	stop()
	published := <-applied
	if err != nil {
		return err
	}
	if published == plan.Changed {
		return fmt.Errorf("the replay of %d orders ended before the live orders did: they were not all beside it", published)
	}
	b.compare(alone, beside)
	fmt.Fprintf(b.out, "%d of %d changes applied meanwhile; load %s\n", published, plan.Changed, machineLoad())
	return nil
}

// uncollected collects garbage before it measures, and not while: the doubles hold some gigabytes of history in this process,
// and marking those takes both cores for seconds.
func uncollected(measure func() (way, error)) (way, error) {
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	return measure()
}

// compare prints the way of live orders alone and beside a replay: until NetSuite is asked, until it has answered, and from
// step to step.
func (b bench) compare(alone, beside way) {
	type pair struct {
		name          string
		alone, beside result
	}
	pairs := []pair{{"until NetSuite is asked", alone.asked, beside.asked}, {"until NetSuite has answered", alone.answered, beside.answered}}
	for i := range alone.steps {
		pairs = append(pairs, pair{"to " + steps[i], alone.steps[i], beside.steps[i]})
	}
	for _, end := range pairs {
		fmt.Fprintf(b.out, "%-27s %4d orders", end.name, end.alone.count)
		for _, q := range []float64{0.5, 0.99} {
			a, with := end.alone.quantile(q), end.beside.quantile(q)
			fmt.Fprintf(b.out, "   p%.0f alone %9s  beside %9s  %.2f times", 100*q, millis(a), millis(with), float64(with)/float64(a))
		}
		fmt.Fprintln(b.out)
	}
}

// past sends orders and waits until NetSuite holds them.
func (p *pipeline) past(ctx context.Context, first, n int) error {
	list, err := p.prepare(first, n)
	if err != nil {
		return err
	}
	if _, err := closed(p.door(), 16, list); err != nil {
		return err
	}
	return p.synced(ctx, first-1+n)
}

// plan keeps a plan that changes every order of history.
func (p *pipeline) plan(ctx context.Context) (replay.Plan, error) {
	document := bytes.Replace(ordersAlone, []byte(`"WooCommerce order " + order.number`), []byte(`"Woo " + order.number`), 1)
	candidate, err := mapping.Compile(document)
	if err != nil {
		return replay.Plan{}, err
	}
	plan, err := replay.Make(ctx, p.JS, candidate, replay.Request{Slots: slots}, nil)
	if err != nil {
		return replay.Plan{}, err
	}
	return plan, replay.Save(ctx, p.JS, plan, document)
}

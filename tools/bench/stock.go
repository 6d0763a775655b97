package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// stockCase is one way to change many quantities.
type stockCase struct {
	skus, variations int // variations in each product; 0: products of their own
	latency          time.Duration
	concurrency      int // requests that the shop allows at once; stock has one less
}

func (c stockCase) String() string {
	what := "products"
	if c.variations > 0 {
		what = fmt.Sprintf("variations, %d a product", c.variations)
	}
	return fmt.Sprintf("%d %s, shop %v, %d of its %d requests", c.skus, what, c.latency, c.concurrency-1, c.concurrency)
}

// stock measures how long it takes until what NetSuite counts is what the shop may sell: SKUs that are looked for first, and
// the same when their places are known.
func (b bench) stock(ctx context.Context) error {
	fmt.Fprintf(b.out, "\nstock counted in NetSuite → written to the shop; polls every %v, NetSuite takes 0 ms\n", time.Duration(stockEvery))
	const usual = 4 // the default of stores.<s>.concurrency
	for _, c := range []stockCase{
		{b.scaled(50_000), 0, 0, usual}, {b.scaled(10_000), 5, 0, usual},
		{b.scaled(10_000), 0, 300 * time.Millisecond, 2}, {b.scaled(10_000), 0, 300 * time.Millisecond, usual},
	} {
		if err := b.with(ctx, func(p *pipeline) error { return b.counted(ctx, p, c) }, c.setUp); err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
	}
	return nil
}

// stockEvery is the time between two polls of stock, in nanoseconds.
const stockEvery = 1_000_000_000

func (c stockCase) setUp(o *demo.Options) {
	o.Stock = true
	o.Adjust = func(h *host.Config) {
		account := h.Accounts[demo.Account]
		account.Watch.Poll, account.Watch.Fast, account.Watch.Idle = "off", stockEvery, stockEvery
		account.Watch.SKUs = "BENCH-%"
		h.Accounts[demo.Account] = account
		for key, store := range h.Stores {
			store.Concurrency, store.Stock.Locations = c.concurrency, []string{"1"}
			h.Stores[key] = store
		}
	}
}

// counted lets NetSuite count everything twice and waits each time until the shop has it.
func (b bench) counted(ctx context.Context, p *pipeline, c stockCase) error {
	skus := make([]string, c.skus)
	for i := range skus {
		skus[i] = fmt.Sprintf("BENCH-%06d", i)
		if _, err := p.NetSuite.PutItem(netsuitesim.Item{SKU: skus[i]}); err != nil {
			return err
		}
	}
	if err := p.Shop.Stock(shopsim.Assortment{Store: "main", SKUs: skus, Variations: c.variations}); err != nil {
		return err
	}
	if err := p.Shop.SetFaults(shopsim.Faults{LatencyMS: int(c.latency.Milliseconds())}); err != nil {
		return err
	}
	for round, name := range []string{"first", "again"} {
		took, err := p.count(ctx, skus, 10+round)
		if err != nil {
			return err
		}
		fmt.Fprintf(b.out, "%-70s %s %7.1f s, %5.0f SKUs/s   shop: %d GET, %d POST   NetSuite: %d calls\n", c, name, took.time.Seconds(), float64(c.skus)/took.time.Seconds(), took.gets, took.posts, took.netsuite)
	}
	return nil
}

// took is what a change of stock cost.
type took struct {
	time                  time.Duration
	gets, posts, netsuite int
}

// count has NetSuite count so many of each SKU.
func (p *pipeline) count(ctx context.Context, skus []string, units int) (t took, err error) {
	stream, err := p.streams(ctx, topology.ShopOutcomes)
	if err != nil {
		return t, err
	}
	before, err := stream.Info(ctx)
	if err != nil {
		return t, err
	}
	counted := make([]netsuitesim.Stock, len(skus))
	for i, sku := range skus {
		counted[i] = netsuitesim.Stock{SKU: sku, Location: "1", OnHand: json.Number(fmt.Sprint(units))}
	}
	began, asked := time.Now(), p.NetSuite.Stats().Requests
	if _, err := p.NetSuite.SetStocks(counted); err != nil {
		return t, err
	}
	err = until(ctx, func() (bool, error) {
		now, err := stream.Info(ctx)
		return err == nil && now.State.LastSeq-before.State.LastSeq >= uint64(len(skus)), err
	})
	t.time, t.netsuite = time.Since(began), p.NetSuite.Stats().Requests-asked
	t.gets, t.posts = p.productCalls(began)
	if err != nil {
		return t, err
	}
	return t, p.sells(skus, units)
}

// productCalls counts what the shop was asked about products since a time.
func (p *pipeline) productCalls(since time.Time) (gets, posts int) {
	for _, e := range p.Shop.Log() {
		switch {
		case e.Kind != shopsim.Requested || e.Time.Before(since):
		case e.Method == "GET":
			gets++
		default:
			posts++
		}
	}
	return gets, posts
}

// sells tells whether the shop shows so many of each SKU.
func (p *pipeline) sells(skus []string, units int) error {
	shown, err := p.Shop.Quantities("main")
	if err != nil {
		return err
	}
	for _, sku := range skus {
		if shown[sku] != int64(units) {
			return fmt.Errorf("the shop shows %d of %s, want %d", shown[sku], sku, units)
		}
	}
	return nil
}

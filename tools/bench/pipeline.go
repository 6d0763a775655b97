package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// ordersAlone is the shipped mapping without deposits, so that calls per order mean those of the sales order.
var ordersAlone = bytes.Replace(mapping.Default, []byte("\n  policy: deposit\n"), []byte("\n  policy: order\n"), 1)

// slots are the requests NetSuite takes at once, its default.
const slots = 5

// pipeline is a running Orderstream with its doubles, JetStream fsyncing each message.
type pipeline struct {
	*demo.Demo
	template template
	remove   func() error
	known    map[string]jetstream.Stream
}

// start runs one whose NetSuite knows the customers and whose writer knows customers, items and codes.
func start(ctx context.Context, t template, adjust ...func(*demo.Options)) (p *pipeline, err error) {
	dir, remove, err := scratch()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "mapping.yaml")
	if err := os.WriteFile(file, ordersAlone, 0o600); err != nil {
		return nil, errors.Join(err, remove())
	}
	const any = "127.0.0.1:0"
	options := demo.Options{
		Dir: dir, Stores: []string{"main"}, Ingest: any, Health: any, NetSuite: any, Shop: any, NATS: any, SyncEach: true, Slots: slots, Mute: true, Mapping: file,
		Log: slog.New(slog.DiscardHandler),
	}
	for _, change := range adjust {
		change(&options)
	}
	d, err := demo.Start(ctx, options)
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	p = &pipeline{d, t, remove, map[string]jetstream.Stream{}}
	warm, err := p.prepare(1, customers)
	if err == nil {
		_, err = closed(p.door(), 4, warm)
	}
	if err == nil {
		err = p.synced(ctx, customers)
	}
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (p *pipeline) stop() error {
	p.Stop()
	return p.remove()
}

func (p *pipeline) door() string { return strings.TrimPrefix(p.Facts.Ingest, "http://") }

// prepare makes n deliveries and gives their orders to the shop, which is told about each.
func (p *pipeline) prepare(first, n int) ([]delivery, error) {
	list := p.template.deliveries(first, n)
	return list, p.tell(list)
}

// tell gives the shop the orders of deliveries.
func (p *pipeline) tell(list []delivery) error {
	for _, d := range list {
		if _, err := p.Shop.Load(shopsim.Load{Store: "main", Order: d.body}); err != nil {
			return fmt.Errorf("load order %d into the shop: %w", d.order, err)
		}
	}
	return nil
}

// synced waits until every stage has nothing left to do and NetSuite holds so many sales orders.
func (p *pipeline) synced(ctx context.Context, orders int) error {
	return until(ctx, func() (bool, error) {
		if p.NetSuite.Stats().Records["salesOrder"] < orders {
			return false, nil
		}
		for _, c := range [][2]string{{topology.Desired, topology.WriterOf(demo.Account)}, {topology.Outcomes, topology.ConsumerPublish}} {
			left, err := p.left(ctx, c[0], c[1])
			if left > 0 || err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// left counts the messages a consumer has before it.
func (p *pipeline) left(ctx context.Context, stream, durable string) (int, error) {
	consumer, err := p.JS.Consumer(ctx, stream, durable)
	if err != nil {
		return 0, err
	}
	info := consumer.CachedInfo()
	return int(info.NumPending) + info.NumAckPending, nil
}

// puts gives the first PUT of each sales order that counts, by externalId.
func (p *pipeline) puts(counts func(netsuitesim.Entry) bool) map[string]netsuitesim.Entry {
	first := map[string]netsuitesim.Entry{}
	for _, e := range p.NetSuite.Log("salesorder/eid:", 0) {
		path, _, _ := strings.Cut(e.Path, "?")
		id := strings.ToLower(path[strings.LastIndex(path, "eid:")+len("eid:"):])
		if _, seen := first[id]; e.Method == "PUT" && !seen && counts(e) {
			first[id] = e
		}
	}
	return first
}

func reached(netsuitesim.Entry) bool { return true }

func accepted(e netsuitesim.Entry) bool { return e.Status < 300 && !e.Dropped }

// answered is when NetSuite had answered a request.
func answered(e netsuitesim.Entry) time.Time {
	return e.Time.Add(time.Duration(e.Milliseconds * float64(time.Millisecond)))
}

// way is how long orders took from the intended sending of their webhooks until their sales-order PUTs reached NetSuite,
// and until it had answered the PUT it accepted; and, where it was asked for, from step to step.
type way struct {
	asked, answered result
	steps           []result
}

// latency posts at a fixed rate and gives the way of the orders, their time from step to step, and NetSuite calls per order.
func (p *pipeline) latency(ctx context.Context, first, n int, perSecond float64) (whole way, stages []result, calls float64, err error) {
	list, err := p.prepare(first, n)
	if err != nil {
		return way{}, nil, 0, err
	}
	before, held := p.NetSuite.Stats(), first-1
	sent, err := p.pace(list, perSecond)
	if err != nil {
		return way{}, nil, 0, err
	}
	if err := p.synced(ctx, held+n); err != nil {
		return way{}, nil, 0, err
	}
	put, whole, err := p.arrivals(list, sent)
	if err != nil {
		return way{}, nil, 0, err
	}
	if stages, err = p.stages(ctx, list, sent, put); err != nil {
		return way{}, nil, 0, err
	}
	return whole, stages, float64(p.NetSuite.Stats().Requests-before.Requests) / float64(n), nil
}

// pace posts at a fixed rate and gives when each was to be sent.
func (p *pipeline) pace(list []delivery, perSecond float64) (sent []time.Time, err error) {
	began := time.Now().Add(50 * time.Millisecond)
	sent = make([]time.Time, len(list))
	_, err = drive(p.door(), 16, list, func(i int) time.Time {
		sent[i] = began.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		time.Sleep(time.Until(sent[i]))
		return sent[i]
	})
	return sent, err
}

// arrivals gives when the orders' PUTs reached NetSuite, and the way until then.
func (p *pipeline) arrivals(list []delivery, sent []time.Time) (put []time.Time, w way, err error) {
	first, taken := p.puts(reached), p.puts(accepted)
	asked, done := make([]time.Duration, len(list)), make([]time.Duration, len(list))
	put = make([]time.Time, len(list))
	for i, d := range list {
		name := fmt.Sprintf("wc-so-main-%d", d.order)
		entry, is := taken[name]
		if !is {
			return nil, way{}, fmt.Errorf("order %d: NetSuite's log shows no PUT that it accepted", d.order)
		}
		put[i] = first[name].Time
		asked[i], done[i] = put[i].Sub(sent[i]), answered(entry).Sub(sent[i])
	}
	return put, way{asked: finish(sent[0], asked), answered: finish(sent[0], done)}, nil
}

// live is latency without waiting for what else is under way.
func (p *pipeline) live(ctx context.Context, first, n int, perSecond float64) (way, error) {
	list, err := p.prepare(first, n)
	if err != nil {
		return way{}, err
	}
	sent, err := p.pace(list, perSecond)
	if err == nil { // a request is in the log once it is answered
		err = until(ctx, func() (bool, error) { return p.logged(list), nil })
	}
	if err != nil {
		return way{}, err
	}
	put, w, err := p.arrivals(list, sent)
	if err != nil {
		return way{}, err
	}
	w.steps, err = p.stages(ctx, list, sent, put)
	return w, err
}

// logged tells whether NetSuite has accepted the PUT of each delivery's order.
func (p *pipeline) logged(list []delivery) bool {
	puts := p.puts(accepted)
	return !slices.ContainsFunc(list, func(d delivery) bool {
		_, is := puts[fmt.Sprintf("wc-so-main-%d", d.order)]
		return !is
	})
}

// singly writes each order by itself, whatever waits.
func singly(o *demo.Options) {
	o.Adjust = func(c *host.Config) {
		a := c.Accounts[demo.Account]
		a.Batches = "off"
		c.Accounts[demo.Account] = a
	}
}

// drained is what the drain of a backlog showed.
type drained struct {
	orders        int
	took, ideal   time.Duration
	callsPerOrder float64
	maxInFlight   int
}

// drain lets a backlog gather while the writer's consumer is paused, then measures from its release until the
// answer to the last sales-order PUT. Every NetSuite call takes latency with its slot held.
func (p *pipeline) drain(ctx context.Context, first, n int, latency time.Duration) (drained, error) {
	list, err := p.prepare(first, n)
	if err != nil {
		return drained{}, err
	}
	release, err := p.gather(ctx, list)
	if err != nil {
		return drained{}, err
	}
	if err := p.NetSuite.SetFaults(netsuitesim.Faults{LatencyMs: int(latency.Milliseconds())}); err != nil {
		return drained{}, err
	}
	before, released := p.NetSuite.Stats(), time.Now()
	if err := release(); err != nil {
		return drained{}, err
	}
	if err := p.synced(ctx, first-1+n); err != nil {
		return drained{}, fmt.Errorf("drain of %d: %w", n, err)
	}
	return p.account(list, released, before, latency)
}

// gather lets the orders of deliveries wait before a paused writer.
func (p *pipeline) gather(ctx context.Context, list []delivery) (release func() error, err error) {
	writer := topology.WriterOf(demo.Account)
	if _, err := p.JS.PauseConsumer(ctx, topology.Desired, writer, time.Now().Add(time.Hour)); err != nil {
		return nil, err
	}
	if _, err := closed(p.door(), 16, list); err != nil {
		return nil, err
	}
	orders := map[int]bool{}
	for _, d := range list {
		orders[d.order] = true
	}
	if err := until(ctx, func() (bool, error) { return p.mapped(ctx, len(orders)) }); err != nil {
		return nil, fmt.Errorf("backlog of %d: %w", len(orders), err)
	}
	return func() error {
		_, err := p.JS.ResumeConsumer(ctx, topology.Desired, writer)
		return err
	}, nil
}

// mapped tells whether the deliveries have become desired states of so many orders.
func (p *pipeline) mapped(ctx context.Context, orders int) (bool, error) {
	for _, c := range [][2]string{{topology.Woo, topology.ConsumerParse}, {topology.Orders, topology.ConsumerMap}} {
		if left, err := p.left(ctx, c[0], c[1]); left > 0 || err != nil {
			return false, err
		}
	}
	left, err := p.left(ctx, topology.Desired, topology.WriterOf(demo.Account))
	return left >= orders, err
}

func (p *pipeline) account(list []delivery, released time.Time, before netsuitesim.Stats, latency time.Duration) (drained, error) {
	puts, end := p.puts(reached), released
	for _, d := range list {
		put, is := puts[fmt.Sprintf("wc-so-main-%d", d.order)]
		if !is {
			return drained{}, fmt.Errorf("order %d: NetSuite's log shows no PUT", d.order)
		}
		if at := answered(put); at.After(end) {
			end = at
		}
	}
	after := p.NetSuite.Stats()
	return drained{
		orders: len(list), took: end.Sub(released), ideal: time.Duration(len(list)) * latency / slots,
		callsPerOrder: float64(after.Requests-before.Requests) / float64(len(list)), maxInFlight: after.MaxInFlight,
	}, nil
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/services/transformer/parse"
)

// replay plans a mapping change over stored history and shows how time and memory grow with it.
func (b bench) replay(ctx context.Context) error {
	fmt.Fprintln(b.out, "\nreplay plan: every stored order is mapped again with a candidate that changes one field, and compared")
	for _, n := range []int{10_000, 30_000, 100_000} {
		if err := b.planned(ctx, b.scaled(n)); err != nil {
			return fmt.Errorf("%d orders: %w", b.scaled(n), err)
		}
	}
	return nil
}

func (b bench) planned(ctx context.Context, n int) (err error) {
	dir, remove, err := scratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	url, stop, err := serverApart(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	conn, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	if err := topology.Ensure(ctx, js, topology.Of(topology.Params{Replicas: 1, Accounts: []string{"demo"}, Retention: 400 * 24 * time.Hour, MaxBytes: -1})); err != nil {
		return err
	}
	if err := b.history(ctx, js, n); err != nil {
		return err
	}
	candidate, err := mapping.Compile(bytes.Replace(mapping.Default, []byte(`"WooCommerce order " + order.number`), []byte(`"Woo " + order.number`), 1))
	if err != nil {
		return err
	}
	before, peak := watchHeap()
	started := time.Now()
	plan, err := replay.Make(ctx, js, candidate, replay.Request{Slots: slots}, nil)
	took, most := time.Since(started), peak()
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "%7d orders, %7d change   %6.1f s  %6.0f orders/s   heap %4d MB before it, at most %4d MB   hash %s\n",
		plan.Looked, plan.Changed, took.Seconds(), float64(plan.Looked)/took.Seconds(), before>>20, most>>20, plan.Hash)
	return nil
}

// history stores n orders as parse, map and the writer leave them: event, desired state, and an outcome that says that
// NetSuite holds it.
func (b bench) history(ctx context.Context, js jetstream.JetStream, n int) error {
	m, err := mapping.Compile(mapping.Default)
	if err != nil {
		return err
	}
	for first := 1; first <= n; first += 1000 {
		for i, d := range b.template.deliveries(first, min(1000, n-first+1)) {
			if err := store(js, m, d, uint64(first+i)); err != nil {
				return err
			}
		}
		select {
		case <-js.PublishAsyncComplete():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func store(js jetstream.JetStream, m *mapping.Mapping, d delivery, sequence uint64) error {
	facts := event.WebhookReceivedV1{Store: "main", Topic: "order.created", Resource: "order", Event: "created", ReceivedAt: time.Unix(0, 0).UTC(), Origin: event.OriginWebhook}
	result, err := parse.Read(parse.Delivery{Facts: facts, Sequence: sequence, Body: d.body})
	if err != nil {
		return err
	}
	state, _, _, err := parse.Next(nil, *result.Order)
	if err != nil || state == nil {
		return errors.Join(errors.New("the sample must be an order"), err)
	}
	desired, err := m.Map(*state, mapping.Context{Account: "demo", Sequence: sequence, Published: 1})
	if err != nil {
		return err
	}
	outcome := synced(desired, sequence)
	for name, body := range map[string]any{
		subject.Sync{Account: "demo", Store: "main", Order: state.Order}.String():                 outcome,
		subject.Order{Kind: state.Kind, Store: "main", Order: state.Order}.String():               *state,
		subject.Desired{Kind: "order", Account: "demo", Store: "main", Key: state.Order}.String(): desired,
	} {
		data, err := codec.Encode(body)
		if err != nil {
			return err
		}
		if _, err := js.PublishAsync(name, data); err != nil {
			return err
		}
	}
	return nil
}

// synced is the outcome of an order that NetSuite holds.
func synced(d event.DesiredOrderV1, sequence uint64) event.SyncRecordedV1 {
	at := time.Unix(int64(sequence), 0).UTC()
	id := fmt.Sprint(1000 + sequence)
	lines := make([]event.LedgerLine, len(d.SalesOrder.Lines))
	for i, l := range d.SalesOrder.Lines {
		lines[i] = event.LedgerLine{Key: l.Key, Line: fmt.Sprint(i + 1), Amount: l.Amount}
	}
	calls := []event.Call{
		{Method: "PUT", Path: "/record/v1/salesOrder/eid:" + d.SalesOrder.ExternalID, Status: 204, At: at, Millis: 250, Purpose: "upsert sales order"},
		{Method: "POST", Path: "/query/v1/suiteql", Status: 200, At: at, Millis: 250, Purpose: "verify", Grouped: 20},
	}
	return event.SyncRecordedV1{
		Envelope: event.Envelope{Type: "sync.v1.recorded", ID: "sync:" + id, Store: d.Store, Time: at}, Account: d.Account, Order: d.Order, Number: d.Number,
		Kind:    event.OutcomeSynced,
		Desired: event.DesiredTaken{Sequence: sequence, Orders: sequence, Status: d.Source.Status, Hash: d.Hash, Mapping: d.Source.Mapping, Revision: d.Source.Revision, Rule: d.Policy.Rule},
		Ledger: event.Ledger{SalesOrder: &event.LedgerOrder{
			RecordID: event.RecordID{ID: id, ExternalID: d.SalesOrder.ExternalID}, TranID: "SO" + id, Status: "B", Total: d.Expected.Total, Lines: lines,
			AppliedHash: d.Hash, Revision: d.Source.Revision, VerifiedAt: at,
		}},
		Calls: calls,
	}
}

// watchHeap gives the heap in use after a collection, and samples it until the returned function is called, which gives
// the most it held.
func watchHeap() (before uint64, peak func() uint64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before = m.HeapInuse
	done := make(chan struct{})
	most := before
	var sampling sync.WaitGroup
	sampling.Go(func() {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-ticker.C:
			case <-done:
				return
			}
		}
	})
	return before, func() uint64 { close(done); sampling.Wait(); return most }
}

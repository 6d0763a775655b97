package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
)

// steps are the places of an order's way, in order; the last is the sales-order PUT.
var steps = []string{topology.Woo, topology.Orders, topology.Desired, "PUT"}

// passed gives the time an order was stored at each step, the PUT apart.
func (p *pipeline) passed(ctx context.Context, order string) ([]time.Time, error) {
	var at []time.Time
	for _, place := range [][2]string{
		{topology.Woo, subject.WebhooksOfOrder("main", order)}, {topology.Orders, subject.OrdersOf("main", order)}, {topology.Desired, subject.DesiredOf("main", order)},
	} {
		stream, err := p.streams(ctx, place[0])
		if err != nil {
			return nil, err
		}
		m, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(place[1]))
		if err != nil {
			return nil, fmt.Errorf("%s of order %s: %w", place[0], order, err)
		}
		at = append(at, m.Time)
	}
	return at, nil
}

func (p *pipeline) streams(ctx context.Context, name string) (jetstream.Stream, error) {
	if p.known[name] == nil {
		stream, err := p.JS.Stream(ctx, name)
		if err != nil {
			return nil, err
		}
		p.known[name] = stream
	}
	return p.known[name], nil
}

// stages gives how long the orders took to each step from the one before it.
func (p *pipeline) stages(ctx context.Context, list []delivery, sent, put []time.Time) ([]result, error) {
	times := make([][]time.Duration, len(steps))
	for i, d := range list {
		at, err := p.passed(ctx, fmt.Sprint(d.order))
		if err != nil {
			return nil, errors.Join(errors.New("where the time went"), err)
		}
		before := sent[i]
		for step, now := range append(at, put[i]) {
			times[step] = append(times[step], now.Sub(before))
			before = now
		}
	}
	results := make([]result, len(steps))
	for i := range times {
		slices.Sort(times[i])
		results[i] = result{count: len(times[i]), times: times[i]}
	}
	return results, nil
}

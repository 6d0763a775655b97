package operate_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// A plan made while orders arrive has each order once: one that changed before it was looked at with its newest state, one
// that changed afterwards as it was looked at, which the plan says. It ends where the last state is gone meanwhile.
func TestAPlanIsMadeWhileOrdersArrive(t *testing.T) {
	const n = 800 // more than is read ahead
	p := newPlant(t)
	p.transformer()
	p.deliverAll(10000, n)
	states := p.desired(n)
	ctx := natstest.Context(t)
	stream, err := p.JS.Stream(ctx, topology.Desired)
	if err != nil {
		t.Fatal(err)
	}
	first, last := orderOf(t, states[0]), orderOf(t, states[n-1])
	later := []string{`"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"2026-12-01T00:00:00"`, `"customer_note":""`, `"customer_note":"later"`}
	plan, seen := p.planned(ctx, func() {
		for i, name := range []string{first, last} {
			id, err := strconv.Atoi(name)
			if err != nil {
				t.Fatal(err)
			}
			p.deliver(id, later...)
			p.until("the order has a new state", func() bool {
				info, err := stream.Info(ctx)
				return err == nil && info.State.LastSeq == uint64(n+1+i)
			})
		}
	})
	if plan.Looked != n || len(seen) != n || plan.Moved != 1 {
		t.Errorf("%d orders looked at, %d with changes, %d changed afterwards; want %d, %d and one", plan.Looked, len(seen), plan.Moved, n, n)
	}
	for order, source := range map[string]uint64{first: states[0].Sequence, last: uint64(n + 2)} {
		if len(seen[order]) != 1 || seen[order][0] != source {
			t.Errorf("order %s: changes of its states %v, want of %d alone", order, seen[order], source)
		}
	}
	if plan, seen = p.planned(ctx, func() {
		if err := stream.DeleteMsg(ctx, n+2); err != nil {
			t.Fatal(err)
		}
	}); plan.Looked != n-1 || len(seen) != n-1 {
		t.Errorf("%d orders looked at, %d with changes; want %d without the one that is gone", plan.Looked, len(seen), n-1)
	}
}

func orderOf(t *testing.T, m *jetstream.RawStreamMsg) string {
	t.Helper()
	d, err := codec.Decode[event.DesiredOrderV1](m.Data)
	if err != nil {
		t.Fatal(err)
	}
	return d.Order
}

// planned makes a plan, in the middle of which something happens, and gives the states in DESIRED that each order's changes
// replace.
func (p *plant) planned(ctx context.Context, middle func()) (replay.Plan, map[string][]uint64) {
	p.t.Helper()
	candidate, err := mapping.Compile(second)
	if err != nil {
		p.t.Fatal(err)
	}
	plan, err := replay.Make(ctx, p.JS, candidate, replay.Request{}, func(done, _ int) {
		if done == 20 {
			middle()
		}
	})
	if err != nil {
		p.t.Fatal(err)
	}
	seen := map[string][]uint64{}
	for c, err := range plan.Changes() {
		if err != nil {
			p.t.Fatal(err)
		}
		seen[c.Order] = append(seen[c.Order], c.Desired)
	}
	return plan, seen
}

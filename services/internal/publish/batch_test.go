package publish_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// From 14 messages on one atomic batch is sent; fewer, and more than the server takes, go singly.
func TestBatchSizes(t *testing.T) {
	for n, atomic := range map[int]bool{0: false, 1: false, 13: false, 14: true, 1000: true, 1001: false} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			server := natstest.Start(t)
			list := deliveries(n)
			got, err := publish.New(server.JS).PublishBatch(natstest.Context(t), list)
			if err != nil || got != n {
				t.Fatalf("%d, %v, want %d", got, err, n)
			}
			if diff := cmp.Diff(idsOf(list), stored(t, server)); diff != "" {
				t.Error(diff)
			}
			if n == 0 {
				return
			}
			last := server.Next(t, topology.Woo, subject.WebhookAll, uint64(n)-1)
			if committed := last.Header.Get(jetstreamext.BatchCommitHeader) == "1"; committed != atomic {
				t.Errorf("sent as one batch: %v, want %v", committed, atomic)
			}
		})
	}
}

// Messages of a batch that cannot be stored together are sent singly; the count and the error name the first
// that is not confirmed, and only that one: whoever forwards sets exactly this message aside.
func TestBatchFallsBack(t *testing.T) {
	with := func(change func([]publish.Message)) []publish.Message {
		list := deliveries(20)
		change(list)
		return list
	}
	for name, c := range map[string]struct {
		before []publish.Message
		limit  func(*jetstream.StreamConfig)
		list   []publish.Message
		want   int // confirmed
		code   fault.Code
		stored []string
	}{
		"one was stored before (10201)": {
			before: []publish.Message{delivery(5, "id-5")}, list: deliveries(20), want: 20,
			stored: append([]string{"id-5"}, idsOf(slices.Delete(deliveries(20), 4, 5))...),
		},
		"all were stored before": {before: deliveries(20), list: deliveries(20), want: 20, stored: idsOf(deliveries(20))},
		"an id stands twice": {
			list: with(func(l []publish.Message) { l[9] = l[2] }), want: 20, stored: idsOf(slices.Delete(deliveries(20), 9, 10)),
		},
		"one is over max_payload": {
			list: with(func(l []publish.Message) { l[7].Data = make([]byte, 17<<20) }), want: 7, code: fault.RecordTooLarge, stored: idsOf(deliveries(7)),
		},
		"the last is over max_payload": {
			list: with(func(l []publish.Message) { l[19].Data = make([]byte, 17<<20) }), want: 19, code: fault.RecordTooLarge, stored: idsOf(deliveries(19)),
		},
		"one is over the stream's limit": {
			limit: func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 },
			list:  with(func(l []publish.Message) { l[3].Data = make([]byte, 1000) }), want: 3, code: fault.RecordTooLarge, stored: idsOf(deliveries(3)),
		},
		"the stream fills up": {
			limit: func(c *jetstream.StreamConfig) { c.MaxMsgs = 11 }, list: deliveries(20), want: 11, code: fault.StreamUnavailable, stored: idsOf(deliveries(11)),
		},
		"a condition holds": {
			list: with(func(l []publish.Message) { l[4].Expect = &publish.Expect{} }), want: 20, stored: idsOf(deliveries(20)),
		},
		"a condition fails": {
			list: with(func(l []publish.Message) { l[4].Expect = &publish.Expect{Sequence: 99} }), want: 4, code: fault.StreamConflict, stored: idsOf(deliveries(4)),
		},
		"meant for another stream": {
			list: with(func(l []publish.Message) { l[2].Stream = topology.Orders }), want: 2, code: fault.StreamUnavailable, stored: idsOf(deliveries(2)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := natstest.Start(t)
			p := publish.New(server.JS)
			if c.limit != nil {
				limit(t, server, c.limit)
			}
			if _, err := p.Publish(natstest.Context(t), c.before...); err != nil {
				t.Fatal(err)
			}
			got, err := p.PublishBatch(natstest.Context(t), c.list)
			if got != c.want || (err == nil) != (c.code == "") || err != nil && fault.CodeOf(err) != c.code {
				t.Errorf("%d confirmed, %v; want %d, %q", got, err, c.want, c.code)
			}
			if diff := cmp.Diff(c.stored, stored(t, server)); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}

// Invariant 2: whatever was stored before and however often an id stands in a batch, each id is stored once.
func TestBatchStoresEachIDOnce(t *testing.T) {
	server := natstest.Start(t)
	p := publish.New(server.JS)
	wanted := map[string]bool{}
	rapid.Check(t, func(r *rapid.T) {
		var list []publish.Message
		for _, n := range rapid.SliceOfN(rapid.IntRange(1, 400), 0, 40).Draw(r, "ids") {
			list = append(list, delivery(n, fmt.Sprint("id-", n)))
			wanted[fmt.Sprint("id-", n)] = true
		}
		if got, err := p.PublishBatch(natstest.Context(t), list); err != nil || got != len(list) {
			r.Fatalf("%d of %d confirmed, %v", got, len(list), err)
		}
	})
	if diff := cmp.Diff(slices.Sorted(maps.Keys(wanted)), slices.Sorted(slices.Values(stored(t, server)))); diff != "" {
		t.Error(diff)
	}
}

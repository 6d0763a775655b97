package statuspublisher

import (
	"context"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// What cannot be decoded is parked, an outcome as well as an entry of the shop's ledger.
func TestUnreadableMessagesAreParked(t *testing.T) {
	b := prepare(t, nil)
	shop := subject.Shop("main", event.ShopKindOrder, "36")
	b.store([]publish.Message{
		{Stream: topology.Outcomes, Subject: subject.Sync{Account: "ns", Store: "main", Order: "36"}.String(), ID: "broken outcome", Data: []byte("{")},
		{Stream: topology.ShopOutcomes, Subject: shop, ID: "broken entry", Data: []byte("{")},
	})
	ctx, stop := context.WithCancel(natstest.Context(t))
	var group errgroup.Group
	group.Go(func() error { return b.service.consumer.Run(ctx) })
	group.Go(func() error { return b.service.derive.Run(ctx) })
	parked, after := map[string]event.FailureParkedV1{}, uint64(0)
	for range 2 {
		raw := b.nats.Next(t, topology.Failures, subject.FailuresOf(StagePublish), after)
		entry, err := codec.Decode[event.FailureParkedV1](raw.Data)
		if err != nil {
			t.Fatal(err)
		}
		parked[entry.Message.Stream], after = entry, raw.Sequence
	}
	stop()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	for stream, key := range map[string]string{topology.Outcomes: "outcome-36", topology.ShopOutcomes: shop} {
		if entry := parked[stream]; entry.Key != key || entry.State != event.FailureParked || entry.Fault.Code != "message-undecodable" {
			t.Errorf("%s: %+v, want it parked", stream, entry)
		}
	}
}

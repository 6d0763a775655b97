package statuspublisher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/status-publisher/plan"
)

const (
	numbersWait = time.Minute // how long a status lets numbers that fail go first
	lookBack    = 32          // changes before a sales order's: the watcher tells an order's fulfilments right before it
)

// numbersFirst keeps a sales order's change for later while a fulfilment told before it is still on its way, with another
// process or to its next try: WooCommerce's mail of a status names the numbers that stand on the order then. Parked ones,
// and those that fail for long, hold nothing up.
func (s *Service) numbersFirst(ctx context.Context, c change) error {
	m := c.message
	if c.Kind != event.ChangeSalesOrder || s.stores[c.Store].WriteBack == "off" || c.rules.Status[c.Status] == "" || c.rules.Owner.Tracking != config.ByNetSuite || s.now().Sub(m.StoredAt) > numbersWait {
		return nil
	}
	at, err := s.unsettled(ctx, m.Sequence)
	for err == nil && at < m.Sequence {
		var f event.NetSuiteChangedV1
		if f, at, err = s.nextFulfilment(ctx, c.Account, at); err != nil || at >= m.Sequence {
			break
		}
		if err = s.untold(ctx, c, f, at); err == nil {
			at++
		}
	}
	return err
}

// unsettled is the first change before a position that may not be acknowledged yet.
func (s *Service) unsettled(ctx context.Context, before uint64) (uint64, error) {
	consumer, err := s.js.Consumer(ctx, topology.NetSuiteChanges, topology.ConsumerReturn)
	if err != nil {
		return 0, publish.Classify(err)
	}
	first := uint64(1)
	if before > lookBack {
		first = before - lookBack
	}
	return max(first, consumer.CachedInfo().AckFloor.Stream+1), nil
}

// nextFulfilment gives the first change of a fulfilment from a position on, and where it is.
func (s *Service) nextFulfilment(ctx context.Context, account string, from uint64) (f event.NetSuiteChangedV1, at uint64, err error) {
	const none = ^uint64(0)
	stream, err := s.stream(ctx, topology.NetSuiteChanges)
	if err != nil {
		return f, none, err
	}
	raw, err := stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(subject.ChangesFor(account, event.ChangeFulfilment)))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return f, none, nil
	case err != nil:
		return f, none, publish.Classify(err)
	}
	f, err = codec.Decode[event.NetSuiteChangedV1](raw.Data)
	if err != nil {
		return event.NetSuiteChangedV1{}, raw.Sequence, nil //nolint:nilerr // its own consumer parks it
	}
	return f, raw.Sequence, nil
}

// untold is the error of a fulfilment of the order whose numbers the shop does not have yet.
func (s *Service) untold(ctx context.Context, c change, f event.NetSuiteChangedV1, at uint64) error {
	numbers := plan.ShipmentOf(f, nil).Numbers
	if f.Store != c.Store || f.Order != c.Order || f.Deleted || f.Status != plan.Shipped || len(numbers) == 0 {
		return nil
	}
	e, err := s.open(ctx, c.Store, event.ShopKindFulfilment, c.Order+"-"+f.Record.ID)
	if err != nil || e.last != nil && e.last.State != event.ShopRetried && (e.last.Source.Sequence >= at || e.has(numbers)) {
		return err
	}
	return fault.New(fault.StreamConflict, "the numbers of a fulfilment are told first", fault.Field("itemFulfillment "+f.Record.ID, fmt.Sprint(at)))
}

// has tells whether the shop was told all of the numbers.
func (e entry) has(numbers []string) bool {
	return e.last.Deed != nil && !slices.ContainsFunc(numbers, func(n string) bool { return !slices.Contains(e.last.Deed.Tracking, n) })
}

package supply

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/status-publisher/plan"
)

// lookBack is how far before the shop ledger's last entry statuses are read at a start. Nothing is entered while no process
// runs, so this covers what the last one did not live to put right.
const lookBack = time.Hour

// moves tells whether the shop's own quantities move with a status that we give an order: WooCommerce puts back what the order
// took, or takes what it did not take before (wc_maybe_increase_stock_levels, wc_maybe_reduce_stock_levels). A status that a
// lost answer hides stands there already when it is tried again.
func moves(deed event.ShopDeed) bool {
	gives := deed.To == "cancelled" || deed.To == "pending"
	return gives && deed.Rule != plan.RuleFinal || takes(deed.To) && !takes(deed.From) && deed.Rule == ""
}

// takeStatus doubts what the shop was told of the goods of an order whose status we set: its own quantities moved by that, and
// nothing else may say so for as long as its webhooks take.
func (s *Supply) takeStatus(ctx context.Context, msg jetstream.Msg, _ *jetstream.MsgMetadata) error {
	entry, err := codec.Decode[event.ShopRecordedV1](msg.Data())
	if err != nil || entry.Deed == nil || !moves(*entry.Deed) {
		return err
	}
	order := subject.Desired{Kind: "order", Account: entry.Deed.Account, Store: entry.Store, Key: entry.Key}
	goods, err := s.newestGoods(ctx, order)
	if err != nil || len(goods) == 0 {
		return err
	}
	s.desks[entry.Store].mark(event.ShopKindStock, goods, true, false)
	return nil
}

// newestGoods names what the newest desired state of an order takes.
func (s *Supply) newestGoods(ctx context.Context, order subject.Desired) ([]string, error) {
	desired, _, err := s.newestDesired(ctx, order)
	if desired == nil || err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(desired.SalesOrder.Goods())), nil
}

// recently gives the time from which a ledger's entries are read at a start.
func (s *Supply) recently(ctx context.Context) (time.Time, error) {
	stream, err := s.options.JS.Stream(ctx, topology.ShopOutcomes)
	if err != nil {
		return time.Time{}, publish.Classify(err)
	}
	return stream.CachedInfo().State.LastTime.Add(-lookBack), nil
}

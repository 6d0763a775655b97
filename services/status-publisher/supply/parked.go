package supply

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// stageMap parks orders that no mapping can map: they have no desired state, and are sold all the same.
const stageMap = "map"

// takeFailure follows what is parked before it has a desired state.
func (s *Supply) takeFailure(ctx context.Context, msg jetstream.Msg, _ *jetstream.MsgMetadata) error {
	failure, err := codec.Decode[event.FailureParkedV1](msg.Data())
	if err != nil {
		return err
	}
	account := s.options.Config.Stores[failure.Store].Account
	if s.books[account] == nil || failure.Message.Stream != topology.Orders {
		return nil
	}
	goods, orders := map[string]money.Number{}, failure.Message.Sequence
	if failure.State == event.FailureParked || failure.State == event.FailureRetried {
		if goods, err = s.unmapped(ctx, account, failure); err != nil {
			return err
		}
	}
	s.mu.Lock()
	touched := s.books[account].Parked(account, failure.Store, failure.Key, orders, goods)
	s.mu.Unlock()
	s.mark(event.ShopKindStock, account, failure.Store, touched, false)
	return nil
}

// unmapped gives what a parked state of an order takes more than the state before it that could be mapped.
func (s *Supply) unmapped(ctx context.Context, account string, failure event.FailureParkedV1) (map[string]money.Number, error) {
	raw, err := s.message(ctx, topology.Orders, func(stream jetstream.Stream) (*jetstream.RawStreamMsg, error) {
		return stream.GetMsg(ctx, failure.Message.Sequence)
	})
	if raw == nil || err != nil {
		return nil, err
	}
	state, err := codec.Decode[event.OrderStateV1](raw.Data)
	if err != nil || !takes(state.Status) {
		return nil, err
	}
	goods := map[string]money.Number{}
	for _, line := range state.Lines {
		if item := s.itemOf(failure.Store, line.SKU); item != "" && line.Quantity.Sign() > 0 {
			goods[item] = goods[item].Add(line.Quantity)
		}
	}
	return s.beyond(ctx, goods, subject.Desired{Kind: "order", Account: account, Store: failure.Store, Key: state.Order}, failure.Message.Sequence)
}

// beyond takes off what the newest desired state of the order has already; nothing is left where that is of a later state.
func (s *Supply) beyond(ctx context.Context, goods map[string]money.Number, order subject.Desired, state uint64) (map[string]money.Number, error) {
	before, _, err := s.newestDesired(ctx, order)
	if before == nil && err == nil {
		return goods, nil
	}
	if err != nil || before.Source.Sequence >= state {
		return nil, err
	}
	for item, units := range before.SalesOrder.Goods() {
		if known, is := goods[item]; is {
			goods[item] = known.Sub(units)
		}
	}
	return goods, nil
}

// newestDesired gives the newest desired state of an order and its sequence; nil: there is none.
func (s *Supply) newestDesired(ctx context.Context, order subject.Desired) (*event.DesiredOrderV1, uint64, error) {
	raw, err := s.message(ctx, topology.Desired, func(stream jetstream.Stream) (*jetstream.RawStreamMsg, error) {
		return stream.GetLastMsgForSubject(ctx, order.String())
	})
	if raw == nil || err != nil {
		return nil, 0, err
	}
	desired, err := codec.Decode[event.DesiredOrderV1](raw.Data)
	return &desired, raw.Sequence, err
}

// takes tells whether WooCommerce takes stock for an order of a status.
func takes(status string) bool {
	switch status {
	case "processing", "on-hold", "completed":
		return true
	}
	return false
}

func (s *Supply) itemOf(store, sku string) string {
	if item, renamed := s.options.Config.Stores[store].Stock.SKUs[sku]; renamed {
		return item
	}
	return sku
}

// message reads one message; nil: it is gone.
func (s *Supply) message(ctx context.Context, name string, get func(jetstream.Stream) (*jetstream.RawStreamMsg, error)) (*jetstream.RawStreamMsg, error) {
	stream, err := s.options.JS.Stream(ctx, name)
	if err != nil {
		return nil, publish.Classify(err)
	}
	raw, err := get(stream)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil //nolint:nilnil // nothing is there, and that is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("read a message of %s: %w", name, publish.Classify(err))
	}
	return raw, nil
}

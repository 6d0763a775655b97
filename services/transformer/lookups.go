package transformer

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// lookups gives what a mapping asks for beside the order's event. Stock is followed, since an order asks for many items and
// the items are as many as NetSuite has; an account is read when an order asks for it, since accounts are without end.
// Whatever is given is recorded, so that what two transformers know may differ.
type lookups struct {
	js    jetstream.JetStream
	stock *stock
}

func newLookups(js jetstream.JetStream, log *slog.Logger, c config.Config) *lookups {
	return &lookups{js, newStock(js, log, c.Accounts)}
}

func (l *lookups) close() { l.stock.close() }

// kept is what an order was told before and keeps.
type kept struct {
	inputs *event.Inputs
	own    []string // items of its sales order: what is left of them is less what the order itself took
}

// keptOf gives what an order keeps once a desired state may have made a sales order of it; nil before that. Its own sales
// order lowers the stock, so what is told now would send it elsewhere.
func keptOf(last *event.DesiredOrderV1) *kept {
	if last == nil || last.Policy.Absent != event.ActionCreate && (last.Inputs == nil || !last.Inputs.Kept) {
		return nil
	}
	k := &kept{inputs: &event.Inputs{Kept: true}}
	if last.Inputs != nil {
		k.inputs.Stock, k.inputs.Customer = last.Inputs.Stock, last.Inputs.Customer
	}
	for _, line := range last.SalesOrder.Lines {
		k.own = append(k.own, line.Item.Key)
	}
	return k
}

// of gives the inputs of an order; nil where there are none. An order for which nothing is asked costs nothing.
func (l *lookups) of(ctx context.Context, asked mapping.Asked, store, account string, before *kept) (*event.Inputs, error) {
	if before == nil || before.inputs == nil {
		before = &kept{inputs: &event.Inputs{}}
	}
	if asked.IsEmpty() && before.inputs.Stock == nil && before.inputs.Customer == nil {
		return nil, nil
	}
	in := &event.Inputs{Kept: before.inputs.Kept, Customer: before.inputs.Customer}
	var err error
	if in.Stock, err = l.levels(ctx, asked, account, before); err != nil {
		return nil, err
	}
	if !answers(in.Customer, asked) {
		in.Customer, err = l.customer(ctx, asked, store)
	}
	return in, err
}

// levels are those that are kept and what is asked for beside.
func (l *lookups) levels(ctx context.Context, asked mapping.Asked, account string, before *kept) ([]event.StockInput, error) {
	list := slices.Clone(before.inputs.Stock)
	for _, item := range asked.Items {
		if slices.ContainsFunc(before.inputs.Stock, func(in event.StockInput) bool { return in.Item == item }) {
			continue
		}
		known := event.StockInput{Item: item}
		if !slices.Contains(before.own, item) {
			var err error
			if known, err = l.stock.of(ctx, account, item); err != nil {
				return nil, err
			}
		}
		list = append(list, known)
	}
	slices.SortFunc(list, func(a, b event.StockInput) int { return cmp.Compare(a.Item, b.Item) })
	return list, nil
}

// answers tells whether what is kept of an account is all that is asked for. What was not known is asked for again: the shop
// often tells of an account after its first order.
func answers(c *event.CustomerInput, asked mapping.Asked) bool {
	if asked.Account == "" {
		return true
	}
	if c == nil || c.Account != asked.Account || c.Sequence == 0 {
		return false
	}
	return !slices.ContainsFunc(asked.Meta, func(key string) bool { _, has := c.Meta[key]; return !has })
}

func (l *lookups) customer(ctx context.Context, asked mapping.Asked, store string) (*event.CustomerInput, error) {
	raw, err := lastOf(ctx, l.js, topology.Customers, subject.Customer(store, asked.Account))
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return &event.CustomerInput{Account: asked.Account}, nil
	}
	state, err := codec.Decode[event.CustomerChangedV1](raw.Data)
	if err != nil {
		return nil, fault.New(fault.MessageUndecodable, "want a customer event", fault.Field(raw.Subject, fmt.Sprint(raw.Sequence)), fault.Because(err))
	}
	in := asked.AccountOf(state, raw.Sequence)
	return &in, nil
}

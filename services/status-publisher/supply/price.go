package supply

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/status-publisher/price"
	"github.com/orderstream/orderstream/services/status-publisher/shelf"
	"github.com/orderstream/orderstream/services/status-publisher/stock"
)

// priced is what an item costs as NetSuite told it last.
type priced struct {
	prices event.Prices
	figure stock.Figure
}

// takePrices takes the prices of an item.
func (s *Supply) takePrices(_ context.Context, msg jetstream.Msg, at *jetstream.MsgMetadata) error {
	change, err := codec.Decode[event.NetSuiteChangedV1](msg.Data())
	if err != nil || change.Prices == nil {
		return err
	}
	s.mu.Lock()
	item := change.Prices.Name
	if s.prices[change.Account][item].figure.Sequence < at.Sequence.Stream {
		s.prices[change.Account][item] = priced{*change.Prices, stock.Figure{Record: change.Record.ID, Sequence: at.Sequence.Stream, At: change.ModifiedAt}}
	}
	s.mu.Unlock()
	s.mark(event.ShopKindPrice, change.Account, "", []string{item}, event.Origin(msg.Headers().Get(event.HeaderOrigin)) == event.OriginRetry)
	return nil
}

// priced says what a SKU costs; false where NetSuite has said nothing, or sells the item no more. The caller holds the
// supply's lock.
func (d *desk) priced(sku string) (order, bool) {
	last, known := d.supply.prices[d.rules.Account][d.item(sku)]
	if !known || last.prices.Inactive {
		return order{}, false
	}
	tag, err := price.Of(*d.prices, last.prices)
	o := order{figure: last.figure, wrong: err}
	if err == nil {
		o.tag, o.value = &tag, tag.String()
	}
	return o, true
}

// goods writes a tag as WooCommerce takes it.
func goods(t price.Tag) *shelf.Prices {
	prices := &shelf.Prices{Regular: t.Text(t.Regular)}
	if t.Sales {
		sale := ""
		if t.Sale != nil {
			sale = t.Text(*t.Sale)
		}
		prices.Sale = &sale
	}
	return prices
}

// shown is the price as the ledger has it; nil: there is none to write.
func (o order) shown() *event.ShopPrice {
	if o.tag == nil {
		return nil
	}
	return &event.ShopPrice{Currency: o.tag.Currency, Regular: o.tag.Regular, Sale: o.tag.Sale}
}

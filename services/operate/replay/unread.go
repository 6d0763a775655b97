package replay

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/contrast"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/transformer/parse"
)

// stageParse is the stage whose failures are deliveries that the parser of then could not read.
const stageParse = "parse"

// unread parses a delivery that was parked; the change has no hash where it is no order, or no news.
func (p *parser) unread(ctx context.Context, f event.FailureParkedV1) (c Reparsed, news event.OrderStateV1, err error) {
	delivery, err := p.woo.GetMsg(ctx, f.Message.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		p.result.Gone++
		return c, news, nil
	}
	if err != nil {
		return c, news, err
	}
	result, cause := parse.Read(parse.Delivery{Facts: event.WebhookFromHeader(delivery.Header), Sequence: delivery.Sequence, Body: delivery.Data})
	if cause != nil {
		return c, news, p.trouble(f.Store, f.Key, cause)
	}
	if result.Order == nil || !p.wanted(*result.Order) {
		return c, news, nil
	}
	last, sequence, err := p.last(ctx, result.Order.Store, result.Order.Order)
	if err != nil {
		return c, news, err
	}
	state, _, _, err := parse.Next(last, *result.Order)
	switch {
	case err != nil:
		return c, news, err
	case state == nil: // a later delivery said it
		p.result.Looked, p.result.Same = p.result.Looked+1, p.result.Same+1
		return c, news, nil
	case parse.Undetailed(*state):
		return c, news, p.trouble(state.Store, state.Order, errors.New("its refunds are read from the shop first: retry its failure"))
	}
	return p.news(last, sequence, delivery.Sequence, *state)
}

func (p *parser) trouble(store, order string, cause error) error {
	p.result.Looked++
	p.result.Troubles = append(p.result.Troubles, Trouble{Object{Store: store, Order: order}, string(fault.CodeOf(cause)), cause.Error()})
	return nil
}

func (p *parser) news(last *event.OrderStateV1, sequence, delivery uint64, state event.OrderStateV1) (Reparsed, event.OrderStateV1, error) {
	differences := []Difference{{Field: "parked at parse", To: "status " + state.Status}}
	if last != nil {
		fields, err := contrast.Fields(content(*last), content(state))
		if err != nil {
			return Reparsed{}, state, err
		}
		differences = append(differences, fields...)
	}
	if p.freed == nil {
		p.freed = map[[2]string]bool{}
	}
	p.freed[[2]string{state.Store, state.Order}] = true
	p.result.Looked++
	p.groups.Add(Object{Store: state.Store, Order: state.Order}, differences)
	return Reparsed{state.Store, state.Order, sequence, delivery, state.Hash, len(differences), true}, state, nil
}

// last is an order's newest event; nil: it has none.
func (p *parser) last(ctx context.Context, store, order string) (*event.OrderStateV1, uint64, error) {
	raw, err := p.orders.GetLastMsgForSubject(ctx, subject.OrdersOf(store, order))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	state, err := codec.Decode[event.OrderStateV1](raw.Data)
	return &state, raw.Sequence, err
}

// settled closes the failure of a delivery that is read now.
func settled(ctx context.Context, js jetstream.JetStream, publisher *publish.Publisher, c Reparsed) error {
	if !c.Parked {
		return nil
	}
	book, err := failures.Open(ctx, js, stageParse)
	if err != nil {
		return err
	}
	defer book.Close()
	entry, err := book.ResolveStored(ctx, c.Store, parse.ResourceOrder+"-"+c.Order, event.Position{Stream: topology.Woo, Sequence: c.Delivery}, time.Now().UTC())
	if err == nil {
		_, err = publisher.Publish(ctx, entry...)
	}
	return err
}

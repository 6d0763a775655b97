package transformer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/alert"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/transformer/parse"
)

// parser is the step WOO → ORDERS, CUSTOMERS, READS.
type parser struct {
	js     jetstream.JetStream
	alerts *alert.Raiser
}

// lane is the object a delivery is about: its deliveries are handled one after the other.
func (p *parser) lane(m consume.Message) (store, key string) {
	w, err := subject.ParseWebhook(m.Subject)
	if err != nil {
		return "", m.Subject
	}
	if w.ID == "" {
		return w.Store, fmt.Sprintf("%s-%d", w.Resource, m.Sequence)
	}
	if w.Resource == parse.ResourceRefund { // the object is the order
		return w.Store, parse.ResourceOrder + "-" + w.ID
	}
	return w.Store, w.Resource + "-" + w.ID
}

func (p *parser) handle(ctx context.Context, m consume.Message) ([]publish.Message, error) {
	d := parse.Delivery{Facts: event.WebhookFromHeader(m.Header), Sequence: m.Sequence, Body: m.Data}
	result, err := parse.Read(d)
	if err != nil {
		return nil, err
	}
	if result.Alert != "" {
		p.alerts.Raise(event.AlertNoPermission, d.Facts.Store, result.Alert, result.Alert.Summary(), map[string]string{"topic": d.Facts.Topic})
	}
	switch {
	case result.Order != nil:
		return p.order(ctx, d, *result.Order)
	case result.Refunds != nil:
		return p.refunds(ctx, d, result.Refunds)
	case result.Customer != nil:
		return p.customer(ctx, *result.Customer)
	case result.Gone:
		return p.gone(ctx, d)
	case result.Read != "":
		return p.wish(ctx, d.Facts, d.Sequence, parse.ResourceOrder, result.Read)
	default:
		return nil, nil
	}
}

// order publishes a state that is news. Invariant 4: newest wins.
//
// A state that arrived earlier and is newer may have been dropped as a repeat of the last event; it still
// makes this one stale. The other way round, a newer one that arrived later may be dropped by another
// transformer between our look and our publish: so the message is settled only when a second look, after
// our publish, finds nothing newer.
func (p *parser) order(ctx context.Context, d parse.Delivery, state event.OrderStateV1) ([]publish.Message, error) {
	last, sequence, err := p.last(ctx, state.Store, state.Order)
	if err != nil {
		return nil, err
	}
	var others []parse.Delivery
	if last != nil {
		// The version names the delivery of the order; a source may be the read of its refunds.
		if others, err = p.since(ctx, d.Facts, last.Version.Sequence); err != nil {
			return nil, err
		}
	}
	var messages []publish.Message
	switch {
	case last != nil && last.Version.Sequence == d.Sequence:
		messages, err = p.successor(last, sequence, others)
	case !overtaken(state, others):
		messages, err = p.news(last, sequence, state, d, others)
	}
	if err != nil || len(messages) > 0 || last == nil || !parse.Undetailed(*last) {
		return messages, err
	}
	// The wish comes after the event that it is about, so that the answer finds it.
	return p.wish(ctx, d.Facts, last.Version.Sequence, parse.ResourceRefund, event.ReadRefunds)
}

// overtaken tells whether a newer state of the order arrived before.
func overtaken(state event.OrderStateV1, others []parse.Delivery) bool {
	return before(state, others, func(other event.OrderStateV1) bool { return other.Version.Compare(state.Version) > 0 })
}

// tied tells whether the order said something else in the state's second that was no news.
func tied(state event.OrderStateV1, others []parse.Delivery) bool {
	return state.Source.Origin != event.OriginRead && before(state, others, func(other event.OrderStateV1) bool {
		return other.Version.ModifiedAt.Equal(state.Version.ModifiedAt)
	})
}

// before tells whether a state that arrived before another is such.
func before(state event.OrderStateV1, others []parse.Delivery, such func(event.OrderStateV1) bool) bool {
	return slices.ContainsFunc(others, func(other parse.Delivery) bool {
		if other.Sequence >= state.Source.Sequence {
			return false
		}
		result, err := parse.Read(other)
		return err == nil && result.Order != nil && such(*result.Order)
	})
}

// refunds adds the details that a read brought to the order's newest state.
func (p *parser) refunds(ctx context.Context, d parse.Delivery, records []event.Refund) ([]publish.Message, error) {
	last, sequence, err := p.last(ctx, d.Facts.Store, d.Facts.ObjectID)
	if err != nil || last == nil {
		return nil, err
	}
	news, lacking, err := parse.Detailed(*last, records, d)
	switch {
	case err != nil:
		return nil, err
	case news != nil:
		return p.message(*news, sequence)
	case lacking: // the order's list is older than its records, or the other way round
		return p.wish(ctx, d.Facts, d.Sequence, parse.ResourceOrder, event.ReadRefunds)
	default:
		return nil, nil
	}
}

// successor publishes the first later delivery that is news after the event just stored.
func (p *parser) successor(last *event.OrderStateV1, sequence uint64, others []parse.Delivery) ([]publish.Message, error) {
	for _, other := range others {
		result, err := parse.Read(other)
		if err != nil || result.Order == nil || overtaken(*result.Order, others) {
			continue
		}
		if messages, err := p.news(last, sequence, *result.Order, other, others); err != nil || len(messages) > 0 {
			return messages, err
		}
	}
	return nil, nil
}

func (p *parser) news(last *event.OrderStateV1, sequence uint64, state event.OrderStateV1, d parse.Delivery, others []parse.Delivery) ([]publish.Message, error) {
	news, read, _, err := parse.Next(last, state)
	if err != nil || news == nil {
		return nil, err
	}
	messages, err := p.message(*news, sequence)
	if read == "" && tied(state, others) {
		read = event.ReadTie
	}
	if err != nil || read == "" {
		return messages, err
	}
	wish, err := readMessage(d.Facts, d.Sequence, parse.ResourceOrder, read)
	return append([]publish.Message{wish}, messages...), err
}

func (p *parser) message(state event.OrderStateV1, sequence uint64) ([]publish.Message, error) {
	s := subject.Order{Kind: state.Kind, Store: state.Store, Order: state.Order}
	m, err := publish.JSON(topology.Orders, s.String(), state.Envelope, state)
	m.Expect = &publish.Expect{Sequence: sequence, Subject: subject.OrdersOf(state.Store, state.Order)}
	return []publish.Message{m}, err
}

func (p *parser) gone(ctx context.Context, d parse.Delivery) ([]publish.Message, error) {
	last, sequence, err := p.last(ctx, d.Facts.Store, d.Facts.ObjectID)
	if err != nil || last == nil || last.Version.Sequence >= d.Sequence {
		return nil, err
	}
	state, err := parse.Deleted(*last, d)
	if err != nil || state == nil {
		return nil, err
	}
	return p.message(*state, sequence)
}

// wish asks for a read once per cause, a delivery's sequence in WOO: the second look after publishing it finds
// the wish stored.
func (p *parser) wish(ctx context.Context, w event.WebhookReceivedV1, cause uint64, resource, reason string) ([]publish.Message, error) {
	m, err := readMessage(w, cause, resource, reason)
	if err != nil {
		return nil, err
	}
	stream, err := p.js.Stream(ctx, topology.Reads)
	if err != nil {
		return nil, publish.Classify(err)
	}
	stored, err := stream.GetLastMsgForSubject(ctx, m.Subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return []publish.Message{m}, nil
	case err != nil:
		return nil, publish.Classify(err)
	}
	wish, err := codec.Decode[event.ReadRequestedV1](stored.Data)
	if err == nil && wish.Cause.Sequence >= cause {
		return nil, nil
	}
	return []publish.Message{m}, nil
}

func readMessage(w event.WebhookReceivedV1, cause uint64, resource, reason string) (publish.Message, error) {
	body := event.ReadRequestedV1{
		Envelope: event.Envelope{Type: "read.v1.requested", ID: fmt.Sprintf("read:%s:%s:%s:%d", w.Store, resource, w.ObjectID, cause), Store: w.Store, Time: w.ReceivedAt},
		Resource: resource, ObjectID: w.ObjectID, Reason: reason, Cause: event.Position{Stream: topology.Woo, Sequence: cause},
	}
	return publish.JSON(topology.Reads, subject.Read(w.Store, resource, w.ObjectID), body.Envelope, body)
}

func (p *parser) customer(ctx context.Context, state event.CustomerChangedV1) ([]publish.Message, error) {
	name := subject.Customer(state.Store, state.Customer)
	raw, err := lastOf(ctx, p.js, topology.Customers, name)
	if err != nil {
		return nil, err
	}
	var last *event.CustomerChangedV1
	var sequence uint64
	if raw != nil {
		decoded, err := codec.Decode[event.CustomerChangedV1](raw.Data)
		if err != nil {
			return nil, fault.New(fault.MessageUndecodable, "want a customer event", fault.Field(name, fmt.Sprint(raw.Sequence)), fault.Because(err))
		}
		last, sequence = &decoded, raw.Sequence
	}
	if !parse.NextCustomer(last, state) {
		return nil, nil
	}
	m, err := publish.JSON(topology.Customers, name, state.Envelope, state)
	m.Expect = &publish.Expect{Sequence: sequence}
	return []publish.Message{m}, err
}

func (p *parser) last(ctx context.Context, store, order string) (*event.OrderStateV1, uint64, error) {
	raw, err := lastOf(ctx, p.js, topology.Orders, subject.OrdersOf(store, order))
	if err != nil || raw == nil {
		return nil, 0, err
	}
	state, err := codec.Decode[event.OrderStateV1](raw.Data)
	if err != nil {
		return nil, 0, fault.New(fault.MessageUndecodable, "want an order event", fault.Field(raw.Subject, fmt.Sprint(raw.Sequence)), fault.Because(err))
	}
	return &state, raw.Sequence, nil
}

// lastOf reads the newest message under a subject, wildcards allowed; nil when there is none.
func lastOf(ctx context.Context, js jetstream.JetStream, name, filter string) (*jetstream.RawStreamMsg, error) {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return nil, publish.Classify(err)
	}
	raw, err := stream.GetLastMsgForSubject(ctx, filter)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return raw, publish.Classify(err)
}

const window = 64 // deliveries of one order read at once

// since lists the deliveries of an object that arrived after a sequence, in order of arrival.
func (p *parser) since(ctx context.Context, w event.WebhookReceivedV1, after uint64) ([]parse.Delivery, error) {
	var list []parse.Delivery
	for {
		messages, err := jetstreamext.GetBatch(ctx, p.js, topology.Woo, window,
			jetstreamext.GetBatchSeq(after+1), jetstreamext.GetBatchSubject(subject.WebhooksOf(w.Store, w.Resource, w.ObjectID)))
		if err != nil {
			return nil, publish.Classify(err)
		}
		n := 0
		for m, err := range messages {
			if errors.Is(err, jetstreamext.ErrNoMessages) {
				break
			}
			if err != nil {
				return nil, publish.Classify(err)
			}
			list = append(list, parse.Delivery{Facts: event.WebhookFromHeader(m.Header), Sequence: m.Sequence, Body: m.Data})
			after = m.Sequence
			n++
		}
		if n < window {
			return list, nil
		}
	}
}

package operate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/transformer/parse"
)

// streams writes what the services would.
type streams struct {
	natstest.Server
	t  *testing.T
	at time.Time
}

func start(t *testing.T) streams {
	t.Helper()
	return streams{natstest.Start(t), t, time.Now().UTC().Truncate(time.Second)}
}

// put stores a message and gives its position.
func (s streams) put(m publish.Message) event.Position {
	s.t.Helper()
	acks, err := publish.New(s.JS).Publish(natstest.Context(s.t), m)
	if err != nil {
		s.t.Fatal(err)
	}
	return event.Position{Stream: m.Stream, Sequence: acks[0].Sequence, Subject: m.Subject}
}

// body stores a typed body.
func (s streams) body(stream, name string, envelope event.Envelope, body any) event.Position {
	s.t.Helper()
	envelope.ID = fmt.Sprint(name, time.Now().UnixNano())
	m, err := publish.JSON(stream, name, envelope, body)
	if err != nil {
		s.t.Fatal(err)
	}
	m.Header[event.HeaderTraceparent] = []string{trace}
	return s.put(m)
}

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// delivery stores a capture as ingest does.
func (s streams) delivery(name, store string) (parse.Delivery, event.Position) {
	s.t.Helper()
	all, err := capture.All()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range all {
		if c.Name != name {
			continue
		}
		id, err := codec.Decode[struct {
			ID codec.Number `json:"id"`
		}](c.Body)
		if err != nil {
			s.t.Fatal(err)
		}
		w := event.WebhookReceivedV1{
			Store: store, Resource: c.Get("X-WC-Webhook-Resource"), Event: c.Get("X-WC-Webhook-Event"), ObjectID: id.ID.String(), Topic: c.Get("X-WC-Webhook-Topic"),
			ReceivedAt: s.at.Add(-time.Minute), Origin: event.OriginWebhook,
		}
		header := w.Header()
		header[event.HeaderTraceparent] = []string{trace}
		at := s.put(publish.Message{
			Stream: topology.Woo, Subject: subject.Webhook{Store: store, Resource: w.Resource, Event: w.Event, ID: w.ObjectID}.String(), ID: fmt.Sprint(name, store, time.Now().UnixNano()), Header: header, Data: c.Body,
		})
		return parse.Delivery{Facts: w, Sequence: at.Sequence, Body: c.Body}, at
	}
	s.t.Fatalf("no capture %s", name)
	return parse.Delivery{}, event.Position{}
}

// placed stores the first event of an order.
func (s streams) placed(d parse.Delivery) event.Position {
	s.t.Helper()
	result, err := parse.Read(d)
	if err != nil || result.Order == nil {
		s.t.Fatalf("%+v, %v, want an order", result, err)
	}
	state := *result.Order
	state.Kind, state.Type = event.KindPlaced, "order.v1.placed"
	return s.body(topology.Orders, subject.Order{Kind: event.KindPlaced, Store: state.Store, Order: state.Order}.String(), state.Envelope, state)
}

// desired stores a desired state of order 36; lines 1, total 28.14 USD.
func (s streams) desired(from event.Position, hash string) event.Position {
	s.t.Helper()
	d := event.DesiredOrderV1{
		Envelope: event.Envelope{Type: "desired.v1.order", Store: "main", Time: s.at}, Account: "ns", Order: "36", Hash: hash,
		Source: event.DesiredSource{Sequence: from.Sequence, Mapping: "default", Revision: "rev1"}, Policy: event.Policy{Rule: "accepted"},
		SalesOrder: event.SalesOrder{Currency: "USD", Lines: make([]event.OrderLine, 1)}, Expected: event.Expected{Total: money.MustParse("28.14")},
	}
	return s.body(topology.Desired, subject.Desired{Kind: "order", Account: "ns", Store: "main", Key: "36"}.String(), d.Envelope, d)
}

// outcome stores what became of order 36; tranID names the sales order, "" = none.
func (s streams) outcome(kind, tranID string, cause *event.Fault, after time.Duration) event.Position {
	s.t.Helper()
	o := event.SyncRecordedV1{
		Envelope: event.Envelope{Type: "sync.v1.recorded", Store: "main", Time: s.at.Add(after)}, Account: "ns", Order: "36", Kind: kind, Fault: cause,
		Calls: []event.Call{{Method: "PUT", Path: "/record/v1/salesOrder/eid:wc-so-main-36", Status: 204}},
	}
	if cause != nil {
		o.Reason = cause.Message
	}
	if tranID != "" {
		o.Ledger.SalesOrder = &event.LedgerOrder{RecordID: event.RecordID{ID: "1001"}, TranID: tranID, Status: "B", Total: money.MustParse("28.14"), Revision: "rev1"}
	}
	return s.body(topology.Outcomes, subject.Sync{Account: "ns", Store: "main", Order: "36"}.String(), o.Envelope, o)
}

// failure stores an entry of the failure queue.
func (s streams) failure(stage, key, state string, message event.Position, after time.Duration) subject.Failure {
	s.t.Helper()
	name := subject.Failure{Stage: stage, Store: "main", Key: key}
	at := s.at.Add(after)
	entry := event.FailureParkedV1{
		Envelope: event.Envelope{Type: "failure.v1.parked", Store: "main", Time: at}, Stage: stage, Key: key, State: state, Fault: skuUnknown, Message: message,
		FirstAt: at, LastAt: at, Attempts: 1, History: []event.FailureAttempt{{At: at, State: state, Code: skuUnknown.Code}},
	}
	s.body(topology.Failures, name.String(), entry.Envelope, entry)
	return name
}

var skuUnknown = event.Fault{Code: "sku-unknown", Class: "terminal", Message: "no item TEE-999", Field: "item.name", Value: "TEE-999"}

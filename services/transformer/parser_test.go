package transformer

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// bench is a parser on a real JetStream, run by hand so that a test chooses who is first.
type bench struct {
	t      *testing.T
	server natstest.Server
	parser *parser
}

func newBench(t *testing.T) bench {
	t.Helper()
	server := natstest.Start(t)
	return bench{t, server, &parser{js: server.JS}}
}

// deliver stores a delivery in WOO.
func (b bench) deliver(resource, what string, origin event.Origin, body []byte) consume.Message {
	b.t.Helper()
	w := event.WebhookReceivedV1{
		Store: "main", Resource: resource, Event: what, ObjectID: "37", Topic: resource + "." + what, Origin: origin, ReceivedAt: time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC),
	}
	m := publish.Message{Stream: topology.Woo, Subject: subject.Webhook{Store: "main", Resource: resource, Event: what, ID: "37"}.String(), Header: w.Header(), Data: body}
	acks, err := publish.New(b.server.JS).Publish(natstest.Context(b.t), m)
	if err != nil {
		b.t.Fatal(err)
	}
	return consume.Message{Stream: topology.Woo, Sequence: acks[0].Sequence, Subject: m.Subject, Header: m.Header, Data: body}
}

// once runs the handler once and stores what follows; it gives the number of messages.
func (b bench) once(m consume.Message) int {
	b.t.Helper()
	outputs, err := b.parser.handle(natstest.Context(b.t), m)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := publish.New(b.server.JS).Publish(natstest.Context(b.t), outputs...); err != nil {
		b.t.Fatal(err)
	}
	return len(outputs)
}

func (b bench) settle(m consume.Message) {
	b.t.Helper()
	for range 10 {
		if b.once(m) == 0 {
			return
		}
	}
	b.t.Fatalf("WOO %d does not settle", m.Sequence)
}

func (b bench) newest() event.OrderStateV1 {
	b.t.Helper()
	state, _, err := b.parser.last(natstest.Context(b.t), "main", "37")
	if err != nil || state == nil {
		b.t.Fatalf("no event of the order: %v", err)
	}
	return *state
}

// wish gives the newest wish to read the order or its refunds.
func (b bench) wish(resource string) *event.ReadRequestedV1 {
	b.t.Helper()
	raw, err := lastOf(natstest.Context(b.t), b.server.JS, topology.Reads, subject.Read("main", resource, "37"))
	if err != nil || raw == nil {
		return nil
	}
	wish, err := codec.Decode[event.ReadRequestedV1](raw.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	return &wish
}

func captured(t *testing.T, name string) []byte {
	t.Helper()
	all, err := capture.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Name == name {
			return c.Body
		}
	}
	t.Fatal("no capture", name)
	return nil
}

// One tee of order 37 given back (refund 72) beside an amount (refund 71), as the shop's own records say it.
const refundsOf37 = `[{"id":72,"date_created":"2026-11-22T22:16:01","date_created_gmt":"2026-11-23T03:16:01","amount":"21.44","reason":"Wrong size","refunded_payment":false,
"line_items":[{"id":146,"quantity":-1,"total":"-19.99","total_tax":"-1.45","meta_data":[{"key":"_refunded_item_id","value":"5"}]}],"shipping_lines":[],"fee_lines":[]},
{"id":71,"date_created":"2026-11-22T22:15:01","date_created_gmt":"2026-11-23T03:15:01","amount":"10.00","reason":"Damaged box","refunded_payment":false,"line_items":[],"shipping_lines":[],"fee_lines":[]}]`

// A refund is asked for once its order's event is stored; the answer completes the newest state, once.
func TestRefundsAreReadAndMerged(t *testing.T) {
	b := newBench(t)
	order := b.deliver("order", "updated", event.OriginWebhook, captured(t, "order.updated-partial-refund-lines"))
	if n := b.once(order); n != 1 || b.wish("refund") != nil {
		t.Fatalf("%d messages, wish %v; want the event alone first, so that an answer finds it", n, b.wish("refund"))
	}
	b.settle(order)
	wish := b.wish("refund")
	if wish == nil || wish.ObjectID != "37" || wish.Reason != "refunds" || wish.Cause.Sequence != order.Sequence {
		t.Fatalf("wish %+v", wish)
	}
	answer := b.deliver("refund", "read", event.OriginRead, []byte(refundsOf37))
	b.settle(answer)
	b.settle(answer)
	b.settle(order)
	state := b.newest()
	if len(state.Refunds) != 2 || state.Refunds[1].Detail == nil || state.Refunds[1].Detail.Lines[0].Line != "5" || state.Version.Sequence != order.Sequence {
		t.Errorf("refunds %+v, version %+v", state.Refunds, state.Version)
	}
	if n := b.server.Count(t, topology.Orders, subject.OrdersOf("main", "37")); n != 2 {
		t.Errorf("%d events, want the state and the state with details", n)
	}
}

// Invariant 4: an answer that arrives first must not make a later state of the order look old, though its
// sequence in WOO is larger; and the state keeps what the answer brought.
func TestAnAnswerOvertakesNoState(t *testing.T) {
	b := newBench(t)
	first := b.deliver("order", "updated", event.OriginWebhook, captured(t, "order.updated-partial-refund-lines"))
	b.settle(first)
	body := bytes.Replace(captured(t, "order.updated-partial-refund-lines"), []byte(`"status":"processing"`), []byte(`"status":"on-hold"`), 1)
	second := b.deliver("order", "updated", event.OriginWebhook, body) // the same second
	answer := b.deliver("refund", "read", event.OriginRead, []byte(refundsOf37))
	b.settle(answer)
	b.settle(second)
	state := b.newest()
	if state.Status != "on-hold" || state.Refunds[0].Detail == nil {
		t.Errorf("status %s, refunds %+v; want the later state with the details", state.Status, state.Refunds)
	}
	if wish := b.wish("order"); wish == nil || wish.Reason != "tie" {
		t.Errorf("wish %+v, want a read because of the tie", wish)
	}
}

// Invariant 4: a state that shares its second with one which was dropped as a repeat leaves the same doubt as one that shares it
// with an event: the shop may have gone back to the bytes of the first, and those are stored once.
func TestATieWithARepeat(t *testing.T) {
	b := newBench(t)
	body := string(captured(t, "order.updated-partial-refund-lines"))
	modified := regexp.MustCompile(`"date_modified_gmt":"[^"]*"`)
	at := func(second string) string {
		return modified.ReplaceAllString(body, `"date_modified_gmt":"2026-11-23T05:00:`+second+`"`)
	}
	b.settle(b.deliver("order", "updated", event.OriginWebhook, []byte(at("00"))))
	repeat := b.deliver("order", "updated", event.OriginWebhook, []byte(at("05")))
	b.settle(repeat)
	if wish := b.wish("order"); wish != nil {
		t.Errorf("wish %+v for what changes nothing", wish)
	}
	b.settle(b.deliver("order", "updated", event.OriginWebhook, []byte(strings.Replace(at("05"), `"status":"processing"`, `"status":"on-hold"`, 1))))
	wish := b.wish("order")
	if state := b.newest(); state.Status != "on-hold" || wish == nil || wish.Reason != "tie" || wish.Cause.Sequence != state.Version.Sequence {
		t.Errorf("status %s, wish %+v; want it told, and a read because of the tie", state.Status, wish)
	}
	b.settle(b.deliver("order", "read", event.OriginRead, []byte(at("05"))))
	if state := b.newest(); state.Status != "processing" {
		t.Errorf("status %s, want what was read", state.Status)
	}
}

// Invariant 4: a newer state that was dropped as a repeat still makes an older one stale, also when the details of
// the refunds came in between.
func TestAStaleStateIsFoundBehindAnAnswer(t *testing.T) {
	b := newBench(t)
	body := string(captured(t, "order.updated-partial-refund-lines"))
	modified := regexp.MustCompile(`"date_modified_gmt":"[^"]*"`)
	at := func(second string) string {
		return modified.ReplaceAllString(body, `"date_modified_gmt":"2026-11-23T05:00:`+second+`"`)
	}
	first := b.deliver("order", "updated", event.OriginWebhook, []byte(at("00")))
	touched := b.deliver("order", "updated", event.OriginWebhook, []byte(at("05")))
	stale := b.deliver("order", "updated", event.OriginWebhook, []byte(strings.Replace(at("02"), `"status":"processing"`, `"status":"on-hold"`, 1)))
	answer := b.deliver("refund", "read", event.OriginRead, []byte(refundsOf37))
	for _, m := range []consume.Message{first, answer, touched, stale} {
		b.settle(m)
	}
	if state := b.newest(); state.Status != "processing" || state.Refunds[0].Detail == nil {
		t.Errorf("status %s, refunds %+v; want the newest state with the details", state.Status, state.Refunds)
	}
}

// An order that is gone is gone, also when the details of its refunds were stored behind that news.
func TestAnAnswerHidesNoDeletion(t *testing.T) {
	b := newBench(t)
	order := b.deliver("order", "updated", event.OriginWebhook, captured(t, "order.updated-partial-refund-lines"))
	gone := b.deliver("order", "read", event.OriginRead, []byte(`{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":404}}`))
	answer := b.deliver("refund", "read", event.OriginRead, []byte(refundsOf37))
	for _, m := range []consume.Message{order, answer, gone} {
		b.settle(m)
	}
	if state := b.newest(); state.Status != "deleted" || state.Refunds[0].Detail == nil {
		t.Errorf("status %s, refunds %+v; want it deleted", state.Status, state.Refunds)
	}
}

// A shop that has no record of a refund it lists is asked for the order again, and only once.
func TestARefundWithoutRecord(t *testing.T) {
	b := newBench(t)
	body := captured(t, "order.updated-partial-refund-lines")
	b.settle(b.deliver("order", "updated", event.OriginWebhook, body))
	b.settle(b.deliver("refund", "read", event.OriginRead, []byte("[]")))
	wish := b.wish("order")
	if wish == nil || wish.Reason != "refunds" {
		t.Fatalf("wish %+v, want a read of the order", wish)
	}
	asked := b.wish("refund").Cause.Sequence
	b.settle(b.deliver("order", "read", event.OriginRead, body))
	if again := b.wish("refund").Cause.Sequence; again != asked {
		t.Errorf("the refunds are asked for again by WOO %d: a loop", again)
	}
	without := strings.Replace(string(body), `{"id":72,"reason":"Wrong size","total":"-21.44","total_tax":"-1.45"},`, "", 1)
	b.settle(b.deliver("order", "read", event.OriginRead, []byte(without)))
	if state := b.newest(); len(state.Refunds) != 2 || !state.Refunds[1].Deleted || state.Refunds[0].Deleted {
		t.Errorf("refunds %+v, want 72 deleted", state.Refunds)
	}
}

// Refunds and orders share a lane, so that one process handles them one after the other.
func TestRefundsShareTheLaneOfTheirOrder(t *testing.T) {
	p := &parser{}
	at := func(resource string) string {
		store, key := p.lane(consume.Message{Subject: subject.Webhook{Store: "main", Resource: resource, Event: "read", ID: "37"}.String()})
		return store + "/" + key
	}
	if at("refund") != at("order") || at("customer") == at("order") {
		t.Errorf("lanes %s, %s, %s", at("refund"), at("order"), at("customer"))
	}
}

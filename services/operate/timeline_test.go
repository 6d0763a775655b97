package operate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/parse"
)

// The whole way of an order: delivered, parsed, mapped, parked, retried, written, told to the shop.
func TestTimelineEndToEnd(t *testing.T) {
	s := start(t)
	delivery, woo := s.delivery("order.created-simple", "main")
	orders := s.placed(delivery)
	first := s.desired(orders, "a")
	parked := s.outcome(event.OutcomeParked, "", &skuUnknown, time.Minute)
	again := s.desired(orders, "b")
	synced := s.outcome(event.OutcomeSynced, "SO1001", nil, 3*time.Minute)
	told := event.ShopRecordedV1{
		Envelope: event.Envelope{Type: "shop.v1.recorded", Store: "main", Time: s.at.Add(4 * time.Minute)}, Kind: "order", Key: "36", State: event.ShopWritten,
		Written: event.ShopFacts{Account: "ns", SalesOrderID: "1001", TranID: "SO1001", Status: "B"}, Source: synced, Calls: []event.Call{{Method: "PUT", Path: "/orders/36", Status: 200}},
	}
	begun := told
	begun.Time, begun.State, begun.Calls = told.Time.Add(-time.Second), event.ShopRetried, nil
	claim := s.body(topology.ShopOutcomes, subject.Shop("main", "order", "36"), begun.Envelope, begun)
	shop := s.body(topology.ShopOutcomes, subject.Shop("main", "order", "36"), told.Envelope, told)
	name := s.failure("write", "36", event.FailureResolved, first, 5*time.Minute)
	completed := event.ShopRecordedV1{
		Envelope: event.Envelope{Type: "shop.v1.recorded", Store: "main", Time: s.at.Add(6 * time.Minute)}, Kind: event.ShopKindStatus, Key: "36", State: event.ShopKept,
		Deed: &event.ShopDeed{Record: "salesOrder", RecordID: "1001", From: "refunded", To: "completed", Rule: "final"},
	}
	status := s.body(topology.ShopOutcomes, subject.Shop("main", event.ShopKindStatus, "36"), completed.Envelope, completed)
	noted := completed
	noted.Time, noted.Kind, noted.Key, noted.State = s.at.Add(7*time.Minute), event.ShopKindNote, "36-part", event.ShopWritten
	noted.Deed = &event.ShopDeed{Record: "salesOrder", RecordID: "1001", Note: "a part left", Documents: []event.ShopDocument{{Kind: "invoice", Number: "INV9"}}}
	note := s.body(topology.ShopOutcomes, subject.Shop("main", event.ShopKindNote, "36-part"), noted.Envelope, noted)

	got, err := operate.Show(natstest.Context(t), s.JS, "main", "36")
	if err != nil {
		t.Fatal(err)
	}
	put := []event.Call{{Method: "PUT", Path: "/record/v1/salesOrder/eid:wc-so-main-36", Status: 204}}
	want := operate.Timeline{Store: "main", Order: "36", Steps: []operate.Step{
		{Stage: "delivery", What: "order.created, origin webhook", Detail: "status processing, total 28.14 USD, modified 2026-11-23T03:10:33Z", Message: woo},
		{Stage: "parse", What: "order.v1.placed", Message: orders},
		{Stage: "map", What: "mapping default revision rev1, rule accepted", Detail: "1 lines, total 28.14 USD, from ORDERS 1", Message: again},
		{Stage: "write", What: "parked: sku-unknown", Detail: "no item TEE-999", Message: parked, Calls: put},
		{Stage: "write", What: "synced", Detail: "sales order SO1001 (id 1001), status B, total 28.14, mapping revision rev1", Message: synced, Calls: put},
		{Stage: "publish", What: "order begun", Detail: "the shop's order is about to hold SO1001 (id 1001), status B", Message: claim},
		{Stage: "publish", What: "written", Detail: "the shop's order holds SO1001 (id 1001), status B", Message: shop, Calls: told.Calls},
		{Stage: "failure", What: "resolved in stage write: sku-unknown", Detail: "no item TEE-999", Message: event.Position{Stream: topology.Failures, Sequence: 1, Subject: name.String()}},
		{Stage: "return", What: "status kept", Detail: "salesOrder 1001; status refunded → completed; kept by rule final", Message: status},
		{Stage: "return", What: "note written", Detail: "salesOrder 1001; note: a part left; invoice INV9", Message: note},
	}}
	for i := range want.Steps {
		want.Steps[i].Trace = trace
	}
	if len(got.Steps) > 1 && strings.HasPrefix(got.Steps[1].Detail, "status processing, hash ") && strings.HasSuffix(got.Steps[1].Detail, ", from WOO 1") {
		want.Steps[1].Detail = got.Steps[1].Detail // the hash is parse's affair
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(operate.Step{}, "At")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !slices.IsSortedFunc(got.Steps, func(a, b operate.Step) int { return a.At.Compare(b.At) }) {
		t.Error("want the steps oldest first")
	}
	if want := s.at.Add(-time.Minute); !got.Steps[0].At.Equal(want) {
		t.Errorf("delivered at %v, want when it was received: %v", got.Steps[0].At, want)
	}
}

// What each delivery said to us, as an operator reads it.
func TestTimelineOfOddDeliveries(t *testing.T) {
	for capture, want := range map[string]string{
		"order.created-auto-draft-via-rest":         "ignored by rule draft",
		"order.deleted":                             "read again: deleted",
		"order.created-status-trash":                "status trash, total ",
		"legacy-8.9.3-order.created-checkout-draft": "ignored by rule draft",
	} {
		t.Run(capture, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			delivery, _ := s.delivery(capture, "main")
			got, err := operate.Show(natstest.Context(t), s.JS, "", delivery.Facts.ObjectID)
			if err != nil || len(got.Steps) != 1 || !strings.HasPrefix(got.Steps[0].Detail, want) {
				t.Errorf("%+v, %v, want %q", got, err, want)
			}
		})
	}
}

// A delivery that led to no event names the rule that dropped it; one that did, or that waits still, names none. Invariant 3.
func TestTimelineNamesWhatDroppedADelivery(t *testing.T) {
	s := start(t)
	delivered := func(name string) parse.Delivery {
		d, _ := s.delivery(name, "main")
		return d
	}
	const repeat, superseded = "; dropped by rule repeat", "; dropped by rule superseded"
	s.placed(delivered("order.updated-blockcheckout-arrives-first"))
	delivered("order.created-blockcheckout-arrives-second")
	wantDropped(t, s, "69", "", repeat)
	s.placed(delivered("order.updated-status-completed"))
	delivered("order.updated-status-completed")
	delivered("order.updated-status-on-hold")
	delivered("order.updated-status-failed")
	delivered("order.updated-status-refunded") // newer than the event, older than the delivery before it
	wantDropped(t, s, "68", "", repeat, superseded, "", superseded)
	s.placed(delivered("order.updated-status-pending"))
	wantDropped(t, s, "68", "", repeat, superseded, superseded, superseded, "")
}

func wantDropped(t *testing.T, s streams, order string, want ...string) {
	t.Helper()
	got, err := operate.Show(natstest.Context(t), s.JS, "main", order)
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, step := range got.Steps {
		if step.Stage == "delivery" {
			_, rule, _ := strings.Cut(step.Detail, "Z") // behind the time
			rules = append(rules, rule)
		}
	}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf("order %s (-want +got):\n%s", order, diff)
	}
}

// A message that cannot be read is a step that says so; the rest is shown all the same.
func TestTimelineWithUnreadableMessages(t *testing.T) {
	s := start(t)
	s.delivery("order.created-simple", "main")
	for stream, name := range map[string]string{
		topology.Orders:       subject.Order{Kind: "placed", Store: "main", Order: "36"}.String(),
		topology.Desired:      subject.Desired{Kind: "order", Account: "ns", Store: "main", Key: "36"}.String(),
		topology.Outcomes:     subject.Sync{Account: "ns", Store: "main", Order: "36"}.String(),
		topology.ShopOutcomes: subject.Shop("main", "order", "36"),
		topology.Failures:     subject.Failure{Stage: "map", Store: "main", Key: "36"}.String(),
	} {
		s.put(publish.Message{Stream: stream, Subject: name, ID: name, Data: []byte(`{"type":`)})
	}
	odd := subject.Webhook{Store: "main", Resource: "order", Event: "updated", ID: "36"}.String()
	s.put(publish.Message{Stream: topology.Woo, Subject: odd, ID: odd, Header: map[string][]string{event.HeaderResource: {"order"}}, Data: []byte("<html>")})
	got, err := operate.Show(natstest.Context(t), s.JS, "main", "36")
	if err != nil {
		t.Fatal(err)
	}
	stages := map[string]string{}
	for _, step := range got.Steps {
		stages[step.Stage] = step.What
		if step.Message.Sequence == 0 || step.At.IsZero() || step.Detail == "" {
			t.Errorf("a step without message, time or detail: %+v", step)
		}
	}
	want := map[string]string{"delivery": ", origin ", "parse": "unreadable", "map": "unreadable", "write": "unreadable", "publish": "unreadable", "failure": "unreadable"}
	if diff := cmp.Diff(want, stages); diff != "" || len(got.Steps) != 7 {
		t.Errorf("%d steps (-want +got):\n%s", len(got.Steps), diff)
	}
}

// A failure of every stage belongs to the order's timeline; parse names the resource in its keys.
func TestTimelineShowsFailuresOfEveryStage(t *testing.T) {
	s := start(t)
	_, woo := s.delivery("order.created-simple", "main")
	s.failure("parse", "order-36", event.FailureParked, woo, 0)
	s.failure("map", "36", event.FailureParked, woo, time.Second)
	s.failure("read", "refund-36", event.FailureParked, woo, 2*time.Second)
	s.failure("map", "136", event.FailureParked, woo, time.Second)
	s.failure("parse", "customer-36", event.FailureParked, woo, time.Second)
	got, err := operate.Show(natstest.Context(t), s.JS, "main", "36")
	if err != nil {
		t.Fatal(err)
	}
	var failures []string
	for _, step := range got.Steps {
		if step.Stage == "failure" {
			failures = append(failures, step.What)
		}
	}
	if diff := cmp.Diff([]string{"parked in stage parse: sku-unknown", "parked in stage map: sku-unknown", "parked in stage read: sku-unknown"}, failures); diff != "" {
		t.Error(diff)
	}
}

// The records of its refunds belong to an order, and an outcome names what was replaced and what waits.
func TestTimelineOfRefundsAndQuestions(t *testing.T) {
	s := start(t)
	w := event.WebhookReceivedV1{Store: "main", Resource: "refund", Event: "read", ObjectID: "36", Topic: "refund.read", ReceivedAt: s.at, Origin: event.OriginRead}
	name := subject.Webhook{Store: "main", Resource: "refund", Event: "read", ID: "36"}.String()
	s.put(publish.Message{Stream: topology.Woo, Subject: name, ID: "refunds", Header: w.Header(), Data: []byte("[]")})
	o := event.SyncRecordedV1{
		Envelope: event.Envelope{Type: "sync.v1.recorded", Store: "main", Time: s.at.Add(time.Second)}, Account: "ns", Order: "36", Kind: event.OutcomeSynced, Reason: "done",
		Superseded: []event.Superseded{{Orders: 4, Status: "on-hold"}, {Orders: 5, Status: "processing"}},
		Questions:  []event.Question{{Subject: "wc-cd-main-36-1", Fault: event.Fault{Code: "payment-unmapped"}}},
	}
	s.body(topology.Outcomes, subject.Sync{Account: "ns", Store: "main", Order: "36"}.String(), o.Envelope, o)
	got, err := operate.Show(natstest.Context(t), s.JS, "main", "36")
	if err != nil {
		t.Fatal(err)
	}
	var details []string
	for _, step := range got.Steps {
		details = append(details, step.What+": "+step.Detail)
	}
	want := []string{
		"refund.read, origin read: records of 0 refunds",
		"synced: done; superseded: ORDERS 4 (on-hold); superseded: ORDERS 5 (processing); waits: wc-cd-main-36-1 (payment-unmapped)",
	}
	if diff := cmp.Diff(want, details); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestShowFindsTheStore(t *testing.T) {
	s := start(t)
	s.delivery("order.created-simple", "main")
	both, _ := s.delivery("order.created-coupon", "main")
	s.delivery("order.created-coupon", "legacy")
	if got, err := operate.Show(natstest.Context(t), s.JS, "", "36"); err != nil || got.Store != "main" {
		t.Errorf("%q, %v, want the only store that has the order", got.Store, err)
	}
	order := both.Facts.ObjectID
	if got, err := operate.Show(natstest.Context(t), s.JS, "legacy", order); err != nil || got.Store != "legacy" || len(got.Steps) != 1 {
		t.Errorf("%+v, %v, want the one delivery of store legacy", got, err)
	}
	_, err := operate.Show(natstest.Context(t), s.JS, "", order)
	if err == nil || !strings.Contains(err.Error(), "[legacy main]") || !strings.Contains(err.Error(), "<store>/"+order) {
		t.Errorf("%v, want both stores named and what to type", err)
	}
	for _, c := range [][2]string{{"main", "999"}, {"", "999"}, {"other", "36"}, {"", ""}, {"", "*"}, {"*", "36"}, {"", ">"}, {"main", "36.created"}, {"", "3 6"}} {
		_, err := operate.Show(natstest.Context(t), s.JS, c[0], c[1])
		if !errors.Is(err, operate.ErrNoOrder) || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("store %q, order %q: %v, want that there is no such order", c[0], c[1], err)
		}
	}
}

func TestCount(t *testing.T) {
	s := start(t)
	delivery, woo := s.delivery("order.created-simple", "main")
	s.delivery("order.deleted", "main")
	orders := s.placed(delivery)
	s.desired(orders, "a")
	s.desired(orders, "b")
	for range 3 {
		s.outcome(event.OutcomeRetried, "", nil, 0)
	}
	s.failure("write", "36", event.FailureParked, woo, 0)
	s.failure("write", "36", event.FailureResolved, woo, 0)
	s.failure("write", "37", event.FailureParked, woo, 0)
	got, err := operate.Count(natstest.Context(t), s.JS, []string{"ns"})
	// DESIRED took two states and keeps the newest, which no writer has taken yet.
	want := operate.Counts{Deliveries: 2, Events: 1, Desired: 2, Outcomes: 3, Failures: 2, Waiting: 1}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if _, err := operate.Count(natstest.Context(t), s.JS, []string{"nowhere"}); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("%v, want the account named", err)
	}
}

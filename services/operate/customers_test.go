package operate_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/internal/shadow"
	"github.com/orderstream/orderstream/services/internal/terms"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// dialled is the shipped document with the phone of customers written otherwise.
var dialled = bytes.Replace(mapping.Default, []byte("phone: order.customer.phone"), []byte(`phone: '"tel " + order.customer.phone'`), 1)

// shopper stores the delivery of a customer's account, with texts of its body replaced, and waits until it is an event; it
// gives the event's position.
func (p *plant) shopper(id int, at time.Time, changes ...string) uint64 {
	p.t.Helper()
	all, err := capture.All()
	if err != nil {
		p.t.Fatal(err)
	}
	one := slices.IndexFunc(all, func(c capture.Delivery) bool { return c.Name == "customer.updated" })
	w := event.WebhookReceivedV1{Store: "main", Resource: "customer", Event: "updated", ObjectID: fmt.Sprint(id), Topic: "customer.updated", Origin: event.OriginWebhook, ReceivedAt: time.Now().UTC()}
	body := strings.NewReplacer(append(changes, `{"id":2,`, fmt.Sprintf(`{"id":%d,`, id), "2026-11-23T03:15:21", at.Format("2006-01-02T15:04:05"))...).Replace(string(all[one].Body))
	p.store(publish.Message{Stream: topology.Woo, Subject: subject.Webhook{Store: "main", Resource: "customer", Event: "updated", ID: w.ObjectID}.String(), Header: w.Header(), Data: []byte(body)})
	customers, err := p.JS.Stream(natstest.Context(p.t), topology.Customers)
	if err != nil {
		p.t.Fatal(err)
	}
	var position uint64
	p.until("the customer's event is there", func() bool {
		raw, err := customers.GetLastMsgForSubject(natstest.Context(p.t), subject.Customer("main", w.ObjectID))
		if err != nil {
			return false
		}
		position = raw.Sequence
		state, err := codec.Decode[event.CustomerChangedV1](raw.Data)
		return err == nil && state.Version.ModifiedAt.Equal(at)
	})
	return position
}

var day = time.Date(2026, 11, 23, 3, 15, 21, 0, time.UTC)

// wantedOf waits for a customer's desired state that was made of the event at a position.
func (p *plant) wantedOf(id int, source uint64) event.DesiredCustomerV1 {
	p.t.Helper()
	var held event.DesiredCustomerV1
	p.until("the customer is mapped", func() bool {
		var err error
		held, _, err = operate.CustomerState(natstest.Context(p.t), p.JS, "main", fmt.Sprint(id))
		return err == nil && held.Source.Sequence == source
	})
	return held
}

func (p *plant) plan(document []byte, r replay.Request) replay.Plan {
	p.t.Helper()
	candidate, err := mapping.Compile(document)
	if err != nil {
		p.t.Fatal(err)
	}
	plan, err := replay.Make(natstest.Context(p.t), p.JS, candidate, r, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := replay.Save(natstest.Context(p.t), p.JS, plan, document); err != nil {
		p.t.Fatal(err)
	}
	return plan
}

func (p *plant) apply(plan replay.Plan) replay.Progress {
	p.t.Helper()
	done, err := replay.Apply(natstest.Context(p.t), p.JS, plan.Hash, "kim", "", nil)
	if err != nil || done.State != replay.StateDone {
		p.t.Fatalf("%+v, %v", done, err)
	}
	return done
}

func (p *plant) changesOf(plan replay.Plan) (list []replay.Change) {
	p.t.Helper()
	for c, err := range plan.Changes() {
		if err != nil {
			p.t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// What is desired of customers is derived again bit for bit, whichever revision made it, a replay's too; a forged state and a
// revision that nobody kept are found, and an event that is gone is no difference. Invariant 6.
func TestCustomersAreProven(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	p.deliver(1000)
	first := p.wantedOf(2, p.shopper(2, day))
	p.wantedOf(3, p.shopper(3, day))
	if done := p.apply(p.plan(dialled, replay.Request{Customers: []string{"3"}})); done.Published != 1 {
		t.Fatalf("%+v: want one customer replayed", done)
	}
	prove := func() operate.Derivation {
		t.Helper()
		proof, err := operate.Prove(natstest.Context(t), p.JS, nil)
		if err != nil {
			t.Fatal(err)
		}
		if proof.Holds() != (proof.Customers.Differing == 0) {
			t.Errorf("holds %v with %+v", proof.Holds(), proof.Customers)
		}
		return proof.Customers
	}
	was := prove()
	if was.States != 2 || was.Differing != 0 || was.Stored != was.Derived || len(was.Revisions) != 2 || was.Revisions[mapping.Revision(dialled)] != 1 {
		t.Fatalf("%+v: want both customers, of two revisions", was)
	}
	again, err := operate.DeriveCustomer(natstest.Context(t), p.JS, "main", "2", "")
	if err != nil || !again.Same || cmp.Diff(first, again.Desired) != "" {
		t.Errorf("%+v, %v: want what is desired of customer 2 as it was", again, err)
	}
	if other, err := operate.DeriveCustomer(natstest.Context(t), p.JS, "main", "2", mapping.Revision(dialled)); err != nil || other.Same || *other.Desired.Fields["phone"].Text != "tel +1 415 555 9999" {
		t.Errorf("%+v, %v: want another phone with the other revision", other, err)
	}
	if _, err := operate.DeriveCustomer(natstest.Context(t), p.JS, "main", "4711", ""); !errors.Is(err, operate.ErrNoCustomer) {
		t.Errorf("%v, want %v", err, operate.ErrNoCustomer)
	}

	forge := func(customer string, change func(*event.DesiredCustomerV1)) {
		t.Helper()
		forged := first
		forged.Customer, forged.ID = customer, "forged "+customer
		change(&forged)
		m, err := publish.JSON(topology.Desired, subject.Desired{Kind: "customer", Account: "ns", Store: "main", Key: customer}.String(), forged.Envelope, forged)
		if err != nil {
			t.Fatal(err)
		}
		p.store(m)
	}
	forge("7", func(d *event.DesiredCustomerV1) { d.Source.Sequence = 4711 })
	if now := prove(); now.Gone != 1 || now.States != 2 || now.Stored != was.Stored {
		t.Errorf("%+v: want one whose event is gone", now)
	}
	forge("8", func(d *event.DesiredCustomerV1) { d.Addresses = nil })
	forge("9", func(d *event.DesiredCustomerV1) { d.Source.Revision = "ffffffffffff" })
	now := prove()
	if now.Differing != 2 || len(now.Different) != 2 || !strings.HasPrefix(now.Different[0], "customer main/8 at "+first.Source.Revision+" from CUSTOMERS 1") || !strings.Contains(now.Different[1], "no such mapping revision") {
		t.Errorf("%+v: want other addresses and a revision that nobody kept told", now)
	}
}

// A plan shows what a candidate makes of customers beside orders, and asks for nothing of those it maps alike; a request for
// orders has none, one for customers has no order. The same history gives the same hash.
func TestAPlanShowsCustomers(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	p.deliver(1000)
	p.wantedOf(2, p.shopper(2, day))
	p.wantedOf(3, p.shopper(3, day))
	// The newest event of the third has another role, which the active revision does not ask for: nothing new is desired.
	p.shopper(3, day.Add(time.Minute), `"role":"customer"`, `"role":"wholesale"`)
	p.until("the last event is mapped", func() bool {
		consumer, err := p.JS.Consumer(natstest.Context(t), topology.Customers, topology.ConsumerMapCustomers)
		return err == nil && consumer.CachedInfo().AckFloor.Stream == 3
	})
	gold := bytes.Replace(mapping.Default, []byte("firstName: order.customer.first_name"), []byte(`firstName: 'customer.role == "wholesale" ? "Gold" : order.customer.first_name'`), 1)
	plan := p.plan(gold, replay.Request{})
	want := []replay.Difference{{Field: "customer_record.fields.firstName", From: "Jane", To: "Gold"}}
	list := p.changesOf(plan)
	if len(list) != 1 || list[0].Customer != "3" || list[0].Order != "" || list[0].Source != 3 || list[0].Effect != replay.EffectRevise || cmp.Diff(want, list[0].Differences) != "" {
		t.Fatalf("%+v: want the first name of customer 3", list)
	}
	if plan.Counts != (replay.Counts{Looked: 1}) || plan.Customers != (replay.Counts{Looked: 2, Same: 1, Changed: 1}) || plan.All() != 1 || plan.Cost.Revises != 1 || plan.Cost.Calls != 2 {
		t.Errorf("orders %+v, customers %+v, cost %+v", plan.Counts, plan.Customers, plan.Cost)
	}
	if g := plan.Groups; len(g) != 1 || g[0].Customers != 1 || g[0].Orders != 0 || g[0].Examples[0].Name() != "customer main/3" {
		t.Errorf("groups %+v", g)
	}
	if again := p.plan(gold, replay.Request{}); again.Hash != plan.Hash {
		t.Error("the same history has another hash")
	}
	for name, c := range map[string]struct {
		request           replay.Request
		orders, customers int
	}{
		"an order":         {replay.Request{Orders: []string{"1000"}}, 1, 0},
		"orders of a time": {replay.Request{Since: day.AddDate(-1, 0, 0)}, 1, 0},
		"a condition":      {replay.Request{Where: "true"}, 1, 0},
		"a customer":       {replay.Request{Customers: []string{"2"}}, 0, 1},
		"both":             {replay.Request{Orders: []string{"1000"}, Customers: []string{"3"}}, 1, 1},
		"a store":          {replay.Request{Store: "main"}, 1, 2},
	} {
		if got := p.plan(dialled, c.request); got.Looked != c.orders || got.Customers.Looked != c.customers {
			t.Errorf("%s: %d orders and %d customers looked at, want %d and %d", name, got.Looked, got.Customers.Looked, c.orders, c.customers)
		}
	}
}

// Two revisions are compared by the newest customers, too, and these exercise a mapping: as many as orders, each by its newest
// event.
func TestTheLastCustomersAreCompared(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	p.wantedOf(2, p.shopper(2, day))
	p.wantedOf(3, p.shopper(3, day))
	p.wantedOf(2, p.shopper(2, day.Add(time.Minute), "+1 415 555 9999", "+1 415 555 0000"))
	from, to := p.compiled(mapping.Default), p.compiled(dialled)
	trace := mapping.NewCounts()
	done, err := replay.Exercise(natstest.Context(t), p.JS, from, replay.Among{Last: 10}, trace)
	if want := (replay.Exercised{Mapping: "default", Customers: 2}); err != nil || done != want {
		t.Errorf("%+v, %v: want %+v", done, err, want)
	}
	if unrun := from.Coverage(trace).Unrun; slices.Contains(unrun, "customer.fields.phone") || !slices.Contains(unrun, "customer.fields.isPerson") {
		t.Errorf("customers leave %v unrun: want what an account has run, and nothing of orders", unrun)
	}
	p.deliver(1000)
	p.desired(3)
	compare := func(last int) replay.Comparison {
		t.Helper()
		c, err := replay.Compare(natstest.Context(t), p.JS, from, to, replay.Among{Last: last})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	phone := func(of, number string) replay.Differing {
		return replay.Differing{Object: replay.Object{Store: "main", Customer: of}, Differences: []replay.Difference{{Field: "customer_record.fields.phone", From: number, To: "tel " + number}}}
	}
	c := compare(10)
	if diff := cmp.Diff([]replay.Differing{phone("2", "+1 415 555 0000"), phone("3", "+1 415 555 9999")}, c.Customers.Differing); diff != "" || c.Customers.Looked != 2 || c.Orders.Looked != 1 {
		t.Errorf("%d orders, %d customers (-want +got):\n%s", c.Orders.Looked, c.Customers.Looked, diff)
	}
	if g := c.Customers.Groups; len(g) != 1 || g[0].Customers != 2 || g[0].Orders != 0 {
		t.Errorf("groups %+v", g)
	}
	if few := compare(1); few.Customers.Looked != 1 || few.Customers.Differing[0].Customer != "2" {
		t.Errorf("%+v: want the customer who changed last", few.Customers)
	}
	if same, err := replay.Compare(natstest.Context(t), p.JS, from, from, replay.Among{Last: 10}); err != nil || same.Customers.Same != 2 || same.Customers.Differing == nil {
		t.Errorf("%+v, %v: want nothing to differ", same.Customers, err)
	}
	broken := p.compiled(bytes.Replace(mapping.Default, []byte("phone: order.customer.phone"), []byte("phone: order.lines[5].sku"), 1))
	if c, err := replay.Compare(natstest.Context(t), p.JS, from, broken, replay.Among{Last: 10}); err != nil || len(c.Customers.Troubles) != 2 || c.Customers.Troubles[0].Name() != "customer main/2" {
		t.Errorf("%+v, %v: want customers that one of the two does not map", c.Customers, err)
	}
}

func (p *plant) compiled(document []byte) *mapping.Mapping {
	p.t.Helper()
	m, err := mapping.Compile(document)
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

// What a record is not given is marked: a field that the candidate leaves out, and all of a store whose customers belong to
// NetSuite's people. A plan that foresaw something else leaves the customer out.
func TestAPlanMarksWhatOfACustomerStays(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	p.wantedOf(2, p.shopper(2, day))
	ctx := natstest.Context(t)
	silent := bytes.Replace(mapping.Default, []byte("    phone: order.customer.phone\n"), nil, 1)
	for name, c := range map[string]struct {
		document []byte
		terms    terms.Account
		effect   replay.Effect
		kept     []string
	}{
		"written":         {dialled, terms.Account{}, replay.EffectRevise, nil},
		"left out":        {silent, terms.Account{}, replay.EffectKeep, []string{"customer_record.fields.phone"}},
		"NetSuite's":      {dialled, terms.Account{Owners: map[string]terms.Owner{"main": {Customer: true}}}, replay.EffectKeep, []string{"customer_record.fields.phone"}},
		"on hold":         {dialled, terms.Account{Hold: true}, replay.EffectHold, []string{"customer_record.fields.phone"}},
		"another mapping": {dialled, terms.Account{Mappings: map[string]string{"main": "eu"}}, "", nil},
	} {
		if err := terms.Keep(ctx, p.JS, "ns", c.terms); err != nil {
			t.Fatal(err)
		}
		plan := p.plan(c.document, replay.Request{})
		list := p.changesOf(plan)
		if c.effect == "" {
			if len(list) != 0 || len(plan.Elsewhere) != 1 || plan.Elsewhere[0] != (replay.Elsewhere{Store: "main", Mapping: "eu", Customers: 1}) {
				t.Errorf("%s: %+v, %+v", name, list, plan.Elsewhere)
			}
			continue
		}
		if len(list) != 1 || list[0].Effect != c.effect || !slices.Equal(list[0].Kept, c.kept) {
			t.Errorf("%s: %+v, want %s, %v not written", name, list, c.effect, c.kept)
		}
	}
	if err := terms.Keep(ctx, p.JS, "ns", terms.Account{}); err != nil {
		t.Fatal(err)
	}
	plan := p.plan(dialled, replay.Request{})
	if err := terms.Keep(ctx, p.JS, "ns", terms.Account{Hold: true}); err != nil {
		t.Fatal(err)
	}
	if done := p.apply(plan); done.Published != 0 || len(done.Left) != 1 || done.Left[0].Customer != "2" || !strings.Contains(done.Left[0].Reason, "the effect would be hold") {
		t.Errorf("%+v: want the customer left out", done)
	}
}

// Applying publishes what was shown, in place of what the plan saw and marked as a replay's; a customer whose account was
// changed since, whether or not that is mapped yet, is left out and listed.
func TestApplyingWritesCustomers(t *testing.T) {
	p := newPlant(t)
	_, stop := p.transformer()
	p.wantedOf(2, p.shopper(2, day))
	p.wantedOf(3, p.shopper(3, day))
	p.wantedOf(4, p.shopper(4, day))
	plan := p.plan(dialled, replay.Request{})
	p.wantedOf(3, p.shopper(3, day.Add(time.Hour), `"first_name":"Jane"`, `"first_name":"June"`))
	p.shopper(4, day.Add(time.Hour), `"role":"customer"`, `"role":"wholesale"`) // which makes no desired state
	stop()
	done := p.apply(plan)
	if plan.All() != 3 || done.All != 3 || done.Published != 1 || len(done.Left) != 2 || done.Left[0].Customer != "3" || done.Left[1].Customer != "4" {
		t.Fatalf("%+v of %d changes: want customers 3 and 4 left out", done, plan.All())
	}
	desired, err := p.JS.Stream(natstest.Context(t), topology.Desired)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := desired.GetLastMsgForSubject(natstest.Context(t), subject.DesiredOfCustomer("main", "2"))
	if err != nil {
		t.Fatal(err)
	}
	held, err := codec.Decode[event.DesiredCustomerV1](raw.Data)
	if err != nil || *held.Fields["phone"].Text != "tel +1 415 555 9999" || held.Source.Revision != plan.Revision || raw.Header.Get(event.HeaderOrigin) != string(event.OriginReplay) {
		t.Errorf("%+v, %v, headers %v: want what the plan shows", held, err, raw.Header)
	}
	if next := p.plan(dialled, replay.Request{}); next.Customers != (replay.Counts{Looked: 3, Same: 1, Changed: 2}) {
		t.Errorf("%+v: want customer 2 to be as the candidate asks", next.Customers)
	}
}

// A customer whom the mapping could not map is looked at with his newest event, and applying frees him.
func TestAParkedCustomerIsFreed(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	p.wantedOf(2, p.shopper(2, day))
	p.publish(bytes.Replace(mapping.Default, []byte("firstName: order.customer.first_name"), []byte("firstName: order.lines[0].name"), 1), "a mistake")
	p.until("its transformer maps with it", func() bool { return p.turned.Load() == 1 })
	source := p.shopper(2, day.Add(time.Hour), `"first_name":"Jane"`, `"first_name":"June"`)
	open := func() int {
		list, err := operate.Failures(natstest.Context(t), p.JS, false)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	p.until("the customer is parked", func() bool { return open() == 1 })
	plan := p.plan(mapping.Default, replay.Request{})
	list := p.changesOf(plan)
	if len(list) != 1 || !list[0].Parked || list[0].Customer != "2" || list[0].Source != source || len(list[0].Differences) != 4 || list[0].Differences[3].To != "June" {
		t.Fatalf("%+v: want the parked customer", list)
	}
	if done := p.apply(plan); done.Published != 1 || open() != 0 {
		t.Errorf("%+v, %d failures open: want him freed", done, open())
	}
	if held := p.wantedOf(2, source); *held.Fields["firstName"].Text != "June" {
		t.Errorf("%+v: want June", held)
	}
}

// A shadow counts customers beside orders, and its rule judges both: a difference that nobody expected withdraws it.
func TestAShadowCountsCustomers(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	p.wantedOf(2, p.shopper(2, day)) // before the shadow: not counted
	start := func(rule operate.ShadowRule) {
		t.Helper()
		if _, err := operate.StartShadow(natstest.Context(t), p.JS, "", dialled, rule, "kim", ""); err != nil {
			t.Fatal(err)
		}
	}
	start(operate.ShadowRule{After: 2, Fields: []string{"customer_record.fields.phone", "customer.fields.phone"}})
	p.shopper(3, day)
	p.shopper(4, day, `"phone":"+1 415 555 9999"`, `"phone":""`)
	p.until("both are counted", func() bool { return p.shadow().Customers.Looked == 2 })
	s := p.shadow()
	if s.State != shadow.Running || s.Looked != 0 || s.Customers.Same != 1 || s.Customers.Differ() != 1 || len(s.Groups) != 1 || s.Groups[0].Customers != 1 || s.Groups[0].Examples[0].Name() != "customer main/3" {
		t.Errorf("%+v: want two customers, one of whom differs", s)
	}
	p.deliver(1000)
	p.deliver(1001)
	p.until("two orders that are as expected promote it", func() bool { return p.shadow().State == shadow.Promoted })

	if _, err := operate.StartShadow(natstest.Context(t), p.JS, "", mapping.Default, operate.ShadowRule{After: 2}, "kim", "back"); err != nil {
		t.Fatal(err)
	}
	p.shopper(3, day.Add(time.Hour), `"first_name":"Jane"`, `"first_name":"June"`)
	p.until("it is withdrawn", func() bool { return p.shadow().State == shadow.Withdrawn })
	if s := p.shadow(); !strings.Contains(s.Why, "customer main/3: customer_record.fields.phone differs") {
		t.Errorf("why: %q, want customer and field", s.Why)
	}
}

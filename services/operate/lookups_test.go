package operate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// byStock routes by what NetSuite told of stock, and asks for the customer's account.
const byStock = `
lookups: {locations: {Oakland Warehouse: "3", Austin Warehouse: "4"}}
classes:
  - {name: backorder, when: 'any(order.lines, .stock.known && .stock.available < .quantity)'}
  - {name: trade, when: 'customer.role == "wholesale" && customer.meta["tier"] == "gold"'}
routing:
  orders:
    - {name: oakland, when: 'all(order.lines, .stock.at["Oakland Warehouse"] >= .quantity)', location: Oakland Warehouse}
    - {name: austin, when: 'all(order.lines, .stock.at["Austin Warehouse"] >= .quantity)', location: Austin Warehouse}
    - {name: none, location: Berlin Warehouse}
`

// newStockPlant is a plant whose first mapping routes by stock.
func newStockPlant(t *testing.T) *plant {
	t.Helper()
	p := newPlant(t)
	p.file = filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(p.file, []byte(string(mapping.Default)+byStock), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// stock is NetSuite telling what an item has in Oakland and in Austin; it gives the position.
func (p *plant) stock(item string, oakland, austin int64) uint64 {
	p.t.Helper()
	c := event.NetSuiteChangedV1{
		Envelope: event.Envelope{Type: "netsuite.v1.changed", ID: fmt.Sprint("stock:", item, time.Now().UnixNano()), Time: time.Now().UTC()},
		Account:  "ns", Kind: event.ChangeInventory, Record: event.RecordID{ID: "i" + item}, ModifiedAt: time.Now().UTC(),
		Stock: &event.Stock{Name: item, Locations: []event.LocationStock{{Location: "3", Available: money.Int(oakland)}, {Location: "4", Available: money.Int(austin)}}},
	}
	m, err := publish.JSON(topology.NetSuiteChanges, subject.Change{Account: "ns", Kind: c.Kind, Key: c.Record.ID}.String(), c.Envelope, c)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.store(m)
}

// account is the shop telling of a customer's account.
func (p *plant) account(id, role, tier string) {
	p.t.Helper()
	c := event.CustomerChangedV1{
		Envelope: event.Envelope{Type: "customer.v1.changed", ID: fmt.Sprint("customer:main:", id, time.Now().UnixNano()), Store: "main", Time: time.Now().UTC()},
		Customer: id, Role: role, Meta: []event.Meta{{Key: "tier", Value: codec.Raw(`"` + tier + `"`)}, {Key: "secret", Value: codec.Raw(`"s"`)}},
	}
	m, err := publish.JSON(topology.Customers, subject.Customer("main", id), c.Envelope, c)
	if err != nil {
		p.t.Fatal(err)
	}
	p.store(m)
}

func (p *plant) store(m publish.Message) uint64 {
	p.t.Helper()
	acks, err := publish.New(p.JS).Publish(natstest.Context(p.t), m)
	if err != nil {
		p.t.Fatal(err)
	}
	return acks[0].Sequence
}

// mapped waits for the desired state that is made of an order's event after the one at a position of ORDERS.
func (p *plant) mapped(id int, after uint64) event.DesiredOrderV1 {
	p.t.Helper()
	var d event.DesiredOrderV1
	stream, err := p.JS.Stream(natstest.Context(p.t), topology.Desired)
	if err != nil {
		p.t.Fatal(err)
	}
	p.until(fmt.Sprintf("order %d is mapped", id), func() bool {
		raw, err := stream.GetLastMsgForSubject(natstest.Context(p.t), subject.DesiredOf("main", fmt.Sprint(id)))
		if err != nil {
			return false
		}
		if d, err = codec.Decode[event.DesiredOrderV1](raw.Data); err != nil {
			p.t.Fatal(err)
		}
		return d.Source.Sequence > after
	})
	return d
}

func location(d event.DesiredOrderV1) string {
	if ref := d.SalesOrder.Fields["location"].Ref; ref != nil {
		return ref.Key
	}
	return ""
}

func inputs(d event.DesiredOrderV1) event.Inputs {
	if d.Inputs == nil {
		return event.Inputs{}
	}
	return *d.Inputs
}

func customer(d event.DesiredOrderV1) event.CustomerInput {
	if c := inputs(d).Customer; c != nil {
		return *c
	}
	return event.CustomerInput{}
}

// edited is the order changed by a person, later.
func edited(minute int, more ...string) []string {
	return append(more, `"date_modified_gmt":"2026-11-23T03:10:33"`, fmt.Sprintf(`"date_modified_gmt":"2026-11-23T04:%02d:00"`, minute), `"customer_note":""`, fmt.Sprintf(`"customer_note":"note %d"`, minute))
}

// proven holds every desired state against its derivation. Invariant 6.
func (p *plant) proven(states int) {
	p.t.Helper()
	proof, err := operate.Prove(natstest.Context(p.t), p.JS, nil)
	if err != nil || !proof.Holds() || proof.States != states {
		p.t.Errorf("%+v, %v: want %d states to come out as they were stored", proof, err, states)
	}
}

// NetSuite tells stock; an order goes where it is, and its desired state names what it went by. When the stock has changed
// the next order goes elsewhere, the first one stays also when it is edited, and everything is derived bit for bit.
func TestStockRoutes(t *testing.T) {
	p := newStockPlant(t)
	told := p.stock("TEE-001", 0, 5)
	p.transformer()
	p.deliver(1001)
	first := p.mapped(1001, 0)
	if location(first) != "Austin Warehouse" || len(inputs(first).Stock) != 1 || inputs(first).Stock[0].Item != "TEE-001" || inputs(first).Stock[0].Sequence != told ||
		inputs(first).Kept || inputs(first).Customer != nil {
		t.Fatalf("location %q by %+v, want Austin by what NetSuite told at %d", location(first), first.Inputs, told)
	}
	p.stock("TEE-001", 9, 0)
	next := 1001
	p.until("a new order goes to Oakland", func() bool {
		next++
		p.deliver(next)
		return location(p.mapped(next, 0)) == "Oakland Warehouse"
	})
	p.deliver(1001, edited(1)...)
	second := p.mapped(1001, first.Source.Sequence)
	if location(second) != "Austin Warehouse" || !inputs(second).Kept || len(inputs(second).Stock) != 1 || inputs(second).Stock[0].Sequence != told {
		t.Errorf("edited it goes to %q by %+v, want what it was told first", location(second), second.Inputs)
	}
	derived, err := operate.Derive(natstest.Context(t), p.JS, "main", "1001", "")
	if err != nil || !derived.Same || location(derived.Desired) != "Austin Warehouse" {
		t.Errorf("derived: same %v, location %q, %v", derived.Same, location(derived.Desired), err)
	}
	p.proven(next - 1000)
}

// What comes onto an order later is asked for then; what is in its sales order already is not, since the order itself took
// of it.
func TestALaterLineAsksForItsStock(t *testing.T) {
	p := newStockPlant(t)
	p.stock("TEE-001", 0, 5)
	p.stock("MUG-001", 0, 5)
	p.transformer()
	p.deliver(1001)
	first := p.mapped(1001, 0)
	p.deliver(1001, edited(1, `"sku":"TEE-001"`, `"sku":"MUG-001"`)...)
	second := p.mapped(1001, first.Source.Sequence)
	var items []string
	for _, of := range inputs(second).Stock {
		items = append(items, fmt.Sprint(of.Item, of.Sequence > 0))
	}
	if location(second) != "Austin Warehouse" || !slices.Equal(items, []string{"MUG-001true", "TEE-001true"}) {
		t.Errorf("location %q by %v, want both items known", location(second), items)
	}
	p.proven(1)
}

// An order that waits for its payment has no sales order: it goes by the stock of the moment in which it is paid.
func TestAnOrderThatWaitsAsksAgain(t *testing.T) {
	p := newStockPlant(t)
	p.stock("TEE-001", 0, 5)
	p.transformer()
	unpaid := []string{`"status":"processing"`, `"status":"pending"`, `"date_paid":"2026-11-22T22:10:33"`, `"date_paid":null`, `"date_paid_gmt":"2026-11-23T03:10:33"`, `"date_paid_gmt":null`}
	p.deliver(1001, unpaid...)
	first := p.mapped(1001, 0)
	p.deliver(1001, edited(1, append([]string{`"status":"processing"`, `"status":"cancelled"`}, unpaid[2:]...)...)...)
	cancelled := p.mapped(1001, first.Source.Sequence)
	p.stock("TEE-001", 9, 0)
	probe := 2000
	p.until("the transformer knows", func() bool { probe++; p.deliver(probe); return location(p.mapped(probe, 0)) == "Oakland Warehouse" })
	p.deliver(1001, edited(2)...)
	paid := p.mapped(1001, cancelled.Source.Sequence)
	if first.Policy.Absent != event.ActionWait || cancelled.Policy.Absent != event.ActionIgnore || location(paid) != "Oakland Warehouse" || inputs(paid).Kept {
		t.Errorf("%s, then to %q by %+v; want it to wait, then Oakland", first.Policy.Absent, location(paid), paid.Inputs)
	}
	p.deliver(1001, edited(3, append([]string{`"status":"processing"`, `"status":"cancelled"`}, unpaid[2:]...)...)...)
	again := p.mapped(1001, paid.Source.Sequence)
	p.stock("TEE-001", 0, 1)
	p.deliver(1001, edited(4)...)
	if back := p.mapped(1001, again.Source.Sequence); again.Policy.Absent != event.ActionIgnore || location(back) != "Oakland Warehouse" || !inputs(back).Kept {
		t.Errorf("cancelled and taken up again it goes to %q by %+v, want Oakland as before", location(back), back.Inputs)
	}
	p.proven(1 + probe - 2000)
}

// The shop often tells of an account after its first order. The order learns it with its next state, and keeps it then.
func TestTheAccountComesLater(t *testing.T) {
	p := newStockPlant(t)
	p.transformer()
	registered := []string{`"customer_id":0`, `"customer_id":42`}
	p.deliver(1001, registered...)
	first := p.mapped(1001, 0)
	if c := customer(first); c.Account != "42" || c.Sequence != 0 || trade(first) {
		t.Fatalf("customer %+v, want that nothing is known of account 42", c)
	}
	p.account("42", "wholesale", "gold")
	p.deliver(1001, edited(1, registered...)...)
	second := p.mapped(1001, first.Source.Sequence)
	if c := customer(second); c.Role != "wholesale" || len(c.Meta) != 1 || c.Meta["tier"] != "gold" || !trade(second) {
		t.Errorf("customer %+v, want his role and the one key that is asked for", c)
	}
	p.account("42", "customer", "")
	p.deliver(1001, edited(2, registered...)...)
	if third := p.mapped(1001, second.Source.Sequence); !trade(third) {
		t.Errorf("customer %+v, want what the order was told first", customer(third))
	}
	p.deliver(1002, registered...)
	if other := p.mapped(1002, 0); trade(other) || customer(other).Role != "customer" {
		t.Errorf("customer %+v, want what is true of a new order", customer(other))
	}
	p.proven(2)
}

func trade(d event.DesiredOrderV1) bool {
	return slices.ContainsFunc(d.Rules, func(r event.FiredRule) bool { return r.Name == "trade" })
}

// A mapping that asks for nothing costs no look at what it does not ask for; one that does follows from then on, without a
// restart.
func TestNoLookupNoRead(t *testing.T) {
	p := newPlant(t)
	p.account("42", "wholesale", "gold")
	p.stock("TEE-001", 0, 5)
	conn, err := p.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	asked := make(chan string, 1000)
	for _, stream := range []string{topology.Customers, topology.NetSuiteChanges} {
		for _, api := range []string{"$JS.API.DIRECT.GET." + stream + ".>", "$JS.API.CONSUMER.CREATE." + stream + ".>"} {
			if _, err := conn.Subscribe(api, func(m *nats.Msg) { asked <- m.Subject }); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	p.transformer()
	p.deliver(1001, `"customer_id":0`, `"customer_id":42`)
	if d := p.mapped(1001, 0); d.Inputs != nil {
		t.Errorf("inputs %+v of a mapping that asks for none", d.Inputs)
	}
	for len(asked) > 0 {
		if s := <-asked; !strings.Contains(s, topology.ConsumerMapCustomers) && !strings.Contains(s, "write-") {
			t.Errorf("asked for %s", s)
		}
	}
	p.publish([]byte(string(mapping.Default)+byStock), "by stock")
	p.until("the transformer follows", func() bool { return p.turned.Load() > 0 })
	p.deliver(1002, `"customer_id":0`, `"customer_id":42`)
	if d := p.mapped(1002, 0); location(d) != "Austin Warehouse" || !trade(d) {
		t.Errorf("location %q, rules %+v; want Austin, trade", location(d), d.Rules)
	}
	p.until("the test sees requests", func() bool { return len(asked) > 1 })
	p.deliver(1001, edited(1)...) // its sales order is there, routed without
	if d := p.mapped(1001, 1); location(d) != "Berlin Warehouse" || len(inputs(d).Stock) != 1 || inputs(d).Stock[0].Sequence != 0 {
		t.Errorf("location %q by %+v; want its stock unknown, since the order took of it", location(d), d.Inputs)
	}
	p.proven(2)
}

// Three transformers come to one desired state of each order event, whatever each knows of stock at the time.
func TestTransformersOfDifferentKnowledge(t *testing.T) {
	p := newStockPlant(t)
	p.stock("TEE-001", 5, 0)
	for range 3 {
		p.transformer()
	}
	const orders = 60
	for id := range orders {
		p.deliver(3000 + id)
		p.stock("TEE-001", int64(id%2), int64(1-id%2))
	}
	went := map[string]int{}
	for id := range orders {
		d := p.mapped(3000+id, 0)
		went[location(d)]++
		if !slices.ContainsFunc(inputs(d).Stock, func(in event.StockInput) bool { return in.Sequence > 0 }) {
			t.Errorf("order %d by %+v", 3000+id, d.Inputs)
		}
		p.deliver(3000+id, edited(1)...)
		if later := p.mapped(3000+id, d.Source.Sequence); location(later) != location(d) {
			t.Errorf("order %d goes from %s to %s", 3000+id, location(d), location(later))
		}
	}
	if went["Oakland Warehouse"]+went["Austin Warehouse"] != orders {
		t.Errorf("%v, want all where stock was said to be", went)
	}
	p.proven(orders)
}

package mapping

import (
	"cmp"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// Mapping is a compiled document.
type Mapping struct {
	document Document
	tree     *tree
	revision string
	stores   map[string]*Mapping // what is different for a store: a whole mapping of its own

	expressions []*expression // in the order of the document's sections
	asked       asked         // of look-ups, by the expressions

	classes    []classRule
	validation []validRule
	rules      []rule
	orders     []routeRule
	customers  []routeRule
	items      []itemRule
	lines      []routeRule

	customer []field
	order    []field
	line     []field
	payment  []field
	refund   []field
	perTen   money.Amount
	zeroUnit money.Amount
}

type rule struct {
	StatusRule
	when *expression
}

// Compile reads, checks and compiles a document. Errors name path, line and column.
func Compile(data []byte) (*Mapping, error) {
	t, err := read(data)
	if err != nil {
		return nil, fault.New(fault.MappingInvalid, "want a mapping document", fault.Because(err))
	}
	return t.mapping(Revision(data))
}

// mapping compiles the tree and what is different for its stores.
func (t *tree) mapping(revision string) (*Mapping, error) {
	m, err := t.compile(revision)
	if err != nil {
		return nil, err
	}
	return m, m.overrides(t)
}

// overrides compiles what is different for single stores.
func (m *Mapping) overrides(t *tree) error {
	m.stores = map[string]*Mapping{}
	for _, store := range sorted(m.document.Stores) {
		override := t.nodes["stores."+store]
		for _, own := range []string{"mapping", "version", "include", "stores"} {
			if node, _ := value(override, own); node != nil {
				return fault.New(fault.MappingInvalid, fmt.Sprintf("%s: %s is the document's, not a store's", t.place(node, node.Line, node.Column), own), fault.Field("stores", store))
			}
		}
		variant, err := t.over(override).compile(m.revision)
		if err != nil {
			return fault.New(fault.MappingInvalid, "the document must be sound with what is different for the store", fault.Field("stores", store), fault.Because(err))
		}
		m.stores[store] = variant
	}
	return nil
}

func (t *tree) compile(revision string) (*Mapping, error) {
	d, err := t.document()
	if err != nil {
		return nil, err
	}
	m := &Mapping{document: d, tree: t, revision: revision}
	c := compiler{tree: t, document: d}
	m.classes, m.validation = c.classes(d.Classes), c.validation(d.Validation)
	m.customer, m.order, m.line = c.fields("customer.fields", d.Customer.Fields), c.fields("sales_order.fields", d.SalesOrder.Fields), c.fields("items.fields", d.Items.Fields)
	if d.Payments != nil {
		m.payment = c.fields("payments.fields", d.Payments.Fields)
	}
	m.refund = c.fields("refunds.fields", d.Refunds.Fields)
	for i, r := range d.Statuses {
		m.rules = append(m.rules, rule{r, c.condition(fmt.Sprintf("statuses[%d].when", i), r.When)})
	}
	m.items, m.customers = c.items(d.Items.Rules), c.customers(d.Customer.Rules)
	m.orders, m.lines = c.routes(sectionOrders, d.Routing.Orders), c.routes(sectionLines, d.Routing.Lines)
	m.perTen, err = money.Parse(cmp.Or(d.Rounding.PerTen, "0.02"))
	c.keep("rounding.per_ten_lines", err)
	m.zeroUnit, err = money.Parse(cmp.Or(d.Rounding.ZeroUnit, "1"))
	c.keep("rounding.zero_decimal", err)
	m.expressions, m.asked = c.expressions, c.asked
	if err := c.problems.in(t); err != nil {
		return nil, fault.New(fault.MappingInvalid, "every expression must compile", fault.Field("mapping", d.Mapping), fault.Because(err))
	}
	return m, nil
}

// Name is the mapping's name.
func (m *Mapping) Name() string { return m.document.Mapping }

// Revision names the document's bytes.
func (m *Mapping) Revision() string { return m.revision }

// Context is what a desired state says about its making beside the order itself.
type Context struct {
	Account   string
	Sequence  uint64 // of the event in ORDERS
	Published uint64 // position of the revision in its history
	Adoption  []string
	Inputs    *event.Inputs // what is known of what the mapping asks for (Asks); recorded as it is given
}

// Map gives what NetSuite should hold for an order.
func (m *Mapping) Map(o event.OrderStateV1, c Context) (event.DesiredOrderV1, error) {
	s, _ := scopes.Get().(*scope)
	defer s.release()
	m = m.of(o.Store)
	m.begin(s, o, c.Inputs)
	d, err := m.make(o, c, s)
	if err != nil {
		return event.DesiredOrderV1{}, err
	}
	return d, nil
}

// of gives the mapping of a store.
func (m *Mapping) of(store string) *Mapping {
	if variant, has := m.stores[store]; has {
		return variant
	}
	return m
}

// make gives a desired state, with an error the parts of it that were made before.
func (m *Mapping) make(o event.OrderStateV1, c Context, s *scope) (event.DesiredOrderV1, error) {
	rule, warnings, err := m.decide(s)
	if err != nil {
		return event.DesiredOrderV1{}, err
	}
	d := event.DesiredOrderV1{
		Envelope: event.Envelope{
			Type: "desired.v1.order", ID: "desired:" + o.Store + ":" + o.Order + ":" + strconv.FormatUint(c.Sequence, 10) + ":" + m.revision, Store: o.Store, Time: o.Time,
		},
		Account: c.Account, Order: o.Order, Number: o.Number, Source: m.source(o, c), Inputs: c.Inputs, Deposits: []event.Deposit{}, Refunds: []event.CustomerRefund{},
		Policy: event.Policy{Rule: rule.Name, Absent: rule.Absent, Open: rule.Open, Fulfilled: rule.Fulfilled, Explanation: rule.Explanation},
	}
	d.Warnings = warnings
	if rule.writes() {
		if err := m.fill(&d, o, s, rule, c); err != nil {
			d.Rules = s.fired
			return d, err
		}
	} else {
		d.SalesOrder = event.SalesOrder{ExternalID: externalID("so", o), Currency: o.Currency, TaxMode: m.taxMode(), Fields: map[string]event.Value{}, Lines: []event.OrderLine{}}
	}
	d.Rules = s.fired
	return d, seal(&d)
}

func externalID(kind string, o event.OrderStateV1) string {
	return "wc-" + kind + "-" + o.Store + "-" + o.Order
}

func (m *Mapping) source(o event.OrderStateV1, c Context) event.DesiredSource {
	return event.DesiredSource{
		Sequence: c.Sequence, Event: o.ID, Kind: o.Kind, Status: o.Status, Version: o.Version, Mapping: m.document.Mapping,
		Revision: m.revision, Published: c.Published, StateHash: o.Hash, PlacedAt: o.Placed.At,
	}
}

// decide finds the rule that says what the order's state means: one of its status, or a validation rule that ignores
// the order.
func (m *Mapping) decide(s *scope) (StatusRule, []string, error) {
	if err := m.classify(s); err != nil {
		return StatusRule{}, nil, err
	}
	r, err := m.status(s)
	if err != nil {
		return r, nil, err
	}
	var warnings []string
	if r.Warn {
		warnings = append(warnings, r.Explanation)
	}
	if !r.writes() {
		return r, warnings, nil
	}
	rejected, found, err := m.validate(s)
	warnings = append(warnings, found...)
	if rejected != nil {
		return *rejected, warnings, err
	}
	return r, warnings, err
}

func (m *Mapping) status(s *scope) (StatusRule, error) {
	for _, r := range m.rules {
		holds, err := s.holds(r.when)
		if err != nil {
			return StatusRule{}, err
		}
		if holds {
			return r.StatusRule, nil
		}
	}
	return StatusRule{}, fault.New(fault.StatusUnmapped, "want a rule under statuses for the order's status", fault.Field("status", s.Order.Status))
}

// writes tells whether an order of this rule may come to a sales order.
func (r StatusRule) writes() bool {
	return r.Absent == event.ActionCreate || r.Absent == event.ActionWait || r.Open == event.ActionApply
}

func (m *Mapping) fill(d *event.DesiredOrderV1, o event.OrderStateV1, s *scope, r StatusRule, c Context) (err error) {
	routed, err := m.route(m.orders, s, "")
	if err != nil {
		return err
	}
	s.billing, s.shipping = m.address(o.Billing), m.address(shipTo(o))
	if d.Customer, err = m.party(o, s); err != nil {
		return err
	}
	if subsidiary, set := routed["subsidiary"]; set && d.Customer.Fields != nil { // NetSuite takes an order only in a subsidiary of its customer
		d.Customer.Fields["subsidiary"] = subsidiary
	}
	basket, err := m.basket(o, s)
	if err != nil {
		return err
	}
	if err := m.fillOrder(d, o, s, r, basket, routed); err != nil {
		return err
	}
	for _, column := range c.Adoption {
		d.SalesOrder.Adoption = append(d.SalesOrder.Adoption, event.AdoptionKey{Field: column, Value: o.Number})
	}
	return m.fillMoney(d, m.till(o, s), r, basket)
}

func (m *Mapping) fillOrder(d *event.DesiredOrderV1, o event.OrderStateV1, s *scope, r StatusRule, basket *basket, routed map[string]event.Value) error {
	fields, err := m.values(m.order, s, true)
	if err != nil {
		return err
	}
	d.SalesOrder = event.SalesOrder{Fields: fields, Billing: s.billing, Shipping: s.shipping} // what an explanation shows where the books fail
	books, err := m.books(o, s, basket)
	if err != nil {
		return err
	}
	maps.Copy(fields, books.fields)
	maps.Copy(fields, routed)
	if err := m.ship(fields, o, basket.cost()); err != nil {
		return err
	}
	for i := range books.lines {
		books.lines[i].Closed = books.lines[i].Closed || r.Closed
	}
	d.SalesOrder = event.SalesOrder{
		ExternalID: externalID("so", o), OrderStatus: r.OrderStatus, Closed: r.Closed, Currency: o.Currency, Fields: fields,
		Billing: s.billing, Shipping: s.shipping, Lines: books.lines, TaxMode: m.taxMode(), TaxDetails: books.taxes,
	}
	d.Expected = event.Expected{
		Total: books.total, Net: books.total.Sub(books.tax), ShopTotal: o.Totals.Total.Round(o.Currency), Rounding: books.rounding, Lines: len(books.lines),
	}
	return nil
}

func (m *Mapping) fillMoney(d *event.DesiredOrderV1, t till, r StatusRule, basket *basket) (err error) {
	if d.Deposits, err = t.deposits(); err != nil {
		return err
	}
	refunds, warnings, err := t.customerRefunds(basket)
	if err != nil {
		return err
	}
	d.Refunds, d.Warnings = refunds, append(d.Warnings, warnings...)
	d.GivenBack, warnings = t.givenBack(basket)
	d.Warnings = append(d.Warnings, warnings...)
	d.Bill = t.bill(r)
	return nil
}

func (m *Mapping) ship(fields map[string]event.Value, o event.OrderStateV1, cost money.Amount) error {
	number := money.NumberOf(cost.Decimal())
	fields["shippingCost"] = event.Value{Number: &number}
	if _, routed := fields["shipMethod"]; routed {
		return nil
	}
	if len(o.Shipments) == 0 {
		fields["shipMethod"] = event.Value{Empty: true}
		return nil
	}
	first := o.Shipments[0]
	for _, key := range []string{methodOf(first), first.Method, "*"} {
		if item, known := m.document.Shipping.Methods[key]; known {
			fields["shipMethod"] = event.Value{Ref: &event.Ref{Record: "shipItem", By: "name", Key: item}}
			return nil
		}
	}
	return fault.New(fault.MappingFailed, "want a ship item under shipping.methods", fault.Field("shipping_lines[0].method_id", methodOf(first)))
}

func shipTo(o event.OrderStateV1) event.Address {
	to := o.Shipping
	to.Phone = ""
	if to.IsEmpty() {
		return o.Billing
	}
	return o.Shipping
}

func (m *Mapping) address(a event.Address) *event.PostalAddress {
	person := m.oneLine("addressee", a.FirstName+" "+a.LastName)
	p := event.PostalAddress{
		Addressee: person, Addr1: m.oneLine("addr1", a.Address1), Addr2: m.oneLine("addr2", a.Address2), City: m.oneLine("city", a.City),
		State: m.state(a), Zip: m.oneLine("zip", a.Postcode), Country: a.Country, Phone: m.oneLine("addrPhone", a.Phone),
	}
	if company := m.oneLine("addressee", a.Company); company != "" {
		p.Addressee, p.Attention = company, person
	}
	for _, part := range []struct {
		name  string
		value *string
	}{
		{"addressee", &p.Addressee}, {"attention", &p.Attention}, {"addr1", &p.Addr1}, {"addr2", &p.Addr2},
		{"city", &p.City}, {"state", &p.State}, {"zip", &p.Zip}, {"addrPhone", &p.Phone},
	} {
		*part.value = cut(*part.value, m.document.Lengths[part.name])
	}
	if p == (event.PostalAddress{}) {
		return nil
	}
	return &p
}

// state gives NetSuite's short code: by the table, else without the country WooCommerce puts before it.
func (m *Mapping) state(a event.Address) string {
	if state, known := m.document.Addresses.States[a.Country+":"+a.State]; known {
		return state
	}
	return m.oneLine("state", strings.TrimPrefix(a.State, a.Country+"-"))
}

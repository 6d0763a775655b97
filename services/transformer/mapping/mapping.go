package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// Mapping is a compiled document.
type Mapping struct {
	document Document
	revision string
	rules    []rule
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
	when *vm.Program
}

// Compile reads, checks and compiles a document. Errors name path, line and column.
func Compile(data []byte) (*Mapping, error) {
	d, err := Parse(data)
	if err != nil {
		return nil, err
	}
	m := &Mapping{document: d, revision: Revision(data)}
	var problems []error
	keep := func(err error) { problems = append(problems, err) }
	m.customer, err = compileFields("customer.fields", d.Customer.Fields)
	keep(err)
	m.order, err = compileFields("sales_order.fields", d.SalesOrder.Fields)
	keep(err)
	m.line, err = compileFields("items.fields", d.Items.Fields)
	keep(err)
	if d.Payments != nil {
		m.payment, err = compileFields("payments.fields", d.Payments.Fields)
		keep(err)
	}
	m.refund, err = compileFields("refunds.fields", d.Refunds.Fields)
	keep(err)
	for i, r := range d.Statuses {
		program, err := compile(fmt.Sprintf("statuses[%d].when", i), r.When, expr.AsBool())
		keep(err)
		m.rules = append(m.rules, rule{r, program})
	}
	m.perTen, err = money.Parse(cmp.Or(d.Rounding.PerTen, "0.02"))
	keep(err)
	m.zeroUnit, err = money.Parse(cmp.Or(d.Rounding.ZeroUnit, "1"))
	keep(err)
	if err := errors.Join(problems...); err != nil {
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
}

// Map gives what NetSuite should hold for an order.
func (m *Mapping) Map(o event.OrderStateV1, c Context) (event.DesiredOrderV1, error) {
	env := envOf(o)
	rule, err := m.rule(env)
	if err != nil {
		return event.DesiredOrderV1{}, err
	}
	d := event.DesiredOrderV1{
		Envelope: event.Envelope{
			Type: "desired.v1.order", ID: fmt.Sprintf("desired:%s:%s:%d:%s", o.Store, o.Order, c.Sequence, m.revision), Store: o.Store, Time: o.Time,
		},
		Account: c.Account, Order: o.Order, Number: o.Number, Source: m.source(o, c), Deposits: []event.Deposit{}, Refunds: []event.CustomerRefund{},
		Policy: event.Policy{Rule: rule.Name, Absent: rule.Absent, Open: rule.Open, Fulfilled: rule.Fulfilled, Explanation: rule.Explanation},
	}
	if rule.Warn {
		d.Warnings = append(d.Warnings, rule.Explanation)
	}
	if rule.Absent == event.ActionCreate || rule.Open == event.ActionApply || rule.Absent == event.ActionWait {
		if err := m.fill(&d, o, env, rule, c); err != nil {
			return event.DesiredOrderV1{}, err
		}
	} else {
		d.SalesOrder = event.SalesOrder{ExternalID: externalID("so", o), Currency: o.Currency, TaxMode: m.taxMode(), Fields: map[string]event.Value{}, Lines: []event.OrderLine{}}
	}
	return d, seal(&d)
}

func externalID(kind string, o event.OrderStateV1) string {
	return fmt.Sprintf("wc-%s-%s-%s", kind, o.Store, o.Order)
}

func (m *Mapping) source(o event.OrderStateV1, c Context) event.DesiredSource {
	return event.DesiredSource{
		Sequence: c.Sequence, Event: o.ID, Kind: o.Kind, Status: o.Status, Version: o.Version, Mapping: m.document.Mapping,
		Revision: m.revision, Published: c.Published, StateHash: o.Hash, PlacedAt: o.Placed.At,
	}
}

// seal computes the hash of what NetSuite should hold, whatever made it.
func seal(d *event.DesiredOrderV1) error {
	hash, err := codec.Hash(struct {
		Policy     event.Policy
		Customer   event.Party
		SalesOrder event.SalesOrder
		Deposits   []event.Deposit
		Refunds    []event.CustomerRefund
		Bill       *event.Bill
		Expected   event.Expected
	}{d.Policy, d.Customer, d.SalesOrder, d.Deposits, d.Refunds, d.Bill, d.Expected})
	d.Hash = hash
	return err
}

func (m *Mapping) rule(env Env) (rule, error) {
	for i, r := range m.rules {
		fires, err := expr.Run(r.when, env)
		if err != nil {
			return rule{}, fault.New(fault.MappingFailed, "the condition must give true or false", fault.Field(fmt.Sprintf("statuses[%d].when", i), r.When), fault.Because(err))
		}
		if fires == true {
			return r, nil
		}
	}
	return rule{}, fault.New(fault.StatusUnmapped, "want a rule under statuses for the order's status", fault.Field("status", env.Order.Status))
}

func (m *Mapping) fill(d *event.DesiredOrderV1, o event.OrderStateV1, env Env, r rule, c Context) (err error) {
	if d.Customer, err = m.party(o, env); err != nil {
		return err
	}
	basket, err := m.basket(o, env)
	if err != nil {
		return err
	}
	if err := m.fillOrder(d, o, env, r, basket); err != nil {
		return err
	}
	for _, column := range c.Adoption {
		d.SalesOrder.Adoption = append(d.SalesOrder.Adoption, event.AdoptionKey{Field: column, Value: o.Number})
	}
	return m.fillMoney(d, m.till(o, env), r, basket)
}

func (m *Mapping) fillOrder(d *event.DesiredOrderV1, o event.OrderStateV1, env Env, r rule, basket *basket) error {
	fields, err := m.values("sales_order.fields", m.order, env, true)
	if err != nil {
		return err
	}
	books, err := m.books(o, env, basket)
	if err != nil {
		return err
	}
	maps.Copy(fields, books.fields)
	if err := m.ship(fields, o, basket.shipping.total); err != nil {
		return err
	}
	for i := range books.lines {
		books.lines[i].Closed = books.lines[i].Closed || r.Closed
	}
	d.SalesOrder = event.SalesOrder{
		ExternalID: externalID("so", o), OrderStatus: r.OrderStatus, Closed: r.Closed, Currency: o.Currency, Fields: fields,
		Billing: m.address(o.Billing), Shipping: m.address(shipTo(o)), Lines: books.lines, TaxMode: m.taxMode(), TaxDetails: books.taxes,
	}
	d.Expected = event.Expected{
		Total: books.total, Net: books.total.Sub(books.tax), ShopTotal: o.Totals.Total.Round(o.Currency), Rounding: books.rounding, Lines: len(books.lines),
	}
	return nil
}

func (m *Mapping) fillMoney(d *event.DesiredOrderV1, t till, r rule, basket *basket) (err error) {
	if d.Deposits, err = t.deposits(); err != nil {
		return err
	}
	refunds, warnings, err := t.customerRefunds(basket)
	if err != nil {
		return err
	}
	d.Refunds, d.Warnings = refunds, append(d.Warnings, warnings...)
	d.Bill = t.bill(r)
	return nil
}

func (m *Mapping) ship(fields map[string]event.Value, o event.OrderStateV1, cost money.Amount) error {
	number := money.NumberOf(cost.Decimal())
	fields["shippingCost"] = event.Value{Number: &number}
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
	person := oneLine(a.FirstName + " " + a.LastName)
	p := event.PostalAddress{
		Addressee: person, Addr1: oneLine(a.Address1), Addr2: oneLine(a.Address2), City: oneLine(a.City),
		State: m.state(a), Zip: oneLine(a.Postcode), Country: a.Country, Phone: oneLine(a.Phone),
	}
	if company := oneLine(a.Company); company != "" {
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
	return oneLine(strings.TrimPrefix(a.State, a.Country+"-"))
}

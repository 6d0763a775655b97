package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
)

// Explanation says why a desired state is what it is.
type Explanation struct {
	Store    string            `json:"store"`
	Order    string            `json:"order,omitempty"`
	Customer string            `json:"customer,omitempty"` // the shop's id of the account, where it is of a customer
	Mapping  string            `json:"mapping"`
	Revision string            `json:"revision"`
	Rule     string            `json:"rule,omitempty"`  // of statuses or validation
	Rules    []event.FiredRule `json:"rules,omitempty"` // the others that applied
	Fields   []Explained       `json:"fields,omitempty"`
	Steps    []Step            `json:"steps"` // every expression, in the order of evaluation
	Warnings []string          `json:"warnings,omitempty"`
	Error    string            `json:"error,omitempty"` // why the order or the customer is parked; its code, field and value
}

// Explained is one field of the desired state.
type Explained struct {
	Field string `json:"field"`
	Value string `json:"value"`
	Rule  string `json:"rule,omitempty"` // the rule that set it
	From  string `json:"from,omitempty"` // the section that makes what no expression and no rule does
	Step  *Step  `json:"step,omitempty"` // the expression

	When   *Step    `json:"when,omitempty"`   // the rule's condition; none where it is for the rest
	Passed []string `json:"passed,omitempty"` // the rules before it in its group that did not hold
}

// Explain maps an order and says where each field comes from; of one that cannot be mapped the fields that are made before
// that which fails, and every expression up to it.
func (m *Mapping) Explain(o event.OrderStateV1, c Context) Explanation {
	t := NewTrace()
	d, err := m.MapTraced(o, c, t)
	x := Explanation{Store: o.Store, Order: o.Order, Mapping: m.Name(), Revision: m.Revision(), Rule: d.Policy.Rule, Rules: d.Rules, Steps: t.Steps, Warnings: d.Warnings}
	e := explainer{x: &x, t: t, m: m.of(o.Store), o: o, ran: map[string]*Step{}}
	for i, step := range t.Steps {
		e.ran[step.Path+" "+step.Line] = &t.Steps[i]
	}
	e.customer(d.Customer)
	e.order(d)
	if err != nil {
		x.Error = err.Error()
		return x
	}
	for _, line := range d.SalesOrder.Lines {
		e.line(line)
	}
	e.money(d)
	return x
}

// record is how a plan names what a customer's own desired state asks of his record.
const record = "customer_record"

// ExplainCustomer maps a customer's account and says where each field of his record comes from.
func (m *Mapping) ExplainCustomer(c event.CustomerChangedV1, with Context) Explanation {
	t := NewTrace()
	d, err := m.CustomerTraced(c, with, t)
	x := Explanation{Store: c.Store, Customer: c.Customer, Mapping: m.Name(), Revision: m.Revision(), Steps: t.Steps}
	if err != nil {
		x.Error = err.Error()
		return x
	}
	e := explainer{x: &x, t: t, m: m.of(c.Store)}
	e.from(record+".external_id", d.ExternalID, "customer.identity account")
	for i, address := range d.Addresses {
		e.from(fmt.Sprintf("%s.addresses[%d]", record, i), addressText(&address), "the account's billing, shipping, addresses")
	}
	own := len(x.Fields)
	e.fields("customer.fields", d.Fields)
	for i := range x.Fields[own:] {
		f := &x.Fields[own+i]
		f.Field = record + strings.TrimPrefix(f.Field, "customer")
	}
	return x
}

// explainer explains one desired state.
type explainer struct {
	x *Explanation
	t *Trace
	m *Mapping
	o event.OrderStateV1

	ran map[string]*Step // by path and line
}

// add adds a value with how its rule came to be taken; part is the key of the line that the rule looked at.
func (e explainer) add(f Explained, rule, part string) {
	section, name, _ := strings.Cut(rule, " ")
	for _, of := range e.m.sections() {
		if of.name == section {
			e.chosen(&f, of.rules, name, strings.TrimPrefix(part, "line-"))
		}
	}
	e.x.Fields = append(e.x.Fields, f)
}

// chosen finds the condition of a rule, and those before it in its group that did not hold.
func (e explainer) chosen(f *Explained, rules []member, name, line string) {
	at := slices.IndexFunc(rules, func(r member) bool { return r.name == name })
	if at < 0 {
		return
	}
	f.When = e.ran[rules[at].path+".when "+line]
	for _, r := range rules[:at] {
		if step := e.ran[r.path+".when "+line]; step != nil && r.group == rules[at].group && step.Value == "false" {
			f.Passed = append(f.Passed, r.name)
		}
	}
}

// from adds a value with the section, or the part of the order, that makes it; none where the value is empty.
func (e explainer) from(field, value, from string) {
	if value != "" {
		e.x.Fields = append(e.x.Fields, Explained{Field: field, Value: value, From: from})
	}
}

func (e explainer) customer(p event.Party) {
	if p.Default != nil {
		e.from("customer.default", p.Default.Key, "customer.default")
	}
	if p.ExternalID != "" {
		e.from("customer.external_id", p.ExternalID, "customer.identity "+string(e.m.identity(e.o)))
	}
	e.from("customer.email", p.Email, "order.customer.email")
	for i, address := range p.Addresses {
		e.from(fmt.Sprintf("customer.addresses[%d]", i), addressText(&address), "order.billing, order.shipping, addresses")
	}
	e.fields("customer.fields", p.Fields)
}

func (e explainer) order(d event.DesiredOrderV1) {
	so := d.SalesOrder
	if so.OrderStatus != "" {
		e.add(Explained{Field: "sales_order.order_status", Value: so.OrderStatus, Rule: "statuses " + d.Policy.Rule}, "statuses "+d.Policy.Rule, "")
	}
	if so.Closed {
		e.add(Explained{Field: "sales_order.closed", Value: "true", Rule: "statuses " + d.Policy.Rule}, "statuses "+d.Policy.Rule, "")
	}
	e.from("sales_order.billing", addressText(so.Billing), "order.billing, addresses")
	e.from("sales_order.shipping", addressText(so.Shipping), "order.shipping, addresses")
	e.from("sales_order.tax_mode", string(so.TaxMode), "taxes.strategy")
	e.fields("sales_order.fields", so.Fields)
}

// line explains a line: which item, how much of it, for what.
func (e explainer) line(l event.OrderLine) {
	name := "lines[" + l.Key + "]"
	item, figures := e.lineFrom(l.Key)
	e.add(Explained{Field: name + ".item", Value: l.Item.Key, From: item}, item, l.Key)
	if l.Quantity != nil {
		e.from(name+".quantity", l.Quantity.String(), figures)
	}
	if l.Rate != nil {
		e.from(name+".rate", l.Rate.String(), figures)
	}
	e.from(name+".amount", l.Amount.String(), figures)
	e.from(name+".description", l.Description, figures)
	if l.TaxCode != nil {
		e.from(name+".tax_code", l.TaxCode.Key, "taxes")
	}
	if l.Closed {
		e.from(name+".closed", "true", "order.refunds, statuses")
	}
	e.fields(name+".fields", l.Fields)
}

// lineFrom says what made a line's item, and its figures.
func (e explainer) lineFrom(key string) (item, figures string) {
	switch {
	case key == "rounding":
		return "rounding.item", "rounding"
	case strings.HasSuffix(key, "-discount"):
		return "items.discount", "discounts"
	case strings.HasPrefix(key, "fee-"):
		return "items.fee", "the shop's fee"
	case strings.HasPrefix(key, "tax-"):
		return "taxes.item", "taxes"
	default:
		return e.itemFrom(key), "the shop's line"
	}
}

func (e explainer) itemFrom(key string) string {
	for _, r := range e.x.Rules {
		if r.Section == sectionItems && slices.Contains(r.Lines, key) {
			return sectionItems + " " + r.Name
		}
	}
	at := slices.IndexFunc(e.o.Lines, func(l event.Line) bool { return "line-"+l.ID == key })
	switch sku := e.o.Lines[max(at, 0)].SKU; {
	case sku == "":
		return "items.fallback"
	case e.m.document.Items.SKUs[sku] != "":
		return "items.skus"
	default:
		return "the SKU itself"
	}
}

// money explains taxes, deposits, refunds, bill and total.
func (e explainer) money(d event.DesiredOrderV1) {
	for _, row := range d.SalesOrder.TaxDetails {
		name := "tax_details[" + row.Reference + " " + row.TaxCode.Key + "]"
		e.from(name+".code", row.TaxCode.Key, "taxes.rates")
		e.from(name+".amount", row.Amount.String(), "the shop's tax")
	}
	for _, deposit := range d.Deposits {
		name, from := "deposits["+deposit.Payment+"]", "payments.gateways"
		if deposit.Payment != paymentKey {
			from = "payments.gift_cards"
		}
		e.from(name+".amount", deposit.Amount.String(), from)
		e.from(name+".question", deposit.Question, from)
		e.fields(name+".fields", deposit.Fields)
	}
	for _, refund := range d.Refunds {
		name := "refunds[" + refund.Refund + "]"
		e.from(name+".amount", refund.Amount.String(), "order.refunds")
		e.from(name+".question", refund.Question, "refunds")
		e.fields(name+".fields", refund.Fields)
	}
	for _, back := range d.GivenBack {
		for _, l := range back.Lines {
			e.from("given_back["+back.Refund+"].lines["+l.Key+"].quantity", l.Quantity.String(), "order.refunds")
		}
	}
	if d.Bill != nil {
		e.from("bill.record", d.Bill.Record, "payments.gateways")
		e.fields("bill.fields", d.Bill.Fields)
	}
	e.from("expected.total", d.Expected.Total.String(), "the shop's total")
}

func (e explainer) fields(prefix string, fields map[string]event.Value) {
	for _, name := range sorted(fields) {
		f := Explained{Field: prefix + "." + name, Value: textOf(fields[name])}
		from, known := e.t.by[f.Field]
		switch {
		case !known:
			f.From = cmp.Or(tables[name], "payments, refunds")
			if strings.HasSuffix(prefix, "-discount].fields") {
				f.From = "the line above"
			}
		case from.step >= 0:
			f.Rule, f.Step = from.rule, &e.t.Steps[from.step]
		default:
			f.Rule = from.rule
		}
		e.add(f, from.rule, from.part)
	}
}

// tables are the sections that make what no expression does.
var tables = map[string]string{
	"shipMethod": "shipping.methods", "shippingCost": "the shop's shipping lines", "shippingTaxCode": "taxes", "discountItem": "discounts", "discountRate": "discounts",
}

// addressText is an address on one line.
func addressText(a *event.PostalAddress) string {
	if a == nil {
		return ""
	}
	parts := []string{a.Addressee, a.Attention, a.Addr1, a.Addr2, strings.TrimSpace(a.Zip + " " + a.City), a.State, a.Country, a.Phone}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ", ")
}

// textOf is a field's value as one text.
func textOf(v event.Value) string {
	switch {
	case v.Text != nil:
		return *v.Text
	case v.Number != nil:
		return v.Number.String()
	case v.Flag != nil:
		return fmt.Sprint(*v.Flag)
	case v.Ref != nil:
		return v.Ref.Key
	default:
		return ""
	}
}

package netsuitesim

import (
	"strings"

	"github.com/shopspring/decimal"
)

// billOrder puts on an invoice or cash sale what is fulfilled of an order and
// not yet billed, and of lines that cannot be fulfilled what is not yet billed;
// where the account bills in advance, all that is not yet billed. Named lines
// override it, other named lines are appended.
func billOrder(t *tx, order *record, d *draft, named []fields) error {
	switch order.fields.ref("status") {
	case "A", "C", "H":
		return userError("You cannot bill this order because its status is %s.", order.fields.sub("status").text("refName"))
	}
	shipped, billed := made(t, order.id)
	p := portion{from: order, named: named, only: d.how.has("item"), done: billed}
	above := false // the line above a discount is on the bill
	for _, line := range order.fields.lines("item") {
		number := line.integer("line")
		if isDiscount(line) {
			_, before := p.done[number]
			p.discount(line, above && !before)
			continue
		}
		due := line.amount("quantity")
		if line.flag("isClosed") || (shippable(line) && !t.switches().BillInAdvance) {
			due = shipped[number]
		}
		var err error
		if above, err = p.take(line, due.Sub(billed[number]), "Overbilling"); err != nil {
			return err
		}
	}
	return p.settle(t, d, len(billed) == 0)
}

// portion collects the lines that one transaction takes over from another.
type portion struct {
	from  *record
	named []fields                  // the body's lines
	only  bool                      // lines the body does not name stay behind
	done  map[int64]decimal.Decimal // what earlier transactions took, by line; nil for nothing
	lines []fields
	part  bool // something stays behind
}

// name is the body's word on a line of the source, nil for none. A line is
// named by its number as line or orderLine.
func (p *portion) name(line fields) fields {
	for _, want := range p.named {
		number := want.integer("orderLine")
		if number == 0 {
			number = want.integer("line")
		}
		if number == line.integer("line") {
			return want
		}
	}
	return nil
}

// take takes over what is due of a line, or what the body wants of it; it
// reports whether anything was. excess names what taking more would be.
func (p *portion) take(line fields, due decimal.Decimal, excess string) (bool, error) {
	want := p.name(line)
	taken := due
	if want == nil && p.only {
		taken = decimal.Zero
	}
	if quantity, said := want.number("quantity"); said {
		taken = quantity
		if taken.GreaterThan(due) {
			return false, userError("%s of item %s is not allowed.", excess, line.sub("item").text("refName"))
		}
	}
	if !taken.IsPositive() {
		p.part = true
		return false, nil
	}
	p.part = p.part || !taken.Equal(line.amount("quantity"))
	copied := p.carry(line, taken)
	for name, value := range want {
		if name != "line" && name != "orderLine" && name != "quantity" {
			copied[name] = value
			p.part = p.part || name == "amount" || name == "rate"
		}
	}
	if _, rate := want.number("rate"); rate && want["amount"] == nil {
		delete(copied, "amount")
	}
	p.lines = append(p.lines, copied)
	return true, nil
}

// discount takes a discount line over as a whole.
func (p *portion) discount(line fields, take bool) {
	if want := p.name(line); take && (want != nil || !p.only) {
		p.lines = append(p.lines, p.carry(line, decimal.Zero))
		return
	}
	p.part = true
}

// carried are the properties that a line takes with it.
var carried = []string{
	"item", "itemType", "description", "rate", "amount", "price", "units", "location", "department", "class", "taxCode",
	"taxRate1", "taxDetailsReference", "isTaxable",
}

// carry copies a line with the share of its amount that a quantity has.
func (p *portion) carry(line fields, quantity decimal.Decimal) fields {
	source := line.clone()
	out := fields{"orderLine": source["line"], "orderDoc": p.from.pointer()}
	for _, name := range carried {
		if value, ok := source[name]; ok {
			out[name] = value
		}
	}
	for name, value := range source {
		if strings.HasPrefix(name, "custcol") {
			out[name] = value
		}
	}
	whole := line.amount("quantity")
	if !isDiscount(line) {
		out.set("quantity", quantity)
	}
	if _, has := line.number("amount"); has && whole.IsPositive() && quantity.IsPositive() && !quantity.Equal(whole) {
		out.set("amount", line.amount("amount").Mul(quantity).Div(whole))
	}
	return out
}

// settle gives the draft its lines and its header: shipping and header discount
// with the first transaction, the tax detail rows when all is taken at once;
// otherwise the rows are left to the body or the engine.
func (p *portion) settle(t *tx, d *draft, first bool) error {
	for _, want := range p.named {
		switch {
		case want.integer("line") == 0 && want.integer("orderLine") == 0:
			p.lines = append(p.lines, withoutNulls(want))
			p.part = true
		case !p.knows(want):
			return invalidField(or(want.amount("orderLine").String(), "0"), "orderLine", "item.items.orderLine")
		}
	}
	if len(p.lines) == 0 {
		return userError("You must enter at least one line item for this transaction.")
	}
	d.fields["item"] = p.lines
	p.header(d, first)
	if t.switches().DiscountToPercent {
		p.percent(t, d)
	}
	return nil
}

func (p *portion) knows(want fields) bool {
	for _, line := range p.from.fields.lines("item") {
		if found := p.name(line); found != nil && found.integer("line") == want.integer("line") && found.integer("orderLine") == want.integer("orderLine") {
			return true
		}
	}
	return false
}

// header copies the header, except for what the body says or clears.
func (p *portion) header(d *draft, first bool) {
	source := p.from.fields.clone()
	names := []string{
		"currency", "exchangeRate", "shippingAddress", "billingAddress", "otherRefNum", "memo", "location", "department", "class",
		"terms", "salesRep", "salesChannel", "email", "shipMethod", "taxItem", "taxRate", "isTaxable",
	}
	if first {
		names = append(names, "shippingCost", "handlingCost", "discountItem", "discountRate", "giftCertRedemption", "shippingTaxCode", "handlingTaxCode")
	}
	if first && !p.part {
		names = append(names, "taxDetails", "taxDetailsOverride")
	}
	for _, name := range names {
		_, said := d.in[name]
		if value, ok := source[name]; ok && !said && d.kind.schema.find(name) != nil {
			d.fields[name] = value
		}
	}
}

// percent turns a flat header discount that came over into a percentage of the
// lines, to two decimals.
func (p *portion) percent(t *tx, d *draft) {
	flat, had := p.from.fields.number("discountRate")
	subtotal := p.from.fields.amount("subtotal")
	if _, said := d.in["discountRate"]; said || !had || subtotal.IsZero() || d.fields["discountRate"] == nil {
		return
	}
	base := decimal.Zero
	for _, line := range p.lines {
		base = base.Add(line.amount("amount"))
	}
	share := flat.Mul(hundred).Div(subtotal).Round(2)
	d.fields.set("discountRate", base.Mul(share).Div(hundred).Round(precision(t, d.fields)))
}

// settleInvoice computes an invoice.
func settleInvoice(t *tx, d *draft) error {
	if err := settleSale(t, d); err != nil {
		return err
	}
	if t.left(d.id, d.fields, 0).IsNegative() {
		return userError("The total of an invoice cannot be less than what is applied to it.")
	}
	invoiceProgress(t, d)
	return nil
}

// invoiceProgress derives what is paid of an invoice and what is due.
func invoiceProgress(t *tx, d *draft) {
	due := t.left(d.id, d.fields, 0)
	d.fields.set("amountRemaining", due)
	d.fields.set("amountPaid", d.fields.amount("total").Sub(due))
	d.setStatus("A")
	if !due.IsPositive() {
		d.setStatus("B")
	}
}

// settleCashSale computes a cash sale and says where its money is.
func settleCashSale(t *tx, d *draft) error {
	if err := settleSale(t, d); err != nil {
		return err
	}
	deposited, err := funds(d)
	d.setStatus("B")
	if deposited {
		d.setStatus("C")
	}
	return err
}

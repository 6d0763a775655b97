package netsuitesim

import (
	"time"

	"github.com/shopspring/decimal"
)

// made sums what was shipped and billed of an order, by line number. Only
// fulfilments with the status C (shipped) count.
func made(t *tx, order int64) (shipped, billed map[int64]decimal.Decimal) {
	shipped, billed = map[int64]decimal.Decimal{}, map[int64]decimal.Decimal{}
	for _, r := range t.childrenOf(order, "itemFulfillment") {
		if r.fields.ref("shipStatus") == "C" {
			count(shipped, r)
		}
	}
	for _, r := range t.childrenOf(order, "invoice") {
		count(billed, r)
	}
	return shipped, billed
}

// count adds the quantities of a child transaction.
func count(into map[int64]decimal.Decimal, r *record) {
	for _, line := range r.fields.lines("item") {
		number := line.integer("orderLine")
		into[number] = into[number].Add(line.amount("quantity"))
	}
}

// refresh settles an order again after a transaction made from it changed.
func (t *tx) refresh(order int64) error {
	r := t.get(transactions, order)
	if r == nil {
		return nil
	}
	d := &draft{kind: r.kind, old: r, id: r.id, fields: r.fields.clone()}
	progress(t, d)
	t.stamp(d)
	t.put(&record{kind: r.kind, id: r.id, fields: d.fields})
	return nil
}

// releaseChild settles the order of a deleted fulfilment or invoice.
func releaseChild(t *tx, r *record) error { return t.refresh(parentOf(r)) }

// transform makes a record of kind k from a sales order; the body overrides
// what the order brings.
func (t *tx) transform(order *record, k *kind, b body) (*record, error) {
	for _, ref := range b.refs {
		if err := t.resolve(ref); err != nil {
			return nil, err
		}
	}
	d := &draft{kind: k, in: b.fields, fields: fields{
		"createdFrom": order.pointer(),
		"entity":      order.fields.sub("entity").clone(),
		"subsidiary":  order.fields.sub("subsidiary").clone(),
		"tranDate":    t.now.Format(time.DateOnly),
	}}
	lines := b.fields.lines("item")
	delete(b.fields, "item")
	merge(k.schema, d.fields, b.fields, replacement{})
	fill := fulfilLines
	if k.name == "invoice" {
		fill = billLines
	}
	if err := fill(t, order, d, lines); err != nil {
		return nil, err
	}
	r, err := t.finish(d)
	if err != nil {
		return nil, err
	}
	return r, t.refresh(order.id)
}

// fulfilLines chooses what is shipped: the lines the body names, or all that
// is open.
func fulfilLines(t *tx, order *record, d *draft, named []fields) error {
	switch order.fields.ref("status") {
	case "B", "D", "E":
	default:
		return userError("You cannot fulfill this order because its status is %s.", order.fields.sub("status").text("refName"))
	}
	if len(named) == 0 && t.switches().EmptyFulfillmentFails {
		return userError("You must have at least one line item for this transaction.")
	}
	open := openLines(t, order)
	chosen, err := choose(t, order, open, named)
	if err != nil {
		return err
	}
	if len(chosen) == 0 {
		return userError("You must have at least one line item for this transaction.")
	}
	for i, line := range chosen[1:] {
		if at := line.ref("location"); at != "" && at != chosen[i].ref("location") {
			return userError("Fulfillments can be shipped from only one location when using Multi-Location Inventory.")
		}
	}
	d.fields["item"] = chosen
	return nil
}

// openLines are the shippable lines of an order with what is left of them.
func openLines(t *tx, order *record) []fields {
	taken := map[int64]decimal.Decimal{} // picked and packed goods are taken too
	for _, r := range t.childrenOf(order.id, "itemFulfillment") {
		count(taken, r)
	}
	var out []fields
	for _, line := range order.fields.lines("item") {
		left := line.amount("quantity").Sub(taken[line.integer("line")])
		if line.flag("isClosed") || !shippable(line) || !left.IsPositive() {
			continue
		}
		open := fields{"orderLine": line["line"], "item": line.sub("item").clone(), "itemReceive": true}
		open.set("quantity", left)
		if at := line.sub("location"); at != nil {
			open["location"] = at.clone()
		}
		out = append(out, open)
	}
	return out
}

// choose applies the lines of a body to the open ones.
func choose(t *tx, order *record, open, named []fields) ([]fields, error) {
	if len(named) == 0 {
		return open, nil
	}
	var out []fields
	for _, want := range named {
		line := openLine(t, order, open, want)
		if line == nil {
			return nil, invalidField(want.amount("orderLine").String(), "orderLine", "item.items.orderLine")
		}
		if receive, said := want["itemReceive"].(bool); said && !receive {
			continue
		}
		if quantity, said := want.number("quantity"); said {
			if quantity.GreaterThan(line.amount("quantity")) {
				return nil, userError("Overfulfillment of item %s is not allowed.", line.sub("item").text("refName"))
			}
			line.set("quantity", quantity)
		}
		if at := want.sub("location"); at != nil {
			line["location"] = at
		}
		out = append(out, line)
	}
	return out, nil
}

func openLine(t *tx, order *record, open []fields, want fields) fields {
	number := want.integer("orderLine")
	if t.switches().FulfilByUniqueKey {
		for _, line := range order.fields.lines("item") {
			if line.text("lineUniqueKey") == want.amount("orderLine").String() {
				number = line.integer("line")
			}
		}
	}
	for _, line := range open {
		if line.integer("orderLine") == number {
			return line
		}
	}
	return nil
}

// settleFulfillment checks a fulfilment; one that changes settles its order.
func settleFulfillment(t *tx, d *draft) error {
	if d.fields.ref("createdFrom") == "" {
		return userError("An item fulfillment can be created only from a sales order.")
	}
	if d.fields.ref("shipStatus") == "" {
		d.fields["shipStatus"] = point("C", shipStatuses["C"])
	}
	d.fields["status"] = d.fields.sub("shipStatus").clone()
	for _, pack := range d.fields.lines("package") {
		if weight, said := pack.number("packageWeight"); said && !weight.IsPositive() {
			return userError("Package weight must be greater than zero.")
		}
	}
	if d.old == nil {
		return nil
	}
	t.put(&record{kind: d.kind, id: d.id, fields: d.fields})
	return t.refresh(d.fields.refID("createdFrom"))
}

// billLines puts on an invoice what is shipped and not yet billed, and of
// lines that cannot be shipped what is not yet billed.
func billLines(t *tx, order *record, d *draft, _ []fields) error {
	if status := order.fields.ref("status"); status == "A" || status == "H" {
		return userError("You cannot bill this order because its status is %s.", order.fields.sub("status").text("refName"))
	}
	shipped, billed := made(t, order.id)
	source := order.fields.clone()
	var lines []fields
	whole := len(billed) == 0
	above := false // the line above a discount is on the invoice
	for _, line := range source.lines("item") {
		if isDiscount(line) {
			if above {
				line["orderLine"] = line["line"]
				lines = append(lines, line)
			}
			continue
		}
		due := line.amount("quantity")
		if shippable(line) {
			due = shipped[line.integer("line")]
		}
		due = due.Sub(billed[line.integer("line")])
		if above = due.IsPositive() && !line.flag("isClosed"); !above {
			whole = false
			continue
		}
		whole = whole && due.Equal(line.amount("quantity"))
		lines = append(lines, part(line, due))
	}
	if len(lines) == 0 {
		return userError("You must enter at least one line item for this transaction.")
	}
	d.fields["item"] = lines
	carryHeader(d.fields, source, whole, len(billed) == 0)
	return nil
}

// part is the billed share of an order line.
func part(line fields, due decimal.Decimal) fields {
	ordered := line.amount("quantity")
	if !due.Equal(ordered) && ordered.IsPositive() {
		line.set("amount", line.amount("amount").Mul(due).Div(ordered))
		line.set("quantity", due)
	}
	line["orderLine"] = line["line"]
	return line
}

// carryHeader copies the order's header to an invoice: shipping and header
// discount with the first one, the tax detail rows when all is billed at once;
// otherwise the rows are left to the engine.
func carryHeader(f, order fields, whole, first bool) {
	names := []string{"currency", "exchangeRate", "shippingAddress", "billingAddress", "otherRefNum", "memo", "location"}
	if first {
		names = append(names, "shippingCost", "handlingCost", "discountItem", "discountRate", "giftCertRedemption", "shippingTaxCode", "handlingTaxCode")
	}
	if whole {
		names = append(names, "taxDetails", "taxDetailsOverride")
	}
	for _, name := range append(names, "taxItem", "taxRate") {
		if value, ok := order[name]; ok && f[name] == nil {
			f[name] = value
		}
	}
}

// settleInvoice computes an invoice; it is made from an order only.
func settleInvoice(t *tx, d *draft) error {
	if d.fields.ref("createdFrom") == "" {
		return userError("An invoice can be created only from a sales order.")
	}
	d.fields["status"] = point("A", invoiceStatuses["A"])
	return compute(t, d)
}

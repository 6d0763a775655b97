package netsuitesim

import "github.com/shopspring/decimal"

// fulfil chooses what is shipped: the lines the body names, or all that is
// open.
func fulfil(t *tx, order *record, d *draft, named []fields) error {
	switch order.fields.ref("status") {
	case "B", "D", "E":
	default:
		return userError("You cannot fulfill this order because its status is %s.", order.fields.sub("status").text("refName"))
	}
	if len(named) == 0 && t.switches().EmptyFulfillmentFails {
		return userError("You must have at least one line item for this transaction.")
	}
	if order.fields.flag("isMultiShipTo") {
		// A plain fulfilment belongs to no ship group and finds no line.
		return userError("You must have at least one line item for this transaction.")
	}
	chosen, err := choose(t, order, openLines(t, order, "itemFulfillment"), named, "Overfulfillment")
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

// openLines are the lines of an order or return that goods belong to, with
// what is left of them after the children of a type.
func openLines(t *tx, from *record, child string) []fields {
	taken := map[int64]decimal.Decimal{} // picked and packed goods are taken too
	for _, r := range t.childrenOf(from.id, child) {
		count(taken, r)
	}
	var out []fields
	for _, line := range from.fields.lines("item") {
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

// choose applies the lines of a body to the open ones. Lines it does not name
// stay behind, unless the account marks them all.
func choose(t *tx, from *record, open, named []fields, excess string) ([]fields, error) {
	if len(named) == 0 {
		return open, nil
	}
	var out []fields
	wanted := map[int64]bool{}
	for _, want := range named {
		line := openLine(t, from, open, want)
		if line == nil {
			return nil, invalidField(want.amount("orderLine").String(), "orderLine", "item.items.orderLine")
		}
		wanted[line.integer("orderLine")] = true
		if receive, said := want["itemReceive"].(bool); said && !receive {
			continue
		}
		if quantity, said := want.number("quantity"); said {
			if quantity.GreaterThan(line.amount("quantity")) {
				return nil, userError("%s of item %s is not allowed.", excess, line.sub("item").text("refName"))
			}
			line.set("quantity", quantity)
		}
		if at := want.sub("location"); at != nil {
			line["location"] = at
		}
		out = append(out, line)
	}
	for _, line := range open {
		if t.switches().UnnamedLinesShip && !wanted[line.integer("orderLine")] {
			out = append(out, line)
		}
	}
	return out, nil
}

func openLine(t *tx, from *record, open []fields, want fields) fields {
	number := want.integer("orderLine")
	if t.switches().FulfilByUniqueKey {
		for _, line := range from.fields.lines("item") {
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

// settleFulfillment checks a fulfilment.
func settleFulfillment(t *tx, d *draft) error {
	commonDefaults(t, d.fields)
	if d.fields.ref("shipStatus") == "" {
		d.fields["shipStatus"] = d.kind.schema.find("shipStatus").named("C")
	}
	d.fields["status"] = d.fields.sub("shipStatus").clone()
	for _, pack := range d.fields.lines("package") {
		if weight, said := pack.number("packageWeight"); said && !weight.IsPositive() {
			return userError("Package weight must be greater than zero.")
		}
	}
	return nil
}

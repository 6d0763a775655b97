package netsuitesim

import "github.com/shopspring/decimal"

// returnSale authorizes the return of what an order, invoice or cash sale
// delivered: of an order what is fulfilled or billed.
func returnSale(t *tx, sale *record, d *draft, named []fields) error {
	p := portion{from: sale, named: named, only: d.how.has("item")}
	err := p.all(func(line fields) decimal.Decimal {
		if sale.kind.name != "salesOrder" {
			return line.amount("quantity")
		}
		return decimal.Max(line.amount("quantityFulfilled"), line.amount("quantityBilled"))
	})
	if err != nil {
		return err
	}
	return p.settle(t, d, true)
}

// settleReturn computes a return authorization.
func settleReturn(t *tx, d *draft) error {
	if d.fields.ref("orderStatus") == "" {
		d.fields["orderStatus"] = d.kind.schema.find("orderStatus").named(t.switches().DefaultReturnStatus)
	}
	if err := settleSale(t, d); err != nil {
		return err
	}
	returnProgress(t, d)
	return nil
}

// returnProgress derives the status of a return from what came back and what
// was refunded.
func returnProgress(t *tx, d *draft) {
	received, refunded := map[int64]decimal.Decimal{}, map[int64]decimal.Decimal{}
	for _, r := range t.childrenOf(d.id, "itemReceipt") {
		count(received, r)
	}
	for _, r := range t.childrenOf(d.id, "creditMemo", "cashRefund") {
		count(refunded, r)
	}
	p := tally{early: true}
	for _, line := range d.fields.lines("item") {
		number := line.integer("line")
		line.set("quantityReceived", received[number])
		line.set("quantityBilled", refunded[number])
		line["isOpen"] = !line.flag("isClosed")
		p.add(line, received[number], refunded[number])
	}
	d.setStatus(p.status(d.fields.ref("orderStatus")))
}

// receive takes goods back: the lines the body names, or all that is open.
func receive(t *tx, from *record, d *draft, named []fields) error {
	switch from.fields.ref("status") {
	case "B", "D", "E":
	default:
		return userError("You cannot receive this return because its status is %s.", from.fields.sub("status").text("refName"))
	}
	open := openLines(t, from, "itemReceipt")
	chosen, err := choose(t, from, open, named, "Overreceiving")
	if err != nil {
		return err
	}
	if len(chosen) == 0 {
		return userError("You must have at least one line item for this transaction.")
	}
	d.fields["item"] = chosen
	return nil
}

// settleReceipt checks an item receipt.
func settleReceipt(t *tx, d *draft) error {
	commonDefaults(t, d.fields)
	numberLines(t, d.fields.lines("item"))
	return nil
}

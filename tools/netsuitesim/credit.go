package netsuitesim

import "github.com/shopspring/decimal"

// creditSale credits an invoice or refunds a cash sale: all its lines, unless
// the body names others.
func creditSale(t *tx, sale *record, d *draft, named []fields) error {
	p := portion{from: sale, named: named, only: d.how.has("item")}
	if err := p.all(func(line fields) decimal.Decimal { return line.amount("quantity") }); err != nil {
		return err
	}
	return p.settle(t, d, true)
}

// all takes every line over, each with what is due of it.
func (p *portion) all(due func(line fields) decimal.Decimal) error {
	above := false
	for _, line := range p.from.fields.lines("item") {
		if isDiscount(line) {
			_, before := p.done[line.integer("line")]
			p.discount(line, above && !before)
			continue
		}
		var err error
		if above, err = p.take(line, due(line), "Overcrediting"); err != nil {
			return err
		}
	}
	return nil
}

// creditReturn credits or refunds what came back of a return authorization,
// and what cannot come back; where the account refunds in advance, everything.
func creditReturn(t *tx, from *record, d *draft, named []fields) error {
	switch from.fields.ref("status") {
	case "A", "C", "H":
		return userError("You cannot refund this return because its status is %s.", from.fields.sub("status").text("refName"))
	}
	refunded := map[int64]decimal.Decimal{}
	before := t.childrenOf(from.id, "creditMemo", "cashRefund")
	for _, r := range before {
		count(refunded, r)
	}
	p := portion{from: from, named: named, only: d.how.has("item"), done: refunded}
	err := p.all(func(line fields) decimal.Decimal {
		due := line.amount("quantity")
		if line.flag("isClosed") || (shippable(line) && !t.switches().RefundInAdvance) {
			due = line.amount("quantityReceived")
		}
		return due.Sub(refunded[line.integer("line")])
	})
	if err != nil {
		return err
	}
	return p.settle(t, d, len(before) == 0)
}

// settleCredit computes a credit memo and applies it.
func settleCredit(t *tx, d *draft) error {
	if err := settleSale(t, d); err != nil {
		return err
	}
	total := d.fields.amount("total")
	if _, err := t.allot(d, allotment{list: "apply", to: []string{"invoice"}, customer: d.fields.ref("entity"), limit: &total}); err != nil {
		return err
	}
	if t.left(d.id, d.fields, 0).IsNegative() {
		return userError("You cannot apply more than your total credits.")
	}
	creditProgress(t, d)
	return nil
}

// creditProgress derives what is left of a credit memo.
func creditProgress(t *tx, d *draft) {
	left := t.left(d.id, d.fields, 0)
	d.fields.set("applied", d.fields.amount("total").Sub(left))
	d.fields.set("unapplied", left)
	d.fields.set("amountRemaining", left)
	d.setStatus("A")
	if !left.IsPositive() {
		d.setStatus("B")
	}
}

// settleCashRefund computes a cash refund.
func settleCashRefund(t *tx, d *draft) error {
	if err := settleSale(t, d); err != nil {
		return err
	}
	_, err := funds(d)
	return err
}

package netsuitesim

import "github.com/shopspring/decimal"

// settleDeposit checks a customer deposit. With a sales order, customer,
// subsidiary and currency come from it.
func settleDeposit(t *tx, d *draft) error {
	f := d.fields
	if order := t.pointed(f, "salesOrder", transactions); order != nil {
		if said := f.ref("customer"); said != "" && said != order.fields.ref("entity") {
			return invalidField(said, "customer", "customer")
		}
		f["customer"] = order.fields.sub("entity").clone()
		f["currency"] = order.fields.sub("currency").clone()
		f["subsidiary"] = order.fields.sub("subsidiary").clone()
	}
	if _, err := payerDefaults(t, f); err != nil {
		return err
	}
	payment, err := positive(t, f, "payment", "Payment Amount", "deposit")
	if err != nil {
		return err
	}
	f.set("total", payment)
	if t.left(d.id, f, 0).IsNegative() {
		return userError("The amount of a deposit cannot be less than what is applied or refunded of it.")
	}
	if _, err := funds(d); err != nil {
		return err
	}
	depositProgress(t, d)
	return nil
}

// positive is a mandatory amount above zero, in the currency's precision.
func positive(t *tx, f fields, name, label, what string) (decimal.Decimal, error) {
	amount, ok := f.number(name)
	if !ok {
		return amount, missing(label)
	}
	if !amount.IsPositive() {
		return amount, userError("The amount of a %s must be greater than zero.", what)
	}
	m := money{tx: t, f: f, sheet: &sheet{precision: precision(t, f)}}
	amount, err := m.exact(amount, name, name)
	f.set(name, amount)
	return amount, err
}

// depositProgress derives the status of a deposit: A or B by where the money
// is, C once nothing is left of it, R when all of it was refunded.
func depositProgress(t *tx, d *draft) {
	refunded, applied := decimal.Zero, decimal.Zero
	for _, r := range t.childrenOf(d.id) {
		if r.kind.name == "customerRefund" {
			refunded = refunded.Add(takes(r, d.id))
		} else {
			applied = applied.Add(takes(r, d.id))
		}
	}
	delete(d.fields, "refundedAmountTotalBox")
	if refunded.IsPositive() {
		d.fields.set("refundedAmountTotalBox", refunded)
	}
	switch left := d.fields.amount("payment").Sub(applied).Sub(refunded); {
	case !left.IsPositive() && applied.IsZero():
		d.setStatus("R")
	case !left.IsPositive():
		d.setStatus("C")
	case d.fields.ref("account") != "":
		d.setStatus("B")
	default:
		d.setStatus("A")
	}
}

// fromDeposit prepares a deposit application: the body says what it is applied
// to.
func fromDeposit(_ *tx, from *record, d *draft, _ []fields) error {
	d.fields["deposit"] = from.pointer()
	return nil
}

// settleDepositApplication applies a deposit to invoices of its customer.
func settleDepositApplication(t *tx, d *draft) error {
	deposit := t.pointed(d.fields, "deposit", transactions)
	if _, err := payerDefaults(t, d.fields); err != nil {
		return err
	}
	limit := t.left(deposit.id, deposit.fields, d.id)
	sum, err := t.allot(d, allotment{list: "apply", to: []string{"invoice"}, customer: d.fields.ref("customer"), limit: &limit})
	if err != nil {
		return err
	}
	if sum.IsZero() {
		return userError("You must apply this deposit to at least one transaction.")
	}
	d.fields.set("total", sum)
	d.fields.set("applied", sum)
	return nil
}

// applyDeposits applies what is left of an order's deposits to a new invoice,
// oldest deposit first.
func (t *tx) applyDeposits(order, invoice *record) error {
	for _, deposit := range t.childrenOf(order.id, "customerDeposit") {
		due := t.left(invoice.id, t.get(transactions, invoice.id).fields, 0)
		share := decimal.Min(due, t.left(deposit.id, deposit.fields, 0))
		if !share.IsPositive() {
			continue
		}
		line := fields{"doc": invoice.pointer(), "apply": true}
		line.set("amount", share)
		if _, err := t.transform(deposit, t.kind("depositApplication"), body{fields: fields{"apply": []fields{line}}}); err != nil {
			return err
		}
	}
	return nil
}

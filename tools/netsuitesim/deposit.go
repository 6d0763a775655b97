package netsuitesim

import "time"

// settleDeposit checks a customer deposit. With a sales order, customer,
// subsidiary and currency come from it.
func settleDeposit(t *tx, d *draft) error {
	f := d.fields
	if order := t.pointed(f, "salesOrder", transactions); order != nil {
		f["customer"] = order.fields.sub("entity").clone()
		f["currency"] = order.fields.sub("currency").clone()
		f["subsidiary"] = order.fields.sub("subsidiary").clone()
	}
	customer := t.pointed(f, "customer", entities)
	if customer == nil {
		return missing("Customer")
	}
	for _, name := range []string{"currency", "subsidiary"} {
		if f.ref(name) == "" && customer.fields.sub(name) != nil {
			f[name] = customer.fields.sub(name).clone()
		}
	}
	if f.text("tranDate") == "" {
		f["tranDate"] = t.now.Format(time.DateOnly)
	}
	if err := depositAmount(t, f); err != nil {
		return err
	}
	status := "A"
	if f.ref("account") != "" {
		status = "B"
	}
	f["status"] = point(status, depositStatuses[status])
	return nil
}

func depositAmount(t *tx, f fields) error {
	payment, ok := f.number("payment")
	if !ok {
		return missing("Payment Amount")
	}
	if !payment.IsPositive() {
		return userError("The amount of a deposit must be greater than zero.")
	}
	m := money{tx: t, f: f, sheet: &sheet{precision: precision(t, f)}}
	payment, err := m.exact(payment, "payment", "payment")
	if err != nil {
		return err
	}
	f.set("payment", payment)
	f.set("total", payment)
	return nil
}

package netsuitesim

import "github.com/shopspring/decimal"

// fromPayment prepares a customer refund of a deposit or payment: all that is
// left of it, unless the body names another amount.
func fromPayment(_ *tx, from *record, d *draft, _ []fields) error {
	list := "apply"
	if from.kind.name == "customerDeposit" {
		list = "deposit"
	}
	source := []fields{{"doc": from.pointer(), "apply": true}}
	d.fields[list] = mergeLines(d.kind.schema.find(list).sub, source, d.in.lines(list), false)
	return nil
}

// settleRefund gives money of deposits, payments and credit memos back. Its
// lists are keyed by doc, the transaction whose money it is.
func settleRefund(t *tx, d *draft) error {
	f := d.fields
	if f.ref("currency") == "" {
		if doc := firstDoc(t, f); doc != nil {
			f["currency"] = doc.fields.sub("currency").clone()
		}
	}
	if _, err := payerDefaults(t, f); err != nil {
		return err
	}
	total := decimal.Zero
	for _, a := range []allotment{
		{list: "deposit", to: []string{"customerDeposit"}, customer: f.ref("customer")},
		{list: "apply", to: []string{"creditMemo", "customerPayment"}, customer: f.ref("customer")},
	} {
		sum, err := t.allot(d, a)
		if err != nil {
			return err
		}
		total = total.Add(sum)
	}
	if total.IsZero() {
		return userError("You must apply this refund to at least one transaction.")
	}
	f.set("total", total)
	_, err := funds(d)
	return err
}

// firstDoc is the first transaction that a refund names.
func firstDoc(t *tx, f fields) *record {
	for _, list := range []string{"deposit", "apply"} {
		for _, line := range f.lines(list) {
			if doc := t.pointed(line, "doc", transactions); doc != nil {
				return doc
			}
		}
	}
	return nil
}

// fromInvoice prepares the payment of an invoice: what is due, unless the body
// says otherwise.
func fromInvoice(t *tx, from *record, d *draft, _ []fields) error {
	source := []fields{{"doc": from.pointer(), "apply": true}}
	d.fields["apply"] = mergeLines(d.kind.schema.find("apply").sub, source, d.in.lines("apply"), false)
	if _, given := d.fields.number("payment"); !given {
		d.fields.set("payment", t.left(from.id, from.fields, 0))
	}
	return nil
}

// settlePayment checks a customer payment and applies it.
func settlePayment(t *tx, d *draft) error {
	if _, err := payerDefaults(t, d.fields); err != nil {
		return err
	}
	payment, err := positive(t, d.fields, "payment", "Payment Amount", "payment")
	if err != nil {
		return err
	}
	d.fields.set("total", payment)
	if _, err := t.allot(d, allotment{list: "apply", to: []string{"invoice"}, customer: d.fields.ref("customer"), limit: &payment}); err != nil {
		return err
	}
	if t.left(d.id, d.fields, 0).IsNegative() {
		return userError("You cannot apply more than your total payments.")
	}
	if _, err := funds(d); err != nil {
		return err
	}
	paymentProgress(t, d)
	return nil
}

// paymentProgress derives what a payment shows: where it is and what is left.
func paymentProgress(t *tx, d *draft) {
	d.fields.set("applied", listedSum(d.fields, "apply"))
	d.fields.set("unapplied", t.left(d.id, d.fields, 0))
	d.setStatus("B")
	if d.fields.ref("account") != "" {
		d.setStatus("C")
	}
}

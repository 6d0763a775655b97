package netsuitesim

import (
	"fmt"
	"slices"

	"github.com/shopspring/decimal"
)

// takes is what a transaction takes of another: by its application lists, and
// a deposit application with all it applies.
func takes(r *record, of int64) decimal.Decimal {
	sum := decimal.Zero
	for _, list := range []string{"apply", "deposit"} {
		for _, line := range r.fields.lines(list) {
			if line.refID("doc") == of {
				sum = sum.Add(line.amount("amount"))
			}
		}
	}
	if r.fields.refID("deposit") == of {
		sum = sum.Add(r.fields.amount("total"))
	}
	return sum
}

// listed is the sum of a record's application list.
func listedSum(f fields, list string) decimal.Decimal {
	sum := decimal.Zero
	for _, line := range f.lines(list) {
		sum = sum.Add(line.amount("amount"))
	}
	return sum
}

// left is what is open of an invoice, deposit, payment or credit memo: its
// total less what it applies itself and what others take of it, except for one.
func (t *tx) left(id int64, f fields, except int64) decimal.Decimal {
	left := f.amount("total").Sub(listedSum(f, "apply"))
	for _, r := range t.childrenOf(id) {
		if r.id != except {
			left = left.Sub(takes(r, id))
		}
	}
	return left
}

// allotment is an application list on its way to being checked.
type allotment struct {
	list     string           // apply or deposit
	to       []string         // the types its lines may name
	customer string           // whose they must be
	limit    *decimal.Decimal // of the whole list, nil for none
}

// allot checks an application list, fills in what its lines leave out and
// drops those that are not applied. A line names a transaction by doc; without
// amount it takes all that is open, up to the limit.
func (t *tx) allot(d *draft, a allotment) (decimal.Decimal, error) {
	sum := decimal.Zero
	var kept []fields
	for i, line := range d.fields.lines(a.list) {
		if !applied(line) {
			continue
		}
		path := fmt.Sprintf("%s.items[%d]", a.list, i)
		doc := t.pointed(line, "doc", transactions)
		if doc == nil || !slices.Contains(a.to, doc.kind.name) || customerOf(doc.fields) != a.customer ||
			doc.fields.ref("currency") != d.fields.ref("currency") {
			return sum, invalidField(line.ref("doc"), "doc", path+".doc")
		}
		amount, err := t.share(d, a, line, doc, kept, sum)
		if err != nil {
			return sum, err
		}
		sum = sum.Add(amount)
		kept = append(kept, line)
	}
	delete(d.fields, a.list)
	if kept != nil {
		d.fields[a.list] = kept
	}
	return sum, nil
}

// applied says whether a line counts: it says so, or it names an amount and
// does not deny it.
func applied(line fields) bool {
	if said, ok := line["apply"].(bool); ok {
		return said
	}
	_, ok := line.number("amount")
	return ok
}

// share is the amount of one line, checked against what is open of its
// transaction and left of the limit.
func (t *tx) share(d *draft, a allotment, line fields, doc *record, kept []fields, sum decimal.Decimal) (decimal.Decimal, error) {
	open := t.left(doc.id, doc.fields, d.id)
	for _, other := range kept {
		if other.ref("doc") == line.ref("doc") {
			open = open.Sub(other.amount("amount"))
		}
	}
	amount, given := line.number("amount")
	if !given {
		amount = open
		if a.limit != nil {
			amount = decimal.Min(open, a.limit.Sub(sum))
		}
	}
	switch {
	case !amount.IsPositive():
		return amount, userError("The amount applied to %s must be greater than zero.", doc.name())
	case !amount.Equal(amount.Round(precision(t, d.fields))):
		return amount, invalidField(amount.String(), "amount", a.list+".items.amount")
	case amount.GreaterThan(open):
		return amount, userError("You cannot apply more than the amount remaining of %s.", doc.name())
	case a.limit != nil && sum.Add(amount).GreaterThan(*a.limit):
		return amount, userError("You cannot apply more than your total payments.")
	}
	line["apply"], line["refNum"], line["type"] = true, doc.fields.text("tranId"), doc.kind.label
	line.set("amount", amount)
	line.set("total", doc.fields.amount("total"))
	return amount, nil
}

// customerOf is the customer of a transaction.
func customerOf(f fields) string { return or(f.ref("customer"), f.ref("entity")) }

// payerDefaults checks the customer of a payment-like transaction and takes
// currency, subsidiary and date from it and the clock.
func payerDefaults(t *tx, f fields) (*record, error) {
	customer := t.pointed(f, "customer", entities)
	if customer == nil {
		return nil, missing("Customer")
	}
	for _, name := range []string{"currency", "subsidiary"} {
		if f.ref(name) == "" && customer.fields.sub(name) != nil {
			f[name] = customer.fields.sub(name).clone()
		}
	}
	commonDefaults(t, f)
	return customer, nil
}

// funds settles where money goes: to a bank account or to undeposited funds.
// The body's word counts; it cannot say both. It reports whether the money is
// deposited.
func funds(d *draft) (bool, error) {
	waits, said := undeposited(d.in["undepFunds"])
	account := d.in.ref("account")
	switch {
	case said && waits && account != "":
		return false, invalidField(account, "account", "account")
	case said && waits:
		delete(d.fields, "account")
	}
	deposited := d.fields.ref("account") != ""
	d.fields["undepFunds"] = point("T", "Yes")
	if deposited {
		d.fields["undepFunds"] = point("F", "No")
	}
	return deposited, nil
}

// undeposited reads undepFunds: a boolean, "T" or an object with either as id.
func undeposited(value any) (yes, said bool) {
	switch v := value.(type) {
	case bool:
		return v, true
	case string:
		return v == "T" || v == "true", true
	case fields:
		return undeposited(v["id"])
	}
	return false, false
}

package netsuitesim

import "github.com/shopspring/decimal"

// derivation fills a draft with what its source brings. named are the body's
// item lines; the rest of the body is in the draft already.
type derivation func(t *tx, from *record, d *draft, named []fields) error

// derivations are the transformations by source and target type.
func derivations(from, to string) derivation {
	return map[string]map[string]derivation{
		"salesOrder":          {"itemFulfillment": fulfil, "invoice": billOrder, "cashSale": billOrder, "returnAuthorization": returnSale},
		"invoice":             {"creditMemo": creditSale, "customerPayment": fromInvoice, "returnAuthorization": returnSale},
		"cashSale":            {"cashRefund": creditSale, "returnAuthorization": returnSale},
		"returnAuthorization": {"creditMemo": creditReturn, "cashRefund": creditReturn, "itemReceipt": receive},
		"customerDeposit":     {"customerRefund": fromPayment, "depositApplication": fromDeposit},
		"customerPayment":     {"customerRefund": fromPayment},
	}[from][to]
}

// transform makes a record of kind k from another; the body overrides what the
// source brings.
func (t *tx) transform(from *record, k *kind, b body) (*record, error) {
	derive := derivations(from.kind.name, k.name)
	if derive == nil {
		return nil, invalidContent("", "Error while accessing a resource. Transformation of %s to %s is not supported.", from.kind.name, k.name)
	}
	for _, ref := range b.refs {
		if err := t.resolve(ref); err != nil {
			return nil, err
		}
	}
	d := &draft{kind: k, in: b.fields, how: b.how, fields: fields{"createdFrom": from.pointer()}}
	d.inherit(from)
	rest := make(fields, len(b.fields))
	for name, value := range b.fields {
		if name != "item" {
			rest[name] = value
		}
	}
	merge(k.schema, d.fields, rest, replacement{})
	if err := derive(t, from, d, b.fields.lines("item")); err != nil {
		return nil, err
	}
	r, err := t.finish(d)
	if err != nil {
		return nil, err
	}
	return r, t.follow(from, r)
}

// inherit takes customer, subsidiary and currency from the source.
func (d *draft) inherit(from *record) {
	payer := from.fields.sub("customer")
	if payer == nil {
		payer = from.fields.sub("entity")
	}
	for _, name := range []string{"entity", "customer"} {
		if d.kind.schema.find(name) != nil && payer != nil {
			d.fields[name] = payer.clone()
		}
	}
	for _, name := range []string{"subsidiary", "currency"} {
		if value := from.fields.sub(name); value != nil && d.kind.schema.find(name) != nil {
			d.fields[name] = value.clone()
		}
	}
}

// follow does what the account does by itself after a transformation.
func (t *tx) follow(from, r *record) error {
	switch {
	case r.kind.name == "invoice" && from.kind.name == "salesOrder" && t.switches().AutoApplyDeposits:
		return t.applyDeposits(from, r)
	case r.kind.name == "itemFulfillment" && t.switches().FulfillmentBills && r.fields.ref("shipStatus") == "C":
		_, err := t.transform(t.get(transactions, from.id), t.kind("invoice"), body{fields: fields{}})
		return err
	}
	return nil
}

// made sums what was shipped and billed of an order, by line number. Only
// fulfilments with the status C (shipped) count. A line that was billed has an
// entry, a discount one of zero.
func made(t *tx, order int64) (shipped, billed map[int64]decimal.Decimal) {
	shipped, billed = map[int64]decimal.Decimal{}, map[int64]decimal.Decimal{}
	for _, r := range t.childrenOf(order, "itemFulfillment") {
		if r.fields.ref("shipStatus") == "C" {
			count(shipped, r)
		}
	}
	for _, r := range t.childrenOf(order, "invoice", "cashSale") {
		count(billed, r)
	}
	return shipped, billed
}

// count adds the quantities of a child transaction.
func count(into map[int64]decimal.Decimal, r *record) {
	for _, line := range r.fields.lines("item") {
		if number := line.integer("orderLine"); number != 0 {
			into[number] = into[number].Add(line.amount("quantity"))
		}
	}
}

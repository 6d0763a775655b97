package plan

import (
	"strings"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// Billed is a bill of the order as NetSuite holds it.
type Billed struct {
	ID     string
	Record string                // invoice, cashSale
	Open   money.Amount          // of an invoice: not paid yet
	Lines  map[string]BilledLine // by line number of the order
}

// CreditID is the externalId of a refund's credit memo: wc-cm-<store>-<order>-<refund>.
func CreditID(r event.CustomerRefund) string {
	if rest, ours := strings.CutPrefix(r.ExternalID, "wc-cr-"); ours {
		return "wc-cm-" + rest
	}
	return "credit-" + r.ExternalID
}

// Credited is a refund of a billed order, told by the lines of its bill.
type Credited struct {
	Refund event.CustomerRefund
	Order  event.DesiredOrderV1
	Bill   Billed
	part   int // number of the share; 0: this is the whole refund
	lines  []creditLine
	rest   money.Amount // what no line covers
}

type creditLine struct {
	event.CreditLine
	line string // of the bill
}

// computed asks about a refund of an order whose tax NetSuite computes: a credit would have NetSuite's tax and not the
// refund's.
func computed(r event.CustomerRefund, d event.DesiredOrderV1) error {
	if mode := d.SalesOrder.TaxMode; mode != event.TaxCodes && mode != event.TaxEngine {
		return nil
	}
	return fault.New(fault.RefundUncovered, "NetSuite computes this order's tax, and a credit of its own making need not be the refund; credit the bill in NetSuite", fault.Field("refund.id", r.Refund))
}

// credited tells a refund by the lines of a bill, which holds them. A line that gives back money and no piece cannot be told by
// its line: it is money that no line covers, like an amount alone.
func credited(r event.CustomerRefund, d event.DesiredOrderV1, order []event.LedgerLine, bill Billed) Credited {
	c := Credited{Refund: r, Order: d, Bill: bill, rest: r.Amount}
	c.cover(r.Shipping, r.ShippingTax)
	for _, l := range r.Lines {
		if l.Quantity.Sign() > 0 {
			c.lines = append(c.lines, creditLine{l, bill.Lines[numberOf(order, l.Key)].Line})
			c.cover(l.Amount, l.Tax)
		}
	}
	return c
}

// Taken is what the credit takes back of its bill's lines, for the ledger.
func (c Credited) Taken() (taken []event.LedgerCredit) {
	for _, l := range c.Refund.Lines {
		taken = append(taken, event.LedgerCredit{Key: l.Key, Quantity: l.Quantity, Amount: l.Amount})
	}
	return taken
}

// Unbilled tells whether all that a refund gives back are pieces of lines that no bill holds.
func Unbilled(r event.CustomerRefund, order []event.LedgerLine, bills []Billed) bool {
	rest := r.Amount
	for _, l := range r.Lines {
		number := numberOf(order, l.Key)
		if l.Quantity.Sign() <= 0 || number == "" || len(holders(bills, number)) > 0 {
			return false
		}
		rest = rest.Sub(l.Amount).Sub(l.Tax)
	}
	return len(r.Lines) > 0 && rest.IsZero()
}

func numberOf(order []event.LedgerLine, key string) string {
	for _, l := range order {
		if l.Key == key {
			return l.Line
		}
	}
	return ""
}

// cover takes what a line says off the rest. Its tax is told with it, unless the order has its tax as lines.
func (c *Credited) cover(amount, tax money.Amount) {
	c.rest = c.rest.Sub(amount)
	if c.Order.SalesOrder.TaxMode != event.TaxLines {
		c.rest = c.rest.Sub(tax)
	}
}

// Refs lists the references the body needs.
func (c Credited) Refs() []event.Ref {
	refs := fieldRefs(c.Refund.Fields)
	if (!c.rest.IsZero() || c.shippingAlone()) && c.Refund.Item != nil {
		refs = append(refs, *c.Refund.Item)
	}
	for _, tax := range c.Order.SalesOrder.TaxDetails {
		refs = append(refs, tax.TaxType, tax.TaxCode)
	}
	return refs
}

// Body writes the transform of the bill into a credit memo or a cash refund; it is sent with replace=item, so that lines
// it does not name stay out. An invoice that is open takes the credit first.
func (c Credited) Body(externalID string, ids IDs) ([]byte, error) {
	body := object{"externalId": externalID, "shippingCost": number(c.Refund.Shipping.String())}
	if err := setFields(body, c.fields(), ids); err != nil {
		return nil, err
	}
	lines, err := c.items(ids)
	if err != nil {
		return nil, err
	}
	if c.shippingAlone() {
		body["shippingCost"] = number("0")
	}
	body["item"] = list{lines}
	if open := smaller(c.Bill.Open, c.Refund.Amount); open.Sign() > 0 {
		body["apply"] = list{[]object{{"doc": id(c.Bill.ID), "apply": true, "amount": number(open.String())}}}
	}
	rows, err := c.taxes()
	if err != nil {
		return nil, err
	}
	body["taxDetailsOverride"], body["taxDetails"] = true, list{taxDetails(rows, ids)}
	return codec.Encode(body)
}

// fields are the refund's own; how the money of an invoice goes back stands on the customer refund.
func (c Credited) fields() map[string]event.Value {
	if c.Bill.Record != "invoice" {
		return c.Refund.Fields
	}
	fields := map[string]event.Value{}
	if day, dated := c.Refund.Fields["tranDate"]; dated {
		fields["tranDate"] = day
	}
	return fields
}

// items are the bill's lines, and one for what none of them covers.
func (c Credited) items(ids IDs) ([]object, error) {
	lines := make([]object, 0, len(c.lines)+1)
	for _, l := range c.lines {
		lines = append(lines, object{"line": number(l.line), "quantity": number(l.Quantity.String()), "price": id(customPrice), "amount": number(l.Amount.String())})
	}
	rest := c.rest
	if c.shippingAlone() {
		rest = c.Refund.Shipping
	}
	if rest.IsZero() {
		return lines, nil
	}
	if c.Refund.Item == nil {
		return nil, fault.New(fault.RefundUncovered, rest.String()+" of the refund stand on no line; want refunds.item in the mapping", fault.Field("refund.amount", c.Refund.Amount.String()))
	}
	line := object{"item": id(ids[*c.Refund.Item]), "quantity": number("1"), "price": id(customPrice), "rate": number(rest.String()), "amount": number(rest.String())}
	if c.shippingAlone() && c.Order.SalesOrder.TaxMode == event.TaxOverride && !c.Refund.ShippingTax.IsZero() {
		line["taxDetailsReference"] = shippingLine
	}
	return append(lines, line), nil
}

// shippingAlone tells whether nothing but the cost of shipping goes back: NetSuite wants a line of every credit, so that it
// stands on one, with its tax.
func (c Credited) shippingAlone() bool {
	return len(c.lines) == 0 && c.rest.IsZero() && !c.Refund.Shipping.IsZero()
}

const shippingLine = "shipping" // tax reference of that line

const shippingReference = "SHIPPING"

// taxes shares the tax given back of each line out among the rates the order bears on it.
func (c Credited) taxes() ([]event.TaxDetail, error) {
	if c.Order.SalesOrder.TaxMode != event.TaxOverride {
		return nil, nil
	}
	references := map[string]string{}
	for _, l := range c.Order.SalesOrder.Lines {
		references[l.Key] = l.TaxReference
	}
	var rows []event.TaxDetail
	for _, l := range c.lines {
		shared, err := c.share(references[l.Key], l.Amount, l.Tax)
		if err != nil {
			return nil, err
		}
		rows = append(rows, shared...)
	}
	shared, err := c.share(shippingReference, c.Refund.Shipping, c.Refund.ShippingTax)
	for i := range shared {
		if c.shippingAlone() {
			shared[i].Reference = shippingLine
		}
	}
	return append(rows, shared...), err
}

func (c Credited) share(reference string, basis, tax money.Amount) ([]event.TaxDetail, error) {
	if tax.IsZero() {
		return nil, nil
	}
	var rows []event.TaxDetail
	var weights []money.Amount
	for _, row := range c.Order.SalesOrder.TaxDetails {
		if row.Reference == reference {
			rows, weights = append(rows, row), append(weights, row.Amount)
		}
	}
	if money.Sum(weights...).IsZero() { // all of it went back: the order bears none any more, only the rates
		for i, row := range rows {
			weights[i] = money.AmountOf(row.Rate.Decimal())
		}
	}
	if len(rows) == 0 {
		return nil, fault.New(fault.RefundUncovered, "the order must bear the tax that is given back", fault.Field("refund.tax", tax.String()))
	}
	for i, part := range tax.Split(weights, c.Order.SalesOrder.Currency) {
		rows[i].Basis, rows[i].Amount = basis, part
	}
	return rows, nil
}

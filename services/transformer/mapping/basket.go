package mapping

import (
	"maps"
	"slices"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// basket is what an order holds in the shop's figures, at the currency's precision: lines, fees and shipping,
// with what refunds gave back taken off.
type basket struct {
	mapping  *Mapping
	currency money.Currency
	entries  []entry
	shipping entry
	shipped  money.Amount      // the shop's whole cost of shipping, without tax
	keys     map[string]string // id of a line, fee or shipping line → key of its entry
	fold     fold
	given    money.Amount            // net and tax that went back with lines
	goodsTax map[string]money.Amount // the tax in it of goods and fees, by rate id
	shipTax  map[string]money.Amount // the tax in it of the shipping
}

// entry is one line of goods, one fee, or the shipping.
type entry struct {
	key             string
	item            event.Ref
	name            string
	quantity        money.Number
	subtotal, total money.Amount // before and after discounts, net of tax
	taxes           []event.LineTax
	fields          map[string]event.Value
	counted         bool // in pieces: a line of goods
	closed          bool
}

const shippingReference = "SHIPPING" // SuiteTax's reference of the shipping cost, and the key of its entry
const shippingLine = "shipping"      // key and tax reference of the line that says it instead

func (m *Mapping) basket(o event.OrderStateV1, s *scope) (*basket, error) {
	b := &basket{mapping: m, currency: o.Currency}
	if len(o.Refunds) > 0 { // else nothing writes to them, and nil ones read the same
		b.keys, b.goodsTax, b.shipTax = map[string]string{}, map[string]money.Amount{}, map[string]money.Amount{}
	}
	b.entries = make([]entry, 0, len(o.Lines)+len(o.Fees))
	var lines []event.Line
	lines, b.fold = foldBundles(o.Lines, m.document.Items.Bundles, o.Currency)
	for i, line := range lines {
		if s.Line = s.Order.Lines[i]; len(lines) != len(o.Lines) { // of a bundle that is folded
			s.Line = lineOf(line)
			s.Line.Stock = m.stockOf(line, s.Line.Meta, s)
		}
		if err := b.line(line, s); err != nil {
			return nil, err
		}
	}
	s.Line = Line{}
	for _, fee := range o.Fees {
		b.fee(fee)
	}
	b.ship(o.Shipments)
	b.giveBack(o.Refunds)
	b.settle(o)
	return b, nil
}

func (b *basket) line(l event.Line, s *scope) error {
	fields, err := b.mapping.values(b.mapping.line, s, false)
	if err != nil {
		return err
	}
	key := "line-" + l.ID
	routed, err := b.mapping.route(b.mapping.lines, s, key)
	if err != nil {
		return err
	}
	maps.Copy(fields, routed)
	goods, err := b.mapping.itemOf(l, s, key)
	if err != nil {
		return err
	}
	e := entry{
		key: key, item: goods, name: l.Name, quantity: l.Quantity, fields: fields,
		subtotal: l.Subtotal.Round(b.currency), total: l.Total.Round(b.currency), taxes: b.rounded(l.Taxes), counted: true,
	}
	if e.quantity.IsZero() {
		if !e.subtotal.IsZero() || !e.total.IsZero() {
			return fault.New(fault.OrderInvalid, "a line with an amount needs a quantity", fault.Field("line_items."+l.ID+".quantity", "0"))
		}
		return nil
	}
	b.key(l.ID, e.key)
	b.entries = append(b.entries, e)
	return nil
}

// key remembers which entry a line became, for refunds.
func (b *basket) key(id, entry string) {
	if b.keys != nil {
		b.keys[id] = entry
	}
}

func (b *basket) fee(f event.Fee) {
	amount := f.Total.Round(b.currency)
	key := "fee-" + f.ID
	b.key(f.ID, key)
	b.entries = append(b.entries, entry{
		key: key, item: item(b.mapping.document.Items.Fee), name: f.Name, quantity: money.Int(1), subtotal: amount, total: amount, taxes: b.rounded(f.Taxes),
	})
}

// ship sums the shipping lines into one cost, and their taxes into one row per rate.
func (b *basket) ship(shipments []event.Shipment) {
	b.shipping = entry{key: shippingReference}
	if b.shipsByLine() {
		b.shipping = entry{key: shippingLine, item: item(b.mapping.document.Shipping.Item), name: "Shipping", quantity: one}
	}
	var taxes []event.LineTax
	for i, s := range shipments {
		if i == 0 && s.Title != "" {
			b.shipping.name += ": " + s.Title
		}
		b.key(s.ID, b.shipping.key)
		b.shipping.total = b.shipping.total.Add(s.Total.Round(b.currency))
		taxes = plusTaxes(taxes, s.Taxes)
	}
	b.shipping.taxes = b.rounded(taxes)
	b.shipped, b.shipping.subtotal = b.shipping.total, b.shipping.total
}

func (b *basket) shipsByLine() bool { return b.mapping.document.Shipping.As == ShippingLine }

// cost is what stands on the order as its shipping cost: nothing where a line says it.
func (b *basket) cost() money.Amount {
	if b.shipsByLine() {
		return money.Zero
	}
	return b.shipping.total
}

func (b *basket) rounded(taxes []event.LineTax) []event.LineTax {
	rows := slices.Clone(taxes)
	for i := range rows {
		rows[i].Total = rows[i].Total.Round(b.currency)
	}
	return rows
}

// settle makes the rows of each rate add up to the rate's own total, less what went back. A shop that rounds tax at the subtotal
// shows each line's tax rounded and the total of what was not: as long as the difference is rounding, half a
// unit for each row of the shop's, the largest row takes it.
func (b *basket) settle(o event.OrderStateV1) {
	rows := make([]*money.Amount, 0, len(b.entries))
	for _, tax := range o.Taxes {
		rows = rows[:0]
		for i := range b.entries {
			rows = rowsOf(rows, b.entries[i].taxes, tax.Rate)
		}
		b.adjust(rows, roundings(o, tax.Rate), tax.Total.Round(b.currency).Sub(b.goodsTax[tax.Rate]))
		b.adjust(rowsOf(rows[:0], b.shipping.taxes, tax.Rate), len(o.Shipments), tax.ShippingTotal.Round(b.currency).Sub(b.shipTax[tax.Rate]))
	}
}

// roundings counts the shop's rows of a rate: a bundle that is folded has the rounding of each of its lines.
func roundings(o event.OrderStateV1, rate string) (n int) {
	of := func(t event.LineTax) bool { return t.Rate == rate }
	for i := range o.Lines {
		if slices.ContainsFunc(o.Lines[i].Taxes, of) {
			n++
		}
	}
	for i := range o.Fees {
		if slices.ContainsFunc(o.Fees[i].Taxes, of) {
			n++
		}
	}
	return n
}

func rowsOf(rows []*money.Amount, taxes []event.LineTax, rate string) []*money.Amount {
	for i := range taxes {
		if taxes[i].Rate == rate {
			rows = append(rows, &taxes[i].Total)
		}
	}
	return rows
}

func (b *basket) adjust(rows []*money.Amount, roundings int, want money.Amount) {
	if len(rows) == 0 {
		return
	}
	largest, difference := rows[0], want
	for _, row := range rows {
		difference = difference.Sub(*row)
		if row.Abs().Cmp(largest.Abs()) > 0 {
			largest = row
		}
	}
	if difference.IsZero() {
		return
	}
	if difference.Abs().Times(money.Int(2)).Cmp(b.currency.Unit().Times(money.Int(int64(roundings)))) <= 0 {
		*largest = largest.Add(difference)
	}
}

// giveBack takes off what refunds gave back with pieces: the warehouse must not ship them. What was given back
// without pieces leaves a line alone; shipping and fees have none and are always taken off.
func (b *basket) giveBack(refunds []event.Refund) {
	if len(refunds) == 0 {
		return
	}
	sums := b.returned(refunds)
	for i := range b.entries {
		e := &b.entries[i]
		if g, given := sums[e.key]; given && (!e.counted || g.quantity.Sign() > 0) {
			b.reduce(e, g, b.goodsTax)
		}
	}
	if g, given := sums[b.shipping.key]; given {
		b.reduce(&b.shipping, g, b.shipTax)
	}
}

// reduce takes an amount off an entry, to the cent. An entry of which no piece is left is closed and keeps its
// quantity, which NetSuite wants; its amount is what was not given back, mostly nothing, for NetSuite counts a
// closed line in its total or does not, as the account has it.
func (b *basket) reduce(e *entry, g given, taxes map[string]money.Amount) {
	total, tax := within(g.total.Round(b.currency), e.total), within(g.tax.Round(b.currency), e.tax())
	pieces := e.quantity.Sub(g.quantity)
	share := money.Zero
	switch {
	case !e.counted:
		e.closed = e.total.Equal(total)
	case pieces.Sign() <= 0:
		e.closed = true
	default:
		share = money.AmountOf(e.subtotal.Times(pieces).Per(e.quantity, b.currency.Precision()).Decimal())
		e.quantity = pieces
	}
	e.total = e.total.Sub(total)
	e.subtotal = e.total
	if e.counted && !e.closed && share.Cmp(e.total) > 0 {
		e.subtotal = share
	}
	weights := make([]money.Amount, len(e.taxes))
	for i, row := range e.taxes {
		weights[i] = row.Total
	}
	for i, part := range tax.Split(weights, b.currency) {
		e.taxes[i].Total = e.taxes[i].Total.Sub(part)
		taxes[e.taxes[i].Rate] = taxes[e.taxes[i].Rate].Add(part)
	}
	b.given = b.given.Add(total).Add(tax)
}

func (e entry) tax() money.Amount {
	sum := money.Zero
	for _, row := range e.taxes {
		sum = sum.Add(row.Total)
	}
	return sum
}

// within bounds an amount between zero and a limit of either sign.
func within(amount, limit money.Amount) money.Amount {
	switch {
	case amount.Sign() != limit.Sign():
		return money.Zero
	case amount.Abs().Cmp(limit.Abs()) > 0:
		return limit
	default:
		return amount
	}
}

// returned sums the refunds' lines per entry. Deleted refunds gave nothing back.
func (b *basket) returned(refunds []event.Refund) map[string]given {
	sums := map[string]given{}
	for _, r := range refunds {
		if r.Detail == nil || r.Deleted {
			continue
		}
		for _, l := range r.Detail.Lines {
			b.each(l, func(key string, l event.RefundLine) {
				g := sums[key]
				sums[key] = given{g.quantity.Add(l.Quantity), g.total.Add(l.Total), g.tax.Add(l.Tax)}
			})
		}
	}
	return sums
}

// each calls with the entries of which a refund's line gives something back; a line that the order has no more
// has none.
func (b *basket) each(l event.RefundLine, call func(key string, l event.RefundLine)) {
	for _, part := range b.fold.refunded(l) {
		if key, known := b.keys[part.Line]; known {
			call(key, part)
		}
	}
}

// pieces of a shipping line that an amount without tax gives back: the one, or none.
func (b *basket) pieces(amount money.Amount) money.Number {
	if amount.Equal(b.shipped) {
		return one
	}
	return money.Number{}
}

// credits are a refund's lines by the keys of the sales order, and the shipping given back with its tax. A shipping line is a
// piece where all of it goes back; a part of it is money alone, for its one piece can be credited once.
func (b *basket) credits(lines []event.RefundLine) (list []event.CreditLine, shipping, tax money.Amount) {
	list = []event.CreditLine{}
	for _, l := range lines {
		b.each(l, func(key string, l event.RefundLine) {
			if key == shippingReference {
				shipping, tax = shipping.Add(l.Total.Round(b.currency)), tax.Add(l.Tax.Round(b.currency))
				return
			}
			at := slices.IndexFunc(list, func(c event.CreditLine) bool { return c.Key == key })
			if at < 0 {
				at, list = len(list), append(list, event.CreditLine{Key: key})
			}
			c := &list[at]
			c.Quantity, c.Amount, c.Tax = c.Quantity.Add(l.Quantity), c.Amount.Add(l.Total.Round(b.currency)), c.Tax.Add(l.Tax.Round(b.currency))
			if key == shippingLine {
				c.Quantity = b.pieces(c.Amount)
			}
		})
	}
	return list, shipping, tax
}

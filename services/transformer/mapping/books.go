package mapping

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// books are an order's lines and taxes as NetSuite will add them up. Invariant 5: the sum is the shop's total
// less what was given back with lines, or the difference is a named line within its limit, or the order is
// parked.
type books struct {
	mapping  *Mapping
	currency money.Currency
	rates    map[string]*event.Tax // by rate id
	coupons  string
	lines    []event.OrderLine
	taxes    []event.TaxDetail      // rows of the override
	fields   map[string]event.Value // of the order's header
	discount money.Amount           // of the header, negative
	tax      money.Amount           // what NetSuite adds as tax
	rounding money.Amount
	total    money.Amount
}

const ratePlaces = 8 // decimals of a unit rate

var one = money.Int(1)

func (m *Mapping) books(o event.OrderStateV1, s *scope, from *basket) (*books, error) {
	b := &books{mapping: m, lines: make([]event.OrderLine, 0, 2*len(from.entries)+1), taxes: make([]event.TaxDetail, 0, len(o.Taxes)*(len(from.entries)+1)), currency: o.Currency, rates: make(map[string]*event.Tax, len(o.Taxes)), coupons: strings.Join(s.Order.Coupons, ", "), fields: map[string]event.Value{}}
	for i := range o.Taxes {
		b.rates[o.Taxes[i].Rate] = &o.Taxes[i]
	}
	for _, e := range from.entries {
		if err := b.entry(e); err != nil {
			return nil, err
		}
	}
	if err := b.ship(from); err != nil {
		return nil, err
	}
	b.wholeTax(o, from)
	b.header()
	cards, err := m.redeemed(o, s)
	if err != nil {
		return nil, err
	}
	b.total = o.Totals.Total.Round(b.currency).Sub(from.given)
	for _, card := range cards { // a payment, not a discount: the shop's total is what was left to pay
		b.total = b.total.Add(card.Amount)
	}
	return b, b.balance(from.cost(), len(o.Lines)+len(o.Fees))
}

// ship writes what shipping costs as a line, or the tax of the cost that the order has. Shipping that is free has no line.
func (b *books) ship(from *basket) error {
	switch {
	case !from.shipsByLine():
		return b.levyShipping(from.shipping)
	case from.shipped.IsZero() && from.shipping.tax().IsZero():
		return nil
	default:
		return b.entry(from.shipping)
	}
}

// entry writes a line and the discount beneath it. A line that costs more than before its discount, as a
// merchant may edit it, has none.
func (b *books) entry(e entry) error {
	amount, discount := e.total, money.Zero
	if e.subtotal.Cmp(e.total) > 0 {
		amount, discount = e.subtotal, e.total.Sub(e.subtotal)
	}
	rate, quantity := money.NumberOf(amount.Decimal()), e.quantity
	if !quantity.Equal(one) {
		rate = amount.Per(quantity, ratePlaces)
	}
	line := event.OrderLine{
		Key: e.key, Item: e.item, Quantity: &quantity, Rate: &rate, Amount: amount, CustomPrice: true,
		Description: b.mapping.text("description", e.name), Fields: e.fields, Closed: e.closed,
	}
	if err := b.levy(e, &line); err != nil {
		return err
	}
	b.lines = append(b.lines, line)
	switch {
	case discount.IsZero():
	case b.mapping.document.Discounts.As == DiscountHeader:
		b.discount = b.discount.Add(discount)
	default:
		b.lines = append(b.lines, event.OrderLine{
			Key: e.key + "-discount", Item: item(b.mapping.document.Items.Discount), Amount: discount, CustomPrice: true, TaxCode: line.TaxCode, Fields: inherit(e.fields),
			Description: b.mapping.text("description", strings.TrimSuffix("Discount: "+b.coupons, ": ")),
		})
	}
	return nil
}

// header writes the discounts' sum, where they stand there; without one an earlier sum is cleared.
func (b *books) header() {
	if b.mapping.document.Discounts.As != DiscountHeader {
		return
	}
	b.fields["discountItem"], b.fields["discountRate"] = event.Value{Empty: true}, event.Value{Empty: true}
	if !b.discount.IsZero() {
		ref, sum := item(b.mapping.document.Items.Discount), money.NumberOf(b.discount.Decimal())
		b.fields["discountItem"], b.fields["discountRate"] = event.Value{Ref: &ref}, event.Value{Number: &sum}
	}
}

// charge adds a line of one piece that is neither goods nor fee and bears no tax.
func (b *books) charge(key, itemName, description string, amount money.Amount) {
	quantity, rate := one, money.NumberOf(amount.Decimal())
	b.lines = append(b.lines, event.OrderLine{
		Key: key, Item: item(itemName), Quantity: &quantity, Rate: &rate, Amount: amount, CustomPrice: true, Description: b.mapping.text("description", description), TaxCode: b.exempt(),
	})
}

// balance compares with the total there must be and names the difference.
func (b *books) balance(shipping money.Amount, lines int) error {
	sum := shipping.Add(b.discount).Add(b.tax)
	for _, line := range b.lines {
		sum = sum.Add(line.Amount)
	}
	b.rounding = b.total.Sub(sum)
	if b.rounding.IsZero() {
		return nil
	}
	if limit := b.limit(lines); b.rounding.Abs().Cmp(limit) > 0 {
		return fault.New(fault.MoneyMismatch, fmt.Sprintf("lines, shipping and tax (%s, %s) add up to %s; the difference to the shop's total must be within %s", b.mapping.taxMode(), b.tax, sum, limit),
			fault.Field("total", b.total.String()))
	}
	b.charge("rounding", b.mapping.document.Rounding.Item, "Rounding difference", b.rounding)
	return nil
}

// limit grows with each begun ten lines; a currency without decimals has one unit.
func (b *books) limit(lines int) money.Amount {
	if b.currency.Precision() == 0 {
		return b.mapping.zeroUnit
	}
	return b.mapping.perTen.Times(money.Int(int64(max((lines+9)/10, 1))))
}

func (m *Mapping) taxMode() event.TaxMode {
	return cmp.Or(m.document.Taxes.Strategy, event.TaxOverride)
}

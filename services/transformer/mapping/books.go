package mapping

import (
	"fmt"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// books are an order's lines and taxes as NetSuite will add them up. Invariant 5: the sum is the shop's
// total, or the difference is a named line within its limit, or the order is parked.
type books struct {
	mapping  *Mapping
	currency money.Currency
	rates    map[string]event.Tax // by rate id
	coupons  string
	lines    []event.OrderLine
	taxes    []event.TaxDetail
	shipping money.Amount
	rounding money.Amount
	total    money.Amount
}

const (
	ratePlaces        = 8          // decimals of a unit rate
	shippingReference = "SHIPPING" // SuiteTax's reference of the shipping cost
)

func (m *Mapping) books(o event.OrderStateV1, env Env) (*books, error) {
	b := &books{mapping: m, currency: o.Currency, rates: map[string]event.Tax{}, coupons: strings.Join(env.Order.Coupons, ", ")}
	for _, tax := range o.Taxes {
		b.rates[tax.Rate] = tax
	}
	for i, line := range o.Lines {
		env.Line = env.Order.Lines[i]
		if err := b.line(line, env); err != nil {
			return nil, err
		}
	}
	for _, fee := range o.Fees {
		if err := b.fee(fee); err != nil {
			return nil, err
		}
	}
	if err := b.ship(o.Shipments); err != nil {
		return nil, err
	}
	return b, b.balance(o)
}

func item(name string) event.Ref { return event.Ref{Record: "item", By: "name", Key: name} }

func (b *books) itemOf(sku string) event.Ref {
	if sku == "" {
		return item(b.mapping.document.Items.Fallback)
	}
	if name, mapped := b.mapping.document.Items.SKUs[sku]; mapped {
		return item(name)
	}
	return item(sku)
}

func (b *books) line(l event.Line, env Env) error {
	fields, err := b.mapping.values("items.fields", b.mapping.line, env, false)
	if err != nil {
		return err
	}
	subtotal, total := l.Subtotal.Round(b.currency), l.Total.Round(b.currency)
	quantity := l.Quantity
	if quantity.IsZero() {
		if !subtotal.IsZero() || !total.IsZero() {
			return fault.New(fault.OrderInvalid, "a line with an amount needs a quantity", fault.Field("line_items."+l.ID+".quantity", "0"))
		}
		return nil
	}
	rate := subtotal.Per(quantity, ratePlaces)
	key := "line-" + l.ID
	b.lines = append(b.lines, event.OrderLine{
		Key: key, Item: b.itemOf(l.SKU), Quantity: &quantity, Rate: &rate, Amount: subtotal, CustomPrice: true,
		Description: b.mapping.text("description", l.Name), TaxReference: b.reference(key, l.Taxes), Fields: fields,
	})
	if discount := total.Sub(subtotal); !discount.IsZero() {
		b.lines = append(b.lines, event.OrderLine{
			Key: key + "-discount", Item: item(b.mapping.document.Items.Discount), Amount: discount, CustomPrice: true,
			Description: b.mapping.text("description", strings.TrimSuffix("Discount: "+b.coupons, ": ")),
		})
	}
	return b.tax(key, total, l.Taxes)
}

func (b *books) fee(f event.Fee) error {
	amount, one := f.Total.Round(b.currency), money.Int(1)
	rate := money.NumberOf(amount.Decimal())
	key := "fee-" + f.ID
	b.lines = append(b.lines, event.OrderLine{
		Key: key, Item: item(b.mapping.document.Items.Fee), Quantity: &one, Rate: &rate, Amount: amount, CustomPrice: true,
		Description: b.mapping.text("description", f.Name), TaxReference: b.reference(key, f.Taxes),
	})
	return b.tax(key, amount, f.Taxes)
}

// ship sums the shipping lines into one cost, and their taxes into one row per rate.
func (b *books) ship(shipments []event.Shipment) error {
	var order []string
	sums := map[string]money.Amount{}
	for _, s := range shipments {
		b.shipping = b.shipping.Add(s.Total.Round(b.currency))
		for _, t := range s.Taxes {
			if _, seen := sums[t.Rate]; !seen {
				order = append(order, t.Rate)
			}
			sums[t.Rate] = sums[t.Rate].Add(t.Total)
		}
	}
	taxes := make([]event.LineTax, 0, len(order))
	for _, rate := range order {
		taxes = append(taxes, event.LineTax{Rate: rate, Total: sums[rate]})
	}
	return b.tax(shippingReference, b.shipping, taxes)
}

// reference joins a line with its tax rows; a line without tax has none.
func (b *books) reference(key string, taxes []event.LineTax) string {
	if len(taxes) == 0 {
		return ""
	}
	return key
}

// tax adds one row per rate, each amount rounded to the currency.
func (b *books) tax(reference string, basis money.Amount, taxes []event.LineTax) error {
	for _, t := range taxes {
		rate, known := b.rates[t.Rate]
		if !known {
			return fault.New(fault.OrderInvalid, "a line's tax must name a rate of tax_lines", fault.Field(reference+".taxes.id", t.Rate))
		}
		code, mapped := b.mapping.document.Taxes.Rates[rate.Code]
		if !mapped {
			return fault.New(fault.TaxRateUnmapped, "want a tax type and code under taxes.rates", fault.Field("tax_lines.rate_code", rate.Code))
		}
		b.taxes = append(b.taxes, event.TaxDetail{
			Reference: reference, TaxType: event.Ref{Record: "taxType", By: "name", Key: code.Type}, TaxCode: event.Ref{Record: "taxCode", By: "name", Key: code.Code},
			Basis: basis, Rate: rate.Percent, Amount: t.Total.Round(b.currency),
		})
	}
	return nil
}

// net is the total without tax.
func (b *books) net() money.Amount {
	net := b.total
	for _, tax := range b.taxes {
		net = net.Sub(tax.Amount)
	}
	return net
}

// balance compares with the shop's total and names the difference.
func (b *books) balance(o event.OrderStateV1) error {
	sum := b.shipping
	for _, line := range b.lines {
		sum = sum.Add(line.Amount)
	}
	for _, tax := range b.taxes {
		sum = sum.Add(tax.Amount)
	}
	b.total = o.Totals.Total.Round(b.currency)
	b.rounding = b.total.Sub(sum)
	if b.rounding.IsZero() {
		return nil
	}
	if limit := b.limit(len(o.Lines) + len(o.Fees)); b.rounding.Abs().Cmp(limit) > 0 {
		return fault.New(fault.MoneyMismatch, fmt.Sprintf("lines, shipping and tax add up to %s; the difference to the shop's total must be within %s", sum, limit),
			fault.Field("total", o.Totals.Total.String()))
	}
	one, rate := money.Int(1), money.NumberOf(b.rounding.Decimal())
	b.lines = append(b.lines, event.OrderLine{
		Key: "rounding", Item: item(b.mapping.document.Rounding.Item), Quantity: &one, Rate: &rate, Amount: b.rounding, CustomPrice: true, Description: "Rounding difference",
	})
	return nil
}

// limit grows with each begun ten lines; a currency without decimals has one unit.
func (b *books) limit(lines int) money.Amount {
	if b.currency.Precision() == 0 {
		return b.mapping.zeroUnit
	}
	return b.mapping.perTen.Times(money.Int(int64(max((lines+9)/10, 1))))
}

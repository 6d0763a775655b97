package netsuitesim

import (
	"fmt"
	"slices"

	"github.com/shopspring/decimal"
)

// compute is the arithmetic of an order: it fills a sheet from the lines,
// writes the amounts back and sums up. Whatever totals the body carried are
// gone by now.
func compute(t *tx, d *draft) error {
	m := &money{tx: t, f: d.fields, sheet: &sheet{precision: precision(t, d.fields)}, engine: map[bool][]taxRate{}}
	if err := m.lines(); err != nil {
		return err
	}
	if err := m.header(); err != nil {
		return err
	}
	tax, err := m.tax(d)
	if err != nil {
		return err
	}
	m.write(tax)
	return nil
}

// precision is the number of decimals of the transaction's currency.
func precision(t *tx, f fields) int32 {
	currency := t.pointed(f, "currency", "currency")
	if currency == nil {
		return 2
	}
	return int32(currency.fields.integer("currencyPrecision"))
}

// money works on one order.
type money struct {
	tx     *tx
	f      fields
	sheet  *sheet
	engine map[bool][]taxRate // by "for shipping", once asked for
}

// exact returns the amount in the currency's precision: finer ones are rounded
// or refused, as the account has it.
func (m *money) exact(d decimal.Decimal, name, path string) (decimal.Decimal, error) {
	rounded := m.sheet.round(d)
	if m.tx.switches().RefuseFineAmounts && !rounded.Equal(d) {
		return d, invalidField(d.String(), name, path)
	}
	return rounded, nil
}

func (m *money) lines() error {
	for i, line := range m.f.lines("item") {
		path := fmt.Sprintf("item.items[%d]", i)
		l, err := m.line(line, path)
		if err != nil {
			return err
		}
		m.sheet.lines = append(m.sheet.lines, l)
	}
	return nil
}

func (m *money) line(line fields, path string) (sheetLine, error) {
	l := sheetLine{isDiscount: isDiscount(line), custom: line.ref("price") == "-1", quantity: line.amount("quantity")}
	l.custom = l.custom || (m.tx.switches().RateStands && (line["rate"] != nil || line["amount"] != nil))
	l.gone = m.leaves(line)
	taxable, said := line["isTaxable"].(bool)
	l.exempt = said && !taxable
	l.list = m.listRate(line)
	if rate, ok := line.number("rate"); ok {
		l.rate = &rate
	}
	if amount, ok := line.number("amount"); ok {
		amount, err := m.exact(amount, "amount", path+".amount")
		if err != nil {
			return l, err
		}
		l.amount = &amount
	}
	l.taxes = m.lineTaxes(line)
	if gross, ok := line.number("grossAmt"); ok && l.amount == nil && !m.tx.switches().GrossIgnored {
		net := m.sheet.round(netOf(gross, l.taxes))
		l.amount = &net
	}
	if l.custom && !l.isDiscount && l.amount == nil && l.rate == nil {
		return l, missing("Amount")
	}
	if l.isDiscount && m.sheet.value(&l).IsPositive() {
		return l, userError("The amount of a discount item must be negative.")
	}
	return l, nil
}

// leaves says whether a line counts for nothing because it is closed.
func (m *money) leaves(line fields) bool {
	return m.tx.switches().ClosedLeaveTotals && line.flag("isClosed")
}

// listRate is the item's rate at the line's price level; discount items have
// one rate of their own.
func (m *money) listRate(line fields) decimal.Decimal {
	item := m.tx.pointed(line, "item", items)
	if item == nil {
		return decimal.Zero
	}
	if isDiscount(line) {
		return item.fields.amount("rate")
	}
	rate := item.fields.amount("basePrice")
	if level := m.tx.pointed(line, "price", "priceLevel"); level != nil {
		rate = rate.Mul(hundred.Sub(level.fields.amount("discountPct"))).Div(hundred)
	}
	return rate
}

// header reads the header's amounts. A discount item without a rate brings its
// own; a rate without an item is refused.
func (m *money) header() error {
	amounts := map[string]*decimal.Decimal{
		"discountRate": &m.sheet.discount, "shippingCost": &m.sheet.shipping, "handlingCost": &m.sheet.handling,
	}
	for name, into := range amounts {
		amount, ok := m.f.number(name)
		if !ok {
			continue
		}
		amount, err := m.exact(amount, name, name)
		if err != nil {
			return err
		}
		m.f.set(name, amount)
		*into = amount
	}
	item := m.tx.pointed(m.f, "discountItem", items)
	if _, given := m.f.number("discountRate"); !given && item != nil {
		m.sheet.discount = m.sheet.round(item.fields.amount("rate"))
	} else if given && item == nil {
		return missing("Discount Item")
	}
	for _, line := range m.f.lines("giftCertRedemption") {
		m.sheet.gifts = m.sheet.gifts.Add(m.sheet.round(line.amount("authCodeApplied")))
	}
	return nil
}

// tax is the tax of the order in the account's mode.
func (m *money) tax(d *draft) (decimal.Decimal, error) {
	switch mode := m.tx.switches().Tax; {
	case mode == TaxLegacyHeader:
		return m.sheet.headerTax(m.headerRate(), m.f.ref("shippingTaxCode") != ""), nil
	case mode == TaxLegacyLine:
		return m.sheet.lineTax().Add(m.codeTax("shippingTaxCode", m.sheet.shipping)).Add(m.codeTax("handlingTaxCode", m.sheet.handling)), nil
	case mode == TaxOverride && m.f.flag("taxDetailsOverride"):
		return m.overrideTax(d)
	}
	rates := m.engineRates(true)
	return m.sheet.lineTax().Add(m.sheet.taxOn(m.sheet.shipping, rates)).Add(m.sheet.taxOn(m.sheet.handling, rates)), nil
}

func (m *money) headerRate() decimal.Decimal {
	if rate, ok := m.f.number("taxRate"); ok {
		return rate
	}
	if code := m.tx.pointed(m.f, "taxItem", "salesTaxItem"); code != nil {
		return code.fields.amount("rate")
	}
	return decimal.Zero
}

func (m *money) codeTax(name string, base decimal.Decimal) decimal.Decimal {
	code := m.tx.pointed(m.f, name, "salesTaxItem")
	if code == nil {
		return decimal.Zero
	}
	return m.sheet.taxOn(base, []taxRate{{percent: code.fields.amount("rate")}})
}

func (m *money) lineTaxes(line fields) []taxRate {
	switch m.tx.switches().Tax {
	case TaxLegacyHeader:
		return nil
	case TaxLegacyLine:
		code := m.tx.pointed(line, "taxCode", "salesTaxItem")
		if code == nil {
			return nil
		}
		return []taxRate{{percent: code.fields.amount("rate")}}
	}
	return m.engineRates(false)
}

// engineRates are the standard rates of the ship-to address, simple ones
// before compound ones.
func (m *money) engineRates(shipping bool) []taxRate {
	if rates, known := m.engine[shipping]; known {
		return rates
	}
	to := m.f.sub("shippingAddress")
	var simple, compound []taxRate
	for _, r := range m.tx.of(m.tx.kind("salesTaxItem")) {
		c := r.fields
		here := c.text("country") != "" && c.text("country") == country(m.f) &&
			(c.text("state") == "" || sameFold(c.text("state"), to.text("state"))) &&
			(c.text("city") == "" || sameFold(c.text("city"), to.text("city")))
		if !here || c.flag("reduced") || c.flag("isInactive") || (shipping && !c.flag("onShipping")) {
			continue
		}
		rate := taxRate{percent: c.amount("rate"), compound: c.flag("compound")}
		if rate.compound {
			compound = append(compound, rate)
		} else {
			simple = append(simple, rate)
		}
	}
	m.engine[shipping] = slices.Concat(simple, compound)
	return m.engine[shipping]
}

// write puts the results into the record.
func (m *money) write(tax decimal.Decimal) {
	for i, line := range m.f.lines("item") {
		l := &m.sheet.lines[i]
		value := m.sheet.value(l)
		line.set("amount", value)
		switch {
		case l.isDiscount && l.rate == nil:
			line.set("rate", value)
		case l.isDiscount || !l.custom || l.rate != nil:
			line.set("rate", l.unitRate())
		}
	}
	m.f.set("subtotal", m.sheet.subtotal())
	m.f.set("discountTotal", m.sheet.discount)
	m.f.set("giftCertApplied", m.sheet.gifts)
	m.f.set("taxTotal", tax)
	m.f.set("total", m.sheet.total(tax))
}

package mapping

import (
	"cmp"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

var hundredth = money.MustParseNumber("0.01")

// levy puts an entry's tax on its line, as the strategy has it: rows of the override, a legacy code, or nothing.
func (b *books) levy(e entry, line *event.OrderLine) error {
	switch b.mapping.taxMode() {
	case event.TaxOverride:
		rows, err := b.rows(e)
		if err != nil || len(rows) == 0 {
			return err
		}
		line.TaxReference = e.key // a line without tax has none
		b.taxes = append(b.taxes, rows...)
		return nil
	case event.TaxCodes:
		code, err := b.code(e)
		line.TaxCode = code
		return err
	case event.TaxLines:
		line.TaxCode = b.exempt()
		return nil
	default: // NetSuite's engine knows items and addresses, not codes
		return nil
	}
}

func (b *books) levyShipping(e entry) error {
	line := event.OrderLine{}
	if err := b.levy(e, &line); err != nil {
		return err
	}
	if mode := b.mapping.taxMode(); mode == event.TaxCodes || mode == event.TaxLines {
		b.fields["shippingTaxCode"] = event.Value{Ref: line.TaxCode, Empty: line.TaxCode == nil}
	}
	return nil
}

// rows gives one override row per rate. A closed line of which all tax went back keeps its rates, of nothing: a credit of what
// is billed is told by them.
func (b *books) rows(e entry) ([]event.TaxDetail, error) {
	rows := make([]event.TaxDetail, 0, len(e.taxes))
	for _, t := range e.taxes {
		rate, err := b.rate(e, t)
		if err != nil {
			return nil, err
		}
		code, mapped := b.mapping.document.Taxes.Rates[rate.Code]
		if !mapped {
			return nil, unmapped(rate.Code, "want a tax type and code under taxes.rates")
		}
		b.tax = b.tax.Add(t.Total)
		rows = append(rows, event.TaxDetail{
			Reference: e.key, TaxType: event.Ref{Record: "taxType", By: "name", Key: code.Type}, TaxCode: codeRef(code.Code),
			Basis: e.total, Rate: rate.Percent, Amount: t.Total,
		})
	}
	return rows, nil
}

func codeRef(name string) event.Ref { return event.Ref{Record: "taxCode", By: "name", Key: name} }

func unmapped(code, rule string) error {
	return fault.New(fault.TaxRateUnmapped, rule, fault.Field("tax_lines.rate_code", code))
}

func (b *books) rate(e entry, t event.LineTax) (*event.Tax, error) {
	rate, known := b.rates[t.Rate]
	if !known {
		return rate, fault.New(fault.OrderInvalid, "a line's tax must name a rate of tax_lines", fault.Field(e.key+".taxes.id", t.Rate))
	}
	return rate, nil
}

// code gives an entry's legacy code, several rates in one, and adds what NetSuite will compute with it: the net
// amount, its discount taken off, times the code's rate, rounded.
func (b *books) code(e entry) (*event.Ref, error) {
	var rates []event.Tax
	for _, t := range e.taxes {
		rate, err := b.rate(e, t)
		if err != nil {
			return nil, err
		}
		rates = append(rates, *rate)
	}
	if len(rates) == 0 {
		return b.exempt(), nil
	}
	name, percent, err := b.combined(rates)
	if err != nil {
		return nil, err
	}
	b.tax = b.tax.Add(e.total.Times(percent).Times(hundredth).Round(b.currency))
	ref := codeRef(name)
	return &ref, nil
}

func (b *books) combined(rates []event.Tax) (name string, percent money.Number, err error) {
	names := make([]string, len(rates))
	for i, rate := range rates {
		names[i] = rate.Code
	}
	slices.Sort(names)
	key := strings.Join(names, " + ")
	one, known := b.mapping.document.Taxes.Combined[key]
	if single, mapped := b.mapping.document.Taxes.Rates[key]; !known && mapped && len(rates) == 1 {
		one, known = CombinedRate{Code: single.Code}, true
	}
	switch {
	case !known && len(rates) == 1:
		return "", percent, unmapped(key, "want a tax code under taxes.rates")
	case !known:
		return "", percent, unmapped(key, "want one legacy code for these rates together under taxes.combined")
	case one.Percent != "":
		percent, err = money.ParseNumber(one.Percent)
		return one.Code, percent, err
	default:
		return one.Code, compounded(rates), nil
	}
}

// compounded is what several rates are as one: compound ones are taken on the price with the taxes before them.
func compounded(rates []event.Tax) money.Number {
	percent := money.Number{}
	for _, rate := range rates {
		if !rate.Compound {
			percent = percent.Add(rate.Percent)
		}
	}
	for _, rate := range rates {
		if rate.Compound {
			percent = percent.Add(rate.Percent).Add(percent.Times(rate.Percent).Times(hundredth))
		}
	}
	return percent
}

// exempt is the code of what bears no tax; nil where the account needs none.
func (b *books) exempt() *event.Ref {
	mode := b.mapping.taxMode()
	if b.mapping.document.Taxes.Exempt == "" || mode != event.TaxCodes && mode != event.TaxLines {
		return nil
	}
	ref := codeRef(b.mapping.document.Taxes.Exempt)
	return &ref
}

// wholeTax adds the tax that does not stand on single lines: with strategy lines the shop's, a line per rate;
// with strategy engine the shop's as well, for NetSuite's own is only known afterwards (Expected.Net is what is
// verified then, and the difference is named).
func (b *books) wholeTax(o event.OrderStateV1, from *basket) {
	switch b.mapping.taxMode() {
	case event.TaxLines:
		for _, tax := range o.Taxes {
			amount := tax.Total.Add(tax.ShippingTotal).Round(b.currency).Sub(from.goodsTax[tax.Rate]).Sub(from.shipTax[tax.Rate])
			if !amount.IsZero() {
				b.charge("tax-"+tax.Rate, b.mapping.document.Taxes.Item, cmp.Or(tax.Label, tax.Code), amount)
			}
		}
	case event.TaxEngine:
		b.tax = o.Totals.Tax.Round(b.currency)
		for _, tax := range o.Taxes {
			b.tax = b.tax.Sub(from.goodsTax[tax.Rate]).Sub(from.shipTax[tax.Rate])
		}
	}
}

package mapping

import (
	"fmt"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// sum is what NetSuite makes of a sales order. Written by NetSuite's rules, not by this package: a line of price
// level -1 stands as given, a Discount item applies to the line above, subtotal is the sum of the lines, and
// total is subtotal + header discount + shipping + tax.
type sum struct{ net, tax, total money.Amount }

// percents are the rates of an account's legacy tax codes.
type percents map[string]string

// shippedCodes are those of the codes that the default document names, and of strategy below.
var shippedCodes = percents{
	"CA_STATE": "7.25", "CA_SF_COUNTY": "1.25", "CA_SF": "8.5", "NY_SALES": "8.875", "TX_SALES": "8.25", "DE_MWST": "19", "DE_MWST_REDUCED": "7",
	"GB_VAT": "20", "QC_GST": "5", "QC_QST": "9.975", "QC": "15.47375", "JP_CONSUMPTION": "10", "NONE": "0",
}

func addUp(d event.DesiredOrderV1, codes percents) (sum, error) {
	so := d.SalesOrder
	var s sum
	above := -1
	nets := make([]money.Amount, len(so.Lines))
	for i, line := range so.Lines {
		amount := line.Amount
		switch {
		case !line.CustomPrice:
			return s, fmt.Errorf("%s: without price level -1 the item's own price counts", line.Key)
		case !amount.Equal(amount.Round(so.Currency)):
			return s, fmt.Errorf("%s: %s is finer than %s", line.Key, amount, so.Currency)
		}
		s.net = s.net.Add(amount)
		if line.Quantity != nil {
			above, nets[i] = i, amount
			continue
		}
		if above < 0 || amount.Sign() >= 0 {
			return s, fmt.Errorf("%s: a discount of %s needs a line above and a negative amount", line.Key, amount)
		}
		nets[above] = nets[above].Add(amount)
	}
	shipping := money.AmountOf(so.Fields["shippingCost"].Number.Decimal())
	s.net = s.net.Add(shipping)
	if discount := so.Fields["discountRate"].Number; discount != nil {
		if so.Fields["discountItem"].Ref == nil || discount.Sign() >= 0 {
			return s, fmt.Errorf("a header discount of %s needs an item and a negative amount", discount)
		}
		s.net = s.net.Add(money.AmountOf(discount.Decimal()))
	}
	var err error
	switch so.TaxMode {
	case event.TaxOverride:
		s.tax, err = overrideTax(so)
	case event.TaxCodes:
		s.tax, err = codeTax(so, codes, nets, shipping)
	case event.TaxEngine, event.TaxLines:
		err = noTax(so)
	}
	s.total = s.net.Add(s.tax)
	return s, err
}

// overrideTax is the sum of the rows; each names a reference that a line carries, or the shipping.
func overrideTax(so event.SalesOrder) (money.Amount, error) {
	known := map[string]bool{"SHIPPING": true}
	for _, line := range so.Lines {
		known[line.TaxReference] = line.TaxReference != ""
	}
	tax := money.Zero
	for _, row := range so.TaxDetails {
		if !known[row.Reference] {
			return tax, fmt.Errorf("tax row %q names no line", row.Reference)
		}
		if row.TaxType.Key == "" || row.TaxCode.Key == "" || !row.Amount.Equal(row.Amount.Round(so.Currency)) {
			return tax, fmt.Errorf("tax row %+v", row)
		}
		tax = tax.Add(row.Amount)
	}
	return tax, nil
}

// codeTax is, per line and for the shipping, the net amount × the rate of its one code, rounded.
func codeTax(so event.SalesOrder, codes percents, nets []money.Amount, shipping money.Amount) (money.Amount, error) {
	if len(so.TaxDetails) > 0 {
		return money.Zero, fmt.Errorf("%d rows of an override", len(so.TaxDetails))
	}
	tax := money.Zero
	add := func(base money.Amount, code *event.Ref) error {
		if code == nil {
			return nil
		}
		text, known := codes[code.Key]
		if !known {
			return fmt.Errorf("no tax code %q", code.Key)
		}
		tax = tax.Add(base.Times(money.MustParseNumber(text)).Times(money.MustParseNumber("0.01")).Round(so.Currency))
		return nil
	}
	for i, line := range so.Lines {
		if err := add(nets[i], line.TaxCode); err != nil {
			return tax, err
		}
	}
	return tax, add(shipping, so.Fields["shippingTaxCode"].Ref)
}

func noTax(so event.SalesOrder) error {
	if len(so.TaxDetails) > 0 {
		return fmt.Errorf("%d rows of an override", len(so.TaxDetails))
	}
	for _, line := range so.Lines {
		if line.TaxReference != "" {
			return fmt.Errorf("%s names tax rows", line.Key)
		}
	}
	return nil
}

// proves tells whether NetSuite comes to what is expected.
func proves(d event.DesiredOrderV1, codes percents) error {
	s, err := addUp(d, codes)
	switch {
	case err != nil:
		return err
	case !s.net.Equal(d.Expected.Net):
		return fmt.Errorf("without tax NetSuite comes to %s, expected is %s", s.net, d.Expected.Net)
	case d.SalesOrder.TaxMode != event.TaxEngine && !s.total.Equal(d.Expected.Total): // the engine's tax is its own
		return fmt.Errorf("NetSuite comes to %s, expected is %s", s.total, d.Expected.Total)
	default:
		return nil
	}
}

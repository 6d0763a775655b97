package netsuitesim

import (
	"fmt"
	"slices"

	"github.com/shopspring/decimal"
)

// overrideTax is the sum of the tax detail rows. Each row names a reference
// that a line of the order carries (or SHIPPING, HANDLING), a tax type and a
// code of that type; several rows may share a reference.
func (m *money) overrideTax(d *draft) (decimal.Decimal, error) {
	if err := foldTaxDetails(d, m.tx.switches().AppendTaxDetails); err != nil {
		return decimal.Zero, err
	}
	known := m.taxReferences()
	sum := decimal.Zero
	rows := slices.DeleteFunc(m.f.lines("taxDetails"), func(row fields) bool {
		// The details of a line that is gone go with it; a body's own rows stay
		// and are refused below.
		return !known[taxReference(row)] && !sent(d, row)
	})
	for i, row := range rows {
		amount, err := m.taxRow(row, known, fmt.Sprintf("taxDetails.items[%d]", i))
		if err != nil {
			return decimal.Zero, err
		}
		if !m.goneReference(taxReference(row)) {
			sum = sum.Add(amount)
		}
	}
	if len(rows) > 0 {
		m.f["taxDetails"] = rows
	} else {
		delete(m.f, "taxDetails")
	}
	return sum, nil
}

// taxReferences are the names that tax detail rows may use.
func (m *money) taxReferences() map[string]bool {
	known := map[string]bool{}
	for _, line := range m.f.lines("item") {
		if name := line.text("taxDetailsReference"); name != "" {
			known[name] = true
		}
	}
	if !m.tx.switches().NoShippingReference {
		known["SHIPPING"], known["HANDLING"] = true, true
	}
	return known
}

// goneReference says whether a reference belongs to a line that counts for
// nothing.
func (m *money) goneReference(name string) bool {
	for _, line := range m.f.lines("item") {
		if line.text("taxDetailsReference") == name {
			return m.leaves(line)
		}
	}
	return false
}

// taxReference reads the reference as a string or as an object.
func taxReference(row fields) string {
	switch v := row["taxDetailsReference"].(type) {
	case string:
		return v
	case fields:
		return or(v.text("id"), v.text("refName"))
	}
	return ""
}

// sent says whether a row came with this request.
func sent(d *draft, row fields) bool {
	for _, in := range d.in.lines("taxDetails") {
		if taxReference(in) == taxReference(row) {
			return true
		}
	}
	return false
}

// foldTaxDetails lets the rows of a body take the place of stored rows with
// the same reference, unless the account appends.
func foldTaxDetails(d *draft, appending bool) error {
	in := d.in.lines("taxDetails")
	for i, row := range in {
		if taxReference(row) == "" {
			return invalidField(show(row["taxDetailsReference"]), "taxDetailsReference", fmt.Sprintf("taxDetails.items[%d].taxDetailsReference", i))
		}
	}
	if d.old == nil || appending || len(in) == 0 || d.how.has("taxDetails") {
		return nil
	}
	kept := slices.DeleteFunc(d.old.fields.clone().lines("taxDetails"), func(row fields) bool { return sent(d, row) })
	d.fields["taxDetails"] = append(kept, in...)
	return nil
}

// taxRow checks one row and returns its tax.
func (m *money) taxRow(row fields, known map[string]bool, path string) (decimal.Decimal, error) {
	name := taxReference(row)
	if !known[name] {
		return decimal.Zero, invalidField(name, "taxDetailsReference", path+".taxDetailsReference")
	}
	row["taxDetailsReference"] = name
	code := m.tx.pointed(row, "taxCode", "salesTaxItem")
	switch {
	case row.ref("taxType") == "":
		return decimal.Zero, missing("Tax Type")
	case code == nil:
		return decimal.Zero, missing("Tax Code")
	case code.fields.ref("taxType") != row.ref("taxType"):
		return decimal.Zero, invalidField(row.ref("taxCode"), "taxCode", path+".taxCode")
	}
	rate, hasRate := row.number("taxRate")
	basis, hasBasis := row.number("taxBasis")
	if !hasRate || !hasBasis {
		return decimal.Zero, missing("Tax Basis, Tax Rate")
	}
	if m.tx.switches().TaxRateFraction {
		if rate.GreaterThan(decimal.NewFromInt(1)) {
			return decimal.Zero, invalidField(rate.String(), "taxRate", path+".taxRate")
		}
		rate = rate.Mul(hundred)
	}
	amount, given := row.number("taxAmount")
	if !given {
		amount = m.sheet.round(basis.Mul(rate).Div(hundred))
	}
	amount, err := m.exact(amount, "taxAmount", path+".taxAmount")
	row.set("taxAmount", amount)
	return amount, err
}

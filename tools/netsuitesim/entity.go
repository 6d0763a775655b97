package netsuitesim

import (
	"net/mail"
	"strings"
)

// settleCustomer checks a customer and fills in what NetSuite would.
func settleCustomer(t *tx, d *draft) error {
	f := d.fields
	if err := customerNames(f); err != nil {
		return err
	}
	if f.ref("subsidiary") == "" {
		return missing("Subsidiary")
	}
	if email := f.text("email"); email != "" {
		if a, err := mail.ParseAddress(email); err != nil || a.Address != email {
			return userError("Invalid email address: %s", email)
		}
	}
	if f.ref("currency") == "" {
		f["currency"] = baseCurrency(t, f)
	}
	if f.text("entityId") == "" {
		f["entityId"] = t.nextNumber(d.kind.prefix)
	}
	if _, said := f["isInactive"]; !said {
		f["isInactive"] = false
	}
	numberAddresses(f)
	return nil
}

// customerNames: a person needs both names, a company its own.
func customerNames(f fields) error {
	if !f.flag("isPerson") {
		f["isPerson"] = false
		if f.text("companyName") == "" {
			return missing("Company Name")
		}
		return nil
	}
	var lack []string
	if f.text("firstName") == "" {
		lack = append(lack, "First Name")
	}
	if f.text("lastName") == "" {
		lack = append(lack, "Last Name")
	}
	if lack != nil {
		return missing(strings.Join(lack, ", "))
	}
	return nil
}

func baseCurrency(t *tx, f fields) fields {
	if s := t.pointed(f, "subsidiary", "subsidiary"); s != nil {
		return s.fields.sub("currency")
	}
	return nil
}

// numberAddresses gives address book lines their keys.
func numberAddresses(f fields) {
	var last int64
	lines := f.lines("addressBook")
	for _, line := range lines {
		last = max(last, line.integer("id"))
	}
	for _, line := range lines {
		if line.integer("id") == 0 {
			last++
			line.setInt("id", last)
		}
		line["internalId"] = line["id"]
	}
}

// defaultAddress is the customer's address for a use, nil when there is none.
func defaultAddress(customer fields, use string) fields {
	for _, line := range customer.lines("addressBook") {
		if line.flag(use) {
			return line.sub("addressBookAddress").clone()
		}
	}
	return nil
}

// carries says whether a customer may be billed in a currency.
func carries(customer fields, currency string) bool {
	if customer.ref("currency") == currency {
		return true
	}
	for _, line := range customer.lines("currencyList") {
		if line.ref("currency") == currency {
			return true
		}
	}
	return false
}

func settleItem(_ *tx, d *draft) error {
	if d.fields.text("itemId") == "" {
		return missing("Item Name/Number")
	}
	if _, said := d.fields["isInactive"]; !said {
		d.fields["isInactive"] = false
	}
	return nil
}

func settleList(_ *tx, d *draft) error {
	if d.fields.text("name") == "" && d.fields.text("itemId") == "" {
		return missing("Name")
	}
	return nil
}

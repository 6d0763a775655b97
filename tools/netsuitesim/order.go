package netsuitesim

import (
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// settleOrder checks a sales order, fills in the defaults and computes it.
func settleOrder(t *tx, d *draft) error {
	if d.old != nil {
		if err := keepsCommitted(d); err != nil {
			return err
		}
	}
	if d.fields.ref("orderStatus") == "" {
		d.fields["orderStatus"] = d.kind.schema.find("orderStatus").named(t.switches().DefaultOrderStatus)
	}
	if err := settleSale(t, d); err != nil {
		return err
	}
	orderProgress(t, d)
	return nil
}

// settleSale checks a transaction with item lines, fills in the defaults and
// computes it.
func settleSale(t *tx, d *draft) error {
	customer, err := orderCustomer(t, d.fields)
	if err != nil {
		return err
	}
	if len(d.fields.lines("item")) == 0 {
		return userError("You must enter at least one line item for this transaction.")
	}
	orderDefaults(t, d, customer)
	if err := orderMatches(t, d.fields, customer); err != nil {
		return err
	}
	if err := settleLines(t, d); err != nil {
		return err
	}
	return compute(t, d)
}

// orderCustomer is the customer of an order; an order cannot be without.
func orderCustomer(t *tx, f fields) (*record, error) {
	if f.ref("entity") == "" {
		return nil, missing("Customer")
	}
	customer := t.pointed(f, "entity", entities)
	if customer == nil || customer.kind.name != "customer" {
		return nil, invalidField(f.ref("entity"), "entity", "entity")
	}
	return customer, nil
}

// keepsCommitted refuses a change that would take away or shrink what is
// fulfilled or billed: replacing all lines, another item, a smaller quantity.
func keepsCommitted(d *draft) error {
	now := map[string]fields{}
	for _, line := range d.fields.lines("item") {
		now[line.amount("line").String()] = line
	}
	for _, line := range d.old.fields.lines("item") {
		done := decimal.Max(line.amount("quantityFulfilled"), line.amount("quantityBilled"))
		if !done.IsPositive() {
			continue
		}
		kept := now[line.amount("line").String()]
		switch {
		case d.how.has("item") || kept == nil:
			return userError("You cannot remove or replace lines of this order because they have been fulfilled or billed.")
		case kept.ref("item") != line.ref("item"):
			return userError("You cannot change the item of a line that has been fulfilled or billed.")
		case kept.amount("quantity").LessThan(done):
			return userError("The quantity of a line cannot be less than what has been fulfilled or billed.")
		}
	}
	return nil
}

// orderDefaults takes from the customer what the body leaves out.
func orderDefaults(t *tx, d *draft, customer *record) {
	f := d.fields
	for _, name := range []string{"subsidiary", "currency"} {
		if f.ref(name) == "" && customer.fields.ref(name) != "" {
			f[name] = customer.fields.sub(name).clone()
		}
	}
	commonDefaults(t, f)
	if d.old != nil || f.ref("createdFrom") != "" {
		return // the source of a transformation has brought its addresses
	}
	for name, use := range map[string]string{"billingAddress": "defaultBilling", "shippingAddress": "defaultShipping"} {
		if address := defaultAddress(customer.fields, use); address != nil && f.sub(name) == nil {
			f[name] = address
		}
	}
}

// commonDefaults are those of every transaction.
func commonDefaults(t *tx, f fields) {
	if f.text("tranDate") == "" {
		f["tranDate"] = t.now.Format(time.DateOnly)
	}
	if _, ok := f.number("exchangeRate"); !ok {
		f.setInt("exchangeRate", 1)
	}
}

// orderMatches checks that subsidiary, currency and location go together.
func orderMatches(t *tx, f fields, customer *record) error {
	subsidiary := f.ref("subsidiary")
	if subsidiary != customer.fields.ref("subsidiary") {
		return invalidField(subsidiary, "subsidiary", "subsidiary")
	}
	if currency := f.ref("currency"); !t.switches().AnyCurrency && !carries(customer.fields, currency) {
		return invalidField(currency, "currency", "currency")
	}
	return locationMatches(t, f, subsidiary, "location")
}

func locationMatches(t *tx, f fields, subsidiary, path string) error {
	location := t.pointed(f, "location", "location")
	if location == nil || subsidiary == "" || location.fields.ref("subsidiary") == subsidiary {
		return nil
	}
	return invalidField(f.ref("location"), "location", path)
}

// settleLines checks and numbers the lines.
func settleLines(t *tx, d *draft) error {
	lines := d.fields.lines("item")
	numberLines(t, lines)
	for i, line := range lines {
		path := fmt.Sprintf("item.items[%d]", i)
		if err := settleLine(t, d, line, path); err != nil {
			return err
		}
		if i == 0 && isDiscount(line) {
			return userError("A discount item cannot be the first line of a transaction.")
		}
	}
	return nil
}

// numberLines numbers new lines after the last, with gaps if the account has
// them, and gives each its unique key.
func numberLines(t *tx, lines []fields) {
	step := int64(t.switches().LineStep)
	last := 1 - step
	for _, line := range lines {
		if number := line.integer("line"); number > 0 {
			last = max(last, number)
		}
	}
	for _, line := range lines {
		if line.integer("line") <= 0 {
			last += step
			line.setInt("line", last)
		}
		if line.text("lineUniqueKey") == "" {
			line["lineUniqueKey"] = decimalID(t.nextID("line"))
		}
	}
}

func isDiscount(line fields) bool { return line.ref("itemType") == itemKinds["discountItem"] }

func settleLine(t *tx, d *draft, line fields, path string) error {
	order := d.fields
	item := t.pointed(line, "item", items)
	if item == nil {
		return missing("Item")
	}
	line["itemType"] = point(item.kind.code, "")
	if of := item.fields.ref("subsidiary"); of != "" && of != order.ref("subsidiary") {
		return invalidField(line.ref("item"), "item", path+".item")
	}
	if err := locationMatches(t, line, order.ref("subsidiary"), path+".location"); err != nil {
		return err
	}
	if line.text("description") == "" && item.fields.text("description") != "" {
		line["description"] = item.fields.text("description")
	}
	if _, said := line["isClosed"]; !said && d.kind.schema.find("item").sub.find("isClosed") != nil {
		line["isClosed"] = false
	}
	if isDiscount(line) {
		delete(line, "quantity") // a discount has none
		return nil
	}
	if _, ok := line.number("quantity"); !ok {
		line.setInt("quantity", 1)
	}
	if line.ref("price") == "" {
		line["price"] = point("1", "Base Price")
	}
	return nil
}

// orderProgress derives the status of an order from its lines: closed,
// fulfilled and billed quantities. Until something is fulfilled the settable
// orderStatus (A or B) shows.
func orderProgress(t *tx, d *draft) {
	shipped, billed := made(t, d.id)
	p := tally{pending: t.switches().PendingBillingFirst, services: t.switches().ServicesPendBilling}
	for _, line := range d.fields.lines("item") {
		number := line.integer("line")
		line.set("quantityFulfilled", shipped[number])
		line.set("quantityBilled", billed[number])
		line["isOpen"] = !line.flag("isClosed")
		p.add(line, shipped[number], billed[number])
	}
	d.setStatus(p.status(d.fields.ref("orderStatus")))
}

// shippable says whether lines of an item type can be fulfilled.
func shippable(line fields) bool {
	switch line.ref("itemType") {
	case "InvtPart", "NonInvtPart", "Kit", "Assembly":
		return true
	}
	return false
}

// country is the ship-to country of an order.
func country(f fields) string { return f.sub("shippingAddress").ref("country") }

// sameFold compares two texts whatever their case.
func sameFold(a, b string) bool { return strings.EqualFold(a, b) }

package netsuitesim

import (
	"fmt"
	"strings"
	"time"
)

// settleOrder checks a sales order, fills in the defaults and computes it.
func settleOrder(t *tx, d *draft) error {
	customer, err := orderCustomer(t, d.fields)
	if err != nil {
		return err
	}
	if len(d.fields.lines("item")) == 0 {
		return userError("You must enter at least one line item for this transaction.")
	}
	if d.old != nil && d.how.has("item") && committed(d.old) {
		return userError("You cannot remove or replace lines of this order because they have been fulfilled or billed.")
	}
	orderDefaults(t, d, customer)
	if err := orderMatches(t, d.fields, customer); err != nil {
		return err
	}
	if err := settleLines(t, d); err != nil {
		return err
	}
	if err := compute(t, d); err != nil {
		return err
	}
	progress(t, d)
	return nil
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

// committed says whether any line is fulfilled or billed.
func committed(order *record) bool {
	for _, line := range order.fields.lines("item") {
		if line.amount("quantityFulfilled").IsPositive() || line.amount("quantityBilled").IsPositive() {
			return true
		}
	}
	return false
}

// orderDefaults takes from the customer what the body leaves out.
func orderDefaults(t *tx, d *draft, customer *record) {
	f := d.fields
	for _, name := range []string{"subsidiary", "currency"} {
		if f.ref(name) == "" && customer.fields.ref(name) != "" {
			f[name] = customer.fields.sub(name).clone()
		}
	}
	if f.text("tranDate") == "" {
		f["tranDate"] = t.now.Format(time.DateOnly)
	}
	if f.ref("orderStatus") == "" {
		id := t.switches().DefaultOrderStatus
		f["orderStatus"] = point(id, choiceName("orderStatus", id))
	}
	if _, ok := f.number("exchangeRate"); !ok {
		f.setInt("exchangeRate", 1)
	}
	if d.old != nil {
		return
	}
	for name, use := range map[string]string{"billingAddress": "defaultBilling", "shippingAddress": "defaultShipping"} {
		if address := defaultAddress(customer.fields, use); address != nil && f.sub(name) == nil {
			f[name] = address
		}
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
		if err := settleLine(t, d.fields, line, path); err != nil {
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

func settleLine(t *tx, order, line fields, path string) error {
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
	if _, said := line["isClosed"]; !said {
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

// progress derives the status of an order from its lines: closed, fulfilled
// and billed quantities. Until something is fulfilled or billed the settable
// orderStatus (A or B) shows.
func progress(t *tx, d *draft) {
	shipped, billed := made(t, d.id)
	p := tally{}
	for _, line := range d.fields.lines("item") {
		number := line.integer("line")
		line.set("quantityFulfilled", shipped[number])
		line.set("quantityBilled", billed[number])
		line["isOpen"] = !line.flag("isClosed")
		p.add(line)
	}
	status := p.status(d.fields.ref("orderStatus"))
	d.fields["status"] = point(status, orderStatuses[status])
}

// tally counts how far the lines of an order are.
type tally struct {
	lines, closed         int
	toShip, shipped       int // lines that can be shipped; all of it shipped
	toBill, billed        int
	anyShipped, anyBilled bool
}

func (p *tally) add(line fields) {
	p.lines++
	if line.flag("isClosed") {
		p.closed++
		return
	}
	quantity := line.amount("quantity")
	if done := line.amount("quantityFulfilled"); shippable(line) {
		p.toShip++
		p.anyShipped = p.anyShipped || done.IsPositive()
		if done.GreaterThanOrEqual(quantity) {
			p.shipped++
		}
	}
	if isDiscount(line) {
		return
	}
	p.toBill++
	done := line.amount("quantityBilled")
	p.anyBilled = p.anyBilled || done.IsPositive()
	if done.GreaterThanOrEqual(quantity) {
		p.billed++
	}
}

func (p *tally) status(settable string) string {
	switch {
	case p.closed == p.lines:
		return "H"
	case p.toBill > 0 && p.billed == p.toBill:
		return "G"
	case p.toShip > 0 && p.shipped == p.toShip:
		return "F"
	case p.anyShipped && p.anyBilled:
		return "E"
	case p.anyShipped:
		return "D"
	}
	return settable
}

// shippable says whether lines of an item type can be fulfilled.
func shippable(line fields) bool {
	switch line.ref("itemType") {
	case "InvtPart", "NonInvtPart", "Kit", "Assembly":
		return true
	}
	return false
}

// releaseOrder refuses to delete an order that other transactions rest on.
func releaseOrder(t *tx, r *record) error {
	for _, name := range []string{"customerDeposit", "itemFulfillment", "invoice"} {
		if len(t.childrenOf(r.id, name)) > 0 {
			return userError("This record cannot be deleted because it has dependent records.")
		}
	}
	return nil
}

// country is the ship-to country of an order.
func country(f fields) string { return f.sub("shippingAddress").ref("country") }

// sameFold compares two texts whatever their case.
func sameFold(a, b string) bool { return strings.EqualFold(a, b) }

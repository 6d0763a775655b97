package mapping

import (
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// manyRules are 200 rules as a large merchant has them: most look at one or two fields and do not fire.
func manyRules() string {
	var b strings.Builder
	b.WriteString("\nclasses:\n")
	countries := []string{"AT", "BE", "CH", "DE", "DK", "ES", "FI", "FR", "GB", "IE", "IT", "JP", "LU", "NL", "NO", "PL", "PT", "SE", "CA", "MX"}
	for i := range 60 {
		fmt.Fprintf(&b, "  - {name: class-%d, when: 'order.shipping.country == %q && order.total > %d'}\n", i, countries[i%len(countries)], i*10)
	}
	b.WriteString("validation:\n")
	for i := range 40 {
		fmt.Fprintf(&b, "  - {name: valid-%d, severity: warn, message: x, when: 'order.billing.country in [%q, %q] && order.billing.postcode == \"\"'}\n", i, countries[i%len(countries)], countries[(i+1)%len(countries)])
	}
	b.WriteString("routing:\n  orders:\n")
	for i := range 60 {
		fmt.Fprintf(&b, "    - {name: route-%d, location: Location %d, when: '\"class-%d\" in classes || order.shipping_method startsWith \"carrier_%d\"'}\n", i, i, i, i)
	}
	b.WriteString("    - {name: rest, location: Oakland Warehouse}\n  lines:\n")
	for i := range 39 {
		fmt.Fprintf(&b, "    - {name: goods-%d, location: Location %d, when: 'line.sku startsWith \"G%d-\" || line.meta[\"pa_kind\"] == \"k%d\"'}\n", i, i, i, i)
	}
	return b.String()
}

// rulesWith are manyRules of which every fifth looks at every line beside; condition has a place for a number.
func rulesWith(condition string) string {
	n := 0
	return regexp.MustCompile(`when: '`).ReplaceAllStringFunc(manyRules(), func(when string) string {
		if n++; n%5 > 0 {
			return when
		}
		return when + fmt.Sprintf(`any(order.lines, %s) || `, fmt.Sprintf(condition, n))
	})
}

// byHand maps the fields of the default mapping as one would write it in Go: no document, no rules, no explanation.
func byHand(o event.OrderStateV1) (event.DesiredOrderV1, error) {
	text := func(s string, limit int) event.Value {
		s = cut(clean(s), limit)
		if s == "" {
			return event.Value{Empty: true}
		}
		return event.Value{Text: &s}
	}
	ref := func(record, name string) event.Value {
		return event.Value{Ref: &event.Ref{Record: record, By: "name", Key: name}}
	}
	cost := money.Zero
	for _, s := range o.Shipments {
		cost = cost.Add(s.Total.Round(o.Currency))
	}
	number := money.NumberOf(cost.Decimal())
	fields := map[string]event.Value{
		"subsidiary": ref("subsidiary", "Parent US"), "tranDate": text(o.Placed.LocalDate, 0), "otherRefNum": text(o.Number, 45), "email": text(o.Customer.Email, 254),
		"memo": text("WooCommerce order "+o.Number, 999), "custbody_wc_store": text(o.Store, 0), "custbody_wc_order_id": text(o.Order, 0), "custbody_wc_order_time": text(o.Placed.At.Format(time.RFC3339), 0),
		"custbody_wc_customer_ip":    text(o.Customer.IP, 45),
		"custbody_wc_payment_method": text(o.Payment.Method, 0), "custbody_wc_payment_status": text(o.Payment.Status, 0), "custbody_wc_payment_reference": text(o.Payment.Title, 300),
		"custbody_wc_transaction_id": text(o.Payment.TransactionID, 300), "custbody_wc_attribution": {Empty: true}, "custbody_wc_coupons": text(o.Coupons[0].Code+", "+o.Coupons[1].Code, 300),
		"custbody_wc_customer_note": text(o.CustomerNote, 3999), "custbody_wc_gift_message": text(o.Delivery.GiftMessage, 999), "custbody_wc_delivery_instructions": text(o.Delivery.Instructions, 999),
		"custbody_wc_requested_date": text(o.Delivery.RequestedDate, 40), "shippingCost": {Number: &number}, "shipMethod": ref("shipItem", "FLAT_RATE"), "location": ref("location", "Oakland Warehouse"),
	}
	address := func(a event.Address) *event.PostalAddress {
		return &event.PostalAddress{
			Addressee: cut(oneLine(a.FirstName+" "+a.LastName), 83), Addr1: cut(oneLine(a.Address1), 150), Addr2: cut(oneLine(a.Address2), 150), City: cut(oneLine(a.City), 50),
			State: cut(oneLine(a.State), 50), Zip: cut(oneLine(a.Postcode), 36), Country: a.Country, Phone: cut(oneLine(a.Phone), 32),
		}
	}
	d := event.DesiredOrderV1{
		Envelope: event.Envelope{Type: "desired.v1.order", ID: "desired:" + o.Store + ":" + o.Order + ":7", Store: o.Store, Time: o.Time}, Account: "ns", Order: o.Order, Number: o.Number,
		Policy: event.Policy{Rule: "accepted", Absent: event.ActionCreate, Open: event.ActionApply, Fulfilled: event.ActionKeep},
		Customer: event.Party{ExternalID: "wc-cust-" + o.Store + "-" + o.Customer.Account, Email: strings.ToLower(o.Customer.Email), Addresses: []event.PostalAddress{*address(o.Billing)}, Fields: map[string]event.Value{
			"isPerson": text("true", 0), "firstName": text(o.Customer.FirstName, 32), "lastName": text(o.Customer.LastName, 32), "email": text(o.Customer.Email, 254), "phone": text(o.Customer.Phone, 32),
			"subsidiary": ref("subsidiary", "Parent US"), "custentity_wc_customer_id": text(o.Customer.Account, 0),
		}},
		Expected: event.Expected{Total: o.Totals.Total, ShopTotal: o.Totals.Total},
	}
	so := event.SalesOrder{ExternalID: "wc-so-" + o.Store + "-" + o.Order, OrderStatus: "B", Currency: o.Currency, Fields: fields, Billing: address(o.Billing), Shipping: address(o.Shipping), TaxMode: event.TaxOverride}
	for _, l := range o.Lines {
		quantity, rate := l.Quantity, l.Subtotal.Per(l.Quantity, ratePlaces)
		so.Lines = append(so.Lines,
			event.OrderLine{Key: "line-" + l.ID, Item: item(l.SKU), Quantity: &quantity, Rate: &rate, Amount: l.Subtotal, CustomPrice: true, Description: cut(clean(l.Name), 999), TaxReference: "line-" + l.ID},
			event.OrderLine{Key: "line-" + l.ID + "-discount", Item: item("WOO-DISCOUNT"), Amount: l.Total.Sub(l.Subtotal), CustomPrice: true, Description: "Discount"})
		for i, tax := range l.Taxes {
			so.TaxDetails = append(so.TaxDetails, event.TaxDetail{Reference: "line-" + l.ID, TaxType: event.Ref{Record: "taxType", By: "name", Key: "US Sales Tax"}, TaxCode: codeRef(o.Taxes[i].Code), Basis: l.Total, Rate: o.Taxes[i].Percent, Amount: tax.Total})
		}
	}
	for i, tax := range o.Shipments[0].Taxes {
		so.TaxDetails = append(so.TaxDetails, event.TaxDetail{Reference: "SHIPPING", TaxType: event.Ref{Record: "taxType", By: "name", Key: "US Sales Tax"}, TaxCode: codeRef(o.Taxes[i].Code), Basis: cost, Rate: o.Taxes[i].Percent, Amount: tax.Total})
	}
	d.SalesOrder = so
	paid := text(o.Payment.LocalDate, 0)
	d.Deposits = []event.Deposit{{ExternalID: "wc-cd-" + o.Store + "-" + o.Order + "-payment", Payment: "payment", Amount: o.Totals.Total, Fields: map[string]event.Value{
		"memo": text("WooCommerce order "+o.Number+", "+o.Payment.Title, 999), "tranDate": paid, "paymentOption": ref("paymentMethod", "Credit Card"), "undepFunds": text("true", 0),
	}}}
	return d, seal(&d)
}

// BenchmarkRules is 200 rules; BenchmarkByHand is the same fields in Go. Both on one goroutine; orders/cpu-s is by the
// processor's time, the collector's included, which another program on the machine does not change.
func BenchmarkRules(b *testing.B) { rulesOf(b, manyRules()) }

// BenchmarkLoopingRules is 200 rules of which 39 loop over the lines.
func BenchmarkLoopingRules(b *testing.B) { rulesOf(b, rulesWith(`lower(.sku) == "g%d"`)) }

// BenchmarkMatchingRules is 200 rules of which 39 loop over the lines with a regular expression.
func BenchmarkMatchingRules(b *testing.B) { rulesOf(b, rulesWith(`.sku matches "^g%d-"`)) }

// BenchmarkSearchingRules is 200 rules of which 39 loop over the lines with a regular expression that looks through the text.
func BenchmarkSearchingRules(b *testing.B) { rulesOf(b, rulesWith(`.sku matches "[gh]%d-"`)) }

// BenchmarkMachineRules is 200 rules of which 39 loop over the lines in expr-lang's machine.
func BenchmarkMachineRules(b *testing.B) { rulesOf(b, rulesWith(`len(.sku) == 1000 + %d`)) }

func rulesOf(b *testing.B, rules string) {
	m := extended(b, rules)
	measured(b, func(o event.OrderStateV1) (event.DesiredOrderV1, error) {
		return m.Map(o, Context{Account: "ns", Sequence: 7, Published: 1})
	})
}

func BenchmarkByHand(b *testing.B) { measured(b, byHand) }

// measured collects garbage as services/host lets the services do it, unless GOGC says otherwise.
func measured(b *testing.B, mapped func(o event.OrderStateV1) (event.DesiredOrderV1, error)) {
	if _, set := os.LookupEnv("GOGC"); !set {
		defer debug.SetGCPercent(debug.SetGCPercent(400))
	}
	o := orders(b)["order.created-coupon"] // two lines, two coupons, two tax rates, paid
	b.ReportAllocs()
	began := processor(b)
	for b.Loop() {
		if _, err := mapped(o); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/(processor(b)-began).Seconds(), "orders/cpu-s")
}

// processor is the time the process had on processors.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

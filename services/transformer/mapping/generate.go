package mapping

import (
	"fmt"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// Fuzzed is what became of generated orders.
type Fuzzed struct {
	Seed     uint64         `json:"seed"`
	Orders   int            `json:"orders"`
	Mapped   int            `json:"mapped"`
	Parked   map[string]int `json:"parked"` // by the fault's code
	Failures []Failure      `json:"failures"`
}

// Failure is a generated order that breaks a rule; its seed alone makes it again.
type Failure struct {
	Seed  uint64 `json:"seed"`
	Error string `json:"error"`
}

// Fuzz maps generated orders, consistent to the cent, and checks what comes out. Order n is made of seed + n.
func (m *Mapping) Fuzz(seed uint64, orders int) Fuzzed {
	f := Fuzzed{Seed: seed, Parked: map[string]int{}, Failures: []Failure{}}
	for n := range uint64(orders) { //nolint:gosec // a count is not negative
		f.Orders++
		o := m.Generate(seed + n)
		d, err := m.Map(o, Context{})
		switch {
		case err != nil:
			f.Parked[string(fault.CodeOf(err))]++
			if broken := m.unjust(err); broken != nil {
				f.Failures = append(f.Failures, Failure{seed + n, broken.Error()})
			}
		default:
			f.Mapped++
			if err := m.Balance(o, d); err != nil {
				f.Failures = append(f.Failures, Failure{seed + n, err.Error()})
			}
		}
	}
	return f
}

// unjust tells which faults a consistent order must not meet: money that does not add up, unless NetSuite computes
// the tax in its own way; and an expression that fails.
func (m *Mapping) unjust(err error) error {
	code := fault.CodeOf(err)
	if code == fault.MappingFailed || code == fault.Unexpected || code == fault.MoneyMismatch && m.taxMode() != event.TaxCodes {
		return err
	}
	return nil
}

// dice are pseudo-random numbers that one seed makes the same everywhere (SplitMix64).
type dice struct{ state uint64 }

func (d *dice) roll(n int) int {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return int((z ^ (z >> 31)) % uint64(n)) //nolint:gosec // smaller than n
}

func pick[T any](d *dice, list []T) T { return list[d.roll(len(list))] }

// Generate makes an order as WooCommerce computes one: rates of the document, tax per line or at the subtotal, coupons,
// fees of both signs, bundles, gift cards, refunds, currencies of 0, 2 and 3 decimals, people and goods of all kinds.
func (m *Mapping) Generate(seed uint64) event.OrderStateV1 {
	g := generation{dice: dice{seed}, m: m, exact: map[string]money.Amount{}}
	at := time.Date(2026, time.Month(1+g.roll(12)), 1+g.roll(28), g.roll(24), g.roll(60), 0, 0, time.UTC)
	day := at.Format(time.DateOnly)
	g.o = event.OrderStateV1{
		Envelope: event.Envelope{Type: "order.v1.placed", Store: pick(&g.dice, append(sorted(m.stores), "main")), Time: at}, Kind: event.KindPlaced,
		Status: pick(&g.dice, []string{"processing", "processing", "completed", "on-hold", "pending", "cancelled", "failed", "trash"}),
		Placed: event.Placed{At: at, LocalDate: day, LocalTime: at.Format(time.TimeOnly), Via: "checkout"}, Currency: pick(&g.dice, []money.Currency{"USD", "EUR", "JPY", "KWD"}),
	}
	g.o.Order = fmt.Sprint(1 + g.roll(1_000_000))
	g.o.Number, g.o.ID = g.o.Order, "order:"+g.o.Store+":"+g.o.Order+":1"
	g.people(at, day)
	g.rates()
	g.atSubtotal = g.roll(3) == 0
	for range 1 + g.roll(8) {
		g.line()
	}
	g.bundle()
	for range g.roll(3) {
		amount := g.amount(-300, 900)
		g.o.Fees = append(g.o.Fees, event.Fee{ID: g.id(), Name: g.text(), Total: amount, Taxes: g.taxes(amount, false)})
	}
	for range g.roll(3) {
		amount := g.amount(0, 3000)
		method := pick(&g.dice, append(sorted(m.document.Shipping.Methods), "flat_rate"))
		g.o.Shipments = append(g.o.Shipments, event.Shipment{ID: g.id(), Method: method, Title: g.text(), Total: amount, Taxes: g.taxes(amount, true)})
	}
	g.totals()
	g.card()
	g.refund(at, day)
	return g.o
}

type generation struct {
	dice
	m    *Mapping
	o    event.OrderStateV1
	next int

	atSubtotal bool                    // tax is rounded once a rate, not once a line
	exact      map[string]money.Amount // tax of goods and fees, of shipping, by rate
}

func (g *generation) id() string { g.next++; return fmt.Sprint(g.next) }

// amount is in units of the currency.
func (g *generation) amount(low, high int) money.Amount {
	return g.o.Currency.Unit().Times(money.Int(int64(low + g.roll(high-low+1))))
}

// text is what people write into fields.
func (g *generation) text() string {
	return pick(&g.dice, []string{"", "Ada", "O'Brien & Söhne", "=1+1", "<b>x</b>", "日本語", "a\x00b\tc\nd", "\"quoted\"", "{{x}} ${y}", "very long " + fmt.Sprint(g.state), "\xff\xfe", "@SUM(A1)"})
}

func (g *generation) people(at time.Time, day string) {
	place := pick(&g.dice, [][2]string{{"US", "CA"}, {"US", "NY"}, {"DE", "DE-BE"}, {"GB", ""}, {"JP", "JP13"}, {"CH", "ZH"}, {"", ""}})
	g.o.Billing = event.Address{FirstName: g.text(), LastName: g.text(), Company: pick(&g.dice, []string{"", "", "Acme GmbH", g.text()}), Address1: g.text(), City: g.text(), State: place[1], Postcode: pick(&g.dice, []string{"94107", "10115", ""}), Country: place[0]}
	if g.roll(2) == 0 {
		g.o.Shipping = g.o.Billing
	}
	g.o.Customer = event.Customer{Account: pick(&g.dice, []string{"", "7", "42"}), Email: pick(&g.dice, []string{"", "a@example.com", "B@Example.com "}), FirstName: g.o.Billing.FirstName, LastName: g.o.Billing.LastName, Company: g.o.Billing.Company}
	g.o.CustomerNote = g.text()
	var gateways []string
	if g.m.document.Payments != nil {
		gateways = sorted(g.m.document.Payments.Gateways)
	}
	g.o.Payment = event.Payment{Method: pick(&g.dice, append(gateways, "cod")), Title: g.text(), Status: "unpaid"}
	if g.roll(3) > 0 {
		g.o.Payment.Status, g.o.Payment.PaidAt, g.o.Payment.LocalDate = "paid", &at, day
	}
	for range g.roll(4) {
		g.o.Meta = append(g.o.Meta, event.Meta{Key: "_key_" + g.id(), Value: []byte(`"value"`)})
	}
}

func (g *generation) rates() {
	codes := sorted(g.m.document.Taxes.Rates)
	if len(codes) == 0 {
		return
	}
	from := g.roll(len(codes))
	for i := range min(g.roll(4), len(codes)-from) {
		percent := money.MustParseNumber(pick(&g.dice, []string{"7.25", "1.25", "8.875", "20", "0", "9.975"}))
		g.o.Taxes = append(g.o.Taxes, event.Tax{ID: g.id(), Rate: fmt.Sprint(i + 1), Code: codes[from+i], Percent: percent, Compound: i > 0 && g.roll(2) == 0})
	}
}

func (g *generation) line() {
	quantity := money.Int(int64(1 + g.roll(40)))
	subtotal := g.amount(0, 20000).Times(quantity)
	off := subtotal.Times(money.MustParseNumber(pick(&g.dice, []string{"0", "0", "0.1", "0.33", "1"}))).Round(g.o.Currency)
	total := subtotal.Sub(off)
	skus := append(sorted(g.m.document.Items.SKUs), "", "TEE-001", "X-1", "=1")
	for _, r := range g.m.document.Items.Rules {
		skus = append(skus, r.Prefix+"1")
	}
	g.o.Totals.Discount = g.o.Totals.Discount.Add(off)
	g.o.Lines = append(g.o.Lines, event.Line{
		ID: g.id(), SKU: pick(&g.dice, skus), Name: g.text(), ProductID: g.id(), Quantity: quantity, Subtotal: subtotal, Total: total, Taxes: g.taxes(total, false),
	})
}

// taxes are computed per rate, compound ones on the amount with those before them. The order shows each row rounded; a shop
// that rounds at the subtotal adds up what was not.
func (g *generation) taxes(base money.Amount, shipping bool) []event.LineTax {
	list := []event.LineTax{}
	before := money.Zero
	for i := range g.o.Taxes {
		rate, on := &g.o.Taxes[i], base
		if rate.Compound {
			on = base.Add(before)
		}
		tax := on.Times(rate.Percent).Times(hundredth)
		if !g.atSubtotal {
			tax = tax.Round(g.o.Currency)
		}
		before = before.Add(tax)
		list = append(list, event.LineTax{Rate: rate.Rate, Total: tax.Round(g.o.Currency)})
		of, sum := "goods "+rate.Rate, &rate.Total
		if shipping {
			of, sum = "shipping "+rate.Rate, &rate.ShippingTotal
		}
		g.exact[of] = g.exact[of].Add(tax)
		*sum = g.exact[of].Round(g.o.Currency)
	}
	return list
}

// bundle makes the first line a bundle of some that follow, as Product Bundles marks them.
func (g *generation) bundle() {
	if len(g.o.Lines) < 3 || g.roll(4) > 0 {
		return
	}
	g.o.Lines[0].Meta = append(g.o.Lines[0].Meta, event.Meta{Key: metaBundleKey, Value: []byte(`"b"`)})
	parts := g.o.Lines[1 : 2+g.roll(len(g.o.Lines)-1)]
	for i := range parts {
		parts[i].Meta = append(parts[i].Meta, event.Meta{Key: metaBundledBy, Value: []byte(`"b"`)})
	}
}

// card pays a part of the order with a gift card.
func (g *generation) card() {
	if amount := g.amount(1, 500); g.roll(4) == 0 && amount.Cmp(g.o.Totals.Total) < 0 {
		g.o.GiftCards, g.o.Totals.Total = []event.GiftCard{{Code: "GIFT", Amount: amount}}, g.o.Totals.Total.Sub(amount)
	}
}

// refund gives pieces of some lines back, all or a part, for their price or less; the shipping and a fee; or money alone.
func (g *generation) refund(at time.Time, day string) {
	if g.roll(3) > 0 || g.o.Totals.Total.Sign() <= 0 {
		return
	}
	detail := &event.RefundDetail{At: at, LocalDate: day, Lines: []event.RefundLine{}}
	back := money.Zero
	add := func(id string, pieces money.Number, total money.Amount, taxes []event.LineTax) {
		share := money.MustParseNumber(pick(&g.dice, []string{"1", "0.5", "0.333", "0"}))
		l := event.RefundLine{Line: id, Quantity: pieces, Total: total.Times(share).Round(g.o.Currency)}
		for _, tax := range taxes {
			l.Tax = l.Tax.Add(tax.Total.Times(share).Round(g.o.Currency))
		}
		detail.Lines, back = append(detail.Lines, l), back.Add(l.Total).Add(l.Tax)
	}
	for _, line := range g.o.Lines {
		if g.roll(3) == 0 {
			add(line.ID, money.Int(int64(g.roll(int(line.Quantity.Decimal().IntPart())+1))), line.Total, line.Taxes)
		}
	}
	if len(g.o.Shipments) == 1 && g.roll(2) == 0 {
		add(g.o.Shipments[0].ID, money.Number{}, g.o.Shipments[0].Total, g.o.Shipments[0].Taxes)
	}
	if len(g.o.Fees) > 0 && g.roll(2) == 0 {
		add(g.o.Fees[0].ID, money.Number{}, g.o.Fees[0].Total, g.o.Fees[0].Taxes)
	}
	if len(detail.Lines) == 0 {
		back = g.o.Totals.Total.Times(money.MustParseNumber("0.5")).Round(g.o.Currency)
	}
	g.o.Refunds = []event.Refund{{ID: g.id(), Reason: g.text(), Total: back.Neg(), Detail: detail}}
	g.o.Totals.Refunded = back
}

func (g *generation) totals() {
	t := &g.o.Totals
	for _, line := range g.o.Lines {
		t.Subtotal, t.Total = t.Subtotal.Add(line.Subtotal), t.Total.Add(line.Total)
	}
	for _, fee := range g.o.Fees {
		t.Fees, t.Total = t.Fees.Add(fee.Total), t.Total.Add(fee.Total)
	}
	for _, s := range g.o.Shipments {
		t.Shipping, t.Total = t.Shipping.Add(s.Total), t.Total.Add(s.Total)
	}
	for _, tax := range g.o.Taxes {
		t.Tax = t.Tax.Add(tax.Total).Add(tax.ShippingTotal)
	}
	t.Total = t.Total.Add(t.Tax)
}

package mapping

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// shopOrder is a generated order and what a refund gave back of its lines, shipping and fees.
type shopOrder struct {
	event.OrderStateV1
	given money.Amount
}

// generator makes orders as WooCommerce computes them: taxes per line or at the subtotal, compound rates,
// coupons, fees of both signs, currencies of 0, 2 and 3 decimals.
type generator struct {
	t          *rapid.T
	c          money.Currency
	o          event.OrderStateV1
	atSubtotal bool
	exact      map[string]money.Amount // unrounded tax of goods and fees, by rate id
	next       int
}

func generated(t *rapid.T) shopOrder {
	at := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	g := &generator{t: t, c: rapid.SampledFrom([]money.Currency{"USD", "EUR", "JPY", "KWD"}).Draw(t, "currency"), atSubtotal: rapid.Bool().Draw(t, "tax at subtotal"), exact: map[string]money.Amount{}}
	g.o = event.OrderStateV1{
		Envelope: event.Envelope{Store: "main", Time: at, ID: "order:main:7:1"}, Order: "7", Number: "7", Status: "processing", Currency: g.c,
		Placed: event.Placed{At: at, LocalDate: "2026-11-22"}, Customer: event.Customer{Email: "a@example.com"},
		Payment: event.Payment{Method: rapid.SampledFrom([]string{"stripe", "cod", "barter"}).Draw(t, "gateway"), PaidAt: &at, LocalDate: "2026-11-22", Status: "paid"},
	}
	g.rates()
	for range rapid.IntRange(1, 12).Draw(t, "lines") {
		g.line()
	}
	for range rapid.IntRange(0, 2).Draw(t, "fees") {
		id, amount := g.id(), g.amount("fee", -300, 900)
		g.o.Fees = append(g.o.Fees, event.Fee{ID: id, Name: "Fee", Total: amount, Taxes: g.tax(amount, "goods")})
	}
	for range rapid.IntRange(0, 2).Draw(t, "shipments") {
		id, amount := g.id(), g.amount("shipping", 0, 3000)
		g.o.Shipments = append(g.o.Shipments, event.Shipment{ID: id, Method: "flat_rate", Total: amount, Taxes: g.tax(amount, "shipping")})
	}
	g.totals()
	return shopOrder{g.o, g.refund()}
}

func (g *generator) id() string { g.next++; return fmt.Sprint(g.next) }

// amount draws whole units of the currency.
func (g *generator) amount(label string, low, high int64) money.Amount {
	return g.c.Unit().Times(money.Int(rapid.Int64Range(low, high).Draw(g.t, label)))
}

func (g *generator) rates() {
	percents := []string{"7.25", "1.25", "8.875", "20", "0", "9.975"}
	for i := range rapid.IntRange(0, 3).Draw(g.t, "rates") {
		percent := rapid.SampledFrom(percents).Draw(g.t, "percent")
		compound := i > 0 && rapid.Bool().Draw(g.t, "compound")
		g.o.Taxes = append(g.o.Taxes, event.Tax{ID: g.id(), Rate: fmt.Sprint(i + 1), Code: rateCodes[i], Percent: money.MustParseNumber(percent), Compound: compound})
	}
}

func (g *generator) line() {
	quantity := rapid.Int64Range(1, 40).Draw(g.t, "quantity")
	subtotal := g.amount("price", 0, 20000).Times(money.Int(quantity))
	off := subtotal.Times(money.Int(rapid.SampledFrom([]int64{0, 0, 10, 33, 100}).Draw(g.t, "coupon"))).Times(money.MustParseNumber("0.01")).Round(g.c)
	total := subtotal.Sub(off)
	g.o.Totals.Discount = g.o.Totals.Discount.Add(off)
	g.o.Lines = append(g.o.Lines, event.Line{ID: g.id(), SKU: "TEE-001", Name: "Tee", Quantity: money.Int(quantity), Subtotal: subtotal, Total: total, Taxes: g.tax(total, "goods")})
}

// tax is computed per rate, compound ones on the amount with the taxes before them; the order shows it rounded.
func (g *generator) tax(base money.Amount, of string) []event.LineTax {
	taxes := []event.LineTax{}
	before := money.Zero
	for i, rate := range g.o.Taxes {
		on := base
		if rate.Compound {
			on = base.Add(before)
		}
		exact := on.Times(rate.Percent).Times(money.MustParseNumber("0.01"))
		if !g.atSubtotal {
			exact = exact.Round(g.c)
		}
		before = before.Add(exact)
		g.exact[of+rate.Rate] = g.exact[of+rate.Rate].Add(exact)
		taxes = append(taxes, event.LineTax{Rate: rate.Rate, Total: exact.Round(g.c)})
		g.o.Taxes[i].Total, g.o.Taxes[i].ShippingTotal = g.exact["goods"+rate.Rate].Round(g.c), g.exact["shipping"+rate.Rate].Round(g.c)
	}
	return taxes
}

func (g *generator) totals() {
	t := &g.o.Totals
	for _, line := range g.o.Lines {
		t.Total = t.Total.Add(line.Total)
	}
	for _, fee := range g.o.Fees {
		t.Total = t.Total.Add(fee.Total)
	}
	for _, s := range g.o.Shipments {
		t.Total, t.Shipping = t.Total.Add(s.Total), t.Shipping.Add(s.Total)
	}
	for _, tax := range g.o.Taxes {
		t.Tax = t.Tax.Add(tax.Total).Add(tax.ShippingTotal)
	}
	t.Total = t.Total.Add(t.Tax)
	if t.Total.Sign() > 0 && rapid.Bool().Draw(g.t, "gift card") {
		card := g.amount("card", 1, 500)
		if card.Cmp(t.Total) < 0 {
			g.o.GiftCards, t.Total = []event.GiftCard{{Code: "GIFT", Amount: card}}, t.Total.Sub(card)
		}
	}
}

// refund gives pieces of some lines back, all or a part, for their price or less; and tells what went back.
func (g *generator) refund() money.Amount {
	given := money.Zero
	if !rapid.Bool().Draw(g.t, "refund") {
		return given
	}
	detail := event.RefundDetail{At: g.o.Placed.At, LocalDate: "2026-11-22", Lines: []event.RefundLine{}}
	add := func(id string, pieces int64, total money.Amount, taxes []event.LineTax, leaves bool) {
		share := rapid.SampledFrom([]string{"1", "0.5", "0.333", "0"}).Draw(g.t, "share")
		l := event.RefundLine{Line: id, Quantity: money.Int(pieces), Total: total.Times(money.MustParseNumber(share)).Round(g.c)}
		for _, tax := range taxes {
			l.Tax = l.Tax.Add(tax.Total.Times(money.MustParseNumber(share)).Round(g.c))
		}
		detail.Lines = append(detail.Lines, l)
		if !leaves {
			given = given.Add(l.Total).Add(l.Tax)
		}
	}
	for _, line := range g.o.Lines {
		if pieces := rapid.Int64Range(0, line.Quantity.Decimal().IntPart()).Draw(g.t, "pieces"); rapid.Bool().Draw(g.t, "of this line") {
			add(line.ID, pieces, line.Total, line.Taxes, pieces == 0)
		}
	}
	if len(g.o.Shipments) == 1 && rapid.Bool().Draw(g.t, "of the shipping") {
		add(g.o.Shipments[0].ID, 0, g.o.Shipments[0].Total, g.o.Shipments[0].Taxes, false)
	}
	if len(g.o.Fees) > 0 && rapid.Bool().Draw(g.t, "of the fee") {
		add(g.o.Fees[0].ID, 0, g.o.Fees[0].Total, g.o.Fees[0].Taxes, false)
	}
	g.o.Refunds = []event.Refund{{ID: "900", Total: money.MustParse("-1.00"), Detail: &detail}}
	return given
}

// Invariants 5 and 6: whatever the order, what NetSuite will compute is what is expected, and that is the shop's
// total, with the gift cards, less what went back with lines; with legacy codes it may be parked instead, by name.
func TestMoneyOfGeneratedOrders(t *testing.T) {
	mappings := map[string]*Mapping{}
	for _, mode := range strategies {
		mappings[fmt.Sprint(mode, " shipping as line")] = variant(t, strategy(mode), everyCode, shippingAsLine)
		for _, p := range policies {
			for _, form := range []DiscountForm{DiscountLines, DiscountHeader} {
				if mode == event.TaxCodes && form == DiscountHeader {
					continue
				}
				mappings[fmt.Sprint(mode, p, form)] = variant(t, strategy(mode), policy(p), everyCode, func(d *Document) { d.Discounts.As = form })
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		o := generated(t)
		codes := codesOf(o.Taxes)
		for name, m := range mappings {
			d, err := m.Map(o.OrderStateV1, Context{Account: "ns"})
			if err != nil {
				if fault.CodeOf(err) != fault.MoneyMismatch || m.taxMode() != event.TaxCodes {
					t.Fatalf("%s: %v", name, err)
				}
				continue
			}
			if err := proves(d, codes); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			check(t, name, o, d, m)
		}
	})
}

func check(t *rapid.T, name string, o shopOrder, d event.DesiredOrderV1, m *Mapping) {
	want := o.Totals.Total.Sub(o.given)
	for _, card := range o.GiftCards {
		want = want.Add(card.Amount)
	}
	if !d.Expected.Total.Equal(want) {
		t.Fatalf("%s: expected %s, the shop's %s less %s given back with cards %v", name, d.Expected.Total, o.Totals.Total, o.given, o.GiftCards)
	}
	if m.taxMode() != event.TaxCodes && !d.Expected.Rounding.IsZero() {
		t.Fatalf("%s: a rounding line of %s where every amount is known", name, d.Expected.Rounding)
	}
	again, err := m.Map(o.OrderStateV1, Context{Account: "ns"})
	if err != nil {
		t.Fatal(err)
	}
	first, err1 := codec.Encode(d)
	second, err2 := codec.Encode(again)
	if err1 != nil || err2 != nil || string(first) != string(second) {
		t.Fatalf("%s: two texts of one order: %s", name, cmp.Diff(string(first), string(second)))
	}
}

var rateCodes = []string{"US-CA-CA STATE TAX-1", "US-CA-SF COUNTY TAX-2", "US-NY-NY SALES TAX-1"} // sorted

// everyCode has a legacy code for any of the rates together; it holds the rates' own percent.
func everyCode(d *Document) {
	d.Taxes.Combined = map[string]CombinedRate{}
	for bits := 1; bits < 8; bits++ {
		var names []string
		for i, name := range rateCodes {
			if bits&(1<<i) != 0 {
				names = append(names, name)
			}
		}
		d.Taxes.Combined[strings.Join(names, " + ")] = CombinedRate{Code: fmt.Sprint("CODE-", bits)}
	}
}

// codesOf gives those codes their percent: the simple rates together, then each compound one on what that comes to.
func codesOf(taxes []event.Tax) percents {
	codes := percents{"NONE": "0"}
	one := money.Int(1)
	for bits := 1; bits < 8; bits++ {
		simple, compound := one, one
		for i, tax := range taxes {
			share := tax.Percent.Times(hundredth)
			switch {
			case bits&(1<<i) == 0:
			case tax.Compound:
				compound = compound.Times(one.Add(share))
			default:
				simple = simple.Add(share)
			}
		}
		codes[fmt.Sprint("CODE-", bits)] = simple.Times(compound).Sub(one).Times(money.Int(100)).String()
	}
	return codes
}

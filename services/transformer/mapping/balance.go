package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// Balance proves Invariant 5 of a desired state: net, tax, shipping and rounding are its total; that is the shop's with the
// gift cards, less what went back with lines; each line, fee and rate is the shop's; of what was paid and given back there is
// every deposit and refund that the document asks for and no other, to the cent.
func (m *Mapping) Balance(o event.OrderStateV1, d event.DesiredOrderV1) error {
	m = m.of(o.Store)
	if len(d.SalesOrder.Lines) == 0 {
		return nil // ignored by rule
	}
	for _, rule := range []func(o event.OrderStateV1, d event.DesiredOrderV1) error{balancedOrder, m.balancedTotal, m.balancedLines, m.balancedRates, m.balancedDeposits, m.balancedRefunds, m.balancedReturns, balancedCredits} {
		if err := rule(o, d); err != nil {
			return err
		}
	}
	return nil
}

func balancedOrder(_ event.OrderStateV1, d event.DesiredOrderV1) error {
	sum, tax := money.Zero, money.Zero
	for _, name := range []string{"shippingCost", "discountRate"} {
		if number := d.SalesOrder.Fields[name].Number; number != nil {
			sum = sum.Add(money.AmountOf(number.Decimal()))
		}
	}
	for _, line := range d.SalesOrder.Lines {
		sum = sum.Add(line.Amount)
	}
	for _, detail := range d.SalesOrder.TaxDetails {
		tax = tax.Add(detail.Amount)
	}
	if d.SalesOrder.TaxMode != event.TaxOverride {
		tax = d.Expected.Total.Sub(d.Expected.Net)
	}
	if total := sum.Add(tax); !total.Equal(d.Expected.Total) {
		return fmt.Errorf("lines, shipping and discount of %s and tax of %s are %s, not the total of %s", sum, tax, total, d.Expected.Total)
	}
	return nil
}

// balancedTotal compares with the shop. Of a bundle it depends on the mapping which line a piece belongs to: then what went
// back is only bounded.
func (m *Mapping) balancedTotal(o event.OrderStateV1, d event.DesiredOrderV1) error {
	want := o.Totals.Total.Round(o.Currency)
	for _, card := range m.wanted(o).cards() {
		want = want.Add(card)
	}
	given, least, most := broughtBack(o)
	gone := want.Sub(d.Expected.Total)
	if bundled(o) && gone.Cmp(least) >= 0 && gone.Cmp(most) <= 0 {
		return nil
	}
	if !gone.Equal(given) {
		return fmt.Errorf("the total is %s, the shop's %s with gift cards, of which %s went back", d.Expected.Total, want, given)
	}
	return nil
}

// broughtBack sums what refunds take off the order: shipping, fees, and goods of which pieces came back; least is that
// without the goods, most with all that the refunds' lines name.
func broughtBack(o event.OrderStateV1) (given, least, most money.Amount) {
	for id, sum := range backOf(o) {
		back := sum.total.Add(sum.tax)
		most = most.Add(back)
		switch {
		case !isGoods(o, id):
			given, least = given.Add(back), least.Add(back)
		case sum.quantity.Sign() > 0:
			given = given.Add(back)
		}
	}
	return given, least, most
}

func bundled(o event.OrderStateV1) bool {
	return slices.ContainsFunc(o.Lines, func(l event.Line) bool {
		return slices.ContainsFunc(l.Meta, func(m event.Meta) bool { return m.Key == metaBundledBy || m.Key == metaWPCParentID })
	})
}

// balancedDeposits wants the deposits that the document asks for, and no other.
func (m *Mapping) balancedDeposits(o event.OrderStateV1, d event.DesiredOrderV1) error {
	want := m.wanted(o).deposits()
	for _, deposit := range d.Deposits {
		if amount, asked := want[deposit.Payment]; !asked || !deposit.Amount.Equal(amount) {
			return fmt.Errorf("the deposit %s is %s, the shop's payment %s", deposit.Payment, deposit.Amount, amount)
		}
		delete(want, deposit.Payment)
	}
	if len(want) > 0 {
		return fmt.Errorf("the deposits %s are missing", strings.Join(sorted(want), ", "))
	}
	return nil
}

// balancedRefunds wants the refunds that the document asks for, and no other.
func (m *Mapping) balancedRefunds(o event.OrderStateV1, d event.DesiredOrderV1) error {
	want := m.wanted(o).refunds()
	for _, refund := range d.Refunds {
		at := slices.Index(want, refund.Refund)
		if at < 0 {
			return fmt.Errorf("the refund %s of %s is not asked for", refund.Refund, refund.Amount)
		}
		want = slices.Delete(want, at, at+1)
	}
	if len(want) > 0 {
		return fmt.Errorf("the refunds %s are missing", strings.Join(want, ", "))
	}
	return nil
}

// balancedCredits wants each refund to be the shop's, and what it credits to be what the shop's lines say.
func balancedCredits(o event.OrderStateV1, d event.DesiredOrderV1) error {
	for _, refund := range d.Refunds {
		at := slices.IndexFunc(o.Refunds, func(r event.Refund) bool { return r.ID == refund.Refund })
		if at < 0 || !refund.Amount.Equal(o.Refunds[at].Total.Abs().Round(o.Currency)) {
			return fmt.Errorf("the refund %s is %s, which is not the shop's", refund.Refund, refund.Amount)
		}
		back := event.GivenBack{Lines: refund.Lines, Shipping: refund.Shipping, ShippingTax: refund.ShippingTax}
		if want, credited := shownBack(o.Refunds[at], o.Currency), creditedBack(back); o.Refunds[at].Detail != nil && !credited.Equal(want) {
			return fmt.Errorf("the refund %s credits %s, the shop's lines say %s", refund.Refund, credited, want)
		}
	}
	return nil
}

// shownBack is what the lines of a shop's refund come to, with tax.
func shownBack(r event.Refund, c money.Currency) (sum money.Amount) {
	if r.Detail == nil {
		return sum
	}
	for _, l := range r.Detail.Lines {
		sum = sum.Add(l.Total.Round(c)).Add(l.Tax.Round(c))
	}
	return sum
}

func creditedBack(back event.GivenBack) money.Amount {
	sum := back.Shipping.Add(back.ShippingTax)
	for _, line := range back.Lines {
		sum = sum.Add(line.Amount).Add(line.Tax)
	}
	return sum
}

// balancedReturns wants what refunds gave back where their money is booked elsewhere, and nothing of it where it is not.
func (m *Mapping) balancedReturns(o event.OrderStateV1, d event.DesiredOrderV1) error {
	want := m.wanted(o).givenBack()
	for _, back := range d.GivenBack {
		if sum, asked := want[back.Refund]; !asked || !creditedBack(back).Equal(sum) {
			return fmt.Errorf("the refund %s gives back %s, the shop's lines say %s", back.Refund, creditedBack(back), sum)
		}
		delete(want, back.Refund)
	}
	if len(want) > 0 {
		return fmt.Errorf("what the refunds %s gave back is missing", strings.Join(sorted(want), ", "))
	}
	return nil
}

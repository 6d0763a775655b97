package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// Balance proves Invariant 5 of a desired state: net, tax, shipping and rounding are its total; that is the shop's with the
// gift cards, less what went back with lines; deposits are what was paid, refunds what was given back, to the cent.
func Balance(o event.OrderStateV1, d event.DesiredOrderV1) error {
	if len(d.SalesOrder.Lines) == 0 {
		return nil // ignored by rule
	}
	for _, rule := range []func(o event.OrderStateV1, d event.DesiredOrderV1) error{balancedOrder, balancedTotal, balancedDeposits, balancedRefunds} {
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
func balancedTotal(o event.OrderStateV1, d event.DesiredOrderV1) error {
	want := o.Totals.Total.Round(o.Currency)
	for _, card := range o.GiftCards {
		want = want.Add(card.Amount.Round(o.Currency))
	}
	given, most := broughtBack(o)
	gone := want.Sub(d.Expected.Total)
	if bundled(o) && most.Sign() > 0 && gone.Sign() >= 0 && gone.Cmp(most) <= 0 {
		return nil
	}
	if !gone.Equal(given) {
		return fmt.Errorf("the total is %s, the shop's %s with gift cards, of which %s went back", d.Expected.Total, want, given)
	}
	return nil
}

// broughtBack sums what refunds take off the order: shipping, fees, and goods of which pieces came back; most is all that
// their lines name.
func broughtBack(o event.OrderStateV1) (given, most money.Amount) {
	type back struct {
		pieces money.Number
		amount money.Amount
	}
	sums := map[string]back{}
	for _, r := range o.Refunds {
		if r.Detail == nil || r.Deleted {
			continue
		}
		for _, l := range r.Detail.Lines {
			sum := sums[l.Line]
			sums[l.Line] = back{sum.pieces.Add(l.Quantity), sum.amount.Add(l.Total).Add(l.Tax)}
		}
	}
	for id, sum := range sums {
		most = most.Add(sum.amount)
		goods := slices.ContainsFunc(o.Lines, func(l event.Line) bool { return l.ID == id })
		if !goods || sum.pieces.Sign() > 0 {
			given = given.Add(sum.amount)
		}
	}
	return given, most
}

func bundled(o event.OrderStateV1) bool {
	return slices.ContainsFunc(o.Lines, func(l event.Line) bool {
		return slices.ContainsFunc(l.Meta, func(m event.Meta) bool { return m.Key == metaBundledBy || m.Key == metaWPCParentID })
	})
}

// balancedDeposits wants the payment to be the shop's total, or what an entry of the order's meta says was paid; and the
// cards' deposits to be the cards.
func balancedDeposits(o event.OrderStateV1, d event.DesiredOrderV1) error {
	cards, redeemed := money.Zero, money.Zero
	for _, card := range o.GiftCards {
		cards = cards.Add(card.Amount.Round(o.Currency))
	}
	for _, deposit := range d.Deposits {
		switch {
		case strings.HasPrefix(deposit.Payment, "gift-"):
			redeemed = redeemed.Add(deposit.Amount)
		case !deposit.Amount.Equal(o.Totals.Total.Round(o.Currency)) && !inMeta(o, deposit.Amount):
			return fmt.Errorf("the deposit %s is %s, the shop's total %s", deposit.Payment, deposit.Amount, o.Totals.Total)
		}
	}
	if len(o.GiftCards) > 0 && !redeemed.IsZero() && !redeemed.Equal(cards) {
		return fmt.Errorf("the deposits of gift cards are %s, the cards %s", redeemed, cards)
	}
	return nil
}

func inMeta(o event.OrderStateV1, amount money.Amount) bool {
	return slices.ContainsFunc(o.Meta, func(m event.Meta) bool {
		text, err := codec.Decode[string](m.Value)
		if err != nil {
			return false
		}
		paid, err := money.Parse(text)
		return err == nil && paid.Round(o.Currency).Equal(amount)
	})
}

// balancedRefunds wants each refund to be the shop's, and what it credits to be what the shop's lines say.
func balancedRefunds(o event.OrderStateV1, d event.DesiredOrderV1) error {
	for _, refund := range d.Refunds {
		at := slices.IndexFunc(o.Refunds, func(r event.Refund) bool { return r.ID == refund.Refund })
		if at < 0 || !refund.Amount.Equal(o.Refunds[at].Total.Abs().Round(o.Currency)) {
			return fmt.Errorf("the refund %s is %s, which is not the shop's", refund.Refund, refund.Amount)
		}
		if o.Refunds[at].Detail == nil {
			continue
		}
		want, credited := money.Zero, refund.Shipping.Add(refund.ShippingTax)
		for _, l := range o.Refunds[at].Detail.Lines {
			want = want.Add(l.Total.Round(o.Currency)).Add(l.Tax.Round(o.Currency))
		}
		for _, line := range refund.Lines {
			credited = credited.Add(line.Amount).Add(line.Tax)
		}
		if !credited.Equal(want) {
			return fmt.Errorf("the refund %s credits %s, the shop's lines say %s", refund.Refund, credited, want)
		}
	}
	return nil
}

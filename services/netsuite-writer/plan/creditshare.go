package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// Shares is a refund told by where its lines are billed: a credit of each bill that holds some of them, and what the order's
// deposits give back. Together they are the refund to the cent.
type Shares struct {
	Credits  []Credited   // in the order of the bills
	Unbilled money.Amount // of lines that no bill holds
}

// Whole tells whether one bill takes all of the refund.
func (s Shares) Whole() bool { return len(s.Credits) == 1 && s.Credits[0].part == 0 }

// Record is the type of the credit: a cash sale is given back by a cash refund, an invoice by a credit memo.
func (c Credited) Record() string {
	if c.Bill.Record == "cashSale" {
		return "cashRefund"
	}
	return "creditMemo"
}

// ExternalID is the credit's externalId. Of several shares, those behind the first have their number appended, and every cash
// refund has: the customer refund that pays out the rest has the name of the refund.
func (c Credited) ExternalID() string {
	cash := c.Record() == "cashRefund"
	switch {
	case cash && c.part == 0:
		return c.Refund.ExternalID
	case cash:
		return fmt.Sprint(c.Refund.ExternalID, "-", c.part)
	case c.part > 1:
		return fmt.Sprint(CreditID(c.Refund), "-", c.part)
	default:
		return CreditID(c.Refund)
	}
}

// IsMemo tells a credit memo in the ledger from a cash refund that is a share.
func IsMemo(credit event.LedgerMoney, r event.CustomerRefund) bool {
	return strings.HasPrefix(strings.ToLower(credit.ExternalID), strings.ToLower(CreditID(r)))
}

// SharesOf credits one bill where it holds all lines of a refund. Else each line goes back from the first bill that holds
// it, or from the deposits where none does; shipping and money that no line covers go with the first bill that is touched.
func SharesOf(r event.CustomerRefund, d event.DesiredOrderV1, order []event.LedgerLine, bills []Billed) (Shares, error) {
	if Unbilled(r, order, bills) {
		return Shares{Unbilled: r.Amount}, nil
	}
	if err := computed(r, d); err != nil {
		return Shares{}, err
	}
	for _, bill := range bills {
		if whole, held := credited(r, d, order, bill); held {
			return Shares{Credits: []Credited{whole}}, nil
		}
	}
	s, sums := divide(r, d, order, bills)
	if !sums {
		return Shares{}, fault.New(fault.RefundUncovered, "the order's bills and deposits must hold the lines of the refund, and its amount all of them; credit it in NetSuite", fault.Field("refund.id", r.Refund))
	}
	for _, c := range s.Credits { // one that cannot be written would leave the refund half made
		if _, err := c.Body(c.ExternalID(), nil); err != nil {
			return Shares{}, err
		}
	}
	return s, nil
}

// divide shares a refund out; sums is false where a line is not the order's, or a share would be less than nothing.
func divide(r event.CustomerRefund, d event.DesiredOrderV1, order []event.LedgerLine, bills []Billed) (s Shares, sums bool) {
	parts := make([]event.CustomerRefund, len(bills))
	for _, l := range r.Lines {
		number := numberOf(order, l.Key)
		at := slices.IndexFunc(bills, func(b Billed) bool { return b.Lines[number] != "" })
		switch {
		case l.Quantity.Sign() <= 0:
		case number == "":
			return Shares{}, false
		case at < 0:
			s.Unbilled = s.Unbilled.Add(l.Amount).Add(l.Tax)
		default:
			parts[at].Lines = append(parts[at].Lines, l)
			parts[at].Amount = parts[at].Amount.Add(l.Amount).Add(l.Tax)
		}
	}
	for i, part := range withRest(parts, r, s.Unbilled) {
		if part.Amount.Sign() < 0 {
			return Shares{}, false
		}
		if len(part.Lines) > 0 || !part.Amount.IsZero() {
			c, _ := credited(part, d, order, bills[i])
			c.part = len(s.Credits) + 1
			s.Credits = append(s.Credits, c)
		}
	}
	return s, len(s.Credits) > 0 && s.Unbilled.Sign() >= 0
}

// withRest makes the parts refunds of their own. What of the refund's money stands on none of their lines, and on none that
// the deposits give back, goes with the first that has lines.
func withRest(parts []event.CustomerRefund, r event.CustomerRefund, unbilled money.Amount) []event.CustomerRefund {
	first, rest := -1, r.Amount.Sub(unbilled)
	for i, part := range parts {
		if first < 0 && len(part.Lines) > 0 {
			first = i
		}
		rest = rest.Sub(part.Amount)
		parts[i] = r
		parts[i].Lines, parts[i].Amount, parts[i].Shipping, parts[i].ShippingTax = part.Lines, part.Amount, money.Zero, money.Zero
	}
	if len(parts) > 0 {
		to := &parts[max(first, 0)]
		to.Amount, to.Shipping, to.ShippingTax = to.Amount.Add(rest), r.Shipping, r.ShippingTax
	}
	return parts
}

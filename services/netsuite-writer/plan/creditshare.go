package plan

import (
	"fmt"
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
	ids := ShareIDs(c.Refund, c.part)
	switch {
	case c.Record() != "cashRefund":
		return ids[0]
	case c.part == 0:
		return c.Refund.ExternalID
	default:
		return ids[1]
	}
}

// ShareIDs are the externalIds that a refund's share may have: as a credit memo, and as a cash refund.
func ShareIDs(r event.CustomerRefund, part int) []string {
	memo := CreditID(r)
	if part > 1 {
		memo = fmt.Sprint(memo, "-", part)
	}
	return []string{memo, fmt.Sprint(r.ExternalID, "-", part)}
}

// IsMemo tells a credit memo in the ledger from a cash refund that is a share.
func IsMemo(credit event.LedgerMoney, r event.CustomerRefund) bool {
	return strings.HasPrefix(strings.ToLower(credit.ExternalID), strings.ToLower(CreditID(r)))
}

// IsShare tells by its externalId whether a credit is one of a refund's.
func IsShare(externalID string, r event.CustomerRefund) bool {
	externalID = strings.ToLower(externalID)
	for _, name := range []string{strings.ToLower(CreditID(r)), strings.ToLower(r.ExternalID)} {
		if externalID == name || strings.HasPrefix(externalID, name+"-") {
			return true
		}
	}
	return false
}

// SharesOf credits one bill where the first that has some left of every line of a refund has enough of each. Else the pieces of
// each line go back from the bills that hold them, the oldest first, or from the deposits where none does; shipping and money that
// no line covers go with the first bill that is touched.
func SharesOf(r event.CustomerRefund, d event.DesiredOrderV1, order []event.LedgerLine, bills []Billed) (Shares, error) {
	if Unbilled(r, order, bills) {
		return Shares{Unbilled: r.Amount}, nil
	}
	question := computed(r, d)
	if bill, enough := wholeBill(r, order, bills); enough && question == nil {
		return Shares{Credits: []Credited{credited(r, d, order, bill)}}, nil
	}
	s, sums := divide(r, d, order, bills)
	switch {
	case question != nil && (!sums || len(s.Credits) > 0):
		return Shares{}, question
	case !sums:
		return Shares{}, fault.New(fault.RefundUncovered, "the order's bills and deposits must hold the lines of the refund, and its amount all of them; credit it in NetSuite", fault.Field("refund.id", r.Refund))
	}
	for _, c := range s.Credits { // one that cannot be written would leave the refund half made
		if _, err := c.Body(c.ExternalID(), nil); err != nil {
			return Shares{}, err
		}
	}
	return s, nil
}

// wholeBill is the first bill that has some left of every line of a refund, and whether it has enough of each.
func wholeBill(r event.CustomerRefund, order []event.LedgerLine, bills []Billed) (Billed, bool) {
	for _, b := range bills {
		all, enough := true, true
		for _, l := range r.Lines {
			number := numberOf(order, l.Key)
			some, fits := b.Lines[number].holds(l, len(holders(bills, number)))
			all, enough = all && some, enough && fits
		}
		if all {
			return b, enough
		}
	}
	return Billed{}, false
}

// divide shares a refund out; sums is false where a line is not the order's, a share would be less than nothing, or nobody can
// tell which bill gives back the pieces of a line.
func divide(r event.CustomerRefund, d event.DesiredOrderV1, order []event.LedgerLine, bills []Billed) (s Shares, sums bool) {
	parts := make([]event.CustomerRefund, len(bills))
	for _, l := range r.Lines {
		number := numberOf(order, l.Key)
		held := holders(bills, number)
		switch {
		case l.Quantity.Sign() <= 0 && len(held) < 2:
			continue
		case number == "":
			return Shares{}, false
		}
		shares, told := spread(l, held, d.SalesOrder.Currency)
		if !told {
			return Shares{}, false
		}
		s.Unbilled = s.Unbilled.Add(place(shares, number, parts, bills))
	}
	for i, part := range withRest(parts, r, s.Unbilled) {
		if part.Amount.Sign() < 0 {
			return Shares{}, false
		}
		if len(part.Lines) > 0 || !part.Amount.IsZero() {
			c := credited(part, d, order, bills[i])
			c.part = len(s.Credits) + 1
			s.Credits = append(s.Credits, c)
		}
	}
	return s, s.Unbilled.Sign() >= 0 && (len(s.Credits) > 0 || s.Unbilled.Equal(r.Amount))
}

// place gives each bill that holds a line its share of it, and tells what nobody has billed.
func place(shares []event.CreditLine, number string, parts []event.CustomerRefund, bills []Billed) (unbilled money.Amount) {
	for i, b := range bills {
		if _, held := b.Lines[number]; !held {
			continue
		}
		share := shares[0]
		if shares = shares[1:]; share.Quantity.Sign() > 0 || !share.Amount.IsZero() || !share.Tax.IsZero() {
			parts[i].Lines = append(parts[i].Lines, share)
			parts[i].Amount = parts[i].Amount.Add(share.Amount).Add(share.Tax)
		}
	}
	return shares[0].Amount.Add(shares[0].Tax)
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

package plan

import (
	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// Money is what an order's money still lacks in NetSuite.
type Money struct {
	Deposits []event.Deposit
	Refunds  []event.CustomerRefund
	Bill     *event.Bill
}

// Empty tells whether nothing lacks.
func (m Money) Empty() bool { return len(m.Deposits) == 0 && len(m.Refunds) == 0 && m.Bill == nil }

// ExternalIDs lists the records that lack, but for the credits of refunds.
func (m Money) ExternalIDs() []string {
	var ids []string
	for _, d := range m.Deposits {
		ids = append(ids, d.ExternalID)
	}
	for _, r := range m.Refunds {
		ids = append(ids, r.ExternalID)
	}
	if m.Bill != nil {
		ids = append(ids, m.Bill.ExternalID)
	}
	return ids
}

// Refs lists the references their bodies need.
func (m Money) Refs() []event.Ref {
	var refs []event.Ref
	for _, d := range m.Deposits {
		refs = append(refs, fieldRefs(d.Fields)...)
	}
	for _, r := range m.Refunds {
		refs = append(refs, fieldRefs(r.Fields)...)
	}
	if m.Bill != nil {
		refs = append(refs, fieldRefs(m.Bill.Fields)...)
	}
	return refs
}

// Lacking compares the desired money with the ledger. What NetSuite holds is never made again and never changed: a
// deposit's amount is fixed when the payment is first seen. Invariant 2: one deposit per payment, one refund per refund.
func Lacking(d event.DesiredOrderV1, l event.Ledger) Money {
	var m Money
	for _, deposit := range d.Deposits {
		if !holds(l.Deposits, deposit.Payment) && !deposit.Amount.IsZero() {
			m.Deposits = append(m.Deposits, deposit)
		}
	}
	for _, refund := range d.Refunds {
		if !refund.Deleted && !holds(l.Refunds, refund.Refund) && !settled(l.Credits, refund.Refund) && !refund.Amount.IsZero() {
			m.Refunds = append(m.Refunds, refund)
		}
	}
	if l.Bill == nil {
		m.Bill = d.Bill
	}
	return m
}

// Balance is what the order's deposits, less what was given back from them, leave of its total; zero without deposits. A
// deposit keeps its amount when the order is edited later: that shows here, never as a second deposit.
func Balance(d event.DesiredOrderV1, l event.Ledger) money.Amount {
	if len(l.Deposits) == 0 || l.SalesOrder == nil || d.SalesOrder.Closed {
		return money.Zero
	}
	balance := l.SalesOrder.Total
	for _, deposit := range l.Deposits {
		balance = balance.Sub(deposit.Amount)
	}
	for _, refund := range l.Refunds {
		balance = balance.Add(fromDeposits(refund))
	}
	return balance
}

// Deleted lists the refunds that the shop has deleted.
func Deleted(d event.DesiredOrderV1) (list []event.CustomerRefund) {
	for _, refund := range d.Refunds {
		if refund.Deleted {
			list = append(list, refund)
		}
	}
	return list
}

// Booked tells whether the ledger has an entry of a refund's money.
func Booked(l event.Ledger, refund event.CustomerRefund) bool { return holds(l.Refunds, refund.Refund) }

// Unbooked leaves the refunds out of which the ledger has an entry of money given back.
func Unbooked(l event.Ledger, refunds []event.CustomerRefund) (list []event.CustomerRefund) {
	for _, refund := range refunds {
		if !Booked(l, refund) {
			list = append(list, refund)
		}
	}
	return list
}

// Void takes the money out of a refund's entries, and tells whether there are any: the record is gone from NetSuite.
func Void(l *event.Ledger, refund string) bool {
	known := false
	for _, list := range [][]event.LedgerMoney{l.Refunds, l.Credits} {
		for i := range list {
			if list[i].Key == refund {
				list[i].Amount, list[i].Lines, known = money.Zero, nil, true
			}
		}
	}
	return known
}

func holds(list []event.LedgerMoney, key string) bool {
	for _, entry := range list {
		if entry.Key == key {
			return true
		}
	}
	return false
}

// settled tells whether all credits of a refund are done: no money goes back any more.
func settled(credits []event.LedgerMoney, key string) bool {
	known := false
	for _, credit := range credits {
		if credit.Key == key && !credit.Settled {
			return false
		}
		known = known || credit.Key == key
	}
	return known
}

// Settle says of all credits of a refund that no money goes back any more.
func Settle(l *event.Ledger, refund string) {
	for i := range l.Credits {
		l.Credits[i].Settled = l.Credits[i].Settled || l.Credits[i].Key == refund
	}
}

// Deposit writes the body of a customer deposit of a sales order, which brings customer and currency.
func Deposit(d event.Deposit, salesOrder string, ids IDs) ([]byte, error) {
	body := object{"externalId": d.ExternalID, "salesOrder": id(salesOrder), "payment": number(d.Amount.String())}
	if err := setFields(body, d.Fields, ids); err != nil {
		return nil, err
	}
	return codec.Encode(body)
}

// Part is what a refund takes from one deposit or credit memo.
type Part struct {
	Document string // internal id
	Amount   money.Amount
}

// Allot takes a refund's amount from the deposits in their order, what earlier refunds took apart. Deposits that do not
// cover it are a fault: the money was booked elsewhere.
func Allot(deposits, refunds []event.LedgerMoney, amount money.Amount) ([]Part, error) {
	taken := money.Zero
	for _, refund := range refunds {
		taken = taken.Add(fromDeposits(refund))
	}
	var parts []Part
	lacking := amount
	for _, deposit := range deposits {
		left := deposit.Amount
		used := smaller(left, taken)
		left, taken = left.Sub(used), taken.Sub(used)
		if part := smaller(left, lacking); part.Sign() > 0 {
			parts = append(parts, Part{deposit.ID, part})
			lacking = lacking.Sub(part)
		}
	}
	if lacking.Sign() > 0 {
		return nil, fault.New(fault.RefundUncovered, "the deposits of the order must cover the refund; "+lacking.String()+" are missing", fault.Field("refund.amount", amount.String()))
	}
	return parts, nil
}

// fromDeposits is what a refund took from deposits: all of it unless the entry says otherwise.
func fromDeposits(refund event.LedgerMoney) money.Amount {
	if refund.FromDeposits != nil {
		return smaller(refund.Amount, *refund.FromDeposits)
	}
	return refund.Amount
}

func smaller(a, b money.Amount) money.Amount {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

// Refund writes the body of a customer refund from deposits and from a credit memo.
func Refund(r event.CustomerRefund, customer string, deposits, credits []Part, ids IDs) ([]byte, error) {
	body := object{"externalId": r.ExternalID, "customer": id(customer)}
	if err := setFields(body, r.Fields, ids); err != nil {
		return nil, err
	}
	for name, parts := range map[string][]Part{"deposit": deposits, "apply": credits} {
		lines := make([]object, 0, len(parts))
		for _, part := range parts {
			lines = append(lines, object{"doc": id(part.Document), "apply": true, "amount": number(part.Amount.String())})
		}
		if len(lines) > 0 {
			body[name] = list{lines}
		}
	}
	return codec.Encode(body)
}

package netsuitewriter

import (
	"context"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// refund gives money back: from the order's deposits while nothing is billed, else by a credit of the bill. Amounts made
// are entered by externalId.
func (w *writer) refund(ctx context.Context, j *job, r event.CustomerRefund, made map[string]money.Amount) error {
	if r.Question != "" {
		return j.ask(r.ExternalID, fault.New(fault.PaymentUnmapped, r.Question))
	}
	var err error
	if j.ledger.Bill != nil || plan.IsBilled(j.ledger.SalesOrder.Status) || plan.HasBills(j.held.lines) {
		err = w.credit(ctx, j, r, made)
	} else {
		err = w.fromDeposits(ctx, j, r, made)
	}
	return j.ask(r.ExternalID, err)
}

func (w *writer) fromDeposits(ctx context.Context, j *job, r event.CustomerRefund, made map[string]money.Amount) error {
	parts, err := plan.Allot(j.ledger.Deposits, j.ledger.Refunds, r.Amount)
	if err != nil {
		return err
	}
	return w.payBack(ctx, j, r, r.Amount, parts, nil, made)
}

// payBack makes the customer refund.
func (w *writer) payBack(ctx context.Context, j *job, r event.CustomerRefund, amount money.Amount, deposits, credits []plan.Part, made map[string]money.Amount) error {
	id, err := w.post(ctx, j, document{
		record: "customerRefund", externalID: r.ExternalID, key: r.Refund, refs: plan.Money{Refunds: []event.CustomerRefund{r}}.Refs(),
		request: func(ids plan.IDs) (suitetalk.Request, error) {
			body, err := plan.Refund(r, j.ledger.Customer.ID, deposits, credits, ids)
			return suitetalk.Upsert("customerRefund", r.ExternalID, body), err
		},
	})
	if err == nil {
		taken := money.Zero
		for _, part := range deposits {
			taken = taken.Add(part.Amount)
		}
		j.refunded(entryOf(id, r.ExternalID, r.Refund, amount), taken)
		made[r.ExternalID] = amount
	}
	return err
}

// refunded enters a refund, and how much of it came from deposits.
func (j *job) refunded(entry event.LedgerMoney, fromDeposits money.Amount) {
	if !fromDeposits.Equal(entry.Amount) {
		entry.FromDeposits = &fromDeposits
	}
	j.ledger.Refunds = append(j.ledger.Refunds, entry)
}

// credit gives back what is billed: a cash sale by a cash refund, an invoice by a credit memo, and what of that no open
// invoice takes by a customer refund. What no bill has yet, or ever will because the order loses it, comes from the order's deposits.
func (w *writer) credit(ctx context.Context, j *job, r event.CustomerRefund, made map[string]money.Amount) error {
	if memo := entered(j.ledger, plan.CreditID(r)); memo != nil && memo.Amount.Equal(r.Amount) {
		return w.payCredits(ctx, j, r, money.Zero, made)
	}
	bills, err := w.left(ctx, j, r)
	if err != nil {
		return err
	}
	s, err := plan.SharesOf(r, j.desired, j.ledger.SalesOrder.Lines, bills)
	switch {
	case err != nil:
		return err
	case len(s.Credits) == 0:
		return w.fromDeposits(ctx, j, r, made)
	case s.Whole() && s.Credits[0].Record() == "cashRefund":
		return w.cashRefund(ctx, j, r, s.Credits[0], made)
	case !s.Whole(): // the deposits must hold their part before anything of it is made
		if _, err := plan.Allot(j.ledger.Deposits, j.ledger.Refunds, s.Unbilled); err != nil {
			return err
		}
	}
	for _, c := range s.Credits {
		if err := w.makeCredit(ctx, j, c); err != nil {
			return err
		}
	}
	return w.payCredits(ctx, j, r, s.Unbilled, made)
}

func (w *writer) cashRefund(ctx context.Context, j *job, r event.CustomerRefund, c plan.Credited, made map[string]money.Amount) error {
	id, err := w.post(ctx, j, creditDocument(c))
	if err == nil {
		j.refunded(creditEntry(id, c), money.Zero)
		made[r.ExternalID] = r.Amount
	}
	return err
}

// makeCredit makes a credit that is not there yet. One of another amount may have been put right since it was entered.
func (w *writer) makeCredit(ctx context.Context, j *job, c plan.Credited) error {
	amount := c.Refund.Amount
	held := entered(j.ledger, c.ExternalID())
	switch {
	case held == nil:
		id, err := w.post(ctx, j, creditDocument(c))
		if err == nil {
			j.ledger.Credits = append(j.ledger.Credits, creditEntry(id, c))
		}
		return err
	case held.Amount.Equal(amount):
		if held.Bill == "" { // an earlier try made it
			held.Bill, held.Lines = c.Bill.ID, c.Taken()
		}
		return nil
	}
	found, err := w.look(ctx, j, w.receipts, []string{held.ExternalID})
	if err != nil {
		return err
	}
	p, err := receipt(found, *held, amount)
	if err == nil {
		*held = creditEntry(p.id, c)
	}
	return err
}

// creditEntry is a credit for the ledger, with what it takes back of its bill.
func creditEntry(id string, c plan.Credited) event.LedgerMoney {
	entry := entryOf(id, c.ExternalID(), c.Refund.Refund, c.Refund.Amount)
	entry.Bill, entry.Lines = c.Bill.ID, c.Taken()
	return entry
}

// receipt is a credit as NetSuite holds it; one whose amount is not what it has to give back is a question. Invariant 5: to
// the cent.
func receipt(found map[string]paper, credit event.LedgerMoney, want money.Amount) (paper, error) {
	p, is := found[strings.ToLower(credit.ExternalID)]
	switch {
	case !is:
		return p, fault.New(fault.NetSuiteAmbiguous, "the credit must be found after the write", fault.Field("externalId", credit.ExternalID))
	case !p.total.Equal(want):
		return p, fault.New(fault.RefundUncovered, "the credit must be "+want.String()+" of the refund; put it right in NetSuite", fault.Field(credit.ExternalID, p.total.String()))
	default:
		return p, nil
	}
}

// creditDocument makes the credit out of the bill. Without replace=item NetSuite would take every line over.
func creditDocument(c plan.Credited) document {
	return document{record: c.Record(), externalID: c.ExternalID(), key: c.Refund.Refund, refs: c.Refs(), request: func(ids plan.IDs) (suitetalk.Request, error) {
		body, err := c.Body(c.ExternalID(), ids)
		return suitetalk.Transform(c.Bill.Record, c.Bill.ID, c.Record(), body, sublists...), err
	}}
}

// payCredits pays out what is left of a refund's credits, and the part of it that is not billed from the deposits. NetSuite
// may have applied a credit memo by itself, so that is looked up: what an open invoice took comes back from the order's
// deposits where they hold it, else no money was received for it. A cash refund has paid itself.
func (w *writer) payCredits(ctx context.Context, j *job, r event.CustomerRefund, unbilled money.Amount, made map[string]money.Amount) error {
	papers, err := w.creditPapers(ctx, j, r)
	if err != nil {
		return err
	}
	var open []plan.Part
	paid := unbilled
	deposits, err := plan.Allot(j.ledger.Deposits, j.ledger.Refunds, unbilled)
	if err != nil {
		return err
	}
	for _, p := range papers {
		if !p.open.IsZero() {
			open = append(open, plan.Part{Document: p.id, Amount: p.open})
		}
		taken := p.total.Sub(p.open)
		if parts, err := plan.Allot(j.ledger.Deposits, j.ledger.Refunds, paid.Add(taken)); err == nil {
			deposits, paid = parts, paid.Add(taken)
		}
	}
	if len(deposits)+len(open) == 0 {
		plan.Settle(&j.ledger, r.Refund)
		return nil
	}
	for _, part := range open {
		paid = paid.Add(part.Amount)
	}
	return w.payBack(ctx, j, r, paid, deposits, open, made)
}

// creditPapers reads the credit memos of a refund as NetSuite holds them, and makes sure that every credit has its amount.
func (w *writer) creditPapers(ctx context.Context, j *job, r event.CustomerRefund) (memos []paper, err error) {
	made := slices.DeleteFunc(slices.Clone(j.ledger.Credits), func(credit event.LedgerMoney) bool { return credit.Key != r.Refund })
	var ids []string
	for _, credit := range made {
		ids = append(ids, credit.ExternalID)
	}
	found, err := w.look(ctx, j, w.receipts, ids)
	if err != nil {
		return nil, err
	}
	for _, credit := range made {
		p, err := receipt(found, credit, credit.Amount)
		if err != nil {
			return nil, err
		}
		if plan.IsMemo(credit, r) {
			memos = append(memos, p)
		}
	}
	return memos, nil
}

// entered finds a credit in the ledger.
func entered(l event.Ledger, externalID string) *event.LedgerMoney {
	for i := range l.Credits {
		if strings.EqualFold(l.Credits[i].ExternalID, externalID) {
			return &l.Credits[i]
		}
	}
	return nil
}

package netsuitewriter

import (
	"context"
	"fmt"
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
	if j.ledger.Bill != nil || plan.IsBilled(j.ledger.SalesOrder.Status) {
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
		record: "customerRefund", externalID: r.ExternalID, refs: plan.Money{Refunds: []event.CustomerRefund{r}}.Refs(),
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
		j.refunded(id, r, amount, taken)
		made[r.ExternalID] = amount
	}
	return err
}

// refunded enters a refund, and how much of it came from deposits.
func (j *job) refunded(id string, r event.CustomerRefund, amount, fromDeposits money.Amount) {
	entry := entryOf(id, r.ExternalID, r.Refund, amount)
	if !fromDeposits.Equal(amount) {
		entry.FromDeposits = &fromDeposits
	}
	j.ledger.Refunds = append(j.ledger.Refunds, entry)
}

// credit gives back what is billed: a cash sale by a cash refund, an invoice by a credit memo, and what of that no open
// invoice takes by a customer refund. What no bill has yet comes from the order's deposits.
func (w *writer) credit(ctx context.Context, j *job, r event.CustomerRefund, made map[string]money.Amount) error {
	memo := creditFor(j.ledger, r.Refund)
	if memo == nil {
		bills, err := w.bills(ctx, j)
		if err != nil {
			return err
		}
		if plan.Unbilled(r, j.ledger.SalesOrder.Lines, bills) {
			return w.fromDeposits(ctx, j, r, made)
		}
		c, err := plan.CreditOf(r, j.desired, j.ledger.SalesOrder.Lines, bills)
		if err != nil {
			return err
		}
		if c.Bill.Record == "cashSale" {
			return w.cashRefund(ctx, j, r, c, made)
		}
		if err := w.creditMemo(ctx, j, r, c); err != nil {
			return err
		}
		memo = creditFor(j.ledger, r.Refund)
	}
	return w.payCredit(ctx, j, r, memo, made)
}

func (w *writer) cashRefund(ctx context.Context, j *job, r event.CustomerRefund, c plan.Credited, made map[string]money.Amount) error {
	id, err := w.post(ctx, j, creditDocument("cashRefund", r.ExternalID, c))
	if err == nil {
		j.refunded(id, r, r.Amount, money.Zero)
		made[r.ExternalID] = r.Amount
	}
	return err
}

func (w *writer) creditMemo(ctx context.Context, j *job, r event.CustomerRefund, c plan.Credited) error {
	id, err := w.post(ctx, j, creditDocument("creditMemo", plan.CreditID(r), c))
	if err == nil {
		j.ledger.Credits = append(j.ledger.Credits, entryOf(id, plan.CreditID(r), r.Refund, r.Amount))
	}
	return err
}

// creditDocument makes record out of the bill. Without replace=item NetSuite would take every line over.
func creditDocument(record, externalID string, c plan.Credited) document {
	return document{record: record, externalID: externalID, refs: c.Refs(), request: func(ids plan.IDs) (suitetalk.Request, error) {
		body, err := c.Body(externalID, ids)
		return suitetalk.Transform(c.Bill.Record, c.Bill.ID, record, body, sublists...), err
	}}
}

// payCredit pays out what is left of a credit memo. NetSuite may have applied it by itself, so that is looked up: what an
// open invoice took comes back from the order's deposits where they hold it, else no money was received for it.
func (w *writer) payCredit(ctx context.Context, j *job, r event.CustomerRefund, memo *event.LedgerMoney, made map[string]money.Amount) error {
	found, err := w.look(ctx, j, w.receipts, []string{memo.ExternalID})
	if err != nil {
		return err
	}
	p, is := found[strings.ToLower(memo.ExternalID)]
	if !is {
		return fault.New(fault.NetSuiteAmbiguous, "the credit memo must be found after the write", fault.Field("externalId", memo.ExternalID))
	}
	if !p.total.Equal(r.Amount) {
		return fault.New(fault.RefundUncovered, "the credit memo must be the refund's amount "+r.Amount.String()+"; put it right in NetSuite", fault.Field(memo.ExternalID, p.total.String()))
	}
	taken := p.total.Sub(p.open)
	deposits, err := plan.Allot(j.ledger.Deposits, j.ledger.Refunds, taken)
	if err != nil {
		deposits, taken = nil, money.Zero
	}
	var credits []plan.Part
	if !p.open.IsZero() {
		credits = []plan.Part{{Document: memo.ID, Amount: p.open}}
	}
	if len(deposits)+len(credits) == 0 {
		memo.Settled = true
		return nil
	}
	return w.payBack(ctx, j, r, p.open.Add(taken), deposits, credits, made)
}

func creditFor(l event.Ledger, refund string) *event.LedgerMoney {
	for i := range l.Credits {
		if l.Credits[i].Key == refund {
			return &l.Credits[i]
		}
	}
	return nil
}

// bills reads the order's invoices and cash sales with the lines of the order they bill, oldest first.
func (w *writer) bills(ctx context.Context, j *job) ([]plan.Billed, error) {
	q := fmt.Sprintf("SELECT t.id AS id, t.type AS type, t.foreignamountunpaid AS unpaid, l.previousline AS orderline, l.nextline AS line"+
		" FROM PreviousTransactionLineLink l JOIN transaction t ON t.id = l.nextdoc"+
		" WHERE l.previousdoc = %s AND t.type IN ('CustInvc', 'CashSale') ORDER BY t.id, l.nextline", suitetalk.Quote(j.ledger.SalesOrder.ID))
	rows, calls, err := w.client.Query(ctx, "read bills", q)
	j.add(calls)
	if err != nil {
		return nil, err
	}
	records := map[string]string{"CustInvc": "invoice", "CashSale": "cashSale"}
	var bills []plan.Billed
	for _, row := range rows {
		if len(bills) == 0 || bills[len(bills)-1].ID != row["id"] {
			open, err := unpaid(row)
			if err != nil {
				return nil, err
			}
			bills = append(bills, plan.Billed{ID: row["id"], Record: records[row["type"]], Open: open, Lines: map[string]string{}})
		}
		bills[len(bills)-1].Lines[row["orderline"]] = row["line"]
	}
	return bills, nil
}

// unpaid is zero where the column is null.
func unpaid(row suitetalk.Row) (money.Amount, error) {
	text, given := row["unpaid"]
	if !given {
		return money.Zero, nil
	}
	amount, err := money.Parse(text)
	if err != nil {
		err = fmt.Errorf("bill %s: unpaid: %w", row["id"], err)
	}
	return amount, err
}

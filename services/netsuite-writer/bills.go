package netsuitewriter

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// left reads the order's bills with what earlier credits, and the shop, leave to give back of their lines. NetSuite is asked for
// credits only where they decide from which bill a line goes back.
func (w *writer) left(ctx context.Context, j *job, r event.CustomerRefund) ([]plan.Billed, error) {
	bills, err := w.bills(ctx, j)
	if err != nil {
		return nil, err
	}
	plan.TakeBooked(bills, j.ledger.SalesOrder.Lines, j.ledger, r.Refund)
	if plan.InPieces(r, j.ledger.SalesOrder.Lines, bills, j.ledger) {
		taken, err := w.taken(ctx, j, r, bills)
		if err != nil {
			return nil, err
		}
		plan.TakeFound(bills, j.ledger, taken)
	}
	plan.TakeKept(bills, r, j.desired, j.ledger.SalesOrder.Lines, j.held.lines)
	return bills, nil
}

// bills reads the order's invoices and cash sales with the lines of the order they bill, oldest first.
func (w *writer) bills(ctx context.Context, j *job) ([]plan.Billed, error) {
	q := fmt.Sprintf("SELECT t.id AS id, t.type AS type, t.foreignamountunpaid AS unpaid, l.previousline AS orderline, l.nextline AS line, b.id AS held, b.item AS item, b.quantity AS quantity, b.foreignamount AS amount"+
		" FROM PreviousTransactionLineLink l JOIN transaction t ON t.id = l.nextdoc LEFT JOIN transactionline b ON b.transaction = l.nextdoc AND b.id = l.nextline"+
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
			open, err := amountOf(row, "unpaid")
			if err != nil {
				return nil, err
			}
			bills = append(bills, plan.Billed{ID: row["id"], Record: records[row["type"]], Open: open, Lines: map[string]plan.BilledLine{}})
		}
		quantity, amount, err := piecesOf(row)
		if err != nil {
			return nil, err
		}
		bills[len(bills)-1].Lines[row["orderline"]] = plan.BilledLine{Line: row["line"], Item: row["item"], Quantity: quantity, Amount: amount, Unclear: row["held"] == ""}
	}
	return bills, nil
}

// taken reads what credits made from bills take back of their lines. Those of the refund itself are no earlier ones: a try that
// did not come to enter them made them.
func (w *writer) taken(ctx context.Context, j *job, r event.CustomerRefund, bills []plan.Billed) ([]plan.Taken, error) {
	ids := make([]string, len(bills))
	for i, b := range bills {
		ids[i] = b.ID
	}
	q := fmt.Sprintf("SELECT t.id AS id, t.externalid AS externalid, l.createdfrom AS bill, l.item AS item, l.quantity AS quantity, l.foreignamount AS amount"+
		" FROM transactionline l JOIN transaction t ON t.id = l.transaction"+
		" WHERE l.createdfrom IN (%s) AND t.type IN ('CustCred', 'CashRfnd') AND t.voided = 'F' AND l.mainline = 'F' AND l.taxline = 'F' AND l.iscogs = 'F' AND l.item IS NOT NULL"+
		" ORDER BY t.id, l.id", suitetalk.In(ids))
	rows, calls, err := w.client.Query(ctx, "read credits", q)
	j.add(calls)
	if err != nil {
		return nil, err
	}
	var taken []plan.Taken
	for _, row := range slices.DeleteFunc(rows, func(row suitetalk.Row) bool { return plan.IsShare(row["externalid"], r) }) {
		quantity, amount, err := piecesOf(row)
		if err != nil {
			return nil, err
		}
		taken = append(taken, plan.Taken{Credit: row["id"], Bill: row["bill"], Item: row["item"], Quantity: quantity, Amount: amount})
	}
	return taken, nil
}

// piecesOf are a line's pieces and money without their sign, which differs from account to account. A line without a quantity is
// one piece.
func piecesOf(row suitetalk.Row) (money.Number, money.Amount, error) {
	amount, err := amountOf(row, "amount")
	text, given := row["quantity"]
	if err != nil || !given {
		return money.Int(1), amount.Abs(), err
	}
	quantity, err := money.ParseNumber(strings.TrimPrefix(text, "-"))
	if err != nil {
		err = fmt.Errorf("line of %s: quantity: %w", row["id"], err)
	}
	return quantity, amount.Abs(), err
}

// amountOf is zero where the column is null.
func amountOf(row suitetalk.Row, column string) (money.Amount, error) {
	text, given := row[column]
	if !given {
		return money.Zero, nil
	}
	amount, err := money.Parse(text)
	if err != nil {
		err = fmt.Errorf("transaction %s: %s: %w", row["id"], column, err)
	}
	return amount, err
}

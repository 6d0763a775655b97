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

// held is a sales order as NetSuite holds it.
type held struct {
	id, externalID, tranID, status string
	customer                       string // internal id
	total, tax                     money.Amount
	lines                          []plan.Line
}

// readBackWidth bounds the orders of one query: their lines must stay readable in a few pages.
const readBackWidth = 100

// readBack reads orders by externalId, many in one query. Keys are lower-case: externalId ignores case. Column names the
// shop's line on each line of the order; empty: the account has none.
func readBack(ctx context.Context, client *suitetalk.Client, column string, externalIDs []string) (map[string]held, []event.Call, error) {
	slices.Sort(externalIDs)
	mark := ""
	if column != "" {
		mark = ", l." + column + " AS mark"
	}
	q := fmt.Sprintf("SELECT t.id AS id, t.externalid AS externalid, t.tranid AS tranid, t.status AS status, t.entity AS customer, t.foreigntotal AS total, t.taxtotal AS tax,"+
		" l.id AS line, l.item AS item, l.itemtype AS kind, l.quantity AS quantity, l.quantityshiprecv AS fulfilled, l.quantitybilled AS billed, l.foreignamount AS amount, l.isclosed AS closed%s"+
		" FROM transaction t JOIN transactionline l ON l.transaction = t.id"+
		" WHERE t.type = 'SalesOrd' AND LOWER(t.externalid) IN (%s) AND l.mainline = 'F' AND l.taxline = 'F' AND l.itemtype <> 'ShipItem'"+
		" ORDER BY t.id, l.linesequencenumber", mark, suitetalk.In(externalIDs))
	rows, calls, err := client.Query(ctx, "read back", q)
	if err != nil {
		return nil, calls, err
	}
	orders := map[string]held{}
	for _, row := range rows {
		key := strings.ToLower(row["externalid"])
		order, seen := orders[key]
		if !seen {
			if order, err = heldOf(row); err != nil {
				return nil, calls, fmt.Errorf("read back %s: %w", row["externalid"], err)
			}
		}
		line, err := lineOf(row)
		if err != nil {
			return nil, calls, fmt.Errorf("read back %s: line %s: %w", row["externalid"], row["line"], err)
		}
		order.lines = append(order.lines, line)
		orders[key] = order
	}
	for _, order := range orders {
		straighten(order.lines)
	}
	return orders, calls, nil
}

func heldOf(row suitetalk.Row) (order held, err error) {
	order = held{id: row["id"], externalID: row["externalid"], tranID: row["tranid"], status: letter(row["status"]), customer: row["customer"]}
	if order.total, err = money.Parse(row["total"]); err != nil {
		return order, fmt.Errorf("total: %w", err)
	}
	if tax, given := row["tax"]; given { // a null column is absent
		if order.tax, err = money.Parse(tax); err != nil {
			return order, fmt.Errorf("tax: %w", err)
		}
	}
	return order, nil
}

func lineOf(row suitetalk.Row) (line plan.Line, err error) {
	line = plan.Line{Number: row["line"], Item: row["item"], Kind: row["kind"], Mark: row["mark"], Closed: row["closed"] == "T"}
	if line.Amount, err = money.Parse(row["amount"]); err != nil {
		return line, err
	}
	for column, into := range map[string]*money.Number{"quantity": &line.Quantity, "fulfilled": &line.Fulfilled, "billed": &line.Billed} {
		if text, given := row[column]; given {
			if *into, err = money.ParseNumber(text); err != nil {
				return line, fmt.Errorf("%s: %w", column, err)
			}
		}
	}
	return line, nil
}

// straighten gives the lines of a sale the order's sign where the account shows the ledger's: what is sold counts negative
// there. No line of ours orders less than nothing.
func straighten(lines []plan.Line) {
	if !slices.ContainsFunc(lines, func(l plan.Line) bool { return l.Quantity.Sign() < 0 }) {
		return
	}
	for i, l := range lines {
		lines[i].Quantity, lines[i].Amount = l.Quantity.Neg(), l.Amount.Neg()
	}
}

// letter reads a status in either form: "B" or "SalesOrd:B".
func letter(status string) string { return status[strings.LastIndexByte(status, ':')+1:] }

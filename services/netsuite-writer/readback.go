package netsuitewriter

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// held is a sales order as NetSuite holds it.
type held struct {
	id, externalID, tranID, status string
	total, tax                     money.Amount
	lines                          []event.LedgerLine // keys empty
}

// readBackWidth bounds the orders of one query: their lines must stay readable in a few pages.
const readBackWidth = 100

// readBack reads orders by externalId, many in one query. Keys are lower-case: externalId ignores case.
func readBack(ctx context.Context, client *suitetalk.Client, externalIDs []string) (map[string]held, []event.Call, error) {
	slices.Sort(externalIDs)
	q := fmt.Sprintf("SELECT t.id AS id, t.externalid AS externalid, t.tranid AS tranid, t.status AS status, t.foreigntotal AS total, t.taxtotal AS tax,"+
		" l.id AS line, l.foreignamount AS amount, l.isclosed AS closed"+
		" FROM transaction t JOIN transactionline l ON l.transaction = t.id"+
		" WHERE t.type = 'SalesOrd' AND LOWER(t.externalid) IN (%s) AND l.mainline = 'F' AND l.taxline = 'F' AND l.itemtype <> 'ShipItem'"+
		" ORDER BY t.id, l.linesequencenumber", suitetalk.In(externalIDs))
	rows, calls, err := client.Query(ctx, "read back", q)
	if err != nil {
		return nil, calls, err
	}
	orders := map[string]held{}
	for _, row := range rows {
		key := strings.ToLower(row["externalid"])
		order, seen := orders[key]
		if !seen {
			order = held{id: row["id"], externalID: row["externalid"], tranID: row["tranid"], status: letter(row["status"])}
			if order.total, err = money.Parse(row["total"]); err != nil {
				return nil, calls, fmt.Errorf("read back %s: total: %w", row["externalid"], err)
			}
			if tax, given := row["tax"]; given { // a null column is absent
				if order.tax, err = money.Parse(tax); err != nil {
					return nil, calls, fmt.Errorf("read back %s: tax: %w", row["externalid"], err)
				}
			}
		}
		amount, err := money.Parse(row["amount"])
		if err != nil {
			return nil, calls, fmt.Errorf("read back %s: line %s: %w", row["externalid"], row["line"], err)
		}
		order.lines = append(order.lines, event.LedgerLine{Line: row["line"], Amount: amount, Closed: row["closed"] == "T"})
		orders[key] = order
	}
	return orders, calls, nil
}

// letter reads a status in either form: "B" or "SalesOrd:B".
func letter(status string) string { return status[strings.LastIndexByte(status, ':')+1:] }

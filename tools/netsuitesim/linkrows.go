package netsuitesim

import (
	"slices"

	"github.com/shopspring/decimal"
)

// linkRows are the links from what a transaction rests on to it: per line from
// its source, one (with the lines 0) from what its amounts are applied to. The
// values of linktype other than ShipRcpt, OrdBill and Payment are this
// package's own.
func (t *tx) linkRows(r *record) []row {
	var rows []row
	var listed []int64
	link := func(from, line, next int64, kind string, amount decimal.Decimal) {
		v := map[string]any{
			"previousdoc": from, "nextdoc": r.id, "previousline": line, "nextline": next, "linktype": kind,
			"nexttype": r.kind.code, "foreignamount": amount.String(), "nextdate": r.fields.text("tranDate"),
		}
		if previous := t.get(transactions, from); previous != nil {
			v["previoustype"], v["previousdate"] = previous.kind.code, previous.fields.text("tranDate")
		}
		rows = append(rows, row{"previoustransactionlinelink", v})
	}
	for _, list := range []string{"apply", "deposit"} {
		for _, line := range r.fields.lines(list) {
			listed = append(listed, line.refID("doc"))
			link(line.refID("doc"), 0, 0, "Payment", line.amount("amount"))
		}
	}
	for _, name := range []string{"createdFrom", "salesOrder"} {
		from := r.fields.refID(name)
		if from == 0 || slices.Contains(listed, from) {
			continue
		}
		if r.fields.lines("item") == nil {
			link(from, 0, 0, linkType(r), r.fields.amount("total"))
		}
		for i, line := range r.fields.lines("item") {
			if number := line.integer("orderLine"); number != 0 {
				link(from, number, or(line.integer("line"), int64(i+1)), linkType(r), line.amount("amount"))
			}
		}
	}
	return rows
}

func linkType(r *record) string {
	switch r.kind.name {
	case "itemFulfillment", "itemReceipt":
		return "ShipRcpt"
	case "invoice", "cashSale", "creditMemo", "cashRefund":
		return "OrdBill"
	case "customerDeposit":
		return "OrdDep"
	case "returnAuthorization":
		return "OrdRtn"
	}
	return "DepAppl"
}

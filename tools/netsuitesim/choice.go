package netsuitesim

import "strings"

// orderStatuses are the states of a sales order.
var orderStatuses = map[string]string{
	"A": "Pending Approval", "B": "Pending Fulfillment", "C": "Cancelled", "D": "Partially Fulfilled",
	"E": "Pending Billing/Partially Fulfilled", "F": "Pending Billing", "G": "Billed", "H": "Closed",
}

// returnStatuses are the states of a return authorization.
var returnStatuses = map[string]string{
	"A": "Pending Approval", "B": "Pending Receipt", "C": "Cancelled", "D": "Partially Received",
	"E": "Pending Refund/Partially Received", "F": "Pending Refund", "G": "Refunded", "H": "Closed",
}

// shipStatuses are the states of an item fulfilment.
var shipStatuses = map[string]string{"A": "Picked", "B": "Packed", "C": "Shipped"}

// depositStatuses are the states of a customer deposit.
var depositStatuses = map[string]string{"A": "Not Deposited", "B": "Deposited", "C": "Fully Applied", "D": "Unapproved Payment", "R": "Refunded"}

// moneyStatuses are the states of a cash sale and of a customer payment.
var moneyStatuses = map[string]string{"A": "Unapproved Payment", "B": "Not Deposited", "C": "Deposited"}

// invoiceStatuses are the states of an invoice.
var invoiceStatuses = map[string]string{"A": "Open", "B": "Paid In Full"}

// creditStatuses are the states of a credit memo.
var creditStatuses = map[string]string{"A": "Open", "B": "Fully Applied"}

// settable are the display names of the choices that a body may set, by record
// type and property.
var settable = map[string]map[string]string{
	"salesOrder.orderStatus":          orderStatuses,
	"returnAuthorization.orderStatus": returnStatuses,
	"itemFulfillment.shipStatus":      shipStatuses,
}

// named is a choice with its display name; unknown ones show their id.
func (p *property) named(id string) fields { return point(id, or(p.labels[id], id)) }

// choiceNamed is the id of a choice given by its display name.
func (p *property) choiceNamed(name string) string {
	for id, label := range p.labels {
		if strings.EqualFold(label, name) {
			return id
		}
	}
	return name
}

// setStatus shows a state of the record's type.
func (d *draft) setStatus(letter string) {
	d.fields["status"] = point(letter, d.kind.statuses[letter])
}

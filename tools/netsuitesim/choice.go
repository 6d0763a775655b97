package netsuitesim

import "strings"

// orderStatuses are the states of a sales order.
var orderStatuses = map[string]string{
	"A": "Pending Approval", "B": "Pending Fulfillment", "C": "Cancelled", "D": "Partially Fulfilled",
	"E": "Pending Billing/Partially Fulfilled", "F": "Pending Billing", "G": "Billed", "H": "Closed",
}

// shipStatuses are the states of an item fulfilment.
var shipStatuses = map[string]string{"A": "Picked", "B": "Packed", "C": "Shipped"}

// depositStatuses are the states of a customer deposit.
var depositStatuses = map[string]string{"A": "Not Deposited", "B": "Deposited", "C": "Fully Applied", "D": "Unapproved Payment", "R": "Refunded"}

// invoiceStatuses are the states of an invoice.
var invoiceStatuses = map[string]string{"A": "Open", "B": "Paid In Full"}

// labels are the display names of choices, by property.
var labels = map[string]map[string]string{
	"orderStatus": orderStatuses,
	"status":      orderStatuses,
	"shipStatus":  shipStatuses,
}

// choiceName is the display name of a choice; unknown ones show their id.
func choiceName(property, id string) string { return or(labels[property][id], id) }

// choiceNamed is the id of a choice given by its display name.
func choiceNamed(property, name string) string {
	for id, label := range labels[property] {
		if strings.EqualFold(label, name) {
			return id
		}
	}
	return name
}

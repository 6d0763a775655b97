package plan

import (
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// Shipped is NetSuite's letter of a fulfilment that left; before it was picked or packed.
const Shipped = "C"

// Shipment is a fulfilment as the shop is told of it.
type Shipment struct {
	Numbers []string // tracking numbers, each once, in NetSuite's order
	Carrier string
	Date    string // YYYY-MM-DD
	Items   []Item
}

// Item is what is in a shipment of one of the shop's lines.
type Item struct {
	Line     string // the shop's line id
	Quantity money.Number
}

// ShipmentOf reads a fulfilment. NetSuite keeps several tracking numbers in one field, apart by blank or comma
// (DUP_TRACKING_NUM in its table of errors).
func ShipmentOf(c event.NetSuiteChangedV1, ledger []event.LedgerLine) Shipment {
	s := Shipment{Carrier: c.ShipMethod, Date: c.Date}
	for _, p := range c.Packages {
		for _, text := range p.TrackingNumbers {
			for _, number := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == ';' || r == '\n' || r == '\t' }) {
				if !slices.Contains(s.Numbers, number) {
					s.Numbers = append(s.Numbers, number)
				}
			}
		}
	}
	for _, line := range c.Lines {
		key, _ := keyOf(ledger, line.Line)
		if id, isGood := strings.CutPrefix(key, lineKey); isGood && line.Quantity.Sign() > 0 {
			s.Items = append(s.Items, Item{id, line.Quantity})
		}
	}
	return s
}

// TrackingNote tells the customer of a number.
func TrackingNote(s Shipment, number string) string {
	text := "Your order is on its way"
	if s.Carrier != "" {
		text += " with " + s.Carrier
	}
	return text + ". Tracking number: " + number
}

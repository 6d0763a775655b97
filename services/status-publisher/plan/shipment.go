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
	Told    []string // those of which the customer was mailed before
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

// News are the numbers that are known neither by the ledger nor to the shop.
func (s Shipment) News(known func(number string) bool) []string {
	return slices.DeleteFunc(slices.Clone(s.Numbers), func(number string) bool { return slices.Contains(s.Told, number) || known(number) })
}

// Parcel is the shipment as the order's ledger keeps it.
func (s Shipment) Parcel(c event.NetSuiteChangedV1) event.ShopParcel {
	p := event.ShopParcel{ID: c.Record.ID, Number: c.TranID, ModifiedAt: c.ModifiedAt, Gone: c.Deleted || c.Status != Shipped}
	if p.Gone {
		return p
	}
	p.Carrier, p.Date, p.Tracking = s.Carrier, s.Date, s.Numbers
	for _, item := range s.Items {
		p.Lines = append(p.Lines, event.ShopParcelLine(item))
	}
	return p
}

// MergeParcels lays a parcel over those known. Invariant 4: the newer state of each counts, in whichever order they come.
func MergeParcels(known []event.ShopParcel, parcel event.ShopParcel) []event.ShopParcel {
	list := slices.Clone(known)
	at := slices.IndexFunc(list, func(p event.ShopParcel) bool { return p.ID == parcel.ID })
	switch {
	case at < 0:
		list = append(list, parcel)
	case !list[at].ModifiedAt.After(parcel.ModifiedAt):
		list[at] = parcel
	}
	slices.SortFunc(list, func(a, b event.ShopParcel) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// TrackingNote tells the customer of a number.
func TrackingNote(s Shipment, number string) string {
	text := "Your order is on its way"
	if s.Carrier != "" {
		text += " with " + s.Carrier
	}
	return text + ". Tracking number: " + number
}

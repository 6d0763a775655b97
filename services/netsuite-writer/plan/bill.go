package plan

import (
	"maps"
	"slices"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
)

// Bill writes the body of the transform that bills a sales order.
func Bill(b event.Bill, ids IDs) ([]byte, error) {
	body := object{"externalId": b.ExternalID}
	if err := setFields(body, b.Fields, ids); err != nil {
		return nil, err
	}
	return codec.Encode(body)
}

// headerDiscount are the fields of a discount that stands in an order's header.
var headerDiscount = []string{"discountItem", "discountRate"}

// IsDiscounted tells whether a discount stands in the order's header.
func IsDiscounted(so event.SalesOrder) bool {
	rate, is := so.Fields["discountRate"]
	return is && !rate.Empty
}

// Discounted is the bill with the discount of the order's header said again: some accounts make a percentage of two decimals of a
// flat one as they bill an order, which is another amount. What the bill's own fields say stands.
func Discounted(b event.Bill, so event.SalesOrder) event.Bill {
	fields := map[string]event.Value{}
	for _, name := range headerDiscount {
		if v, is := so.Fields[name]; is && !v.Empty {
			fields[name] = v
		}
	}
	maps.Copy(fields, b.Fields)
	b.Fields = fields
	return b
}

// BillsAll tells whether a bill made now may take all of the order: nothing of it is billed, and it is not partly fulfilled. A bill of
// a part has its part of the header's discount, and the first bill may have had all of it: that is NetSuite's to say.
func BillsAll(status string, lines []Line) bool {
	return status != "D" && status != "E" && !HasBills(lines)
}

// IsBilledWhole tells whether bills hold every piece of an order. A line that people closed is billed no further; unless it is worth
// nothing, nobody can tell what of it a bill has to hold.
func IsBilledWhole(lines []Line) bool {
	return !slices.ContainsFunc(lines, func(l Line) bool {
		return l.Billed.Cmp(l.Quantity) < 0 && !l.gone() || l.Closed && !l.Amount.IsZero()
	})
}

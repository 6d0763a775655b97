package netsuitesim

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/shopspring/decimal"
)

// stockField holds what an item's locations have, by location, once it was
// counted there; before, each has the item's quantityOnHand.
const stockField = "countedStock"

// Stock is what an item has at a location.
type Stock struct {
	SKU         string      `json:"sku"`
	Location    string      `json:"location"` // internal id
	OnHand      json.Number `json:"onHand"`
	Available   json.Number `json:"available"`   // onHand by default
	BackOrdered json.Number `json:"backOrdered"` // 0 by default
}

// SetStock changes what an item has at a location, as a count or an adjustment
// does, and returns the item's id. SuiteQL shows it in aggregateItemLocation.
func (s *Server) SetStock(in Stock) (string, error) {
	in.Available, in.BackOrdered = or(in.Available, in.OnHand), or(in.BackOrdered, "0")
	for name, n := range map[string]json.Number{"onHand": in.OnHand, "available": in.Available, "backOrdered": in.BackOrdered} {
		if _, err := decimal.NewFromString(n.String()); err != nil {
			return "", fmt.Errorf("%s %q: want a decimal number", name, n)
		}
	}
	var id string
	err := s.store.update(person, func(t *tx) error {
		item := t.byTitle(items, in.SKU)
		if item == nil {
			return fmt.Errorf("sku %q: unknown item", in.SKU)
		}
		if t.target(group("location"), fields{"id": in.Location}) == nil {
			return fmt.Errorf("location %q: unknown", in.Location)
		}
		f := item.fields.clone()
		if f.sub(stockField) == nil {
			f[stockField] = fields{}
		}
		if _, kept := f.number("quantityOnHand"); !kept {
			f["quantityOnHand"] = json.Number("0")
		}
		f.sub(stockField)[in.Location] = fields{
			"quantityonhand": in.OnHand.String(), "quantityavailable": in.Available.String(), "quantitybackordered": in.BackOrdered.String(),
			"lastquantityavailablechange": t.now.Format(time.RFC3339),
		}
		t.put(&record{kind: item.kind, id: item.id, fields: f})
		t.submit("inventory", item.id, false)
		id = decimalID(item.id)
		return nil
	})
	return id, err
}

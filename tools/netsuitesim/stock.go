package netsuitesim

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/shopspring/decimal"
)

// stockField holds what an item's locations have, by location, once something
// happened to it there; before, each has the item's quantityOnHand.
const stockField = "countedStock"

// Stock is what an item has at a location.
type Stock struct {
	SKU       string      `json:"sku"`
	Location  string      `json:"location"` // internal id
	OnHand    json.Number `json:"onHand"`
	Available json.Number `json:"available"` // by default onHand less what orders have committed; else the rest is not for sale
}

// SetStock changes what an item has at a location, as a count or an adjustment
// does, and returns the item's id. SuiteQL shows it in aggregateItemLocation.
func (s *Server) SetStock(in Stock) (string, error) {
	ids, err := s.SetStocks([]Stock{in})
	if err != nil {
		return "", err
	}
	return ids[0], nil
}

// SetStocks is SetStock for many at once: all of them or none.
func (s *Server) SetStocks(list []Stock) ([]string, error) {
	var ids []string
	err := s.store.update(person, func(t *tx) error {
		for _, in := range list {
			id, err := t.setStock(in)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}

func (t *tx) setStock(in Stock) (string, error) {
	onHand, err := decimal.NewFromString(in.OnHand.String())
	if err != nil {
		return "", fmt.Errorf("onHand %q: want a decimal number", in.OnHand)
	}
	available, err := decimal.NewFromString(or(in.Available, "0").String())
	if err != nil {
		return "", fmt.Errorf("available %q: want a decimal number", in.Available)
	}
	item := t.byTitle(items, in.SKU)
	if item == nil {
		return "", fmt.Errorf("sku %q: unknown item", in.SKU)
	}
	if t.target(group("location"), fields{"id": in.Location}) == nil {
		return "", fmt.Errorf("location %q: unknown", in.Location)
	}
	l, _ := levelsOf(item, in.Location)
	l.onHand, l.kept = onHand, decimal.Zero
	if in.Available != "" {
		l.kept = onHand.Sub(l.committed).Sub(available)
	}
	t.put(t.onto(item, in.Location, l))
	t.submit("inventory", item.id, false)
	return decimalID(item.id), nil
}

// levels are what an item has at a location. Committed is promised to orders,
// back-ordered what they lack, kept what is not for sale.
type levels struct{ onHand, committed, backOrdered, kept decimal.Decimal }

func (l levels) available() decimal.Decimal { return l.onHand.Sub(l.committed).Sub(l.kept) }

// levelsOf tells what an item has at a location, and whether its stock is kept
// at all.
func levelsOf(item *record, location string) (levels, bool) {
	each, kept := item.fields.number("quantityOnHand")
	row := item.fields.sub(stockField).sub(location)
	if row == nil {
		return levels{onHand: each}, kept
	}
	n := func(column string) decimal.Decimal {
		d, _ := decimal.NewFromString(row.text(column)) // written by onto; absent: none
		return d
	}
	return levels{n("quantityonhand"), n("quantitycommitted"), n("quantitybackordered"), n("notforsale")}, true
}

// onto gives the item with these levels at a location. The time moves when
// what is available does, from what it was before the transaction.
func (t *tx) onto(item *record, location string, l levels) *record {
	f := item.fields.clone()
	if f.sub(stockField) == nil {
		f[stockField] = fields{}
	}
	if _, kept := f.number("quantityOnHand"); !kept {
		f["quantityOnHand"] = json.Number("0")
	}
	row := fields{
		"quantityonhand": l.onHand.String(), "quantitycommitted": l.committed.String(), "quantitybackordered": l.backOrdered.String(), "notforsale": l.kept.String(),
		"quantityavailable": l.available().String(), "lastquantityavailablechange": t.now.Format(time.RFC3339),
	}
	was := t.store.byID[place{items, item.id}]
	before, _ := levelsOf(was, location)
	if at := was.fields.sub(stockField).sub(location); at != nil && before.available().Equal(l.available()) {
		row["lastquantityavailablechange"] = at["lastquantityavailablechange"]
	}
	f.sub(stockField)[location] = row
	return &record{kind: item.kind, id: item.id, fields: f}
}

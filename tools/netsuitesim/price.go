package netsuitesim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// priceField holds the prices of an item that were set, by level, currency and
// quantity; an empty one is a price that was taken away.
const priceField = "listedPrices"

// baseLevel is the price level whose price in the base currency is the item's
// base price.
const baseLevel = "1"

// Price is what an item costs at a price level.
type Price struct {
	SKU      string      `json:"sku"`
	Level    string      `json:"level"`    // internal id of the price level
	Currency string      `json:"currency"` // ISO code; the base currency by default
	Quantity int         `json:"quantity"` // from which it counts; 1 by default
	Price    json.Number `json:"price"`    // empty takes the price away: null in SuiteQL
}

// SetPrice changes a price of an item, as its Sales/Pricing tab does, and returns
// the item's id. SuiteQL shows it in pricing.
func (s *Server) SetPrice(in Price) (string, error) {
	var id string
	err := s.store.update(person, func(t *tx) (err error) {
		id, err = t.setPrice(in)
		return err
	})
	return id, err
}

func (t *tx) setPrice(in Price) (string, error) {
	if in.Price != "" {
		if _, err := decimal.NewFromString(in.Price.String()); err != nil {
			return "", fmt.Errorf("price %q: want a decimal number", in.Price)
		}
	}
	item := t.byTitle(items, in.SKU)
	if item == nil {
		return "", fmt.Errorf("sku %q: unknown item", in.SKU)
	}
	if t.target(group("priceLevel"), fields{"id": in.Level}) == nil {
		return "", fmt.Errorf("level %q: unknown price level", in.Level)
	}
	currency := t.currencyOf(in.Currency)
	if currency == nil {
		return "", fmt.Errorf("currency %q: unknown", in.Currency)
	}
	t.put(t.priced(item, in, currency))
	t.submit("inventory", item.id, false)
	return decimalID(item.id), nil
}

// currencyOf finds a currency by its symbol; "" is the base currency.
func (t *tx) currencyOf(symbol string) *record {
	for _, c := range t.of(t.kind("currency")) {
		if symbol == "" && c.fields.flag("isBaseCurrency") || symbol != "" && c.fields.text("symbol") == symbol {
			return c
		}
	}
	return nil
}

func (t *tx) priced(item *record, in Price, currency *record) *record {
	f := item.fields.clone()
	f["lastModifiedDate"] = t.now.Format(time.RFC3339)
	if in.Level == baseLevel && currency.fields.flag("isBaseCurrency") && in.Quantity <= 1 {
		delete(f, "basePrice")
		if in.Price != "" {
			f["basePrice"] = in.Price
		}
	}
	if f.sub(priceField) == nil {
		f[priceField] = fields{}
	}
	f.sub(priceField)[fmt.Sprintf("%s/%d/%d", in.Level, currency.id, max(1, in.Quantity))] = in.Price.String()
	return &record{kind: item.kind, id: item.id, fields: f}
}

// priceRows are the prices of an item, under the names of the table that the
// account has.
func (t *tx) priceRows(item *record) []row {
	prices := map[string]string{}
	if each, is := item.fields.number("basePrice"); is && t.currencyOf("") != nil {
		prices[fmt.Sprintf("%s/%d/1", baseLevel, t.currencyOf("").id)] = each.String()
	}
	for key := range item.fields.sub(priceField) {
		prices[key] = item.fields.sub(priceField).text(key)
	}
	table, currency, price := "pricing", "currency", "unitprice"
	if t.switches().ItemPrices {
		table, currency, price = "itemprice", "currencypage", "price"
	}
	var rows []row
	for key, amount := range prices {
		part := strings.Split(key, "/")
		rows = append(rows, row{table, map[string]any{"item": item.id, "pricelevel": part[0], currency: part[1], "quantity": part[2], price: amount}})
	}
	return rows
}

// Package price says what a product costs in a shop: NetSuite's prices of its item at the store's price levels, rounded
// to the shop's currency. It is pure.
package price

import (
	"slices"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// Store is where a shop takes its prices from.
type Store struct {
	Level     string // internal id
	SaleLevel string // empty: sales are the shop's
	Currency  money.Currency
}

// Tag is what a product costs.
type Tag struct {
	Currency money.Currency
	Regular  money.Amount
	Sale     *money.Amount // nil: no sale
	Sales    bool          // sales are NetSuite's
}

// Of gives the tag of an item. A regular price that is missing, and any that is negative, is refused. A sale price that is
// missing or not below the regular price is no sale.
func Of(s Store, p event.Prices) (Tag, error) {
	tag := Tag{Currency: s.Currency, Sales: s.SaleLevel != ""}
	regular, err := at(s.Level, s.Currency, p)
	if err == nil && regular == nil {
		err = unusable(s.Level, s.Currency, "")
	}
	if err != nil {
		return tag, err
	}
	tag.Regular = *regular
	if !tag.Sales {
		return tag, nil
	}
	sale, err := at(s.SaleLevel, s.Currency, p)
	if err == nil && sale != nil && sale.Cmp(tag.Regular) < 0 {
		tag.Sale = sale
	}
	return tag, err
}

// at gives the price of a level in the currency's precision; nil: there is none.
func at(level string, currency money.Currency, p event.Prices) (*money.Amount, error) {
	i := slices.IndexFunc(p.Levels, func(l event.LevelPrice) bool { return l.Level == level && l.Currency == currency })
	if i < 0 || p.Levels[i].Price == nil {
		return nil, nil //nolint:nilnil // no price is there, and that is an answer
	}
	amount := *p.Levels[i].Price
	if amount.Sign() < 0 {
		return nil, unusable(level, currency, amount.String())
	}
	amount = amount.Round(currency)
	return &amount, nil
}

func unusable(level string, currency money.Currency, value string) error {
	return fault.New(fault.PriceUnusable, "want a price of zero or more", fault.Field("price level "+level+" in "+string(currency), value))
}

// Text writes an amount as WooCommerce takes prices: decimal text with the currency's decimals.
func (t Tag) Text(a money.Amount) string { return a.Decimal().StringFixed(t.Currency.Precision()) }

// String writes the tag; two that say the same write the same.
func (t Tag) String() string {
	text := string(t.Currency) + " " + t.Text(t.Regular)
	if t.Sales {
		text += " sale"
	}
	if t.Sale != nil {
		text += " " + t.Text(*t.Sale)
	}
	return text
}

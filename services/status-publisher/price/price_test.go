package price

import (
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

func listed(levels ...string) (p event.Prices) {
	for i := 0; i < len(levels); i += 3 {
		l := event.LevelPrice{Level: levels[i], Currency: money.Currency(levels[i+1])}
		if levels[i+2] != "" {
			amount := money.MustParse(levels[i+2])
			l.Price = &amount
		}
		p.Levels = append(p.Levels, l)
	}
	return p
}

func TestOf(t *testing.T) {
	dollars, yen, dinars := Store{Level: "1", Currency: "USD"}, Store{Level: "1", SaleLevel: "5", Currency: "JPY"}, Store{Level: "1", SaleLevel: "5", Currency: "KWD"}
	for _, c := range []struct {
		name   string
		store  Store
		prices event.Prices
		want   string // as text; empty: refused
	}{
		{"two decimals", dollars, listed("1", "USD", "12.5"), "USD 12.50"},
		{"more digits are rounded half away from zero", dollars, listed("1", "USD", "12.345"), "USD 12.35"},
		{"digits beyond a float's", dollars, listed("1", "USD", "9007199254740993.01"), "USD 9007199254740993.01"},
		{"nothing", dollars, listed("1", "USD", "0"), "USD 0.00"},
		{"the level of its own", dollars, listed("2", "USD", "9", "1", "EUR", "8", "1", "USD", "7"), "USD 7.00"},
		{"no sale asked for", dollars, listed("1", "USD", "12", "5", "USD", "9"), "USD 12.00"},
		{"no decimals", yen, listed("1", "JPY", "1980.5", "5", "JPY", "1500"), "JPY 1981 sale 1500"},
		{"three decimals", dinars, listed("1", "KWD", "1.2345", "5", "KWD", "1.2"), "KWD 1.235 sale 1.200"},
		{"no sale price", yen, listed("1", "JPY", "1980"), "JPY 1980 sale"},
		{"an empty sale price", yen, listed("1", "JPY", "1980", "5", "JPY", ""), "JPY 1980 sale"},
		{"a sale for nothing", yen, listed("1", "JPY", "1980", "5", "JPY", "0"), "JPY 1980 sale 0"},
		{"a sale at the price", yen, listed("1", "JPY", "1980", "5", "JPY", "1980.4"), "JPY 1980 sale"},
		{"a sale above the price", yen, listed("1", "JPY", "1980", "5", "JPY", "2000"), "JPY 1980 sale"},
		{"no price", dollars, listed("1", "EUR", "8"), ""},
		{"an empty price", dollars, listed("1", "USD", ""), ""},
		{"a negative price", dollars, listed("1", "USD", "-0.01"), ""},
		{"a negative price that rounds to nothing", dollars, listed("1", "USD", "-0.001"), ""},
		{"a negative sale price", yen, listed("1", "JPY", "1980", "5", "JPY", "-1"), ""},
	} {
		tag, err := Of(c.store, c.prices)
		if c.want == "" {
			if fault.CodeOf(err) != fault.PriceUnusable {
				t.Errorf("%s: %q, %v; want it refused", c.name, tag, err)
			}
			continue
		}
		if err != nil || tag.String() != c.want {
			t.Errorf("%s: %q, %v; want %q", c.name, tag, err, c.want)
		}
	}
}

package cart

import (
	"sort"
	"strings"

	"github.com/shopspring/decimal"
)

// Place is where an order is taxed: the shipping address.
type Place struct{ Country, State, City string }

// Rate is one row of the store's tax table. Empty State, City or Class match
// any state, any city and the standard class.
type Rate struct {
	ID                          int64
	Code, Label                 string
	Percent                     decimal.Decimal
	Compound, OnShipping        bool
	Country, State, City, Class string
}

func (r Rate) covers(p Place, class string) bool {
	return r.Country == p.Country && r.Class == class &&
		(r.State == "" || r.State == p.State) &&
		(r.City == "" || strings.EqualFold(r.City, p.City))
}

// RatesAt picks the rates of a tax class at a place, in table order.
func RatesAt(rates []Rate, p Place, class string) []Rate {
	var at []Rate
	for _, r := range rates {
		if r.covers(p, class) {
			at = append(at, r)
		}
	}
	return at
}

// Net takes the tax out of a price that includes it, by the rates given; the
// result is unrounded (16 decimals).
func Net(gross decimal.Decimal, rates []Rate) decimal.Decimal {
	one := decimal.NewFromInt(1)
	factor := one
	for _, r := range rates {
		if !r.Compound {
			factor = factor.Add(r.Percent.Shift(-2))
		}
	}
	for _, r := range rates {
		if r.Compound {
			factor = factor.Mul(one.Add(r.Percent.Shift(-2)))
		}
	}
	return gross.DivRound(factor, 16)
}

// charge is each rate's tax on a net amount, unrounded. A compound rate is
// charged on the amount and the taxes before it.
func charge(amount decimal.Decimal, rates []Rate) []decimal.Decimal {
	taxes := make([]decimal.Decimal, len(rates))
	before := decimal.Zero
	for i, r := range rates {
		base := amount
		if r.Compound {
			base = base.Add(before)
		}
		taxes[i] = base.Mul(r.Percent).Shift(-2)
		before = before.Add(taxes[i])
	}
	return taxes
}

// tally charges amounts and remembers what each rate brought in.
type tally struct {
	order Order
	byID  map[int64]*RateTotal
}

func newTally(o Order) *tally { return &tally{order: o, byID: map[int64]*RateTotal{}} }

func (t *tally) rates(class string, taxFree bool) []Rate {
	if taxFree {
		return nil
	}
	return RatesAt(t.order.Rates, t.order.Place, class)
}

func (t *tally) line(l Line) Amount {
	return t.cart(l.Subtotal, l.Total, t.rates(l.Class, l.TaxFree))
}

func (t *tally) fee(f Fee) Amount {
	return t.cart(f.Amount, f.Amount, t.rates(f.Class, f.TaxFree))
}

// exact is the unrounded tax on an amount of a line.
func (t *tally) exact(amount decimal.Decimal, l Line) decimal.Decimal {
	sum := decimal.Zero
	for _, tax := range charge(amount, t.rates(l.Class, l.TaxFree)) {
		sum = sum.Add(tax)
	}
	return sum
}

func (t *tally) cart(subtotal, total decimal.Decimal, rates []Rate) Amount {
	a := t.amount(subtotal, total, rates)
	for i, r := range rates {
		row := t.row(r)
		row.Total = row.Total.Add(t.round(a.Taxes[i].Total))
	}
	return a
}

func (t *tally) shipping(amount decimal.Decimal, class string) Amount {
	var rates []Rate
	for _, r := range t.rates(class, false) {
		if r.OnShipping {
			rates = append(rates, r)
		}
	}
	a := t.amount(amount, amount, rates)
	for i, r := range rates {
		row := t.row(r)
		row.Shipping = row.Shipping.Add(t.round(a.Taxes[i].Total))
	}
	return a
}

func (t *tally) amount(subtotal, total decimal.Decimal, rates []Rate) Amount {
	a := Amount{Subtotal: subtotal.Round(Cents), Total: total.Round(Cents)}
	before, after := charge(subtotal, rates), charge(total, rates)
	for i, r := range rates {
		a.Taxes = append(a.Taxes, Tax{RateID: r.ID, Subtotal: before[i], Total: after[i]})
		a.SubtotalTax = a.SubtotalTax.Add(t.round(before[i]))
		a.TotalTax = a.TotalTax.Add(t.round(after[i]))
	}
	return a
}

func (t *tally) round(tax decimal.Decimal) decimal.Decimal {
	if t.order.HalfDown {
		return halfDown(tax)
	}
	return tax.Round(Cents)
}

func (t *tally) row(r Rate) *RateTotal {
	if t.byID[r.ID] == nil {
		t.byID[r.ID] = &RateTotal{Rate: r}
	}
	return t.byID[r.ID]
}

func (t *tally) totals() []RateTotal {
	rows := make([]RateTotal, 0, len(t.byID))
	for _, row := range t.byID {
		rows = append(rows, *row)
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].Rate.ID < rows[j].Rate.ID })
	return rows
}

// halfDown rounds to cents, half a cent towards zero.
func halfDown(d decimal.Decimal) decimal.Decimal {
	half := decimal.New(5, -Cents-1)
	cut := d.Truncate(Cents)
	if d.Sub(cut).Abs().GreaterThan(half) {
		return d.Round(Cents)
	}
	return cut
}

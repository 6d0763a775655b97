package cart

import (
	"sort"

	"github.com/shopspring/decimal"
)

// The kinds of coupons WooCommerce has.
const (
	Percent      = "percent"
	FixedCart    = "fixed_cart"
	FixedProduct = "fixed_product"
)

// Coupon is a discount code.
type Coupon struct {
	ID           int64
	Code, Kind   string
	Amount       decimal.Decimal
	FreeShipping bool
	ProductID    int64 // the only product it applies to; 0 = every product
}

// Applied is what one coupon took off an order.
type Applied struct {
	Coupon        Coupon
	Discount, Tax decimal.Decimal // whole cents; the tax is rounded line by line
}

// Apply takes the coupons off the order's lines, one after the other, in whole
// cents: shares are rounded down and the cents left over go to the dearest
// lines first. Percentages are of the undiscounted price.
func (o *Order) Apply(coupons []Coupon) []Applied {
	applied := make([]Applied, 0, len(coupons))
	for _, c := range coupons {
		d := o.discounter(c)
		d.take()
		a := Applied{Coupon: c}
		rates := newTally(*o)
		for _, s := range d.shares {
			amount := decimal.New(s.cents, -Cents)
			s.line.Total = s.line.Total.Sub(amount)
			a.Discount = a.Discount.Add(amount)
			a.Tax = a.Tax.Add(rates.exact(amount, *s.line).Round(Cents))
		}
		applied = append(applied, a)
	}
	return applied
}

// share is the part of one coupon that one line bears.
type share struct {
	line  *Line
	cents int64 // taken so far
}

// left is what the line still costs in whole cents: a part of a cent is never
// discounted, so that no line falls below zero.
func (s *share) left() int64 {
	return s.line.Total.Shift(Cents).Floor().IntPart() - s.cents
}

func (s *share) takeUpTo(cents int64) int64 {
	taken := min(cents, s.left())
	s.cents += taken
	return taken
}

type discounter struct {
	coupon Coupon
	shares []*share // dearest line first
}

func (o *Order) discounter(c Coupon) *discounter {
	d := &discounter{coupon: c}
	for i := range o.Lines {
		s := &share{line: &o.Lines[i]}
		if s.left() > 0 && (c.ProductID == 0 || c.ProductID == s.line.ProductID) {
			d.shares = append(d.shares, s)
		}
	}
	sort.SliceStable(d.shares, func(i, j int) bool {
		return d.shares[i].line.Subtotal.GreaterThan(d.shares[j].line.Subtotal)
	})
	return d
}

func (d *discounter) take() {
	switch d.coupon.Kind {
	case Percent:
		d.takePercent()
	case FixedProduct:
		d.takeEach(d.coupon.Amount.Shift(Cents).IntPart())
	case FixedCart:
		d.takeCart(d.coupon.Amount.Shift(Cents).IntPart())
	}
}

func (d *discounter) takePercent() {
	part := d.coupon.Amount.Shift(-2)
	price, taken := decimal.Zero, int64(0)
	for _, s := range d.shares {
		cents := s.line.Subtotal.Shift(Cents).Round(0)
		price = price.Add(cents)
		taken += s.takeUpTo(cents.Mul(part).Floor().IntPart())
	}
	due := halfDown(price.Mul(part).Shift(-Cents)).Shift(Cents).IntPart()
	d.takeRest(due - taken)
}

// takeEach takes the same amount off every single piece.
func (d *discounter) takeEach(cents int64) int64 {
	taken := int64(0)
	for _, s := range d.shares {
		taken += s.takeUpTo(cents * s.line.Quantity)
	}
	return taken
}

// takeCart spreads an amount evenly over all pieces, again and again until it
// is used up or nothing is left to discount.
func (d *discounter) takeCart(cents int64) {
	for cents > 0 {
		pieces := int64(0)
		for _, s := range d.shares {
			if s.left() > 0 {
				pieces += s.line.Quantity
			}
		}
		if pieces == 0 {
			return
		}
		each := cents / pieces
		if each == 0 {
			d.takeRest(cents)
			return
		}
		cents -= d.takeEach(each)
	}
}

// takeRest hands out single cents, at most one a piece, dearest line first.
func (d *discounter) takeRest(cents int64) {
	for _, s := range d.shares {
		for piece := int64(0); piece < s.line.Quantity && cents > 0; piece++ {
			cents -= s.takeUpTo(1)
		}
	}
}

// Package money holds exact decimal amounts, quantities and currencies. Text goes in, text comes out,
// nothing passes through a float. Invariant 5: amounts survive to the last digit.
package money

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/shopspring/decimal"
)

// maxDigits bounds a number on either side of its point, so that a hostile body cannot make arithmetic
// expensive; what is read within the bound is written within it.
const maxDigits = 30

var numberPattern = regexp.MustCompile(`^-?(\d+(\.\d*)?|\.\d+)$`)

func parse(text string) (decimal.Decimal, error) {
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if len(whole) > maxDigits || len(fraction) > maxDigits {
		return decimal.Decimal{}, fmt.Errorf("%q: more than %d digits on one side of the point", text[:maxDigits]+"…", maxDigits)
	}
	if !numberPattern.MatchString(text) {
		return decimal.Decimal{}, fmt.Errorf("%q: want decimal digits with an optional sign and point", text)
	}
	return decimal.NewFromString(text)
}

// plus and minus do without the library where a side is 0, which sums begin with: it would make three integers of one.
func plus(a, b decimal.Decimal) decimal.Decimal {
	switch {
	case b.IsZero():
		return a
	case a.IsZero():
		return b
	default:
		return a.Add(b)
	}
}

func minus(a, b decimal.Decimal) decimal.Decimal {
	if b.IsZero() {
		return a
	}
	return a.Sub(b)
}

// Amount is an exact amount of money in the currency its document names. The zero value is 0.00.
// Its text has at least two decimals and otherwise no trailing zeros: "28.10", "0.333", "13778.00".
type Amount struct{ value decimal.Decimal }

// Zero is 0.00.
var Zero Amount

// Parse reads decimal text such as "12.30" or "-0.333"; exponents, blanks and empty text are errors.
func Parse(text string) (Amount, error) {
	value, err := parse(text)
	if err != nil {
		return Amount{}, fmt.Errorf("amount %w", err)
	}
	return Amount{value}, nil
}

// MustParse is Parse for constants; it panics on bad text.
func MustParse(text string) Amount {
	amount, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return amount
}

// AmountOf makes an amount of a decimal value.
func AmountOf(value decimal.Decimal) Amount { return Amount{value} }

// Decimal gives the exact value.
func (a Amount) Decimal() decimal.Decimal { return a.value }

// Add gives a + b.
func (a Amount) Add(b Amount) Amount { return Amount{plus(a.value, b.value)} }

// Sub gives a - b.
func (a Amount) Sub(b Amount) Amount { return Amount{minus(a.value, b.value)} }

// Neg gives -a.
func (a Amount) Neg() Amount { return Amount{a.value.Neg()} }

// Abs gives |a|.
func (a Amount) Abs() Amount { return Amount{a.value.Abs()} }

// Times gives a × n, exact.
func (a Amount) Times(n Number) Amount { return Amount{a.value.Mul(n.value)} }

// Per gives a / n to the given number of decimals, half away from zero; n must not be zero.
func (a Amount) Per(n Number, places int32) Number {
	return Number{a.value.DivRound(n.value, places)}
}

// Round gives the amount at the currency's precision, half away from zero.
func (a Amount) Round(c Currency) Amount { return Amount{a.value.Round(c.Precision())} }

// Cmp compares: -1, 0 or +1.
func (a Amount) Cmp(b Amount) int { return a.value.Cmp(b.value) }

// Equal tells whether both are the same value, whatever their texts.
func (a Amount) Equal(b Amount) bool { return a.value.Equal(b.value) }

// IsZero tells whether the amount is 0.
func (a Amount) IsZero() bool { return a.value.IsZero() }

// Sign gives -1, 0 or +1.
func (a Amount) Sign() int { return a.value.Sign() }

// String gives the canonical text: at least two decimals, no other trailing zeros.
func (a Amount) String() string { return string(write(make([]byte, 0, textRoom), a.value, 2)) }

// MarshalText gives the canonical text.
func (a Amount) MarshalText() ([]byte, error) {
	return write(make([]byte, 0, textRoom), a.value, 2), nil
}

// UnmarshalText reads decimal text.
func (a *Amount) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// Sum adds the amounts up.
func Sum(amounts ...Amount) Amount {
	total := Zero
	for _, amount := range amounts {
		total = total.Add(amount)
	}
	return total
}

// Split shares an amount out by weights, at the currency's precision: the shares add up to the amount, and each
// is less than one unit off its exact share. Weights are of one sign; where all are zero, the first takes all.
func (a Amount) Split(weights []Amount, c Currency) []Amount {
	shares := make([]Amount, len(weights))
	sum, upTo, before := Sum(weights...), Zero, Zero
	for i, weight := range weights {
		upTo = upTo.Add(weight)
		next := a
		if !sum.IsZero() {
			next = Amount{a.value.Mul(upTo.value).DivRound(sum.value, c.Precision())}
		}
		shares[i], before = next.Sub(before), next
	}
	return shares
}

// AppendTo appends the text of String.
func (a Amount) AppendTo(text []byte) []byte { return write(text, a.value, 2) }

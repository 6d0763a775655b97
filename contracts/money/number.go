package money

import (
	"fmt"

	"github.com/shopspring/decimal"
)

// Number is an exact decimal that is not an amount: a quantity, a tax rate in percent, a unit rate.
// The zero value is 0. Its text has no trailing zeros.
type Number struct{ value decimal.Decimal }

// ParseNumber reads decimal text; exponents, blanks and empty text are errors.
func ParseNumber(text string) (Number, error) {
	value, err := parse(text)
	if err != nil {
		return Number{}, fmt.Errorf("number %w", err)
	}
	return Number{value}, nil
}

// MustParseNumber is ParseNumber for constants; it panics on bad text.
func MustParseNumber(text string) Number {
	number, err := ParseNumber(text)
	if err != nil {
		panic(err)
	}
	return number
}

// NumberOf makes a number of a decimal value.
func NumberOf(value decimal.Decimal) Number { return Number{value} }

// Int makes a number of a whole one.
func Int(n int64) Number { return Number{decimal.NewFromInt(n)} }

// Decimal gives the exact value.
func (n Number) Decimal() decimal.Decimal { return n.value }

// Add gives n + m.
func (n Number) Add(m Number) Number { return Number{plus(n.value, m.value)} }

// Sub gives n - m.
func (n Number) Sub(m Number) Number { return Number{minus(n.value, m.value)} }

// Times gives n × m, exact.
func (n Number) Times(m Number) Number { return Number{n.value.Mul(m.value)} }

// Neg gives -n.
func (n Number) Neg() Number { return Number{n.value.Neg()} }

// Cmp compares: -1, 0 or +1.
func (n Number) Cmp(m Number) int { return n.value.Cmp(m.value) }

// Equal tells whether both are the same value.
func (n Number) Equal(m Number) bool { return n.value.Equal(m.value) }

// IsZero tells whether the number is 0.
func (n Number) IsZero() bool { return n.value.IsZero() }

// Sign gives -1, 0 or +1.
func (n Number) Sign() int { return n.value.Sign() }

// String gives the text without trailing zeros.
func (n Number) String() string { return string(write(make([]byte, 0, textRoom), n.value, 0)) }

// MarshalText gives the text without trailing zeros.
func (n Number) MarshalText() ([]byte, error) {
	return write(make([]byte, 0, textRoom), n.value, 0), nil
}

// UnmarshalText reads decimal text.
func (n *Number) UnmarshalText(text []byte) error {
	parsed, err := ParseNumber(string(text))
	if err != nil {
		return err
	}
	*n = parsed
	return nil
}

// AppendTo appends the text of String.
func (n Number) AppendTo(text []byte) []byte { return write(text, n.value, 0) }

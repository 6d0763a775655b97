package money

import (
	"math/big"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
)

// The text of a machine word is the one of any other number.
func TestWriteIsExact(t *testing.T) {
	for _, coefficient := range []string{"0", "1", "-1", "10", "-100", "1999", "5", "-5", "120", "999999999999999999", "-999999999999999999", "1000000000000000000", "9223372036854775807", "-9223372036854775808", "123456789012345678901234567890", "100000000000000000"} {
		for exponent := int32(-25); exponent <= 5; exponent++ {
			digits, _ := new(big.Int).SetString(coefficient, 10)
			value := decimal.NewFromBigInt(digits, exponent)
			want := value.String()
			if got := NumberOf(value).String(); got != want {
				t.Errorf("%s E%d: number %s, want %s", coefficient, exponent, got, want)
			}
			whole, fraction, _ := strings.Cut(want, ".")
			want = whole + "." + fraction + strings.Repeat("0", max(0, 2-len(fraction)))
			if got := AmountOf(value).String(); got != want {
				t.Errorf("%s E%d: amount %s, want %s", coefficient, exponent, got, want)
			}
		}
	}
}

package money

import (
	"bytes"
	"strconv"

	"github.com/shopspring/decimal"
)

// wordDigits is how many fit into a machine word whatever they are.
const wordDigits = 18

// textRoom is enough for the text of almost every amount.
const textRoom = 16

// write appends a decimal's text, without trailing zeros but with at least so many decimals. Amounts are written some
// hundred times per order: those of a machine word take no allocation, not five.
func write(text []byte, value decimal.Decimal, least int) []byte {
	places := -int(value.Exponent())
	if places < 0 || places > wordDigits || value.NumDigits() > wordDigits {
		return append(text, pad([]byte(value.String()), least)...)
	}
	coefficient := value.CoefficientInt64()
	if coefficient < 0 {
		text, coefficient = append(text, '-'), -coefficient
	}
	unit := int64(1)
	for range places {
		unit *= 10
	}
	text = strconv.AppendInt(text, coefficient/unit, 10)
	rest := coefficient % unit
	for places > least && rest%10 == 0 {
		rest, places = rest/10, places-1
	}
	for ; places < least; places++ {
		rest *= 10
	}
	if places == 0 {
		return text
	}
	text = append(text, ".000000000000000000"[:places+1]...)
	for at := len(text) - 1; rest > 0; at-- {
		text[at] = byte('0' + rest%10)
		rest /= 10
	}
	return text
}

// pad adds zeros until there are so many decimals.
func pad(text []byte, least int) []byte {
	have := 0
	if point := bytes.IndexByte(text, '.'); point >= 0 {
		have = len(text) - point - 1
	} else if least > 0 {
		text = append(text, '.')
	}
	for ; have < least; have++ {
		text = append(text, '0')
	}
	return text
}

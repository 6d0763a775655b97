package money

import (
	"fmt"
	"strings"

	"github.com/shopspring/decimal"
)

// Currency is an ISO 4217 code, e.g. "USD". Its invalid form cannot be parsed.
type Currency string

// The codes of ISO 4217 in circulation whose minor unit has two decimals.
const twoDecimals = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW " +
	"CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES " +
	"KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN " +
	"PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD " +
	"USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"

// The codes whose minor unit has none, and three.
const (
	zeroDecimals  = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
	threeDecimals = "BHD IQD JOD KWD LYD OMR TND"
)

var precision = func() map[Currency]int32 {
	table := map[Currency]int32{}
	for places, codes := range map[int32]string{0: zeroDecimals, 2: twoDecimals, 3: threeDecimals} {
		for code := range strings.FieldsSeq(codes) {
			table[Currency(code)] = places
		}
	}
	return table
}()

// ParseCurrency reads an upper-case ISO 4217 code.
func ParseCurrency(text string) (Currency, error) {
	if _, known := precision[Currency(text)]; !known {
		return "", fmt.Errorf("currency %q: want a code of ISO 4217", text)
	}
	return Currency(text), nil
}

// Precision is the number of decimals of the currency's minor unit: JPY 0, USD 2, KWD 3.
func (c Currency) Precision() int32 { return precision[c] }

// Unit is the smallest amount of the currency: JPY 1, USD 0.01, KWD 0.001.
func (c Currency) Unit() Amount { return Amount{decimal.New(1, -c.Precision())} }

// UnmarshalText reads an ISO 4217 code.
func (c *Currency) UnmarshalText(text []byte) error {
	parsed, err := ParseCurrency(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

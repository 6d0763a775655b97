package money

import (
	"regexp"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/capture"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"12.30": "12.30", "5": "5.00", "0.333": "0.333", "-2": "-2.00", "1253.9": "1253.90", "-12.345": "-12.345", "13778.00": "13778.00", ".5": "0.50", "7.": "7.00", "-0": "0.00",
	} {
		amount, err := Parse(text)
		if err != nil || amount.String() != want {
			t.Errorf("Parse(%q) = %s, %v, want %s", text, amount, err, want)
		}
	}
	for _, text := range []string{"", " 1", "1,00", "1e3", "0x10", "NaN", "Infinity", "--1", "1.2.3", "€5", "١", strings.Repeat("9", 41)} {
		if amount, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %s, want an error", text, amount)
		}
	}
}

// Half away from zero, at each currency's own precision.
func TestRound(t *testing.T) {
	for _, c := range []struct {
		text     string
		currency Currency
		want     string
	}{
		{"1.005", "USD", "1.01"}, {"-1.005", "USD", "-1.01"}, {"1.0049", "USD", "1.00"}, {"1249.90", "JPY", "1250.00"}, {"0.5", "JPY", "1.00"},
		{"-0.5", "JPY", "-1.00"}, {"1.2345", "KWD", "1.235"}, {"2.5", "EUR", "2.50"},
	} {
		if got := MustParse(c.text).Round(c.currency).String(); got != c.want {
			t.Errorf("%s at %s: %s, want %s", c.text, c.currency, got, c.want)
		}
	}
}

func TestParseCurrency(t *testing.T) {
	for code, places := range map[string]int32{"USD": 2, "EUR": 2, "JPY": 0, "KRW": 0, "KWD": 3, "BHD": 3} {
		c, err := ParseCurrency(code)
		if err != nil || c.Precision() != places {
			t.Errorf("%s: %d decimals, %v, want %d", code, c.Precision(), err, places)
		}
	}
	for _, code := range []string{"", "usd", "XXX", "BTC", "US"} {
		if _, err := ParseCurrency(code); err == nil {
			t.Errorf("%q is taken for a currency", code)
		}
	}
}

func TestPer(t *testing.T) {
	if got := MustParse("832.50").Per(Int(2500), 8).String(); got != "0.333" {
		t.Errorf("832.50 / 2500 = %s, want 0.333", got)
	}
	if got := MustParse("100.00").Per(Int(3), 8).String(); got != "33.33333333" {
		t.Errorf("100 / 3 = %s, want 33.33333333", got)
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct{ amount, currency, weights, want string }{
		{"10.00", "USD", "1 1 1", "3.33 3.34 3.33"},
		{"0.29", "USD", "0.10 0.10 0.10", "0.10 0.09 0.10"},
		{"8.40", "USD", "7.25 1.25", "7.16 1.24"},
		{"1.00", "JPY", "1 1 1", "0.00 1.00 0.00"},
		{"-1.00", "USD", "2 1", "-0.67 -0.33"},
		{"0.02", "USD", "0 0", "0.02 0.00"},
		{"1.000", "KWD", "1 2", "0.333 0.667"},
	} {
		var weights []Amount
		for text := range strings.FieldsSeq(c.weights) {
			weights = append(weights, MustParse(text))
		}
		var got []string
		for _, share := range MustParse(c.amount).Split(weights, Currency(c.currency)) {
			got = append(got, share.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s %s by %s: %v, want %s", c.amount, c.currency, c.weights, got, c.want)
		}
	}
}

func TestUnit(t *testing.T) {
	for currency, want := range map[Currency]string{"JPY": "1.00", "USD": "0.01", "KWD": "0.001"} {
		if got := currency.Unit().String(); got != want {
			t.Errorf("unit of %s: %s, want %s", currency, got, want)
		}
	}
}

// Invariant 5: text to value to text loses no digit, and sums do not depend on order.
func TestExactness(t *testing.T) {
	digits := rapid.StringMatching(`-?[0-9]{1,12}\.[0-9]{1,8}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := MustParse(digits.Draw(t, "a")), MustParse(digits.Draw(t, "b"))
		again, err := Parse(a.String())
		if err != nil || !again.Equal(a) || again.String() != a.String() {
			t.Fatalf("%s read again is %s, %v", a, again, err)
		}
		if !a.Add(b).Sub(b).Equal(a) || !Sum(a, b).Equal(Sum(b, a)) {
			t.Fatalf("%s and %s do not add up exactly", a, b)
		}
		if rounded := a.Round("USD"); rounded.Sub(a).Abs().Cmp(MustParse("0.005")) > 0 {
			t.Fatalf("%s rounded to %s moves more than half a cent", a, rounded)
		}
	})
}

// amounts are all numbers that the captures hold as text.
func amounts(f *testing.F) map[string]bool {
	f.Helper()
	all, err := capture.All()
	if err != nil {
		f.Fatal(err)
	}
	texts := map[string]bool{}
	for _, delivery := range all {
		for _, found := range regexp.MustCompile(`"(-?[0-9]+(?:\.[0-9]+)?)"`).FindAllSubmatch(delivery.Body, -1) {
			texts[string(found[1])] = true
		}
	}
	if len(texts) < 100 {
		f.Fatalf("%d numbers in the captures, want more", len(texts))
	}
	return texts
}

func FuzzParse(f *testing.F) {
	for text := range amounts(f) {
		f.Add(text)
	}
	for _, seed := range []string{"28.14", "0.30014285714285716", "-2", "", "1e9", "12499.00", "0.00",
		"0100000000000000000000000000000000000000", "999999999999999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		amount, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(amount.String())
		if err != nil || !again.Equal(amount) {
			t.Errorf("%q is %s, read again %s, %v", text, amount, again, err)
		}
	})
}

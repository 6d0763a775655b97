package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/operate/replay"
)

// A plan is printed with the money of each day and in all, apart from it what is not written, and with the stores left out.
func TestAPlanIsPrinted(t *testing.T) {
	usd := func(orders int, delta string) replay.Total {
		return replay.Total{Currency: "USD", Orders: orders, Delta: money.MustParse(delta)}
	}
	var out bytes.Buffer
	printPlan(&out, replay.Plan{
		Counts: replay.Counts{Changed: 4, Moved: 2}, Customers: replay.Counts{Looked: 3, Changed: 2, Same: 1, Moved: 1}, Groups: []replay.Group{{Field: "policy.open", Kind: "changed", Orders: 3}, {Field: "expected.total", Kind: "changed", Orders: 4}},
		Kept:   []replay.Group{{Field: "policy.open", Kind: "changed", Orders: 2}},
		Days:   []replay.Day{{Day: "2026-11-23", Currency: "USD", Orders: 2, Delta: money.MustParse("1.50")}, {Day: "2026-11-24", Currency: "USD", Orders: 1, Delta: money.MustParse("2.00")}},
		Totals: []replay.Total{usd(3, "3.50")}, Unwritten: []replay.Total{usd(1, "-260.25")},
		Elsewhere: []replay.Elsewhere{{Store: "legacy", Mapping: "eu", Orders: 3}},
	})
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"2026-11-23 2 orders 1.50 USD 2026-11-24 1 orders 2.00 USD in all 3 orders 3.50 USD not written 1 orders -260.25 USD",
		"changed 3 orders policy.open, of 2 orders not written changed 4 orders expected.total money",
		"2 orders and 1 customers changed after they were looked at; applying leaves them out",
		"store legacy: 3 orders and 0 customers left out, they are mapped with eu; --store legacy plans them",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %s in:\n%s", want, out.String())
		}
	}
}
